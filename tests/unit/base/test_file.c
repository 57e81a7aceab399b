#include "base/file.h"
#include "base/memory.h"

#include "check.h"

static char *in(void **state, const char *name)
{
    return tw_path_join(*state, name);
}

static void a_written_file_comes_back(void **state)
{
    char *path = in(state, "a");
    char *text;
    size_t n;
    assert_ok(tw_file_write(path, "hello", 5, e));
    assert_ok(tw_file_read(&text, &n, path, 100, e));
    assert_int_equal(n, 5);
    assert_string_equal(text, "hello");
    tw_free(text);
    tw_free(path);
}

static void a_file_over_the_limit_is_refused(void **state)
{
    char *path = in(state, "b");
    char sentence[256];
    char *text;
    size_t n;
    assert_ok(tw_file_write(path, "hello", 5, e));
    snprintf(sentence, sizeof sentence, "%s: 5 bytes, more than the 4 that are read at most", path);
    assert_fails(TW_EFILE, sentence, tw_file_read(&text, &n, path, 4, e));
    tw_free(path);
}

static void a_missing_file_is_named(void **state)
{
    tw_map map;
    (void)state;
    assert_fails(TW_EFILE, "/nowhere/x: No such file or directory",
                 tw_map_open(&map, "/nowhere/x", e));
    assert_fails(TW_EFILE, "/tmp: not a regular file", tw_map_open(&map, "/tmp", e));
}

static void a_writer_without_commit_leaves_nothing(void **state)
{
    char *path = in(state, "c");
    char **names;
    size_t n;
    tw_writer *writer;
    assert_ok(tw_file_write(path, "old", 3, e));
    assert_ok(tw_writer_create(&writer, path, e));
    assert_ok(tw_writer_write(writer, "newer", 5, e));
    tw_writer_free(writer);
    assert_int_equal(tw_path_size(path), 3);
    assert_ok(tw_folder_list(&names, &n, *state, e));
    for (size_t i = 0; i < n; i++)
        assert_null(strstr(names[i], ".tmp-"));
    tw_folder_list_free(names, n);
    tw_free(path);
}

static void a_large_write_keeps_order(void **state)
{
    char *path = in(state, "d");
    unsigned char *data = malloc(300000);
    tw_writer *writer;
    tw_map map;
    for (int i = 0; i < 300000; i++)
        data[i] = (unsigned char)(i * 7 + i / 256);
    assert_ok(tw_writer_create(&writer, path, e));
    assert_ok(tw_writer_write(writer, data, 10, e));
    assert_ok(tw_writer_write(writer, data + 10, 200000, e));
    assert_ok(tw_writer_write(writer, data + 200010, 99990, e));
    assert_ok(tw_writer_commit(writer, e));
    tw_writer_free(writer);
    assert_ok(tw_map_open(&map, path, e));
    assert_int_equal(map.size, 300000);
    assert_memory_equal(map.data, data, 300000);
    tw_map_release(map.data, map.size);
    assert_memory_equal(map.data, data, 300000);
    tw_map_close(&map);
    free(data);
    tw_free(path);
}

static void borrowed_bytes_stand_for_a_file(void **state)
{
    static const char bytes[] = "in the program";
    tw_map map;
    (void)state;
    assert_ok(tw_map_borrow(&map, bytes, sizeof bytes, "a name", e));
    assert_ptr_equal(map.data, bytes);
    assert_int_equal(map.size, sizeof bytes);
    assert_string_equal(map.path, "a name");
    tw_map_close(&map);
    assert_null(map.data);
    assert_string_equal(bytes, "in the program");
}

static void a_map_is_read_like_a_file(void **state)
{
    static const char bytes[] = "in the program";
    char got[8] = "";
    tw_map map;
    tw_file file;
    (void)state;
    assert_ok(tw_map_borrow(&map, bytes, sizeof bytes, "a name", e));
    assert_ok(tw_file_borrow(&file, &map, e));
    assert_int_equal(file.size, sizeof bytes);
    assert_ok(tw_file_pread(&file, got, 7, 7, e));
    assert_string_equal(got, "program");
    assert_ok(tw_file_pread(&file, got, 0, sizeof bytes, e));
    assert_fails(TW_EFILE, "a name: ends after 5 of the 6 bytes at 10",
                 tw_file_pread(&file, got, 6, 10, e));
    assert_fails(TW_EFILE, "a name: ends after 0 of the 1 bytes at 99",
                 tw_file_pread(&file, got, 1, 99, e));
    tw_file_close(&file);
    assert_ptr_equal(map.data, bytes);
    tw_map_close(&map);
}

