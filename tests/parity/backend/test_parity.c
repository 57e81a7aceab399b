/*
 * Every op through ref and cpu (own kernels and oneDNN's) on awkward shapes, from one case list,
 * with an error limit a row; the training step (loss and all gradients) likewise; and the same bits
 * for any number of workers. Errors are relative to the largest value of the truth.
 */
#include "backend/backend_int.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

typedef struct layer_case {
    const char *name;
    int64_t h, w, c; /* input; w = 0: a vector of h numbers */
    tw_node node;    /* the layer under test */
    int64_t piece;
    double limit;
} layer_case;

#define CONV(k, r, s, sy, sx, pad, act)                                                       \
    {                                                                                         \
        .op = TW_OP_CONV2D, .units = k, .window = {r, s}, .stride = {sy, sx}, .padding = pad, \
        .activation = act                                                                     \
    }
#define DEPTHWISE(r, st, pad, act)                                                          \
    {                                                                                       \
        .op = TW_OP_DEPTHWISE_CONV2D, .window = {r, r}, .stride = {st, st}, .padding = pad, \
        .activation = act                                                                   \
    }
#define POOL(r, s, sy, sx, pad)                                                    \
    {                                                                              \
        .op = TW_OP_MAX_POOL, .window = {r, s}, .stride = {sy, sx}, .padding = pad \
    }

static const layer_case cases[] = {
    {"conv 3x3 relu 14x14", 14, 14, 32, CONV(48, 3, 3, 1, 1, TW_SAME, TW_RELU), 2, 2e-5},
    {"conv 3x3 of 3 channels", 19, 17, 3, CONV(64, 3, 3, 1, 1, TW_SAME, TW_RELU), 2, 2e-5},
    {"conv 3x3 odd channels", 7, 9, 67, CONV(70, 3, 3, 1, 1, TW_SAME, TW_LINEAR), 1, 2e-5},
    {"conv 3x3 one pixel", 1, 1, 16, CONV(16, 3, 3, 1, 1, TW_SAME, TW_RELU), 3, 2e-5},
    {"conv 3x3 valid", 9, 8, 5, CONV(7, 3, 3, 1, 1, TW_VALID, TW_RELU), 2, 2e-5},
    {"conv 3x3 stride 2 same, even", 8, 10, 4, CONV(6, 3, 3, 2, 2, TW_SAME, TW_RELU), 2, 2e-5},
    {"conv 3x3 stride 2 same, odd", 9, 11, 4, CONV(6, 3, 3, 2, 2, TW_SAME, TW_LINEAR), 2, 2e-5},
    {"conv 1x1", 5, 6, 33, CONV(17, 1, 1, 1, 1, TW_SAME, TW_RELU), 3, 2e-5},
    {"conv 5x3 sigmoid", 9, 7, 8, CONV(9, 5, 3, 1, 1, TW_SAME, TW_SIGMOID), 2, 2e-5},
    {"conv 2x2 same", 6, 7, 8, CONV(8, 2, 2, 1, 1, TW_SAME, TW_LINEAR), 2, 2e-5},
    {"conv 3x3 64 to 64, 56", 56, 56, 64, CONV(64, 3, 3, 1, 1, TW_SAME, TW_RELU), 2, 2e-5},
    {"pool 2x2", 14, 14, 32, POOL(2, 2, 2, 2, TW_VALID), 2, 0},
    {"pool 2x2 odd", 7, 9, 5, POOL(2, 2, 2, 2, TW_VALID), 3, 0},
    {"pool 3x3 stride 2 same", 9, 8, 17, POOL(3, 3, 2, 2, TW_SAME), 2, 0},
    {"conv 3x3 stride 2 symmetric", 8, 11, 4, CONV(6, 3, 3, 2, 2, TW_SYMMETRIC, TW_RELU6), 2, 2e-5},
    {"conv 7x7 stride 2 symmetric", 30, 28, 3, CONV(16, 7, 7, 2, 2, TW_SYMMETRIC, TW_RELU), 2,
     2e-5},
    {"conv 3x3 symmetric, relu6", 9, 9, 40, CONV(48, 3, 3, 1, 1, TW_SYMMETRIC, TW_RELU6), 2, 2e-5},
    {"conv 1x1 stride 2", 14, 14, 48, CONV(64, 1, 1, 2, 2, TW_SYMMETRIC, TW_LINEAR), 2, 2e-5},
    {"conv 1x1 relu6", 7, 7, 320, CONV(96, 1, 1, 1, 1, TW_SAME, TW_RELU6), 4, 2e-5},
    {"depthwise 3x3", 14, 14, 32, DEPTHWISE(3, 1, TW_SAME, TW_RELU6), 2, 2e-5},
    {"depthwise 3x3 stride 2 same, even", 12, 14, 40, DEPTHWISE(3, 2, TW_SAME, TW_RELU6), 4, 2e-5},
    {"depthwise 5x5 stride 2 same", 14, 15, 72, DEPTHWISE(5, 2, TW_SAME, TW_RELU), 2, 2e-5},
    {"depthwise 5x5 odd channels", 9, 7, 13, DEPTHWISE(5, 1, TW_SYMMETRIC, TW_LINEAR), 2, 2e-5},
    {"depthwise 3x2 valid sigmoid",
     9,
     7,
     8,
     {.op = TW_OP_DEPTHWISE_CONV2D, .window = {3, 2}, .stride = {1, 2}, .activation = TW_SIGMOID},
     2,
     2e-5},
    {"pool 3x3 stride 2 symmetric", 14, 16, 24, POOL(3, 3, 2, 2, TW_SYMMETRIC), 2, 0},
    {"dense relu6", 133, 0, 0, {.op = TW_OP_DENSE, .units = 70, .activation = TW_RELU6}, 128, 1e-5},
    {"global average pool", 7, 7, 67, {.op = TW_OP_GLOBAL_AVERAGE_POOL}, 3, 1e-6},
    {"flatten", 3, 5, 7, {.op = TW_OP_FLATTEN}, 2, 0},
    {"dense relu", 133, 0, 0, {.op = TW_OP_DENSE, .units = 70, .activation = TW_RELU}, 128, 1e-5},
    {"dense of one input", 1, 0, 0, {.op = TW_OP_DENSE, .units = 3}, 3, 1e-6},
    {"dense wide", 3000, 0, 0, {.op = TW_OP_DENSE, .units = 1, .activation = TW_SIGMOID}, 5, 1e-5},
    {"dense softmax",
     40,
     0,
     0,
     {.op = TW_OP_DENSE, .units = 10, .activation = TW_SOFTMAX},
     2,
     1e-5},
    {"dropout", 6, 5, 4, {.op = TW_OP_DROPOUT, .rate = 0.5}, 2, 0},
    {"relu", 6, 5, 4, {.op = TW_OP_RELU}, 2, 0},
    {"sigmoid", 6, 5, 4, {.op = TW_OP_SIGMOID}, 2, 1e-5},
    {"softmax", 11, 0, 0, {.op = TW_OP_SOFTMAX}, 4, 1e-5},
};
enum { N_CASES = sizeof cases / sizeof cases[0] };

