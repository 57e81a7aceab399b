/*
 * The loop of every evaluation: read a chunk of rows ahead, run the chain, compare. Loss and
 * probabilities come from the logits by the two row functions that all rooms share. Sums are
 * double and taken in sample order, so neither chunk nor threads can change a digit.
 */
#include "eval/score.h"

#include "backend/backend.h"
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/watch.h"

#include <string.h>

enum { READER_BUFFERS = 2 };

/* What one call of tw_score_run owns. */
typedef struct scorer {
    const tw_score_job *job;
    tw_reader *reader;
    float *scaled;        /* (chunk, row), NULL when the multiplier is 1 */
    float *logits;        /* (block, L) */
    float *probabilities; /* (L) */
    float *looks;         /* (block, C), NULL where none are wanted */
    int64_t n_looks;      /* of the block so far */
    int64_t row_size, block;
    int n_classes;
    double temperature, sum;
    tw_score score;
} scorer;

int64_t tw_score_chunk(const tw_model *model, int boundary, int64_t n_pieces)
{
    enum { PICTURES = 32 };
    int64_t piece = tw_chain_piece(model, boundary, model->graph->n - 1);

    return piece == TW_PIECE_ROWS ? n_pieces * piece : PICTURES;
}

int64_t tw_score_memory(int64_t row_size, int n_classes, int64_t chunk, bool is_scaled)
{
    int64_t block = chunk > TW_PIECE_ROWS ? chunk : TW_PIECE_ROWS;

    return (int64_t)sizeof(float) *
           ((READER_BUFFERS + is_scaled) * row_size * chunk + n_classes * block);
}

static tw_status scorer_create(scorer *s, const tw_score_job *job, tw_error *err)
{
    memset(s, 0, sizeof *s);
    s->job = job;
    s->row_size = tw_chain_in_size(job->chain);
    s->n_classes = (int)tw_chain_out_size(job->chain);
    s->temperature = job->temperature > 0.0 ? job->temperature : 1.0;

    s->block = tw_chain_batch(job->chain) > job->chunk ? tw_chain_batch(job->chain) : job->chunk;
    s->logits = tw_alloc_f32(s->block * s->n_classes);
    s->probabilities = tw_alloc_f32(s->n_classes);
    if (job->multiplier != 1.0f)
        s->scaled = tw_alloc_f32(job->chunk * s->row_size);
    if (job->n_channels > 0)
        s->looks = tw_alloc_f32(s->block * job->n_channels);
    if (!s->logits || !s->probabilities || (job->multiplier != 1.0f && !s->scaled) ||
        (job->n_channels > 0 && !s->looks))
        return tw_fail(err, TW_ENOMEM, "no memory to evaluate %lld rows at once",
                       (long long)job->chunk);
    return tw_reader_create(&s->reader, job->source, job->chunk, err);
}

static void scorer_free(scorer *s)
{
    tw_reader_free(s->reader);
    tw_free(s->scaled);
    tw_free(s->logits);
    tw_free(s->probabilities);
    tw_free(s->looks);
}

/* The reader's next chunk, scaled. */
static tw_status pull_rows(void *ctx, const float **rows, int64_t *n, tw_error *err)
{
    scorer *s = ctx;
    tw_status rc = tw_reader_next(s->reader, rows, n, err);

    for (int64_t i = 0; !rc && s->looks && i < *n; i++)
        tw_look_row(s->looks + s->n_looks++ * s->job->n_channels, *rows + i * s->row_size,
                    s->row_size, s->job->n_channels);
    if (rc || !s->scaled)
        return rc;
    for (int64_t i = 0; i < *n * s->row_size; i++)
        s->scaled[i] = (*rows)[i] * s->job->multiplier;
    *rows = s->scaled;
    return TW_OK;
}

/* Row i of the block whose first one has that place. */
static tw_status count_row(scorer *s, int64_t first, int64_t i, tw_error *err)
{
    const tw_score_job *job = s->job;
    const float *logits = s->logits + i * s->n_classes;
    int64_t sample = job->samples[first + i];
    tw_answer answer = {
        sample, job->labels[sample], tw_argmax_row(logits, s->n_classes), s->probabilities, logits,
        NULL};

    if (s->looks)
        answer.look = s->looks + i * job->n_channels;
    s->sum += tw_cross_entropy_tempered_row(logits, s->n_classes, answer.label, s->temperature);
    s->score.correct += answer.label == answer.predicted;
    if (!job->on_answer)
        return TW_OK;
    tw_softmax_tempered_row(s->probabilities, logits, s->n_classes, s->temperature);
    return job->on_answer(job->ctx, &answer, err);
}

static void tell_progress(const scorer *s, int64_t done, double t_begin_s, const tw_watch *watch)
{
    tw_event event = {.kind = TW_EVENT_PROGRESS};
    double t_s = tw_clock_s() - t_begin_s;

    if (!s->job->phase)
        return;
    event.phase = s->job->phase;
    event.done = done;
    event.total = s->job->n;
    event.rate = t_s > 0.0 ? (double)done / t_s : 0.0;
    event.t_left_s = event.rate > 0.0 ? (double)(event.total - done) / event.rate : 0.0;
    tw_watch_send(watch, &event);
}

static tw_status score_blocks(scorer *s, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    int64_t done = 0, n;
    double t_begin_s = tw_clock_s();

    for (; done < s->job->n; done += n) {
        n = s->job->n - done < s->block ? s->job->n - done : s->block;
        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted after %lld of %lld pictures",
                           (long long)done, (long long)s->job->n);
        s->n_looks = 0;
        if ((rc = tw_chain_run_pulled(s->job->chain, n, s->logits, pull_rows, s, err)))
            return rc;
        for (int64_t i = 0; i < n; i++)
            if ((rc = count_row(s, done, i, err)))
                return rc;
        tell_progress(s, done + n, t_begin_s, watch);
    }
    return TW_OK;
}

tw_status tw_score_run(tw_score *out, const tw_score_job *job, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    scorer s;

    memset(out, 0, sizeof *out);
    if ((rc = scorer_create(&s, job, err)) ||
        (rc = tw_reader_start(s.reader, job->samples, job->n, err)) ||
        (rc = score_blocks(&s, watch, err)))
        goto done;

    s.score.n = job->n;
    s.score.loss = s.sum / (double)job->n;
    s.score.accuracy = (double)s.score.correct / (double)job->n;
    *out = s.score;
done:
    scorer_free(&s);
    return rc;
}
