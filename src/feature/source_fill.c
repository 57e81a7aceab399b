/*
 * Filling: the trunk is compiled, runs every picture whose row is missing, a batch at a time, and
 * is freed. Between batches the watcher hears how far it is and may stop it; rows so far are kept.
 * A disk that fills up ends caching where the mode is auto, and the job where it is on.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "feature/feature_int.h"
#include "image/image.h"

#include <time.h>

enum { BATCH_ROWS = 32, POLL_MS = 200, MEASURED_PICTURES = 8 };

/* ---- the trunk */

tw_status tw_feature__source_compile(tw_source *source, int n_workers, tw_error *err)
{
    if (source->trunk || tw_feature__source_is_input(source))
        return TW_OK;
    return tw_chain_create(&source->trunk, source->model, 0, source->last,
                           source->computer->backend, source->computer->precision, n_workers,
                           source->computer->memory_limit, err);
}

void tw_feature__source_free_trunk(tw_source *source)
{
    tw_chain_free(source->trunk);
    source->trunk = NULL;
}

typedef struct feed {
    const tw_source *source;
    const int64_t *samples;
} feed;

/* What is drawn for a sample of the augmentation; `picture` is what its file holds. */
static tw_status draw_view(tw_view *out, const tw_source *source, int64_t sample,
                           const tw_picture *picture, tw_error *err)
{
    const int64_t i = tw_feature__source_picture(source, sample);
    tw_hash128 key;
    tw_status rc = TW_OK;

    if (source->keys)
        key = source->keys[i];
    else if ((rc = tw_dataset_key(&key, source->dataset, i, err)))
        return rc;
    tw_augment_draw(out, &source->augment, &source->model->contract, picture->height,
                    picture->width, source->seed, tw_feature__source_view(source, sample), key.low);
    return rc;
}

/* Sample -> picture -> input tensor, on the worker that needs it. */
static tw_status make_input(void *ctx, int64_t row, float *out, tw_error *err)
{
    const feed *from = ctx;
    const tw_source *source = from->source;
    const int64_t sample = from->samples[row];
    tw_picture picture = {0};
    tw_view view;
    tw_status rc =
        tw_dataset_read_for(&picture, source->dataset, tw_feature__source_picture(source, sample),
                            &source->model->contract, err);

    if (!rc && source->is_augmented)
        rc = draw_view(&view, source, sample, &picture, err);
    if (!rc)
        rc = tw_view_apply(out, &source->model->contract, &picture,
                           source->is_augmented ? &view : NULL, err);
    tw_picture_free(&picture);
    return rc;
}

static tw_status make_inputs(feed *from, int64_t n, float *out, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < n && !rc; i++)
        rc = make_input(from, i, out + i * from->source->row_size, err);
    return rc;
}

tw_status tw_feature__source_run(tw_source *source, const int64_t *samples, int64_t n, float *out,
                                 tw_error *err)
{
    feed from = {source, samples};
    tw_status rc;

    if (tw_feature__source_is_input(source))
        return make_inputs(&from, n, out, err);
    if ((rc = tw_chain_run(source->trunk, NULL, n, out, make_input, &from, err)))
        return rc;
    tw_feature__round(out, n * source->row_size, source->dtype);
    source->trunk_count += n;
    return TW_OK;
}

int64_t tw_feature__source_batch(const tw_source *source)
{
    const int64_t row_bytes = source->row_size * (int64_t)sizeof(float);
    const int64_t taken = source->trunk ? tw_chain_memory(source->trunk) : 0;
    const int64_t left = source->computer->memory_limit - taken;
    const int64_t piece = source->trunk ? tw_chain_batch(source->trunk) : 1;
    int64_t batch = piece;

    while (batch + piece <= BATCH_ROWS)
        batch += piece;
    if (batch > left / row_bytes)
        batch = left / row_bytes;
    return batch > 1 ? batch : 1;
}

/* ---- waiting for the lock */

static void sleep_ms(long t_ms)
{
    const struct timespec t = {.tv_sec = t_ms / 1000, .tv_nsec = t_ms % 1000 * 1000000};

    nanosleep(&t, NULL);
}

tw_status tw_feature__source_wait(tw_source *source, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    bool got, is_told = false;

    while (!(rc = tw_store_lock(source->store, &got, err)) && !got) {
        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED,
                           "interrupted while another topwork fills the cache");
        if (!is_told)
            tw_watch_note(watch, "waiting for another topwork that fills this cache (%s)",
                          tw_store_path(source->store));
        is_told = true;
        sleep_ms(POLL_MS);
    }
    return rc;
}

/* ---- the missing rows */

typedef struct filling {
    tw_source *source;
    int64_t next; /* sample to look at next */
    int64_t batch;
    int64_t *samples; /* (batch) */
    float *rows;      /* (batch, row_size) */
    bool is_disk_full;
} filling;

static bool is_in_batch(const filling *now, int64_t n, tw_hash128 key)
{
    for (int64_t i = 0; i < n; i++) {
        const tw_hash128 other = tw_feature__source_key(now->source, now->samples[i]);

        if (other.low == key.low && other.high == key.high)
            return true;
    }
    return false;
}

