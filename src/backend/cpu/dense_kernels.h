/*
 * The arithmetic of dense_train.h, written once over vectors. A path's file defines before it
 *
 *   vec                               LANES floats
 *   enum { LANES, ROWS, VECS, FEW }   ROWS by VECS vectors of sums stay in registers; FEW, a
 *                                     divisor of TW_DENSE_SAMPLES, where there are not so many rows
 *   vec_load, vec_store               at any address
 *   vec_load_some, vec_store_some     the first n floats; others are 0, or left alone
 *   vec_all(x), vec_fma(a, b, c)      x in every lane; a * b + c
 *   vec_sqrt(x)
 *
 * Functions with a `const int` among their arguments are always inlined with a constant there.
 */
#include "backend/cpu/dense_train.h"

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

enum { DEPTH = TW_DENSE_DEPTH, COLUMNS = TW_DENSE_COLUMNS, BLOCK_ROWS = TW_DENSE_ROWS };
enum { LINE_FLOATS = 16 };

/* Lines of memory that the next block will need: asked for one by one between multiplications. */
typedef struct wishes {
    const float *list[2 * DEPTH];
    int64_t n, next;
} wishes;

/* A row of the next block, which begins at `at`. Where that is within a line, the line came with
 * the block before. An address behind the end does no harm. */
INLINE void wish(wishes *wanted, const float *at)
{
    for (int i = LINE_FLOATS; i <= COLUMNS; i += LINE_FLOATS)
        wanted->list[wanted->n++] = at + i - 1;
}

INLINE void fetch_next(wishes *wanted)
{
    if (wanted->next < wanted->n)
        __builtin_prefetch(wanted->list[wanted->next++], 0, 2);
}

/* A product of matrices: out[r][k] = sum of a[r][d] b[d][k] over depth. */
typedef struct product {
    const float *a, *b;
    int64_t b_row, depth;
    float *out;
    int64_t out_row;
    bool is_added; /* to what is there */
    wishes *wanted;
} product;

/* `rows` rows by `vecs` vectors; a's numbers lie a_row and a_depth floats apart. */
INLINE void multiply(const product *p, int64_t row, int64_t column, const int rows, const int vecs,
                     const int a_row, const int a_depth)
{
    const float *a = p->a + row * a_row, *b = p->b + column;
    float *out = p->out + row * p->out_row + column;
    vec sums[ROWS][VECS];

    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        sums[r][i] = vec_all(0.0f);
    for (int64_t d = 0; d < p->depth; d++, a += a_depth, b += p->b_row) {
        vec line[VECS];
        fetch_next(p->wanted);
        UNROLL
        for (int i = 0; i < vecs; i++)
            line[i] = vec_load(b + i * LANES);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const vec x = vec_all(a[r * a_row]);
            UNROLL
            for (int i = 0; i < vecs; i++)
                sums[r][i] = vec_fma(x, line[i], sums[r][i]);
        }
    }
    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++) {
        float *to = out + r * p->out_row + i * LANES;
        if (p->is_added)
            sums[r][i] = sums[r][i] + vec_load(to);
        vec_store(to, sums[r][i]);
    }
}

/* All columns (in whole vectors) of some rows. */
INLINE void multiply_rows(const product *p, int64_t row, int64_t columns, const int rows,
                          const int a_row, const int a_depth)
{
    int64_t column = 0;

    for (; column + VECS * LANES <= columns; column += VECS * LANES)
        multiply(p, row, column, rows, VECS, a_row, a_depth);
    for (; column < columns; column += LANES)
        multiply(p, row, column, rows, 1, a_row, a_depth);
}

/* All rows, in multiples of FEW; those that fill no register block take narrower kernels, which
 * compute alike. */
INLINE void multiply_all(const product *p, int64_t n_rows, int64_t columns, const int a_row,
                         const int a_depth)
{
    int64_t row = 0;

    for (; row + ROWS <= n_rows; row += ROWS)
        multiply_rows(p, row, columns, ROWS, a_row, a_depth);
    for (; row < n_rows; row += FEW)
        multiply_rows(p, row, columns, FEW, a_row, a_depth);
}

INLINE int64_t whole(int64_t n, const int unit)
{
    return (n + unit - 1) / unit * unit;
}

/* ---- forward */

INLINE void pack_line(float *to, const float *from, const int columns)
{
    UNROLL
    for (int i = 0; i < COLUMNS; i += LANES)
        if (columns >= i + LANES)
            vec_store(to + i, vec_load(from + i));
        else
            vec_store(to + i, vec_load_some(from + i, columns > i ? columns - i : 0));
}

static void forward(const tw_dense_panel *panel)
{
    wishes next;
    product p = {.a = panel->x,
                 .b = panel->packed,
                 .b_row = COLUMNS,
                 .depth = panel->depth,
                 .out = panel->y,
                 .out_row = panel->y_row,
                 .is_added = !panel->is_first,
                 .wanted = &next};

    next.n = next.next = 0;
    for (int d = 0; d < panel->depth; d++) {
        const float *from = panel->w + panel->rows[d] * panel->k;
        wish(&next, from + COLUMNS);
        if (panel->columns == COLUMNS)
            pack_line(panel->packed + d * COLUMNS, from, COLUMNS);
        else
            pack_line(panel->packed + d * COLUMNS, from, panel->columns);
    }
    multiply_all(&p, panel->n, COLUMNS, DEPTH, 1);
}

