/*
 * JPEG through libjpeg-turbo, to 8-bit grey or RGB. A warning of the decoder (cut-off file, corrupt
 * data) is an error here: a picture is never half decoded. CMYK is refused; so is a progressive
 * file with more scans than anybody makes.
 */
#include "base/fail.h"
#include "image/image_int.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

enum { MAX_SCANS = 500 };

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

static void watch_scans(j_common_ptr info)
{
    j_decompress_ptr jpeg = (j_decompress_ptr)info;
    escape *e = (escape *)(void *)info->err;

    if (jpeg->input_scan_number > MAX_SCANS) {
        snprintf(e->text, sizeof e->text, "more than %d scans", MAX_SCANS);
        longjmp(e->out, 1);
    }
}

/* Header, checks, the picture's memory. */
static tw_status start(tw_picture *out, j_decompress_ptr jpeg, const char *name, tw_error *err)
{
    tw_status rc;
    bool grey;

    jpeg_read_header(jpeg, TRUE);
    grey = jpeg->jpeg_color_space == JCS_GRAYSCALE;
    if (jpeg->num_components == 4)
        return tw_fail(err, TW_EFILE, "%s: a CMYK JPEG is not supported", name);
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
    if (!(rc = start(out, &jpeg, name, err))) {
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
