/*
 * scikit-learn's train_test_split to the bit (model_selection/_split.py: ShuffleSplit and
 * StratifiedShuffleSplit, utils: _approximate_mode), so that a split drawn there can be drawn here.
 *
 * Every double is computed in NumPy's order, and every random number is drawn that NumPy draws,
 * also where its value does not matter. The test side is drawn first.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "data/mt19937.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- plain */

static tw_status split_plain(int64_t *train, int64_t n_train, int64_t *test, int64_t n_test,
                             uint32_t seed, tw_error *err)
{
    const int64_t n = n_train + n_test;
    int64_t *all = tw_calloc((size_t)n, sizeof *all);
    tw_data__mt mt;

    if (!all)
        return tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)n);
    tw_data__mt_seed(&mt, seed);
    tw_data__mt_permutation(&mt, all, n);
    memcpy(test, all, (size_t)n_test * sizeof *all);
    memcpy(train, all + n_test, (size_t)n_train * sizeof *all);
    tw_free(all);
    return TW_OK;
}

/* ---- stratified */

typedef struct sample {
    int label;
    int64_t index;
} sample;

typedef struct strata {
    int64_t n_classes;
    sample *samples;    /* (n), by label, then by index */
    int64_t *lots;      /* (n), scratch */
    int64_t *begins;    /* (n_classes + 1), in samples */
    int64_t *sizes;     /* (n_classes) */
    int64_t *n_train;   /* (n_classes) */
    int64_t *n_test;    /* (n_classes) */
    int64_t *left;      /* (n_classes), not in train */
    int64_t *ties;      /* (n_classes), scratch */
    double *remainders; /* (n_classes), scratch */
} strata;

static void free_strata(strata *s)
{
    tw_free(s->samples);
    tw_free(s->lots);
    tw_free(s->begins);
    tw_free(s->sizes);
    tw_free(s->n_train);
    tw_free(s->n_test);
    tw_free(s->left);
    tw_free(s->ties);
    tw_free(s->remainders);
}

