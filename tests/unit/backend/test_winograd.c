/*
 * The own Winograd kernels, every path that this CPU has: against a direct sum in double, and bits
 * that depend on nothing but the picture and the shape: not on block, piece, place or neighbours.
 */
#include "backend/cpu/winograd.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/rng.h"

#include "check.h"

#include <math.h>

typedef struct shape_case {
    int64_t n, h, w, c, k;
    int pad;
    bool relu, pool;
} shape_case;

static const shape_case cases[] = {
    {1, 5, 7, 8, 8, 1, true, false},    {3, 5, 7, 3, 72, 1, true, true},
    {2, 14, 14, 72, 24, 1, true, true}, {2, 13, 10, 17, 5, 0, true, true},
    {1, 3, 3, 8, 8, 0, false, false},   {2, 1, 1, 8, 8, 1, true, false},
    {3, 7, 9, 40, 48, 1, false, false}, {1, 22, 30, 24, 36, 1, true, true},
    {2, 4, 6, 1, 1, 1, false, true},    {1, 70, 9, 3, 8, 1, true, true},
};
static const shape_case few_channels[] = {
    {1, 5, 7, 3, 8, 1, true, false},    {2, 14, 14, 3, 72, 1, true, false},
    {2, 13, 10, 1, 5, 0, true, false},  {1, 3, 3, 4, 100, 0, false, false},
    {2, 1, 1, 3, 16, 1, false, false},  {1, 26, 8, 2, 64, 1, true, false},
    {3, 22, 30, 3, 37, 0, true, false},
};
enum {
    N_CASES = sizeof cases / sizeof cases[0],
    N_FEW = sizeof few_channels / sizeof few_channels[0],
    N_PATHS = 5,
    DIRECT = 0, /* in the place of a tile's m */
    GUARD = 64
};
#define TWIN_LIMIT 2e-3

static struct {
    const tw_winograd_kernels *kernels;
    bool is_here;
} paths[N_PATHS] = {{&tw_backend__winograd_plain, true},
                    {&tw_backend__winograd_avx2, false},
                    {&tw_backend__winograd_avx512, false},
                    {&tw_backend__winograd_plain_bf16, true},
                    {&tw_backend__winograd_avx512_bf16, false}};

