/*
 * Analytic gradients against finite differences of the mean loss, for every op that a top can hold,
 * through both backends. Dropout keeps its mask because its key does not change.
 */
#include "backend/backend.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { MAX_NODES = 10, MAX_N = 6, CLASSES = 3 };

typedef struct top_case {
    const char *name;
    int64_t h, w, c; /* w = 0: a vector of h numbers */
    int n;
    tw_node nodes[6];
    int n_nodes;
} top_case;

#define DENSE(k, act)                                    \
    {                                                    \
        .op = TW_OP_DENSE, .units = k, .activation = act \
    }
static const top_case cases[] = {
    {"softmax dense", 5, 0, 0, 4, {DENSE(CLASSES, TW_SOFTMAX)}, 1},
    {"one input, one sample", 1, 0, 0, 1, {DENSE(CLASSES, TW_SOFTMAX)}, 1},
    {"relu and sigmoid inside",
     7,
     0,
     0,
     5,
     {DENSE(9, TW_RELU), DENSE(4, TW_SIGMOID), DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"relu, sigmoid, softmax as layers",
     6,
     0,
     0,
     3,
     {DENSE(5, TW_LINEAR),
      {.op = TW_OP_RELU},
      DENSE(4, TW_LINEAR),
      {.op = TW_OP_SIGMOID},
      DENSE(CLASSES, TW_LINEAR),
      {.op = TW_OP_SOFTMAX}},
     6},
    {"dropout",
     8,
     0,
     0,
     6,
     {DENSE(11, TW_LINEAR), {.op = TW_OP_DROPOUT, .rate = 0.4}, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"dropout 0",
     8,
     0,
     0,
     2,
     {DENSE(3, TW_SIGMOID), {.op = TW_OP_DROPOUT, .rate = 0}, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"dropout first",
     8,
     0,
     0,
     4,
     {{.op = TW_OP_DROPOUT, .rate = 0.5}, DENSE(CLASSES, TW_SOFTMAX)},
     2},
    {"global average pool",
     3,
     5,
     7,
     4,
     {{.op = TW_OP_GLOBAL_AVERAGE_POOL}, DENSE(6, TW_RELU), DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"flatten", 2, 3, 5, 4, {{.op = TW_OP_FLATTEN}, DENSE(CLASSES, TW_SOFTMAX)}, 2},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

typedef struct world {
    tw_graph *graph;
    float *values[MAX_NODES][2];
    float *gradient[MAX_NODES][2];
    int64_t sizes[MAX_NODES][2];
    tw_node_weights weights[MAX_NODES];
    float *x;
    int labels[MAX_N];
    int n;
    const tw_backend_table *table;
    tw_backend *backend;
    tw_train_plan *plan;
} world;

static void store_gradient(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    world *w = ctx;
    memcpy(w->gradient[node][slot] + first, gradient, (size_t)n * sizeof *gradient);
}

static void make_world(world *w, const top_case *c, const char *backend)
{
    tw_shape in = c->w ? tw_shape_make(3, (int64_t[]){c->h, c->w, c->c})
                       : tw_shape_make(1, (int64_t[]){c->h});
    tw_rng_key key = tw_rng_make_key(11, TW_RNG_INIT, 0, 0);
    uint64_t draw = 0;
    *w = (world){.n = c->n};
    assert_ok(tw_graph_create(&w->graph, "input", &in, e));
    for (int i = 0; i < c->n_nodes; i++) {
        tw_node node = c->nodes[i];
        snprintf(node.name, sizeof node.name, "layer%d", i);
        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(w->graph, &node, e));
    }
    for (int i = 0; i < w->graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(w->graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            int64_t size = w->sizes[i][slot] = tw_shape_size(&shapes[slot]);
            w->values[i][slot] = tw_alloc_f32(size);
            w->gradient[i][slot] = tw_alloc_f32(size);
            for (int64_t k = 0; k < size; k++)
                w->values[i][slot][k] = 0.4f * tw_rng_normal(&key, draw++);
        }
        w->weights[i] = (tw_node_weights){w->values[i][0], w->values[i][1]};
    }
    w->x = tw_alloc_f32(c->n * tw_shape_size(&in));
    for (int64_t k = 0; k < c->n * tw_shape_size(&in); k++)
        w->x[k] = tw_rng_normal(&key, draw++);
    for (int i = 0; i < c->n; i++)
        w->labels[i] = (i * 2 + 1) % CLASSES;
    assert_ok(tw_backend_find(&w->table, backend, e));
    assert_ok(w->table->open(&w->backend, NULL, e));
    assert_ok(w->table->train_create(&w->plan, w->backend, w->graph, MAX_N, 2, NULL, e));
}

static void free_world(world *w)
{
    w->table->train_free(w->plan);
    w->table->close(w->backend);
    for (int i = 0; i < w->graph->n; i++)
        for (int slot = 0; slot < 2; slot++) {
            tw_free(w->values[i][slot]);
            tw_free(w->gradient[i][slot]);
        }
    tw_graph_free(w->graph);
    tw_free(w->x);
}

static double mean_loss(world *w, const tw_sink *sink)
{
    double loss[MAX_N], sum = 0;
    float logits[MAX_N * CLASSES];
    assert_ok(w->table->train_step(w->plan, w->weights, w->x, w->labels, w->n, 1, 2, 3, loss,
                                   logits, sink, e));
    for (int i = 0; i < w->n; i++)
        sum += loss[i];
    return sum / w->n;
}

/* Central difference at one number. fp32 forward: steps of 1/64 keep rounding below 1e-4. */
static double difference(world *w, float *value)
{
    const float kept = *value, step = 1.0f / 64;
    double above, below;
    *value = kept + step;
    above = mean_loss(w, NULL);
    *value = kept - step;
    below = mean_loss(w, NULL);
    *value = kept;
    return (above - below) / (2 * (double)step);
}

static void check_case(const top_case *c, const char *backend)
{
    world w;
    tw_sink sink = {store_gradient, &w};
    int n_checked = 0, n_off = 0;
    make_world(&w, c, backend);
    mean_loss(&w, &sink);
    for (int i = 0; i < w.graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            for (int64_t k = 0; k < w.sizes[i][slot]; k++) {
                double numeric = difference(&w, &w.values[i][slot][k]);
                double analytic = (double)w.gradient[i][slot][k];
                n_checked++;
                n_off += fabs(numeric - analytic) > 1e-3 + 1e-2 * fabs(numeric);
            }
    free_world(&w);
    /* a step may cross the kink of a relu: one number in fifty is allowed to */
    if (n_checked == 0 || n_off * 50 > n_checked)
        fail_msg("%s on %s: %d of %d gradients are off", c->name, backend, n_off, n_checked);
}

static void gradients_are_those_of_the_loss_in_ref(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        check_case(&cases[i], "ref");
}

static void gradients_are_those_of_the_loss_in_cpu(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        check_case(&cases[i], "cpu");
}

static void refused(const tw_node *nodes, int n, tw_status status, const char *sentence)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){4, 4, 2});
    const tw_backend_table *table;
    tw_backend *backend;
    tw_graph *graph;
    tw_train_plan *plan;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    for (int i = 0; i < n; i++) {
        tw_node node = nodes[i];
        snprintf(node.name, sizeof node.name, "layer%d", i);
        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(graph, &node, e));
    }
    assert_ok(tw_backend_find(&table, "ref", e));
    assert_ok(table->open(&backend, NULL, e));
    assert_fails(status, sentence, table->train_create(&plan, backend, graph, 2, 1, NULL, e));
    assert_null(plan);
    table->close(backend);
    tw_graph_free(graph);
}

static void what_cannot_be_trained_is_named(void **state)
{
    (void)state;
    refused((tw_node[]){{.op = TW_OP_CONV2D, .units = 2, .window = {3, 3}, .stride = {1, 1}}}, 1,
            TW_EUNSUPPORTED, "layer0: a Conv2D layer cannot be trained yet");
    refused((tw_node[]){{.op = TW_OP_FLATTEN}, DENSE(3, TW_SOFTMAX), DENSE(3, TW_SOFTMAX)}, 3,
            TW_EUNSUPPORTED, "layer1: softmax is trained as the last layer only");
    refused((tw_node[]){{.op = TW_OP_FLATTEN}, DENSE(3, TW_RELU)}, 2, TW_EUSAGE,
            "layer1: a classifier ends in softmax");
}

static void a_batch_too_large_is_refused(void **state)
{
    world w;
    double loss[MAX_N];
    float logits[MAX_N * CLASSES];
    (void)state;
    make_world(&w, &cases[0], "ref");
    assert_fails(
        TW_EUSAGE, "a batch of 7 samples in a plan for 6",
        w.table->train_step(w.plan, w.weights, w.x, w.labels, 7, 1, 1, 1, loss, logits, NULL, e));
    free_world(&w);
}

static void frozen_layers_get_no_gradient(void **state)
{
    world w;
    tw_sink sink = {store_gradient, &w};
    bool frozen[MAX_NODES] = {false, true};
    (void)state;
    make_world(&w, &cases[2], "cpu");
    w.table->train_free(w.plan);
    assert_ok(w.table->train_create(&w.plan, w.backend, w.graph, MAX_N, 1, frozen, e));
    mean_loss(&w, &sink);
    for (int64_t k = 0; k < w.sizes[1][0]; k++)
        assert_true(w.gradient[1][0][k] == 0);
    assert_true(w.gradient[2][0][0] != 0);
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss_in_ref),
        cmocka_unit_test(gradients_are_those_of_the_loss_in_cpu),
        cmocka_unit_test(what_cannot_be_trained_is_named),
        cmocka_unit_test(a_batch_too_large_is_refused),
        cmocka_unit_test(frozen_layers_get_no_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
