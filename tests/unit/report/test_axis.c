/* Axes: round ticks that lie inside, and the places of values. */
#include "check.h"

#include "report/report_int.h"

#include <math.h>

static void assert_ticks(const tw_axis *axis, const char *expected)
{
    char text[256] = "";

    for (int i = 0; i < axis->n_ticks; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), i ? " %.9g" : "%.9g",
                 axis->ticks[i]);
    assert_string_equal(text, expected);
}

static void make(tw_axis *axis, const char *numbers, bool whole, bool may_log)
{
    double values[32];
    int64_t n = 0;

    for (char *end; *numbers; numbers = end) {
        values[n++] = strtod(numbers, &end);
        assert_true(end > numbers);
    }
    tw_report__axis_make(axis, values, n, whole, may_log);
}

static void test_round_ticks(void **state)
{
    tw_axis axis;

    (void)state;
    make(&axis, "0.31 0.97", false, false);
    assert_ticks(&axis, "0.2 0.4 0.6 0.8 1");
    make(&axis, "0.911 0.934", false, false);
    assert_ticks(&axis, "0.91 0.915 0.92 0.925 0.93 0.935");
    make(&axis, "0.1 0.3", false, true);
    assert_ticks(&axis, "0.1 0.15 0.2 0.25 0.3");
    make(&axis, "1 20", true, false);
    assert_ticks(&axis, "5 10 15 20");
    make(&axis, "1 3", true, false);
    assert_ticks(&axis, "1 2 3");
    assert_true(axis.low == 1 && axis.high == 3);
}

static void test_logarithmic_ticks(void **state)
{
    tw_axis axis;

    (void)state;
    make(&axis, "13 0.56", false, true);
    assert_true(axis.log);
    assert_ticks(&axis, "0.5 1 2 5 10 20");
    make(&axis, "2000 0.3", false, true);
    assert_ticks(&axis, "1 10 100 1000");
    assert_true(fabs(tw_report__axis_place(&axis, 0.2)) < 1e-9);
    make(&axis, "10 1", false, true);
    assert_false(axis.log);
    make(&axis, "10 0", false, true);
    assert_false(axis.log);
}

static void test_one_value_and_none(void **state)
{
    tw_axis axis;

    (void)state;
    make(&axis, "1", true, false);
    assert_ticks(&axis, "1");
    assert_true(tw_report__axis_place(&axis, 1) == 0.5);
    make(&axis, "0.5", false, true);
    assert_true(axis.low < 0.5 && axis.high > 0.5 && axis.n_ticks > 1);
    make(&axis, "0", false, true);
    assert_true(axis.low < 0 && axis.high > 0 && axis.n_ticks > 1);
    make(&axis, "nan inf", false, true);
    assert_ticks(&axis, "0 0.2 0.4 0.6 0.8 1");
    make(&axis, "", false, true);
    assert_ticks(&axis, "0 0.2 0.4 0.6 0.8 1");
}

static void test_values_lie_inside(void **state)
{
    (void)state;
    for (double size = 1e-6; size < 1e9; size *= 3.7)
        for (double low = 0.0; low < 2.0 * size; low += 0.31 * size) {
            const double values[] = {low, low + size};
            tw_axis axis;

            tw_report__axis_make(&axis, values, 2, false, true);
            assert_true(axis.n_ticks >= 2 && axis.n_ticks <= TW_MAX_TICKS);
            for (int i = 0; i < 2; i++) {
                double place = tw_report__axis_place(&axis, values[i]);
                assert_true(place >= -1e-6 && place <= 1.0 + 1e-6);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_ticks),
        cmocka_unit_test(test_logarithmic_ticks),
        cmocka_unit_test(test_one_value_and_none),
        cmocka_unit_test(test_values_lie_inside),
    };

    return cmocka_run_group_tests_name("report/axis", tests, NULL, NULL);
}
