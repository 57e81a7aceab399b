#include "model_fixture.h"

#include <math.h>

/* Fans 3*3*40 = 360 and 3*3*60 = 540; dense 300 and 400. */
static const tw_shape conv = {4, {3, 3, 40, 60}};
static const tw_shape dense = {2, {300, 400}};

typedef struct figures {
    double mean, deviation, largest;
} figures;

static figures measure(const tw_shape *shape, tw_initializer how)
{
    int64_t n = tw_shape_size(shape);
    float *x = tw_alloc_f32(n);
    figures it = {0};
    double squares = 0;

    tw_init_fill(x, shape, how, 42, 3, 1);
    for (int64_t i = 0; i < n; i++) {
        it.mean += x[i] / (double)n;
        squares += (double)x[i] * x[i] / (double)n;
        it.largest = fmax(it.largest, fabs((double)x[i]));
    }
    it.deviation = sqrt(squares - it.mean * it.mean);
    tw_free(x);
    return it;
}

static void assert_distribution(const tw_shape *shape, tw_initializer how, double deviation,
                                double bound)
{
    figures it = measure(shape, how);
    double n = (double)tw_shape_size(shape);

    if (fabs(it.mean) > 4 * deviation / sqrt(n) || fabs(it.deviation / deviation - 1) > 0.02 ||
        it.largest > bound * (1 + 1e-6) || it.largest < 0.9 * bound)
        fail_msg("%s: mean %g, deviation %g (expected %g), largest %g (bound %g)",
                 tw_initializer_name(how), it.mean, it.deviation, deviation, it.largest, bound);
}

static void uniform_ones_have_kerass_limits(void **state)
{
    const struct {
        tw_initializer how;
        double conv, dense;
    } rows[] = {{TW_GLOROT_UNIFORM, sqrt(6.0 / 900), sqrt(6.0 / 700)},
                {TW_HE_UNIFORM, sqrt(6.0 / 360), sqrt(6.0 / 300)},
                {TW_LECUN_UNIFORM, sqrt(3.0 / 360), sqrt(3.0 / 300)},
                {TW_UNIFORM, 0.05, 0.05}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_distribution(&conv, rows[i].how, rows[i].conv / sqrt(3), rows[i].conv);
        assert_distribution(&dense, rows[i].how, rows[i].dense / sqrt(3), rows[i].dense);
    }
}

static void normal_ones_are_cut_at_two_deviations_and_corrected(void **state)
{
    const struct {
        tw_initializer how;
        double conv, dense;
    } rows[] = {{TW_GLOROT_NORMAL, sqrt(2.0 / 900), sqrt(2.0 / 700)},
                {TW_HE_NORMAL, sqrt(2.0 / 360), sqrt(2.0 / 300)},
                {TW_LECUN_NORMAL, sqrt(1.0 / 360), sqrt(1.0 / 300)}};
    const double cut = 2 / 0.87962566103423978;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_distribution(&conv, rows[i].how, rows[i].conv, rows[i].conv * cut);
        assert_distribution(&dense, rows[i].how, rows[i].dense, rows[i].dense * cut);
    }
}

static void normal_is_not_cut(void **state)
{
    figures it = measure(&dense, TW_NORMAL);
    (void)state;
    assert_true(fabs(it.mean) < 4 * 0.05 / sqrt(120000.0));
    assert_true(fabs(it.deviation / 0.05 - 1) < 0.02);
    assert_true(it.largest > 0.05 * 3.5);
}

/* ---- the whole distribution: Kolmogorov and Smirnov's distance */

static double normal_below(double z)
{
    return 0.5 * erfc(-z / sqrt(2));
}

