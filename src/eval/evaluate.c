/*
 * Evaluating a classifier on labelled pictures. Features of the frozen part come through the
 * source (cache or trunk, it cannot tell which), the rest runs as a chain; so the digits are those
 * of tw_engine_predict. Labels are matched to the model's classes by name, never by place.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "eval/metrics.h"
#include "eval/predictions.h"
#include "eval/score.h"
#include "tensor/tensor.h"

#include <string.h>

/* What one evaluation owns; on_answer's context. */
typedef struct job {
    const tw_model *model;
    const tw_dataset *dataset;
    tw_computer computer; /* as asked for */
    tw_computer trunk;    /* same backend, the memory that the chain leaves */
    tw_source *source;
    tw_chain *chain;
    int64_t chunk; /* rows at once */
    int64_t *samples;
    int *labels; /* class of the model, by sample */
    tw_predictions *predictions;
    tw_evaluation *evaluation;
} job;

static void list_names(tw_text *text, const char *what, int n,
                       const char *(*get)(const void *, int), const void *ctx)
{
    enum { MOST = 12 };

    tw_text_add(text, "%s ", what);
    for (int i = 0; i < n && i < MOST; i++)
        tw_text_add(text, i ? ", %s" : "%s", get(ctx, i));
    if (n > MOST)
        tw_text_add(text, ", ... (%d)", n);
}

static const char *model_name(const void *ctx, int i)
{
    return tw_model_class_name(ctx, i);
}

static const char *data_name(const void *ctx, int i)
{
    return tw_dataset_class_name(ctx, i);
}

static tw_status fail_class(const job *j, const char *lacking, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};

    list_names(&text, "the model has", tw_model_class_count(j->model), model_name, j->model);
    list_names(&text, "; the data has", tw_dataset_class_count(j->dataset), data_name, j->dataset);
    rc = tw_fail(err, TW_EFILE, "class %s is not among the model's: %s", lacking,
                 text.text ? text.text : "");
    tw_text_free(&text);
    return rc;
}

static int find_class(const tw_model *model, const char *name)
{
    for (int i = 0; i < model->n_classes; i++)
        if (!strcmp(model->classes[i], name))
            return i;
    return -1;
}

static tw_status map_labels(job *j, tw_error *err)
{
    tw_status rc = TW_OK;
    int64_t n = tw_dataset_count(j->dataset);
    int n_classes = tw_dataset_class_count(j->dataset);
    int *map = tw_calloc((size_t)n_classes + 1, sizeof *map);

    j->labels = tw_calloc((size_t)n, sizeof *j->labels);
    j->samples = tw_calloc((size_t)n, sizeof *j->samples);
    if (!map || !j->labels || !j->samples) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the labels of %lld pictures", (long long)n);
        goto done;
    }
    for (int c = 0; c < n_classes; c++) {
        const char *name = tw_dataset_class_name(j->dataset, c);
        if ((map[c] = find_class(j->model, name)) < 0) {
            rc = fail_class(j, name, err);
            goto done;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        j->labels[i] = map[tw_dataset_label(j->dataset, i)];
        j->samples[i] = i;
    }
done:
    tw_free(map);
    return rc;
}

static tw_status check(const tw_model *model, const tw_dataset *dataset, tw_error *err)
{
    int64_t n_out = tw_shape_size(tw_graph_output_shape(model->graph));

    if (tw_model_class_count(model) < 2)
        return tw_fail(err, TW_EFILE, "the model has no classes, it cannot be evaluated");
    if (n_out != tw_model_class_count(model))
        return tw_fail(err, TW_ESHAPE, "the model has %d classes and %lld outputs",
                       tw_model_class_count(model), (long long)n_out);
    if (tw_dataset_class_count(dataset) < 1)
        return tw_fail(err, TW_EUSAGE, "the pictures have no labels, nothing to evaluate");
    if (tw_dataset_count(dataset) < 1)
        return tw_fail(err, TW_EUSAGE, "there are no pictures to evaluate");
    return TW_OK;
}

/* Rows at once and workers for them: as many pieces as there are threads, fewer where memory or
 * pictures are few; one beside a trunk that recomputes and needs the memory more. */
