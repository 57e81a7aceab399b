/*
 * A classifier as ONNX: IR 7, opset 13. Pictures come in as (N,3,H,W) float after preprocessing, or
 * with it as (N,H,W,3) uint8 RGB; probabilities go out.
 *
 * The graph's messages are built in memory; the initializers' numbers are streamed behind headers
 * whose sizes are known, so no second copy of the weights exists. Fields come in the order of their
 * numbers. metadata_props hold what a model file's metadata hold (model/file.c) and the layout.
 *
 * Values are called "<layer>/output", "<layer>/linear" before an activation, "<layer>/least" and
 * "<layer>/most" of a ReLU6, and "input" or
 * "image", "probabilities"; initializers "<layer>/kernel" and "<layer>/bias".
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/onnx.h"
#include "format/protobuf.h"
#include "format/stream.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { VALUE_SIZE = TW_NAME_SIZE + 16, MAX_FILE_BYTES = INT32_MAX };

typedef struct writer {
    const tw_model *model;
    tw_message graph;           /* its nodes and its name */
    char (*values)[VALUE_SIZE]; /* what each node's output is called */
    bool with_preprocessing;
} writer;

/* ---- nodes */

static void add_ints(tw_message *node, const char *name, const int64_t *values, int n)
{
    tw_message attribute = {0};

    tw_message_add_text(&attribute, TW_ONNX_ATTRIBUTE_NAME, name);
    for (int i = 0; i < n; i++)
        tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_INTS, values[i]);
    tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_TYPE, TW_ONNX_INTS);
    tw_message_add_message(node, TW_ONNX_ATTRIBUTE, &attribute);
}

static void add_int(tw_message *node, const char *name, int64_t value)
{
    tw_message attribute = {0};

    tw_message_add_text(&attribute, TW_ONNX_ATTRIBUTE_NAME, name);
    tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_I, value);
    tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_TYPE, TW_ONNX_INT);
    tw_message_add_message(node, TW_ONNX_ATTRIBUTE, &attribute);
}

/* A node's beginning: what it reads, what it makes, its name (that of its output) and op. */
static tw_message begin_node(const char *op, const char *const *inputs, int n, const char *output)
{
    tw_message node = {0};

    for (int i = 0; i < n; i++)
        tw_message_add_text(&node, TW_ONNX_NODE_INPUT, inputs[i]);
    tw_message_add_text(&node, TW_ONNX_NODE_OUTPUT, output);
    tw_message_add_text(&node, TW_ONNX_NODE_NAME, output);
    tw_message_add_text(&node, TW_ONNX_OP_TYPE, op);
    return node;
}

static void end_node(writer *w, tw_message *node)
{
    tw_message_add_message(&w->graph, TW_ONNX_NODE, node);
}

static void add_unary(writer *w, const char *op, const char *input, const char *output)
{
    tw_message node = begin_node(op, &input, 1, output);

    if (!strcmp(op, "Flatten") || !strcmp(op, "Softmax"))
        add_int(&node, "axis", 1);
    end_node(w, &node);
}

static void add_window(tw_message *message, const tw_node *node, const tw_shape *in)
{
    const int64_t pads[4] = {tw_padding_before(node, in, 0), tw_padding_before(node, in, 1),
                             tw_padding_after(node, in, 0), tw_padding_after(node, in, 1)};

    add_ints(message, "kernel_shape", (const int64_t[]){node->window[0], node->window[1]}, 2);
    add_ints(message, "pads", pads, 4);
    add_ints(message, "strides", (const int64_t[]){node->stride[0], node->stride[1]}, 2);
}

/* A Constant node of n numbers along one axis, or of one number without an axis. */
static void add_constant(writer *w, const char *output, const float *values, int n, bool is_scalar)
{
    tw_message node = begin_node("Constant", NULL, 0, output);
    tw_message attribute = {0}, tensor = {0};

    if (!is_scalar)
        tw_message_add_int(&tensor, TW_ONNX_DIMS, n);
    tw_message_add_int(&tensor, TW_ONNX_DATA_TYPE, TW_ONNX_FLOAT);
    tw_message_add_bytes(&tensor, TW_ONNX_RAW_DATA, values, (size_t)n * sizeof *values);
    tw_message_add_text(&attribute, TW_ONNX_ATTRIBUTE_NAME, "value");
    tw_message_add_message(&attribute, TW_ONNX_ATTRIBUTE_T, &tensor);
    tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_TYPE, TW_ONNX_TENSOR);
    tw_message_add_message(&node, TW_ONNX_ATTRIBUTE, &attribute);
    end_node(w, &node);
}

