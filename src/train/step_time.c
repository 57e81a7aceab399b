/*
 * A training step by the clock: the job's own trainer on made-up rows, whatever its pictures are.
 * Nothing is written, no picture is read; the first step touches the memory and is not counted.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/watch.h"

#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 5 };

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Numbers of [0, 1), as behind a ReLU none is negative, and every class in turn. */
static tw_status make_batch(float **rows, tw_trainer *trainer, uint64_t seed, tw_error *err)
{
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    const int64_t n = trainer->batch * trainer->row_size;

    if (!(*rows = tw_alloc_f32(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for a batch of %lld rows of %lld numbers",
                       (long long)trainer->batch, (long long)trainer->row_size);
    for (int64_t i = 0; i < n; i++)
        (*rows)[i] = tw_rng_uniform(&key, (uint64_t)i);
    for (int64_t i = 0; i < trainer->batch; i++)
        trainer->labels[i] = (int)(i % trainer->n_classes);
    return TW_OK;
}

static tw_status time_steps(double *times, int n_rounds, tw_trainer *trainer, uint64_t seed,
                            const float *rows, const tw_watch *watch, tw_error *err)
{
    tw_status rc = tw_train__trainer_step(trainer, rows, trainer->batch, seed, 0, 0, err);

    for (int round = 0; round < n_rounds && !rc; round++) {
        const double start_s = tw_clock_s();

        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted after %d of %d steps", round,
                           n_rounds);
        rc = tw_train__trainer_step(trainer, rows, trainer->batch, seed, 0, (uint64_t)round + 1,
                                    err);
        times[round] = tw_clock_s() - start_s;
    }
    return rc;
}

tw_status tw_training_time_step(tw_step_time *out, const tw_training *training, int n_rounds,
                                const tw_watch *watch, tw_error *err)
{
    const uint64_t seed = (uint64_t)tw_train__i64(training->config, TW_OPTION_SEED);
    const int n = n_rounds > 0 ? n_rounds : ROUNDS;
    double *times = NULL;
    float *rows = NULL;
    tw_trainer trainer;
    tw_status rc;

    memset(out, 0, sizeof *out);
    if ((rc = tw_train__trainer_create(&trainer, training, TW_PHASE_ALL, 1.0f, err)))
        return rc;
    if (!(times = tw_calloc((size_t)n, sizeof *times))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the times of %d steps", n);
        goto done;
    }
    if ((rc = make_batch(&rows, &trainer, seed, err)) ||
        (rc = time_steps(times, n, &trainer, seed, rows, watch, err)))
        goto done;
    qsort(times, (size_t)n, sizeof *times, compare);
    out->batch = trainer.batch;
    out->n_trained = trainer.trained.n;
    out->n_rounds = n;
    out->t_least_s = times[0];
    out->t_median_s = (times[(n - 1) / 2] + times[n / 2]) / 2;
done:
    tw_free(times);
    tw_free(rows);
    tw_train__trainer_free(&trainer);
    return rc;
}
