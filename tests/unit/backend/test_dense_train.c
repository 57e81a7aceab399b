/*
 * Fully connected layers in training by own kernels, every path that this CPU has: against sums in
 * double, the update against backend/optimizer.c bit for bit, and bits that depend neither on
 * workers nor on which inputs are passed over.
 */
#include "backend/cpu/dense_train.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>

typedef struct shape_case {
    int64_t n, c, k;
} shape_case;

/* Several stretches, groups and tiles; odd sizes; one of everything. */
static const shape_case cases[] = {{16, 4400, 34}, {128, 1300, 33}, {37, 100, 600},
                                   {5, 250, 31},   {1, 1, 1},       {25, 13, 10},
                                   {3, 49, 97},    {24, 1100, 520}};
enum { N_CASES = sizeof cases / sizeof cases[0], N_PATHS = 5 };

static struct {
    const tw_dense_arithmetic *path;
    bool is_here;
} paths[N_PATHS] = {{&tw_backend__dense_plain, true},
                    {&tw_backend__dense_avx2, false},
                    {&tw_backend__dense_avx512, false},
                    {&tw_backend__dense_plain_bf16, true},
                    {&tw_backend__dense_avx512_bf16, false}};

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
        x[i] = scale * (2.0f * tw_rng_uniform(&key, (uint64_t)i) - 1.0f);
    return x;
}

/* A layer with its data, and what it has made. */
typedef struct world {
    shape_case s;
    tw_dense dense;
    float *x, *dy, *w, *b, *y, *dx, *dw, *state[2];
    uint8_t *count, *touched;
    bool has_update;
    tw_update update;
} world;

/* Each third input is zero in all samples, where wanted. */
static void make_world(world *w, const shape_case *s, int n_workers, bool has_zeros)
{
    *w = (world){.s = *s, .dense = {.n = s->n, .c = s->c, .k = s->k, .n_workers = n_workers}};
    w->x = random_numbers(s->n * s->c, 1, 1.0f);
    w->dy = random_numbers(s->n * s->k, 2, 0.1f);
    w->w = random_numbers(s->c * s->k, 3, 0.1f);
    w->b = random_numbers(s->k, 4, 1.0f);
    w->y = random_numbers(s->n * s->k, 5, 1.0f);
    w->dx = random_numbers(s->n * s->c, 6, 1.0f);
    w->dw = random_numbers(s->c * s->k, 7, 1.0f);
    w->state[0] = tw_alloc_f32(s->c * s->k);
    w->state[1] = tw_alloc_f32(s->c * s->k);
    w->count = tw_calloc((size_t)(s->c * s->k), 1);
    w->touched = tw_calloc((size_t)s->c, 1);
    w->dense.scratch = random_numbers(tw_backend__dense_scratch(&w->dense), 8, 1e30f);
    for (int64_t i = 0; has_zeros && i < s->n * s->c; i++)
        if (i % s->c % 3 == 1)
            w->x[i] = i % 2 ? 0.0f : -0.0f;
}

static void free_world(world *w)
{
    float *blocks[] = {w->x,  w->dy, w->w,        w->b,        w->y,
                       w->dx, w->dw, w->state[0], w->state[1], w->dense.scratch};

    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++)
        tw_free(blocks[i]);
    tw_free(w->count);
    tw_free(w->touched);
}

static void take(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    world *w = ctx;

    assert_int_equal(node, 7);
    assert_int_equal(slot, 0);
    memcpy(w->dw + first, gradient, (size_t)n * sizeof *gradient);
    for (int64_t i = 0; i < n; i++)
        w->count[first + i]++;
    memset(gradient, 0xff, (size_t)n * sizeof *gradient); /* a sink may overwrite it */
}

static bool get_update(void *ctx, int node, int slot, tw_update *out)
{
    world *w = ctx;

    assert_int_equal(node, 7);
    assert_int_equal(slot, 0);
    *out = w->update;
    return w->has_update;
}

