/* Accuracy, confusion, precision, recall and F1 against scikit-learn (tools/golden/metrics.py). */
#include "check.h"

#include "eval/metrics.h"

#include <math.h>

enum { MAX_CLASSES = 64 };

static uint32_t next_byte(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 24;
}

/* As the script makes them. */
static void count_pictures(tw_evaluation *figures, int n_classes, int n, uint32_t seed)
{
    for (int i = 0; i < n; i++) {
        uint32_t a = next_byte(&seed), b = next_byte(&seed);
        int label = (int)(a * a / 256 % (uint32_t)n_classes);

        tw_evaluation_count(figures, label, b < 170 ? label : (int)(b % (uint32_t)n_classes), 1.0);
    }
    tw_evaluation_finish(figures);
}

static double read_number(FILE *file)
{
    double out;

    assert_int_equal(fscanf(file, "%lf", &out), 1);
    return out;
}

static void read_word(FILE *file, const char *wanted)
{
    char word[16];

    assert_int_equal(fscanf(file, "%15s", word), 1);
    assert_string_equal(word, wanted);
}

static void assert_same(double ours, double theirs, const char *what, int c)
{
    if (isnan(theirs) ? !isnan(ours) : !(fabs(ours - theirs) <= 1e-15))
        fail_msg("%s of class %d: %.17g, scikit-learn has %.17g", what, c, ours, theirs);
}

static void check_case(FILE *file)
{
    char *names[MAX_CLASSES];
    int n_classes, n;
    uint32_t seed;
    tw_evaluation figures;

    assert_int_equal(fscanf(file, "%d %d %u", &n_classes, &n, &seed), 3);
    assert_in_range(n_classes, 2, MAX_CLASSES);
    for (int c = 0; c < n_classes; c++)
        names[c] = "class";
    assert_ok(tw_evaluation_create(&figures, names, n_classes, e));
    count_pictures(&figures, n_classes, n, seed);
    assert_int_equal(figures.n, n);
    read_word(file, "accuracy");
    assert_same(figures.accuracy, read_number(file), "accuracy", 0);
    read_word(file, "confusion");
    for (int i = 0; i < n_classes * n_classes; i++)
        assert_int_equal(figures.confusion[i], (int64_t)read_number(file));
    read_word(file, "precision");
    for (int c = 0; c < n_classes; c++)
        assert_same(figures.classes[c].precision, read_number(file), "precision", c);
    read_word(file, "recall");
    for (int c = 0; c < n_classes; c++)
        assert_same(figures.classes[c].recall, read_number(file), "recall", c);
    read_word(file, "f1");
    for (int c = 0; c < n_classes; c++)
        assert_same(figures.classes[c].f1, read_number(file), "f1", c);
    tw_evaluation_free(&figures);
}

static void figures_are_scikit_learns(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/metrics.txt", "r");
    char word[16];
    int n_cases = 0;

    (void)state;
    assert_non_null(file);
    while (fgetc(file) != '\n') /* versions */
        assert_false(feof(file));
    while (fscanf(file, "%15s", word) == 1) {
        assert_string_equal(word, "case");
        check_case(file);
        n_cases++;
    }
    fclose(file);
    assert_int_equal(n_cases, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(figures_are_scikit_learns)};

    return cmocka_run_group_tests_name("eval/golden_metrics", tests, NULL, NULL);
}
