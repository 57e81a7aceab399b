/*
 * How each format lays out a model's parameters; see export_int.h.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/layout.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

/* Ops that change single numbers keep their order. */
static bool keeps_order(const tw_node *node)
{
    return node->op == TW_OP_DROPOUT || node->op == TW_OP_RELU || node->op == TW_OP_SIGMOID ||
           node->op == TW_OP_SOFTMAX;
}

bool tw_export__is_flat(int64_t hwc[3], const tw_graph *graph, int node)
{
    const tw_node *at = &graph->nodes[node];
    const tw_shape *in;

    while (keeps_order(at) && at->out.rank == 1)
        at = &graph->nodes[at->inputs[0]];
    if (at->op != TW_OP_FLATTEN)
        return false;
    in = &graph->nodes[at->inputs[0]].out;
    if (in->rank != 3)
        return false;
    for (int i = 0; i < 3; i++)
        hwc[i] = in->dims[i];
    return hwc[0] * hwc[1] > 1 && hwc[2] > 1;
}

static void set_axes(tw_export__param *p, tw_axes axes, const tw_shape *shape)
{
    p->permuted = true;
    p->axes = axes;
    p->shape = *shape;
}

static void lay_out_conv(tw_export__param *p)
{
    const int64_t *rsck = p->param->shape.dims;
    const tw_shape kcrs = {4, {rsck[3], rsck[2], rsck[0], rsck[1]}};

    set_axes(p, (tw_axes){4, {rsck[0], rsck[1], rsck[2], rsck[3]}, {3, 2, 0, 1}}, &kcrs);
}

/* A group for each channel. */
static void lay_out_depthwise(tw_export__param *p)
{
    const int64_t *rsc1 = p->param->shape.dims;
    const tw_shape c1rs = {4, {rsc1[2], 1, rsc1[0], rsc1[1]}};

    set_axes(p, (tw_axes){4, {rsc1[0], rsc1[1], rsc1[2], 1}, {2, 3, 0, 1}}, &c1rs);
}

static void lay_out_dense(tw_export__param *p, const tw_graph *graph, tw_export__layout layout)
{
    const int64_t n_in = p->param->shape.dims[0], n_out = p->param->shape.dims[1];
    const tw_shape same = {2, {n_in, n_out}}, turned = {2, {n_out, n_in}};
    int64_t hwc[3];
    const bool flat = tw_export__is_flat(hwc, graph, graph->nodes[p->node].inputs[0]);

    if (layout == TW_EXPORT__TORCH_LAYOUT && flat)
        set_axes(p, (tw_axes){4, {hwc[0], hwc[1], hwc[2], n_out}, {3, 2, 0, 1}}, &turned);
    else if (layout == TW_EXPORT__TORCH_LAYOUT)
        set_axes(p, (tw_axes){2, {n_in, n_out}, {1, 0}}, &turned);
    else if (flat)
        set_axes(p, (tw_axes){4, {hwc[0], hwc[1], hwc[2], n_out}, {2, 0, 1, 3}}, &same);
}

static void fill(tw_export__param *p, const tw_model *model, tw_export__layout layout)
{
    const tw_node *node = &model->graph->nodes[p->node];

    p->param = &model->params[p->node][p->slot];
    p->shape = p->param->shape;
    snprintf(p->own, sizeof p->own, "%s/%s", node->name, tw_param_names[p->slot]);
    snprintf(p->name, sizeof p->name, "%s", p->own);
    if (layout == TW_EXPORT__AS_IS || p->slot != 0)
        return;
    if (node->op == TW_OP_CONV2D)
        lay_out_conv(p);
    else if (node->op == TW_OP_DEPTHWISE_CONV2D)
        lay_out_depthwise(p);
    else
        lay_out_dense(p, model->graph, layout);
}

tw_status tw_export__list(tw_export__params *out, const tw_model *model, tw_export__layout layout,
                          tw_error *err)
{
    const tw_graph *graph = model->graph;
    tw_status rc = tw_model_require(model, graph->n - 1, err);
    tw_shape shapes[2];

    *out = (tw_export__params){0};
    if (rc != TW_OK)
        return rc;
    if (!(out->items = tw_calloc((size_t)graph->n * 2, sizeof *out->items)))
        return tw_fail(err, TW_ENOMEM, "no memory for the parameters of %d layers", graph->n);
    for (int i = 0; i < graph->n; i++) {
        for (int slot = 0; slot < tw_node_params(graph, i, shapes); slot++) {
            tw_export__param *p = &out->items[out->n++];

            p->node = i;
            p->slot = slot;
            fill(p, model, layout);
        }
    }
    return TW_OK;
}

static tw_json *layout_json(const tw_export__params *params)
{
    tw_json *all = tw_json_new_object();
    bool ok = all != NULL;

    for (int i = 0; ok && i < params->n; i++) {
        const tw_export__param *p = &params->items[i];

        if (p->permuted || strcmp(p->own, p->name) != 0)
            ok = tw_json_set(
                all, p->name,
                tw_layout_to_json(p->own, &p->param->shape, p->permuted ? &p->axes : NULL));
    }
    if (ok)
        return all;
    tw_json_free(all);
    return NULL;
}

tw_status tw_export__metadata(tw_json **out, const tw_model *model, const tw_export__params *params,
                              tw_error *err)
{
    tw_json *layout = NULL;
    char *text = NULL;
    tw_status rc = tw_model_make_metadata(out, model, err);

    if (rc != TW_OK)
        return rc;
    if (!(layout = layout_json(params)) || !(text = tw_json_dump(layout, 0)) ||
        !tw_json_set(*out, "layout", tw_json_new_string(text))) {
        tw_json_free(*out);
        *out = NULL;
        rc = tw_fail(err, TW_ENOMEM, "no memory for the layout of %d parameters", params->n);
    }
    tw_free(text);
    tw_json_free(layout);
    return rc;
}
