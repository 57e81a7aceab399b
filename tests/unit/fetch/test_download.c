/* Fetching from folders: what is checked, kept, set apart, written down and found changed. */
#include "unit/fetch/fetch_fixture.h"

#include <errno.h>
#include <sys/mount.h>
#include <utime.h>

/* A mirror beside the cache. */
typedef struct bench {
    fixture *f;
    char mirror[64], file[128]; /* the folder; thing.bin in it */
    char mirror_bad[160];       /* thing.bin.bad in the cache */
    listener heard;
    tw_fetch_result result;
} bench;

static void put(const bench *b, const char *name, const void *bytes, size_t n)
{
    char *path = path_in(b->mirror, name);

    write_bytes(path, bytes, n);
    free(path);
}

static bench *bench_start(void **state)
{
    bench *b = calloc(1, sizeof *b);

    b->f = fixture_make(state);
    snprintf(b->mirror, sizeof b->mirror, "%s/mirror", (char *)*state);
    snprintf(b->file, sizeof b->file, "%s/thing.bin", b->mirror);
    snprintf(b->mirror_bad, sizeof b->mirror_bad, "%s/thing.bin.bad", b->f->folder);
    assert_ok(tw_folder_create(b->mirror, e));
    put(b, "thing.bin", b->f->body, N_BODY);
    return b;
}

static void bench_end(bench *b)
{
    free(b->f);
    free(b);
}

static tw_status get(bench *b, tw_error *err)
{
    const tw_watch watch = listen_with(&b->heard);
    const tw_fetch_options options = {.from = b->mirror};

    return tw_fetch__run(&b->result, &b->f->entry, &options, &watch, err);
}

static tw_fetch_state state_of(const bench *b)
{
    tw_fetch_state state;

    assert_ok(tw_fetch__state(&state, &b->f->entry, e));
    return state;
}

static tw_status where(const bench *b, tw_error *err)
{
    char path[4096];

    return tw_fetch__where(path, sizeof path, &b->f->entry, err);
}

static void overwrite(const bench *b, const char *name, const void *bytes, size_t n)
{
    char *path = in_folder(b->f, name);

    write_bytes(path, bytes, n);
    free(path);
}

static void set_time(const bench *b, const char *name, time_t t_s)
{
    char *path = in_folder(b->f, name);

    assert_int_equal(utime(path, &(struct utimbuf){t_s, t_s}), 0);
    free(path);
}

static char *read_in_folder(const bench *b, const char *name)
{
    char *path = in_folder(b->f, name), *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 1 << 20, e));
    free(path);
    return text;
}

/* ---- what goes well */

static void a_file_is_copied_checked_and_written_down(void **state)
{
    bench *b = bench_start(state);
    char *record;

    assert_int_equal(state_of(b), TW_FETCH_ABSENT);
    assert_ok(get(b, e));
    assert_whole(b->f);
    assert_int_equal(b->result.n_files, 1);
    assert_int_equal(b->result.n_fetched, 1);
    assert_int_equal(b->result.n_bytes, N_BODY);
    assert_int_equal(b->heard.done, N_BODY);
    assert_string_equal(strrchr(b->result.path, '/'), "/thing.bin");
    assert_int_equal(state_of(b), TW_FETCH_THERE);
    assert_ok(where(b, e));

    record = read_in_folder(b, "thing.bin.json");
    assert_non_null(strstr(record, b->f->md5));
    assert_non_null(strstr(record, b->f->sha256));
    assert_non_null(strstr(record, b->file));
    tw_free(record);
    bench_end(b);
}

static void the_folder_of_the_name_comes_first(void **state)
{
    bench *b = bench_start(state);
    char *below = path_in(b->mirror, "thing");

    put(b, "thing.bin", "wrong", 5);
    assert_ok(tw_folder_create(below, e));
    put(b, "thing/thing.bin", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_whole(b->f);
    free(below);
    bench_end(b);
}

static void a_second_call_checks_every_byte_and_copies_none(void **state)
{
    bench *b = bench_start(state);

    assert_ok(get(b, e));
    assert_int_equal(unlink(b->file), 0);
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 0);
    assert_int_equal(b->result.n_bytes, N_BODY);
    bench_end(b);
}