/* The next samples whose rows nobody has made, each picture once. */
static int64_t take_batch(filling *now)
{
    const tw_source *source = now->source;
    int64_t n = 0;

    for (; now->next < source->n && n < now->batch; now->next++) {
        const tw_hash128 key = tw_feature__source_key(source, now->next);

        if (tw_feature__source_wants(source, now->next) && tw_store_find(source->store, key) < 0 &&
            !is_in_batch(now, n, key))
            now->samples[n++] = now->next;
    }
    return n;
}

static tw_status make_batch(filling *now, int64_t n, tw_error *err)
{
    tw_source *source = now->source;
    tw_status rc = tw_feature__source_run(source, now->samples, n, now->rows, err);

    for (int64_t i = 0; i < n && !rc; i++) {
        rc = tw_store_add(source->store, tw_feature__source_key(source, now->samples[i]),
                          now->rows + i * source->row_size, err);
        now->is_disk_full = rc == TW_EBUDGET;
        source->missing -= rc == TW_OK;
    }
    return rc;
}

static tw_status make_missing(filling *now, const tw_watch *watch, tw_error *err)
{
    tw_source *source = now->source;
    const int64_t total = source->missing;
    tw_progress progress;
    tw_status rc;
    int64_t n;

    tw_progress_start(&progress, watch, "extract", 0, total, 0.0);
    while ((n = take_batch(now)) > 0) {
        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED,
                           "interrupted after %lld of %lld pictures; their features are kept in "
                           "the cache",
                           (long long)(total - source->missing), (long long)total);
        if ((rc = make_batch(now, n, err)))
            return rc;
        tw_progress_step(&progress, total - source->missing);
    }
    return TW_OK;
}

/* Told after pictures that had one. */
static void tell_background(const tw_source *source, const tw_watch *watch)
{
    const double share = source->trunk ? tw_chain_spared(source->trunk) : 0.0;

    if (share >= 0.005)
        tw_watch_note(watch, "constant background: %.0f %% of the trunk's multiplications spared",
                      share * 100.0);
}

static tw_status fill_locked(filling *now, const tw_watch *watch, tw_error *err)
{
    tw_source *source = now->source;
    tw_status rc;

    if ((rc = tw_feature__source_look_up(source, err)) || source->missing == 0)
        return rc;
    if ((rc = tw_feature__source_compile(source, source->computer->n_threads, err)))
        return rc;
    now->batch = tw_feature__source_batch(source);
    if (!(now->samples = tw_calloc((size_t)now->batch, sizeof *now->samples)) ||
        !(now->rows = tw_alloc_f32(now->batch * source->row_size)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld rows of %lld numbers",
                       (long long)now->batch, (long long)source->row_size);
    if ((rc = make_missing(now, watch, err)))
        return rc;
    tell_background(source, watch);
    return tw_feature__source_look_up(source, err);
}

tw_status tw_source_fill(tw_source *source, const tw_watch *watch, tw_error *err)
{
    filling now = {.source = source};
    tw_error own;
    tw_status rc;

    if (!source->store || source->missing == 0)
        return TW_OK;
    if (!(rc = tw_feature__source_wait(source, watch, &own)))
        rc = fill_locked(&now, watch, &own);
    tw_feature__source_free_trunk(source);
    tw_store_unlock(source->store);
    tw_free(now.samples);
    tw_free(now.rows);
    if (rc && now.is_disk_full && source->mode == TW_CACHE_AUTO) {
        tw_feature__source_do_without_cache(source, own.text, watch);
        return TW_OK;
    }
    if (rc && err)
        *err = own;
    return rc;
}

/* Seconds that the first pictures take to read, each. */
static tw_status measure_inputs(double *t_picture_s, tw_source *source, tw_error *err)
{
    const int64_t n = source->n < MEASURED_PICTURES ? source->n : MEASURED_PICTURES;
    const double t_begin_s = tw_clock_s();
    tw_status rc = TW_OK;
    float *row = tw_alloc_f32(source->row_size);

    if (!row)
        return tw_fail(err, TW_ENOMEM, "no memory for a row of %lld numbers",
                       (long long)source->row_size);
    for (int64_t i = 0; i < n && !rc; i++)
        rc = tw_feature__source_run(source, &i, 1, row, err);
    if (!rc && n > 0)
        *t_picture_s = (tw_clock_s() - t_begin_s) / (double)n;
    tw_free(row);
    return rc;
}

tw_status tw_source_measure(double *t_picture_s, tw_source *source, tw_error *err)
{
    const bool was_compiled = source->trunk != NULL;
    tw_status rc;

    *t_picture_s = 0;
    if (tw_feature__source_is_input(source))
        return measure_inputs(t_picture_s, source, err);
    if ((rc = tw_feature__source_compile(source, source->computer->n_threads, err)))
        return rc;
    rc = tw_chain_measure(t_picture_s, source->trunk, err);
    if (!was_compiled)
        tw_feature__source_free_trunk(source);
    return rc;
}
