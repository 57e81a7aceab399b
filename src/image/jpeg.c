/*
 * JPEG through libjpeg-turbo, to 8-bit grey or RGB. A warning of the decoder (cut-off file, corrupt
 * data) is an error here: a picture is never half decoded. CMYK and arithmetic coding are refused;
 * so is a size that the bytes cannot hold, and a progressive file with more scans than anybody
 * makes, or than can be read in a second or two.
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

/* Header, checks, the picture's memory. */
static tw_status start(tw_picture *out, j_decompress_ptr jpeg, size_t n, const char *name,
                       tw_error *err)
{
    tw_status rc;
    bool grey;

    jpeg_read_header(jpeg, TRUE);
    grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (jpeg->num_components == 4)
        return tw_fail(err, TW_EFILE, "%s: a CMYK JPEG is not supported", name);
    if (jpeg->arith_code)
        return tw_fail(err, TW_EFILE, "%s: an arithmetic-coded JPEG is not supported", name);
    if ((size_t)count_blocks(jpeg) / 8 > n) /* a block takes a bit at least */
        return tw_fail(err, TW_EFILE, "%s: says %ux%u pixels, its %zu bytes cannot hold that", name,
                       jpeg->image_height, jpeg->image_width, n);
    jpeg->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    jpeg->dct_method = JDCT_ISLOW;
    rc = tw_picture_create(out, (int)jpeg->image_height, (int)jpeg->image_width, grey ? 1 : 3, err);
    return rc == TW_EFILE ? tw_fail(err, rc, "%s: %ux%u pixels are too many", name,
                                    jpeg->image_height, jpeg->image_width)
                          : rc;
}

tw_status tw_image__decode_jpeg(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                                tw_error *err)
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
        return tw_fail(err, TW_EFILE, "%s: bad JPEG: %s", name, e.text);
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
    jpeg_mem_src(&jpeg, bytes, (unsigned long)n);
    if (!(rc = start(out, &jpeg, n, name, err))) {
        size_t stride = (size_t)out->width * (size_t)out->channels;
        jpeg_start_decompress(&jpeg);
        while (jpeg.output_scanline < jpeg.output_height) {
            JSAMPROW row = out->pixels + stride * jpeg.output_scanline;
            jpeg_read_scanlines(&jpeg, &row, 1);
        }
        jpeg_finish_decompress(&jpeg);
    }
    jpeg_destroy_decompress(&jpeg);
    if (rc)
        tw_picture_free(out);
    return rc;
}
