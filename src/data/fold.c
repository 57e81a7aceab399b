/*
 * scikit-learn's KFold and StratifiedKFold with shuffle=True, to the bit (model_selection/
 * _split.py), so that folds drawn there can be drawn here. Both sides are ascending, as there.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/mt19937.h"

#include <tw/data.h>

#include <string.h>

/* of[i] = the fold that picture i validates in. */
static tw_status deal_plain(int64_t *of, int64_t n, int n_folds, tw_data__mt *mt, tw_error *err)
{
    int64_t *order = tw_calloc((size_t)n, sizeof *order);
    int64_t next = 0;

    if (!order)
        return tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)n);
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    tw_data__mt_shuffle(mt, order, n);
    for (int64_t fold = 0; fold < n_folds; fold++)
        for (int64_t i = n / n_folds + (fold < n % n_folds); i > 0; i--)
            of[order[next++]] = fold;
    tw_free(order);
    return TW_OK;
}

/* Classes in the order in which they first appear. */
typedef struct classes {
    int64_t n, *number; /* number[label], -1: there is none */
    int64_t *sizes, *begins;
    int64_t *lots; /* (n pictures), scratch */
} classes;

static bool find_classes(classes *c, int64_t n, const int *labels)
{
    int64_t n_labels = 1;

    *c = (classes){0};
    for (int64_t i = 0; i < n; i++)
        n_labels = labels[i] >= n_labels ? labels[i] + 1 : n_labels;
    if (!(c->number = tw_calloc((size_t)n_labels, sizeof *c->number)) ||
        !(c->sizes = tw_calloc((size_t)n_labels, sizeof *c->sizes)) ||
        !(c->begins = tw_calloc((size_t)n_labels + 1, sizeof *c->begins)) ||
        !(c->lots = tw_calloc((size_t)n, sizeof *c->lots)))
        return false;
    memset(c->number, 0xff, (size_t)n_labels * sizeof *c->number);
    for (int64_t i = 0; i < n; i++) {
        int64_t *number = &c->number[labels[i]];
        if (*number < 0)
            *number = c->n++;
        c->sizes[*number]++;
    }
    for (int64_t k = 0; k < c->n; k++)
        c->begins[k + 1] = c->begins[k] + c->sizes[k];
    return true;
}

static void free_classes(classes *c)
{
    tw_free(c->number);
    tw_free(c->sizes);
    tw_free(c->begins);
    tw_free(c->lots);
}

/* Were all pictures dealt out class by class, one to each fold in turn, so many of class k would
 * go to each fold. Which of them, the lot decides. */
static void deal_class(int64_t *of, const classes *c, int64_t k, int64_t n, const int *labels,
                       int n_folds, tw_data__mt *mt)
{
    int64_t n_lots = 0, next = 0;

    for (int64_t fold = 0; fold < n_folds; fold++) {
        const int64_t past_begin = (c->begins[k] - fold + n_folds - 1) / n_folds,
                      past_end = (c->begins[k + 1] - fold + n_folds - 1) / n_folds;
        for (int64_t i = past_begin; i < past_end; i++)
            c->lots[n_lots++] = fold;
    }
    tw_data__mt_shuffle(mt, c->lots, n_lots);
    for (int64_t i = 0; i < n; i++)
        if (c->number[labels[i]] == k)
            of[i] = c->lots[next++];
}

static tw_status deal_stratified(int64_t *of, int64_t n, int n_folds, const int *labels,
                                 tw_data__mt *mt, tw_error *err)
{
    tw_status rc = TW_OK;
    classes c;
    int64_t largest = 0;

    if (!find_classes(&c, n, labels)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)n);
        goto done;
    }
    for (int64_t k = 0; k < c.n; k++)
        largest = c.sizes[k] > largest ? c.sizes[k] : largest;
    if (largest < n_folds) {
        rc = tw_fail(err, TW_EUSAGE, "stratified folds: no class has the %d pictures for %d folds",
                     n_folds, n_folds);
        goto done;
    }
    for (int64_t k = 0; k < c.n; k++)
        deal_class(of, &c, k, n, labels, n_folds, mt);
done:
    free_classes(&c);
    return rc;
}

tw_status tw_kfold_split(int64_t *train, int64_t *n_train, int64_t *val, int64_t *n_val, int64_t n,
                         int fold, int n_folds, uint32_t seed, const int *labels, tw_error *err)
{
    tw_status rc;
    int64_t *of;
    tw_data__mt mt;

    if (n_folds < 2 || fold < 1 || fold > n_folds)
        return tw_fail(err, TW_EUSAGE, "fold %d of %d: 2 folds at least, and one of them", fold,
                       n_folds);
    if (n < n_folds)
        return tw_fail(err, TW_EUSAGE, "%d folds of %lld pictures", n_folds, (long long)n);
    if (!(of = tw_calloc((size_t)n, sizeof *of)))
        return tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)n);
    tw_data__mt_seed(&mt, seed);
    rc = labels ? deal_stratified(of, n, n_folds, labels, &mt, err)
                : deal_plain(of, n, n_folds, &mt, err);
    *n_train = *n_val = 0;
    for (int64_t i = 0; i < n && !rc; i++)
        if (of[i] == fold - 1)
            val[(*n_val)++] = i;
        else
            train[(*n_train)++] = i;
    tw_free(of);
    return rc;
}