static void a_file_put_there_by_hand_is_checked_first(void **state)
{
    bench *b = bench_start(state);

    assert_ok(tw_folder_create(b->f->folder, e));
    overwrite(b, "thing.bin", b->f->body, N_BODY);
    assert_int_equal(state_of(b), TW_FETCH_PARTLY);
    assert_fails(TW_EFILE,
                 "thing: thing.bin has not been checked yet; \"topwork fetch thing\" does it",
                 where(b, e));
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 0);
    assert_int_equal(state_of(b), TW_FETCH_THERE);
    bench_end(b);
}

static void an_interrupted_copy_goes_on(void **state)
{
    bench *b = bench_start(state);
    tw_watch watch = listen_with(&b->heard);
    const tw_fetch_options options = {.from = b->mirror};
    char sentence[256];

    /* the user stops at the first question, after a piece */
    b->heard.stop_at = 1;
    b->heard.done = 1;
    snprintf(sentence, sizeof sentence, "%s: interrupted, the 262 kB so far are kept", b->file);
    assert_fails(TW_EINTERRUPTED, sentence,
                 tw_fetch__run(&b->result, &b->f->entry, &options, &watch, e));
    assert_nothing(b->f);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), 1 << 18);
    assert_ok(get(b, e));
    assert_whole(b->f);
    bench_end(b);
}

static int stop_at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static void an_interrupted_check_leaves_the_file(void **state)
{
    bench *b = bench_start(state);
    const tw_watch watch = {.should_stop = stop_at_once};
    char sentence[256];

    assert_ok(get(b, e));
    snprintf(sentence, sizeof sentence, "%s/thing.bin: interrupted while it was checked",
             b->f->folder);
    assert_fails(TW_EINTERRUPTED, sentence,
                 tw_fetch__run(&b->result, &b->f->entry, NULL, &watch, e));
    assert_whole(b->f);
    assert_ok(where(b, e));
    bench_end(b);
}

/* Somebody's file is neither written through a link nor becomes the fetched one. */
static void a_link_in_place_of_the_part_or_the_lock_is_refused(void **state)
{
    static const char *const names[] = {"thing.bin.part", "lock"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        bench *b = bench_start(state);
        char *link = in_folder(b->f, names[i]), *other = path_in(b->mirror, "other");
        char sentence[256];

        put(b, "other", "precious", 8);
        assert_ok(tw_folder_create(b->f->folder, e));
        assert_int_equal(symlink(other, link), 0);
        snprintf(sentence, sizeof sentence, "%s: a symbolic link, which is not followed", link);
        assert_fails(TW_EFILE, sentence, get(b, e));
        assert_nothing(b->f);
        assert_int_equal(tw_path_size(other), 8);
        assert_int_equal(unlink(link), 0);
        assert_ok(get(b, e));
        assert_whole(b->f);
        free(other);
        free(link);
        bench_end(b);
    }
}

/* ---- wrong checksums */

