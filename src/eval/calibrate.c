/*
 * The temperature of a classifier (Guo et al. 2017, On calibration of modern neural networks): the
 * one number by which all logits are divided so that the labels of held-out pictures get the
 * greatest likelihood. In x = ln(temperature) the mean loss has one minimum over the whole range,
 * so a golden section finds it: it needs no start and cannot leave the range.
 */
#include "backend/backend.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/metrics.h"
#include "eval/pass.h"

#include <math.h>
#include <string.h>

static tw_status logits_create(tw_logits *out, int64_t n, int n_classes, tw_error *err)
{
    int64_t size;

    *out = (tw_logits){.n_classes = n_classes};
    if (tw_mul_i64(&size, n, n_classes) && (out->logits = tw_alloc_f32(size)) &&
        (out->labels = tw_calloc((size_t)n, sizeof *out->labels)))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory for the logits of %lld pictures", (long long)n);
}

static void logits_free(tw_logits *a)
{
    tw_free(a->labels);
    tw_free(a->logits);
}

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    tw_logits *a = ctx;

    (void)err;
    memcpy(a->logits + a->n * a->n_classes, answer->logits,
           (size_t)a->n_classes * sizeof *a->logits);
    a->labels[a->n++] = answer->label;
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

static tw_status fit(tw_calibration *out, const tw_logits *of, const tw_model *model, tw_error *err)
{
    tw_status rc;

    out->n = of->n;
    out->temperature = tw_find_temperature(of);
    if (out->temperature < 1.01 * TW_TEMPERATURE_LEAST ||
        out->temperature > 0.99 * TW_TEMPERATURE_MOST)
        return tw_fail(err, TW_EFILE,
                       "no temperature from %g to %g fits %lld pictures: all of them are right, or "
                       "none is told better than by chance; calibrate on others",
                       TW_TEMPERATURE_LEAST, TW_TEMPERATURE_MOST, (long long)of->n);
    if ((rc = measure(&out->ece_before, &out->loss_before, of, model, model->temperature, err)))
        return rc;
    return measure(&out->ece, &out->loss, of, model, out->temperature, err);
}

tw_status tw_calibrate(tw_calibration *out, tw_model *model, const tw_dataset *dataset,
                       const char *path, const tw_compute *compute, const tw_cache_options *cache,
                       const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_logits found;
    tw_pass_job pass = {model, dataset, "calibrate", take_answer, &found};
    tw_pass passed;

    memset(out, 0, sizeof *out);
    if ((rc = tw_pass_check(model, dataset, err)) ||
        (path && (rc = tw_model_check_own_file(model, err))))
        return rc;
    if ((rc = logits_create(&found, tw_dataset_count(dataset), model->n_classes, err)) ||
        (rc = tw_pass_run(&passed, &pass, compute, cache, watch, err)))
        goto done;
    out->temperature_before = model->temperature;
    out->n_trunk = passed.n_trunk;
    if ((rc = fit(out, &found, model, err)) ||
        (rc = tw_model_set_temperature(model, out->temperature, err)))
        goto done;
    if (path && (rc = tw_model_write(model, path, err)))
        model->temperature = out->temperature_before;
done:
    logits_free(&found);
    return rc;
}