/* ReLU6 of layer `name`: ONNX clips to constants. */
static void add_clip(writer *w, const char *name, const char *input, const char *output)
{
    const float least = 0.0f, most = 6.0f;
    char bounds[2][VALUE_SIZE];
    const char *inputs[3] = {input, bounds[0], bounds[1]};
    tw_message node;

    snprintf(bounds[0], VALUE_SIZE, "%s/least", name);
    snprintf(bounds[1], VALUE_SIZE, "%s/most", name);
    add_constant(w, bounds[0], &least, 1, true);
    add_constant(w, bounds[1], &most, 1, true);
    node = begin_node("Clip", inputs, 3, output);
    end_node(w, &node);
}

static const char *activation_op(tw_activation activation)
{
    static const char *const ops[TW_N_ACTIVATION] = {NULL, "Relu", "Sigmoid", "Softmax", "Clip"};

    return ops[activation];
}

/* What has a kernel: kernel, bias, and the activation behind them. */
static void add_weighted(writer *w, int i)
{
    const tw_graph *graph = w->model->graph;
    const tw_node *node = &graph->nodes[i];
    const char *activation = activation_op(node->activation);
    char kernel[VALUE_SIZE], bias[VALUE_SIZE], linear[VALUE_SIZE];
    const char *inputs[3] = {w->values[node->inputs[0]], kernel, bias};
    tw_message message;

    snprintf(kernel, sizeof kernel, "%s/%s", node->name, tw_param_names[0]);
    snprintf(bias, sizeof bias, "%s/%s", node->name, tw_param_names[1]);
    snprintf(linear, sizeof linear, "%s/linear", node->name);
    message = begin_node(node->op == TW_OP_DENSE ? "Gemm" : "Conv", inputs, 3,
                         activation ? linear : w->values[i]);
    if (node->op == TW_OP_DEPTHWISE_CONV2D)
        add_int(&message, "group", node->out.dims[2]);
    if (node->op != TW_OP_DENSE)
        add_window(&message, node, &graph->nodes[node->inputs[0]].out);
    end_node(w, &message);
    if (node->activation == TW_RELU6)
        add_clip(w, node->name, linear, w->values[i]);
    else if (activation)
        add_unary(w, activation, linear, w->values[i]);
}

static void add_max_pool(writer *w, int i)
{
    const tw_node *node = &w->model->graph->nodes[i];
    const char *input = w->values[node->inputs[0]];
    tw_message message = begin_node("MaxPool", &input, 1, w->values[i]);

    add_window(&message, node, &w->model->graph->nodes[node->inputs[0]].out);
    end_node(w, &message);
}

static void add_sum(writer *w, int i)
{
    const tw_node *node = &w->model->graph->nodes[i];
    const char *inputs[2] = {w->values[node->inputs[0]], w->values[node->inputs[1]]};
    tw_message message = begin_node("Add", inputs, 2, w->values[i]);

    end_node(w, &message);
}

static void add_global_average_pool(writer *w, int i)
{
    const tw_node *node = &w->model->graph->nodes[i];
    char pooled[VALUE_SIZE];

    snprintf(pooled, sizeof pooled, "%s/pooled", node->name);
    add_unary(w, "GlobalAveragePool", w->values[node->inputs[0]], pooled);
    add_unary(w, "Flatten", pooled, w->values[i]);
}

static void name_value(writer *w, int i)
{
    const tw_graph *graph = w->model->graph;
    const tw_node *node = &graph->nodes[i];

    if (node->op == TW_OP_INPUT)
        snprintf(w->values[i], VALUE_SIZE, "input");
    else if (node->op == TW_OP_DROPOUT) /* nothing, once trained */
        memcpy(w->values[i], w->values[node->inputs[0]], VALUE_SIZE);
    else if (i == graph->n - 1)
        snprintf(w->values[i], VALUE_SIZE, "probabilities");
    else
        snprintf(w->values[i], VALUE_SIZE, "%s/output", node->name);
}

