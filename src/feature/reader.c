/*
 * Reading ahead: while the caller computes on one batch, a thread of the reader's own makes the
 * next; two buffers change hands. Where the source recomputes, the trunk needs all cores, so there
 * is no thread, one buffer, and tw_reader_next makes the batch itself.
 *
 * One thread is enough: of a 2.9 GB store that was not in memory, 16 rows of block4_pool (143 kB)
 * in shuffled order took 3.3 ms, from memory 3.0 ms; hints to the system (posix_fadvise) gained
 * nothing.
 *
 * Under the mutex: everything from `order` on. A buffer belongs to the thread from `is_reading` to
 * the end of its reading, then to the caller until the next call.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "feature/feature_int.h"

#include <pthread.h>
#include <string.h>

struct tw_reader {
    tw_source *source;
    int64_t batch;
    float *rows[2];
    bool has_thread;
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    double waited_s; /* the caller's own */

    const int64_t *order;
    int64_t n, next;  /* samples of the order, the next to be read */
    int64_t produced; /* batches since the start */
    int64_t consumed; /* batches the caller is done with */
    int64_t n_rows[2];
    bool is_held; /* the caller works on batch `consumed` */
    bool is_reading, quit;
    tw_status rc;
    tw_error err;
};

/* ---- the thread */

static bool has_work(const tw_reader *reader)
{
    return !reader->rc && reader->next < reader->n && reader->produced - reader->consumed < 2;
}

/* Makes one batch; the mutex is held on entry and exit, not while reading. */
static void read_ahead(tw_reader *reader)
{
    const int64_t *samples = reader->order + reader->next, left = reader->n - reader->next;
    const int64_t n = left < reader->batch ? left : reader->batch;
    const int slot = (int)(reader->produced % 2);
    tw_status rc;
    tw_error err;

    reader->is_reading = true;
    pthread_mutex_unlock(&reader->mutex);
    rc = tw_source_read(reader->source, samples, n, reader->rows[slot], &err);
    pthread_mutex_lock(&reader->mutex);
    reader->is_reading = false;
    if ((reader->rc = rc))
        reader->err = err;
    reader->n_rows[slot] = n;
    reader->next += n;
    reader->produced++;
    pthread_cond_broadcast(&reader->changed);
}

static void *run_thread(void *ctx)
{
    tw_reader *reader = ctx;

    pthread_mutex_lock(&reader->mutex);
    while (!reader->quit) {
        if (has_work(reader))
            read_ahead(reader);
        else
            pthread_cond_wait(&reader->changed, &reader->mutex);
    }
    pthread_mutex_unlock(&reader->mutex);
    return NULL;
}

/* ---- creation */

static tw_status start_thread(tw_reader *reader, tw_error *err)
{
    if (!tw_source_is_cached(reader->source) && !tw_feature__source_is_input(reader->source))
        return TW_OK;
    if (!(reader->rows[1] = tw_alloc_f32(reader->batch * tw_source_row_size(reader->source))))
        return tw_fail(err, TW_ENOMEM, "no memory to read %lld rows ahead",
                       (long long)reader->batch);
    if (pthread_create(&reader->thread, NULL, run_thread, reader) != 0)
        return tw_fail(err, TW_EFAIL, "no thread to read rows ahead");
    reader->has_thread = true;
    return TW_OK;
}

tw_status tw_reader_create(tw_reader **out, tw_source *source, int64_t batch, tw_error *err)
{
    tw_status rc;
    tw_reader *reader = NULL;
    int64_t numbers;

    *out = NULL;
    if (batch < 1 || !tw_mul_i64(&numbers, batch, tw_source_row_size(source)))
        return tw_fail(err, TW_EUSAGE, "batch must be at least 1, got %lld", (long long)batch);
    if (!(reader = tw_calloc(1, sizeof *reader)))
        return tw_fail(err, TW_ENOMEM, "no memory to read %lld rows ahead", (long long)batch);
    pthread_mutex_init(&reader->mutex, NULL);
    pthread_cond_init(&reader->changed, NULL);
    reader->source = source;
    reader->batch = batch;
    if (!(reader->rows[0] = tw_alloc_f32(numbers))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to read %lld rows ahead", (long long)batch);
        goto done;
    }
    if ((rc = start_thread(reader, err)))
        goto done;
    *out = reader;
    reader = NULL; /* ownership moved to *out */
done:
    tw_reader_free(reader);
    return rc;
}

