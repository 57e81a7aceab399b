/*
 * Fully connected layers in training: a layer divided into items that workers take, and what is
 * packed for the arithmetic of dense_train.h. What is packed as bfloat16 takes half of its place.
 *
 * Forward: an item is a group of columns by a stretch of rows of w; it adds up a part of y of its
 * own, 32 columns at a time, in steps of `depth` rows. Then the parts of a row of y are summed.
 * Backward: dy is packed once, as it is and transposed; an item is a stretch of rows of w, in
 * blocks of 12 by 32.
 *
 *   scratch:  | parts of y, or dy and dy transposed | a worker's | a worker's | ...
 */
#include "backend/cpu/dense_train.h"

#include "base/parallel.h"

#include <string.h>

enum {
    STRETCH = 1024,     /* forward: rows of w an item, at least, */
    MOST_ITEMS = 50,    /* ... as long as there are not more items, */
    GROUP = 1024,       /* ... by so many columns, */
    GROUP_NARROW = 128, /* ... or so many where w is one stretch */
    FEW_SAMPLES = 24,   /* up to so many samples */
    DEPTH_OF_FEW = 32,  /* ... w is read in steps of so many rows */
    TILE = 192,         /* backward: rows of w an item, */
    TILE_NARROW = 48,   /* ... or so many where w has few, */
    NARROW = 4096,      /* ... which is so many */
    PLACES = TW_DENSE_DEPTH > TILE ? TW_DENSE_DEPTH : TILE,
    MOST_STEP = 2,    /* products that a sum takes at once */
    LINE_FLOATS = 16, /* a line of memory */
    AHEAD = 4         /* samples that x is asked for ahead of its use */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t count(int64_t n, int64_t unit)
{
    return (n + unit - 1) / unit;
}

static int64_t whole(int64_t n, int64_t unit)
{
    return count(n, unit) * unit;
}

/* ---- how a layer is divided: by its shape alone */

typedef struct division {
    int64_t group, n_groups;      /* forward: columns */
    int64_t stretch, n_stretches; /* ... rows of w */
    int64_t tile, n_tiles;        /* backward */
    int64_t n_panels;             /* of TW_DENSE_COLUMNS */
    int64_t columns;              /* filled up */
    int64_t y_row; /* floats; a line more, or rows would meet in one set of the cache */
    int64_t n_steps, n_rows, n_lanes; /* samples, filled up for steps, for rows and for lanes */
    int64_t part, packed_dy;          /* floats of a part of y, of dy packed */
    int64_t shared, worker;           /* floats of scratch, as many as float32 needs */
} division;

static division divide(const tw_dense *d, int step)
{
    division v = {.n_steps = whole(d->n, step),
                  .n_rows = whole(d->n, TW_DENSE_SAMPLES),
                  .n_lanes = whole(d->n, TW_DENSE_LANES),
                  .n_panels = count(d->k, TW_DENSE_COLUMNS)};
    int64_t forward, backward;

    v.group = d->c > STRETCH ? GROUP : GROUP_NARROW;
    v.n_groups = count(d->k, v.group);
    v.n_stretches = least(count(d->c, STRETCH), count(MOST_ITEMS, v.n_groups));
    v.stretch = whole(count(d->c, v.n_stretches), TW_DENSE_DEPTH);
    v.n_stretches = count(d->c, v.stretch);
    v.tile = d->c > NARROW ? TILE : TILE_NARROW;
    v.n_tiles = count(d->c, v.tile);

    v.columns = v.n_panels * TW_DENSE_COLUMNS;
    v.y_row = v.columns + TW_DENSE_LANES;
    v.part = v.n_rows * v.y_row;
    v.packed_dy = d->n * v.columns;
    forward = v.n_stretches * v.part;
    backward = whole(v.packed_dy, TW_DENSE_LANES) + v.columns * v.n_lanes;
    v.shared = forward > backward ? forward : backward;

    forward = v.n_rows * TW_DENSE_DEPTH + TW_DENSE_DEPTH * TW_DENSE_COLUMNS;
    backward = TW_DENSE_ROWS * (whole(d->n, TW_DENSE_LANES) + v.n_lanes + v.y_row);
    v.worker = forward > backward ? forward : backward;
    return v;
}

int64_t tw_backend__dense_scratch(const tw_dense *dense)
{
    const division v = divide(dense, 1);

    return v.shared + v.worker * dense->n_workers;
}

/* One pass over a layer. */
typedef struct pass {
    const tw_dense_arithmetic *path;
    const tw_dense *d;
    division v;
    float *y;
    const float *x, *w, *b;
    const tw_dense_gradients *wanted;
    bool has_update;
    tw_update update;
} pass;

static void *scratch_of(const pass *p, int worker)
{
    return p->d->scratch + p->v.shared + worker * p->v.worker;
}

/* ---- inputs that are zero in the whole batch */

/* is_zero[j]: number first+j of all samples is 0 or -0. */
static void find_zeros(bool *is_zero, const pass *p, int64_t first, int64_t n)
{
    uint32_t bits[PLACES] = {0}, word;

    for (int64_t i = 0; i < p->d->n; i++) {
        const float *x = p->x + i * p->d->c + first;
        for (int64_t j = 0; j < n && i + AHEAD < p->d->n; j += LINE_FLOATS)
            __builtin_prefetch(x + AHEAD * p->d->c + j, 0, 3);
        for (int64_t j = 0; j < n; j++) {
            memcpy(&word, x + j, sizeof word);
            bits[j] |= word;
        }
    }
    for (int64_t j = 0; j < n; j++)
        is_zero[j] = bits[j] << 1 == 0;
}

/* ---- forward */

/* Numbers [first, first+n) of all samples, the zeros left out; returns how many there are. Rows of
 * an odd number are filled up: with zeros, which may be multiplied by any row of w. */
static int pack_x(uint8_t *to, int *rows, const pass *p, int64_t first, int64_t n)
{
    const int64_t row_bytes = TW_DENSE_DEPTH * p->path->num_bytes;
    bool is_zero[PLACES];
    float kept[TW_DENSE_DEPTH];
    int depth = 0;

    find_zeros(is_zero, p, first, n);
    for (int j = 0; j < (int)n; j++)
        if (!is_zero[j])
            rows[depth++] = j;
    for (int64_t i = 0; i < p->v.n_rows; i++, to += row_bytes) {
        const float *x = p->x + i * p->d->c + first;
        if (i >= p->d->n) {
            memset(to, 0, (size_t)row_bytes);
            continue;
        }
        for (int j = 0; j < depth && depth < n; j++)
            kept[j] = x[rows[j]];
        p->path->line_up(to, depth < n ? kept : x, depth);
    }
    for (int j = depth; depth > 0 && j % p->path->step; j++)
        rows[j] = rows[depth - 1];
    return depth;
}

static void forward_item(void *ctx, int64_t item, int worker)
{
    const pass *p = ctx;
    const int64_t stretch = item / p->v.n_groups, group = item % p->v.n_groups * p->v.group;
    const int64_t end = least((stretch + 1) * p->v.stretch, p->d->c);
    const int64_t step = p->d->n <= FEW_SAMPLES ? DEPTH_OF_FEW : TW_DENSE_DEPTH;
    const int64_t last = least(group + p->v.group, p->d->k);
    float *part = p->d->scratch + stretch * p->v.part;
    uint8_t *x = scratch_of(p, worker);
    int rows[TW_DENSE_DEPTH];
    tw_dense_panel panel = {.y_row = p->v.y_row,
                            .is_first = true,
                            .x = x,
                            .n = p->v.n_rows,
                            .k = p->d->k,
                            .rows = rows,
                            .packed = x + p->v.n_rows * TW_DENSE_DEPTH * p->path->num_bytes};

    for (int64_t c = stretch * p->v.stretch; c < end; c += step) {
        panel.depth = pack_x(x, rows, p, c, least(step, end - c));
        if (panel.depth == 0 && !panel.is_first)
            continue;
        for (int64_t column = group; column < last; column += TW_DENSE_COLUMNS) {
            panel.y = part + column;
            panel.w = p->w + c * p->d->k + column;
            panel.columns = (int)least(TW_DENSE_COLUMNS, last - column);
            p->path->forward(&panel);
        }
        panel.is_first = false;
    }
}

/* One row of y: the parts in their order, and the bias. */
static void sum_parts(void *ctx, int64_t row, int worker)
{
    const pass *p = ctx;
    const int64_t k_n = p->d->k;
    const float *part = p->d->scratch + row * p->v.y_row;
    float *y = p->y + row * k_n;

    (void)worker;
    memcpy(y, part, (size_t)k_n * sizeof *y);
    for (int64_t i = 1; i < p->v.n_stretches; i++) {
        part += p->v.part;
        for (int64_t k = 0; k < k_n; k++)
            y[k] += part[k];
    }
    for (int64_t k = 0; p->b && k < k_n; k++)
        y[k] += p->b[k];
}

void tw_backend__dense_forward(const tw_dense_arithmetic *path, const tw_dense *dense, float *y,
                               const float *x, const float *w, const float *b)
{
    pass p = {
        .path = path, .d = dense, .v = divide(dense, path->step), .y = y, .x = x, .w = w, .b = b};

    tw_parallel(dense->n_workers, p.v.n_stretches * p.v.n_groups, forward_item, &p);
    tw_parallel(dense->n_workers, dense->n, sum_parts, &p);
}

/* ---- backward: dy */

static uint8_t *packed_dy(const pass *p, int64_t panel)
{
    return (uint8_t *)p->d->scratch + panel * TW_DENSE_COLUMNS * p->v.n_steps * p->path->num_bytes;
}

static uint8_t *transposed_dy(const pass *p, int64_t panel)
{
    return (uint8_t *)(p->d->scratch + whole(p->v.packed_dy, TW_DENSE_LANES)) +
           panel * TW_DENSE_COLUMNS * p->v.n_lanes * p->path->num_bytes;
}

/* A panel's columns of sample i, zeros where there are none. */
static void take_dy(float to[TW_DENSE_COLUMNS], const pass *p, int64_t i, int64_t first)
{
    const int64_t n = i < p->d->n ? least(TW_DENSE_COLUMNS, p->d->k - first) : 0;

    memcpy(to, p->wanted->dy + (n ? i * p->d->k + first : 0), (size_t)n * sizeof *to);
    memset(to + n, 0, (size_t)(TW_DENSE_COLUMNS - n) * sizeof *to);
}

typedef float dy_block[TW_DENSE_LANES][TW_DENSE_COLUMNS];

/* The samples of a block, which begins with i, as they are. */
static void lace_dy(uint8_t *to, const pass *p, dy_block block, int64_t i)
{
    const int64_t n = least(TW_DENSE_LANES, p->v.n_steps - i), step = p->path->step;

    for (int64_t s = 0; s < n; s += step) {
        const float *from[MOST_STEP] = {block[s], block[s + step - 1]};
        p->path->lace(to + (i + s) * TW_DENSE_COLUMNS * p->path->num_bytes, from, TW_DENSE_COLUMNS);
    }
}

/* The same, a column a line. */
static void lace_columns(uint8_t *to, const pass *p, dy_block block, int64_t i)
{
    const int64_t step = p->path->step;
    float lines[MOST_STEP][TW_DENSE_LANES];
    const float *const from[MOST_STEP] = {lines[0], lines[1]};

    for (int64_t j = 0; j < TW_DENSE_COLUMNS; j += step) {
        for (int64_t s = 0; s < step; s++)
            for (int lane = 0; lane < TW_DENSE_LANES; lane++)
                lines[s][lane] = block[lane][j + s];
        p->path->lace(to + (j * p->v.n_lanes + i * step) * p->path->num_bytes, from,
                      TW_DENSE_LANES);
    }
}

static void pack_dy(void *ctx, int64_t panel, int worker)
{
    const pass *p = ctx;
    dy_block block;

    (void)worker;
    for (int64_t i = 0; i < p->v.n_lanes; i += TW_DENSE_LANES) {
        for (int lane = 0; lane < TW_DENSE_LANES; lane++)
            take_dy(block[lane], p, i + lane, panel * TW_DENSE_COLUMNS);
        lace_dy(packed_dy(p, panel), p, block, i);
        if (p->wanted->dx)
            lace_columns(transposed_dy(p, panel), p, block, i);
    }
}

/* ---- backward: a tile of w */

/* The rows of a tile that there is something to do for. */
static int list_rows(int64_t rows[TILE], const pass *p, int64_t first, int64_t n)
{
    uint8_t *touched = p->has_update ? p->update.touched : NULL;
    bool is_zero[PLACES];
    int n_rows = 0;

    if (touched)
        find_zeros(is_zero, p, first, n);
    for (int64_t j = 0; j < n; j++) {
        if (touched && !is_zero[j])
            touched[first + j] = 1;
        if (!touched || touched[first + j] || p->wanted->dx)
            rows[n_rows++] = first + j;
    }
    return n_rows;
}

/* x of a block's rows in sample i, zeros where there are none: in place where the rows are
 * neighbours. */
static const float *take_rows(float to[TW_DENSE_ROWS], const pass *p, const tw_dense_rows *b,
                              int64_t i)
{
    const float *x = p->x + i * p->d->c;
    const int n = i < p->d->n ? b->n_rows : 0;

    if (n == TW_DENSE_ROWS && b->rows[n - 1] - b->rows[0] == n - 1)
        return x + b->rows[0];
    for (int r = 0; r < n; r++)
        to[r] = x[b->rows[r]];
    memset(to + n, 0, (size_t)(TW_DENSE_ROWS - n) * sizeof *to);
    return to;
}

static void pack_rows(uint8_t *to, const pass *p, const tw_dense_rows *b)
{
    const int64_t step = p->path->step;
    float lines[MOST_STEP][TW_DENSE_ROWS];
    const float *from[MOST_STEP];

    for (int64_t i = 0; i < p->v.n_steps; i += step) {
        for (int64_t s = 0; s < step; s++)
            from[s] = take_rows(lines[s], p, b, i + s);
        p->path->lace(to + i * TW_DENSE_ROWS * p->path->num_bytes, from, TW_DENSE_ROWS);
    }
}

/* Hands over what a block of rows has made: its gradient to the sink, and its part of dx. */
static void give_rows(const pass *p, const tw_dense_rows *b)
{
    const tw_dense_gradients *g = p->wanted;
    const int64_t k_n = p->d->k, c_n = p->d->c;

    for (int r = 0; b->gradient && r < b->n_rows; r++)
        g->sink->take(g->sink->ctx, g->node, 0, b->rows[r] * k_n, k_n,
                      b->gradient + r * b->gradient_row);
    for (int64_t i = 0; b->dx && i < p->d->n; i++)
        for (int r = 0; r < b->n_rows; r++)
            g->dx[i * c_n + b->rows[r]] = b->dx[r * b->n_padded + i];
}

static void backward_item(void *ctx, int64_t item, int worker)
{
    const pass *p = ctx;
    const int64_t first = item * p->v.tile, n = least(p->v.tile, p->d->c - first);
    float *x = scratch_of(p, worker), *dx = x + TW_DENSE_ROWS * whole(p->d->n, TW_DENSE_LANES);
    int64_t rows[TILE];
    const int n_rows = list_rows(rows, p, first, n);
    tw_dense_rows block = {.n = p->d->n,
                           .n_padded = p->v.n_lanes,
                           .x = x,
                           .dy = packed_dy(p, 0),
                           .dy_t = transposed_dy(p, 0),
                           .dx = p->wanted->dx ? dx : NULL,
                           .w = p->wanted->w,
                           .k = p->d->k,
                           .update = p->has_update ? &p->update : NULL,
                           .gradient_row = p->v.y_row};

    if (p->wanted->sink && !p->has_update)
        block.gradient = dx + TW_DENSE_ROWS * p->v.n_lanes;
    for (int row = 0; row < n_rows; row += TW_DENSE_ROWS) {
        block.rows = rows + row;
        block.n_rows = (int)least(TW_DENSE_ROWS, n_rows - row);
        pack_rows((uint8_t *)x, p, &block);
        memset(dx, 0, (size_t)(TW_DENSE_ROWS * p->v.n_lanes) * sizeof *dx);
        p->path->backward(&block);
        give_rows(p, &block);
    }
}

void tw_backend__dense_backward(const tw_dense_arithmetic *path, const tw_dense *dense,
                                const tw_dense_gradients *wanted)
{
    const tw_sink *sink = wanted->sink;
    pass p = {
        .path = path, .d = dense, .v = divide(dense, path->step), .x = wanted->x, .wanted = wanted};

    p.has_update =
        sink && sink->get_update && sink->get_update(sink->ctx, wanted->node, 0, &p.update);
    tw_parallel(dense->n_workers, p.v.n_panels, pack_dy, &p);
    tw_parallel(dense->n_workers, p.v.n_tiles, backward_item, &p);
}