static void add_layer(writer *w, int i)
{
    const tw_node *node = &w->model->graph->nodes[i];
    const char *input = node->n_inputs ? w->values[node->inputs[0]] : NULL;

    switch (node->op) {
    case TW_OP_INPUT:
    case TW_OP_DROPOUT:
    case TW_N_OP:
        break;
    case TW_OP_CONV2D:
    case TW_OP_DEPTHWISE_CONV2D:
    case TW_OP_DENSE:
        add_weighted(w, i);
        break;
    case TW_OP_ADD:
        add_sum(w, i);
        break;
    case TW_OP_MAX_POOL:
        add_max_pool(w, i);
        break;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        add_global_average_pool(w, i);
        break;
    case TW_OP_FLATTEN:
        add_unary(w, "Flatten", input, w->values[i]);
        break;
    case TW_OP_RELU:
        add_unary(w, "Relu", input, w->values[i]);
        break;
    case TW_OP_SIGMOID:
        add_unary(w, "Sigmoid", input, w->values[i]);
        break;
    case TW_OP_SOFTMAX:
        add_unary(w, "Softmax", input, w->values[i]);
        break;
    }
}

/* ---- preprocessing, in float32 as image/contract.c does it */

/* output = input op values, along the last axis; the constant is called "<output>_by". */
static void add_step(writer *w, const char *op, const char *input, const char *output,
                     const float values[3])
{
    char by[VALUE_SIZE];
    const char *inputs[2] = {input, by};
    tw_message node;

    snprintf(by, sizeof by, "%s_by", output);
    add_constant(w, by, values, 3, false);
    node = begin_node(op, inputs, 2, output);
    end_node(w, &node);
}

/* RGB to BGR: channels 2, 1, 0 of the last axis. */
static void add_flip(writer *w, const char *input, const char *output)
{
    static const int64_t order[3] = {2, 1, 0};
    static const char by[] = "preprocess_bgr_by";
    const char *inputs[2] = {input, by};
    tw_message node = begin_node("Constant", NULL, 0, by), attribute = {0}, tensor = {0};

    tw_message_add_int(&tensor, TW_ONNX_DIMS, 3);
    tw_message_add_int(&tensor, TW_ONNX_DATA_TYPE, TW_ONNX_INT64);
    tw_message_add_bytes(&tensor, TW_ONNX_RAW_DATA, order, sizeof order);
    tw_message_add_text(&attribute, TW_ONNX_ATTRIBUTE_NAME, "value");
    tw_message_add_message(&attribute, TW_ONNX_ATTRIBUTE_T, &tensor);
    tw_message_add_int(&attribute, TW_ONNX_ATTRIBUTE_TYPE, TW_ONNX_TENSOR);
    tw_message_add_message(&node, TW_ONNX_ATTRIBUTE, &attribute);
    end_node(w, &node);
    node = begin_node("Gather", inputs, 2, output);
    add_int(&node, "axis", 3);
    end_node(w, &node);
}

/* "image" to "input". */
static void add_preprocessing(writer *w)
{
    static const float caffe[3] = {103.939f, 116.779f, 123.68f}; /* B, G, R */
    static const float mean[3] = {0.485f, 0.456f, 0.406f}, deviation[3] = {0.229f, 0.224f, 0.225f};
    static const float half[3] = {127.5f, 127.5f, 127.5f}, one[3] = {1, 1, 1};
    static const float most[3] = {255, 255, 255};
    static const float middle[3] = {127, 127, 127}, reach[3] = {128, 128, 128};
    const char *image = "image", *last = "preprocess_float";
    tw_message node = begin_node("Cast", &image, 1, last);

    add_int(&node, "to", TW_ONNX_FLOAT);
    end_node(w, &node);
    switch (w->model->contract.preprocess) {
    case TW_PREPROCESS_CAFFE:
        add_flip(w, last, "preprocess_bgr");
        add_step(w, "Sub", "preprocess_bgr", last = "preprocess_mean", caffe);
        break;
    case TW_PREPROCESS_TF:
        add_step(w, "Div", last, "preprocess_scale", half);
        add_step(w, "Sub", "preprocess_scale", last = "preprocess_shift", one);
        break;
    case TW_PREPROCESS_TORCH:
        add_step(w, "Div", last, "preprocess_scale", most);
        add_step(w, "Sub", "preprocess_scale", "preprocess_mean", mean);
        add_step(w, "Div", "preprocess_mean", last = "preprocess_deviation", deviation);
        break;
    case TW_PREPROCESS_LITE:
        add_step(w, "Sub", last, "preprocess_shift", middle);
        add_step(w, "Div", "preprocess_shift", last = "preprocess_scale", reach);
        break;
    case TW_PREPROCESS_NONE:
    case TW_N_PREPROCESS:
        break;
    }
    node = begin_node("Transpose", &last, 1, "input");
    add_ints(&node, "perm", (const int64_t[]){0, 3, 1, 2}, 4);
    end_node(w, &node);
}

