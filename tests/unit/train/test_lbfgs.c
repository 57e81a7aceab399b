/* L-BFGS on functions whose lowest point is known: Rosenbrock's valley, and logistic regression as
 * scikit-learn solves it (tools/golden/lbfgs.py). */
#include "train/lbfgs.h"

#include "check.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>

/* A function under way. */
typedef struct problem {
    tw_status (*evaluate)(void *ctx, double *value, float *gradient, const float *x, tw_error *err);
    int n_evaluations, n_most; /* n_most 0: no limit */
} problem;

static tw_lbfgs open_at(int64_t n, float start)
{
    float *block = tw_alloc_f32(TW_LBFGS_VECTORS * n);
    tw_lbfgs lbfgs;

    assert_non_null(block);
    tw_train__lbfgs_init(&lbfgs, block, n);
    for (int64_t i = 0; i < n; i++)
        lbfgs.x[i] = start;
    return lbfgs;
}

static void close_lbfgs(tw_lbfgs *lbfgs)
{
    tw_free(lbfgs->steps); /* the block's beginning */
}

/* Until the gradient is that small or nothing is lower; how many iterations that took. */
static int solve(tw_lbfgs *lbfgs, const tw_objective *objective, double tolerance)
{
    bool moved = true;
    double before;
    int n = 0;

    assert_ok(tw_train__lbfgs_begin(lbfgs, objective, e));
    for (; moved && tw_train__lbfgs_steepest(lbfgs) > tolerance; n++) {
        assert_in_range(n, 0, 500);
        before = lbfgs->value;
        assert_ok(tw_train__lbfgs_step(&moved, lbfgs, objective, e));
        assert_true(lbfgs->value <= before + 2e-7 * fabs(before));
    }
    return n;
}

/* ---- Rosenbrock's */

static tw_status rosenbrock(void *ctx, double *value, float *gradient, const float *x,
                            tw_error *err)
{
    problem *p = ctx;
    const double a = (double)x[0], b = (double)x[1], valley = b - a * a;

    if (p->n_most > 0 && p->n_evaluations == p->n_most)
        return tw_fail(err, TW_EINTERRUPTED, "enough");
    p->n_evaluations++;
    *value = (1.0 - a) * (1.0 - a) + 100.0 * valley * valley;
    gradient[0] = (float)(-2.0 * (1.0 - a) - 400.0 * a * valley);
    gradient[1] = (float)(200.0 * valley);
    return TW_OK;
}

/* From where everybody begins; SciPy's L-BFGS-B takes 37 iterations. */
static void test_it_finds_the_end_of_the_valley(void **state)
{
    problem p = {0};
    const tw_objective objective = {rosenbrock, &p};
    tw_lbfgs lbfgs = open_at(2, 1.0f);
    int n;

    (void)state;
    lbfgs.x[0] = -1.2f;
    n = solve(&lbfgs, &objective, 1e-4);
    if (fabs((double)lbfgs.x[0] - 1.0) > 1e-4 || fabs((double)lbfgs.x[1] - 1.0) > 2e-4)
        fail_msg("ends at (%.7g, %.7g)", (double)lbfgs.x[0], (double)lbfgs.x[1]);
    assert_in_range(n, 10, 60);
    assert_int_equal(lbfgs.iterations, n);
    assert_in_range(p.n_evaluations, n + 1, 2 * n);
    close_lbfgs(&lbfgs);
}

/* What a checkpoint keeps is enough: the pairs, x, and how many iterations there were. */
static void test_it_goes_on_from_what_is_kept(void **state)
{
    problem p = {0};
    const tw_objective objective = {rosenbrock, &p};
    tw_lbfgs whole = open_at(2, -1.0f), late = open_at(2, 0.0f);
    bool moved;

    (void)state;
    assert_ok(tw_train__lbfgs_begin(&whole, &objective, e));
    for (int i = 0; i < 20; i++) {
        if (i == 13) {
            memcpy(late.steps, whole.steps, sizeof(float) * 2 * 2 * TW_LBFGS_PAIRS);
            memcpy(late.x, whole.x, sizeof(float) * 2);
            late.iterations = whole.iterations;
        }
        assert_ok(tw_train__lbfgs_step(&moved, &whole, &objective, e));
    }
    assert_ok(tw_train__lbfgs_begin(&late, &objective, e));
    for (int i = 13; i < 20; i++)
        assert_ok(tw_train__lbfgs_step(&moved, &late, &objective, e));
    assert_memory_equal(late.x, whole.x, sizeof(float) * 2);
    assert_memory_equal(&late.value, &whole.value, sizeof(double));
    close_lbfgs(&whole);
    close_lbfgs(&late);
}

