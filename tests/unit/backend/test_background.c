/*
 * Tiles of constant backgrounds are copied (backend/cpu/background.c): bits equal those without for
 * digits, photographs, pictures of one colour and with one odd pixel, in any piece and on any
 * worker; and the multiplications that it spares are those that it says.
 */
#include "backend/backend_int.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

enum { H = 62, W = 77, C = 3, N_IN = H * W * C, MAX_LAYERS = 10, PIECE = 4 };

static const tw_backend_table *const cpu = &tw_backend__cpu;

static void add(tw_graph *graph, tw_node node, const char *name)
{
    snprintf(node.name, sizeof node.name, "%s", name);
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    assert_ok(tw_graph_add(graph, &node, e));
}

static tw_node conv(int units, int side, tw_padding padding)
{
    return (tw_node){.op = TW_OP_CONV2D,
                     .units = units,
                     .window = {side, side},
                     .stride = {1, 1},
                     .padding = padding,
                     .activation = TW_RELU};
}

/* Tiles of 6 and of 4, steps of one picture and of all, pools with and without a rest; behind them
 * a layer that is oneDNN's, or none. */
static tw_graph *make_graph(bool with_tail)
{
    const tw_shape in = tw_shape_make(3, (int64_t[]){H, W, C});
    const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv(8, 3, TW_SAME), "conv1");
    add(graph, conv(9, 3, TW_VALID), "conv2");
    add(graph, pool, "pool1");
    add(graph, conv(16, 3, TW_SAME), "conv3");
    add(graph, conv(12, 3, TW_SAME), "conv4");
    add(graph, pool, "pool2");
    add(graph, conv(10, 3, TW_SAME), "conv5");
    if (with_tail)
        add(graph, conv(6, 1, TW_SAME), "conv6");
    return graph;
}

static void fill(float *out, int64_t n, uint64_t seed, float scale)
{
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);

    for (int64_t i = 0; i < n; i++)
        out[i] = tw_rng_normal(&key, (uint64_t)i) * scale;
}

/* ---- pictures */

typedef enum kind { DIGIT, PHOTO, PLAIN, CORNER, FIRST, OTHER, THIRD_NAN, ZEROS, N_KINDS } kind;

static void set_pixel(float *picture, int y, int x, float value)
{
    for (int c = 0; c < C; c++)
        picture[(y * W + x) * C + c] = value + (float)c;
}

static void paint(float *picture, float value)
{
    for (int i = 0; i < H * W; i++)
        set_pixel(picture, i / W, i % W, value);
}

static void make_picture(float *picture, kind what)
{
    paint(picture, what == OTHER ? 12.5f : what == THIRD_NAN ? NAN : -103.9f);
    switch (what) {
    case PHOTO:
        fill(picture, N_IN, 5, 50.0f);
        break;
    case CORNER:
        set_pixel(picture, H - 1, W - 1, 7.0f);
        break;
    case FIRST:
        set_pixel(picture, 0, 1, 7.0f);
        break;
    case ZEROS: /* 0 and -0 are equal numbers and other bits */
        memset(picture, 0, N_IN * sizeof *picture);
        picture[(30 * W + 30) * C] = -0.0f;
        break;
    case DIGIT:
    case OTHER:
    case THIRD_NAN:
        for (int i = 0; i < 14 * 9; i++)
            set_pixel(picture, 20 + i / 9, 31 + i % 9, (float)(i * 7 % 200));
        break;
    default:
        break;
    }
}

/* ---- plans */

typedef struct world {
    tw_graph *graph;
    tw_backend *backend;
    tw_plan *plan;
    tw_node_weights weights[MAX_LAYERS];
    int64_t n_out;
} world;

static void open_world(world *w, bool with_tail, bool wanted, int n_workers)
{
    *w = (world){.graph = make_graph(with_tail)};
    for (int i = 1; i < w->graph->n; i++) {
        const int64_t n = tw_node_param_count(w->graph, i), units = w->graph->nodes[i].units;
        float *numbers = n > 0 ? tw_alloc_f32(n) : NULL;

        if (!numbers)
            continue;
        fill(numbers, n, (uint64_t)i, 0.1f);
        w->weights[i] = (tw_node_weights){numbers, numbers + n - units};
    }
    w->n_out = tw_shape_size(tw_graph_output_shape(w->graph));
    assert_ok(cpu->open(&w->backend, NULL, e));
    tw_backend__cpu_use_background(w->backend, wanted);
    assert_ok(cpu->plan_create(&w->plan, w->backend, w->graph, PIECE, TW_PRECISION_FP32, e));
    assert_ok(cpu->plan_load(w->plan, w->weights, n_workers, NULL, NULL, e));
}

static void close_world(world *w)
{
    cpu->plan_free(w->plan);
    cpu->close(w->backend);
    for (int i = 0; i < w->graph->n; i++)
        tw_free((void *)(uintptr_t)w->weights[i].kernel);
    tw_graph_free(w->graph);
}

