/*
 * The ops table: for each op the members it uses, its shape rule and its parameters.
 *
 * One group of functions and one rule_<OP> a row of ops.def; a row without a rule does not compile.
 * Shapes are without N: (H,W,C) or (C). All numbers may come from a file, so every product is
 * checked once, in tw_node_infer_shape, and trusted afterwards.
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

enum { SHAPE_TEXT = 96 };

/* ---- InputLayer */

static tw_status shape_input(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    (void)in;
    if (node->out.rank != 1 && node->out.rank != 3)
        return tw_fail(err, TW_ESHAPE, "%s: an input is (H,W,C) or (C), got %d dimensions",
                       node->name, node->out.rank);
    *out = node->out;
    return TW_OK;
}
static const tw_graph__rule rule_INPUT = {TW_GRAPH__SHAPE, shape_input, NULL};

/* ---- Conv2D, DepthwiseConv2D and MaxPooling2D: windows over (H,W,C) */

static tw_status check_spatial(const tw_node *node, const tw_shape *in, tw_error *err)
{
    char text[SHAPE_TEXT];

    if (in->rank != 3)
        return tw_fail(err, TW_ESHAPE, "%s: needs an input (H,W,C), got %s", node->name,
                       tw_shape_text(text, sizeof text, in));
    return TW_OK;
}

static int64_t same_padding(const tw_node *node, const tw_shape *in, int side)
{
    const int64_t n_out = (in->dims[side] - 1) / node->stride[side] + 1;
    const int64_t total = (n_out - 1) * node->stride[side] + node->window[side] - in->dims[side];

    return total > 0 ? total : 0;
}

int64_t tw_padding_before(const tw_node *node, const tw_shape *in, int side)
{
    switch (node->padding) {
    case TW_SAME:
        return same_padding(node, in, side) / 2;
    case TW_SYMMETRIC:
        return (node->window[side] - 1) / 2;
    default:
        return 0;
    }
}

int64_t tw_padding_after(const tw_node *node, const tw_shape *in, int side)
{
    const int64_t before = tw_padding_before(node, in, side);

    return node->padding == TW_SAME ? same_padding(node, in, side) - before : before;
}

/* Keras: valid floor((size - window) / stride) + 1, same ceil(size / stride). Symmetric padding
 * is valid's rule on the padded input. */
static tw_status slide(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    tw_status rc = check_spatial(node, in, err);

    if (rc != TW_OK)
        return rc;
    out->rank = 3;
    for (int i = 0; i < 2; i++) {
        if (node->window[i] < 1 || node->stride[i] < 1)
            return tw_fail(err, TW_ESHAPE, "%s: window %d and stride %d must be at least 1",
                           node->name, node->window[i], node->stride[i]);
        if (node->padding == TW_SAME) {
            out->dims[i] = (in->dims[i] - 1) / node->stride[i] + 1;
            continue;
        }
        const int64_t size = in->dims[i] + 2 * tw_padding_before(node, in, i);
        if (node->window[i] > size)
            return tw_fail(err, TW_ESHAPE, "%s: window %d is larger than its input %lld",
                           node->name, node->window[i], (long long)size);
        out->dims[i] = (size - node->window[i]) / node->stride[i] + 1;
    }
    return TW_OK;
}

static tw_status check_units(const tw_node *node, tw_error *err)
{
    if (node->units < 1)
        return tw_fail(err, TW_ESHAPE, "%s: needs at least 1 unit, got %d", node->name,
                       node->units);
    return TW_OK;
}

static tw_status shape_conv2d(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    tw_status rc;

    if ((rc = check_units(node, err)) != TW_OK || (rc = slide(out, node, in, err)) != TW_OK)
        return rc;
    if (node->activation == TW_SOFTMAX)
        return tw_fail(err, TW_ESHAPE, "%s: softmax needs a flat input", node->name);
    out->dims[2] = node->units;
    return TW_OK;
}

static void params_conv2d(tw_shape shapes[2], const tw_node *node, const tw_shape *in)
{
    shapes[0] = (tw_shape){4, {node->window[0], node->window[1], in->dims[2], node->units}};
    shapes[1] = (tw_shape){1, {node->units}};
}
static const tw_graph__rule rule_CONV2D = {TW_GRAPH__UNITS | TW_GRAPH__WINDOW |
                                               TW_GRAPH__ACTIVATION | TW_GRAPH__INITIALIZER,
                                           shape_conv2d, params_conv2d};

static tw_status shape_depthwise(tw_shape *out, const tw_node *node, const tw_shape *in,
                                 tw_error *err)
{
    tw_status rc = slide(out, node, in, err);

    if (rc != TW_OK)
        return rc;
    if (node->activation == TW_SOFTMAX)
        return tw_fail(err, TW_ESHAPE, "%s: softmax needs a flat input", node->name);
    out->dims[2] = in->dims[2];
    return TW_OK;
}

