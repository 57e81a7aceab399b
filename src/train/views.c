/*
 * What the pictures are shown as: the augmentation of the options, how many views of a picture
 * there are, the sources of features, and which sample of them an epoch takes in which order.
 *
 * With cache-views K a picture has K views, and an epoch takes one of them: in K epochs each once,
 * in an order of its own for every picture. What is taken does not depend on whether the views are
 * kept. With cache-views 0 every epoch makes a new view. Validation pictures have one row, as they
 * are: those drawn from the data are read from a source of their own then.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"

#include <string.h>

/* A spec that is wrong counts as one: it is told when it is read for good. */
bool tw_train__has_views(const tw_config *config)
{
    const char *spec = tw_train__text(config, TW_OPTION_AUG);
    tw_augment augment;

    return spec && (tw_augment_parse(&augment, spec, NULL) || !tw_augment_is_none(&augment));
}

/* New views each epoch where nothing would keep them. */
static tw_status settle_views(tw_training *training, tw_error *err)
{
    tw_status rc;
    tw_config *config = training->config;
    const char *spec = tw_train__text(config, TW_OPTION_AUG);
    const bool keeps = training->boundary > 0 && !tw_train__is(config, TW_OPTION_CACHE, "off");

    if (spec && (rc = tw_augment_parse(&training->augment, spec, err)))
        return rc;
    if (!tw_train__has_views(config))
        return TW_OK;
    training->is_augmented = true;
    if (!tw_train__text(config, TW_OPTION_CACHE_VIEWS) &&
        (rc = tw_train__settle(config, TW_OPTION_CACHE_VIEWS, keeps ? "4" : "0", err)))
        return rc;
    training->n_views = tw_train__i64(config, TW_OPTION_CACHE_VIEWS);
    return TW_OK;
}

static void read_cache_options(tw_training *training)
{
    static const char *const names[] = {
#define NAME(id, text) text,
        TW_CACHE_MODE_LIST(NAME)
#undef NAME
    };
    const tw_config *config = training->config;

    for (int mode = 0; mode < TW_N_CACHE_MODE; mode++)
        if (tw_train__is(config, TW_OPTION_CACHE, names[mode]))
            training->cache.mode = (tw_cache_mode)mode;
    training->cache.dir = tw_train__text(config, TW_OPTION_CACHE_DIR);
    if (tw_train__text(config, TW_OPTION_CACHE_BUDGET))
        training->cache.budget = tw_train__i64(config, TW_OPTION_CACHE_BUDGET);
    if (tw_train__is(config, TW_OPTION_CACHE_DTYPE, "bf16"))
        training->cache.dtype = TW_CACHE_BF16;
}

static tw_source_job job_of(tw_training *training, const tw_dataset *data)
{
    return (tw_source_job){.model = training->base,
                           .last = training->boundary,
                           .dataset = data,
                           .computer = &training->trunk,
                           .cache = &training->cache};
}

tw_status tw_train__open_own_val(tw_training *training, const tw_watch *watch, tw_error *err)
{
    const tw_source_views drawn = {.pictures = training->val, .n_pictures = training->n_val};
    tw_source_job job = job_of(training, training->val_data ? training->val_data : training->data);

    tw_source_free(training->own_val);
    training->own_val = NULL;
    if (!training->val_data && (!training->is_augmented || training->n_val == 0))
        return TW_OK;
    if (!training->val_data)
        job.views = &drawn;
    return tw_source_create_views(&training->own_val, &job, watch, err);
}

tw_status tw_train__open_sources(tw_training *training, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_source_job job = job_of(training, training->data);
    tw_source_views views = {.pictures = training->train, .n_pictures = training->n_train};

    read_cache_options(training);
    if ((rc = settle_views(training, err)))
        return rc;
    if (training->is_augmented) {
        views.augment = &training->augment;
        views.seed = (uint64_t)tw_train__i64(training->config, TW_OPTION_SEED);
        views.n = training->n_views;
        job.views = &views;
    }
    if ((rc = tw_source_create_views(&training->source, &job, watch, err)))
        return rc;
    return tw_train__open_own_val(training, watch, err);
}

