/*
 * Dense layers over oneDNN's sgemm, the kernel in place as (in,out) row-major. N rows, C inputs,
 * K units; tiles are fixed by the shape, and each call of sgemm runs on one thread, so no number
 * depends on how many workers there are.
 *
 * Forward:  y (N,K), in column tiles; each takes the rows of w in chunks of fixed length.
 * Backward: dx (N,C), in tiles of rows of w; dw (C,K), in tiles of its rows, each made in a
 *           worker's scratch (it fits L2) and handed to the sink before the next one.
 *
 * On the AVX2 path sgemm rounds the last few rows of a matrix in another way than the others (they
 * fill no register block of 6 rows). An inference plan, where a row's bits must not depend on its
 * place, hands it full groups of rows only; the last group reaches back over rows that are done.
 */
#include "backend/cpu/cpu_int.h"

#include "base/parallel.h"

#include <string.h>

enum {
    TILE_COLUMNS = 128,      /* training forward: columns of y a tile */
    TILE_ROWS = 256,         /* ... and rows, */
    TILE_ROWS_NARROW = 32,   /* where K fits two tiles */
    CHUNK = 1024,            /* ... and rows of w a call */
    TILE_INPUTS = 128,       /* backward_data: rows of w a tile */
    TILE_GRADIENT = 65536,   /* backward_weights: floats a tile, */
    TILE_GRADIENT_ROWS = 16, /* ... a multiple of so many rows */
    TILE_GRADIENT_MAX = 128, /* ... and at most so many */
    PANEL = 512,             /* inference: columns of y a tile, rows of w a call */
    GROUP = 48,              /* rows a call of the AVX2 path, */
    GROUP_UNIT = 6           /* ... which needs multiples of so many */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t n_tiles(int64_t n, int64_t tile)
{
    return (n + tile - 1) / tile;
}

/* All sizes and leading dimensions are in range for oneDNN; it cannot refuse. */
static void sgemm(char transpose_a, char transpose_b, const int64_t size[3], const float *a,
                  int64_t lda, const float *b, int64_t ldb, float beta, float *c, int64_t ldc)
{
    (void)dnnl_sgemm(transpose_a, transpose_b, size[0], size[1], size[2], 1.0f, a, lda, b, ldb,
                     beta, c, ldc);
}

static void add_bias(float *y, const float *b, int64_t rows, int64_t columns, int64_t stride)
{
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = 0; i < columns; i++)
            y[row * stride + i] += b[i];
}

/* ---- training */

typedef struct job {
    const float *x, *w, *b, *dy;
    float *y, *dx, *scratch;
    int64_t n, c, k;
    int64_t tile_rows;
    const tw_sink *sink;
    int node;
} job;

static int64_t forward_rows(int64_t k)
{
    return k <= 2 * TILE_COLUMNS ? TILE_ROWS_NARROW : TILE_ROWS;
}

static void forward_tile(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    int64_t n_down = n_tiles(j->n, j->tile_rows);
    int64_t row = item % n_down * j->tile_rows, column = item / n_down * TILE_COLUMNS;
    int64_t rows = least(j->tile_rows, j->n - row), columns = least(TILE_COLUMNS, j->k - column);
    float *y = j->y + row * j->k + column;

    (void)worker;
    for (int64_t c = 0; c < j->c; c += CHUNK) {
        int64_t size[3] = {rows, columns, least(CHUNK, j->c - c)};
        sgemm('N', 'N', size, j->x + row * j->c + c, j->c, j->w + c * j->k + column, j->k,
              c > 0 ? 1.0f : 0.0f, y, j->k);
    }
    if (j->b)
        add_bias(y, j->b + column, rows, columns, j->k);
}

static void forward(float *y, const float *x, const float *w, const float *b, int64_t n, int64_t c,
                    int64_t k, int n_workers)
{
    job j = {.x = x, .w = w, .b = b, .y = y, .n = n, .c = c, .k = k, .tile_rows = forward_rows(k)};

    tw_parallel(n_workers, n_tiles(n, j.tile_rows) * n_tiles(k, TILE_COLUMNS), forward_tile, &j);
}

