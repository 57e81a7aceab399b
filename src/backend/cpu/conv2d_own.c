/*
 * Conv2D by own kernels: 3x3, stride 1, Winograd's (winograd.h) or AMX's (bf16x3.h). A ReLU is
 * fused, and so is a 2x2 max-pool of stride 2 behind it that nothing else reads.
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdio.h>

enum {
    MOST_CHANNELS = 1 << 16, /* sizes of U and V fit into 64 bits by far */
    MANY_TILES = 96          /* of one picture: U need not serve several */
};

static const tw_winograd_kernels *kernels_of(const tw_cpu_plan *plan, int node)
{
    return tw_backend__cpu_is_bf16(plan, node) ? plan->backend->winograd_bf16
                                               : plan->backend->winograd;
}

static bool is_bf16x3(const tw_cpu_plan *plan, int node)
{
    return plan->bf16x3 && !plan->base.graph->nodes[node].is_exact;
}

bool tw_backend__cpu_conv2d_is_own(const tw_cpu_plan *plan, int node)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const int64_t channels = plan->base.graph->nodes[layer->inputs[0]].out.dims[2];

    return (kernels_of(plan, node) || is_bf16x3(plan, node)) && layer->op == TW_OP_CONV2D &&
           layer->window[0] == 3 && layer->window[1] == 3 && layer->stride[0] == 1 &&
           layer->stride[1] == 1 && channels <= MOST_CHANNELS && layer->units <= MOST_CHANNELS;
}

/* A pool that halves: windows of 2x2 side by side, none of them padded. */
static bool halves(const tw_node *pool, const tw_shape *in)
{
    return pool->op == TW_OP_MAX_POOL && pool->window[0] == 2 && pool->window[1] == 2 &&
           pool->stride[0] == 2 && pool->stride[1] == 2 && pool->out.dims[0] == in->dims[0] / 2 &&
           pool->out.dims[1] == in->dims[1] / 2;
}

/* The pool that is fused into convolution `node`, or -1. */
static int fused_pool(const tw_cpu_plan *plan, int node)
{
    const tw_graph *graph = plan->base.graph;
    const tw_activation activation = graph->nodes[node].activation;
    const int reader = tw_backend__cpu_only_reader(graph, node);

    if (reader < 0 || !halves(&graph->nodes[reader], &graph->nodes[node].out) ||
        (activation != TW_RELU && activation != TW_LINEAR))
        return -1;
    return reader;
}

bool tw_backend__cpu_is_pooled(const tw_cpu_plan *plan, int node)
{
    const int from = plan->base.graph->nodes[node].inputs[0];

    return plan->base.graph->nodes[from].op == TW_OP_CONV2D &&
           tw_backend__cpu_conv2d_is_own(plan, from) &&
           !tw_backend__cpu_conv2d_is_int8(plan, from) && fused_pool(plan, from) == node;
}

static tw_status fail_memory(const tw_node *layer, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "%s: no memory to plan it", layer->name);
}

static tw_status compile_bf16x3(tw_cpu_plan *plan, int node, tw_cpu_step *step, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const tw_shape *in = &plan->base.graph->nodes[layer->inputs[0]].out;
    tw_bf16x3 *conv = tw_calloc(1, sizeof *conv);
    char name[48];

    if (!(step->bf16x3 = conv))
        return fail_memory(layer, err);
    *conv = (tw_bf16x3){.kernels = plan->backend->bf16x3,
                        .n = plan->base.piece,
                        .h = in->dims[0],
                        .w = in->dims[1],
                        .c = in->dims[2],
                        .k = layer->units,
                        .pad = layer->padding != TW_VALID,
                        .relu = layer->activation == TW_RELU,
                        .pool = fused_pool(plan, node) >= 0};
    tw_backend__bf16x3_plan(conv);
    if (conv->n_at_once == 1) {
        step->is_single = true;
        conv->n = 1;
    }
    step->n_scratch_bytes = conv->scratch_bytes;
    snprintf(name, sizeof name, "bf16x3:%s", conv->kernels->name);
    tw_backend__cpu_note_own(plan, node, name);
    return TW_OK;
}

static tw_status compile_winograd(tw_cpu_plan *plan, int node, tw_cpu_step *step, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const tw_shape *in = &plan->base.graph->nodes[layer->inputs[0]].out;
    tw_winograd *conv = tw_calloc(1, sizeof *conv);
    char name[48];

    if (!(step->winograd = conv))
        return fail_memory(layer, err);
    *conv = (tw_winograd){.kernels = kernels_of(plan, node),
                          .n = plan->base.piece,
                          .h = in->dims[0],
                          .w = in->dims[1],
                          .c = in->dims[2],
                          .k = layer->units,
                          .pad = layer->padding != TW_VALID,
                          .relu = layer->activation == TW_RELU,
                          .pool = fused_pool(plan, node) >= 0};
    tw_backend__winograd_plan(conv);
    if (conv->tiles_h * conv->tiles_w >= MANY_TILES) {
        step->is_single = true;
        conv->n = 1;
        tw_backend__winograd_plan(conv);
    }
    step->n_scratch_bytes = conv->scratch_bytes;
    if (conv->direct)
        snprintf(name, sizeof name, "direct_3x3:%s", conv->kernels->name);
    else
        snprintf(name, sizeof name, "winograd_%dx3:%s", conv->m, conv->kernels->name);
    tw_backend__cpu_note_own(plan, node, name);
    return TW_OK;
}

tw_status tw_backend__cpu_conv2d_own(tw_cpu_plan *plan, int node, tw_error *err)
{
    const int pool = fused_pool(plan, node);
    tw_cpu_step *step;
    int from, to;
    tw_status rc;

    if ((rc = tw_backend__cpu_as_plain(&from, plan, plan->base.graph->nodes[node].inputs[0],
                                       err)) != TW_OK ||
        (rc = tw_backend__cpu_add_plain(&to, plan, pool < 0 ? node : pool, err)) != TW_OK)
        return rc;
    plan->outputs[node] = to;
    step = tw_backend__cpu_add_step(plan, node, from, to);
    return is_bf16x3(plan, node) ? compile_bf16x3(plan, node, step, err)
                                 : compile_winograd(plan, node, step, err);
}
