/* PNG and JPEG: decoded as Pillow does, written and read back, refused when anything is missing. */
#include "picture_maker.h"

#include "make_files.h"

#include "base/file.h"
#include "base/memory.h"

static char *golden_path(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/image/%s", TW_TEST_DATA, name);
    return path;
}

static void pixels_are_pillows(void **state)
{
    FILE *golden = open_golden("decode.txt");
    char line[256];
    int n = 0;
    (void)state;
    while (fgets(line, sizeof line, golden)) {
        char name[64], hash[65], ours[65];
        int h, w, c;
        tw_picture picture;
        if (line[0] == '#' || sscanf(line, "%63s %d %d %d %64s", name, &h, &w, &c, hash) != 5)
            continue;
        assert_ok(tw_picture_read(&picture, golden_path(name), e));
        assert_int_equal(picture.height, h);
        assert_int_equal(picture.width, w);
        assert_int_equal(picture.channels, c);
        picture_hash(ours, &picture);
        if (strcmp(ours, hash) != 0)
            fail_msg("%s differs from Pillow", name);
        tw_picture_free(&picture);
        n++;
    }
    fclose(golden);
    assert_int_equal(n, 12);
}

/* Photographs beside the repository. */
static void photographs_are_pillows(void **state)
{
    FILE *golden = open_golden("photos.txt");
    char line[256], path[512];
    int n = 0;
    (void)state;
    if (access(TW_SHARED "/data/ants-bees", R_OK) != 0) {
        fclose(golden);
        print_message("skipped: no photographs in " TW_SHARED "\n");
        skip();
    }
    while (fgets(line, sizeof line, golden)) {
        char name[128], hash[17], ours[65];
        int h, w;
        tw_picture picture;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%127s %d %d %16s", name, &h, &w, hash), 4);
        snprintf(path, sizeof path, "%s/data/ants-bees/%s", TW_SHARED, name);
        assert_ok(tw_picture_read(&picture, path, e));
        assert_true(picture.height == h && picture.width == w && picture.channels == 3);
        picture_hash(ours, &picture);
        if (strncmp(ours, hash, 16) != 0)
            fail_msg("%s differs from Pillow", name);
        tw_picture_free(&picture);
        n++;
    }
    fclose(golden);
    assert_int_equal(n, 60);
}

static void sixteen_bits_are_scaled(void **state)
{
    tw_picture wide, narrow;
    (void)state;
    assert_ok(tw_picture_read(&wide, golden_path("grey16.png"), e));
    assert_ok(tw_picture_read(&narrow, golden_path("grey.png"), e));
    assert_int_equal(wide.channels, 1);
    assert_memory_equal(wide.pixels, narrow.pixels, 24 * 31);
    tw_picture_free(&wide);
    tw_picture_free(&narrow);
}

static void alpha_is_composited_on_black(void **state)
{
    tw_picture clear, full, alpha;
    (void)state;
    assert_ok(tw_picture_read(&clear, golden_path("alpha.png"), e));
    assert_ok(tw_picture_read(&full, golden_path("rgb.png"), e));
    assert_ok(tw_picture_read(&alpha, golden_path("grey.png"), e)); /* the same values */
    assert_int_equal(clear.channels, 3);
    for (int i = 0; i < 24 * 31 * 3; i++)
        assert_int_equal(clear.pixels[i], (full.pixels[i] * alpha.pixels[i / 3] + 127) / 255);
    tw_picture_free(&clear);
    tw_picture_free(&full);
    tw_picture_free(&alpha);
}

static void a_written_png_comes_back(void **state)
{
    char *path = tw_path_join(*state, "out.png");
    for (int c = 1; c <= 3; c += 2) {
        tw_picture in = make_picture(13, 17, c, 5), out;
        assert_ok(tw_picture_write_png(&in, path, e));
        assert_ok(tw_picture_read(&out, path, e));
        assert_int_equal(out.channels, c);
        assert_memory_equal(in.pixels, out.pixels, (size_t)(13 * 17 * c));
        tw_picture_free(&in);
        tw_picture_free(&out);
    }
    tw_free(path);
}

/* A file cut anywhere before its end is refused, never half decoded. */
static void check_cuts(const char *name, size_t may_lack)
{
    char *bytes;
    size_t n;
    tw_error err;
    assert_ok(tw_file_read(&bytes, &n, golden_path(name), 1 << 20, e));
    for (size_t cut = 0; cut + may_lack < n; cut++) {
        tw_picture picture;
        tw_status rc = tw_picture_decode(&picture, (const uint8_t *)bytes, cut, name, &err);
        if (rc != TW_EFILE)
            fail_msg("%s cut at %zu of %zu bytes: %s", name, cut, n, tw_status_name(rc));
        assert_null(picture.pixels);
    }
    tw_free(bytes);
}

