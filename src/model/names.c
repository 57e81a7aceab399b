/*
 * What files call the parameters of a network, one row a naming. Keras's names are the graph's own;
 * those for networks of the VGG kind count layers, so one rule serves all of them; networks with
 * blocks have a function of their own that knows torch's names.
 *
 *   Keras         block1_conv1/kernel       fc1/kernel             predictions/bias
 *   torchvision   features.0.weight         classifier.0.weight    classifier.6.bias
 *   timm          features.0.weight         pre_logits.fc1.weight  head.fc.bias
 *   Frossard      conv1_1_W                 fc6_W                  fc8_b
 *   torchvision   layer1.0.conv1.weight     layer1.0.bn1.weight    fc.bias
 *   Melas         _blocks.0._depthwise_conv.weight, _blocks.0._bn1.running_mean, _fc.bias
 *
 * Which naming a file has is told by how many of its tensors each naming knows; of equals the first
 * row.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* The torch names of the fully connected layers, first to last. */
static const char *const torchvision_dense[] = {"classifier.0", "classifier.3", "classifier.6"};
static const char *const timm_dense[] = {"pre_logits.fc1", "pre_logits.fc2", "head.fc"};
static const char *const frossard_dense[] = {"fc6", "fc7", "fc8"};
enum { N_DENSE = 3 };

/* Where a layer stands among the others of the graph. */
typedef struct place {
    int feature;     /* index in torch's `features`: a convolution and its ReLU count as two */
    int block, conv; /* from 1: the conv-th convolution of the block-th block */
    int dense;       /* from 0 */
} place;

static place find_place(const tw_graph *graph, int node)
{
    place at = {.block = 1};

    for (int i = 0; i < node; i++) {
        switch (graph->nodes[i].op) {
        case TW_OP_CONV2D:
            at.feature += 2;
            at.conv++;
            break;
        case TW_OP_MAX_POOL:
            at.feature++;
            at.block++;
            at.conv = 0;
            break;
        case TW_OP_DENSE:
            at.dense++;
            break;
        default:
            break;
        }
    }
    at.conv++;
    return at;
}

/* One row a naming. */
typedef struct form {
    const char *text;
    const char *const *dense; /* NULL: the graph's names */
    const char *params[2];
    tw_weight_layout layout;
    bool is_rgb;   /* its first kernel takes RGB, whatever the contract */
    bool is_torch; /* trained on what torchvision makes of a picture */
    /* NULL: the VGG kind */
    bool (*name)(char layer[TW_NAME_SIZE], char norm[TW_NAME_SIZE], const tw_graph *graph,
                 int node);
    double epsilon; /* of its batch normalizations */
} form;

static const form forms[TW_N_NAMING] = {
    [TW_NAMING_KERAS] = {.text = "Keras", .params = {"/kernel", "/bias"}},
    [TW_NAMING_TORCHVISION] = {.text = "torchvision",
                               .dense = torchvision_dense,
                               .params = {".weight", ".bias"},
                               .layout = TW_LAYOUT_TORCH,
                               .is_torch = true},
    [TW_NAMING_TIMM] = {.text = "timm",
                        .dense = timm_dense,
                        .params = {".weight", ".bias"},
                        .layout = TW_LAYOUT_TORCH,
                        .is_torch = true},
    [TW_NAMING_FROSSARD] = {.text = "Frossard",
                            .dense = frossard_dense,
                            .params = {"_W", "_b"},
                            .is_rgb = true},
    [TW_NAMING_RESNET] = {.text = "torchvision",
                          .params = {".weight", ".bias"},
                          .layout = TW_LAYOUT_TORCH,
                          .is_torch = true,
                          .name = tw_model__resnet_name,
                          .epsilon = 1e-5},
    [TW_NAMING_MELAS] = {.text = "EfficientNet-PyTorch",
                         .params = {".weight", ".bias"},
                         .layout = TW_LAYOUT_TORCH,
                         .name = tw_model__efficientnet_lite_name,
                         .epsilon = 1e-3},
};

double tw_model__naming_epsilon(tw_naming naming)
{
    return forms[naming].epsilon;
}

const char *tw_model__naming_text(tw_naming naming)
{
    return forms[naming].text;
}

tw_weight_layout tw_model__naming_layout(tw_naming naming)
{
    return forms[naming].layout;
}

bool tw_model__naming_is_rgb(tw_naming naming)
{
    return forms[naming].is_rgb;
}

/* The shorter side to 256 as Pillow's bilinear does it, the middle 224x224, then mean and
 * deviation. */
void tw_model__naming_contract(tw_contract *contract, tw_naming naming)
{
    if (!forms[naming].is_torch)
        return;
    contract->interpolation = TW_BILINEAR_AA;
    contract->resize = TW_RESIZE_CROP;
    contract->crop_pct = 0.875;
    contract->preprocess = TW_PREPROCESS_TORCH;
}

