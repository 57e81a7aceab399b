/* The n-th call of each kind fails: no crash, no leak, the right code, old files untouched. */
#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"

#include "check.h"

#include <errno.h>

enum { MANY = 200 };

static void expect_old(const char *path)
{
    char *text;
    size_t n;
    assert_ok(tw_file_read(&text, &n, path, 100, e));
    assert_string_equal(text, "old");
    tw_free(text);
}

/* Writes over an old file while the n-th call of the kind fails; returns the status. */
static tw_status write_with_fault(const char *path, tw_sys_kind kind, long nth, int error)
{
    tw_error err = {TW_OK, ""};
    tw_status rc;
    assert_ok(tw_file_write(path, "old", 3, e));
    tw_sys_fail_nth(kind, nth, 0, error);
    rc = tw_file_write(path, "newer", 5, &err);
    tw_sys_fail_nth(kind, 0, 0, 0);
    if (rc)
        assert_true(strlen(err.text) > 0);
    return rc;
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    static const struct {
        tw_sys_kind kind;
        int error;
        tw_status status;
    } rows[] = {{TW_SYS_MEMORY, ENOMEM, TW_ENOMEM}, {TW_SYS_OPEN, EACCES, TW_EFILE},
                {TW_SYS_WRITE, ENOSPC, TW_EBUDGET}, {TW_SYS_WRITE, EIO, TW_EFILE},
                {TW_SYS_SYNC, EIO, TW_EFILE},       {TW_SYS_RENAME, EACCES, TW_EFILE}};
    char *path = tw_path_join(*state, "file");

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long nth = 1;
        for (;; nth++) {
            tw_status rc = write_with_fault(path, rows[i].kind, nth, rows[i].error);
            char **names;
            size_t n;
            if (rc == TW_OK)
                break;
            assert_int_equal(rc, rows[i].status);
            /* the last sync and open are the folder's: by then the new file is in place, whole */
            if (tw_path_size(path) != 5)
                expect_old(path);
            assert_ok(tw_folder_list(&names, &n, *state, e));
            assert_int_equal(n, 1);
            tw_folder_list_free(names, n);
            assert_true(nth < MANY);
        }
        assert_true(nth > 1);
    }
    tw_free(path);
}

static void an_interrupted_call_is_repeated(void **state)
{
    char *path = tw_path_join(*state, "file");
    char *text;
    size_t n;
    assert_int_equal(write_with_fault(path, TW_SYS_WRITE, 1, EINTR), TW_OK);
    tw_sys_fail_nth(TW_SYS_READ, 1, 0, EINTR);
    assert_ok(tw_file_read(&text, &n, path, 100, e));
    tw_sys_fail_nth(TW_SYS_READ, 0, 0, 0);
    assert_string_equal(text, "newer");
    tw_free(text);
    tw_free(path);
}

static void reads_and_maps_that_fail_are_told(void **state)
{
    char *path = tw_path_join(*state, "file");
    char sentence[300];
    tw_map map;
    char *text;
    size_t n;
    assert_ok(tw_file_write(path, "old", 3, e));
    tw_sys_fail_nth(TW_SYS_MAP, 1, 0, ENOMEM);
    snprintf(sentence, sizeof sentence, "%s: cannot map 3 bytes: Cannot allocate memory", path);
    assert_fails(TW_ENOMEM, sentence, tw_map_open(&map, path, e));
    tw_sys_fail_nth(TW_SYS_MAP, 0, 0, 0);
    tw_sys_fail_nth(TW_SYS_READ, 1, 0, EIO);
    snprintf(sentence, sizeof sentence, "%s: cannot read 3 bytes at 0: Input/output error", path);
    assert_fails(TW_EFILE, sentence, tw_file_read(&text, &n, path, 100, e));
    tw_sys_fail_nth(TW_SYS_READ, 0, 0, 0);
    tw_free(path);
}

static void text_without_memory_says_so_once(void **state)
{
    tw_text text = {0};
    (void)state;
    tw_sys_fail_nth(TW_SYS_MEMORY, 1, 0, ENOMEM);
    tw_text_add(&text, "a");
    tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
    tw_text_add(&text, "b");
    assert_true(text.failed);
    assert_null(text.text);
    tw_text_free(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_failed_write_leaves_the_old_file),
        cmocka_unit_test(an_interrupted_call_is_repeated),
        cmocka_unit_test(reads_and_maps_that_fail_are_told),
        cmocka_unit_test(text_without_memory_says_so_once),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
