/*
 * The training plan: one executor for all backends, made of their kernels (convolution, max-pool,
 * dense) and plain arithmetic. Any layers with softmax cross-entropy at their end: a new top alone,
 * or any suffix of a network from an activation (H,W,C) on.
 *
 * Here it is checked and laid out; nothing is allocated afterwards. One block holds all that a step
 * works with (train_plan.h).
 */
#include "backend/train_plan.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

enum { LINE = 64, MOST_BYTES = 1 << 16 /* that any layer takes for a number of its output */ };

/* ---- what can be trained */

static bool ends_in_softmax(const tw_graph *graph)
{
    const tw_node *last = &graph->nodes[graph->n - 1];

    return last->op == TW_OP_SOFTMAX || (last->op == TW_OP_DENSE && last->activation == TW_SOFTMAX);
}

static tw_status check_graph(const tw_graph *graph, tw_error *err)
{
    for (int i = 1; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        bool softmax = node->op == TW_OP_SOFTMAX ||
                       (node->op == TW_OP_DENSE && node->activation == TW_SOFTMAX);
        if (softmax && i < graph->n - 1)
            return tw_fail(err, TW_EUNSUPPORTED, "%s: softmax is trained as the last layer only",
                           node->name);
    }
    if (!ends_in_softmax(graph))
        return tw_fail(err, TW_EUSAGE, "%s: a classifier ends in softmax",
                       graph->nodes[graph->n - 1].name);
    return TW_OK;
}

static bool has_params(const tw_graph *graph, int node)
{
    return tw_node_param_count(graph, node) > 0;
}

static int find_first_trained(const tw_chain_plan *plan)
{
    int i = 0;

    while (i < plan->base.graph->n && (plan->frozen[i] || !has_params(plan->base.graph, i)))
        i++;
    return i;
}

bool tw_backend__is_alias(const tw_node *node)
{
    return node->op == TW_OP_INPUT || node->op == TW_OP_FLATTEN || node->op == TW_OP_SOFTMAX;
}

/* Does the node read the plan's input, or the same numbers in another shape? */
static bool reads_input(const tw_graph *graph, int node)
{
    do
        node = graph->nodes[node].inputs[0];
    while (node > 0 && tw_backend__is_alias(&graph->nodes[node]));
    return node == 0;
}

tw_dense tw_backend__dense_of(const tw_chain_plan *plan, int node, int64_t n)
{
    return (tw_dense){.backend = plan->backend,
                      .n = n,
                      .c = plan->sizes[plan->base.graph->nodes[node].inputs[0]],
                      .k = plan->sizes[node],
                      .n_workers = plan->n_workers,
                      .scratch = plan->scratch,
                      .is_bf16 = plan->base.is_bf16 && reads_input(plan->base.graph, node)};
}

/* ---- the block */

void *tw_backend__lay(tw_layout *layout, int64_t n, int64_t n_bytes)
{
    int64_t at = layout->used, size;

    if (!tw_mul_i64(&size, n, n_bytes) || !tw_add_i64(&size, size, LINE - 1) ||
        !tw_add_i64(&layout->used, at, size / LINE * LINE))
        layout->is_too_large = true;
    return layout->block ? layout->block + at : NULL;
}

/* What one layer needs for a moment, all layers in the same place. */
static tw_status lay_scratch(tw_chain_plan *plan, tw_layout *layout, tw_error *err)
{
    int64_t begin = layout->used, end = begin;
    tw_status rc;

    plan->scratch = layout->block ? layout->block + begin : NULL;
    for (int i = 1; i < plan->base.graph->n; i++) {
        const tw_node *node = &plan->base.graph->nodes[i];
        layout->used = begin;
        if (node->op == TW_OP_DENSE) {
            tw_dense dense = tw_backend__dense_of(plan, i, plan->base.batch);
            tw_backend__lay(layout, plan->kernels->dense->scratch_size(&dense),
                            (int64_t)sizeof(float));
        }
        if (node->op == TW_OP_CONV2D &&
            (rc = plan->kernels->conv->lay_out(plan->convs[i], layout, err)))
            return rc;
        end = layout->used > end ? layout->used : end;
    }
    layout->used = end;
    return TW_OK;
}

