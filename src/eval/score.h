/*
 * Scoring: rows of features through a chain, against labels. Validation inside a training run and
 * tw_evaluate both go through here, so they agree to the last digit.
 */
#ifndef TW_EVAL_SCORE_H
#define TW_EVAL_SCORE_H

#include "feature/source.h"

#include <tw/eval.h>

typedef struct tw_score {
    int64_t n, correct;
    double loss;     /* mean cross-entropy over the samples in order, double */
    double accuracy; /* argmax equals label, first maximum wins */
} tw_score;

/* One answer; the probabilities are borrowed for the call. */
typedef struct tw_answer {
    int64_t sample; /* index into the dataset */
    int label, predicted;
    const float *probabilities; /* (classes) */
    const float *logits;        /* (classes) */
    const float *look;          /* (n_channels) of the job (tw_look_row), NULL where that is 0 */
} tw_answer;

typedef struct tw_score_job {
    tw_source *source;
    tw_chain *chain; /* from the source's rows to logits */
    const int64_t *samples;
    int64_t n;
    const int *labels;  /* class of every sample of the dataset, by index */
    double temperature; /* of the probabilities and the loss; 0: 1 */
    int64_t n_channels; /* 0, or of how the rows look, which answers then say */
    float multiplier;   /* rows are multiplied by it first; 1 leaves them alone */
    int64_t chunk;      /* rows read at once (tw_score_chunk); the result does not depend on it */
    const char *phase;  /* of the progress events, NULL: none */
    tw_status (*on_answer)(void *ctx, const tw_answer *answer, tw_error *err); /* may be NULL */
    void *ctx;
} tw_score_job;

/* Expected: TW_EFILE, TW_EINTERRUPTED, TW_ENOMEM, what tw_source_read says. */
TW_MUST_CHECK tw_status tw_score_run(tw_score *out, const tw_score_job *job, const tw_watch *watch,
                                     tw_error *err);

/* Rows to read at once for a chain from `boundary` to the model's end: few where pictures or their
 * activations come in, n_pieces whole pieces where rows of features do. */
int64_t tw_score_chunk(const tw_model *model, int boundary, int64_t n_pieces);
/* Bytes that tw_score_run allocates, reader included. */
int64_t tw_score_memory(int64_t row_size, int n_classes, int64_t chunk, bool is_scaled);

#endif
