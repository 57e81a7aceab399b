/*
 * What suits the data where nobody has said how to train: the network that is there, a stratified
 * split, small batches for few pictures, an end when it gets no better, a new folder. What somebody
 * has said stays as it is.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { FEW = 2000, MOST_RUNS = 100000, NAME_SIZE = 64 };

/* One picked value and the words for it. */
static tw_status pick(tw_config *config, tw_text *said, tw_option option, const char *value,
                      const char *words, tw_error *err)
{
    if (tw_train__rank(config, option) != TW_FROM_DEFAULT)
        return TW_OK;
    tw_text_add(said, "%s%s", said->n ? ", " : "", words);
    return tw_config_set(config, tw_config_option((int)option)->name, value, TW_FROM_FILE, err);
}

static tw_status pick_model(tw_config *config, tw_text *said, tw_error *err)
{
    const char *weights = NULL;
    tw_error none = {TW_OK, ""};

    /* none fetched is an error of that function, and no trouble here */
    if (tw_train__text(config, TW_OPTION_WEIGHTS) ||
        !tw_model_find_weights(&weights, "vgg16", tw_train__text(config, TW_OPTION_CUT), &none))
        return pick(config, said, TW_OPTION_MODEL, "vgg16", "network vgg16", err);
    return pick(config, said, TW_OPTION_MODEL, "vgg16-mini",
                "network vgg16-mini, the built-in small one (topwork fetch vgg16-notop for the "
                "full one)",
                err);
}

/* What is left out is told when the training opens the data. */
static void pass_progress(void *ctx, const tw_event *event)
{
    if (event->kind == TW_EVENT_PROGRESS)
        tw_watch_send(ctx, event);
}

static int pass_stop(void *ctx)
{
    return tw_watch_should_stop(ctx);
}

/* The training part, without what cannot be read where that is left out. */
static tw_status open_data(tw_dataset **out, const tw_config *config, const tw_watch *watch,
                           tw_error *err)
{
    const char *path = tw_train__text(config, TW_OPTION_DATA);
    const bool limited = tw_train__text(config, TW_OPTION_LIMIT) != NULL;
    const bool has_threads = tw_train__text(config, TW_OPTION_THREADS) != NULL;
    const tw_watch quiet = {pass_progress, pass_stop, (tw_watch *)(uintptr_t)watch};
    const tw_glance_options how = {
        .skip_bad = 1,
        .n_threads = has_threads ? (int)tw_train__i64(config, TW_OPTION_THREADS) : 0};
    tw_status rc = tw_dataset_open(out, path, TW_PART_TRAIN,
                                   limited ? tw_train__i64(config, TW_OPTION_LIMIT) : 0, err);

    if (rc || !tw_train__is(config, TW_OPTION_BAD_IMAGES, "skip"))
        return rc;
    if ((rc = tw_dataset_glance(*out, path, &how, &quiet, err))) {
        tw_dataset_free(*out);
        *out = NULL;
    }
    return rc;
}

/* Can every class be on both sides of the split? */
static tw_status can_stratify(bool *out, int64_t *n, const tw_config *config, const tw_watch *watch,
                              tw_error *err)
{
    tw_status rc;
    const char *path = tw_train__text(config, TW_OPTION_DATA);
    const double share = tw_train__f64(config, TW_OPTION_VAL_SPLIT);
    tw_dataset *data;
    int64_t *side[2] = {NULL, NULL}, n_side[2];
    int own_val = 0;

    *out = false;
    if ((rc = tw_dataset_has_part(&own_val, path, TW_PART_VAL, err)) ||
        (rc = open_data(&data, config, watch, err)))
        return rc;
    *n = tw_dataset_count(data);
    if (own_val || share <= 0.0 || *n == 0)
        goto done;
    for (int i = 0; i < 2; i++)
        if (!(side[i] = tw_calloc((size_t)*n, sizeof *side[i]))) {
            rc = tw_fail(err, TW_ENOMEM, "no memory for the lists of %lld pictures", (long long)*n);
            goto done;
        }
    *out = tw_train_test_split(side[0], &n_side[0], side[1], &n_side[1], *n, share, 0,
                               tw_dataset_labels(data), NULL) == TW_OK;
done:
    tw_free(side[0]);
    tw_free(side[1]);
    tw_dataset_free(data);
    return rc;
}

