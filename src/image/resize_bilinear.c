/*
 * OpenCV's INTER_LINEAR for 8 bits, to the bit (modules/imgproc/src/resize.cpp): 11-bit integer
 * weights, the vertical pass in two 16-bit products. An exact halving of both sides is the mean of
 * four pixels, as OpenCV does it (it calls that INTER_AREA). The same arithmetic with other places
 * is what OpenCV's INTER_AREA does where a side grows.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <math.h>

enum { SCALE = 2048 };

/* Two source positions and weights a place along one side. */
typedef struct axis {
    int *index;
    int *weight;
} axis;

/* Where place i lies: its first pixel and the share of the next one. */
static int find_place(float *f, int i, double scale, double inverse, bool is_area)
{
    int s;

    if (is_area) {
        s = (int)floor(i * scale);
        *f = (float)((i + 1) - (s + 1) * inverse);
        *f = *f <= 0 ? 0.f : *f - floorf(*f);
        return s;
    }
    *f = (float)((i + 0.5) * scale - 0.5);
    s = (int)floorf(*f);
    *f -= (float)s;
    return s;
}

/* Along x OpenCV leaves out the part outside the picture; along y it repeats the border row. */
static bool make_axis(axis *a, int n_in, int n_out, bool cut_outside, bool is_area)
{
    const double inverse = (double)n_out / n_in, scale = 1.0 / inverse;

    a->index = tw_malloc((size_t)n_out * 2 * sizeof *a->index);
    a->weight = tw_malloc((size_t)n_out * 2 * sizeof *a->weight);
    if (!a->index || !a->weight)
        return false;
    for (int i = 0; i < n_out; i++) {
        float f;
        int s = find_place(&f, i, scale, inverse, is_area);

        if (cut_outside && s < 0) {
            s = 0;
            f = 0;
        }
        if (cut_outside && s >= n_in - 1) {
            s = n_in - 1;
            f = 0;
        }
        for (int k = 0; k < 2; k++)
            a->index[2 * i + k] = s + k < 0 ? 0 : (s + k >= n_in ? n_in - 1 : s + k);
        a->weight[2 * i] = (int)lrintf((1.f - f) * SCALE);
        a->weight[2 * i + 1] = (int)lrintf(f * SCALE);
    }
    return true;
}

static void pass_row(int *sums, const tw_picture *in, int y, const axis *x, int out_w)
{
    int channels = in->channels;
    const uint8_t *row = in->pixels + (size_t)y * (size_t)in->width * (size_t)channels;

    for (int i = 0; i < out_w; i++)
        for (int c = 0; c < channels; c++)
            sums[i * channels + c] = row[x->index[2 * i] * channels + c] * x->weight[2 * i] +
                                     row[x->index[2 * i + 1] * channels + c] * x->weight[2 * i + 1];
}

static void pass_column(uint8_t *out, const int *upper, const int *lower, const int *w, int n)
{
    for (int i = 0; i < n; i++) {
        int value = ((w[0] * (upper[i] >> 4)) >> 16) + ((w[1] * (lower[i] >> 4)) >> 16);
        value = (value + 2) >> 2;
        out[i] = (uint8_t)(value > 255 ? 255 : value);
    }
}

static void halve(tw_picture *out, const tw_picture *in)
{
    size_t c_n = (size_t)in->channels, stride = (size_t)in->width * c_n;
    size_t n = (size_t)out->width * c_n;

    for (int y = 0; y < out->height; y++)
        for (size_t i = 0; i < n; i++) {
            const uint8_t *p = in->pixels + 2 * (size_t)y * stride + i / c_n * 2 * c_n + i % c_n;
            out->pixels[(size_t)y * n + i] =
                (uint8_t)((p[0] + p[c_n] + p[stride] + p[stride + c_n] + 2) >> 2);
        }
}

static tw_status resize(tw_picture *out, const tw_picture *in, bool is_area, tw_error *err)
{
    tw_status rc = TW_OK;
    axis x = {0}, y = {0};
    int n = out->width * out->channels;
    int *sums = NULL;

    if (!(sums = tw_malloc(2 * (size_t)n * sizeof *sums)) ||
        !make_axis(&x, in->width, out->width, true, is_area) ||
        !make_axis(&y, in->height, out->height, false, is_area)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to resize a picture");
        goto done;
    }
    for (int j = 0; j < out->height; j++) {
        pass_row(sums, in, y.index[2 * j], &x, out->width);
        pass_row(sums + n, in, y.index[2 * j + 1], &x, out->width);
        pass_column(out->pixels + (size_t)j * (size_t)n, sums, sums + n, y.weight + 2 * j, n);
    }
done:
    tw_free(sums);
    tw_free(x.index);
    tw_free(x.weight);
    tw_free(y.index);
    tw_free(y.weight);
    return rc;
}

tw_status tw_image__resize_bilinear(tw_picture *out, const tw_picture *in, tw_error *err)
{
    if (in->width != 2 * out->width || in->height != 2 * out->height)
        return resize(out, in, false, err);
    halve(out, in);
    return TW_OK;
}

tw_status tw_image__resize_area_up(tw_picture *out, const tw_picture *in, tw_error *err)
{
    return resize(out, in, true, err);
}
