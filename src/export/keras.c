/*
 * A model as Keras's legacy .h5: model_config and the weights, so that both load_model and
 * load_weights take it. Keras keeps topwork's layouts, names and order of layers.
 *
 * The layers' inputs are written as Keras 2 did, which Keras 3 reads too. Contract, classes and
 * provenance go into root attributes topwork_contract, topwork_classes and topwork_provenance.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/h5_write.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The legacy format as of this version. */
static const char keras_version[] = "3.0.0", backend[] = "tensorflow";

/* ---- model_config */

static tw_json *pair(const int values[2])
{
    return tw_json_new_i64s((const int64_t[]){values[0], values[1]}, 2);
}

/* [null, H, W, C] */
static tw_json *batch_shape(const tw_shape *shape)
{
    tw_json *array = tw_json_new_array();
    bool ok = tw_json_append(array, tw_json_new_f64((double)NAN));

    for (int i = 0; ok && i < shape->rank; i++)
        ok = tw_json_append(array, tw_json_new_i64(shape->dims[i]));
    if (ok)
        return array;
    tw_json_free(array);
    return NULL;
}

/* [name, 0, 0], and for a layer's input what it is called with, {}. */
static tw_json *reference(const char *name, bool is_input)
{
    tw_json *array = tw_json_new_array();

    if (tw_json_append(array, tw_json_new_string(name)) &&
        tw_json_append(array, tw_json_new_i64(0)) && tw_json_append(array, tw_json_new_i64(0)) &&
        (!is_input || tw_json_append(array, tw_json_new_object())))
        return array;
    tw_json_free(array);
    return NULL;
}

/* The only member of an array. */
static tw_json *alone(tw_json *json)
{
    tw_json *array = tw_json_new_array();

    if (tw_json_append(array, json))
        return array;
    tw_json_free(array);
    return NULL;
}

static bool set_text(tw_json *config, const char *key, const char *text)
{
    return tw_json_set(config, key, tw_json_new_string(text));
}

static bool set_window(tw_json *config, const char *key, const tw_node *node)
{
    return tw_json_set(config, key, pair(node->window)) &&
           tw_json_set(config, "strides", pair(node->stride)) &&
           set_text(config, "padding", node->padding == TW_SAME ? "same" : "valid") &&
           set_text(config, "data_format", "channels_last");
}

/* What is peculiar to the op. */
static bool set_members(tw_json *config, const tw_node *node)
{
    const char *activation = tw_activation_name(node->activation);

    switch (node->op) {
    case TW_OP_INPUT:
        return tw_json_set(config, "batch_shape", batch_shape(&node->out));
    case TW_OP_CONV2D:
        return tw_json_set(config, "filters", tw_json_new_i64(node->units)) &&
               set_window(config, "kernel_size", node) &&
               set_text(config, "activation", activation);
    case TW_OP_DEPTHWISE_CONV2D:
        return tw_json_set(config, "depth_multiplier", tw_json_new_i64(1)) &&
               set_window(config, "kernel_size", node) &&
               set_text(config, "activation", activation);
    case TW_OP_MAX_POOL:
        return set_window(config, "pool_size", node);
    case TW_OP_DENSE:
        return tw_json_set(config, "units", tw_json_new_i64(node->units)) &&
               set_text(config, "activation", activation);
    case TW_OP_DROPOUT:
        return tw_json_set(config, "rate", tw_json_new_f64(node->rate));
    case TW_OP_SIGMOID: /* which has no class of its own */
        return set_text(config, "activation", "sigmoid");
    case TW_OP_FLATTEN:
    case TW_OP_GLOBAL_AVERAGE_POOL:
        return set_text(config, "data_format", "channels_last");
    case TW_OP_ADD:
    case TW_OP_RELU:
    case TW_OP_SOFTMAX:
    case TW_N_OP:
        break;
    }
    return true;
}

static tw_json *layer_config(const tw_model *model, int i)
{
    const tw_node *node = &model->graph->nodes[i];
    tw_json *config = tw_json_new_object();

    if (set_text(config, "name", node->name) && set_text(config, "dtype", "float32") &&
        (node->op == TW_OP_INPUT ||
         tw_json_set(config, "trainable", tw_json_new_bool(!model->frozen[i]))) &&
        set_members(config, node))
        return config;
    tw_json_free(config);
    return NULL;
}

/* [[reference, ...]]; [] of the input layer. */
static tw_json *inbound_nodes(const tw_graph *graph, const tw_node *node)
{
    tw_json *array = tw_json_new_array();
    bool ok = array != NULL;

    if (node->n_inputs == 0)
        return array;
    for (int i = 0; ok && i < node->n_inputs; i++)
        ok = tw_json_append(array, reference(graph->nodes[node->inputs[i]].name, true));
    if (ok)
        return alone(array);
    tw_json_free(array);
    return NULL;
}