static void backward_data_tile(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    int64_t c = item * TILE_INPUTS;
    int64_t size[3] = {j->n, least(TILE_INPUTS, j->c - c), j->k};

    (void)worker;
    sgemm('N', 'T', size, j->dy, j->k, j->w + c * j->k, j->k, 0.0f, j->dx + c, j->c);
}

static void backward_data(float *dx, const float *dy, const float *w, int64_t n, int64_t c,
                          int64_t k, int n_workers)
{
    job j = {.w = w, .dy = dy, .dx = dx, .n = n, .c = c, .k = k};

    tw_parallel(n_workers, n_tiles(c, TILE_INPUTS), backward_data_tile, &j);
}

static int64_t gradient_rows(int64_t c, int64_t k)
{
    int64_t rows = TILE_GRADIENT / k / TILE_GRADIENT_ROWS * TILE_GRADIENT_ROWS;

    rows = least(rows > 0 ? rows : TILE_GRADIENT_ROWS, TILE_GRADIENT_MAX);
    return least(rows, c);
}

/* Floats between two workers' scratches: whole cache lines. */
static int64_t gradient_stride(int64_t c, int64_t k)
{
    return n_tiles(gradient_rows(c, k) * k, 16) * 16;
}

static int64_t scratch_size(int64_t c, int64_t k, int n_workers)
{
    return gradient_stride(c, k) * n_workers;
}

static void backward_weights_tile(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    int64_t row = item * j->tile_rows;
    int64_t size[3] = {least(j->tile_rows, j->c - row), j->k, j->n};
    float *tile = j->scratch + worker * gradient_stride(j->c, j->k);

    sgemm('T', 'N', size, j->x + row, j->c, j->dy, j->k, 0.0f, tile, j->k);
    j->sink->take(j->sink->ctx, j->node, 0, row * j->k, size[0] * j->k, tile);
}

static void backward_weights(const tw_sink *sink, int node, const float *x, const float *dy,
                             int64_t n, int64_t c, int64_t k, int n_workers, float *scratch)
{
    job j = {.x = x, .dy = dy, .n = n, .c = c, .k = k, .tile_rows = gradient_rows(c, k)};

    j.sink = sink;
    j.node = node;
    j.scratch = scratch;
    tw_parallel(n_workers, n_tiles(c, j.tile_rows), backward_weights_tile, &j);
}

const tw_dense_kernels tw_backend__cpu_dense_kernels = {forward, backward_data, backward_weights,
                                                        scratch_size};

/* ---- inference */

/* One layer on one piece. Scratch: a panel of w where w lies at an address that is no float's, and
 * where there are fewer rows than a group, such rows of x and y. */
typedef struct piece {
    const float *x, *b;
    const char *w; /* (C,K), any address */
    float *y;
    int64_t rows, c, k;
    float *panel, *x_group, *y_group;
} piece;

/* Numbers w[c.., column..] as sgemm can read them: in place, or copied. */
static const float *panel_of(const piece *p, int64_t c, int64_t n_c, int64_t column,
                             int64_t columns, int64_t *stride)
{
    const char *from = p->w + (c * p->k + column) * (int64_t)sizeof(float);

    *stride = p->k;
    if ((uintptr_t)p->w % sizeof(float) == 0)
        return (const float *)(const void *)from;
    for (int64_t i = 0; i < n_c; i++)
        memcpy(p->panel + i * columns, from + i * p->k * (int64_t)sizeof(float),
               (size_t)columns * sizeof(float));
    *stride = columns;
    return p->panel;
}