static void fill(float *out, int64_t n, uint64_t seed, float scale)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 1);

    for (int64_t i = 0; i < n; i++)
        out[i] = tw_rng_normal(&key, (uint64_t)i) * scale;
}

static tw_graph *graph_of(const layer_case *c)
{
    tw_shape in = c->w ? tw_shape_make(3, (int64_t[]){c->h, c->w, c->c})
                       : tw_shape_make(1, (int64_t[]){c->h});
    tw_graph *graph;
    tw_node node = c->node;
    snprintf(node.name, sizeof node.name, "layer");
    node.n_inputs = 1;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    assert_ok(tw_graph_add(graph, &node, e));
    return graph;
}

/* Everything that a plan needs: pieces of samples in, room for the output, the weights. */
typedef struct world {
    tw_graph *graph;
    tw_node_weights weights[2];
    float *parameters[2];
    float *in;
    int64_t n_pieces, in_size, out_size; /* numbers of a piece */
    float *out;
    tw_plan *plan;
    const tw_backend_table *table;
} world;

static void make_world(world *w, const layer_case *c, int64_t n_pieces)
{
    tw_shape shapes[2];
    int n_params;
    *w = (world){.graph = graph_of(c), .n_pieces = n_pieces};
    n_params = tw_node_params(w->graph, 1, shapes);
    for (int i = 0; i < n_params; i++) {
        int64_t n = tw_shape_size(&shapes[i]);
        int64_t fan = i == 0 ? n / shapes[0].dims[shapes[0].rank - 1] : 1;
        w->parameters[i] = tw_alloc_f32(n);
        fill(w->parameters[i], n, (uint64_t)i + 7, i == 0 ? 1.0f / sqrtf((float)fan) : 0.1f);
    }
    w->weights[1] = (tw_node_weights){w->parameters[0], w->parameters[1]};
    w->in_size = c->piece * tw_shape_size(&w->graph->nodes[0].out);
    w->out_size = c->piece * tw_shape_size(&w->graph->nodes[1].out);
    w->in = tw_alloc_f32(n_pieces * w->in_size);
    w->out = tw_alloc_f32(n_pieces * w->out_size);
    fill(w->in, n_pieces * w->in_size, 99, 1);
}