static void run_backward(world *w, const tw_dense_arithmetic *path, bool has_data)
{
    const tw_sink sink = {.take = take, .ctx = w, .get_update = get_update};
    const tw_dense_gradients wanted = {
        .x = w->x, .dy = w->dy, .w = w->w, .dx = has_data ? w->dx : NULL, .sink = &sink, .node = 7};

    tw_backend__dense_backward(path, &w->dense, &wanted);
}

/* What a path multiplies. */
static double as_multiplied(const tw_dense_arithmetic *path, float x)
{
    return (double)(path->step == 2 ? tw_f32_from_bf16(tw_bf16_from_f32(x)) : x);
}

typedef struct line {
    const float *first;
    int64_t step;
} line;

/* Sums over `n` products of numbers as the path rounds them. */
static double sum(const tw_dense_arithmetic *path, line a, line b, int64_t n)
{
    double out = 0.0;

    for (int64_t i = 0; i < n; i++)
        out += as_multiplied(path, a.first[i * a.step]) * as_multiplied(path, b.first[i * b.step]);
    return out;
}

static void assert_near(const world *w, const char *what, const char *path, int64_t i, double truth,
                        float ours)
{
    if (!(fabs(truth - (double)ours) <= 2e-6 * (1.0 + fabs(truth)) * 8))
        fail_msg("%s of (%lld,%lld,%lld) on %s, number %lld: %g, the truth is %g", what,
                 (long long)w->s.n, (long long)w->s.c, (long long)w->s.k, path, (long long)i,
                 (double)ours, truth);
}

static void check_world(const world *w, const tw_dense_arithmetic *path)
{
    const int64_t n = w->s.n, c = w->s.c, k = w->s.k;

    for (int64_t i = 0; i < n * k; i++)
        assert_near(w, "output", path->name, i,
                    sum(path, (line){w->x + i / k * c, 1}, (line){w->w + i % k, k}, c) +
                        (double)w->b[i % k],
                    w->y[i]);
    for (int64_t i = 0; i < n * c; i++)
        assert_near(w, "data gradient", path->name, i,
                    sum(path, (line){w->dy + i / c * k, 1}, (line){w->w + i % c * k, 1}, k),
                    w->dx[i]);
    for (int64_t i = 0; i < c * k; i++)
        assert_near(w, "weight gradient", path->name, i,
                    sum(path, (line){w->x + i / k, c}, (line){w->dy + i % k, k}, n), w->dw[i]);
}

static void each_path_computes_the_layer(void **state)
{
    (void)state;
    for (int i = 0; i < 2 * N_PATHS * N_CASES; i++) {
        const tw_dense_arithmetic *path = paths[i % N_PATHS].path;
        world w;
        if (!paths[i % N_PATHS].is_here)
            continue;
        make_world(&w, &cases[i / N_PATHS % N_CASES], 2, i >= N_PATHS * N_CASES);
        tw_backend__dense_forward(path, &w.dense, w.y, w.x, w.w, w.b);
        run_backward(&w, path, true);
        check_world(&w, path);
        for (int64_t k = 0; k < w.s.c * w.s.k; k++)
            assert_int_equal(w.count[k], 1);
        free_world(&w);
    }
}

static void a_missing_bias_is_zero(void **state)
{
    world w;

    (void)state;
    make_world(&w, &cases[5], 1, false);
    memset(w.b, 0, (size_t)w.s.k * sizeof *w.b);
    tw_backend__dense_forward(paths[0].path, &w.dense, w.dx, w.x, w.w, NULL);
    tw_backend__dense_forward(paths[0].path, &w.dense, w.y, w.x, w.w, w.b);
    assert_memory_equal(w.dx, w.y, (size_t)(w.s.n * w.s.k) * sizeof *w.y);
    free_world(&w);
}

/* ---- updates */

