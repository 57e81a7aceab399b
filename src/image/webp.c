/*
 * WebP through libwebp: one still picture, lossy or lossless, to RGB (alpha composited on black).
 * The outer container is walked here first: a file shorter than it says is refused, an animation
 * too, and EXIF's orientation is found.
 */
#include "base/fail.h"
#include "image/image_int.h"

#include <string.h>

#include <webp/decode.h>

enum { HEAD = 12, CHUNK_HEAD = 8 };

static size_t get32(const uint8_t *p)
{
    return (size_t)p[0] | (size_t)p[1] << 8 | (size_t)p[2] << 16 | (size_t)p[3] << 24;
}

/* The chunks behind the head, up to the end that the head says. */
static tw_status walk(const tw_image__input *in, tw_error *err)
{
    const size_t n = in->n < CHUNK_HEAD ? 0 : get32(in->bytes + 4) + CHUNK_HEAD;

    if (in->n < HEAD || in->n < n)
        return tw_fail(err, TW_EFILE, "%s: truncated WebP: %zu bytes, its header says %zu",
                       in->name, in->n, n);
    for (size_t at = HEAD; at < n;) {
        const uint8_t *chunk = in->bytes + at;
        const size_t size = n - at < CHUNK_HEAD ? 0 : get32(chunk + 4);

        if (n - at < CHUNK_HEAD || n - at - CHUNK_HEAD < size)
            return tw_fail(err, TW_EFILE, "%s: bad WebP: a chunk at byte %zu runs past the end",
                           in->name, at);
        if (memcmp(chunk, "ANIM", 4) == 0)
            return tw_fail(err, TW_EFILE, "%s: an animated WebP is not supported", in->name);
        if (memcmp(chunk, "EXIF", 4) == 0) {
            const size_t skip = size >= 6 && memcmp(chunk + CHUNK_HEAD, "Exif\0\0", 6) == 0 ? 6 : 0;
            in->facts->orientation =
                tw_image__exif_orientation(chunk + CHUNK_HEAD + skip, size - skip);
        }
        at += CHUNK_HEAD + size;
        at += at < n && size % 2;
    }
    return TW_OK;
}

static tw_status decode(tw_picture *out, const tw_image__input *in, bool has_alpha, tw_error *err)
{
    const int stride = out->width * out->channels;
    const size_t n = (size_t)out->height * (size_t)stride;
    const uint8_t *done = has_alpha ? WebPDecodeRGBAInto(in->bytes, in->n, out->pixels, n, stride)
                                    : WebPDecodeRGBInto(in->bytes, in->n, out->pixels, n, stride);

    if (!done)
        return tw_fail(err, TW_EFILE, "%s: bad WebP: damaged or cut", in->name);
    if (has_alpha)
        tw_image__drop_alpha(out);
    return tw_image__orient(out, in->facts->orientation, err);
}

tw_status tw_image__decode_webp(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    WebPBitstreamFeatures features;
    tw_status rc = walk(in, err);

    if (rc)
        return rc;
    if (WebPGetFeatures(in->bytes, in->n, &features) != VP8_STATUS_OK)
        return tw_fail(err, TW_EFILE, "%s: bad WebP: its header makes no sense", in->name);
    in->facts->alpha = features.has_alpha;
    if ((rc = tw_image__create(out, in, features.height, features.width, features.has_alpha ? 4 : 3,
                               err)))
        return rc;
    if ((rc = decode(out, in, features.has_alpha, err)))
        tw_picture_free(out);
    return rc;
}
