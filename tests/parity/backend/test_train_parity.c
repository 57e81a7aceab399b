/*
 * Training of a suffix with convolutions, ref against cpu: a convolution's forward pass, data
 * gradient and weight gradient on awkward shapes, max-pooling both ways, and whole steps; each with
 * a limit in its row, relative to the largest value of the truth. And the same bits for 1, 2 and 4
 * workers.
 */
#include "backend/backend.h"
#include "backend/cpu/cpu_int.h"
#include "backend/ref/ref_int.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

#define CONV(k, r, s, sy, sx, pad, act)                                                       \
    {                                                                                         \
        .op = TW_OP_CONV2D, .units = k, .window = {r, s}, .stride = {sy, sx}, .padding = pad, \
        .activation = act                                                                     \
    }
#define POOL(r, s, sy, sx, pad)                                                    \
    {                                                                              \
        .op = TW_OP_MAX_POOL, .window = {r, s}, .stride = {sy, sx}, .padding = pad \
    }

static void fill(float *out, int64_t n, uint64_t seed, float scale)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 1);

    for (int64_t i = 0; i < n; i++)
        out[i] = tw_rng_normal(&key, (uint64_t)i) * scale;
}

static float *random_numbers(int64_t n, uint64_t seed, float scale)
{
    float *out = tw_alloc_f32(n);

    assert_non_null(out);
    fill(out, n, seed, scale);
    return out;
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

static void take_copy(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    (void)node;
    (void)slot;
    memcpy((float *)ctx + first, gradient, (size_t)n * sizeof *gradient);
    memset(gradient, 0xff, (size_t)n * sizeof *gradient); /* a sink may overwrite it */
}

/* ---- one convolution */

typedef struct conv_case {
    const char *name;
    int64_t h, w, c;
    tw_node node;
    int64_t n, batch;
    double limits[3]; /* forward, data gradient, weight gradient */
} conv_case;

static const conv_case conv_cases[] = {
    {"3x3 Winograd 14x14", 14, 14, 32, CONV(48, 3, 3, 1, 1, TW_SAME, 0), 9, 9, {4e-5, 4e-5, 3e-5}},
    {"3x3 Winograd one piece",
     13,
     9,
     16,
     CONV(32, 3, 3, 1, 1, TW_SAME, 0),
     3,
     8,
     {4e-5, 4e-5, 3e-5}},
    {"3x3 Winograd, many pieces",
     6,
     5,
     16,
     CONV(16, 3, 3, 1, 1, TW_SAME, 0),
     75,
     80,
     {4e-5, 4e-5, 3e-5}},
    {"3x3 Winograd valid", 10, 11, 16, CONV(16, 3, 3, 1, 1, TW_VALID, 0), 2, 2, {4e-5, 4e-5, 3e-5}},
    {"3x3 Winograd by oneDNN",
     12,
     12,
     48,
     CONV(40, 3, 3, 1, 1, TW_SAME, 0),
     9,
     9,
     {1e-5, 1e-5, 1e-5}},
    {"3x3 Winograd, large picture",
     46,
     45,
     16,
     CONV(16, 3, 3, 1, 1, TW_SAME, 0),
     3,
     3,
     {4e-5, 4e-5, 3e-5}},
    {"3x3 of 3 channels", 19, 17, 3, CONV(64, 3, 3, 1, 1, TW_SAME, 0), 2, 3, {2e-6, 2e-6, 2e-6}},
    {"3x3 odd channels", 7, 9, 67, CONV(70, 3, 3, 1, 1, TW_SAME, 0), 5, 5, {2e-6, 2e-6, 2e-6}},
    {"3x3 one pixel", 1, 1, 16, CONV(16, 3, 3, 1, 1, TW_SAME, 0), 3, 3, {4e-5, 4e-5, 3e-5}},
    {"3x3 valid to one pixel", 3, 3, 5, CONV(7, 3, 3, 1, 1, TW_VALID, 0), 2, 2, {2e-6, 2e-6, 2e-6}},
    {"3x3 stride 2 same, even",
     8,
     10,
     4,
     CONV(6, 3, 3, 2, 2, TW_SAME, 0),
     2,
     2,
     {2e-6, 2e-6, 2e-6}},
    {"3x3 stride 2 same, odd",
     9,
     11,
     16,
     CONV(32, 3, 3, 2, 2, TW_SAME, 0),
     4,
     4,
     {2e-6, 2e-6, 2e-6}},
    {"3x3 stride 2 valid", 8, 9, 16, CONV(16, 3, 3, 2, 2, TW_VALID, 0), 4, 4, {2e-6, 2e-6, 2e-6}},
    {"1x1", 5, 6, 33, CONV(17, 1, 1, 1, 1, TW_SAME, 0), 35, 35, {2e-6, 2e-6, 2e-6}},
    {"1x1 stride 2", 7, 6, 16, CONV(32, 1, 1, 2, 2, TW_SAME, 0), 3, 3, {2e-6, 2e-6, 2e-6}},
    {"1x1 stride 3 of a wide step",
     8,
     7,
     4,
     CONV(5, 1, 1, 3, 3, TW_SAME, 0),
     3,
     3,
     {2e-6, 2e-6, 2e-6}},
    {"5x3 stride 1x2", 9, 7, 8, CONV(9, 5, 3, 1, 2, TW_SAME, 0), 2, 2, {2e-6, 2e-6, 2e-6}},
    {"2x2 same", 6, 7, 8, CONV(8, 2, 2, 1, 1, TW_SAME, 0), 2, 2, {2e-6, 2e-6, 2e-6}},
    {"7x7 stride 2", 20, 21, 3, CONV(16, 7, 7, 2, 2, TW_SAME, 0), 2, 2, {2e-6, 2e-6, 2e-6}},
};
enum { N_CONV_CASES = sizeof conv_cases / sizeof conv_cases[0] };

/* The three results of a case, one behind the other, and their sizes. */
static float *results_of(const conv_case *c, const char *backend_name,
                         const tw_conv_kernels *kernels, int n_workers, int64_t sizes[3])
{
    tw_conv wanted = {.node = c->node,
                      .in = tw_shape_make(3, (int64_t[]){c->h, c->w, c->c}),
                      .batch = c->batch,
                      .n_workers = n_workers,
                      .needs_data = true,
                      .needs_weights = true};
    const tw_backend_table *table;
    tw_backend *backend;
    tw_conv *conv;
    tw_layout layout = {0};
    float *x, *dy, *kernel, *bias, *out;
    tw_sink sink = {.take = take_copy, .ctx = NULL};

    snprintf(wanted.node.name, sizeof wanted.node.name, "conv");
    wanted.node.n_inputs = 1;
    assert_ok(tw_node_infer_shape(&wanted.node.out, &wanted.node, &wanted.in, e));
    sizes[0] = c->n * tw_shape_size(&wanted.node.out);
    sizes[1] = c->n * tw_shape_size(&wanted.in);
    sizes[2] = c->node.window[0] * c->node.window[1] * c->c * c->node.units;
    x = random_numbers(sizes[1], 1, 1);
    dy = random_numbers(sizes[0], 2, 1);
    kernel = random_numbers(sizes[2], 3, 0.1f);
    bias = random_numbers(c->node.units, 4, 1);
    out = tw_alloc_f32(sizes[0] + sizes[1] + sizes[2]);

    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(kernels->create(&conv, backend, &wanted, e));
    assert_ok(kernels->lay_out(conv, &layout, e));
    layout = (tw_layout){.block = tw_alloc_aligned((size_t)layout.used)};
    assert_ok(kernels->lay_out(conv, &layout, e));
    memset(layout.block, 0xff, (size_t)layout.used); /* other layers use it, too */
    assert_ok(kernels->forward(conv, out, x, &(tw_node_weights){kernel, bias}, c->n, e));
    memset(layout.block, 0xff, (size_t)layout.used);
    assert_ok(kernels->backward_data(conv, out + sizes[0], dy, kernel, c->n, e));
    memset(layout.block, 0xff, (size_t)layout.used);
    sink.ctx = out + sizes[0] + sizes[1];
    assert_ok(kernels->backward_weights(conv, &sink, 1, x, dy, c->n, e));

    kernels->free(conv);
    table->close(backend);
    tw_free(layout.block);
    tw_free(x);
    tw_free(dy);
    tw_free(kernel);
    tw_free(bias);
    return out;
}

static void convolutions_agree_with_ref(void **state)
{
    static const char *const names[] = {"forward", "data gradient", "weight gradient"};
    (void)state;
    for (int i = 0; i < N_CONV_CASES; i++) {
        const conv_case *c = &conv_cases[i];
        int64_t sizes[3], at = 0;
        float *truth = results_of(c, "ref", &tw_backend__ref_conv_kernels, 1, sizes);
        float *other = results_of(c, "cpu", &tw_backend__cpu_conv_kernels, 1, sizes);
        for (int k = 0; k < 3; at += sizes[k++]) {
            double error = largest_error(truth + at, other + at, sizes[k]);
            if (error > c->limits[k])
                fail_msg("%s, %s: error %g, the limit is %g", c->name, names[k], error,
                         c->limits[k]);
        }
        tw_free(truth);
        tw_free(other);
    }
}

static void workers_do_not_change_a_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_CONV_CASES; i++) {
        const conv_case *c = &conv_cases[i / 2];
        const char *name = i % 2 ? "cpu" : "ref";
        const tw_conv_kernels *kernels =
            i % 2 ? &tw_backend__cpu_conv_kernels : &tw_backend__ref_conv_kernels;
        int64_t sizes[3];
        float *one = results_of(c, name, kernels, 1, sizes);
        for (int n_workers = 2; n_workers <= 4; n_workers += 2) {
            float *many = results_of(c, name, kernels, n_workers, sizes);
            if (memcmp(one, many, (size_t)(sizes[0] + sizes[1] + sizes[2]) * sizeof *one) != 0)
                fail_msg("%s on %s: other bits with %d workers", c->name, name, n_workers);
            tw_free(many);
        }
        tw_free(one);
    }
}