static tw_json *layer_json(const tw_model *model, int i)
{
    const tw_graph *graph = model->graph;
    const tw_node *node = &graph->nodes[i];
    const char *class_name = node->op == TW_OP_SIGMOID ? "Activation" : tw_op_name(node->op);
    tw_json *layer = tw_json_new_object();
    bool ok = tw_json_set(layer, "inbound_nodes", inbound_nodes(graph, node));

    if (ok && set_text(layer, "class_name", class_name) &&
        tw_json_set(layer, "config", layer_config(model, i)) && set_text(layer, "name", node->name))
        return layer;
    tw_json_free(layer);
    return NULL;
}

static tw_json *functional_config(const tw_model *model)
{
    const tw_graph *graph = model->graph;
    tw_json *config = tw_json_new_object(), *layers = tw_json_new_array();
    bool ok = true;

    for (int i = 0; ok && i < graph->n; i++)
        ok = tw_json_append(layers, layer_json(model, i));
    ok = tw_json_set(config, "layers", layers) && ok;
    if (ok && set_text(config, "name", "topwork") &&
        tw_json_set(config, "trainable", tw_json_new_bool(true)) &&
        tw_json_set(config, "input_layers", alone(reference(graph->nodes[0].name, false))) &&
        tw_json_set(config, "output_layers",
                    alone(reference(graph->nodes[graph->n - 1].name, false))))
        return config;
    tw_json_free(config);
    return NULL;
}

/* Text; the caller frees it. NULL when memory ran out. */
static char *model_config(const tw_model *model)
{
    tw_json *json = tw_json_new_object();
    char *text = NULL;

    if (set_text(json, "class_name", "Functional") &&
        tw_json_set(json, "config", functional_config(model)))
        text = tw_json_dump(json, 0);
    tw_json_free(json);
    return text;
}

/* ---- groups */

/* A layer's group: weight_names, and its weights below a group of the same name. */
static void add_layer(tw_h5_tree *tree, int weights, const tw_model *model, int i)
{
    const char *layer = model->graph->nodes[i].name;
    const int group = tw_h5_add_group(tree, weights, layer);
    char names[2][TW_NAME_SIZE + 8];
    const char *pointers[2] = {names[0], names[1]};
    tw_shape shapes[2];
    const int n = tw_node_params(model->graph, i, shapes);
    int below;

    for (int slot = 0; slot < n; slot++)
        snprintf(names[slot], sizeof names[slot], "%s/%s", layer, tw_param_names[slot]);
    tw_h5_add_strings(tree, group, "weight_names", pointers, n);
    if (n == 0)
        return;
    below = tw_h5_add_group(tree, group, layer);
    for (int slot = 0; slot < n; slot++) {
        const tw_param *param = &model->params[i][slot];
        const tw_tensor tensor = {param->view, TW_F32, param->shape};

        tw_h5_add_dataset(tree, below, tw_param_names[slot], &tensor, param->mapped);
    }
}

static void add_versions(tw_h5_tree *tree, int group)
{
    tw_h5_add_string(tree, group, "keras_version", keras_version);
    tw_h5_add_string(tree, group, "backend", backend);
}

static void add_metadata(tw_h5_tree *tree, const tw_json *metadata)
{
    static const char *const keys[] = {"contract", "classes", "provenance"};
    char name[32];
    const char *text;

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(name, sizeof name, "topwork_%s", keys[i]);
        if (tw_json_string(&text, tw_json_get(metadata, keys[i])))
            tw_h5_add_string(tree, 0, name, text);
    }
}

static tw_status fill_tree(tw_h5_tree *tree, const tw_model *model, const char **names,
                           tw_error *err)
{
    const tw_graph *graph = model->graph;
    const int weights = tw_h5_add_group(tree, 0, "model_weights");

    for (int i = 0; i < graph->n; i++) {
        names[i] = graph->nodes[i].name;
        if (strchr(names[i], '/'))
            return tw_fail(err, TW_EUNSUPPORTED,
                           "layer \"%s\": Keras allows no '/' in a layer's name", names[i]);
        if (graph->nodes[i].padding == TW_SYMMETRIC)
            return tw_fail(err, TW_EUNSUPPORTED,
                           "layer \"%s\": Keras has no symmetric padding, which torch's networks "
                           "have; onnx holds it",
                           names[i]);
    }
    tw_h5_add_strings(tree, weights, "layer_names", names, graph->n);
    add_versions(tree, weights);
    for (int i = 0; i < graph->n; i++)
        add_layer(tree, weights, model, i);
    return TW_OK;
}

tw_status tw_export__write_keras(const tw_model *model, const char *path, tw_error *err)
{
    tw_status rc;
    tw_json *metadata = NULL;
    tw_h5_tree *tree = tw_h5_tree_create();
    const char **names = tw_calloc((size_t)model->graph->n, sizeof *names);
    char *config = model_config(model);

    if (!names || !config) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to describe %d layers", model->graph->n);
        goto done;
    }
    if ((rc = tw_model_make_metadata(&metadata, model, err)) != TW_OK)
        goto done;
    add_versions(tree, 0);
    tw_h5_add_string(tree, 0, "model_config", config);
    add_metadata(tree, metadata);
    if ((rc = fill_tree(tree, model, names, err)) == TW_OK)
        rc = tw_h5_tree_write(tree, path, err);
done:
    tw_json_free(metadata);
    tw_free(config);
    tw_free(names);
    tw_h5_tree_free(tree);
    return rc;
}
