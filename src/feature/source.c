/*
 * The source: what it decides before the first row is made. Cache or recompute, what is there
 * already, what is missing, what that takes of the disk. Filling is source_fill.c's, reading is
 * source_read.c's.
 *
 * Where nothing is frozen (`last` is the input) the rows are the pictures: no trunk, no cache.
 *
 * Rows are addressed by picture, so a picture that the data set has twice is made once, and other
 * data sets with the same picture share its row.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "feature/feature_int.h"
#include "tensor/tensor.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEYS_AN_ITEM = 64, NOTE_BYTES = 1024, MOST_VIEWS = 1000 };

/* ---- identity of the pictures */

typedef struct keying {
    tw_source *source;
    atomic_int state; /* of `rc` and `err`: 1 once taken by the first that failed */
    tw_status rc;
    tw_error err;
} keying;

static void make_keys(void *ctx, int64_t item, int worker)
{
    keying *now = ctx;
    const int64_t n = now->source->n_pictures, first = item * KEYS_AN_ITEM;
    const int64_t last = first + KEYS_AN_ITEM < n ? first + KEYS_AN_ITEM : n;
    tw_status rc = TW_OK;
    tw_error err;

    (void)worker;
    for (int64_t i = first; i < last && !rc && !atomic_load(&now->state); i++)
        rc = tw_dataset_key(&now->source->keys[i], now->source->dataset, i, &err);
    if (rc && atomic_exchange(&now->state, 1) == 0) {
        now->rc = rc;
        now->err = err;
    }
}

static tw_status read_keys(tw_source *source, tw_error *err)
{
    keying now = {.source = source};
    const size_t n = (size_t)source->n, n_pictures = (size_t)source->n_pictures;

    if (!(source->keys = tw_calloc(n_pictures ? n_pictures : 1, sizeof *source->keys)) ||
        !(source->places = tw_calloc(n ? n : 1, sizeof *source->places)))
        return tw_fail(err, TW_ENOMEM, "no memory for the keys of %lld pictures",
                       (long long)source->n);
    tw_parallel(source->computer->n_threads, (source->n_pictures + KEYS_AN_ITEM - 1) / KEYS_AN_ITEM,
                make_keys, &now);
    if (now.rc && err)
        *err = now.err;
    return now.rc;
}

int64_t tw_feature__source_picture(const tw_source *source, int64_t sample)
{
    return sample % source->n_pictures;
}

uint32_t tw_feature__source_view(const tw_source *source, int64_t sample)
{
    return (uint32_t)(sample / source->n_pictures) + 1;
}

bool tw_feature__source_wants(const tw_source *source, int64_t sample)
{
    return !source->is_wanted || source->is_wanted[tw_feature__source_picture(source, sample)];
}

tw_hash128 tw_feature__source_key(const tw_source *source, int64_t sample)
{
    const tw_hash128 key = source->keys[tw_feature__source_picture(source, sample)];

    return source->is_augmented
               ? tw_hash128_of(&key, sizeof key, tw_feature__source_view(source, sample))
               : key;
}

static int compare_keys(const void *a, const void *b)
{
    const tw_hash128 *x = a, *y = b;

    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    return x->low < y->low ? -1 : x->low > y->low;
}

tw_status tw_feature__source_look_up(tw_source *source, tw_error *err)
{
    size_t n = 0;
    tw_hash128 *missing = tw_calloc(source->n ? (size_t)source->n : 1, sizeof *missing);

    if (!missing)
        return tw_fail(err, TW_ENOMEM, "no memory to look up %lld pictures", (long long)source->n);
    for (int64_t i = 0; i < source->n; i++) {
        const tw_hash128 key = tw_feature__source_key(source, i);

        source->places[i] = tw_store_find(source->store, key);
        if (source->places[i] < 0 && tw_feature__source_wants(source, i))
            missing[n++] = key;
    }
    qsort(missing, n, sizeof *missing, compare_keys);
    source->missing = n > 0;
    for (size_t i = 1; i < n; i++)
        source->missing += compare_keys(&missing[i - 1], &missing[i]) != 0;
    tw_free(missing);
    return TW_OK;
}

/* ---- cache or recompute */

