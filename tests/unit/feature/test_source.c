/* Cached or recomputed, interrupted or not, damaged or not: the rows are the same bits. */
#include "feature/feature_int.h"
#include "tiny_net.h"
#include "watcher.h"

#include <math.h>

enum {
    N = 60,
    DISTINCT = 52,
    TINY_INPUT = TINY_SIDE * TINY_SIDE * 3
}; /* 7, 14 .. 56 repeat the picture before them */

typedef struct fixture {
    char *data, *cache;
    tw_model *model;
    tw_dataset *dataset;
    tw_computer computer;
    tw_cache_dtype dtype;
    watcher heard;
    tw_watch watch;
} fixture;

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);

    check_make_folder((void **)&f->data);
    check_make_folder((void **)&f->cache);
    f->model = tiny_model();
    f->dataset = tiny_data(f->data, N, 0);
    f->computer = tiny_computer("cpu", 2);
    f->watch = watcher_watch(&f->heard, -1);
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

static tw_source *make_source(fixture *f, tw_cache_mode mode)
{
    const tw_cache_options options = {.mode = mode, .dir = f->cache, .dtype = f->dtype};
    tw_source *source;

    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               &f->watch, e));
    return source;
}

static void read_all(tw_source *source, float *out)
{
    int64_t samples[N];

    for (int i = 0; i < N; i++)
        samples[i] = i;
    assert_ok(tw_source_read(source, samples, N, out, e));
}

/* What the trunk gives without any cache. */
static void make_truth(fixture *f, float *out)
{
    tw_source *source = make_source(f, TW_CACHE_OFF);

    read_all(source, out);
    tw_source_free(source);
}

static void check_rows(fixture *f, tw_source *source)
{
    float truth[N * TINY_ROW], out[N * TINY_ROW];

    make_truth(f, truth);
    read_all(source, out);
    assert_memory_equal(out, truth, sizeof out);
}

/* Path of a file of the one entry that the cache has. */
static char *entry_file(const fixture *f, const char *name)
{
    tw_cache_entry *entries;
    int n;
    static char path[512];

    assert_ok(tw_cache_list(&entries, &n, f->cache, e));
    assert_int_equal(n, 1);
    snprintf(path, sizeof path, "%s/%s/%s", f->cache, entries[0].key, name);
    tw_cache_list_free(entries);
    return path;
}

static int count_entries(const fixture *f)
{
    tw_cache_entry *entries;
    int n;

    assert_ok(tw_cache_list(&entries, &n, f->cache, e));
    tw_cache_list_free(entries);
    return n;
}

/* ---- */

static void test_cached_rows_are_recomputed_rows(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);

    assert_true(tw_source_is_cached(source));
    assert_int_equal(tw_source_row_size(source), TINY_ROW);
    assert_int_equal(tw_source_missing(source), DISTINCT);
    assert_int_equal(tw_source_disk(source),
                     DISTINCT * tw_store_row_bound(TINY_ROW, TW_CACHE_FP32));
    assert_ok(tw_source_fill(source, &f->watch, e));
    assert_int_equal(tw_source_missing(source), 0);
    assert_int_equal(tw_source_trunk_count(source), DISTINCT);
    assert_int_equal(f->heard.done, DISTINCT);
    assert_int_equal(f->heard.total, DISTINCT);
    check_rows(f, source);
    assert_string_equal(f->heard.notes, "");
    tw_source_free(source);
}

static void test_samples_come_in_any_order(void **state)
{
    fixture *f = *state;
    const int64_t samples[] = {59, 0, 7, 6, 0, 31};
    float truth[N * TINY_ROW], out[6 * TINY_ROW];

    make_truth(f, truth);
    for (int mode = TW_CACHE_ON; mode <= TW_CACHE_OFF; mode++) {
        tw_source *source = make_source(f, (tw_cache_mode)mode);

        assert_ok(tw_source_fill(source, NULL, e));
        assert_ok(tw_source_read(source, samples, 6, out, e));
        for (int i = 0; i < 6; i++)
            assert_memory_equal(out + i * TINY_ROW, truth + samples[i] * TINY_ROW,
                                TINY_ROW * sizeof *out);
        tw_source_free(source);
    }
}

