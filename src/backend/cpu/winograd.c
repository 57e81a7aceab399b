/*
 * Winograd's convolutions: what is chosen by the shape, the packing of kernels, and the way of a
 * piece of pictures through the kernels of a path. See winograd.h.
 *
 * A worker's scratch:  | V: planes of (block, C) | M: planes of (block, K) | one padded tile |
 *                      | the rows that the next block reads |
 *
 * Planes lie a whole number of rows and one cache line apart, so that the same place of all planes
 * does not fall into one set of a cache.
 */
#include "backend/cpu/winograd.h"

#include "backend/cpu/direct.h"
#include "backend/cpu/winograd_points.h"
#include "tensor/tensor.h"

#include <string.h>

enum {
    LINE = 64, /* bytes of a cache line */
    /* A block small enough for V and M to stay in the second cache, unless U is so large that it
     * has to serve many tiles; measured, docs/kernels.md. */
    MANY_WEIGHTS = 256 * 256,
    SMALL_BLOCK = 24,
    LARGE_BLOCK = 100,
    /* Between the two a small block of tiles of 4 is faster than tiles of 6. */
    FEW_WEIGHTS = 128 * 128,
    /* Below it no time is to be won, and tiles of 4 have the smaller error. */
    LARGE_SIDE = 24
};

/* ---- sizes */

