/*
 * Opening, asking and freeing a model.
 *
 * A parameter is in one of three states: unbound (view NULL), mapped (view into the file of the
 * model or of the model below it) or own (data and view into `block`). Rooms above read `view` and
 * write `data`.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { BLOCK_ALIGNMENT = 64 };

tw_status tw_model__create(tw_model **out, tw_graph *graph, tw_error *err)
{
    tw_model *model = tw_calloc(1, sizeof *model);
    tw_shape shapes[2];

    *out = NULL;
    if (!model) {
        tw_graph_free(graph);
        return tw_fail(err, TW_ENOMEM, "no memory for a model");
    }
    model->graph = graph;
    model->temperature = 1.0;
    if (!(model->params = tw_calloc((size_t)graph->n, sizeof *model->params)) ||
        !(model->frozen = tw_calloc((size_t)graph->n, sizeof *model->frozen))) {
        tw_model_free(model);
        return tw_fail(err, TW_ENOMEM, "no memory for a model");
    }
    for (int i = 0; i < graph->n; i++) {
        int n = tw_node_params(graph, i, shapes);

        model->frozen[i] = true;
        for (int slot = 0; slot < n; slot++)
            model->params[i][slot].shape = shapes[slot];
    }
    *out = model;
    return TW_OK;
}

void tw_model_free(tw_model *model)
{
    if (!model)
        return;
    tw_graph_free(model->graph);
    tw_free(model->params);
    tw_free(model->frozen);
    for (int i = 0; model->classes && i < model->n_classes; i++)
        tw_free(model->classes[i]);
    tw_free(model->classes);
    tw_free(model->architecture);
    tw_free(model->weights);
    tw_known_free(&model->known);
    tw_json_free(model->provenance);
    tw_weight_file_close(&model->file);
    tw_free(model->block);
    tw_free(model);
}

const char *tw_model__source(const tw_model *model)
{
    if (model->file.map.path)
        return model->file.map.path;
    if (model->weights)
        return model->weights;
    return model->architecture ? model->architecture : "model";
}

int tw_model__find_layer(const tw_graph *graph, const char *name)
{
    for (int i = 0; i < graph->n; i++)
        if (!strcmp(graph->nodes[i].name, name))
            return i;
    return -1;
}

tw_status tw_model__copy_classes(tw_model *model, char *const *classes, int n, tw_error *err)
{
    if (n < 1)
        return TW_OK;
    if (!(model->classes = tw_calloc((size_t)n, sizeof *model->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    model->n_classes = n;
    for (int i = 0; i < n; i++)
        if (!(model->classes[i] = tw_strdup(classes[i])))
            return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    return TW_OK;
}

/* Numbers that a parameter takes in the block. */
int64_t tw_model__padded_size(const tw_param *param)
{
    const int64_t line = BLOCK_ALIGNMENT / (int64_t)sizeof(float);

    return (tw_shape_size(&param->shape) + line - 1) / line * line;
}

/* Whether a node of the base below has these numbers already. */
static bool has_numbers(const tw_model *base, int node, int slot)
{
    return base && node < base->graph->n && base->params[node][slot].view;
}