static void a_cut_png_is_refused(void **state)
{
    (void)state;
    check_cuts("grey.png", 12); /* the IEND chunk itself may be cut */
    check_cuts("rgb.png", 12);
    check_cuts("palette.png", 12);
    check_cuts("interlaced.png", 12);
}

static void a_cut_jpeg_is_refused(void **state)
{
    (void)state;
    check_cuts("grey.jpg", 0);
    check_cuts("rgb.jpg", 0);
    check_cuts("progressive.jpg", 0);
}

static void any_damaged_byte_is_survived(void **state)
{
    static const char *const names[] = {"grey.png",       "rgb.png", "palette.png",
                                        "interlaced.png", "rgb.jpg", "progressive.jpg"};
    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        char *bytes;
        size_t n;
        assert_ok(tw_file_read(&bytes, &n, golden_path(names[k]), 1 << 20, e));
        for (size_t i = 0; i < n; i++) {
            tw_error err = {TW_OK, ""};
            tw_picture picture;
            bytes[i] = (char)~bytes[i];
            if (tw_picture_decode(&picture, (const uint8_t *)bytes, n, names[k], &err))
                assert_true(err.code == TW_EFILE && strlen(err.text) > 0);
            tw_picture_free(&picture);
            bytes[i] = (char)~bytes[i];
        }
        tw_free(bytes);
    }
}

static void what_is_wrong_is_named(void **state)
{
    static const uint8_t text[] = "hello";
    tw_picture picture;
    (void)state;
    assert_fails(TW_EFILE, "x: the file is empty", tw_picture_decode(&picture, text, 0, "x", e));
    assert_fails(TW_EFILE, "x: not a JPEG, PNG, WebP, BMP or PNM file",
                 tw_picture_decode(&picture, text, 5, "x", e));
    assert_fails(TW_EFILE, "/nowhere/a.png: No such file or directory",
                 tw_picture_read(&picture, "/nowhere/a.png", e));
    assert_fails(TW_EFILE, "a picture of 0x5 pixels, at most 67108864 are read",
                 tw_picture_create(&picture, 0, 5, 1, e));
}

/* A PNG header that claims 2^17 x 2^17 pixels: refused before any memory is taken. */
static void too_many_pixels_are_refused(void **state)
{
    char *bytes;
    size_t n;
    tw_picture picture;
    static const uint8_t huge[8] = {0, 2, 0, 0, 0, 2, 0, 0};
    static const uint8_t crc[4] = {0x1f, 0x4d, 0x63, 0x36};
    tw_error err;
    (void)state;
    assert_ok(tw_file_read(&bytes, &n, golden_path("grey.png"), 1 << 20, e));
    memcpy(bytes + 16, huge, 8);
    memcpy(bytes + 29, crc, 4);
    assert_int_equal(tw_picture_decode(&picture, (const uint8_t *)bytes, n, "huge.png", &err),
                     TW_EFILE);
    tw_free(bytes);
}

/* A golden file with n bytes at `at` changed, decoded. */
static tw_status decode_changed(const char *name, size_t at, const void *change, size_t n,
                                tw_error *err)
{
    char *bytes;
    size_t n_bytes;
    tw_picture picture;
    tw_status rc;
    assert_ok(tw_file_read(&bytes, &n_bytes, golden_path(name), 1 << 20, e));
    assert_true(at + n <= n_bytes);
    memcpy(bytes + at, change, n);
    rc = tw_picture_decode(&picture, (const uint8_t *)bytes, n_bytes, name, err);
    tw_picture_free(&picture);
    tw_free(bytes);
    return rc;
}

/* Where the frame header of a golden JPEG begins. */
static size_t find_frame(const char *name)
{
    char *bytes;
    size_t n, at = 0;
    assert_ok(tw_file_read(&bytes, &n, golden_path(name), 1 << 20, e));
    while (at + 2 < n && !(bytes[at] == (char)0xff && bytes[at + 1] == (char)0xc0))
        at++;
    assert_true(at + 2 < n);
    tw_free(bytes);
    return at;
}

