/*
 * L-BFGS (Nocedal and Wright 2006, algorithms 7.4 and 7.5, line search 3.5 and 3.6): the minimum of
 * a smooth function from its values and gradients. Pure arithmetic: numbers are floats, sums are
 * doubles in one fixed order, so its bits depend on nothing but the function's.
 */
#ifndef TW_TRAIN_LBFGS_H
#define TW_TRAIN_LBFGS_H

#include <tw/error.h>

#include <stdbool.h>
#include <stdint.h>

enum { TW_LBFGS_PAIRS = 10, TW_LBFGS_VECTORS = 2 * TW_LBFGS_PAIRS + 5 };

/* Value and gradient (n) at x (n). Its errors are passed on. */
typedef struct tw_objective {
    tw_status (*evaluate)(void *ctx, double *value, float *gradient, const float *x, tw_error *err);
    void *ctx;
} tw_objective;

typedef struct tw_lbfgs {
    int64_t n;
    float *steps, *changes; /* (PAIRS, n): of x and of its gradient, the oldest overwritten */
    float *x, *gradient;    /* (n): the point, set by the caller before begin */
    float *trial, *trial_gradient, *direction; /* (n) */
    double value;                              /* at x */
    int64_t iterations; /* done: that many pairs were kept, all but the last PAIRS forgotten */
} tw_lbfgs;

/* Lays the vectors out in block (TW_LBFGS_VECTORS, n), the pairs first: they and x are all that has
 * to be kept to go on later. */
void tw_train__lbfgs_init(tw_lbfgs *out, float *block, int64_t n);
/* Evaluates at x. */
TW_MUST_CHECK tw_status tw_train__lbfgs_begin(tw_lbfgs *lbfgs, const tw_objective *objective,
                                              tw_error *err);
/* One iteration. *moved is false where no lower value was found: then x is as it was. On failure x
 * is as it was, too. */
TW_MUST_CHECK tw_status tw_train__lbfgs_step(bool *moved, tw_lbfgs *lbfgs,
                                             const tw_objective *objective, tw_error *err);
/* Largest number of the gradient at x, without sign. */
double tw_train__lbfgs_steepest(const tw_lbfgs *lbfgs);

#endif
