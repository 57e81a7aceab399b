/*
 * Pillow's BILINEAR and BICUBIC for 8 bits, to the bit (libImaging/Resample.c, up to 12): a
 * triangle, or the Keys kernel with a = -0.5, as wide as the shrinking asks for, weights in 22
 * bits, the horizontal pass first, rounded to 8 bits between the passes. This is what torchvision
 * and timm compute on PIL pictures. Pillow 13 makes the vertical pass first where it reckons that
 * to be quicker; some values then differ by 1.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <math.h>

enum { FRACTION_BITS = 22 };

/* Of each place along one side: the first source pixel, how many, and their weights. */
typedef struct axis {
    int *first;
    int *n;
    int32_t *weight; /* (places, most) */
    int most;
} axis;

static void free_axis(axis *a)
{
    tw_free(a->first);
    tw_free(a->n);
    tw_free(a->weight);
}

static double triangle(double x)
{
    x = fabs(x);
    return x < 1.0 ? 1.0 - x : 0.0;
}

static double keys(double x)
{
    const double a = -0.5;

    x = fabs(x);
    if (x < 1.0)
        return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    return x < 2.0 ? (((x - 5.0) * x + 8.0) * x - 4.0) * a : 0.0;
}

typedef struct filter {
    double (*at)(double x);
    double support;
} filter;
static const filter bilinear = {triangle, 1.0}, cubic = {keys, 2.0};

/* Weights of place i; scratch holds the unrounded ones. */
static void make_place(axis *a, double *scratch, int i, int n_in, double scale, const filter *f)
{
    const double stretch = scale < 1.0 ? 1.0 : scale, inverse = 1.0 / stretch;
    const double wide = f->support * stretch, centre = (i + 0.5) * scale;
    int first = (int)(centre - wide + 0.5), end = (int)(centre + wide + 0.5);
    double sum = 0.0;

    first = first < 0 ? 0 : first;
    end = end > n_in ? n_in : end;
    for (int k = 0; k < end - first; k++) {
        scratch[k] = f->at((k + first - centre + 0.5) * inverse);
        sum += scratch[k];
    }
    for (int k = 0; k < end - first; k++) {
        const double w = sum != 0.0 ? scratch[k] / sum : scratch[k];
        a->weight[(size_t)i * (size_t)a->most + (size_t)k] =
            (int32_t)((w < 0.0 ? -0.5 : 0.5) + w * (1 << FRACTION_BITS));
    }
    a->first[i] = first;
    a->n[i] = end - first;
}

static bool make_axis(axis *a, int n_in, int n_out, const filter *f)
{
    const double scale = (double)n_in / n_out;
    double *scratch;
    size_t n;

    a->most = (int)ceil(f->support * (scale < 1.0 ? 1.0 : scale)) * 2 + 1;
    a->first = tw_malloc((size_t)n_out * sizeof *a->first);
    a->n = tw_malloc((size_t)n_out * sizeof *a->n);
    scratch = tw_malloc((size_t)a->most * sizeof *scratch);
    if (!tw_mul_size(&n, (size_t)n_out * sizeof *a->weight, (size_t)a->most) ||
        !(a->weight = tw_malloc(n)) || !a->first || !a->n || !scratch) {
        tw_free(scratch);
        return false;
    }
    for (int i = 0; i < n_out; i++)
        make_place(a, scratch, i, n_in, scale, f);
    tw_free(scratch);
    return true;
}

static uint8_t saturate(int32_t sum)
{
    const int32_t value = sum >> FRACTION_BITS;

    return (uint8_t)(value < 0 ? 0 : (value > 255 ? 255 : value));
}

/* One row (in_w,C) to one of (out_w,C). */
static void pass_row(uint8_t *out, const uint8_t *row, const axis *x, int out_w, int channels)
{
    for (int i = 0; i < out_w; i++) {
        const int32_t *w = x->weight + (size_t)i * (size_t)x->most;
        const uint8_t *from = row + (size_t)x->first[i] * (size_t)channels;
        int32_t sum[3] = {1 << (FRACTION_BITS - 1), 1 << (FRACTION_BITS - 1),
                          1 << (FRACTION_BITS - 1)};

        for (int k = 0; k < x->n[i]; k++)
            for (int c = 0; c < channels; c++)
                sum[c] += *from++ * w[k];
        for (int c = 0; c < channels; c++)
            *out++ = saturate(sum[c]);
    }
}

/* n values of one output row from the rows (n) that its place names; sums is scratch. */
static void pass_column(uint8_t *out, const uint8_t *rows, const axis *y, int place, int32_t *sums,
                        size_t n)
{
    const int32_t *w = y->weight + (size_t)place * (size_t)y->most;
    const uint8_t *from = rows + (size_t)y->first[place] * n;

    for (size_t i = 0; i < n; i++)
        sums[i] = 1 << (FRACTION_BITS - 1);
    for (int k = 0; k < y->n[place]; k++, from += n)
        for (size_t i = 0; i < n; i++)
            sums[i] += from[i] * w[k];
    for (size_t i = 0; i < n; i++)
        out[i] = saturate(sums[i]);
}

static tw_status resize(tw_picture *out, const tw_picture *in, const filter *f, tw_error *err)
{
    tw_status rc = TW_OK;
    axis x = {0}, y = {0};
    const size_t n = (size_t)out->width * (size_t)out->channels;
    const size_t n_in = (size_t)in->width * (size_t)in->channels;
    uint8_t *rows = tw_malloc((size_t)in->height * n);
    int32_t *sums = tw_malloc(n * sizeof *sums);

    if (!rows || !sums || !make_axis(&x, in->width, out->width, f) ||
        !make_axis(&y, in->height, out->height, f)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to resize a picture");
        goto done;
    }
    for (int i = 0; i < in->height; i++)
        pass_row(rows + (size_t)i * n, in->pixels + (size_t)i * n_in, &x, out->width, in->channels);
    for (int i = 0; i < out->height; i++)
        pass_column(out->pixels + (size_t)i * n, rows, &y, i, sums, n);
done:
    tw_free(rows);
    tw_free(sums);
    free_axis(&x);
    free_axis(&y);
    return rc;
}

tw_status tw_image__resize_bilinear_aa(tw_picture *out, const tw_picture *in, tw_error *err)
{
    return resize(out, in, &bilinear, err);
}

tw_status tw_image__resize_cubic_aa(tw_picture *out, const tw_picture *in, tw_error *err)
{
    return resize(out, in, &cubic, err);
}
