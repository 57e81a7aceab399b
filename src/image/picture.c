/*
 * Pictures: making, freeing, reading files. What a file is is told by its first bytes, not its
 * name.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <string.h>

enum { MAX_FILE_BYTES = 256 << 20, MAX_PIXELS = 64 << 20 };

void tw_picture_free(tw_picture *picture)
{
    tw_free(picture->pixels);
    memset(picture, 0, sizeof *picture);
}

tw_status tw_picture_create(tw_picture *out, int height, int width, int channels, tw_error *err)
{
    *out = (tw_picture){0};
    if (height < 1 || width < 1 || (int64_t)height * width > MAX_PIXELS)
        return tw_fail(err, TW_EFILE, "a picture of %dx%d pixels, at most %d are read", height,
                       width, MAX_PIXELS);
    *out = (tw_picture){.height = height, .width = width, .channels = channels};
    out->pixels = tw_malloc((size_t)height * (size_t)width * (size_t)channels);
    if (!out->pixels) {
        tw_picture_free(out);
        return tw_fail(err, TW_ENOMEM, "no memory for a picture of %dx%dx%d", height, width,
                       channels);
    }
    return TW_OK;
}

tw_status tw_picture_decode(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                            tw_error *err)
{
    static const uint8_t png[8] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'};

    *out = (tw_picture){0};
    if (n == 0)
        return tw_fail(err, TW_EFILE, "%s: the file is empty", name);
    if (n >= sizeof png && memcmp(bytes, png, sizeof png) == 0)
        return tw_image__decode_png(out, bytes, n, name, err);
    if (n >= 3 && bytes[0] == 0xff && bytes[1] == 0xd8 && bytes[2] == 0xff)
        return tw_image__decode_jpeg(out, bytes, n, name, err);
    return tw_fail(err, TW_EFILE, "%s: neither PNG nor JPEG", name);
}

tw_status tw_picture_read(tw_picture *out, const char *path, tw_error *err)
{
    tw_status rc;
    char *bytes;
    size_t n;

    *out = (tw_picture){0};
    if ((rc = tw_file_read(&bytes, &n, path, MAX_FILE_BYTES, err)))
        return rc;
    rc = tw_picture_decode(out, (const uint8_t *)bytes, n, path, err);
    tw_free(bytes);
    return rc;
}

tw_status tw_picture_resize(tw_picture *out, const tw_picture *in, int height, int width,
                            tw_interpolation how, tw_error *err)
{
    tw_status rc;

    if ((rc = tw_picture_create(out, height, width, in->channels, err)))
        return rc;
    if (height == in->height && width == in->width) {
        memcpy(out->pixels, in->pixels, (size_t)height * (size_t)width * (size_t)in->channels);
        return TW_OK;
    }
    switch (how) {
    case TW_CUBIC:
        rc = tw_image__resize_cubic(out, in, err);
        break;
    case TW_CUBIC_FLOAT:
        rc = tw_image__resize_cubic_float(out, in, err);
        break;
    case TW_BILINEAR:
        rc = tw_image__resize_bilinear(out, in, err);
        break;
    default:
        rc = tw_image__resize_nearest(out, in, err);
        break;
    }
    if (rc)
        tw_picture_free(out);
    return rc;
}
