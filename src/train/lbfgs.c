/*
 * The two loops and the line search. A step is taken when the value has fallen enough and the slope
 * along the direction has become flat enough; a value is held to be as low as another where they
 * differ by less than float numbers can tell. The pairs are a ring: pair k lies in slot k mod
 * PAIRS.
 */
#include "train/lbfgs.h"

#include <math.h>
#include <string.h>

static const double least_decrease = 1e-4, least_flattening = 0.9; /* Wolfe's c1 and c2 */
static const double value_noise = 1.2e-7; /* values are sums of float numbers */
enum { MOST_TRIALS = 20 };

void tw_train__lbfgs_init(tw_lbfgs *out, float *block, int64_t n)
{
    float **const vectors[] = {&out->x, &out->gradient, &out->trial, &out->trial_gradient,
                               &out->direction};

    memset(out, 0, sizeof *out);
    out->n = n;
    out->steps = block;
    out->changes = block + TW_LBFGS_PAIRS * n;
    block += 2 * TW_LBFGS_PAIRS * n;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++, block += n)
        *vectors[i] = block;
}

tw_status tw_train__lbfgs_begin(tw_lbfgs *lbfgs, const tw_objective *objective, tw_error *err)
{
    return objective->evaluate(objective->ctx, &lbfgs->value, lbfgs->gradient, lbfgs->x, err);
}

double tw_train__lbfgs_steepest(const tw_lbfgs *lbfgs)
{
    double most = 0.0;

    for (int64_t i = 0; i < lbfgs->n; i++)
        most = fmax(most, fabs((double)lbfgs->gradient[i]));
    return most;
}

