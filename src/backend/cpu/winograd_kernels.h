/*
 * The arithmetic of winograd.h, written once over vectors. A path's file defines before it
 *
 *   vec                               LANES floats
 *   enum { LANES, ROWS, VECS }        ROWS tiles by VECS vectors of sums stay in registers
 *   vec_load, vec_store               at any address
 *   vec_load_some, vec_store_some     the first n floats; others are 0, or left alone
 *   vec_all(x), vec_fma(a, b, c)      x in every lane; a * b + c
 *   vec_max(a, b)                     b where one of them is NaN
 *   num, STEP                         of V and U, of so many channels that go together
 *   num_store(to, x)                  LANES numbers
 *   nums, nums_load                   LANES by STEP of them
 *   nums_all(from)                    the same STEP numbers in every lane
 *   nums_fma(a, b, c)                 each lane's sum of STEP products, added to c
 *
 * Functions with a `const int` among their arguments are always inlined with a constant there.
 */
#include "backend/cpu/winograd.h"
#include "backend/cpu/winograd_points.h"

#include <math.h>

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum {
    MAX_TILE = TW_WINOGRAD_MAX_TILE,
    MAX_OUT = MAX_TILE - 2,
    FEW_ROWS = TW_WINOGRAD_SPARE + 1,
    CACHE_LINE = 64
};

/* sum + factor * x; the factor is a constant, and 1 and -1 cost no multiplication. */
INLINE vec add_scaled(vec sum, const float factor, vec x)
{
    if (factor == 1.0f)
        return sum + x;
    if (factor == -1.0f)
        return sum - x;
    return vec_fma(vec_all(factor), x, sum);
}

/* A tile of m outputs a line has the point 0 where m is even, and so many pairs of points. */
INLINE int has_zero(const int m)
{
    return m % 2 == 0;
}

INLINE int pairs_of(const int m)
{
    return (m + 1) / 2;
}

/* ---- in: one line of m + 2 vectors */

/* A polynomial of x^2 times d: n coefficients, and the leading 1 behind them. */
INLINE vec apply(const vec *d, const float *coefficients, const int n)
{
    vec sum = d[2 * n];

    UNROLL
    for (int i = 0; i < n; i++)
        sum = add_scaled(sum, coefficients[i], d[2 * i]);
    return sum;
}

INLINE void line_in(vec out[MAX_TILE], const vec d[MAX_TILE], const int m)
{
    const tw_winograd_points *p = &tw_winograd_points_of[m];
    const int pairs = pairs_of(m), zero = has_zero(m);

    if (zero)
        out[0] = apply(d, p->all, pairs);
    UNROLL
    for (int k = 0; k < pairs; k++) {
        const vec low = apply(d + zero, p->others[k], pairs - 1),
                  high = apply(d + zero + 1, p->others[k], pairs - 1);
        out[zero + 2 * k] = add_scaled(high, p->power[k][1], low);
        out[zero + 2 * k + 1] = add_scaled(high, -p->power[k][1], low);
    }
    out[m + 1] = apply(d + zero, p->all, pairs);
}

/* LANES channels of a tile, of which n_lanes are there. */
INLINE void tile_in(const tw_winograd_in *tile, int64_t c, const int n_lanes, const int m)
{
    const int n = m + 2;
    vec half[MAX_TILE][MAX_TILE]; /* columns done: (row, column) */

    for (int j = 0; j < n; j++) {
        const float *from = tile->x + j * tile->pixel + c;
        vec d[MAX_TILE], out[MAX_TILE];
        UNROLL
        for (int i = 0; i < n; i++)
            d[i] = n_lanes == LANES ? vec_load(from + i * tile->row)
                                    : vec_load_some(from + i * tile->row, n_lanes);
        if (j >= 2) /* what the next tile reads here; the first two columns it has from this one */
            UNROLL
        for (int i = 0; i < n; i++)
            __builtin_prefetch(from + i * tile->row + m * tile->pixel);
        line_in(out, d, m);
        UNROLL
        for (int i = 0; i < n; i++)
            half[i][j] = out[i];
    }
    for (int i = 0; i < n; i++) {
        num *to = (num *)tile->v + i * n * tile->plane + c;
        vec out[MAX_TILE];
        line_in(out, half[i], m);
        UNROLL
        for (int j = 0; j < n; j++)
            num_store(to + j * tile->plane, out[j]);
    }
}

INLINE void channels_in(const tw_winograd_in *tile, const int m)
{
    const int64_t whole = tile->c / LANES * LANES;

    for (int64_t c = 0; c < whole; c += LANES)
        tile_in(tile, c, LANES, m);
    if (whole < tile->c)
        tile_in(tile, whole, (int)(tile->c - whole), m);
}

static void transform_in(const tw_winograd_in *tile, int m)
{
    if (m == 2)
        channels_in(tile, 2);
    else if (m == 4)
        channels_in(tile, 4);
    else if (m == 5)
        channels_in(tile, 5);
    else
        channels_in(tile, 6);
}

/* ---- the products */

/* Waiting for a row costs more than fetching it while there is arithmetic to do. */
INLINE void fetch_row(tw_winograd_ahead *ahead)
{
    if (ahead->next == ahead->n)
        return;
    for (int64_t at = 0; at < ahead->bytes; at += CACHE_LINE)
        __builtin_prefetch(ahead->rows[ahead->next] + at, 0, 2);
    ahead->next++;
}

