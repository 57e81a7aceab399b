/*
 * Making a graph, adding nodes to it and finding them again.
 *
 * A node enters by tw_graph_add alone, which checks name, inputs and members and infers the shape,
 * so whatever stands in a graph is sane; the rest of the room relies on that.
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

const char *const tw_param_names[2] = {"kernel", "bias"};
const char *const tw_graph__paddings[TW_N_PADDING] = {"valid", "same", "symmetric"};

static const char *const activations[TW_N_ACTIVATION] = {"linear", "relu", "sigmoid", "softmax",
                                                         "relu6"};

#define TW_INITIALIZER_TEXT(name, text) text,
static const char *const initializers[TW_N_INITIALIZER] = {
    TW_INITIALIZER_LIST(TW_INITIALIZER_TEXT)};
#undef TW_INITIALIZER_TEXT

const char *tw_activation_name(tw_activation activation)
{
    return (unsigned)activation < TW_N_ACTIVATION ? activations[activation] : "?";
}

const char *tw_initializer_name(tw_initializer initializer)
{
    return (unsigned)initializer < TW_N_INITIALIZER ? initializers[initializer] : "?";
}

tw_status tw_initializer_parse(tw_initializer *out, const char *name, tw_error *err)
{
    const char *near;

    for (int i = 0; i < TW_N_INITIALIZER; i++) {
        if (!strcmp(initializers[i], name)) {
            *out = (tw_initializer)i;
            return TW_OK;
        }
    }
    near = tw_nearest_name(name, initializers, TW_N_INITIALIZER);
    if (near)
        return tw_fail(err, TW_EUSAGE, "unknown initializer \"%s\", did you mean \"%s\"", name,
                       near);
    return tw_fail(err, TW_EUSAGE, "unknown initializer \"%s\"", name);
}

tw_status tw_graph_create(tw_graph **out, const char *input_name, const tw_shape *input,
                          tw_error *err)
{
    tw_status rc;
    tw_graph *graph;
    tw_node node = {.op = TW_OP_INPUT, .out = *input};

    *out = NULL;
    if (strlen(input_name) >= TW_NAME_SIZE)
        return tw_fail(err, TW_EUSAGE, "layer name \"%s\" has %zu letters, at most %d are possible",
                       input_name, strlen(input_name), TW_NAME_SIZE - 1);
    snprintf(node.name, sizeof node.name, "%s", input_name);
    if (!(graph = tw_calloc(1, sizeof *graph)))
        return tw_fail(err, TW_ENOMEM, "no memory for a graph");

    rc = tw_graph_add(graph, &node, err);
    if (rc == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}

void tw_graph_free(tw_graph *graph)
{
    if (!graph)
        return;
    tw_free(graph->nodes);
    tw_free(graph);
}

tw_status tw_graph_copy(tw_graph **out, const tw_graph *graph, tw_error *err)
{
    tw_graph *copy = tw_calloc(1, sizeof *copy);

    *out = NULL;
    if (!copy || !(copy->nodes = tw_calloc((size_t)graph->n, sizeof *copy->nodes))) {
        tw_graph_free(copy);
        return tw_fail(err, TW_ENOMEM, "no memory for a graph of %d layers", graph->n);
    }
    memcpy(copy->nodes, graph->nodes, (size_t)graph->n * sizeof *copy->nodes);
    copy->n = graph->n;
    copy->capacity = graph->n;
    *out = copy;
    return TW_OK;
}

bool tw_graph__has_name(const tw_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n; i++)
        if (!strcmp(graph->nodes[i].name, name))
            return true;
    return false;
}

void tw_graph__free_name(char out[TW_NAME_SIZE], const char *name, const tw_graph *a,
                         const tw_graph *b)
{
    char tail[16] = "";
    int room = TW_NAME_SIZE - 1;

    for (int i = 1;; i++) {
        snprintf(out, TW_NAME_SIZE, "%.*s%s", room, name, tail);
        if (!tw_graph__has_name(a, out) && !(b && tw_graph__has_name(b, out)))
            return;
        room = TW_NAME_SIZE - 1 - snprintf(tail, sizeof tail, "_%d", i);
    }
}

/* Not empty, terminated, no control characters: it goes to terminals and files. */
static tw_status check_name(const char name[TW_NAME_SIZE], tw_error *err)
{
    if (!memchr(name, 0, TW_NAME_SIZE))
        return tw_fail(err, TW_EUSAGE, "a layer name has more than %d letters", TW_NAME_SIZE - 1);
    if (!name[0])
        return tw_fail(err, TW_EUSAGE, "a layer has an empty name");
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            return tw_fail(err, TW_EUSAGE, "a layer name has a control character at place %d",
                           (int)(c - name));
    return TW_OK;
}

