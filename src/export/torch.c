/*
 * A model as PyTorch's names and layouts: safetensors with torchvision's names for networks of
 * VGG's kind. Layers over pictures count up in features.N, those after them in classifier.N, each
 * activation, pooling and dropout with a number of its own, as nn.Sequential counts. The softmax at
 * the end is not a module: a torch model gives logits. Where VGG's fc1 and fc2 come without
 * dropout, torchvision's has one all the same, and its number is left out.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/safetensors.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

/* How many modules a node is. */
static int count_modules(const tw_graph *graph, int i)
{
    const tw_node *node = &graph->nodes[i];
    const bool last = i == graph->n - 1;
    const bool is_vgg_dense = !strcmp(node->name, "fc1") || !strcmp(node->name, "fc2");
    int n = 1;

    switch (node->op) {
    case TW_OP_INPUT:
    case TW_OP_FLATTEN:
    case TW_OP_GLOBAL_AVERAGE_POOL:
        return 0;
    case TW_OP_CONV2D:
    case TW_OP_DENSE:
        n += node->activation != TW_LINEAR && !(last && node->activation == TW_SOFTMAX);
        return n + (is_vgg_dense && !last && graph->nodes[i + 1].op != TW_OP_DROPOUT);
    default:
        return !(last && node->op == TW_OP_SOFTMAX);
    }
}

void tw_export__name_torch(tw_export__params *params, const tw_graph *graph)
{
    static const char *const parts[2] = {"features", "classifier"};
    static const char *const slots[2] = {"weight", "bias"};
    int next[2] = {0, 0}, at = 0;

    for (int i = 0; i < graph->n; i++) {
        const int part = graph->nodes[i].out.rank == 1;

        for (; at < params->n && params->items[at].node == i; at++) {
            tw_export__param *p = &params->items[at];

            snprintf(p->name, sizeof p->name, "%s.%d.%s", parts[part], next[part], slots[p->slot]);
        }
        next[part] += count_modules(graph, i);
    }
}

/* A module's number says nothing of branches, and what torch calls those networks has batch norms
 * that the model's convolutions have in them. */
static tw_status check_chain(const tw_graph *graph, tw_error *err)
{
    for (int i = 1; i < graph->n; i++)
        if (graph->nodes[i].op == TW_OP_ADD || graph->nodes[i].op == TW_OP_DEPTHWISE_CONV2D)
            return tw_fail(err, TW_EUNSUPPORTED,
                           "layer \"%s\": torch-safetensors is for chains of VGG's kind, %s has no "
                           "name there; onnx holds it",
                           graph->nodes[i].name, tw_op_name(graph->nodes[i].op));
    return TW_OK;
}

static tw_status write_params(const char *path, const tw_export__params *params,
                              const tw_json *metadata, tw_error *err)
{
    tw_status rc;
    tw_safetensors_entry *entries = tw_calloc((size_t)params->n, sizeof *entries);
    const tw_axes **axes = tw_calloc((size_t)params->n, sizeof *axes);

    if (!entries || !axes) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
        goto done;
    }
    for (int i = 0; i < params->n; i++) {
        const tw_export__param *p = &params->items[i];

        entries[i] = (tw_safetensors_entry){.name = p->name,
                                            .tensor = {p->param->view, TW_F32, p->shape},
                                            .mapped = p->param->mapped};
        axes[i] = p->permuted ? &p->axes : NULL;
    }
    rc = tw_safetensors_write_permuted(path, entries, axes, params->n, metadata, err);
done:
    tw_free(axes);
    tw_free(entries);
    return rc;
}

tw_status tw_export__write_torch(const tw_model *model, const char *path, tw_error *err)
{
    tw_status rc;
    tw_export__params params = {0};
    tw_json *metadata = NULL;

    if ((rc = check_chain(model->graph, err)) == TW_OK &&
        (rc = tw_export__list(&params, model, TW_EXPORT__TORCH_LAYOUT, err)) == TW_OK) {
        tw_export__name_torch(&params, model->graph);
        rc = tw_export__metadata(&metadata, model, &params, err);
    }
    if (rc == TW_OK)
        rc = write_params(path, &params, metadata, err);
    tw_json_free(metadata);
    tw_free(params.items);
    return rc;
}