static void free_world(world *w)
{
    tw_graph_free(w->graph);
    tw_free(w->parameters[0]);
    tw_free(w->parameters[1]);
    tw_free(w->in);
    tw_free(w->out);
}

static void run_piece(void *ctx, int64_t piece, int worker)
{
    world *w = ctx;
    tw_error err;
    assert_int_equal(w->table->plan_run(w->plan, worker, w->plan->piece, w->in + piece * w->in_size,
                                        w->out + piece * w->out_size, &err),
                     TW_OK);
}

/* Backend "oneDNN" is cpu with oneDNN's convolutions where it has own ones. */
static void run_all(world *w, const char *backend_name, int64_t piece, int n_workers)
{
    const bool with_onednn = strcmp(backend_name, "oneDNN") == 0;
    tw_backend *backend;
    assert_ok(tw_backend_find(&w->table, with_onednn ? "cpu" : backend_name, e));
    assert_ok(w->table->open(&backend, NULL, e));
    if (with_onednn)
        tw_backend__cpu_use_onednn(backend);
    assert_ok(w->table->plan_create(&w->plan, backend, w->graph, piece, TW_PRECISION_FP32, e));
    assert_ok(w->table->plan_load(w->plan, w->weights, n_workers, NULL, NULL, e));
    memset(w->out, 0xff, (size_t)(w->n_pieces * w->out_size) * sizeof(float));
    tw_parallel(n_workers, w->n_pieces, run_piece, w);
    w->table->plan_free(w->plan);
    w->table->close(backend);
}

static double largest_error(const float *truth, const float *other, int64_t n)
{
    double largest = 1e-30, error = 0;
    for (int64_t i = 0; i < n; i++) {
        largest = fmax(largest, fabs((double)truth[i]));
        assert_true(isfinite(other[i]));
        error = fmax(error, fabs((double)truth[i] - (double)other[i]));
    }
    return error / largest;
}

static void every_op_agrees_with_ref(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        world w;
        float *truth;
        double error;
        make_world(&w, &cases[i], 2);
        run_all(&w, "ref", cases[i].piece, 1);
        truth = tw_alloc_f32(2 * w.out_size);
        memcpy(truth, w.out, (size_t)(2 * w.out_size) * sizeof *truth);
        for (int b = 0; b < 2; b++) {
            const char *backend = b ? "oneDNN" : "cpu";
            run_all(&w, backend, cases[i].piece, 1);
            error = largest_error(truth, w.out, 2 * w.out_size);
            if (error > cases[i].limit)
                fail_msg("%s on %s: error %g, the limit is %g", cases[i].name, backend, error,
                         cases[i].limit);
        }
        tw_free(truth);
        free_world(&w);
    }
}

static void workers_do_not_change_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_CASES; i++) {
        const layer_case *c = &cases[i / 2];
        const char *backend = i % 2 ? "cpu" : "ref";
        world w;
        float *one;
        make_world(&w, c, 5);
        run_all(&w, backend, c->piece, 1);
        one = tw_alloc_f32(5 * w.out_size);
        memcpy(one, w.out, (size_t)(5 * w.out_size) * sizeof *one);
        for (int n_workers = 2; n_workers <= 4; n_workers += 2) {
            run_all(&w, backend, c->piece, n_workers);
            if (memcmp(one, w.out, (size_t)(5 * w.out_size) * sizeof *one) != 0)
                fail_msg("%s on %s: other bits with %d workers", c->name, backend, n_workers);
        }
        tw_free(one);
        free_world(&w);
    }
}

/* ---- the training step */

enum { BATCH = 37, INPUTS = 131, CLASSES = 7, MAX_NODES = 12 };