/* Each kind of picture alone and computed whole: what all others must equal. (kinds, n_out) */
static float *make_truth(bool with_tail)
{
    world w;
    float *in = tw_calloc(PIECE, N_IN * sizeof *in), *out, *truth;

    open_world(&w, with_tail, false, 1);
    assert_int_equal(w.plan->background_bytes, 0);
    out = tw_alloc_f32(PIECE * w.n_out);
    truth = tw_alloc_f32(N_KINDS * w.n_out);
    for (int i = 0; i < N_KINDS; i++) {
        make_picture(in, (kind)i);
        assert_ok(cpu->plan_run(w.plan, 0, 1, in, out, e));
        memcpy(truth + i * w.n_out, out, (size_t)w.n_out * sizeof *out);
    }
    assert_int_equal(w.plan->n_products, 0);
    tw_free(in);
    tw_free(out);
    close_world(&w);
    return truth;
}

/* Pieces of 1 to 4 pictures whose kinds come in an order of their own. */
typedef struct job {
    world w;
    const float *truth;
} job;

static void run_piece(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const int64_t n = item % PIECE + 1;
    float *in = tw_calloc(PIECE, N_IN * sizeof *in), *out = tw_alloc_f32(PIECE * j->w.n_out);
    tw_error err;

    for (int64_t i = 0; i < n; i++)
        make_picture(in + i * N_IN, (kind)((item * 3 + i) % N_KINDS));
    assert_int_equal(cpu->plan_run(j->w.plan, worker, n, in, out, &err), TW_OK);
    for (int64_t i = 0; i < n; i++)
        assert_memory_equal(out + i * j->w.n_out, j->truth + (item * 3 + i) % N_KINDS * j->w.n_out,
                            (size_t)j->w.n_out * sizeof *out);
    tw_free(in);
    tw_free(out);
}

static void bits_are_those_without(void **state)
{
    (void)state;
    for (int i = 0; i < 4; i++) {
        const bool with_tail = i % 2;
        const int n_workers = 1 + i / 2;
        float *truth = make_truth(with_tail);
        job j = {.truth = truth};

        open_world(&j.w, with_tail, true, n_workers);
        tw_parallel(n_workers, 40, run_piece, &j);
        assert_true(j.w.plan->n_spared > 0 && j.w.plan->n_spared < j.w.plan->n_products);
        close_world(&j.w);
        tw_free(truth);
    }
}

/* ---- what it spares */

static double spared_of(world *w, kind what)
{
    float *in = tw_calloc(PIECE, N_IN * sizeof *in), *out = tw_alloc_f32(PIECE * w->n_out);
    const int64_t n_products = w->plan->n_products, n_spared = w->plan->n_spared;

    make_picture(in, what);
    assert_ok(cpu->plan_run(w->plan, 0, 1, in, out, e));
    tw_free(in);
    tw_free(out);
    assert_true(w->plan->n_products > n_products);
    return (double)(w->plan->n_spared - n_spared) / (double)(w->plan->n_products - n_products);
}

static void what_is_spared_is_counted(void **state)
{
    world w;

    (void)state;
    open_world(&w, true, true, 1);
    assert_true(w.plan->background_bytes > 0);
    assert_true(spared_of(&w, PHOTO) == 0.0);
    assert_true(spared_of(&w, PLAIN) == 1.0);
    assert_true(spared_of(&w, CORNER) > 0.9);
    assert_true(spared_of(&w, FIRST) > 0.9);
    assert_true(spared_of(&w, DIGIT) > 0.4 && spared_of(&w, DIGIT) < 0.9);
    assert_true(spared_of(&w, OTHER) == 0.0); /* the plan keeps one colour */
    close_world(&w);
}

/* A colour of one channel is not enough, nor is an edge of a few tiles. */
static void too_little_background_is_none(void **state)
{
    world w;
    float *in = tw_calloc(PIECE, N_IN * sizeof *in), *out;

    (void)state;
    open_world(&w, false, true, 1);
    out = tw_alloc_f32(PIECE * w.n_out);
    for (int i = 0; i < H * W; i++)
        in[i * C + 1] = (float)(i % 2);
    assert_ok(cpu->plan_run(w.plan, 0, 1, in, out, e));
    fill(in, N_IN, 5, 50.0f);
    for (int i = 0; i < 9 * 9; i++)
        set_pixel(in, i / 9, i % 9, 1.0f);
    assert_ok(cpu->plan_run(w.plan, 0, 1, in, out, e));
    assert_int_equal(w.plan->n_spared, 0);
    tw_free(in);
    tw_free(out);
    close_world(&w);
}

/* Who has no memory for it says so before the weights are packed: nothing is looked at. */
static void it_can_be_done_without(void **state)
{
    world w;
    float *in = tw_calloc(PIECE, N_IN * sizeof *in), *out;

    (void)state;
    open_world(&w, true, true, 1);
    out = tw_alloc_f32(PIECE * w.n_out);
    w.plan->background_bytes = 0;
    assert_ok(cpu->plan_run(w.plan, 0, 1, in, out, e));
    assert_int_equal(w.plan->n_products, 0);
    tw_free(in);
    tw_free(out);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_those_without),
        cmocka_unit_test(what_is_spared_is_counted),
        cmocka_unit_test(too_little_background_is_none),
        cmocka_unit_test(it_can_be_done_without),
    };

    return cmocka_run_group_tests_name("background", tests, NULL, NULL);
}