/* Rows [row, row+rows) of one column tile. */
static void panel_rows(const piece *p, int64_t row, int64_t rows, int64_t column)
{
    int64_t columns = least(PANEL, p->k - column);
    float *y = p->y + row * p->k + column;

    for (int64_t c = 0; c < p->c; c += PANEL) {
        int64_t size[3] = {rows, columns, least(PANEL, p->c - c)}, stride;
        const float *w = panel_of(p, c, size[2], column, columns, &stride);
        sgemm('N', 'N', size, p->x + row * p->c + c, p->c, w, stride, c > 0 ? 1.0f : 0.0f, y, p->k);
    }
    if (p->b)
        add_bias(y, p->b + column, rows, columns, p->k);
}

/* All rows of one column tile in full groups: GROUP rows while there are so many, then multiples of
 * GROUP_UNIT; the last group reaches back. */
static void grouped_rows(const piece *p, int64_t column)
{
    int64_t group = least(GROUP, p->rows / GROUP_UNIT * GROUP_UNIT);

    for (int64_t row = 0; row < p->rows; row += group)
        panel_rows(p, least(row, p->rows - group), group, column);
}

/* Fewer rows than a group can have: the same on GROUP_UNIT rows, the others zero. */
static void padded_rows(const piece *p)
{
    piece padded = *p;

    memset(p->x_group, 0, (size_t)(GROUP_UNIT * p->c) * sizeof(float));
    memcpy(p->x_group, p->x, (size_t)(p->rows * p->c) * sizeof(float));
    padded.x = p->x_group;
    padded.y = p->y_group;
    padded.rows = GROUP_UNIT;
    for (int64_t column = 0; column < p->k; column += PANEL)
        panel_rows(&padded, 0, GROUP_UNIT, column);
    memcpy(p->y, p->y_group, (size_t)(p->rows * p->k) * sizeof(float));
}

static int64_t panel_size(const tw_cpu_sizes *s)
{
    return least(PANEL, s->c) * least(PANEL, s->k);
}

static void run(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in, float *out,
                float *scratch)
{
    const tw_cpu_sizes *s = &step->sizes;
    piece p = {.x = in, .y = out, .rows = s->rows, .c = s->c, .k = s->k};

    p.w = (const char *)plan->weights[step->node].kernel;
    p.b = (const float *)(const void *)(plan->packed + step->bias_offset);
    p.panel = scratch;
    p.x_group = scratch + panel_size(s);
    p.y_group = p.x_group + GROUP_UNIT * s->c;
    if (plan->backend->group_rows && p.rows < GROUP_UNIT) {
        padded_rows(&p);
        return;
    }
    for (int64_t column = 0; column < p.k; column += PANEL)
        if (plan->backend->group_rows)
            grouped_rows(&p, column);
        else
            panel_rows(&p, 0, p.rows, column);
}

tw_status tw_backend__cpu_dense(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int64_t bias[1] = {layer->units};
    tw_cpu_sizes s = {plan->base.piece, plan->base.graph->nodes[layer->inputs[0]].out.dims[0],
                      layer->units, 1};
    tw_cpu_step *step;
    int src, dst;
    tw_status rc;

    if ((rc = tw_backend__cpu_as_plain(&src, plan, layer->inputs[0], err)) != TW_OK ||
        (rc = tw_backend__cpu_add_plain(&dst, plan, node, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, src, dst);
    step->run = run;
    step->sizes = s;
    step->n_scratch_bytes = panel_size(&s);
    if (plan->backend->group_rows && s.rows < GROUP_UNIT)
        step->n_scratch_bytes += GROUP_UNIT * (s.c + s.k);
    step->n_scratch_bytes *= (int64_t)sizeof(float);
    plan->outputs[node] = dst;
    tw_backend__cpu_note(plan, node, NULL);
    rc = tw_backend__cpu_fail(layer->name, "describe its bias",
                              tw_backend__desc_create(&step->bias_desc, 1, bias, dnnl_f32, dnnl_a),
                              err);
    if (rc != TW_OK || layer->activation == TW_LINEAR)
        return rc;
    return tw_backend__cpu_activation(plan, node, node, layer->activation, err);
}
