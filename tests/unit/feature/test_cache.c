/* Listing and clearing entries, and where the cache lies. */
#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "feature/feature_int.h"

static const char *const keys[] = {
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "aaaaaaaabbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
    "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc",
};

/* An entry with that many rows of two numbers. */
static tw_store *make_entry(const char *folder, const char *key, const char *sentence, int n)
{
    tw_json *job = tw_json_new_object();
    tw_store *store;
    bool got;

    assert_true(tw_json_set(job, "job", tw_json_new_string(sentence)));
    assert_ok(tw_store_open(&store, folder, key, 2, TW_CACHE_FP32, job, e));
    assert_ok(tw_store_lock(store, &got, e));
    assert_true(got);
    for (int i = 0; i < n; i++)
        assert_ok(tw_store_add(store, tw_hash128_of(&i, sizeof i, 0), (float[]){1, 0}, e));
    tw_json_free(job);
    return store;
}

static void make_three(const char *folder)
{
    for (int i = 0; i < 3; i++) {
        char sentence[8];

        snprintf(sentence, sizeof sentence, "job %d", i);
        tw_store_close(make_entry(folder, keys[i], sentence, i));
    }
}

static int count_entries(const char *folder)
{
    tw_cache_entry *entries;
    int n;

    assert_ok(tw_cache_list(&entries, &n, folder, e));
    tw_cache_list_free(entries);
    return n;
}

static void test_lists_what_is_there(void **state)
{
    const char *folder = *state;
    tw_cache_entry *entries;
    int n;
    bool seen[3] = {false, false, false};

    make_three(folder);
    assert_ok(tw_cache_list(&entries, &n, folder, e));
    assert_int_equal(n, 3);
    for (int i = 0; i < n; i++) {
        const int which = entries[i].job[4] - '0';

        assert_string_equal(entries[i].key, keys[which]);
        assert_int_equal(entries[i].n_rows, which);
        assert_true(entries[i].n_bytes > which * 64);
        assert_true(entries[i].t_used_s > 1700000000);
        seen[which] = true;
    }
    assert_true(seen[0] && seen[1] && seen[2]);
    tw_cache_list_free(entries);
}

static void test_newest_use_comes_first(void **state)
{
    const char *folder = *state;
    char command[512];
    tw_cache_entry *entries;
    int n;

    make_three(folder);
    for (int i = 0; i < 3; i++) {
        snprintf(command, sizeof command, "touch -d 2020-01-0%d '%s/%s/job.json'", 1 + (i + 1) % 3,
                 folder, keys[i]);
        assert_int_equal(system(command), 0);
    }
    assert_ok(tw_cache_list(&entries, &n, folder, e));
    assert_string_equal(entries[0].key, keys[1]);
    assert_string_equal(entries[1].key, keys[0]);
    assert_string_equal(entries[2].key, keys[2]);
    tw_cache_list_free(entries);
    tw_store_close(make_entry(folder, keys[2], "job 2", 0)); /* used again */
    assert_ok(tw_cache_list(&entries, &n, folder, e));
    assert_string_equal(entries[0].key, keys[2]);
    assert_string_equal(entries[0].job, "job 2");
    tw_cache_list_free(entries);
}

static void test_missing_folder_has_no_entries(void **state)
{
    (void)state;
    assert_int_equal(count_entries("/nowhere/at/all"), 0);
}

static void test_other_names_are_left_alone(void **state)
{
    const char *folder = *state;
    char path[256];
    int64_t n_bytes;

    make_three(folder);
    snprintf(path, sizeof path, "%s/notes", folder);
    assert_ok(tw_folder_create(path, e));
    assert_int_equal(count_entries(folder), 3);
    assert_ok(tw_cache_clear(&n_bytes, folder, NULL, e));
    assert_int_equal(count_entries(folder), 0);
    assert_true(tw_path_is_folder(path));
}

static void test_damaged_job_is_listed_as_unknown(void **state)
{
    const char *folder = *state;
    char path[256];
    tw_cache_entry *entries;
    int n;

    tw_store_close(make_entry(folder, keys[0], "job", 1));
    snprintf(path, sizeof path, "%s/%s/job.json", folder, keys[0]);
    assert_ok(tw_file_write(path, "{", 1, e));
    assert_ok(tw_cache_list(&entries, &n, folder, e));
    assert_int_equal(n, 1);
    assert_string_equal(entries[0].job, "unknown");
    tw_cache_list_free(entries);
}

