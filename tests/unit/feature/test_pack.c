/* What is unpacked is what was packed, bit for bit; packed bytes that are not a row's are refused.
 */
#include "base/rng.h"
#include "check.h"
#include "feature/feature_int.h"

#include <math.h>

enum { LARGEST = 1000 };

static uint8_t packed[LARGEST * 4 + LARGEST / 8 + 64];
static float row[LARGEST], back[LARGEST];

static int64_t round_trip(int64_t n)
{
    int64_t n_bytes = tw_feature__pack(packed, row, n);

    assert_true(n_bytes <= tw_feature__pack_bound(n));
    memset(back, 0xff, sizeof back);
    assert_true(tw_feature__unpack(back, n, packed, n_bytes));
    assert_memory_equal(back, row, (size_t)n * sizeof *row);
    return n_bytes;
}

static void test_keeps_every_length(void **state)
{
    const tw_rng_key key = tw_rng_make_key(1, TW_RNG_INIT, 0, 0);

    (void)state;
    for (int64_t n = 1; n <= 260; n++) {
        int64_t n_kept = 0;

        for (int64_t i = 0; i < n; i++) {
            row[i] = tw_rng_uniform(&key, (uint64_t)(n * 300 + i)) < 0.5f
                         ? 0.0f
                         : tw_rng_normal(&key, (uint64_t)i);
            n_kept += row[i] != 0;
        }
        assert_int_equal(round_trip(n), (n + 63) / 64 * 8 + 4 * n_kept);
    }
}

static void test_keeps_signed_zero_nan_and_denormals(void **state)
{
    uint32_t nan_with_payload = 0xffc12345;

    (void)state;
    memset(row, 0, sizeof row);
    row[0] = -0.0f;
    row[63] = NAN;
    memcpy(&row[64], &nan_with_payload, 4);
    row[65] = 1e-45f;
    row[127] = -1e-40f;
    row[128] = INFINITY;
    row[129] = -INFINITY;
    assert_int_equal(round_trip(130), 3 * 8 + 4 * 7);
    assert_true(signbit(back[0]));
}

static void test_packs_zeros_to_the_bitmap_alone(void **state)
{
    (void)state;
    memset(row, 0, sizeof row);
    assert_int_equal(round_trip(LARGEST), (LARGEST + 63) / 64 * 8);
}

static void test_full_row_takes_the_bound(void **state)
{
    (void)state;
    for (int i = 0; i < LARGEST; i++)
        row[i] = (float)(i + 1);
    assert_int_equal(round_trip(LARGEST), tw_feature__pack_bound(LARGEST));
}

static void test_refuses_other_lengths(void **state)
{
    int64_t n_bytes;

    (void)state;
    for (int i = 0; i < 100; i++)
        row[i] = (float)(i % 3);
    n_bytes = tw_feature__pack(packed, row, 100);
    for (int64_t n = 0; n < n_bytes; n++)
        assert_false(tw_feature__unpack(back, 100, packed, n));
    assert_false(tw_feature__unpack(back, 100, packed, n_bytes + 4));
    assert_true(tw_feature__unpack(back, 100, packed, n_bytes));
}

static void test_refuses_bits_behind_the_last_number(void **state)
{
    int64_t n_bytes;

    (void)state;
    row[0] = 1;
    n_bytes = tw_feature__pack(packed, row, 1);
    packed[0] = 2;
    assert_false(tw_feature__unpack(back, 1, packed, n_bytes));
}

static void test_moments_are_sums(void **state)
{
    double sum, sum_squares;

    (void)state;
    for (int i = 0; i < 5; i++)
        row[i] = (float)i - 1;
    tw_feature__moments(&sum, &sum_squares, row, 5);
    assert_true(sum == 5.0);
    assert_true(sum_squares == 15.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps_every_length),
        cmocka_unit_test(test_keeps_signed_zero_nan_and_denormals),
        cmocka_unit_test(test_packs_zeros_to_the_bitmap_alone),
        cmocka_unit_test(test_full_row_takes_the_bound),
        cmocka_unit_test(test_refuses_other_lengths),
        cmocka_unit_test(test_refuses_bits_behind_the_last_number),
        cmocka_unit_test(test_moments_are_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
