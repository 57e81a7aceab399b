/*
 * Conv2D in int8 by oneDNN, where the graph says the range of what the convolution reads: whole
 * numbers u8 (s8 where the range goes below 0), s8 kernels with a step for each filter, exact sums
 * in 32 bits.
 *
 *     x = src_step * q     w[k] = kernel_step[k] * p
 *     y = relu(scale[k] * sum(q * p) + bias[k] / dst_step)
 *     scale[k] = src_step * kernel_step[k] / dst_step
 *
 * y is the nearest u8 or s8 where all that reads it, maybe through pools, is such a convolution;
 * else dst_step is 1 and y float32. A pool keeps the steps, so it takes the whole numbers as they
 * are. Values in int8 are plain: (N,H,W,C).
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

enum { MOST_TERMS = 1 << 16 /* of a sum: 2^16 * 255 * 127 fits into 32 bits */ };

#define LEAST_STEP 1e-12f /* of a kernel: its products with a range's step are no denormals */

/* ---- which layers, which numbers */

/* The range of the numbers that a reader of `node` sees. */
static const float *range_of(const tw_graph *graph, int node)
{
    return graph->nodes[tw_graph_producer(graph, node)].range;
}

bool tw_backend__cpu_conv2d_is_int8(const tw_cpu_plan *plan, int node)
{
    const tw_graph *graph = plan->base.graph;
    const tw_node *layer = &graph->nodes[node];
    const tw_shape *in = &graph->nodes[layer->inputs[0]].out;

    return plan->int8 && layer->op == TW_OP_CONV2D && !layer->is_exact &&
           range_of(graph, layer->inputs[0])[1] > 0.0f && layer->window[0] <= MOST_TERMS &&
           layer->window[1] <= MOST_TERMS / layer->window[0] &&
           in->dims[2] <= MOST_TERMS / (layer->window[0] * layer->window[1]);
}

static bool reads(const tw_node *reader, int node)
{
    for (int k = 0; k < reader->n_inputs; k++)
        if (reader->inputs[k] == node)
            return true;
    return false;
}

/* Does nothing but int8 convolutions read `node`, and at least one? */
static bool feeds_int8(const tw_cpu_plan *plan, int node)
{
    const tw_graph *graph = plan->base.graph;
    bool is_read = false;

    for (int i = node + 1; i < graph->n; i++) {
        const tw_op op = graph->nodes[i].op;
        const bool passes = op == TW_OP_MAX_POOL || op == TW_OP_DROPOUT;
        if (!reads(&graph->nodes[i], node))
            continue;
        if (passes ? !feeds_int8(plan, i)
                   : op != TW_OP_CONV2D || !tw_backend__cpu_conv2d_is_int8(plan, i))
            return false;
        is_read = true;
    }
    return is_read;
}

static dnnl_data_type_t type_of(const float range[2])
{
    return range[0] < 0.0f ? dnnl_s8 : dnnl_u8;
}

/* What 1 stands for. */
static float step_of(const float range[2])
{
    return range[0] < 0.0f ? fmaxf(-range[0], range[1]) / 127.0f : range[1] / 255.0f;
}

static tw_cpu_int8 numbers_of(const tw_cpu_plan *plan, int node)
{
    const tw_graph *graph = plan->base.graph;
    const tw_node *layer = &graph->nodes[node];
    const float *range = range_of(graph, layer->inputs[0]);
    tw_cpu_int8 numbers = {type_of(range), dnnl_f32, step_of(range), 1.0f, 0, NULL};

    if ((layer->activation == TW_RELU || layer->activation == TW_LINEAR) &&
        layer->range[1] > 0.0f && feeds_int8(plan, node)) {
        numbers.dst = type_of(layer->range);
        numbers.dst_step = step_of(layer->range);
    }
    return numbers;
}

/* ---- float32 to int8 */