static int find_paths(void **state)
{
    (void)state;
    paths[1].is_here = tw_cpu_detect().avx2;
    paths[2].is_here = tw_cpu_detect().avx512;
    paths[4].is_here = tw_cpu_detect().avx512_bf16;
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

/* A convolution with its data: x, kernel, bias; and what it has made. */
typedef struct world {
    tw_winograd conv;
    float *x, *kernel, *bias, *y;
    int64_t n_y; /* numbers of a picture's output */
} world;

static int64_t out_side(const shape_case *c, int64_t side)
{
    return (side + 2 * c->pad - 2) / (c->pool ? 2 : 1);
}

static void make_world(world *w, const shape_case *c, const tw_winograd_kernels *kernels, int m)
{
    *w = (world){.conv = {.kernels = kernels,
                          .n = c->n,
                          .h = c->h,
                          .w = c->w,
                          .c = c->c,
                          .k = c->k,
                          .pad = c->pad,
                          .relu = c->relu,
                          .pool = c->pool}};
    w->n_y = out_side(c, c->h) * out_side(c, c->w) * c->k;
    w->x = random_numbers(c->n * c->h * c->w * c->c, 1, 1.0f);
    w->kernel = random_numbers(9 * c->c * c->k, 2, 1.0f / sqrtf(9.0f * (float)c->c));
    w->bias = random_numbers(c->k, 3, 0.5f);
    w->y = tw_alloc_f32(c->n * w->n_y + GUARD);
    if (m == DIRECT)
        tw_backend__winograd_plan_direct(&w->conv);
    else
        tw_backend__winograd_plan_tile(&w->conv, m);
}

static void free_world(world *w)
{
    tw_free(w->x);
    tw_free(w->kernel);
    tw_free(w->bias);
    tw_free(w->y);
}

static bool is_untouched(const float *guard)
{
    for (int i = 0; i < GUARD; i++)
        if (guard[i] != 12345.0f)
            return false;
    return true;
}

static void guard(float *at)
{
    for (int i = 0; i < GUARD; i++)
        at[i] = 12345.0f;
}

/* Packs and runs; nothing is written behind the three blocks. */
static void run(world *w)
{
    const int64_t n_packed = w->conv.packed_bytes / (int64_t)sizeof(float),
                  n_scratch = w->conv.scratch_bytes / (int64_t)sizeof(float),
                  n_y = w->conv.n * w->n_y;
    float *packed = tw_alloc_f32(n_packed + GUARD), *scratch = tw_alloc_f32(n_scratch + GUARD);

    guard(packed + n_packed);
    guard(scratch + n_scratch);
    guard(w->y + n_y);
    tw_backend__winograd_pack(&w->conv, packed, w->kernel, w->bias);
    tw_backend__winograd_run(&w->conv, w->conv.n, w->y, w->x, packed, scratch);
    assert_true(is_untouched(packed + n_packed));
    assert_true(is_untouched(scratch + n_scratch));
    assert_true(is_untouched(w->y + n_y));
    tw_free(packed);
    tw_free(scratch);
}

/* One output before the pool, in double. */
static double direct(const world *w, int64_t picture, int64_t y, int64_t x, int64_t k)
{
    const tw_winograd *conv = &w->conv;
    double sum = (double)w->bias[k];

    for (int64_t r = 0; r < 3; r++)
        for (int64_t s = 0; s < 3; s++) {
            const int64_t row = y + r - conv->pad, column = x + s - conv->pad;
            if (row < 0 || row >= conv->h || column < 0 || column >= conv->w)
                continue;
            for (int64_t c = 0; c < conv->c; c++)
                sum += (double)w->x[((picture * conv->h + row) * conv->w + column) * conv->c + c] *
                       (double)w->kernel[((r * 3 + s) * conv->c + c) * conv->k + k];
        }
    return conv->relu && sum < 0.0 ? 0.0 : sum;
}

/* Largest error, in units of the largest truth. */
static double error_of(const world *w, const shape_case *c)
{
    const int64_t rows = out_side(c, c->h), columns = out_side(c, c->w);
    const int step = c->pool ? 2 : 1;
    double largest = 1e-30, error = 0.0;

    for (int64_t i = 0; i < c->n * w->n_y; i++) {
        const int64_t k = i % c->k, x = i / c->k % columns, y = i / c->k / columns % rows;
        double truth = -INFINITY;
        for (int place = 0; place < step * step; place++)
            truth = fmax(
                truth, direct(w, i / w->n_y, y * step + place / step, x * step + place % step, k));
        largest = fmax(largest, fabs(truth));
        error = fmax(error, fabs(truth - (double)w->y[i]));
    }
    return error / largest;
}

/* Largest error that a path may make, by tile. */
static double limit_of(const tw_winograd_kernels *kernels, int m)
{
    const bool is_bf16 = kernels->step == 2;

    if (m < 6)
        return is_bf16 ? 4e-2 : 2e-6;
    return is_bf16 ? 2e-1 : 1e-5;
}

static void each_path_computes_the_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < N_PATHS * N_CASES; i++) {
        const shape_case *c = &cases[i / N_PATHS];
        const tw_winograd_kernels *kernels = paths[i % N_PATHS].kernels;
        if (!paths[i % N_PATHS].is_here)
            continue;
        for (int m = 2; m <= 6; m += m == 2 ? 2 : 1) {
            world w;
            double error;
            if (m == 5 && c->pool)
                continue;
            make_world(&w, c, kernels, m);
            run(&w);
            error = error_of(&w, c);
            if (!(error < limit_of(kernels, m)))
                fail_msg("%s, case %d, tiles of %d: error %g", kernels->name, i / N_PATHS, m,
                         error);
            free_world(&w);
        }
    }
}

/* The places whose number is below n of each picture become grey: three equal channels. */
static void make_grey(const world *w, int64_t n)
{
    for (int64_t i = 0; i < w->conv.n * w->conv.h * w->conv.w; i++)
        if (i % (w->conv.h * w->conv.w) < n && w->conv.c == 3)
            w->x[3 * i + 1] = w->x[3 * i + 2] = w->x[3 * i];
}

/* Pictures in colour, half grey and grey. */
static void direct_tiles_compute_the_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < N_PATHS * N_FEW * 3; i++) {
        const shape_case *c = &few_channels[i / 3 % N_FEW];
        const tw_winograd_kernels *kernels = paths[i / 3 / N_FEW].kernels;
        world w;
        double error;
        if (!paths[i / 3 / N_FEW].is_here)
            continue;
        make_world(&w, c, kernels, DIRECT);
        make_grey(&w, c->h * c->w * (i % 3) / 2);
        run(&w);
        error = error_of(&w, c);
        if (!(error < 5e-7))
            fail_msg("%s, case %d, grey %d / 2: error %g", kernels->name, i / 3 % N_FEW, i % 3,
                     error);
        free_world(&w);
    }
}

