/*
 * The run, as its recipe: make the folder, fill the features, scale them, train, fold the scale
 * into the first kernel, write the model, predict the validation pictures with it. What went on
 * and when goes to log.jsonl; nothing else in the folder knows the time.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/predictions.h"

#include <math.h>
#include <string.h>

/* ---- watching */

/* Notes go to the log too. One that cannot be written is remembered: this is no place to fail. */
static void pass_event(void *ctx, const tw_event *event)
{
    tw_run *run = ctx;

    if (event->kind == TW_EVENT_NOTE) {
        tw_json *line = tw_json_new_object();
        tw_error err = {TW_OK, ""};
        tw_json_set(line, "text", tw_json_new_string(event->text));
        if (tw_train__folder_log(&run->folder, "note", line, &err) && !run->unlogged.code)
            run->unlogged = err;
    }
    tw_watch_send(run->outer, event);
}

static int pass_stop(void *ctx)
{
    const tw_run *run = ctx;

    return tw_watch_should_stop(run->outer);
}

/* ---- the small files */

static void add_pictures(tw_text *text, const tw_dataset *data, const char *split,
                         const int64_t *val, int64_t n_val)
{
    char buf[32];
    int64_t next = 0;

    for (int64_t i = 0; i < tw_dataset_count(data); i++) {
        bool is_val = next < n_val && val[next] == i;

        next += is_val;
        tw_csv_add(text, tw_dataset_name(data, i, buf, sizeof buf));
        tw_text_add(text, ",");
        tw_csv_add(text, tw_dataset_class_name(data, tw_dataset_label(data, i)));
        tw_text_add(text, ",%s\n", is_val ? "val" : split);
    }
}

static tw_status write_split(const tw_run *run, tw_error *err)
{
    tw_status rc;
    const tw_training *training = run->training;
    tw_text text = {0};

    tw_text_add(&text, "name,label,split\n");
    if (training->val_data) {
        add_pictures(&text, training->data, "train", NULL, 0);
        add_pictures(&text, training->val_data, "val", NULL, 0);
    } else {
        add_pictures(&text, training->data, "train", training->val, training->n_val);
    }
    rc = tw_train__folder_write(&run->folder, "split.csv", &text, err);
    tw_text_free(&text);
    return rc;
}

static tw_status log_start(tw_run *run, tw_error *err)
{
    const tw_training_plan *plan = &run->training->plan;
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "version", tw_json_new_string(tw_version()));
    tw_json_set(line, "data", tw_json_new_string(plan->data));
    tw_json_set(line, "split", tw_json_new_string(plan->split));
    tw_json_set(line, "model", tw_json_new_string(plan->model));
    tw_json_set(line, "compute", tw_json_new_string(plan->compute));
    tw_json_set(line, "optimizer", tw_json_new_string(plan->optimizer));
    tw_json_set(line, "cache", tw_json_new_string(plan->cache));
    return tw_train__folder_log(&run->folder, "start", line, err);
}

static tw_status write_config(const tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;

    return tw_train__folder_config(
        &run->folder, tw_train__config_json(training->config, training->val_data != NULL), err);
}

/* A folder of its own, with the files that say what the run is. */
static tw_status begin_folder(tw_run *run, const char *output, tw_error *err)
{
    tw_status rc;
    const tw_training *training = run->training;
    bool overwrite = training->resumes || tw_train__bool(training->config, TW_OPTION_OVERWRITE);

    if ((rc = tw_train__folder_create(&run->folder, output, overwrite, err)) ||
        (rc = write_config(run, err)) || (rc = write_split(run, err)) || (rc = log_start(run, err)))
        return rc;
    return tw_train__log_plan(run, err);
}

static tw_status log_resume(tw_run *run, tw_error *err)
{
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "version", tw_json_new_string(tw_version()));
    tw_json_set(line, "epoch", tw_json_new_i64(run->at.epoch.epoch));
    tw_json_set(line, "step", tw_json_new_i64(run->at.step));
    tw_json_set(line, "compute", tw_json_new_string(run->training->plan.compute));
    return tw_train__folder_log(&run->folder, "resume", line, err);
}

/* The folder as the checkpoint left it; predictions and the like are made again at the end. */
static tw_status continue_folder(tw_run *run, const char *output, tw_error *err)
{
    tw_status rc;
    const tw_json *state = tw_train__checkpoint_state(run->checkpoint);

    run->sequence = tw_train__checkpoint_sequence(run->checkpoint);
    if ((rc = tw_train__identity_compare(tw_json_get(state, "identity"), run->identity,
                                         run->training, run->outer, err)) ||
        (rc = tw_train__folder_reopen(&run->folder, output, err)) ||
        (rc = tw_train__take_state(run, state, err)) || (rc = log_resume(run, err)) ||
        (rc = write_config(run, err)) || (rc = write_split(run, err)) ||
        (rc = tw_train__folder_history(&run->folder, err)))
        return rc;
    run->saved_best = run->best.epoch.epoch;
    return TW_OK;
}

static tw_status open_folder(tw_run *run, tw_error *err)
{
    tw_status rc;
    const char *output = tw_train__text(run->training->config, TW_OPTION_OUTPUT);
    tw_text why = {0};

    if (!output)
        return tw_fail(err, TW_EUSAGE, "option output is missing: the folder for the run");
    if (run->training->resumes &&
        (rc = tw_train__checkpoint_open(&run->checkpoint, output, &why, err)))
        goto done;
    if (why.n)
        tw_watch_note(run->outer, "%s", why.failed ? "a checkpoint is damaged" : why.text);
    if ((rc = run->checkpoint ? continue_folder(run, output, err) : begin_folder(run, output, err)))
        goto done;
    rc = tw_train__log_prepared(run, err);
done:
    tw_text_free(&why);
    return rc;
}

