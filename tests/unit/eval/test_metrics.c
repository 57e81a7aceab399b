/* Accuracy, interval, per-class figures: all from one confusion matrix. */
#include "check.h"

#include "eval/metrics.h"

#include <math.h>

static char *const names[] = {"ant", "bee", "cat"};

static void assert_near(double a, double b, double limit)
{
    if (!(fabs(a - b) <= limit))
        fail_msg("%.17g is not near %.17g", a, b);
}

static void count(tw_evaluation *e, int label, int predicted, int times)
{
    for (int i = 0; i < times; i++)
        tw_evaluation_count(e, label, predicted, 0.9);
}

/* (label, predicted): ant 5 0 1, bee 2 3 0, cat 0 0 4 */
static void fill(tw_evaluation *e)
{
    count(e, 0, 0, 5);
    count(e, 0, 2, 1);
    count(e, 1, 0, 2);
    count(e, 1, 1, 3);
    count(e, 2, 2, 4);
    tw_evaluation_finish(e);
}

static void test_wilson_has_published_values(void **state)
{
    double low, high;

    (void)state;
    tw_wilson(&low, &high, 1, 10, 1.959964);
    assert_near(low, 0.0178762128960740067, 1e-15);
    assert_near(high, 0.4041500295247721686, 1e-15);
    tw_wilson(&low, &high, 950, 1000, 1.959964);
    assert_near(low, 0.9346861796201723477, 1e-15);
    assert_near(high, 0.9618697376887029910, 1e-15);
}

static void test_wilson_ends_are_exact(void **state)
{
    double low, high;

    (void)state;
    tw_wilson(&low, &high, 0, 20, 1.959964);
    assert_true(low == 0.0);
    assert_near(high, 0.1611251601851296523, 1e-15);
    tw_wilson(&low, &high, 20, 20, 1.959964);
    assert_near(low, 0.8388748398148703477, 1e-15);
    assert_true(high == 1.0);
}

static void test_wilson_of_nothing_is_everything(void **state)
{
    double low, high;

    (void)state;
    tw_wilson(&low, &high, 0, 0, 1.959964);
    assert_true(low == 0.0 && high == 1.0);
}

static void test_accuracy_and_counts(void **state)
{
    tw_evaluation figures;
    double low, high;

    (void)state;
    assert_ok(tw_evaluation_create(&figures, names, 3, e));
    fill(&figures);
    assert_int_equal(figures.n, 15);
    assert_true(figures.accuracy == 12.0 / 15.0);
    tw_wilson(&low, &high, 12, 15, 1.959964);
    assert_true(figures.low == low && figures.high == high);
    assert_int_equal(figures.confusion[0 * 3 + 2], 1);
    assert_int_equal(figures.confusion[1 * 3 + 0], 2);
    assert_int_equal(figures.confusion[2 * 3 + 1], 0);
    tw_evaluation_free(&figures);
}

static void test_class_figures(void **state)
{
    tw_evaluation figures;

    (void)state;
    assert_ok(tw_evaluation_create(&figures, names, 3, e));
    fill(&figures);
    assert_string_equal(figures.classes[1].name, "bee");
    assert_int_equal(figures.classes[0].support, 6);
    assert_int_equal(figures.classes[0].predicted, 7);
    assert_int_equal(figures.classes[0].correct, 5);
    assert_true(figures.classes[0].precision == 5.0 / 7.0);
    assert_true(figures.classes[0].recall == 5.0 / 6.0);
    assert_near(figures.classes[0].f1, 10.0 / 13.0, 1e-16);
    assert_true(figures.classes[1].precision == 1.0 && figures.classes[1].recall == 0.6);
    assert_true(figures.classes[2].precision == 0.8 && figures.classes[2].recall == 1.0);
    tw_evaluation_free(&figures);
}

static void test_figures_without_denominator_are_nan(void **state)
{
    tw_evaluation figures;

    (void)state;
    assert_ok(tw_evaluation_create(&figures, names, 3, e));
    count(&figures, 0, 1, 2);
    tw_evaluation_finish(&figures);
    assert_true(isnan(figures.classes[0].precision)); /* never said */
    assert_true(figures.classes[0].recall == 0.0);
    assert_true(isnan(figures.classes[1].recall)); /* never there */
    assert_true(figures.classes[1].precision == 0.0);
    assert_true(isnan(figures.classes[2].f1)); /* neither */
    tw_evaluation_free(&figures);
}

static void test_names_are_copies(void **state)
{
    char own[] = "dog";
    char *list[] = {own, own};
    tw_evaluation figures;

    (void)state;
    assert_ok(tw_evaluation_create(&figures, list, 2, e));
    own[0] = 'f';
    assert_string_equal(figures.names[0], "dog");
    assert_ptr_equal(figures.classes[0].name, figures.names[0]);
    tw_evaluation_free(&figures);
    tw_evaluation_free(&figures); /* twice is fine */
    tw_evaluation_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wilson_has_published_values),
        cmocka_unit_test(test_wilson_ends_are_exact),
        cmocka_unit_test(test_wilson_of_nothing_is_everything),
        cmocka_unit_test(test_accuracy_and_counts),
        cmocka_unit_test(test_class_figures),
        cmocka_unit_test(test_figures_without_denominator_are_nan),
        cmocka_unit_test(test_names_are_copies),
    };

    return cmocka_run_group_tests_name("eval/metrics", tests, NULL, NULL);
}
