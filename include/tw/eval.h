/*
 * How good a classifier is: accuracy with its interval, per-class figures, confusion, predictions.
 */
#ifndef TW_EVAL_H
#define TW_EVAL_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/feature.h>
#include <tw/infer.h>
#include <tw/model.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_class_score {
    const char *name;  /* borrowed from the evaluation */
    int64_t support;   /* pictures with this label */
    int64_t predicted; /* pictures said to be this class */
    int64_t correct;
    double precision, recall, f1; /* NAN where the denominator is 0 */
} tw_class_score;

typedef struct tw_evaluation {
    int64_t n;
    int n_classes;
    double loss;             /* mean categorical cross-entropy, from logits */
    double accuracy;         /* argmax equals label, first maximum wins */
    double low, high;        /* Wilson interval of the accuracy, 95 % */
    tw_class_score *classes; /* n_classes */
    int64_t *confusion;      /* (label, predicted), n_classes x n_classes */
    int64_t n_trunk; /* pictures that went through the trunk; the rest came from the cache */
    char **names;    /* class names; the struct owns them */
    double t_s;      /* seconds that tw_evaluate took */
} tw_evaluation;

/* Evaluates the classifier on the dataset and, unless csv_path is NULL, writes predictions.csv
 * (name,label,predicted,correct,probability of each class) atomically. Labels are matched to the
 * model's classes by name; a class that the model lacks is TW_EFILE listing both sets. Free the
 * result with tw_evaluation_free. Expected: as tw_extract. */
TW_MUST_CHECK tw_status tw_evaluate(tw_evaluation *out, const tw_model *model,
                                    const tw_dataset *dataset, const char *csv_path,
                                    const tw_compute *compute, const tw_cache_options *cache,
                                    const tw_watch *watch, tw_error *err);
void tw_evaluation_free(tw_evaluation *evaluation);

/* Wilson score interval for k successes of n at normal quantile z (1.959964 for 95 %); n = 0 gives
 * [0,1]. Source: Wilson 1927, Probable inference. */
void tw_wilson(double *low, double *high, int64_t k, int64_t n, double z);

#ifdef __cplusplus
}
#endif

#endif
