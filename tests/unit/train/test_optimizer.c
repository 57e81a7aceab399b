/* Optimizers: state, sink and clipping, with the numbers of Keras 3.15 after three steps; more of
 * them in test_golden_optim.c. */
#include "check.h"

#include "base/memory.h"
#include "train/train_int.h"

#include <math.h>

enum { N_STEPS = 3, N = 3 };

/* One node with a kernel of three numbers behind an input. */
typedef struct fixture {
    float kernel[N];
    tw_node_weights weights[2];
    float *data[2][2];
    int64_t size[2][2];
    int64_t inputs[2]; /* the kernel is one of three inputs and one unit */
    tw_trained trained;
    tw_config *config;
    tw_optimizer optimizer;
} fixture;

static const float gradients[N_STEPS][N] = {
    {0.1f, -0.2f, 3.0f}, {0.3f, 0.05f, -1.0f}, {-0.2f, 0.4f, 0.5f}};

static void open_fixture(fixture *f, const char *const (*options)[2], int n)
{
    const tw_backend_table *table;

    *f = (fixture){.kernel = {1.0f, -2.0f, 0.5f}};
    f->data[1][0] = f->kernel;
    f->size[1][0] = N;
    f->trained = (tw_trained){2, f->weights, f->data, f->size, N, f->inputs};
    f->inputs[1] = N;
    assert_ok(tw_config_create(&f->config, e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_config_set(f->config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    assert_ok(tw_backend_find(&table, "ref", e));
    assert_ok(tw_train__optimizer_create(&f->optimizer, f->config, table, &f->trained, NULL, 2, e));
}

static void close_fixture(fixture *f)
{
    tw_train__optimizer_free(&f->optimizer);
    tw_config_free(f->config);
}

/* Hands over a step's gradient in two ranges, as workers do. */
static void step(fixture *f, int i)
{
    tw_sink sink = tw_train__optimizer_sink(&f->optimizer);
    float g[N];

    memcpy(g, gradients[i], sizeof g);
    tw_train__optimizer_begin(&f->optimizer, 1.0);
    sink.take(sink.ctx, 1, 0, 1, 2, g + 1);
    sink.take(sink.ctx, 1, 0, 0, 1, g);
}

static void assert_steps(const char *const (*options)[2], int n, const double expected[N_STEPS][N])
{
    fixture f;

    open_fixture(&f, options, n);
    for (int i = 0; i < N_STEPS; i++) {
        step(&f, i);
        for (int k = 0; k < N; k++)
            if (!(fabs(f.kernel[k] - expected[i][k]) <= 2.5e-7 * fabs(expected[i][k]) + 3e-8))
                fail_msg("step %d, number %d: %.9g, Keras has %.9g", i, k, (double)f.kernel[k],
                         expected[i][k]);
    }
    close_fixture(&f);
}

#define OPTIONS(...) ((const char *const[][2]){__VA_ARGS__})

static void test_adam_is_that_of_keras(void **state)
{
    const double expected[N_STEPS][N] = {{0.999000013, -1.99900007, 0.499000013},
                                         {0.998082221, -1.99853063, 0.498599797},
                                         {0.997824311, -1.99893248, 0.498194367}};

    (void)state;
    assert_steps(NULL, 0, expected);
}

static void test_adam_with_decay_is_that_of_keras(void **state)
{
    const double expected[N_STEPS][N] = {{0.990000367, -1.99000025, 0.490000069},
                                         {0.98388195, -1.98687053, 0.487331986},
                                         {0.982592463, -1.98887968, 0.485304862}};

    (void)state;
    assert_steps(OPTIONS({"lr", "0.01"}, {"decay", "0.5"}), 2, expected);
}

static void test_sgd_is_that_of_keras(void **state)
{
    const double expected[N_STEPS][N] = {{0.99000001, -1.98000002, 0.199999988},
                                         {0.960000038, -1.98500001, 0.299999982},
                                         {0.980000019, -2.0250001, 0.249999985}};

    (void)state;
    assert_steps(OPTIONS({"optimizer", "sgd"}, {"lr", "0.1"}), 2, expected);
}

static void test_momentum_is_that_of_keras(void **state)
{
    const double expected[N_STEPS][N] = {{0.99000001, -1.98000002, 0.199999988},
                                         {0.951000035, -1.96700001, 0.0299999714},
                                         {0.935900033, -1.99530005, -0.173000038}};

    (void)state;
    assert_steps(OPTIONS({"optimizer", "sgd"}, {"lr", "0.1"}, {"momentum", "0.9"}), 3, expected);
}

static void test_nesterov_with_decay_is_that_of_keras(void **state)
{
    const double expected[N_STEPS][N] = {{0.981000006, -1.96200001, -0.0700000525},
                                         {0.934899986, -1.9521333, -0.186333388},
                                         {0.930409968, -1.97825325, -0.398533404}};

    (void)state;
    assert_steps(OPTIONS({"optimizer", "sgd"}, {"lr", "0.1"}, {"momentum", "0.9"},
                         {"nesterov", "true"}, {"decay", "0.5"}),
                 5, expected);
}

/* ---- options that change no bit, and ones that do */

/* The kernel after all steps, ended as a training step is. */
static void run_steps(float out[N], const char *const (*options)[2], int n, double factor)
{
    fixture f;

    open_fixture(&f, options, n);
    for (int i = 0; i < N_STEPS; i++) {
        tw_sink sink = tw_train__optimizer_sink(&f.optimizer);
        float g[N];

        memcpy(g, gradients[i], sizeof g);
        tw_train__optimizer_begin(&f.optimizer, factor);
        sink.take(sink.ctx, 1, 0, 0, N, g);
        assert_ok(tw_train__optimizer_end(&f.optimizer, e));
    }
    memcpy(out, f.kernel, sizeof f.kernel);
    close_fixture(&f);
}

static void test_what_does_nothing_changes_no_bit(void **state)
{
    float plain[N], other[N];

    (void)state;
    run_steps(plain, NULL, 0, 1.0);
    run_steps(other, OPTIONS({"weight-decay", "0"}), 1, 1.0);
    assert_memory_equal(plain, other, sizeof plain);
    run_steps(other, OPTIONS({"clip-norm", "100"}), 1, 1.0);
    assert_memory_equal(plain, other, sizeof plain);
    run_steps(other, OPTIONS({"optimizer", "adamw"}, {"weight-decay", "0"}), 2, 1.0);
    assert_memory_equal(plain, other, sizeof plain);
}

static void test_adamw_decays_by_0_004_unless_told(void **state)
{
    float unset[N], set[N], plain[N];

    (void)state;
    run_steps(unset, OPTIONS({"optimizer", "adamw"}), 1, 1.0);
    run_steps(set, OPTIONS({"weight-decay", "0.004"}), 1, 1.0);
    run_steps(plain, NULL, 0, 1.0);
    assert_memory_equal(unset, set, sizeof unset);
    assert_memory_not_equal(unset, plain, sizeof unset);
}

static void test_the_factor_is_one_of_the_rate(void **state)
{
    float rate[N], factor[N];

    (void)state;
    run_steps(rate, OPTIONS({"lr", "0.0005"}, {"weight-decay", "0.5"}), 2, 1.0);
    run_steps(factor, OPTIONS({"lr", "0.001"}, {"weight-decay", "0.5"}), 2, 0.5);
    for (int k = 0; k < N; k++)
        assert_true(fabs((double)(rate[k] - factor[k])) <= 1e-7 * fabs((double)rate[k]));
}

static void test_a_factor_of_0_moves_nothing(void **state)
{
    float kernel[N];
    const float before[N] = {1.0f, -2.0f, 0.5f};

    (void)state;
    run_steps(kernel, OPTIONS({"weight-decay", "0.5"}), 1, 0.0);
    assert_memory_equal(kernel, before, sizeof before);
}

/* ---- clipping */

/* A gradient of norm 5 clipped to 1: a fifth of it. */
static void test_a_norm_above_the_clip_is_scaled(void **state)
{
    const float before[N] = {1.0f, -2.0f, 0.5f};
    float g[N] = {3.0f, 0.0f, -4.0f};
    fixture f;
    tw_sink sink;

    (void)state;
    open_fixture(&f, OPTIONS({"optimizer", "sgd"}, {"lr", "1"}, {"clip-norm", "1"}), 3);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 1.0);
    sink.take(sink.ctx, 1, 0, 0, N, g);
    assert_memory_equal(f.kernel, before, sizeof before); /* nothing before the end */
    assert_ok(tw_train__optimizer_end(&f.optimizer, e));
    assert_true(fabs((double)f.kernel[0] - 0.4) <= 1e-7);
    assert_true((double)f.kernel[1] == -2.0);
    assert_true(fabs((double)f.kernel[2] - 1.3) <= 2e-7);
    close_fixture(&f);
}

static void assert_norm_fails(float worst)
{
    const float before[N] = {1.0f, -2.0f, 0.5f};
    float g[N] = {0.5f, worst, 0.25f};
    fixture f;
    tw_sink sink;

    open_fixture(&f, OPTIONS({"clip-norm", "1"}), 1);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 1.0);
    sink.take(sink.ctx, 1, 0, 0, N, g);
    assert_fails(TW_EFAIL, "the gradients' norm is not finite in step 1: a smaller lr may help",
                 tw_train__optimizer_end(&f.optimizer, e));
    assert_memory_equal(f.kernel, before, sizeof before);
    close_fixture(&f);
}

static void test_a_norm_that_is_not_finite_is_refused(void **state)
{
    (void)state;
    assert_norm_fails((float)NAN);
    assert_norm_fails((float)INFINITY);
}

/* Squares that no float holds: the norm is one of doubles. */
static void test_large_gradients_have_a_norm(void **state)
{
    float g[N] = {3e30f, 0.0f, 4e30f};
    fixture f;
    tw_sink sink;

    (void)state;
    open_fixture(&f, OPTIONS({"optimizer", "sgd"}, {"lr", "1"}, {"clip-norm", "10"}), 3);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 1.0);
    sink.take(sink.ctx, 1, 0, 0, N, g);
    assert_ok(tw_train__optimizer_end(&f.optimizer, e));
    assert_true(fabs((double)f.kernel[0] + 5.0) <= 1e-5);
    assert_true(fabs((double)f.kernel[2] + 7.5) <= 1e-5);
    close_fixture(&f);
}