static const tw_update updates[] = {
    {.is_adam = true, .adam = {0.01f, 0.1f, 0.001f, 1e-7f, 0.01f, 0.0f}},
    {.is_adam = true, .adam = {0.01f, 0.1f, 0.001f, 1e-7f, 0.01f, 0.004f}},
    {.sgd = {0.01f, 0.9f, true, 0.0f}},
    {.sgd = {0.01f, 0.9f, false, 0.0f}},
    {.sgd = {0.01f, 0.0f, false, 0.02f}},
};
enum { N_UPDATES = sizeof updates / sizeof updates[0], N_STEPS = 3 };

static void set_update(world *w, const tw_update *update, uint8_t *touched)
{
    w->has_update = true;
    w->update = *update;
    w->update.w = w->w;
    w->update.state[0] = w->state[0];
    w->update.state[1] = w->state[1];
    w->update.touched = touched;
}

/* Weights, both states and the data gradient of two worlds. */
static void assert_same(const world *a, const world *b)
{
    const size_t n_bytes = (size_t)(a->s.c * a->s.k) * sizeof(float);

    assert_memory_equal(a->w, b->w, n_bytes);
    assert_memory_equal(a->state[0], b->state[0], n_bytes);
    assert_memory_equal(a->state[1], b->state[1], n_bytes);
    assert_memory_equal(a->dx, b->dx, (size_t)(a->s.n * a->s.c) * sizeof(float));
}

/* The gradient as the sink would get it, then the plain update. */
static void step_apart(world *w, const tw_dense_arithmetic *path)
{
    const tw_update *u = &w->update;
    const int64_t n = w->s.c * w->s.k;

    w->has_update = false;
    run_backward(w, path, true);
    if (u->is_adam)
        tw_backend__adam(w->w, w->state[0], w->state[1], w->dw, n, &u->adam);
    else
        tw_backend__sgd(w->w, w->state[0], w->dw, n, &u->sgd);
}

static void the_update_is_that_of_the_optimizer_to_the_bit(void **state)
{
    (void)state;
    for (int i = 0; i < N_PATHS * N_CASES * N_UPDATES; i++) {
        const tw_dense_arithmetic *path = paths[i % N_PATHS].path;
        const shape_case *s = &cases[i / N_PATHS % N_CASES];
        const tw_update *update = &updates[i / N_PATHS / N_CASES];
        world together, apart;
        if (!paths[i % N_PATHS].is_here)
            continue;
        make_world(&together, s, 2, false);
        make_world(&apart, s, 1, false);
        set_update(&together, update, NULL);
        set_update(&apart, update, NULL);
        for (int step = 0; step < N_STEPS; step++) {
            run_backward(&together, path, true);
            step_apart(&apart, path);
        }
        assert_same(&together, &apart);
        assert_int_equal(together.count[0], 0); /* the sink got nothing */
        free_world(&together);
        free_world(&apart);
    }
}

/* Inputs that were zero so far are passed over, which cannot be seen in any number. */
static void inputs_that_are_zero_are_passed_over(void **state)
{
    (void)state;
    for (int i = 0; i < N_PATHS * N_CASES * N_UPDATES; i++) {
        const tw_dense_arithmetic *path = paths[i % N_PATHS].path;
        const shape_case *s = &cases[i / N_PATHS % N_CASES];
        const tw_update *update = &updates[i / N_PATHS / N_CASES];
        world some, all;
        if (!paths[i % N_PATHS].is_here || update->adam.weight_decay > 0.0f ||
            update->sgd.weight_decay > 0.0f)
            continue;
        make_world(&some, s, 2, true);
        make_world(&all, s, 2, true);
        set_update(&some, update, some.touched);
        set_update(&all, update, NULL);
        for (int step = 0; step < N_STEPS; step++) {
            run_backward(&some, path, false);
            run_backward(&all, path, false);
            if (step == 0)
                for (int64_t c = 0; c < s->c; c++)
                    assert_int_equal(some.touched[c], c % 3 != 1);
            /* now others are zero, and go on by their momentum */
            for (int64_t k = 0; k < s->n * s->c; k++)
                if (k % s->c % 3 == 0)
                    some.x[k] = all.x[k] = 0.0f;
        }
        assert_same(&some, &all);
        free_world(&some);
        free_world(&all);
    }
}

