/*
 * The arithmetic of winograd_train.h, written once over vectors: what winograd_kernels.h asks of a
 * path's file, which it includes before, and
 *
 *   vec_zip_low(a, b), vec_zip_high(a, b)   lanes of a and b in turn: the first half, the second
 *
 * Lines to points and back are those of winograd_train_points.h. Functions with a `const int`
 * among their arguments are always inlined with a constant there, so that the matrices dissolve.
 */
#include "backend/cpu/winograd_train.h"
#include "backend/cpu/winograd_train_points.h"

enum {
    PANEL = VECS * LANES,
    TILE = TW_TRAIN_MAX_TILE,
    OUT = TW_TRAIN_MAX_OUT,
    SOME_ROWS = ROWS > 8 ? 8 : FEW_ROWS,
    DEPTH = 64
};

/* ---- lines */

/* sum + factor * x, where a sum that is not there yet is none. */
INLINE vec add_term(vec sum, const float factor, vec x, bool *has_sum)
{
    if (factor == 0.0f)
        return sum;
    if (*has_sum)
        return add_scaled(sum, factor, x);
    *has_sum = true;
    if (factor == 1.0f)
        return x;
    return vec_all(factor) * x;
}

/* A line of n_in places to its points: `columns` is the matrix, row by row. */
INLINE void to_points(vec *out, const vec *in, const float *matrix, const int columns,
                      const int n_in, const int m)
{
    const int pairs = tw_winograd_train_points_of[m].pairs, n = m + 2;

    UNROLL
    for (int k = 0; k < pairs; k++) {
        vec even = vec_all(0.0f), odd = vec_all(0.0f);
        bool has_even = false, has_odd = false;
        UNROLL
        for (int j = 0; j < n_in; j += 2)
            even = add_term(even, matrix[k * columns + j], in[j], &has_even);
        UNROLL
        for (int j = 1; j < n_in; j += 2)
            odd = add_term(odd, matrix[k * columns + j], in[j], &has_odd);
        out[2 * k] = even + odd;
        out[2 * k + 1] = even - odd;
    }
    UNROLL
    for (int i = 2 * pairs; i < n; i++) {
        vec sum = vec_all(0.0f);
        bool has_sum = false;
        UNROLL
        for (int j = 0; j < n_in; j++)
            sum = add_term(sum, matrix[(i - pairs) * columns + j], in[j], &has_sum);
        out[i] = sum;
    }
}

/* The transpose: points to n_out places. */
INLINE void from_points(vec *out, const vec *in, const float *matrix, const int columns,
                        const int n_out, const int m)
{
    const int pairs = tw_winograd_train_points_of[m].pairs, n = m + 2;
    vec sums[TILE / 2], differences[TILE / 2];

    UNROLL
    for (int k = 0; k < pairs; k++) {
        sums[k] = in[2 * k] + in[2 * k + 1];
        differences[k] = in[2 * k] - in[2 * k + 1];
    }
    UNROLL
    for (int j = 0; j < n_out; j++) {
        const vec *parts = j % 2 ? differences : sums;
        vec sum = vec_all(0.0f);
        bool has_sum = false;
        UNROLL
        for (int k = 0; k < pairs; k++)
            sum = add_term(sum, matrix[k * columns + j], parts[k], &has_sum);
        UNROLL
        for (int i = 2 * pairs; i < n; i++)
            sum = add_term(sum, matrix[(i - pairs) * columns + j], in[i], &has_sum);
        out[j] = sum;
    }
}

#define POINTS(m, matrix) &tw_winograd_train_points_of[m].matrix[0][0]

/* ---- pictures to points */

