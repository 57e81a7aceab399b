/*
 * bf16x3's convolutions, in plain C everywhere and on AMX where the CPU has it: against a direct
 * sum in double; AMX against its twin; and bits that depend on nothing but picture and shape.
 */
#include "backend/cpu/bf16x3.h"
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
    {1, 5, 7, 8, 8, 1, true, false},     {3, 5, 7, 3, 72, 1, true, true},
    {2, 14, 14, 72, 24, 1, true, true},  {2, 13, 10, 17, 5, 0, true, true},
    {1, 3, 3, 8, 8, 0, false, false},    {2, 1, 1, 8, 8, 1, true, false},
    {3, 7, 9, 40, 48, 1, false, false},  {1, 22, 30, 24, 36, 1, true, true},
    {2, 4, 6, 1, 1, 1, false, true},     {1, 70, 9, 3, 8, 1, true, true},
    {2, 28, 28, 64, 33, 1, true, false}, {2, 6, 50, 33, 160, 1, true, true},
};
enum { N_CASES = sizeof cases / sizeof cases[0], GUARD = 64 };

static bool has_amx;

static int look_for_amx(void **state)
{
    (void)state;
    has_amx = tw_cpu_detect().amx_bf16 && tw_cpu_ask_for_tiles();
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
    tw_bf16x3 conv;
    float *x, *kernel, *bias, *y;
    int64_t n_y; /* numbers of a picture's output */
} world;

static int64_t out_side(const shape_case *c, int64_t side)
{
    return (side + 2 * c->pad - 2) / (c->pool ? 2 : 1);
}

static void make_world(world *w, const shape_case *c, const tw_bf16x3_kernels *kernels)
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
    assert_non_null(w->y);
    tw_backend__bf16x3_plan(&w->conv);
}

static void free_world(world *w)
{
    tw_free(w->x);
    tw_free(w->kernel);
    tw_free(w->bias);
    tw_free(w->y);
}

static void guard(void *block, int64_t n_bytes)
{
    memset((char *)block + n_bytes, 0x5a, GUARD);
}

static bool is_untouched(const void *block, int64_t n_bytes)
{
    for (int i = 0; i < GUARD; i++)
        if (((const unsigned char *)block)[n_bytes + i] != 0x5a)
            return false;
    return true;
}

/* Packs and runs; nothing is written behind the three blocks. */
static void run(world *w)
{
    const int64_t y_bytes = w->conv.n * w->n_y * (int64_t)sizeof(float);
    void *packed = tw_malloc((size_t)w->conv.packed_bytes + GUARD),
         *scratch = tw_malloc((size_t)w->conv.scratch_bytes + GUARD);

    assert_non_null(packed);
    assert_non_null(scratch);
    guard(packed, w->conv.packed_bytes);
    guard(scratch, w->conv.scratch_bytes);
    guard(w->y, y_bytes);
    tw_backend__bf16x3_pack(&w->conv, packed, w->kernel, w->bias);
    tw_backend__bf16x3_run(&w->conv, w->conv.n, w->y, w->x, packed, scratch);
    assert_true(is_untouched(packed, w->conv.packed_bytes));
    assert_true(is_untouched(scratch, w->conv.scratch_bytes));
    assert_true(is_untouched(w->y, y_bytes));
    tw_free(packed);
    tw_free(scratch);
}

/* One output before the pool, in double. */
static double direct(const world *w, int64_t picture, int64_t y, int64_t x, int64_t k)
{
    const tw_bf16x3 *conv = &w->conv;
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

/* Error in units of the norm, and the largest in units of the largest truth. */
static double error_of(const world *w, const shape_case *c)
{
    const int64_t rows = out_side(c, c->h), columns = out_side(c, c->w);
    const int step = c->pool ? 2 : 1;
    double norm = 1e-30, error = 0.0;

    for (int64_t i = 0; i < c->n * w->n_y; i++) {
        const int64_t k = i % c->k, x = i / c->k % columns, y = i / c->k / columns % rows;
        double truth = -INFINITY;
        for (int place = 0; place < step * step; place++)
            truth = fmax(
                truth, direct(w, i / w->n_y, y * step + place / step, x * step + place % step, k));
        norm += truth * truth;
        error += (truth - (double)w->y[i]) * (truth - (double)w->y[i]);
    }
    return sqrt(error / norm);
}

static void each_path_computes_the_convolution(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_CASES; i++) {
        world w;
        double error;
        if (i % 2 && !has_amx)
            continue;
        make_world(&w, &cases[i / 2], i % 2 ? &tw_backend__bf16x3_amx : &tw_backend__bf16x3_plain);
        run(&w);
        error = error_of(&w, &cases[i / 2]);
        if (!(error < 8e-6))
            fail_msg("%s, case %d: error %g", w.conv.kernels->name, i / 2, error);
        free_world(&w);
    }
}