/* ---- max-pooling */

typedef struct pool_case {
    int64_t h, w, c;
    tw_node node;
} pool_case;

static const pool_case pool_cases[] = {
    {14, 14, 32, POOL(2, 2, 2, 2, TW_VALID)}, {7, 9, 5, POOL(2, 2, 2, 2, TW_VALID)},
    {9, 8, 17, POOL(3, 3, 2, 2, TW_SAME)},    {5, 6, 33, POOL(3, 2, 1, 1, TW_SAME)},
    {1, 1, 3, POOL(2, 2, 2, 2, TW_SAME)},     {8, 7, 16, POOL(1, 1, 3, 3, TW_SAME)},
    {6, 5, 130, POOL(2, 2, 2, 2, TW_VALID)},
};
enum { N_POOL_CASES = sizeof pool_cases / sizeof pool_cases[0] };

/* Random numbers, and numbers of which many are the same. */
static void max_pooling_is_that_of_ref_to_the_bit(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_POOL_CASES; i++) {
        tw_node node = pool_cases[i / 2].node;
        tw_shape in = tw_shape_make(
            3, (int64_t[]){pool_cases[i / 2].h, pool_cases[i / 2].w, pool_cases[i / 2].c});
        assert_ok(tw_node_infer_shape(&node.out, &node, &in, e));
        int64_t n_in = tw_shape_size(&in), n_out = tw_shape_size(&node.out);
        float *x = random_numbers(n_in, 8, 1), *dy = random_numbers(n_out, 9, 1);
        float *y[2] = {tw_alloc_f32(n_out), tw_alloc_f32(n_out)};
        float *dx[2] = {random_numbers(n_in, 1, 1), random_numbers(n_in, 2, 1)};
        for (int64_t k = 0; i % 2 && k < n_in; k++)
            x[k] = x[k] > 0 ? 1.0f : -1.0f;
        tw_backend__ref_max_pool_kernels.forward(y[0], x, &node, &in);
        tw_backend__cpu_max_pool_kernels.forward(y[1], x, &node, &in);
        assert_memory_equal(y[0], y[1], (size_t)n_out * sizeof(float));
        tw_backend__ref_max_pool_kernels.backward(dx[0], x, dy, &node, &in);
        tw_backend__cpu_max_pool_kernels.backward(dx[1], x, dy, &node, &in);
        assert_memory_equal(dx[0], dx[1], (size_t)n_in * sizeof(float));
        for (int k = 0; k < 2; k++) {
            tw_free(y[k]);
            tw_free(dx[k]);
        }
        tw_free(x);
        tw_free(dy);
    }
}

