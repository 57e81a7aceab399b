/* Pictures that look alike, beside the rule that compares each with each. */
#include "data/check_int.h"

#include "check.h"

enum { NEAR = 3, MOST = 3000 };

static uint64_t random_state;

static uint64_t next_random(void)
{
    random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return random_state ^ random_state >> 29;
}

/* The first picture whose look differs in at most three bits, each compared with each. */
static int64_t first_alike(const tw_data__look *looks, int64_t n, int64_t i)
{
    int64_t first = looks[i].index;

    for (int64_t k = 0; k < n; k++)
        if (__builtin_popcountll(looks[k].look ^ looks[i].look) <= NEAR && looks[k].index < first)
            first = looks[k].index;
    return first;
}

/* Returns how many are like an earlier one. Every second index is one that is not compared. */
static int64_t compare(tw_data__look *looks, int64_t n)
{
    static int64_t wanted[2 * MOST], near[2 * MOST];
    int64_t n_alike = 0;

    for (int64_t i = 0; i < n; i++)
        looks[i].index = 2 * i;
    for (int64_t i = 0; i < 2 * n; i++)
        wanted[i] = near[i] = -1;
    for (int64_t i = 0; i < n; i++)
        wanted[2 * i] = first_alike(looks, n, i);
    assert_ok(tw_data__find_near(near, looks, n, e));
    for (int64_t i = 0; i < 2 * n; i++) {
        assert_int_equal(near[i], wanted[i]);
        n_alike += wanted[i] >= 0 && wanted[i] != i;
    }
    return n_alike;
}

/* Around a few centres, up to `most` bits away, so that chains and ties are among them. */
static void around_centres(tw_data__look *looks, int64_t n, int n_centres, int most)
{
    uint64_t centres[64];

    for (int c = 0; c < n_centres; c++)
        centres[c] = next_random();
    for (int64_t i = 0; i < n; i++) {
        looks[i].look = centres[next_random() % (uint64_t)n_centres];
        for (int bits = (int)(next_random() % (uint64_t)(most + 1)); bits > 0; bits--)
            looks[i].look ^= UINT64_C(1) << (next_random() & 63);
    }
}

static void the_findings_are_those_of_each_with_each(void **state)
{
    static tw_data__look looks[MOST];
    (void)state;
    for (int round = 0; round < 60; round++) {
        const int64_t n = (int64_t)(next_random() % 300);
        random_state = (uint64_t)round;
        around_centres(looks, n, 1 + round % 20, 1 + round % 9);
        compare(looks, n);
    }
    around_centres(looks, MOST, 60, 6);
    assert_true(compare(looks, MOST) > MOST / 2);
    for (int64_t i = 0; i < MOST; i++)
        looks[i].look = next_random();
    assert_int_equal(compare(looks, MOST), 0);
}

/* Every value of a few bits, one quarter after the other plain: where comparing by quarters meets
 * all with all. */
static void plain_backgrounds_are_compared_too(void **state)
{
    static tw_data__look looks[MOST];
    (void)state;
    for (int shift = 0; shift < 64; shift += 13) {
        for (int64_t i = 0; i < MOST; i++)
            looks[i].look = (uint64_t)(i * 2654435761 % 4096) << (shift < 52 ? shift : 52);
        assert_true(compare(looks, MOST) > MOST / 2);
    }
}

static void few_are_compared_as_well(void **state)
{
    tw_data__look looks[3] = {{~UINT64_C(0), 0}, {0, 0}, {~UINT64_C(0) << 3, 0}};
    (void)state;
    assert_int_equal(compare(looks, 0), 0);
    assert_int_equal(compare(looks, 1), 0);
    looks[0] = looks[1] = (tw_data__look){5, 0};
    assert_int_equal(compare(looks, 2), 1);
    looks[0].look = ~UINT64_C(0);
    looks[1].look = 0;
    looks[2].look = ~UINT64_C(0) << 3;
    assert_int_equal(compare(looks, 3), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_findings_are_those_of_each_with_each),
        cmocka_unit_test(plain_backgrounds_are_compared_too),
        cmocka_unit_test(few_are_compared_as_well),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
