/* The n-th allocation fails while a picture is read, resized, shown or looked at: its sentence,
 * nothing handed out, and the picture once none fails. */
#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"
#include "image/image.h"

#include "check.h"

#include <errno.h>

enum { MOST_SENTENCES = 5, MANY = 50 };

/* What is tried, and the sentences of the allocations that may fail, in their order; several in a
 * row may have the same. */
typedef struct row {
    const char *file; /* to be decoded */
    tw_status (*call)(const tw_picture *in, tw_picture *out, tw_error *err);
    const char *sentences[MOST_SENTENCES];
} row;

#define RESIZER(name, how)                                                      \
    static tw_status name(const tw_picture *in, tw_picture *out, tw_error *err) \
    {                                                                           \
        return tw_picture_resize(out, in, 5, 7, how, err);                      \
    }
RESIZER(cubic, TW_CUBIC)
RESIZER(cubic_float, TW_CUBIC_FLOAT)
RESIZER(bilinear, TW_BILINEAR)
RESIZER(bilinear_aa, TW_BILINEAR_AA)
RESIZER(cubic_aa, TW_CUBIC_AA)
RESIZER(area, TW_AREA)
RESIZER(nearest, TW_NEAREST)
#undef RESIZER

static tw_status larger(const tw_picture *in, tw_picture *out, tw_error *err)
{
    return tw_picture_resize(out, in, 20, 30, TW_AREA, err);
}

static tw_status grey_crop(const tw_picture *in, tw_picture *out, tw_error *err)
{
    const tw_contract contract = {.height = 4,
                                  .width = 4,
                                  .colour = TW_COLOUR_GREY,
                                  .interpolation = TW_NEAREST,
                                  .resize = TW_RESIZE_CROP,
                                  .crop_pct = 0.8};

    return tw_contract_picture(out, &contract, in, err);
}

static tw_status view(const tw_picture *in, tw_picture *out, tw_error *err)
{
    const tw_contract contract = {.height = 4, .width = 4, .interpolation = TW_NEAREST};
    const tw_view drawn = {.crop_height = 5, .crop_width = 6, .angle = 10, .zoom = 1};

    return tw_view_picture(out, &contract, in, &drawn, err);
}

static tw_status look(const tw_picture *in, tw_picture *out, tw_error *err)
{
    uint64_t bits;
    bool tells;

    *out = (tw_picture){0};
    return tw_picture_look(&bits, &tells, in, err);
}

static const row rows[] = {
    {"image/interlaced.png", NULL, {"no memory for a picture of 24x31x3", "no memory to read x"}},
    {"image/palette.png", NULL, {"no memory for a picture of 24x31x3", "no memory to read x"}},
    {"image/grey16.png", NULL, {"no memory for a picture of 24x31x1", "no memory to read x"}},
    {"pictures/exif6.png",
     NULL,
     {"no memory for a picture of 24x31x3", "no memory to read x",
      "no memory for a picture of 31x24x3"}},
    {"image/rgb.jpg", NULL, {"no memory for a picture of 24x31x3"}},
    {"pictures/exif6.jpg",
     NULL,
     {"no memory for a picture of 16x24x3", "no memory for a picture of 24x16x3"}},
    {"pictures/cmyk.jpg", NULL, {"no memory for a picture of 24x31x4"}},
    {"pictures/exif6.webp",
     NULL,
     {"no memory for a picture of 24x31x3", "no memory for a picture of 31x24x3"}},
    {"pictures/rgba.bmp", NULL, {"no memory for a picture of 24x31x4"}},
    {"pictures/palette.bmp", NULL, {"no memory for a picture of 24x31x3"}},
    {"pictures/plain.ppm", NULL, {"no memory for a picture of 24x31x3"}},
    {"pictures/bits.pbm", NULL, {"no memory for a picture of 24x31x1"}},
    {NULL, cubic, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, cubic_float, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, bilinear, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, bilinear_aa, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, cubic_aa, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, area, {"no memory for a picture of 5x7x3", "no memory to resize a picture"}},
    {NULL, larger, {"no memory for a picture of 20x30x3", "no memory to resize a picture"}},
    {NULL, nearest, {"no memory for a picture of 5x7x3"}},
    {NULL,
     grey_crop,
     {"no memory for a picture of 9x11x1", "no memory for a picture of 5x6x1",
      "no memory for a picture of 4x4x1", "no memory for a picture of 4x4x3"}},
    {NULL, view, {"no memory for a picture of 5x6x3", "no memory for a picture of 4x4x3"}},
    {NULL,
     look,
     {"no memory for a picture of 8x9x3", "no memory to resize a picture",
      "no memory for a picture of 8x9x1"}},
};

/* A picture of 9x11x3 to call with. */
static tw_picture make_input(void)
{
    tw_picture in;

    assert_ok(tw_picture_create(&in, 9, 11, 3, e));
    for (int i = 0; i < 9 * 11 * 3; i++)
        in.pixels[i] = (uint8_t)(i * 37);
    return in;
}

static tw_status attempt(tw_picture *out, const row *r, const char *bytes, size_t n,
                         const tw_picture *in, tw_error *err)
{
    return r->file ? tw_picture_decode(out, (const uint8_t *)bytes, n, "x", err)
                   : r->call(in, out, err);
}

static void try_row(const row *r, const char *bytes, size_t n)
{
    tw_picture in = make_input(), out;
    tw_status rc = TW_ENOMEM;
    int at = 0;

    for (long nth = 1; rc; nth++) {
        tw_error err = {TW_OK, ""};

        assert_true(nth < MANY);
        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = attempt(&out, r, bytes, n, &in, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        if (!rc)
            break;
        assert_int_equal(rc, TW_ENOMEM);
        assert_null(out.pixels);
        if (r->sentences[at + 1] && strcmp(err.text, r->sentences[at]) != 0)
            at++;
        assert_string_equal(err.text, r->sentences[at]);
    }
    assert_null(r->sentences[at + 1]);
    tw_picture_free(&out);
    tw_picture_free(&in);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char path[512], *bytes = NULL;
        size_t n = 0;

        if (rows[i].file && strstr(rows[i].file, ".webp") && !tw_picture_find_format("WebP"))
            continue;
        if (rows[i].file) {
            snprintf(path, sizeof path, "%s/%s", TW_TEST_DATA, rows[i].file);
            assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
        }
        try_row(&rows[i], bytes, n);
        tw_free(bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
