/*
 * A graph as JSON and back: an array with one object a layer, in order,
 *
 *     {"op": "Conv2D", "name": "block1_conv1", "inputs": ["input_1"], "units": 64, ...}
 *
 * with the members that the op's row names, no more and no fewer; but any layer may have "range",
 * what int8 makes of its output. The reader trusts nothing: every
 * node goes through tw_graph_add, unknown keys are refused, and a layer that nothing reads is too.
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

/* So that the steps of int8, and their products, are normal float32. */
#define MIN_RANGE 1e-12
#define MAX_RANGE 1e12

/* ---- writing */

static tw_json *pair_to_json(const int pair[2])
{
    return tw_json_new_i64s((const int64_t[]){pair[0], pair[1]}, 2);
}

static tw_json *range_to_json(const float range[2])
{
    tw_json *array = tw_json_new_array();

    if (tw_json_append(array, tw_json_new_f64((double)range[0])) &&
        tw_json_append(array, tw_json_new_f64((double)range[1])))
        return array;
    tw_json_free(array);
    return NULL;
}

static tw_json *inputs_to_json(const tw_graph *graph, const tw_node *node)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    for (int i = 0; ok && i < node->n_inputs; i++)
        ok = tw_json_append(array, tw_json_new_string(graph->nodes[node->inputs[i]].name));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

static tw_json *node_to_json(const tw_graph *graph, const tw_node *node)
{
    const tw_graph__op *row = tw_graph__op_row(node->op);
    unsigned members = row->rule->members;
    tw_json *o = tw_json_new_object();
    bool ok = tw_json_set(o, "op", tw_json_new_string(row->name)) &&
              tw_json_set(o, "name", tw_json_new_string(node->name)) &&
              tw_json_set(o, "inputs", inputs_to_json(graph, node));

    if (members & TW_GRAPH__SHAPE)
        ok = ok && tw_json_set(o, "shape", tw_json_new_i64s(node->out.dims, node->out.rank));
    if (members & TW_GRAPH__UNITS)
        ok = ok && tw_json_set(o, "units", tw_json_new_i64(node->units));
    if (members & TW_GRAPH__WINDOW)
        ok = ok && tw_json_set(o, "window", pair_to_json(node->window)) &&
             tw_json_set(o, "stride", pair_to_json(node->stride)) &&
             tw_json_set(o, "padding", tw_json_new_string(tw_graph__paddings[node->padding]));
    if (members & TW_GRAPH__ACTIVATION)
        ok = ok &&
             tw_json_set(o, "activation", tw_json_new_string(tw_activation_name(node->activation)));
    if (members & TW_GRAPH__INITIALIZER)
        ok = ok && tw_json_set(o, "initializer",
                               tw_json_new_string(tw_initializer_name(node->initializer)));
    if (members & TW_GRAPH__RATE)
        ok = ok && tw_json_set(o, "rate", tw_json_new_f64(node->rate));
    if (node->range[1] > 0.0f)
        ok = ok && tw_json_set(o, "range", range_to_json(node->range));
    if (ok)
        return o;
    tw_json_free(o);
    return NULL;
}

tw_json *tw_graph_to_json(const tw_graph *graph)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    for (int i = 0; ok && i < graph->n; i++)
        ok = tw_json_append(array, node_to_json(graph, &graph->nodes[i]));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

/* ---- reading */

/* What is being read: a layer's object and what sentences call it. */
typedef struct reader {
    const tw_json *object;
    char name[TW_NAME_SIZE + 16];
    tw_error *err;
} reader;

static tw_status bad(const reader *in, const char *key, const char *expected)
{
    return tw_fail(in->err, TW_EFILE, "graph: %s: \"%s\" must be %s", in->name, key, expected);
}

static tw_status read_int(int *out, const reader *in, const char *key)
{
    int64_t value;

    if (!tw_json_i64(&value, tw_json_get(in->object, key)) || value < 1 || value > INT_MAX)
        return bad(in, key, "an integer from 1 to 2147483647");
    *out = (int)value;
    return TW_OK;
}

static tw_status read_pair(int out[2], const reader *in, const char *key)
{
    const tw_json *array = tw_json_get(in->object, key);
    int64_t value;

    if (!tw_json_is_array(array) || tw_json_count(array) != 2)
        return bad(in, key, "two integers from 1 to 2147483647");
    for (size_t i = 0; i < 2; i++) {
        if (!tw_json_i64(&value, tw_json_at(array, i)) || value < 1 || value > INT_MAX)
            return bad(in, key, "two integers from 1 to 2147483647");
        out[i] = (int)value;
    }
    return TW_OK;
}