/* LANES channels of a tile of side x side places. */
INLINE void spread(const tw_winograd_spread *tile, float *to, const float *from,
                   const float *matrix, const int columns, const int side, const int m)
{
    const int n = m + 2;
    vec half[TILE][TILE]; /* columns done: (row, column) */

    for (int j = 0; j < side; j++) {
        vec d[TILE], out[TILE];
        const bool is_there = j >= tile->left && j < tile->right;
        UNROLL
        for (int i = 0; i < side; i++)
            d[i] = is_there && i >= tile->top && i < tile->bottom
                       ? vec_load(from + i * tile->row + j * tile->pixel)
                       : vec_all(0.0f);
        to_points(out, d, matrix, columns, side, m);
        UNROLL
        for (int i = 0; i < n; i++)
            half[i][j] = out[i];
    }
    for (int i = 0; i < n; i++) {
        vec out[TILE];
        to_points(out, half[i], matrix, columns, side, m);
        UNROLL
        for (int j = 0; j < n; j++)
            vec_store(to + (i * n + j) * tile->plane, out[j]);
    }
}

INLINE void spread_all(const tw_winograd_spread *tile, const float *matrix, const int columns,
                       const int side, const int m)
{
    for (int64_t c = 0; c < tile->c; c += LANES)
        spread(tile, tile->to + c / PANEL * tile->panel + c % PANEL, tile->from + c, matrix,
               columns, side, m);
}

static void picture_in(const tw_winograd_spread *tile, int m)
{
    if (m == 4)
        spread_all(tile, POINTS(4, in), TILE, 6, 4);
    else if (m == 5)
        spread_all(tile, POINTS(5, in), TILE, 7, 5);
    else
        spread_all(tile, POINTS(7, in), TILE, 9, 7);
}

static void gradient_in(const tw_winograd_spread *tile, int m)
{
    if (m == 4)
        spread_all(tile, POINTS(4, powers), OUT, 4, 4);
    else if (m == 5)
        spread_all(tile, POINTS(5, powers), OUT, 5, 5);
    else
        spread_all(tile, POINTS(7, powers), OUT, 7, 7);
}

/* ---- kernels to points and back */

/* Row i of the whole `kernel` matrix. */
static inline void kernel_row(float row[3], int i, const int m)
{
    const tw_winograd_train_points *points = &tw_winograd_train_points_of[m];
    const bool is_pair = i < 2 * points->pairs;
    const float *from = points->kernel[is_pair ? i / 2 : i - points->pairs];

    row[0] = from[0];
    row[1] = is_pair && i % 2 ? -from[1] : from[1];
    row[2] = from[2];
}

INLINE void row_in(float *u, const float *w, int64_t n_numbers, int i, const int m)
{
    float row[3];

    kernel_row(row, i, m);
    for (int64_t at = 0; at < n_numbers; at += LANES) {
        vec half[3], out[TILE];
        UNROLL
        for (int s = 0; s < 3; s++) {
            half[s] = vec_all(row[0]) * vec_load(w + s * n_numbers + at);
            half[s] = vec_fma(vec_all(row[1]), vec_load(w + (3 + s) * n_numbers + at), half[s]);
            half[s] = vec_fma(vec_all(row[2]), vec_load(w + (6 + s) * n_numbers + at), half[s]);
        }
        to_points(out, half, POINTS(m, kernel), 3, 3, m);
        UNROLL
        for (int j = 0; j < m + 2; j++)
            vec_store(u + j * n_numbers + at, out[j]);
    }
}

static void kernel_in(float *u, const float *w, int64_t depth, int64_t width, int i, int m)
{
    if (m == 4)
        row_in(u, w, depth * width, i, 4);
    else if (m == 5)
        row_in(u, w, depth * width, i, 5);
    else
        row_in(u, w, depth * width, i, 7);
}

INLINE void row_out(const tw_winograd_gather *g, int64_t r, int64_t k, const float row[3],
                    const int m)
{
    const float *from = g->du + r * PANEL + k;
    float *to = g->dw + r * g->row + k;
    vec du[TILE], half[3];

    UNROLL
    for (int j = 0; j < m + 2; j++)
        du[j] = vec_load(from + j * PANEL * PANEL);
    from_points(half, du, POINTS(m, kernel), 3, 3, m);
    UNROLL
    for (int t = 0; t < 9; t++) {
        float *at = to + t * g->tap;
        vec sum = vec_all(row[t / 3]) * half[t % 3];
        if (!g->is_first)
            sum += vec_load(at);
        vec_store(at, sum);
    }
}

