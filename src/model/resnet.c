/*
 * ResNet-18 and ResNet-50 (He et al. 2015) as torchvision has them (of the 50, the stride is in the
 * 3x3 convolution), with torchvision's layer names: conv1, maxpool, layer1.0.conv1 ..., avgpool,
 * fc. A block ends in layer1.0.add and layer1.0.relu; layer2.0.downsample is the convolution beside
 * it.
 *
 *     18:  x -- 3x3, relu -- 3x3 ------------- + x, relu --
 *     50:  x -- 1x1, relu -- 3x3, relu -- 1x1 - + x, relu --
 *
 * Padding is torch's, symmetric. Every convolution stands for itself and the batch normalization
 * behind it, which is folded into it when weights are read (batch_norm.c).
 */
#include "model/model_int.h"

#include <stdio.h>
#include <string.h>

enum { N_STAGES = 4, STEM = 64, N_CLASSES = 1000, INPUT_SIZE = 224 };

typedef struct resnet_plan {
    int n_blocks[N_STAGES];
    int expansion; /* 1: blocks of two 3x3; 4: bottlenecks, whose last 1x1 has 4 times the filters
                    */
} resnet_plan;

static const resnet_plan resnet18 = {{2, 2, 2, 2}, 1};
static const resnet_plan resnet50 = {{3, 4, 6, 3}, 4};

static tw_status append(tw_graph *graph, tw_node node, int from, const char *block,
                        const char *name, tw_error *err)
{
    node.n_inputs = node.n_inputs ? node.n_inputs : 1;
    node.inputs[0] = from;
    snprintf(node.name, sizeof node.name, "%.40s%.20s", block, name);
    return tw_graph_add(graph, &node, err);
}

static tw_node convolution(int channels, int window, int stride, tw_activation activation)
{
    return (tw_node){.op = TW_OP_CONV2D,
                     .units = channels,
                     .window = {window, window},
                     .stride = {stride, stride},
                     .padding = TW_SYMMETRIC,
                     .activation = activation};
}

/* The block's own convolutions, behind each other. */
static tw_status add_convolutions(tw_graph *graph, const resnet_plan *plan, const char *block,
                                  int width, int stride, tw_error *err)
{
    const bool is_bottleneck = plan->expansion > 1;
    tw_status rc;

    rc = append(graph,
                is_bottleneck ? convolution(width, 1, 1, TW_RELU)
                              : convolution(width, 3, stride, TW_RELU),
                graph->n - 1, block, "conv1", err);
    if (rc == TW_OK)
        rc = append(graph,
                    is_bottleneck ? convolution(width, 3, stride, TW_RELU)
                                  : convolution(width, 3, 1, TW_LINEAR),
                    graph->n - 1, block, "conv2", err);
    if (rc == TW_OK && is_bottleneck)
        rc = append(graph, convolution(width * plan->expansion, 1, 1, TW_LINEAR), graph->n - 1,
                    block, "conv3", err);
    return rc;
}

static tw_status add_block(tw_graph *graph, const resnet_plan *plan, const char *block, int width,
                           int stride, tw_error *err)
{
    const int channels = width * plan->expansion;
    tw_node sum = {.op = TW_OP_ADD, .n_inputs = 2, .inputs = {0, graph->n - 1}};
    const tw_node relu = {.op = TW_OP_RELU};
    const int begin = graph->n - 1;
    int end;
    tw_status rc;

    if ((rc = add_convolutions(graph, plan, block, width, stride, err)))
        return rc;
    end = graph->n - 1;
    if (stride > 1 || graph->nodes[begin].out.dims[2] != channels) {
        rc = append(graph, convolution(channels, 1, stride, TW_LINEAR), begin, block, "downsample",
                    err);
        sum.inputs[1] = graph->n - 1;
    }
    if (rc || (rc = append(graph, sum, end, block, "add", err)))
        return rc;
    return append(graph, relu, graph->n - 1, block, "relu", err);
}

static tw_status add_layers(tw_graph *graph, const resnet_plan *plan, tw_error *err)
{
    const tw_node pool = {
        .op = TW_OP_MAX_POOL, .window = {3, 3}, .stride = {2, 2}, .padding = TW_SYMMETRIC};
    const tw_node mean = {.op = TW_OP_GLOBAL_AVERAGE_POOL};
    const tw_node classes = {.op = TW_OP_DENSE, .units = N_CLASSES, .activation = TW_SOFTMAX};
    tw_status rc;
    char block[TW_NAME_SIZE];

    if ((rc = append(graph, convolution(STEM, 7, 2, TW_RELU), 0, "", "conv1", err)) ||
        (rc = append(graph, pool, graph->n - 1, "", "maxpool", err)))
        return rc;
    for (int stage = 0; stage < N_STAGES; stage++)
        for (int i = 0; i < plan->n_blocks[stage] && rc == TW_OK; i++) {
            snprintf(block, sizeof block, "layer%d.%d.", stage + 1, i);
            rc = add_block(graph, plan, block, STEM << stage, stage > 0 && i == 0 ? 2 : 1, err);
        }
    if (rc || (rc = append(graph, mean, graph->n - 1, "", "avgpool", err)))
        return rc;
    return append(graph, classes, graph->n - 1, "", "fc", err);
}

static tw_status build(tw_graph **out, const resnet_plan *plan, tw_error *err)
{
    const tw_shape input = {3, {INPUT_SIZE, INPUT_SIZE, 3}};
    tw_graph *graph = NULL;
    tw_status rc = tw_graph_create(&graph, "input_1", &input, err);

    *out = NULL;
    if (rc == TW_OK && (rc = add_layers(graph, plan, err)) == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}

tw_status tw_model__resnet18(tw_graph **out, tw_error *err)
{
    return build(out, &resnet18, err);
}

tw_status tw_model__resnet50(tw_graph **out, tw_error *err)
{
    return build(out, &resnet50, err);
}

/* ---- torchvision's names: layer2.0.conv1 and layer2.0.bn1, layer2.0.downsample.0 and .1 */

bool tw_model__resnet_name(char layer[TW_NAME_SIZE], char norm[TW_NAME_SIZE], const tw_graph *graph,
                           int node)
{
    const char *name = graph->nodes[node].name, *dot = strrchr(name, '.');
    const char *last = dot ? dot + 1 : name;
    const int n_block = (int)(last - name);

    if (graph->n < 3 || strcmp(graph->nodes[2].name, "maxpool") != 0)
        return false;
    if (strcmp(last, "downsample") == 0) {
        snprintf(layer, TW_NAME_SIZE, "%.60s.0", name);
        snprintf(norm, TW_NAME_SIZE, "%.60s.1", name);
        return true;
    }
    snprintf(layer, TW_NAME_SIZE, "%s", name);
    norm[0] = '\0';
    if (strncmp(last, "conv", 4) == 0)
        snprintf(norm, TW_NAME_SIZE, "%.*sbn%.8s", n_block, name, last + 4);
    return true;
}