static void test_a_failure_leaves_the_point(void **state)
{
    (void)state;
    for (int most = 1; most < 12; most++) {
        problem p = {.n_most = most};
        const tw_objective objective = {rosenbrock, &p};
        tw_lbfgs lbfgs = open_at(2, -1.0f);
        tw_error error = {0};
        tw_status rc;
        float x[2];
        bool moved;

        assert_ok(tw_train__lbfgs_begin(&lbfgs, &objective, e));
        do {
            memcpy(x, lbfgs.x, sizeof x);
            rc = tw_train__lbfgs_step(&moved, &lbfgs, &objective, &error);
        } while (!rc);
        assert_int_equal(rc, TW_EINTERRUPTED);
        assert_string_equal(error.text, "enough");
        assert_memory_equal(x, lbfgs.x, sizeof x);
        close_lbfgs(&lbfgs);
    }
}

/* ---- where there is nothing to find */

static tw_status flat(void *ctx, double *value, float *gradient, const float *x, tw_error *err)
{
    (void)ctx;
    (void)x;
    (void)err;
    *value = 3.0;
    gradient[0] = 0.0f;
    return TW_OK;
}

/* Its gradient lies: everything is higher. */
static tw_status rising(void *ctx, double *value, float *gradient, const float *x, tw_error *err)
{
    (void)ctx;
    (void)err;
    *value = 1.0 + fabs((double)x[0]);
    gradient[0] = 1.0f;
    return TW_OK;
}

/* A narrow valley, NaN soon behind it. */
static tw_status walled(void *ctx, double *value, float *gradient, const float *x, tw_error *err)
{
    (void)ctx;
    (void)err;
    *value = x[0] > -1.5e-3f ? (500.0 * (double)x[0] + 1.0) * (double)x[0] : (double)NAN;
    gradient[0] = 1000.0f * x[0] + 1.0f;
    return TW_OK;
}

static bool moves(tw_status (*evaluate)(void *, double *, float *, const float *, tw_error *),
                  float *x)
{
    const tw_objective objective = {evaluate, NULL};
    tw_lbfgs lbfgs = open_at(1, 0.0f);
    bool moved;

    assert_ok(tw_train__lbfgs_begin(&lbfgs, &objective, e));
    assert_ok(tw_train__lbfgs_step(&moved, &lbfgs, &objective, e));
    assert_int_equal(lbfgs.iterations, moved);
    *x = lbfgs.x[0];
    close_lbfgs(&lbfgs);
    return moved;
}

static void test_it_stays_where_nothing_is_lower(void **state)
{
    float x;

    (void)state;
    assert_false(moves(flat, &x));
    assert_true(x == 0.0f);
    assert_false(moves(rising, &x));
    assert_true(x == 0.0f);
}

static void test_it_comes_back_from_what_is_not_finite(void **state)
{
    float x;

    (void)state;
    assert_true(moves(walled, &x));
    assert_true(x < 0.0f && x > -1.5e-3f);
}

/* ---- logistic regression */

enum { MOST = 200 };

typedef struct regression {
    int n, columns, classes;
    double decay;
    float rows[MOST * 12];
} regression;

static void softmax(double p[MOST], const regression *r, const float *row, const float *x)
{
    const float *bias = x + r->columns * r->classes;
    double sum = 0.0;

    for (int k = 0; k < r->classes; k++) {
        double logit = (double)bias[k];
        for (int j = 0; j < r->columns; j++)
            logit += (double)row[j] * (double)x[j * r->classes + k];
        sum += p[k] = exp(logit);
    }
    for (int k = 0; k < r->classes; k++)
        p[k] /= sum;
}

