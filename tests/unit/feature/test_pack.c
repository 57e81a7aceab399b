/* What is unpacked is what was packed, bit for bit; packed bytes that are not a row's are refused.
 */
#include "base/rng.h"
#include "check.h"
#include "feature/feature_int.h"

#include <math.h>

enum { LARGEST = 1000 };

static uint8_t packed[LARGEST * 4 + LARGEST / 8 + 64];
static float row[LARGEST], back[LARGEST];

static int64_t round_trip(int64_t n, tw_cache_dtype dtype)
{
    int64_t n_bytes = tw_feature__pack(packed, row, n, dtype);

    assert_true(n_bytes <= tw_feature__pack_bound(n, dtype));
    memset(back, 0xff, sizeof back);
    assert_true(tw_feature__unpack(back, n, packed, n_bytes, dtype));
    assert_memory_equal(back, row, (size_t)n * sizeof *row);
    return n_bytes;
}

/* Numbers of which about `share` are not zero; returns how many. */
static int64_t make_row(int64_t n, float share, tw_cache_dtype dtype)
{
    const tw_rng_key key = tw_rng_make_key(1, TW_RNG_INIT, 0, 0);
    int64_t n_kept = 0;

    for (int64_t i = 0; i < n; i++) {
        row[i] = tw_rng_uniform(&key, (uint64_t)(n * LARGEST + i)) < share
                     ? tw_rng_normal(&key, (uint64_t)i)
                     : 0.0f;
        n_kept += row[i] != 0;
    }
    tw_feature__round(row, n, dtype);
    return n_kept;
}

static void test_keeps_every_length(void **state)
{
    (void)state;
    for (int64_t n = 1; n <= 260; n++) {
        int64_t n_kept = make_row(n, 0.5f, TW_CACHE_FP32);

        assert_int_equal(round_trip(n, TW_CACHE_FP32), (n + 63) / 64 * 8 + 4 * n_kept);
        n_kept = make_row(n, 0.5f, TW_CACHE_BF16);
        assert_int_equal(round_trip(n, TW_CACHE_BF16), (n + 63) / 64 * 8 + 2 * n_kept);
    }
}

static void test_keeps_every_density(void **state)
{
    static const int64_t sizes[] = {63, 64, 65, 127, 333, 512, 777, 999, LARGEST};

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (int tenths = 0; tenths <= 10; tenths++) {
            const int64_t bitmap = (sizes[i] + 63) / 64 * 8;
            int64_t n_kept = make_row(sizes[i], (float)tenths / 10.0f, TW_CACHE_FP32);

            assert_int_equal(round_trip(sizes[i], TW_CACHE_FP32), bitmap + 4 * n_kept);
            n_kept = make_row(sizes[i], (float)tenths / 10.0f, TW_CACHE_BF16);
            assert_int_equal(round_trip(sizes[i], TW_CACHE_BF16), bitmap + 2 * n_kept);
        }
}

static void test_rounds_to_nearest_even(void **state)
{
    static const struct {
        uint32_t in, out;
    } golden[] = {
        {0x3f800000, 0x3f800000},                           /* 1 */
        {0x3f807fff, 0x3f800000},                           /* below the middle */
        {0x3f808000, 0x3f800000},                           /* the middle, even below */
        {0x3f808001, 0x3f810000},                           /* above the middle */
        {0x3f818000, 0x3f820000},                           /* the middle, even above */
        {0xbf818000, 0xbf820000}, {0x3fff8000, 0x40000000}, /* into the next exponent */
        {0x7f7fffff, 0x7f800000},                           /* the largest number to infinity */
        {0x7f800000, 0x7f800000}, {0xff800000, 0xff800000},
        {0x7f800001, 0x7fc00000},                           /* NaN stays NaN */
        {0xffc12345, 0xffc10000}, {0x80000000, 0x80000000}, /* -0.0 stays */
        {0x00000001, 0x00000000},                           /* denormal numbers */
        {0x80000001, 0x80000000}, {0x00018000, 0x00020000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof golden / sizeof *golden; i++) {
        memcpy(row, &golden[i].in, sizeof *row);
        tw_feature__round(row, 1, TW_CACHE_FP32);
        assert_memory_equal(row, &golden[i].in, sizeof *row);
        tw_feature__round(row, 1, TW_CACHE_BF16);
        assert_memory_equal(row, &golden[i].out, sizeof *row);
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
    assert_int_equal(round_trip(130, TW_CACHE_FP32), 3 * 8 + 4 * 7);
    assert_true(signbit(back[0]));
    tw_feature__round(row, 130, TW_CACHE_BF16);
    assert_int_equal(round_trip(130, TW_CACHE_BF16), 3 * 8 + 2 * 6); /* 1e-45 is zero */
    assert_true(signbit(back[0]) && isnan(back[63]) && isnan(back[64]));
}

static void test_packs_zeros_to_the_bitmap_alone(void **state)
{
    (void)state;
    memset(row, 0, sizeof row);
    for (int dtype = 0; dtype < TW_N_CACHE_DTYPE; dtype++)
        assert_int_equal(round_trip(LARGEST, (tw_cache_dtype)dtype), (LARGEST + 63) / 64 * 8);
}

static void test_full_row_takes_the_bound(void **state)
{
    (void)state;
    for (int i = 0; i < LARGEST; i++)
        row[i] = (float)(i + 1);
    for (int dtype = 0; dtype < TW_N_CACHE_DTYPE; dtype++) {
        tw_feature__round(row, LARGEST, (tw_cache_dtype)dtype);
        assert_int_equal(round_trip(LARGEST, (tw_cache_dtype)dtype),
                         tw_feature__pack_bound(LARGEST, (tw_cache_dtype)dtype));
    }
    assert_int_equal(tw_feature__pack_bound(LARGEST, TW_CACHE_FP32), 128 + 4 * LARGEST);
    assert_int_equal(tw_feature__pack_bound(LARGEST, TW_CACHE_BF16), 128 + 2 * LARGEST);
}

static void test_refuses_other_lengths(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++)
        row[i] = (float)(i % 3);
    for (int i = 0; i < TW_N_CACHE_DTYPE; i++) {
        const tw_cache_dtype dtype = (tw_cache_dtype)i;
        const int64_t n_bytes = tw_feature__pack(packed, row, 100, dtype);

        for (int64_t n = 0; n < n_bytes; n++)
            assert_false(tw_feature__unpack(back, 100, packed, n, dtype));
        assert_false(tw_feature__unpack(back, 100, packed, n_bytes + 4, dtype));
        assert_true(tw_feature__unpack(back, 100, packed, n_bytes, dtype));
    }
}

static void test_refuses_bits_behind_the_last_number(void **state)
{
    int64_t n_bytes;

    (void)state;
    row[0] = 1;
    n_bytes = tw_feature__pack(packed, row, 1, TW_CACHE_FP32);
    packed[0] = 2;
    assert_false(tw_feature__unpack(back, 1, packed, n_bytes, TW_CACHE_FP32));
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
        cmocka_unit_test(test_keeps_every_density),
        cmocka_unit_test(test_rounds_to_nearest_even),
        cmocka_unit_test(test_keeps_signed_zero_nan_and_denormals),
        cmocka_unit_test(test_packs_zeros_to_the_bitmap_alone),
        cmocka_unit_test(test_full_row_takes_the_bound),
        cmocka_unit_test(test_refuses_other_lengths),
        cmocka_unit_test(test_refuses_bits_behind_the_last_number),
        cmocka_unit_test(test_moments_are_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
