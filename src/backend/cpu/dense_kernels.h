/*
 * The arithmetic of dense_train.h, written once over vectors. A path's file defines before it
 *
 *   vec                               LANES floats
 *   enum { LANES, ROWS, VECS, FEW }   ROWS by VECS vectors of sums stay in registers; FEW, a
 *                                     divisor of TW_DENSE_SAMPLES, where there are not so many rows
 *   enum { MIXES }                    1: enough registers are left to update between products
 *   vec_load, vec_store               at any address
 *   vec_load_some, vec_store_some     the first n floats; others are 0, or left alone
 *   vec_all(x), vec_fma(a, b, c)      x in every lane; a * b + c
 *   vec_sqrt(x)
 *   num, STEP                         what is multiplied; so many products of a sum go together
 *   num_store(to, x)                  LANES numbers
 *   nums, nums_load, nums_store       LANES by STEP of them
 *   nums_of(rows)                     of STEP vectors, the same lane's side by side
 *   nums_all(from)                    the same STEP numbers in every lane
 *   nums_fma(a, b, c)                 each lane's sum of STEP products, added to c
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
enum { LINE_FLOATS = 16, FAR = 2 * COLUMNS };

/* Lines of memory that the next block will need: asked for one by one between multiplications, and
 * with each the one that lies FAR behind it, into the second cache: memory takes longer to answer
 * than a block takes, and the first cache can wait for few lines at once. */
typedef struct wishes {
    const float *list[2 * DEPTH];
    int64_t n, next;
    int64_t steps, credit; /* steps of sums to spread them over; n for each that was made */
} wishes;

/* A row of the next block, which begins at `at`. Where that is within a line, the line came with
 * the block before. An address behind the end does no harm. */
INLINE void wish(wishes *wanted, const float *at)
{
    for (int i = LINE_FLOATS; i <= COLUMNS; i += LINE_FLOATS)
        wanted->list[wanted->n++] = at + i - 1;
}

INLINE void fetch_some(wishes *wanted)
{
    for (wanted->credit += wanted->n; wanted->credit > 0 && wanted->next < wanted->n;
         wanted->credit -= wanted->steps) {
        const float *line = wanted->list[wanted->next++];
        __builtin_prefetch(line + FAR, 0, 2);
        __builtin_prefetch(line, 0, 3);
    }
}

/* ---- updates */

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

/* A block's gradient that waits for its update. */
typedef struct waiting {
    const tw_update *update;
    const float *tile;      /* (BLOCK_ROWS, COLUMNS) */
    int64_t at[BLOCK_ROWS]; /* each row's first number */
    int columns;
    int n, next; /* vectors, a row after the other */
} waiting;

enum { ROW_VECS = COLUMNS / LANES, PANEL_VECS = ROW_VECS / VECS };

INLINE void update_next(waiting *w)
{
    const int row = w->next / ROW_VECS, i = w->next % ROW_VECS * LANES;

    update_lanes(w->update, w->at[row] + i, w->tile + row * COLUMNS + i, LANES);
    w->next++;
}

/* All that is left of it. */
INLINE void update_rest(waiting *w)
{
    for (; w->next < w->n; w->next++) {
        const int row = w->next / ROW_VECS, i = w->next % ROW_VECS * LANES;
        const float *gradient = w->tile + row * COLUMNS + i;
        if (i + LANES <= w->columns)
            update_lanes(w->update, w->at[row] + i, gradient, LANES);
        else if (i < w->columns)
            update_lanes(w->update, w->at[row] + i, gradient, w->columns - i);
    }
}

/* ---- products */

/* A product of matrices: out[r][k] = sum of a[r][d] b[d][k] over depth, STEP d at a time. */
typedef struct product {
    const num *a, *b; /* b (depth, columns, STEP) */
    int64_t b_row, depth;
    float *out;
    int64_t out_row;
    bool is_added; /* to what is there */
    wishes *wanted;
    waiting *waits;              /* to be updated between multiplications; NULL: nothing */
    const tw_dense_panel *packs; /* b is still to be packed from this one */
} product;

/* What `multiply` does beside its sums. */
enum { ALONE, MIXED, PACKING };

/* Vectors of STEP rows of w, of their first n lanes; put where b has them from now on. */
INLINE nums pack_some(const tw_dense_panel *from, int64_t d, int64_t column, const int n)
{
    vec rows[STEP];
    nums line;

    UNROLL
    for (int s = 0; s < STEP; s++)
        rows[s] = get(from->w + from->rows[d * STEP + s] * from->k + column, n);
    line = nums_of(rows);
    nums_store((num *)from->packed + (d * COLUMNS + column) * STEP, line);
    return line;
}