static void test_second_fill_makes_no_trunk_pass(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_AUTO);
    char sentence[512];

    assert_ok(tw_source_fill(source, NULL, e));
    tw_source_free(source);

    source = make_source(f, TW_CACHE_AUTO);
    assert_int_equal(tw_source_missing(source), 0);
    assert_int_equal(tw_source_disk(source), 0);
    snprintf(sentence, sizeof sentence, "all 60 pictures are in the cache, no trunk pass (%s)",
             tw_store_path(source->store));
    assert_string_equal(tw_source_describe(source), sentence);
    assert_ok(tw_source_fill(source, &f->watch, e));
    assert_int_equal(tw_source_trunk_count(source), 0);
    assert_int_equal(f->heard.n_progress, 0);
    check_rows(f, source);
    assert_int_equal(tw_source_trunk_count(source), 0);
    tw_source_free(source);
}

static void test_more_pictures_make_only_the_new_rows(void **state)
{
    fixture *f = *state;
    tw_source *source;

    tw_dataset_free(f->dataset);
    f->dataset = tiny_data(f->data, N, 20);
    source = make_source(f, TW_CACHE_ON);
    assert_ok(tw_source_fill(source, NULL, e));
    assert_int_equal(tw_source_trunk_count(source), 18);
    tw_source_free(source);

    tw_dataset_free(f->dataset);
    f->dataset = tiny_data(f->data, N, 0);
    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), DISTINCT - 18);
    assert_ok(tw_source_fill(source, NULL, e));
    assert_int_equal(tw_source_trunk_count(source), DISTINCT - 18);
    check_rows(f, source);
    tw_source_free(source);
}

static void test_interrupted_fill_goes_on(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);
    int64_t made;
    char sentence[256];
    const tw_watch stop = watcher_watch(&f->heard, 1);
    tw_error err;

    assert_int_equal(tw_source_fill(source, &stop, &err), TW_EINTERRUPTED);
    made = tw_source_trunk_count(source);
    assert_true(made > 0 && made < DISTINCT);
    snprintf(sentence, sizeof sentence,
             "interrupted after %lld of %d pictures; their features are kept in the cache",
             (long long)made, DISTINCT);
    assert_string_equal(err.text, sentence);
    tw_source_free(source);

    f->watch = watcher_watch(&f->heard, -1);
    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), DISTINCT - made);
    assert_ok(tw_source_fill(source, &f->watch, e));
    assert_int_equal(tw_source_trunk_count(source), DISTINCT - made);
    check_rows(f, source);
    tw_source_free(source);
}

static void test_small_budget_recomputes_with_auto(void **state)
{
    fixture *f = *state;
    const tw_cache_options options = {.mode = TW_CACHE_AUTO, .dir = f->cache, .budget = 1000};
    tw_source *source;
    char needs[32], sentence[512];

    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               &f->watch, e));
    snprintf(
        sentence, sizeof sentence,
        "no cache, 52 rows need up to %s of disk, the cache's budget is ",
        tw_bytes_text(needs, sizeof needs, DISTINCT * tw_store_row_bound(TINY_ROW, TW_CACHE_FP32)));
    assert_memory_equal(f->heard.notes, sentence, strlen(sentence));
    assert_non_null(strstr(f->heard.notes, ": each pass runs 60 pictures through the trunk\n"));
    assert_false(tw_source_is_cached(source));
    assert_int_equal(tw_source_missing(source), N);
    assert_int_equal(tw_source_disk(source), 0);
    assert_ok(tw_source_fill(source, NULL, e));
    check_rows(f, source);
    assert_int_equal(tw_source_trunk_count(source), N);
    tw_source_free(source);
    assert_int_equal(count_entries(f), 0);
}

static void test_small_budget_is_refused_with_on(void **state)
{
    fixture *f = *state;
    const tw_cache_options options = {.mode = TW_CACHE_ON, .dir = f->cache, .budget = 1000};
    tw_source *source;
    tw_error err;

    assert_int_equal(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer,
                                      &options, &f->watch, &err),
                     TW_EBUDGET);
    assert_null(source);
    assert_memory_equal(err.text, "52 rows need up to ", 19);
    assert_non_null(strstr(err.text, ": raise the budget, clear the cache or switch it off"));
    assert_string_equal(f->heard.notes, "");
    assert_int_equal(count_entries(f), 0);
}

