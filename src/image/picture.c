/*
 * Pictures: making, freeing, reading files. What a file is is told by its first bytes, not its
 * name.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <string.h>
#include <strings.h>

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

tw_status tw_image__check_size(const tw_image__input *in, int64_t height, int64_t width,
                               tw_error *err)
{
    if (height >= 1 && width >= 1 && height <= MAX_PIXELS && width <= MAX_PIXELS &&
        height * width <= MAX_PIXELS)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: %lldx%lld pixels are too %s", in->name, (long long)height,
                   (long long)width, height < 1 || width < 1 ? "few" : "many");
}

tw_status tw_image__create(tw_picture *out, const tw_image__input *in, int64_t height,
                           int64_t width, int channels, tw_error *err)
{
    tw_status rc = tw_image__check_size(in, height, width, err);

    *out = (tw_picture){0};
    return rc ? rc : tw_picture_create(out, (int)height, (int)width, channels, err);
}

void tw_image__drop_alpha(tw_picture *picture)
{
    const size_t n = (size_t)picture->height * (size_t)picture->width;

    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < 3; c++)
            picture->pixels[3 * i + c] =
                tw_image__on_black(picture->pixels[4 * i + c], picture->pixels[4 * i + 3]);
    picture->channels = 3;
}

/* ---- formats */

static const tw_image__format *find_format(const uint8_t *bytes, size_t n)
{
    const tw_image__format *format;

    for (int i = 0; (format = tw_image__get_format(i)); i++)
        if (format->recognise(bytes, n))
            return format;
    return NULL;
}

const char *tw_picture_format(const uint8_t *bytes, size_t n)
{
    const tw_image__format *format = find_format(bytes, n);

    return format ? format->name : NULL;
}

const char *tw_picture_find_format(const char *name)
{
    const tw_image__format *format;

    for (int i = 0; (format = tw_image__get_format(i)); i++)
        if (format->decode && strcmp(format->name, name) == 0)
            return format->name;
    return NULL;
}

bool tw_picture_has_name(const char **format, const char *name)
{
    const char *dot = strrchr(name, '.');
    const tw_image__format *row;

    for (int i = 0; dot && (row = tw_image__get_format(i)); i++)
        for (const char *at = row->extensions; *at; at += strcspn(at, ",") + 1)
            if (strlen(dot + 1) == strcspn(at, ",") &&
                strncasecmp(dot + 1, at, strcspn(at, ",")) == 0) {
                if (format)
                    *format = row->name;
                return true;
            }
    return false;
}

static tw_status decode(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    const tw_image__format *format;

    *out = (tw_picture){0};
    *in->facts = (tw_picture_facts){.orientation = 1};
    if (in->n == 0)
        return tw_fail(err, TW_EFILE, "%s: the file is empty", in->name);
    if (!(format = find_format(in->bytes, in->n)))
        return tw_fail(err, TW_EFILE, "%s: not a JPEG, PNG, WebP, BMP or PNM file", in->name);
    if (format->lacks)
        return tw_fail(err, TW_EFILE, "%s: a %s file, which topwork reads only when built with %s",
                       in->name, format->name, format->lacks);
    if (!format->decode)
        return tw_fail(err, TW_EFILE, "%s: %s is not supported", in->name, format->name);
    in->facts->format = format->name;
    return format->decode(out, in, err);
}

tw_status tw_picture_decode_facts(tw_picture *out, tw_picture_facts *facts, const uint8_t *bytes,
                                  size_t n, const char *name, tw_error *err)
{
    const tw_image__input in = {bytes, n, name, facts, NULL};

    return decode(out, &in, err);
}

tw_status tw_picture_decode(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                            tw_error *err)
{
    return tw_picture_decode_for(out, bytes, n, name, NULL, err);
}

tw_status tw_picture_decode_for(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                                const tw_contract *contract, tw_error *err)
{
    tw_picture_facts facts;
    const tw_image__input in = {bytes, n, name, &facts, contract};
    tw_status rc = decode(out, &in, err);

    if (!rc && contract && (rc = tw_contract_admit(contract, out, name, err)))
        tw_picture_free(out);
    return rc;
}

tw_status tw_picture_read_for(tw_picture *out, const char *path, const tw_contract *contract,
                              tw_error *err)
{
    tw_status rc;
    char *bytes;
    size_t n;

    *out = (tw_picture){0};
    if ((rc = tw_file_read(&bytes, &n, path, MAX_FILE_BYTES, err)))
        return rc;
    rc = tw_picture_decode_for(out, (const uint8_t *)bytes, n, path, contract, err);
    tw_free(bytes);
    return rc;
}

tw_status tw_picture_read(tw_picture *out, const char *path, tw_error *err)
{
    return tw_picture_read_for(out, path, NULL, err);
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
    case TW_BILINEAR_AA:
        rc = tw_image__resize_bilinear_aa(out, in, err);
        break;
    case TW_CUBIC_AA:
        rc = tw_image__resize_cubic_aa(out, in, err);
        break;
    case TW_AREA:
        rc = tw_image__resize_area(out, in, err);
        break;
    default:
        rc = tw_image__resize_nearest(out, in, err);
        break;
    }
    if (rc)
        tw_picture_free(out);
    return rc;
}
