/*
 * How sure an F1 is. The answers are drawn anew, with replacement, as often as there are any, and
 * the figure is taken of each such resample; its interval is where 95 % of them lie. Draws are
 * keyed by (seed, resample), so nothing but the answers' counts can change an interval.
 */
#include "eval/metrics.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RESAMPLES = 1000, LEAST_RESAMPLES = 100, MOST_DRAWS = 200000000 };

typedef struct bootstrap {
    tw_evaluation *evaluation;
    int n_classes, n_resamples;
    int64_t n_cells; /* of the confusion matrix that are not 0 */
    int64_t *ends;   /* answers in cells 0..i together */
    int *label, *predicted;
    int64_t *counts; /* (3, L): support, predicted, correct of a resample */
    float *f1;       /* (L + 1, resamples), the mean in the last row; NAN where there is none */
} bootstrap;

static tw_status create(bootstrap *b, tw_evaluation *evaluation, tw_error *err)
{
    const size_t l = (size_t)evaluation->n_classes;
    int64_t resamples = MOST_DRAWS / evaluation->n, n_cells = 0, n = 0;

    b->evaluation = evaluation;
    b->n_classes = evaluation->n_classes;
    b->n_resamples = (int)(resamples < LEAST_RESAMPLES  ? LEAST_RESAMPLES
                           : resamples > MOST_RESAMPLES ? MOST_RESAMPLES
                                                        : resamples);
    for (size_t i = 0; i < l * l; i++)
        n_cells += evaluation->confusion[i] > 0;
    b->ends = tw_calloc((size_t)n_cells, sizeof *b->ends);
    b->label = tw_calloc((size_t)n_cells, sizeof *b->label);
    b->predicted = tw_calloc((size_t)n_cells, sizeof *b->predicted);
    b->counts = tw_calloc(3 * l, sizeof *b->counts);
    b->f1 = tw_calloc((l + 1) * (size_t)b->n_resamples, sizeof *b->f1);
    if (!b->ends || !b->label || !b->predicted || !b->counts || !b->f1)
        return tw_fail(err, TW_ENOMEM, "no memory for the intervals of %d classes", b->n_classes);
    for (size_t i = 0; i < l * l; i++) {
        if (evaluation->confusion[i] == 0)
            continue;
        n += evaluation->confusion[i];
        b->ends[b->n_cells] = n;
        b->label[b->n_cells] = (int)(i / l);
        b->predicted[b->n_cells] = (int)(i % l);
        b->n_cells++;
    }
    return TW_OK;
}

static void destroy(bootstrap *b)
{
    tw_free(b->ends);
    tw_free(b->label);
    tw_free(b->predicted);
    tw_free(b->counts);
    tw_free(b->f1);
}

/* The cell of answer i, cells being sorted. */
static int64_t find_cell(const bootstrap *b, int64_t answer)
{
    int64_t low = 0, high = b->n_cells - 1;

    while (low < high) {
        int64_t middle = (low + high) / 2;

        if (answer < b->ends[middle])
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* One resample; 32 bits over n answers are even to one part in 2^32 / n. */
static void draw(bootstrap *b, uint64_t seed, int resample)
{
    const int64_t n = b->evaluation->n;
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_BOOTSTRAP, 0, (uint64_t)resample);
    uint32_t words[4] = {0};

    memset(b->counts, 0, 3 * (size_t)b->n_classes * sizeof *b->counts);
    for (int64_t i = 0; i < n; i++) {
        int64_t cell;

        if (i % 4 == 0)
            tw_rng_block(words, &key, (uint32_t)(i / 4));
        cell = find_cell(b, (int64_t)(((uint64_t)words[i % 4] * (uint64_t)n) >> 32));
        b->counts[b->label[cell]]++;
        b->counts[b->n_classes + b->predicted[cell]]++;
        if (b->label[cell] == b->predicted[cell])
            b->counts[2 * b->n_classes + b->label[cell]]++;
    }
}

/* F1 of each class in the resample, and their mean. */
static void take_figures(bootstrap *b, int resample)
{
    const int l = b->n_classes;
    double sum = 0.0;
    int n = 0;

    for (int c = 0; c < l; c++) {
        int64_t whole = b->counts[c] + b->counts[l + c];
        double f1 = whole > 0 ? 2.0 * (double)b->counts[2 * l + c] / (double)whole : (double)NAN;

        b->f1[(int64_t)c * b->n_resamples + resample] = (float)f1;
        sum += whole > 0 ? f1 : 0.0;
        n += whole > 0;
    }
    b->f1[(int64_t)l * b->n_resamples + resample] = (float)(sum / n);
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return x < y ? -1 : x > y;
}

/* Between the two resamples around the place, as numpy.percentile has it. */
static double quantile(const float *sorted, int n, double share)
{
    double place = share * (n - 1);
    int below = (int)place, above = below + 1 < n ? below + 1 : below;

    return (double)sorted[below] +
           (place - below) * ((double)sorted[above] - (double)sorted[below]);
}

static void take_interval(double *low, double *high, float *figures, int n_figures)
{
    int n = 0;

    for (int i = 0; i < n_figures; i++)
        if (!isnan(figures[i]))
            figures[n++] = figures[i];
    if (n == 0)
        return;
    qsort(figures, (size_t)n, sizeof *figures, compare);
    *low = quantile(figures, n, 0.025);
    *high = quantile(figures, n, 0.975);
}

tw_status tw_evaluation_bootstrap(tw_evaluation *evaluation, uint64_t seed, tw_error *err)
{
    bootstrap b = {0};
    tw_status rc;

    if (evaluation->n < 1)
        return TW_OK;
    if ((rc = create(&b, evaluation, err)))
        goto done;
    for (int i = 0; i < b.n_resamples; i++) {
        draw(&b, seed, i);
        take_figures(&b, i);
    }
    for (int c = 0; c < b.n_classes; c++)
        if (!isnan(evaluation->classes[c].f1))
            take_interval(&evaluation->classes[c].f1_low, &evaluation->classes[c].f1_high,
                          b.f1 + (int64_t)c * b.n_resamples, b.n_resamples);
    take_interval(&evaluation->f1_low, &evaluation->f1_high,
                  b.f1 + (int64_t)b.n_classes * b.n_resamples, b.n_resamples);
done:
    destroy(&b);
    return rc;
}
