/* Ten steps of both recipes in miniature, loss by loss, and the parameters after them, against
 * Keras (tools/golden/steps.py): the training plan and the optimizer together. Then the same of
 * label smoothing, and of targets that two classes share. */
#include "train/train_int.h"

#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { MAX_NODES = 8, MAX_OPTIONS = 5, MAX_VALUES = 2000, BATCH = 6, STEPS = 10, CLASSES = 4 };

#define CONV(k)                                                                                 \
    {                                                                                           \
        .op = TW_OP_CONV2D, .units = k, .window = {3, 3}, .stride = {1, 1}, .padding = TW_SAME, \
        .activation = TW_RELU                                                                   \
    }
#define DENSE(k, act)                                    \
    {                                                    \
        .op = TW_OP_DENSE, .units = k, .activation = act \
    }

typedef struct job {
    const char *name;
    int64_t in[3];
    tw_node nodes[MAX_NODES - 1];
    int n_nodes;
    const char *options[MAX_OPTIONS][2];
    double smoothing, other; /* of the targets; share of another class */
} job;

static const job jobs[] = {
    {"features",
     {3, 3, 8},
     {{.op = TW_OP_FLATTEN},
      DENSE(20, TW_RELU),
      DENSE(12, TW_SIGMOID),
      DENSE(8, TW_SIGMOID),
      DENSE(CLASSES, TW_SOFTMAX)},
     5,
     {{"lr", "0.01"}},
     .other = 0},
    {"finetune",
     {8, 8, 4},
     {CONV(6),
      CONV(6),
      {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}},
      {.op = TW_OP_FLATTEN},
      DENSE(10, TW_RELU),
      DENSE(CLASSES, TW_SOFTMAX)},
     6,
     {{"optimizer", "sgd"},
      {"lr", "0.01"},
      {"decay", "0.1"},
      {"momentum", "0.9"},
      {"nesterov", "true"}},
     .other = 0},
    {"smooth",
     {3, 3, 8},
     {{.op = TW_OP_FLATTEN}, DENSE(20, TW_RELU), DENSE(CLASSES, TW_SOFTMAX)},
     3,
     {{"lr", "0.01"}},
     .smoothing = 0.1},
    {"soft",
     {3, 3, 8},
     {{.op = TW_OP_FLATTEN}, DENSE(20, TW_RELU), DENSE(CLASSES, TW_SOFTMAX)},
     3,
     {{"lr", "0.01"}},
     .other = 0.3},
};

/* The network behind its graph, with what the optimizer needs to know of it. */
typedef struct net {
    tw_graph *graph;
    tw_node_weights weights[MAX_NODES];
    float *data[MAX_NODES][2];
    int64_t size[MAX_NODES][2];
    tw_trained trained;
} net;

static float *made(int64_t n, uint32_t seed, float scale)
{
    float *out = tw_alloc_f32(n);

    for (int64_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        out[i] = ((float)(seed >> 24) - 128) / 64 * scale;
    }
    return out;
}

static void make_net(net *it, const job *of)
{
    tw_shape in = tw_shape_make(3, of->in), shapes[2];
    uint32_t seed = 1;

    memset(it, 0, sizeof *it);
    assert_ok(tw_graph_create(&it->graph, "input", &in, e));
    for (int i = 0; i < of->n_nodes; i++) {
        tw_node node = of->nodes[i];

        snprintf(node.name, sizeof node.name, "layer%d", i);
        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(it->graph, &node, e));
    }
    it->trained = (tw_trained){it->graph->n, it->weights, it->data, it->size, 0, NULL};
    for (int i = 0; i < it->graph->n; i++)
        for (int slot = 0; slot < tw_node_params(it->graph, i, shapes); slot++) {
            it->size[i][slot] = tw_shape_size(&shapes[slot]);
            it->data[i][slot] = made(it->size[i][slot], seed++, 0.25f);
            *(slot ? &it->weights[i].bias : &it->weights[i].kernel) = it->data[i][slot];
            it->trained.n += it->size[i][slot];
        }
}

