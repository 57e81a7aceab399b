/*
 * MaxPooling2D and GlobalAveragePooling2D in plain C. Padding never wins a maximum.
 */
#include "backend/ref/ref_int.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static void take_larger(float *y, const float *x, int64_t c_n)
{
    for (int64_t c = 0; c < c_n; c++)
        y[c] = x[c] > y[c] ? x[c] : y[c];
}

/* One output pixel y (C) of the picture x (H,W,C). */
static void pool_window(float *y, const float *x, const tw_node *node, const tw_shape *in,
                        int64_t top, int64_t left)
{
    int64_t h = in->dims[0], w = in->dims[1], c = in->dims[2];

    for (int64_t i = 0; i < c; i++)
        y[i] = -INFINITY;
    for (int64_t r = top; r < top + node->window[0]; r++)
        for (int64_t s = left; s < left + node->window[1]; s++)
            if (r >= 0 && r < h && s >= 0 && s < w)
                take_larger(y, x + (r * w + s) * c, c);
}

void tw_backend__ref_max_pool(float *y, const float *x, const tw_node *node, const tw_shape *in,
                              int64_t n)
{
    int64_t p_n = node->out.dims[0], q_n = node->out.dims[1], c = in->dims[2];
    int64_t in_size = in->dims[0] * in->dims[1] * c;
    int64_t top = tw_padding_before(node, in, 0);
    int64_t left = tw_padding_before(node, in, 1);

    for (int64_t i = 0; i < n * p_n * q_n; i++) {
        int64_t sample = i / (p_n * q_n), p = i / q_n % p_n, q = i % q_n;
        pool_window(y + i * c, x + sample * in_size, node, in, p * node->stride[0] - top,
                    q * node->stride[1] - left);
    }
}

void tw_backend__ref_global_average_pool(float *y, const float *x, const tw_shape *in, int64_t n)
{
    int64_t area = in->dims[0] * in->dims[1], c_n = in->dims[2];

    for (int64_t i = 0; i < n; i++)
        for (int64_t c = 0; c < c_n; c++) {
            double sum = 0;
            for (int64_t p = 0; p < area; p++)
                sum += (double)x[(i * area + p) * c_n + c];
            y[i * c_n + c] = (float)(sum / (double)area);
        }
}

/* ---- training: MaxPooling2D of one picture */

static void forward(float *y, const float *x, const tw_node *node, const tw_shape *in)
{
    tw_backend__ref_max_pool(y, x, node, in, 1);
}

/* Where in the picture x (H,W,C) the first maximum of a window lies, for one channel. */
static int64_t first_maximum(const float *x, const tw_node *node, const tw_shape *in, int64_t top,
                             int64_t left, int64_t c)
{
    int64_t best = -1;

    for (int64_t r = top; r < top + node->window[0]; r++)
        for (int64_t s = left; s < left + node->window[1]; s++) {
            int64_t at = (r * in->dims[1] + s) * in->dims[2] + c;
            if (r < 0 || r >= in->dims[0] || s < 0 || s >= in->dims[1])
                continue;
            if (best < 0 || x[at] > x[best])
                best = at;
        }
    return best;
}

static void backward(float *dx, const float *x, const float *dy, const tw_node *node,
                     const tw_shape *in)
{
    int64_t p_n = node->out.dims[0], q_n = node->out.dims[1], c_n = in->dims[2];
    int64_t top = tw_padding_before(node, in, 0);
    int64_t left = tw_padding_before(node, in, 1);

    memset(dx, 0, (size_t)tw_shape_size(in) * sizeof *dx);
    for (int64_t p = 0; p < p_n; p++)
        for (int64_t q = 0; q < q_n; q++)
            for (int64_t c = 0; c < c_n; c++)
                dx[first_maximum(x, node, in, p * node->stride[0] - top, q * node->stride[1] - left,
                                 c)] += dy[(p * q_n + q) * c_n + c];
}

const tw_max_pool_kernels tw_backend__ref_max_pool_kernels = {forward, backward};