/* ---- a whole step */

enum { BATCH = 37, SIDE = 10, CHANNELS = 16, CLASSES = 5, MAX_NODES = 12 };

static const tw_node suffix[] = {
    CONV(32, 3, 3, 1, 1, TW_SAME, TW_RELU),
    CONV(16, 3, 3, 1, 1, TW_VALID, TW_SIGMOID),
    POOL(2, 2, 2, 2, TW_VALID),
    CONV(20, 3, 3, 2, 2, TW_SAME, TW_LINEAR),
    {.op = TW_OP_RELU},
    {.op = TW_OP_FLATTEN},
    {.op = TW_OP_DENSE, .units = 30, .activation = TW_RELU},
    {.op = TW_OP_DROPOUT, .rate = 0.3},
    {.op = TW_OP_DENSE, .units = CLASSES, .activation = TW_SOFTMAX},
};
enum { N_SUFFIX = sizeof suffix / sizeof suffix[0] };

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

static tw_graph *make_suffix(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){SIDE, SIDE, CHANNELS});
    tw_graph *graph;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    for (int i = 0; i < N_SUFFIX; i++) {
        tw_node node = suffix[i];
        snprintf(node.name, sizeof node.name, "layer%d", i);
        node.n_inputs = 1;
        node.inputs[0] = i;
        assert_ok(tw_graph_add(graph, &node, e));
    }
    return graph;
}

