/* Rows of views: kept or made anew the same bits, what a view is made of, which of them are wanted
 * and which are there already. */
#include "feature/feature_int.h"
#include "image/image.h"
#include "tiny_net.h"
#include "watcher.h"

enum { N = 60, DISTINCT = 52, VIEWS = 3 }; /* 7, 14 .. 56 repeat the picture before them */

typedef struct fixture {
    char *data, *cache;
    tw_model *model;
    tw_dataset *dataset;
    tw_computer computer;
    tw_augment augment;
} fixture;

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);

    check_make_folder((void **)&f->data);
    check_make_folder((void **)&f->cache);
    f->model = tiny_model();
    f->dataset = tiny_data(f->data, N, 0);
    f->computer = tiny_computer("cpu", 2);
    assert_ok(tw_augment_parse(&f->augment, "medium, erase 0.3", e));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    tw_computer_close(&f->computer);
    tw_dataset_free(f->dataset);
    tw_model_free(f->model);
    check_remove_folder((void **)&f->data);
    check_remove_folder((void **)&f->cache);
    test_free(f);
    return 0;
}

static tw_status try_source(tw_source **out, fixture *f, int last, tw_cache_mode mode,
                            const tw_source_views *views, tw_error *err)
{
    const tw_cache_options cache = {.mode = mode, .dir = f->cache};
    const tw_source_job job = {f->model, last, f->dataset, &f->computer, &cache, views};

    return tw_source_create_views(out, &job, NULL, err);
}

static tw_source *make_source(fixture *f, tw_cache_mode mode, const tw_source_views *views)
{
    tw_source *source;

    assert_ok(try_source(&source, f, TINY_POOL, mode, views, e));
    assert_ok(tw_source_fill(source, NULL, e));
    return source;
}

static float *read_rows(tw_source *source, int64_t first, int64_t n)
{
    int64_t *samples = test_malloc((size_t)n * sizeof *samples);
    float *rows = test_malloc((size_t)(n * tw_source_row_size(source)) * sizeof *rows);

    for (int64_t i = 0; i < n; i++)
        samples[i] = first + i;
    assert_ok(tw_source_read(source, samples, n, rows, e));
    test_free(samples);
    return rows;
}

static void test_kept_and_new_views_are_the_same_bits(void **state)
{
    fixture *f = *state;
    const tw_source_views kept = {.augment = &f->augment, .seed = 5, .n = VIEWS};
    const tw_source_views any = {.augment = &f->augment, .seed = 5};
    tw_source *sources[3] = {make_source(f, TW_CACHE_ON, &kept),
                             make_source(f, TW_CACHE_OFF, &kept),
                             make_source(f, TW_CACHE_AUTO, &any)};
    const size_t n_bytes = (size_t)(N * VIEWS * tw_source_row_size(sources[0])) * sizeof(float);
    float *rows[3];

    assert_true(tw_source_is_cached(sources[0]));
    assert_false(tw_source_is_cached(sources[1]));
    assert_false(tw_source_is_cached(sources[2]));
    assert_int_equal(tw_source_wanted(sources[0]), N * VIEWS);
    assert_int_equal(tw_source_trunk_count(sources[0]), DISTINCT * VIEWS);
    assert_int_equal(tw_source_wanted(sources[2]), 0);
    for (int i = 0; i < 3; i++)
        rows[i] = read_rows(sources[i], 0, N * VIEWS);
    assert_memory_equal(rows[0], rows[1], n_bytes);
    assert_memory_equal(rows[0], rows[2], n_bytes);
    assert_memory_not_equal(rows[0], rows[0] + N * tw_source_row_size(sources[0]), n_bytes / VIEWS);
    for (int i = 0; i < 3; i++) {
        test_free(rows[i]);
        tw_source_free(sources[i]);
    }
}

/* Where nothing is frozen the row is the view: that of tw_dataset_view, preprocessed. */
static void test_a_view_is_that_of_the_picture(void **state)
{
    fixture *f = *state;
    const tw_source_views any = {.augment = &f->augment, .seed = 5};
    tw_contract as_is = f->model->contract;
    tw_source *source;

    assert_ok(try_source(&source, f, 0, TW_CACHE_AUTO, &any, e));
    for (int64_t v = 0; v < 4; v++) {
        float *row = read_rows(source, 11 + v * N, 1);
        float *wanted = test_malloc((size_t)tw_source_row_size(source) * sizeof *wanted);
        tw_picture view;

        assert_ok(
            tw_dataset_view(&view, f->dataset, 11, &as_is, &f->augment, 5, (uint32_t)v + 1, e));
        assert_ok(tw_contract_apply(wanted, &as_is, &view, e));
        assert_memory_equal(row, wanted, (size_t)tw_source_row_size(source) * sizeof *wanted);
        tw_picture_free(&view);
        test_free(row);
        test_free(wanted);
    }
    tw_source_free(source);
}

