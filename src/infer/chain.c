/*
 * A graph part made ready: divided into its two stages, planned by the backend, its memory held
 * against the limit, its weights checked and packed. Running it is chain_run.c's.
 *
 * What is fixed by the graph alone: the place of the division, the pieces, the choices. The limit
 * and the number of threads decide only how many workers there are.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "infer/infer_int.h"
#include "tensor/tensor.h"

#include <string.h>

/* ---- the graph part */

static int find_node(const tw_graph *graph, const char *name)
{
    for (int i = 1; i < graph->n; i++)
        if (strcmp(graph->nodes[i].name, name) == 0)
            return i;
    return -1;
}

/* The node before a final softmax, else `last`. */
static int without_softmax(const tw_graph *graph, int last)
{
    return graph->nodes[last].op == TW_OP_SOFTMAX ? graph->nodes[last].inputs[0] : last;
}

/* What is trained, or comes after the frozen part in other ways, computes in float32. */
static void mark_exact(tw_graph *part, const tw_model *model)
{
    const int boundary = tw_model_boundary(model);

    for (int i = 1; i < part->n; i++)
        part->nodes[i].is_exact = find_node(model->graph, part->nodes[i].name) > boundary;
}

/* Nodes (first, last] as a graph of their own, without the final softmax. */
static tw_status take_part(tw_graph **out, const tw_graph *graph, int first, int last,
                           tw_error *err)
{
    tw_status rc;
    tw_graph *whole = NULL;

    *out = NULL;
    if ((rc = tw_graph_cut(&whole, graph, without_softmax(graph, last), err)))
        return rc;
    if (whole->nodes[whole->n - 1].activation == TW_SOFTMAX)
        whole->nodes[whole->n - 1].activation = TW_LINEAR;
    if (first == 0) {
        *out = whole;
        return TW_OK;
    }
    rc = tw_graph_suffix(out, whole, find_node(whole, graph->nodes[first].name), err);
    tw_graph_free(whole);
    return rc;
}

bool tw_infer__is_picture_op(tw_op op)
{
    return op == TW_OP_CONV2D || op == TW_OP_DEPTHWISE_CONV2D || op == TW_OP_ADD ||
           op == TW_OP_MAX_POOL;
}

static bool has_branches(const tw_graph *graph)
{
    for (int i = 0; i < graph->n; i++)
        if (graph->nodes[i].n_inputs > 1)
            return true;
    return false;
}

static bool is_op(const tw_graph *graph, int node, tw_op op)
{
    return node < graph->n && graph->nodes[node].op == op;
}

/* The last layer that works on pictures, 0 where there is none: the end of the pictures' stage. In
 * a graph with branches it is one where they meet, with the ReLU and the mean behind it. */
static int find_division(const tw_graph *part)
{
    int i = part->n - 1;

    while (i > 0 && !tw_infer__is_picture_op(part->nodes[i].op))
        i--;
    if (!has_branches(part))
        return i;
    while (!tw_graph_is_waist(part, i))
        i++;
    i += is_op(part, i, TW_OP_ADD) && is_op(part, i + 1, TW_OP_RELU);
    return i + is_op(part, i + 1, TW_OP_GLOBAL_AVERAGE_POOL);
}

/* A graph that leaves the numbers of a row as they are. */
static bool is_reshape(const tw_graph *graph)
{
    for (int i = 1; i < graph->n; i++)
        if (graph->nodes[i].op != TW_OP_FLATTEN && graph->nodes[i].op != TW_OP_DROPOUT)
            return false;
    return true;
}

/* ---- planning */

static tw_status plan_stage(tw_chain *chain, const tw_graph *graph, int64_t piece,
                            tw_backend *backend, tw_precision precision, tw_error *err)
{
    tw_infer_stage *stage = &chain->stages[chain->n_stages];
    tw_status rc;

    if (is_reshape(graph))
        return TW_OK;
    if (!(stage->model_nodes = tw_calloc((size_t)graph->n, sizeof *stage->model_nodes)))
        return tw_fail(err, TW_ENOMEM, "no memory for a plan of %d layers", graph->n);
    chain->n_stages++;
    for (int i = 0; i < graph->n; i++)
        stage->model_nodes[i] = find_node(chain->model->graph, graph->nodes[i].name);
    stage->piece = piece;
    stage->in_size = tw_shape_size(&graph->nodes[0].out);
    stage->out_size = tw_shape_size(tw_graph_output_shape(graph));
    if ((rc = backend->table->plan_create(&stage->plan, backend, graph, piece, precision, err)))
        return rc;
    tw_text_add(&chain->numerics, "; %s", stage->plan->choices ? stage->plan->choices : "");
    return TW_OK;
}

