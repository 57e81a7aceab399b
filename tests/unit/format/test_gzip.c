/* A file's unpacked bytes as a stream: packed or not, damaged, too much. */
#include "format/gzip.h"

#include "base/fail.h"
#include "base/file.h"

#include "make_files.h"

enum { N = 200000 };

typedef struct taken {
    blob bytes;
    int n_left; /* pieces that are still taken; < 0: all */
} taken;

static tw_status take(void *ctx, const void *bytes, size_t n, tw_error *err)
{
    taken *t = ctx;

    if (t->n_left-- == 0)
        return tw_fail(err, TW_EINTERRUPTED, "enough");
    blob_add(&t->bytes, bytes, n);
    return TW_OK;
}

static blob content(void)
{
    blob b = {0};

    for (uint32_t i = 0; i < N / 4; i++)
        blob_be32(&b, i * 2654435761u >> (i % 13));
    return b;
}

static void assert_scans(const char *path, const blob *expected)
{
    taken t = {.n_left = -1};

    assert_ok(tw_gzip_scan(path, (int64_t)expected->n, take, &t, e));
    assert_int_equal(t.bytes.n, expected->n);
    if (expected->n > 0)
        assert_memory_equal(t.bytes.bytes, expected->bytes, expected->n);
    blob_free(&t.bytes);
}

static void packed_and_plain_give_the_same_bytes(void **state)
{
    char *path = path_in(*state, "file");
    blob plain = content(), packed = {0}, nothing = {0};

    blob_gzip(&packed, &plain);
    write_bytes(path, plain.bytes, plain.n);
    assert_scans(path, &plain);
    write_bytes(path, packed.bytes, packed.n);
    assert_scans(path, &plain);
    write_bytes(path, "", 0);
    assert_scans(path, &nothing);
    write_bytes(path, "x", 1);
    assert_scans(path, &(blob){(uint8_t *)"x", 1});
    blob_free(&plain);
    blob_free(&packed);
    free(path);
}

static void too_much_is_told(void **state)
{
    char *path = path_in(*state, "file"), sentence[256];
    blob plain = content(), packed = {0};
    taken t = {.n_left = -1};

    blob_gzip(&packed, &plain);
    write_bytes(path, packed.bytes, packed.n);
    snprintf(sentence, sizeof sentence, "%s: unpacks to more than the 1000 bytes due", path);
    assert_fails(TW_EFILE, sentence, tw_gzip_scan(path, 1000, take, &t, e));
    assert_int_equal(t.bytes.n, 0);
    blob_free(&plain);
    blob_free(&packed);
    free(path);
}

static void damage_and_absence_are_told(void **state)
{
    char *path = path_in(*state, "file"), sentence[256];
    blob plain = content(), packed = {0};
    taken t = {.n_left = -1};

    blob_gzip(&packed, &plain);
    write_bytes(path, packed.bytes, 100);
    snprintf(sentence, sizeof sentence, "%s: truncated: its 100 compressed bytes end too early",
             path);
    assert_fails(TW_EFILE, sentence, tw_gzip_scan(path, N, take, &t, e));
    packed.bytes[packed.n - 6] ^= 1; /* its checksum */
    write_bytes(path, packed.bytes, packed.n);
    snprintf(sentence, sizeof sentence,
             "%s: damaged after %zu of %zu compressed bytes: incorrect data check", path,
             packed.n - 4, packed.n);
    assert_fails(TW_EFILE, sentence, tw_gzip_scan(path, N, take, &t, e));
    assert_int_equal(unlink(path), 0);
    snprintf(sentence, sizeof sentence, "%s: No such file or directory", path);
    assert_fails(TW_EFILE, sentence, tw_gzip_scan(path, N, take, &t, e));
    blob_free(&t.bytes);
    blob_free(&plain);
    blob_free(&packed);
    free(path);
}

static void the_visitor_ends_it(void **state)
{
    char *path = path_in(*state, "file");
    blob plain = content();
    taken t = {.n_left = 1};

    write_bytes(path, plain.bytes, plain.n);
    assert_fails(TW_EINTERRUPTED, "enough", tw_gzip_scan(path, N, take, &t, e));
    assert_int_equal(t.bytes.n, 65536);
    blob_free(&t.bytes);
    blob_free(&plain);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_and_plain_give_the_same_bytes),
        cmocka_unit_test(too_much_is_told),
        cmocka_unit_test(damage_and_absence_are_told),
        cmocka_unit_test(the_visitor_ends_it),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
