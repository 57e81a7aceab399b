/* idx.c and inflate.c: IDX files, plain and in gzip; each refusal with its sentence, every prefix
 * and every flipped bit of small files. */
#include "format/arrays.h"

#include "make_files.h"

static const uint8_t numbers[12] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 250, 255};
static const uint32_t dims[3] = {3, 2, 2};

static char *folder; /* of the running test */
static char sentence[1100];

static const char *say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(sentence, sizeof sentence, format, args);
    va_end(args);
    return sentence;
}

/* Writes the blob as folder/x, opens it and frees the blob. */
static char path[300];
static tw_status open_blob(tw_array_file *out, blob *b, tw_error *err)
{
    tw_status rc;

    snprintf(path, sizeof path, "%s/x", folder);
    write_bytes(path, b->bytes, b->n);
    rc = tw_idx_open(out, path, err);
    blob_free(b);
    return rc;
}

static blob three_pictures(void)
{
    blob b = {0};

    blob_idx(&b, 8, 3, dims, numbers, sizeof numbers);
    return b;
}

static blob gzipped(blob b)
{
    blob z = {0};

    blob_gzip(&z, &b);
    blob_free(&b);
    return z;
}

static void expect_three_pictures(tw_array_file *a, const char *format)
{
    uint8_t got[12];

    assert_int_equal(a->dtype, TW_U8);
    assert_int_equal(a->shape.rank, 3);
    assert_int_equal(a->shape.dims[0], 3);
    assert_int_equal(a->shape.dims[2], 2);
    assert_int_equal(a->record_bytes, 4);
    assert_string_equal(a->format, format);
    assert_string_equal(a->name, path);
    assert_ok(tw_array_read(a, got, 0, 3, e));
    assert_memory_equal(got, numbers, 12);
    assert_ok(tw_array_read(a, got, 2, 1, e));
    assert_memory_equal(got, numbers + 8, 4);
    tw_array_file_close(a);
}

static void a_plain_file_is_read(void **state)
{
    tw_array_file a;
    blob b = three_pictures();

    (void)state;
    assert_ok(open_blob(&a, &b, e));
    assert_true(a.big_endian);
    expect_three_pictures(&a, "IDX");
}

static void a_gzip_file_is_told_by_content(void **state)
{
    tw_array_file a;
    blob b = gzipped(three_pictures());

    (void)state;
    assert_ok(open_blob(&a, &b, e));
    expect_three_pictures(&a, "IDX, gzip");
}

static void gzip_members_in_a_row_are_one_file(void **state)
{
    tw_array_file a;
    blob whole = three_pictures(), b = {0};

    (void)state;
    blob_deflate(&b, whole.bytes, 9, 15 + 16);
    blob_deflate(&b, whole.bytes + 9, whole.n - 9, 15 + 16);
    blob_free(&whole);
    assert_ok(open_blob(&a, &b, e));
    expect_three_pictures(&a, "IDX, gzip");
}

static void a_gzip_file_of_several_pieces_is_whole(void **state)
{
    const uint32_t big[2] = {1000, 700};
    uint8_t *data = malloc(700000), *got = malloc(700000);
    uint32_t word = 1;
    tw_array_file a;
    blob b = {0};

    (void)state;
    for (int i = 0; i < 700000; i++)
        data[i] = (uint8_t)((word = word * 1664525u + 1013904223u) >> 24);
    blob_idx(&b, 8, 2, big, data, 700000);
    b = gzipped(b);
    assert_ok(open_blob(&a, &b, e));
    assert_ok(tw_array_read(&a, got, 0, 1000, e));
    assert_memory_equal(got, data, 700000);
    tw_array_file_close(&a);
    free(data);
    free(got);
}

static void every_number_type_has_its_size(void **state)
{
    static const struct {
        int type;
        tw_dtype dtype;
        size_t n;
    } rows[] = {{8, TW_U8, 1},   {9, TW_I8, 1},   {11, TW_I16, 2},
                {12, TW_I32, 4}, {13, TW_F32, 4}, {14, TW_F64, 8}};
    const uint32_t one[1] = {1};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        tw_array_file a;
        blob b = {0};

        blob_idx(&b, rows[i].type, 1, one, numbers, rows[i].n);
        assert_ok(open_blob(&a, &b, e));
        assert_int_equal(a.dtype, rows[i].dtype);
        assert_int_equal(a.record_bytes, rows[i].n);
        tw_array_file_close(&a);
    }
}