static tw_status make_graph(writer *w, tw_error *err)
{
    const tw_graph *graph = w->model->graph;

    if (!(w->values = tw_calloc((size_t)graph->n, sizeof *w->values)))
        return tw_fail(err, TW_ENOMEM, "no memory for the names of %d layers", graph->n);
    if (w->with_preprocessing)
        add_preprocessing(w);
    for (int i = 0; i < graph->n; i++) {
        name_value(w, i);
        add_layer(w, i);
    }
    tw_message_add_text(&w->graph, TW_ONNX_GRAPH_NAME, TW_ONNX_PRODUCER);
    return TW_OK;
}

/* ---- inputs, outputs and metadata */

/* A tensor (N, then the sides given). */
static void add_value(tw_message *out, int field, const char *name, int type, const int64_t *sides,
                      int n)
{
    tw_message value = {0}, outer = {0}, tensor = {0}, shape = {0};

    for (int i = -1; i < n; i++) {
        tw_message dim = {0};

        if (i < 0)
            tw_message_add_text(&dim, TW_ONNX_DIM_PARAM, "N");
        else
            tw_message_add_int(&dim, TW_ONNX_DIM_VALUE, sides[i]);
        tw_message_add_message(&shape, TW_ONNX_DIM, &dim);
    }
    tw_message_add_int(&tensor, TW_ONNX_ELEM_TYPE, type);
    tw_message_add_message(&tensor, TW_ONNX_SHAPE, &shape);
    tw_message_add_message(&outer, TW_ONNX_TENSOR_TYPE, &tensor);
    tw_message_add_text(&value, TW_ONNX_VALUE_NAME, name);
    tw_message_add_message(&value, TW_ONNX_VALUE_TYPE, &outer);
    tw_message_add_message(out, field, &value);
}

/* What stands behind the initializers. */
static void make_tail(tw_message *tail, const writer *w)
{
    const tw_graph *graph = w->model->graph;
    const int64_t *hwc = graph->nodes[0].out.dims;
    const tw_shape *out = tw_graph_output_shape(graph);

    if (w->with_preprocessing)
        add_value(tail, TW_ONNX_INPUT, "image", TW_ONNX_UINT8, hwc, 3);
    else
        add_value(tail, TW_ONNX_INPUT, "input", TW_ONNX_FLOAT,
                  (const int64_t[]){hwc[2], hwc[0], hwc[1]}, 3);
    add_value(tail, TW_ONNX_OUTPUT, "probabilities", TW_ONNX_FLOAT, out->dims, 1);
}

static void add_metadata(tw_message *tail, const tw_json *metadata)
{
    const char *key, *text;
    const tw_json *value;
    void *it = NULL;

    while ((it = tw_json_next(metadata, it, &key, &value))) {
        tw_message entry = {0};

        tw_message_add_text(&entry, TW_ONNX_KEY, key);
        tw_message_add_text(&entry, TW_ONNX_VALUE, tw_json_string(&text, value) ? text : "");
        tw_message_add_message(tail, TW_ONNX_METADATA, &entry);
    }
}

/* ---- the file */

static size_t bytes_of(const tw_export__param *p)
{
    return (size_t)tw_shape_size(&p->shape) * sizeof(float);
}

/* Header of an initializer inside the graph, up to its numbers. */
static void make_initializer(tw_message *out, const tw_export__param *p)
{
    tw_message tensor = {0};
    size_t n;

    for (int i = 0; i < p->shape.rank; i++)
        tw_message_add_int(&tensor, TW_ONNX_DIMS, p->shape.dims[i]);
    tw_message_add_int(&tensor, TW_ONNX_DATA_TYPE, TW_ONNX_FLOAT);
    tw_message_add_text(&tensor, TW_ONNX_TENSOR_NAME, p->name);
    tw_message_add_header(&tensor, TW_ONNX_RAW_DATA, bytes_of(p));
    n = tensor.n + bytes_of(p);
    tw_message_add_header(out, TW_ONNX_INITIALIZER, n);
    tw_message_append(out, &tensor);
}

static tw_status write_message(tw_writer *file, tw_message *message, tw_error *err)
{
    if (message->failed)
        return tw_fail(err, TW_ENOMEM, "no memory for an ONNX graph");
    return tw_writer_write(file, message->bytes, message->n, err);
}