static void run_quantize(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in,
                         float *out, float *scratch)
{
    const float nearest = 12582912.0f; /* 1.5 * 2^23: in that sum a unit is 1 */
    const bool is_signed = step->int8.dst == dnnl_s8;
    const float low = is_signed ? -127.0f : 0.0f, high = is_signed ? 127.0f : 255.0f;
    const float factor = 1.0f / step->int8.dst_step;
    uint8_t *to = (uint8_t *)out;

    (void)plan;
    (void)scratch;
    for (int64_t i = 0; i < step->sizes.n; i++) {
        float x = in[i] * factor;
        x = x > low ? x : low; /* NaN too */
        x = x < high ? x : high;
        to[i] = (uint8_t)(int)(x + nearest - nearest);
    }
}

static tw_status describe(tw_dnnl_desc **out, const tw_cpu_plan *plan, int node,
                          dnnl_data_type_t type, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int64_t dims[4];

    tw_backend__cpu_dims(dims, &layer->out, plan->base.piece);
    return tw_backend__cpu_fail(layer->name, "describe this output",
                                tw_backend__desc_create(out, 4, dims, type, dnnl_nhwc), err);
}

/* The value of a node in int8: itself, or a new one behind a step of its own. */
static tw_status as_int8(int *out, tw_cpu_plan *plan, int node, const tw_cpu_int8 *reader,
                         tw_error *err)
{
    tw_dnnl_desc *desc;
    tw_cpu_step *step;
    int from = plan->outputs[node];
    tw_status rc;

    *out = from;
    if (plan->values[from].type == reader->src)
        return TW_OK;
    if ((rc = tw_backend__cpu_as_plain(&from, plan, node, err)) != TW_OK ||
        (rc = describe(&desc, plan, node, reader->src, err)) != TW_OK ||
        (rc = tw_backend__cpu_take_desc(out, plan, node, desc, reader->src, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, from, *out);
    step->run = run_quantize;
    step->sizes.n = plan->values[*out].n_bytes;
    step->int8.dst = reader->src;
    step->int8.dst_step = reader->src_step;
    return TW_OK;
}

/* ---- the convolution */

static dnnl_status_t create(dnnl_primitive_desc_t *out, const tw_cpu_plan *plan, int node,
                            const tw_cpu_int8 *numbers, const float *scales)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const tw_shape *in = &plan->base.graph->nodes[layer->inputs[0]].out;
    const int64_t kernel[4] = {layer->units, in->dims[2], layer->window[0], layer->window[1]};
    const int64_t bias[1] = {layer->units};
    int64_t src[4], dst[4];
    tw_dnnl_desc *made[4] = {NULL};
    tw_dnnl_conv conv = {.algorithm = dnnl_convolution_direct,
                         .relu = layer->activation == TW_RELU,
                         .scales = scales,
                         .n_scales = layer->units,
                         .window = tw_backend__cpu_window(layer, in)};
    dnnl_status_t status;

    tw_backend__cpu_dims(src, in, plan->base.piece);
    tw_backend__cpu_dims(dst, &layer->out, plan->base.piece);
    status = tw_backend__desc_create(&made[0], 4, src, numbers->src, dnnl_nhwc);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[1], 4, kernel, dnnl_s8, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[2], 1, bias, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&made[3], 4, dst, numbers->dst, dnnl_nhwc);
    if (status == dnnl_success) {
        conv.src = made[0];
        conv.weights = made[1];
        conv.bias = made[2];
        conv.dst = made[3];
        status = tw_backend__conv_create(out, plan->backend->engine, &conv);
    }
    for (int i = 0; i < 4; i++)
        tw_backend__desc_free(made[i]);
    return status;
}

/* The plan is made before there are weights, so with scales of 1, which change no choice. */
static tw_status choose(dnnl_primitive_desc_t *out, const tw_cpu_plan *plan, int node,
                        const tw_cpu_int8 *numbers, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    float *scales = tw_alloc_f32(layer->units);
    tw_status rc;

    *out = NULL;
    if (!scales)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to plan it", layer->name);
    for (int k = 0; k < layer->units; k++)
        scales[k] = 1.0f;
    rc = tw_backend__cpu_fail(layer->name, "make this convolution in int8",
                              create(out, plan, node, numbers, scales), err);
    tw_free(scales);
    return rc;
}

