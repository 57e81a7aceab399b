/*
 * bf16x3's convolutions: what is chosen by the shape, the packing of kernels, and the way of a
 * piece of pictures through the kernels of a path. See bf16x3.h.
 *
 * packed:   | panel of 32 filters: chunk of 32 channels: kernel row: kernel column:
 *           |     tiles hi of filters 0..15, hi of 16..31, lo, lo | next panel | ... | bias |
 * scratch:  | sums of a product | pictures' bands, in parts: chunk: row: place: 32 hi, 32 lo |
 *
 * A kernel of 1 MB or less stays in the second cache: then a band of rows of one picture goes
 * through all panels, and the parts stay there too. A larger one is read once for the whole piece.
 */
#include "backend/cpu/bf16x3.h"

#include <string.h>

enum {
    SMALL_KERNEL = 1 << 20,  /* bytes */
    BAND_BYTES = 512 * 1024, /* of parts */
    TILE = 16 * 32,          /* numbers of a kernel's tile */
    QUAD = 4 * TILE,         /* of the tiles of one place of the kernel */
    FEWEST_PLACES = 8,       /* a tile of fewer is not worth its loads, unless pictures are small */
    SUMS_BYTES = TW_BF16X3_SUMS * (int)sizeof(float)
};

/* ---- sizes */

static int64_t over(int64_t n, int64_t step)
{
    return (n + step - 1) / step;
}

static int64_t out_side(const tw_bf16x3 *conv, int64_t side)
{
    return side + 2 * conv->pad - 2;
}

static int64_t n_chunks(const tw_bf16x3 *conv)
{
    return over(conv->c, TW_BF16X3_CHUNK);
}

static int64_t n_panels(const tw_bf16x3 *conv)
{
    return over(conv->k, TW_BF16X3_PANEL);
}

/* Numbers of the parts: a row's, a chunk's of a band, a band's. */
static int64_t row_parts(const tw_bf16x3 *conv)
{
    return (conv->tiles_w * conv->places + 2) * TW_BF16X3_PLACE;
}

static int64_t chunk_parts(const tw_bf16x3 *conv)
{
    return (conv->band + 2) * row_parts(conv);
}

static int64_t band_parts(const tw_bf16x3 *conv)
{
    return n_chunks(conv) * chunk_parts(conv);
}

/* Panels' numbers, of kernels and all. */
static int64_t panel_parts(const tw_bf16x3 *conv)
{
    return n_chunks(conv) * 9 * QUAD;
}

void tw_backend__bf16x3_set_band(tw_bf16x3 *conv, int64_t band)
{
    conv->band = band;
    conv->n_at_once = band >= out_side(conv, conv->h) ? conv->n : 1;
    conv->scratch_bytes =
        SUMS_BYTES + conv->n_at_once * band_parts(conv) * (int64_t)sizeof(uint16_t);
}

/* The width that leaves the least of a row over; even where pools must not cross tiles. */
static int places_of(const tw_bf16x3 *conv)
{
    const int64_t width = out_side(conv, conv->w);
    int best = TW_BF16X3_PLACES;

    for (int places = TW_BF16X3_PLACES - 2; places >= FEWEST_PLACES; places -= 2)
        if (over(width, places) * places < over(width, best) * best)
            best = places;
    return best;
}

void tw_backend__bf16x3_plan(tw_bf16x3 *conv)
{
    const int64_t kernel_bytes = n_panels(conv) * panel_parts(conv) * (int64_t)sizeof(uint16_t);
    const int64_t whole = over(out_side(conv, conv->h), 2) * 2;
    int64_t rows;

    conv->places = places_of(conv);
    conv->tiles_w = over(out_side(conv, conv->w), conv->places);
    conv->packed_bytes = kernel_bytes + n_panels(conv) * TW_BF16X3_PANEL * (int64_t)sizeof(float);
    rows = BAND_BYTES / (n_chunks(conv) * row_parts(conv) * (int64_t)sizeof(uint16_t)) / 2 * 2 - 2;
    if (rows < 2)
        rows = 2;
    tw_backend__bf16x3_set_band(conv, kernel_bytes > SMALL_KERNEL || rows > whole ? whole : rows);
}

/* ---- packing */

/* The four tiles of one place of the kernel: pairs of channels of 16 filters lie in a row. */
static void pack_quad(const tw_bf16x3 *conv, uint16_t *to, const float *kernel, int64_t c,
                      int64_t k)
{
    for (int64_t i = 0; i < TW_BF16X3_CHUNK && c + i < conv->c; i++)
        for (int64_t j = 0; j < TW_BF16X3_PANEL && k + j < conv->k; j++) {
            uint16_t parts[TW_BF16X3_PLACE];
            float value;
            memcpy(&value,
                   (const char *)kernel + (size_t)((c + i) * conv->k + k + j) * sizeof value,
                   sizeof value);
            conv->kernels->split(parts, &value, 1);
            to += j / 16 * TILE + i / 2 * 32 + j % 16 * 2 + i % 2;
            to[0] = parts[0];
            to[2 * TILE] = parts[TW_BF16X3_CHUNK];
            to -= j / 16 * TILE + i / 2 * 32 + j % 16 * 2 + i % 2;
        }
}