/* ---- updates that a kernel carries out itself */

static void test_a_kernel_may_carry_the_update_out(void **state)
{
    tw_update update;
    fixture f;
    tw_sink sink;

    (void)state;
    open_fixture(&f, OPTIONS({"optimizer", "sgd"}, {"lr", "0.5"}, {"momentum", "0.9"}), 3);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 0.5);
    assert_true(sink.get_update(sink.ctx, 1, 0, &update));
    assert_ptr_equal(update.w, f.kernel);
    assert_ptr_equal(update.state[0], f.optimizer.block);
    assert_null(update.state[1]);
    assert_false(update.is_adam);
    assert_true(update.sgd.lr == 0.25f && update.sgd.momentum == 0.9f);
    assert_ptr_equal(update.touched, f.optimizer.touched[1]);
    close_fixture(&f);
}

/* It needs all gradients first; or it moves every weight. */
static void test_clipping_and_weight_decay_pass_over_nothing(void **state)
{
    tw_update update;
    fixture f;
    tw_sink sink;

    (void)state;
    open_fixture(&f, OPTIONS({"clip-norm", "1"}), 1);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 1.0);
    assert_false(sink.get_update(sink.ctx, 1, 0, &update));
    close_fixture(&f);
    open_fixture(&f, OPTIONS({"weight-decay", "0.01"}), 1);
    sink = tw_train__optimizer_sink(&f.optimizer);
    tw_train__optimizer_begin(&f.optimizer, 1.0);
    assert_true(sink.get_update(sink.ctx, 1, 0, &update));
    assert_true(update.is_adam && update.adam.weight_decay == 0.01f);
    assert_null(update.touched);
    assert_int_equal(tw_train__optimizer_untouched(&f.optimizer), 0);
    close_fixture(&f);
}