static void sizes_that_the_bytes_cannot_hold_are_refused(void **state)
{
    /* width, height, the rest of IHDR, its checksum */
    static const uint8_t ihdr[17] = {0, 0, 0x1f, 0x40, 0,    0,    0x1f, 0x40, 8,
                                     2, 0, 0,    0,    0x89, 0x93, 0x3a, 0xa3};
    static const uint8_t jpeg[4] = {0x1f, 0x40, 0x1f, 0x40};
    (void)state;
    assert_fails(TW_EFILE, "rgb.png: says 8000x8000 pixels, its 104 bytes cannot hold that",
                 decode_changed("rgb.png", 16, ihdr, sizeof ihdr, e));
    assert_fails(TW_EFILE, "rgb.jpg: says 8000x8000 pixels, its 757 bytes cannot hold that",
                 decode_changed("rgb.jpg", find_frame("rgb.jpg") + 5, jpeg, sizeof jpeg, e));
}

static void arithmetic_coding_is_refused(void **state)
{
    static const uint8_t sof9[2] = {0xff, 0xc9};
    (void)state;
    assert_fails(TW_EFILE, "rgb.jpg: an arithmetic-coded JPEG is not supported",
                 decode_changed("rgb.jpg", find_frame("rgb.jpg"), sof9, sizeof sof9, e));
}

/* A grey progressive JPEG of zeros, width x height a multiple of 8, with n_scans scans: one bit a
 * block for the first, then runs of 2^14 and more blocks without a number. */
static blob make_scans(uint32_t height, uint32_t width, int n_scans)
{
    static const uint8_t dc[] = {0xff, 0xc4, 0, 20, 0x00, 1, 0, 0, 0, 0, 0,
                                 0,    0,    0, 0,  0,    0, 0, 0, 0, 0, 0};
    static const uint8_t ac[] = {0xff, 0xc4, 0, 20, 0x10, 1, 0, 0, 0, 0, 0,
                                 0,    0,    0, 0,  0,    0, 0, 0, 0, 0, 0xe0};
    const uint8_t frame[] = {0xff,
                             0xc2,
                             0,
                             11,
                             8,
                             (uint8_t)(height >> 8),
                             (uint8_t)height,
                             (uint8_t)(width >> 8),
                             (uint8_t)width,
                             1,
                             1,
                             0x11,
                             0};
    const uint32_t n_blocks = height / 8 * (width / 8);
    blob b = {0};
    blob_add(&b, "\xff\xd8\xff\xdb\0\x43\0", 7);
    for (int i = 0; i < 64; i++)
        blob_add(&b, "\1", 1);
    blob_add(&b, frame, sizeof frame);
    blob_add(&b, dc, sizeof dc);
    blob_add(&b, ac, sizeof ac);
    for (int i = 0; i < n_scans; i++) {
        const uint8_t k = (uint8_t)(i == 0 ? 0 : 1 + i % 63);
        const uint8_t scan[] = {0xff, 0xda, 0, 8, 1, 1, 0, k, k, 0};
        blob_add(&b, scan, sizeof scan);
        for (uint32_t n = 0; i == 0 && n < n_blocks; n += 8)
            blob_le(&b, 0, 1);
        /* a bit and 14, all 0, for each run */
        for (uint32_t n = 0; i > 0 && n < (n_blocks + 0x3fff) / 0x4000 * 15; n += 8)
            blob_le(&b, 0, 1);
    }
    blob_add(&b, "\xff\xd9", 2);
    return b;
}

static void too_many_scans_are_refused(void **state)
{
    tw_picture picture;
    blob few = make_scans(8, 8, 500), many = make_scans(8, 8, 501),
         large = make_scans(8192, 4096, 257);
    (void)state;
    assert_ok(tw_picture_decode(&picture, few.bytes, few.n, "few", e));
    tw_picture_free(&picture);
    assert_fails(TW_EFILE, "many: bad JPEG: more than 500 scans",
                 tw_picture_decode(&picture, many.bytes, many.n, "many", e));
    assert_fails(TW_EFILE, "large: bad JPEG: more than 256 scans",
                 tw_picture_decode(&picture, large.bytes, large.n, "large", e));
    blob_free(&few);
    blob_free(&many);
    blob_free(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_pillows),
        cmocka_unit_test(photographs_are_pillows),
        cmocka_unit_test(sixteen_bits_are_scaled),
        cmocka_unit_test(alpha_is_composited_on_black),
        cmocka_unit_test(a_written_png_comes_back),
        cmocka_unit_test(a_cut_png_is_refused),
        cmocka_unit_test(a_cut_jpeg_is_refused),
        cmocka_unit_test(any_damaged_byte_is_survived),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(too_many_pixels_are_refused),
        cmocka_unit_test(sizes_that_the_bytes_cannot_hold_are_refused),
        cmocka_unit_test(arithmetic_coding_is_refused),
        cmocka_unit_test(too_many_scans_are_refused),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
