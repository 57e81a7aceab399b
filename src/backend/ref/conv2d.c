/*
 * Conv2D in plain C: for every output pixel, a sum over (R,S,C) for all K at once.
 */
#include "backend/ref/ref_int.h"

#include <string.h>

int64_t tw_backend__ref_padding(int64_t in, int64_t out, int window, int stride, tw_padding padding)
{
    int64_t total = (out - 1) * stride + window - in;

    return padding == TW_SAME && total > 0 ? total / 2 : 0;
}

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
    int64_t top =
        tw_backend__ref_padding(in->dims[0], p_n, node->window[0], node->stride[0], node->padding);
    int64_t left =
        tw_backend__ref_padding(in->dims[1], q_n, node->window[1], node->stride[1], node->padding);

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
