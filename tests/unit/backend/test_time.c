/*
 * A plan by the clock (backend/cpu/time.c, and ref's own): the same numbers as without, seconds for
 * every node that has a step, and together no more than the whole.
 */
#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include "check.h"

enum { PIECE = 2, SIDE = 20, N_LAYERS = 7, N_IN = PIECE * SIDE * SIDE * 3, CLASSES = 10 };

static void add(tw_graph *graph, tw_node node, const char *name)
{
    snprintf(node.name, sizeof node.name, "%s", name);
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    assert_ok(tw_graph_add(graph, &node, e));
}

static tw_graph *make_graph(void)
{
    const tw_shape in = tw_shape_make(3, (int64_t[]){SIDE, SIDE, 3});
    const tw_node conv = {.op = TW_OP_CONV2D,
                          .units = 32,
                          .window = {3, 3},
                          .stride = {1, 1},
                          .padding = TW_SAME,
                          .activation = TW_RELU};
    const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv, "conv1");
    add(graph, conv, "conv2");
    add(graph, pool, "pool");
    add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    add(graph, (tw_node){.op = TW_OP_DROPOUT, .rate = 0.5}, "dropout");
    add(graph, (tw_node){.op = TW_OP_DENSE, .units = CLASSES}, "dense");
    assert_int_equal(graph->n, N_LAYERS);
    return graph;
}

static float *make_numbers(int64_t n, uint64_t seed)
{
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    float *x = tw_alloc_f32(n);

    for (int64_t i = 0; i < n; i++)
        x[i] = tw_rng_uniform(&key, (uint64_t)i) - 0.5f;
    return x;
}

/* A loaded plan of one worker, its weights and one piece. */
typedef struct world {
    tw_backend *backend;
    tw_graph *graph;
    tw_plan *plan;
    tw_node_weights weights[N_LAYERS];
    float *in;
} world;

static void open_world(world *w, const char *name)
{
    const tw_backend_table *table;

    *w = (world){.graph = make_graph(), .in = make_numbers(N_IN, 99)};
    for (int i = 0; i < N_LAYERS; i++) {
        const int64_t n = tw_node_param_count(w->graph, i), units = w->graph->nodes[i].units;

        if (n > 0)
            w->weights[i] = (tw_node_weights){make_numbers(n - units, (uint64_t)i),
                                              make_numbers(units, (uint64_t)i + 50)};
    }
    assert_ok(tw_backend_find(&table, name, e));
    assert_ok(table->open(&w->backend, NULL, e));
    assert_ok(table->plan_create(&w->plan, w->backend, w->graph, PIECE, TW_PRECISION_FP32, e));
    assert_ok(table->plan_load(w->plan, w->weights, 1, NULL, NULL, e));
}

static void close_world(world *w)
{
    const tw_backend_table *table = w->backend->table;

    table->plan_free(w->plan);
    table->close(w->backend);
    for (int i = 0; i < N_LAYERS; i++) {
        tw_free((void *)(uintptr_t)w->weights[i].kernel);
        tw_free((void *)(uintptr_t)w->weights[i].bias);
    }
    tw_graph_free(w->graph);
    tw_free(w->in);
}

static void check_backend(const char *name)
{
    world w;
    float truth[PIECE * CLASSES], out[PIECE * CLASSES] = {0};
    double seconds[N_LAYERS] = {0}, again[N_LAYERS], sum = 0.0, whole_s;

    open_world(&w, name);
    assert_ok(w.plan->table->plan_run(w.plan, 0, w.plan->piece, w.in, truth, e));
    whole_s = tw_clock_s();
    assert_ok(w.plan->table->plan_time(w.plan, 0, w.in, out, seconds, e));
    whole_s = tw_clock_s() - whole_s;
    assert_memory_equal(out, truth, sizeof out);
    for (int i = 0; i < N_LAYERS; i++) {
        assert_true(seconds[i] >= 0.0);
        if (tw_node_param_count(w.graph, i) > 0)
            assert_true(seconds[i] > 0.0);
        sum += seconds[i];
    }
    assert_true(seconds[0] == 0.0);
    assert_true(sum <= whole_s);

    memcpy(again, seconds, sizeof again);
    assert_ok(w.plan->table->plan_time(w.plan, 0, w.in, out, again, e));
    for (int i = 0; i < N_LAYERS; i++)
        assert_true(again[i] >= seconds[i]); /* added, not set */
    close_world(&w);
}

static void test_cpu_is_timed_step_by_step(void **state)
{
    (void)state;
    check_backend("cpu");
}

static void test_ref_is_timed_node_by_node(void **state)
{
    (void)state;
    check_backend("ref");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cpu_is_timed_step_by_step),
        cmocka_unit_test(test_ref_is_timed_node_by_node),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
