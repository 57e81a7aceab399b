/* A manifest on standard input: what is between its fields, with and without a first line, what is
 * kept of it and for how long, each refusal. */
#include "data/dataset.h"

#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "make_files.h"

#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

/* What a pipe would give. */
static tw_status take(tw_spool **out, void **state, const char *text, tw_error *err)
{
    char *path = path_in(*state, "input");
    tw_status rc;
    int fd;
    setenv("TMPDIR", *state, 1);
    write_bytes(path, text, strlen(text));
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    rc = tw_spool_create(out, fd, err);
    close(fd);
    free(path);
    return rc;
}

static void assert_kept(void **state, const char *text, const char *wanted)
{
    tw_spool *spool;
    char *kept, here[4000], expected[5000];
    size_t n = 0;
    assert_ok(take(&spool, state, text, e));
    assert_ok(tw_file_read(&kept, &n, tw_spool_path(spool), 1 << 20, e));
    assert_non_null(getcwd(here, sizeof here));
    expected[0] = '\0';
    for (n = 0; *wanted; wanted++)
        n += (size_t)snprintf(expected + n, sizeof expected - n, "%.*s", *wanted == '@' ? 4000 : 1,
                              *wanted == '@' ? here : wanted);
    assert_string_equal(kept, expected);
    tw_free(kept);
    tw_spool_free(spool);
}

static void commas_and_tabs_are_told_apart(void **state)
{
    assert_kept(state, "path,label\na b.png,x\n/c.png,y\n", "path,label\n@/a b.png,x\n/c.png,y\n");
    assert_kept(state, "a.png\tx\r\nb,1.png\ty", "path,label\n@/a.png,x\n\"@/b,1.png\",y\n");
}

static void the_first_line_may_be_missing(void **state)
{
    assert_kept(state, "a.png,x,val\nb.png,y,train\n",
                "path,label,split\n@/a.png,x,val\n@/b.png,y,train\n");
    assert_kept(state, "a.png\tx\ttest\tmonday\nb.png\ty\ttrain\t\n",
                "path,label,split,group\n@/a.png,x,test,monday\n@/b.png,y,train,\n");
    assert_kept(state, "label\tnote\tgroup\tpath\nx\t1\tmonday\ta.png\n",
                "path,label,group\n@/a.png,x,monday\n");
}

static void it_is_data_until_it_is_freed(void **state)
{
    tw_spool *spool;
    tw_dataset *data;
    char *path, *slash;
    assert_ok(take(&spool, state, "a.png,x\nb.png,y\n", e));
    path = strdup(tw_spool_path(spool));
    assert_non_null(path);
    assert_string_equal(tw_spool_shown(path), "-");
    assert_ok(tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    assert_int_equal(tw_dataset_count(data), 2);
    assert_string_equal(tw_dataset_class_name(data, 1), "y");
    tw_dataset_free(data);
    tw_spool_free(spool);
    assert_false(tw_path_exists(path));
    slash = strrchr(path, '/');
    *slash = '\0';
    assert_false(tw_path_exists(path));
    free(path);
    tw_spool_free(NULL);
}

static void other_paths_are_shown_as_they_are(void **state)
{
    static const char *const paths[] = {"photos", "stdin.csv", "/tmp/topwork-x/m.csv",
                                        "a/stdin.csv", "/tmp/topwork-x/y/stdin.csv"};
    (void)state;
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_ptr_equal(tw_spool_shown(paths[i]), paths[i]);
}

static void what_is_wrong_is_named(void **state)
{
    static const char *const rows[][2] = {
        {"", "standard input: empty, a manifest is meant"},
        {"a.png\n",
         "standard input: 1 fields in its first line, path, label, split and group can be "
         "there"},
        {"a,b,train,d,e\n", "standard input: 5 fields in its first line, path, label, split and "
                            "group can be there"},
        {"path,class\na,b\n", "standard input: no column \"label\" in its first line"},
        {"a,b\nc,\n", "standard input: line 2: no label"},
        {"a,b\nc\n", "standard input: line 2: 1 fields, the first line has 2"},
        {"a,b,dev\n", "standard input: line 1: split \"dev\", there are train, val, test"},
    };
    tw_spool *spool;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_fails(TW_EFILE, rows[i][1], take(&spool, state, rows[i][0], e));
        assert_null(spool);
    }
    assert_fails(TW_EFILE, "standard input: Bad file descriptor", tw_spool_create(&spool, -1, e));
}

static void without_a_place_it_is_refused(void **state)
{
    char *text, *path = path_in(*state, "long"), *folder;
    size_t n;
    int fd;
    setenv("TMPDIR", "/nowhere", 1);
    assert_fails(TW_EFILE, "no folder of its own in /nowhere: No such file or directory",
                 tw_folder_create_own(&folder, e));
    assert_null(folder);
    write_bytes(path, "abcdef", 6);
    fd = open(path, O_RDONLY);
    assert_fails(TW_EFILE, "it: more than 5 bytes", tw_file_read_rest(&text, &n, fd, "it", 5, e));
    assert_null(text);
    close(fd);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(commas_and_tabs_are_told_apart),
        cmocka_unit_test(the_first_line_may_be_missing),
        cmocka_unit_test(it_is_data_until_it_is_freed),
        cmocka_unit_test(other_paths_are_shown_as_they_are),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(without_a_place_it_is_refused),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