static void append_and_read_anywhere(void **state)
{
    char *path = in(state, "e");
    char sentence[256];
    tw_file file;
    char buf[4] = {0};
    assert_ok(tw_file_open_append(&file, path, e));
    assert_ok(tw_file_append(&file, "0123", 4, e));
    assert_ok(tw_file_append(&file, "4567", 4, e));
    assert_int_equal(file.size, 8);
    assert_ok(tw_file_pread(&file, buf, 3, 3, e));
    assert_memory_equal(buf, "345", 3);
    snprintf(sentence, sizeof sentence, "%s: ends after 2 of the 4 bytes at 6", path);
    assert_fails(TW_EFILE, sentence, tw_file_pread(&file, buf, 4, 6, e));
    assert_ok(tw_file_truncate(&file, 4, e));
    tw_file_close(&file);
    assert_int_equal(tw_path_size(path), 4);
    tw_free(path);
}

/* Neither one's own file nor a lock is made where a link leads, or taken from there. */
static void links_are_not_followed_where_a_file_is_ones_own(void **state)
{
    char *path = in(state, "link"), *target = in(state, "target");
    char sentence[256];
    tw_file file;
    tw_lock lock;
    bool got;

    assert_int_equal(symlink(target, path), 0);
    snprintf(sentence, sizeof sentence, "%s: a symbolic link, which is not followed", path);
    assert_fails(TW_EFILE, sentence, tw_file_open_append_own(&file, path, e));
    assert_fails(TW_EFILE, sentence, tw_lock_try(&lock, &got, path, e));
    assert_false(tw_path_exists(target));
    assert_ok(tw_file_write(target, "x", 1, e));
    assert_fails(TW_EFILE, sentence, tw_file_open_append_own(&file, path, e));
    assert_fails(TW_EFILE, sentence, tw_lock_try(&lock, &got, path, e));
    assert_ok(tw_file_open_append_own(&file, target, e));
    assert_int_equal(file.size, 1);
    tw_file_close(&file);
    assert_ok(tw_file_open_append(&file, path, e));
    tw_file_close(&file);
    tw_free(target);
    tw_free(path);
}

static void folders_are_made_with_parents(void **state)
{
    char *path = in(state, "x/y/z");
    char *file = in(state, "a");
    assert_ok(tw_folder_create(path, e));
    assert_true(tw_path_is_folder(path));
    assert_ok(tw_folder_create(path, e));
    tw_free(path);
    path = tw_path_join(file, "below");
    assert_ok(tw_file_write(file, "x", 1, e));
    assert_int_not_equal(tw_folder_create(path, NULL), TW_OK);
    tw_free(path);
    tw_free(file);
}

static void a_lock_excludes(void **state)
{
    char *path = in(state, "lock");
    tw_lock one, two;
    bool got;
    assert_ok(tw_lock_try(&one, &got, path, e));
    assert_true(got);
    assert_ok(tw_lock_try(&two, &got, path, e));
    assert_false(got);
    tw_lock_release(&one);
    assert_ok(tw_lock_try(&two, &got, path, e));
    assert_true(got);
    tw_lock_release(&two);
    tw_free(path);
}

static void free_space_of_a_missing_folder_is_its_parents(void **state)
{
    int64_t n = 0, above = 0;
    char *path = in(state, "not/there/yet");
    assert_ok(tw_disk_free(&n, path, e));
    assert_ok(tw_disk_free(&above, *state, e));
    assert_true(n > 0 && above > 0);
    tw_free(path);
}

static void a_spool_has_no_name(void **state)
{
    tw_file spool;
    char buf[3];
    (void)state;
    assert_ok(tw_file_open_spool(&spool, "data.gz", e));
    assert_ok(tw_file_append(&spool, "abc", 3, e));
    assert_ok(tw_file_pread(&spool, buf, 3, 0, e));
    assert_memory_equal(buf, "abc", 3);
    tw_file_close(&spool);
}

static void a_moved_file_replaces_the_old(void **state)
{
    char *from = tw_path_join(*state, "from"), *to = tw_path_join(*state, "to");
    char sentence[300], *text;
    size_t n;

    assert_ok(tw_file_write(from, "new", 3, e));
    assert_ok(tw_file_write(to, "older", 5, e));
    assert_ok(tw_file_move(from, to, e));
    assert_false(tw_path_exists(from));
    assert_ok(tw_file_read(&text, &n, to, 100, e));
    assert_string_equal(text, "new");
    snprintf(sentence, sizeof sentence, "%s: cannot rename into place: No such file or directory",
             to);
    assert_fails(TW_EFILE, sentence, tw_file_move(from, to, e));
    tw_free(text);
    tw_free(from);
    tw_free(to);
}

