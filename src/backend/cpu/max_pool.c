/*
 * MaxPooling2D. Inference by oneDNN, in the layout and precision that its input has; training by
 * own loops over neighbouring channels of plain pictures. Padding never wins.
 */
#include "backend/cpu/cpu_int.h"

#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static dnnl_status_t choose(dnnl_primitive_desc_t *out, const tw_cpu_plan *plan, int node,
                            const tw_cpu_value *src)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    tw_dnnl_window window =
        tw_backend__cpu_window(layer, &plan->base.graph->nodes[layer->inputs[0]].out);
    tw_dnnl_desc *dst = NULL;
    int64_t dims[4];
    dnnl_status_t status;

    *out = NULL;
    tw_backend__cpu_dims(dims, &layer->out, plan->base.piece);
    status = tw_backend__desc_create(&dst, 4, dims, src->type, dnnl_format_tag_any);
    if (status == dnnl_success)
        status = tw_backend__max_pool_create(out, plan->backend->engine, src->desc, dst, &window);
    tw_backend__desc_free(dst);
    return status;
}

tw_status tw_backend__cpu_max_pool(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    int from = plan->outputs[layer->inputs[0]], to;
    const tw_cpu_value *src = &plan->values[from];
    dnnl_primitive_desc_t desc;
    tw_status rc;

    if (tw_backend__cpu_is_pooled(plan, node)) {
        tw_backend__cpu_note_own(plan, node, "fused");
        plan->outputs[node] = from;
        return TW_OK;
    }
    rc = tw_backend__cpu_fail(layer->name, "make this max-pooling", choose(&desc, plan, node, src),
                              err);
    if (rc != TW_OK)
        return rc;
    tw_backend__cpu_note(plan, node, desc);
    if ((rc = tw_backend__cpu_add_dst(&to, plan, node, desc, src->type, err)) == TW_OK) {
        plan->outputs[node] = to;
        rc = tw_backend__cpu_set_primitive(plan, tw_backend__cpu_add_step(plan, node, from, to),
                                           desc, err);
    }
    dnnl_primitive_desc_destroy(desc);
    return rc;
}

/* ---- training: one picture (H,W,C) */

enum { LANES = 64 };

/* What of an output place's window lies in the picture: rows [top,bottom), columns [left,right). */
typedef struct window {
    int64_t top, bottom, left, right;
} window;

static window window_at(const tw_node *node, const tw_shape *in, const tw_dnnl_window *pads,
                        int64_t p, int64_t q)
{
    window w = {p * node->stride[0] - pads->before[0], 0, q * node->stride[1] - pads->before[1], 0};

    w.bottom = w.top + node->window[0] < in->dims[0] ? w.top + node->window[0] : in->dims[0];
    w.right = w.left + node->window[1] < in->dims[1] ? w.left + node->window[1] : in->dims[1];
    w.top = w.top > 0 ? w.top : 0;
    w.left = w.left > 0 ? w.left : 0;
    return w;
}

static void forward(float *y, const float *x, const tw_node *node, const tw_shape *in)
{
    tw_dnnl_window pads = tw_backend__cpu_window(node, in);
    int64_t q_n = node->out.dims[1], c_n = in->dims[2];

    for (int64_t i = 0; i < node->out.dims[0] * q_n; i++, y += c_n) {
        window w = window_at(node, in, &pads, i / q_n, i % q_n);
        for (int64_t c = 0; c < c_n; c++)
            y[c] = -INFINITY;
        for (int64_t r = w.top; r < w.bottom; r++)
            for (int64_t s = w.left; s < w.right; s++) {
                const float *from = x + (r * in->dims[1] + s) * c_n;
                for (int64_t c = 0; c < c_n; c++)
                    y[c] = from[c] > y[c] ? from[c] : y[c];
            }
    }
}

/* Adds dy of n channels to the first maximum of each; x and dx point at the first channel. Loops
 * that the compiler makes vectors of: a branch on which place is largest would be foretold wrong
 * half of the time. */
static void give_lanes(float *dx, const float *x, const float *dy, const window *w,
                       const tw_shape *in, int n)
{
    int64_t row = in->dims[1] * in->dims[2], column = in->dims[2];
    int32_t at[LANES], number = 0; /* places of the window, counted */
    float best[LANES], share[LANES];

    for (int c = 0; c < n; c++) {
        at[c] = 0;
        best[c] = x[w->top * row + w->left * column + c];
        share[c] = dy[c];
    }
    for (int64_t r = w->top; r < w->bottom; r++)
        for (int64_t s = w->left; s < w->right; s++, number++) {
            const float *from = x + r * row + s * column;
            for (int c = 0; c < n; c++)
                at[c] = from[c] > best[c] ? number : at[c];
            for (int c = 0; c < n; c++)
                best[c] = from[c] > best[c] ? from[c] : best[c];
        }
    number = 0;
    for (int64_t r = w->top; r < w->bottom; r++)
        for (int64_t s = w->left; s < w->right; s++, number++) {
            float *to = dx + r * row + s * column;
            for (int c = 0; c < n; c++)
                to[c] += at[c] == number ? share[c] : 0.0f;
        }
}

static void backward(float *dx, const float *x, const float *dy, const tw_node *node,
                     const tw_shape *in)
{
    tw_dnnl_window pads = tw_backend__cpu_window(node, in);
    int64_t q_n = node->out.dims[1], c_n = in->dims[2];

    memset(dx, 0, (size_t)tw_shape_size(in) * sizeof *dx);
    for (int64_t i = 0; i < node->out.dims[0] * q_n; i++, dy += c_n) {
        window w = window_at(node, in, &pads, i / q_n, i % q_n);
        for (int64_t c = 0; c < c_n; c += LANES)
            give_lanes(dx + c, x + c, dy + c, &w, in, (int)(c_n - c < LANES ? c_n - c : LANES));
    }
}

const tw_max_pool_kernels tw_backend__cpu_max_pool_kernels = {forward, backward};
