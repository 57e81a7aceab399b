/*
 * OpenCV's INTER_AREA for 8 bits, to the bit (modules/imgproc/src/resize.cpp): whole ratios are the
 * mean of a block, others a sum weighted in float32 by the shares of the pixels, row by row. Where
 * a side grows OpenCV computes INTER_LINEAR with other places (resize_bilinear.c). This file must
 * be compiled without contraction to FMA (the build says so).
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <float.h>
#include <math.h>

/* One source pixel's share in one place. */
typedef struct share {
    int from, to;
    float weight;
} share;

/* The shares along one side, in order; *n of them, at most 2 * n_in + n_out. */
static share *make_shares(int *n, int n_in, int n_out, double scale)
{
    share *shares = tw_malloc((2 * (size_t)n_in + (size_t)n_out) * sizeof *shares);

    *n = 0;
    for (int i = 0; shares && i < n_out; i++) {
        const double begin = i * scale, end = begin + scale;
        const double cell = fmin(scale, n_in - begin);
        int first = (int)ceil(begin), last = (int)floor(end);

        last = last < n_in - 1 ? last : n_in - 1;
        first = first < last ? first : last;
        if (first - begin > 1e-3)
            shares[(*n)++] = (share){first - 1, i, (float)((first - begin) / cell)};
        for (int k = first; k < last; k++)
            shares[(*n)++] = (share){k, i, (float)(1.0 / cell)};
        if (end - last > 1e-3)
            shares[(*n)++] = (share){last, i, (float)(fmin(fmin(end - last, 1.0), cell) / cell)};
    }
    return shares;
}

static uint8_t saturate(float value)
{
    const float rounded = rintf(value);

    return (uint8_t)(rounded < 0 ? 0 : (rounded > 255 ? 255 : rounded));
}

/* Means of blocks of step_y x step_x pixels; of 2x2 in integers. */
static void average_blocks(tw_picture *out, const tw_picture *in, int step_y, int step_x)
{
    const size_t channels = (size_t)in->channels, stride = (size_t)in->width * channels;
    const float scale = 1.f / (float)(step_y * step_x);
    uint8_t *to = out->pixels;

    for (int y = 0; y < out->height; y++)
        for (size_t i = 0; i < (size_t)out->width * channels; i++) {
            const uint8_t *from = in->pixels + (size_t)y * (size_t)step_y * stride +
                                  i / channels * (size_t)step_x * channels + i % channels;
            int sum = 0;
            for (int j = 0; j < step_y; j++)
                for (int k = 0; k < step_x; k++)
                    sum += from[(size_t)j * stride + (size_t)k * channels];
            *to++ = step_y == 2 && step_x == 2 ? (uint8_t)((sum + 2) >> 2)
                                               : saturate((float)sum * scale);
        }
}

/* One source row to sums (out_w,C). */
static void sum_row(float *sums, const uint8_t *row, const share *x, int n_x, const tw_picture *out)
{
    const int channels = out->channels;

    for (int i = 0; i < out->width * channels; i++)
        sums[i] = 0;
    for (int k = 0; k < n_x; k++)
        for (int c = 0; c < channels; c++)
            sums[x[k].to * channels + c] += (float)row[x[k].from * channels + c] * x[k].weight;
}

static tw_status average_shares(tw_picture *out, const tw_picture *in, double scale_y,
                                double scale_x, tw_error *err)
{
    const size_t n = (size_t)out->width * (size_t)out->channels;
    const size_t stride = (size_t)in->width * (size_t)in->channels;
    tw_status rc = TW_OK;
    int n_x, n_y;
    share *x = make_shares(&n_x, in->width, out->width, scale_x);
    share *y = make_shares(&n_y, in->height, out->height, scale_y);
    float *row = tw_malloc(n * sizeof *row), *sums = tw_malloc(n * sizeof *sums);

    if (!x || !y || !row || !sums) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to resize a picture");
        goto done;
    }
    for (int k = 0; k < n_y; k++) {
        const bool is_new = k == 0 || y[k].to != y[k - 1].to;

        sum_row(row, in->pixels + (size_t)y[k].from * stride, x, n_x, out);
        for (size_t i = 0; i < n; i++)
            sums[i] = is_new ? y[k].weight * row[i] : sums[i] + y[k].weight * row[i];
        if (k + 1 == n_y || y[k + 1].to != y[k].to)
            for (size_t i = 0; i < n; i++)
                out->pixels[(size_t)y[k].to * n + i] = saturate(sums[i]);
    }
done:
    tw_free(x);
    tw_free(y);
    tw_free(row);
    tw_free(sums);
    return rc;
}

tw_status tw_image__resize_area(tw_picture *out, const tw_picture *in, tw_error *err)
{
    const double scale_y = 1.0 / ((double)out->height / in->height);
    const double scale_x = 1.0 / ((double)out->width / in->width);
    const double step_y = rint(scale_y), step_x = rint(scale_x);

    if (scale_y < 1.0 || scale_x < 1.0)
        return tw_image__resize_area_up(out, in, err);
    if (fabs(scale_y - step_y) < DBL_EPSILON && fabs(scale_x - step_x) < DBL_EPSILON) {
        average_blocks(out, in, (int)step_y, (int)step_x);
        return TW_OK;
    }
    return average_shares(out, in, scale_y, scale_x, err);
}