void tw_train__describe_views(tw_text *text, const tw_training *training)
{
    char spec[TW_AUGMENT_TEXT], rows[32], pictures[32];

    if (!training->is_augmented)
        return;
    tw_augment_text(spec, sizeof spec, &training->augment);
    tw_count_text(rows, sizeof rows, training->n_train * training->n_views);
    tw_count_text(pictures, sizeof pictures, training->n_train);
    if (training->n_views == 0)
        tw_text_add(text, "%s: a new view of each training picture in each epoch", spec);
    else
        tw_text_add(text, "%s: %lld view%s of each training picture, an epoch takes one of them",
                    spec, (long long)training->n_views, training->n_views == 1 ? "" : "s");
    if (tw_source_is_cached(training->source))
        tw_text_add(text, "; they are kept, so the trunk runs %s times once instead of %s", rows,
                    pictures);
    else if (training->boundary > 0)
        tw_text_add(text, "; they are not kept, so the trunk runs %s times in each epoch",
                    pictures);
    tw_text_add(text, "; validation pictures are as they are");
}

/* ---- the order of an epoch */

/* As many draws as there are pictures: first a class that has any, then one of its pictures. */
static tw_status draw_balanced(int64_t *order, const tw_training *training, const tw_rng_key *key,
                               tw_error *err)
{
    const int *labels = tw_dataset_labels(training->data);
    const int n_classes = tw_dataset_class_count(training->data);
    const int64_t n = training->n_train;
    int64_t *first = tw_calloc((size_t)n_classes + 1, sizeof *first), *sorted;
    uint64_t position = 0;
    int64_t n_present = 0, n_sorted = 0;

    sorted = tw_calloc((size_t)n, sizeof *sorted);
    if (!first || !sorted) {
        tw_free(first);
        tw_free(sorted);
        return tw_fail(err, TW_ENOMEM, "no memory to draw %lld pictures", (long long)n);
    }
    for (int c = 0; c < n_classes; c++) {
        const int64_t begin = n_sorted;

        for (int64_t i = 0; i < n; i++)
            if (labels[training->train[i]] == c)
                sorted[n_sorted++] = training->train[i];
        if (n_sorted > begin)
            first[n_present++] = begin;
    }
    first[n_present] = n_sorted;
    for (int64_t i = 0; i < n; i++) {
        const uint64_t c = tw_rng_below(key, &position, (uint64_t)n_present);
        const uint64_t size = (uint64_t)(first[c + 1] - first[c]);

        order[i] = sorted[first[c] + (int64_t)tw_rng_below(key, &position, size)];
    }
    tw_free(first);
    tw_free(sorted);
    return TW_OK;
}

/* View that a picture has in an epoch, from 0; turns is scratch for n_views. */
static int64_t view_of(const tw_training *training, int64_t *turns, int epoch, int64_t picture)
{
    const uint64_t seed = (uint64_t)tw_train__i64(training->config, TW_OPTION_SEED);
    const int64_t n = training->n_views, e = epoch - 1;
    tw_rng_key key;

    if (n == 0)
        return e;
    key = tw_rng_make_key(seed, TW_RNG_VIEW, (uint32_t)(e / n), (uint64_t)picture);
    tw_rng_permutation(turns, n, &key);
    return turns[e % n];
}

static tw_status take_views(int64_t *order, const tw_training *training, int epoch, tw_error *err)
{
    const int64_t n_pictures = tw_dataset_count(training->data);
    int64_t *turns;

    if (!training->is_augmented)
        return TW_OK;
    if (!(turns = tw_calloc((size_t)training->n_views + 1, sizeof *turns)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld views", (long long)training->n_views);
    for (int64_t i = 0; i < training->n_train; i++)
        order[i] += n_pictures * view_of(training, turns, epoch, order[i]);
    tw_free(turns);
    return TW_OK;
}

tw_status tw_train__shuffle(tw_run *run, int epoch, tw_error *err)
{
    const tw_training *training = run->training;
    const uint64_t seed = (uint64_t)tw_train__i64(training->config, TW_OPTION_SEED);
    const bool is_balanced = tw_train__is(training->config, TW_OPTION_SAMPLER, "balanced");
    const tw_rng_key key =
        tw_rng_make_key(seed, is_balanced ? TW_RNG_SAMPLER : TW_RNG_SHUFFLE, (uint32_t)epoch, 0);
    tw_status rc;

    if (is_balanced) {
        if ((rc = draw_balanced(run->order, training, &key, err)))
            return rc;
    } else {
        tw_rng_permutation(run->order, training->n_train, &key);
        for (int64_t i = 0; i < training->n_train; i++)
            run->order[i] = training->train[run->order[i]];
    }
    return take_views(run->order, training, epoch, err);
}

int tw_train__label(const tw_run *run, int64_t i)
{
    const tw_dataset *data = run->training->data;

    return tw_dataset_labels(data)[run->order[i] % tw_dataset_count(data)];
}
