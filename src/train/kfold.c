/*
 * K-fold: every picture is validated once, by a model that has not seen it. Beside the accuracy and
 * its spread over the folds that gives the labels to doubt: pictures that such models call another
 * class, with at least the confidence that they have on average in pictures of that class
 * (Northcutt, Jiang and Chuang 2021, Confident learning, section 3.1; of the off-diagonal classes
 * only the most probable one is looked at).
 */
#include "train/trials.h"

#include "base/fail.h"
#include "base/memory.h"
#include "eval/predictions.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was answered about one picture. */
typedef struct verdict {
    char *name;
    int fold; /* 0: none yet */
    int label, predicted;
    float p_label, p_predicted;
} verdict;

typedef struct verdicts {
    verdict *of; /* (n), by sample */
    int64_t n;
    int fold;
    char **classes;
    int n_classes;
    double loss; /* sum */
} verdicts;

static void free_verdicts(verdicts *v)
{
    for (int64_t i = 0; i < v->n; i++)
        tw_free(v->of[i].name);
    for (int i = 0; i < v->n_classes; i++)
        tw_free(v->classes[i]);
    tw_free(v->of);
    tw_free(v->classes);
}

static tw_status fail_memory(tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "no memory for the answers of the folds");
}

/* With the first answer: room for all pictures, and the classes' names. */
static tw_status make_room(verdicts *v, const tw_dataset *data, tw_error *err)
{
    const int n_classes = tw_dataset_class_count(data);

    if (v->of)
        return TW_OK;
    if (!(v->of = tw_calloc((size_t)tw_dataset_count(data), sizeof *v->of)) ||
        !(v->classes = tw_calloc((size_t)n_classes, sizeof *v->classes)))
        return fail_memory(err);
    v->n = tw_dataset_count(data);
    for (int i = 0; i < n_classes; i++, v->n_classes++)
        if (!(v->classes[i] = tw_strdup(tw_dataset_class_name(data, i))))
            return fail_memory(err);
    return TW_OK;
}

static tw_status take_answer(void *ctx, const tw_dataset *data, const tw_answer *answer,
                             tw_error *err)
{
    verdicts *v = ctx;
    char buf[32];
    tw_status rc = make_room(v, data, err);
    verdict *one;

    if (rc)
        return rc;
    one = &v->of[answer->sample];
    one->fold = v->fold;
    one->label = answer->label;
    one->predicted = answer->predicted;
    one->p_label = answer->probabilities[answer->label];
    one->p_predicted = answer->probabilities[answer->predicted];
    one->name = tw_strdup(tw_dataset_name(data, answer->sample, buf, sizeof buf));
    return one->name ? TW_OK : fail_memory(err);
}

/* ---- what comes out */

static void add_row(tw_text *text, const verdicts *v, const verdict *one)
{
    tw_csv_add(text, one->name);
    tw_text_add(text, ",");
    tw_csv_add(text, v->classes[one->label]);
    tw_text_add(text, ",");
    tw_csv_add(text, v->classes[one->predicted]);
    tw_text_add(text, ",%d,%d,%.9g,%.9g\n", one->label == one->predicted, one->fold,
                (double)one->p_label, (double)one->p_predicted);
}

static tw_status write_rows(const tw_trial_set *set, const char *name, const verdicts *v,
                            const verdict *const *rows, int64_t n, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};

    tw_text_add(&text, "name,label,predicted,correct,fold,p_label,p_predicted\n");
    for (int64_t i = 0; i < n; i++)
        add_row(&text, v, rows[i]);
    rc = tw_train__folder_write(&set->folder, name, &text, err);
    tw_text_free(&text);
    return rc;
}

/* The most doubtful first; ties in the pictures' order, which is that of the addresses. */
static int by_doubt(const void *a, const void *b)
{
    const verdict *x = *(const verdict *const *)a, *y = *(const verdict *const *)b;
    const float dx = x->p_predicted - x->p_label, dy = y->p_predicted - y->p_label;

    if (dx != dy)
        return dx > dy ? -1 : 1;
    return x < y ? -1 : x > y;
}

/* Mean confidence in the label, of each class's pictures. */
static void find_confidence(double *confidence, int64_t *counts, const verdicts *v)
{
    for (int64_t i = 0; i < v->n; i++) {
        confidence[v->of[i].label] += (double)v->of[i].p_label;
        counts[v->of[i].label]++;
    }
    for (int k = 0; k < v->n_classes; k++)
        confidence[k] = counts[k] ? confidence[k] / (double)counts[k] : (double)INFINITY;
}