static void test_only_what_is_wanted_is_made(void **state)
{
    fixture *f = *state;
    const int64_t pictures[] = {1, 2, 20, 33};
    const tw_source_views some = {
        .augment = &f->augment, .n = 2, .pictures = pictures, .n_pictures = 4};
    const tw_source_views plain = {.pictures = pictures, .n_pictures = 3};
    tw_source *source = make_source(f, TW_CACHE_ON, &some);
    char start[] = "all 8 views, 2 of each of 4 pictures, are in the cache, no trunk pass (";

    assert_int_equal(tw_source_trunk_count(source), 8);
    tw_source_free(source);
    source = make_source(f, TW_CACHE_ON, &plain);
    assert_int_equal(tw_source_trunk_count(source), 3);
    tw_source_free(source);
    source = make_source(f, TW_CACHE_ON, &some);
    assert_int_equal(tw_source_trunk_count(source), 0);
    assert_memory_equal(tw_source_describe(source), start, sizeof start - 1);
    tw_source_free(source);
}

static void test_augmentation_and_seed_have_entries_of_their_own(void **state)
{
    fixture *f = *state;
    tw_augment other = f->augment;
    const int64_t picture = 3;
    tw_source_views views[3] = {{&f->augment, 1, 1, &picture, 1},
                                {&f->augment, 2, 1, &picture, 1},
                                {&other, 1, 1, &picture, 1}};
    tw_cache_entry *entries;
    int n;

    other.flip = 0.25;
    for (int i = 0; i < 3; i++) {
        tw_source *source = make_source(f, TW_CACHE_ON, &views[i]);

        assert_int_equal(tw_source_trunk_count(source), 1);
        tw_source_free(source);
    }
    assert_ok(tw_cache_list(&entries, &n, f->cache, e));
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++)
        assert_non_null(strstr(entries[i].job, "; views: flip 0."));
    tw_cache_list_free(entries);
}

static void test_a_damaged_view_is_made_again(void **state)
{
    fixture *f = *state;
    const tw_source_views kept = {.augment = &f->augment, .seed = 5, .n = VIEWS};
    tw_source *source = make_source(f, TW_CACHE_ON, &kept);
    float *before = read_rows(source, 0, N * VIEWS), *after;
    const size_t n_bytes = (size_t)(N * VIEWS * tw_source_row_size(source)) * sizeof *before;
    char *path = path_in(tw_store_path(source->store), "rows");
    size_t n;
    char *bytes;

    tw_source_free(source);
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 26, e));
    bytes[n / 2] ^= 4;
    assert_ok(tw_file_write(path, bytes, n, e));
    source = make_source(f, TW_CACHE_ON, &kept);
    after = read_rows(source, 0, N * VIEWS);
    assert_memory_equal(before, after, n_bytes);
    assert_int_equal(tw_source_damaged(source), 1);
    tw_source_free(source);
    test_free(before);
    test_free(after);
    tw_free(bytes);
    free(path);
}

static void test_refusals_have_their_sentences(void **state)
{
    fixture *f = *state;
    const tw_source_views any = {.augment = &f->augment};
    const tw_source_views many = {.augment = &f->augment, .n = 1001};
    const tw_source_views most = {.augment = &f->augment, .n = INT64_MAX};
    tw_source *source;

    assert_fails(TW_EUSAGE,
                 "each epoch has new views of the pictures (cache-views 0), so there is nothing to "
                 "cache: switch the cache off",
                 try_source(&source, f, TINY_POOL, TW_CACHE_ON, &any, e));
    assert_fails(TW_EUSAGE, "1001 views of each picture, at most 1000 are kept",
                 try_source(&source, f, TINY_POOL, TW_CACHE_AUTO, &many, e));
    assert_fails(TW_EUSAGE, "9223372036854775807 views of each picture, at most 1000 are kept",
                 try_source(&source, f, TINY_POOL, TW_CACHE_AUTO, &most, e));
    assert_ok(try_source(&source, f, TINY_POOL, TW_CACHE_AUTO, &any, e));
    assert_string_equal(tw_source_describe(source),
                        "no cache: each pass runs new views of 60 pictures through the trunk");
    tw_source_free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kept_and_new_views_are_the_same_bits),
        TEST(test_a_view_is_that_of_the_picture),
        TEST(test_only_what_is_wanted_is_made),
        TEST(test_augmentation_and_seed_have_entries_of_their_own),
        TEST(test_a_damaged_view_is_made_again),
        TEST(test_refusals_have_their_sentences),
    };

    return cmocka_run_group_tests_name("feature/source_views", tests, NULL, NULL);
}
