/*
 * What a classifier learns about itself from held-out pictures: what they look like (known.c), and
 * its temperature (Guo et al. 2017, On calibration of modern neural networks): the
 * one number by which all logits are divided so that the labels of held-out pictures get the
 * greatest likelihood. In x = ln(temperature) the mean loss has one minimum over the whole range,
 * so a golden section finds it: it needs no start and cannot leave the range.
 */
#include "backend/backend.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/metrics.h"
#include "eval/pass.h"
#include "infer/engine.h"

#include <math.h>
#include <string.h>

/* What the answers leave behind. */
typedef struct found {
    tw_logits logits;
    tw_looks looks; /* its labels are those of the logits */
} found;

static tw_status found_create(found *out, const tw_model *model, int64_t n, tw_error *err)
{
    const int n_classes = model->n_classes;
    const int64_t n_channels = tw_known_channels(model);
    int64_t n_logits, n_looks;

    *out = (found){{.n_classes = n_classes}, {.n_classes = n_classes, .n_channels = n_channels}};
    if (tw_mul_i64(&n_logits, n, n_classes) && tw_mul_i64(&n_looks, n, n_channels) &&
        (out->logits.logits = tw_alloc_f32(n_logits)) &&
        (out->looks.looks = tw_alloc_f32(n_looks)) &&
        (out->logits.labels = tw_calloc((size_t)n, sizeof *out->logits.labels))) {
        out->looks.labels = out->logits.labels;
        return TW_OK;
    }
    return tw_fail(err, TW_ENOMEM, "no memory for the logits of %lld pictures", (long long)n);
}

static void found_free(found *a)
{
    tw_free(a->logits.labels);
    tw_free(a->logits.logits);
    tw_free(a->looks.looks);
}

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    found *f = ctx;
    tw_logits *a = &f->logits;

    (void)err;
    memcpy(a->logits + a->n * a->n_classes, answer->logits,
           (size_t)a->n_classes * sizeof *a->logits);
    memcpy(f->looks.looks + a->n * f->looks.n_channels, answer->look,
           (size_t)f->looks.n_channels * sizeof *answer->look);
    a->labels[a->n++] = answer->label;
    f->looks.n = a->n;
    return TW_OK;
}

static double mean_loss(const tw_logits *of, double temperature)
{
    double sum = 0.0;

    for (int64_t i = 0; i < of->n; i++)
        sum += tw_cross_entropy_tempered_row(of->logits + i * of->n_classes, of->n_classes,
                                             of->labels[i], temperature);
    return sum / (double)of->n;
}

double tw_find_temperature(const tw_logits *of)
{
    const double golden = (sqrt(5.0) - 1.0) / 2.0, enough = 1e-7;
    double low = log(TW_TEMPERATURE_LEAST), high = log(TW_TEMPERATURE_MOST);
    double a = high - golden * (high - low), b = low + golden * (high - low);
    double loss_a = mean_loss(of, exp(a)), loss_b = mean_loss(of, exp(b));

    while (high - low > enough) {
        if (loss_a <= loss_b) {
            high = b;
            b = a;
            loss_b = loss_a;
            a = high - golden * (high - low);
            loss_a = mean_loss(of, exp(a));
        } else {
            low = a;
            a = b;
            loss_a = loss_b;
            b = low + golden * (high - low);
            loss_b = mean_loss(of, exp(b));
        }
    }
    return round(exp((low + high) / 2.0) * 1e6) / 1e6;
}

/* Error and loss of the answers at a temperature. */
static tw_status measure(double *ece, double *loss, const tw_logits *of, const tw_model *model,
                         double temperature, tw_error *err)
{
    tw_status rc;
    tw_evaluation figures;
    float *row = tw_alloc_f32(of->n_classes);

    if (!row)
        return tw_fail(err, TW_ENOMEM, "no memory for %d probabilities", of->n_classes);
    if (!(rc = tw_evaluation_create(&figures, model->classes, model->n_classes, err))) {
        for (int64_t i = 0; i < of->n; i++) {
            int top;

            tw_softmax_tempered_row(row, of->logits + i * of->n_classes, of->n_classes,
                                    temperature);
            top = tw_argmax_row(row, of->n_classes);
            tw_evaluation_count(&figures, of->labels[i], top, (double)row[top]);
        }
        tw_evaluation_finish(&figures);
        *ece = figures.ece;
        *loss = mean_loss(of, temperature);
        tw_evaluation_free(&figures);
    }
    tw_free(row);
    return rc;
}

