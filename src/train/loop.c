/*
 * The training loop: epochs of shuffled batches, validation after each, and the choice of the
 * epoch that becomes the model. Loss and accuracy of an epoch are what fit reports: running means
 * over the samples while the weights change, dropout active. Validation runs the weights as they
 * are through the inference chain, so its digits are those of an evaluation of the saved model.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double least_s = 1.0; /* of steps, before a time left is worth telling */

/* What the last one took; before the first, forward alone is a third of a step. */
static double guess_validation(const tw_run *run, double t_row_s)
{
    return run->t_validate_s > 0.0 ? run->t_validate_s
                                   : t_row_s / 3.0 * (double)run->training->n_val;
}

void tw_train__tell_progress(const tw_run *run, const tw_epoch *epoch, int64_t seen)
{
    int64_t n = run->training->n_train;
    int n_epochs = tw_train__epoch_count(run->training);
    double t_s = tw_clock_s() - run->t_pass_s, t_row_s = t_s / (double)(seen - run->seen_before);
    double t_validate_s = guess_validation(run, t_row_s);
    tw_event event = {.kind = TW_EVENT_PROGRESS, .phase = "train", .done = seen, .total = n};

    event.epoch = epoch->epoch;
    event.n_epochs = n_epochs;
    event.loss = epoch->loss / (double)seen;
    event.accuracy = epoch->accuracy / (double)seen;
    event.rate = t_s > 0.0 ? 1.0 / t_row_s : 0.0;
    event.t_left_s = t_row_s * (double)(n - seen) + t_validate_s;
    /* the finished model predicts the validation pictures once more */
    event.t_left_all_s = event.t_left_s + t_validate_s +
                         (n_epochs - epoch->epoch) * (t_row_s * (double)n + t_validate_s);
    if (run->t_validate_s == 0.0 && t_s < least_s)
        event.t_left_s = event.t_left_all_s = (double)NAN;
    tw_watch_send(&run->watch, &event);
}

/* Adds up losses and hits of the n rows just seen, in order. */
static tw_status count_batch(tw_run *run, int64_t n, tw_error *err)
{
    const tw_trainer *trainer = &run->trainer;
    tw_epoch *epoch = &run->at.epoch;

    for (int64_t i = 0; i < n; i++) {
        const float *logits = trainer->logits + i * trainer->n_classes;

        if (!isfinite(trainer->loss[i]))
            return tw_fail(err, TW_EFAIL,
                           "the loss is %s in epoch %d, step %lld: a smaller lr may help",
                           isnan(trainer->loss[i]) ? "not a number" : "infinite", epoch->epoch,
                           (long long)run->at.step + 1);
        epoch->loss += trainer->loss[i];
        epoch->accuracy += tw_argmax_row(logits, trainer->n_classes) == trainer->labels[i];
    }
    return TW_OK;
}

tw_status tw_train__fail_interrupted(tw_run *run, tw_error *err)
{
    int64_t batch = run->trainer.batch, n = run->training->n_train;
    char where[64];

    if (run->at.seen < n)
        snprintf(where, sizeof where, "step %lld of %lld", (long long)run->at.step + 1,
                 (long long)((n + batch - 1) / batch));
    else
        snprintf(where, sizeof where, "while validating");
    return tw_train__save_interrupted(run, where, err);
}

/* From the position on to the end of the epoch. */
static tw_status run_batches(tw_run *run, tw_reader *reader, tw_error *err)
{
    tw_status rc;
    tw_position *at = &run->at;
    uint64_t seed = (uint64_t)tw_train__i64(run->training->config, TW_OPTION_SEED);
    const float *rows;
    int64_t n;

    while (!(rc = tw_reader_next(reader, &rows, &n, err)) && n > 0) {
        if (tw_watch_should_stop(&run->watch))
            return tw_train__fail_interrupted(run, err);
        for (int64_t i = 0; i < n; i++)
            run->trainer.labels[i] = tw_train__label(run, at->seen + i);
        if ((rc = tw_train__trainer_step(&run->trainer, rows, n, seed, (uint32_t)at->epoch.epoch,
                                         (uint64_t)at->step, err)) ||
            (rc = count_batch(run, n, err)))
            return rc;
        at->seen += n;
        at->step++;
        tw_train__tell_progress(run, &at->epoch, at->seen);
        tw_train__save_if_due(run);
    }
    return rc;
}

