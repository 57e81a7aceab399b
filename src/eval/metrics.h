/*
 * What is counted of a classifier's answers: the confusion matrix and everything that follows
 * from it.
 */
#ifndef TW_EVAL_METRICS_H
#define TW_EVAL_METRICS_H

#include <tw/eval.h>

/* An evaluation of no pictures at all, with its own copies of the class names. Free with
 * tw_evaluation_free. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_evaluation_create(tw_evaluation *out, char *const *names, int n_classes,
                                             tw_error *err);

/* Counts one answer; confidence is the probability of the predicted class. */
void tw_evaluation_count(tw_evaluation *evaluation, int label, int predicted, double confidence);

/* Fills n, accuracy, interval and per-class figures from the confusion matrix, and the calibration
 * error. */
void tw_evaluation_finish(tw_evaluation *evaluation);

/* Intervals of the F1 of each class and of their mean: percentiles over resamples of the answers
 * with replacement (Efron 1979), 1,000 of them, fewer for more than 200,000 pictures. The same seed
 * gives the same intervals. Of a finished evaluation. Expected: TW_ENOMEM. */
enum { TW_BOOTSTRAP_SEED = 42 };
TW_MUST_CHECK tw_status tw_evaluation_bootstrap(tw_evaluation *evaluation, uint64_t seed,
                                                tw_error *err);

#endif
