/*
 * The graph: nodes in topological order, node 0 is the input, the last node is the output. It knows
 * shapes and names, no arithmetic and no parameter values.
 *
 * Invariants of every graph that leaves this room: (1) inputs of a node come before it; (2) node 0
 * is the only TW_OP_INPUT; (3) every node leads to the output: nothing dangles; (4) names are
 * unique; (5) `out` holds the inferred shape, without N.
 *
 * Surgery is pure: cut, prefix, suffix and join return a new graph and leave their arguments alone.
 */
#ifndef TW_GRAPH_GRAPH_H
#define TW_GRAPH_GRAPH_H

#include "base/json.h"

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>
#include <stdint.h>

#define TW_OP(name, text, arity) TW_OP_##name,
typedef enum tw_op {
#include "graph/ops.def"
    TW_N_OP
} tw_op;
#undef TW_OP

typedef enum tw_activation {
    TW_LINEAR,
    TW_RELU,
    TW_SIGMOID,
    TW_SOFTMAX,
    TW_RELU6, /* min(max(x, 0), 6) */
    TW_N_ACTIVATION
} tw_activation;
/* valid: none; same: as TensorFlow pads, ceil(size / stride) places, the odd number behind;
 * symmetric: as torch pads, (window - 1) / 2 on either side, whatever the stride. */
typedef enum tw_padding { TW_VALID, TW_SAME, TW_SYMMETRIC, TW_N_PADDING } tw_padding;

/* Keras's usual initializers. `uniform` is RandomUniform(-0.05, 0.05), `normal` N(0, 0.05). */
#define TW_INITIALIZER_LIST(X)             \
    X(TW_GLOROT_UNIFORM, "glorot_uniform") \
    X(TW_GLOROT_NORMAL, "glorot_normal")   \
    X(TW_HE_UNIFORM, "he_uniform")         \
    X(TW_HE_NORMAL, "he_normal")           \
    X(TW_LECUN_UNIFORM, "lecun_uniform")   \
    X(TW_LECUN_NORMAL, "lecun_normal")     \
    X(TW_UNIFORM, "uniform")               \
    X(TW_NORMAL, "normal")                 \
    X(TW_ZEROS, "zeros")
#define TW_INITIALIZER_ENUM(name, text) name,
typedef enum tw_initializer {
    TW_INITIALIZER_LIST(TW_INITIALIZER_ENUM) TW_N_INITIALIZER
} tw_initializer;
#undef TW_INITIALIZER_ENUM

enum { TW_NAME_SIZE = 64, TW_MAX_INPUTS = 2 };

typedef struct tw_node {
    tw_op op;
    char name[TW_NAME_SIZE];
    int n_inputs;
    int inputs[TW_MAX_INPUTS];
    int units;     /* Conv2D filters K, Dense units */
    int window[2]; /* kernel (R,S) of Conv2D and DepthwiseConv2D, MaxPooling2D pool size */
    int stride[2];
    tw_padding padding;
    tw_activation activation;   /* of what has a kernel, as Keras keeps it */
    tw_initializer initializer; /* of the kernel; biases start at zero */
    double rate;                /* Dropout */
    /* The least and the largest output that int8 stands for, 0 among them; [0, 0]: not known. */
    float range[2];
    bool is_exact; /* computes in float32 whatever the plan's precision; in no file */
    tw_shape out;  /* inferred, without N; given for TW_OP_INPUT */
} tw_node;

typedef struct tw_graph {
    int n;
    int capacity;
    tw_node *nodes;
} tw_graph;

const char *tw_op_name(tw_op op);
const char *tw_activation_name(tw_activation activation);
const char *tw_initializer_name(tw_initializer initializer);
TW_MUST_CHECK tw_status tw_initializer_parse(tw_initializer *out, const char *name, tw_error *err);

/* A graph with its input node only; shape without N. Caller frees. */
TW_MUST_CHECK tw_status tw_graph_create(tw_graph **out, const char *input_name,
                                        const tw_shape *input, tw_error *err);
void tw_graph_free(tw_graph *graph);
TW_MUST_CHECK tw_status tw_graph_copy(tw_graph **out, const tw_graph *graph, tw_error *err);

