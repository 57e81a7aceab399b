/*
 * Weights of a file onto the nodes of a graph: by name, shapes compared exactly. What the graph can
 * read as it lies stays mapped; what has another layout or type is converted, once.
 *
 * The whole file is looked at before anything is said, so that one sentence names every problem.
 * Layers that the architecture has and the cut graph has not are passed over.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Problems so far; what no longer fits into the sentence is counted. */
enum { MAX_PROBLEM_TEXT = 900 };
typedef struct problems {
    tw_text text;
    int n, n_left_out;
} problems;

static void add_problem(problems *all, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void add_problem(problems *all, const char *format, ...)
{
    char one[512];
    va_list args;

    va_start(args, format);
    vsnprintf(one, sizeof one, format, args);
    va_end(args);
    if (all->text.n + strlen(one) > MAX_PROBLEM_TEXT)
        all->n_left_out++;
    else
        tw_text_add(&all->text, "%s%s", all->n ? "; " : "", one);
    all->n++;
}

static tw_status fail_problems(problems *all, const char *source, tw_error *err)
{
    if (!all->n)
        return TW_OK;
    if (all->text.failed)
        return tw_fail(err, TW_ENOMEM, "no memory to say what is wrong with %s", source);
    if (all->n_left_out)
        return tw_fail(err, TW_EFILE, "%.100s: %s; and %d more", source, all->text.text,
                       all->n_left_out);
    return tw_fail(err, TW_EFILE, "%.100s: %s", source, all->text.text);
}

/* ---- which tensor is which parameter */

/* A run over the file. `of` has a binding for each parameter of the model's graph. */
typedef struct binder {
    tw_model *model;
    const tw_graph *whole;
    tw_model__names names; /* of whole */
    tw_weight_layout layout;
    tw_model__binding (*of)[2];
    const tw_named_tensor *(*norms)[TW_N_NORM]; /* batch normalizations to be folded, a node each */
    problems all;
} binder;

/* Layer and slot of a tensor in the whole graph, -1 where it is none of ours: by name, in .h5 by
 * its place in weight_names. Whether the layer is known. */
static bool locate(int *node, int *slot, const binder *b, const tw_named_tensor *tensor)
{
    tw_shape shapes[2];

    *slot = -1;
    if (tw_weight_kind_has_slots(b->model->file.kind)) {
        *node = tw_model__find_layer(b->whole, tensor->layer);
        if (*node >= 0 && tensor->slot < tw_node_params(b->whole, *node, shapes))
            *slot = tensor->slot;
        return *node >= 0;
    }
    if (tw_model__names_find(node, slot, &b->names, tensor->name))
        return true;
    if (b->names.naming == TW_NAMING_KERAS)
        *node = tw_model__find_layer(b->whole, tensor->layer);
    return *node >= 0;
}

/* The layout of the file: its naming's, but kernels of Keras's names may have torch's shapes. One
 * that fits nothing else decides for those that fit both. */
static tw_weight_layout find_layout(const binder *b)
{
    const tw_weight_file *file = &b->model->file;
    tw_shape shapes[2];
    int node, slot;

    if (b->names.naming != TW_NAMING_KERAS || tw_weight_kind_has_slots(file->kind))
        return tw_model__naming_layout(b->names.naming);
    for (int i = 0; i < file->n_tensors; i++) {
        const tw_shape *shape = &file->tensors[i].tensor.shape;

        if (!locate(&node, &slot, b, &file->tensors[i]) || slot != 0)
            continue;
        (void)tw_node_params(b->whole, node, shapes);
        if (!tw_shape_equal(shape, &shapes[0]) &&
            tw_model__is_torch_shape(b->whole, node, 0, shape))
            return TW_LAYOUT_TORCH;
    }
    return TW_LAYOUT_KERAS;
}

static bool is_float(tw_dtype dtype)
{
    return dtype == TW_F32 || dtype == TW_F64 || dtype == TW_F16 || dtype == TW_BF16;
}

static bool fits(const binder *b, int node, int slot, const tw_shape *shape)
{
    tw_shape shapes[2];

    (void)tw_node_params(b->model->graph, node, shapes);
    return b->layout == TW_LAYOUT_TORCH
               ? tw_model__is_torch_shape(b->model->graph, node, slot, shape)
               : tw_shape_equal(shape, &shapes[slot]);
}

/* "block1_conv1/kernel", behind what the file calls it where that is something else. */
static void name_param(char *buf, size_t buf_size, const binder *b, int node, int slot)
{
    const char *layer = b->model->graph->nodes[node].name;
    const char *theirs = b->names.of[tw_model__find_layer(b->whole, layer)][slot];

    if (b->names.naming == TW_NAMING_KERAS || !theirs[0])
        snprintf(buf, buf_size, "%s/%s", layer, tw_param_names[slot]);
    else
        snprintf(buf, buf_size, "%s (%s/%s)", theirs, layer, tw_param_names[slot]);
}

static bool is_first_convolution(const tw_graph *graph, int node)
{
    return graph->nodes[node].op == TW_OP_CONV2D && graph->nodes[node].inputs[0] == 0;
}

static void bind_tensor(binder *b, int node, int slot, const tw_named_tensor *tensor)
{
    const tw_graph *graph = b->model->graph;
    const tw_shape *shape = &tensor->tensor.shape;
    tw_model__binding *binding = &b->of[node][slot];
    char name[4 * TW_NAME_SIZE], expected[96], found[96];
    tw_shape shapes[2], torch = tw_model__torch_shape(graph, node, slot);

    (void)tw_node_params(graph, node, shapes);
    name_param(name, sizeof name, b, node, slot);
    if (binding->tensor)
        add_problem(&b->all, "%s: more than once in the file", name);
    else if (!fits(b, node, slot, shape))
        add_problem(&b->all, "%s: expected %s, file has %s", name,
                    tw_shape_text(expected, sizeof expected,
                                  b->layout == TW_LAYOUT_TORCH ? &torch : &shapes[slot]),
                    tw_shape_text(found, sizeof found, shape));
    else if (!is_float(tensor->tensor.dtype))
        add_problem(&b->all, "%s: expected F32, F64, F16 or BF16, file has %s", name,
                    tw_dtype_name(tensor->tensor.dtype));
    *binding =
        (tw_model__binding){.tensor = tensor,
                            .is_mapped = tw_weight_file_maps(&b->model->file, tensor->tensor.data),
                            .is_turned = slot == 0 && b->layout == TW_LAYOUT_TORCH,
                            .is_reversed = slot == 0 && tw_model__naming_is_rgb(b->names.naming) &&
                                           b->model->contract.preprocess == TW_PREPROCESS_CAFFE &&
                                           is_first_convolution(graph, node)};
}

/* Whether the file has a batch normalization behind a node of the model's graph, as its naming has
 * it. */
static bool has_norm(const binder *b, int node)
{
    const int i = tw_model__find_layer(b->whole, b->model->graph->nodes[node].name);

    return b->names.of[i][TW_MODEL__FIRST_NORM][0] != '\0';
}

/* One of the four tensors of a batch normalization; its counter is passed over. */
static void bind_norm(binder *b, int node, int slot, const tw_named_tensor *tensor)
{
    const tw_shape *found = &tensor->tensor.shape;
    tw_shape shapes[2];
    char expected[96], text[96];

    if (slot == TW_MODEL__COUNTER)
        return;
    (void)tw_node_params(b->model->graph, node, shapes);
    if (!tw_shape_equal(found, &shapes[1]))
        add_problem(&b->all, "%s: expected %s, file has %s", tensor->name,
                    tw_shape_text(expected, sizeof expected, &shapes[1]),
                    tw_shape_text(text, sizeof text, found));
    else if (!is_float(tensor->tensor.dtype))
        add_problem(&b->all, "%s: expected F32, F64, F16 or BF16, file has %s", tensor->name,
                    tw_dtype_name(tensor->tensor.dtype));
    b->norms[node][slot - TW_MODEL__FIRST_NORM] = tensor;
}

static void bind_tensors(binder *b)
{
    const tw_weight_file *file = &b->model->file;
    const char *previous = NULL;
    int node, slot;

    for (int i = 0; i < file->n_tensors; i++) {
        const tw_named_tensor *tensor = &file->tensors[i];
        const char *layer = tensor->layer;

        if (locate(&node, &slot, b, tensor)) {
            const char *name = b->whole->nodes[node].name;
            const int here = tw_model__find_layer(b->model->graph, name);

            if (here >= 0 && slot >= TW_MODEL__FIRST_NORM)
                bind_norm(b, here, slot, tensor);
            else if (here >= 0 && slot >= 0)
                bind_tensor(b, here, slot, tensor);
            else if (here >= 0)
                add_problem(&b->all, "%s: unknown weight \"%s\"", name, tensor->name);
        } else if (!(previous && !strcmp(previous, layer))) {
            add_problem(&b->all, "unknown layer \"%s\"", layer[0] ? layer : tensor->name);
        }
        previous = layer;
    }
}

static void check_norm(binder *b, int node)
{
    const char *name = b->model->graph->nodes[node].name;
    const int i = tw_model__find_layer(b->whole, name);
    int n = b->of[node][0].tensor != NULL;

    for (int k = 0; k < TW_N_NORM; k++)
        n += b->norms[node][k] != NULL;
    if (n == 0)
        add_problem(&b->all, "layer \"%s\" is missing", name);
    if (n > 0 && !b->of[node][0].tensor)
        add_problem(&b->all, "%s (%s): missing", b->names.of[i][0], name);
    for (int k = 0; n > 0 && k < TW_N_NORM; k++)
        if (!b->norms[node][k])
            add_problem(&b->all, "%s (%s): missing", b->names.of[i][TW_MODEL__FIRST_NORM + k],
                        name);
}

static void check_missing(binder *b, bool may_lack_dense)
{
    const tw_graph *graph = b->model->graph;
    char name[4 * TW_NAME_SIZE];
    tw_shape shapes[2];

    for (int i = 0; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        const bool has[2] = {b->of[i][0].tensor != NULL, b->of[i][1].tensor != NULL};

        if (!tw_node_params(graph, i, shapes))
            continue;
        if (has_norm(b, i)) {
            check_norm(b, i);
            continue;
        }
        name_param(name, sizeof name, b, i, has[0] ? 1 : 0);
        if (!has[0] && !has[1]) {
            if (!(may_lack_dense && node->op == TW_OP_DENSE))
                add_problem(&b->all, "layer \"%s\" is missing", node->name);
        } else if (!has[0] || !has[1]) {
            add_problem(&b->all, "%s: missing", name);
        }
    }
}

/* ---- numbers */

/* Those that the graph can read where they lie are left there. */
static bool needs_copy(const binder *b, int node, int slot)
{
    const tw_model__binding *binding = &b->of[node][slot];

    if (b->norms[node][0])
        return true;
    return binding->tensor &&
           (binding->is_turned || binding->is_reversed || binding->tensor->tensor.dtype != TW_F32);
}

static tw_status make_block(binder *b, tw_error *err)
{
    tw_model *model = b->model;
    int64_t n = 0;

    for (int i = 0; i < model->graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            if (needs_copy(b, i, slot))
                n += tw_model__padded_size(&model->params[i][slot]);
    model->block_bytes = model->converted_bytes = n * (int64_t)sizeof(float);
    if (n > 0 && !(model->block = tw_alloc_f32(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld bytes of converted weights",
                       (long long)model->block_bytes);
    return TW_OK;
}

/* A parameter in the block at `at`. A bias that comes from a batch normalization is written with
 * its kernel. */
static tw_status copy_param(const binder *b, int node, int slot, float *at, tw_error *err)
{
    const tw_model *model = b->model;
    tw_param *param = &model->params[node][slot];
    float *bias = at + tw_model__padded_size(param);
    tw_status rc = TW_OK;

    param->view = param->data = at;
    if (b->of[node][slot].tensor)
        rc = tw_model__convert(at, model, node, slot, &b->of[node][slot], err);
    if (rc == TW_OK && slot == 0 && b->norms[node][0])
        rc = tw_model__fold_norm(at, bias, model, node, b->norms[node],
                                 tw_model__naming_epsilon(b->names.naming), err);
    return rc;
}

/* Fills the views of the model's parameters. */
static tw_status set_views(binder *b, tw_error *err)
{
    tw_model *model = b->model;
    float *at;
    tw_status rc = make_block(b, err);

    at = model->block;
    for (int i = 0; i < model->graph->n * 2 && rc == TW_OK; i++) {
        const tw_model__binding *binding = &b->of[i / 2][i % 2];
        tw_param *param = &model->params[i / 2][i % 2];

        if (needs_copy(b, i / 2, i % 2)) {
            rc = copy_param(b, i / 2, i % 2, at, err);
            at += tw_model__padded_size(param);
        } else if (binding->tensor) {
            param->view = binding->tensor->tensor.data;
            param->mapped = binding->is_mapped;
        }
        model->has_folded |= b->norms[i / 2][0] != NULL;
    }
    return rc;
}

tw_status tw_model__bind(tw_model *model, const tw_graph *whole, bool may_lack_dense, tw_error *err)
{
    binder b = {.model = model, .whole = whole};
    tw_status rc = tw_model__names_create(&b.names, model->naming, whole, err);

    if (rc == TW_OK && (!(b.of = tw_calloc((size_t)model->graph->n, sizeof *b.of)) ||
                        !(b.norms = tw_calloc((size_t)model->graph->n, sizeof *b.norms))))
        rc =
            tw_fail(err, TW_ENOMEM, "no memory to bind the weights of %s", tw_model__source(model));
    if (rc)
        goto done;
    model->layout = b.layout = find_layout(&b);
    bind_tensors(&b);
    check_missing(&b, may_lack_dense);
    if ((rc = fail_problems(&b.all, tw_model__source(model), err)) == TW_OK)
        rc = set_views(&b, err);
done:
    tw_text_free(&b.all.text);
    tw_free(b.of);
    tw_free((void *)b.norms);
    tw_model__names_free(&b.names);
    return rc;
}