static tw_status check_inputs(const tw_graph *graph, const tw_node *node, tw_error *err)
{
    const tw_graph__op *row = tw_graph__op_row(node->op);

    if (!row)
        return tw_fail(err, TW_EUSAGE, "%s: unknown op %d", node->name, (int)node->op);
    if (node->n_inputs != row->arity)
        return tw_fail(err, TW_EUSAGE, "%s: %s takes %d inputs, got %d", node->name, row->name,
                       row->arity, node->n_inputs);
    for (int i = 0; i < node->n_inputs; i++)
        if (node->inputs[i] < 0 || node->inputs[i] >= graph->n)
            return tw_fail(err, TW_EUSAGE, "%s: input %d is no earlier layer", node->name,
                           node->inputs[i]);
    if ((node->op == TW_OP_INPUT) != (graph->n == 0))
        return tw_fail(err, TW_EUSAGE, "%s: a graph has one input layer, the first", node->name);
    return TW_OK;
}

static tw_status reserve(tw_graph *graph, tw_error *err)
{
    int capacity = graph->capacity ? graph->capacity * 2 : 32;
    tw_node *nodes;

    if (graph->n == TW_GRAPH__MAX_NODES)
        return tw_fail(err, TW_EUSAGE, "a graph has at most %d layers", TW_GRAPH__MAX_NODES);
    if (graph->n < graph->capacity)
        return TW_OK;
    if (!(nodes = tw_realloc(graph->nodes, (size_t)capacity * sizeof *nodes)))
        return tw_fail(err, TW_ENOMEM, "no memory for a graph of %d layers", capacity);
    graph->nodes = nodes;
    graph->capacity = capacity;
    return TW_OK;
}

tw_status tw_graph_add(tw_graph *graph, const tw_node *node, tw_error *err)
{
    tw_status rc;
    tw_shape in[TW_MAX_INPUTS], out;

    if ((rc = check_name(node->name, err)) != TW_OK)
        return rc;
    if (tw_graph__has_name(graph, node->name))
        return tw_fail(err, TW_EUSAGE, "layer name \"%s\" is taken", node->name);
    if ((rc = check_inputs(graph, node, err)) != TW_OK)
        return rc;
    for (int i = 0; i < node->n_inputs; i++)
        in[i] = graph->nodes[node->inputs[i]].out;
    if ((rc = tw_node_infer_shape(&out, node, in, err)) != TW_OK ||
        (rc = reserve(graph, err)) != TW_OK)
        return rc;

    graph->nodes[graph->n] = *node;
    graph->nodes[graph->n].out = out;
    graph->n++;
    return TW_OK;
}

static tw_status fail_unknown(const tw_graph *graph, const char *layer, tw_error *err)
{
    const char **names = tw_calloc((size_t)graph->n, sizeof *names);
    const char *near = NULL;
    tw_status rc;

    if (names) {
        for (int i = 0; i < graph->n; i++)
            names[i] = graph->nodes[i].name;
        near = tw_nearest_name(layer, names, (size_t)graph->n);
    }
    rc = near ? tw_fail(err, TW_EUSAGE, "unknown layer \"%s\", did you mean \"%s\"", layer, near)
              : tw_fail(err, TW_EUSAGE, "unknown layer \"%s\"", layer);
    tw_free(names);
    return rc;
}

tw_status tw_graph_find(int *out, const tw_graph *graph, const char *layer, tw_error *err)
{
    int64_t index;

    for (int i = 0; i < graph->n; i++) {
        if (!strcmp(graph->nodes[i].name, layer)) {
            *out = i;
            return TW_OK;
        }
    }
    if (!tw_parse_i64(&index, layer))
        return fail_unknown(graph, layer, err);
    if (index < -(int64_t)graph->n || index >= graph->n)
        return tw_fail(err, TW_EUSAGE, "no layer %s, indices go from 0 to %d and from -%d to -1",
                       layer, graph->n - 1, graph->n);
    *out = (int)(index < 0 ? index + graph->n : index);
    return TW_OK;
}

const tw_shape *tw_graph_output_shape(const tw_graph *graph)
{
    return &graph->nodes[graph->n - 1].out;
}
