/*
 * Dense layers. In training by own kernels (dense_train.h); in inference over oneDNN's sgemm, the
 * kernel in place as (in,out) row-major: N rows, C inputs, K units, tiles fixed by the shape, each
 * call on one thread, so no number depends on how many workers there are.
 *
 * On the AVX2 path sgemm rounds the last few rows of a matrix in another way than the others (they
 * fill no register block of 6 rows). An inference plan, where a row's bits must not depend on its
 * place, hands it full groups of rows only; the last group reaches back over rows that are done.
 */
#include "backend/cpu/cpu_int.h"

#include <string.h>

enum {
    PANEL = 512,   /* columns of y a tile, rows of w a call */
    GROUP = 48,    /* rows a call of the AVX2 path, */
    GROUP_UNIT = 6 /* ... which needs multiples of so many */
};

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
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

/* ---- training: dense_train.c, with the arithmetic of the backend's path */

static const tw_dense_arithmetic *path_of(const tw_dense *dense)
{
    const tw_cpu_backend *backend = (const tw_cpu_backend *)dense->backend;

    return dense->is_bf16 ? backend->dense_bf16 : backend->dense;
}

static void forward(const tw_dense *dense, float *y, const float *x, const float *w, const float *b)
{
    tw_backend__dense_forward(path_of(dense), dense, y, x, w, b);
}

static void backward(const tw_dense *dense, const tw_dense_gradients *wanted)
{
    tw_backend__dense_backward(path_of(dense), dense, wanted);
}

const tw_dense_kernels tw_backend__cpu_dense_kernels = {forward, backward,
                                                        tw_backend__dense_scratch};

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