/* A tile is as grey alone as beside others: its bits are those of the picture that is grey all
 * over. */
static void a_grey_tile_has_the_bits_of_a_grey_picture(void **state)
{
    const shape_case *c = &few_channels[1];

    (void)state;
    for (int i = 0; i < N_PATHS; i++) {
        world half, whole;
        const int64_t row = c->w * c->k;
        if (!paths[i].is_here)
            continue;
        make_world(&half, c, paths[i].kernels, DIRECT);
        make_world(&whole, c, paths[i].kernels, DIRECT);
        make_grey(&half, 8 * c->w);
        make_grey(&whole, c->h * c->w);
        run(&half);
        run(&whole);
        assert_memory_equal(half.y, whole.y, (size_t)(6 * row) * sizeof *half.y);
        assert_memory_not_equal(half.y + 12 * row, whole.y + 12 * row,
                                (size_t)row * sizeof *half.y);
        free_world(&half);
        free_world(&whole);
    }
}

/* Both sum in the same order with fused multiply-adds. */
static void avx2_and_avx512_give_the_same_bits(void **state)
{
    (void)state;
    if (!paths[1].is_here || !paths[2].is_here)
        skip(); /* needs both */
    for (int i = 0; i < 3 * N_CASES; i++) {
        const int m = 4 + i % 3;
        world a, b;
        if (m == 5 && cases[i / 3].pool)
            continue;
        make_world(&a, &cases[i / 3], paths[1].kernels, m);
        make_world(&b, &cases[i / 3], paths[2].kernels, m);
        run(&a);
        run(&b);
        assert_memory_equal(a.y, b.y, (size_t)(a.conv.n * a.n_y) * sizeof *a.y);
        free_world(&a);
        free_world(&b);
    }
    for (int i = 0; i < N_FEW; i++) {
        world a, b;
        make_world(&a, &few_channels[i], paths[1].kernels, DIRECT);
        make_world(&b, &few_channels[i], paths[2].kernels, DIRECT);
        run(&a);
        run(&b);
        assert_memory_equal(a.y, b.y, (size_t)(a.conv.n * a.n_y) * sizeof *a.y);
        free_world(&a);
        free_world(&b);
    }
}

/* The instruction rounds sums in its own way: equal up to float32, far below what bf16 loses. */
static void bf16_is_its_plain_twin(void **state)
{
    (void)state;
    if (!paths[4].is_here)
        skip(); /* needs VDPBF16PS */
    for (int i = 0; i < 2 * N_CASES; i++) {
        world a, b;
        double largest = 1e-30, error = 0.0;
        make_world(&a, &cases[i / 2], paths[3].kernels, i % 2 ? 2 : 4);
        make_world(&b, &cases[i / 2], paths[4].kernels, i % 2 ? 2 : 4);
        run(&a);
        run(&b);
        for (int64_t k = 0; k < a.conv.n * a.n_y; k++) {
            largest = fmax(largest, fabs((double)a.y[k]));
            error = fmax(error, fabs((double)a.y[k] - (double)b.y[k]));
        }
        if (!(error < TWIN_LIMIT * largest))
            fail_msg("case %d, tiles of %d: %g of %g", i / 2, a.conv.m, error, largest);
        free_world(&a);
        free_world(&b);
    }
}

static void blocks_do_not_change_bits(void **state)
{
    static const int64_t blocks[] = {1, 5, 13};

    (void)state;
    for (int i = 0; i < N_PATHS * N_CASES; i++) {
        world w;
        float *first;
        size_t n_bytes;
        if (!paths[i % N_PATHS].is_here)
            continue;
        make_world(&w, &cases[i / N_PATHS], paths[i % N_PATHS].kernels, 4);
        n_bytes = (size_t)(w.conv.n * w.n_y) * sizeof *w.y;
        run(&w);
        assert_non_null(first = tw_malloc(n_bytes));
        memcpy(first, w.y, n_bytes);
        for (size_t b = 0; b < sizeof blocks / sizeof blocks[0]; b++) {
            tw_backend__winograd_set_block(&w.conv, blocks[b]);
            run(&w);
            assert_memory_equal(first, w.y, n_bytes);
        }
        tw_free(first);
        free_world(&w);
    }
}