static void params_depthwise(tw_shape shapes[2], const tw_node *node, const tw_shape *in)
{
    shapes[0] = (tw_shape){4, {node->window[0], node->window[1], in->dims[2], 1}};
    shapes[1] = (tw_shape){1, {in->dims[2]}};
}
static const tw_graph__rule rule_DEPTHWISE_CONV2D = {TW_GRAPH__WINDOW | TW_GRAPH__ACTIVATION |
                                                         TW_GRAPH__INITIALIZER,
                                                     shape_depthwise, params_depthwise};

static tw_status shape_max_pool(tw_shape *out, const tw_node *node, const tw_shape *in,
                                tw_error *err)
{
    tw_status rc = slide(out, node, in, err);

    if (rc == TW_OK)
        out->dims[2] = in->dims[2];
    return rc;
}
static const tw_graph__rule rule_MAX_POOL = {TW_GRAPH__WINDOW, shape_max_pool, NULL};

/* ---- GlobalAveragePooling2D */

static tw_status shape_global_average_pool(tw_shape *out, const tw_node *node, const tw_shape *in,
                                           tw_error *err)
{
    tw_status rc = check_spatial(node, in, err);

    if (rc == TW_OK)
        *out = (tw_shape){1, {in->dims[2]}};
    return rc;
}
static const tw_graph__rule rule_GLOBAL_AVERAGE_POOL = {0, shape_global_average_pool, NULL};

/* ---- Flatten */

static tw_status shape_flatten(tw_shape *out, const tw_node *node, const tw_shape *in,
                               tw_error *err)
{
    int64_t n;

    if (!tw_shape_count(&n, in))
        return tw_fail(err, TW_ESHAPE, "%s: its input has too many numbers", node->name);
    *out = (tw_shape){1, {n}};
    return TW_OK;
}
static const tw_graph__rule rule_FLATTEN = {0, shape_flatten, NULL};

/* ---- Dense */

static tw_status check_flat(const tw_node *node, const tw_shape *in, tw_error *err)
{
    char text[SHAPE_TEXT];

    if (in->rank != 1)
        return tw_fail(err, TW_ESHAPE, "%s: needs a flat input, got %s", node->name,
                       tw_shape_text(text, sizeof text, in));
    return TW_OK;
}

static tw_status shape_dense(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    tw_status rc;

    if ((rc = check_units(node, err)) != TW_OK || (rc = check_flat(node, in, err)) != TW_OK)
        return rc;
    *out = (tw_shape){1, {node->units}};
    return TW_OK;
}

static void params_dense(tw_shape shapes[2], const tw_node *node, const tw_shape *in)
{
    shapes[0] = (tw_shape){2, {in->dims[0], node->units}};
    shapes[1] = (tw_shape){1, {node->units}};
}
static const tw_graph__rule rule_DENSE = {
    TW_GRAPH__UNITS | TW_GRAPH__ACTIVATION | TW_GRAPH__INITIALIZER, shape_dense, params_dense};

/* ---- Dropout */

static tw_status shape_dropout(tw_shape *out, const tw_node *node, const tw_shape *in,
                               tw_error *err)
{
    if (!(node->rate >= 0 && node->rate < 1))
        return tw_fail(err, TW_ESHAPE, "%s: rate must be at least 0 and below 1, got %g",
                       node->name, node->rate);
    *out = *in;
    return TW_OK;
}
static const tw_graph__rule rule_DROPOUT = {TW_GRAPH__RATE, shape_dropout, NULL};

/* ---- Add */

static tw_status shape_add(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    char a[SHAPE_TEXT], b[SHAPE_TEXT];

    if (!tw_shape_equal(&in[0], &in[1]))
        return tw_fail(err, TW_ESHAPE, "%s: adds inputs of one shape, got %s and %s", node->name,
                       tw_shape_text(a, sizeof a, &in[0]), tw_shape_text(b, sizeof b, &in[1]));
    *out = in[0];
    return TW_OK;
}
static const tw_graph__rule rule_ADD = {0, shape_add, NULL};

/* ---- ReLU, Sigmoid, Softmax */

static tw_status shape_same(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err)
{
    (void)node;
    (void)err;
    *out = *in;
    return TW_OK;
}
static const tw_graph__rule rule_RELU = {0, shape_same, NULL};
static const tw_graph__rule rule_SIGMOID = {0, shape_same, NULL};

static tw_status shape_softmax(tw_shape *out, const tw_node *node, const tw_shape *in,
                               tw_error *err)
{
    tw_status rc = check_flat(node, in, err);

    if (rc == TW_OK)
        *out = *in;
    return rc;
}
static const tw_graph__rule rule_SOFTMAX = {0, shape_softmax, NULL};

