/*
 * Extraction: the features of a whole data set as an .npy file that NumPy opens, and its labels
 * beside it. Rows go from the cache, or from the trunk, to the file a batch at a time.
 *
 * The cache is filled first, so an interrupted extraction goes on where it stopped; a budget that
 * is too small for it is refused. Both files appear whole or not at all, the features last.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "feature/feature_int.h"
#include "format/arrays.h"
#include "tensor/tensor.h"

#include <string.h>

enum { BATCH_BYTES = 4 << 20, MAX_BATCH = 128, LABELS_A_WRITE = 512 };

typedef struct extraction {
    const tw_model *model;
    int last;
    const tw_dataset *dataset;
    const char *path;
    char *labels_path;
    const tw_watch *watch;
    tw_source *source;
    int64_t n, batch;
    int64_t *order;
} extraction;

/* "F.npy" -> "F.labels.npy", any other name -> "name.labels.npy". */
static char *make_labels_path(const char *path)
{
    const size_t n = strlen(path);
    const bool is_npy = n > 4 && strcmp(path + n - 4, ".npy") == 0;
    tw_text text = {0};

    tw_text_add(&text, "%.*s.labels.npy", (int)(is_npy ? n - 4 : n), path);
    if (!text.failed)
        return text.text;
    tw_text_free(&text);
    return NULL;
}

/* A final softmax is not part of the trunk's rows, which are logits. */
static bool ends_in_softmax(const extraction *job)
{
    const tw_node *node = &job->model->graph->nodes[job->last];

    return node->out.rank == 1 && (node->op == TW_OP_SOFTMAX || node->activation == TW_SOFTMAX);
}

static tw_status check_disk(const extraction *job, tw_error *err)
{
    const int64_t row_bytes = tw_source_row_size(job->source) * (int64_t)sizeof(float);
    char needs[32], there[32];
    int64_t need, available;
    tw_status rc;

    if (!tw_mul_i64(&need, job->n, row_bytes))
        return tw_fail(err, TW_ESHAPE, "%s: %lld rows of %lld bytes are too many", job->path,
                       (long long)job->n, (long long)row_bytes);
    if ((rc = tw_disk_free(&available, job->path, err)))
        return rc;
    if (need > available)
        return tw_fail(err, TW_EBUDGET, "%s: needs %s of disk, %s are free", job->path,
                       tw_bytes_text(needs, sizeof needs, need),
                       tw_bytes_text(there, sizeof there, available));
    return TW_OK;
}

/* ---- writing */

static tw_status write_labels(tw_writer *writer, const extraction *job, tw_error *err)
{
    const tw_shape shape = tw_shape_make(1, &job->n);
    int64_t labels[LABELS_A_WRITE];
    tw_status rc = tw_npy_write_header(writer, TW_I64, &shape, err);

    for (int64_t first = 0; first < job->n && !rc; first += LABELS_A_WRITE) {
        const int64_t left = job->n - first, n = left < LABELS_A_WRITE ? left : LABELS_A_WRITE;

        for (int64_t i = 0; i < n; i++)
            labels[i] = tw_dataset_label(job->dataset, first + i);
        rc = tw_writer_write(writer, labels, (size_t)n * sizeof *labels, err);
    }
    return rc;
}

static tw_status write_row(tw_writer *writer, const extraction *job, const float *row, float *own,
                           tw_error *err)
{
    const int64_t size = tw_source_row_size(job->source);

    if (own)
        tw_softmax_row(own, row, (int)size);
    return tw_writer_write(writer, own ? own : row, (size_t)size * sizeof *row, err);
}

static tw_status stop_if_asked(const extraction *job, int64_t done, tw_error *err)
{
    if (!tw_watch_should_stop(job->watch))
        return TW_OK;
    return tw_fail(err, TW_EINTERRUPTED, "interrupted after %lld of %lld pictures; %s %s",
                   (long long)done, (long long)job->n, job->path,
                   tw_source_is_cached(job->source)
                       ? "is not written, but the features are in the cache"
                       : "is not written");
}

static tw_status write_rows(tw_writer *writer, const extraction *job, tw_reader *reader, float *own,
                            tw_error *err)
{
    const int64_t size = tw_source_row_size(job->source);
    tw_progress progress;
    tw_status rc;
    const float *rows;
    int64_t n, done = 0;

    tw_progress_start(&progress, job->watch, "extract", 0, job->n, 0.0);
    while (!(rc = tw_reader_next(reader, &rows, &n, err)) && n > 0) {
        for (int64_t i = 0; i < n && !rc; i++)
            rc = write_row(writer, job, rows + i * size, own, err);
        done += n;
        if (rc || (done < job->n && (rc = stop_if_asked(job, done, err))))
            return rc;
        if (!tw_source_is_cached(job->source))
            tw_progress_step(&progress, done);
    }
    return rc;
}

