/* Files of every format as Pillow decodes them; cut and damaged ones; what is refused, by name. */
#include "picture_maker.h"

#include "make_files.h"

#include "base/file.h"
#include "base/memory.h"

enum { N_GOLDEN = 30, N_WEBP = 4 };

static bool has_webp(void)
{
    return tw_picture_find_format("WebP") != NULL;
}

static char *golden_path(const char *name)
{
    static char path[512];
    assert_true(snprintf(path, sizeof path, "%s/pictures/%s", TW_TEST_DATA, name) < 512);
    return path;
}

typedef struct golden {
    char name[64], hash[65];
    int h, w, c;
} golden;

static int read_golden(golden *rows)
{
    FILE *file = fopen(golden_path("decode.txt"), "r");
    char line[256];
    int n = 0;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        golden *g = &rows[n];
        if (line[0] == '#' || (!has_webp() && strstr(line, ".webp ")))
            continue;
        assert_true(n < N_GOLDEN);
        assert_int_equal(sscanf(line, "%63s %d %d %d %64s", g->name, &g->h, &g->w, &g->c, g->hash),
                         5);
        n++;
    }
    fclose(file);
    assert_int_equal(n, has_webp() ? N_GOLDEN : N_GOLDEN - N_WEBP);
    return n;
}

static void pixels_are_pillows(void **state)
{
    golden rows[N_GOLDEN];
    const int n_rows = read_golden(rows);
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        tw_picture picture;
        char hash[65];
        assert_ok(tw_picture_read(&picture, golden_path(rows[i].name), e));
        assert_int_equal(picture.height, rows[i].h);
        assert_int_equal(picture.width, rows[i].w);
        assert_int_equal(picture.channels, rows[i].c);
        picture_hash(hash, &picture);
        if (strcmp(hash, rows[i].hash) != 0)
            fail_msg("%s differs from Pillow", rows[i].name);
        tw_picture_free(&picture);
    }
}

/* A contract that has a JPEG of h x w pixels made smaller by this divisor and no more. */
static tw_contract contract_for(int divisor, int h, int w)
{
    const tw_contract contract = {.height = h / divisor / TW_JPEG_MARGIN,
                                  .width = w / divisor / TW_JPEG_MARGIN,
                                  .jpeg_scale = TW_JPEG_SCALE_AUTO};
    return contract;
}

static void scaled_pixels_are_pillows(void **state)
{
    FILE *file = fopen(golden_path("scaled.txt"), "r");
    char line[256], name[64], wanted[65], hash[65];
    int divisor, h, w, n = 0;
    (void)state;
    assert_non_null(file);
    while (fgets(line, sizeof line, file)) {
        tw_picture all, part;
        tw_contract contract;
        if (line[0] == '#')
            continue;
        assert_int_equal(sscanf(line, "%63s %d %d %d 3 %64s", name, &divisor, &h, &w, wanted), 5);
        assert_ok(tw_picture_read(&all, golden_path(name), e));
        contract = contract_for(divisor, all.height, all.width);
        assert_ok(tw_picture_read_for(&part, golden_path(name), &contract, e));
        assert_int_equal(part.height, h);
        assert_int_equal(part.width, w);
        assert_int_equal(h, (all.height + divisor - 1) / divisor);
        picture_hash(hash, &part);
        if (strcmp(hash, wanted) != 0)
            fail_msg("%s made smaller by %d differs from Pillow", name, divisor);
        tw_picture_free(&all);
        tw_picture_free(&part);
        n++;
    }
    fclose(file);
    assert_int_equal(n, 36);
}

/* What h x w pixels (as they lie in the file) become for a contract. */
static void assert_read_as(int h, int w, const char *name, const tw_contract *contract)
{
    tw_picture picture;
    assert_ok(tw_picture_read_for(&picture, golden_path(name), contract, e));
    assert_int_equal(picture.height, h);
    assert_int_equal(picture.width, w);
    tw_picture_free(&picture);
}