static tw_status pick_training(tw_config *config, tw_text *said, const tw_watch *watch,
                               tw_error *err)
{
    tw_status rc;
    bool stratify;
    int64_t n = 0;

    if ((rc = can_stratify(&stratify, &n, config, watch, err)))
        return rc;
    if (stratify &&
        (rc = pick(config, said, TW_OPTION_STRATIFY, "true", "a stratified split", err)))
        return rc;
    if (n < FEW && (rc = pick(config, said, TW_OPTION_BATCH_SIZE, "32", "batches of 32", err)))
        return rc;
    if (tw_train__is_full_batch(config))
        return TW_OK; /* it knows its end */
    if ((rc = pick(config, said, TW_OPTION_EPOCHS, "50", "at most 50 epochs", err)))
        return rc;
    if (tw_train__f64(config, TW_OPTION_VAL_SPLIT) <= 0.0)
        return TW_OK;
    return pick(config, said, TW_OPTION_PATIENCE, "10", "an end after 10 without gain", err);
}

/* The data's name as that of a folder: "photos" of "../photos/", "digits" of "digits:300". */
static void name_of(char name[NAME_SIZE], const char *data)
{
    size_t end = strlen(data), first, n = 0;

    while (end > 0 && data[end - 1] == '/')
        end--;
    for (first = end; first > 0 && data[first - 1] != '/';)
        first--;
    for (size_t i = first; i < end && n < NAME_SIZE - 1; i++) {
        if (data[i] == ':' || (data[i] == '.' && i > first && data[i - 1] != '.'))
            break;
        name[n++] = (char)(isalnum((unsigned char)data[i]) || data[i] == '-' ? data[i] : '_');
    }
    name[n] = '\0';
    if (n == 0)
        snprintf(name, NAME_SIZE, "run");
}

/* runs/<data>-<number>, the first that is not there. */
static tw_status pick_output(tw_config *config, tw_text *said, tw_error *err)
{
    char name[NAME_SIZE], path[NAME_SIZE + 32], words[NAME_SIZE + 48];

    name_of(name, tw_train__text(config, TW_OPTION_DATA));
    for (int i = 1; i < MOST_RUNS; i++) {
        snprintf(path, sizeof path, "runs/%s-%d", name, i);
        if (tw_path_exists(path))
            continue;
        snprintf(words, sizeof words, "folder %s", path);
        return pick(config, said, TW_OPTION_OUTPUT, path, words, err);
    }
    return tw_fail(err, TW_EUSAGE, "option output is missing, and runs/%s-1 to %d are there", name,
                   MOST_RUNS - 1);
}

tw_status tw_config_pick(char *said, size_t said_size, tw_config *config, const tw_watch *watch,
                         tw_error *err)
{
    tw_status rc = TW_OK;
    tw_text text = {0};

    said[0] = '\0';
    if (!tw_train__text(config, TW_OPTION_DATA))
        return TW_OK; /* opening the training says so */
    if (!tw_train__text(config, TW_OPTION_MODEL) && !(rc = pick_model(config, &text, err)) &&
        tw_train__is(config, TW_OPTION_RECIPE, "features"))
        rc = pick_training(config, &text, watch, err);
    if (!rc && !tw_train__text(config, TW_OPTION_OUTPUT))
        rc = pick_output(config, &text, err);
    if (!rc && text.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to say what was picked");
    if (!rc && text.n)
        snprintf(said, said_size, "%s", text.text);
    tw_text_free(&text);
    return rc;
}