static tw_status write_features(tw_writer *writer, const extraction *job, tw_error *err)
{
    const tw_shape row = job->model->graph->nodes[job->last].out;
    tw_shape shape = {.rank = row.rank + 1, .dims = {job->n}};
    tw_reader *reader = NULL;
    float *own = NULL;
    tw_status rc;

    memcpy(shape.dims + 1, row.dims, (size_t)row.rank * sizeof *row.dims);
    if (ends_in_softmax(job) && !(own = tw_alloc_f32(tw_source_row_size(job->source)))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", job->path);
        goto done;
    }
    if ((rc = tw_npy_write_header(writer, TW_F32, &shape, err)) ||
        (rc = tw_reader_create(&reader, job->source, job->batch, err)) ||
        (rc = tw_reader_start(reader, job->order, job->n, err)))
        goto done;
    rc = write_rows(writer, job, reader, own, err);
done:
    tw_reader_free(reader);
    tw_free(own);
    return rc;
}

/* Both files are written before either appears. */
static tw_status write_files(const extraction *job, tw_error *err)
{
    tw_writer *labels = NULL, *features = NULL;
    tw_status rc;

    if (!(rc = tw_writer_create(&labels, job->labels_path, err)) &&
        !(rc = tw_writer_create(&features, job->path, err)) &&
        !(rc = write_labels(labels, job, err)) && !(rc = write_features(features, job, err)) &&
        !(rc = tw_writer_commit(labels, err)))
        rc = tw_writer_commit(features, err);
    tw_writer_free(labels);
    tw_writer_free(features);
    return rc;
}

/* ---- the whole */

/* With auto, a folder that cannot be used is done without; a budget that is too small is refused,
 * with the sentence that "on" has for it. */
static tw_status open_source(extraction *job, tw_computer *computer, tw_cache_options options,
                             tw_error *err)
{
    tw_status rc = tw_source_create(&job->source, job->model, job->last, job->dataset, computer,
                                    &options, NULL, err);

    if (rc || !job->source->is_over_budget)
        return rc;
    tw_source_free(job->source);
    options.mode = TW_CACHE_ON;
    return tw_source_create(&job->source, job->model, job->last, job->dataset, computer, &options,
                            NULL, err);
}

/* A place that cannot be written is told before hours of work, not after. */
static tw_status check_place(const extraction *job, tw_error *err)
{
    tw_writer *writer;
    tw_status rc = tw_writer_create(&writer, job->path, err);

    tw_writer_free(writer);
    return rc;
}

static tw_status prepare(extraction *job, tw_error *err)
{
    const int64_t row_bytes = tw_source_row_size(job->source) * (int64_t)sizeof(float);

    job->n = tw_dataset_count(job->dataset);
    for (job->batch = MAX_BATCH; job->batch > 1 && job->batch * row_bytes > BATCH_BYTES;)
        job->batch /= 2;
    job->labels_path = make_labels_path(job->path);
    job->order = tw_calloc(job->n ? (size_t)job->n : 1, sizeof *job->order);
    if (!job->labels_path || !job->order)
        return tw_fail(err, TW_ENOMEM, "no memory to write %s", job->path);
    for (int64_t i = 0; i < job->n; i++)
        job->order[i] = i;
    return check_disk(job, err);
}

tw_status tw_extract(const tw_model *model, const char *layer, const tw_dataset *dataset,
                     const char *path, const tw_compute *compute, const tw_cache_options *cache,
                     const tw_watch *watch, tw_error *err)
{
    extraction job = {.model = model,
                      .last = model->graph->n - 1,
                      .dataset = dataset,
                      .path = path,
                      .watch = watch};
    const tw_cache_options options = cache ? *cache : (tw_cache_options){0};
    tw_computer computer = {0};
    tw_status rc;

    if ((layer && (rc = tw_graph_find(&job.last, model->graph, layer, err))) ||
        (rc = check_place(&job, err)) ||
        (rc = tw_computer_open(&computer, compute, model->precision, err)) ||
        (rc = open_source(&job, &computer, options, err)) || (rc = prepare(&job, err)))
        goto done;
    tw_watch_note(watch, "%s", tw_source_describe(job.source));
    if ((rc = tw_source_fill(job.source, watch, err)) || (rc = write_files(&job, err)))
        goto done;
    tw_source_tell_damage(job.source, watch);
done:
    tw_free(job.order);
    tw_free(job.labels_path);
    tw_source_free(job.source);
    tw_computer_close(&computer);
    return rc;
}