/* Every name of it may be the wrong one; what comes after it stays where that is there. */
static void a_path_that_is_not_there_has_a_nearest_one(void **state)
{
    static const struct {
        const char *path, *nearest; /* NULL: none is similar */
    } cases[] = {
        {"near/photso", "near/photos"},
        {"near/photos/cat", "near/photos/cats"},
        {"near/photso/cats/", "near/photos/cats"},
        {"near/photso/dogs", "near/photos"},
        {"neaar/photos/cats", "near/photos/cats"},
        {"near/photos/elephants", NULL},
        {"near/photos/cats/c", NULL},
    };
    char *folder = in(state, "near/photos/cats"), buf[400];

    assert_ok(tw_folder_create(folder, e));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = in(state, cases[i].path);
        char *nearest = cases[i].nearest ? in(state, cases[i].nearest) : NULL;

        assert_int_equal(tw_path_nearest(buf, sizeof buf, path), nearest != NULL);
        if (nearest)
            assert_string_equal(buf, nearest);
        tw_free(path);
        tw_free(nearest);
    }
    assert_false(tw_path_nearest(buf, sizeof buf, ""));
    assert_false(tw_path_nearest(buf, sizeof buf, "/nowhere-at-all-zzzzzzzzz/x"));
    tw_free(folder);
}

static void what_is_missing_is_said_with_it(void **state)
{
    char *path = in(state, "near/photso"), *nearest = in(state, "near/photos"), text[1000];
    char *file = in(state, "near/photos/wieghts.h5"), *meant = in(state, "near/photos/weights.h5");

    snprintf(text, sizeof text, "%s: no such thing, did you mean \"%s\"", path, nearest);
    assert_fails(TW_EFILE, text, tw_fail_missing(path, "no such thing", e));
    assert_fails(TW_EFILE, "/zzzzzzzzzzzz: no such thing",
                 tw_fail_missing("/zzzzzzzzzzzz", "no such thing", e));
    assert_ok(tw_file_write(meant, "x", 1, e));
    snprintf(text, sizeof text, "%s: none, did you mean \"%s\"", file, meant);
    assert_fails(TW_EFILE, text, tw_fail_missing(file, "none", e));
    tw_free(path);
    tw_free(nearest);
    tw_free(file);
    tw_free(meant);
}

static void the_cache_lies_where_the_environment_says(void **state)
{
    char *home = strdup(getenv("HOME") ? getenv("HOME") : ""), *path;

    (void)state;
    setenv("HOME", "/home/ada", 1);
    setenv("XDG_CACHE_HOME", "/var/cache", 1);
    assert_ok(tw_folder_cache(&path, "files", "", e));
    assert_string_equal(path, "/var/cache/topwork/files");
    tw_free(path);
    setenv("XDG_CACHE_HOME", "not/absolute", 1);
    assert_ok(tw_folder_cache(&path, "files", "", e));
    assert_string_equal(path, "/home/ada/.cache/topwork/files");
    tw_free(path);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_fails(TW_EUSAGE,
                 "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set, so there",
                 tw_folder_cache(&path, "files", ", so there", e));
    assert_null(path);
    setenv("HOME", home, 1);
    free(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_written_file_comes_back),
        cmocka_unit_test(a_file_over_the_limit_is_refused),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(a_writer_without_commit_leaves_nothing),
        cmocka_unit_test(a_large_write_keeps_order),
        cmocka_unit_test(borrowed_bytes_stand_for_a_file),
        cmocka_unit_test(a_map_is_read_like_a_file),
        cmocka_unit_test(append_and_read_anywhere),
        cmocka_unit_test(links_are_not_followed_where_a_file_is_ones_own),
        cmocka_unit_test(folders_are_made_with_parents),
        cmocka_unit_test(a_lock_excludes),
        cmocka_unit_test(free_space_of_a_missing_folder_is_its_parents),
        cmocka_unit_test(a_spool_has_no_name),
        cmocka_unit_test(a_moved_file_replaces_the_old),
        cmocka_unit_test(a_path_that_is_not_there_has_a_nearest_one),
        cmocka_unit_test(what_is_missing_is_said_with_it),
        cmocka_unit_test(the_cache_lies_where_the_environment_says),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