static void test_a_source_that_saw_no_row_leaves_the_rows_of_others(void **state)
{
    fixture *f = *state;
    tw_source *first = make_source(f, TW_CACHE_ON), *second = make_source(f, TW_CACHE_ON);

    assert_ok(tw_source_fill(first, NULL, e));
    tw_source_free(second); /* opened while the entry was empty */
    check_rows(f, first);
    tw_source_free(first);
    assert_int_equal(count_entries(f), 1);
    first = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(first), 0);
    tw_source_free(first);
}

static void test_full_cache_needs_no_budget(void **state)
{
    fixture *f = *state;
    const tw_cache_options options = {.mode = TW_CACHE_ON, .dir = f->cache, .budget = 1};
    tw_source *source = make_source(f, TW_CACHE_ON);

    assert_ok(tw_source_fill(source, NULL, e));
    tw_source_free(source);
    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               NULL, e));
    check_rows(f, source);
    tw_source_free(source);
}

static void test_unusable_folder_recomputes_with_auto(void **state)
{
    fixture *f = *state;
    char path[128], sentence[512];
    tw_cache_options options = {.mode = TW_CACHE_AUTO, .dir = path};
    tw_source *source;
    tw_error err;

    snprintf(path, sizeof path, "%s/file", f->cache);
    write_bytes(path, "x", 1);
    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               &f->watch, e));
    assert_false(tw_source_is_cached(source));
    snprintf(sentence, sizeof sentence, "no cache, %s", path);
    assert_memory_equal(f->heard.notes, sentence, strlen(sentence));
    check_rows(f, source);
    tw_source_free(source);
    options.mode = TW_CACHE_ON;
    assert_int_equal(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer,
                                      &options, &f->watch, &err),
                     TW_EFILE);
    assert_null(source);
}

/* A bit of the first row and one of a row that is so many bytes further on. */
static void flip_two_rows(const fixture *f, long distance)
{
    FILE *file = fopen(entry_file(f, "rows"), "r+b");
    uint8_t byte = 0xff;

    assert_non_null(file);
    for (int i = 0; i < 2; i++) {
        fseek(file, 60 + i * distance, SEEK_SET);
        assert_int_equal(fread(&byte, 1, 1, file), 1);
        byte ^= 0x10;
        fseek(file, 60 + i * distance, SEEK_SET);
        assert_int_equal(fwrite(&byte, 1, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
}

static void test_damaged_rows_are_made_again(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);

    assert_ok(tw_source_fill(source, NULL, e));
    flip_two_rows(f, 2000);
    check_rows(f, source);
    assert_int_equal(tw_source_damaged(source), 2);
    assert_int_equal(tw_source_trunk_count(source), DISTINCT + 2);
    tw_source_free(source);

    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), 0);
    check_rows(f, source);
    assert_int_equal(tw_source_damaged(source), 0);
    tw_source_free(source);
}

static void test_lost_end_of_rows_is_made_again(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);
    char *path;

    assert_ok(tw_source_fill(source, NULL, e));
    tw_source_free(source);
    path = entry_file(f, "rows");
    assert_int_equal(truncate(path, tw_path_size(path) - 1), 0);
    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), 1);
    assert_ok(tw_source_fill(source, NULL, e));
    check_rows(f, source);
    tw_source_free(source);
}

static void test_two_sources_share_an_entry(void **state)
{
    fixture *f = *state;
    tw_source *first = make_source(f, TW_CACHE_ON), *second = make_source(f, TW_CACHE_ON);

    assert_ok(tw_source_fill(first, NULL, e));
    assert_int_equal(tw_source_missing(second), DISTINCT);
    assert_ok(tw_source_fill(second, NULL, e));
    assert_int_equal(tw_source_trunk_count(second), 0);
    check_rows(f, second);
    tw_source_free(first);
    tw_source_free(second);
}