/* Tells whether the missing rows have room, and writes why not. */
static tw_status check_budget(bool *too_small, char *why, const tw_source *source, int64_t budget,
                              tw_error *err)
{
    const int64_t need = tw_source_disk(source);
    char rows[32], needs[32], limit[32], there[32];
    int64_t taken, available;
    tw_status rc;

    *too_small = false;
    if (source->missing == 0)
        return TW_OK;
    if ((rc = tw_feature__cache_bytes(&taken, source->folder, err)) ||
        (rc = tw_disk_free(&available, source->folder, err)))
        return rc;
    if (budget <= 0)
        budget = taken + available / 2;
    tw_count_text(rows, sizeof rows, source->missing);
    tw_bytes_text(needs, sizeof needs, need);
    tw_bytes_text(limit, sizeof limit, budget);
    tw_bytes_text(there, sizeof there, need > available ? available : taken);
    *too_small = need > available || need > budget - taken;
    if (need > available)
        snprintf(why, NOTE_BYTES,
                 "%s rows need up to %s of disk, where the cache lies (%s) are %s free", rows,
                 needs, source->folder, there);
    else
        snprintf(why, NOTE_BYTES,
                 "%s rows need up to %s of disk, the cache's budget is %s and %s of it are taken",
                 rows, needs, limit, there);
    return TW_OK;
}

/* "60 pictures", or "240 views, 4 of each of 60 pictures". */
static const char *rows_text(char *buf, size_t buf_size, const tw_source *source)
{
    char pictures[32], rows[32];

    tw_count_text(pictures, sizeof pictures, source->n_wanted);
    if (!source->is_augmented)
        snprintf(buf, buf_size, "%s pictures", pictures);
    else
        snprintf(buf, buf_size, "%s views, %lld of each of %s pictures,",
                 tw_count_text(rows, sizeof rows, tw_source_wanted(source)),
                 (long long)source->n_views, pictures);
    return buf;
}

static void describe_cached(tw_source *source)
{
    char all[128], missing[32], disk[32];

    rows_text(all, sizeof all, source);
    tw_count_text(missing, sizeof missing, source->missing);
    tw_bytes_text(disk, sizeof disk, tw_source_disk(source));
    source->describe.n = 0;
    if (source->missing == 0)
        tw_text_add(&source->describe, "all %s are in the cache, no trunk pass (%s)", all,
                    tw_store_path(source->store));
    else
        tw_text_add(&source->describe,
                    "%s of %s are still to be run through the trunk, up to %s of disk (%s)",
                    missing, all, disk, tw_store_path(source->store));
}

static void describe_recomputing(tw_source *source, const char *why)
{
    const bool is_new = source->is_augmented && source->n_views == 0;
    char all[32];

    source->describe.n = 0;
    tw_text_add(&source->describe, "no cache%s%s: each pass runs %s%s pictures through the trunk",
                why ? ", " : "", why ? why : "", is_new ? "new views of " : "",
                tw_count_text(all, sizeof all, source->n_wanted));
}

/* Closes the entry, and removes it if nobody put a row into it. */
static void close_store(tw_source *source)
{
    int64_t n_bytes;
    bool got;

    if (!source->store)
        return;
    tw_store_close(source->store);
    source->store = NULL;
    if (tw_feature__cache_remove(&n_bytes, &got, source->folder, source->key, true, NULL))
        return; /* an empty entry is left behind: no harm */
}

static void give_up_cache(tw_source *source)
{
    close_store(source);
    tw_free(source->keys);
    tw_free(source->places);
    tw_free(source->record);
    source->keys = NULL;
    source->places = NULL;
    source->record = NULL;
    source->missing = tw_source_wanted(source);
}

static tw_status open_store(tw_source *source, const char *numerics, tw_error *err)
{
    tw_status rc;
    tw_json *job;
    char augment[TW_AUGMENT_TEXT];

    tw_augment_text(augment, sizeof augment, &source->augment);
    if (!(job = tw_feature__job(source->model, source->last, source->computer->precision,
                                source->dtype, numerics, source->is_augmented ? augment : NULL)))
        return tw_fail(err, TW_ENOMEM, "no memory to describe the cache");
    rc = tw_store_open(&source->store, source->folder, source->key, source->row_size, source->dtype,
                       job, err);
    tw_json_free(job);
    if (!rc && !(source->record = tw_malloc((size_t)tw_store_record_bytes(source->store))))
        rc = tw_fail(err, TW_ENOMEM, "no memory to read a row of %s", source->folder);
    return rc;
}

