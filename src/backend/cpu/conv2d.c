/*
 * Conv2D and DepthwiseConv2D by oneDNN, bias and ReLU or ReLU6 fused, where there are no own
 * kernels for it (conv2d_own.c). A 3x3 convolution of stride 1 in float32 is Winograd where this
 * oneDNN can make one on this path, else direct: so the algorithm depends on the layer's shape
 * alone. bfloat16 is always direct.
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"

bool tw_backend__cpu_is_bf16(const tw_cpu_plan *plan, int node)
{
    return plan->bf16 && !plan->base.graph->nodes[node].is_exact;
}

static dnnl_data_type_t type_of(const tw_cpu_plan *plan, int node)
{
    return tw_backend__cpu_is_bf16(plan, node) ? dnnl_bf16 : dnnl_f32;
}

static bool wants_winograd(const tw_node *node, bool bf16)
{
    return !bf16 && node->op == TW_OP_CONV2D && node->window[0] == 3 && node->window[1] == 3 &&
           node->stride[0] == 1 && node->stride[1] == 1;
}

/* The descriptors that a convolution is made of, layouts left open. */
typedef struct parts {
    tw_dnnl_desc *src, *weights, *bias, *dst;
} parts;

static void parts_free(parts *p)
{
    tw_backend__desc_free(p->src);
    tw_backend__desc_free(p->weights);
    tw_backend__desc_free(p->bias);
    tw_backend__desc_free(p->dst);
}

static dnnl_status_t parts_create(parts *p, const tw_cpu_plan *plan, int node)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const tw_shape *in = &plan->base.graph->nodes[layer->inputs[0]].out;
    const dnnl_data_type_t type = type_of(plan, node);
    int64_t src[4], dst[4];
    const bool is_depthwise = layer->op == TW_OP_DEPTHWISE_CONV2D;
    const int64_t c = in->dims[2], r = layer->window[0], s = layer->window[1];
    const int64_t full[4] = {layer->out.dims[2], c, r, s}, each[5] = {c, 1, 1, r, s};
    const int64_t bias[1] = {layer->out.dims[2]};
    dnnl_status_t status;

    tw_backend__cpu_dims(src, in, plan->base.piece);
    tw_backend__cpu_dims(dst, &layer->out, plan->base.piece);
    status = tw_backend__desc_create(&p->src, 4, src, type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&p->weights, is_depthwise ? 5 : 4,
                                         is_depthwise ? each : full, type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&p->bias, 1, bias, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&p->dst, 4, dst, type, dnnl_format_tag_any);
    return status;
}

static tw_status choose(dnnl_primitive_desc_t *out, const tw_cpu_plan *plan, int node,
                        tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    parts p = {0};
    tw_dnnl_conv conv = {
        .algorithm = dnnl_convolution_winograd,
        .relu = layer->activation == TW_RELU,
        .relu6 = layer->activation == TW_RELU6,
        .window = tw_backend__cpu_window(layer, &plan->base.graph->nodes[layer->inputs[0]].out)};
    dnnl_status_t status = parts_create(&p, plan, node);

    *out = NULL;
    if (status == dnnl_success) {
        conv.src = p.src;
        conv.weights = p.weights;
        conv.bias = p.bias;
        conv.dst = p.dst;
        status = dnnl_unimplemented;
        if (wants_winograd(layer, tw_backend__cpu_is_bf16(plan, node)))
            status = tw_backend__conv_create(out, plan->backend->engine, &conv);
        conv.algorithm = dnnl_convolution_direct;
        if (status != dnnl_success && status != dnnl_out_of_memory)
            status = tw_backend__conv_create(out, plan->backend->engine, &conv);
    }
    parts_free(&p);
    return tw_backend__cpu_fail(layer->name, "make this convolution", status, err);
}

static tw_status compile(tw_cpu_plan *plan, int node, dnnl_primitive_desc_t desc, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int64_t bias[1] = {layer->out.dims[2]};
    const dnnl_data_type_t type = type_of(plan, node);
    tw_dnnl_desc *src = NULL;
    tw_cpu_step *step;
    int from, to;
    dnnl_status_t status = tw_backend__desc_query(&src, desc, dnnl_query_src_md);
    tw_status rc = tw_backend__cpu_fail(layer->name, "describe this convolution", status, err);

    if (rc == TW_OK)
        rc = tw_backend__cpu_as_desc(&from, plan, layer->inputs[0], src, type, err);
    tw_backend__desc_free(src);
    if (rc != TW_OK || (rc = tw_backend__cpu_add_dst(&to, plan, node, desc, type, err)) != TW_OK)
        return rc;

    step = tw_backend__cpu_add_step(plan, node, from, to);
    if ((rc = tw_backend__cpu_set_primitive(plan, step, desc, err)) != TW_OK)
        return rc;
    plan->outputs[node] = to;
    tw_backend__cpu_note(plan, node, desc);
    status = tw_backend__desc_query(&step->weights_desc, desc, dnnl_query_weights_md);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&step->bias_desc, 1, bias, dnnl_f32, dnnl_a);
    return tw_backend__cpu_fail(layer->name, "describe this convolution", status, err);
}

tw_status tw_backend__cpu_conv2d(tw_cpu_plan *plan, int node, tw_error *err)
{
    tw_activation activation = plan->base.graph->nodes[node].activation;
    const bool is_int8 = tw_backend__cpu_conv2d_is_int8(plan, node);
    const bool is_own = !is_int8 && tw_backend__cpu_conv2d_is_own(plan, node);
    dnnl_primitive_desc_t desc = NULL;
    tw_status rc;

    if (is_int8)
        rc = tw_backend__cpu_conv2d_int8(plan, node, err);
    else if (is_own)
        rc = tw_backend__cpu_conv2d_own(plan, node, err);
    else if ((rc = choose(&desc, plan, node, err)) == TW_OK)
        rc = compile(plan, node, desc, err);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (rc != TW_OK || activation == TW_RELU || activation == TW_LINEAR ||
        (activation == TW_RELU6 && !is_own && !is_int8))
        return rc;
    return tw_backend__cpu_activation(plan, node, node, activation, err);
}
