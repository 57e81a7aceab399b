/*
 * Everything that training holds in memory: the joined model with the new top in its own block,
 * the optimizer's state, the training plan, and the buffers of one batch. Made once before the
 * first step; no step allocates.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

enum { READER_BUFFERS = 2 };

bool tw_train__is_scaled(const tw_config *config)
{
    return tw_train__is(config, TW_OPTION_SCALE_FEATURES, "auto");
}

static int64_t choose_batch(const tw_training *training)
{
    int64_t batch = tw_train__i64(training->config, TW_OPTION_BATCH_SIZE);

    return batch < training->n_train ? batch : training->n_train;
}

static tw_status join(tw_trainer *trainer, const tw_training *training, tw_error *err)
{
    tw_status rc;
    int n = tw_dataset_class_count(training->data);
    uint64_t seed = (uint64_t)tw_train__i64(training->config, TW_OPTION_SEED);
    char **names = tw_calloc((size_t)n, sizeof *names);

    if (!names)
        return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    for (int i = 0; i < n; i++)
        if (!(names[i] = tw_strdup(tw_dataset_class_name(training->data, i)))) {
            rc = tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
            goto done;
        }
    rc = tw_model_add_top(&trainer->model, training->base, training->top, training->boundary, names,
                          n, seed, err);
done:
    for (int i = 0; i < n; i++)
        tw_free(names[i]);
    tw_free(names);
    return rc;
}

/* The model file says which layers were trained in the end, and how the others computed. */
static void mark_frozen(tw_trainer *trainer, const tw_training *training)
{
    trainer->model->precision =
        training->boundary > 0 ? training->trunk.precision : TW_PRECISION_FP32;
    for (int i = 0; i < trainer->model->graph->n; i++)
        trainer->model->frozen[i] = training->frozen[i];
}

/* Per node of the joined graph, in a phase. */
static bool is_frozen_in(const tw_training *training, tw_train_phase phase, int node)
{
    return training->frozen[node] || (phase == TW_PHASE_TOP && node < training->base->graph->n);
}

static tw_status make_frozen(bool **out, const tw_training *training, tw_train_phase phase,
                             tw_error *err)
{
    const int n = training->graph->n;

    if (!(*out = tw_calloc((size_t)n, sizeof **out)))
        return tw_fail(err, TW_ENOMEM, "no memory to mark %d layers", n);
    for (int i = 0; i < n; i++)
        (*out)[i] = is_frozen_in(training, phase, i);
    return TW_OK;
}

tw_status tw_train__trainer_wake(tw_trainer *trainer, const tw_training *training, tw_error *err)
{
    tw_status rc;
    tw_backend *backend = training->computer.backend;
    bool *frozen;

    if (trainer->plan)
        return TW_OK;
    if ((rc = make_frozen(&frozen, training, trainer->phase, err)))
        return rc;
    rc = backend->table->train_create(&trainer->plan, backend, training->suffix, trainer->batch,
                                      training->n_workers, frozen + training->boundary, err);
    tw_free(frozen);
    if (rc == TW_OK)
        trainer->plan->is_bf16 = training->is_bf16;
    return rc;
}

void tw_train__trainer_rest(tw_trainer *trainer)
{
    if (trainer->plan)
        trainer->plan->table->train_free(trainer->plan);
    trainer->plan = NULL;
}

static void leave(tw_trainer *trainer)
{
    tw_train__trainer_rest(trainer);
    tw_train__optimizer_free(&trainer->optimizer);
    tw_train__trained_free(&trainer->active);
}

tw_status tw_train__trainer_enter(tw_trainer *trainer, const tw_training *training,
                                  tw_train_phase phase, tw_error *err)
{
    tw_status rc;
    bool *frozen;

    if ((rc = make_frozen(&frozen, training, phase, err)))
        return rc;
    leave(trainer);
    trainer->phase = phase;
    if (!(rc = tw_train__trained_create(&trainer->active, trainer->model, training->boundary,
                                        frozen, err)))
        rc = tw_train__optimizer_create(&trainer->optimizer, training->config,
                                        training->computer.backend->table, &trainer->active,
                                        training->multipliers + training->boundary,
                                        training->computer.n_threads, err);
    tw_free(frozen);
    return rc ? rc : tw_train__trainer_wake(trainer, training, err);
}

/* scikit-learn's balanced: n / (L n_c) over the training pictures, L classes that have any. */
static tw_status balance(tw_trainer *trainer, const tw_training *training, tw_error *err)
{
    const int *labels = tw_dataset_labels(training->data);
    int n_classes = trainer->n_classes, n_present = 0;
    int64_t *counts;

    if (!tw_train__is(training->config, TW_OPTION_CLASS_WEIGHT, "balanced"))
        return TW_OK;
    trainer->class_weights = tw_calloc((size_t)n_classes, sizeof *trainer->class_weights);
    trainer->sample_weights = tw_calloc((size_t)trainer->batch, sizeof *trainer->sample_weights);
    counts = tw_calloc((size_t)n_classes, sizeof *counts);
    if (!trainer->class_weights || !trainer->sample_weights || !counts) {
        tw_free(counts);
        return tw_fail(err, TW_ENOMEM, "no memory for the weights of %d classes", n_classes);
    }
    for (int64_t i = 0; i < training->n_train; i++)
        n_present += counts[labels[training->train[i]]]++ == 0;
    for (int c = 0; c < n_classes; c++)
        if (counts[c] > 0)
            trainer->class_weights[c] =
                (float)((double)training->n_train / ((double)n_present * (double)counts[c]));
    tw_free(counts);
    return TW_OK;
}