void tw_backend__bf16x3_pack(const tw_bf16x3 *conv, void *packed, const float *kernel,
                             const float *bias)
{
    uint16_t *to = packed;

    memset(packed, 0, (size_t)conv->packed_bytes);
    for (int64_t k = 0; k < conv->k; k += TW_BF16X3_PANEL)
        for (int64_t c = 0; c < conv->c; c += TW_BF16X3_CHUNK)
            for (int64_t place = 0; place < 9; place++, to += QUAD)
                pack_quad(conv, to,
                          (const float *)((const char *)kernel +
                                          (size_t)(place * conv->c * conv->k) * sizeof *kernel),
                          c, k);
    if (bias)
        memcpy(to, (const void *)bias, (size_t)conv->k * sizeof *bias);
}

/* ---- running */

/* One piece under way. */
typedef struct piece {
    const tw_bf16x3 *conv;
    float *y, *sums;
    const float *x, *bias;
    const uint16_t *packed;
    uint16_t *parts;
} piece;

/* Rows [top - pad, top - pad + band + 2) of a picture in parts, zeros around it. */
static void split_band(const piece *p, uint16_t *parts, int64_t picture, int64_t top)
{
    const tw_bf16x3 *conv = p->conv;

    memset(parts, 0, (size_t)band_parts(conv) * sizeof *parts);
    for (int64_t i = 0; i < conv->band + 2; i++) {
        const int64_t row = top - conv->pad + i;
        const float *from = p->x + (picture * conv->h + row) * conv->w * conv->c;
        if (row < 0 || row >= conv->h)
            continue;
        for (int64_t j = 0; j < conv->w; j++, from += conv->c)
            for (int64_t c = 0; c < conv->c; c += TW_BF16X3_CHUNK) {
                const int64_t left = conv->c - c;
                conv->kernels->split(parts + c / TW_BF16X3_CHUNK * chunk_parts(conv) +
                                         i * row_parts(conv) + (j + conv->pad) * TW_BF16X3_PLACE,
                                     from + c,
                                     (int)(left < TW_BF16X3_CHUNK ? left : TW_BF16X3_CHUNK));
            }
    }
}

static int64_t at_most(int64_t n, int64_t limit)
{
    return n < limit ? n : limit;
}

/* The sums of rows y and y + 1, places of one tile, go to the output. */
static void write_out(const piece *p, int64_t picture, int64_t y, int64_t x, int64_t k)
{
    const tw_bf16x3 *conv = p->conv;
    const int64_t shrink = conv->pool ? 2 : 1;
    const int64_t rows = out_side(conv, conv->h) / shrink,
                  columns = out_side(conv, conv->w) / shrink;
    const tw_bf16x3_out out = {
        .sums = p->sums,
        .bias = p->bias + k,
        .y = p->y + ((picture * rows + y / shrink) * columns + x / shrink) * conv->k + k,
        .row = columns * conv->k,
        .pixel = conv->k,
        .rows = (int)at_most(rows - y / shrink, 2 / shrink),
        .columns = (int)at_most(columns - x / shrink, conv->places / shrink),
        .n = (int)at_most(conv->k - k, TW_BF16X3_PANEL),
        .relu = conv->relu,
        .pool = conv->pool,
    };

    conv->kernels->out(&out);
}

/* One panel of filters over a band in parts, whose first output row is `top`. */
static void run_band(const piece *p, const uint16_t *parts, int64_t picture, int64_t top,
                     int64_t panel)
{
    const tw_bf16x3 *conv = p->conv;
    const int64_t rows = at_most(out_side(conv, conv->h) - top, conv->band);
    tw_bf16x3_product product = {.sums = p->sums,
                                 .u = p->packed + panel * panel_parts(conv),
                                 .chunk = chunk_parts(conv),
                                 .row = row_parts(conv),
                                 .n_chunks = n_chunks(conv),
                                 .places = conv->places};

    for (int64_t i = 0; i < rows; i += 2)
        for (int64_t x = 0; x < conv->tiles_w * conv->places; x += conv->places) {
            product.x = parts + i * row_parts(conv) + x * TW_BF16X3_PLACE;
            conv->kernels->multiply(&product);
            write_out(p, picture, top + i, x, panel * TW_BF16X3_PANEL);
        }
}

void tw_backend__bf16x3_run(const tw_bf16x3 *conv, int64_t n, float *y, const float *x,
                            const void *packed, void *scratch)
{
    const piece p = {
        .conv = conv,
        .y = y,
        .sums = scratch,
        .x = x,
        .bias = (const float *)((const uint16_t *)packed + n_panels(conv) * panel_parts(conv)),
        .packed = packed,
        .parts = (uint16_t *)((char *)scratch + SUMS_BYTES)};
    const int64_t rows = out_side(conv, conv->h);

    conv->kernels->begin(conv->places);
    for (int64_t first = 0; first < n; first += conv->n_at_once)
        for (int64_t top = 0; top < rows; top += conv->band) {
            const int64_t together = at_most(n - first, conv->n_at_once);
            for (int64_t i = 0; i < together; i++)
                split_band(&p, p.parts + i * band_parts(conv), first + i, top);
            for (int64_t panel = 0; panel < n_panels(conv); panel++)
                for (int64_t i = 0; i < together; i++)
                    run_band(&p, p.parts + i * band_parts(conv), first + i, top, panel);
        }
    conv->kernels->end();
}
