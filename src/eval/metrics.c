/*
 * Figures of a classifier. From one confusion matrix (label, predicted): accuracy with its Wilson
 * interval, and precision, recall and F1 of each class. From bins of the predicted class's
 * probability: how far that is from the share of right answers. A figure whose denominator is 0 is
 * NAN, never 0 or 1 by convention.
 */
#include "eval/metrics.h"

#include "base/fail.h"
#include "base/memory.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const double z_95 = 1.959964; /* normal quantile of 97.5 % */

tw_status tw_evaluation_create(tw_evaluation *out, char *const *names, int n_classes, tw_error *err)
{
    size_t n = (size_t)n_classes;

    assert(n_classes > 0);
    memset(out, 0, sizeof *out);
    out->n_classes = n_classes;
    out->names = tw_calloc(n, sizeof *out->names);
    out->classes = tw_calloc(n, sizeof *out->classes);
    out->confusion = tw_calloc(n * n, sizeof *out->confusion);
    if (!out->names || !out->classes || !out->confusion)
        goto done;

    for (int i = 0; i < n_classes; i++) {
        if (!(out->names[i] = tw_strdup(names[i])))
            goto done;
        out->classes[i].name = out->names[i];
    }
    return TW_OK;
done:
    tw_evaluation_free(out);
    return tw_fail(err, TW_ENOMEM, "no memory for the figures of %d classes", n_classes);
}

void tw_evaluation_free(tw_evaluation *evaluation)
{
    if (!evaluation)
        return;
    for (int i = 0; evaluation->names && i < evaluation->n_classes; i++)
        tw_free(evaluation->names[i]);
    tw_free(evaluation->names);
    tw_free(evaluation->classes);
    tw_free(evaluation->confusion);
    memset(evaluation, 0, sizeof *evaluation);
}

/* Bins are open below: 1/15 is in the first one. */
static int bin_of(double confidence)
{
    int i = (int)ceil(confidence * TW_CALIBRATION_BINS) - 1;

    return i < 0 ? 0 : i < TW_CALIBRATION_BINS ? i : TW_CALIBRATION_BINS - 1;
}

void tw_evaluation_count(tw_evaluation *evaluation, int label, int predicted, double confidence)
{
    tw_calibration_bin *bin = &evaluation->bins[bin_of(confidence)];

    assert(label >= 0 && label < evaluation->n_classes);
    assert(predicted >= 0 && predicted < evaluation->n_classes);
    evaluation->confusion[(int64_t)label * evaluation->n_classes + predicted]++;
    bin->n++;
    bin->correct += label == predicted;
    bin->confidence += confidence;
}

static double ratio(int64_t part, int64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : (double)NAN;
}

/* F1 = 2 TP / (2 TP + FP + FN) = 2 TP / (predicted + support). */
static void finish_class(tw_evaluation *evaluation, int c)
{
    tw_class_score *score = &evaluation->classes[c];
    const int64_t *confusion = evaluation->confusion;
    int64_t n_classes = evaluation->n_classes;

    score->support = score->predicted = 0;
    for (int64_t i = 0; i < n_classes; i++) {
        score->support += confusion[c * n_classes + i];
        score->predicted += confusion[i * n_classes + c];
    }
    score->correct = confusion[c * n_classes + c];
    score->precision = ratio(score->correct, score->predicted);
    score->recall = ratio(score->correct, score->support);
    score->f1 = ratio(2 * score->correct, score->predicted + score->support);
    score->f1_low = score->f1_high = (double)NAN;
}

/* sum over bins of n/N |accuracy - mean confidence| */
static double calibration_error(const tw_evaluation *evaluation)
{
    double sum = 0.0;

    for (int i = 0; i < TW_CALIBRATION_BINS; i++)
        sum += fabs((double)evaluation->bins[i].correct - evaluation->bins[i].confidence);
    return evaluation->n > 0 ? sum / (double)evaluation->n : (double)NAN;
}

static double mean_f1(const tw_evaluation *evaluation)
{
    double sum = 0.0;
    int n = 0;

    for (int c = 0; c < evaluation->n_classes; c++) {
        if (isnan(evaluation->classes[c].f1))
            continue;
        sum += evaluation->classes[c].f1;
        n++;
    }
    return n > 0 ? sum / n : (double)NAN;
}

void tw_evaluation_finish(tw_evaluation *evaluation)
{
    int64_t n = 0, correct = 0;

    for (int c = 0; c < evaluation->n_classes; c++) {
        finish_class(evaluation, c);
        n += evaluation->classes[c].support;
        correct += evaluation->classes[c].correct;
    }
    evaluation->n = n;
    evaluation->accuracy = ratio(correct, n);
    evaluation->macro_f1 = mean_f1(evaluation);
    evaluation->f1_low = evaluation->f1_high = (double)NAN;
    evaluation->ece = calibration_error(evaluation);
    tw_wilson(&evaluation->low, &evaluation->high, correct, n, z_95);
}

void tw_wilson(double *low, double *high, int64_t k, int64_t n, double z)
{
    if (n < 1) {
        *low = 0.0;
        *high = 1.0;
        return;
    }
    double p = (double)k / (double)n;
    double z2n = z * z / (double)n;
    double centre = (p + z2n / 2.0) / (1.0 + z2n);
    double half = z * sqrt(p * (1.0 - p) / (double)n + z2n / (4.0 * (double)n)) / (1.0 + z2n);

    *low = k > 0 ? fmax(0.0, centre - half) : 0.0;
    *high = k < n ? fmin(1.0, centre + half) : 1.0;
}
