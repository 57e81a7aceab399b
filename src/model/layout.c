/*
 * Numbers of a file in the order and type that the graph has: kernels HWIO, dense kernels (in,out),
 * flattened features (H,W,C), float32. Done once, at opening; only copies and conversions of type,
 * so what was float32 stays the same numbers.
 *
 *   torch's kernel (K,C,R,S) -> (R,S,C,K)          out[(p*C + c)*K + k] = in[(k*C + c)*P + p]
 *   depthwise (C,1,R,S) -> (R,S,C,1)               the same with K = C, C = 1
 *   dense (out,in), in flattened (C,H,W)           the same with P = H*W, K = out
 *   dense (out,in)                                 the same with P = 1
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

enum { ROWS = 16 }; /* of the file at once: a cache line of the result */

/* (H,W,C) that a Flatten before this dense layer takes apart; false where there is none. */
static bool find_flattened(tw_shape *out, const tw_graph *graph, int node)
{
    int at = graph->nodes[node].inputs[0];

    while (graph->nodes[at].op == TW_OP_DROPOUT)
        at = graph->nodes[at].inputs[0];
    if (graph->nodes[at].op != TW_OP_FLATTEN)
        return false;
    *out = graph->nodes[graph->nodes[at].inputs[0]].out;
    return out->rank == 3;
}

tw_shape tw_model__torch_shape(const tw_graph *graph, int node, int slot)
{
    tw_shape shapes[2], shape;

    (void)tw_node_params(graph, node, shapes);
    shape = shapes[slot];
    if (slot == 0 && graph->nodes[node].op == TW_OP_DEPTHWISE_CONV2D)
        return (tw_shape){4, {shape.dims[2], 1, shape.dims[0], shape.dims[1]}};
    if (slot == 0 && shape.rank == 4)
        return (tw_shape){4, {shape.dims[3], shape.dims[2], shape.dims[0], shape.dims[1]}};
    if (slot == 0 && shape.rank == 2)
        return (tw_shape){2, {shape.dims[1], shape.dims[0]}};
    return shape;
}

/* timm keeps fc1 and fc2 as the convolutions that they can be. */
static tw_shape convolution_shape(const tw_graph *graph, int node)
{
    const tw_shape dense = tw_model__torch_shape(graph, node, 0);
    tw_shape flat;

    if (find_flattened(&flat, graph, node))
        return (tw_shape){4, {dense.dims[0], flat.dims[2], flat.dims[0], flat.dims[1]}};
    return (tw_shape){4, {dense.dims[0], dense.dims[1], 1, 1}};
}

bool tw_model__is_torch_shape(const tw_graph *graph, int node, int slot, const tw_shape *shape)
{
    const tw_shape expected = tw_model__torch_shape(graph, node, slot);
    tw_shape convolution;

    if (tw_shape_equal(shape, &expected))
        return true;
    if (slot != 0 || graph->nodes[node].op != TW_OP_DENSE)
        return false;
    convolution = convolution_shape(graph, node);
    return tw_shape_equal(shape, &convolution);
}

/* ---- one tensor */

/* A kernel seen as (K, C, P), and as (P, C, K) when it is done. */
typedef struct turn {
    int64_t K, C, P;
} turn;

static turn find_turn(const tw_graph *graph, int node)
{
    tw_shape shapes[2], flat;

    (void)tw_node_params(graph, node, shapes);
    if (graph->nodes[node].op == TW_OP_DEPTHWISE_CONV2D)
        return (turn){shapes[0].dims[2], 1, shapes[0].dims[0] * shapes[0].dims[1]};
    if (shapes[0].rank == 4)
        return (turn){shapes[0].dims[3], shapes[0].dims[2], shapes[0].dims[0] * shapes[0].dims[1]};
    if (find_flattened(&flat, graph, node))
        return (turn){shapes[0].dims[1], flat.dims[2], flat.dims[0] * flat.dims[1]};
    return (turn){shapes[0].dims[1], shapes[0].dims[0], 1};
}

/* n rows (n, C, P) of the file to columns k..k+n-1 of (P, C, K). */
static void turn_rows(float *out, const float *in, const turn *t, int64_t k, int64_t n)
{
    for (int64_t c = 0; c < t->C; c++)
        for (int64_t p = 0; p < t->P; p++) {
            float *to = out + (p * t->C + c) * t->K + k;
            const float *from = in + c * t->P + p;

            for (int64_t i = 0; i < n; i++)
                to[i] = from[i * t->C * t->P];
        }
}

static tw_status turn_kernel(float *out, const tw_tensor *in, const turn *t, bool is_mapped,
                             tw_error *err)
{
    const int64_t n_row = t->C * t->P;
    const size_t row_bytes = (size_t)n_row * tw_dtype_size(in->dtype);
    const uint8_t *bytes = in->data;
    float *rows = tw_alloc_f32(ROWS * n_row);

    if (!rows)
        return tw_fail(err, TW_ENOMEM, "no memory to turn a kernel");
    for (int64_t k = 0; k < t->K; k += ROWS) {
        const int64_t n = t->K - k < ROWS ? t->K - k : ROWS;

        (void)tw_copy_as_f32(rows, bytes + (size_t)k * row_bytes, in->dtype, (size_t)(n * n_row));
        if (is_mapped)
            tw_map_release(bytes + (size_t)k * row_bytes, (size_t)n * row_bytes);
        turn_rows(out, rows, t, k, n);
    }
    tw_free(rows);
    return TW_OK;
}

/* (P, C, K) with the channels C in reverse: RGB to BGR. */
static void reverse_channels(float *kernel, const turn *t)
{
    for (int64_t p = 0; p < t->P; p++)
        for (int64_t c = 0; c < t->C / 2; c++) {
            float *a = kernel + (p * t->C + c) * t->K,
                  *b = kernel + (p * t->C + t->C - 1 - c) * t->K;

            for (int64_t k = 0; k < t->K; k++) {
                const float kept = a[k];

                a[k] = b[k];
                b[k] = kept;
            }
        }
}

tw_status tw_model__convert(float *out, const tw_model *model, int node, int slot,
                            const tw_model__binding *how, tw_error *err)
{
    const turn t = find_turn(model->graph, node);
    const tw_tensor *in = &how->tensor->tensor;
    const size_t n = (size_t)tw_shape_size(&model->params[node][slot].shape);
    tw_status rc;

    if (how->is_turned) {
        if ((rc = turn_kernel(out, in, &t, how->is_mapped, err)))
            return rc;
    } else {
        (void)tw_copy_as_f32(out, in->data, in->dtype, n);
        if (how->is_mapped)
            tw_map_release(in->data, n * tw_dtype_size(in->dtype));
    }
    if (how->is_reversed)
        reverse_channels(out, &t);
    return TW_OK;
}