/* Numbers of `size` for every sample of a batch. */
static float *lay_batch(const tw_chain_plan *plan, tw_layout *layout, int64_t size)
{
    if (!tw_mul_i64(&size, size, plan->base.batch))
        layout->is_too_large = true;
    return tw_backend__lay(layout, size, (int64_t)sizeof(float));
}

/* Everything that a step needs, by the graph's sizes. */
static tw_status lay_out(tw_chain_plan *plan, tw_layout *layout, tw_error *err)
{
    const tw_graph *graph = plan->base.graph;
    int64_t largest = 1, units = 1, filters = 0, width;

    for (int i = 0; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        int64_t size = plan->sizes[i];
        if (!tw_backend__is_alias(node))
            plan->outputs[i] = lay_batch(plan, layout, size);
        if (node->op == TW_OP_DROPOUT)
            plan->masks[i] = tw_backend__lay(layout, plan->base.batch, size);
        if (plan->paths[i].is_needed && size > largest)
            largest = size;
        if (plan->frozen[i])
            continue;
        width = node->out.dims[node->out.rank - 1];
        if (has_params(graph, i) && width > units)
            units = width;
        if (has_params(graph, i) && node->op != TW_OP_DENSE && width > filters)
            filters = width;
    }
    for (int i = 0; i < plan->n_gradients; i++)
        plan->gradients[i] = lay_batch(plan, layout, largest);
    plan->place_sums = lay_batch(plan, layout, filters);
    plan->sums = tw_backend__lay(layout, units, (int64_t)sizeof(float));
    return lay_scratch(plan, layout, err);
}

static tw_status fail_memory(const tw_graph *graph, int64_t batch, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "no memory to train %d layers in batches of %lld", graph->n,
                   (long long)batch);
}

/* First counts, then takes the places. */
static tw_status make_block(tw_chain_plan *plan, tw_error *err)
{
    tw_layout layout = {0};
    tw_status rc = lay_out(plan, &layout, err);

    if (rc != TW_OK)
        return rc;
    plan->base.n_bytes = layout.used;
    if (layout.is_too_large || !(plan->block = tw_alloc_aligned((size_t)layout.used)))
        return fail_memory(plan->base.graph, plan->base.batch, err);
    layout = (tw_layout){.block = plan->block};
    return lay_out(plan, &layout, err);
}

/* ---- create and free */

static tw_status make_convs(tw_chain_plan *plan, tw_backend *backend, tw_error *err)
{
    const tw_graph *graph = plan->base.graph;
    tw_status rc;

    for (int i = 1; i < graph->n; i++) {
        const int from = graph->nodes[i].inputs[0];
        tw_conv wanted = {.node = graph->nodes[i],
                          .in = graph->nodes[from].out,
                          .batch = plan->base.batch,
                          .n_workers = plan->n_workers,
                          .needs_data = plan->paths[from].is_needed,
                          .needs_weights = !plan->frozen[i]};
        if (wanted.node.op == TW_OP_CONV2D &&
            (rc = plan->kernels->conv->create(&plan->convs[i], backend, &wanted, err)))
            return rc;
    }
    return TW_OK;
}

static bool allocate_lists(tw_chain_plan *plan, size_t n)
{
    return (plan->frozen = tw_calloc(n, sizeof *plan->frozen)) &&
           (plan->sizes = tw_calloc(n, sizeof *plan->sizes)) &&
           (plan->convs = tw_calloc(n, sizeof *plan->convs)) &&
           (plan->paths = tw_calloc(n, sizeof *plan->paths)) &&
           (plan->gradients = tw_calloc(n + 2, sizeof *plan->gradients)) &&
           (plan->outputs = tw_calloc(n, sizeof *plan->outputs)) &&
           (plan->masks = tw_calloc(n, sizeof *plan->masks));
}