INLINE void rows_out(const tw_winograd_gather *g, int i, const int m)
{
    float row[3];

    kernel_row(row, i, m);
    for (int64_t r = 0; r < g->rows; r++)
        for (int64_t k = 0; k < g->k; k += LANES)
            row_out(g, r, k, row, m);
}

static void kernel_out(const tw_winograd_gather *g, int i, int m)
{
    if (m == 4)
        rows_out(g, i, 4);
    else if (m == 5)
        rows_out(g, i, 5);
    else
        rows_out(g, i, 7);
}

/* ---- transposing: log2(LANES) perfect shuffles */

INLINE void turn_block(float *to, int64_t to_row, const float *from, int64_t from_row)
{
    vec lines[LANES], next[LANES];

    UNROLL
    for (int i = 0; i < LANES; i++)
        lines[i] = vec_load(from + i * from_row);
    UNROLL
    for (int width = 1; width < LANES; width *= 2) {
        UNROLL
        for (int i = 0; i < LANES / 2; i++) {
            next[2 * i] = vec_zip_low(lines[i], lines[i + LANES / 2]);
            next[2 * i + 1] = vec_zip_high(lines[i], lines[i + LANES / 2]);
        }
        UNROLL
        for (int i = 0; i < LANES; i++)
            lines[i] = next[i];
    }
    UNROLL
    for (int i = 0; i < LANES; i++)
        vec_store(to + i * to_row, lines[i]);
}

static void turn(float *w, const float *from, int64_t row, int64_t depth, int64_t width)
{
    for (int64_t k = 0; k < width; k += LANES)
        for (int64_t d = 0; d < depth; d += LANES)
            turn_block(w + d * width + k, width, from + k * row + d, row);
}

/* ---- the products: a block of ROWS tiles at a time, what comes next fetched ahead */

INLINE void clear(vec sums[ROWS][VECS], const int rows, const int vecs)
{
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        sums[r][i] = vec_all(0.0f);
}

/* Adds x[r] * line to row r of the sums; x[r] lie `step` floats apart. */
INLINE void add_products(vec sums[ROWS][VECS], const float *x, const int step, const float *line,
                         const int rows, const int vecs)
{
    vec columns[VECS];

    UNROLL
    for (int i = 0; i < vecs; i++)
        columns[i] = vec_load(line + i * LANES);
    UNROLL
    for (int r = 0; r < rows; r++) {
        const vec factor = vec_all(x[r * step]);
        UNROLL
        for (int i = 0; i < vecs; i++)
            sums[r][i] = vec_fma(factor, columns[i], sums[r][i]);
    }
}

INLINE void store_sums(float *m, const vec sums[ROWS][VECS], bool is_first, const int rows,
                       const int vecs)
{
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++) {
        float *at = m + r * PANEL + i * LANES;
        if (is_first)
            vec_store(at, sums[r][i]);
        else
            vec_store(at, vec_load(at) + sums[r][i]);
    }
}

/* Sums of DEPTH channels each, then the sum of these: a fraction of the error of one long sum. */
INLINE void forth_block(const tw_winograd_forth *g, int64_t block, const int rows, const int vecs)
{
    const float *v = g->v + block * g->v_block, *u = g->u;
    vec sums[ROWS][VECS];

    for (int64_t first = 0; first < g->c; first += DEPTH) {
        const int64_t end = g->c - first < DEPTH ? g->c : first + DEPTH;
        clear(sums, rows, vecs);
        for (int64_t c = first; c < end; c += PANEL, v += g->v_panel) {
            const int64_t depth = end - c < PANEL ? end - c : PANEL;
            for (int64_t at = 0; at < depth; at++, u += vecs * LANES) {
                __builtin_prefetch(v + g->v_panel + at * ROWS);
                add_products(sums, v + at, PANEL, u, rows, vecs);
            }
        }
        store_sums(g->m + block * g->m_block, sums, first == 0, rows, vecs);
    }
}

