/*
 * Evaluating a classifier on labelled pictures: every answer of a pass is counted and, where it is
 * asked for, written to predictions.csv.
 */
#include "base/clock.h"
#include "eval/metrics.h"
#include "eval/pass.h"
#include "eval/predictions.h"
#include "infer/engine.h"

#include <string.h>

/* What take_answer works on. */
typedef struct job {
    const tw_model *model;
    const tw_dataset *dataset;
    tw_predictions *predictions; /* NULL: none are wanted */
    tw_evaluation *evaluation;
} job;

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    job *j = ctx;
    char buf[32];

    tw_evaluation_count(j->evaluation, answer->label, answer->predicted,
                        (double)answer->probabilities[answer->predicted]);
    if (answer->look)
        j->evaluation->n_rejected +=
            tw_look_distance(j->model, answer->look) > j->model->known.threshold;
    if (!j->predictions)
        return TW_OK;
    return tw_predictions_add(j->predictions,
                              tw_dataset_name(j->dataset, answer->sample, buf, sizeof buf),
                              answer->label, answer->predicted, answer->probabilities, err);
}

tw_status tw_evaluate(tw_evaluation *out, const tw_model *model, const tw_dataset *dataset,
                      const char *csv_path, const tw_compute *compute,
                      const tw_cache_options *cache, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    job j = {.model = model, .dataset = dataset, .evaluation = out};
    tw_pass_job pass = {model, dataset, "evaluate", take_answer, &j, model->known.means != NULL};
    tw_pass passed;
    double t_begin_s = tw_clock_s();

    memset(out, 0, sizeof *out);
    if ((rc = tw_pass_check(model, dataset, err)))
        return rc;
    if ((rc = tw_evaluation_create(out, model->classes, model->n_classes, err)) ||
        (csv_path && (rc = tw_predictions_create(&j.predictions, csv_path, model->classes,
                                                 model->n_classes, err))) ||
        (rc = tw_pass_run(&passed, &pass, compute, cache, watch, err)) ||
        (csv_path && (rc = tw_predictions_commit(j.predictions, err))))
        goto done;
    tw_evaluation_finish(out);
    if ((rc = tw_evaluation_bootstrap(out, TW_BOOTSTRAP_SEED, err)))
        goto done;
    out->knows_pictures = pass.wants_looks;
    out->loss = passed.score.loss;
    out->temperature = model->temperature;
    out->n_trunk = passed.n_trunk;
    out->t_s = tw_clock_s() - t_begin_s;
done:
    tw_predictions_free(j.predictions);
    if (rc)
        tw_evaluation_free(out);
    return rc;
}