/* A network that was never calibrated must not compute in fp32 under another name. */
static tw_status check_ranges(const tw_graph *graph, tw_precision precision, tw_error *err)
{
    bool has_conv = false;

    for (int i = 0; i < graph->n; i++) {
        if (graph->nodes[i].range[1] > 0.0f)
            return TW_OK;
        has_conv |= graph->nodes[i].op == TW_OP_CONV2D;
    }
    if (!has_conv || precision != TW_PRECISION_INT8)
        return TW_OK;
    return tw_fail(err, TW_EUSAGE,
                   "the network has no ranges for int8: a model has them that was trained with "
                   "precision int8");
}

static tw_status plan_stages(tw_chain *chain, const tw_graph *part, tw_backend *backend,
                             tw_precision precision, tw_error *err)
{
    const int division = find_division(part);
    tw_graph *pictures = NULL, *rows = NULL;
    tw_status rc;

    if ((rc = tw_graph_prefix(&pictures, part, division, err)) ||
        (rc = tw_graph_suffix(&rows, part, division, err)) ||
        (rc = check_ranges(pictures, precision, err)) ||
        (rc = plan_stage(chain, pictures, TW_PIECE_PICTURES, backend, precision, err)))
        goto done;
    rc = plan_stage(chain, rows, TW_PIECE_ROWS, backend, TW_PRECISION_FP32, err);
done:
    tw_graph_free(pictures);
    tw_graph_free(rows);
    return rc;
}

tw_status tw_chain_plan(tw_chain **out, const tw_model *model, int first, int last,
                        tw_backend *backend, tw_precision precision, tw_error *err)
{
    const tw_graph *graph = model->graph;
    tw_status rc = TW_OK;
    tw_chain *chain = NULL;
    tw_graph *part = NULL;

    *out = NULL;
    if (first < 0 || last < first || last >= graph->n)
        return tw_fail(err, TW_EUSAGE, "no layers %d to %d: there are %d", first, last, graph->n);
    if (!(chain = tw_calloc(1, sizeof *chain))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a plan of %d layers", graph->n);
        goto done;
    }
    chain->model = model;
    chain->first = first;
    chain->last = last;
    chain->in_size = tw_shape_size(&graph->nodes[first].out);
    chain->out_shape = graph->nodes[last].out;
    chain->out_size = tw_shape_size(&chain->out_shape);
    tw_text_add(&chain->numerics, "%s", backend->numerics);
    if (first < last && (rc = take_part(&part, graph, first, last, err)))
        goto done;
    if (part) {
        mark_exact(part, model);
        if ((rc = plan_stages(chain, part, backend, precision, err)))
            goto done;
    }
    if (chain->numerics.failed) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the numerics id of %d layers", graph->n);
        goto done;
    }
    *out = chain;
    chain = NULL; /* ownership moved to *out */
done:
    tw_graph_free(part);
    tw_chain_free(chain);
    return rc;
}

/* ---- memory */

int64_t tw_infer__in_numbers(const tw_chain *chain)
{
    return chain->n_stages ? chain->stages[0].piece * chain->in_size : 0;
}

int64_t tw_infer__out_numbers(const tw_chain *chain)
{
    return chain->n_stages ? chain->stages[chain->n_stages - 1].piece * chain->out_size : 0;
}

int64_t tw_infer__middle_numbers(const tw_chain *chain)
{
    return chain->n_stages == 2 ? chain->stages[1].piece * chain->stages[1].in_size : 0;
}

/* With what the model had to convert to have it packed; mapped weights take nothing. */
static int64_t packed_bytes(const tw_chain *chain)
{
    int64_t n_bytes = chain->model->converted_bytes;

    for (int i = 0; i < chain->n_stages; i++)
        n_bytes += chain->stages[i].plan->packed_bytes;
    return n_bytes;
}