static void test_waits_for_the_one_who_fills(void **state)
{
    fixture *f = *state;
    tw_source *first = make_source(f, TW_CACHE_ON), *second = make_source(f, TW_CACHE_ON);
    const tw_watch stop = watcher_watch(&f->heard, 1);
    bool got;

    assert_ok(tw_store_lock(first->store, &got, e));
    assert_true(got);
    assert_fails(TW_EINTERRUPTED, "interrupted while another topwork fills the cache",
                 tw_source_fill(second, &stop, e));
    assert_memory_equal(f->heard.notes, "waiting for another topwork that fills this cache (", 51);
    assert_ptr_equal(strchr(f->heard.notes, '\n'), strrchr(f->heard.notes, '\n')); /* said once */
    tw_source_free(first);
    assert_ok(tw_source_fill(second, NULL, e));
    tw_source_free(second);
}

static void test_other_jobs_have_other_keys(void **state)
{
    fixture *f = *state;
    char keys[6][65];

    assert_ok(tw_feature__key(keys[0], f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id",
                              NULL, e));
    assert_ok(tw_feature__key(keys[1], f->model, TINY_POOL + 1, TW_PRECISION_FP32, TW_CACHE_FP32,
                              "id", NULL, e));
    assert_ok(tw_feature__key(keys[2], f->model, TINY_POOL, TW_PRECISION_BF16, TW_CACHE_FP32, "id",
                              NULL, e));
    assert_ok(tw_feature__key(keys[3], f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id2",
                              NULL, e));
    f->model->contract.preprocess = TW_PREPROCESS_TF;
    assert_ok(tw_feature__key(keys[4], f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id",
                              NULL, e));
    assert_ok(tw_feature__key(keys[5], f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_BF16, "id",
                              NULL, e));
    for (int i = 0; i < 6; i++)
        for (int k = 0; k < i; k++)
            assert_string_not_equal(keys[i], keys[k]);
}

static void test_key_depends_on_the_prefix_alone(void **state)
{
    fixture *f = *state;
    char before[65], after[65];

    assert_ok(tw_feature__key(before, f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id",
                              NULL, e));
    f->model->params[6][0].data[0] += 1; /* fc, behind the cut */
    assert_ok(tw_feature__key(after, f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id",
                              NULL, e));
    assert_string_equal(before, after);
    f->model->params[3][0].data[0] += 1; /* conv2 */
    assert_ok(tw_feature__key(after, f->model, TINY_POOL, TW_PRECISION_FP32, TW_CACHE_FP32, "id",
                              NULL, e));
    assert_string_not_equal(before, after);
}

static void test_deviation_is_the_same_either_way(void **state)
{
    fixture *f = *state;
    tw_source *cached = make_source(f, TW_CACHE_ON), *recomputed = make_source(f, TW_CACHE_OFF);
    const int64_t samples[] = {3, 1, 7, 40, 41, 42, 3};
    float out[7 * TINY_ROW];
    double a, b, sum = 0, squares = 0, mean;

    assert_ok(tw_source_fill(cached, NULL, e));
    assert_ok(tw_source_deviation(&a, cached, samples, 7, e));
    assert_ok(tw_source_deviation(&b, recomputed, samples, 7, e));
    assert_true(a == b);
    assert_ok(tw_source_read(cached, samples, 7, out, e));
    for (int i = 0; i < 7 * TINY_ROW; i++)
        sum += (double)out[i];
    mean = sum / (7 * TINY_ROW);
    for (int i = 0; i < 7 * TINY_ROW; i++)
        squares += ((double)out[i] - mean) * ((double)out[i] - mean);
    assert_true(fabs(a - sqrt(squares / (7 * TINY_ROW))) < 1e-9 * a);
    tw_source_free(cached);
    tw_source_free(recomputed);
}

/* ---- bf16 */

