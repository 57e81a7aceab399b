/*
 * L-BFGS on all training pictures at once: an epoch is an iteration, and its line search passes
 * over the features once, rarely more often. What is minimized is the mean cross-entropy of the
 * training pictures, in the order of the data, plus weight_decay / 2 times the kernels' squares;
 * biases are free. With one picture's share as weight decay that is scikit-learn's
 * LogisticRegression with C = 1.
 *
 * Between iterations the trained parameters are x. While one is under way they are its trial; one
 * that ends early puts x back. Value and gradient at x are not kept in a checkpoint: evaluating
 * again gives the same bits.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"

#include <math.h>
#include <string.h>

static const double tolerance = 1e-4; /* scikit-learn's tol, of the largest gradient */

bool tw_train__is_full_batch(const tw_config *config)
{
    return tw_train__is(config, TW_OPTION_OPTIMIZER, "lbfgs");
}

/* ---- the objective */

static double find_decay(const tw_training *training)
{
    return tw_train__text(training->config, TW_OPTION_WEIGHT_DECAY)
               ? tw_train__f64(training->config, TW_OPTION_WEIGHT_DECAY)
               : 1.0 / (double)training->n_train;
}

/* Adds the kernels' part to the gradient, and returns that of the value. */
static double add_penalty(const tw_optimizer *optimizer, double decay)
{
    const tw_trained *trained = optimizer->trained;
    double squares = 0.0;

    for (int node = 0; node < trained->n_nodes; node++) {
        const float *w = trained->data[node][0];

        for (int64_t i = 0; w && i < trained->size[node][0]; i++) {
            squares += (double)w[i] * (double)w[i];
            optimizer->gradient[node][0][i] += (float)(decay * (double)w[i]);
        }
    }
    return decay / 2.0 * squares;
}

static void count_batch(tw_full_batch *full, const tw_trainer *trainer, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        const float *logits = trainer->logits + i * trainer->n_classes;

        full->loss_now += trainer->loss[i];
        full->hits_now += tw_argmax_row(logits, trainer->n_classes) == trainer->labels[i];
    }
}

/* All training pictures once, through the trainer's parameters as they are. */
static tw_status pass(tw_run *run, tw_reader *reader, tw_error *err)
{
    tw_status rc;
    tw_full_batch *full = &run->full;
    tw_trainer *trainer = &run->trainer;
    const int64_t n_all = run->training->n_train;
    const int *labels = tw_dataset_labels(run->training->data);
    tw_epoch so_far = {.epoch = run->at.epoch.epoch};
    const float *rows;
    int64_t n, seen = 0;

    while (!(rc = tw_reader_next(reader, &rows, &n, err)) && n > 0) {
        if (tw_watch_should_stop(&run->watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted in epoch %d", so_far.epoch);
        for (int64_t i = 0; i < n; i++)
            trainer->labels[i] = labels[run->order[seen + i]];
        trainer->optimizer.share = (float)((double)n / (double)n_all);
        if ((rc = tw_train__trainer_step(trainer, rows, n, 0, 0, 0, err)))
            return rc;
        count_batch(full, trainer, n);
        seen += n;
        so_far.loss = full->loss_now;
        so_far.accuracy = full->hits_now;
        tw_train__tell_progress(run, &so_far, seen);
    }
    return rc;
}

static tw_status evaluate(void *ctx, double *value, float *gradient, const float *x, tw_error *err)
{
    tw_status rc;
    tw_run *run = ctx;
    tw_training *training = run->training;
    tw_trainer *trainer = &run->trainer;
    tw_reader *reader;

    run->t_pass_s = tw_clock_s();
    run->seen_before = 0;
    run->full.loss_now = run->full.hits_now = 0.0;
    memcpy(run->order, training->train, (size_t)training->n_train * sizeof *run->order);
    tw_train__trained_write(&trainer->active, x);
    tw_train__optimizer_sum_into(&trainer->optimizer, gradient);
    if ((rc = tw_reader_create(&reader, training->source, trainer->batch, err)))
        return rc;
    if (!(rc = tw_reader_start(reader, run->order, training->n_train, err)))
        rc = pass(run, reader, err);
    run->t_wait_s += tw_reader_waited_s(reader);
    tw_reader_free(reader);
    *value = run->full.loss_now / (double)training->n_train +
             add_penalty(&trainer->optimizer, find_decay(training));
    return rc;
}

/* ---- iterations */

static void keep_sums(tw_full_batch *full)
{
    full->loss = full->loss_now;
    full->hits = full->hits_now;
}

/* Takes the parameters as x, as they are or as a checkpoint left them. */
static tw_status begin(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_optimizer *optimizer = &run->trainer.optimizer;
    const tw_objective objective = {evaluate, run};

    if (run->full.is_begun)
        return TW_OK;
    optimizer->lbfgs.iterations = optimizer->iterations;
    tw_train__trained_read(optimizer->lbfgs.x, &run->trainer.active);
    rc = tw_train__lbfgs_begin(&optimizer->lbfgs, &objective, err);
    if (rc == TW_EINTERRUPTED)
        return tw_train__fail_interrupted(run, err);
    keep_sums(&run->full);
    run->full.is_begun = !rc;
    return rc;
}

/* An iteration that found no lower loss is not counted by the optimizer. */
static bool is_stuck(const tw_run *run)
{
    return run->at.epoch.epoch - 1 > run->trainer.optimizer.iterations;
}

tw_status tw_train__full_is_done(bool *out, tw_run *run, tw_error *err)
{
    tw_status rc;

    *out = false;
    if (!tw_train__is_full_batch(run->training->config) || run->at.seen > 0)
        return TW_OK;
    if ((rc = tw_train__trainer_wake(&run->trainer, run->training, err)) || (rc = begin(run, err)))
        return rc;
    *out = run->at.epoch.epoch > 1 &&
           (is_stuck(run) || tw_train__lbfgs_steepest(&run->trainer.optimizer.lbfgs) <= tolerance);
    return TW_OK;
}

tw_status tw_train__full_iterate(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_optimizer *optimizer = &run->trainer.optimizer;
    const tw_objective objective = {evaluate, run};
    bool moved;

    run->t_wait_s = 0.0;
    rc = tw_train__lbfgs_step(&moved, &optimizer->lbfgs, &objective, err);
    tw_train__trained_write(&run->trainer.active, optimizer->lbfgs.x);
    if (rc == TW_EINTERRUPTED)
        return tw_train__fail_interrupted(run, err);
    if (rc)
        return rc;
    if (moved)
        keep_sums(&run->full);
    optimizer->iterations = optimizer->lbfgs.iterations;
    run->at.epoch.loss = run->full.loss;
    run->at.epoch.accuracy = run->full.hits;
    run->at.seen = run->training->n_train;
    return TW_OK;
}

void tw_train__full_tell_done(const tw_run *run)
{
    const int last = run->at.epoch.epoch - 1;

    if (is_stuck(run))
        tw_watch_note(&run->watch, "stopped after epoch %d: it found no lower loss", last);
    else
        tw_watch_note(&run->watch, "stopped after epoch %d: the largest gradient is below %g", last,
                      tolerance);
}
