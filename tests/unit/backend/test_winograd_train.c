/*
 * The own Winograd kernels of training, every path that this CPU has and every tile: against direct
 * sums in double, and bits that depend on neither workers nor, forward, on the rest of the batch.
 */
#include "backend/cpu/winograd_train.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

typedef struct shape_case {
    int64_t n, h, w, c, k;
    bool same;
} shape_case;

static const shape_case cases[] = {
    {3, 14, 14, 32, 48, true}, {2, 7, 9, 16, 16, true},     {1, 1, 1, 16, 32, true},
    {2, 3, 3, 16, 16, false},  {2, 13, 10, 112, 16, false}, {1, 16, 15, 48, 144, true},
    {70, 7, 6, 32, 16, true},  {1, 161, 170, 16, 16, true}, {9, 28, 28, 16, 32, false},
};
static const int tiles[] = {4, 5, 7};
enum { N_CASES = sizeof cases / sizeof cases[0], N_TILES = 3, N_PATHS = 3, MOST_WORKERS = 4 };

/* Of the largest value, by tile: y and dx, then dw. */
static const double limits[N_TILES][2] = {{6e-6, 6e-6}, {1e-5, 1e-5}, {4e-5, 3e-5}};

static struct {
    const tw_winograd_train_kernels *kernels;
    bool is_here;
} paths[N_PATHS] = {{&tw_backend__winograd_train_plain, true},
                    {&tw_backend__winograd_train_avx2, false},
                    {&tw_backend__winograd_train_avx512, false}};

static int find_paths(void **state)
{
    (void)state;
    paths[1].is_here = tw_cpu_detect().avx2;
    paths[2].is_here = tw_cpu_detect().avx512;
    return 0;
}

static float *random_numbers(int64_t n, uint64_t seed, float scale)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    float *x = tw_alloc_f32(n);

    assert_non_null(x);
    for (int64_t i = 0; i < n; i++)
        x[i] = tw_rng_normal(&key, (uint64_t)i) * scale;
    return x;
}

/* A convolution with its data, and what direct sums make of it. */
typedef struct world {
    tw_conv asked;
    int64_t n_x, n_y, n_w; /* numbers, of all pictures */
    float *x, *dy, *kernel, *bias;
    double *y, *dx, *dw;
} world;

/* Adds what one output place has to do with one tap. */
static void add_tap(world *w, int64_t out, int64_t in, int64_t tap)
{
    const int64_t c_n = w->asked.in.dims[2], k_n = w->asked.node.units;
    const float *kernel = w->kernel + tap * c_n * k_n;
    double *dw = w->dw + tap * c_n * k_n;

    for (int64_t c = 0; c < c_n; c++)
        for (int64_t k = 0; k < k_n; k++) {
            const double x = (double)w->x[in * c_n + c], dy = (double)w->dy[out * k_n + k];
            w->y[out * k_n + k] += x * (double)kernel[c * k_n + k];
            w->dx[in * c_n + c] += dy * (double)kernel[c * k_n + k];
            dw[c * k_n + k] += x * dy;
        }
}

static void sum_directly(world *w)
{
    const int64_t *in = w->asked.in.dims, *out = w->asked.node.out.dims, n = w->asked.batch;
    const int64_t pad = w->asked.node.padding == TW_SAME ? 1 : 0;

    for (int64_t i = 0; i < w->n_y; i++)
        w->y[i] = (double)w->bias[i % out[2]];
    for (int64_t place = 0; place < n * out[0] * out[1]; place++)
        for (int64_t tap = 0; tap < 9; tap++) {
            const int64_t row = place / out[1] % out[0] + tap / 3 - pad,
                          column = place % out[1] + tap % 3 - pad;
            if (row >= 0 && row < in[0] && column >= 0 && column < in[1])
                add_tap(w, place, (place / (out[0] * out[1]) * in[0] + row) * in[1] + column, tap);
        }
}

static void make_world(world *w, const shape_case *c)
{
    *w = (world){.asked = {.node = {.op = TW_OP_CONV2D,
                                    .name = "conv",
                                    .n_inputs = 1,
                                    .units = (int)c->k,
                                    .window = {3, 3},
                                    .stride = {1, 1},
                                    .padding = c->same ? TW_SAME : TW_VALID},
                           .in = tw_shape_make(3, (int64_t[]){c->h, c->w, c->c}),
                           .batch = c->n,
                           .n_workers = 1,
                           .needs_data = true,
                           .needs_weights = true}};
    assert_ok(tw_node_infer_shape(&w->asked.node.out, &w->asked.node, &w->asked.in, e));
    w->n_x = c->n * tw_shape_size(&w->asked.in);
    w->n_y = c->n * tw_shape_size(&w->asked.node.out);
    w->n_w = 9 * c->c * c->k;
    w->x = random_numbers(w->n_x, 1, 1);
    w->dy = random_numbers(w->n_y, 2, 1);
    w->kernel = random_numbers(w->n_w, 3, 0.1f);
    w->bias = random_numbers(c->k, 4, 1);
    w->y = tw_calloc((size_t)w->n_y, sizeof *w->y);
    w->dx = tw_calloc((size_t)w->n_x, sizeof *w->dx);
    w->dw = tw_calloc((size_t)w->n_w, sizeof *w->dw);
    assert_true(w->y && w->dx && w->dw);
}

