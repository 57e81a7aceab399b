/* Ranges of int8: where they come from, that they are good ones, and what computes with them. */
#include "base/rng.h"
#include "infer/engine.h"
#include "tiny_net.h"

#include <math.h>

enum { ROWS = 32, IN = TINY_SIDE * TINY_SIDE * 3, CONV1 = 1, POOL1 = 2, CONV2 = 3 };
static const int64_t plenty = 64 << 20;

static float in[ROWS * IN];

/* Most numbers near 0, a few far from it. */
static int make_input(void **state)
{
    const tw_rng_key key = tw_rng_make_key(3, TW_RNG_INIT, 0, 0);

    (void)state;
    for (int i = 0; i < ROWS * IN; i++)
        in[i] = powf(tw_rng_normal(&key, (uint64_t)i), 3);
    return 0;
}

static tw_status copy_row(void *ctx, int64_t row, float *out, tw_error *err)
{
    (void)err;
    memcpy(out, (const float *)ctx + row * IN, IN * sizeof *out);
    return TW_OK;
}

static bool has_int8(const tw_computer *computer)
{
    tw_error why;

    if (computer->backend->table->check_precision(computer->backend, TW_PRECISION_INT8, &why) ==
        TW_OK)
        return true;
    fprintf(stderr, "skipped: %s\n", why.text);
    return false;
}

/* All rows through layers 0..last. */
static void run(float *out, const tw_model *model, const tw_computer *computer, int last,
                tw_precision precision, int n_workers)
{
    tw_chain *chain;

    assert_ok(tw_chain_create(&chain, model, 0, last, computer->backend, precision, n_workers,
                              plenty, e));
    assert_ok(tw_chain_run(chain, in, ROWS, out, NULL, NULL, e));
    tw_chain_free(chain);
}

/* Of what pool1 gives in u8 of that range. */
static double squared_error(const float *x, int64_t n, double range)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++) {
        const double q = fmin(nearbyint((double)x[i] * 255.0 / range), 255.0) * range / 255.0;
        sum += (q - (double)x[i]) * (q - (double)x[i]);
    }
    return sum;
}

static void ranges_have_the_least_error(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    const int64_t n = ROWS * tw_shape_size(&model->graph->nodes[POOL1].out);
    float *x = tw_alloc_f32(n), most = 0.0f;
    double chosen;
    (void)state;

    assert_ok(tw_find_ranges(model, TINY_POOL, &computer, ROWS, copy_row, in, e));
    run(x, model, &computer, POOL1, TW_PRECISION_FP32, 1);
    for (int64_t i = 0; i < n; i++)
        most = fmaxf(most, x[i]);
    assert_true(model->graph->nodes[CONV1].range[0] == 0.0f);
    assert_true(model->graph->nodes[CONV1].range[1] <= most);
    chosen = squared_error(x, n, (double)model->graph->nodes[CONV1].range[1]);
    for (int percent = 10; percent <= 150; percent += 10)
        assert_true(chosen < 1.05 * squared_error(x, n, (double)most * percent / 100.0));
    tw_free(x);
    tw_computer_close(&computer);
    tw_model_free(model);
}