static int64_t worker_bytes(const tw_chain *chain)
{
    int64_t n_bytes = (tw_infer__in_numbers(chain) + tw_infer__out_numbers(chain) +
                       tw_infer__middle_numbers(chain)) *
                      (int64_t)sizeof(float);

    for (int i = 0; i < chain->n_stages; i++)
        n_bytes += chain->stages[i].plan->worker_bytes;
    return n_bytes;
}

static int64_t background_bytes(const tw_chain *chain)
{
    int64_t n_bytes = 0;

    for (int i = 0; i < chain->n_stages; i++)
        n_bytes += chain->stages[i].plan->background_bytes;
    return n_bytes;
}

/* Backgrounds are done without where the limit has no room for them beside the workers. */
static void fit_background(tw_chain *chain, int n_workers, int64_t limit)
{
    if (packed_bytes(chain) + n_workers * worker_bytes(chain) + background_bytes(chain) <= limit)
        return;
    for (int i = 0; i < chain->n_stages; i++)
        chain->stages[i].plan->background_bytes = 0;
}

/* As many workers as the limit lets, at most n_workers. */
static tw_status fit_workers(int *out, const tw_chain *chain, int n_workers, int64_t limit,
                             tw_error *err)
{
    const int64_t packed = packed_bytes(chain), each = worker_bytes(chain);
    char needs[32], weights[32], worker[32], have[32];

    *out = n_workers < 1 ? 1 : n_workers;
    while (*out > 1 && packed + *out * each > limit)
        --*out;
    if (packed + each <= limit)
        return TW_OK;
    return tw_fail(err, TW_EBUDGET,
                   "the layers up to \"%s\" need %s of memory (%s packed weights, %s for one "
                   "worker), the limit is %s: raise the memory limit",
                   chain->model->graph->nodes[chain->last].name,
                   tw_bytes_text(needs, sizeof needs, packed + each),
                   tw_bytes_text(weights, sizeof weights, packed),
                   tw_bytes_text(worker, sizeof worker, each),
                   tw_bytes_text(have, sizeof have, limit));
}

/* ---- packing */

/* A node's mapped weights are given back to the system: they are packed, or read for a check. */
static void release_node(const tw_model *model, int node)
{
    for (int slot = 0; slot < 2; slot++) {
        const tw_param *param = &model->params[node][slot];

        if (param->mapped && param->view)
            tw_map_release(param->view, (size_t)tw_shape_size(&param->shape) * sizeof(float));
    }
}

typedef struct packing {
    const tw_model *model;
    const int *model_nodes;
} packing;

static void release_packed(void *ctx, int node)
{
    const packing *now = ctx;

    if (now->model_nodes[node] >= 0)
        release_node(now->model, now->model_nodes[node]);
}

/* Checks a node's numbers and fills in where they are. */
static tw_status take_weights(tw_node_weights *out, const tw_model *model, int node, tw_error *err)
{
    tw_status rc;
    tw_shape shapes[2];
    const int n = tw_node_params(model->graph, node, shapes);

    for (int slot = 0; slot < n; slot++)
        if (!model->params[node][slot].view)
            return tw_fail(err, TW_EFILE, "layer \"%s\" has no weights",
                           model->graph->nodes[node].name);
    if (n > 0 && (rc = tw_model_check_node(model, node, err)))
        return rc;
    release_node(model, node);
    out->kernel = n > 0 ? model->params[node][0].view : NULL;
    out->bias = n > 1 ? model->params[node][1].view : NULL;
    return TW_OK;
}

static tw_status load_stage(const tw_chain *chain, tw_infer_stage *stage, int n_workers,
                            tw_error *err)
{
    const int n = stage->plan->graph->n;
    packing now = {chain->model, stage->model_nodes};
    tw_node_weights *weights = tw_calloc((size_t)n, sizeof *weights);
    tw_status rc = TW_OK;

    if (!weights)
        return tw_fail(err, TW_ENOMEM, "no memory to pack %d layers", n);
    for (int i = 0; i < n && !rc; i++)
        if (stage->model_nodes[i] >= 0)
            rc = take_weights(&weights[i], chain->model, stage->model_nodes[i], err);
    if (!rc)
        rc = stage->plan->table->plan_load(stage->plan, weights, n_workers, release_packed, &now,
                                           err);
    tw_free(weights);
    return rc;
}