void tw_feature__source_do_without_cache(tw_source *source, const char *why, const tw_watch *watch)
{
    give_up_cache(source);
    describe_recomputing(source, why);
    tw_watch_note(watch, "%s", source->describe.failed ? why : source->describe.text);
}

/* The cache where it can be had; otherwise why not, which is an error with TW_CACHE_ON. */
static tw_status decide(tw_source *source, const tw_cache_options *options, const char *numerics,
                        const tw_watch *watch, tw_error *err)
{
    char why[NOTE_BYTES];
    tw_error own;
    bool too_small;
    char augment[TW_AUGMENT_TEXT];
    tw_status rc;

    if (!(rc = tw_feature__cache_folder(&source->folder, options->dir, &own))) {
        if ((rc = tw_feature__key(source->key, source->model, source->last,
                                  source->computer->precision, source->dtype, numerics,
                                  source->folder, err)))
            return rc;
        if (source->is_augmented &&
            (rc = tw_feature__view_key(source->key,
                                       tw_augment_text(augment, sizeof augment, &source->augment),
                                       source->seed, err)))
            return rc;
        rc = open_store(source, numerics, &own);
    }
    if (rc) {
        if (source->mode == TW_CACHE_AUTO && rc != TW_ENOMEM)
            tw_feature__source_do_without_cache(source, own.text, watch);
        else if (err)
            *err = own;
        return source->mode == TW_CACHE_AUTO && rc != TW_ENOMEM ? TW_OK : rc;
    }
    if ((rc = read_keys(source, err)) || (rc = tw_feature__source_look_up(source, err)) ||
        (rc = check_budget(&too_small, why, source, options->budget, err)))
        return rc;
    source->is_over_budget = too_small;
    if (!too_small)
        describe_cached(source);
    else if (source->mode == TW_CACHE_ON)
        return tw_fail(err, TW_EBUDGET, "%s: raise the budget, clear the cache or switch it off",
                       why);
    else
        tw_feature__source_do_without_cache(source, why, watch);
    return TW_OK;
}

/* Pictures are not kept: whoever asks for that is told. */
static tw_status decide_input(tw_source *source, tw_error *err)
{
    if (source->mode == TW_CACHE_ON)
        return tw_fail(err, TW_EUSAGE,
                       "no layers are frozen, so there is nothing to cache: switch the cache off");
    if (source->dtype != TW_CACHE_FP32)
        return tw_fail(err, TW_EUSAGE,
                       "no layers are frozen, so there are no features to keep as bf16");
    source->missing = 0;
    source->describe.n = 0;
    tw_text_add(
        &source->describe,
        "the network trains from its first layers on: pictures are read anew in each epoch");
    return TW_OK;
}

/* Views are made anew for every epoch: whoever asks that they be kept is told. */
static tw_status decide_new_views(const tw_source *source, tw_error *err)
{
    if (source->mode == TW_CACHE_ON)
        return tw_fail(err, TW_EUSAGE,
                       "each epoch has new views of the pictures (cache-views 0), so there is "
                       "nothing to cache: switch the cache off");
    return TW_OK;
}

static tw_status take_views(tw_source *source, const tw_source_views *views, tw_error *err)
{
    const int64_t n = source->n_pictures = tw_dataset_count(source->dataset);

    source->n_views = 1;
    source->n = source->n_wanted = n;
    if (views && views->augment) {
        source->is_augmented = true;
        source->augment = *views->augment;
        source->seed = views->seed;
        source->n_views = views->n;
        if (views->n > MOST_VIEWS)
            return tw_fail(err, TW_EUSAGE, "%lld views of each picture, at most %d are kept",
                           (long long)views->n, MOST_VIEWS);
        source->n = views->n > 0 ? n * views->n : INT64_MAX;
    }
    if (views && views->pictures) {
        if (!(source->is_wanted = tw_calloc(n ? (size_t)n : 1, sizeof *source->is_wanted)))
            return tw_fail(err, TW_ENOMEM, "no memory to mark %lld pictures", (long long)n);
        for (int64_t i = 0; i < views->n_pictures; i++)
            source->is_wanted[views->pictures[i]] = true;
        source->n_wanted = views->n_pictures;
    }
    source->missing = tw_source_wanted(source);
    return TW_OK;
}