static tw_status read_shape(tw_shape *out, const reader *in, const char *key)
{
    const tw_json *array = tw_json_get(in->object, key);

    memset(out, 0, sizeof *out);
    if (!tw_json_is_array(array) || tw_json_count(array) > TW_MAX_RANK)
        return bad(in, key, "an array of at most 8 integers");
    out->rank = (int)tw_json_count(array);
    for (int i = 0; i < out->rank; i++)
        if (!tw_json_i64(&out->dims[i], tw_json_at(array, (size_t)i)) || out->dims[i] < 1)
            return bad(in, key, "an array of integers of at least 1");
    return TW_OK;
}

/* Index of the string under `key` among n names. */
static tw_status read_choice(int *out, const reader *in, const char *key,
                             const char *(*name_of)(int), int n)
{
    const char *text;

    if (!tw_json_string(&text, tw_json_get(in->object, key)))
        return bad(in, key, "a string");
    for (int i = 0; i < n; i++) {
        if (!strcmp(name_of(i), text)) {
            *out = i;
            return TW_OK;
        }
    }
    return tw_fail(in->err, TW_EFILE, "graph: %s: unknown %s \"%s\"", in->name, key, text);
}

static const char *op_text(int i)
{
    return tw_op_name((tw_op)i);
}

static const char *activation_text(int i)
{
    return tw_activation_name((tw_activation)i);
}

static const char *initializer_text(int i)
{
    return tw_initializer_name((tw_initializer)i);
}

static const char *padding_text(int i)
{
    return tw_graph__paddings[i];
}

static tw_status read_inputs(tw_node *node, const reader *in, const tw_graph *graph)
{
    const tw_json *array = tw_json_get(in->object, "inputs");
    const char *name;

    if (!tw_json_is_array(array) || tw_json_count(array) > TW_MAX_INPUTS)
        return bad(in, "inputs", "an array of at most 2 layer names");
    node->n_inputs = (int)tw_json_count(array);
    for (int i = 0; i < node->n_inputs; i++) {
        if (!tw_json_string(&name, tw_json_at(array, (size_t)i)))
            return bad(in, "inputs", "an array of at most 2 layer names");
        for (node->inputs[i] = 0; node->inputs[i] < graph->n; node->inputs[i]++)
            if (!strcmp(graph->nodes[node->inputs[i]].name, name))
                break;
        if (node->inputs[i] == graph->n)
            return tw_fail(in->err, TW_EFILE, "graph: %s: input \"%s\" is no earlier layer",
                           in->name, name);
    }
    return TW_OK;
}

static tw_status read_window(tw_node *node, const reader *in)
{
    tw_status rc;
    int padding = 0;

    if ((rc = read_pair(node->window, in, "window")) == TW_OK &&
        (rc = read_pair(node->stride, in, "stride")) == TW_OK)
        rc = read_choice(&padding, in, "padding", padding_text, TW_N_PADDING);
    node->padding = (tw_padding)padding;
    return rc;
}

static tw_status read_range(tw_node *node, const reader *in)
{
    const tw_json *array = tw_json_get(in->object, "range");
    double low, high;

    if (!array)
        return TW_OK;
    if (!tw_json_is_array(array) || tw_json_count(array) != 2 ||
        !tw_json_f64(&low, tw_json_at(array, 0)) || !tw_json_f64(&high, tw_json_at(array, 1)) ||
        !(low <= 0.0 && low >= -MAX_RANGE) || !(high >= MIN_RANGE && high <= MAX_RANGE))
        return bad(in, "range", "two numbers, from -1e12 to 0 and from 1e-12 to 1e12");
    node->range[0] = (float)low;
    node->range[1] = (float)high;
    return TW_OK;
}

static tw_status read_members(tw_node *node, const reader *in, unsigned members)
{
    tw_status rc;
    int choice = 0;

    if (members & TW_GRAPH__SHAPE && (rc = read_shape(&node->out, in, "shape")) != TW_OK)
        return rc;
    if (members & TW_GRAPH__UNITS && (rc = read_int(&node->units, in, "units")) != TW_OK)
        return rc;
    if (members & TW_GRAPH__WINDOW && (rc = read_window(node, in)) != TW_OK)
        return rc;
    if (members & TW_GRAPH__ACTIVATION) {
        if ((rc = read_choice(&choice, in, "activation", activation_text, TW_N_ACTIVATION)))
            return rc;
        node->activation = (tw_activation)choice;
    }
    if (members & TW_GRAPH__INITIALIZER) {
        if ((rc = read_choice(&choice, in, "initializer", initializer_text, TW_N_INITIALIZER)))
            return rc;
        node->initializer = (tw_initializer)choice;
    }
    if (members & TW_GRAPH__RATE && !tw_json_f64(&node->rate, tw_json_get(in->object, "rate")))
        return bad(in, "rate", "a number");
    return read_range(node, in);
}

