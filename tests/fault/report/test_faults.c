/* The n-th call to the system fails while a report is made: the right code and a sentence, the old
 * files stay whole, and a report that is said to be made is the one of a run without faults. */
#include "run_maker.h"

#include "base/sys.h"

#include <errno.h>

typedef struct truth {
    char *page, *record;
} truth;

static truth take(const run_maker *maker)
{
    return (truth){maker_read(maker, "report.html"), maker_read(maker, "report.json")};
}

static void truth_free(truth *t)
{
    tw_free(t->page);
    tw_free(t->record);
}

static void assert_same(const run_maker *maker, const truth *t)
{
    truth now = take(maker);

    assert_string_equal(now.page, t->page);
    assert_string_equal(now.record, t->record);
    truth_free(&now);
}

static void check_kind(const run_maker *maker, tw_sys_kind kind, int error, tw_status wanted)
{
    truth t;
    int n_failed = 0;
    bool was_hit = true;

    maker_reset(maker);
    assert_ok(tw_report_write(maker->run, maker->data, e));
    t = take(maker);
    for (long nth = 1; was_hit; nth++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        tw_sys_fail_nth(kind, nth, 0, error);
        rc = tw_report_write(maker->run, maker->data, &err);
        was_hit = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc && rc != wanted)
            fail_msg("call %ld: %s: %s", nth, tw_status_name(rc), err.text);
        if (rc) {
            assert_true(strlen(err.text) > 0);
            n_failed++;
        }
        /* a picture that cannot be opened is left out, so the page may be another one then */
        if (rc || kind == TW_SYS_MEMORY)
            assert_same(maker, &t);
        else
            assert_ok(tw_report_write(maker->run, maker->data, e));
    }
    assert_true(n_failed > 0);
    assert_same(maker, &t);
    truth_free(&t);
}

static void test_memory_runs_out(void **state)
{
    check_kind(*state, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
}

static void test_files_do_not_open(void **state)
{
    check_kind(*state, TW_SYS_OPEN, EACCES, TW_EFILE);
}

static void test_reads_fail(void **state)
{
    check_kind(*state, TW_SYS_READ, EIO, TW_EFILE);
}

static void test_the_map_fails(void **state)
{
    check_kind(*state, TW_SYS_MAP, EACCES, TW_EFILE);
}

static void test_the_disk_is_full(void **state)
{
    check_kind(*state, TW_SYS_WRITE, ENOSPC, TW_EBUDGET);
}

static void test_renames_fail(void **state)
{
    check_kind(*state, TW_SYS_RENAME, EACCES, TW_EFILE);
}

/* ---- what changed against an earlier run */

static void compare_each(const run_maker *maker, tw_sys_kind kind, int error, tw_status wanted)
{
    int n_failed = 0;
    bool was_hit = true;

    for (long nth = 1; was_hit; nth++) {
        tw_error err = {TW_OK, ""};
        tw_comparison c;
        tw_status rc;

        tw_sys_fail_nth(kind, nth, 0, error);
        rc = tw_compare(&c, maker->run, maker->folder, &err);
        was_hit = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc && rc != wanted)
            fail_msg("call %ld: %s: %s", nth, tw_status_name(rc), err.text);
        assert_true(rc ? err.text[0] && !c.changes && !c.classes : c.n == 8 && c.n_changes == 2);
        n_failed += rc != TW_OK;
        tw_comparison_free(&c);
    }
    assert_true(n_failed > 0);
}

/* Of the same length. */
static void replace(char *text, const char *old, const char *new)
{
    const size_t n = strlen(old);

    while (*text && strncmp(text, old, n) != 0)
        text++;
    assert_true(*text != '\0');
    memcpy(text, new, n);
}

static void test_a_comparison_fails_as_a_whole(void **state)
{
    const run_maker *maker = *state;
    char *after, *path = path_in(maker->folder, "predictions.csv");

    maker_reset(maker);
    after = maker_read(maker, "predictions.csv");
    replace(after, "val/ant/1.png,ant,bee,0", "val/ant/1.png,ant,ant,1");
    replace(after, "val/cat/0.png,cat,cat,1", "val/cat/0.png,cat,bee,0");
    assert_ok(tw_file_write(path, after, strlen(after), e));
    compare_each(maker, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
    compare_each(maker, TW_SYS_OPEN, EACCES, TW_EFILE);
    compare_each(maker, TW_SYS_MAP, EIO, TW_EFILE);
    tw_free(after);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_files_do_not_open),
        cmocka_unit_test(test_reads_fail),
        cmocka_unit_test(test_the_map_fails),
        cmocka_unit_test(test_the_disk_is_full),
        cmocka_unit_test(test_renames_fail),
        cmocka_unit_test(test_a_comparison_fails_as_a_whole),
    };

    return cmocka_run_group_tests_name("fault/report", tests, maker_open, maker_close);
}