static tw_status compile(tw_cpu_plan *plan, int node, const tw_cpu_int8 *numbers,
                         dnnl_primitive_desc_t desc, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const int64_t units[1] = {layer->units};
    tw_cpu_step *step;
    int from, to;
    dnnl_status_t status;
    tw_status rc;

    if ((rc = as_int8(&from, plan, layer->inputs[0], numbers, err)) != TW_OK ||
        (rc = tw_backend__cpu_add_dst(&to, plan, node, desc, numbers->dst, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, from, to);
    step->int8 = *numbers;
    if ((rc = tw_backend__cpu_set_primitive(plan, step, desc, err)) != TW_OK)
        return rc;
    plan->outputs[node] = to;
    tw_backend__cpu_note(plan, node, desc);
    status = tw_backend__desc_query(&step->weights_desc, desc, dnnl_query_weights_md);
    if (status == dnnl_success)
        status = tw_backend__desc_create(&step->bias_desc, 1, units, dnnl_f32, dnnl_a);
    return tw_backend__cpu_fail(layer->name, "describe this convolution", status, err);
}

tw_status tw_backend__cpu_conv2d_int8(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_cpu_int8 numbers = numbers_of(plan, node);
    dnnl_primitive_desc_t desc;
    tw_status rc = choose(&desc, plan, node, &numbers, err);

    if (rc == TW_OK)
        rc = compile(plan, node, &numbers, desc, err);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    return rc;
}

/* ---- its weights */

/* Kernel (R,S,C,K) to s8, each filter by its own largest number, at the same place; and what 1 in
 * each filter stands for. */
static void quantize_kernel(float *steps, float *kernel, int64_t n, int64_t k_n)
{
    int8_t *out = (int8_t *)kernel; /* number i is written behind those still to be read */

    for (int64_t k = 0; k < k_n; k++)
        steps[k] = 0.0f;
    for (int64_t i = 0; i < n; i++)
        steps[i % k_n] = fmaxf(steps[i % k_n], fabsf(kernel[i]));
    for (int64_t k = 0; k < k_n; k++)
        steps[k] = fmaxf(steps[k] / 127.0f, LEAST_STEP);
    for (int64_t i = 0; i < n; i++)
        out[i] = (int8_t)lrintf(fminf(fmaxf(kernel[i] / steps[i % k_n], -127.0f), 127.0f));
}

/* The primitive once more, with the scales that it is to have. */
static tw_status set_scales(const tw_cpu_plan *plan, tw_cpu_step *step, const float *scales,
                            tw_error *err)
{
    const char *name = plan->base.graph->nodes[step->node].name;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = create(&desc, plan, step->node, &step->int8, scales);

    if (status == dnnl_success) {
        dnnl_primitive_destroy(step->primitive);
        step->primitive = NULL;
        status = dnnl_primitive_create(&step->primitive, desc);
        dnnl_primitive_desc_destroy(desc);
    }
    if (status == dnnl_success)
        status =
            tw_backend__memory_create(&step->int8.scales, step->bias_desc, plan->backend->engine,
                                      plan->packed + step->int8.scales_offset);
    return tw_backend__cpu_fail(name, "give this convolution its scales", status, err);
}

tw_status tw_backend__cpu_int8_pack(tw_cpu_plan *plan, tw_cpu_step *step, float *kernel, int64_t n,
                                    tw_error *err)
{
    const int units = plan->base.graph->nodes[step->node].units;
    float *scales = (float *)(void *)(plan->packed + step->int8.scales_offset);
    float *biases = (float *)(void *)(plan->packed + step->bias_offset);

    quantize_kernel(scales, kernel, n, units);
    for (int k = 0; k < units; k++) {
        scales[k] *= step->int8.src_step / step->int8.dst_step;
        biases[k] = tw_backend__conv_bias(biases[k] / step->int8.dst_step, scales[k]);
    }
    return set_scales(plan, step, scales, err);
}