/* A picture alone, then beside others that are all NaN, at each place. */
static void neighbours_do_not_change_bits(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_PATHS; i++) {
        const shape_case one = {1, 10, 9, 19, 21, 1, true, true},
                         four = {4, 10, 9, 19, 21, 1, true, true};
        const int64_t n_x = one.h * one.w * one.c;
        world alone, beside;
        if (!paths[i / 2].is_here)
            continue;
        make_world(&alone, &one, paths[i / 2].kernels, i % 2 ? 6 : 4);
        make_world(&beside, &four, paths[i / 2].kernels, i % 2 ? 6 : 4);
        run(&alone);
        for (int64_t place = 0; place < four.n; place++) {
            for (int64_t k = 0; k < four.n * n_x; k++)
                beside.x[k] = NAN;
            memcpy(beside.x + place * n_x, alone.x, (size_t)n_x * sizeof *alone.x);
            run(&beside);
            assert_memory_equal(alone.y, beside.y + place * alone.n_y,
                                (size_t)alone.n_y * sizeof *alone.y);
            assert_true(isnan(beside.y[(place + 1) % four.n * alone.n_y]));
        }
        free_world(&alone);
        free_world(&beside);
    }
}

static void a_missing_bias_is_zero(void **state)
{
    world w;
    float *packed;

    (void)state;
    make_world(&w, &cases[0], paths[0].kernels, 4);
    packed = random_numbers(w.conv.packed_bytes / (int64_t)sizeof(float), 9, 1.0f);
    tw_backend__winograd_pack(&w.conv, packed, w.kernel, NULL);
    for (int i = 0; i < 8; i++)
        assert_true(packed[36 * 8 * 8 + i] == 0.0f);
    tw_free(packed);
    free_world(&w);
}

/* bf16 takes tiles of 4 everywhere; U has whole pairs of channels. */
static void bf16_has_tiles_of_4_and_half_the_weights(void **state)
{
    tw_winograd conv = {
        .kernels = paths[3].kernels, .n = 1, .h = 224, .w = 224, .c = 5, .k = 64, .pad = 1};

    (void)state;
    tw_backend__winograd_plan(&conv);
    assert_int_equal(conv.m, 4);
    assert_int_equal(conv.packed_bytes, 2 * 36 * 6 * 64 + 4 * 64);
}

/* Tiles of 6 where the picture is large and the kernel is not, of 5 where they fit a small one;
 * sizes that are told fit it. */
static void the_tile_is_chosen_by_the_shape(void **state)
{
    static const struct {
        int64_t side, c, k;
        int m;
        bool pool;
    } layers[] = {{224, 64, 64, 6, true},   {112, 128, 128, 6, true}, {56, 128, 256, 4, false},
                  {56, 256, 256, 4, false}, {28, 64, 64, 6, false},   {28, 512, 512, 6, true},
                  {14, 512, 512, 5, false}, {14, 512, 512, 4, true},  {12, 512, 512, 4, false}};

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++)
        for (int64_t n = 1; n <= 4; n += 3) {
            tw_winograd conv = {.kernels = paths[0].kernels,
                                .n = n,
                                .h = layers[i].side,
                                .w = layers[i].side,
                                .c = layers[i].c,
                                .k = layers[i].k,
                                .pad = 1,
                                .pool = layers[i].pool};
            const int64_t planes = (int64_t)(layers[i].m + 2) * (layers[i].m + 2);
            tw_backend__winograd_plan(&conv);
            assert_int_equal(conv.m, layers[i].m);
            assert_int_equal(conv.packed_bytes, 4 * (planes * conv.c * conv.k + conv.k));
            assert_true(conv.scratch_bytes >= 4 * planes * conv.block * (conv.c + conv.k));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_computes_the_convolution),
        cmocka_unit_test(direct_tiles_compute_the_convolution),
        cmocka_unit_test(a_grey_tile_has_the_bits_of_a_grey_picture),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
        cmocka_unit_test(bf16_is_its_plain_twin),
        cmocka_unit_test(blocks_do_not_change_bits),
        cmocka_unit_test(neighbours_do_not_change_bits),
        cmocka_unit_test(a_missing_bias_is_zero),
        cmocka_unit_test(the_tile_is_chosen_by_the_shape),
        cmocka_unit_test(bf16_has_tiles_of_4_and_half_the_weights),
    };

    return cmocka_run_group_tests(tests, find_paths, NULL);
}
