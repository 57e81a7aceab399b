/*
 * The run, as its recipe: begin it (run_begin.c), train, fold the scale into the first kernel,
 * write the model, prove the frozen layers, predict the validation pictures. What went on and when
 * goes to log.jsonl; nothing else in the folder knows the time.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/predictions.h"

#include <math.h>
#include <string.h>

/* ---- the model */

/* How the top was made; nothing here depends on time, host, path, threads or cache. */
static tw_status add_provenance(tw_run *run, tw_error *err)
{
    const tw_config *config = run->training->config;
    tw_model *model = run->trainer.model;
    tw_json *json = tw_json_new_object();
    bool ok = json != NULL;

    ok &= tw_json_set(json, "recipe", tw_json_new_string(tw_train__text(config, TW_OPTION_RECIPE)));
    ok &= tw_json_set(json, "cut", tw_json_new_string(tw_train__text(config, TW_OPTION_CUT)));
    ok &= tw_json_set(json, "top", tw_json_new_string(tw_train__text(config, TW_OPTION_TOP)));
    ok &= tw_json_set(json, "optimizer",
                      tw_json_new_string(tw_train__text(config, TW_OPTION_OPTIMIZER)));
    ok &= tw_json_set(json, "lr", tw_json_new_f64(tw_train__f64(config, TW_OPTION_LR)));
    ok &= tw_json_set(json, "batch_size",
                      tw_json_new_i64(tw_train__i64(config, TW_OPTION_BATCH_SIZE)));
    ok &= tw_json_set(json, "epochs", tw_json_new_i64(tw_train__i64(config, TW_OPTION_EPOCHS)));
    ok &= tw_json_set(json, "epoch", tw_json_new_i64(run->best.epoch.epoch));
    ok &= tw_json_set(json, "seed", tw_json_new_i64(tw_train__i64(config, TW_OPTION_SEED)));
    ok &= tw_json_set(json, "pictures", tw_json_new_i64(run->training->n_train));
    ok &= tw_json_set(json, "scale", tw_json_new_f64(run->scale));
    if (!model->provenance)
        ok &= (model->provenance = tw_json_new_object()) != NULL;
    if (ok && tw_json_set(model->provenance, "training", json))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory for the model's provenance");
}

/* The frozen layers of what was written against those of what was opened. */
static tw_status prove_frozen(tw_run *run, const char *path, tw_error *err)
{
    tw_status rc = tw_train__prove_frozen(&run->n_proven, run->training, path, err);
    tw_json *line;

    if (rc)
        return rc;
    line = tw_json_new_object();
    tw_json_set(line, "layers", tw_json_new_i64(run->n_proven));
    return tw_train__folder_log(&run->folder, "unchanged", line, err);
}

/* The model gets its name once it is proven. */
static tw_status write_model(tw_run *run, tw_error *err)
{
    tw_status rc;
    char *path = tw_train__folder_file(&run->folder, "model.safetensors");
    char *unproven = tw_train__folder_file(&run->folder, "model.safetensors.new");

    tw_train__fold_scale(&run->trainer.trained, run->scale);
    if (!path || !unproven)
        rc = tw_fail(err, TW_ENOMEM, "no memory to write the model");
    else if (!(rc = add_provenance(run, err)) &&
             !(rc = tw_model_write(run->trainer.model, unproven, err)) &&
             !(rc = prove_frozen(run, unproven, err)))
        rc = tw_file_move(unproven, path, err);
    tw_free(unproven);
    tw_free(path);
    return rc;
}

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    const tw_run *run = ctx;
    const tw_training *training = run->training;
    const tw_dataset *data = training->val_data ? training->val_data : training->data;
    char buf[32];
    tw_status rc;

    if (training->on_answer && (rc = training->on_answer(training->answer_ctx, data, answer, err)))
        return rc;
    return tw_predictions_add(run->predictions,
                              tw_dataset_name(data, answer->sample, buf, sizeof buf), answer->label,
                              answer->predicted, answer->probabilities, err);
}