static tw_status make_buffers(tw_trainer *trainer, bool is_scaled, tw_error *err)
{
    size_t batch = (size_t)trainer->batch;
    bool ok = true;

    ok &= (trainer->logits = tw_alloc_f32(trainer->batch * trainer->n_classes)) != NULL;
    ok &= (trainer->loss = tw_calloc(batch, sizeof *trainer->loss)) != NULL;
    ok &= (trainer->labels = tw_calloc(batch, sizeof *trainer->labels)) != NULL;
    if (is_scaled)
        ok &= (trainer->scaled = tw_alloc_f32(trainer->batch * trainer->row_size)) != NULL;
    if (!ok)
        return tw_fail(err, TW_ENOMEM, "no memory for a batch of %lld rows of %lld numbers",
                       (long long)trainer->batch, (long long)trainer->row_size);
    return TW_OK;
}

tw_status tw_train__trainer_create(tw_trainer *out, const tw_training *training,
                                   tw_train_phase phase, float multiplier, tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    out->batch = choose_batch(training);
    out->row_size = tw_shape_size(&training->suffix->nodes[0].out);
    out->n_classes = tw_dataset_class_count(training->data);
    out->multiplier = multiplier;
    if ((rc = join(out, training, err)) ||
        (rc = tw_train__trained_create(&out->trained, out->model, training->boundary,
                                       training->frozen, err)) ||
        (rc = tw_train__trainer_enter(out, training, phase, err)) ||
        (rc = balance(out, training, err)) || (rc = make_buffers(out, multiplier != 1.0f, err)) ||
        (rc = tw_train__mixer_create(&out->mixer, training, out->batch, err))) {
        tw_train__trainer_free(out);
        return rc;
    }
    mark_frozen(out, training);
    tw_train__schedule_create(&out->schedule, training->config,
                              (training->n_train + out->batch - 1) / out->batch);
    return TW_OK;
}

void tw_train__trainer_free(tw_trainer *trainer)
{
    leave(trainer);
    tw_train__trained_free(&trainer->trained);
    tw_model_free(trainer->model);
    tw_free(trainer->scaled);
    tw_free(trainer->logits);
    tw_free(trainer->loss);
    tw_free(trainer->labels);
    tw_free(trainer->class_weights);
    tw_free(trainer->sample_weights);
    tw_train__mixer_free(&trainer->mixer);
    memset(trainer, 0, sizeof *trainer);
}

static const float *scale_rows(tw_trainer *trainer, const float *rows, int64_t n)
{
    if (!trainer->scaled)
        return rows;
    for (int64_t i = 0; i < n * trainer->row_size; i++)
        trainer->scaled[i] = rows[i] * trainer->multiplier;
    return trainer->scaled;
}

/* The top alone learns at one rate. */
static double find_factor(const tw_trainer *trainer)
{
    return trainer->phase == TW_PHASE_ALL
               ? tw_train__schedule_factor(&trainer->schedule, trainer->optimizer.iterations)
               : 1.0;
}

tw_status tw_train__trainer_step(tw_trainer *trainer, const float *rows, int64_t n, uint64_t seed,
                                 uint32_t epoch, uint64_t step, tw_error *err)
{
    tw_status rc;
    tw_sink sink = tw_train__optimizer_sink(&trainer->optimizer);
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_MIX, epoch, step);

    rows = tw_train__mix(&trainer->mixer, scale_rows(trainer, rows, n), trainer->labels, n, &key);
    for (int64_t i = 0; trainer->class_weights && i < n; i++)
        trainer->sample_weights[i] =
            tw_train__mix_weight(&trainer->mixer, trainer->class_weights, trainer->labels, i);
    trainer->plan->targets = trainer->mixer.targets;
    tw_train__optimizer_begin(&trainer->optimizer, find_factor(trainer));
    if ((rc = trainer->plan->table->train_step(
             trainer->plan, trainer->active.weights, rows, trainer->labels, trainer->sample_weights,
             n, seed, epoch, step, trainer->loss, trainer->logits, &sink, err)))
        return rc;
    return tw_train__optimizer_end(&trainer->optimizer, err);
}

/* ---- before the run: what it will hold, and how long a step takes */

static int64_t score_bytes(const tw_trainer *trainer, const tw_training *training, int64_t pieces)
{
    return tw_score_memory(trainer->row_size, trainer->n_classes,
                           tw_score_chunk(trainer->model, training->boundary, pieces),
                           tw_train__is_scaled(training->config));
}