/* `rows` rows by `vecs` vectors; a's numbers lie a_row and a_depth apart. */
INLINE void multiply(const product *p, int64_t row, int64_t column, const int rows, const int vecs,
                     const int a_row, const int a_depth, const int beside)
{
    const num *a = p->a + row * a_row, *b = p->b + column * STEP;
    float *out = p->out + row * p->out_row + column;
    int64_t updated = 0; /* vectors, in units of 1 / depth */
    vec sums[ROWS][VECS];

    UNROLL
    for (int r = 0; r < rows; r++)
        UNROLL
    for (int i = 0; i < vecs; i++)
        sums[r][i] = vec_all(0.0f);
    for (int64_t d = 0; d < p->depth; d++, a += a_depth, b += p->b_row) {
        nums line[VECS];
        if (p->wanted->next < p->wanted->n)
            fetch_some(p->wanted);
        if (beside == MIXED)
            for (updated += p->waits->n; updated >= p->depth && p->waits->next < p->waits->n;
                 updated -= p->depth)
                update_next(p->waits);
        UNROLL
        for (int i = 0; i < vecs; i++)
            line[i] = beside == PACKING ? pack_some(p->packs, d, column + i * LANES, LANES)
                                        : nums_load(b + i * LANES * STEP);
        UNROLL
        for (int r = 0; r < rows; r++) {
            const nums x = nums_all(a + r * a_row);
            UNROLL
            for (int i = 0; i < vecs; i++)
                sums[r][i] = nums_fma(x, line[i], sums[r][i]);
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
                          const int a_row, const int a_depth, const int beside)
{
    int64_t column = 0;

    for (; column + VECS * LANES <= columns; column += VECS * LANES)
        multiply(p, row, column, rows, VECS, a_row, a_depth, beside);
    for (; column < columns; column += LANES)
        multiply(p, row, column, rows, 1, a_row, a_depth, ALONE);
}

/* All rows, in multiples of FEW; those that fill no register block take narrower kernels, which
 * compute alike. */
INLINE void multiply_all(const product *p, int64_t row, int64_t n_rows, int64_t columns,
                         const int a_row, const int a_depth, const int beside)
{
    for (; row + ROWS <= n_rows; row += ROWS)
        multiply_rows(p, row, columns, ROWS, a_row, a_depth, beside);
    for (; row < n_rows; row += FEW)
        multiply_rows(p, row, columns, FEW, a_row, a_depth, ALONE);
}

INLINE int64_t count(int64_t n, const int unit)
{
    return (n + unit - 1) / unit;
}

INLINE int64_t whole(int64_t n, const int unit)
{
    return count(n, unit) * unit;
}

/* ---- packing */

static void line_up(void *to, const float *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES)
        num_store((num *)to + i,
                  i + LANES <= n ? vec_load(from + i) : vec_load_some(from + i, (int)(n - i)));
}

static void lace(void *to, const float *const *from, int64_t n)
{
    for (int64_t i = 0; i < n; i += LANES) {
        const int n_lanes = n - i < LANES ? (int)(n - i) : LANES;
        vec rows[STEP];
        UNROLL
        for (int s = 0; s < STEP; s++)
            rows[s] = vec_load_some(from[s] + i, n_lanes);
        nums_store((num *)to + i * STEP, nums_of(rows));
    }
}

/* ---- forward */

/* A panel of fewer columns than there are places. */
static void pack_narrow(const tw_dense_panel *panel)
{
    for (int64_t d = 0; d < count(panel->depth, STEP); d++)
        for (int i = 0; i < COLUMNS; i += LANES) {
            const int left = panel->columns - i;
            pack_some(panel, d, i, left > LANES ? LANES : left > 0 ? left : 0);
        }
}

/* The first rows of y, and on the way the panel is packed; returns how many they are. */
INLINE int64_t multiply_first(const product *p, int64_t n)
{
    if (n >= ROWS) {
        multiply_rows(p, 0, COLUMNS, ROWS, DEPTH, STEP, PACKING);
        return ROWS;
    }
    multiply_rows(p, 0, COLUMNS, FEW, DEPTH, STEP, PACKING);
    return FEW;
}

static void forward(const tw_dense_panel *panel)
{
    wishes next;
    product p = {.a = panel->x,
                 .b = panel->packed,
                 .b_row = COLUMNS * STEP,
                 .depth = count(panel->depth, STEP),
                 .out = panel->y,
                 .out_row = panel->y_row,
                 .is_added = !panel->is_first,
                 .wanted = &next,
                 .packs = panel};
    int64_t row = 0;

    next.n = next.next = next.credit = 0;
    next.steps = p.depth * count(panel->n, ROWS) * PANEL_VECS;
    for (int d = 0; d < panel->depth; d++)
        wish(&next, panel->w + panel->rows[d] * panel->k + COLUMNS);
    if (panel->columns == COLUMNS)
        row = multiply_first(&p, panel->n);
    else
        pack_narrow(panel);
    multiply_all(&p, row, panel->n, COLUMNS, DEPTH, STEP, ALONE);
}

/* ---- backward */

/* One panel of some rows. */
typedef struct block {
    const tw_dense_rows *rows;
    const num *dy, *dy_t;
    int64_t column;
    int columns;
    wishes wanted;
    waiting waits;
} block;

/* dx of the block's rows: w's old numbers are copied, so that twelve rows of it do not meet in one
 * set of the first cache. */
INLINE void add_data_gradient(block *b)
{
    const tw_dense_rows *r = b->rows;
    _Alignas(64) num old[BLOCK_ROWS * COLUMNS] = {0};
    product p = {.a = old,
                 .b = b->dy_t,
                 .b_row = r->n_padded * STEP,
                 .depth = count(b->columns, STEP),
                 .out = r->dx,
                 .out_row = r->n_padded,
                 .is_added = true,
                 .wanted = &b->wanted};

    for (int i = 0; i < r->n_rows; i++)
        line_up(old + i * COLUMNS, r->w + r->rows[i] * r->k + b->column, b->columns);
    multiply_all(&p, 0, whole(r->n_rows, FEW), r->n_padded, COLUMNS, STEP, ALONE);
}

/* The state is needed when this block is updated, w already where the next one makes dx. */
INLINE void list_wishes(block *b)
{
    const tw_dense_rows *r = b->rows;

    b->wanted.n = b->wanted.next = b->wanted.credit = 0;
    b->wanted.steps = r->dx ? count(b->columns, STEP) * count(r->n_padded, VECS * LANES) : 0;
    b->wanted.steps += count(r->n, STEP);
    b->wanted.steps *= count(r->n_rows, ROWS);
    for (int i = 0; i < r->n_rows; i++) {
        const int64_t at = r->rows[i] * r->k + b->column;
        wish(&b->wanted, r->w + at + (r->dx ? COLUMNS : 0));
        if (r->update)
            wish(&b->wanted, r->update->state[0] + at);
        if (r->update && r->update->is_adam)
            wish(&b->wanted, r->update->state[1] + at);
    }
}

/* dw of the block to `out`, and meanwhile the update of the one before. */
INLINE void make_weight_gradient(block *b, float *out, int64_t out_row)
{
    const tw_dense_rows *r = b->rows;
    product p = {.a = r->x,
                 .b = b->dy,
                 .b_row = COLUMNS * STEP,
                 .depth = count(r->n, STEP),
                 .out = out,
                 .out_row = out_row,
                 .wanted = &b->wanted,
                 .waits = &b->waits};

    multiply_all(&p, 0, whole(r->n_rows, FEW), whole(b->columns, LANES), STEP, BLOCK_ROWS * STEP,
                 MIXES ? MIXED : ALONE);
    update_rest(&b->waits);
}

/* The block's gradient waits from now on. */
INLINE void let_wait(block *b, const float *tile)
{
    const tw_dense_rows *r = b->rows;

    b->waits.update = r->update;
    b->waits.tile = tile;
    for (int i = 0; i < r->n_rows; i++)
        b->waits.at[i] = r->rows[i] * r->k + b->column;
    b->waits.columns = b->columns;
    b->waits.next = 0;
    b->waits.n = r->n_rows * ROW_VECS;
}

static void backward(const tw_dense_rows *rows)
{
    _Alignas(64) float tiles[2][BLOCK_ROWS * COLUMNS];
    block b = {.rows = rows, .dy = rows->dy, .dy_t = rows->dy_t};
    int turn = 0;

    for (; b.column < rows->k; b.column += COLUMNS, turn ^= 1) {
        b.columns = (int)(rows->k - b.column < COLUMNS ? rows->k - b.column : COLUMNS);
        list_wishes(&b);
        if (rows->dx)
            add_data_gradient(&b);
        if (rows->gradient)
            make_weight_gradient(&b, rows->gradient + b.column, rows->gradient_row);
        else if (rows->update)
            make_weight_gradient(&b, tiles[turn], COLUMNS);
        if (rows->update)
            let_wait(&b, tiles[turn]);
        b.dy += whole(rows->n, STEP) * COLUMNS;
        b.dy_t += rows->n_padded * COLUMNS;
    }
    update_rest(&b.waits);
}