/* ---- names of a graph's parameters */

/* All names of a node of a network with blocks. A convolution with a batch normalization has no
 * bias. */
static void write_names(char of[TW_MODEL__N_NAMES][TW_MODEL__PARAM_NAME], const form *row,
                        const tw_graph *graph, int node)
{
    static const char *const ends[] = {".weight", ".bias", ".running_mean", ".running_var",
                                       ".num_batches_tracked"};
    char layer[TW_NAME_SIZE], norm[TW_NAME_SIZE];

    if (!row->name(layer, norm, graph, node))
        return;
    snprintf(of[0], sizeof of[0], "%s%s", layer, row->params[0]);
    if (!norm[0])
        snprintf(of[1], sizeof of[1], "%s%s", layer, row->params[1]);
    for (int i = TW_MODEL__FIRST_NORM; norm[0] && i < TW_MODEL__N_NAMES; i++)
        snprintf(of[i], sizeof of[i], "%s%s", norm, ends[i - TW_MODEL__FIRST_NORM]);
}

static void write_name(char buf[TW_MODEL__PARAM_NAME], tw_naming naming, const tw_graph *graph,
                       int node, int slot)
{
    const form *row = &forms[naming];
    const bool is_dense = graph->nodes[node].op == TW_OP_DENSE;
    const place at = find_place(graph, node);
    const size_t n = TW_MODEL__PARAM_NAME;

    if (!row->dense)
        snprintf(buf, n, "%s%s", graph->nodes[node].name, row->params[slot]);
    else if (is_dense && at.dense < N_DENSE)
        snprintf(buf, n, "%s%s", row->dense[at.dense], row->params[slot]);
    else if (!is_dense && naming == TW_NAMING_FROSSARD)
        snprintf(buf, n, "conv%d_%d%s", at.block, at.conv, row->params[slot]);
    else if (!is_dense)
        snprintf(buf, n, "features.%d%s", at.feature, row->params[slot]);
}

tw_status tw_model__names_create(tw_model__names *out, tw_naming naming, const tw_graph *graph,
                                 tw_error *err)
{
    tw_shape shapes[2];

    *out = (tw_model__names){.naming = naming, .graph = graph};
    if (!(out->of = tw_calloc((size_t)graph->n, sizeof *out->of)))
        return tw_fail(err, TW_ENOMEM, "no memory for the names of a network's parameters");
    for (int node = 0; node < graph->n; node++) {
        const int n = tw_node_params(graph, node, shapes);

        if (n > 0 && forms[naming].name)
            write_names(out->of[node], &forms[naming], graph, node);
        for (int slot = 0; slot < n && !forms[naming].name; slot++)
            write_name(out->of[node][slot], naming, graph, node, slot);
    }
    return TW_OK;
}

void tw_model__names_free(tw_model__names *names)
{
    tw_free(names->of);
    *names = (tw_model__names){0};
}

/* Keras 1 in an .npz says block1_conv1_W where Keras 2 says block1_conv1/kernel, or kernel:0. */
static bool is_keras_name(const char *name, const char *layer, int slot)
{
    static const char *const ends[2][3] = {{"/kernel", "/kernel:0", "_W"},
                                           {"/bias", "/bias:0", "_b"}};
    const size_t n = strlen(layer);

    for (int i = 0; i < 3 && strncmp(name, layer, n) == 0; i++)
        if (strcmp(name + n, ends[slot][i]) == 0)
            return true;
    return false;
}

bool tw_model__names_find(int *node, int *slot, const tw_model__names *names, const char *name)
{
    for (*node = 0; *node < names->graph->n; ++*node)
        for (*slot = 0; *slot < TW_MODEL__N_NAMES; ++*slot) {
            const char *ours = names->of[*node][*slot];

            if (ours[0] && (strcmp(ours, name) == 0 ||
                            (names->naming == TW_NAMING_KERAS &&
                             is_keras_name(name, names->graph->nodes[*node].name, *slot))))
                return true;
        }
    *node = *slot = -1;
    return false;
}

tw_status tw_model__recognize(tw_naming *out, const tw_weight_file *file, const tw_graph *graph,
                              tw_error *err)
{
    tw_status rc;
    tw_model__names names;
    int n_best = 0;

    *out = TW_NAMING_KERAS;
    if (tw_weight_kind_has_slots(file->kind))
        return TW_OK;
    for (int row = 0; row < TW_N_NAMING; row++) {
        int n = 0, node, slot;

        if ((rc = tw_model__names_create(&names, (tw_naming)row, graph, err)))
            return rc;
        for (int i = 0; i < file->n_tensors; i++)
            n += tw_model__names_find(&node, &slot, &names, file->tensors[i].name);
        tw_model__names_free(&names);
        if (n > n_best) {
            n_best = n;
            *out = (tw_naming)row;
        }
    }
    return TW_OK;
}