void tw_reader_free(tw_reader *reader)
{
    if (!reader)
        return;
    if (reader->has_thread) {
        pthread_mutex_lock(&reader->mutex);
        reader->quit = true;
        pthread_cond_broadcast(&reader->changed);
        pthread_mutex_unlock(&reader->mutex);
        pthread_join(reader->thread, NULL);
    }
    pthread_cond_destroy(&reader->changed);
    pthread_mutex_destroy(&reader->mutex);
    tw_free(reader->rows[0]);
    tw_free(reader->rows[1]);
    tw_free(reader);
}

/* ---- the caller's side */

tw_status tw_reader_start(tw_reader *reader, const int64_t *order, int64_t n, tw_error *err)
{
    for (int64_t i = 0; i < n; i++)
        if (order[i] < 0 || order[i] >= reader->source->n)
            return tw_fail(err, TW_EUSAGE, "no picture %lld: there are %lld", (long long)order[i],
                           (long long)reader->source->n);
    pthread_mutex_lock(&reader->mutex);
    reader->n = reader->next; /* nothing more of the old order */
    while (reader->is_reading)
        pthread_cond_wait(&reader->changed, &reader->mutex);
    reader->order = order;
    reader->n = n;
    reader->next = reader->produced = reader->consumed = 0;
    reader->is_held = false;
    reader->rc = TW_OK;
    pthread_cond_broadcast(&reader->changed);
    pthread_mutex_unlock(&reader->mutex);
    return TW_OK;
}

/* Waits for the thread's next batch. */
static tw_status take_ahead(tw_reader *reader, const float **rows, int64_t *n_out, tw_error *err)
{
    tw_status rc = TW_OK;

    pthread_mutex_lock(&reader->mutex);
    if (reader->is_held) {
        reader->consumed++;
        reader->is_held = false;
        pthread_cond_broadcast(&reader->changed);
    }
    while (!reader->rc && reader->produced == reader->consumed && reader->next < reader->n)
        pthread_cond_wait(&reader->changed, &reader->mutex);
    if (reader->rc) {
        rc = reader->rc;
        if (err)
            *err = reader->err;
    } else if (reader->produced > reader->consumed) {
        *rows = reader->rows[reader->consumed % 2];
        *n_out = reader->n_rows[reader->consumed % 2];
        reader->is_held = true;
    }
    pthread_mutex_unlock(&reader->mutex);
    return rc;
}

static tw_status read_now(tw_reader *reader, const float **rows, int64_t *n_out, tw_error *err)
{
    const int64_t left = reader->n - reader->next;
    const int64_t n = left < reader->batch ? left : reader->batch;
    tw_status rc;

    if (n == 0)
        return TW_OK;
    if ((rc =
             tw_source_read(reader->source, reader->order + reader->next, n, reader->rows[0], err)))
        return rc;
    reader->next += n;
    *rows = reader->rows[0];
    *n_out = n;
    return TW_OK;
}

tw_status tw_reader_next(tw_reader *reader, const float **rows, int64_t *n_out, tw_error *err)
{
    const double t_begin_s = tw_clock_s();
    tw_status rc;

    *rows = NULL;
    *n_out = 0;
    rc = reader->has_thread ? take_ahead(reader, rows, n_out, err)
                            : read_now(reader, rows, n_out, err);
    reader->waited_s += tw_clock_s() - t_begin_s;
    return rc;
}

double tw_reader_waited_s(const tw_reader *reader)
{
    return reader->waited_s;
}