/* The last tiles take narrower kernels, which compute alike. */
INLINE void forth_panel(const tw_winograd_forth *g, const int vecs)
{
    const int64_t whole = g->n_tiles / ROWS, left = g->n_tiles % ROWS;

    for (int64_t block = 0; block < whole; block++)
        forth_block(g, block, ROWS, vecs);
    if (left > SOME_ROWS)
        forth_block(g, whole, ROWS, vecs);
    else if (left > FEW_ROWS)
        forth_block(g, whole, SOME_ROWS, vecs);
    else if (left > 0)
        forth_block(g, whole, FEW_ROWS, vecs);
}

static void multiply_forth(const tw_winograd_forth *g)
{
    if (g->k == PANEL)
        forth_panel(g, VECS);
    else
        forth_panel(g, 1);
}

INLINE void across_rows(const tw_winograd_across *g, int64_t row, const int rows, const int vecs)
{
    const float *v_block = g->v + row, *u_block = g->u;
    vec sums[ROWS][VECS];

    clear(sums, rows, vecs);
    for (int64_t first = 0; first < g->n_tiles; first += ROWS) {
        const int64_t n = g->n_tiles - first < ROWS ? g->n_tiles - first : ROWS;
        const float *v = v_block, *u = u_block;
        v_block += g->v_block;
        u_block += g->u_block;
        for (int64_t t = 0; t < n; t++, v += PANEL, u += PANEL) {
            __builtin_prefetch(v_block + t * PANEL);
            __builtin_prefetch(u_block + t * PANEL);
            __builtin_prefetch(u_block + t * PANEL + LANES);
            add_products(sums, v, 1, u, rows, vecs);
        }
    }
    store_sums(g->m + row * PANEL, sums, true, rows, vecs);
}

INLINE void across_panel(const tw_winograd_across *g, const int vecs)
{
    int64_t row = 0;

    for (; row + ROWS <= g->rows; row += ROWS)
        across_rows(g, row, ROWS, vecs);
    for (; row + SOME_ROWS <= g->rows; row += SOME_ROWS)
        across_rows(g, row, SOME_ROWS, vecs);
    for (; row < g->rows; row += FEW_ROWS)
        across_rows(g, row, FEW_ROWS, vecs);
}

static void multiply_across(const tw_winograd_across *g)
{
    if (g->k == PANEL)
        across_panel(g, VECS);
    else
        across_panel(g, 1);
}

/* ---- points to outputs */

INLINE void tile_from_points(const tw_winograd_out *tile, int64_t k, const int m)
{
    const int n = m + 2;
    const vec bias = vec_load(tile->bias + k), floor = vec_all(tile->relu ? 0.0f : -INFINITY);
    vec half[OUT][TILE]; /* columns done: (row, column) */

    for (int j = 0; j < n; j++) {
        const float *from = tile->m + j * tile->plane + k;
        vec d[TILE], y[OUT];
        UNROLL
        for (int i = 0; i < n; i++)
            d[i] = vec_load(from + i * n * tile->plane);
        from_points(y, d, POINTS(m, powers), OUT, m, m);
        UNROLL
        for (int i = 0; i < m; i++)
            half[i][j] = y[i];
    }
    for (int i = 0; i < tile->rows; i++) {
        float *to = tile->y + i * tile->row + k;
        vec y[OUT];
        from_points(y, half[i], POINTS(m, powers), OUT, m, m);
        UNROLL
        for (int j = 0; j < m; j++)
            if (j < tile->columns)
                vec_store(to + j * tile->pixel, vec_max(floor, y[j] + bias));
    }
}

static void out(const tw_winograd_out *tile, int m)
{
    for (int64_t k = 0; k < tile->k; k += LANES)
        if (m == 4)
            tile_from_points(tile, k, 4);
        else if (m == 5)
            tile_from_points(tile, k, 5);
        else
            tile_from_points(tile, k, 7);
}
