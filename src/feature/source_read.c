/*
 * Reading: rows out of the store, or through the trunk where there is no cache.
 *
 * The first damaged row makes every row of the data set be read and checked, so that the trunk is
 * compiled once for all that are damaged; they are appended, and the later entry wins. The trunk is
 * compiled for one worker then, since training may hold most of the memory.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "feature/feature_int.h"

#include <math.h>

/* Reads the newest row of sample i and makes it again if it is damaged. */
static tw_status repair_row(tw_source *source, int64_t i, float *row, tw_error *err)
{
    const tw_hash128 key = tw_feature__source_key(source, i);
    const int64_t place = tw_store_find(source->store, key);
    bool damaged = true;
    tw_status rc = TW_OK;

    if (place >= 0)
        rc = tw_store_read(source->store, place, row, source->record, &damaged, err);
    if (rc || !damaged)
        return rc;
    if ((rc = tw_feature__source_compile(source, 1, err)) ||
        (rc = tw_feature__source_run(source, &i, 1, row, err)) ||
        (rc = tw_store_add(source->store, key, row, err)))
        return rc;
    source->damaged_count++;
    return TW_OK;
}

static tw_status repair(tw_source *source, tw_error *err)
{
    tw_status rc;
    float *row = tw_alloc_f32(source->row_size);

    if (!row)
        return tw_fail(err, TW_ENOMEM, "no memory for a row of %lld numbers",
                       (long long)source->row_size);
    rc = tw_feature__source_wait(source, NULL, err);
    for (int64_t i = 0; i < source->n && !rc; i++)
        if (tw_feature__source_wants(source, i))
            rc = repair_row(source, i, row, err);
    if (!rc)
        rc = tw_feature__source_look_up(source, err);
    tw_feature__source_free_trunk(source);
    tw_store_unlock(source->store);
    tw_free(row);
    return rc;
}

static tw_status read_row(tw_source *source, int64_t sample, float *out, tw_error *err)
{
    tw_status rc;
    bool damaged;

    if (source->places[sample] < 0)
        return tw_fail(err, TW_EFAIL, "%s: picture %lld has no row yet",
                       tw_store_path(source->store), (long long)sample);
    if ((rc = tw_store_read(source->store, source->places[sample], out, source->record, &damaged,
                            err)) ||
        !damaged)
        return rc;
    if ((rc = repair(source, err)) || (rc = tw_store_read(source->store, source->places[sample],
                                                          out, source->record, &damaged, err)))
        return rc;
    if (damaged)
        return tw_fail(err, TW_EFILE, "%s: the row of picture %lld is damaged right after writing",
                       tw_store_path(source->store), (long long)sample);
    return TW_OK;
}

tw_status tw_source_read(tw_source *source, const int64_t *samples, int64_t n, float *out,
                         tw_error *err)
{
    tw_status rc = TW_OK;

    if (!source->store) {
        if ((rc = tw_feature__source_compile(source, source->computer->n_threads, err)))
            return rc;
        return tw_feature__source_run(source, samples, n, out, err);
    }
    for (int64_t i = 0; i < n && !rc; i++)
        rc = read_row(source, samples[i], out + i * source->row_size, err);
    return rc;
}

/* ---- the deviation */

typedef struct totals {
    double sum, sum_squares;
} totals;

static void add_row(totals *all, double sum, double sum_squares)
{
    all->sum += sum;
    all->sum_squares += sum_squares;
}

static tw_status add_cached(totals *all, const tw_source *source, const int64_t *samples, int64_t n,
                            tw_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        double sum, sum_squares;

        if (source->places[samples[i]] < 0)
            return tw_fail(err, TW_EFAIL, "%s: picture %lld has no row yet",
                           tw_store_path(source->store), (long long)samples[i]);
        tw_store_moments(source->store, source->places[samples[i]], &sum, &sum_squares);
        add_row(all, sum, sum_squares);
    }
    return TW_OK;
}

static tw_status add_recomputed(totals *all, tw_source *source, const int64_t *samples, int64_t n,
                                tw_error *err)
{
    tw_status rc = tw_feature__source_compile(source, source->computer->n_threads, err);
    int64_t batch, m;
    float *rows;

    if (rc)
        return rc;
    batch = tw_feature__source_batch(source);
    if (!(rows = tw_alloc_f32(batch * source->row_size)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld rows of %lld numbers", (long long)batch,
                       (long long)source->row_size);
    for (int64_t first = 0; first < n && !rc; first += batch) {
        m = n - first < batch ? n - first : batch;
        rc = tw_feature__source_run(source, samples + first, m, rows, err);
        for (int64_t i = 0; i < m && !rc; i++) {
            double sum, sum_squares;

            tw_feature__moments(&sum, &sum_squares, rows + i * source->row_size, source->row_size);
            add_row(all, sum, sum_squares);
        }
    }
    tw_free(rows);
    return rc;
}

tw_status tw_source_deviation(double *out, tw_source *source, const int64_t *samples, int64_t n,
                              tw_error *err)
{
    totals all = {0};
    double count, mean, variance;
    tw_status rc;

    *out = 0;
    rc = source->store ? add_cached(&all, source, samples, n, err)
                       : add_recomputed(&all, source, samples, n, err);
    if (rc || n < 1)
        return rc;
    count = (double)n * (double)source->row_size;
    mean = all.sum / count;
    variance = all.sum_squares / count - mean * mean;
    *out = variance > 0 ? sqrt(variance) : 0;
    return TW_OK;
}
