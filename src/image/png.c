/*
 * PNG through libspng: any colour type and depth to 8-bit grey or RGB (alpha composited on black,
 * 16 bits scaled), upright as its EXIF says, and writing 8-bit grey or RGB.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <spng.h>
#include <string.h>

enum { MAX_SIDE = 1 << 20, MAX_CHUNK_BYTES = 16 << 20, MAX_RATIO = 1032 };

static tw_status bad_png(const char *name, int code, tw_error *err)
{
    if (code == SPNG_EMEM)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", name);
    return tw_fail(err, TW_EFILE, "%s: bad PNG: %s", name, spng_strerror(code));
}

/* Pixels of one decoded row that an Adam7 pass fills: from `first` on, every `step`th. */
static const struct {
    uint32_t first, step;
} passes[] = {{0, 8}, {4, 8}, {0, 4}, {2, 4}, {0, 2}, {1, 2}, {0, 1}};
enum { WHOLE_ROW = 6 };

/* RGBA of the decoder to the picture's channels. */
static void take_row(tw_picture *out, const uint8_t *rgba, uint32_t row, int pass)
{
    uint8_t *pixels = out->pixels + (size_t)row * (size_t)out->width * (size_t)out->channels;

    for (size_t i = passes[pass].first; i < (size_t)out->width; i += passes[pass].step)
        for (int c = 0; c < out->channels; c++)
            pixels[i * (size_t)out->channels + (size_t)c] =
                tw_image__on_black(rgba[4 * i + (size_t)c], rgba[4 * i + 3]);
}

/* Row by row, so that nothing but one row is there twice. Returns spng's code. */
static int decode_rows(tw_picture *out, spng_ctx *png, uint8_t *rgba, bool is_interlaced)
{
    struct spng_row_info info;
    int code =
        spng_decode_image(png, NULL, 0, SPNG_FMT_RGBA8, SPNG_DECODE_TRNS | SPNG_DECODE_PROGRESSIVE);

    while (code == 0 && (code = spng_get_row_info(png, &info)) == 0) {
        code = spng_decode_row(png, rgba, 4 * (size_t)out->width);
        if (code == 0 || code == SPNG_EOI)
            take_row(out, rgba, info.row_num, is_interlaced ? info.pass : WHOLE_ROW);
    }
    /* up to IEND: a cut file is refused */
    return code == SPNG_EOI ? spng_decode_chunks(png) : code;
}

/* Whether n compressed bytes can hold the picture: deflate makes no more than 1,032 of one. */
static bool can_hold(const struct spng_ihdr *header, size_t n)
{
    static const uint8_t channels[] = {1, 0, 3, 1, 2, 0, 4}; /* of each colour type */
    const uint64_t bits = (uint64_t)channels[header->color_type] * header->bit_depth;
    const uint64_t row = header->width * bits / 8 + 1;

    return row * header->height / MAX_RATIO <= n;
}

/* What the header and the chunks around the pixels say. */
static void note_facts(const tw_image__input *in, spng_ctx *png, const struct spng_ihdr *header)
{
    struct spng_exif exif;
    struct spng_trns transparent;

    in->facts->deep = header->bit_depth == 16;
    in->facts->alpha = header->color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA ||
                       header->color_type == SPNG_COLOR_TYPE_TRUECOLOR_ALPHA ||
                       spng_get_trns(png, &transparent) == 0;
    if (spng_get_exif(png, &exif) == 0)
        in->facts->orientation =
            tw_image__exif_orientation((const uint8_t *)exif.data, exif.length);
}

static tw_status decode(tw_picture *out, spng_ctx *png, const tw_image__input *in, tw_error *err)
{
    struct spng_ihdr header;
    tw_status rc;
    int code;
    uint8_t *rgba;
    bool grey;

    if ((code = spng_get_ihdr(png, &header)))
        return bad_png(in->name, code, err);
    grey = header.color_type == SPNG_COLOR_TYPE_GRAYSCALE ||
           header.color_type == SPNG_COLOR_TYPE_GRAYSCALE_ALPHA;
    if (header.height > MAX_SIDE || header.width > MAX_SIDE)
        return tw_fail(err, TW_EFILE, "%s: %ux%u pixels, a side may have %d", in->name,
                       header.height, header.width, MAX_SIDE);
    if (!can_hold(&header, in->n))
        return tw_fail(err, TW_EFILE, "%s: says %ux%u pixels, its %zu bytes cannot hold that",
                       in->name, header.height, header.width, in->n);
    if ((rc = tw_image__create(out, in, header.height, header.width, grey ? 1 : 3, err)))
        return rc;
    if (!(rgba = tw_malloc(4 * (size_t)header.width)))
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", in->name);
    code = decode_rows(out, png, rgba, header.interlace_method != 0);
    tw_free(rgba);
    if (code)
        return bad_png(in->name, code, err);
    note_facts(in, png, &header);
    return tw_image__orient(out, in->facts->orientation, err);
}

tw_status tw_image__decode_png(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    tw_status rc;
    spng_ctx *png = spng_ctx_new(0);

    if (!png)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", in->name);
    spng_set_image_limits(png, MAX_SIDE, MAX_SIDE);
    spng_set_chunk_limits(png, MAX_CHUNK_BYTES, MAX_CHUNK_BYTES);
    spng_set_png_buffer(png, in->bytes, in->n);
    rc = decode(out, png, in, err);
    spng_ctx_free(png);
    if (rc)
        tw_picture_free(out);
    return rc;
}

tw_status tw_picture_encode_png(void **out, size_t *n_out, const tw_picture *picture, tw_error *err)
{
    spng_ctx *png = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr header = {
        .width = (uint32_t)picture->width, .height = (uint32_t)picture->height, .bit_depth = 8};
    size_t n = (size_t)picture->width * (size_t)picture->height * (size_t)picture->channels;
    int code = SPNG_EMEM;

    *out = NULL;
    header.color_type =
        picture->channels == 1 ? SPNG_COLOR_TYPE_GRAYSCALE : SPNG_COLOR_TYPE_TRUECOLOR;
    if (png && !(code = spng_set_option(png, SPNG_ENCODE_TO_BUFFER, 1)) &&
        !(code = spng_set_ihdr(png, &header)) &&
        !(code = spng_encode_image(png, picture->pixels, n, SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE)))
        *out = spng_get_png_buffer(png, n_out, &code);
    spng_ctx_free(png);
    if (*out)
        return TW_OK;
    return tw_fail(err, code == SPNG_EMEM ? TW_ENOMEM : TW_EFAIL, "cannot make a PNG: %s",
                   spng_strerror(code));
}

tw_status tw_picture_write_png(const tw_picture *picture, const char *path, tw_error *err)
{
    tw_status rc;
    void *encoded;
    size_t n;

    if ((rc = tw_picture_encode_png(&encoded, &n, picture, err)))
        return rc;
    rc = tw_file_write(path, encoded, n, err);
    tw_free(encoded);
    return rc;
}
