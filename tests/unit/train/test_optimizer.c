/* Optimizers: schedule, state and sink, with the numbers of Keras 3.15 after three steps. */
#include "check.h"

#include "train/train_int.h"

#include <math.h>

enum { N_STEPS = 3, N = 3 };

/* One node with a kernel of three numbers behind an input. */
typedef struct fixture {
    float kernel[N];
    tw_node_weights weights[2];
    float *data[2][2];
    int64_t size[2][2];
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
    f->trained = (tw_trained){2, f->weights, f->data, f->size, N};
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

static void test_adam_keeps_two_states_and_sgd_one(void **state)
{
    tw_config *config;

    (void)state;
    assert_ok(tw_config_create(&config, e));
    assert_int_equal(tw_train__optimizer_size(config, 1000), 2000);
    assert_ok(tw_config_set(config, "optimizer", "sgd", TW_FROM_FLAG, e));
    assert_int_equal(tw_train__optimizer_size(config, 1000), 1000);
    tw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adam_is_that_of_keras),
        cmocka_unit_test(test_adam_with_decay_is_that_of_keras),
        cmocka_unit_test(test_sgd_is_that_of_keras),
        cmocka_unit_test(test_momentum_is_that_of_keras),
        cmocka_unit_test(test_nesterov_with_decay_is_that_of_keras),
        cmocka_unit_test(test_adam_keeps_two_states_and_sgd_one),
    };

    return cmocka_run_group_tests_name("train/optimizer", tests, NULL, NULL);
}