static int64_t round_up(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t out_side(const tw_winograd *conv, int64_t side)
{
    return side + 2 * conv->pad - 2;
}

static int64_t n_planes(const tw_winograd *conv)
{
    return (int64_t)(conv->m + 2) * (conv->m + 2);
}

/* Bytes of a number of V and U. */
static int64_t width(const tw_winograd *conv)
{
    return conv->kernels->step == 2 ? (int64_t)sizeof(uint16_t) : (int64_t)sizeof(float);
}

/* Channels that are multiplied, whole steps of them. */
static int64_t c_steps(const tw_winograd *conv)
{
    return round_up(conv->c, conv->kernels->step);
}

static int64_t u_plane(const tw_winograd *conv)
{
    return c_steps(conv) * conv->k_row;
}

static int64_t v_plane(const tw_winograd *conv)
{
    return (conv->block + TW_WINOGRAD_SPARE) * conv->c_row + LINE / width(conv);
}

static int64_t m_plane(const tw_winograd *conv)
{
    return (conv->block + TW_WINOGRAD_SPARE) * conv->k_row + LINE / (int64_t)sizeof(float);
}

/* A padded tile, up to a multiple of what pointers need behind it. */
static int64_t patch_floats(const tw_winograd *conv)
{
    return round_up(n_planes(conv) * conv->c, LINE / (int64_t)sizeof(float));
}

void tw_backend__winograd_set_block(tw_winograd *conv, int64_t block)
{
    conv->block = block;
    conv->scratch_bytes = n_planes(conv) * v_plane(conv) * width(conv) +
                          n_planes(conv) * m_plane(conv) * (int64_t)sizeof(float) +
                          patch_floats(conv) * (int64_t)sizeof(float) +
                          block * (conv->m + 2) * (int64_t)sizeof(const char *);
}

int64_t tw_backend__winograd_products(const tw_winograd *conv)
{
    const int64_t each = conv->direct ? (int64_t)9 * conv->m * conv->m : n_planes(conv);

    return each * conv->c * conv->k;
}

static void set_tile(tw_winograd *conv, int m)
{
    const int64_t lanes = conv->kernels->lanes;

    conv->m = m;
    conv->tiles_h = (out_side(conv, conv->h) + m - 1) / m;
    conv->tiles_w = (out_side(conv, conv->w) + m - 1) / m;
    conv->c_row = round_up(conv->c, lanes);
    conv->k_row = round_up(conv->k, lanes);
}

void tw_backend__winograd_plan_direct(tw_winograd *conv)
{
    conv->direct = true;
    set_tile(conv, TW_DIRECT_OUT);
    conv->block = 1;
    conv->packed_bytes = tw_backend__direct_packed_bytes(conv);
    conv->scratch_bytes = patch_floats(conv) * (int64_t)sizeof(float);
}

void tw_backend__winograd_plan_tile(tw_winograd *conv, int m)
{
    conv->direct = false;
    set_tile(conv, m);
    conv->packed_bytes =
        n_planes(conv) * u_plane(conv) * width(conv) + conv->k_row * (int64_t)sizeof(float);
    tw_backend__winograd_set_block(
        conv, smaller(conv->n * conv->tiles_h * conv->tiles_w,
                      conv->c * conv->k > MANY_WEIGHTS ? LARGE_BLOCK : SMALL_BLOCK));
}

/* Multiplications of a picture, for each pair of channel and filter. */
static int64_t n_products(const tw_winograd *conv, int64_t m)
{
    const int64_t tiles_h = (out_side(conv, conv->h) + m - 1) / m,
                  tiles_w = (out_side(conv, conv->w) + m - 1) / m;

    return tiles_h * tiles_w * (m + 2) * (m + 2);
}

void tw_backend__winograd_plan(tw_winograd *conv)
{
    const int64_t weights = conv->c * conv->k;
    const bool is_between = weights > FEW_WEIGHTS && weights <= MANY_WEIGHTS;
    const bool is_large = conv->h >= LARGE_SIDE && conv->w >= LARGE_SIDE;
    const bool saves = n_products(conv, 6) * 20 < n_products(conv, 4) * 19;
    const bool five_saves = n_products(conv, 5) * 5 < n_products(conv, 4) * 4;

    const bool is_exact = conv->kernels->step == 1;

    if (tw_backend__direct_suits(conv))
        tw_backend__winograd_plan_direct(conv);
    else if (!is_exact)
        tw_backend__winograd_plan_tile(conv, 4);
    else if (is_large)
        tw_backend__winograd_plan_tile(conv, saves && !is_between ? 6 : 4);
    else
        tw_backend__winograd_plan_tile(conv, five_saves && !conv->pool ? 5 : 4);
}

/* ---- packing */

/* Row i of G: what a kernel's line (3) becomes at point i. */
static void kernel_rows(double rows[TW_WINOGRAD_MAX_TILE][3], int m)
{
    const tw_winograd_points *points = &tw_winograd_points_of[m];
    const int pairs = (m + 1) / 2, zero = m % 2 == 0;
    double at_zero = 1.0;

    for (int k = 0; k < pairs; k++) {
        const double p = (double)points->power[k][1];
        double distance = zero ? 2.0 * p * p : 2.0 * p;
        for (int other = 0; other < pairs; other++) {
            const double q = (double)points->power[other][1];
            distance *= other == k ? 1.0 : p * p - q * q;
        }
        at_zero *= -p * p;
        for (int r = 0; r < 3; r++) {
            const double power = r == 0 ? 1.0 : r == 1 ? p : p * p;
            rows[zero + 2 * k][r] = power / distance;
            rows[zero + 2 * k + 1][r] = (r == 1) == zero ? -power / distance : power / distance;
        }
    }
    for (int r = 0; r < 3; r++) {
        if (zero)
            rows[0][r] = r == 0 ? 1.0 / at_zero : 0.0;
        rows[m + 1][r] = r == 2 ? 1.0 : 0.0;
    }
}

enum { LANES = 16 };

/* G (3,3) G^T of n_lanes <= LANES filters of one channel, in double; out is (planes, LANES). */
static void transform_kernel(float out[][LANES], const float *kernel, int64_t step, int n_lanes,
                             const double rows[][3], int n)
{
    double w[3][3][LANES] = {0}, half[3][LANES];

    for (int i = 0; i < 9; i++)
        for (int lane = 0; lane < n_lanes; lane++) {
            float value;
            memcpy(&value, (const char *)kernel + ((size_t)(i * step + lane) * sizeof value),
                   sizeof value);
            w[i / 3][i % 3][lane] = (double)value;
        }
    for (int i = 0; i < n; i++) {
        for (int s = 0; s < 3; s++)
            for (int lane = 0; lane < LANES; lane++)
                half[s][lane] = rows[i][0] * w[0][s][lane] + rows[i][1] * w[1][s][lane] +
                                rows[i][2] * w[2][s][lane];
        for (int j = 0; j < n; j++)
            for (int lane = 0; lane < LANES; lane++)
                out[i * n + j][lane] =
                    (float)(rows[j][0] * half[0][lane] + rows[j][1] * half[1][lane] +
                            rows[j][2] * half[2][lane]);
    }
}

/* Where channel c of filter k lies in a plane of U: panels of columns, narrow ones at the end; the
 * channels of a step lie together. */
static int64_t place(const tw_winograd *conv, int64_t c, int64_t k)
{
    const int64_t panel = conv->kernels->panel, lanes = conv->kernels->lanes,
                  step = conv->kernels->step;
    int64_t first = k / panel * panel, columns = panel;

    if (first + panel > conv->k_row) {
        first = k / lanes * lanes;
        columns = lanes;
    }
    return first * c_steps(conv) + (c / step * columns + k - first) * step + c % step;
}

/* Lanes of one channel and plane into U, which begins at u. */
static void put(const tw_winograd *conv, void *u, int64_t at, const float numbers[LANES])
{
    const int step = conv->kernels->step;

    for (int lane = 0; lane < conv->kernels->lanes; lane++)
        if (step == 1)
            ((float *)u)[at + lane] = numbers[lane];
        else
            ((uint16_t *)u)[at + lane * step] = tw_bf16_from_f32(numbers[lane]);
}

void tw_backend__winograd_pack(const tw_winograd *conv, void *packed, const float *kernel,
                               const float *bias)
{
    const int n = conv->m + 2;
    const int64_t lanes = conv->kernels->lanes;
    double rows[TW_WINOGRAD_MAX_TILE][3];
    float out[TW_WINOGRAD_MAX_TILE * TW_WINOGRAD_MAX_TILE][LANES];
    char *behind = (char *)packed + n_planes(conv) * u_plane(conv) * width(conv);

    if (conv->direct) {
        tw_backend__direct_pack(conv, packed, kernel, bias);
        return;
    }
    if (conv->c % conv->kernels->step) /* the channel that fills the last step */
        memset(packed, 0, (size_t)(behind - (char *)packed));
    kernel_rows(rows, conv->m);
    for (int64_t c = 0; c < conv->c; c++)
        for (int64_t k = 0; k < conv->k_row; k += lanes) {
            const int64_t left = conv->k - k;
            transform_kernel(out, kernel + c * conv->k + k, conv->c * conv->k,
                             (int)(left < lanes ? left : lanes), rows, n);
            for (int p = 0; p < n * n; p++)
                put(conv, packed, p * u_plane(conv) + place(conv, c, k), out[p]);
        }
    memset(behind, 0, (size_t)conv->k_row * sizeof *bias);
    if (bias)
        memcpy(behind, (const void *)bias, (size_t)conv->k * sizeof *bias);
}

/* ---- running */

/* A tile's place in the piece: its first output. */
typedef struct spot {
    int64_t picture, y, x;
} spot;

static spot spot_of(const tw_winograd *conv, int64_t tile)
{
    const int64_t each = conv->tiles_h * conv->tiles_w, in_picture = tile % each;

    return (spot){tile / each, in_picture / conv->tiles_w * conv->m,
                  in_picture % conv->tiles_w * conv->m};
}

static int64_t tile_of(const tw_winograd_tiles *tiles, int64_t i)
{
    return tiles->list ? tiles->list[i] : i;
}

/* Copies the tile that begins at (y,x), partly outside of the picture, with zeros around. */
static void copy_padded(const tw_winograd *conv, float *patch, const float *picture, int64_t y,
                        int64_t x)
{
    const int n = conv->m + 2;
    const int64_t left = x < 0 ? -x : 0, right = x + n > conv->w ? conv->w - x : n;

    memset(patch, 0, (size_t)(n * n * conv->c) * sizeof *patch);
    for (int64_t i = 0; i < n; i++)
        if (y + i >= 0 && y + i < conv->h)
            memcpy(patch + (i * n + left) * conv->c,
                   picture + ((y + i) * conv->w + x + left) * conv->c,
                   (size_t)((right - left) * conv->c) * sizeof *patch);
}

/* What a tile reads: in the picture, or in `patch` where it lies partly outside. */
static tw_winograd_in in_of(const tw_winograd *conv, const float *x, int64_t tile, float *patch)
{
    const int n = conv->m + 2;
    const spot at = spot_of(conv, tile);
    const int64_t top = at.y - conv->pad, left = at.x - conv->pad;
    const float *picture = x + at.picture * conv->h * conv->w * conv->c;
    tw_winograd_in in = {.x = picture + (top * conv->w + left) * conv->c,
                         .row = conv->w * conv->c,
                         .pixel = conv->c,
                         .c = conv->c};

    if (top < 0 || left < 0 || top + n > conv->h || left + n > conv->w) {
        copy_padded(conv, patch, picture, top, left);
        in.x = patch;
        in.row = n * conv->c;
    }
    return in;
}

/* Where a tile's outputs go. */
static tw_winograd_out out_of(const tw_winograd *conv, float *y, int64_t tile)
{
    const spot at = spot_of(conv, tile);
    const int shrink = conv->pool ? 2 : 1;
    const int64_t rows = out_side(conv, conv->h) / shrink, side = conv->m / shrink,
                  columns = out_side(conv, conv->w) / shrink;
    const int64_t top = at.y / shrink, left = at.x / shrink;

    return (tw_winograd_out){
        .y = y + ((at.picture * rows + top) * columns + left) * conv->k,
        .row = columns * conv->k,
        .pixel = conv->k,
        .k = conv->k,
        .rows = (int)smaller(rows - top, side),
        .columns = (int)smaller(columns - left, side),
        .relu = conv->relu,
        .pool = conv->pool,
    };
}

static void tile_in(const tw_winograd *conv, void *v, const float *x, int64_t tile, float *patch)
{
    tw_winograd_in in = in_of(conv, x, tile, patch);

    in.v = v;
    in.plane = v_plane(conv);
    conv->kernels->transform_in(&in, conv->m);
}

static void tile_out(const tw_winograd *conv, float *y, const float *m, int64_t tile,
                     const float *bias)
{
    tw_winograd_out out = out_of(conv, y, tile);

    out.m = m;
    out.plane = m_plane(conv);
    out.bias = bias;
    conv->kernels->transform_out(&out, conv->m);
}

static void run_direct(const tw_winograd *conv, const tw_winograd_tiles *tiles, float *y,
                       const float *x, const float *packed, float *patch)
{
    for (int64_t i = 0; i < tiles->n; i++) {
        const int64_t tile = tile_of(tiles, i);
        const tw_winograd_in in = in_of(conv, x, tile, patch);
        tw_winograd_out out = out_of(conv, y, tile);
        tw_backend__direct_tile(conv, &in, &out, packed);
    }
}

/* The rows that the n tiles from `first` on read and their left neighbours do not. */
static tw_winograd_ahead rows_of(const tw_winograd *conv, const float *x,
                                 const tw_winograd_tiles *tiles, int64_t first, int64_t n,
                                 const char **rows)
{
    tw_winograd_ahead ahead = {.rows = rows, .bytes = conv->m * conv->c * (int64_t)sizeof *x};

    for (int64_t i = 0; i < n; i++) {
        const spot at = spot_of(conv, tile_of(tiles, first + i));
        const int64_t top = at.y - conv->pad, left = smaller(at.x - conv->pad + 2, conv->w - 1);
        for (int64_t y = top < 0 ? 0 : top; y < smaller(top + conv->m + 2, conv->h); y++)
            rows[ahead.n++] =
                (const char *)(x + ((at.picture * conv->h + y) * conv->w + left) * conv->c);
    }
    return ahead;
}

void tw_backend__winograd_run_some(const tw_winograd *conv, const tw_winograd_tiles *tiles,
                                   float *y, const float *x, const void *packed, void *scratch)
{
    const int64_t planes = n_planes(conv);
    const int64_t v_bytes = v_plane(conv) * width(conv), u_bytes = u_plane(conv) * width(conv);
    const char *u = packed;
    const float *bias = (const float *)(u + planes * u_bytes);
    char *v = scratch;
    float *m = (float *)(v + planes * v_bytes), *patch = m + planes * m_plane(conv);
    const char **rows = (const char **)(patch + patch_floats(conv));

    if (conv->direct) {
        run_direct(conv, tiles, y, x, packed, scratch);
        return;
    }

    for (int64_t first = 0; first < tiles->n; first += conv->block) {
        const int64_t n_block = smaller(tiles->n - first, conv->block);
        const int64_t n_next = smaller(tiles->n - first - n_block, conv->block);
        tw_winograd_ahead ahead = rows_of(conv, x, tiles, first + n_block, n_next, rows);
        tw_winograd_product product = {.v_row = conv->c_row,
                                       .m_row = conv->k_row,
                                       .n_tiles = n_block,
                                       .c = c_steps(conv),
                                       .k = conv->k_row,
                                       .ahead = &ahead};
        for (int64_t i = 0; i < n_block; i++)
            tile_in(conv, v + i * conv->c_row * width(conv), x, tile_of(tiles, first + i), patch);
        for (int64_t p = 0; p < planes; p++) {
            product.m = m + p * m_plane(conv);
            product.v = v + p * v_bytes;
            product.u = u + p * u_bytes;
            conv->kernels->multiply(&product);
        }
        for (int64_t i = 0; i < n_block; i++)
            tile_out(conv, y, m + i * conv->k_row, tile_of(tiles, first + i), bias);
    }
}

void tw_backend__winograd_run(const tw_winograd *conv, int64_t n, float *y, const float *x,
                              const void *packed, void *scratch)
{
    const tw_winograd_tiles all = {NULL, n * conv->tiles_h * conv->tiles_w};

    tw_backend__winograd_run_some(conv, &all, y, x, packed, scratch);
}