tw_status tw_source_create_views(tw_source **out, const tw_source_job *job, const tw_watch *watch,
                                 tw_error *err)
{
    const tw_cache_options defaults = {0};
    const tw_cache_options *cache = job->cache ? job->cache : &defaults;
    tw_status rc;
    tw_source *source = NULL;
    tw_chain *planned = NULL;

    *out = NULL;
    if ((rc = tw_chain_plan(&planned, job->model, 0, job->last, job->computer->backend,
                            job->computer->precision, err)))
        return rc;
    if (!(source = tw_calloc(1, sizeof *source))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a source of features");
        goto done;
    }
    source->model = job->model;
    source->last = job->last;
    source->dataset = job->dataset;
    source->computer = job->computer;
    source->mode = cache->mode;
    source->dtype = cache->dtype;
    source->row_size = tw_chain_out_size(planned);
    if ((rc = take_views(source, job->views, err)))
        goto done;
    describe_recomputing(source, NULL);
    if (tw_feature__source_is_input(source))
        rc = decide_input(source, err);
    else if (source->n_views == 0)
        rc = decide_new_views(source, err);
    else if (source->mode != TW_CACHE_OFF)
        rc = decide(source, cache, tw_chain_numerics(planned), watch, err);
    if (rc)
        goto done;
    if (source->describe.failed) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a source of features");
        goto done;
    }
    *out = source;
    source = NULL; /* ownership moved to *out */
done:
    tw_source_free(source);
    tw_chain_free(planned);
    return rc;
}

tw_status tw_source_create(tw_source **out, const tw_model *model, int last,
                           const tw_dataset *dataset, tw_computer *computer,
                           const tw_cache_options *cache, const tw_watch *watch, tw_error *err)
{
    const tw_source_job job = {
        .model = model, .last = last, .dataset = dataset, .computer = computer, .cache = cache};

    return tw_source_create_views(out, &job, watch, err);
}

void tw_source_free(tw_source *source)
{
    if (!source)
        return;
    tw_feature__source_free_trunk(source);
    close_store(source);
    tw_free(source->keys);
    tw_free(source->places);
    tw_free(source->record);
    tw_free(source->is_wanted);
    tw_free(source->folder);
    tw_text_free(&source->describe);
    tw_free(source);
}

/* ---- questions */

bool tw_feature__source_is_input(const tw_source *source)
{
    return source->last == 0;
}

int64_t tw_source_row_size(const tw_source *source)
{
    return source->row_size;
}

int64_t tw_source_wanted(const tw_source *source)
{
    return source->n_wanted * source->n_views;
}

int64_t tw_source_missing(const tw_source *source)
{
    return source->missing;
}

bool tw_source_is_cached(const tw_source *source)
{
    return source->store != NULL;
}

const char *tw_source_describe(const tw_source *source)
{
    return source->describe.text;
}

int64_t tw_source_disk(const tw_source *source)
{
    int64_t n_bytes;

    if (!source->store)
        return 0;
    return tw_mul_i64(&n_bytes, source->missing,
                      tw_store_row_bound(source->row_size, source->dtype))
               ? n_bytes
               : INT64_MAX;
}

tw_status tw_source_trunk_memory(int64_t *packed, int64_t *per_worker, tw_source *source,
                                 tw_error *err)
{
    *packed = *per_worker = 0;
    if (tw_feature__source_is_input(source))
        return TW_OK;
    return tw_chain_estimate(packed, per_worker, source->model, 0, source->last,
                             source->computer->backend, source->computer->precision, err);
}

tw_status tw_source_trunk_background(int64_t *out, tw_source *source, tw_error *err)
{
    *out = 0;
    if (tw_feature__source_is_input(source))
        return TW_OK;
    return tw_chain_estimate_background(out, source->model, 0, source->last,
                                        source->computer->backend, source->computer->precision,
                                        err);
}

int64_t tw_source_damaged(const tw_source *source)
{
    return source->damaged_count;
}

void tw_source_tell_damage(const tw_source *source, const tw_watch *watch)
{
    if (source && source->damaged_count > 0)
        tw_watch_note(watch, "%lld damaged row%s found by the checksum and made again",
                      (long long)source->damaged_count, source->damaged_count == 1 ? "" : "s");
}

int64_t tw_source_trunk_count(const tw_source *source)
{
    return source->trunk_count;
}