static void test_clears_all_and_tells_the_bytes(void **state)
{
    const char *folder = *state;
    int64_t all, n_bytes;

    make_three(folder);
    assert_ok(tw_feature__cache_bytes(&all, folder, e));
    assert_true(all > 0);
    assert_ok(tw_cache_clear(&n_bytes, folder, NULL, e));
    assert_int_equal(n_bytes, all);
    assert_int_equal(count_entries(folder), 0);
}

static void test_clears_one_by_the_beginning_of_its_key(void **state)
{
    const char *folder = *state;
    int64_t n_bytes;

    make_three(folder);
    assert_ok(tw_cache_clear(&n_bytes, folder, "aaaaaaaab", e));
    assert_true(n_bytes > 0);
    assert_int_equal(count_entries(folder), 2);
}

static void test_refuses_keys_that_match_none_or_several(void **state)
{
    const char *folder = *state;
    int64_t n_bytes;

    make_three(folder);
    assert_fails(TW_EUSAGE, "key \"aaaaa\" is too short: at least 6 letters",
                 tw_cache_clear(&n_bytes, folder, "aaaaa", e));
    assert_fails(TW_EUSAGE, "no cached job's key begins with \"abcdef\"",
                 tw_cache_clear(&n_bytes, folder, "abcdef", e));
    assert_fails(TW_EUSAGE, "2 cached jobs' keys begin with \"aaaaaa\"",
                 tw_cache_clear(&n_bytes, folder, "aaaaaa", e));
    assert_int_equal(count_entries(folder), 3);
}

static void test_entries_being_filled_are_kept(void **state)
{
    const char *folder = *state;
    tw_store *busy = make_entry(folder, keys[0], "busy", 1);
    int64_t n_bytes;
    char sentence[256];

    tw_store_close(make_entry(folder, keys[2], "idle", 1));
    snprintf(sentence, sizeof sentence, "%s: 1 of 2 cached jobs kept: another topwork fills it",
             folder);
    assert_fails(TW_EFILE, sentence, tw_cache_clear(&n_bytes, folder, NULL, e));
    assert_true(n_bytes > 0);
    assert_int_equal(count_entries(folder), 1);
    tw_store_close(busy);
    assert_ok(tw_cache_clear(&n_bytes, folder, NULL, e));
    assert_int_equal(count_entries(folder), 0);
}

static void test_default_folder_follows_xdg_then_home(void **state)
{
    char *folder;

    (void)state;
    setenv("XDG_CACHE_HOME", "/x/cache", 1);
    setenv("HOME", "/home/someone", 1);
    assert_ok(tw_feature__cache_folder(&folder, NULL, e));
    assert_string_equal(folder, "/x/cache/topwork/activations");
    tw_free(folder);
    setenv("XDG_CACHE_HOME", "relative", 1); /* not allowed by XDG */
    assert_ok(tw_feature__cache_folder(&folder, NULL, e));
    assert_string_equal(folder, "/home/someone/.cache/topwork/activations");
    tw_free(folder);
    assert_ok(tw_feature__cache_folder(&folder, "/own", e));
    assert_string_equal(folder, "/own");
    tw_free(folder);
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_fails(TW_EUSAGE,
                 "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set, give one with "
                 "--cache-dir",
                 tw_feature__cache_folder(&folder, NULL, e));
    assert_null(folder);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, check_make_folder, check_remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lists_what_is_there),
        TEST(test_newest_use_comes_first),
        TEST(test_missing_folder_has_no_entries),
        TEST(test_other_names_are_left_alone),
        TEST(test_damaged_job_is_listed_as_unknown),
        TEST(test_clears_all_and_tells_the_bytes),
        TEST(test_clears_one_by_the_beginning_of_its_key),
        TEST(test_refuses_keys_that_match_none_or_several),
        TEST(test_entries_being_filled_are_kept),
        TEST(test_default_folder_follows_xdg_then_home),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