static void test_bf16_rows_are_rounded_cached_or_not(void **state)
{
    fixture *f = *state;
    float exact[N * TINY_ROW], rounded[N * TINY_ROW];
    tw_source *source;
    tw_cache_entry *entries;
    int n;

    make_truth(f, exact);
    for (int i = 0; i < N * TINY_ROW; i++)
        rounded[i] = tw_f32_from_bf16(tw_bf16_from_f32(exact[i]));
    assert_memory_not_equal(rounded, exact, sizeof exact);
    f->dtype = TW_CACHE_BF16;
    make_truth(f, exact);
    assert_memory_equal(exact, rounded, sizeof exact);

    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_disk(source),
                     DISTINCT * tw_store_row_bound(TINY_ROW, TW_CACHE_BF16));
    assert_ok(tw_source_fill(source, NULL, e));
    check_rows(f, source);
    assert_ok(tw_cache_list(&entries, &n, f->cache, e));
    assert_int_equal(n, 1);
    assert_string_equal(entries[0].job, "tiny to pool2, bilinear 8x8, none, fp32, kept as bf16");
    tw_cache_list_free(entries);
    tw_source_free(source);
}

static void test_bf16_rows_have_an_entry_of_their_own(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);

    assert_ok(tw_source_fill(source, NULL, e));
    tw_source_free(source);
    f->dtype = TW_CACHE_BF16;
    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), DISTINCT);
    assert_ok(tw_source_fill(source, NULL, e));
    check_rows(f, source);
    tw_source_free(source);
    assert_int_equal(count_entries(f), 2);
}

static void test_budget_counts_the_bytes_of_bf16(void **state)
{
    fixture *f = *state;
    const tw_cache_options options = {
        .mode = TW_CACHE_AUTO,
        .dir = f->cache,
        .budget = DISTINCT * tw_store_row_bound(TINY_ROW, TW_CACHE_BF16) + 1024}; /* and job.json */
    tw_cache_options smaller = options;
    tw_source *source;

    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               NULL, e));
    assert_false(tw_source_is_cached(source));
    tw_source_free(source);

    smaller.dtype = f->dtype = TW_CACHE_BF16;
    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &smaller,
                               NULL, e));
    assert_true(tw_source_is_cached(source));
    tw_source_free(source);
    smaller.budget = 1000;
    assert_ok(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &smaller,
                               NULL, e));
    assert_false(tw_source_is_cached(source));
    check_rows(f, source); /* recomputed, and rounded */
    tw_source_free(source);
}

static void test_damaged_bf16_rows_are_made_again(void **state)
{
    fixture *f = *state;
    tw_source *source;

    f->dtype = TW_CACHE_BF16;
    source = make_source(f, TW_CACHE_ON);
    assert_ok(tw_source_fill(source, NULL, e));
    flip_two_rows(f, 1000);
    check_rows(f, source);
    assert_int_equal(tw_source_damaged(source), 2);
    tw_source_free(source);

    source = make_source(f, TW_CACHE_ON);
    assert_int_equal(tw_source_missing(source), 0);
    check_rows(f, source);
    assert_int_equal(tw_source_damaged(source), 0);
    tw_source_free(source);
}

static void test_deviation_of_bf16_is_of_rounded_rows(void **state)
{
    fixture *f = *state;
    const int64_t samples[] = {3, 1, 40};
    tw_source *exact = make_source(f, TW_CACHE_OFF), *cached, *recomputed;
    double a, b, of_exact;

    f->dtype = TW_CACHE_BF16;
    cached = make_source(f, TW_CACHE_ON);
    recomputed = make_source(f, TW_CACHE_OFF);
    assert_ok(tw_source_fill(cached, NULL, e));
    assert_ok(tw_source_deviation(&of_exact, exact, samples, 3, e));
    assert_ok(tw_source_deviation(&a, cached, samples, 3, e));
    assert_ok(tw_source_deviation(&b, recomputed, samples, 3, e));
    assert_true(a == b);
    assert_true(a != of_exact);
    assert_true(fabs(a - of_exact) < 0.01 * of_exact);
    tw_source_free(exact);
    tw_source_free(cached);
    tw_source_free(recomputed);
}

/* ---- nothing frozen: the rows are the pictures */

static void make_input(const fixture *f, int64_t sample, float *out)
{
    tw_picture picture = {0};

    assert_ok(tw_dataset_read(&picture, f->dataset, sample, e));
    assert_ok(tw_contract_apply(out, &f->model->contract, &picture, e));
    tw_picture_free(&picture);
}

static tw_source *make_input_source(fixture *f, const tw_cache_options *options)
{
    tw_source *source;

    assert_ok(
        tw_source_create(&source, f->model, 0, f->dataset, &f->computer, options, &f->watch, e));
    return source;
}

