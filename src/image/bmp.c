/*
 * BMP, uncompressed: 1, 4, 8 (palette), 16, 24 and 32 bits, OS/2's short header and Windows' long
 * ones, rows from below or from above. A palette of greys gives a grey picture. 16 and 32 bits by
 * masks where the header has them; alpha only where it has a mask. Run lengths and embedded JPEG
 * or PNG are refused by name.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <string.h>

enum { FILE_HEAD = 14, CORE_HEAD = 12, INFO_HEAD = 40, MASKED_HEAD = 56, MAX_HEAD = 4096 };
enum { RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHABITFIELDS = 6 };

/* Where a channel lies in a pixel, and the largest value it can have there. */
typedef struct mask {
    uint32_t bits, most;
    int shift;
} mask;

typedef struct bmp {
    const tw_image__input *in;
    size_t head; /* bytes of the second header */
    int64_t height, width;
    bool from_above, is_grey, has_alpha;
    uint32_t depth, compression, n_colours;
    mask masks[4]; /* R G B A of 16 and 32 bits */
    const uint8_t *palette;
    size_t colour_bytes; /* of a palette's entry */
    size_t pixels, stride;
} bmp;

static uint32_t get(const uint8_t *p, int n_bytes)
{
    uint32_t value = 0;

    for (int i = 0; i < n_bytes; i++)
        value |= (uint32_t)p[i] << 8 * i;
    return value;
}

static tw_status bad(const bmp *b, const char *what, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: bad BMP: %s", b->in->name, what);
}

static mask make_mask(uint32_t bits)
{
    mask m = {.bits = bits};

    while (bits && !(bits >> m.shift & 1))
        m.shift++;
    m.most = bits >> m.shift;
    return m;
}

/* Sizes, depth and kind; core headers have 16-bit sides. */
static tw_status read_head(bmp *b, tw_error *err)
{
    const uint8_t *bytes = b->in->bytes;

    if (b->in->n < FILE_HEAD + 4)
        return bad(b, "cut inside its header", err);
    b->head = get(bytes + FILE_HEAD, 4);
    if (b->head != CORE_HEAD && (b->head < INFO_HEAD || b->head > MAX_HEAD))
        return bad(b, "a header of a size that is unknown", err);
    if (b->in->n < FILE_HEAD + b->head)
        return bad(b, "cut inside its header", err);
    b->pixels = get(bytes + 10, 4);
    bytes += FILE_HEAD;
    if (b->head == CORE_HEAD) {
        b->width = get(bytes + 4, 2);
        b->height = get(bytes + 6, 2);
        b->depth = get(bytes + 10, 2);
        return TW_OK;
    }
    b->width = (int32_t)get(bytes + 4, 4);
    b->height = (int32_t)get(bytes + 8, 4);
    b->from_above = b->height < 0;
    b->height = b->from_above ? -b->height : b->height;
    b->depth = get(bytes + 14, 2);
    b->compression = get(bytes + 16, 4);
    b->n_colours = get(bytes + 32, 4);
    return TW_OK;
}

static tw_status check_kind(const bmp *b, tw_error *err)
{
    const bool masked = b->compression == BITFIELDS || b->compression == ALPHABITFIELDS;

    if (b->compression == RLE8 || b->compression == RLE4)
        return tw_fail(err, TW_EFILE, "%s: a run-length BMP is not supported", b->in->name);
    if (b->compression != RGB && !masked)
        return tw_fail(err, TW_EFILE, "%s: a BMP of compression %u is not supported", b->in->name,
                       b->compression);
    if (b->depth != 1 && b->depth != 4 && b->depth != 8 && b->depth != 16 && b->depth != 24 &&
        b->depth != 32)
        return tw_fail(err, TW_EFILE, "%s: a BMP of %u bits a pixel is not supported", b->in->name,
                       b->depth);
    if (masked && b->depth != 16 && b->depth != 32)
        return bad(b, "masks without 16 or 32 bits", err);
    return TW_OK;
}

/* Masks stand behind the 40 bytes, inside a longer header or after a short one. */
static tw_status read_masks(bmp *b, tw_error *err)
{
    static const uint32_t usual[2][3] = {{0x7c00, 0x3e0, 0x1f}, {0xff0000, 0xff00, 0xff}};
    const size_t at = FILE_HEAD + INFO_HEAD;
    const bool is_long = b->head >= MASKED_HEAD;
    const int n = is_long || b->compression == ALPHABITFIELDS ? 4 : 3;

    if (b->compression == RGB) {
        for (int c = 0; c < 3; c++)
            b->masks[c] = make_mask(usual[b->depth == 32][c]);
        return TW_OK;
    }
    if (b->in->n < at + 4 * (size_t)n)
        return bad(b, "cut inside its masks", err);
    for (int c = 0; c < n; c++)
        b->masks[c] = make_mask(get(b->in->bytes + at + 4 * (size_t)c, 4));
    for (int c = 0; c < 3; c++)
        if (b->masks[c].bits == 0)
            return bad(b, "a colour without a mask", err);
    b->has_alpha = b->masks[3].bits != 0;
    return TW_OK;
}