static tw_status train_epoch(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_reader *reader = NULL;
    int64_t left = run->training->n_train - run->at.seen;

    if (left == 0)
        return TW_OK;
    if (tw_train__is_full_batch(run->training->config))
        return tw_train__full_iterate(run, err);
    if ((rc = tw_train__shuffle(run, run->at.epoch.epoch, err)) ||
        (rc = tw_train__trainer_wake(&run->trainer, run->training, err)) ||
        (rc = tw_reader_create(&reader, run->training->source, run->trainer.batch, err)) ||
        (rc = tw_reader_start(reader, run->order + run->at.seen, left, err)))
        goto done;
    rc = run_batches(run, reader, err);
    run->t_wait_s = tw_reader_waited_s(reader);
done:
    tw_reader_free(reader);
    return rc;
}

/* ---- validation */

tw_status tw_train__validate(tw_score *out, tw_run *run, float multiplier,
                             tw_status (*on_answer)(void *, const tw_answer *, tw_error *),
                             tw_error *err)
{
    tw_status rc;
    const tw_training *training = run->training;
    const tw_model *model = run->trainer.model;
    tw_chain *chain;
    tw_score_job job = {.source = training->own_val ? training->own_val : training->source,
                        .samples = training->val,
                        .n = training->n_val,
                        .labels = training->val_labels ? training->val_labels
                                                       : tw_dataset_labels(training->data),
                        .multiplier = multiplier,
                        .chunk = training->memory.chunk,
                        .phase = "validate",
                        .on_answer = on_answer,
                        .ctx = run};

    if ((rc = tw_chain_create(&chain, model, training->boundary, model->graph->n - 1,
                              training->computer.backend, TW_PRECISION_FP32,
                              training->computer.n_threads, training->memory.chain, err)))
        return rc;
    job.chain = chain;
    rc = tw_score_run(out, &job, &run->watch, err);
    tw_chain_free(chain);
    return rc;
}

/* The weights after the last step may be broken though every loss was fine. */
static tw_status check_weights(const tw_run *run, int epoch, tw_error *err)
{
    const tw_trained *trained = &run->trainer.trained;

    for (int node = 0; node < trained->n_nodes; node++)
        for (int slot = 0; slot < 2; slot++)
            for (int64_t i = 0; trained->data[node][slot] && i < trained->size[node][slot]; i++)
                if (!isfinite(trained->data[node][slot][i]))
                    return tw_fail(err, TW_EFAIL,
                                   "weights of layer %s are not finite after epoch %d: a smaller "
                                   "lr may help",
                                   run->training->suffix->nodes[node].name, epoch);
    return TW_OK;
}

/* ---- the epochs */

static bool has_sigmoid(const tw_graph *top)
{
    for (int i = 1; i < top->n; i++)
        if (top->nodes[i].op == TW_OP_SIGMOID || top->nodes[i].activation == TW_SIGMOID)
            return true;
    return false;
}

/* Why the loss may be as high as that. Fine-tuning never scales. */
static const char *guess_reason(const tw_training *training)
{
    bool is_scaled = tw_train__is_scaled(training->config) ||
                     tw_train__is(training->config, TW_OPTION_RECIPE, "finetune");
    bool sigmoid = has_sigmoid(training->top);

    if (!is_scaled && sigmoid)
        return "the features are not scaled, and large ones saturate sigmoid layers "
               "(scale-features auto divides them by their standard deviation)";
    if (!is_scaled)
        return "the features are not scaled (scale-features auto divides them by their standard "
               "deviation)";
    if (sigmoid)
        return "sigmoid layers learn slowly (relu ones do not), or the learning rate does not fit";
    return "the learning rate may not fit, the pictures may be too few, or the labels wrong";
}