/* Everything after the check; first_trained and frozen are set. */
static tw_status finish(tw_train_plan **out, tw_chain_plan *plan, tw_backend *backend,
                        tw_error *err)
{
    tw_status rc;

    if ((rc = tw_backend__plan_gradients(plan, err)) || (rc = make_convs(plan, backend, err)) ||
        (rc = make_block(plan, err)))
        return rc;
    *out = &plan->base;
    return TW_OK;
}

/* Does no number of bytes overflow that a layer may ask for? */
static bool is_countable(const tw_graph *graph, int64_t batch)
{
    int64_t n;

    for (int i = 0; i < graph->n; i++)
        if (!tw_mul_i64(&n, tw_shape_size(&graph->nodes[i].out), MOST_BYTES) ||
            !tw_mul_i64(&n, n, batch))
            return false;
    return true;
}

/* The plan before anything is laid out, all of it to be trained. */
static tw_status start(tw_chain_plan **out, tw_backend *backend, const tw_train_kernels *kernels,
                       const tw_graph *graph, int64_t batch, tw_error *err)
{
    tw_status rc;
    tw_chain_plan *plan = NULL;
    size_t n = (size_t)graph->n;

    *out = NULL;
    if ((rc = check_graph(graph, err)))
        return rc;
    if (!is_countable(graph, batch))
        return fail_memory(graph, batch, err);
    if (!(plan = tw_calloc(1, sizeof *plan)) || !allocate_lists(plan, n)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a training plan");
        goto done;
    }
    plan->base.table = backend->table;
    plan->base.batch = batch;
    plan->backend = backend;
    plan->kernels = kernels;
    if ((rc = tw_graph_copy(&plan->base.graph, graph, err)))
        goto done;
    for (size_t i = 0; i < n; i++)
        plan->sizes[i] = tw_shape_size(&graph->nodes[i].out);
    *out = plan;
    plan = NULL; /* ownership moved to *out */
done:
    tw_backend__train_free(plan ? &plan->base : NULL);
    return rc;
}

tw_status tw_backend__train_create(tw_train_plan **out, tw_backend *backend,
                                   const tw_train_kernels *kernels, const tw_graph *graph,
                                   int64_t batch, int n_workers, const bool *frozen, tw_error *err)
{
    tw_chain_plan *plan;
    tw_status rc = start(&plan, backend, kernels, graph, batch, err);

    *out = NULL;
    if (rc)
        return rc;
    plan->n_workers = n_workers;
    for (int i = 0; i < graph->n; i++)
        plan->frozen[i] = frozen && frozen[i];
    plan->first_trained = find_first_trained(plan);
    if ((rc = finish(out, plan, backend, err)))
        tw_backend__train_free(&plan->base);
    return rc;
}

tw_status tw_backend__gradient_create(tw_train_plan **out, tw_backend *backend,
                                      const tw_train_kernels *kernels, const tw_graph *graph,
                                      int64_t batch, int n_workers, tw_error *err)
{
    tw_chain_plan *plan;
    tw_status rc = start(&plan, backend, kernels, graph, batch, err);

    *out = NULL;
    if (rc)
        return rc;
    plan->n_workers = n_workers;
    for (int i = 0; i < graph->n; i++) {
        plan->frozen[i] = true;
        plan->base.graph->nodes[i].rate = 0.0; /* Dropout keeps all as it is */
    }
    if ((rc = finish(out, plan, backend, err)))
        tw_backend__train_free(&plan->base);
    return rc;
}

void tw_backend__train_free(tw_train_plan *base)
{
    tw_chain_plan *plan = (tw_chain_plan *)base;

    if (!plan)
        return;
    for (int i = 0; plan->convs && base->graph && i < base->graph->n; i++)
        if (plan->convs[i])
            plan->kernels->conv->free(plan->convs[i]);
    tw_free(plan->block);
    tw_free(plan->paths);
    tw_free(plan->gradients);
    tw_free(plan->outputs);
    tw_free(plan->masks);
    tw_free(plan->convs);
    tw_free(plan->sizes);
    tw_free(plan->frozen);
    tw_graph_free(base->graph);
    tw_free(plan);
}