static tw_status read_palette(bmp *b, tw_error *err)
{
    const size_t at = FILE_HEAD + b->head, most = (size_t)1 << b->depth;

    b->colour_bytes = b->head == CORE_HEAD ? 3 : 4;
    b->n_colours = b->n_colours == 0 || b->n_colours > most ? (uint32_t)most : b->n_colours;
    if (b->in->n - at < b->n_colours * b->colour_bytes)
        return bad(b, "cut inside its palette", err);
    b->palette = b->in->bytes + at;
    b->is_grey = true;
    for (size_t i = 0; i < b->n_colours; i++) {
        const uint8_t *p = b->palette + i * b->colour_bytes;
        b->is_grey = b->is_grey && p[0] == p[1] && p[1] == p[2];
    }
    return TW_OK;
}

/* Whether all rows lie inside the file. */
static tw_status place_rows(bmp *b, tw_error *err)
{
    size_t bits, n;

    if (b->width < 1 || b->height < 1)
        return bad(b, "no pixels", err);
    if (!tw_mul_size(&bits, (size_t)b->width, b->depth) || !tw_add_size(&bits, bits, 31) ||
        !tw_mul_size(&n, bits / 32 * 4, (size_t)b->height))
        return bad(b, "its size makes no sense", err);
    b->stride = bits / 32 * 4;
    if (b->pixels < FILE_HEAD + b->head || b->pixels > b->in->n || b->in->n - b->pixels < n)
        return tw_fail(err, TW_EFILE,
                       "%s: truncated BMP: %zu bytes, %lldx%lld pixels of %u bits "
                       "from byte %zu need %zu",
                       b->in->name, b->in->n, (long long)b->height, (long long)b->width, b->depth,
                       b->pixels, b->pixels + n);
    return TW_OK;
}

/* ---- rows */

static bool row_of_palette(uint8_t *out, const bmp *b, const uint8_t *row)
{
    const uint32_t per_byte = 8 / b->depth, most = (1u << b->depth) - 1;

    for (uint32_t x = 0; x < (uint32_t)b->width; x++) {
        const uint32_t byte = row[x / per_byte];
        const uint32_t i = byte >> (8 - b->depth * (x % per_byte + 1)) & most;
        const uint8_t *colour = b->palette + i * b->colour_bytes;

        if (i >= b->n_colours)
            return false;
        for (int c = b->is_grey ? 2 : 0; c < 3; c++)
            *out++ = colour[2 - c];
    }
    return true;
}

static void row_of_masks(uint8_t *out, const bmp *b, const uint8_t *row)
{
    const int n_bytes = (int)b->depth / 8;

    for (int64_t x = 0; x < b->width; x++) {
        const uint32_t pixel = get(row + x * n_bytes, n_bytes);
        for (int c = 0; c < (b->has_alpha ? 4 : 3); c++) {
            const mask *m = &b->masks[c];
            *out++ = (uint8_t)((uint64_t)((pixel & m->bits) >> m->shift) * 255 / m->most);
        }
    }
}

static tw_status read_rows(tw_picture *out, const bmp *b, tw_error *err)
{
    const size_t n = (size_t)out->width * (size_t)out->channels;

    for (int64_t y = 0; y < b->height; y++) {
        const int64_t at = b->from_above ? y : b->height - 1 - y;
        const uint8_t *row = b->in->bytes + b->pixels + (size_t)at * b->stride;
        uint8_t *to = out->pixels + (size_t)y * n;

        if (b->depth <= 8 && !row_of_palette(to, b, row))
            return bad(b, "a pixel beyond its palette", err);
        if (b->depth == 16 || b->depth == 32)
            row_of_masks(to, b, row);
        for (size_t i = 0; b->depth == 24 && i < n; i++)
            to[i] = row[i - i % 3 + (2 - i % 3)];
    }
    return TW_OK;
}

tw_status tw_image__decode_bmp(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    bmp b = {.in = in};
    tw_status rc;

    if ((rc = read_head(&b, err)) || (rc = check_kind(&b, err)))
        return rc;
    if (b.depth <= 8 && (rc = read_palette(&b, err)))
        return rc;
    if ((b.depth == 16 || b.depth == 32) && (rc = read_masks(&b, err)))
        return rc;
    if ((rc = place_rows(&b, err)))
        return rc;
    in->facts->alpha = b.has_alpha;
    if ((rc = tw_image__create(out, in, b.height, b.width, b.is_grey ? 1 : (b.has_alpha ? 4 : 3),
                               err)))
        return rc;
    if ((rc = read_rows(out, &b, err)))
        tw_picture_free(out);
    else if (b.has_alpha)
        tw_image__drop_alpha(out);
    return rc;
}