static void test_input_rows_are_the_pictures(void **state)
{
    fixture *f = *state;
    const int64_t samples[] = {59, 0, 7, 6, 0, 31};
    const tw_cache_options options = {.dir = f->cache};
    float truth[TINY_INPUT], out[6 * TINY_INPUT];
    tw_source *source = make_input_source(f, &options);

    assert_int_equal(tw_source_row_size(source), TINY_INPUT);
    assert_ok(tw_source_fill(source, &f->watch, e));
    assert_ok(tw_source_read(source, samples, 6, out, e));
    for (int i = 0; i < 6; i++) {
        make_input(f, samples[i], truth);
        assert_memory_equal(out + i * TINY_INPUT, truth, sizeof truth);
    }
    tw_source_free(source);
    assert_int_equal(count_entries(f), 0);
    assert_string_equal(f->heard.notes, "");
    assert_int_equal(f->heard.n_progress, 0);
}

static void test_input_needs_no_trunk(void **state)
{
    fixture *f = *state;
    const tw_cache_options options = {.mode = TW_CACHE_OFF};
    const int64_t samples[] = {1, 2};
    tw_source *source = make_input_source(f, &options);
    int64_t packed = 1, worker = 1;
    float out[2 * TINY_INPUT];
    double t_s = 0;

    f->computer.memory_limit = 1;
    assert_string_equal(
        tw_source_describe(source),
        "the network trains from its first layers on: pictures are read anew in each epoch");
    assert_false(tw_source_is_cached(source));
    assert_int_equal(tw_source_missing(source), 0);
    assert_int_equal(tw_source_disk(source), 0);
    assert_ok(tw_source_trunk_memory(&packed, &worker, source, e));
    assert_int_equal(packed, 0);
    assert_int_equal(worker, 0);
    assert_ok(tw_source_measure(&t_s, source, e));
    assert_true(t_s > 0);
    assert_ok(tw_source_read(source, samples, 2, out, e));
    assert_int_equal(tw_source_trunk_count(source), 0);
    assert_null(source->trunk);
    tw_source_free(source);
}

static void test_input_has_a_deviation(void **state)
{
    fixture *f = *state;
    const int64_t samples[] = {3, 1, 40};
    tw_source *source = make_input_source(f, NULL);
    double deviation, sum = 0, squares = 0;
    const double count = 3 * TINY_INPUT;
    float row[TINY_INPUT];

    for (int i = 0; i < 3; i++) {
        make_input(f, samples[i], row);
        for (int k = 0; k < TINY_INPUT; k++) {
            sum += (double)row[k];
            squares += (double)row[k] * (double)row[k];
        }
    }
    assert_ok(tw_source_deviation(&deviation, source, samples, 3, e));
    assert_true(fabs(deviation - sqrt(squares / count - sum / count * (sum / count))) <
                1e-9 * deviation);
    tw_source_free(source);
}

static void test_input_is_not_cached(void **state)
{
    fixture *f = *state;
    tw_cache_options options = {.mode = TW_CACHE_ON, .dir = f->cache};
    tw_source *source;

    assert_fails(
        TW_EUSAGE, "no layers are frozen, so there is nothing to cache: switch the cache off",
        tw_source_create(&source, f->model, 0, f->dataset, &f->computer, &options, NULL, e));
    assert_null(source);
    options = (tw_cache_options){.mode = TW_CACHE_OFF, .dtype = TW_CACHE_BF16};
    assert_fails(
        TW_EUSAGE, "no layers are frozen, so there are no features to keep as bf16",
        tw_source_create(&source, f->model, 0, f->dataset, &f->computer, &options, NULL, e));
    assert_null(source);
}

static void test_unreadable_input_is_an_error(void **state)
{
    fixture *f = *state;
    char *path = path_in(f->data, "train-images-idx3-ubyte");
    const tw_cache_options options = {.mode = TW_CACHE_OFF};
    tw_source *source = make_input_source(f, &options);
    const int64_t sample = 50;
    float out[TINY_INPUT];
    double t_s = 0;
    tw_error err;

    assert_int_equal(truncate(path, 16 + 25 * 3), 0); /* behind the open data set's back */
    assert_int_equal(tw_source_read(source, &sample, 1, out, &err), TW_EFILE);
    assert_int_equal(tw_source_measure(&t_s, source, &err), TW_EFILE);
    tw_source_free(source);
    free(path);
}

