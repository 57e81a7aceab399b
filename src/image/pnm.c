/*
 * PBM, PGM and PPM (P1 to P6): plain and raw, any maximum up to 65,535, scaled to 8 bits. The first
 * picture of a file is read; what follows it is left alone, as the format allows.
 */
#include "base/fail.h"
#include "image/image_int.h"

#include <math.h>

enum { MAX_VALUE = 65535, MAX_SIDE = 1 << 30 };

typedef struct pnm {
    const tw_image__input *in;
    size_t at;
    uint32_t most;
} pnm;

static tw_status bad(const pnm *p, const char *what, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: bad PNM: %s at byte %zu", p->in->name, what, p->at);
}

static bool is_space(uint8_t letter)
{
    return letter == ' ' || (letter >= '\t' && letter <= '\r');
}

static void skip_space(pnm *p)
{
    const uint8_t *bytes = p->in->bytes;

    while (p->at < p->in->n && (is_space(bytes[p->at]) || bytes[p->at] == '#')) {
        if (bytes[p->at] == '#')
            while (p->at < p->in->n && bytes[p->at] != '\n' && bytes[p->at] != '\r')
                p->at++;
        else
            p->at++;
    }
}

/* A number of the header or of plain pixels, at most `most`. */
static tw_status read_number(uint32_t *out, pnm *p, uint32_t most, tw_error *err)
{
    const uint8_t *bytes = p->in->bytes;
    uint64_t value = 0;
    size_t begin;

    skip_space(p);
    begin = p->at;
    while (p->at < p->in->n && bytes[p->at] >= '0' && bytes[p->at] <= '9' && value <= most)
        value = 10 * value + bytes[p->at++] - '0';
    if (p->at == begin)
        return bad(p, p->at < p->in->n ? "no number" : "cut", err);
    if (value > most)
        return bad(p, "too large a number", err);
    *out = (uint32_t)value;
    return TW_OK;
}

/* As Pillow rounds it: halves to the even side. */
static uint8_t scale(const pnm *p, uint32_t value)
{
    return (uint8_t)(p->most == 255 ? value : lrint((double)value / p->most * 255));
}

static tw_status read_plain(tw_picture *out, pnm *p, size_t n, tw_error *err)
{
    tw_status rc;
    uint32_t value;

    for (size_t i = 0; i < n; i++) {
        if ((rc = read_number(&value, p, p->most, err)))
            return rc;
        out->pixels[i] = scale(p, value);
    }
    return TW_OK;
}

/* P1: digits need no space between them, and 1 is black. */
static tw_status read_plain_bits(tw_picture *out, pnm *p, size_t n, tw_error *err)
{
    for (size_t i = 0; i < n; i++) {
        skip_space(p);
        if (p->at == p->in->n)
            return bad(p, "cut", err);
        if (p->in->bytes[p->at] != '0' && p->in->bytes[p->at] != '1')
            return bad(p, "neither 0 nor 1", err);
        out->pixels[i] = p->in->bytes[p->at++] == '0' ? 255 : 0;
    }
    return TW_OK;
}

static tw_status read_raw(tw_picture *out, pnm *p, size_t n, tw_error *err)
{
    const size_t n_bytes = p->most > 255 ? 2 : 1;
    const uint8_t *from = p->in->bytes + p->at;

    for (size_t i = 0; i < n; i++, from += n_bytes) {
        const uint32_t value = n_bytes == 1 ? from[0] : (uint32_t)from[0] << 8 | from[1];

        if (value > p->most) {
            p->at += i * n_bytes;
            return bad(p, "too large a number", err);
        }
        out->pixels[i] = scale(p, value);
    }
    return TW_OK;
}

static void read_raw_bits(tw_picture *out, const pnm *p)
{
    const size_t width = (size_t)out->width, stride = (width + 7) / 8;
    const uint8_t *from = p->in->bytes + p->at;

    for (size_t y = 0; y < (size_t)out->height; y++)
        for (size_t x = 0; x < width; x++)
            out->pixels[y * width + x] = from[y * stride + x / 8] >> (7 - x % 8) & 1 ? 0 : 255;
}

/* Bytes that the pixels take at least; a plain number takes a letter and a space. */
static uint64_t least_bytes(char kind, uint64_t height, uint64_t width, uint32_t most)
{
    const uint64_t n = height * width * (kind == '3' || kind == '6' ? 3 : 1);

    if (kind == '4')
        return height * ((width + 7) / 8);
    if (kind == '1')
        return n;
    return kind <= '3' ? 2 * n - 1 : n * (most > 255 ? 2 : 1);
}

static tw_status read_pixels(tw_picture *out, pnm *p, char kind, tw_error *err)
{
    const size_t n = (size_t)out->height * (size_t)out->width * (size_t)out->channels;

    if (kind == '1')
        return read_plain_bits(out, p, n, err);
    if (kind == '2' || kind == '3')
        return read_plain(out, p, n, err);
    if (kind == '4')
        read_raw_bits(out, p);
    else
        return read_raw(out, p, n, err);
    return TW_OK;
}

tw_status tw_image__decode_pnm(tw_picture *out, const tw_image__input *in, tw_error *err)
{
    pnm p = {.in = in, .at = 2, .most = 1};
    const char kind = (char)in->bytes[1];
    uint32_t width, height;
    tw_status rc;

    if ((rc = read_number(&width, &p, MAX_SIDE, err)) ||
        (rc = read_number(&height, &p, MAX_SIDE, err)))
        return rc;
    if (kind != '1' && kind != '4' && (rc = read_number(&p.most, &p, MAX_VALUE, err)))
        return rc;
    if (p.most == 0)
        return bad(&p, "a maximum of 0", err);
    if (p.at < in->n && is_space(in->bytes[p.at]))
        p.at++;
    else
        return bad(&p, p.at < in->n ? "no space behind its header" : "cut", err);
    if (height > 0 && width > 0 && least_bytes(kind, height, width, p.most) > in->n - p.at)
        return tw_fail(err, TW_EFILE, "%s: truncated PNM: %zu bytes, %ux%u pixels need more",
                       in->name, in->n, height, width);
    in->facts->deep = p.most > 255;
    if ((rc = tw_image__create(out, in, height, width, kind == '3' || kind == '6' ? 3 : 1, err)))
        return rc;
    if ((rc = read_pixels(out, &p, kind, err)))
        tw_picture_free(out);
    return rc;
}