/* Parts below 2^-126 are zero on AMX: nothing of that size here. */
static void amx_and_its_twin_agree(void **state)
{
    (void)state;
    if (!has_amx)
        skip(); /* needs a CPU with AMX */
    for (int i = 0; i < N_CASES; i++) {
        world a, b;
        make_world(&a, &cases[i], &tw_backend__bf16x3_amx);
        make_world(&b, &cases[i], &tw_backend__bf16x3_plain);
        run(&a);
        run(&b);
        for (int64_t k = 0; k < a.conv.n * a.n_y; k++)
            if (!(fabsf(a.y[k] - b.y[k]) <= 2e-6f * fmaxf(1.0f, fabsf(b.y[k]))))
                fail_msg("case %d, output %lld: %g and %g", i, (long long)k, (double)a.y[k],
                         (double)b.y[k]);
        free_world(&a);
        free_world(&b);
    }
}

/* A kernel of more than 1 MB goes over whole pictures of the piece, a smaller one over bands. */
static void bands_do_not_change_bits(void **state)
{
    static const int64_t bands[] = {2, 4, 6};

    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        world w;
        float *first;
        size_t n_bytes;
        make_world(&w, &cases[i], &tw_backend__bf16x3_plain);
        n_bytes = (size_t)(w.conv.n * w.n_y) * sizeof *w.y;
        run(&w);
        assert_non_null(first = tw_malloc(n_bytes));
        memcpy(first, w.y, n_bytes);
        for (size_t b = 0; b < sizeof bands / sizeof bands[0]; b++) {
            tw_backend__bf16x3_set_band(&w.conv, bands[b]);
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
    const shape_case one = {1, 10, 9, 19, 21, 1, true, true},
                     four = {4, 10, 9, 19, 21, 1, true, true};
    const int64_t n_x = one.h * one.w * one.c;
    world alone, beside;

    (void)state;
    make_world(&alone, &one, &tw_backend__bf16x3_plain);
    make_world(&beside, &four, &tw_backend__bf16x3_plain);
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

/* hi + lo is x to 16 bits; what is beyond bf16's range stays infinite, and NaN stays NaN. */
static void numbers_are_split_into_two_parts(void **state)
{
    const float numbers[] = {0.0f, -0.0f, 1.0f, 3.14159265f, -1e-20f, 1e30f, 65537.0f};
    const float beyond[] = {INFINITY, -INFINITY, 3.4028235e38f, NAN};
    uint16_t parts[TW_BF16X3_PLACE];

    (void)state;
    tw_backend__bf16x3_plain.split(parts, numbers, 7);
    for (int i = 0; i < 7; i++) {
        const uint32_t bits[2] = {(uint32_t)parts[i] << 16, (uint32_t)parts[32 + i] << 16};
        float value[2];
        memcpy(value, bits, sizeof value);
        assert_true(fabsf(value[0] + value[1] - numbers[i]) <= ldexpf(fabsf(numbers[i]), -16));
    }
    for (int i = 7; i < 32; i++)
        assert_true(parts[i] == 0 && parts[32 + i] == 0);
    tw_backend__bf16x3_plain.split(parts, beyond, 4);
    assert_int_equal(parts[0], 0x7f80);
    assert_int_equal(parts[1], 0xff80);
    assert_int_equal(parts[2], 0x7f80);
    assert_int_equal(parts[3], 0x7fc0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(parts[32 + i], 0);
}

/* The widths of VGG16 leave nothing over, and packed kernels take 4 bytes a weight. */
static void tile_and_band_are_chosen_by_the_shape(void **state)
{
    static const struct {
        int64_t side, c, k;
        int places;
        bool whole;
    } layers[] = {{224, 64, 64, 16, false},
                  {112, 128, 128, 16, false},
                  {56, 256, 256, 14, true},
                  {28, 512, 512, 14, true},
                  {14, 512, 512, 14, true}};

    (void)state;
    for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
        tw_bf16x3 conv = {.kernels = &tw_backend__bf16x3_plain,
                          .n = 4,
                          .h = layers[i].side,
                          .w = layers[i].side,
                          .c = layers[i].c,
                          .k = layers[i].k,
                          .pad = 1};
        tw_backend__bf16x3_plan(&conv);
        assert_int_equal(conv.places, layers[i].places);
        assert_int_equal(conv.n_at_once, layers[i].whole ? 4 : 1);
        assert_int_equal(conv.packed_bytes, 4 * (9 * conv.c * conv.k + conv.k));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_computes_the_convolution),
        cmocka_unit_test(amx_and_its_twin_agree),
        cmocka_unit_test(bands_do_not_change_bits),
        cmocka_unit_test(neighbours_do_not_change_bits),
        cmocka_unit_test(numbers_are_split_into_two_parts),
        cmocka_unit_test(tile_and_band_are_chosen_by_the_shape),
    };

    return cmocka_run_group_tests(tests, look_for_amx, NULL);
}