/* A classifier that has learned nothing has the loss ln(classes). Only says it; with soft targets a
 * high loss is none to wonder at. */
static void guard_stall(const tw_run *run, const tw_epoch *epoch)
{
    enum { PATIENCE = 3 };
    int n_classes = run->trainer.n_classes;
    double most = 0.95 * log((double)n_classes);
    char text[512];

    if (epoch->epoch != PATIENCE || epoch->loss <= most ||
        !tw_train__mixer_is_off(&run->trainer.mixer))
        return;
    snprintf(text, sizeof text,
             "after %d epochs the training loss is %.3f, still above 0.95 ln(%d) = %.3f: %s",
             PATIENCE, epoch->loss, n_classes, most, guess_reason(run->training));
    tw_watch_note(&run->watch, "%s", text);
}

static bool selects_best(const tw_run *run)
{
    return run->training->n_val > 0 &&
           tw_train__is(run->training->config, TW_OPTION_SELECT, "best");
}

static tw_status keep_best(tw_run *run, const tw_epoch *epoch, tw_error *err)
{
    bool selects = selects_best(run);

    if (selects && !tw_train__is_better(epoch, &run->best.epoch))
        return TW_OK;
    run->best.epoch = *epoch;
    run->best.on_disk = false;
    return selects ? tw_train__best_write(&run->best, &run->trainer.trained, run->folder.path, err)
                   : TW_OK;
}

static tw_status record_epoch(tw_run *run, const tw_epoch *epoch, int n_epochs, tw_error *err)
{
    tw_status rc;
    tw_json *line = tw_json_new_object();
    tw_event event = {.kind = TW_EVENT_EPOCH,
                      .epoch = epoch->epoch,
                      .n_epochs = n_epochs,
                      .loss = epoch->loss,
                      .accuracy = epoch->accuracy,
                      .val_loss = epoch->val_loss,
                      .val_accuracy = epoch->val_accuracy,
                      .t_s = epoch->t_s,
                      .is_best = selects_best(run) && run->best.epoch.epoch == epoch->epoch};

    tw_json_set(line, "epoch", tw_json_new_i64(epoch->epoch));
    tw_json_set(line, "loss", tw_json_new_f64(epoch->loss));
    tw_json_set(line, "accuracy", tw_json_new_f64(epoch->accuracy));
    tw_json_set(line, "val_loss", tw_json_new_f64(epoch->val_loss));
    tw_json_set(line, "val_accuracy", tw_json_new_f64(epoch->val_accuracy));
    tw_json_set(line, "t_s", tw_json_new_f64(epoch->t_s));
    tw_json_set(line, "t_wait_s", tw_json_new_f64(run->t_wait_s));
    tw_json_set(line, "t_validate_s", tw_json_new_f64(run->t_validate_s));
    tw_json_set(line, "zero_inputs",
                tw_json_new_i64(tw_train__optimizer_untouched(&run->trainer.optimizer)));
    if ((rc = tw_train__folder_log(&run->folder, "epoch", line, err)) ||
        (rc = tw_train__folder_epoch(&run->folder, epoch, err)))
        return rc;
    tw_watch_send(&run->watch, &event);
    return TW_OK;
}

/* Epoch `number` has not begun. */
static void stand_before(tw_run *run, int number)
{
    run->at = (tw_position){.epoch.epoch = number};
    run->at.epoch.val_loss = run->at.epoch.val_accuracy = (double)NAN;
}

static tw_status validate_epoch(tw_run *run, tw_epoch *epoch, tw_error *err)
{
    tw_score score;
    tw_status rc;

    if (run->training->n_val == 0)
        return TW_OK;
    rc = tw_train__validate(&score, run, run->trainer.multiplier, NULL, err);
    if (rc == TW_EINTERRUPTED)
        return tw_train__fail_interrupted(run, err);
    if (rc)
        return rc;
    if (!isfinite(score.loss))
        return tw_fail(err, TW_EFAIL,
                       "the validation loss is %s after epoch %d: a smaller lr may help",
                       isnan(score.loss) ? "not a number" : "infinite", epoch->epoch);
    epoch->val_loss = score.loss;
    epoch->val_accuracy = score.accuracy;
    return TW_OK;
}

