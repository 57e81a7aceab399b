/*
 * The one way from labelled pictures to answers: features of the frozen part come through the
 * source (cache or trunk, it cannot tell which), the rest runs as a chain; so the digits are those
 * of tw_engine_predict. Labels are matched to the model's classes by name, never by place.
 */
#include "eval/pass.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <string.h>

/* What one pass owns. */
typedef struct pass {
    const tw_model *model;
    const tw_dataset *dataset;
    tw_computer computer; /* as asked for */
    tw_computer trunk;    /* same backend, the memory that the chain leaves */
    tw_source *source;
    tw_chain *chain;
    int64_t n_channels; /* of how pictures look, 0 where that is not wanted */
    int64_t chunk;      /* rows at once */
    int64_t *samples;
    int *labels; /* class of the model, by sample */
} pass;

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

static tw_status fail_class(const pass *p, const char *lacking, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};
    const char *near = tw_nearest_name(lacking, (const char *const *)(uintptr_t)p->model->classes,
                                       (size_t)tw_model_class_count(p->model));

    if (near)
        tw_text_add(&text, "did you mean %s; ", near);

    list_names(&text, "the model has", tw_model_class_count(p->model), model_name, p->model);
    list_names(&text, "; the data has", tw_dataset_class_count(p->dataset), data_name, p->dataset);
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

static tw_status map_labels(pass *p, tw_error *err)
{
    tw_status rc = TW_OK;
    int64_t n = tw_dataset_count(p->dataset);
    int n_classes = tw_dataset_class_count(p->dataset);
    int *map = tw_calloc((size_t)n_classes + 1, sizeof *map);

    p->labels = tw_calloc((size_t)n, sizeof *p->labels);
    p->samples = tw_calloc((size_t)n, sizeof *p->samples);
    if (!map || !p->labels || !p->samples) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the labels of %lld pictures", (long long)n);
        goto done;
    }
    for (int c = 0; c < n_classes; c++) {
        const char *name = tw_dataset_class_name(p->dataset, c);
        if ((map[c] = find_class(p->model, name)) < 0) {
            rc = fail_class(p, name, err);
            goto done;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        p->labels[i] = map[tw_dataset_label(p->dataset, i)];
        p->samples[i] = i;
    }
done:
    tw_free(map);
    return rc;
}

/* Rows at once and workers for them: as many pieces as there are threads, fewer where memory or
 * pictures are few; one beside a trunk that recomputes and needs the memory more. */
static tw_status choose_chunk(pass *p, int boundary, int *n_workers, tw_error *err)
{
    tw_status rc;
    int last = p->model->graph->n - 1;
    int64_t packed, worker, n = tw_dataset_count(p->dataset), pieces = 1;
    int64_t row_size = tw_source_row_size(p->source);

    if ((rc = tw_chain_estimate(&packed, &worker, p->model, boundary, last, p->computer.backend,
                                TW_PRECISION_FP32, err)))
        return rc;
    while (tw_source_is_cached(p->source) && pieces < p->computer.n_threads &&
           pieces * TW_PIECE_ROWS < n &&
           packed + (pieces + 1) * worker +
                   tw_score_memory(row_size, p->model->n_classes,
                                   tw_score_chunk(p->model, boundary, pieces + 1), false) <=
               p->computer.memory_limit)
        pieces++;
    *n_workers = (int)pieces;
    p->chunk = tw_score_chunk(p->model, boundary, pieces);
    return TW_OK;
}

/* What scoring takes for the looks of a chunk. */
static int64_t looks_memory(const pass *p)
{
    const int64_t block = p->chunk > TW_PIECE_ROWS ? p->chunk : TW_PIECE_ROWS;

    return p->n_channels * block * (int64_t)sizeof(float);
}

/* Trunk first, then the rest: where features are cached they are never in memory together. */
static tw_status make_ready(pass *p, const tw_cache_options *cache, const tw_watch *watch,
                            tw_error *err)
{
    tw_status rc;
    int boundary = tw_model_boundary(p->model), last = p->model->graph->n - 1, n_workers;
    int64_t rows_bytes;

    p->trunk = p->computer;
    if ((rc = tw_source_create(&p->source, p->model, boundary, p->dataset, &p->trunk, cache, watch,
                               err)) ||
        (rc = tw_source_fill(p->source, watch, err)) ||
        (rc = choose_chunk(p, boundary, &n_workers, err)))
        return rc;
    rows_bytes =
        tw_score_memory(tw_source_row_size(p->source), p->model->n_classes, p->chunk, false) +
        looks_memory(p);
    if ((rc = tw_chain_create(&p->chain, p->model, boundary, last, p->computer.backend,
                              TW_PRECISION_FP32, n_workers, p->computer.memory_limit - rows_bytes,
                              err)))
        return rc;
    if (!tw_source_is_cached(p->source))
        p->trunk.memory_limit -= tw_chain_memory(p->chain) + rows_bytes;
    return TW_OK;
}

static void pass_free(pass *p)
{
    tw_chain_free(p->chain);
    tw_source_free(p->source);
    tw_computer_close(&p->computer);
    tw_free(p->samples);
    tw_free(p->labels);
}

static tw_status score(tw_pass *out, pass *p, const tw_pass_job *job, const tw_watch *watch,
                       tw_error *err)
{
    tw_score_job scoring = {.source = p->source,
                            .chain = p->chain,
                            .samples = p->samples,
                            .n = tw_dataset_count(p->dataset),
                            .labels = p->labels,
                            .multiplier = 1.0f,
                            .temperature = p->model->temperature,
                            .n_channels = p->n_channels,
                            .chunk = p->chunk,
                            .phase = job->phase,
                            .on_answer = job->on_answer,
                            .ctx = job->ctx};
    tw_status rc = tw_score_run(&out->score, &scoring, watch, err);

    out->n_trunk = tw_source_trunk_count(p->source);
    return rc;
}

tw_status tw_pass_check(const tw_model *model, const tw_dataset *dataset, tw_error *err)
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

tw_status tw_pass_run(tw_pass *out, const tw_pass_job *job, const tw_compute *compute,
                      const tw_cache_options *cache, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    pass p = {.model = job->model,
              .dataset = job->dataset,
              .n_channels = job->wants_looks ? tw_known_channels(job->model) : 0};

    *out = (tw_pass){0};
    if ((rc = map_labels(&p, err)) ||
        (rc = tw_computer_open(&p.computer, compute, job->model->precision, err)) ||
        (rc = make_ready(&p, cache, watch, err)) || (rc = score(out, &p, job, watch, err)))
        goto done;
    tw_source_tell_damage(p.source, watch);
done:
    pass_free(&p);
    return rc;
}
