/*
 * Analytic gradients against finite differences of the mean loss, for every op that a training plan
 * can hold, through both backends. Dropout keeps its mask because its key does not change.
 */
#include "backend/backend.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { MAX_NODES = 12, MAX_N = 11, CLASSES = 3 };

typedef struct top_case {
    const char *name;
    int64_t h, w, c; /* w = 0: a vector of h numbers */
    int n;
    tw_node nodes[10];
    int n_nodes;
} top_case;

#define DENSE(k, act)                                    \
    {                                                    \
        .op = TW_OP_DENSE, .units = k, .activation = act \
    }
#define CONV(k, r, s, sy, sx, pad, act)                                                       \
    {                                                                                         \
        .op = TW_OP_CONV2D, .units = k, .window = {r, s}, .stride = {sy, sx}, .padding = pad, \
        .activation = act                                                                     \
    }
#define POOL(r, s, sy, sx, pad)                                                    \
    {                                                                              \
        .op = TW_OP_MAX_POOL, .window = {r, s}, .stride = {sy, sx}, .padding = pad \
    }
#define DEPTHWISE(r, s, sy, sx, pad, act)                                                   \
    {                                                                                       \
        .op = TW_OP_DEPTHWISE_CONV2D, .window = {r, s}, .stride = {sy, sx}, .padding = pad, \
        .activation = act                                                                   \
    }
/* of the layers a and b, counted from 1; 0 is the input */
#define ADD(a, b)                                          \
    {                                                      \
        .op = TW_OP_ADD, .n_inputs = 2, .inputs = { a, b } \
    }
/* a convolution of layer a, not of the one before it */
#define CONV_OF(a, k, r, sy, act)                                                       \
    {                                                                                   \
        .op = TW_OP_CONV2D, .n_inputs = 1, .inputs = {a}, .units = k, .window = {r, r}, \
        .stride = {sy, sy}, .padding = TW_SYMMETRIC, .activation = act                  \
    }
