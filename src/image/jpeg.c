/*
 * JPEG through libjpeg-turbo, to 8-bit grey or RGB, upright as EXIF says. A warning of the decoder
 * (cut-off file, corrupt data) is an error here: a picture is never half decoded. Four inks become
 * RGB as Pillow makes them, taken as Adobe stores them (inverted). Arithmetic coding is refused; so
 * is a size that the bytes cannot hold, and a progressive file with more scans than anybody makes,
 * or than can be read in a second or two. For a contract that says so large pictures come out a
 * half, a quarter or an eighth as high and wide, as libjpeg makes them (each block of 8x8 to 4x4,
 * 2x2, 1).
 */
#include "base/fail.h"
#include "image/image_int.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

enum { MAX_SCANS = 500, MAX_VISITS = 1 << 27 };

/* libjpeg's error manager with a way out. */
typedef struct escape {
    struct jpeg_error_mgr manager;
    jmp_buf out;
    char text[JMSG_LENGTH_MAX];
} escape;

static void leave(j_common_ptr info)
{
    escape *e = (escape *)(void *)info->err;

    info->err->format_message(info, e->text);
    longjmp(e->out, 1);
}

/* level -1 is a warning: data is corrupt. */
static void on_message(j_common_ptr info, int level)
{
    if (level < 0)
        leave(info);
}

static void ignore_output(j_common_ptr info)
{
    (void)info;
}

/* Blocks of 8x8 numbers, of all colours. */
static int64_t count_blocks(const struct jpeg_decompress_struct *jpeg)
{
    int64_t n = 0;

    for (int i = 0; i < jpeg->num_components; i++)
        n += (int64_t)jpeg->comp_info[i].width_in_blocks * jpeg->comp_info[i].height_in_blocks;
    return n;
}

/* A scan over zeros takes a few bytes and as long as any other. */
static void watch_scans(j_common_ptr info)
{
    j_decompress_ptr jpeg = (j_decompress_ptr)info;
    escape *e = (escape *)(void *)info->err;
    const int64_t visits_left = MAX_VISITS / count_blocks(jpeg);
    const int most = visits_left < MAX_SCANS ? (int)visits_left : MAX_SCANS;

    if (jpeg->input_scan_number > most) {
        snprintf(e->text, sizeof e->text, "more than %d scans", most);
        longjmp(e->out, 1);
    }
}

/* EXIF lies in the first APP1 that says so. */
static int find_orientation(const struct jpeg_decompress_struct *jpeg)
{
    static const char exif[6] = "Exif\0";

    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next)
        if (m->marker == JPEG_APP0 + 1 && m->data_length > sizeof exif &&
            memcmp(m->data, exif, sizeof exif) == 0)
            return tw_image__exif_orientation(m->data + sizeof exif, m->data_length - sizeof exif);
    return 1;
}

/* Sets by how much less high and wide the picture comes out, and then how high and wide that is. */
static void set_size(j_decompress_ptr jpeg, const tw_image__input *in)
{
    const bool lies = in->facts->orientation > 4;
    const int64_t height = lies ? jpeg->image_width : jpeg->image_height;
    const int64_t width = lies ? jpeg->image_height : jpeg->image_width;

    if (in->contract)
        jpeg->scale_denom = (unsigned)tw_image__jpeg_divisor(in->contract, height, width);
    jpeg_calc_output_dimensions(jpeg);
}

/* Header, checks, the picture's memory. */
static tw_status start(tw_picture *out, j_decompress_ptr jpeg, const tw_image__input *in,
                       tw_error *err)
{
    tw_status rc;
    bool grey;

    jpeg_save_markers(jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(jpeg, TRUE);
    grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    in->facts->cmyk = jpeg->num_components == 4;
    in->facts->orientation = find_orientation(jpeg);
    if (jpeg->arith_code)
        return tw_fail(err, TW_EFILE, "%s: an arithmetic-coded JPEG is not supported", in->name);
    if ((size_t)count_blocks(jpeg) / 8 > in->n) /* a block takes a bit at least */
        return tw_fail(err, TW_EFILE, "%s: says %ux%u pixels, its %zu bytes cannot hold that",
                       in->name, jpeg->image_height, jpeg->image_width, in->n);
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : (in->facts->cmyk ? JCS_CMYK : JCS_RGB);
    jpeg->dct_method = JDCT_ISLOW;
    if ((rc = tw_image__check_size(in, jpeg->image_height, jpeg->image_width, err)))
        return rc;
    set_size(jpeg, in);
    return tw_image__create(out, in, jpeg->output_height, jpeg->output_width,
                            grey ? 1 : (in->facts->cmyk ? 4 : 3), err);
}

/* a * b / 255, rounded, as Pillow does it. */
static int mul_255(int a, int b)
{
    const int t = a * b + 128;

    return ((t >> 8) + t) >> 8;
}

/* (H,W,4) inverted inks to (H,W,3), in place: Pillow's cmyk2rgb. */
static void ink_to_rgb(tw_picture *picture)
{
    const size_t n = (size_t)picture->height * (size_t)picture->width;

    for (size_t i = 0; i < n; i++) {
        const int light = picture->pixels[4 * i + 3]; /* 255 - black */
        for (size_t c = 0; c < 3; c++)
            picture->pixels[3 * i + c] =
                (uint8_t)(light - mul_255(255 - picture->pixels[4 * i + c], light));
    }
    picture->channels = 3;
}

/* Everything that libjpeg does may end in a longjmp to the caller. */
static tw_status decode(tw_picture *out, j_decompress_ptr jpeg, const tw_image__input *in,
                        tw_error *err)
{
    tw_status rc = start(out, jpeg, in, err);
    size_t stride;

    if (rc)
        return rc;
    stride = (size_t)out->width * (size_t)out->channels;
    jpeg_start_decompress(jpeg);
    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW row = out->pixels + stride * jpeg->output_scanline;
        jpeg_read_scanlines(jpeg, &row, 1);
    }
    jpeg_finish_decompress(jpeg);
    return TW_OK;
}

tw_status tw_image__decode_jpeg(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    struct jpeg_decompress_struct jpeg;
    struct jpeg_progress_mgr progress = {.progress_monitor = watch_scans};
    escape e;
    tw_status rc;

    memset(&jpeg, 0, sizeof jpeg);
    jpeg.err = jpeg_std_error(&e.manager);
    e.manager.error_exit = leave;
    e.manager.emit_message = on_message;
    e.manager.output_message = ignore_output;
    if (setjmp(e.out)) {
        jpeg_destroy_decompress(&jpeg);
        tw_picture_free(out);
        return tw_fail(err, TW_EFILE, "%s: bad JPEG: %s", in->name, e.text);
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
    jpeg_mem_src(&jpeg, in->bytes, (unsigned long)in->n);
    rc = decode(out, &jpeg, in, err);
    jpeg_destroy_decompress(&jpeg);
    if (!rc && in->facts->cmyk)
        ink_to_rgb(out);
    if (rc || (rc = tw_image__orient(out, in->facts->orientation, err)))
        tw_picture_free(out);
    return rc;
}