/* Keys that the op does not use: a graph with more to it than this version knows. */
static tw_status check_keys(const reader *in, unsigned members)
{
    static const struct {
        const char *key;
        unsigned member;
    } keys[] = {{"units", TW_GRAPH__UNITS},
                {"window", TW_GRAPH__WINDOW},
                {"stride", TW_GRAPH__WINDOW},
                {"padding", TW_GRAPH__WINDOW},
                {"activation", TW_GRAPH__ACTIVATION},
                {"initializer", TW_GRAPH__INITIALIZER},
                {"rate", TW_GRAPH__RATE},
                {"shape", TW_GRAPH__SHAPE}};
    const tw_json *value;
    const char *key;
    void *it = NULL;

    while ((it = tw_json_next(in->object, it, &key, &value))) {
        bool known = !strcmp(key, "op") || !strcmp(key, "name") || !strcmp(key, "inputs") ||
                     !strcmp(key, "range");

        for (size_t i = 0; !known && i < sizeof keys / sizeof keys[0]; i++)
            known = members & keys[i].member && !strcmp(key, keys[i].key);
        if (!known)
            return tw_fail(in->err, TW_EFILE, "graph: %s: unknown key \"%s\"", in->name, key);
    }
    return TW_OK;
}

static tw_status read_name(tw_node *node, reader *in)
{
    const char *name;

    if (!tw_json_string(&name, tw_json_get(in->object, "name")) || !name[0] ||
        strlen(name) >= TW_NAME_SIZE)
        return bad(in, "name", "a string of 1 to 63 letters");
    snprintf(node->name, sizeof node->name, "%s", name);
    return TW_OK;
}

static tw_status read_node(tw_graph *graph, const tw_json *object, int i, tw_error *err)
{
    reader in = {.object = object, .err = err};
    tw_node node = {0};
    tw_error why = {0};
    int op = 0;
    unsigned members;
    tw_status rc;

    snprintf(in.name, sizeof in.name, "layer %d", i);
    if (!tw_json_is_object(object))
        return tw_fail(err, TW_EFILE, "graph: %s must be an object", in.name);
    if ((rc = read_name(&node, &in)) != TW_OK ||
        (rc = read_choice(&op, &in, "op", op_text, TW_N_OP)) != TW_OK)
        return rc;
    node.op = (tw_op)op;
    members = tw_graph__op_row(node.op)->rule->members;
    if ((rc = check_keys(&in, members)) != TW_OK ||
        (rc = read_inputs(&node, &in, graph)) != TW_OK ||
        (rc = read_members(&node, &in, members)) != TW_OK)
        return rc;
    rc = tw_graph_add(graph, &node, &why);
    if (rc != TW_OK && rc != TW_ENOMEM)
        return tw_fail(err, TW_EFILE, "graph: %s: %s", in.name, why.text);
    return rc == TW_OK ? rc : tw_fail(err, rc, "%s", why.text);
}

/* Every node but the last must have a reader; then every node leads to the last. */
static tw_status check_read(const tw_graph *graph, tw_error *err)
{
    bool is_read[TW_GRAPH__MAX_NODES] = {false};

    for (int i = 0; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            is_read[graph->nodes[i].inputs[k]] = true;
    for (int i = 0; i + 1 < graph->n; i++)
        if (!is_read[i])
            return tw_fail(err, TW_EFILE, "graph: nothing reads layer \"%s\"",
                           graph->nodes[i].name);
    return TW_OK;
}

tw_status tw_graph_from_json(tw_graph **out, const tw_json *json, tw_error *err)
{
    tw_status rc = TW_OK;
    tw_graph *graph = NULL;
    size_t n = tw_json_count(json);

    *out = NULL;
    if (!tw_json_is_array(json))
        return tw_fail(err, TW_EFILE, "graph: must be an array of layers");
    if (n < 1 || n > TW_GRAPH__MAX_NODES)
        return tw_fail(err, TW_EFILE, "graph: has %zu layers, 1 to %d are possible", n,
                       TW_GRAPH__MAX_NODES);
    if (!(graph = tw_calloc(1, sizeof *graph)))
        return tw_fail(err, TW_ENOMEM, "no memory for a graph");

    for (size_t i = 0; rc == TW_OK && i < n; i++)
        rc = read_node(graph, tw_json_at(json, i), (int)i, err);
    if (rc == TW_OK)
        rc = check_read(graph, err);
    if (rc == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}