static void an_array_without_records_is_read(void **state)
{
    const uint32_t none[3] = {0, 28, 28};
    tw_array_file a;
    blob b = {0};

    (void)state;
    blob_idx(&b, 8, 3, none, NULL, 0);
    assert_ok(open_blob(&a, &b, e));
    assert_int_equal(a.record_bytes, 784);
    tw_array_file_close(&a);
}

static void other_files_are_named(void **state)
{
    tw_array_file a;
    blob b = {0};

    (void)state;
    blob_add(&b, "\x89PNG\r\n\x1a\n", 8);
    snprintf(path, sizeof path, "%s/x", folder);
    say("%s: not an IDX file: begins with 89 50 4e 47, expected 00 00 type rank", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    blob_idx(&b, 10, 3, dims, numbers, sizeof numbers);
    say("%s: unknown IDX number type 10 (magic 2563)", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    blob_idx(&b, 8, 0, dims, numbers, 1);
    say("%s: IDX rank 0, 1 to 8 are read (magic 2048)", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    blob_idx(&b, 8, 9, (const uint32_t[9]){0}, numbers, 1);
    say("%s: IDX rank 9, 1 to 8 are read (magic 2057)", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    blob_add(&b, numbers, 3);
    say("%s: 3 bytes, too short for an IDX file", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void a_missing_file_is_named(void **state)
{
    tw_array_file a;
    char *none = path_in(folder, "none");

    (void)state;
    assert_fails(TW_EFILE, say("%s: No such file or directory", none), tw_idx_open(&a, none, e));
    tw_array_file_close(&a);
    free(none);
}

static void wrong_sizes_are_told_with_both_numbers(void **state)
{
    tw_array_file a;
    blob b = three_pictures();

    (void)state;
    b.n--;
    say("%s: truncated: 27 bytes, its header says 28 (3x2x2)", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = three_pictures();
    blob_add(&b, "more", 4);
    say("%s: trailing bytes: 32 bytes, its header says 28 (3x2x2)", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = three_pictures();
    b.n = 15;
    say("%s: truncated: 15 bytes, its header alone has 16", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void sizes_that_overflow_are_refused(void **state)
{
    const uint32_t most = 0xffffffff, huge[3] = {most, most, most};
    tw_array_file a;
    blob b = {0};

    (void)state;
    blob_idx(&b, 8, 3, huge, NULL, 0);
    say("%s: 4294967295x4294967295x4294967295 numbers are more than any file holds", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    blob_idx(&b, 14, 3, (const uint32_t[3]){0, most, most}, NULL, 0);
    say("%s: 0x4294967295x4294967295 numbers are more than any file holds", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void a_gzip_file_that_ends_early_is_told(void **state)
{
    tw_array_file a;
    blob b = gzipped(three_pictures());

    (void)state;
    b.n -= 1;
    say("%s: truncated: its %zu compressed bytes end too early", path, b.n);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = three_pictures();
    b.n -= 2;
    b = gzipped(b);
    say("%s: truncated: inflates to 10 of the 12 bytes due", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = three_pictures();
    b.n = 15;
    b = gzipped(b);
    say("%s: truncated: inflates to less than an IDX header", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void trailing_bytes_in_gzip_and_after_it_are_told(void **state)
{
    tw_array_file a;
    blob b = three_pictures();

    (void)state;
    blob_add(&b, "x", 1);
    b = gzipped(b);
    say("%s: inflates to more than the 12 bytes due", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = gzipped(three_pictures());
    blob_add(&b, "tail", 4);
    say("%s: 4 bytes after the end of the compressed data", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void a_wrong_checksum_is_told(void **state)
{
    tw_array_file a;
    blob b = gzipped(three_pictures());

    (void)state;
    b.bytes[b.n - 8] ^= 1;
    say("%s: damaged after %zu of %zu compressed bytes: incorrect data check", path, b.n - 4, b.n);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
    b = gzipped(three_pictures());
    b.bytes[b.n - 1] ^= 1;
    say("%s: damaged after %zu of %zu compressed bytes: incorrect length check", path, b.n, b.n);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void a_declared_bomb_is_refused_before_it_is_inflated(void **state)
{
    const uint32_t huge[3] = {60000, 2800, 2800};
    tw_array_file a;
    blob b = {0};
    size_t n;

    (void)state;
    blob_idx(&b, 8, 3, huge, numbers, sizeof numbers);
    b = gzipped(b);
    n = b.n;
    say("%s: says 470400000016 bytes (60000x2800x2800), its %zu compressed bytes cannot hold that",
        path, n);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &b, e));
}

static void a_bomb_is_not_inflated_past_its_declared_size(void **state)
{
    uint8_t *zeros = calloc(1, 50 << 20);
    tw_array_file a;
    blob b = {0}, z = {0};

    (void)state;
    blob_idx(&b, 8, 3, dims, numbers, 12);
    blob_add(&b, zeros, 50 << 20);
    blob_gzip(&z, &b);
    blob_free(&b);
    z.n /= 2; /* an error of the missing half would show that it was read on */
    say("%s: inflates to more than the 12 bytes due", path);
    assert_fails(TW_EFILE, sentence, open_blob(&a, &z, e));
    free(zeros);
}

/* ---- damage */

static void expect_no_prefix_opens(blob b)
{
    for (size_t n = 0; n < b.n; n++) {
        tw_error err;
        tw_array_file a;
        blob prefix = {0};

        blob_add(&prefix, b.bytes, n);
        assert_int_equal(open_blob(&a, &prefix, &err), TW_EFILE);
        assert_memory_equal(err.text, path, strlen(path));
        assert_null(a.name);
    }
    blob_free(&b);
}

/* Flips each bit; the result is an error, or an array that can be read. Returns how many opened. */
static int flip_every_bit(blob b, int exact)
{
    int opened = 0;

    for (size_t bit = 0; bit < 8 * b.n; bit++) {
        tw_error err;
        tw_array_file a;
        blob flipped = {0};
        uint8_t got[12];
        tw_status rc;

        blob_add(&flipped, b.bytes, b.n);
        flipped.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        rc = open_blob(&a, &flipped, &err);
        if (rc == TW_OK) {
            assert_int_equal(a.record_bytes * a.shape.dims[0], 12);
            assert_ok(tw_array_read(&a, got, 0, a.shape.dims[0], e));
            if (exact)
                assert_memory_equal(got, numbers, 12);
            tw_array_file_close(&a);
            opened++;
        } else {
            assert_int_equal(rc, TW_EFILE);
        }
    }
    blob_free(&b);
    return opened;
}

static void no_prefix_of_a_file_opens(void **state)
{
    (void)state;
    expect_no_prefix_opens(three_pictures());
    expect_no_prefix_opens(gzipped(three_pictures()));
}

static void every_flipped_bit_gives_a_clean_result(void **state)
{
    (void)state;
    /* the numbers themselves; and u8 read as i8 */
    assert_int_equal(flip_every_bit(three_pictures(), 0), 8 * 12 + 1);
    /* time, extra flags and system of the gzip header mean nothing; FTEXT neither */
    assert_in_range(flip_every_bit(gzipped(three_pictures()), 1), 8 * 6 + 1, 8 * 7);
}

static int set_up(void **state)
{
    const int rc = check_make_folder(state);

    folder = *state;
    snprintf(path, sizeof path, "%s/x", folder);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_file_is_read),
        cmocka_unit_test(a_gzip_file_is_told_by_content),
        cmocka_unit_test(gzip_members_in_a_row_are_one_file),
        cmocka_unit_test(a_gzip_file_of_several_pieces_is_whole),
        cmocka_unit_test(every_number_type_has_its_size),
        cmocka_unit_test(an_array_without_records_is_read),
        cmocka_unit_test(other_files_are_named),
        cmocka_unit_test(a_missing_file_is_named),
        cmocka_unit_test(wrong_sizes_are_told_with_both_numbers),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(a_gzip_file_that_ends_early_is_told),
        cmocka_unit_test(trailing_bytes_in_gzip_and_after_it_are_told),
        cmocka_unit_test(a_wrong_checksum_is_told),
        cmocka_unit_test(a_declared_bomb_is_refused_before_it_is_inflated),
        cmocka_unit_test(a_bomb_is_not_inflated_past_its_declared_size),
        cmocka_unit_test(no_prefix_of_a_file_opens),
        cmocka_unit_test(every_flipped_bit_gives_a_clean_result),
    };

    return cmocka_run_group_tests_name("idx", tests, set_up, check_remove_folder);
}