static double dot(const float *a, const float *b, int64_t n)
{
    double sum = 0.0;

    for (int64_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* y += factor x */
static void add(float *y, double factor, const float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = (float)((double)y[i] + factor * (double)x[i]);
}

/* ---- the direction: minus the approximate inverse Hessian times the gradient */

static void find_direction(tw_lbfgs *lbfgs)
{
    const int64_t n = lbfgs->n, end = lbfgs->iterations;
    const int64_t first = end > TW_LBFGS_PAIRS ? end - TW_LBFGS_PAIRS : 0;
    float *d = lbfgs->direction;
    double rho[TW_LBFGS_PAIRS], alpha[TW_LBFGS_PAIRS], scale = 1.0;

    for (int64_t i = 0; i < n; i++)
        d[i] = -lbfgs->gradient[i];
    for (int64_t k = end - 1; k >= first; k--) {
        const int64_t slot = k % TW_LBFGS_PAIRS;
        const float *s = lbfgs->steps + slot * n, *y = lbfgs->changes + slot * n;

        rho[slot] = 1.0 / dot(s, y, n);
        alpha[slot] = rho[slot] * dot(s, d, n);
        add(d, -alpha[slot], y, n);
        if (k == end - 1)
            scale = 1.0 / (rho[slot] * dot(y, y, n));
    }
    for (int64_t i = 0; i < n; i++)
        d[i] = (float)(scale * (double)d[i]);
    for (int64_t k = first; k < end; k++) {
        const int64_t slot = k % TW_LBFGS_PAIRS;
        const float *s = lbfgs->steps + slot * n, *y = lbfgs->changes + slot * n;

        add(d, alpha[slot] - rho[slot] * dot(y, d, n), s, n);
    }
}

/* ---- the line search: strong Wolfe conditions */

/* What is known at a distance along the direction. */
typedef struct point {
    double t, value, slope;
} point;

typedef struct search_line {
    tw_lbfgs *lbfgs;
    const tw_objective *objective;
    point start;
    int n_trials;
} search_line;

static tw_status try_at(point *out, search_line *line, double t, tw_error *err)
{
    tw_lbfgs *lbfgs = line->lbfgs;
    tw_status rc;

    memcpy(lbfgs->trial, lbfgs->x, (size_t)lbfgs->n * sizeof *lbfgs->x);
    add(lbfgs->trial, t, lbfgs->direction, lbfgs->n);
    line->n_trials++;
    rc = line->objective->evaluate(line->objective->ctx, &out->value, lbfgs->trial_gradient,
                                   lbfgs->trial, err);
    out->t = t;
    out->slope = rc ? 0.0 : dot(lbfgs->trial_gradient, lbfgs->direction, lbfgs->n);
    return rc;
}

static bool is_low(const search_line *line, const point *at)
{
    return at->value <= line->start.value + least_decrease * at->t * line->start.slope +
                            value_noise * fabs(line->start.value);
}

static bool is_flat(const search_line *line, const point *at)
{
    return fabs(at->slope) <= -least_flattening * line->start.slope;
}

/* The lowest point of the cubic through two points and their slopes, well within them; else the
 * middle. (Nocedal and Wright 3.59) */
static double between(const point *a, const point *b)
{
    const double low = fmin(a->t, b->t), width = fabs(b->t - a->t);
    const double d1 = a->slope + b->slope - 3.0 * (a->value - b->value) / (a->t - b->t);
    const double d2 = copysign(sqrt(fmax(d1 * d1 - a->slope * b->slope, 0.0)), b->t - a->t);
    const double t = b->t - (b->t - a->t) * (b->slope + d2 - d1) / (b->slope - a->slope + 2.0 * d2);

    if (isfinite(t) && t > low + 0.1 * width && t < low + 0.9 * width)
        return t;
    return low + 0.5 * width;
}

/* Between the lowest point so far and another: a point that fulfils both conditions. */
static tw_status zoom(bool *found, point *out, search_line *line, point low, point high,
                      tw_error *err)
{
    tw_status rc;
    point at;

    while (line->n_trials < MOST_TRIALS) {
        if ((rc = try_at(&at, line, between(&low, &high), err)))
            return rc;
        if (!is_low(line, &at) || at.value > low.value + value_noise * fabs(low.value)) {
            high = at;
            continue;
        }
        if (is_flat(line, &at)) {
            *found = true;
            *out = at;
            return TW_OK;
        }
        if (at.slope * (high.t - low.t) >= 0.0)
            high = low;
        low = at;
    }
    return TW_OK;
}

/* A value that is not finite lies too far away. */
static tw_status search(bool *found, point *out, search_line *line, double t, tw_error *err)
{
    tw_status rc;
    point before = line->start, at;

    *found = false;
    while (line->n_trials < MOST_TRIALS) {
        if ((rc = try_at(&at, line, t, err)))
            return rc;
        if (!isfinite(at.value) || !isfinite(at.slope)) {
            t = before.t + 0.1 * (t - before.t);
            continue;
        }
        if (!is_low(line, &at))
            return zoom(found, out, line, before, at, err);
        if (is_flat(line, &at)) {
            *found = true;
            *out = at;
            return TW_OK;
        }
        if (at.slope >= 0.0)
            return zoom(found, out, line, at, before, err);
        before = at;
        t *= 2.0;
    }
    return TW_OK;
}

/* ---- an iteration */

/* Goes to the trial, keeps the pair. False where float numbers show no curvature any more. */
static bool accept(tw_lbfgs *lbfgs, double value)
{
    const int64_t n = lbfgs->n, slot = lbfgs->iterations % TW_LBFGS_PAIRS;
    float *s = lbfgs->steps + slot * n, *y = lbfgs->changes + slot * n;
    double curvature = 0.0;

    for (int64_t i = 0; i < n; i++)
        curvature += (double)(lbfgs->trial[i] - lbfgs->x[i]) *
                     (double)(lbfgs->trial_gradient[i] - lbfgs->gradient[i]);
    if (!(curvature > 0.0))
        return false;
    for (int64_t i = 0; i < n; i++) {
        s[i] = lbfgs->trial[i] - lbfgs->x[i];
        y[i] = lbfgs->trial_gradient[i] - lbfgs->gradient[i];
    }
    memcpy(lbfgs->x, lbfgs->trial, (size_t)n * sizeof *lbfgs->x);
    memcpy(lbfgs->gradient, lbfgs->trial_gradient, (size_t)n * sizeof *lbfgs->gradient);
    lbfgs->value = value;
    lbfgs->iterations++;
    return true;
}

/* The first step has no scale yet: it is at most 1 long. */
static double first_length(const tw_lbfgs *lbfgs)
{
    const double norm = sqrt(dot(lbfgs->direction, lbfgs->direction, lbfgs->n));

    return lbfgs->iterations == 0 && norm > 1.0 ? 1.0 / norm : 1.0;
}

tw_status tw_train__lbfgs_step(bool *moved, tw_lbfgs *lbfgs, const tw_objective *objective,
                               tw_error *err)
{
    tw_status rc;
    search_line line = {.lbfgs = lbfgs, .objective = objective};
    point at;

    *moved = false;
    find_direction(lbfgs);
    line.start = (point){0.0, lbfgs->value, dot(lbfgs->gradient, lbfgs->direction, lbfgs->n)};
    if (!(line.start.slope < 0.0))
        return TW_OK;
    if (!(rc = search(moved, &at, &line, first_length(lbfgs), err)) && *moved)
        *moved = accept(lbfgs, at.value);
    return rc;
}
