/*
 * Convolutions in int8 (backend/cpu/conv2d_int8.c) beside a twin in plain C. Sums are whole
 * numbers; with steps that are powers of two, scaling is exact too, and so both give the same bits.
 */
#include "backend/backend_int.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PIECE = 3, H = 12, W = 10, C = 3, N_LAYERS = 6, N_IN = PIECE * H * W * C };

/* What 1 stands for in the outputs of conv1 and conv2; that of the input is 1. */
#define STEP1 512.0f
#define STEP2 524288.0f

static const tw_backend_table *const cpu = &tw_backend__cpu;

static void add(tw_graph *graph, tw_node node, const char *name, float low, float high)
{
    snprintf(node.name, sizeof node.name, "%s", name);
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    node.range[0] = low;
    node.range[1] = high;
    assert_ok(tw_graph_add(graph, &node, e));
}

static tw_node conv(int units, int window, int stride, tw_padding padding, tw_activation activation)
{
    return (tw_node){.op = TW_OP_CONV2D,
                     .units = units,
                     .window = {window, window},
                     .stride = {stride, stride},
                     .padding = padding,
                     .activation = activation};
}

/* s8 -> u8 -> pool -> s8 -> float32, all steps powers of two. */
static tw_graph *make_graph(void)
{
    const tw_shape in = tw_shape_make(3, (int64_t[]){H, W, C});
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    graph->nodes[0].range[0] = -127.0f;
    graph->nodes[0].range[1] = 100.0f;
    add(graph, conv(20, 3, 1, TW_SAME, TW_RELU), "conv1", 0.0f, 255.0f * STEP1);
    add(graph, (tw_node){.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}}, "pool", 0, 0);
    add(graph, conv(33, 3, 1, TW_SAME, TW_LINEAR), "conv2", -127.0f * STEP2, 1.0f);
    add(graph, (tw_node){.op = TW_OP_DROPOUT, .rate = 0.5}, "dropout", 0, 0);
    add(graph, conv(16, 1, 2, TW_VALID, TW_RELU), "conv3", 0, 0);
    assert_int_equal(graph->n, N_LAYERS);
    return graph;
}

static float *make_whole(int64_t n, float most, uint64_t seed)
{
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    float *x = tw_alloc_f32(n);

    for (int64_t i = 0; i < n; i++)
        x[i] = floorf((2.0f * tw_rng_uniform(&key, (uint64_t)i) - 1.0f) * (most + 0.999f));
    for (int64_t i = 0; i < n; i++)
        x[i] = fminf(fmaxf(x[i], -most), most);
    return x;
}

/* A graph with its weights: whole numbers, each filter's largest 127, biases as whole as sums. */
typedef struct world {
    tw_backend *backend;
    tw_graph *graph;
    tw_node_weights weights[N_LAYERS];
    float *in;
} world;

static void open_world(world *w)
{
    static const float steps[N_LAYERS] = {0, 1.0f, 0, STEP1, 0, STEP2};

    *w = (world){.graph = make_graph(), .in = make_whole(N_IN, 127.0f, 99)};
    for (int i = 0; i < N_LAYERS; i++) {
        const int64_t n = tw_node_param_count(w->graph, i), units = w->graph->nodes[i].units;
        float *kernel, *bias;

        if (n == 0)
            continue;
        kernel = make_whole(n - units, 127.0f, (uint64_t)i);
        for (int64_t k = 0; k < units; k++)
            kernel[k] = k % 2 ? 127.0f : -127.0f;
        bias = make_whole(units, 900.0f, (uint64_t)i + 50);
        for (int64_t k = 0; k < units; k++)
            bias[k] *= steps[i];
        w->weights[i] = (tw_node_weights){kernel, bias};
    }
    assert_ok(cpu->open(&w->backend, NULL, e));
}

static void close_world(world *w)
{
    for (int i = 0; i < N_LAYERS; i++) {
        tw_free((void *)(uintptr_t)w->weights[i].kernel);
        tw_free((void *)(uintptr_t)w->weights[i].bias);
    }
    tw_free(w->in);
    tw_graph_free(w->graph);
    cpu->close(w->backend);
}

/* Output of a plan for n samples in pieces of `piece`; caller frees. */
static float *compute(const world *w, int64_t piece, tw_precision precision)
{
    const int64_t size = tw_shape_size(tw_graph_output_shape(w->graph));
    float *out = tw_alloc_f32(PIECE * size);
    tw_plan *plan;

    assert_ok(cpu->plan_create(&plan, w->backend, w->graph, piece, precision, e));
    assert_ok(cpu->plan_load(plan, w->weights, 1, NULL, NULL, e));
    for (int64_t i = 0; i < PIECE; i += piece)
        assert_ok(cpu->plan_run(plan, 0, piece, w->in + i * H * W * C, out + i * size, e));
    cpu->plan_free(plan);
    return out;
}

/* ---- the twin */