static void free_world(world *w)
{
    tw_free(w->x);
    tw_free(w->dy);
    tw_free(w->kernel);
    tw_free(w->bias);
    tw_free(w->y);
    tw_free(w->dx);
    tw_free(w->dw);
}

static void take_copy(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    assert_int_equal(node, 5);
    assert_int_equal(slot, 0);
    memcpy((float *)ctx + first, gradient, (size_t)n * sizeof *gradient);
    memset(gradient, 0xff, (size_t)n * sizeof *gradient); /* a sink may overwrite it */
}

/* y, dx, dw one behind the other, of the first n pictures; m = 0: the tile that the shape asks for.
 * The scratch is full of NaN before each pass. */
static float *results_of(const world *w, const tw_winograd_train_kernels *kernels, int m,
                         int n_workers, int64_t n)
{
    tw_conv asked = w->asked;
    tw_winograd_train_worker workers[MOST_WORKERS];
    tw_winograd_train train;
    tw_layout layout = {0};
    float *out = tw_calloc((size_t)(w->n_y + w->n_x + w->n_w), sizeof *out);
    const tw_sink sink = {.take = take_copy, .ctx = out + w->n_y + w->n_x};

    assert_non_null(out);
    asked.n_workers = n_workers;
    assert_true(tw_backend__winograd_trains(&asked));
    tw_backend__winograd_train_plan(&train, kernels, &asked, workers);
    if (m)
        tw_backend__winograd_train_plan_tile(&train, m);
    tw_backend__winograd_train_lay_out(&train, &layout);
    layout.block = tw_alloc_aligned((size_t)layout.used);
    assert_non_null(layout.block);
    layout.used = 0;
    tw_backend__winograd_train_lay_out(&train, &layout);
    memset(layout.block, 0xff, (size_t)layout.used);
    tw_backend__winograd_train_forward(&train, out, w->x, &(tw_node_weights){w->kernel, w->bias},
                                       n);
    memset(layout.block, 0xff, (size_t)layout.used);
    tw_backend__winograd_train_data(&train, out + w->n_y, w->dy, w->kernel, n);
    memset(layout.block, 0xff, (size_t)layout.used);
    tw_backend__winograd_train_weights(&train, &sink, 5, w->x, w->dy, n);
    tw_free(layout.block);
    return out;
}

static double largest_error(const double *truth, const float *other, int64_t n)
{
    double largest = 1e-30, error = 0;

    for (int64_t i = 0; i < n; i++) {
        assert_true(isfinite(other[i]));
        largest = fmax(largest, fabs(truth[i]));
        error = fmax(error, fabs(truth[i] - (double)other[i]));
    }
    return error / largest;
}

static void compare(const world *w, int shape, int path, int tile)
{
    float *out = results_of(w, paths[path].kernels, tiles[tile], 1, w->asked.batch);
    const double errors[3] = {largest_error(w->y, out, w->n_y),
                              largest_error(w->dx, out + w->n_y, w->n_x),
                              largest_error(w->dw, out + w->n_y + w->n_x, w->n_w)};

    for (int i = 0; i < 3; i++)
        if (errors[i] > limits[tile][i == 2])
            fail_msg("case %d, %s, tiles of %d, result %d: error %g, the limit is %g", shape,
                     paths[path].kernels->name, tiles[tile], i, errors[i], limits[tile][i == 2]);
    tw_free(out);
}

static void all_three_passes_are_direct_sums(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        world w;
        make_world(&w, &cases[i]);
        sum_directly(&w);
        for (int path = 0; path < N_PATHS; path++)
            for (int tile = 0; tile < N_TILES && paths[path].is_here; tile++)
                compare(&w, i, path, tile);
        free_world(&w);
    }
}

static void workers_do_not_change_a_bit(void **state)
{
    (void)state;
    for (int i = 0; i < N_CASES * N_PATHS; i++) {
        const tw_winograd_train_kernels *kernels = paths[i % N_PATHS].kernels;
        world w;
        if (!paths[i % N_PATHS].is_here)
            continue;
        make_world(&w, &cases[i / N_PATHS]);
        float *one = results_of(&w, kernels, 0, 1, w.asked.batch);
        for (int n_workers = 2; n_workers <= MOST_WORKERS; n_workers++) {
            float *many = results_of(&w, kernels, 0, n_workers, w.asked.batch);
            assert_memory_equal(one, many, (size_t)(w.n_y + w.n_x + w.n_w) * sizeof *one);
            tw_free(many);
        }
        tw_free(one);
        free_world(&w);
    }
}

