/*
 * Conv2D in plain C, sums in double. Forward: for every output pixel, a sum over (R,S,C) for all K
 * at once. Backward: for every input pixel, a sum over the output pixels whose windows hold it; for
 * every row of the kernel's gradient, a sum over all samples and output pixels in turn.
 */
#include "backend/ref/ref_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/tensor.h"

#include <string.h>

/* sums (K) += the pixel x (C) times w (C,K); w may lie unaligned. */
static void add_pixel(double *sums, const float *x, const char *w, int64_t c_n, int64_t k_n,
                      float *row)
{
    for (int64_t c = 0; c < c_n; c++) {
        double value = (double)x[c];
        memcpy(row, w + c * k_n * (int64_t)sizeof(float), (size_t)k_n * sizeof(float));
        for (int64_t k = 0; k < k_n; k++)
            sums[k] += value * (double)row[k];
    }
}

/* One output pixel (P,Q): its window over the picture x (H,W,C). */
static void add_window(double *sums, const float *x, const tw_node *node, const tw_shape *in,
                       int64_t top, int64_t left, const char *kernel, float *row)
{
    int64_t h = in->dims[0], w = in->dims[1], c = in->dims[2], k = node->units;

    for (int r = 0; r < node->window[0]; r++)
        for (int s = 0; s < node->window[1]; s++) {
            int64_t y = top + r, z = left + s;
            int64_t at = ((int64_t)r * node->window[1] + s) * c * k;
            if (y < 0 || y >= h || z < 0 || z >= w)
                continue;
            add_pixel(sums, x + (y * w + z) * c, kernel + at * (int64_t)sizeof(float), c, k, row);
        }
}

void tw_backend__ref_conv2d(float *y, const float *x, const tw_node *node, const tw_shape *in,
                            int64_t n, const tw_node_weights *weights, double *sums, float *row)
{
    int64_t p_n = node->out.dims[0], q_n = node->out.dims[1], k_n = node->units;
    int64_t in_size = in->dims[0] * in->dims[1] * in->dims[2];
    int64_t top = tw_padding_before(node, in, 0);
    int64_t left = tw_padding_before(node, in, 1);

    for (int64_t i = 0; i < n * p_n * q_n; i++) {
        int64_t sample = i / (p_n * q_n), p = i / q_n % p_n, q = i % q_n;
        memset(row, 0, (size_t)k_n * sizeof *row);
        if (weights->bias)
            memcpy(row, weights->bias, (size_t)k_n * sizeof *row);
        for (int64_t k = 0; k < k_n; k++)
            sums[k] = (double)row[k];
        add_window(sums, x + sample * in_size, node, in, p * node->stride[0] - top,
                   q * node->stride[1] - left, (const char *)weights->kernel, row);
        for (int64_t k = 0; k < k_n; k++)
            y[i * k_n + k] = (float)sums[k];
    }
}

/* ---- training */

typedef struct ref_conv {
    tw_conv base;
    int64_t top, left;   /* padding in front */
    int64_t n_in, n_out; /* numbers of a picture */
    double *sums;        /* (n_workers, the more of C and K) */
    float *rows;         /* (n_workers, K) */
} ref_conv;

static int64_t widest(const ref_conv *conv)
{
    int64_t c = conv->base.in.dims[2], k = conv->base.node.units;

    return c > k ? c : k;
}

static tw_status create(tw_conv **out, tw_backend *backend, const tw_conv *wanted, tw_error *err)
{
    ref_conv *conv = tw_calloc(1, sizeof *conv);
    const tw_node *node = &wanted->node;

    (void)backend;
    *out = NULL;
    if (!conv)
        return tw_fail(err, TW_ENOMEM, "%s: no memory for a convolution", node->name);
    conv->base = *wanted;
    conv->top = tw_padding_before(node, &wanted->in, 0);
    conv->left = tw_padding_before(node, &wanted->in, 1);
    conv->n_in = tw_shape_size(&wanted->in);
    conv->n_out = tw_shape_size(&node->out);
    *out = &conv->base;
    return TW_OK;
}

static tw_status lay_out(tw_conv *base, tw_layout *layout, tw_error *err)
{
    ref_conv *conv = (ref_conv *)base;
    int64_t n = widest(conv) * base->n_workers;

    (void)err;
    conv->sums = tw_backend__lay(layout, n, (int64_t)sizeof *conv->sums);
    conv->rows = tw_backend__lay(layout, n, (int64_t)sizeof *conv->rows);
    return TW_OK;
}

static void conv_free(tw_conv *conv)
{
    tw_free(conv);
}

typedef struct job {
    const ref_conv *conv;
    const tw_node_weights *weights;
    const float *x, *dy, *kernel;
    float *y, *dx;
    int64_t n;
    const tw_sink *sink;
    int node;
} job;

static void forward_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;
    const ref_conv *conv = j->conv;

    tw_backend__ref_conv2d(j->y + i * conv->n_out, j->x + i * conv->n_in, &conv->base.node,
                           &conv->base.in, 1, j->weights, conv->sums + worker * widest(conv),
                           conv->rows + worker * widest(conv));
}