static void a_wrong_file_is_set_apart(void **state)
{
    bench *b = bench_start(state);
    char sentence[512];

    put(b, "thing.bin", "wrong", 5);
    snprintf(sentence, sizeof sentence,
             "%s: MD5 is 2bda2998d9b0ee197da142a0447f6725, expected %s; kept apart as %s, not used",
             b->file, b->f->md5, b->mirror_bad);
    assert_fails(TW_EFILE, sentence, get(b, e));
    assert_nothing(b->f);
    assert_int_equal(size_in_folder(b->f, "thing.bin.bad"), 5);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part"), -1);
    assert_int_equal(size_in_folder(b->f, "thing.bin.part.json"), -1);
    assert_int_equal(state_of(b), TW_FETCH_ABSENT);

    put(b, "thing.bin", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_whole(b->f);
    bench_end(b);
}

static void a_pinned_sha256_is_checked(void **state)
{
    bench *b = bench_start(state);
    char sentence[512];

    b->f->file.sha256 = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    snprintf(sentence, sizeof sentence,
             "%s: SHA-256 is %s, expected "
             "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff; kept apart as %s, "
             "not used",
             b->file, b->f->sha256, b->mirror_bad);
    assert_fails(TW_EFILE, sentence, get(b, e));
    bench_end(b);
}

/* The publisher's MD5 alone would take the second file too. */
static void the_sha256_of_the_first_sight_is_checked(void **state)
{
    bench *b = bench_start(state);
    tw_error err = {TW_OK, ""};
    char sentence[512], other[65];

    b->f->file.md5 = NULL;
    assert_ok(get(b, e));
    assert_ok(tw_sha256_hex(other, "other", 5, e));
    put(b, "thing.bin", "other", 5);
    assert_ok(tw_file_remove(b->result.path, e));
    assert_int_equal(state_of(b), TW_FETCH_ABSENT);
    assert_int_equal(get(b, &err), TW_EFILE);
    snprintf(sentence, sizeof sentence, "%s: SHA-256 is %s, and was %s when first seen (20",
             b->file, other, b->f->sha256);
    assert_memory_equal(err.text, sentence, strlen(sentence));
    assert_int_equal(size_in_folder(b->f, "thing.bin"), -1);

    put(b, "thing.bin", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_whole(b->f);
    bench_end(b);
}

static void a_file_that_went_bad_is_fetched_anew(void **state)
{
    bench *b = bench_start(state);
    char note[512];

    assert_ok(get(b, e));
    b->f->body[7] ^= 1;
    overwrite(b, "thing.bin", b->f->body, N_BODY);
    b->f->body[7] ^= 1;
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 1);
    assert_whole(b->f);
    snprintf(note, sizeof note, "expected %s; kept apart as thing.bin.bad, fetched anew\n",
             b->f->md5);
    assert_non_null(strstr(b->heard.notes, note));
    assert_int_equal(size_in_folder(b->f, "thing.bin.bad"), N_BODY);
    bench_end(b);
}

/* ---- use by name looks at size and time */

static void a_changed_file_is_not_used(void **state)
{
    static const char sentence[] = "thing: thing.bin is not as it was when it was checked; "
                                   "\"topwork fetch thing\" mends it";
    bench *b = bench_start(state);

    assert_ok(get(b, e));
    set_time(b, "thing.bin", 1000000000);
    assert_int_equal(state_of(b), TW_FETCH_DAMAGED);
    assert_fails(TW_EFILE, sentence, where(b, e));
    assert_ok(get(b, e)); /* the bytes are the same */
    assert_int_equal(b->result.n_fetched, 0);
    assert_ok(where(b, e));

    overwrite(b, "thing.bin", b->f->body, N_BODY - 1);
    set_time(b, "thing.bin", 1000000000);
    assert_fails(TW_EFILE, sentence, where(b, e));
    bench_end(b);
}

static void a_damaged_record_is_written_anew(void **state)
{
    static const struct {
        const char *text, *why;
    } rows[] = {{"", "not valid JSON at line 1 column 0"},
                {"{}", "not a record of a fetched file"}};
    bench *b = bench_start(state);
    char note[512];

    assert_ok(get(b, e));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        overwrite(b, "thing.bin.json", rows[i].text, strlen(rows[i].text));
        assert_int_equal(state_of(b), TW_FETCH_DAMAGED);
        assert_ok(get(b, e));
        snprintf(note, sizeof note, "%s/thing.bin.json: %s", b->f->folder, rows[i].why);
        assert_memory_equal(b->heard.notes, note, strlen(note));
        assert_non_null(strstr(b->heard.notes, "; written anew\n"));
        assert_int_equal(b->result.n_fetched, 0);
        assert_int_equal(state_of(b), TW_FETCH_THERE);
        assert_whole(b->f);
    }
    bench_end(b);
}

/* The sums are the publisher's, with or without a record. */
static void a_wrong_file_with_a_damaged_record_is_fetched_anew(void **state)
{
    bench *b = bench_start(state);

    assert_ok(get(b, e));
    overwrite(b, "thing.bin", "wrong", 5);
    overwrite(b, "thing.bin.json", "{", 1);
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 1);
    assert_int_equal(size_in_folder(b->f, "thing.bin.bad"), 5);
    assert_int_equal(state_of(b), TW_FETCH_THERE);
    assert_whole(b->f);
    bench_end(b);
}

static void data_is_its_folder_and_every_file_counts(void **state)
{
    bench *b = bench_start(state);
    char path[4096];
    tw_fetch__file files[2] = {b->f->file, b->f->file};

    files[1].name = "more.bin";
    put(b, "more.bin", b->f->body, N_BODY);
    b->f->entry.files = files;
    b->f->entry.info.n_files = 2;
    b->f->entry.info.kind = TW_FETCH_DATA;
    assert_fails(TW_EFILE, "thing: no such file or folder; \"topwork fetch thing\" gets it",
                 where(b, e));
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 2);
    assert_string_equal(b->result.path, b->f->folder);
    snprintf(path, sizeof path, "%s/more.bin", b->f->folder);
    assert_ok(tw_file_remove(path, e));
    assert_int_equal(state_of(b), TW_FETCH_PARTLY);
    assert_fails(TW_EFILE, "thing: more.bin is missing; \"topwork fetch thing\" gets it",
                 where(b, e));
    put(b, "more.bin", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 1);
    snprintf(path, sizeof path, "thing: path of %zu letters is too long", strlen(b->f->folder));
    assert_fails(TW_EFILE, path, tw_fetch__where(path + 1000, 8, &b->f->entry, e));
    bench_end(b);
}