/* Appends a node (`out` is ignored) after checking inputs, name and parameters, and infers its
 * shape. Expected: TW_ESHAPE, TW_EUSAGE (name taken), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_graph_add(tw_graph *graph, const tw_node *node, tw_error *err);

/* The shape rule of a node's op for given input shapes. Expected: TW_ESHAPE. */
TW_MUST_CHECK tw_status tw_node_infer_shape(tw_shape *out, const tw_node *node,
                                            const tw_shape *inputs, tw_error *err);

/* Numbers that the padding of a node with a window puts before and behind its input, side 0 or 1.
 */
int64_t tw_padding_before(const tw_node *node, const tw_shape *in, int side);
int64_t tw_padding_after(const tw_node *node, const tw_shape *in, int side);

/* Index of a layer by Keras name or index ("block5_pool", "18", "-1"). An unknown name is TW_EUSAGE
 * with the nearest one. */
TW_MUST_CHECK tw_status tw_graph_find(int *out, const tw_graph *graph, const char *layer,
                                      tw_error *err);

/* Parameters of a node: at most two, kernel then bias. Returns how many; shapes[i] is filled. */
int tw_node_params(const tw_graph *graph, int node, tw_shape shapes[2]);
extern const char *const tw_param_names[2]; /* "kernel", "bias" */
int64_t tw_node_param_count(const tw_graph *graph, int node);
int64_t tw_node_macs(const tw_graph *graph, int node);
const tw_shape *tw_graph_output_shape(const tw_graph *graph);

/* The nodes that `node` needs, ending there. */
TW_MUST_CHECK tw_status tw_graph_cut(tw_graph **out, const tw_graph *graph, int node,
                                     tw_error *err);
/* Whether every edge from nodes before `node` or from it to nodes after it comes from `node`. */
bool tw_graph_is_waist(const tw_graph *graph, int node);
/* The layer whose range a reader of `node` sees: the one before what passes its numbers on as they
 * are (max-pooling, Dropout). */
int tw_graph_producer(const tw_graph *graph, int node);
/* Nodes 0..node, which must feed the rest through `node` alone (TW_EUSAGE else): the same as cut.
 */
TW_MUST_CHECK tw_status tw_graph_prefix(tw_graph **out, const tw_graph *graph, int node,
                                        tw_error *err);
/* The nodes after `node` behind a new input node of its output shape, named "<name>_input". Only
 * where every edge over the boundary comes from `node` (TW_EUSAGE else). */
TW_MUST_CHECK tw_status tw_graph_suffix(tw_graph **out, const tw_graph *graph, int node,
                                        tw_error *err);
/* base followed by top (its input node replaced by base's output). A name of top that base has
 * gets "_1", "_2", ... Expected: TW_ESHAPE. */
TW_MUST_CHECK tw_status tw_graph_join(tw_graph **out, const tw_graph *base, const tw_graph *top,
                                      tw_error *err);

/* A new top's graph on features of shape `input`: "1000 relu uniform, dropout 0.3, 500 sigmoid";
 * an item is "[gap]", "dropout RATE" or "UNITS [ACTIVATION] [INITIALIZER]" in any order after the
 * number; the class layer (softmax) is added, named "predictions". Spatial input is flattened
 * unless the spec begins with gap. Layers are named "flatten", "dense", "dropout", "dense_1", ...
 * as Keras does. Expected: TW_EUSAGE quoting the item. */
TW_MUST_CHECK tw_status tw_graph_parse_top(tw_graph **out, const tw_shape *input, const char *spec,
                                           int n_classes, tw_error *err);

/* JSON array of layer objects and back; reading checks everything again.
 * Expected: TW_EFILE, TW_ENOMEM. */
tw_json *tw_graph_to_json(const tw_graph *graph);
TW_MUST_CHECK tw_status tw_graph_from_json(tw_graph **out, const tw_json *json, tw_error *err);

/* Memory plan: offsets of every node's fp32 output in one activation block for `batch` samples,
 * each aligned to 64 bytes, blocks reused when their last reader is past. offsets has graph->n
 * places. Returns the size of the block in bytes. */
TW_MUST_CHECK tw_status tw_graph_plan_memory(int64_t *offsets, int64_t *n_bytes,
                                             const tw_graph *graph, int64_t batch, tw_error *err);

#endif
