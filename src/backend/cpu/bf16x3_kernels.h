/*
 * The arithmetic of bf16x3.h, written once over tiles. A path's file defines before it
 *
 *   tiles, tile_memory                eight of them, by number: 0 to 3 sums, 4 and 5 of the picture
 *                                     (places rows), 6 and 7 of the kernel (16 rows)
 *   tiles_in(memory, places)          what the others want for t
 *   tile_zero(t, i)                   sums to 0
 *   tile_load(t, i, at, step)         step: bytes from row to row
 *   tile_store(t, i, at, step)
 *   tile_add_product(t, sum, x, u)    sum += x u, pairs of bf16
 */
#include "backend/cpu/bf16x3.h"

#include <string.h>

/* Numbers of bf16 of a kernel's tile, and of the four (hi, hi, lo, lo) of one place of the kernel.
 */
enum { TILE = 16 * 32, QUAD = 4 * TILE };

/* The nearest bf16, ties to even; infinite stays so, NaN stays NaN. */
static inline uint16_t to_bf16(float x)
{
    uint32_t bits;

    memcpy(&bits, &x, sizeof bits);
    if ((bits & 0x7fffffffu) > 0x7f800000u)
        return 0x7fc0;
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

static inline float from_bf16(uint16_t x)
{
    const uint32_t bits = (uint32_t)x << 16;
    float value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Beside an infinite hi, lo is 0. */
static inline void split_one(uint16_t *hi, uint16_t *lo, float x)
{
    *hi = to_bf16(x);
    *lo = (*hi & 0x7f80u) == 0x7f80u ? 0 : to_bf16(x - from_bf16(*hi));
}

static void split(uint16_t *to, const float *x, int n)
{
    if (n < TW_BF16X3_CHUNK)
        memset(to, 0, TW_BF16X3_PLACE * sizeof *to);
    for (int i = 0; i < n; i++)
        split_one(to + i, to + TW_BF16X3_CHUNK + i, x[i]);
}

/* lo hi, hi hi, hi lo: in this order each product shares a pair of tiles with the one before. */
static void multiply(const tw_bf16x3_product *g)
{
    const int64_t step = TW_BF16X3_PLACE * sizeof *g->x, u_step = 64;
    const int64_t sums_step = TW_BF16X3_PANEL * sizeof *g->sums;
    const uint16_t *u = g->u;
    tile_memory memory;
    tiles t = tiles_in(&memory, g->places);

    tile_zero(t, 0);
    tile_zero(t, 1);
    tile_zero(t, 2);
    tile_zero(t, 3);
    for (int64_t chunk = 0; chunk < g->n_chunks; chunk++)
        for (int place = 0; place < 9; place++, u += QUAD) {
            const uint16_t *x = g->x + chunk * g->chunk + place / 3 * g->row +
                                (int64_t)(place % 3) * TW_BF16X3_PLACE;
            tile_load(t, 4, x + TW_BF16X3_CHUNK, step);
            tile_load(t, 5, x + g->row + TW_BF16X3_CHUNK, step);
            tile_load(t, 6, u, u_step);
            tile_load(t, 7, u + TILE, u_step);
            tile_add_product(t, 0, 4, 6);
            tile_add_product(t, 1, 4, 7);
            tile_add_product(t, 2, 5, 6);
            tile_add_product(t, 3, 5, 7);
            tile_load(t, 4, x, step);
            tile_load(t, 5, x + g->row, step);
            tile_add_product(t, 0, 4, 6);
            tile_add_product(t, 1, 4, 7);
            tile_add_product(t, 2, 5, 6);
            tile_add_product(t, 3, 5, 7);
            tile_load(t, 6, u + 2 * TILE, u_step);
            tile_load(t, 7, u + 3 * TILE, u_step);
            tile_add_product(t, 0, 4, 6);
            tile_add_product(t, 1, 4, 7);
            tile_add_product(t, 2, 5, 6);
            tile_add_product(t, 3, 5, 7);
        }
    tile_store(t, 0, g->sums, sums_step);
    tile_store(t, 1, g->sums + 16, sums_step);
    tile_store(t, 2, g->sums + TW_BF16X3_SUMS / 2, sums_step);
    tile_store(t, 3, g->sums + TW_BF16X3_SUMS / 2 + 16, sums_step);
}

/* b where one of them is NaN: as the pools of the other kernels. */
static inline float larger(float a, float b)
{
    return a > b ? a : b;
}

/* Bias and ReLU keep the order of numbers, so the pool comes first. */
static void out_place(const tw_bf16x3_out *o, float *y, const float *sums)
{
    float value[TW_BF16X3_PANEL];

    for (int k = 0; k < TW_BF16X3_PANEL; k++)
        value[k] = sums[k];
    if (o->pool)
        for (int k = 0; k < TW_BF16X3_PANEL; k++) {
            const float *below = sums + TW_BF16X3_SUMS / 2;
            value[k] = larger(larger(value[k], sums[TW_BF16X3_PANEL + k]),
                              larger(below[k], below[TW_BF16X3_PANEL + k]));
        }
    for (int k = 0; k < TW_BF16X3_PANEL; k++)
        value[k] += o->bias[k];
    if (o->relu)
        for (int k = 0; k < TW_BF16X3_PANEL; k++)
            value[k] = value[k] < 0.0f ? 0.0f : value[k];
    memcpy(y, value, (size_t)o->n * sizeof *y);
}

static void out(const tw_bf16x3_out *o)
{
    const int step = o->pool ? 2 : 1;

    for (int i = 0; i < o->rows; i++)
        for (int j = 0; j < o->columns; j++)
            out_place(o, o->y + i * o->row + j * o->pixel,
                      o->sums + i * (TW_BF16X3_SUMS / 2) + (int64_t)j * step * TW_BF16X3_PANEL);
}