/* Both multiply and add in one rounding, in the same order. */
static void avx2_and_avx512_give_the_same_bits(void **state)
{
    (void)state;
    if (!paths[1].is_here || !paths[2].is_here)
        skip();
    for (int i = 0; i < N_CASES * N_TILES; i++) {
        world w;
        make_world(&w, &cases[i / N_TILES]);
        float *one = results_of(&w, paths[1].kernels, tiles[i % N_TILES], 1, w.asked.batch);
        float *other = results_of(&w, paths[2].kernels, tiles[i % N_TILES], 2, w.asked.batch);
        assert_memory_equal(one, other, (size_t)(w.n_y + w.n_x + w.n_w) * sizeof *one);
        tw_free(one);
        tw_free(other);
        free_world(&w);
    }
}

/* Of a short batch: its own outputs and data gradients, nothing behind them, and its own weights'
 * gradient. */
static void a_short_batch_stands_alone(void **state)
{
    const shape_case full = {7, 12, 10, 32, 48, true};
    shape_case few = full;

    (void)state;
    few.n = 3;
    for (int path = 0; path < N_PATHS; path++) {
        world w, v;
        if (!paths[path].is_here)
            continue;
        make_world(&w, &full);
        make_world(&v, &few);
        sum_directly(&v);
        float *all = results_of(&w, paths[path].kernels, 0, 2, full.n);
        float *some = results_of(&w, paths[path].kernels, 0, 2, few.n);
        assert_memory_equal(some, all, (size_t)v.n_y * sizeof *all);
        assert_memory_equal(some + w.n_y, all + w.n_y, (size_t)v.n_x * sizeof *all);
        for (int64_t i = v.n_y; i < w.n_y; i++)
            assert_true(some[i] == 0);
        for (int64_t i = v.n_x; i < w.n_x; i++)
            assert_true(some[w.n_y + i] == 0);
        assert_true(largest_error(v.dw, some + w.n_y + w.n_x, w.n_w) < limits[2][1]);
        tw_free(all);
        tw_free(some);
        free_world(&w);
        free_world(&v);
    }
}

static void the_shape_chooses_the_tile(void **state)
{
    static const struct {
        int64_t side;
        bool same;
        int m, m_data;
    } choices[] = {{14, true, 7, 7}, {28, true, 7, 7},  {224, true, 7, 7},
                   {4, true, 4, 4},  {8, true, 4, 4},   {10, true, 5, 5},
                   {12, true, 4, 4}, {12, false, 5, 4}, {9, false, 7, 5}};
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        const shape_case c = {1, choices[i].side, choices[i].side, 16, 16, choices[i].same};
        tw_winograd_train_worker workers[1];
        tw_winograd_train train;
        world w;
        make_world(&w, &c);
        tw_backend__winograd_train_plan(&train, paths[0].kernels, &w.asked, workers);
        assert_int_equal(train.ways[TW_WINOGRAD_FORWARD].m, choices[i].m);
        assert_int_equal(train.ways[TW_WINOGRAD_DATA].m, choices[i].m_data);
        assert_int_equal(train.ways[TW_WINOGRAD_WEIGHTS].m, choices[i].m);
        free_world(&w);
    }
}

static void other_layers_are_refused(void **state)
{
    const shape_case c = {1, 8, 8, 16, 16, true};
    world w;

    (void)state;
    make_world(&w, &c);
    assert_true(tw_backend__winograd_trains(&w.asked));
    w.asked.node.stride[1] = 2;
    assert_false(tw_backend__winograd_trains(&w.asked));
    w.asked.node.stride[1] = 1;
    w.asked.node.window[0] = 1;
    assert_false(tw_backend__winograd_trains(&w.asked));
    w.asked.node.window[0] = 3;
    w.asked.node.units = 24;
    assert_false(tw_backend__winograd_trains(&w.asked));
    w.asked.node.units = 16;
    w.asked.in.dims[2] = 3;
    assert_false(tw_backend__winograd_trains(&w.asked));
    free_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_three_passes_are_direct_sums),
        cmocka_unit_test(workers_do_not_change_a_bit),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(a_short_batch_stands_alone),
        cmocka_unit_test(the_shape_chooses_the_tile),
        cmocka_unit_test(other_layers_are_refused),
    };
    return cmocka_run_group_tests(tests, find_paths, NULL);
}
