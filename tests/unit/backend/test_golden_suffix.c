/* A training step of small suffixes (convolutions, max-pools with ties, dense): loss, logits and
 * every gradient against PyTorch (tools/golden/suffix.py), through both backends. */
#include "backend/backend.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { MAX_NODES = 8, MAX_N = 5, MAX_VALUES = 5000 };

#define CONV(k, r, s, sy, sx, pad, act)                                                       \
    {                                                                                         \
        .op = TW_OP_CONV2D, .units = k, .window = {r, s}, .stride = {sy, sx}, .padding = pad, \
        .activation = act                                                                     \
    }
#define POOL(r, s, sy, sx, pad)                                                    \
    {                                                                              \
        .op = TW_OP_MAX_POOL, .window = {r, s}, .stride = {sy, sx}, .padding = pad \
    }
#define DENSE(k, act)                                    \
    {                                                    \
        .op = TW_OP_DENSE, .units = k, .activation = act \
    }

typedef struct net {
    const char *name;
    int64_t in[3];
    int n; /* samples */
    tw_node nodes[MAX_NODES];
    int n_nodes;
} net;

static const net nets[] = {
    {"plain",
     {8, 7, 3},
     3,
     {CONV(6, 3, 3, 1, 1, TW_SAME, TW_RELU),
      POOL(2, 2, 2, 2, TW_VALID),
      CONV(5, 3, 3, 1, 1, TW_VALID, TW_LINEAR),
      {.op = TW_OP_FLATTEN},
      DENSE(4, TW_SOFTMAX)},
     5},
    {"strides",
     {9, 6, 2},
     2,
     {CONV(4, 3, 3, 2, 2, TW_SAME, TW_RELU),
      CONV(3, 5, 3, 1, 2, TW_SAME, TW_SIGMOID),
      {.op = TW_OP_FLATTEN},
      DENSE(3, TW_SOFTMAX)},
     4},
    {"ties",
     {6, 5, 2},
     2,
     {{.op = TW_OP_RELU},
      CONV(8, 2, 3, 1, 1, TW_SAME, TW_LINEAR),
      POOL(3, 3, 2, 2, TW_SAME),
      {.op = TW_OP_GLOBAL_AVERAGE_POOL},
      DENSE(3, TW_SOFTMAX)},
     5},
    {"wide",
     {9, 8, 16},
     5,
     {CONV(16, 3, 3, 1, 1, TW_SAME, TW_RELU),
      POOL(2, 2, 2, 2, TW_VALID),
      CONV(32, 3, 3, 1, 1, TW_SAME, TW_RELU),
      {.op = TW_OP_GLOBAL_AVERAGE_POOL},
      DENSE(6, TW_RELU),
      DENSE(3, TW_SOFTMAX)},
     6},
};
enum { N_NETS = sizeof nets / sizeof nets[0] };

/* Numbers of the net `it`: those of "ties" have two bits. */
static float *made(const net *it, int64_t n, uint32_t seed, float scale)
{
    uint32_t mask = strcmp(it->name, "ties") == 0 ? 0xC0 : 0xFF;
    float *out = tw_alloc_f32(n);
    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = ((float)(seed >> 24 & mask) - 128) / 64 * scale;
    }
    return out;
}

static tw_graph *graph_of(const net *it)
{
    tw_shape in = tw_shape_make(3, it->in);
    tw_graph *graph;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    for (int i = 0; i < it->n_nodes; i++) {
        tw_node node = it->nodes[i];
        snprintf(node.name, sizeof node.name, "layer%d", i);
        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(graph, &node, e));
    }
    return graph;
}

typedef struct store {
    float *gradient[MAX_NODES + 1][2];
} store;

static void store_gradient(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    store *s = ctx;
    memcpy(s->gradient[node][slot] + first, gradient, (size_t)n * sizeof *gradient);
}

/* The next line of the file, which is of net `name` and has n values within `limit` of ours,
 * relative to the largest of the line. */
static void check_line(FILE *file, const char *name, const float *ours, int n)
{
    static float theirs[MAX_VALUES];
    double largest = 1e-30, error = 0;
    char word[32];
    int n_theirs;
    assert_int_equal(fscanf(file, "%31s %d", word, &n_theirs), 2);
    assert_string_equal(word, name);
    assert_int_equal(n_theirs, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(fscanf(file, "%f", &theirs[i]), 1);
        largest = fmax(largest, fabs((double)theirs[i]));
    }
    for (int i = 0; i < n; i++)
        error = fmax(error, fabs((double)ours[i] - (double)theirs[i]));
    if (!(error <= 1e-5 * largest))
        fail_msg("%s, %d values: error %g of %g", name, n, error, largest);
}

static void check_net(FILE *file, const net *it, const char *backend_name)
{
    tw_graph *graph = graph_of(it);
    const tw_backend_table *table;
    tw_backend *backend;
    tw_train_plan *plan;
    tw_node_weights weights[MAX_NODES + 1] = {{0}};
    store s = {0};
    tw_sink sink = {.take = store_gradient, .ctx = &s};
    int classes = it->nodes[it->n_nodes - 1].units, labels[MAX_N];
    float *x = made(it, it->n * tw_shape_size(&graph->nodes[0].out), 99, 1), logits[MAX_N * 8];
    float mean = 0;
    double loss[MAX_N];
    uint32_t seed = 1;
    int64_t size[MAX_NODES + 1][2] = {{0}};

    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            size[i][slot] = tw_shape_size(&shapes[slot]);
            s.gradient[i][slot] = tw_alloc_f32(size[i][slot]);
            *(slot ? &weights[i].bias : &weights[i].kernel) =
                made(it, size[i][slot], seed++, 0.25f);
        }
    }
    for (int i = 0; i < it->n; i++)
        labels[i] = i % classes;
    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(table->train_create(&plan, backend, graph, MAX_N, 1, NULL, e));
    assert_ok(
        table->train_step(plan, weights, x, labels, NULL, it->n, 1, 0, 0, loss, logits, &sink, e));

    for (int i = 0; i < it->n; i++)
        mean += (float)(loss[i] / it->n);
    check_line(file, it->name, &mean, 1);
    check_line(file, it->name, logits, it->n * classes);
    for (int i = 0; i < graph->n; i++)
        for (int slot = 0; slot < 2 && size[i][slot] > 0; slot++) {
            check_line(file, it->name, s.gradient[i][slot], (int)size[i][slot]);
            tw_free(s.gradient[i][slot]);
            tw_free((void *)(slot ? weights[i].bias : weights[i].kernel));
        }
    table->train_free(plan);
    table->close(backend);
    tw_graph_free(graph);
    tw_free(x);
}

static void steps_are_pytorchs(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        FILE *file = fopen(TW_TEST_DATA "/suffix.txt", "r");
        assert_non_null(file);
        while (fgetc(file) != '\n') /* versions */
            assert_false(feof(file));
        for (int i = 0; i < N_NETS; i++)
            check_net(file, &nets[i], b ? "cpu" : "ref");
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(steps_are_pytorchs)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
