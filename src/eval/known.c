/*
 * What known pictures look like: the mean of each class's unit vectors, scaled to length 1, and how
 * far from the nearest mean a picture may be. The threshold is a quantile of the distances of the
 * very pictures, each from means that were made without it: with it all would seem nearer than
 * pictures that come later. Found between two distances by their straight line, as NumPy does.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "eval/pass.h"
#include "infer/engine.h"

#include <math.h>
#include <stdlib.h>

/* What learning needs beside its result. */
typedef struct work {
    double *sums;      /* (L,C) */
    double *distances; /* (N) */
    float *without;    /* (C) a mean without one picture */
} work;

/* out (C) = sums - less, of length 1; zeros stay. */
static void scale(float *out, const double *sums, const float *less, int64_t n_channels)
{
    double length = 0.0;

    for (int64_t c = 0; c < n_channels; c++) {
        const double v = sums[c] - (less ? (double)less[c] : 0.0);

        length += v * v;
    }
    length = sqrt(length);
    for (int64_t c = 0; c < n_channels; c++) {
        const double v = sums[c] - (less ? (double)less[c] : 0.0);

        out[c] = length > 1e-6 ? (float)(v / length) : 0.0f;
    }
}

static void make_means(tw_known *out, work *w, const tw_looks *of)
{
    const int64_t n_channels = of->n_channels;

    for (int64_t i = 0; i < of->n; i++)
        for (int64_t c = 0; c < n_channels; c++)
            w->sums[of->labels[i] * n_channels + c] += (double)of->looks[i * n_channels + c];
    for (int k = 0; k < of->n_classes; k++)
        scale(out->means + k * n_channels, w->sums + k * n_channels, NULL, n_channels);
}

/* Of picture i, from the means of all others. */
static double distance_from_others(const tw_known *known, work *w, const tw_looks *of, int64_t i)
{
    const int64_t n_channels = of->n_channels;
    const float *look = of->looks + i * n_channels;
    double best = -1.0;

    scale(w->without, w->sums + of->labels[i] * n_channels, look, n_channels);
    for (int k = 0; k < of->n_classes; k++)
        best = fmax(best, tw_look_likeness(
                              look, k == of->labels[i] ? w->without : known->means + k * n_channels,
                              n_channels));
    return fmin(fmax(1.0 - best, 0.0), 2.0);
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* To six decimals, which is what the file keeps. */
static double find_quantile(double *values, int64_t n, double quantile)
{
    const double place = quantile * (double)(n - 1);
    const int64_t below = (int64_t)place, above = below + 1 < n ? below + 1 : below;

    qsort(values, (size_t)n, sizeof *values, compare);
    return round((values[below] + (place - (double)below) * (values[above] - values[below])) *
                 1e6) /
           1e6;
}

tw_status tw_learn_known(tw_known *out, const tw_looks *of, double quantile, tw_error *err)
{
    const int64_t size = of->n_classes * of->n_channels;
    work w = {tw_calloc((size_t)size, sizeof *w.sums),
              tw_calloc((size_t)of->n, sizeof *w.distances), tw_alloc_f32(of->n_channels)};
    tw_status rc = TW_OK;

    *out = (tw_known){tw_alloc_f32(size), of->n_channels, of->n, quantile, 0.0};
    if (!w.sums || !w.distances || !w.without || !out->means) {
        tw_known_free(out);
        rc = tw_fail(err, TW_ENOMEM, "no memory for the means of %d classes", of->n_classes);
        goto done;
    }
    make_means(out, &w, of);
    for (int64_t i = 0; i < of->n; i++)
        w.distances[i] = distance_from_others(out, &w, of, i);
    out->threshold = find_quantile(w.distances, of->n, quantile);
done:
    tw_free(w.sums);
    tw_free(w.distances);
    tw_free(w.without);
    return rc;
}