/* ---- features */

/* The validation part's source is made anew once the training part is filled: both add to the same
 * entry of the cache, and it must see what the other wrote. */
static tw_status reopen_own_val(tw_training *training, const tw_watch *watch, tw_error *err)
{
    tw_source_free(training->own_val);
    training->own_val = NULL;
    return tw_source_create(&training->own_val, training->base, training->boundary,
                            training->val_data, &training->trunk, &training->cache, watch, err);
}

static tw_status fill_sources(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;

    if ((rc = tw_source_fill(training->source, &run->watch, err)))
        return rc;
    if (training->val_data && ((rc = reopen_own_val(training, &run->watch, err)) ||
                               (rc = tw_source_fill(training->own_val, &run->watch, err))))
        return rc;
    return tw_train__share_memory(training, err);
}

int64_t tw_train__trunk_count(const tw_training *training)
{
    int64_t n = tw_source_trunk_count(training->source);

    return training->own_val ? n + tw_source_trunk_count(training->own_val) : n;
}

static tw_status fail_interrupted(const tw_training *training, tw_error *err)
{
    char rows[32];
    int64_t n_rows = tw_dataset_count(training->data) - tw_source_missing(training->source);

    return tw_fail(
        err, TW_EINTERRUPTED,
        "interrupted: the features of %s pictures are kept in the cache, \"topwork resume %s\" "
        "goes on",
        tw_count_text(rows, sizeof rows, n_rows),
        tw_train__text(training->config, TW_OPTION_OUTPUT));
}

static tw_status make_features(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;
    double t_begin_s = tw_clock_s(), deviation = 1.0;
    tw_json *line;

    if ((rc = fill_sources(run, err)))
        return rc == TW_EINTERRUPTED ? fail_interrupted(training, err) : rc;
    if (!run->checkpoint && tw_train__is_scaled(training->config)) {
        if ((rc = tw_source_deviation(&deviation, training->source, training->train,
                                      training->n_train, err)))
            return rc;
        run->scale = tw_train__scale(deviation);
    }
    line = tw_json_new_object();
    tw_json_set(line, "through_trunk", tw_json_new_i64(tw_train__trunk_count(training)));
    tw_json_set(line, "scale", tw_json_new_f64(run->scale));
    tw_json_set(line, "t_s", tw_json_new_f64(tw_clock_s() - t_begin_s));
    return tw_train__folder_log(&run->folder, "features", line, err);
}

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

static tw_status write_model(tw_run *run, tw_error *err)
{
    tw_status rc;
    char *path;

    tw_train__fold_scale(&run->trainer.trained, run->scale);
    if ((rc = add_provenance(run, err)))
        return rc;
    if (!(path = tw_train__folder_file(&run->folder, "model.safetensors")))
        return tw_fail(err, TW_ENOMEM, "no memory to write the model");
    if (!(rc = tw_model_write(run->trainer.model, path, err)))
        rc = prove_frozen(run, path, err);
    tw_free(path);
    return rc;
}

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    const tw_run *run = ctx;
    const tw_training *training = run->training;
    const tw_dataset *data = training->val_data ? training->val_data : training->data;
    char buf[32];

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
    tw_phase phase = run->checkpoint ? run->saved_phase : tw_train__phase_of(training, 1);

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
                                   .n_trunk = tw_train__trunk_count(run->training),
                                   .n_unchanged = run->n_proven};
    tw_json_set(line, "epoch", tw_json_new_i64(epoch->epoch));
    tw_json_set(line, "val_accuracy", tw_json_new_f64(epoch->val_accuracy));
    tw_json_set(line, "through_trunk", tw_json_new_i64(result->n_trunk));
    return tw_train__folder_log(&run->folder, "end", line, err);
}

static void run_free(tw_run *run)
{
    tw_train__trainer_free(&run->trainer);
    tw_train__checkpoint_close(run->checkpoint);
    tw_json_free(run->identity);
    tw_train__folder_free(&run->folder);
    tw_free(run->order);
}

/* Pictures that training sees, one a time an epoch. */
static int64_t count_trained(const tw_training *training)
{
    return tw_train__epoch_count(training) * training->n_train;
}

tw_status tw_training_run(tw_training *training, tw_training_result *result, const tw_watch *watch,
                          tw_error *err)
{
    tw_status rc;
    tw_run run = {.training = training, .outer = watch, .scale = 1.0};

    memset(result, 0, sizeof *result);
    run.watch = (tw_watch){pass_event, pass_stop, &run};
    run.mark.t_s = tw_clock_s();
    if ((rc = tw_train__hash_frozen(training, err)) ||
        (rc = tw_train__identity(&run.identity, training, err)) || (rc = open_folder(&run, err)) ||
        (rc = make_features(&run, err)) ||
        (rc = tw_train__log_phase(&run, "features", training->n_train + training->n_val, err)) ||
        (rc = train(&run, err)) ||
        (rc = tw_train__log_phase(&run, "train", count_trained(training), err)) ||
        (rc = write_model(&run, err)) || (rc = tw_train__log_phase(&run, "model", 0, err)) ||
        (rc = write_predictions(&run, err)) ||
        (rc = tw_train__log_phase(&run, "predict", training->n_val, err)))
        goto done;
    tw_source_tell_damage(training->source, &run.watch);
    tw_source_tell_damage(training->own_val, &run.watch);
    rc = finish(&run, result, err);
done:
    run_free(&run);
    return rc;
}
