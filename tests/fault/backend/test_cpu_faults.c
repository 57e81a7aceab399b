/* The n-th allocation of a plan fails: TW_ENOMEM with a sentence, no crash, no leak; and a training
 * step allocates nothing. */
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

/* The same with what residual blocks are made of. */
static tw_graph *net_with_a_block(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){8, 8, 3});
    tw_node conv = {.op = TW_OP_CONV2D,
                    .units = 32,
                    .window = {3, 3},
                    .stride = {1, 1},
                    .padding = TW_SAME,
                    .activation = TW_RELU};
    tw_node depthwise = conv, sum = {.op = TW_OP_ADD, .name = "sum", .n_inputs = 2};
    tw_graph *graph;

    depthwise.op = TW_OP_DEPTHWISE_CONV2D;
    depthwise.units = 0;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv, "conv1");
    add(graph, depthwise, "depthwise");
    add(graph, conv, "conv2");
    sum.inputs[0] = 1;
    sum.inputs[1] = 3;
    assert_ok(tw_graph_add(graph, &sum, e));
    add(graph, (tw_node){.op = TW_OP_GLOBAL_AVERAGE_POOL}, "gap");
    add(graph, (tw_node){.op = TW_OP_DENSE, .units = 5, .activation = TW_SOFTMAX}, "predictions");
    return graph;
}

/* From opening to the first output. */
static tw_status attempt(const tw_graph *graph, tw_precision precision,
                         const tw_node_weights *weights, const float *in, float *out, tw_error *err)
{
    const tw_backend_table *cpu = &tw_backend__cpu;
    tw_backend *backend = NULL;
    tw_plan *plan = NULL;
    tw_status rc = cpu->open(&backend, NULL, err);

    if (rc == TW_OK)
        rc = cpu->plan_create(&plan, backend, graph, 2, precision, err);
    if (rc == TW_OK)
        rc = cpu->plan_load(plan, weights, 2, NULL, NULL, err);
    if (rc == TW_OK)
        rc = cpu->plan_run(plan, 1, plan->piece, in, out, err);
    cpu->plan_free(plan);
    cpu->close(backend);
    return rc;
}

static bool has_precision(tw_precision precision)
{
    const tw_backend_table *cpu = &tw_backend__cpu;
    tw_error why = {TW_OK, ""};
    tw_backend *backend;
    tw_status rc;

    assert_ok(cpu->open(&backend, NULL, e));
    rc = cpu->check_precision(backend, precision, &why);
    cpu->close(backend);
    if (rc)
        fprintf(stderr, "skipped: %s\n", why.text);
    return rc == TW_OK;
}

/* The pictures are black, so background tiles are copied too. */
static void check_each_allocation(tw_graph *graph, tw_precision precision)
{
    tw_node_weights weights[MAX_LAYERS] = {{NULL, NULL}};
    float *in = tw_alloc_f32(2 * 8 * 8 * 3), *kernel = tw_alloc_f32(3 * 3 * 32 * 32), out[10];
    tw_status rc = TW_ENOMEM;

    for (int i = 0; i < graph->n; i++) {
        weights[i].kernel = kernel;
        graph->nodes[i].range[1] = precision == TW_PRECISION_INT8 ? 2.0f : 0.0f;
    }
    for (long nth = 1; rc != TW_OK; nth++) {
        tw_error err = {TW_OK, ""};
        assert_true(nth < MANY);
        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = attempt(graph, precision, weights, in, out, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0]));
        assert_true(rc != TW_OK || nth > 20);
    }
    assert_true(out[0] > 0.19f && out[0] < 0.21f);
    tw_graph_free(graph);
    tw_free(in);
    tw_free(kernel);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (int precision = TW_PRECISION_FP32; precision < TW_PRECISION_AUTO; precision++)
        if (has_precision((tw_precision)precision)) {
            check_each_allocation(small_net(), (tw_precision)precision);
            check_each_allocation(net_with_a_block(), (tw_precision)precision);
        }
}

/* ---- training */

enum { BATCH = 43 }; /* more pieces than groups of them */

static void ignore(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    (void)node;
    (void)slot;
    (void)first;
    (void)n;
    *(float *)ctx += gradient[0] * 0;
}