/* The epoch under way, from the position on. */
static tw_status run_epoch(tw_run *run, int n_epochs, tw_error *err)
{
    tw_status rc;
    double t_trained_s;
    tw_epoch epoch;

    run->t_epoch_s = run->t_pass_s = tw_clock_s();
    run->seen_before = run->at.seen;
    if ((rc = train_epoch(run, err)) || (rc = check_weights(run, run->at.epoch.epoch, err)))
        return rc;
    epoch = run->at.epoch;
    epoch.loss /= (double)run->training->n_train;
    epoch.accuracy /= (double)run->training->n_train;
    t_trained_s = tw_clock_s();
    tw_train__trainer_rest(&run->trainer);
    if ((rc = validate_epoch(run, &epoch, err)))
        return rc;
    run->t_validate_s = tw_clock_s() - t_trained_s;
    epoch.t_s = tw_clock_s() - run->t_epoch_s;
    if ((rc = keep_best(run, &epoch, err)) || (rc = record_epoch(run, &epoch, n_epochs, err)))
        return rc;
    guard_stall(run, &epoch);
    if (run->trainer.phase == TW_PHASE_ALL)
        tw_train__schedule_see(&run->trainer.schedule,
                               run->training->n_val > 0 ? epoch.val_loss : epoch.loss);
    if (tw_train__is_better(&epoch, &run->peak))
        run->peak = epoch;
    stand_before(run, epoch.epoch + 1);
    if (tw_train__is_full_batch(run->training->config))
        tw_train__save_if_due(run);
    return TW_OK;
}

/* Early stopping: so many epochs of the main phase were not better than the best of all. */
static bool is_out_of_patience(const tw_run *run)
{
    const tw_config *config = run->training->config;
    const int64_t done = run->at.epoch.epoch - 1;
    const int64_t n_top = tw_train__i64(config, TW_OPTION_FREEZE_EPOCHS);
    const int64_t since = run->peak.epoch > n_top ? run->peak.epoch : n_top;

    return tw_train__text(config, TW_OPTION_PATIENCE) && run->training->n_val > 0 &&
           run->trainer.phase == TW_PHASE_ALL && run->at.step == 0 &&
           done - since >= tw_train__i64(config, TW_OPTION_PATIENCE);
}

tw_status tw_train__loop(tw_run *run, tw_error *err)
{
    tw_status rc = TW_OK;
    int n_epochs = tw_train__epoch_count(run->training);
    bool is_done = false;

    if (run->at.epoch.epoch == 0)
        stand_before(run, 1);
    while (run->at.epoch.epoch <= n_epochs && !rc) {
        tw_train_phase phase = tw_train__phase_of(run->training, run->at.epoch.epoch);

        if (run->trainer.phase != phase)
            rc = tw_train__trainer_enter(&run->trainer, run->training, phase, err);
        if (!rc && is_out_of_patience(run))
            break;
        if (!rc)
            rc = tw_train__full_is_done(&is_done, run, err);
        if (is_done)
            break;
        if (!rc)
            rc = run_epoch(run, n_epochs, err);
    }
    if (rc)
        return rc;
    if (is_done)
        tw_train__full_tell_done(run);
    else if (run->at.epoch.epoch <= n_epochs)
        tw_watch_note(&run->watch, "stopped after epoch %d: the best was epoch %d, patience %s",
                      run->at.epoch.epoch - 1, run->peak.epoch,
                      tw_train__text(run->training->config, TW_OPTION_PATIENCE));
    tw_train__save_end(run);
    return run->best.on_disk
               ? tw_train__best_read(&run->best, &run->trainer.trained, run->folder.path, err)
               : TW_OK;
}