/* Of the model as it was written: its kernel is folded, so the features go in as they are. */
static tw_status write_predictions(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_score score;
    const tw_model *model = run->trainer.model;
    char *path;

    if (run->training->n_val == 0)
        return TW_OK;
    if (!(path = tw_train__folder_file(&run->folder, "predictions.csv")))
        return tw_fail(err, TW_ENOMEM, "no memory to write the predictions");
    if ((rc = tw_predictions_create(&run->predictions, path, model->classes, model->n_classes,
                                    err)) ||
        (rc = tw_train__validate(&score, run, 1.0f, take_answer, err)))
        goto done;
    if (!(rc = tw_predictions_commit(run->predictions, err)))
        rc = tw_train__log_predictions(run, &score, err);
done:
    tw_predictions_free(run->predictions);
    run->predictions = NULL;
    tw_free(path);
    return rc;
}

/* ---- the run */

static tw_status train(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;
    tw_train_phase phase = run->checkpoint ? run->saved_phase : tw_train__phase_of(training, 1);

    if (!(run->order = tw_calloc((size_t)training->n_train, sizeof *run->order)))
        return tw_fail(err, TW_ENOMEM, "no memory for an order of %lld pictures",
                       (long long)training->n_train);
    if ((rc = tw_train__trainer_create(&run->trainer, training, phase, (float)(1.0 / run->scale),
                                       err)))
        return rc;
    if (run->checkpoint && (rc = tw_train__restore(run, err)))
        return rc;
    run->t_saved_s = tw_clock_s();
    return tw_train__loop(run, err);
}

static tw_status finish(tw_run *run, tw_training_result *result, tw_error *err)
{
    const tw_epoch *epoch = &run->best.epoch;
    tw_json *line;

    if (run->unlogged.code)
        return tw_fail(err, run->unlogged.code, "%s", run->unlogged.text);
    line = tw_json_new_object();
    *result = (tw_training_result){.epoch = epoch->epoch,
                                   .loss = epoch->loss,
                                   .accuracy = epoch->accuracy,
                                   .val_loss = epoch->val_loss,
                                   .val_accuracy = epoch->val_accuracy,
                                   .has_trunk = run->training->boundary > 0,
                                   .n_trunk = tw_train__trunk_count(run->training),
                                   .n_unchanged = run->n_proven};
    tw_json_set(line, "epoch", tw_json_new_i64(epoch->epoch));
    tw_json_set(line, "val_accuracy", tw_json_new_f64(epoch->val_accuracy));
    tw_json_set(line, "through_trunk", tw_json_new_i64(result->n_trunk));
    return tw_train__folder_log(&run->folder, "end", line, err);
}

/* Pictures that training has seen, one a time an epoch that is done. */
static int64_t count_trained(const tw_run *run)
{
    return (run->at.epoch.epoch - 1) * run->training->n_train;
}

tw_status tw_training_run(tw_training *training, tw_training_result *result, const tw_watch *watch,
                          tw_error *err)
{
    tw_status rc;
    tw_run run;

    memset(result, 0, sizeof *result);
    tw_train__run_init(&run, training, watch);
    if ((rc = tw_train__run_begin(&run, err)) || (rc = tw_train__run_features(&run, err)) ||
        (rc = tw_train__log_phase(&run, "features", training->n_train + training->n_val, err)) ||
        (rc = train(&run, err)) ||
        (rc = tw_train__log_phase(&run, "train", count_trained(&run), err)) ||
        (rc = write_model(&run, err)) || (rc = tw_train__log_phase(&run, "model", 0, err)) ||
        (rc = write_predictions(&run, err)) ||
        (rc = tw_train__log_phase(&run, "predict", training->n_val, err)))
        goto done;
    tw_source_tell_damage(training->source, &run.watch);
    tw_source_tell_damage(training->own_val, &run.watch);
    rc = finish(&run, result, err);
done:
    tw_train__run_free(&run);
    return rc;
}