/* Share of the distribution below x: uniform on +-size, or normal of that deviation, cut or not. */
static double share_below(tw_initializer how, double x, double size)
{
    switch (how) {
    case TW_NORMAL:
        return normal_below(x / size);
    case TW_GLOROT_NORMAL:
    case TW_HE_NORMAL:
    case TW_LECUN_NORMAL:
        return (normal_below(x / size) - normal_below(-2)) / (1 - 2 * normal_below(-2));
    default:
        return (x / size + 1) / 2;
    }
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* A distance of 1.95 / sqrt(n) or more has a chance of 1 in 1,000; seeds are fixed. */
static void assert_fits(const tw_shape *shape, tw_initializer how, double size, uint64_t sample)
{
    int64_t n = tw_shape_size(shape);
    float *x = tw_alloc_f32(n);
    double distance = 0;

    tw_init_fill(x, shape, how, 7, sample, 1);
    qsort(x, (size_t)n, sizeof *x, compare_floats);
    for (int64_t i = 0; i < n; i++) {
        double share = share_below(how, x[i], size);
        distance = fmax(distance, fabs(share - (double)i / (double)n));
        distance = fmax(distance, fabs(share - (double)(i + 1) / (double)n));
    }
    tw_free(x);
    if (!(distance * sqrt((double)n) < 1.95))
        fail_msg("%s: distance %g of %lld numbers", tw_initializer_name(how), distance,
                 (long long)n);
}

static void each_has_its_distribution(void **state)
{
    const double cut = 0.87962566103423978;
    const struct {
        tw_initializer how;
        double conv, dense;
    } rows[] = {{TW_GLOROT_UNIFORM, sqrt(6.0 / 900), sqrt(6.0 / 700)},
                {TW_HE_UNIFORM, sqrt(6.0 / 360), sqrt(6.0 / 300)},
                {TW_LECUN_UNIFORM, sqrt(3.0 / 360), sqrt(3.0 / 300)},
                {TW_UNIFORM, 0.05, 0.05},
                {TW_GLOROT_NORMAL, sqrt(2.0 / 900) / cut, sqrt(2.0 / 700) / cut},
                {TW_HE_NORMAL, sqrt(2.0 / 360) / cut, sqrt(2.0 / 300) / cut},
                {TW_LECUN_NORMAL, sqrt(1.0 / 360) / cut, sqrt(1.0 / 300) / cut},
                {TW_NORMAL, 0.05, 0.05}};
    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], TW_ZEROS); /* all but zeros */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (uint64_t sample = 0; sample < 3; sample++) {
            assert_fits(&conv, rows[i].how, rows[i].conv, sample);
            assert_fits(&dense, rows[i].how, rows[i].dense, sample);
        }
}

static double correlation(const float *a, const float *b, int64_t n)
{
    double ab = 0, aa = 0, bb = 0;

    for (int64_t i = 0; i < n; i++) {
        ab += (double)a[i] * b[i];
        aa += (double)a[i] * a[i];
        bb += (double)b[i] * b[i];
    }
    return ab / sqrt(aa * bb);
}

/* Neighbours in a parameter, parameters, seeds: all means are 0. */
static void numbers_are_not_correlated(void **state)
{
    enum { N = 300 * 400 };
    static float a[N], parameter[N], seed[N];
    const double limit = 4 / sqrt((double)N);
    (void)state;
    for (int how = 0; how < TW_ZEROS; how++) {
        tw_init_fill(a, &dense, (tw_initializer)how, 7, 3, 1);
        tw_init_fill(parameter, &dense, (tw_initializer)how, 7, 4, 1);
        tw_init_fill(seed, &dense, (tw_initializer)how, 8, 3, 1);
        assert_true(fabs(correlation(a, parameter, N)) < limit);
        assert_true(fabs(correlation(a, seed, N)) < limit);
        assert_true(fabs(correlation(a, a + 1, N - 1)) < limit);
        assert_true(fabs(correlation(a, a + 400, N - 400)) < limit);
    }
}

static void zeros_are_zeros(void **state)
{
    const tw_shape bias = {1, {5}};
    float x[5] = {1, 2, 3, 4, 5}, zero[5] = {0};
    (void)state;
    tw_init_fill(x, &bias, TW_ZEROS, 42, 3, 1);
    assert_memory_equal(x, zero, sizeof x);
}

/* Several pieces and an odd rest. */
static void threads_make_the_same_numbers(void **state)
{
    enum { N = 3 * 65536 + 7 };
    const tw_shape shape = {1, {N}};
    static float one[N], four[N];
    (void)state;
    for (int how = 0; how <= TW_ZEROS; how++) {
        memset(one, 0xff, sizeof one);
        memset(four, 0xff, sizeof four);
        tw_init_fill(one, &shape, (tw_initializer)how, 42, 3, 1);
        tw_init_fill(four, &shape, (tw_initializer)how, 42, 3, 4);
        assert_memory_equal(one, four, sizeof one);
        assert_true(isfinite(one[N - 1]));
    }
}

static void a_seed_repeats_and_a_parameter_differs(void **state)
{
    const tw_shape shape = {2, {5, 7}};
    float a[35], b[35], other_sample[35], other_seed[35];
    (void)state;
    for (int how = 0; how < TW_ZEROS; how++) {
        tw_init_fill(a, &shape, (tw_initializer)how, 42, 3, 1);
        tw_init_fill(b, &shape, (tw_initializer)how, 42, 3, 1);
        tw_init_fill(other_sample, &shape, (tw_initializer)how, 42, 4, 1);
        tw_init_fill(other_seed, &shape, (tw_initializer)how, 43, 3, 1);
        assert_memory_equal(a, b, sizeof a);
        assert_memory_not_equal(a, other_sample, sizeof a);
        assert_memory_not_equal(a, other_seed, sizeof a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_ones_have_kerass_limits),
        cmocka_unit_test(normal_ones_are_cut_at_two_deviations_and_corrected),
        cmocka_unit_test(normal_is_not_cut),
        cmocka_unit_test(each_has_its_distribution),
        cmocka_unit_test(numbers_are_not_correlated),
        cmocka_unit_test(zeros_are_zeros),
        cmocka_unit_test(threads_make_the_same_numbers),
        cmocka_unit_test(a_seed_repeats_and_a_parameter_differs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
