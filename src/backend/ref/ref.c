/*
 * Backend ref: plain C, the truth that the others are held against. An inference plan walks the
 * graph; every node's output lies in the worker's block where tw_graph_plan_memory put it. Weights
 * are used where they are.
 */
#include "backend/ref/ref_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

typedef struct ref_plan {
    tw_plan base;
    int64_t *offsets;    /* bytes, per node */
    int64_t block_bytes; /* activations of one worker */
    int64_t widest;      /* channels of the widest layer: scratch rows */
    tw_node_weights *weights;
    int n_workers;
    char **blocks;
} ref_plan;

static tw_status ref_open(tw_backend **out, const char *isa, tw_error *err)
{
    tw_backend *backend;

    *out = NULL;
    if (isa && strcmp(isa, "auto") != 0)
        return tw_fail(err, TW_EUSAGE, "isa %s: CPU paths are the cpu backend's, ref is plain C",
                       isa);
    if (!(backend = tw_calloc(1, sizeof *backend)))
        return tw_fail(err, TW_ENOMEM, "no memory for the ref backend");
    backend->table = &tw_backend__ref;
    snprintf(backend->describe, sizeof backend->describe, "ref, plain C");
    snprintf(backend->numerics, sizeof backend->numerics, "ref kernels-1");
    *out = backend;
    return TW_OK;
}

static void ref_close(tw_backend *backend)
{
    tw_free(backend);
}

static void ref_plan_free(tw_plan *base)
{
    ref_plan *plan = (ref_plan *)base;

    if (!plan)
        return;
    for (int i = 0; plan->blocks && i < plan->n_workers; i++)
        tw_free(plan->blocks[i]);
    tw_free(plan->blocks);
    tw_free(plan->weights);
    tw_free(plan->offsets);
    tw_free(plan->base.choices);
    tw_graph_free(plan->base.graph);
    tw_free(plan);
}

static int64_t scratch_bytes(const ref_plan *plan)
{
    return plan->widest * (int64_t)(sizeof(double) + sizeof(float));
}

static tw_status ref_check_precision(const tw_backend *backend, tw_precision precision,
                                     tw_error *err)
{
    (void)backend;
    if (precision == TW_PRECISION_FP32)
        return TW_OK;
    return tw_fail(err, TW_EUNSUPPORTED, "backend ref computes in fp32 only, not in %s",
                   tw_precision_name(precision));
}

static tw_precision ref_fastest(const tw_backend *backend)
{
    (void)backend;
    return TW_PRECISION_FP32;
}

static tw_status ref_plan_create(tw_plan **out, tw_backend *backend, const tw_graph *graph,
                                 int64_t piece, tw_precision precision, tw_error *err)
{
    tw_status rc;
    ref_plan *plan;

    *out = NULL;
    if ((rc = ref_check_precision(backend, precision, err)))
        return rc;
    if (!(plan = tw_calloc(1, sizeof *plan)) ||
        !(plan->offsets = tw_calloc((size_t)graph->n, sizeof *plan->offsets)) ||
        !(plan->weights = tw_calloc((size_t)graph->n, sizeof *plan->weights)) ||
        !(plan->base.choices = tw_strdup("plain"))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a plan of %d layers", graph->n);
        goto done;
    }
    plan->base.table = backend->table;
    plan->base.piece = piece;
    plan->widest = 1;
    for (int i = 0; i < graph->n; i++) {
        const int64_t width = graph->nodes[i].out.dims[graph->nodes[i].out.rank - 1];

        if (tw_node_param_count(graph, i) > 0 && width > plan->widest)
            plan->widest = width;
    }
    if ((rc = tw_graph_copy(&plan->base.graph, graph, err)) ||
        (rc = tw_graph_plan_memory(plan->offsets, &plan->block_bytes, graph, piece, err)))
        goto done;
    plan->base.worker_bytes = plan->block_bytes + scratch_bytes(plan);
    *out = &plan->base;
    plan = NULL;
done:
    ref_plan_free(plan ? &plan->base : NULL);
    return rc;
}

