/* predictions.csv: its bytes, its quoting, there whole or not at all. */
#include "check.h"

#include "base/file.h"
#include "base/memory.h"
#include "eval/predictions.h"

static char *path_of(void **state, const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", (char *)*state, name);
    return path;
}

static void assert_file(const char *path, const char *expected)
{
    char *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 1 << 20, e));
    assert_string_equal(text, expected);
    assert_int_equal(n, strlen(expected));
    tw_free(text);
}

static void test_file_has_these_bytes(void **state)
{
    static char *const classes[] = {"0", "1"};
    const float first[] = {0.1f, 0.9f}, second[] = {1.0f, 1.40129846e-45f};
    const char *path = path_of(state, "a.csv");
    tw_predictions *predictions;

    assert_ok(tw_predictions_create(&predictions, path, classes, 2, e));
    assert_ok(tw_predictions_add(predictions, "test:0", 1, 1, first, e));
    assert_ok(tw_predictions_add(predictions, "test:1", 1, 0, second, e));
    assert_ok(tw_predictions_commit(predictions, e));
    tw_predictions_free(predictions);
    assert_file(path, "name,label,predicted,correct,p_0,p_1\n"
                      "test:0,1,1,1,0.100000001,0.899999976\n"
                      "test:1,1,0,0,1,1.40129846e-45\n");
}

static void test_commas_and_quotes_are_quoted(void **state)
{
    static char *const classes[] = {"a,b", "say \"x\""};
    const float row[] = {0.25f, 0.75f};
    const char *path = path_of(state, "b.csv");
    tw_predictions *predictions;

    assert_ok(tw_predictions_create(&predictions, path, classes, 2, e));
    assert_ok(tw_predictions_add(predictions, "train/a,b/line\nend.png", 0, 1, row, e));
    assert_ok(tw_predictions_commit(predictions, e));
    tw_predictions_free(predictions);
    assert_file(path, "name,label,predicted,correct,\"p_a,b\",\"p_say \"\"x\"\"\"\n"
                      "\"train/a,b/line\nend.png\",\"a,b\",\"say \"\"x\"\"\",0,0.25,0.75\n");
}

static void test_without_commit_nothing_changes(void **state)
{
    static char *const classes[] = {"0", "1"};
    const char *path = path_of(state, "c.csv");
    tw_predictions *predictions;

    assert_ok(tw_file_write(path, "old", 3, e));
    assert_ok(tw_predictions_create(&predictions, path, classes, 2, e));
    tw_predictions_free(predictions);
    assert_file(path, "old");
    tw_predictions_free(NULL);
}

static void test_missing_folder_is_refused(void **state)
{
    static char *const classes[] = {"0", "1"};
    const char *path = path_of(state, "none/c.csv");
    tw_predictions *predictions;
    tw_error err;

    assert_int_equal(tw_predictions_create(&predictions, path, classes, 2, &err), TW_EFILE);
    assert_null(predictions);
    assert_non_null(strstr(err.text, "none/c.csv"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file_has_these_bytes),
        cmocka_unit_test(test_commas_and_quotes_are_quoted),
        cmocka_unit_test(test_without_commit_nothing_changes),
        cmocka_unit_test(test_missing_folder_is_refused),
    };

    return cmocka_run_group_tests_name("eval/predictions", tests, check_make_folder,
                                       check_remove_folder);
}
