/*
 * The arithmetic of direct.h, written once over vectors: what winograd_kernels.h asks of a path's
 * file, which it includes before, of float32 numbers.
 */
#include "backend/cpu/direct.h"

/* As many sums in registers as the products of winograd_kernels.h have. */
enum {
    SIDE_VECS = ROWS * VECS >= 2 * TW_DIRECT_OUT ? ROWS * VECS / TW_DIRECT_OUT : 1,
    WIDE = SIDE_VECS * LANES
};

/* One row of outputs, `vecs` vectors of filters from column k on. */
INLINE void direct_row(const tw_direct_tile *tile, int row, int64_t k, const int vecs)
{
    const tw_winograd_out *out = tile->out;
    const vec floor = vec_all(out->relu ? 0.0f : -INFINITY);
    const float *u = tile->u + k * 9 * tile->c;
    float *to = out->y + row * out->row + k;
    vec sums[TW_DIRECT_OUT][SIDE_VECS];

    UNROLL
    for (int r = 0; r < TW_DIRECT_OUT; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        sums[r][i] = vec_all(0.0f);
    for (int tap = 0; tap < 9; tap++) {
        const float *x = tile->x + (row + tap / 3) * tile->row + tap % 3 * tile->pixel;
        for (int64_t c = 0; c < tile->c; c++, x++, u += vecs * LANES) {
            vec line[SIDE_VECS];
            UNROLL
            for (int i = 0; i < vecs; i++)
                line[i] = vec_load(u + i * LANES);
            UNROLL
            for (int r = 0; r < TW_DIRECT_OUT; r++) {
                const vec place = vec_all(x[r * tile->pixel]);
                UNROLL
                for (int i = 0; i < vecs; i++)
                    sums[r][i] = vec_fma(place, line[i], sums[r][i]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < TW_DIRECT_OUT; r++)
        UNROLL
    for (int i = 0; i < vecs; i++) {
        const int64_t left = out->k - k - i * LANES;
        const vec y = vec_max(floor, sums[r][i] + vec_load(out->bias + k + i * LANES));
        if (r < out->columns)
            put(to + r * out->pixel + i * LANES, y, left < LANES ? (int)left : LANES);
    }
}

static void direct(const tw_direct_tile *tile)
{
    const int64_t k_row = (tile->out->k + LANES - 1) / LANES * LANES;
    int64_t k = 0;

    for (; k + WIDE <= k_row; k += WIDE)
        for (int row = 0; row < tile->out->rows; row++)
            direct_row(tile, row, k, SIDE_VECS);
    for (; k < k_row; k += LANES)
        for (int row = 0; row < tile->out->rows; row++)
            direct_row(tile, row, k, 1);
}