static tw_status ref_plan_load(tw_plan *base, const tw_node_weights *weights, int n_workers,
                               void (*release)(void *ctx, int node), void *ctx, tw_error *err)
{
    ref_plan *plan = (ref_plan *)base;

    (void)release; /* used in place: nothing is packed, nothing can be given back */
    (void)ctx;
    memcpy(plan->weights, weights, (size_t)base->graph->n * sizeof *weights);
    if (!(plan->blocks = tw_calloc((size_t)n_workers, sizeof *plan->blocks)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d workers", n_workers);
    plan->n_workers = n_workers;
    for (int i = 0; i < n_workers; i++)
        if (!(plan->blocks[i] = tw_alloc_aligned((size_t)base->worker_bytes)))
            return tw_fail(err, TW_ENOMEM, "no memory for a worker's %lld bytes",
                           (long long)base->worker_bytes);
    return TW_OK;
}

/* y = a + b */
static void run_add(float *y, const float *a, const float *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = a[i] + b[i];
}

static void run_node(const ref_plan *plan, int i, char *block)
{
    const tw_graph *graph = plan->base.graph;
    const tw_node *node = &graph->nodes[i];
    const tw_shape *in = &graph->nodes[node->inputs[0]].out;
    const float *x = (const float *)(const void *)(block + plan->offsets[node->inputs[0]]);
    float *y = (float *)(void *)(block + plan->offsets[i]);
    double *sums = (double *)(void *)(block + plan->block_bytes);
    float *row = (float *)(void *)(sums + plan->widest);
    int64_t n = plan->base.piece, size = tw_shape_size(&node->out);

    switch (node->op) {
    case TW_OP_CONV2D:
        tw_backend__ref_conv2d(y, x, node, in, n, &plan->weights[i], sums, row);
        tw_backend__ref_activation(y, n * node->out.dims[0] * node->out.dims[1], node->units,
                                   node->activation);
        break;
    case TW_OP_DEPTHWISE_CONV2D:
        for (int64_t sample = 0; sample < n; sample++)
            tw_backend__ref_depthwise(y + sample * size, x + sample * tw_shape_size(in), node, in,
                                      &plan->weights[i], sums, row);
        tw_backend__ref_activation(y, n * size, 1, node->activation);
        break;
    case TW_OP_ADD:
        run_add(y, x, (const float *)(const void *)(block + plan->offsets[node->inputs[1]]),
                n * size);
        break;
    case TW_OP_DENSE:
        tw_backend__ref_dense(y, x, n, tw_shape_size(in), node->units, &plan->weights[i], sums,
                              row);
        tw_backend__ref_activation(y, n, node->units, node->activation);
        break;
    case TW_OP_MAX_POOL:
        tw_backend__ref_max_pool(y, x, node, in, n);
        break;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        tw_backend__ref_global_average_pool(y, x, in, n);
        break;
    default: /* elementwise: Flatten and Dropout copy */
        memcpy(y, x, (size_t)(n * size) * sizeof *y);
        tw_backend__ref_activation(y, n * size / node->out.dims[node->out.rank - 1],
                                   node->out.dims[node->out.rank - 1],
                                   node->op == TW_OP_RELU      ? TW_RELU
                                   : node->op == TW_OP_SIGMOID ? TW_SIGMOID
                                   : node->op == TW_OP_SOFTMAX ? TW_SOFTMAX
                                                               : TW_LINEAR);
    }
}

/* Runs the nodes between the copies of input and output; adds up their seconds unless NULL. */
static tw_status run_nodes(const ref_plan *plan, int worker, const float *in, float *out,
                           double *seconds)
{
    const tw_graph *graph = plan->base.graph;
    char *block = plan->blocks[worker];
    size_t n_in = (size_t)(plan->base.piece * tw_shape_size(&graph->nodes[0].out));
    size_t n_out = (size_t)(plan->base.piece * tw_shape_size(tw_graph_output_shape(graph)));

    memcpy(block + plan->offsets[0], in, n_in * sizeof *in);
    for (int i = 1; i < graph->n; i++) {
        double start_s = seconds ? tw_clock_s() : 0.0;
        run_node(plan, i, block);
        if (seconds)
            seconds[i] += tw_clock_s() - start_s;
    }
    memcpy(out, block + plan->offsets[graph->n - 1], n_out * sizeof *out);
    return TW_OK;
}

static tw_status ref_plan_run(tw_plan *base, int worker, int64_t n, const float *in, float *out,
                              tw_error *err)
{
    (void)n; /* it computes the whole piece */
    (void)err;
    return run_nodes((const ref_plan *)base, worker, in, out, NULL);
}

static tw_status ref_plan_time(tw_plan *base, int worker, const float *in, float *out,
                               double *seconds, tw_error *err)
{
    (void)err;
    return run_nodes((const ref_plan *)base, worker, in, out, seconds);
}

static tw_status ref_peak(tw_peak *out, const tw_backend *backend, int n_workers, tw_error *err)
{
    (void)backend;
    *out = (tw_peak){.fp32_flops = tw_backend__plain_flops(n_workers)};
    return tw_backend__read_bytes(&out->read_bytes, n_workers, err);
}

static const tw_train_kernels train_kernels = {&tw_backend__ref_dense_kernels,
                                               &tw_backend__ref_conv_kernels,
                                               &tw_backend__ref_max_pool_kernels};

static tw_status ref_train_create(tw_train_plan **out, tw_backend *backend, const tw_graph *graph,
                                  int64_t batch, int n_workers, const bool *frozen, tw_error *err)
{
    return tw_backend__train_create(out, backend, &train_kernels, graph, batch, n_workers, frozen,
                                    err);
}

static tw_status ref_gradient_create(tw_train_plan **out, tw_backend *backend,
                                     const tw_graph *graph, int64_t batch, int n_workers,
                                     tw_error *err)
{
    return tw_backend__gradient_create(out, backend, &train_kernels, graph, batch, n_workers, err);
}

const tw_backend_table tw_backend__ref = {
    .name = "ref",
    .open = ref_open,
    .close = ref_close,
    .check_precision = ref_check_precision,
    .fastest = ref_fastest,
    .plan_create = ref_plan_create,
    .plan_load = ref_plan_load,
    .plan_run = ref_plan_run,
    .plan_time = ref_plan_time,
    .plan_free = ref_plan_free,
    .train_create = ref_train_create,
    .train_step = tw_backend__train_step,
    .train_free = tw_backend__train_free,
    .gradient_create = ref_gradient_create,
    .gradient_run = tw_backend__gradient_run,
    .adam = tw_backend__adam,
    .sgd = tw_backend__sgd,
    .peak = ref_peak,
};
