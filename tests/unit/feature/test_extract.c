/* Extraction writes what the trunk gives, whole or not at all. */
#include "feature/feature_int.h"
#include "tiny_net.h"
#include "watcher.h"

enum { N = 40, HEADER = 128 };

typedef struct fixture {
    char *folder, *path, *labels_path, *cache;
    tw_model *model;
    tw_dataset *dataset;
    tw_compute compute;
    tw_cache_options options;
    watcher heard;
    tw_watch watch;
} fixture;

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);

    check_make_folder((void **)&f->folder);
    f->path = path_in(f->folder, "f.npy");
    f->labels_path = path_in(f->folder, "f.labels.npy");
    f->cache = path_in(f->folder, "cache");
    f->model = tiny_model();
    f->dataset = tiny_data(f->folder, N, 0);
    f->compute = (tw_compute){.n_threads = 2};
    f->options = (tw_cache_options){.dir = f->cache};
    f->watch = watcher_watch(&f->heard, -1);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    tw_dataset_free(f->dataset);
    tw_model_free(f->model);
    free(f->path);
    free(f->labels_path);
    free(f->cache);
    check_remove_folder((void **)&f->folder);
    test_free(f);
    return 0;
}

static tw_status extract(fixture *f, const char *layer, tw_error *err)
{
    return tw_extract(f->model, layer, f->dataset, f->path, &f->compute, &f->options, &f->watch,
                      err);
}

/* The numbers of an .npy file whose header must say `shape`. */
static void *read_npy(const char *path, const char *descr, const char *shape, size_t n_bytes)
{
    char *data, wanted[160];
    size_t n;
    void *numbers = malloc(n_bytes);

    assert_ok(tw_file_read(&data, &n, path, 1 << 22, e));
    assert_int_equal(n, HEADER + n_bytes);
    snprintf(wanted, sizeof wanted, "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
             shape);
    assert_memory_equal(data + 10, wanted, strlen(wanted));
    memcpy(numbers, data + HEADER, n_bytes);
    tw_free(data);
    return numbers;
}

/* Rows of a layer as the engine makes them. */
static float *make_truth(fixture *f, const char *layer, bool probabilities)
{
    tw_engine *engine;
    float *rows;
    int64_t size;

    assert_ok(tw_engine_create(&engine, f->model, layer, &f->compute, e));
    size = tw_engine_row_size(engine);
    rows = malloc((size_t)(N * size) * sizeof *rows);
    for (int64_t i = 0; i < N; i++) {
        tw_picture picture;

        assert_ok(tw_dataset_read(&picture, f->dataset, i, e));
        if (probabilities)
            assert_ok(tw_engine_predict(engine, &picture, 1, rows + i * size, e));
        else
            assert_ok(tw_engine_run(engine, &picture, 1, rows + i * size, e));
        tw_picture_free(&picture);
    }
    tw_engine_free(engine);
    return rows;
}

static void check_files(fixture *f, const char *layer, const char *shape, int64_t size,
                        bool probabilities)
{
    float *rows = read_npy(f->path, "<f4", shape, (size_t)(N * size) * sizeof *rows);
    float *truth = make_truth(f, layer, probabilities);
    int64_t *labels = read_npy(f->labels_path, "<i8", "(40,)", N * sizeof *labels);

    assert_memory_equal(rows, truth, (size_t)(N * size) * sizeof *rows);
    for (int i = 0; i < N; i++)
        assert_int_equal(labels[i], i % TINY_CLASSES);
    free(rows);
    free(truth);
    free(labels);
}

static void test_writes_rows_and_labels(void **state)
{
    fixture *f = *state;

    assert_ok(extract(f, "pool2", e));
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
    assert_int_equal(f->heard.done, 35); /* each picture once */
}

static void test_second_time_runs_no_trunk(void **state)
{
    fixture *f = *state;

    assert_ok(extract(f, "pool2", e));
    f->watch = watcher_watch(&f->heard, -1);
    assert_ok(extract(f, "4", e));
    assert_int_equal(f->heard.n_progress, 0);
    assert_memory_equal(f->heard.notes, "all 40 pictures are in the cache, no trunk pass", 47);
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
}