tw_status tw_model__init_block(tw_model *model, int first, const tw_model *base, uint64_t seed,
                               tw_error *err)
{
    tw_shape shapes[2];
    int64_t n = 0;
    float *at;

    for (int i = first; i < model->graph->n; i++)
        for (int slot = 0; slot < tw_node_params(model->graph, i, shapes); slot++)
            n += tw_model__padded_size(&model->params[i][slot]);
    model->block_bytes = n * (int64_t)sizeof(float);
    if (!n)
        return TW_OK;
    if (!(at = model->block = tw_alloc_f32(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld bytes of parameters",
                       (long long)model->block_bytes);

    for (int i = first; i < model->graph->n; i++) {
        const tw_initializer how[2] = {model->graph->nodes[i].initializer, TW_ZEROS};

        for (int slot = 0; slot < tw_node_params(model->graph, i, shapes); slot++) {
            tw_param *param = &model->params[i][slot];

            param->data = at;
            param->view = at;
            if (!has_numbers(base, i, slot))
                tw_init_fill(at, &param->shape, how[slot], seed, (uint64_t)i * 2 + (uint64_t)slot,
                             base ? base->n_threads : 1);
            at += tw_model__padded_size(param);
        }
    }
    return TW_OK;
}

tw_status tw_model__cut(tw_graph **out, const tw_graph *graph, const char *cut, tw_error *err)
{
    tw_status rc;
    int node;

    *out = NULL;
    if (!cut)
        return tw_graph_copy(out, graph, err);
    if ((rc = tw_graph_find(&node, graph, cut, err)) != TW_OK)
        return rc;
    return tw_graph_cut(out, graph, node, err);
}

/* ---- built-in networks */

/* What provenance and sentences call weights that are part of the program. */
static const char *const inside = "built-in";

static bool is_random(const char *weights)
{
    return !strcmp(weights, "random");
}

static const char *file_part(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

static tw_status describe(tw_model *model, const char *name, const char *weights, uint64_t seed,
                          bool is_cut, tw_error *err)
{
    const tw_graph *graph = model->graph;
    char seed_text[24];
    bool ok = (model->architecture = tw_strdup(name)) &&
              (model->provenance = tw_json_new_object()) &&
              tw_json_set(model->provenance, "architecture", tw_json_new_string(name));

    if (weights) {
        ok = ok && (model->weights = tw_strdup(file_part(weights)));
        ok = ok && tw_json_set(model->provenance, "weights", tw_json_new_string(model->weights));
        snprintf(seed_text, sizeof seed_text, "%llu", (unsigned long long)seed);
        if (is_random(weights))
            ok =
                ok && tw_json_set(model->provenance, "weights_seed", tw_json_new_string(seed_text));
    }
    if (is_cut)
        ok = ok && tw_json_set(model->provenance, "cut",
                               tw_json_new_string(graph->nodes[graph->n - 1].name));
    ok = ok && tw_json_set(model->provenance, "made_by", tw_json_new_string("topwork " TW_VERSION));
    return ok ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory to describe %s", name);
}

static tw_status open_weights(tw_model *model, const char *name, const char *weights, tw_error *err)
{
    const tw_architecture *row = tw_model__architecture(name);

    if (weights != inside)
        return tw_model__open_weights(&model->file, weights, err);
    return tw_weight_file_borrow(&model->file, row->weights,
                                 (size_t)(row->weights_end - row->weights), name, err);
}

/* Where the numbers came from, in words that do not depend on place or time. */
static tw_status describe_file(tw_model *model, tw_error *err)
{
    const char *layout = model->layout == TW_LAYOUT_TORCH         ? "OIHW to HWIO"
                         : tw_model__naming_is_rgb(model->naming) ? "first kernel RGB to BGR"
                                                                  : "as it is";
    tw_json *to = model->provenance;

    if (tw_json_set(to, "weights_format",
                    tw_json_new_string(tw_weight_kind_name(model->file.kind))) &&
        tw_json_set(to, "weights_naming",
                    tw_json_new_string(tw_model__naming_text(model->naming))) &&
        tw_json_set(to, "weights_layout", tw_json_new_string(layout)) &&
        (!model->has_folded ||
         tw_json_set(to, "batch_norm", tw_json_new_string("folded into the convolutions"))))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory to describe %s", tw_model__source(model));
}

/* The contract that the weights were trained with comes with their naming. */
static tw_status bind_file(tw_model *model, const tw_graph *whole, tw_error *err)
{
    const bool is_whole = model->graph->n == whole->n;
    tw_status rc;

    if ((rc = tw_model__recognize(&model->naming, &model->file, whole, err)))
        return rc;
    tw_model__naming_contract(&model->contract, model->naming);
    if ((rc = tw_model__take_metadata(model, is_whole, err)))
        return rc;
    model->made_for = model->contract.preprocess;
    if ((rc = tw_model__order_layers(&model->file, whole, err)))
        return rc;
    return tw_model__bind(model, whole, true, err);
}

static tw_status open_builtin(tw_model **out, const char *name, const char *weights,
                              const char *cut, uint64_t seed, tw_error *err)
{
    tw_status rc;
    tw_graph *whole = NULL, *graph = NULL;
    tw_model *model = NULL;
    tw_contract contract;

    if ((rc = tw_model_build(&whole, &contract, name, err)) != TW_OK ||
        (rc = tw_model__cut(&graph, whole, cut, err)) != TW_OK ||
        (rc = tw_model__create(&model, graph, err)) != TW_OK)
        goto done;
    model->contract = contract;
    if (!weights && tw_model_has_weights(name))
        weights = inside;
    if ((rc = describe(model, name, weights, seed, cut != NULL, err)) != TW_OK)
        goto done;
    if (weights && is_random(weights))
        rc = tw_model__init_block(model, 0, NULL, seed, err);
    else if (weights && (rc = open_weights(model, name, weights, err)) == TW_OK &&
             (rc = bind_file(model, whole, err)) == TW_OK && weights != inside)
        rc = describe_file(model, err);
    if (rc == TW_OK) {
        *out = model;
        model = NULL; /* ownership moved to *out */
    }
done:
    tw_model_free(model);
    tw_graph_free(whole);
    return rc;
}

/* A model file, or the one in a folder: a run's. */
static tw_status open_own(tw_model **out, const char *path, const char *cut, tw_error *err)
{
    char *file;
    tw_status rc;

    if (!tw_path_is_folder(path))
        return tw_model__open_file(out, path, cut, err);
    if (!(file = tw_path_join(path, "model.safetensors")))
        return tw_fail(err, TW_ENOMEM, "no memory to open %s", path);
    rc = tw_path_exists(file)
             ? tw_model__open_file(out, file, cut, err)
             : tw_fail(err, TW_EFILE, "%s: a folder without model.safetensors, no model", path);
    tw_free(file);
    return rc;
}

tw_status tw_model_open(tw_model **out, const char *name, const char *weights, const char *cut,
                        uint64_t seed, tw_error *err)
{
    *out = NULL;
    /* a name that is neither gets tw_model_build's sentence with the nearest one */
    if (tw_model__architecture(name) || !tw_path_exists(name))
        return open_builtin(out, name, weights, cut, seed, err);
    if (weights)
        return tw_fail(err, TW_EUSAGE,
                       "model file %s has its own weights, \"%s\" cannot be given too", name,
                       weights);
    return open_own(out, name, cut, err);
}

/* ---- asking */

int tw_model_layer_count(const tw_model *model)
{
    return model->graph->n;
}

tw_layer_info tw_model_layer(const tw_model *model, int i)
{
    const tw_node *node = &model->graph->nodes[i];

    return (tw_layer_info){.index = i,
                           .name = node->name,
                           .op = tw_op_name(node->op),
                           .shape = node->out,
                           .n_params = tw_node_param_count(model->graph, i),
                           .macs = tw_node_macs(model->graph, i),
                           .activation_bytes = tw_shape_size(&node->out) * (int64_t)sizeof(float),
                           .frozen = model->frozen[i]};
}

int tw_model_class_count(const tw_model *model)
{
    return model->n_classes;
}

const char *tw_model_class_name(const tw_model *model, int class_index)
{
    if (!model->classes || class_index < 0 || class_index >= model->n_classes)
        return NULL;
    return model->classes[class_index];
}

const tw_contract *tw_model_contract(const tw_model *model)
{
    return &model->contract;
}

int tw_model_doubt(char *buf, size_t buf_size, const tw_model *model)
{
    const tw_preprocess made_for = model->made_for, now = model->contract.preprocess;
    const bool is_mixed = (made_for == TW_PREPROCESS_TORCH && now == TW_PREPROCESS_CAFFE) ||
                          (made_for == TW_PREPROCESS_CAFFE && now == TW_PREPROCESS_TORCH);

    buf[0] = '\0';
    if (is_mixed)
        snprintf(buf, buf_size,
                 "the weights were trained with preprocessing %s, pictures get %s: features will "
                 "be poor",
                 tw_preprocess_name(made_for), tw_preprocess_name(now));
    return is_mixed;
}

tw_status tw_model_set_contract(tw_model *model, const tw_contract *contract, tw_error *err)
{
    if (contract->height != model->contract.height || contract->width != model->contract.width)
        return tw_fail(err, TW_ESHAPE, "a contract of %dx%d does not fit, the model takes %dx%d",
                       contract->height, contract->width, model->contract.height,
                       model->contract.width);
    model->contract = *contract;
    return TW_OK;
}
