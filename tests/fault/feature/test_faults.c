/* The n-th call to the system fails while features are made: the right code and a sentence, and the
 * next job finds a cache that is right as far as it goes. */
#include "base/sys.h"
#include "feature/feature_int.h"
#include "tiny_net.h"
#include "watcher.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

enum { N = 12, MANY = 3000 };

typedef struct fixture {
    char *data, *cache;
    tw_model *model;
    tw_dataset *dataset;
    tw_computer computer;
    tw_cache_dtype dtype;
    float truth[N * TINY_ROW];
} fixture;

/* Opens a source, fills it and reads all rows. */
static tw_status run_job(fixture *f, tw_cache_mode mode, const tw_watch *watch, float *out,
                         tw_error *err)
{
    const tw_cache_options options = {.mode = mode, .dir = f->cache, .dtype = f->dtype};
    int64_t samples[N];
    tw_source *source;
    tw_status rc;

    for (int i = 0; i < N; i++)
        samples[i] = i;
    if ((rc = tw_source_create(&source, f->model, TINY_POOL, f->dataset, &f->computer, &options,
                               watch, err)))
        return rc;
    if (!(rc = tw_source_fill(source, watch, err)))
        rc = tw_source_read(source, samples, N, out, err);
    tw_source_free(source);
    return rc;
}

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);

    check_make_folder((void **)&f->data);
    check_make_folder((void **)&f->cache);
    f->model = tiny_model();
    f->dataset = tiny_data(f->data, N, 0);
    f->computer = tiny_computer("ref", 1);
    assert_ok(run_job(f, TW_CACHE_OFF, NULL, f->truth, e));
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

static void clear(fixture *f)
{
    int64_t n_bytes;

    assert_ok(tw_cache_clear(&n_bytes, f->cache, NULL, e));
}

/* The n-th call fails, for every n that there is; then the job is done again without faults. */
static void check_kind(fixture *f, tw_sys_kind kind, int error, tw_status wanted)
{
    long nth = 1;

    for (; nth < MANY; nth++) {
        float out[N * TINY_ROW];
        tw_error err = {TW_OK, ""};
        tw_status rc;

        tw_sys_fail_nth(kind, nth, 0, error);
        rc = run_job(f, TW_CACHE_ON, NULL, out, &err);
        tw_sys_fail_nth(kind, 0, 0, 0);
        if (rc == TW_OK) {
            assert_memory_equal(out, f->truth, sizeof out);
            break;
        }
        assert_int_equal(rc, wanted);
        assert_true(strlen(err.text) > 0);
        assert_ok(run_job(f, TW_CACHE_ON, NULL, out, e));
        assert_memory_equal(out, f->truth, sizeof out);
        clear(f);
    }
    assert_true(nth > 1 && nth < MANY);
    clear(f);
}

static void test_memory_runs_out(void **state)
{
    check_kind(*state, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
}

static void test_files_do_not_open(void **state)
{
    check_kind(*state, TW_SYS_OPEN, EACCES, TW_EFILE);
}

static void test_reads_fail(void **state)
{
    check_kind(*state, TW_SYS_READ, EIO, TW_EFILE);
}

static void test_writes_fail(void **state)
{
    check_kind(*state, TW_SYS_WRITE, EIO, TW_EFILE);
}

static void test_disk_is_full_at_any_write(void **state)
{
    check_kind(*state, TW_SYS_WRITE, ENOSPC, TW_EBUDGET);
}

/* With auto a full disk ends the caching, not the job. */
static void check_full_disk(fixture *f)
{
    int n_told = 0;

    for (long nth = 1; nth < MANY; nth++) {
        float out[N * TINY_ROW];
        watcher heard;
        const tw_watch watch = watcher_watch(&heard, -1);

        tw_sys_fail_nth(TW_SYS_WRITE, nth, 1, ENOSPC);
        assert_ok(run_job(f, TW_CACHE_AUTO, &watch, out, e));
        tw_sys_fail_nth(TW_SYS_WRITE, 0, 0, 0);
        assert_memory_equal(out, f->truth, sizeof out);
        clear(f);
        if (heard.notes[0] == '\0')
            break;
        assert_memory_equal(heard.notes, "no cache, ", 10);
        assert_non_null(strstr(heard.notes, "No space left on device: each pass runs 12 pictures"));
        n_told++;
    }
    assert_true(n_told > N);
}

static void test_full_disk_recomputes_with_auto(void **state)
{
    check_full_disk(*state);
}

static void test_full_disk_recomputes_rounded_rows(void **state)
{
    fixture *f = *state;
    float exact[N * TINY_ROW];

    memcpy(exact, f->truth, sizeof exact);
    f->dtype = TW_CACHE_BF16;
    assert_ok(run_job(f, TW_CACHE_OFF, NULL, f->truth, e));
    assert_memory_not_equal(f->truth, exact, sizeof exact);
    check_full_disk(f);
}

/* ---- what is remembered of weights: it is done without where its file cannot be read or written
 */

static void check_remembering(const fixture *f, const tw_model *model, tw_sys_kind kind, int error,
                              const char *hex)
{
    const int last = model->graph->n - 1;
    bool was_hit = true;
    long nth = 1;

    for (; was_hit; nth++) {
        char found[65], folder[300]; /* a new one: a record stays for good */

        was_hit = false;
        snprintf(folder, sizeof folder, "%s/%d-%ld", f->cache, (int)kind, nth);
        for (int turn = 0; turn < 2; turn++) { /* written, then read */
            tw_error err = {TW_OK, ""};
            tw_status rc;

            tw_sys_fail_nth(kind, nth, 0, error);
            rc = tw_feature__weights_hash(found, model, last, folder, &err);
            was_hit |= tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
            assert_true(rc == TW_OK || (rc == TW_ENOMEM && kind == TW_SYS_MEMORY && err.text[0]));
            assert_ok(tw_feature__weights_hash(found, model, last, folder, e));
            assert_string_equal(found, hex);
        }
    }
    assert_true(nth > 2);
}

static void test_weights_are_hashed_where_nothing_can_be_remembered(void **state)
{
    fixture *f = *state;
    char *path = path_in(f->data, "model.safetensors"), hex[65];
    const struct timespec old[2] = {{.tv_sec = time(NULL) - 3600}, {.tv_sec = time(NULL) - 3600}};
    tw_model *model;

    f->model->n_classes = 0; /* it has no names for them, which a file must have */
    assert_ok(tw_model_write(f->model, path, e));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    assert_ok(tw_model_open(&model, path, NULL, NULL, 0, e));
    assert_ok(tw_model_hash(hex, model, model->graph->n - 1, e));
    check_remembering(f, model, TW_SYS_MEMORY, ENOMEM, hex);
    check_remembering(f, model, TW_SYS_OPEN, EACCES, hex);
    check_remembering(f, model, TW_SYS_READ, EIO, hex);
    check_remembering(f, model, TW_SYS_WRITE, ENOSPC, hex);
    check_remembering(f, model, TW_SYS_RENAME, EACCES, hex);
    tw_model_free(model);
    free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_memory_runs_out),
        TEST(test_files_do_not_open),
        TEST(test_reads_fail),
        TEST(test_writes_fail),
        TEST(test_disk_is_full_at_any_write),
        TEST(test_full_disk_recomputes_with_auto),
        TEST(test_full_disk_recomputes_rounded_rows),
        TEST(test_weights_are_hashed_where_nothing_can_be_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