/* Validation gets what training leaves: as many workers and rows at once as fit, at least one
 * piece; no more than that beside a trunk that recomputes and needs the memory more. */
static tw_status measure_chain(tw_train_memory *out, const tw_trainer *trainer,
                               const tw_training *training, tw_error *err)
{
    tw_status rc;
    int64_t packed, worker, left, pieces = 1;
    int last = trainer->model->graph->n - 1;
    int most = tw_train__recomputes(training) ? 1 : training->computer.n_threads;

    out->chain = out->chunk = 0;
    if (training->n_val == 0)
        return TW_OK;
    if ((rc = tw_chain_estimate(&packed, &worker, trainer->model, training->boundary, last,
                                training->computer.backend, TW_PRECISION_FP32, err)))
        return rc;
    left = training->computer.memory_limit - out->parameters - out->state - packed;
    while (pieces < most &&
           (pieces + 1) * worker + score_bytes(trainer, training, pieces + 1) <= left &&
           pieces * TW_PIECE_ROWS < training->n_val)
        pieces++;
    out->chain = packed + pieces * worker;
    out->chunk = tw_score_chunk(trainer->model, training->boundary, pieces);
    out->score = score_bytes(trainer, training, pieces);
    return TW_OK;
}

static tw_status measure_memory(tw_train_memory *out, const tw_trainer *trainer,
                                const tw_training *training, tw_error *err)
{
    tw_status rc;
    const int64_t f32 = (int64_t)sizeof(float);
    int64_t rows = trainer->batch * trainer->row_size * f32;
    int64_t training_buffers, validation = 0;

    out->parameters = trainer->model->block_bytes;
    out->state = tw_train__optimizer_size(training->config, trainer->trained.n) * f32;
    out->plan = trainer->plan->n_bytes;
    training_buffers = rows * (READER_BUFFERS + tw_train__is_scaled(training->config)) +
                       trainer->batch * (trainer->n_classes * f32 + 16) +
                       tw_train__mixer_bytes(&trainer->mixer, trainer->batch) +
                       training->n_train * (int64_t)sizeof(int64_t);
    if ((rc = measure_chain(out, trainer, training, err)))
        return rc;
    if (out->chunk > 0)
        validation = out->chain + out->score;
    /* the plan is given back while the epoch is validated */
    out->buffers =
        training_buffers + out->plan > validation ? training_buffers : validation - out->plan;
    out->total = out->parameters + out->state + out->plan + out->buffers;
    return TW_OK;
}

/* What a trunk that recomputes needs beside the training, at least. */
static tw_status measure_beside(int64_t *out, const tw_training *training, tw_error *err)
{
    tw_status rc;
    int64_t packed, worker;

    *out = 0;
    if (!tw_train__recomputes(training) || training->boundary == 0)
        return TW_OK;
    if (!(rc = tw_source_trunk_memory(&packed, &worker, training->source, err)))
        *out = (packed + worker) * (training->own_val ? 2 : 1);
    return rc;
}

/* As many workers as the memory limit has room for; the last one is not given up. */
static tw_status settle_workers(tw_train_memory *out, tw_trainer *trainer, tw_training *training,
                                tw_error *err)
{
    tw_status rc;
    int64_t beside;

    if ((rc = measure_beside(&beside, training, err)) ||
        (rc = measure_memory(out, trainer, training, err)))
        return rc;
    while (out->total + beside > training->computer.memory_limit && training->n_workers > 1) {
        training->n_workers--;
        tw_train__trainer_rest(trainer);
        if ((rc = tw_train__trainer_wake(trainer, training, err)) ||
            (rc = measure_memory(out, trainer, training, err)))
            return rc;
    }
    return TW_OK;
}

tw_status tw_train__trainer_measure(tw_train_memory *out, double *t_step_s, tw_training *training,
                                    tw_error *err)
{
    tw_status rc;
    tw_trainer trainer;
    float *rows = NULL;
    int64_t n;

    *t_step_s = 0.0;
    if ((rc = tw_train__trainer_create(&trainer, training, TW_PHASE_ALL, 1.0f, err)))
        return rc;
    if ((rc = settle_workers(out, &trainer, training, err)))
        goto done;
    if (!(rows = tw_alloc_f32(trainer.batch * trainer.row_size))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to time a training step");
        goto done;
    }
    for (int64_t i = 0; i < trainer.batch * trainer.row_size; i++)
        rows[i] = 1.0f; /* zeros would cost less */
    /* a step of few rows touches parameters and state for the first time, then a whole one is timed
     */
    n = trainer.batch / 8 + 1 < trainer.batch ? trainer.batch / 8 + 1 : trainer.batch;
    for (uint64_t step = 0; step < 2; step++, n = trainer.batch) {
        double t_begin_s = tw_clock_s();
        if ((rc = tw_train__trainer_step(&trainer, rows, n, 0, 0, step, err)))
            goto done;
        *t_step_s = tw_clock_s() - t_begin_s;
    }
done:
    tw_free(rows);
    tw_train__trainer_free(&trainer);
    return rc;
}
