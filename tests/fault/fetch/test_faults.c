/* The n-th call of the system fails while a file is fetched: no crash, no leak, the right code,
 * nothing under the file's name that is not the file, and the next call makes good. */
#include "base/sys.h"

#include "unit/fetch/fetch_fixture.h"

#include <errno.h>

enum { MANY = 3000 };

typedef struct bench {
    fixture *f;
    char mirror[64];
} bench;

static bench set_up(void **state)
{
    bench b = {.f = fixture_make(state)};
    blob packed = {0};
    char *path;

    snprintf(b.mirror, sizeof b.mirror, "%s/mirror", (char *)*state);
    path = path_in(b.mirror, "thing.bin.gz");
    assert_ok(tw_folder_create(b.mirror, e));
    blob_deflate(&packed, b.f->body, N_BODY, 15 + 16);
    write_bytes(path, packed.bytes, packed.n);
    blob_free(&packed);
    free(path);
    path = path_in(b.mirror, "thing.bin");
    write_bytes(path, b.f->body, N_BODY);
    free(path);
    return b;
}

static tw_status get(const bench *b, tw_error *err)
{
    const tw_fetch_options options = {.from = b->mirror};
    tw_fetch_result result;

    return tw_fetch__run(&result, &b->f->entry, &options, NULL, err);
}

static void start_over(const bench *b)
{
    char command[256];

    snprintf(command, sizeof command, "rm -rf '%s'", b->f->root);
    assert_int_equal(system(command), 0);
}

/* Under its name lies the file or nothing. */
static void assert_whole_or_nothing(const bench *b)
{
    const int64_t n = size_in_folder(b->f, b->f->file.name);

    if (n >= 0) {
        char *path = in_folder(b->f, b->f->file.name);
        tw_fetch__sums sums;

        assert_ok(tw_fetch__sum(&sums, path, &b->f->file, NULL, e));
        assert_string_equal(sums.md5, b->f->md5);
        assert_true(size_in_folder(b->f, "thing.bin.json") > 0 ||
                    size_in_folder(b->f, "thing.bin.gz.json") > 0);
        free(path);
    }
}

static void fail_each(const bench *b, tw_sys_kind kind, int error, tw_status expected, int forever)
{
    long n_calls = 1;

    for (long nth = 1; nth <= n_calls; nth++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        start_over(b);
        tw_sys_fail_nth(kind, nth, forever, error);
        rc = get(b, &err);
        n_calls = tw_sys_fail_nth(kind, 0, 0, 0);
        assert_whole_or_nothing(b);
        if (rc) { /* a note that cannot be read costs the bytes so far, no more */
            assert_string_equal(tw_status_name(rc), tw_status_name(expected));
            assert_true(strlen(err.text) > 0);
        }
        assert_ok(get(b, e));
        assert_true(nth < MANY);
    }
}

static const struct {
    tw_sys_kind kind;
    int error;
    tw_status status;
} rows[] = {{TW_SYS_OPEN, EACCES, TW_EFILE},    {TW_SYS_READ, EIO, TW_EFILE},
            {TW_SYS_WRITE, ENOSPC, TW_EBUDGET}, {TW_SYS_WRITE, EIO, TW_EFILE},
            {TW_SYS_SYNC, EIO, TW_EFILE},       {TW_SYS_RENAME, EACCES, TW_EFILE},
            {TW_SYS_MEMORY, ENOMEM, TW_ENOMEM}};

static void every_call_may_fail(void **state)
{
    bench b = set_up(state);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int forever = 0; forever < 2; forever++)
            fail_each(&b, rows[i].kind, rows[i].error, rows[i].status, forever);
    free(b.f);
}

static void every_call_may_fail_where_bytes_are_unpacked(void **state)
{
    bench b = set_up(state);

    b.f->file.name = "thing.bin.gz";
    b.f->file.n_unpacked = N_BODY;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        fail_each(&b, rows[i].kind, rows[i].error, rows[i].status, 0);
    free(b.f);
}

/* A file that is there is checked: nothing that fails on the way may lose it. */
static void a_file_that_is_there_stays(void **state)
{
    bench b = set_up(state);

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        long n_calls = 1;

        assert_ok(get(&b, e));
        for (long nth = 1; nth <= n_calls; nth++) {
            tw_status rc;

            tw_sys_fail_nth(rows[i].kind, nth, 0, rows[i].error);
            rc = get(&b, NULL);
            n_calls = tw_sys_fail_nth(rows[i].kind, 0, 0, 0);
            assert_true(rc == TW_OK || rc == rows[i].status);
            assert_whole(b.f);
            assert_true(nth < MANY);
        }
    }
    free(b.f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_call_may_fail),
        cmocka_unit_test(every_call_may_fail_where_bytes_are_unpacked),
        cmocka_unit_test(a_file_that_is_there_stays),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