static double at(const double *x, const tw_shape *in, int64_t r, int64_t s, int64_t c)
{
    if (r < 0 || s < 0 || r >= in->dims[0] || s >= in->dims[1])
        return 0.0;
    return x[(r * in->dims[1] + s) * in->dims[2] + c];
}

static double twin_sum(const double *x, const tw_node *node, const tw_shape *in,
                       const float *kernel, const int64_t place[3])
{
    const int64_t before = node->padding == TW_SAME ? (node->window[0] - 1) / 2 : 0;
    double sum = 0.0;

    for (int64_t r = 0; r < node->window[0]; r++)
        for (int64_t s = 0; s < node->window[1]; s++)
            for (int64_t c = 0; c < in->dims[2]; c++)
                sum += at(x, in, place[0] * node->stride[0] + r - before,
                          place[1] * node->stride[1] + s - before, c) *
                       (double)kernel[((r * node->window[1] + s) * in->dims[2] + c) * node->units +
                                      place[2]];
    return sum;
}

/* One sample through a layer: numbers times `step` in, numbers out of which 1 is *step after it. */
static void twin_conv(double *y, const double *x, const tw_node *node, const tw_shape *in,
                      const tw_node_weights *weights, double *step)
{
    const bool is_signed = node->range[0]<0.0f, is_whole = node->range[1]> 0.0f;
    const double next = !is_whole   ? 1.0
                        : is_signed ? (double)-node->range[0] / 127.0
                                    : (double)node->range[1] / 255.0;
    int64_t place[3];

    for (int64_t i = 0; i < tw_shape_size(&node->out); i++) {
        double z;
        place[2] = i % node->units;
        place[1] = i / node->units % node->out.dims[1];
        place[0] = i / node->units / node->out.dims[1];
        z = (*step * twin_sum(x, node, in, weights->kernel, place) +
             (double)weights->bias[place[2]]) /
            next;
        if (node->activation == TW_RELU && z < 0.0)
            z = 0.0;
        if (is_whole)
            z = fmin(fmax(nearbyint(z), is_signed ? -128.0 : 0.0), is_signed ? 127.0 : 255.0);
        y[i] = z;
    }
    *step = next;
}

static void twin_pool(double *y, const double *x, const tw_node *node, const tw_shape *in)
{
    const int64_t c_n = in->dims[2], q_n = node->out.dims[1];

    for (int64_t i = 0; i < tw_shape_size(&node->out); i++) {
        const int64_t c = i % c_n, q = i / c_n % q_n, p = i / c_n / q_n;
        y[i] = fmax(fmax(at(x, in, 2 * p, 2 * q, c), at(x, in, 2 * p, 2 * q + 1, c)),
                    fmax(at(x, in, 2 * p + 1, 2 * q, c), at(x, in, 2 * p + 1, 2 * q + 1, c)));
    }
}

static void twin(float *out, const world *w, const float *in)
{
    enum { MOST = H * W * 64 };
    static double values[2][MOST];
    double *x = values[0], *y = values[1], *t, step = 1.0;

    for (int64_t i = 0; i < H * W * C; i++)
        x[i] = (double)in[i];
    for (int node = 1; node < N_LAYERS; node++) {
        const tw_node *layer = &w->graph->nodes[node];
        const tw_shape *shape = &w->graph->nodes[node - 1].out;

        if (layer->op == TW_OP_DROPOUT)
            continue;
        if (layer->op == TW_OP_CONV2D)
            twin_conv(y, x, layer, shape, &w->weights[node], &step);
        else
            twin_pool(y, x, layer, shape);
        t = x;
        x = y;
        y = t;
    }
    for (int64_t i = 0; i < tw_shape_size(tw_graph_output_shape(w->graph)); i++)
        out[i] = (float)x[i];
}

/* ---- tests */

static bool has_int8(const world *w)
{
    tw_error why;

    if (cpu->check_precision(w->backend, TW_PRECISION_INT8, &why) == TW_OK)
        return true;
    fprintf(stderr, "skipped: %s\n", why.text);
    return false;
}

static void whole_numbers_are_those_of_the_twin(void **state)
{
    world w;
    int64_t size, n_positive = 0;
    float *got, *wanted;
    (void)state;

    open_world(&w);
    if (!has_int8(&w)) {
        close_world(&w);
        skip();
    }
    size = tw_shape_size(tw_graph_output_shape(w.graph));
    wanted = tw_alloc_f32(PIECE * size);
    for (int64_t i = 0; i < PIECE; i++)
        twin(wanted + i * size, &w, w.in + i * H * W * C);
    got = compute(&w, PIECE, TW_PRECISION_INT8);
    for (int64_t i = 0; i < PIECE * size; i++) {
        assert_true(got[i] == wanted[i]);
        n_positive += wanted[i] > 0.0f;
    }
    assert_true(n_positive > PIECE * size / 8); /* or nothing would be compared */
    tw_free(got);
    tw_free(wanted);
    close_world(&w);
}