#define FLATTEN             \
    {                       \
        .op = TW_OP_FLATTEN \
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
    {"conv 3x3 same",
     5,
     6,
     2,
     3,
     {CONV(4, 3, 3, 1, 1, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 3x3 valid, relu",
     5,
     4,
     3,
     2,
     {CONV(5, 3, 3, 1, 1, TW_VALID, TW_RELU), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 3x3 stride 2 same, even",
     6,
     8,
     2,
     2,
     {CONV(3, 3, 3, 2, 2, TW_SAME, TW_SIGMOID), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 3x3 stride 2 same, odd",
     7,
     5,
     2,
     2,
     {CONV(3, 3, 3, 2, 2, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 5x3, stride 1x2",
     7,
     8,
     1,
     2,
     {CONV(2, 5, 3, 1, 2, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 2x2 same",
     4,
     3,
     2,
     1,
     {CONV(3, 2, 2, 1, 1, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 1x1, many samples",
     2,
     3,
     5,
     11,
     {CONV(4, 1, 1, 1, 1, TW_SAME, TW_RELU), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"conv 1x1 stride 2",
     5,
     5,
     3,
     2,
     {CONV(4, 1, 1, 2, 2, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"two convs: the data gradient",
     4,
     5,
     2,
     3,
     {CONV(3, 3, 3, 1, 1, TW_SAME, TW_SIGMOID), CONV(4, 3, 3, 2, 2, TW_SAME, TW_SIGMOID), FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"convs of 16 channels",
     5,
     5,
     16,
     2,
     {CONV(16, 1, 1, 1, 1, TW_SAME, TW_SIGMOID),
      CONV(16, 3, 3, 1, 1, TW_SAME, TW_LINEAR),
      {.op = TW_OP_GLOBAL_AVERAGE_POOL},
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"pool 2x2",
     6,
     7,
     2,
     2,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_LINEAR), POOL(2, 2, 2, 2, TW_VALID), FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"pool 3x3 stride 2 same",
     5,
     6,
     2,
     3,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_LINEAR), POOL(3, 3, 2, 2, TW_SAME), FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"pool 2x3 stride 1",
     4,
     5,
     2,
     2,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_LINEAR), POOL(2, 3, 1, 1, TW_VALID), FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"conv, relu as a layer, dropout",
     4,
     4,
     2,
     3,
     {CONV(4, 3, 3, 1, 1, TW_SAME, TW_LINEAR),
      {.op = TW_OP_RELU},
      {.op = TW_OP_DROPOUT, .rate = 0.3},
      FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     5},
    {"conv, pool, conv, flatten, dense",
     8,
     7,
     3,
     5,
     {CONV(6, 3, 3, 1, 1, TW_SAME, TW_RELU),
      POOL(2, 2, 2, 2, TW_VALID),
      CONV(5, 3, 3, 1, 1, TW_SAME, TW_RELU),
      FLATTEN,
      DENSE(7, TW_RELU),
      {.op = TW_OP_DROPOUT, .rate = 0.25},
      DENSE(CLASSES, TW_SOFTMAX)},
     7},
    {"relu6", 100, 0, 0, 5, {DENSE(6, TW_RELU6), DENSE(CLASSES, TW_SOFTMAX)}, 2},
    {"depthwise 3x3 same",
     5,
     6,
     19,
     3,
     {DEPTHWISE(3, 3, 1, 1, TW_SAME, TW_LINEAR), FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     3},
    {"depthwise 5x3 stride 2 same, behind a convolution",
     6,
     8,
     2,
     2,
     {CONV(5, 1, 1, 1, 1, TW_SAME, TW_SIGMOID),
      DEPTHWISE(5, 3, 2, 2, TW_SAME, TW_RELU6),
      {.op = TW_OP_GLOBAL_AVERAGE_POOL},
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"depthwise 3x3 stride 2 symmetric, valid 2x2",
     6,
     7,
     3,
     2,
     {DEPTHWISE(3, 3, 2, 2, TW_SYMMETRIC, TW_SIGMOID), DEPTHWISE(2, 2, 1, 1, TW_VALID, TW_LINEAR),
      FLATTEN, DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"conv 3x3 stride 2 symmetric, pool 3x3 stride 2 symmetric",
     8,
     10,
     2,
     2,
     {CONV(3, 3, 3, 2, 2, TW_SYMMETRIC, TW_LINEAR), POOL(3, 3, 2, 2, TW_SYMMETRIC), FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     4},
    {"a residual block",
     4,
     5,
     2,
     3,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_LINEAR),
      CONV(3, 3, 3, 1, 1, TW_SAME, TW_SIGMOID),
      CONV(3, 3, 3, 1, 1, TW_SAME, TW_LINEAR),
      ADD(3, 1),
      {.op = TW_OP_RELU},
      FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     7},
    {"two residual blocks, the sum read twice, the shortcut first",
     4,
     4,
     3,
     2,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_LINEAR),
      CONV(3, 3, 3, 1, 1, TW_SAME, TW_SIGMOID),
      ADD(1, 2),
      CONV(3, 1, 1, 1, 1, TW_SAME, TW_SIGMOID),
      ADD(4, 3),
      {.op = TW_OP_SIGMOID},
      FLATTEN,
      DENSE(CLASSES, TW_SOFTMAX)},
     8},
    {"a block with a convolution beside it",
     6,
     6,
     2,
     2,
     {CONV(3, 1, 1, 1, 1, TW_SAME, TW_SIGMOID),
      CONV_OF(1, 4, 3, 2, TW_SIGMOID),
      CONV_OF(1, 4, 1, 2, TW_LINEAR),
      ADD(2, 3),
      {.op = TW_OP_RELU},
      {.op = TW_OP_GLOBAL_AVERAGE_POOL},
      DENSE(CLASSES, TW_SOFTMAX)},
     7},
    {"a sum of the same twice, and of the input",
     5,
     0,
     0,
     3,
     {DENSE(5, TW_SIGMOID), ADD(1, 1), ADD(0, 2), DENSE(CLASSES, TW_SOFTMAX)},
     4},
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
    const float *sample_weights; /* NULL: all 1 */
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
        if (node.n_inputs == 0) {
            node.n_inputs = 1;
            node.inputs[0] = i;
        }
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
    assert_ok(w->table->train_create(&w->plan, w->backend, w->graph, MAX_N, 1, NULL, e));
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
    assert_ok(w->table->train_step(w->plan, w->weights, w->x, w->labels, w->sample_weights, w->n, 1,
                                   2, 3, loss, logits, sink, e));
    for (int i = 0; i < w->n; i++)
        sum += loss[i];
    return sum / w->n;
}

/* Is `analytic` the slope at one number? Central difference; where the kink of a relu or of a
 * maximum lies within the step, the side that it does not lie on. fp32 forward: steps of 1/256 keep
 * rounding below 4e-4. */
static bool is_slope(world *w, float *value, double analytic)
{
    const float kept = *value, step = 1.0f / 256;
    double above, here, below, slopes[3];
    *value = kept + step;
    above = mean_loss(w, NULL);
    *value = kept - step;
    below = mean_loss(w, NULL);
    *value = kept;
    here = mean_loss(w, NULL);
    slopes[0] = (above - below) / (2 * (double)step);
    slopes[1] = (above - here) / (double)step;
    slopes[2] = (here - below) / (double)step;
    for (int i = 0; i < 3; i++)
        if (fabs(slopes[i] - analytic) <= 1e-3 + 1e-2 * fabs(slopes[i]))
            return true;
    return false;
}

static const float *soft_targets; /* of the case under way, NULL: its labels */

static void check_case(const top_case *c, const char *backend, const float *sample_weights)
{
    world w;
    tw_sink sink = {.take = store_gradient, .ctx = &w};
    int n_checked = 0, n_off = 0;
    make_world(&w, c, backend);
    w.sample_weights = sample_weights;
    w.plan->targets = soft_targets;
    mean_loss(&w, &sink);
    for (int i = 0; i < w.graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            for (int64_t k = 0; k < w.sizes[i][slot]; k++) {
                n_checked++;
                n_off += !is_slope(&w, &w.values[i][slot][k], (double)w.gradient[i][slot][k]);
            }
    free_world(&w);
    /* kinks on both sides: one number in fifty may have them */
    if (n_checked == 0 || n_off * 50 > n_checked)
        fail_msg("%s on %s: %d of %d gradients are off", c->name, backend, n_off, n_checked);
}

static void gradients_are_those_of_the_loss_in_ref(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        check_case(&cases[i], "ref", NULL);
}

static void gradients_are_those_of_the_loss_in_cpu(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        check_case(&cases[i], "cpu", NULL);
}

/* Rows that sum to 1, none of them like another. */
static void make_soft(float *targets)
{
    for (int i = 0; i < MAX_N; i++)
        for (int k = 0; k < CLASSES; k++)
            targets[i * CLASSES + k] = (float)((k == i % CLASSES) * 0.55 +
                                               (k == (i + 1) % CLASSES) * 0.25 + 0.2 / CLASSES);
}

static const top_case *case_of(const char *name)
{
    for (int i = 0; i < N_CASES; i++)
        if (strcmp(cases[i].name, name) == 0)
            return &cases[i];
    fail_msg("no case %s", name);
    return NULL;
}

static const float sample_weights[MAX_N] = {0.5f, 3, 0, 1, 0.25f, 2, 1.5f, 0.75f, 1, 4, 0.125f};

static void gradients_are_those_of_the_weighted_loss(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i += 3) {
        check_case(&cases[i], "ref", sample_weights);
        check_case(&cases[i], "cpu", sample_weights);
    }
}

static void check_soft_case(const top_case *c, const char *backend, const float *targets)
{
    soft_targets = targets;
    check_case(c, backend, NULL);
    check_case(c, backend, sample_weights);
    soft_targets = NULL;
}

static void gradients_are_those_of_soft_targets(void **state)
{
    float targets[MAX_N * CLASSES];
    (void)state;
    make_soft(targets);
    for (int i = 0; i < N_CASES; i += 3) {
        check_soft_case(&cases[i], "ref", targets);
        check_soft_case(&cases[i], "cpu", targets);
    }
}

/* One-hot rows are the labels, to the bit but for the last ones of the loss. */
static void one_hot_targets_are_labels(void **state)
{
    float one_hot[MAX_N * CLASSES] = {0};
    world hard, soft;
    tw_sink sinks[] = {{.take = store_gradient, .ctx = &hard},
                       {.take = store_gradient, .ctx = &soft}};
    double loss;
    (void)state;
    make_world(&hard, case_of("conv 1x1, many samples"), "ref");
    make_world(&soft, case_of("conv 1x1, many samples"), "ref");
    for (int i = 0; i < soft.n; i++)
        one_hot[i * CLASSES + soft.labels[i]] = 1;
    soft.plan->targets = one_hot;
    loss = mean_loss(&hard, &sinks[0]);
    assert_true(fabs(mean_loss(&soft, &sinks[1]) - loss) < 1e-12);
    for (int i = 0; i < hard.graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            if (hard.sizes[i][slot])
                assert_memory_equal(hard.gradient[i][slot], soft.gradient[i][slot],
                                    (size_t)hard.sizes[i][slot] * sizeof(float));
    free_world(&hard);
    free_world(&soft);
}

/* Each sample's loss times its weight, to the bit; the logits, and a weight of 1, are as without.
 */
static void losses_are_multiplied_by_their_weights(void **state)
{
    world w;
    double plain[MAX_N], weighted[MAX_N];
    float logits[2][MAX_N * CLASSES];
    (void)state;
    make_world(&w, case_of("conv 1x1, many samples"), "cpu");
    assert_ok(w.table->train_step(w.plan, w.weights, w.x, w.labels, NULL, w.n, 1, 2, 3, plain,
                                  logits[0], NULL, e));
    assert_ok(w.table->train_step(w.plan, w.weights, w.x, w.labels, sample_weights, w.n, 1, 2, 3,
                                  weighted, logits[1], NULL, e));
    for (int i = 0; i < w.n; i++)
        assert_true(weighted[i] == plain[i] * (double)sample_weights[i]);
    assert_memory_equal(logits[0], logits[1], (size_t)(w.n * CLASSES) * sizeof **logits);
    free_world(&w);
}

/* A weight counts as so many samples do, and the mean stays one over n: all weights 2 double every
 * gradient, to the bit. */
static void weights_of_2_double_the_gradient(void **state)
{
    float twos[MAX_N];
    world one, two;
    tw_sink sinks[] = {{.take = store_gradient, .ctx = &one},
                       {.take = store_gradient, .ctx = &two}};
    (void)state;
    for (int i = 0; i < MAX_N; i++)
        twos[i] = 2;
    make_world(&one, case_of("conv 1x1, many samples"), "ref");
    make_world(&two, case_of("conv 1x1, many samples"), "ref");
    two.sample_weights = twos;
    mean_loss(&one, &sinks[0]);
    mean_loss(&two, &sinks[1]);
    for (int i = 0; i < one.graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            for (int64_t k = 0; k < one.sizes[i][slot]; k++)
                assert_true(two.gradient[i][slot][k] == 2 * one.gradient[i][slot][k]);
    free_world(&one);
    free_world(&two);
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
    refused((tw_node[]){CONV(2, 3, 3, 1, 1, TW_SAME, TW_RELU)}, 1, TW_EUSAGE,
            "layer0: a classifier ends in softmax");
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
    assert_fails(TW_EUSAGE, "a batch of 12 samples in a plan for 11",
                 w.table->train_step(w.plan, w.weights, w.x, w.labels, NULL, 12, 1, 1, 1, loss,
                                     logits, NULL, e));
    free_world(&w);
}

static void weights_at_odd_addresses_are_refused(void **state)
{
    world w;
    double loss[MAX_N];
    float logits[MAX_N * CLASSES];
    (void)state;
    make_world(&w, &cases[0], "ref");
    w.weights[1].kernel = (const float *)((const char *)w.weights[1].kernel + 1);
    assert_fails(TW_EUSAGE, "layer0: its weights lie at an address that is no float's",
                 w.table->train_step(w.plan, w.weights, w.x, w.labels, NULL, 1, 1, 1, 1, loss,
                                     logits, NULL, e));
    free_world(&w);
}

static void make_frozen(world *w, const top_case *c, const char *backend, const bool *frozen)
{
    make_world(w, c, backend);
    w->table->train_free(w->plan);
    assert_ok(w->table->train_create(&w->plan, w->backend, w->graph, MAX_N, 1, frozen, e));
}

static void frozen_layers_get_no_gradient(void **state)
{
    world w;
    tw_sink sink = {.take = store_gradient, .ctx = &w};
    bool frozen[MAX_NODES] = {false, true};
    (void)state;
    make_frozen(&w, &cases[2], "cpu", frozen);
    mean_loss(&w, &sink);
    for (int64_t k = 0; k < w.sizes[1][0]; k++)
        assert_true(w.gradient[1][0][k] == 0);
    assert_true(w.gradient[2][0][0] != 0);
    free_world(&w);
}

static void same_numbers(const float *a, const float *b, int64_t n)
{
    assert_memory_equal(a, b, (size_t)n * sizeof *a);
}

/* A frozen convolution and a frozen dense layer inside: what lies below gets the same gradient,
 * they get none. */
static void frozen_layers_inside_pass_the_gradient_on(void **state)
{
    const top_case *c = case_of("conv, pool, conv, flatten, dense");
    bool frozen[MAX_NODES] = {[3] = true, [5] = true};
    (void)state;
    for (int b = 0; b < 2; b++) {
        world all, some;
        tw_sink sinks[2] = {{.take = store_gradient, .ctx = &all},
                            {.take = store_gradient, .ctx = &some}};
        make_frozen(&all, c, b ? "cpu" : "ref", NULL);
        make_frozen(&some, c, b ? "cpu" : "ref", frozen);
        mean_loss(&all, &sinks[0]);
        mean_loss(&some, &sinks[1]);
        for (int i = 0; i < all.graph->n; i++)
            for (int slot = 0; slot < 2; slot++)
                for (int64_t k = 0; frozen[i] && k < all.sizes[i][slot]; k++)
                    assert_true(some.gradient[i][slot][k] == 0);
        same_numbers(all.gradient[1][0], some.gradient[1][0], all.sizes[1][0]);
        same_numbers(all.gradient[1][1], some.gradient[1][1], all.sizes[1][1]);
        same_numbers(all.gradient[7][0], some.gradient[7][0], all.sizes[7][0]);
        free_world(&all);
        free_world(&some);
    }
}

/* Only the last layer is trained: nothing is computed backwards below it. Its gradient is that of
 * the plan in which all is trained. */
static void a_frozen_prefix_is_run_forward_only(void **state)
{
    const top_case *c = case_of("conv, pool, conv, flatten, dense");
    bool frozen[MAX_NODES] = {[1] = true, [3] = true, [5] = true};
    (void)state;
    for (int b = 0; b < 2; b++) {
        world all, last;
        tw_sink sinks[2] = {{.take = store_gradient, .ctx = &all},
                            {.take = store_gradient, .ctx = &last}};
        make_frozen(&all, c, b ? "cpu" : "ref", NULL);
        make_frozen(&last, c, b ? "cpu" : "ref", frozen);
        assert_true(last.plan->n_bytes < all.plan->n_bytes);
        mean_loss(&all, &sinks[0]);
        mean_loss(&last, &sinks[1]);
        same_numbers(all.gradient[7][0], last.gradient[7][0], all.sizes[7][0]);
        for (int64_t k = 0; k < all.sizes[1][0]; k++)
            assert_true(last.gradient[1][0][k] == 0);
        free_world(&all);
        free_world(&last);
    }
}

/* All places of a window the same: the first one, row by row, gets the gradient; so a step has none
 * at the others. Seen through a 1x1 convolution below: its gradient is x at the places that win. */
static void of_equal_maxima_the_first_gets_the_gradient(void **state)
{
    const top_case *c = case_of("pool 3x3 stride 2 same");
    (void)state;
    for (int b = 0; b < 2; b++) {
        world w;
        tw_sink sink = {.take = store_gradient, .ctx = &w};
        double bias = 0;
        make_world(&w, c, b ? "cpu" : "ref");
        /* the convolution gives the bias everywhere: each window of 5x6, 3x3, stride 2 is a tie.
         * Rows begin at -1, 1, 3, columns at 0, 2, 4: places (0|1|3, 0|2|4) win. */
        memset(w.values[1][0], 0, (size_t)w.sizes[1][0] * sizeof(float));
        w.n = 1;
        for (int64_t i = 0; i < 5 * 6; i++) {
            bool wins = (i / 6 == 0 || i / 6 == 1 || i / 6 == 3) && i % 6 % 2 == 0;
            w.x[2 * i] = 1;
            w.x[2 * i + 1] = wins ? 2 : 1000;
        }
        mean_loss(&w, &sink);
        for (int k = 0; k < 3; k++) {
            bias = (double)w.gradient[1][1][k];
            assert_true(fabs(bias) > 1e-4);
            assert_true(fabs((double)w.gradient[1][0][k] - bias) < 1e-5);
            assert_true(fabs((double)w.gradient[1][0][3 + k] - 2 * bias) < 1e-5);
        }
        free_world(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_loss_in_ref),
        cmocka_unit_test(gradients_are_those_of_the_loss_in_cpu),
        cmocka_unit_test(gradients_are_those_of_the_weighted_loss),
        cmocka_unit_test(gradients_are_those_of_soft_targets),
        cmocka_unit_test(one_hot_targets_are_labels),
        cmocka_unit_test(losses_are_multiplied_by_their_weights),
        cmocka_unit_test(weights_of_2_double_the_gradient),
        cmocka_unit_test(what_cannot_be_trained_is_named),
        cmocka_unit_test(a_batch_too_large_is_refused),
        cmocka_unit_test(weights_at_odd_addresses_are_refused),
        cmocka_unit_test(frozen_layers_get_no_gradient),
        cmocka_unit_test(frozen_layers_inside_pass_the_gradient_on),
        cmocka_unit_test(a_frozen_prefix_is_run_forward_only),
        cmocka_unit_test(of_equal_maxima_the_first_gets_the_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