/* A row that is passed over is not read, either. */
static void rows_passed_over_are_left_alone(void **state)
{
    const shape_case s = {20, 90, 40};

    (void)state;
    for (int i = 0; i < N_PATHS; i++) {
        world w;
        if (!paths[i].is_here)
            continue;
        make_world(&w, &s, 1, true);
        for (int64_t k = 0; k < s.c * s.k; k++)
            if (k / s.k % 3 == 1)
                w.w[k] = w.state[0][k] = NAN;
        set_update(&w, &updates[2], w.touched);
        tw_backend__dense_forward(paths[i].path, &w.dense, w.y, w.x, w.w, w.b);
        run_backward(&w, paths[i].path, false);
        for (int64_t k = 0; k < s.n * s.k; k++)
            assert_true(isfinite(w.y[k]));
        for (int64_t k = 0; k < s.c * s.k; k++)
            assert_true(isnan(w.w[k]) == (k / s.k % 3 == 1));
        free_world(&w);
    }
}

/* ---- the same bits */

static void workers_do_not_change_bits(void **state)
{
    (void)state;
    for (int i = 0; i < N_PATHS * N_CASES; i++) {
        const tw_dense_arithmetic *path = paths[i % N_PATHS].path;
        const shape_case *s = &cases[i / N_PATHS];
        world one;
        if (!paths[i % N_PATHS].is_here)
            continue;
        make_world(&one, s, 1, true);
        set_update(&one, &updates[0], one.touched);
        tw_backend__dense_forward(path, &one.dense, one.y, one.x, one.w, one.b);
        run_backward(&one, path, true);
        for (int n_workers = 2; n_workers <= 4; n_workers += 2) {
            world many;
            make_world(&many, s, n_workers, true);
            set_update(&many, &updates[0], many.touched);
            tw_backend__dense_forward(path, &many.dense, many.y, many.x, many.w, many.b);
            run_backward(&many, path, true);
            assert_memory_equal(one.y, many.y, (size_t)(s->n * s->k) * sizeof *one.y);
            assert_same(&one, &many);
            free_world(&many);
        }
        free_world(&one);
    }
}

/* Both sum in the same order with fused multiply-adds. */
static void avx2_and_avx512_give_the_same_bits(void **state)
{
    (void)state;
    if (!paths[1].is_here || !paths[2].is_here)
        skip(); /* needs both */
    for (int i = 0; i < N_CASES; i++) {
        world w[2];
        for (int p = 0; p < 2; p++) {
            make_world(&w[p], &cases[i], 1, true);
            set_update(&w[p], &updates[0], NULL);
            tw_backend__dense_forward(paths[p + 1].path, &w[p].dense, w[p].y, w[p].x, w[p].w,
                                      w[p].b);
            run_backward(&w[p], paths[p + 1].path, true);
        }
        assert_memory_equal(w[0].y, w[1].y, (size_t)(cases[i].n * cases[i].k) * sizeof(float));
        assert_same(&w[0], &w[1]);
        free_world(&w[0]);
        free_world(&w[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_computes_the_layer),
        cmocka_unit_test(a_missing_bias_is_zero),
        cmocka_unit_test(the_update_is_that_of_the_optimizer_to_the_bit),
        cmocka_unit_test(inputs_that_are_zero_are_passed_over),
        cmocka_unit_test(rows_passed_over_are_left_alone),
        cmocka_unit_test(workers_do_not_change_bits),
        cmocka_unit_test(avx2_and_avx512_give_the_same_bits),
    };

    return cmocka_run_group_tests_name("backend/dense_train", tests, find_paths, NULL);
}