/* ---- the table */

#define TW_OP(name, text, arity) {text, arity, &rule_##name},
static const tw_graph__op rows[] = {
#include "graph/ops.def"
};
#undef TW_OP
_Static_assert(sizeof rows / sizeof rows[0] == TW_N_OP, "one row an op");

const tw_graph__op *tw_graph__op_row(tw_op op)
{
    return (unsigned)op < TW_N_OP ? &rows[op] : NULL;
}

const char *tw_op_name(tw_op op)
{
    return (unsigned)op < TW_N_OP ? rows[op].name : "?";
}

/* ---- what holds for every op */

static bool count_within(int64_t *n, const tw_shape *shape, int64_t limit)
{
    return tw_shape_count(n, shape) && *n <= limit;
}

/* Multiply-adds of one sample: every place of the output uses the kernel once. */
static bool count_macs(int64_t *out, const tw_shape *result, int64_t n_kernel)
{
    int64_t macs = n_kernel;

    for (int i = 0; i + 1 < result->rank; i++)
        if (!tw_mul_i64(&macs, macs, result->dims[i]))
            return false;
    *out = macs;
    return macs <= TW_GRAPH__MAX_MACS;
}

static tw_status check_size(const tw_shape *out, const tw_node *node, const tw_shape *inputs,
                            tw_error *err)
{
    const tw_graph__rule *rule = rows[node->op].rule;
    tw_shape params[2];
    int64_t n, n_kernel, macs;
    char text[SHAPE_TEXT];

    for (int i = 0; i < out->rank; i++)
        if (out->dims[i] < 1)
            return tw_fail(err, TW_ESHAPE, "%s: every dimension must be at least 1, got %s",
                           node->name, tw_shape_text(text, sizeof text, out));
    if (!count_within(&n, out, TW_GRAPH__MAX_NUMBERS))
        return tw_fail(err, TW_ESHAPE, "%s: an output of %s is too large", node->name,
                       tw_shape_text(text, sizeof text, out));
    if (!rule->params)
        return TW_OK;
    rule->params(params, node, inputs);
    if (!count_within(&n_kernel, &params[0], TW_GRAPH__MAX_NUMBERS))
        return tw_fail(err, TW_ESHAPE, "%s: a kernel of %s is too large", node->name,
                       tw_shape_text(text, sizeof text, &params[0]));
    if (!count_macs(&macs, out, n_kernel))
        return tw_fail(err, TW_ESHAPE, "%s: more than 2^50 multiply-adds", node->name);
    return TW_OK;
}

static tw_status check_members(const tw_node *node, tw_error *err)
{
    if ((unsigned)node->op >= TW_N_OP)
        return tw_fail(err, TW_ESHAPE, "%s: unknown op %d", node->name, (int)node->op);
    if ((unsigned)node->padding >= TW_N_PADDING || (unsigned)node->activation >= TW_N_ACTIVATION ||
        (unsigned)node->initializer >= TW_N_INITIALIZER)
        return tw_fail(err, TW_ESHAPE, "%s: unknown padding, activation or initializer",
                       node->name);
    return TW_OK;
}

tw_status tw_node_infer_shape(tw_shape *out, const tw_node *node, const tw_shape *inputs,
                              tw_error *err)
{
    tw_status rc;
    tw_shape shape = {0};

    if ((rc = check_members(node, err)) != TW_OK ||
        (rc = rows[node->op].rule->shape(&shape, node, inputs, err)) != TW_OK ||
        (rc = check_size(&shape, node, inputs, err)) != TW_OK)
        return rc;
    *out = shape;
    return TW_OK;
}

/* ---- counts of a node that stands in a graph */

int tw_node_params(const tw_graph *graph, int node, tw_shape shapes[2])
{
    const tw_node *it = &graph->nodes[node];
    const tw_graph__rule *rule = rows[it->op].rule;

    if (!rule->params)
        return 0;
    rule->params(shapes, it, &graph->nodes[it->inputs[0]].out);
    return 2;
}

int64_t tw_node_param_count(const tw_graph *graph, int node)
{
    tw_shape shapes[2];
    int64_t n = 0;
    int n_params = tw_node_params(graph, node, shapes);

    for (int i = 0; i < n_params; i++)
        n += tw_shape_size(&shapes[i]);
    return n;
}

int64_t tw_node_macs(const tw_graph *graph, int node)
{
    tw_shape shapes[2];
    int64_t macs = 0;

    if (tw_node_params(graph, node, shapes))
        count_macs(&macs, &graph->nodes[node].out, tw_shape_size(&shapes[0]));
    return macs;
}
