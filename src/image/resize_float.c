/*
 * Cubic interpolation in float32, separable, horizontal pass first, with fused multiply-adds and
 * half-even rounding: what OpenCV's wheels with IPP compute, to about one pixel in a million (by
 * 1). The kernel is that of resize.c, without quantised weights.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <math.h>

enum { TAPS = 4 };

typedef struct axis {
    int *index;    /* (n, TAPS), clamped */
    float *weight; /* (n, TAPS) */
} axis;

static bool make_axis(axis *a, int n_in, int n_out)
{
    double scale = 1.0 / ((double)n_out / n_in);

    a->index = tw_malloc((size_t)n_out * TAPS * sizeof *a->index);
    a->weight = tw_malloc((size_t)n_out * TAPS * sizeof *a->weight);
    if (!a->index || !a->weight)
        return false;
    for (int i = 0; i < n_out; i++) {
        float f = (float)((i + 0.5) * scale - 0.5);
        int s = (int)floorf(f);
        tw_image__cubic_weights(a->weight + i * TAPS, f - (float)s);
        for (int k = 0; k < TAPS; k++) {
            int at = s - 1 + k;
            a->index[i * TAPS + k] = at < 0 ? 0 : (at >= n_in ? n_in - 1 : at);
        }
    }
    return true;
}

/* All source rows to (in_h, out_w * C) floats. */
static void pass_rows(float *out, const tw_picture *in, const axis *x, int out_w)
{
    int channels = in->channels;

    for (int y = 0; y < in->height; y++) {
        const uint8_t *row = in->pixels + (size_t)y * (size_t)in->width * (size_t)channels;
        for (int i = 0; i < out_w * channels; i++) {
            const int *at = x->index + i / channels * TAPS;
            const float *w = x->weight + i / channels * TAPS;
            float sum = (float)row[at[0] * channels + i % channels] * w[0];
            for (int k = 1; k < TAPS; k++)
                sum = fmaf((float)row[at[k] * channels + i % channels], w[k], sum);
            *out++ = sum;
        }
    }
}

static void pass_columns(tw_picture *out, const float *rows, const axis *y)
{
    size_t n = (size_t)out->width * (size_t)out->channels;

    for (int j = 0; j < out->height; j++) {
        const int *at = y->index + j * TAPS;
        const float *w = y->weight + j * TAPS;
        for (size_t i = 0; i < n; i++) {
            float sum = rows[(size_t)at[0] * n + i] * w[0];
            for (int k = 1; k < TAPS; k++)
                sum = fmaf(rows[(size_t)at[k] * n + i], w[k], sum);
            sum = rintf(sum);
            out->pixels[(size_t)j * n + i] = (uint8_t)(sum < 0 ? 0 : (sum > 255 ? 255 : sum));
        }
    }
}

tw_status tw_image__resize_cubic_float(tw_picture *out, const tw_picture *in, tw_error *err)
{
    tw_status rc = TW_OK;
    axis x = {0}, y = {0};
    float *rows =
        tw_malloc((size_t)in->height * (size_t)out->width * (size_t)out->channels * sizeof *rows);

    if (rows && make_axis(&x, in->width, out->width) && make_axis(&y, in->height, out->height)) {
        pass_rows(rows, in, &x, out->width);
        pass_columns(out, rows, &y);
    } else {
        rc = tw_fail(err, TW_ENOMEM, "no memory to resize a picture");
    }
    tw_free(rows);
    tw_free(x.index);
    tw_free(x.weight);
    tw_free(y.index);
    tw_free(y.weight);
    return rc;
}