static tw_status copy_suspects(tw_trials *out, const verdicts *v, const verdict *const *rows,
                               int64_t n, tw_error *err)
{
    if (!(out->suspects = tw_calloc((size_t)n + 1, sizeof *out->suspects)))
        return fail_memory(err);
    for (int64_t i = 0; i < n; i++) {
        tw_suspect *to = &out->suspects[out->n_suspects++];
        *to = (tw_suspect){.picture = tw_strdup(rows[i]->name),
                           .label = tw_strdup(v->classes[rows[i]->label]),
                           .predicted = tw_strdup(v->classes[rows[i]->predicted]),
                           .p_label = (double)rows[i]->p_label,
                           .p_predicted = (double)rows[i]->p_predicted};
        if (!to->picture || !to->label || !to->predicted)
            return fail_memory(err);
    }
    return TW_OK;
}

static void find_means(tw_trials *out, const verdicts *v)
{
    double squares = 0.0;

    for (int i = 0; i < out->n; i++)
        out->mean_accuracy += out->trials[i].result.val_accuracy / out->n;
    for (int i = 0; i < out->n; i++)
        squares += pow(out->trials[i].result.val_accuracy - out->mean_accuracy, 2.0);
    out->deviation = sqrt(squares / (out->n - 1));
    out->n_pictures = v->n;
    for (int64_t i = 0; i < v->n; i++)
        out->n_correct += v->of[i].label == v->of[i].predicted;
}

/* out-of-fold.csv, suspects.csv, and the figures. */
static tw_status conclude(tw_trial_set *set, const verdicts *v, tw_error *err)
{
    tw_status rc;
    const verdict **rows = tw_calloc((size_t)v->n + 1, sizeof *rows);
    double *confidence = tw_calloc((size_t)v->n_classes + 1, sizeof *confidence);
    int64_t *counts = tw_calloc((size_t)v->n_classes + 1, sizeof *counts), n = 0;

    if (!rows || !confidence || !counts) {
        rc = fail_memory(err);
        goto done;
    }
    for (int64_t i = 0; i < v->n; i++)
        rows[i] = &v->of[i];
    if ((rc = write_rows(set, "out-of-fold.csv", v, rows, v->n, err)))
        goto done;
    find_confidence(confidence, counts, v);
    for (int64_t i = 0; i < v->n; i++)
        if (v->of[i].predicted != v->of[i].label &&
            (double)v->of[i].p_predicted >= confidence[v->of[i].predicted])
            rows[n++] = &v->of[i];
    qsort(rows, (size_t)n, sizeof *rows, by_doubt);
    if (!(rc = write_rows(set, "suspects.csv", v, rows, n, err)))
        rc = copy_suspects(set->out, v, rows, n, err);
    find_means(set->out, v);
done:
    tw_free(rows);
    tw_free(confidence);
    tw_free(counts);
    return rc;
}

tw_status tw_training_kfold(tw_trials *out, const tw_config *config, int n_folds,
                            const tw_watch *watch, tw_error *err)
{
    tw_trial_set set;
    verdicts v = {0};
    tw_status rc;

    memset(out, 0, sizeof *out);
    if (n_folds < 2 || n_folds > TW_MOST_FOLDS)
        return tw_fail(err, TW_EUSAGE, "%d folds: from 2 to %d", n_folds, TW_MOST_FOLDS);
    if (tw_train__text(config, TW_OPTION_FOLD))
        return tw_fail(err, TW_EUSAGE, "option fold has no effect with kfold, which does them all");
    rc = tw_train__trials_begin(&set, out, config, n_folds, watch, err);
    set.on_answer = take_answer;
    set.ctx = &v;
    for (int fold = 1; fold <= n_folds && !rc; fold++) {
        char name[32], value[32];
        const tw_trial_setting setting = {"fold", value};

        v.fold = fold;
        snprintf(name, sizeof name, "fold-%d", fold);
        snprintf(value, sizeof value, "%d/%d", fold, n_folds);
        if (!(rc = tw_train__trial_run(&set, name, &setting, 1, err)) &&
            !(rc = tw_train__trial_drop_model(&set, &out->trials[fold - 1], err)))
            rc = tw_train__trials_write(&set, "kfold.csv", err);
    }
    if (!rc)
        rc = conclude(&set, &v, err);
    tw_train__trials_end(&set);
    free_verdicts(&v);
    return rc;
}