/* conv2 feeds none, pools have none of their own. */
static void only_what_convolutions_read_has_a_range(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    (void)state;

    model->graph->nodes[TINY_LAST].range[1] = 1.0f; /* of an older calibration */
    assert_ok(tw_find_ranges(model, TINY_POOL, &computer, ROWS, copy_row, in, e));
    for (int i = 0; i < model->graph->n; i++)
        assert_int_equal(model->graph->nodes[i].range[1] > 0.0f, i == 0 || i == CONV1);
    tw_calibration_forget(model->graph);
    for (int i = 0; i < model->graph->n; i++)
        assert_true(model->graph->nodes[i].range[1] == 0.0f);
    assert_ok(
        tw_find_ranges(model, 0, &computer, ROWS, copy_row, in, e)); /* nothing to calibrate */
    assert_true(model->graph->nodes[0].range[1] == 0.0f);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void the_input_has_the_range_of_its_preprocessing(void **state)
{
    static const struct {
        tw_preprocess preprocess;
        float low, high;
    } cases[] = {{TW_PREPROCESS_NONE, 0.0f, 255.0f},
                 {TW_PREPROCESS_CAFFE, -123.68f, 255.0f - 103.939f},
                 {TW_PREPROCESS_TF, -1.0f, 1.0f}};
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const float *range = model->graph->nodes[0].range;

        model->contract.preprocess = cases[i].preprocess;
        assert_ok(tw_find_ranges(model, TINY_POOL, &computer, 4, copy_row, in, e));
        assert_true(fabsf(range[0] - cases[i].low) < 1e-4f);
        assert_true(fabsf(range[1] - cases[i].high) < 1e-4f);
    }
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void nothing_but_zeros_is_a_range_too(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    (void)state;

    for (int k = 0; k < 6; k++)
        model->params[CONV1][1].data[k] = -1e9f;
    assert_ok(tw_find_ranges(model, TINY_POOL, &computer, 4, copy_row, in, e));
    assert_true(model->graph->nodes[CONV1].range[0] == 0.0f);
    assert_true(model->graph->nodes[CONV1].range[1] == 1.0f);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void outputs_that_are_too_large_are_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    (void)state;

    memset(model->params[CONV1][0].data, 0,
           (size_t)tw_shape_size(&model->params[CONV1][0].shape) * sizeof(float));
    model->params[CONV1][0].data[0] = 1e-30f;
    model->params[CONV1][1].data[0] = 4e12f;
    assert_fails(TW_EUNSUPPORTED, "conv1: outputs of 4e+12 are too large for int8",
                 tw_find_ranges(model, TINY_POOL, &computer, 4, copy_row, in, e));
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void a_network_without_ranges_is_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *chain;
    (void)state;

    assert_fails(
        TW_EUSAGE,
        "the network has no ranges for int8: a model has them that was trained with "
        "precision int8",
        tw_chain_plan(&chain, model, 0, TINY_POOL, computer.backend, TW_PRECISION_INT8, e));
    assert_null(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void int8_is_near_fp32_on_any_number_of_workers(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    float exact[ROWS * TINY_ROW], got[ROWS * TINY_ROW], again[ROWS * TINY_ROW];
    double error = 0.0, norm = 0.0;
    (void)state;

    if (has_int8(&computer)) {
        for (int i = 0; i < ROWS * IN; i++) /* as preprocessing none gives them */
            in[i] = fminf(fabsf(in[i]) * 20.0f, 255.0f);
        assert_ok(tw_find_ranges(model, TINY_POOL, &computer, ROWS, copy_row, in, e));
        run(exact, model, &computer, TINY_POOL, TW_PRECISION_FP32, 1);
        run(got, model, &computer, TINY_POOL, TW_PRECISION_INT8, 1);
        run(again, model, &computer, TINY_POOL, TW_PRECISION_INT8, 3);
        assert_memory_equal(got, again, sizeof got);
        for (int i = 0; i < ROWS * TINY_ROW; i++) {
            error += pow((double)got[i] - (double)exact[i], 2);
            norm += pow((double)exact[i], 2);
        }
        assert_true(error > 0.0);
        assert_true(sqrt(error / norm) < 0.03);
    }
    tw_computer_close(&computer);
    tw_model_free(model);
}

/* What is not calibrated computes as ever: features in int8, then the rest, is the whole. */
static void layers_behind_the_calibrated_ones_stay_in_fp32(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    const int64_t size = tw_shape_size(&model->graph->nodes[POOL1].out);
    float *rows = tw_alloc_f32(ROWS * size);
    float whole[ROWS * TINY_CLASSES], joined[ROWS * TINY_CLASSES];
    tw_chain *chain;
    (void)state;

    if (has_int8(&computer)) {
        assert_ok(tw_find_ranges(model, POOL1, &computer, ROWS, copy_row, in, e));
        run(whole, model, &computer, TINY_LAST, TW_PRECISION_INT8, 1);
        run(rows, model, &computer, POOL1, TW_PRECISION_INT8, 1);
        assert_ok(tw_chain_create(&chain, model, POOL1, TINY_LAST, computer.backend,
                                  TW_PRECISION_FP32, 1, plenty, e));
        assert_ok(tw_chain_run(chain, rows, ROWS, joined, NULL, NULL, e));
        assert_memory_equal(whole, joined, sizeof whole);
        tw_chain_free(chain);
    }
    tw_free(rows);
    tw_computer_close(&computer);
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranges_have_the_least_error),
        cmocka_unit_test(only_what_convolutions_read_has_a_range),
        cmocka_unit_test(the_input_has_the_range_of_its_preprocessing),
        cmocka_unit_test(nothing_but_zeros_is_a_range_too),
        cmocka_unit_test(outputs_that_are_too_large_are_refused),
        cmocka_unit_test(a_network_without_ranges_is_refused),
        cmocka_unit_test(int8_is_near_fp32_on_any_number_of_workers),
        cmocka_unit_test(layers_behind_the_calibrated_ones_stay_in_fp32),
    };

    return cmocka_run_group_tests(tests, make_input, NULL);
}