/* Twice as high and as wide as the resize makes it, of its upright sides, is the least. */
static void a_scaled_jpeg_is_large_enough(void **state)
{
    tw_contract contract = {.height = 4, .width = 6, .jpeg_scale = TW_JPEG_SCALE_AUTO};
    (void)state;
    assert_read_as(8, 12, "exif1.jpg", &contract);
    assert_read_as(24, 16, "exif6.jpg", &contract);
    contract.height = 5;
    assert_read_as(16, 24, "exif1.jpg", &contract);
    contract.height = 4;
    contract.jpeg_scale = TW_JPEG_SCALE_OFF;
    assert_read_as(16, 24, "exif1.jpg", &contract);
    contract = (tw_contract){.height = 6, .width = 4, .jpeg_scale = TW_JPEG_SCALE_AUTO};
    assert_read_as(12, 8, "exif6.jpg", &contract);
    /* 4x4 of it is the middle of 4x6, and 6x6 holds it as 4x6 */
    contract = (tw_contract){.height = 4,
                             .width = 4,
                             .resize = TW_RESIZE_CROP,
                             .crop_pct = 1.0,
                             .jpeg_scale = TW_JPEG_SCALE_AUTO};
    assert_read_as(8, 12, "exif1.jpg", &contract);
    contract.crop_pct = 0.8;
    assert_read_as(16, 24, "exif1.jpg", &contract);
    contract = (tw_contract){
        .height = 6, .width = 6, .resize = TW_RESIZE_LETTERBOX, .jpeg_scale = TW_JPEG_SCALE_AUTO};
    assert_read_as(8, 12, "exif1.jpg", &contract);
    assert_read_as(31, 24, "exif6.png",
                   &(tw_contract){.height = 1, .width = 1, .jpeg_scale = TW_JPEG_SCALE_AUTO});
}

/* What cannot be cropped is refused by name when it is read for that. */
static void a_line_cannot_be_read_to_be_cropped(void **state)
{
    const tw_contract contract = {
        .height = 224, .width = 224, .resize = TW_RESIZE_CROP, .crop_pct = 1.0};
    tw_picture picture;
    uint8_t bytes[3012] = "P5 3000 1 1\n";
    (void)state;
    assert_fails(TW_EFILE, "line.pgm: 1x3000 pixels are too narrow to be cropped",
                 tw_picture_decode_for(&picture, bytes, sizeof bytes, "line.pgm", &contract, e));
    assert_null(picture.pixels);
    assert_ok(tw_picture_decode(&picture, bytes, sizeof bytes, "line.pgm", e));
    tw_picture_free(&picture);
}

/* A file cut anywhere is refused with a sentence that names it, never half decoded. PNG may lack
 * its last chunk, plain PNM the digits of its last number and the line's end. */
static void a_cut_file_is_refused(void **state)
{
    golden rows[N_GOLDEN];
    const int n_rows = read_golden(rows);
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        const char *name = rows[i].name;
        const size_t may_lack = strstr(name, ".png") ? 12 : (strstr(name, "plain") ? 3 : 0);
        char *bytes;
        size_t n;
        assert_ok(tw_file_read(&bytes, &n, golden_path(name), 1 << 20, e));
        for (size_t cut = 0; cut + may_lack < n; cut++) {
            uint8_t *copy = malloc(cut + 1); /* so that a sanitizer sees every byte too far */
            tw_picture picture;
            tw_error err = {TW_OK, ""};
            memcpy(copy, bytes, cut);
            if (tw_picture_decode(&picture, copy, cut, name, &err) != TW_EFILE)
                fail_msg("%s cut at %zu of %zu bytes is not refused", name, cut, n);
            if (strncmp(err.text, name, strlen(name)) != 0)
                fail_msg("%s cut at %zu: \"%s\" does not name it", name, cut, err.text);
            assert_null(picture.pixels);
            free(copy);
        }
        tw_free(bytes);
    }
}

static void any_damaged_byte_is_survived(void **state)
{
    golden rows[N_GOLDEN];
    const int n_rows = read_golden(rows);
    (void)state;
    for (int i = 0; i < n_rows; i++) {
        char *bytes;
        size_t n;
        assert_ok(tw_file_read(&bytes, &n, golden_path(rows[i].name), 1 << 20, e));
        for (size_t k = 0; k < n; k++) {
            tw_error err = {TW_OK, ""};
            tw_picture picture;
            bytes[k] = (char)~bytes[k];
            if (tw_picture_decode(&picture, (const uint8_t *)bytes, n, "x", &err))
                assert_true(err.code == TW_EFILE && strlen(err.text) > 0);
            tw_picture_free(&picture);
            bytes[k] = (char)~bytes[k];
        }
        tw_free(bytes);
    }
}