static double cross_entropy(float *gradient, const regression *r, const float *x)
{
    double loss = 0.0, p[MOST], g[MOST] = {0.0};
    const int n_kernel = r->columns * r->classes;

    for (int i = 0; i < r->n; i++) {
        const float *row = r->rows + i * r->columns;

        softmax(p, r, row, x);
        loss -= log(p[i % r->classes]) / r->n;
        p[i % r->classes] -= 1.0;
        for (int k = 0; k < r->classes; k++) {
            for (int j = 0; j < r->columns; j++)
                g[j * r->classes + k] += p[k] * (double)row[j] / r->n;
            g[n_kernel + k] += p[k] / r->n;
        }
    }
    for (int i = 0; i < n_kernel + r->classes; i++)
        gradient[i] = (float)g[i];
    return loss;
}

static tw_status regress(void *ctx, double *value, float *gradient, const float *x, tw_error *err)
{
    const regression *r = ctx;

    (void)err;
    *value = cross_entropy(gradient, r, x);
    for (int i = 0; i < r->columns * r->classes; i++) {
        *value += r->decay / 2.0 * (double)x[i] * (double)x[i];
        gradient[i] += (float)(r->decay * (double)x[i]);
    }
    return TW_OK;
}

static void make_rows(regression *r, uint32_t seed)
{
    for (int i = 0; i < r->n * r->columns; i++) {
        seed = seed * 1664525u + 1013904223u;
        r->rows[i] = (float)(seed >> 24) / 128.0f - 1.0f;
    }
    for (int i = 0; i < r->n; i++)
        r->rows[i * r->columns + i % r->classes] += 1.0f;
}

/* "name v v v ..." against ours, less `shift`. */
static void assert_line(FILE *file, const char *name, const float *ours, int n, double shift)
{
    char word[40];
    double theirs;

    assert_int_equal(fscanf(file, "%39s", word), 1);
    assert_string_equal(word, name);
    for (int i = 0; i < n; i++) {
        assert_int_equal(fscanf(file, "%lf", &theirs), 1);
        if (!(fabs((double)ours[i] - shift - theirs) <= 1e-4 * (1.0 + fabs(theirs))))
            fail_msg("%s, number %d: %.7g, scikit-learn has %.7g", name, i, (double)ours[i] - shift,
                     theirs);
    }
}

static void check_case(FILE *file, regression *r)
{
    const tw_objective objective = {regress, r};
    const int n_kernel = r->columns * r->classes;
    tw_lbfgs lbfgs = open_at(n_kernel + r->classes, 0.0f);
    const float *bias = lbfgs.x + n_kernel;
    double mean = 0.0;
    float loss;

    solve(&lbfgs, &objective, 1e-7);
    for (int k = 0; k < r->classes; k++)
        mean += (double)bias[k] / r->classes;
    loss = (float)cross_entropy(lbfgs.gradient, r, lbfgs.x);
    assert_line(file, "loss", &loss, 1, 0.0);
    assert_line(file, "kernel", lbfgs.x, n_kernel, 0.0);
    assert_line(file, "bias", bias, r->classes, mean);
    close_lbfgs(&lbfgs);
}

static void test_logistic_regression_is_that_of_scikit_learn(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/lbfgs.txt", "r");
    int n_cases = 0;
    regression r;
    uint32_t seed;
    double c;

    (void)state;
    assert_non_null(file);
    assert_int_equal(fscanf(file, "#%*[^\n]"), 0);
    while (fscanf(file, " case %d %d %d %lf %u", &r.n, &r.columns, &r.classes, &c, &seed) == 5) {
        assert_true(r.n <= MOST && r.columns <= 12 && r.classes * (r.columns + 1) <= MOST);
        r.decay = 1.0 / (c * r.n);
        make_rows(&r, seed);
        check_case(file, &r);
        n_cases++;
    }
    assert_int_equal(n_cases, 3);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_finds_the_end_of_the_valley),
        cmocka_unit_test(test_it_goes_on_from_what_is_kept),
        cmocka_unit_test(test_a_failure_leaves_the_point),
        cmocka_unit_test(test_it_stays_where_nothing_is_lower),
        cmocka_unit_test(test_it_comes_back_from_what_is_not_finite),
        cmocka_unit_test(test_logistic_regression_is_that_of_scikit_learn),
    };

    return cmocka_run_group_tests_name("train/lbfgs", tests, NULL, NULL);
}