typedef struct training {
    const tw_graph *graph;
    tw_node_weights weights[MAX_LAYERS];
    float *in;
    int labels[BATCH];
    double loss[BATCH];
    float logits[BATCH * 5];
} training;

/* Takes the graph. */
static void make_training(training *it, tw_graph *graph)
{
    float *kernel = tw_alloc_f32(3 * 3 * 32 * 32);

    *it = (training){.graph = graph, .in = tw_alloc_f32(BATCH * 8 * 8 * 3)};
    for (int i = 0; i < it->graph->n; i++)
        it->weights[i] = (tw_node_weights){kernel, kernel};
}

static void free_training(training *it)
{
    tw_free((void *)it->weights[0].kernel);
    tw_graph_free((tw_graph *)it->graph);
    tw_free(it->in);
}

static tw_status step(training *it, tw_train_plan *plan, tw_error *err)
{
    float unused = 0;
    tw_sink sink = {.take = ignore, .ctx = &unused};

    return plan->table->train_step(plan, it->weights, it->in, it->labels, NULL, BATCH, 1, 0, 0,
                                   it->loss, it->logits, &sink, err);
}

static tw_status attempt_training(training *it, const tw_backend_table *table, tw_error *err)
{
    tw_backend *backend = NULL;
    tw_train_plan *plan = NULL;
    tw_status rc = table->open(&backend, NULL, err);

    if (rc == TW_OK)
        rc = table->train_create(&plan, backend, it->graph, BATCH, 2, NULL, err);
    if (rc == TW_OK)
        rc = step(it, plan, err);
    table->train_free(plan);
    table->close(backend);
    return rc;
}

static void check_each_allocation_of_training(tw_graph *graph)
{
    training it;

    make_training(&it, graph);
    for (int b = 0; b < 2; b++) {
        const tw_backend_table *table = b ? &tw_backend__cpu : &tw_backend__ref;
        tw_status rc = TW_ENOMEM;
        for (long nth = 1; rc != TW_OK; nth++) {
            tw_error err = {TW_OK, ""};
            assert_true(nth < MANY);
            tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
            rc = attempt_training(&it, table, &err);
            tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
            assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0]));
            assert_true(rc != TW_OK || nth > 10);
        }
        assert_true(it.loss[0] > 1.609 && it.loss[0] < 1.610); /* log 5: all weights are zero */
    }
    free_training(&it);
}

static void each_allocation_of_a_training_plan_may_fail(void **state)
{
    (void)state;
    check_each_allocation_of_training(small_net());
    check_each_allocation_of_training(net_with_a_block());
}

static void check_that_a_step_allocates_nothing(tw_graph *graph)
{
    training it;

    make_training(&it, graph);
    for (int b = 0; b < 2; b++) {
        const tw_backend_table *table = b ? &tw_backend__cpu : &tw_backend__ref;
        tw_backend *backend;
        tw_train_plan *plan;
        assert_ok(table->open(&backend, NULL, e));
        assert_ok(table->train_create(&plan, backend, it.graph, BATCH, 2, NULL, e));
        assert_true(tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0) > 5); /* the plan does: they count */
        assert_ok(step(&it, plan, e));
        assert_int_equal(tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0), 0);
        table->train_free(plan);
        table->close(backend);
    }
    free_training(&it);
}

static void a_training_step_allocates_nothing(void **state)
{
    (void)state;
    check_that_a_step_allocates_nothing(small_net());
    check_that_a_step_allocates_nothing(net_with_a_block());
}

static void a_batch_too_large_for_any_memory_is_refused(void **state)
{
    training it;

    (void)state;
    make_training(&it, small_net());
    for (int b = 0; b < 2; b++) {
        const tw_backend_table *table = b ? &tw_backend__cpu : &tw_backend__ref;
        tw_backend *backend;
        tw_train_plan *plan;
        assert_ok(table->open(&backend, NULL, e));
        assert_fails(TW_ENOMEM, "no memory to train 6 layers in batches of 4611686018427387904",
                     table->train_create(&plan, backend, it.graph, (int64_t)1 << 62, 1, NULL, e));
        assert_null(plan);
        table->close(backend);
    }
    free_training(&it);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(each_allocation_of_a_training_plan_may_fail),
        cmocka_unit_test(a_training_step_allocates_nothing),
        cmocka_unit_test(a_batch_too_large_for_any_memory_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
