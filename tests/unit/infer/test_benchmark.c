/*
 * A model by the clock (benchmark.c, chain_time.c): every layer is there once, by its name and with
 * how it is computed; layers add up to no more than the whole; the same numbers come out as without
 * the clock. No time is held against a limit.
 */
#include "infer/engine.h"
#include "tiny_net.h"

#include <math.h>

enum { N = 6 };

static int never(void *ctx)
{
    (void)ctx;
    return 0;
}

static int at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static tw_benchmark run(const tw_model *model, const char *backend, bool by_layer)
{
    const tw_benchmark_options options = {.n_pictures = N, .n_rounds = 3, .by_layer = by_layer};
    const tw_compute compute = {.backend = backend, .n_threads = 2};
    const tw_watch watch = {.should_stop = never};
    tw_benchmark out;

    assert_ok(tw_benchmark_run(&out, model, &options, &compute, &watch, e));
    return out;
}

static void check_pace(const tw_pace *pace)
{
    assert_true(isfinite(pace->t_least_s) && pace->t_least_s >= 0.0);
    assert_true(pace->t_median_s >= pace->t_least_s);
}

static void check_layers(const char *backend)
{
    tw_model *model = tiny_model();
    tw_benchmark all = run(model, backend, true);
    int64_t macs = 0;
    double sum_s = 0.0;

    assert_int_equal(all.n_layers, model->graph->n - 1);
    for (int i = 0; i < all.n_layers; i++) {
        const tw_pace *pace = &all.layers[i];

        assert_string_equal(pace->name, model->graph->nodes[i + 1].name);
        assert_int_equal(pace->macs, tw_node_macs(model->graph, i + 1));
        check_pace(pace);
        if (pace->macs > 0) {
            assert_true(pace->t_least_s > 0.0);
            assert_true(pace->algorithm[0] != '\0');
        }
        macs += pace->macs;
        sum_s += pace->t_least_s;
    }
    check_pace(&all.whole);
    assert_string_equal(all.whole.name, "predictions");
    assert_int_equal(all.whole.macs, macs);
    assert_true(sum_s <= all.whole.t_least_s);
    tw_benchmark_free(&all);
    assert_null(all.layers);
    tw_model_free(model);
}

static void test_cpu_layer_by_layer(void **state)
{
    (void)state;
    check_layers("cpu");
}

static void test_ref_layer_by_layer(void **state)
{
    (void)state;
    check_layers("ref");
}

static void test_the_whole_alone(void **state)
{
    tw_model *model = tiny_model();
    tw_benchmark whole = run(model, "cpu", false);

    (void)state;
    assert_int_equal(whole.n_layers, 0);
    assert_null(whole.layers);
    check_pace(&whole.whole);
    assert_true(whole.whole.t_least_s > 0.0);
    assert_int_equal(whole.n_pictures, N);
    assert_int_equal(whole.n_rounds, 3);
    assert_true(whole.fp32_peak > 0.0 && whole.read_peak > 0.0);
    assert_true(whole.peak == whole.fp32_peak);
    assert_non_null(strstr(whole.describe, "backend cpu"));
    tw_benchmark_free(&whole);
    tw_model_free(model);
}

static void test_the_clock_changes_no_bit(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 2);
    const tw_rng_key key = tw_rng_make_key(3, TW_RNG_INIT, 0, 0);
    float in[N * TINY_SIDE * TINY_SIDE * 3], truth[N * TINY_CLASSES], out[N * TINY_CLASSES];
    double seconds[TINY_LAST + 1] = {0};
    tw_chain *chain;

    (void)state;
    for (int i = 0; i < N * TINY_SIDE * TINY_SIDE * 3; i++)
        in[i] = tw_rng_uniform(&key, (uint64_t)i);
    assert_ok(tw_chain_create(&chain, model, 0, TINY_LAST, computer.backend, TW_PRECISION_FP32, 2,
                              INT64_MAX, e));
    assert_ok(tw_chain_run(chain, in, N, truth, NULL, NULL, e));
    assert_ok(tw_chain_run_timed(chain, in, N, out, seconds, e));
    assert_memory_equal(out, truth, sizeof out);
    assert_true(seconds[1] > 0.0 && seconds[TINY_LAST] > 0.0);
    memset(out, 0, sizeof out);
    assert_ok(tw_chain_run(chain, in, N, out, NULL, NULL, e));
    assert_memory_equal(out, truth, sizeof out);
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_a_limit_is_kept(void **state)
{
    tw_model *model = tiny_model();
    const tw_compute compute = {.n_threads = 1, .memory_limit = 1};
    tw_benchmark out;
    tw_error err = {TW_OK, ""};

    (void)state;
    assert_int_equal(tw_benchmark_run(&out, model, NULL, &compute, NULL, &err), TW_EBUDGET);
    assert_null(out.layers);
    tw_model_free(model);
}

static void test_interrupted(void **state)
{
    tw_model *model = tiny_model();
    const tw_benchmark_options options = {.n_pictures = 1, .n_rounds = 4};
    const tw_watch watch = {.should_stop = at_once};
    tw_benchmark out;

    (void)state;
    assert_fails(TW_EINTERRUPTED, "interrupted after 0 of 4 rounds",
                 tw_benchmark_run(&out, model, &options, NULL, &watch, e));
    tw_model_free(model);
}

static void test_more_pictures_than_memory(void **state)
{
    tw_model *model = tiny_model();
    const tw_benchmark_options options = {.n_pictures = INT64_MAX / 2, .n_rounds = 1};
    tw_benchmark out;

    (void)state;
    assert_fails(TW_ENOMEM, "no memory for 4611686018427387903 pictures in 1 rounds",
                 tw_benchmark_run(&out, model, &options, NULL, NULL, e));
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_layer_by_layer),
        cmocka_unit_test(test_ref_layer_by_layer),
        cmocka_unit_test(test_the_whole_alone),
        cmocka_unit_test(test_the_clock_changes_no_bit),
        cmocka_unit_test(test_a_limit_is_kept),
        cmocka_unit_test(test_interrupted),
        cmocka_unit_test(test_more_pictures_than_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