static int compare_samples(const void *a, const void *b)
{
    const sample *x = a, *y = b;

    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static bool alloc_classes(strata *s, size_t n_classes)
{
    return (s->begins = tw_calloc(n_classes + 1, sizeof *s->begins)) &&
           (s->sizes = tw_calloc(n_classes, sizeof *s->sizes)) &&
           (s->n_train = tw_calloc(n_classes, sizeof *s->n_train)) &&
           (s->n_test = tw_calloc(n_classes, sizeof *s->n_test)) &&
           (s->left = tw_calloc(n_classes, sizeof *s->left)) &&
           (s->ties = tw_calloc(n_classes, sizeof *s->ties)) &&
           (s->remainders = tw_calloc(n_classes, sizeof *s->remainders));
}

/* Sorts the samples into classes; false when memory ran out. */
static bool create_strata(strata *s, int64_t n, const int *labels)
{
    size_t n_classes = 1;

    *s = (strata){0};
    if (!(s->samples = tw_calloc((size_t)n, sizeof *s->samples)) ||
        !(s->lots = tw_calloc((size_t)n, sizeof *s->lots)))
        return false;
    for (int64_t i = 0; i < n; i++)
        s->samples[i] = (sample){labels[i], i};
    qsort(s->samples, (size_t)n, sizeof *s->samples, compare_samples);
    for (int64_t i = 1; i < n; i++)
        n_classes += s->samples[i].label != s->samples[i - 1].label;
    if (!alloc_classes(s, n_classes))
        return false;
    for (int64_t i = 1; i <= n; i++)
        if (i == n || s->samples[i].label != s->samples[i - 1].label) {
            s->sizes[s->n_classes] = i - s->begins[s->n_classes];
            s->begins[++s->n_classes] = i;
        }
    return true;
}

static tw_status check_strata(const strata *s, int64_t n_train, int64_t n_test, tw_error *err)
{
    for (int64_t k = 0; k < s->n_classes; k++)
        if (s->sizes[k] < 2)
            return tw_fail(err, TW_EUSAGE,
                           "stratified split: class %d has 1 member, each needs at "
                           "least 2",
                           s->samples[s->begins[k]].label);
    if (n_train < s->n_classes)
        return tw_fail(err, TW_EUSAGE, "stratified split: %lld train places for %lld classes",
                       (long long)n_train, (long long)s->n_classes);
    if (n_test < s->n_classes)
        return tw_fail(err, TW_EUSAGE, "stratified split: %lld test places for %lld classes",
                       (long long)n_test, (long long)s->n_classes);
    return TW_OK;
}

/* The classes whose remainder is `value` get one place more, at most `need` of them, by lot.
 * Returns how many. */
static int64_t add_at(int64_t *out, strata *s, double value, int64_t need, tw_data__mt *mt)
{
    int64_t n = 0, added;

    for (int64_t k = 0; k < s->n_classes; k++)
        if (s->remainders[k] == value)
            s->ties[n++] = k;
    added = n < need ? n : need;
    tw_data__mt_permutation(mt, s->lots, n);
    for (int64_t i = 0; i < added; i++)
        out[s->ties[s->lots[i]]]++;
    return added;
}

/* _approximate_mode: shares n_draws among classes of the given sizes, the places left over going to
 * the largest remainders. */
static void approximate_mode(int64_t *out, strata *s, const int64_t *sizes, int64_t n_draws,
                             tw_data__mt *mt)
{
    double *remainder = s->remainders;
    double bound = INFINITY;
    int64_t total = 0, need = n_draws;

    for (int64_t k = 0; k < s->n_classes; k++)
        total += sizes[k];
    for (int64_t k = 0; k < s->n_classes; k++) {
        const double share = (double)sizes[k] / (double)total * (double)n_draws;

        out[k] = (int64_t)floor(share);
        remainder[k] = share - floor(share);
        need -= out[k];
    }
    while (need > 0) {
        double value = -1;

        for (int64_t k = 0; k < s->n_classes; k++)
            if (remainder[k] < bound && remainder[k] > value)
                value = remainder[k];
        if (value < 0)
            return;
        need -= add_at(out, s, value, need, mt);
        bound = value;
    }
}

/* Deals class k out: the first n_train[k] of its lots to train, the next n_test[k] to test. */
static void deal_class(int64_t **train, int64_t **test, strata *s, int64_t k, tw_data__mt *mt)
{
    const sample *members = s->samples + s->begins[k];
    const int64_t size = s->sizes[k];
    int64_t i = 0;

    tw_data__mt_permutation(mt, s->lots, size);
    for (; i < s->n_train[k] && i < size; i++)
        *(*train)++ = members[s->lots[i]].index;
    for (; i < s->n_train[k] + s->n_test[k] && i < size; i++)
        *(*test)++ = members[s->lots[i]].index;
}

/* Sizes come in through *n_train and *n_test and go out as what was dealt. */
static tw_status split_stratified(int64_t *train, int64_t *n_train, int64_t *test, int64_t *n_test,
                                  uint32_t seed, const int *labels, tw_error *err)
{
    const int64_t n = *n_train + *n_test;
    int64_t *train_end = train, *test_end = test;
    strata s;
    tw_data__mt mt;
    tw_status rc;

    if (!create_strata(&s, n, labels)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)n);
        goto done;
    }
    if ((rc = check_strata(&s, *n_train, *n_test, err)))
        goto done;
    tw_data__mt_seed(&mt, seed);
    approximate_mode(s.n_train, &s, s.sizes, *n_train, &mt);
    for (int64_t k = 0; k < s.n_classes; k++)
        s.left[k] = s.sizes[k] - s.n_train[k];
    approximate_mode(s.n_test, &s, s.left, *n_test, &mt);
    for (int64_t k = 0; k < s.n_classes; k++)
        deal_class(&train_end, &test_end, &s, k, &mt);
    *n_train = train_end - train;
    *n_test = test_end - test;
    tw_data__mt_shuffle(&mt, train, *n_train);
    tw_data__mt_shuffle(&mt, test, *n_test);
done:
    free_strata(&s);
    return rc;
}

/* ---- the call */

tw_status tw_train_test_split(int64_t *train, int64_t *n_train, int64_t *test, int64_t *n_test,
                              int64_t n, double test_size, uint32_t seed, const int *labels,
                              tw_error *err)
{
    *n_train = *n_test = 0;
    if (!(test_size > 0 && test_size < 1))
        return tw_fail(err, TW_EUSAGE, "test size %g is not between 0 and 1", test_size);
    if (n < 1)
        return tw_fail(err, TW_EUSAGE, "no pictures to split");
    *n_test = (int64_t)ceil(test_size * (double)n);
    *n_train = n - *n_test;
    if (*n_train < 1)
        return tw_fail(err, TW_EUSAGE,
                       "with %lld picture%s and test size %g the train side is empty", (long long)n,
                       n == 1 ? "" : "s", test_size);
    return labels ? split_stratified(train, n_train, test, n_test, seed, labels, err)
                  : split_plain(train, *n_train, test, *n_test, seed, err);
}
