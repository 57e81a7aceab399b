/* Axes in another order, against plain loops. */
#include "tensor/permute.h"

#include "check.h"

static void kernels_change_layout(void **state)
{
    enum { R = 2, S = 3, C = 4, K = 5, N = R * S * C * K };
    const tw_axes axes = {4, {R, S, C, K}, {3, 2, 0, 1}};
    const tw_axes back = tw_axes_inverse(&axes);
    unsigned char bytes[N * 4 + 1]; /* numbers that do not lie on a multiple of four */
    float rsck[N], kcrs[N], again[N];

    (void)state;
    for (int i = 0; i < N; i++)
        rsck[i] = (float)i;
    memcpy(bytes + 1, rsck, sizeof rsck);
    assert_true(tw_axes_valid(&axes));
    tw_axes_permute(kcrs, bytes + 1, &axes, 0, N);
    for (int k = 0, i = 0; k < K; k++)
        for (int c = 0; c < C; c++)
            for (int r = 0; r < R; r++)
                for (int s = 0; s < S; s++, i++)
                    assert_true(kcrs[i] == rsck[((r * S + s) * C + c) * K + k]);
    tw_axes_permute(again, kcrs, &back, 0, N);
    assert_memory_equal(again, rsck, sizeof rsck);
    for (int first = 0; first < N; first += 7) { /* piece by piece the same */
        float piece[7];
        int n = N - first < 7 ? N - first : 7;
        tw_axes_permute(piece, rsck, &axes, first, n);
        assert_memory_equal(piece, kcrs + first, (size_t)n * sizeof *piece);
    }
}

static void wrong_axes_are_told(void **state)
{
    static const tw_axes wrong[] = {
        {0, {0}, {0}},        {5, {1, 1, 1, 1}, {0, 1, 2, 3}},
        {2, {2, 3}, {0, 0}},  {2, {2, 3}, {0, 2}},
        {2, {2, 3}, {-1, 0}}, {2, {2, 0}, {1, 0}},
        {2, {-2, 3}, {1, 0}},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(tw_axes_valid(&wrong[i]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kernels_change_layout),
        cmocka_unit_test(wrong_axes_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