INLINE void multiply_rows(const tw_winograd_product *g, int64_t tile, int64_t column,
                          const int rows, const int vecs)
{
    const num *v = (const num *)g->v + tile * g->v_row;
    const num *u = (const num *)g->u + column * g->c;
    float *m = g->m + tile * g->m_row + column;
    vec sums[ROWS][VECS];

    fetch_row(g->ahead);
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        sums[r][i] = vec_all(0.0f);
    for (int64_t c = 0; c < g->c; c += STEP, u += vecs * LANES * STEP) {
        nums line[VECS];
        UNROLL
        for (int i = 0; i < vecs; i++)
            line[i] = nums_load(u + i * LANES * STEP);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const nums x = nums_all(v + r * g->v_row + c);
            UNROLL
            for (int i = 0; i < vecs; i++)
                sums[r][i] = nums_fma(x, line[i], sums[r][i]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        vec_store(m + r * g->m_row + i * LANES, sums[r][i]);
}

/* A panel of U against all tiles. A few last tiles take narrower kernels, which compute alike. */
INLINE void multiply_panel(const tw_winograd_product *g, int64_t column, const int vecs)
{
    int64_t tile = 0;

    for (; tile + ROWS <= g->n_tiles; tile += ROWS)
        multiply_rows(g, tile, column, ROWS, vecs);
    for (; tile < g->n_tiles; tile += FEW_ROWS)
        multiply_rows(g, tile, column, FEW_ROWS, vecs);
}

static void multiply(const tw_winograd_product *g)
{
    int64_t column = 0;

    for (; column + VECS * LANES <= g->k; column += VECS * LANES)
        multiply_panel(g, column, VECS);
    for (; column < g->k; column += LANES)
        multiply_panel(g, column, 1);
}

/* ---- out: one line of m + 2 vectors to m */

INLINE void line_out(vec y[MAX_OUT], const vec x[MAX_TILE], const int m)
{
    const tw_winograd_points *p = &tw_winograd_points_of[m];
    const int pairs = pairs_of(m), zero = has_zero(m);
    vec sums[TW_WINOGRAD_MAX_PAIRS], differences[TW_WINOGRAD_MAX_PAIRS];

    UNROLL
    for (int k = 0; k < pairs; k++) {
        sums[k] = x[zero + 2 * k] + x[zero + 2 * k + 1];
        differences[k] = x[zero + 2 * k] - x[zero + 2 * k + 1];
    }
    UNROLL
    for (int j = 0; j < m; j++) {
        const vec *parts = j % 2 ? differences : sums;
        const bool is_end = (zero && j == 0) || j == m - 1;
        vec sum = x[j == 0 ? 0 : m + 1];
        if (!is_end)
            sum = vec_all(p->power[0][j]) * parts[0];
        UNROLL
        for (int k = is_end ? 0 : 1; k < pairs; k++)
            sum = add_scaled(sum, p->power[k][j], parts[k]);
        y[j] = sum;
    }
}

INLINE void put(float *to, vec value, const int n_lanes)
{
    if (n_lanes == LANES)
        vec_store(to, value);
    else
        vec_store_some(to, value, n_lanes);
}

/* Bias, ReLU, and into the picture: one row of outputs, as many as lie in it. */
INLINE void store_row(const tw_winograd_out *tile, int row, const vec *y, const int n, int64_t k,
                      const int n_lanes)
{
    const vec bias = vec_load(tile->bias + k), floor = vec_all(tile->relu ? 0.0f : -INFINITY);
    float *to = tile->y + row * tile->row + k;

    if (row >= tile->rows)
        return;
    UNROLL
    for (int j = 0; j < n; j++)
        if (j < tile->columns)
            put(to + j * tile->pixel, vec_max(floor, y[j] + bias), n_lanes);
}

/* Two rows of outputs, or the one of their largest: bias and ReLU keep the order, so they wait. */
INLINE void store_rows(const tw_winograd_out *tile, int i, vec upper[MAX_OUT],
                       const vec lower[MAX_OUT], int64_t k, const int n_lanes, const int m)
{
    if (!tile->pool) {
        store_row(tile, i, upper, m, k, n_lanes);
        if (i + 1 < m)
            store_row(tile, i + 1, lower, m, k, n_lanes);
        return;
    }
    UNROLL
    for (int j = 0; j < m / 2; j++)
        upper[j] = vec_max(vec_max(upper[2 * j], upper[2 * j + 1]),
                           vec_max(lower[2 * j], lower[2 * j + 1]));
    store_row(tile, i / 2, upper, m / 2, k, n_lanes);
}

INLINE void tile_out(const tw_winograd_out *tile, int64_t k, const int n_lanes, const int m)
{
    const int n = m + 2;
    vec half[MAX_OUT][MAX_TILE]; /* columns done: (row, column) */

    for (int j = 0; j < n; j++) {
        const float *from = tile->m + j * tile->plane + k;
        vec d[MAX_TILE], y[MAX_OUT];
        UNROLL
        for (int i = 0; i < n; i++)
            d[i] = vec_load(from + i * n * tile->plane);
        line_out(y, d, m);
        UNROLL
        for (int i = 0; i < m; i++)
            half[i][j] = y[i];
    }
    for (int i = 0; i < m; i += 2) {
        vec upper[MAX_OUT], lower[MAX_OUT];
        line_out(upper, half[i], m);
        if (i + 1 < m)
            line_out(lower, half[i + 1], m);
        store_rows(tile, i, upper, lower, k, n_lanes, m);
    }
}

INLINE void filters_out(const tw_winograd_out *tile, const int m)
{
    const int64_t whole = tile->k / LANES * LANES;

    for (int64_t k = 0; k < whole; k += LANES)
        tile_out(tile, k, LANES, m);
    if (whole < tile->k)
        tile_out(tile, whole, (int)(tile->k - whole), m);
}

static void transform_out(const tw_winograd_out *tile, int m)
{
    if (m == 2)
        filters_out(tile, 2);
    else if (m == 4)
        filters_out(tile, 4);
    else if (m == 5)
        filters_out(tile, 5);
    else
        filters_out(tile, 6);
}