/* ---- */

static void test_reading_before_filling_is_an_error(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);
    const int64_t sample = 5;
    float out[TINY_ROW];
    char sentence[512];

    snprintf(sentence, sizeof sentence, "%s: picture 5 has no row yet",
             tw_store_path(source->store));
    assert_fails(TW_EFAIL, sentence, tw_source_read(source, &sample, 1, out, e));
    tw_source_free(source);
}

static void test_unreadable_pictures_are_errors_in_every_mode(void **state)
{
    fixture *f = *state;
    char *path = path_in(f->data, "train-images-idx3-ubyte");
    const tw_cache_options options = {.mode = TW_CACHE_AUTO, .dir = f->cache};
    tw_source *source;
    tw_error err;

    assert_int_equal(truncate(path, 16 + 25 * 30), 0); /* behind the open data set's back */
    assert_int_equal(tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer,
                                      &options, &f->watch, &err),
                     TW_EFILE);
    assert_null(source);
    assert_string_equal(f->heard.notes, "");
    free(path);
}

static void test_memory_limit_is_kept(void **state)
{
    fixture *f = *state;
    tw_source *source;
    int64_t packed, worker;
    tw_error err;

    source = make_source(f, TW_CACHE_ON);
    assert_ok(tw_source_trunk_memory(&packed, &worker, source, e));
    f->computer.memory_limit = packed + worker - 1;
    assert_int_equal(tw_source_fill(source, NULL, &err), TW_EBUDGET);
    f->computer.memory_limit = packed + worker;
    assert_ok(tw_source_fill(source, NULL, e));
    f->computer.memory_limit = 1 << 26;
    check_rows(f, source);
    tw_source_free(source);
}

static void test_measuring_leaves_no_trunk(void **state)
{
    fixture *f = *state;
    tw_source *source = make_source(f, TW_CACHE_ON);
    double t_s = 0;

    assert_ok(tw_source_measure(&t_s, source, e));
    assert_true(t_s > 0);
    assert_null(source->trunk);
    assert_int_equal(tw_source_trunk_count(source), 0);
    tw_source_free(source);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cached_rows_are_recomputed_rows),
        TEST(test_samples_come_in_any_order),
        TEST(test_second_fill_makes_no_trunk_pass),
        TEST(test_more_pictures_make_only_the_new_rows),
        TEST(test_interrupted_fill_goes_on),
        TEST(test_small_budget_recomputes_with_auto),
        TEST(test_small_budget_is_refused_with_on),
        TEST(test_a_source_that_saw_no_row_leaves_the_rows_of_others),
        TEST(test_full_cache_needs_no_budget),
        TEST(test_unusable_folder_recomputes_with_auto),
        TEST(test_damaged_rows_are_made_again),
        TEST(test_lost_end_of_rows_is_made_again),
        TEST(test_two_sources_share_an_entry),
        TEST(test_waits_for_the_one_who_fills),
        TEST(test_other_jobs_have_other_keys),
        TEST(test_key_depends_on_the_prefix_alone),
        TEST(test_deviation_is_the_same_either_way),
        TEST(test_bf16_rows_are_rounded_cached_or_not),
        TEST(test_bf16_rows_have_an_entry_of_their_own),
        TEST(test_budget_counts_the_bytes_of_bf16),
        TEST(test_damaged_bf16_rows_are_made_again),
        TEST(test_deviation_of_bf16_is_of_rounded_rows),
        TEST(test_input_rows_are_the_pictures),
        TEST(test_input_needs_no_trunk),
        TEST(test_input_has_a_deviation),
        TEST(test_input_is_not_cached),
        TEST(test_unreadable_input_is_an_error),
        TEST(test_reading_before_filling_is_an_error),
        TEST(test_unreadable_pictures_are_errors_in_every_mode),
        TEST(test_memory_limit_is_kept),
        TEST(test_measuring_leaves_no_trunk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