static void free_net(net *it)
{
    for (int i = 0; i < it->graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            tw_free(it->data[i][slot]);
    tw_graph_free(it->graph);
}

/* The next line of the file, which has that name and n numbers within `limit` of ours, relative to
 * the largest of them. */
static void check_line(FILE *file, const char *name, const float *ours, int n, double limit)
{
    static double theirs[MAX_VALUES];
    double largest = 1e-30;
    char word[32];
    int n_theirs;

    assert_int_equal(fscanf(file, "%31s %d", word, &n_theirs), 2);
    assert_string_equal(word, name);
    assert_int_equal(n_theirs, n);
    for (int i = 0; i < n; i++) {
        assert_int_equal(fscanf(file, "%lf", &theirs[i]), 1);
        largest = fmax(largest, fabs(theirs[i]));
    }
    for (int i = 0; i < n; i++)
        if (!(fabs(ours[i] - theirs[i]) <= limit * largest))
            fail_msg("%s, number %d of %d: %.9g, Keras has %.9g", name, i, n, (double)ours[i],
                     theirs[i]);
}

/* Targets of step t into the plan, made in `out` (BATCH,CLASSES). */
static void set_targets(tw_train_plan *plan, float *out, const job *of, const int *labels, int t)
{
    const tw_rng_key key = tw_rng_make_key(1, TW_RNG_MIX, 0, (uint64_t)t);
    tw_mixer mixer = {.smoothing = of->smoothing, .n_classes = CLASSES, .targets = out};
    const float row = 0;

    if (of->smoothing > 0)
        assert_ptr_equal(tw_train__mix(&mixer, &row, labels, BATCH, &key), &row);
    for (int i = 0; of->other > 0 && i < BATCH * CLASSES; i++)
        out[i] = (float)((i % CLASSES == labels[i / CLASSES]) * (1 - of->other) +
                         (i % CLASSES == (i / CLASSES + t) % CLASSES) * of->other);
    plan->targets = of->smoothing > 0 || of->other > 0 ? out : NULL;
}

/* Step t; the mean loss. */
static float make_step(tw_train_plan *plan, const net *it, tw_optimizer *optimizer, const job *of,
                       int t)
{
    const int64_t size = tw_shape_size(&it->graph->nodes[0].out);
    float *x = made(BATCH * size, 100 + (uint32_t)t, 1), logits[BATCH * CLASSES];
    float targets[BATCH * CLASSES];
    tw_sink sink = tw_train__optimizer_sink(optimizer);
    double loss[BATCH], sum = 0;
    int labels[BATCH];

    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    set_targets(plan, targets, of, labels, t);
    tw_train__optimizer_begin(optimizer, 1.0);
    assert_ok(plan->table->train_step(plan, it->weights, x, labels, NULL, BATCH, 1, 0, (uint64_t)t,
                                      loss, logits, &sink, e));
    assert_ok(tw_train__optimizer_end(optimizer, e));
    for (int i = 0; i < BATCH; i++)
        sum += loss[i];
    tw_free(x);
    return (float)(sum / BATCH);
}

static void check_job(FILE *file, const job *of, const char *backend_name)
{
    net it;
    tw_config *config;
    const tw_backend_table *table;
    tw_backend *backend;
    tw_train_plan *plan;
    tw_optimizer optimizer;
    float losses[STEPS];

    make_net(&it, of);
    assert_ok(tw_config_create(&config, e));
    for (int i = 0; i < MAX_OPTIONS && of->options[i][0]; i++)
        assert_ok(tw_config_set(config, of->options[i][0], of->options[i][1], TW_FROM_FLAG, e));
    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(table->train_create(&plan, backend, it.graph, BATCH, 1, NULL, e));
    assert_ok(tw_train__optimizer_create(&optimizer, config, table, &it.trained, NULL, 1, e));

    for (int t = 0; t < STEPS; t++)
        losses[t] = make_step(plan, &it, &optimizer, of, t);
    check_line(file, of->name, losses, STEPS, 1e-5);
    for (int i = 0; i < it.graph->n; i++)
        for (int slot = 0; slot < 2 && it.data[i][slot]; slot++)
            check_line(file, of->name, it.data[i][slot], (int)it.size[i][slot], 1e-5);

    tw_train__optimizer_free(&optimizer);
    table->train_free(plan);
    table->close(backend);
    tw_config_free(config);
    free_net(&it);
}

static void ten_steps_are_kerass(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        FILE *file = fopen(TW_TEST_DATA "/steps.txt", "r");
        char rest[2];

        assert_non_null(file);
        while (fgetc(file) != '\n') /* versions */
            assert_false(feof(file));
        for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++)
            check_job(file, &jobs[i], b ? "cpu" : "ref");
        assert_int_equal(fscanf(file, "%1s", rest), EOF);
        fclose(file);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(ten_steps_are_kerass)};

    return cmocka_run_group_tests_name("train/golden_steps", tests, NULL, NULL);
}
