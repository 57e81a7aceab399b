/*
 * One pass of a classifier over labelled pictures: every answer, in the order of the pictures.
 * What is made of them (figures, a temperature) is the caller's.
 */
#ifndef TW_EVAL_PASS_H
#define TW_EVAL_PASS_H

#include "eval/score.h"

typedef struct tw_pass_job {
    const tw_model *model;
    const tw_dataset *dataset;
    const char *phase; /* of the progress events */
    tw_status (*on_answer)(void *ctx, const tw_answer *answer, tw_error *err);
    void *ctx;
    bool wants_looks; /* answers say how their pictures look to the frozen part */
} tw_pass_job;

typedef struct tw_pass {
    tw_score score;
    int64_t n_trunk; /* pictures that went through the trunk; the rest came from the cache */
} tw_pass;

/* What a temperature is found for. */
typedef struct tw_logits {
    float *logits; /* (N, L) */
    int *labels;   /* (N) */
    int64_t n;
    int n_classes;
} tw_logits;

/* How pictures of each class look is learned from these (known.c). */
typedef struct tw_looks {
    float *looks; /* (N, C) unit vectors, or zeros */
    int *labels;  /* (N) */
    int64_t n, n_channels;
    int n_classes;
} tw_looks;
/* The means of each class, and as threshold the quantile of what each picture is away from the
 * others. Free with tw_known_free. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_learn_known(tw_known *out, const tw_looks *of, double quantile,
                                       tw_error *err);

/* The temperature of least mean cross-entropy, to six decimals (calibrate.c). */
double tw_find_temperature(const tw_logits *of);

/* A classifier, and pictures with labels. Expected: TW_EFILE, TW_ESHAPE, TW_EUSAGE. */
TW_MUST_CHECK tw_status tw_pass_check(const tw_model *model, const tw_dataset *dataset,
                                      tw_error *err);

/* Of what tw_pass_check has let through. A class that the model lacks is TW_EFILE listing both
 * sets. Expected: as tw_extract. */
TW_MUST_CHECK tw_status tw_pass_run(tw_pass *out, const tw_pass_job *job, const tw_compute *compute,
                                    const tw_cache_options *cache, const tw_watch *watch,
                                    tw_error *err);

#endif
