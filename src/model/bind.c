/*
 * Weights of a file onto the nodes of a graph: by layer name, then by slot (kernel, bias), shapes
 * compared exactly. Nothing is copied: views point into the mapped file.
 *
 * The whole file is looked at before anything is said, so that one sentence names every problem.
 * Layers that the architecture has and the cut graph has not are passed over.
 */
#include "model/model_int.h"

#include "base/fail.h"
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

/* Place of a tensor in its layer: by the last part of its name in safetensors, by its place in
 * weight_names in .h5. -1 where it is none of ours. */
static int find_slot(const tw_weight_file *file, const tw_named_tensor *tensor, int n_params)
{
    const char *part = strrchr(tensor->name, '/');

    if (file->kind == TW_WEIGHTS_KERAS_H5)
        return tensor->slot < n_params ? tensor->slot : -1;
    for (int slot = 0; slot < n_params; slot++)
        if (part && !strcmp(part + 1, tw_param_names[slot]))
            return slot;
    return -1;
}

/* What does not lie in the mapped file lies in a block of it, and cannot be read again. */
static bool is_mapped(const tw_weight_file *file, const void *data)
{
    const uint8_t *at = data;

    return at >= file->map.data && at < file->map.data + file->map.size;
}

static void bind_tensor(tw_model *model, int node, const tw_named_tensor *tensor, problems *all)
{
    const char *layer = model->graph->nodes[node].name;
    tw_shape shapes[2];
    int n_params = tw_node_params(model->graph, node, shapes);
    int slot = find_slot(&model->file, tensor, n_params);
    tw_param *param = &model->params[node][slot < 0 ? 0 : slot];
    char expected[96], found[96];

    if (slot < 0)
        add_problem(all, "%s: unknown weight \"%s\"", layer, tensor->name);
    else if (param->view)
        add_problem(all, "%s/%s: more than once in the file", layer, tw_param_names[slot]);
    else if (!tw_shape_equal(&tensor->tensor.shape, &shapes[slot]))
        add_problem(all, "%s/%s: expected %s, file has %s", layer, tw_param_names[slot],
                    tw_shape_text(expected, sizeof expected, &shapes[slot]),
                    tw_shape_text(found, sizeof found, &tensor->tensor.shape));
    else if (tensor->tensor.dtype != TW_F32)
        add_problem(all, "%s/%s: expected F32, file has %s", layer, tw_param_names[slot],
                    tw_dtype_name(tensor->tensor.dtype));
    if (slot < 0)
        return;
    param->view = tensor->tensor.data;
    param->mapped = is_mapped(&model->file, tensor->tensor.data);
}

static void bind_tensors(tw_model *model, const tw_graph *whole, problems *all)
{
    const tw_weight_file *file = &model->file;
    const char *previous = NULL;

    for (int i = 0; i < file->n_tensors; i++) {
        const tw_named_tensor *tensor = &file->tensors[i];
        const char *layer = tensor->layer;
        int node = tw_model__find_layer(model->graph, layer);

        if (node >= 0)
            bind_tensor(model, node, tensor, all);
        else if (tw_model__find_layer(whole, layer) < 0 && !(previous && !strcmp(previous, layer)))
            add_problem(all, "unknown layer \"%s\"", layer[0] ? layer : tensor->name);
        previous = layer;
    }
}

static void check_missing(const tw_model *model, bool may_lack_dense, problems *all)
{
    tw_shape shapes[2];

    for (int i = 0; i < model->graph->n; i++) {
        const tw_node *node = &model->graph->nodes[i];
        tw_param *params = model->params[i];

        if (!tw_node_params(model->graph, i, shapes))
            continue;
        if (!params[0].view && !params[1].view) {
            if (!(may_lack_dense && node->op == TW_OP_DENSE))
                add_problem(all, "layer \"%s\" is missing", node->name);
        } else if (!params[0].view || !params[1].view) {
            add_problem(all, "%s/%s: missing", node->name, tw_param_names[params[0].view ? 1 : 0]);
        }
    }
}

tw_status tw_model__bind(tw_model *model, const tw_graph *whole, bool may_lack_dense, tw_error *err)
{
    problems all = {0};
    tw_status rc;

    bind_tensors(model, whole, &all);
    check_missing(model, may_lack_dense, &all);
    rc = fail_problems(&all, tw_model__source(model), err);
    tw_text_free(&all.text);
    return rc;
}
