/*
 * DepthwiseConv2D in plain C, sums in double: each channel under a kernel of its own.
 */
#include "backend/ref/ref_int.h"

#include <string.h>

/* sums (C) += the pixel x (C) times w (C), which may lie unaligned. */
static void add_tap(double *sums, const float *x, const char *w, int64_t c_n, float *row)
{
    memcpy(row, w, (size_t)c_n * sizeof *row);
    for (int64_t c = 0; c < c_n; c++)
        sums[c] += (double)x[c] * (double)row[c];
}

void tw_backend__ref_depthwise(float *y, const float *x, const tw_node *node, const tw_shape *in,
                               const tw_node_weights *weights, double *sums, float *row)
{
    const int64_t h = in->dims[0], w = in->dims[1], c_n = in->dims[2];
    const int64_t top = tw_padding_before(node, in, 0), left = tw_padding_before(node, in, 1);

    for (int64_t i = 0; i < node->out.dims[0] * node->out.dims[1]; i++, y += c_n) {
        const int64_t p = i / node->out.dims[1] * node->stride[0] - top;
        const int64_t q = i % node->out.dims[1] * node->stride[1] - left;

        memset(row, 0, (size_t)c_n * sizeof *row);
        if (weights->bias)
            memcpy(row, (const void *)weights->bias, (size_t)c_n * sizeof *row);
        for (int64_t c = 0; c < c_n; c++)
            sums[c] = (double)row[c];
        for (int tap = 0; tap < node->window[0] * node->window[1]; tap++) {
            const int64_t r = p + tap / node->window[1], s = q + tap % node->window[1];

            if (r >= 0 && r < h && s >= 0 && s < w)
                add_tap(sums, x + (r * w + s) * c_n,
                        (const char *)weights->kernel + tap * c_n * (int64_t)sizeof(float), c_n,
                        row);
        }
        for (int64_t c = 0; c < c_n; c++)
            y[c] = (float)sums[c];
    }
}