/* ---- backward */

/* dx of the block's rows: w's old numbers are copied, so that twelve rows of it do not meet in one
 * set of the first cache. */
static void add_data_gradient(const tw_dense_block *b, wishes *wanted)
{
    _Alignas(64) float old[BLOCK_ROWS * COLUMNS];
    product p = {.a = old,
                 .b = b->dy_t,
                 .b_row = b->n_padded,
                 .depth = b->columns,
                 .out = b->dx,
                 .out_row = b->n_padded,
                 .is_added = true,
                 .wanted = wanted};

    for (int r = 0; r < whole(b->n_rows, FEW); r++)
        if (r >= b->n_rows)
            pack_line(old + r * COLUMNS, old, 0);
        else
            pack_line(old + r * COLUMNS, b->w + b->rows[r] * b->k + b->column, b->columns);
    multiply_all(&p, whole(b->n_rows, FEW), b->n_padded, COLUMNS, 1);
}

INLINE vec get(const float *from, const int n_lanes)
{
    return n_lanes == LANES ? vec_load(from) : vec_load_some(from, n_lanes);
}

INLINE void put(float *to, vec value, const int n_lanes)
{
    if (n_lanes == LANES)
        vec_store(to, value);
    else
        vec_store_some(to, value, n_lanes);
}

INLINE vec shrink(vec w, float weight_decay, float lr)
{
    if (weight_decay > 0.0f)
        w = w - w * vec_all(weight_decay) * vec_all(lr);
    return w;
}

INLINE void update_adam(const tw_update *u, int64_t at, const float *gradient, const int n_lanes)
{
    const vec rest1 = vec_all(u->adam.one_minus_beta1), rest2 = vec_all(u->adam.one_minus_beta2);
    const vec g = vec_load(gradient);
    vec w = shrink(get(u->w + at, n_lanes), u->adam.weight_decay, u->adam.lr);
    vec m = get(u->state[0] + at, n_lanes), v = get(u->state[1] + at, n_lanes);

    m = m + (g - m) * rest1;
    v = v + (g * g - v) * rest2;
    w = w - m * vec_all(u->adam.alpha) / (vec_sqrt(v) + vec_all(u->adam.epsilon));
    put(u->state[0] + at, m, n_lanes);
    put(u->state[1] + at, v, n_lanes);
    put(u->w + at, w, n_lanes);
}

INLINE void update_sgd(const tw_update *u, int64_t at, const float *gradient, const int n_lanes)
{
    const vec lr = vec_all(u->sgd.lr), momentum = vec_all(u->sgd.momentum);
    const vec g = vec_load(gradient);
    vec w = shrink(get(u->w + at, n_lanes), u->sgd.weight_decay, u->sgd.lr);
    const vec velocity = momentum * get(u->state[0] + at, n_lanes) - lr * g;

    if (u->sgd.nesterov)
        w = w + (momentum * velocity - lr * g);
    else
        w = w + velocity;
    put(u->state[0] + at, velocity, n_lanes);
    put(u->w + at, w, n_lanes);
}

INLINE void update_lanes(const tw_update *u, int64_t at, const float *gradient, const int n_lanes)
{
    if (u->is_adam)
        update_adam(u, at, gradient, n_lanes);
    else
        update_sgd(u, at, gradient, n_lanes);
}

INLINE void update_row(const tw_update *u, int64_t at, const float *gradient, const int columns)
{
    for (int i = 0; i < columns; i += LANES)
        if (i + LANES <= columns)
            update_lanes(u, at + i, gradient + i, LANES);
        else
            update_lanes(u, at + i, gradient + i, columns - i);
}

static void list_wishes(wishes *out, const tw_dense_block *b)
{
    const tw_update *u = b->update;

    out->n = out->next = 0;
    for (int r = 0; r < b->n_rows; r++) {
        const int64_t at = b->rows[r] * b->k + b->column + COLUMNS;
        wish(out, b->w + at);
        if (u)
            wish(out, u->state[0] + at);
        if (u && u->is_adam)
            wish(out, u->state[1] + at);
    }
}

static void backward(const tw_dense_block *b)
{
    _Alignas(64) float tile[BLOCK_ROWS * COLUMNS];
    wishes next;
    product p = {.a = b->x,
                 .b = b->dy,
                 .b_row = COLUMNS,
                 .depth = b->n,
                 .out = b->gradient ? b->gradient + b->column : tile,
                 .out_row = b->gradient ? b->gradient_row : COLUMNS,
                 .wanted = &next};

    list_wishes(&next, b);
    if (b->dx)
        add_data_gradient(b, &next);
    if (!b->update && !b->gradient)
        return;
    multiply_all(&p, whole(b->n_rows, FEW), whole(b->columns, LANES), 1, BLOCK_ROWS);
    while (next.next < next.n)
        fetch_next(&next);
    for (int r = 0; b->update && r < b->n_rows; r++)
        update_row(b->update, b->rows[r] * b->k + b->column, tile + r * COLUMNS, b->columns);
}
