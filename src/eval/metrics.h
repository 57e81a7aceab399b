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

/* Counts one answer. */
void tw_evaluation_count(tw_evaluation *evaluation, int label, int predicted);

/* Fills n, accuracy, interval and per-class figures from the confusion matrix. */
void tw_evaluation_finish(tw_evaluation *evaluation);

#endif
