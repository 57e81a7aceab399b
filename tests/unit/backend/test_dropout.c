/* What dropout drops: the share, the scale of what is kept, and that nothing depends on anything.
 * Keys are fixed, so a run is the same every time; limits are four standard deviations. */
#include "backend/train_plan.h"

#include "check.h"

#include <math.h>

enum { SAMPLES = 64, SIZE = 4098, N = SAMPLES * SIZE }; /* no multiple of a block of four words */
static const double rates[] = {0.2, 0.3, 0.4, 0.5, 0.9};

typedef struct drawing {
    float y[N];
    uint8_t mask[N];
} drawing;

static float x[N];
static drawing one, other;

/* All samples through a Dropout node. */
static void draw(drawing *out, double rate, uint64_t seed, uint32_t epoch, uint64_t step)
{
    tw_node nodes[2] = {{.op = TW_OP_INPUT}, {.op = TW_OP_DROPOUT, .rate = rate}};
    tw_graph graph = {.n = 2, .nodes = nodes};
    int64_t sizes[2] = {SIZE, SIZE};
    uint8_t *masks[2] = {NULL, out->mask};
    tw_chain_plan plan = {.base = {.graph = &graph}, .sizes = sizes, .masks = masks};
    tw_chain_state state = {.plan = &plan, .node = 1, .n = SAMPLES, .x = x, .y = out->y};

    state.key = tw_rng_make_key(seed, TW_RNG_DROPOUT, epoch, step << 16 | 1);
    for (int64_t i = SAMPLES; i-- > 0;)
        tw_backend__drop_sample(&state, i, 0);
}

static int fill(void **state)
{
    (void)state;
    for (int i = 0; i < N; i++)
        x[i] = (float)(i % 1000 + 1) / 64;
    return 0;
}

static void the_share_is_the_rate(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        const double rate = rates[k];
        int n_kept = 0, most = 0, least = SIZE;

        draw(&one, rate, 42, 1, 0);
        for (int s = 0; s < SAMPLES; s++) {
            int n = 0;
            for (int i = 0; i < SIZE; i++)
                n += one.mask[s * SIZE + i];
            n_kept += n;
            most = n > most ? n : most;
            least = n < least ? n : least;
        }
        assert_true(fabs(n_kept - (1 - rate) * N) < 4 * sqrt(rate * (1 - rate) * N));
        assert_true(most - (1 - rate) * SIZE < 4 * sqrt(rate * (1 - rate) * SIZE));
        assert_true((1 - rate) * SIZE - least < 4 * sqrt(rate * (1 - rate) * SIZE));
    }
}

static void what_is_kept_is_scaled_and_the_mean_stays(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        const float scale = (float)(1 / (1 - rates[k]));
        double before = 0, after = 0, squares = 0;

        draw(&one, rates[k], 42, 1, 0);
        for (int i = 0; i < N; i++) {
            assert_true(one.y[i] == (one.mask[i] ? x[i] * scale : 0.0f));
            before += x[i];
            after += one.y[i];
            squares += (double)x[i] * x[i];
        }
        assert_true(fabs(after - before) < 4 * sqrt(squares * rates[k] / (1 - rates[k])));
    }
}

/* Correlation of two masks of that rate. */
static double correlation(const uint8_t *a, const uint8_t *b, int n, double rate)
{
    double sum = 0;

    for (int i = 0; i < n; i++)
        sum += (a[i] - (1 - rate)) * (b[i] - (1 - rate));
    return sum / (rate * (1 - rate) * n);
}

static void assert_independent(const uint8_t *a, const uint8_t *b, int n, double rate)
{
    double r = correlation(a, b, n, rate);

    if (!(fabs(r) < 4 / sqrt(n)))
        fail_msg("rate %g: correlation %g of %d", rate, r, n);
}

static void neighbours_samples_and_steps_are_independent(void **state)
{
    static const int lags[] = {1, 2, 3, 4, 5, 8, 64, SIZE, 2 * SIZE};
    const struct {
        uint64_t seed;
        uint32_t epoch;
        uint64_t step;
    } others[] = {{43, 1, 0}, {42, 2, 0}, {42, 1, 1}, {42, 1, 65536}};

    (void)state;
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        draw(&one, rates[k], 42, 1, 0);
        for (size_t i = 0; i < sizeof lags / sizeof *lags; i++)
            assert_independent(one.mask, one.mask + lags[i], N - lags[i], rates[k]);
        for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
            draw(&other, rates[k], others[i].seed, others[i].epoch, others[i].step);
            assert_independent(one.mask, other.mask, N, rates[k]);
        }
    }
}

/* How often each of 16 patterns of four neighbours comes: chi-squared of 15 degrees of freedom is
 * above 44.3 once in 10,000 times. */
static void patterns_come_as_often_as_they_should(void **state)
{
    (void)state;
    for (size_t k = 0; k < sizeof rates / sizeof *rates; k++) {
        int counts[16] = {0};
        double chi = 0;

        draw(&one, rates[k], 42, 1, 0);
        for (int i = 0; i + 4 <= N; i += 4)
            counts[one.mask[i] | one.mask[i + 1] << 1 | one.mask[i + 2] << 2 |
                   one.mask[i + 3] << 3]++;
        for (int p = 0; p < 16; p++) {
            int n_kept = (p & 1) + (p >> 1 & 1) + (p >> 2 & 1) + (p >> 3);
            double expected = N / 4 * pow(1 - rates[k], n_kept) * pow(rates[k], 4 - n_kept);

            chi += (counts[p] - expected) * (counts[p] - expected) / expected;
        }
        if (!(chi < 44.3))
            fail_msg("rate %g: chi-squared %g", rates[k], chi);
    }
}

static void rate_0_changes_nothing(void **state)
{
    (void)state;
    draw(&one, 0.0, 42, 1, 0);
    assert_memory_equal(one.y, x, sizeof x);
}

static void a_key_repeats_its_mask(void **state)
{
    (void)state;
    draw(&one, 0.5, 42, 3, 17);
    draw(&other, 0.5, 42, 3, 17);
    assert_memory_equal(&one, &other, sizeof one);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_share_is_the_rate),
        cmocka_unit_test(what_is_kept_is_scaled_and_the_mean_stays),
        cmocka_unit_test(neighbours_samples_and_steps_are_independent),
        cmocka_unit_test(patterns_come_as_often_as_they_should),
        cmocka_unit_test(rate_0_changes_nothing),
        cmocka_unit_test(a_key_repeats_its_mask),
    };

    return cmocka_run_group_tests_name("backend/dropout", tests, fill, NULL);
}
