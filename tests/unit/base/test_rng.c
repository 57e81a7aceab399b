#include "base/rng.h"

#include "check.h"

#include <math.h>

/* Known answers of Random123's kat_vectors: philox4x32 10 rounds. */
static void philox_gives_the_known_answers(void **state)
{
    tw_rng_key zero = {{0, 0}, {0, 0, 0}};
    tw_rng_key ones = {{0xffffffffu, 0xffffffffu}, {0xffffffffu, 0xffffffffu, 0xffffffffu}};
    tw_rng_key pi = {{0xa4093822u, 0x299f31d0u}, {0x85a308d3u, 0x13198a2eu, 0x03707344u}};
    uint32_t out[4];
    (void)state;
    tw_rng_block(out, &zero, 0);
    assert_memory_equal(out, ((uint32_t[]){0x6627e8d5u, 0xe169c58du, 0xbc57ac4cu, 0x9b00dbd8u}),
                        16);
    tw_rng_block(out, &ones, 0xffffffffu);
    assert_memory_equal(out, ((uint32_t[]){0x408f276du, 0x41c83b0eu, 0xa20bc7c6u, 0x6d5451fdu}),
                        16);
    tw_rng_block(out, &pi, 0x243f6a88u);
    assert_memory_equal(out, ((uint32_t[]){0xd16cfe09u, 0x94fdccebu, 0x5001e420u, 0x24126ea1u}),
                        16);
}

static void words_are_those_of_blocks(void **state)
{
    tw_rng_key key = tw_rng_make_key(42, TW_RNG_DROPOUT, 3, 77);
    uint32_t block[4];
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        tw_rng_block(block, &key, i / 4);
        assert_int_equal(tw_rng_word(&key, i), block[i % 4]);
    }
}

static void keys_differ(void **state)
{
    tw_rng_key a = tw_rng_make_key(1, TW_RNG_INIT, 0, 5);
    tw_rng_key b = tw_rng_make_key(1, TW_RNG_SHUFFLE, 0, 5);
    tw_rng_key c = tw_rng_make_key(1, TW_RNG_INIT, 1, 5);
    tw_rng_key d = tw_rng_make_key(1, TW_RNG_INIT, 0, 5 + (1ull << 32));
    uint32_t word = tw_rng_word(&a, 0);
    (void)state;
    assert_int_not_equal(word, tw_rng_word(&b, 0));
    assert_int_not_equal(word, tw_rng_word(&c, 0));
    assert_int_not_equal(word, tw_rng_word(&d, 0));
}

static void uniform_and_normal_have_their_moments(void **state)
{
    enum { N = 100000 };
    tw_rng_key key = tw_rng_make_key(7, TW_RNG_INIT, 0, 0);
    double su = 0, suu = 0, sn = 0, snn = 0;
    (void)state;
    for (int i = 0; i < N; i++) {
        double u = tw_rng_uniform(&key, (uint64_t)i), n = tw_rng_normal(&key, (uint64_t)i);
        assert_true(u >= 0 && u < 1);
        su += u;
        suu += u * u;
        sn += n;
        snn += n * n;
    }
    assert_true(fabs(su / N - 0.5) < 0.004);
    assert_true(fabs(suu / N - 1.0 / 3) < 0.004);
    assert_true(fabs(sn / N) < 0.013);
    assert_true(fabs(snn / N - 1) < 0.02);
}

static void a_permutation_holds_each_index_once(void **state)
{
    enum { N = 1000 };
    tw_rng_key key = tw_rng_make_key(42, TW_RNG_SHUFFLE, 1, 0);
    int64_t order[N];
    int seen[N] = {0}, fixed = 0;
    (void)state;
    tw_rng_permutation(order, N, &key);
    for (int i = 0; i < N; i++) {
        assert_true(order[i] >= 0 && order[i] < N);
        seen[order[i]]++;
        fixed += order[i] == i;
    }
    for (int i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
    assert_true(fixed < 10);
}

/* Share of the numbers below each tenth against the exact one of Beta(1,1), and of Beta(2,2), whose
 * distribution is x^2 (3 - 2 x); the moments of others: 1/2 and 1/(4 (2 a + 1)). */
static void beta_has_its_distribution(void **state)
{
    enum { N = 40000 };
    static const double alphas[] = {0.1, 0.2, 1.0, 2.0, 30.0};
    (void)state;
    for (size_t a = 0; a < sizeof alphas / sizeof *alphas; a++) {
        const tw_rng_key key = tw_rng_make_key(3, TW_RNG_MIX, 1, a);
        int below[11] = {0};
        double sum = 0, squares = 0;

        for (int i = 0; i < N; i++) {
            const double x = tw_rng_beta(&key, (uint64_t)i, alphas[a]);
            assert_true(x >= 0 && x <= 1);
            sum += x;
            squares += (x - 0.5) * (x - 0.5);
            for (int t = 1; t < 10; t++)
                below[t] += x < t / 10.0;
        }
        assert_true(fabs(sum / N - 0.5) < 0.01);
        assert_true(fabs(squares / N * 4 * (2 * alphas[a] + 1) - 1) < 0.02);
        for (int t = 1; t < 10; t++) {
            const double x = t / 10.0, share = (double)below[t] / N;
            if (alphas[a] == 1.0)
                assert_true(fabs(share - x) < 0.01);
            if (alphas[a] == 2.0)
                assert_true(fabs(share - x * x * (3 - 2 * x)) < 0.01);
        }
    }
}

static void beta_of_a_tiny_alpha_is_nought_or_one(void **state)
{
    const tw_rng_key key = tw_rng_make_key(3, TW_RNG_MIX, 1, 9);
    (void)state;
    for (uint64_t i = 0; i < 100; i++) {
        const double x = tw_rng_beta(&key, i, 1e-4);
        assert_true(x < 1e-6 || x > 1 - 1e-6);
    }
}

static void below_reaches_all_and_nothing_else(void **state)
{
    const tw_rng_key key = tw_rng_make_key(3, TW_RNG_SAMPLER, 1, 0);
    uint64_t position = 0;
    int counts[7] = {0};
    (void)state;
    for (int i = 0; i < 7000; i++)
        counts[tw_rng_below(&key, &position, 7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(counts[i], 880, 1120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_gives_the_known_answers),
        cmocka_unit_test(words_are_those_of_blocks),
        cmocka_unit_test(keys_differ),
        cmocka_unit_test(uniform_and_normal_have_their_moments),
        cmocka_unit_test(a_permutation_holds_each_index_once),
        cmocka_unit_test(beta_has_its_distribution),
        cmocka_unit_test(beta_of_a_tiny_alpha_is_nought_or_one),
        cmocka_unit_test(below_reaches_all_and_nothing_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