/* One step: logits, then all gradients; starts[k] is where the k-th of them begins. Two steps of a
 * plan are made: the second must not see the first. */
static float *step_of(const char *backend_name, int n_workers, int64_t n, int64_t starts[],
                      int *n_starts)
{
    tw_graph *graph = make_suffix();
    const tw_backend_table *table;
    tw_backend *backend;
    tw_train_plan *plan;
    tw_node_weights weights[MAX_NODES] = {{0}};
    store s = {0};
    tw_sink sink = {.take = store_gradient, .ctx = &s};
    float *x = random_numbers(BATCH * SIDE * SIDE * CHANNELS, 5, 1);
    float *result = tw_alloc_f32(100000), logits[BATCH * CLASSES];
    double loss[BATCH];
    int labels[BATCH];
    int64_t used = 0;

    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            int64_t size = tw_shape_size(&shapes[slot]);
            float *values = random_numbers(size, (uint64_t)(i * 2 + slot), 0.1f);
            s.gradient[i][slot] = tw_alloc_f32(size);
            s.count[i][slot] = tw_calloc((size_t)size, 1);
            *(slot ? &weights[i].bias : &weights[i].kernel) = values;
        }
    }
    for (int i = 0; i < BATCH; i++)
        labels[i] = i % CLASSES;
    assert_ok(tw_backend_find(&table, backend_name, e));
    assert_ok(table->open(&backend, NULL, e));
    assert_ok(table->train_create(&plan, backend, graph, BATCH, n_workers, NULL, e));
    assert_ok(table->train_step(plan, weights, x, labels, NULL, BATCH, 42, 3, 16, loss, logits,
                                &sink, e));
    assert_ok(
        table->train_step(plan, weights, x, labels, NULL, n, 42, 3, 17, loss, logits, &sink, e));

    *n_starts = 0;
    starts[(*n_starts)++] = 0;
    memcpy(result, logits, (size_t)(n * CLASSES) * sizeof *logits);
    used += n * CLASSES;
    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        int n_params = tw_node_params(graph, i, shapes);
        for (int slot = 0; slot < n_params; slot++) {
            int64_t size = tw_shape_size(&shapes[slot]);
            for (int64_t k = 0; k < size; k++)
                assert_int_equal(s.count[i][slot][k], 2); /* once a step */
            starts[(*n_starts)++] = used;
            memcpy(result + used, s.gradient[i][slot], (size_t)size * sizeof *result);
            used += size;
            tw_free(s.gradient[i][slot]);
            tw_free(s.count[i][slot]);
        }
        tw_free((void *)weights[i].kernel);
        tw_free((void *)weights[i].bias);
    }
    starts[*n_starts] = used;
    table->train_free(plan);
    table->close(backend);
    tw_graph_free(graph);
    tw_free(x);
    return result;
}

static void a_step_of_a_suffix_agrees_with_ref(void **state)
{
    static const int64_t batches[] = {BATCH, 16, 1};
    (void)state;
    for (int b = 0; b < 3; b++) {
        int64_t starts[2 * MAX_NODES + 2], others[2 * MAX_NODES + 2];
        int n, n_others;
        float *truth = step_of("ref", 1, batches[b], starts, &n);
        float *other = step_of("cpu", 1, batches[b], others, &n_others);
        assert_int_equal(n, n_others);
        for (int k = 0; k < n; k++) {
            double error =
                largest_error(truth + starts[k], other + starts[k], starts[k + 1] - starts[k]);
            if (error > 2e-5)
                fail_msg("batch %d, tensor %d: error %g", (int)batches[b], k, error);
        }
        tw_free(truth);
        tw_free(other);
    }
}

static void workers_do_not_change_a_step_of_a_suffix(void **state)
{
    (void)state;
    for (int b = 0; b < 4; b++) {
        const char *name = b % 2 ? "cpu" : "ref";
        int64_t starts[2 * MAX_NODES + 2];
        int n;
        float *one = step_of(name, 1, b < 2 ? BATCH : 21, starts, &n);
        for (int n_workers = 2; n_workers <= 4; n_workers += 2) {
            float *many = step_of(name, n_workers, b < 2 ? BATCH : 21, starts, &n);
            assert_memory_equal(one, many, (size_t)starts[n] * sizeof *one);
            tw_free(many);
        }
        tw_free(one);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(convolutions_agree_with_ref),
        cmocka_unit_test(workers_do_not_change_a_convolution),
        cmocka_unit_test(max_pooling_is_that_of_ref_to_the_bit),
        cmocka_unit_test(a_step_of_a_suffix_agrees_with_ref),
        cmocka_unit_test(workers_do_not_change_a_step_of_a_suffix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
