/* The n-th call to the system fails while a model is calibrated or explained: the right code and a
 * sentence, no crash, no leak, nothing handed out, and the model keeps its temperature. */
#include "tiny_model.h"

#include "base/sys.h"
#include "data/dataset.h"

#include <tw/eval.h>

#include <errno.h>

enum { N_TEST = 20, MANY = 3000 };

typedef struct fixture {
    char *folder, *data, *whole, *out;
    tw_model *model;
    tw_dataset *test;
} fixture;

static int set_up(void **state)
{
    static char *const digits[] = {"0", "1", "2"};
    fixture *f = calloc(1, sizeof *f);
    tw_model *trunk, *made;
    tw_graph *top;
    char *path;

    check_make_folder((void **)&f->folder);
    f->data = tiny_write_data(f->folder, N_TEST, N_TEST);
    f->whole = path_in(f->folder, "whole.safetensors");
    f->out = path_in(f->folder, "out.safetensors");
    path = tiny_write_model(f->folder);
    assert_ok(tw_model_open(&trunk, path, NULL, "pool2", 0, e));
    trunk->contract.preprocess = TW_PREPROCESS_TF;
    assert_ok(
        tw_graph_parse_top(&top, tw_graph_output_shape(trunk->graph), "8 relu", TINY_CLASSES, e));
    assert_ok(tw_model_add_top(&made, trunk, top, trunk->graph->n - 1, digits, TINY_CLASSES, 6, e));
    assert_ok(tw_model_write(made, f->whole, e));
    assert_ok(tw_model_open(&f->model, f->whole, NULL, NULL, 0, e));
    assert_ok(tw_dataset_open(&f->test, f->data, TW_PART_TEST, 0, e));
    tw_model_free(made);
    tw_model_free(trunk);
    tw_graph_free(top);
    free(path);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    tw_dataset_free(f->test);
    tw_model_free(f->model);
    check_remove_folder((void **)&f->folder);
    free(f->data);
    free(f->whole);
    free(f->out);
    free(f);
    return 0;
}

typedef tw_status (*attempt)(const fixture *f, tw_error *err);

static tw_status calibrate(const fixture *f, tw_error *err)
{
    const tw_compute compute = {.backend = "ref", .n_threads = 1};
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    const tw_calibrate_options how = {.path = f->out};
    tw_calibration found;
    tw_status rc;

    assert_ok(tw_model_set_temperature(f->model, 3.0, e));
    rc = tw_calibrate(&found, f->model, f->test, &how, &compute, &cache, NULL, err);
    assert_true((tw_model_temperature(f->model) == 3.0) == (rc != TW_OK));
    return rc;
}

static tw_status explain(const fixture *f, tw_error *err)
{
    const tw_compute compute = {.n_threads = 1};
    uint8_t pixels[3 * 4] = {9, 200, 30, 255, 0, 90, 7, 8, 120, 44, 180, 3};
    const tw_picture picture = {.height = 2, .width = 2, .channels = 3, .pixels = pixels};
    tw_explanation found;
    tw_status rc = tw_explain(&found, f->model, &picture, NULL, -1, &compute, err);

    assert_true((found.map == NULL) == (rc != TW_OK));
    assert_true((found.shown.pixels == NULL) == (rc != TW_OK));
    if (!rc)
        tw_explanation_free(&found);
    return rc;
}

/* Every call of the kind fails once; returns how many attempts failed. */
static long fail_each(attempt one, const fixture *f, tw_sys_kind kind, int error, tw_status wanted)
{
    long n_failed = 0, nth = 1;

    for (bool was_hit = true; was_hit; nth++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        assert_true(nth < MANY);
        tw_sys_fail_nth(kind, nth, 0, error);
        rc = one(f, &err);
        was_hit = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc && rc != wanted)
            fail_msg("call %ld: %s: %s", nth, tw_status_name(rc), err.text);
        assert_true(rc == TW_OK || err.text[0]);
        n_failed += rc != TW_OK;
    }
    assert_ok(one(f, e));
    return n_failed;
}

static void test_memory_runs_out_in_calibrate(void **state)
{
    assert_true(fail_each(calibrate, *state, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 20);
}

static void test_a_calibrated_model_cannot_be_written(void **state)
{
    assert_true(fail_each(calibrate, *state, TW_SYS_WRITE, ENOSPC, TW_EBUDGET) > 0);
    assert_true(fail_each(calibrate, *state, TW_SYS_RENAME, EACCES, TW_EFILE) > 0);
    assert_true(fail_each(calibrate, *state, TW_SYS_READ, EIO, TW_EFILE) > 0);
}

static void test_memory_runs_out_in_explain(void **state)
{
    assert_true(fail_each(explain, *state, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_runs_out_in_calibrate),
        cmocka_unit_test(test_a_calibrated_model_cannot_be_written),
        cmocka_unit_test(test_memory_runs_out_in_explain),
    };

    return cmocka_run_group_tests_name("fault/eval", tests, set_up, tear_down);
}
