/*
 * The proof that a file holds the same model: both are shown the same pictures, one after the
 * other, so that one engine is in memory at a time.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/watch.h"
#include "data/dataset.h"

#include <math.h>
#include <string.h>

enum { N_PICTURES = 100, BATCH = 32 };

/* Pictures through one of the two models. */
typedef struct pass {
    tw_engine *engine;
    const tw_contract *contract;
    const tw_dataset *data;
    int64_t n, n_classes;
    float *rows;         /* (n, classes) */
    int64_t done_before; /* pictures of the pass before */
    tw_progress progress;
} pass;

static tw_status run_batch(pass *p, int64_t first, int64_t n, tw_error *err)
{
    tw_picture pictures[BATCH] = {{0}};
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < n && rc == TW_OK; i++)
        rc = tw_dataset_read_for(&pictures[i], p->data, first + i, p->contract, err);
    if (rc == TW_OK)
        rc = tw_engine_predict(p->engine, pictures, n, p->rows + first * p->n_classes, err);
    for (int64_t i = 0; i < n; i++)
        tw_picture_free(&pictures[i]);
    return rc;
}

static tw_status run_pass(pass *p, const tw_model *model, const tw_compute *compute, tw_error *err)
{
    tw_status rc = tw_engine_create(&p->engine, model, NULL, compute, err);

    p->contract = &model->contract;
    if (rc == TW_OK && tw_engine_row_size(p->engine) != p->n_classes)
        rc = tw_fail(err, TW_EFAIL, "the file has %lld classes, the model %lld",
                     (long long)tw_engine_row_size(p->engine), (long long)p->n_classes);
    for (int64_t at = 0; at < p->n && rc == TW_OK; at += BATCH) {
        const int64_t n = p->n - at < BATCH ? p->n - at : BATCH;

        if (tw_watch_should_stop(p->progress.watch))
            rc = tw_fail(err, TW_EINTERRUPTED, "interrupted while comparing, no file was written");
        else
            rc = run_batch(p, at, n, err);
        tw_progress_step(&p->progress, p->done_before + at + n);
    }
    tw_engine_free(p->engine);
    p->engine = NULL;
    return rc;
}

static int64_t argmax(const float *row, int64_t n)
{
    int64_t best = 0;

    for (int64_t i = 1; i < n; i++)
        if (row[i] > row[best])
            best = i;
    return best;
}

/* A difference that is no number counts as one of 1. */
static void compare(tw_parity *out, const float *a, const float *b, int64_t n, int64_t n_classes)
{
    for (int64_t i = 0; i < n; i++, a += n_classes, b += n_classes) {
        out->n_same += argmax(a, n_classes) == argmax(b, n_classes);
        for (int64_t k = 0; k < n_classes; k++) {
            double difference = fabs((double)a[k] - (double)b[k]);
            out->largest = fmax(out->largest, isnan(difference) ? 1 : difference);
        }
    }
    out->n = n;
}

tw_status tw_export__compare(const tw_model *own, const tw_model *other,
                             const tw_export__check *check, tw_error *err)
{
    const tw_shape *row = tw_graph_output_shape(own->graph);
    int64_t n = check->most > 0 ? check->most : N_PICTURES;
    float *rows;
    tw_status rc;
    pass p = {.data = check->data, .n_classes = row->dims[0]};

    if (n > tw_dataset_count(p.data))
        n = tw_dataset_count(p.data);
    p.n = n;
    tw_progress_start(&p.progress, check->watch, "compare", 0, 2 * n, 1);
    if (!(rows = p.rows = tw_alloc_f32(2 * n * p.n_classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for the probabilities of %lld pictures",
                       (long long)n);
    if ((rc = run_pass(&p, own, check->compute, err)) == TW_OK) {
        p.rows += n * p.n_classes;
        p.done_before = n;
        rc = run_pass(&p, other, check->compute, err);
    }
    if (rc == TW_OK)
        compare(check->found, rows, rows + n * p.n_classes, n, p.n_classes);
    tw_free(rows);
    return rc;
}