/* State that was read tells which inputs were ever other than zero. */
static void test_state_that_was_read_marks_inputs(void **state)
{
    fixture f;

    (void)state;
    open_fixture(&f, NULL, 0);
    assert_int_equal(tw_train__optimizer_untouched(&f.optimizer), N);
    f.optimizer.block[1] = 0.5f;       /* m */
    f.optimizer.block[N + 2] = 1e-40f; /* v */
    f.optimizer.touched[1][0] = 1;     /* of a time before */
    tw_train__optimizer_changed(&f.optimizer);
    assert_int_equal(f.optimizer.touched[1][0], 0);
    assert_int_equal(f.optimizer.touched[1][1], 1);
    assert_int_equal(f.optimizer.touched[1][2], 1);
    assert_int_equal(tw_train__optimizer_untouched(&f.optimizer), 1);
    close_fixture(&f);
}

/* ---- several layers: a large trained one, one without parameters, a frozen one, a small one */

enum { LARGE = 150001, SMALL = 7, N_NODES = 5 };

typedef struct layers {
    float *numbers; /* large, frozen, small */
    tw_node_weights weights[N_NODES];
    float *data[N_NODES][2];
    int64_t size[N_NODES][2];
    tw_trained trained;
} layers;

static void make_layers(layers *l)
{
    *l = (layers){.trained = {.n_nodes = N_NODES,
                              .weights = l->weights,
                              .data = l->data,
                              .size = l->size,
                              .n = LARGE + SMALL}};
    l->numbers = tw_alloc_f32(LARGE + SMALL + SMALL);
    for (int i = 0; i < LARGE + SMALL + SMALL; i++)
        l->numbers[i] = (float)(i % 13 - 6) / 8.0f;
    l->data[1][0] = l->numbers;
    l->size[1][0] = LARGE;
    l->weights[1].kernel = l->numbers;
    l->weights[3].kernel = l->numbers + LARGE; /* frozen: weights, but nothing to train */
    l->data[4][1] = l->numbers + LARGE + SMALL;
    l->size[4][1] = SMALL;
    l->weights[4].bias = l->data[4][1];
}