static tw_status choose_chunk(job *j, int boundary, int *n_workers, tw_error *err)
{
    tw_status rc;
    int last = j->model->graph->n - 1;
    int64_t packed, worker, n = tw_dataset_count(j->dataset), pieces = 1;
    int64_t row_size = tw_source_row_size(j->source);

    if ((rc = tw_chain_estimate(&packed, &worker, j->model, boundary, last, j->computer.backend,
                                TW_PRECISION_FP32, err)))
        return rc;
    while (tw_source_is_cached(j->source) && pieces < j->computer.n_threads &&
           pieces * TW_PIECE_ROWS < n &&
           packed + (pieces + 1) * worker +
                   tw_score_memory(row_size, j->model->n_classes,
                                   tw_score_chunk(j->model, boundary, pieces + 1), false) <=
               j->computer.memory_limit)
        pieces++;
    *n_workers = (int)pieces;
    j->chunk = tw_score_chunk(j->model, boundary, pieces);
    return TW_OK;
}

/* Trunk first, then the rest: where features are cached they are never in memory together. */
static tw_status make_ready(job *j, const tw_cache_options *cache, const tw_watch *watch,
                            tw_error *err)
{
    tw_status rc;
    int boundary = tw_model_boundary(j->model), last = j->model->graph->n - 1, n_workers;
    int64_t rows_bytes;

    j->trunk = j->computer;
    if ((rc = tw_source_create(&j->source, j->model, boundary, j->dataset, &j->trunk, cache, watch,
                               err)) ||
        (rc = tw_source_fill(j->source, watch, err)) ||
        (rc = choose_chunk(j, boundary, &n_workers, err)))
        return rc;
    rows_bytes =
        tw_score_memory(tw_source_row_size(j->source), j->model->n_classes, j->chunk, false);
    if ((rc = tw_chain_create(&j->chain, j->model, boundary, last, j->computer.backend,
                              TW_PRECISION_FP32, n_workers, j->computer.memory_limit - rows_bytes,
                              err)))
        return rc;
    if (!tw_source_is_cached(j->source))
        j->trunk.memory_limit -= tw_chain_memory(j->chain) + rows_bytes;
    return TW_OK;
}

static tw_status take_answer(void *ctx, const tw_answer *answer, tw_error *err)
{
    job *j = ctx;
    char buf[32];

    tw_evaluation_count(j->evaluation, answer->label, answer->predicted);
    if (!j->predictions)
        return TW_OK;
    return tw_predictions_add(j->predictions,
                              tw_dataset_name(j->dataset, answer->sample, buf, sizeof buf),
                              answer->label, answer->predicted, answer->probabilities, err);
}

static tw_status run(job *j, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_score score;
    tw_score_job scoring = {.source = j->source,
                            .chain = j->chain,
                            .samples = j->samples,
                            .n = tw_dataset_count(j->dataset),
                            .labels = j->labels,
                            .multiplier = 1.0f,
                            .chunk = j->chunk,
                            .phase = "evaluate",
                            .on_answer = take_answer,
                            .ctx = j};

    if ((rc = tw_score_run(&score, &scoring, watch, err)))
        return rc;
    if (j->predictions && (rc = tw_predictions_commit(j->predictions, err)))
        return rc;
    tw_evaluation_finish(j->evaluation);
    j->evaluation->loss = score.loss;
    j->evaluation->n_trunk = tw_source_trunk_count(j->source);
    return TW_OK;
}

static void job_free(job *j)
{
    tw_predictions_free(j->predictions);
    tw_chain_free(j->chain);
    tw_source_free(j->source);
    tw_computer_close(&j->computer);
    tw_free(j->samples);
    tw_free(j->labels);
}

tw_status tw_evaluate(tw_evaluation *out, const tw_model *model, const tw_dataset *dataset,
                      const char *csv_path, const tw_compute *compute,
                      const tw_cache_options *cache, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    job j = {.model = model, .dataset = dataset, .evaluation = out};
    double t_begin_s = tw_clock_s();

    memset(out, 0, sizeof *out);
    if ((rc = check(model, dataset, err)))
        return rc;
    if ((rc = tw_evaluation_create(out, model->classes, model->n_classes, err)) ||
        (rc = map_labels(&j, err)) ||
        (rc = tw_computer_open(&j.computer, compute, model->precision, err)))
        goto done;
    if (csv_path && (rc = tw_predictions_create(&j.predictions, csv_path, model->classes,
                                                model->n_classes, err)))
        goto done;
    if ((rc = make_ready(&j, cache, watch, err)) || (rc = run(&j, watch, err)))
        goto done;
    tw_source_tell_damage(j.source, watch);
    out->t_s = tw_clock_s() - t_begin_s;
done:
    job_free(&j);
    if (rc)
        tw_evaluation_free(out);
    return rc;
}