static tw_status forward(tw_conv *conv, float *y, const float *x, const tw_node_weights *weights,
                         int64_t n, tw_error *err)
{
    job j = {.conv = (const ref_conv *)conv, .weights = weights, .x = x, .y = y};

    (void)err;
    tw_parallel(conv->n_workers, n, forward_sample, &j);
    return TW_OK;
}

/* The output place whose window has `at` under its tap, or -1. */
static int64_t place_of(int64_t at, int64_t before, int tap, int stride, int64_t n_places)
{
    int64_t first = at + before - tap;

    if (first < 0 || first % stride != 0 || first / stride >= n_places)
        return -1;
    return first / stride;
}

/* sums (C) += w (C,K) dy (K) */
static void add_tap(double *sums, const float *w, const float *dy, int64_t c_n, int64_t k_n)
{
    for (int64_t c = 0; c < c_n; c++)
        for (int64_t k = 0; k < k_n; k++)
            sums[c] += (double)w[c * k_n + k] * (double)dy[k];
}

static void backward_data_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;
    const ref_conv *conv = j->conv;
    const tw_node *node = &conv->base.node;
    int64_t w_n = conv->base.in.dims[1], c_n = conv->base.in.dims[2], k_n = node->units;
    double *sums = conv->sums + worker * widest(conv);

    for (int64_t at = 0; at < conv->n_in / c_n; at++) {
        memset(sums, 0, (size_t)c_n * sizeof *sums);
        for (int tap = 0; tap < node->window[0] * node->window[1]; tap++) {
            int r = tap / node->window[1], s = tap % node->window[1];
            int64_t p = place_of(at / w_n, conv->top, r, node->stride[0], node->out.dims[0]);
            int64_t q = place_of(at % w_n, conv->left, s, node->stride[1], node->out.dims[1]);
            if (p >= 0 && q >= 0)
                add_tap(sums, j->kernel + tap * c_n * k_n,
                        j->dy + i * conv->n_out + (p * node->out.dims[1] + q) * k_n, c_n, k_n);
        }
        for (int64_t c = 0; c < c_n; c++)
            j->dx[i * conv->n_in + at * c_n + c] = (float)sums[c];
    }
}

static tw_status backward_data(tw_conv *conv, float *dx, const float *dy, const float *kernel,
                               int64_t n, tw_error *err)
{
    job j = {.conv = (const ref_conv *)conv, .dy = dy, .kernel = kernel, .dx = dx};

    (void)err;
    tw_parallel(conv->n_workers, n, backward_data_sample, &j);
    return TW_OK;
}

/* sums (K) += one number of the picture times dy (K), over all output pixels of sample i; the
 * number is that of channel c under tap (r,s). */
static void add_sample(double *sums, const job *j, int64_t i, int r, int s, int64_t c)
{
    const ref_conv *conv = j->conv;
    const tw_node *node = &conv->base.node;
    const tw_shape *in = &conv->base.in;
    const float *dy = j->dy + i * conv->n_out;

    for (int64_t p = 0; p < node->out.dims[0]; p++)
        for (int64_t q = 0; q < node->out.dims[1]; q++, dy += node->units) {
            int64_t y = p * node->stride[0] - conv->top + r;
            int64_t z = q * node->stride[1] - conv->left + s;
            if (y < 0 || y >= in->dims[0] || z < 0 || z >= in->dims[1])
                continue;
            double x = (double)j->x[i * conv->n_in + (y * in->dims[1] + z) * in->dims[2] + c];
            for (int64_t k = 0; k < node->units; k++)
                sums[k] += x * (double)dy[k];
        }
}

/* Row (r,s,c) of the kernel's gradient. */
static void backward_weights_row(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const tw_node *node = &j->conv->base.node;
    int64_t c_n = j->conv->base.in.dims[2], k_n = node->units;
    int tap = (int)(item / c_n);
    double *sums = j->conv->sums + worker * widest(j->conv);
    float *row = j->conv->rows + worker * widest(j->conv);

    memset(sums, 0, (size_t)k_n * sizeof *sums);
    for (int64_t i = 0; i < j->n; i++)
        add_sample(sums, j, i, tap / node->window[1], tap % node->window[1], item % c_n);
    for (int64_t k = 0; k < k_n; k++)
        row[k] = (float)sums[k];
    j->sink->take(j->sink->ctx, j->node, 0, item * k_n, k_n, row);
}

static tw_status backward_weights(tw_conv *conv, const tw_sink *sink, int node, const float *x,
                                  const float *dy, int64_t n, tw_error *err)
{
    job j = {.conv = (const ref_conv *)conv, .x = x, .dy = dy, .n = n, .sink = sink};

    (void)err;
    j.node = node;
    tw_parallel(conv->n_workers, conv->in.dims[2] * conv->node.window[0] * conv->node.window[1],
                backward_weights_row, &j);
    return TW_OK;
}

const tw_conv_kernels tw_backend__ref_conv_kernels = {create,  lay_out,       conv_free,
                                                      forward, backward_data, backward_weights};