/* A block for all workers; none where a worker needs none. */
static bool alloc_block(float **out, int64_t numbers, int n_workers)
{
    int64_t n;

    *out = NULL;
    return numbers == 0 || (tw_mul_i64(&n, numbers, n_workers) && (*out = tw_alloc_f32(n)));
}

tw_status tw_chain_load(tw_chain *chain, int n_workers, int64_t limit, tw_error *err)
{
    tw_status rc;
    int fitting;

    if ((rc = fit_workers(&fitting, chain, n_workers, limit, err)))
        return rc;
    fit_background(chain, fitting, limit);
    if (chain->first == 0 && (rc = tw_model_require(chain->model, chain->last, err)))
        return rc;
    if (!alloc_block(&chain->in, tw_infer__in_numbers(chain), fitting) ||
        !alloc_block(&chain->out, tw_infer__out_numbers(chain), fitting) ||
        !alloc_block(&chain->middle, tw_infer__middle_numbers(chain), fitting))
        return tw_fail(err, TW_ENOMEM, "no memory for the rows of %d workers", fitting);
    for (int i = 0; i < chain->n_stages; i++)
        if ((rc = load_stage(chain, &chain->stages[i], fitting, err)))
            return rc;
    chain->n_workers = fitting;
    return TW_OK;
}

tw_status tw_chain_create(tw_chain **out, const tw_model *model, int first, int last,
                          tw_backend *backend, tw_precision precision, int n_workers, int64_t limit,
                          tw_error *err)
{
    tw_status rc = tw_chain_plan(out, model, first, last, backend, precision, err);

    if (!rc && (rc = tw_chain_load(*out, n_workers, limit, err))) {
        tw_chain_free(*out);
        *out = NULL;
    }
    return rc;
}

tw_status tw_chain_estimate(int64_t *packed, int64_t *per_worker, const tw_model *model, int first,
                            int last, tw_backend *backend, tw_precision precision, tw_error *err)
{
    tw_chain *chain;
    tw_status rc = tw_chain_plan(&chain, model, first, last, backend, precision, err);

    *packed = *per_worker = 0;
    if (rc)
        return rc;
    *packed = packed_bytes(chain);
    *per_worker = worker_bytes(chain);
    tw_chain_free(chain);
    return TW_OK;
}

tw_status tw_chain_estimate_background(int64_t *out, const tw_model *model, int first, int last,
                                       tw_backend *backend, tw_precision precision, tw_error *err)
{
    tw_chain *chain;
    tw_status rc = tw_chain_plan(&chain, model, first, last, backend, precision, err);

    *out = 0;
    if (rc)
        return rc;
    *out = background_bytes(chain);
    tw_chain_free(chain);
    return TW_OK;
}

void tw_chain_free(tw_chain *chain)
{
    if (!chain)
        return;
    for (int i = 0; i < chain->n_stages; i++) {
        if (chain->stages[i].plan)
            chain->stages[i].plan->table->plan_free(chain->stages[i].plan);
        tw_free(chain->stages[i].model_nodes);
    }
    tw_text_free(&chain->numerics);
    tw_free(chain->in);
    tw_free(chain->out);
    tw_free(chain->middle);
    tw_free(chain);
}

/* ---- questions */

int64_t tw_chain_memory(const tw_chain *chain)
{
    return packed_bytes(chain) + background_bytes(chain) +
           (chain->n_workers ? chain->n_workers : 1) * worker_bytes(chain);
}

double tw_chain_spared(const tw_chain *chain)
{
    int64_t n_products = 0, n_spared = 0;

    for (int i = 0; i < chain->n_stages; i++) {
        n_products += chain->stages[i].plan->n_products;
        n_spared += chain->stages[i].plan->n_spared;
    }
    return n_products > 0 ? (double)n_spared / (double)n_products : 0.0;
}

int tw_chain_workers(const tw_chain *chain)
{
    return chain->n_workers;
}

int64_t tw_chain_in_size(const tw_chain *chain)
{
    return chain->in_size;
}

int64_t tw_chain_out_size(const tw_chain *chain)
{
    return chain->out_size;
}

tw_shape tw_chain_out_shape(const tw_chain *chain)
{
    return chain->out_shape;
}

const char *tw_chain_numerics(const tw_chain *chain)
{
    return chain->numerics.text;
}
