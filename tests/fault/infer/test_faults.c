/* The n-th allocation of a benchmark fails: TW_ENOMEM with a sentence, nothing left behind. */
#include "tiny_net.h"

#include "base/sys.h"

#include <errno.h>

enum { MANY = 1000 };

/* Sentences that must come up on the way. */
static const char *const sentences[] = {
    "no memory for 2 pictures in 1 rounds", "no memory for 268435456 bytes, to time reading them",
    "no memory for the times of 5 layers", /* the convolutions' stage, in a round */
    "no memory for the times of 9 layers", /* of the result */
};
enum { N_SENTENCES = sizeof sentences / sizeof *sentences };

static void each_allocation_may_fail(void **state)
{
    const tw_benchmark_options options = {.n_pictures = 2, .n_rounds = 1, .by_layer = 1};
    const tw_compute compute = {.n_threads = 1};
    tw_model *model = tiny_model();
    tw_status rc = TW_ENOMEM;
    bool seen[N_SENTENCES] = {false};

    (void)state;
    for (long nth = 1; rc != TW_OK; nth++) {
        tw_benchmark out;
        tw_error err = {TW_OK, ""};

        assert_true(nth < MANY);
        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = tw_benchmark_run(&out, model, &options, &compute, NULL, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0]));
        assert_true(rc == TW_OK || out.layers == NULL);
        for (int i = 0; i < N_SENTENCES; i++)
            seen[i] |= strcmp(err.text, sentences[i]) == 0;
        if (rc == TW_OK)
            tw_benchmark_free(&out);
    }
    for (int i = 0; i < N_SENTENCES; i++)
        if (!seen[i])
            fail_msg("never said: %s", sentences[i]);
    tw_model_free(model);
}

/* ---- ranges of int8 */

static tw_status fill_row(void *ctx, int64_t row, float *out, tw_error *err)
{
    (void)ctx;
    (void)err;
    for (int i = 0; i < TINY_SIDE * TINY_SIDE * 3; i++)
        out[i] = (float)((i * 7 + row) % 256);
    return TW_OK;
}

static void each_allocation_of_a_calibration_may_fail(void **state)
{
    tw_computer computer = tiny_computer("cpu", 1);
    tw_model *model = tiny_model();
    tw_status rc = TW_ENOMEM;
    bool seen_layers = false, seen_picture = false;

    (void)state;
    for (long nth = 1; rc != TW_OK; nth++) {
        tw_error err = {TW_OK, ""};

        assert_true(nth < MANY);
        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = tw_find_ranges(model, TINY_POOL, &computer, 4, fill_row, NULL, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0]));
        seen_layers |= strcmp(err.text, "no memory to calibrate 5 layers") == 0;
        seen_picture |= strcmp(err.text, "no memory for a picture of 8x8") == 0;
    }
    assert_true(seen_layers && seen_picture);
    assert_true(model->graph->nodes[0].range[1] == 255.0f);
    tw_model_free(model);
    tw_computer_close(&computer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_of_a_calibration_may_fail),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests_name("fault/infer", tests, NULL, NULL);
}