/* Two clipped steps; the caller frees the layers' numbers. */
static void train_layers(layers *l, const double *multipliers, int n_workers)
{
    const tw_backend_table *table;
    tw_optimizer optimizer;
    tw_config *config;
    float *g = tw_alloc_f32(LARGE);

    make_layers(l);
    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "clip-norm", "0.5", TW_FROM_FLAG, e));
    assert_ok(tw_backend_find(&table, "cpu", e));
    assert_ok(tw_train__optimizer_create(&optimizer, config, table, &l->trained, multipliers,
                                         n_workers, e));
    assert_int_equal(optimizer.n_state, 2 * (LARGE + SMALL));
    for (int t = 0; t < 2; t++) {
        tw_sink sink = tw_train__optimizer_sink(&optimizer);

        tw_train__optimizer_begin(&optimizer, 1.0);
        for (int i = 0; i < LARGE; i++)
            g[i] = (float)((i * 31 + t) % 17 - 8) * 1e-3f;
        sink.take(sink.ctx, 4, 1, 0, SMALL, g + 5);
        sink.take(sink.ctx, 1, 0, 1000, LARGE - 1000, g + 1000);
        sink.take(sink.ctx, 1, 0, 0, 1000, g);
        assert_ok(tw_train__optimizer_end(&optimizer, e));
    }
    tw_train__optimizer_free(&optimizer);
    tw_config_free(config);
    tw_free(g);
}