/* Gradients of every parameter, stored whole, and how often each number came. */
typedef struct store {
    float *gradient[MAX_NODES][2];
    unsigned char *count[MAX_NODES][2];
} store;

static void store_gradient(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    store *s = ctx;
    for (int64_t i = 0; i < n; i++) {
        s->gradient[node][slot][first + i] = gradient[i];
        s->count[node][slot][first + i]++;
    }
}

/* One step of a top; everything of it in one array: losses, logits, gradients. */
static float *step_of(const char *backend_name, int n_workers, int64_t n, int64_t *n_out)
{
    tw_shape in = tw_shape_make(1, (int64_t[]){INPUTS});
    const char *spec = "70 relu uniform, dropout 0.3, 33 sigmoid, dropout 0.4, 20";
    const tw_backend_table *table;
    tw_backend *backend;
    tw_graph *graph;
    tw_train_plan *plan;
    tw_node_weights weights[MAX_NODES] = {{0}};
    store s = {0};
    tw_sink sink = {.take = store_gradient, .ctx = &s};
    float *x = tw_alloc_f32(BATCH * INPUTS), *result, logits[BATCH * CLASSES];
    double loss[BATCH];
    int labels[BATCH];
    int64_t used = 0;

    assert_ok(tw_graph_parse_top(&graph, &in, spec, CLASSES, e));
    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            int64_t size = tw_shape_size(&shapes[slot]);
            float *values = tw_alloc_f32(size);
            fill(values, size, (uint64_t)(i * 2 + slot), 0.1f);
            s.gradient[i][slot] = tw_alloc_f32(size);
            s.count[i][slot] = tw_calloc((size_t)size, 1);
            *(slot ? &weights[i].bias : &weights[i].kernel) = values;
        }
    }
    fill(x, BATCH * INPUTS, 5, 1);
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(table->train_create(&plan, backend, graph, BATCH, n_workers, NULL, e));
    assert_ok(
        table->train_step(plan, weights, x, labels, NULL, n, 42, 3, 17, loss, logits, &sink, e));

    result = tw_alloc_f32(100000);
    for (int64_t i = 0; i < n; i++)
        result[used++] = (float)loss[i];
    memcpy(result + used, logits, (size_t)(n * CLASSES) * sizeof *logits);
    used += n * CLASSES;
    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            int64_t size = tw_shape_size(&shapes[slot]);
            for (int64_t k = 0; k < size; k++)
                assert_int_equal(s.count[i][slot][k], 1);
            memcpy(result + used, s.gradient[i][slot], (size_t)size * sizeof *result);
            used += size;
            tw_free(s.gradient[i][slot]);
            tw_free(s.count[i][slot]);
        }
        tw_free((void *)weights[i].kernel);
        tw_free((void *)weights[i].bias);
    }
    table->train_free(plan);
    table->close(backend);
    tw_graph_free(graph);
    tw_free(x);
    *n_out = used;
    return result;
}

static void the_training_step_agrees_with_ref(void **state)
{
    (void)state;
    for (int64_t n = BATCH; n >= 1; n -= BATCH - 1) {
        int64_t size, other_size;
        float *truth = step_of("ref", 1, n, &size);
        float *other = step_of("cpu", 2, n, &other_size);
        assert_int_equal(size, other_size);
        assert_true(largest_error(truth, other, size) < 2e-5);
        /* gradients are small beside losses: compare them alone as well */
        assert_true(largest_error(truth + n * (1 + CLASSES), other + n * (1 + CLASSES),
                                  size - n * (1 + CLASSES)) < 2e-5);
        tw_free(truth);
        tw_free(other);
    }
}

static void workers_do_not_change_a_step(void **state)
{
    (void)state;
    for (int b = 0; b < 2; b++) {
        int64_t size, other_size;
        float *one = step_of(b ? "cpu" : "ref", 1, BATCH, &size);
        for (int n_workers = 2; n_workers <= 4; n_workers += 2) {
            float *many = step_of(b ? "cpu" : "ref", n_workers, BATCH, &other_size);
            assert_int_equal(size, other_size);
            assert_memory_equal(one, many, (size_t)size * sizeof *one);
            tw_free(many);
        }
        tw_free(one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_op_agrees_with_ref),
        cmocka_unit_test(workers_do_not_change_bits),
        cmocka_unit_test(the_training_step_agrees_with_ref),
        cmocka_unit_test(workers_do_not_change_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