static void facts_are_told(void **state)
{
    static const struct {
        const char *name, *format;
        int orientation;
        bool cmyk, alpha, deep;
    } wanted[] = {
        {"lossy.webp", "WebP", 1, false, false, false},
        {"alpha.webp", "WebP", 1, false, true, false},
        {"exif6.webp", "WebP", 6, false, false, false},
        {"exif6.png", "PNG", 6, false, false, false},
        {"exif3.jpg", "JPEG", 3, false, false, false},
        {"cmyk.jpg", "JPEG", 1, true, false, false},
        {"deep.pgm", "PNM", 1, false, false, true},
        {"rgba.bmp", "BMP", 1, false, true, false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) {
        tw_picture picture;
        tw_picture_facts facts;
        char *bytes;
        size_t n;
        if (!has_webp() && strcmp(wanted[i].format, "WebP") == 0)
            continue;
        assert_ok(tw_file_read(&bytes, &n, golden_path(wanted[i].name), 1 << 20, e));
        assert_ok(tw_picture_decode_facts(&picture, &facts, (const uint8_t *)bytes, n, "x", e));
        assert_string_equal(facts.format, wanted[i].format);
        assert_string_equal(tw_picture_format((const uint8_t *)bytes, n), wanted[i].format);
        assert_int_equal(facts.orientation, wanted[i].orientation);
        assert_int_equal(facts.cmyk, wanted[i].cmyk);
        assert_int_equal(facts.alpha, wanted[i].alpha);
        assert_int_equal(facts.deep, wanted[i].deep);
        tw_picture_free(&picture);
        tw_free(bytes);
    }
}

/* ---- sentences */

static void refuse(const char *sentence, const void *bytes, size_t n)
{
    tw_picture picture;
    assert_fails(TW_EFILE, sentence, tw_picture_decode(&picture, bytes, n, "x", e));
    assert_null(picture.pixels);
}

#define REFUSE(sentence, text) refuse(sentence, text, sizeof text - 1)

static void what_is_not_read_is_named(void **state)
{
    (void)state;
    REFUSE("x: not a JPEG, PNG, WebP, BMP or PNM file", "hello");
    if (!has_webp())
        REFUSE("x: a WebP file, which topwork reads only when built with libwebp",
               "RIFF\x10\0\0\0WEBPVP8 \4\0\0\0\0\0\0\0");
    REFUSE("x: GIF is not supported", "GIF89a..");
    REFUSE("x: TIFF is not supported", "II*\0....");
    REFUSE("x: AVIF is not supported", "\0\0\0\x20"
                                       "ftypavif");
    REFUSE("x: HEIC is not supported", "\0\0\0\x20"
                                       "ftypheic");
}

static void broken_pnm_is_named(void **state)
{
    (void)state;
    REFUSE("x: bad PNM: cut at byte 3", "P5 ");
    REFUSE("x: bad PNM: no number at byte 3", "P5 x 4 255 ");
    REFUSE("x: bad PNM: too large a number at byte 13", "P5 9999999999 4 255 ");
    REFUSE("x: bad PNM: too large a number at byte 12", "P5 2 2 65536 ");
    REFUSE("x: bad PNM: a maximum of 0 at byte 8", "P5 2 2 0 ");
    REFUSE("x: bad PNM: no space behind its header at byte 10", "P5 2 2 255x0123");
    REFUSE("x: 0x2 pixels are too few", "P5 2 0 255 ");
    REFUSE("x: truncated PNM: 14 bytes, 2x2 pixels need more", "P5 2 2 255 012");
    REFUSE("x: truncated PNM: 24 bytes, 99999x99999 pixels need more", "P5 99999 99999 255 01234");
    REFUSE("x: bad PNM: too large a number at byte 11", "P5 2 2 50\n0\x7f"
                                                        "00");
    REFUSE("x: bad PNM: too large a number at byte 14", "P2 2 2 50 1 51 2 3");
    REFUSE("x: bad PNM: cut at byte 15", "P1 2 2 0 1     ");
    REFUSE("x: bad PNM: neither 0 nor 1 at byte 9", "P1 2 2 012 0");
}

/* rgb.bmp with n bytes at `at` changed. */
static void refuse_bmp(const char *sentence, size_t at, const void *change, size_t n_change)
{
    char *bytes;
    size_t n;
    assert_ok(tw_file_read(&bytes, &n, golden_path("rgb.bmp"), 1 << 20, e));
    memcpy(bytes + at, change, n_change);
    refuse(sentence, bytes, n);
    tw_free(bytes);
}

static void broken_bmp_is_named(void **state)
{
    (void)state;
    REFUSE("x: bad BMP: cut inside its header", "BM");
    refuse_bmp("x: bad BMP: a header of a size that is unknown", 14, "\x14", 1);
    refuse_bmp("x: bad BMP: cut inside its header", 14, "\xe0\x0f", 2);
    refuse_bmp("x: a run-length BMP is not supported", 30, "\1", 1);
    refuse_bmp("x: a BMP of compression 4 is not supported", 30, "\4", 1);
    refuse_bmp("x: a BMP of 13 bits a pixel is not supported", 28, "\x0d", 1);
    refuse_bmp("x: bad BMP: masks without 16 or 32 bits", 30, "\3", 1);
    refuse_bmp("x: bad BMP: no pixels", 18, "\0", 1);
    refuse_bmp("x: truncated BMP: 2358 bytes, 25x31 pixels of 24 bits from byte 54 need 2454", 22,
               "\x19", 1);
    refuse_bmp("x: truncated BMP: 2358 bytes, 24x31 pixels of 24 bits from byte 3 need 2307", 10,
               "\3", 1);
}

static void broken_bmp_palettes_and_masks_are_named(void **state)
{
    uint8_t palette[54 + 8 + 4] = "BM", masks[54 + 12 + 4] = "BM";
    (void)state;
    palette[10] = 62;
    palette[14] = 40;
    palette[18] = palette[22] = 1;
    palette[28] = 8;
    palette[46] = 2;
    refuse("x: bad BMP: cut inside its palette", palette, 60);
    palette[62] = 2;
    refuse("x: bad BMP: a pixel beyond its palette", palette, sizeof palette);
    masks[10] = 66;
    masks[14] = 40;
    masks[18] = masks[22] = 1;
    masks[28] = 32;
    masks[30] = 3;
    refuse("x: bad BMP: cut inside its masks", masks, 60);
    refuse("x: bad BMP: a colour without a mask", masks, sizeof masks);
}

static void broken_webp_is_named(void **state)
{
    char *bytes, sentence[100];
    size_t n;
    (void)state;
    if (!has_webp()) {
        print_message("built without libwebp\n");
        skip();
    }
    REFUSE("x: truncated WebP: 12 bytes, its header says 24", "RIFF\x10\0\0\0WEBP");
    REFUSE("x: bad WebP: a chunk at byte 12 runs past the end",
           "RIFF\x10\0\0\0WEBPVP8 \x99\0\0\0\0\0\0\0");
    REFUSE("x: bad WebP: its header makes no sense", "RIFF\x10\0\0\0WEBPVP8 \4\0\0\0\0\0\0\0");
    assert_ok(tw_file_read(&bytes, &n, golden_path("moving.webp"), 1 << 20, e));
    refuse("x: an animated WebP is not supported", bytes, n);
    tw_free(bytes);
    assert_ok(tw_file_read(&bytes, &n, golden_path("lossy.webp"), 1 << 20, e));
    snprintf(sentence, sizeof sentence, "x: truncated WebP: %zu bytes, its header says %zu", n - 1,
             n);
    refuse(sentence, bytes, n - 1);
    tw_free(bytes);
    assert_ok(tw_file_read(&bytes, &n, golden_path("lossless.webp"), 1 << 20, e));
    bytes[4] = (char)(bytes[4] - 20); /* container and chunk say less than there is */
    bytes[16] = (char)(bytes[16] - 20);
    refuse("x: bad WebP: damaged or cut", bytes, n - 20);
    tw_free(bytes);
}

static void too_many_pixels_are_named(void **state)
{
    static const char zeros[1 << 16];
    const int n = 70000 / 8 * 1000;
    blob b = {0};
    (void)state;
    blob_add(&b, "P4 70000 1000 ", 14);
    for (int i = 0; i < n; i += (int)sizeof zeros)
        blob_add(&b, zeros, sizeof zeros);
    refuse("x: 1000x70000 pixels are too many", b.bytes, b.n);
    blob_free(&b);
}

static void names_tell_pictures(void **state)
{
    const char *format;
    (void)state;
    assert_true(tw_picture_has_name(&format, "a.b.JPEG") && !strcmp(format, "JPEG"));
    assert_true(tw_picture_has_name(&format, "x.Ppm") && !strcmp(format, "PNM"));
    assert_true(tw_picture_has_name(NULL, "x.webp"));
    assert_false(tw_picture_has_name(&format, "Thumbs.db"));
    assert_false(tw_picture_has_name(&format, "jpg"));
    assert_false(tw_picture_has_name(&format, "x."));
    assert_false(tw_picture_has_name(&format, "x.jp"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pixels_are_pillows),
        cmocka_unit_test(scaled_pixels_are_pillows),
        cmocka_unit_test(a_scaled_jpeg_is_large_enough),
        cmocka_unit_test(a_line_cannot_be_read_to_be_cropped),
        cmocka_unit_test(a_cut_file_is_refused),
        cmocka_unit_test(any_damaged_byte_is_survived),
        cmocka_unit_test(facts_are_told),
        cmocka_unit_test(what_is_not_read_is_named),
        cmocka_unit_test(broken_pnm_is_named),
        cmocka_unit_test(broken_bmp_is_named),
        cmocka_unit_test(broken_bmp_palettes_and_masks_are_named),
        cmocka_unit_test(broken_webp_is_named),
        cmocka_unit_test(too_many_pixels_are_named),
        cmocka_unit_test(names_tell_pictures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
