/* Scaling by a power of two: which one, and what folding it changes. */
#include "check.h"

#include "train/train_int.h"

#include <math.h>

static void test_scale_is_the_nearest_power_of_two(void **state)
{
    (void)state;
    assert_true(tw_train__scale(27.0) == 32.0);
    assert_true(tw_train__scale(22.0) == 16.0);
    assert_true(tw_train__scale(1.0) == 1.0);
    assert_true(tw_train__scale(0.3) == 0.25);
    assert_true(tw_train__scale(0.0) == 1.0);
    assert_true(tw_train__scale((double)NAN) == 1.0);
    assert_true(tw_train__scale((double)INFINITY) == 1.0);
}

static void test_folding_changes_the_first_kernel_alone(void **state)
{
    float first[2] = {3.0f, -5.0f}, bias[1] = {7.0f}, second[1] = {11.0f};
    tw_node_weights weights[3];
    float *data[3][2] = {{NULL, NULL}, {first, bias}, {second, NULL}};
    int64_t size[3][2] = {{0, 0}, {2, 1}, {1, 0}};
    const tw_trained trained = {3, weights, data, size, 4, NULL};

    (void)state;
    tw_train__fold_scale(&trained, 4.0);
    assert_true(first[0] == 0.75f && first[1] == -1.25f);
    assert_true(bias[0] == 7.0f && second[0] == 11.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scale_is_the_nearest_power_of_two),
        cmocka_unit_test(test_folding_changes_the_first_kernel_alone),
    };

    return cmocka_run_group_tests_name("train/scale", tests, NULL, NULL);
}
