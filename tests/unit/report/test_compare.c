/* Two predictions of the same pictures; p against SciPy (tools/golden/calibration.py). */
#include "check.h"

#include "base/file.h"
#include "base/memory.h"

#include <tw/report.h>

#include <math.h>

typedef struct files {
    char *folder, *before, *after;
} files;

static int open_files(void **state)
{
    files *f = calloc(1, sizeof *f);

    if (check_make_folder((void **)&f->folder))
        return -1;
    f->before = tw_path_join(f->folder, "predictions.csv");
    f->after = tw_path_join(f->folder, "after.csv");
    *state = f;
    return 0;
}

static int close_files(void **state)
{
    files *f = *state;

    check_remove_folder((void **)&f->folder);
    tw_free(f->before);
    tw_free(f->after);
    free(f);
    return 0;
}

#define HEAD "name,label,predicted,correct,p_ant,p_bee\n"

static void write_both(const files *f, const char *before, const char *after)
{
    assert_ok(tw_file_write(f->before, before, strlen(before), e));
    assert_ok(tw_file_write(f->after, after, strlen(after), e));
}

static void test_pictures_are_matched_by_name(void **state)
{
    const files *f = *state;
    tw_comparison c;

    write_both(f,
               HEAD "a,ant,ant,1,1,0\n\"b,\"\"1\",ant,bee,0,0,1\nc,bee,bee,1,0,1\nd,bee,ant,0,1,0\n"
                    "old,ant,ant,1,1,0\n",
               HEAD "d,bee,ant,0,1,0\nc,bee,ant,0,1,0\n\"b,\"\"1\",ant,ant,1,1,0\na,ant,ant,1,1,0\n"
                    "new,bee,bee,1,0,1\nnew2,bee,bee,1,0,1\n");
    assert_ok(tw_compare(&c, f->folder, f->after, e)); /* a run folder, and a file */
    assert_int_equal(c.n, 4);
    assert_int_equal(c.only_before, 1);
    assert_int_equal(c.only_after, 2);
    assert_int_equal(c.right_before, 2);
    assert_int_equal(c.right, 2);
    assert_int_equal(c.newly_right, 1);
    assert_int_equal(c.newly_wrong, 1);
    assert_true(c.p == 1.0);
    assert_int_equal(c.n_changes, 2);
    assert_string_equal(c.changes[0].name, "c");
    assert_string_equal(c.changes[0].before, "bee");
    assert_string_equal(c.changes[0].after, "ant");
    assert_false(c.changes[0].is_right);
    assert_true(c.changes[1].is_right);
    assert_int_equal(c.n_classes, 2);
    assert_string_equal(c.classes[0].name, "bee");
    assert_int_equal(c.classes[0].n, 2);
    assert_int_equal(c.classes[0].right_before, 1);
    assert_int_equal(c.classes[0].right, 0);
    tw_comparison_free(&c);
}

static void assert_refused(const files *f, const char *before, const char *after, const char *what)
{
    char sentence[512];
    tw_comparison c;

    write_both(f, before, after);
    snprintf(sentence, sizeof sentence, "%s%s", f->before, what);
    assert_fails(TW_EFILE, sentence, tw_compare(&c, f->before, f->after, e));
    assert_null(c.changes);
}

static void test_what_cannot_be_compared(void **state)
{
    const files *f = *state;
    char what[256];

    assert_refused(f, HEAD "a,ant,ant,1,1,0\n", HEAD "a,bee,ant,0,1,0\n",
                   ": a is labelled ant, in the other one bee");
    snprintf(what, sizeof what, ": none of its pictures is among those of %s", f->after);
    assert_refused(f, HEAD "a,ant,ant,1,1,0\n", HEAD "b,ant,ant,1,1,0\n", what);
    assert_refused(f, HEAD, HEAD "b,ant,ant,1,1,0\n", what);
    assert_refused(f, "a,b,c\n", HEAD, ": no predictions.csv");
    assert_refused(f, "name,class,predicted,correct\n", HEAD, ": column 2 is not label");
}

static void test_p_is_scipys(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/calibration.txt", "r");
    char line[512];
    int n = 0;

    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        long long b, c;
        double p;

        if (sscanf(line, "mcnemar %lld %lld %lf", &b, &c, &p) != 3)
            continue;
        assert_true(fabs(tw_mcnemar(b, c) - p) <= 1e-10 * p);
        n++;
    }
    fclose(file);
    assert_int_equal(n, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pictures_are_matched_by_name),
                                       cmocka_unit_test(test_what_cannot_be_compared),
                                       cmocka_unit_test(test_p_is_scipys)};

    return cmocka_run_group_tests_name("report/compare", tests, open_files, close_files);
}