static tw_status write_initializers(tw_writer *file, const tw_export__params *params, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; i < params->n && rc == TW_OK; i++) {
        const tw_export__param *p = &params->items[i];
        tw_message header = {0};

        make_initializer(&header, p);
        rc = write_message(file, &header, err);
        tw_message_free(&header);
        if (rc == TW_OK)
            rc = tw_stream_f32(file, p->param->view, tw_shape_size(&p->shape),
                               p->permuted ? &p->axes : NULL, p->param->mapped, err);
    }
    return rc;
}

static tw_status initializers_size(size_t *out, const tw_export__params *params, tw_error *err)
{
    bool failed = false;

    *out = 0;
    for (int i = 0; i < params->n && !failed; i++) {
        tw_message header = {0};

        make_initializer(&header, &params->items[i]);
        *out += header.n + bytes_of(&params->items[i]);
        failed = header.failed;
        tw_message_free(&header);
    }
    return failed ? tw_fail(err, TW_ENOMEM, "no memory for an ONNX graph") : TW_OK;
}

static tw_status check_size(const char *path, size_t n_bytes, tw_error *err)
{
    if (n_bytes <= MAX_FILE_BYTES)
        return TW_OK;
    return tw_fail(err, TW_EUNSUPPORTED, "%s: at least %zu bytes, an ONNX file has at most %d",
                   path, n_bytes, MAX_FILE_BYTES);
}

static void make_head(tw_message *head, size_t n_graph)
{
    tw_message_add_int(head, TW_ONNX_IR, TW_ONNX_IR_VERSION);
    tw_message_add_text(head, TW_ONNX_PRODUCER_NAME, TW_ONNX_PRODUCER);
    tw_message_add_text(head, TW_ONNX_PRODUCER_VERSION, TW_VERSION);
    tw_message_add_header(head, TW_ONNX_GRAPH, n_graph);
}

static void make_end(tw_message *end, const tw_json *metadata)
{
    tw_message opset = {0};

    tw_message_add_int(&opset, TW_ONNX_OPSET_VERSION, TW_ONNX_OPSET);
    tw_message_add_message(end, TW_ONNX_OPSET_IMPORT, &opset);
    add_metadata(end, metadata);
}

/* Of which `n_weights` bytes are initializers. */
static tw_status write_file(const char *path, writer *w, const tw_export__params *params,
                            size_t n_weights, const tw_json *metadata, tw_error *err)
{
    tw_status rc;
    tw_message head = {0}, tail = {0}, end = {0};
    tw_writer *file = NULL;
    size_t n_graph;

    make_tail(&tail, w);
    make_end(&end, metadata);
    n_graph = w->graph.n + n_weights + tail.n;
    make_head(&head, n_graph);
    if ((rc = check_size(path, head.n + n_graph + end.n, err)) ||
        (rc = tw_writer_create(&file, path, err)) || (rc = write_message(file, &head, err)) ||
        (rc = write_message(file, &w->graph, err)) ||
        (rc = write_initializers(file, params, err)) || (rc = write_message(file, &tail, err)) ||
        (rc = write_message(file, &end, err)))
        goto done;
    rc = tw_writer_commit(file, err);
done:
    tw_writer_free(file);
    tw_message_free(&head);
    tw_message_free(&tail);
    tw_message_free(&end);
    return rc;
}

tw_status tw_export__write_onnx(const tw_model *model, const char *path, bool with_preprocessing,
                                tw_error *err)
{
    tw_status rc;
    writer w = {.model = model, .with_preprocessing = with_preprocessing};
    tw_export__params params = {0};
    tw_json *metadata = NULL;
    size_t n_weights;

    if ((rc = tw_export__list(&params, model, TW_EXPORT__ONNX_LAYOUT, err)) == TW_OK &&
        (rc = initializers_size(&n_weights, &params, err)) == TW_OK &&
        (rc = check_size(path, n_weights, err)) == TW_OK && /* before all of it is read */
        (rc = make_graph(&w, err)) == TW_OK &&
        (rc = tw_export__metadata(&metadata, model, &params, err)) == TW_OK)
        rc = write_file(path, &w, &params, n_weights, metadata, err);
    tw_json_free(metadata);
    tw_message_free(&w.graph);
    tw_free(w.values);
    tw_free(params.items);
    return rc;
}