/* The temperature of least loss, or the one that the model has. */
static tw_status choose_temperature(double *out, const tw_logits *of, const tw_model *model,
                                    bool keeps, tw_error *err)
{
    *out = keeps ? model->temperature : tw_find_temperature(of);
    if (keeps || (*out >= 1.01 * TW_TEMPERATURE_LEAST && *out <= 0.99 * TW_TEMPERATURE_MOST))
        return TW_OK;
    return tw_fail(err, TW_EFILE,
                   "no temperature from %g to %g fits %lld pictures: all of them are right, or "
                   "none is told better than by chance; calibrate on others",
                   TW_TEMPERATURE_LEAST, TW_TEMPERATURE_MOST, (long long)of->n);
}

static tw_status fit(tw_calibration *out, const tw_logits *of, const tw_model *model, bool keeps,
                     tw_error *err)
{
    tw_status rc;

    out->n = of->n;
    out->temperature_before = model->temperature;
    if ((rc = choose_temperature(&out->temperature, of, model, keeps, err)) ||
        (rc = measure(&out->ece_before, &out->loss_before, of, model, model->temperature, err)))
        return rc;
    return measure(&out->ece, &out->loss, of, model, out->temperature, err);
}

/* Gives the model what was found. */
static tw_status take(tw_calibration *out, tw_model *model, tw_known *before, const tw_looks *looks,
                      double quantile, tw_error *err)
{
    tw_known known;
    tw_status rc;

    if ((rc = tw_learn_known(&known, looks, quantile, err)))
        return rc;
    if ((rc = tw_model_set_temperature(model, out->temperature, err))) {
        tw_known_free(&known);
        return rc;
    }
    *before = model->known; /* moves out */
    model->known = known;
    out->threshold = known.threshold;
    for (int64_t i = 0; i < looks->n; i++)
        out->n_rejected +=
            tw_look_distance(model, looks->looks + i * looks->n_channels) > known.threshold;
    return TW_OK;
}

static tw_status check_options(const tw_calibrate_options *how, const tw_model *model,
                               tw_error *err)
{
    if (!(how->reject_quantile > 0.0 && how->reject_quantile <= 1.0))
        return tw_fail(err, TW_EUSAGE,
                       "the quantile of rejection must be above 0, at most 1, got %g",
                       how->reject_quantile);
    return how->path ? tw_model_check_own_file(model, err) : TW_OK;
}

/* The model could not be written: it is what it was. */
static void give_back(tw_model *model, tw_known *before, double temperature)
{
    tw_known_free(&model->known);
    model->known = *before;
    model->temperature = temperature;
}

tw_status tw_calibrate(tw_calibration *out, tw_model *model, const tw_dataset *dataset,
                       const tw_calibrate_options *how, const tw_compute *compute,
                       const tw_cache_options *cache, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_calibrate_options options = how ? *how : (tw_calibrate_options){0};
    found f;
    tw_known before;
    tw_pass_job pass = {model, dataset, "calibrate", take_answer, &f, true};
    tw_pass passed;

    memset(out, 0, sizeof *out);
    if (options.reject_quantile == 0.0)
        options.reject_quantile = 0.99;
    if ((rc = tw_pass_check(model, dataset, err)) || (rc = check_options(&options, model, err)))
        return rc;
    if ((rc = found_create(&f, model, tw_dataset_count(dataset), err)) ||
        (rc = tw_pass_run(&passed, &pass, compute, cache, watch, err)))
        goto done;
    out->n_trunk = passed.n_trunk;
    if ((rc = fit(out, &f.logits, model, options.keep_temperature, err)) ||
        (rc = take(out, model, &before, &f.looks, options.reject_quantile, err)))
        goto done;
    if (options.path && (rc = tw_model_write(model, options.path, err)))
        give_back(model, &before, out->temperature_before);
    else
        tw_known_free(&before);
done:
    found_free(&f);
    return rc;
}