/* ---- checksums of unpacked bytes */

/* The row's file becomes thing.bin.gz with checksums of the unpacked bytes. */
static void make_unpacked(bench *b)
{
    b->f->file.name = "thing.bin.gz";
    b->f->file.n_unpacked = N_BODY;
    assert_int_equal(unlink(b->file), 0);
    snprintf(b->file, sizeof b->file, "%s/thing.bin.gz", b->mirror);
    snprintf(b->mirror_bad, sizeof b->mirror_bad, "%s/thing.bin.gz.bad", b->f->folder);
}

static void put_gzip(const bench *b, const char *name, const void *bytes, size_t n)
{
    blob packed = {0};

    blob_deflate(&packed, bytes, n, 15 + 16);
    put(b, name, packed.bytes, packed.n);
    blob_free(&packed);
}

static void packed_and_not_are_the_same_file(void **state)
{
    bench *b = bench_start(state);

    make_unpacked(b);
    put_gzip(b, "thing.bin.gz", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_int_equal(size_in_folder(b->f, "thing.bin.gz"), tw_path_size(b->file));
    assert_int_equal(size_in_folder(b->f, "thing.bin"), -1);

    assert_ok(tw_file_remove(b->result.path, e));
    assert_int_equal(unlink(b->file), 0);
    put(b, "thing.bin", b->f->body, N_BODY);
    assert_ok(get(b, e));
    assert_whole(b->f);
    assert_string_equal(strrchr(b->result.path, '/'), "/thing.bin");
    assert_ok(get(b, e));
    assert_int_equal(b->result.n_fetched, 0);
    bench_end(b);
}

static void a_packed_file_that_does_not_unpack_is_set_apart(void **state)
{
    bench *b = bench_start(state);
    char sentence[600];

    make_unpacked(b);
    put_gzip(b, "thing.bin.gz", b->f->body, N_BODY - 1);
    assert_int_equal(get(b, NULL), TW_EFILE); /* its MD5 is another */
    put_gzip(b, "thing.bin.gz", b->f->body, N_BODY);
    assert_int_equal(truncate(b->file, 1000), 0);
    snprintf(sentence, sizeof sentence,
             "%s: truncated: its 1000 compressed bytes end too early; MD5 of the unpacked bytes "
             "should be %s; kept apart as %s, not used",
             b->file, b->f->md5, b->mirror_bad);
    assert_fails(TW_EFILE, sentence, get(b, e));
    assert_nothing(b->f);
    bench_end(b);
}

static void a_bomb_is_set_apart(void **state)
{
    bench *b = bench_start(state);
    uint8_t *much = calloc(10, N_BODY);
    char sentence[600];

    make_unpacked(b);
    put_gzip(b, "thing.bin.gz", much, 10 * N_BODY);
    snprintf(sentence, sizeof sentence,
             "%s: unpacks to more than the 300000 bytes due; MD5 of the unpacked bytes should be "
             "%s; kept apart as %s, not used",
             b->file, b->f->md5, b->mirror_bad);
    assert_fails(TW_EFILE, sentence, get(b, e));
    free(much);
    bench_end(b);
}

static void other_unpacked_bytes_are_told(void **state)
{
    bench *b = bench_start(state);
    char sentence[600], md5[33];

    make_unpacked(b);
    b->f->body[0] ^= 1;
    assert_ok(tw_md5_hex(md5, b->f->body, N_BODY, e));
    put_gzip(b, "thing.bin.gz", b->f->body, N_BODY);
    snprintf(sentence, sizeof sentence,
             "%s: MD5 of the unpacked bytes is %s, expected %s; kept apart as %s, not used",
             b->file, md5, b->f->md5, b->mirror_bad);
    assert_fails(TW_EFILE, sentence, get(b, e));
    bench_end(b);
}

static void a_mirror_without_it_is_named(void **state)
{
    bench *b = bench_start(state);
    char sentence[256];

    make_unpacked(b);
    snprintf(sentence, sizeof sentence,
             "%s: thing.bin.gz (or unpacked) is neither there nor in thing/ below it", b->mirror);
    assert_fails(TW_EFILE, sentence, get(b, e));
    assert_int_equal(size_in_folder(b->f, "thing.bin.gz.part"), -1);
    bench_end(b);
}

/* ---- room */

static void a_disk_that_is_too_small_is_told_before(void **state)
{
    const int64_t huge = (int64_t)1 << 44;
    bench *b = bench_start(state);
    tw_error err = {TW_OK, ""};
    char sentence[256];

    b->f->file.n_bytes = huge;
    if (truncate(b->file, huge) != 0)
        skip(); /* no sparse files here */
    snprintf(sentence, sizeof sentence, "%s/thing.bin.part: 18 TB more are needed, ", b->f->folder);
    assert_int_equal(get(b, &err), TW_EBUDGET);
    assert_memory_equal(err.text, sentence, strlen(sentence));
    assert_nothing(b->f);
    bench_end(b);
}

/* A real full disk; only root can make one. */
static void a_full_disk_is_told_and_emptied_later(void **state)
{
    bench *b = bench_start(state);
    char sentence[256], *part;

    assert_ok(tw_folder_create(b->f->root, e));
    if (mount("tmpfs", b->f->root, "tmpfs", 0, "size=400k") != 0) {
        bench_end(b);
        skip();
    }
    assert_ok(tw_folder_create(b->f->folder, e));
    part = in_folder(b->f, "filler");
    write_bytes(part, b->f->body, 200000);
    snprintf(sentence, sizeof sentence, "%s/thing.bin.part: 300 kB more are needed, ",
             b->f->folder);
    {
        tw_error err = {TW_OK, ""};
        const tw_status rc = get(b, &err);

        assert_int_equal(unlink(part), 0);
        assert_int_equal(rc, TW_EBUDGET);
        assert_memory_equal(err.text, sentence, strlen(sentence));
    }
    assert_ok(get(b, e));
    assert_whole(b->f);
    free(part);
    assert_int_equal(umount(b->f->root), 0);
    bench_end(b);
}

static void a_file_where_the_folder_should_be_is_told(void **state)
{
    bench *b = bench_start(state);
    char sentence[256];

    write_bytes(b->f->root, "x", 1);
    snprintf(sentence, sizeof sentence, "%s: cannot create the folder: File exists", b->f->root);
    assert_fails(TW_EFILE, sentence, get(b, e));
    bench_end(b);
}

static void without_a_cache_folder_nothing_is_done(void **state)
{
    bench *b = bench_start(state);
    char *home = strdup(getenv("HOME") ? getenv("HOME") : "");

    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    assert_fails(TW_EUSAGE, "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set",
                 get(b, e));
    setenv("HOME", home, 1);
    free(home);
    bench_end(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_copied_checked_and_written_down),
        cmocka_unit_test(the_folder_of_the_name_comes_first),
        cmocka_unit_test(a_second_call_checks_every_byte_and_copies_none),
        cmocka_unit_test(a_file_put_there_by_hand_is_checked_first),
        cmocka_unit_test(an_interrupted_copy_goes_on),
        cmocka_unit_test(an_interrupted_check_leaves_the_file),
        cmocka_unit_test(a_link_in_place_of_the_part_or_the_lock_is_refused),
        cmocka_unit_test(a_wrong_file_is_set_apart),
        cmocka_unit_test(a_pinned_sha256_is_checked),
        cmocka_unit_test(the_sha256_of_the_first_sight_is_checked),
        cmocka_unit_test(a_file_that_went_bad_is_fetched_anew),
        cmocka_unit_test(a_changed_file_is_not_used),
        cmocka_unit_test(a_damaged_record_is_written_anew),
        cmocka_unit_test(a_wrong_file_with_a_damaged_record_is_fetched_anew),
        cmocka_unit_test(data_is_its_folder_and_every_file_counts),
        cmocka_unit_test(packed_and_not_are_the_same_file),
        cmocka_unit_test(a_packed_file_that_does_not_unpack_is_set_apart),
        cmocka_unit_test(a_bomb_is_set_apart),
        cmocka_unit_test(other_unpacked_bytes_are_told),
        cmocka_unit_test(a_mirror_without_it_is_named),
        cmocka_unit_test(a_disk_that_is_too_small_is_told_before),
        cmocka_unit_test(a_full_disk_is_told_and_emptied_later),
        cmocka_unit_test(a_file_where_the_folder_should_be_is_told),
        cmocka_unit_test(without_a_cache_folder_nothing_is_done),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
