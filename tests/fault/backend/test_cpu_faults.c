/* The n-th allocation of a cpu plan fails: TW_ENOMEM with a sentence, no crash, no leak. */
#include "backend/backend_int.h"
#include "base/memory.h"
#include "base/sys.h"
#include "tensor/tensor.h"

#include "check.h"

#include <errno.h>

enum { MANY = 1000, MAX_LAYERS = 8 };

static void add(tw_graph *graph, tw_node node, const char *name)
{
    snprintf(node.name, sizeof node.name, "%s", name);
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    assert_ok(tw_graph_add(graph, &node, e));
}

static tw_graph *small_net(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){8, 8, 3});
    tw_node conv = {.op = TW_OP_CONV2D,
                    .units = 32,
                    .window = {3, 3},
                    .stride = {1, 1},
                    .padding = TW_SAME,
                    .activation = TW_RELU};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv, "conv1");
    add(graph, conv, "conv2");
    add(graph, (tw_node){.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}}, "pool");
    add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    add(graph, (tw_node){.op = TW_OP_DENSE, .units = 5, .activation = TW_SOFTMAX}, "predictions");
    return graph;
}

/* From opening to the first output. */
static tw_status attempt(const tw_graph *graph, const tw_node_weights *weights, const float *in,
                         float *out, tw_error *err)
{
    const tw_backend_table *cpu = &tw_backend__cpu;
    tw_backend *backend = NULL;
    tw_plan *plan = NULL;
    tw_status rc = cpu->open(&backend, NULL, err);

    if (rc == TW_OK)
        rc = cpu->plan_create(&plan, backend, graph, 2, "fp32", err);
    if (rc == TW_OK)
        rc = cpu->plan_load(plan, weights, 2, NULL, NULL, err);
    if (rc == TW_OK)
        rc = cpu->plan_run(plan, 1, in, out, err);
    cpu->plan_free(plan);
    cpu->close(backend);
    return rc;
}

static void each_allocation_may_fail(void **state)
{
    tw_graph *graph = small_net();
    tw_node_weights weights[MAX_LAYERS] = {{NULL, NULL}};
    float *in = tw_alloc_f32(2 * 8 * 8 * 3), *kernel = tw_alloc_f32(3 * 3 * 32 * 32), out[10];
    tw_status rc = TW_ENOMEM;

    (void)state;
    for (int i = 0; i < graph->n; i++)
        weights[i].kernel = kernel;
    for (long nth = 1; rc != TW_OK; nth++) {
        tw_error err = {TW_OK, ""};
        assert_true(nth < MANY);
        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = attempt(graph, weights, in, out, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0]));
        assert_true(rc != TW_OK || nth > 20);
    }
    assert_true(out[0] > 0.19f && out[0] < 0.21f);
    tw_graph_free(graph);
    tw_free(in);
    tw_free(kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