static void test_without_cache_the_file_is_the_same(void **state)
{
    fixture *f = *state;

    f->options.mode = TW_CACHE_OFF;
    assert_ok(extract(f, "pool2", e));
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
    assert_int_equal(f->heard.done, N);
    assert_false(tw_path_exists(f->cache));
}

static void test_flat_layers_give_two_dimensions(void **state)
{
    fixture *f = *state;

    assert_ok(extract(f, "fc", e));
    check_files(f, "fc", "(40, 12)", 12, false);
}

static void test_the_last_layer_gives_probabilities(void **state)
{
    fixture *f = *state;

    assert_ok(extract(f, NULL, e));
    check_files(f, NULL, "(40, 4)", TINY_CLASSES, true);
}

static void test_small_budget_is_refused(void **state)
{
    fixture *f = *state;
    tw_error err;

    f->options.budget = 500;
    assert_int_equal(extract(f, "pool2", &err), TW_EBUDGET);
    assert_memory_equal(err.text, "35 rows need up to ", 19);
    assert_false(tw_path_exists(f->path));
    assert_false(tw_path_exists(f->labels_path));
}

static void test_an_unusable_cache_is_done_without(void **state)
{
    fixture *f = *state;
    tw_error err;

    f->options.dir = f->labels_path;
    write_bytes(f->labels_path, "x", 1);
    assert_ok(extract(f, "pool2", e));
    assert_memory_equal(f->heard.notes, "no cache, ", 10);
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
    f->options.mode = TW_CACHE_ON;
    assert_int_equal(extract(f, "pool2", &err), TW_EFILE);
}

static void test_interrupted_leaves_no_file_and_goes_on(void **state)
{
    fixture *f = *state;
    tw_error err;
    int64_t made;

    f->watch = watcher_watch(&f->heard, 1);
    assert_int_equal(extract(f, "pool2", &err), TW_EINTERRUPTED);
    made = f->heard.done;
    assert_true(made > 0 && made < 35);
    assert_false(tw_path_exists(f->path));
    assert_false(tw_path_exists(f->labels_path));
    f->watch = watcher_watch(&f->heard, -1);
    assert_ok(extract(f, "pool2", e));
    assert_int_equal(f->heard.total, 35 - made);
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
}

static void test_damaged_row_is_made_again_and_told(void **state)
{
    fixture *f = *state;
    tw_cache_entry *entries;
    char path[512];
    FILE *file;
    int n;

    assert_ok(extract(f, "pool2", e));
    assert_ok(tw_cache_list(&entries, &n, f->cache, e));
    snprintf(path, sizeof path, "%s/%s/rows", f->cache, entries[0].key);
    tw_cache_list_free(entries);
    file = fopen(path, "r+b");
    assert_non_null(file);
    fseek(file, 8, SEEK_SET);
    fputs("damaged", file);
    fclose(file);
    f->watch = watcher_watch(&f->heard, -1);
    assert_ok(extract(f, "pool2", e));
    assert_non_null(
        strstr(f->heard.notes, "\n1 damaged row found by the checksum and made again\n"));
    check_files(f, "pool2", "(40, 2, 2, 8)", TINY_ROW, false);
}

static void test_unwritable_place_is_named(void **state)
{
    fixture *f = *state;
    tw_error err;

    assert_int_equal(tw_extract(f->model, "pool2", f->dataset, "/nowhere/f.npy", &f->compute,
                                &f->options, NULL, &err),
                     TW_EFILE);
    assert_string_equal(err.text, "/nowhere/f.npy: cannot create: No such file or directory");
}

static void test_unknown_layer_is_refused(void **state)
{
    fixture *f = *state;
    tw_error err;

    assert_int_equal(extract(f, "pool3", &err), TW_EUSAGE);
    assert_non_null(strstr(err.text, "pool3"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_writes_rows_and_labels),
        TEST(test_second_time_runs_no_trunk),
        TEST(test_without_cache_the_file_is_the_same),
        TEST(test_flat_layers_give_two_dimensions),
        TEST(test_the_last_layer_gives_probabilities),
        TEST(test_small_budget_is_refused),
        TEST(test_an_unusable_cache_is_done_without),
        TEST(test_interrupted_leaves_no_file_and_goes_on),
        TEST(test_damaged_row_is_made_again_and_told),
        TEST(test_unwritable_place_is_named),
        TEST(test_unknown_layer_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