static void test_threads_change_no_bit_of_clipping(void **state)
{
    layers one, three;

    (void)state;
    train_layers(&one, NULL, 1);
    train_layers(&three, NULL, 3);
    assert_memory_equal(one.numbers, three.numbers, (LARGE + SMALL + SMALL) * sizeof *one.numbers);
    tw_free(one.numbers);
    tw_free(three.numbers);
}

static void test_frozen_layers_stay_and_have_no_state(void **state)
{
    layers before, after;

    (void)state;
    make_layers(&before);
    train_layers(&after, NULL, 2);
    assert_memory_equal(before.numbers + LARGE, after.numbers + LARGE, SMALL * sizeof(float));
    assert_memory_not_equal(before.numbers, after.numbers, LARGE * sizeof(float));
    assert_memory_not_equal(before.data[4][1], after.data[4][1], SMALL * sizeof(float));
    tw_free(before.numbers);
    tw_free(after.numbers);
}

/* Adam's first steps are as long as the rate: a hundredth of it moves a hundredth as far. */
static void test_multipliers_are_of_their_node_alone(void **state)
{
    const double multipliers[N_NODES] = {1.0, 1.0, 1.0, 1.0, 0.01};
    layers before, plain, slow;

    (void)state;
    make_layers(&before);
    train_layers(&plain, NULL, 1);
    train_layers(&slow, multipliers, 1);
    assert_memory_equal(plain.numbers, slow.numbers, LARGE * sizeof(float));
    for (int i = 0; i < SMALL; i++) {
        const double start = (double)before.data[4][1][i];
        const double way = (double)plain.data[4][1][i] - start;

        assert_true(fabs((double)slow.data[4][1][i] - start - 0.01 * way) <= 1.2e-7);
    }
    tw_free(before.numbers);
    tw_free(plain.numbers);
    tw_free(slow.numbers);
}

/* ---- sizes */

static void assert_size(int64_t expected, const char *const (*options)[2], int n)
{
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    assert_int_equal(tw_train__optimizer_size(config, 1000), expected);
    tw_config_free(config);
}

static void test_size_is_that_of_states_and_kept_gradients(void **state)
{
    (void)state;
    assert_size(2000, NULL, 0);
    assert_size(2000, OPTIONS({"optimizer", "adamw"}), 1);
    assert_size(1000, OPTIONS({"optimizer", "sgd"}), 1);
    assert_size(3000, OPTIONS({"clip-norm", "1"}), 1);
    assert_size(2000, OPTIONS({"clip-norm", "1"}, {"optimizer", "sgd"}), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam_is_that_of_keras),
        cmocka_unit_test(test_adam_with_decay_is_that_of_keras),
        cmocka_unit_test(test_sgd_is_that_of_keras),
        cmocka_unit_test(test_momentum_is_that_of_keras),
        cmocka_unit_test(test_nesterov_with_decay_is_that_of_keras),
        cmocka_unit_test(test_what_does_nothing_changes_no_bit),
        cmocka_unit_test(test_adamw_decays_by_0_004_unless_told),
        cmocka_unit_test(test_the_factor_is_one_of_the_rate),
        cmocka_unit_test(test_a_factor_of_0_moves_nothing),
        cmocka_unit_test(test_a_norm_above_the_clip_is_scaled),
        cmocka_unit_test(test_a_norm_that_is_not_finite_is_refused),
        cmocka_unit_test(test_large_gradients_have_a_norm),
        cmocka_unit_test(test_a_kernel_may_carry_the_update_out),
        cmocka_unit_test(test_clipping_and_weight_decay_pass_over_nothing),
        cmocka_unit_test(test_state_that_was_read_marks_inputs),
        cmocka_unit_test(test_threads_change_no_bit_of_clipping),
        cmocka_unit_test(test_frozen_layers_stay_and_have_no_state),
        cmocka_unit_test(test_multipliers_are_of_their_node_alone),
        cmocka_unit_test(test_size_is_that_of_states_and_kept_gradients),
    };

    return cmocka_run_group_tests_name("train/optimizer", tests, NULL, NULL);
}