static void a_sample_does_not_depend_on_its_piece(void **state)
{
    world w;
    float *one, *all;
    (void)state;

    open_world(&w);
    if (!has_int8(&w)) {
        close_world(&w);
        skip();
    }
    for (int64_t i = 0; i < N_IN; i++)
        w.in[i] *= 0.7310f;
    one = compute(&w, 1, TW_PRECISION_INT8);
    all = compute(&w, PIECE, TW_PRECISION_INT8);
    assert_memory_equal(
        one, all, (size_t)(PIECE * tw_shape_size(tw_graph_output_shape(w.graph))) * sizeof *one);
    tw_free(one);
    tw_free(all);
    close_world(&w);
}

/* Kernels and pictures as they come: the error is that of 8 bits. */
static void real_numbers_stay_near_fp32(void **state)
{
    world w;
    int64_t n;
    double error = 0.0, norm = 0.0;
    float *exact, *got;
    (void)state;

    open_world(&w);
    if (!has_int8(&w)) {
        close_world(&w);
        skip();
    }
    for (int node = 1; node < N_LAYERS; node++) {
        const int64_t k_n = w.graph->nodes[node].units;
        float *kernel = (float *)(uintptr_t)w.weights[node].kernel;

        if (!kernel)
            continue;
        for (int64_t i = 0; i < tw_node_param_count(w.graph, node) - k_n; i++)
            kernel[i] *= 0.01f + 0.001f * (float)(i % k_n);
        memset((float *)(uintptr_t)w.weights[node].bias, 0, (size_t)k_n * sizeof *kernel);
    }
    w.graph->nodes[1].range[1] = 3000.0f;
    w.graph->nodes[3].range[0] = -120000.0f;
    n = PIECE * tw_shape_size(tw_graph_output_shape(w.graph));
    exact = compute(&w, PIECE, TW_PRECISION_FP32);
    got = compute(&w, PIECE, TW_PRECISION_INT8);
    for (int64_t i = 0; i < n; i++) {
        error += pow((double)(got[i] - exact[i]), 2);
        norm += pow((double)exact[i], 2);
    }
    assert_true(norm > 0.0);
    if (sqrt(error / norm) > 0.03)
        fail_msg("int8 is %g of the norm off", sqrt(error / norm));
    tw_free(exact);
    tw_free(got);
    close_world(&w);
}

static void layers_without_a_range_stay_in_fp32(void **state)
{
    world w;
    float *exact, *got;
    (void)state;

    open_world(&w);
    if (!has_int8(&w)) {
        close_world(&w);
        skip();
    }
    for (int i = 0; i < N_LAYERS; i++)
        memset(w.graph->nodes[i].range, 0, sizeof w.graph->nodes[i].range);
    exact = compute(&w, PIECE, TW_PRECISION_FP32);
    got = compute(&w, PIECE, TW_PRECISION_INT8);
    assert_memory_equal(
        got, exact, (size_t)(PIECE * tw_shape_size(tw_graph_output_shape(w.graph))) * sizeof *got);
    tw_free(exact);
    tw_free(got);
    close_world(&w);
}

static void sizes_are_known_before_packing(void **state)
{
    world w;
    tw_plan *plan;
    int64_t fp32;
    (void)state;

    open_world(&w);
    if (!has_int8(&w)) {
        close_world(&w);
        skip();
    }
    assert_ok(cpu->plan_create(&plan, w.backend, w.graph, PIECE, TW_PRECISION_FP32, e));
    fp32 = plan->packed_bytes;
    cpu->plan_free(plan);
    assert_ok(cpu->plan_create(&plan, w.backend, w.graph, PIECE, TW_PRECISION_INT8, e));
    assert_true(plan->packed_bytes >= 27 * 20 + 180 * 33 + 33 * 16 + 2 * 4 * (20 + 33 + 16));
    assert_true(plan->packed_bytes < fp32);
    assert_true(plan->worker_bytes >= PIECE * H * W * (C + 20));
    cpu->plan_free(plan);
    close_world(&w);
}

/* In a process of its own: oneDNN keeps the first path that was used. */
static void a_path_without_vnni_is_refused(void **state)
{
    int status;
    pid_t child;
    (void)state;

    if (!tw_cpu_detect().avx2)
        skip();
    if ((child = fork()) == 0) {
        tw_backend *backend;
        tw_error err;
        bool refused =
            cpu->open(&backend, "avx2", &err) == TW_OK &&
            cpu->check_precision(backend, TW_PRECISION_INT8, &err) == TW_EUNSUPPORTED &&
            !strcmp(
                err.text,
                "precision int8 needs a CPU with VNNI, the path is avx2; fp32 is for every CPU");
        _exit(refused ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_without_vnni_is_refused), /* first: the fork needs a fresh oneDNN */
        cmocka_unit_test(whole_numbers_are_those_of_the_twin),
        cmocka_unit_test(a_sample_does_not_depend_on_its_piece),
        cmocka_unit_test(real_numbers_stay_near_fp32),
        cmocka_unit_test(layers_without_a_range_stay_in_fp32),
        cmocka_unit_test(sizes_are_known_before_packing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
