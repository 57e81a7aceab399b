/*
 * The range test for a learning rate (Smith 2015, Cyclical learning rates for training neural
 * networks): a step a rate, the rate growing by the same factor from step to step, until the loss
 * explodes. What is suggested is the rate at which the smoothed loss falls most steeply over the
 * logarithm of the rate, before its lowest point. Nothing of the training is kept.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

enum { N_STEPS = 100, LEAST_STEPS = 10 };
static const double lowest = 1e-7, highest = 10.0, beta = 0.95, explosion = 4.0;

static double rate_of(int step)
{
    return lowest * pow(highest / lowest, (double)step / (N_STEPS - 1));
}

void tw_lr_curve_free(tw_lr_curve *curve)
{
    tw_free(curve->points);
    memset(curve, 0, sizeof *curve);
}

/* The test under way. */
typedef struct range_test {
    tw_run *run;
    tw_reader *reader;
    tw_lr_curve *curve;
    tw_progress progress;
    double mean; /* of the losses so far, exponential */
    bool goes_on;
} range_test;

/* Adds a point; the test ends once the loss has exploded. */
static void add_point(range_test *test, double loss)
{
    tw_lr_curve *curve = test->curve;
    tw_lr_point *point = &curve->points[curve->n];
    double least = (double)INFINITY;

    test->goes_on = isfinite(loss);
    if (!test->goes_on)
        return;
    test->mean = beta * test->mean + (1.0 - beta) * loss;
    *point = (tw_lr_point){rate_of(curve->n), loss, test->mean / (1.0 - pow(beta, curve->n + 1))};
    for (int i = 0; i <= curve->n; i++)
        least = fmin(least, curve->points[i].smoothed);
    curve->n++;
    test->goes_on =
        curve->n < N_STEPS && (curve->n < LEAST_STEPS || point->smoothed <= explosion * least);
}

static int find_lowest(const tw_lr_curve *curve)
{
    int best = 0;

    for (int i = 1; i < curve->n; i++)
        if (curve->points[i].smoothed < curve->points[best].smoothed)
            best = i;
    return best;
}

/* Over three points on either side, so that one step's luck does not decide. */
static double slope_at(const tw_lr_curve *curve, int i, int end)
{
    int a = i > 3 ? i - 3 : 0, b = i + 3 < end ? i + 3 : end;

    return (curve->points[b].smoothed - curve->points[a].smoothed) /
           (log(curve->points[b].lr) - log(curve->points[a].lr));
}

/* The first steps are left out: with their rates nothing can have been learnt, what moves there is
 * the difference between batches. */
static void suggest(tw_lr_curve *curve)
{
    int end = find_lowest(curve), steepest = LEAST_STEPS;

    curve->lowest = curve->points[end].lr;
    if (end <= LEAST_STEPS)
        return; /* it never fell: no rate is good */
    for (int i = LEAST_STEPS + 1; i < end; i++)
        if (slope_at(curve, i, end) < slope_at(curve, steepest, end))
            steepest = i;
    curve->suggestion = curve->points[steepest].lr;
}

static double mean_loss(const tw_trainer *trainer, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += trainer->loss[i];
    return sum / (double)n;
}

/* A norm that is not finite is an explosion, too. */
static tw_status run_step(range_test *test, const float *rows, int64_t n, int epoch, tw_error *err)
{
    tw_trainer *trainer = &test->run->trainer;
    uint64_t seed = (uint64_t)tw_train__i64(test->run->training->config, TW_OPTION_SEED);
    int step = test->curve->n;
    tw_status rc;

    trainer->optimizer.lr = (float)rate_of(step);
    rc = tw_train__trainer_step(trainer, rows, n, seed, (uint32_t)epoch, (uint64_t)step, err);
    test->goes_on = false;
    if (rc == TW_EFAIL)
        return TW_OK;
    if (!rc)
        add_point(test, mean_loss(trainer, n));
    tw_progress_step(&test->progress, test->curve->n);
    return rc;
}

/* One pass over the pictures, or what is left of the steps. */
static tw_status run_pass(range_test *test, int epoch, tw_error *err)
{
    tw_status rc;
    tw_run *run = test->run;
    const float *rows;
    int64_t n, seen = 0;

    if ((rc = tw_train__shuffle(run, epoch, err)) ||
        (rc = tw_reader_start(test->reader, run->order, run->training->n_train, err)))
        return rc;
    while (test->goes_on && !(rc = tw_reader_next(test->reader, &rows, &n, err)) && n > 0) {
        if (tw_watch_should_stop(&run->watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted after %d of %d steps", test->curve->n,
                           N_STEPS);
        for (int64_t i = 0; i < n; i++)
            run->trainer.labels[i] = tw_train__label(run, seen + i);
        if ((rc = run_step(test, rows, n, epoch, err)))
            return rc;
        seen += n;
    }
    return rc;
}

static tw_status run_steps(tw_lr_curve *curve, tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;
    range_test test = {.run = run, .curve = curve, .goes_on = true};

    if (!(run->order = tw_calloc((size_t)training->n_train, sizeof *run->order)) ||
        !(curve->points = tw_calloc(N_STEPS, sizeof *curve->points)))
        return tw_fail(err, TW_ENOMEM, "no memory for a range test");
    if ((rc = tw_train__trainer_create(&run->trainer, training, TW_PHASE_ALL,
                                       (float)(1.0 / run->scale), err)))
        return rc;
    run->trainer.schedule.kind = TW_CONSTANT;
    run->trainer.schedule.n_warm = 0;
    run->trainer.optimizer.decay = 0.0f;
    if ((rc = tw_reader_create(&test.reader, training->source, run->trainer.batch, err)))
        return rc;
    tw_progress_start(&test.progress, &run->watch, "lr-find", 0, N_STEPS, 0.0);
    for (int epoch = 1; test.goes_on && !rc; epoch++)
        rc = run_pass(&test, epoch, err);
    tw_reader_free(test.reader);
    if (!rc && curve->n < LEAST_STEPS)
        rc = tw_fail(err, TW_EFAIL, "the loss is not finite after %d steps: no rate can be found",
                     curve->n);
    return rc;
}

static tw_status write_curve(const tw_lr_curve *curve, const tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};

    tw_text_add(&text, "lr,loss,smoothed\n");
    for (int i = 0; i < curve->n; i++)
        tw_text_add(&text, "%.9g,%.9g,%.9g\n", curve->points[i].lr, curve->points[i].loss,
                    curve->points[i].smoothed);
    rc = tw_train__folder_write(&run->folder, "lr-find.csv", &text, err);
    tw_text_free(&text);
    return rc;
}

tw_status tw_training_find_lr(tw_lr_curve *out, tw_training *training, const tw_watch *watch,
                              tw_error *err)
{
    tw_status rc;
    tw_run run;

    memset(out, 0, sizeof *out);
    if (tw_train__is_full_batch(training->config))
        return tw_fail(err, TW_EUSAGE, "optimizer lbfgs has no learning rate to find");
    tw_train__run_init(&run, training, watch);
    run.is_range_test = true;
    if ((rc = tw_train__run_begin(&run, err)) ||
        (rc = write_curve(out, &run, err)) || /* marks the folder as that of a range test */
        (rc = tw_train__run_features(&run, err)) || (rc = run_steps(out, &run, err)))
        goto done;
    suggest(out);
    if (!(rc = write_curve(out, &run, err)))
        rc = tw_train__log_phase(&run, "lr-find", 0, err);
done:
    tw_train__run_free(&run);
    if (rc)
        tw_lr_curve_free(out);
    return rc;
}
