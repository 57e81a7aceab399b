/*
 * Which pictures train and which validate: the data's own validation part where it has one and no
 * share or fold was asked for, else scikit-learn's train_test_split or KFold of the training part.
 * Both lists are kept in dataset order: training shuffles anyway, and validation sums in the order
 * in which an evaluation of the same pictures does.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static tw_status check_data(const tw_dataset *data, const char *path, tw_error *err)
{
    path = tw_spool_shown(path);
    if (tw_dataset_class_count(data) < 2)
        return tw_fail(err, TW_EFILE, "%s: %d class, a classifier needs at least 2", path,
                       tw_dataset_class_count(data));
    if (tw_dataset_count(data) < 1)
        return tw_fail(err, TW_EFILE, "%s: no pictures to train on", path);
    return TW_OK;
}

static tw_status open_data(tw_training *training, bool *own_val, const tw_watch *watch,
                           tw_error *err)
{
    tw_status rc;
    const tw_config *config = training->config;
    const char *path = tw_train__text(config, TW_OPTION_DATA);
    bool limited = tw_train__text(config, TW_OPTION_LIMIT) != NULL;
    int64_t limit = limited ? tw_train__i64(config, TW_OPTION_LIMIT) : 0;
    tw_glance_options how = {.skip_bad = tw_train__is(config, TW_OPTION_BAD_IMAGES, "skip"),
                             .is_training = 1,
                             .n_threads = training->n_workers};
    int has_val = 0;

    *own_val = false;
    if (tw_train__rank(config, TW_OPTION_VAL_SPLIT) == TW_FROM_DEFAULT &&
        !tw_train__text(config, TW_OPTION_FOLD) &&
        (rc = tw_dataset_has_part(&has_val, path, TW_PART_VAL, err)))
        return rc;
    *own_val = has_val != 0;
    if ((rc = tw_dataset_open(&training->data, path, TW_PART_TRAIN, limit, err)) ||
        (rc = check_data(training->data, path, err)) ||
        (rc = tw_dataset_glance(training->data, path, &how, watch, err)) || !*own_val)
        return rc;
    if ((rc = tw_dataset_open(&training->val_data, path, TW_PART_VAL, 0, err)))
        return rc;
    how.is_training = 0;
    return tw_dataset_glance(training->val_data, path, &how, watch, err);
}

static int find_class(const tw_dataset *data, const char *name)
{
    for (int i = 0; i < tw_dataset_class_count(data); i++)
        if (!strcmp(tw_dataset_class_name(data, i), name))
            return i;
    return -1;
}

/* Classes of the validation part are matched to those of the training part by name. */
static tw_status map_labels(tw_training *training, tw_error *err)
{
    tw_status rc = TW_OK;
    const tw_dataset *val = training->val_data;
    int n_classes = tw_dataset_class_count(val);
    int *map = tw_calloc((size_t)n_classes + 1, sizeof *map);

    training->val_labels = tw_calloc((size_t)training->n_val + 1, sizeof *training->val_labels);
    if (!map || !training->val_labels) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)training->n_val);
        goto done;
    }
    for (int c = 0; c < n_classes; c++) {
        if ((map[c] = find_class(training->data, tw_dataset_class_name(val, c))) < 0) {
            rc = tw_fail(err, TW_EFILE,
                         "%s: class %s has validation pictures and no training pictures",
                         tw_spool_shown(tw_train__text(training->config, TW_OPTION_DATA)),
                         tw_dataset_class_name(val, c));
            goto done;
        }
    }
    for (int64_t i = 0; i < training->n_val; i++)
        training->val_labels[i] = map[tw_dataset_label(val, i)];
done:
    tw_free(map);
    return rc;
}

static tw_status take_own(tw_training *training, tw_error *err)
{
    training->n_train = tw_dataset_count(training->data);
    training->n_val = tw_dataset_count(training->val_data);
    training->train = tw_calloc((size_t)training->n_train + 1, sizeof *training->train);
    training->val = tw_calloc((size_t)training->n_val + 1, sizeof *training->val);
    if (!training->train || !training->val)
        return tw_fail(err, TW_ENOMEM, "no memory for the lists of %lld pictures",
                       (long long)(training->n_train + training->n_val));
    for (int64_t i = 0; i < training->n_train; i++)
        training->train[i] = i;
    for (int64_t i = 0; i < training->n_val; i++)
        training->val[i] = i;
    return map_labels(training, err);
}

/* Fold, share, or all of them to train on. */
static tw_status draw_lists(tw_training *training, int64_t n, tw_error *err)
{
    const tw_config *config = training->config;
    double share = tw_train__f64(config, TW_OPTION_VAL_SPLIT);
    uint32_t seed = (uint32_t)tw_train__i64(config, TW_OPTION_SPLIT_SEED);
    const int *strata =
        tw_train__bool(config, TW_OPTION_STRATIFY) ? tw_dataset_labels(training->data) : NULL;
    int fold, n_folds;

    if (tw_train__fold(config, &fold, &n_folds))
        return tw_kfold_split(training->train, &training->n_train, training->val, &training->n_val,
                              n, fold, n_folds, seed, strata, err);
    if (share > 0.0)
        return tw_train_test_split(training->train, &training->n_train, training->val,
                                   &training->n_val, n, share, seed, strata, err);
    training->n_train = n;
    for (int64_t i = 0; i < n; i++)
        training->train[i] = i;
    return TW_OK;
}

static tw_status draw(tw_training *training, tw_error *err)
{
    tw_status rc;
    int64_t n = tw_dataset_count(training->data);

    training->train = tw_calloc((size_t)n, sizeof *training->train);
    training->val = tw_calloc((size_t)n, sizeof *training->val);
    if (!training->train || !training->val)
        return tw_fail(err, TW_ENOMEM, "no memory for the lists of %lld pictures", (long long)n);
    if ((rc = draw_lists(training, n, err)))
        return rc;
    qsort(training->train, (size_t)training->n_train, sizeof *training->train, by_value);
    qsort(training->val, (size_t)training->n_val, sizeof *training->val, by_value);
    return TW_OK;
}

tw_status tw_train__split(tw_training *training, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    bool own_val;

    if ((rc = open_data(training, &own_val, watch, err)) ||
        (rc = tw_train__config_check(training->config, own_val, err)))
        return rc;
    return own_val ? take_own(training, err) : draw(training, err);
}
