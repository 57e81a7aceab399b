/*
 * VGG16 and VGG19 (Simonyan and Zisserman 2014) with Keras's layer names and indices: five blocks
 * of 3x3 convolutions, each ended by a 2x2 pool, then flatten, fc1, fc2, predictions. vgg16-mini is
 * VGG16's five blocks at 1/8 of their width, without a top.
 */
#include "model/model_int.h"

#include <stdio.h>
#include <string.h>

enum { N_BLOCKS = 5, N_CLASSES = 1000, FC_UNITS = 4096, INPUT_SIZE = 224 };

typedef struct vgg_plan {
    int channels[N_BLOCKS];
    int n_convs[N_BLOCKS];
    bool has_top;
} vgg_plan;

static const vgg_plan vgg16 = {{64, 128, 256, 512, 512}, {2, 2, 3, 3, 3}, true};
static const vgg_plan vgg19 = {{64, 128, 256, 512, 512}, {2, 2, 4, 4, 4}, true};
static const vgg_plan vgg16_mini = {{8, 16, 32, 64, 64}, {2, 2, 3, 3, 3}, false};

static tw_status append(tw_graph *graph, tw_node node, const char *name, tw_error *err)
{
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    snprintf(node.name, sizeof node.name, "%s", name);
    return tw_graph_add(graph, &node, err);
}

static tw_status add_block(tw_graph *graph, int block, const vgg_plan *plan, tw_error *err)
{
    const tw_node conv = {.op = TW_OP_CONV2D,
                          .units = plan->channels[block],
                          .window = {3, 3},
                          .stride = {1, 1},
                          .padding = TW_SAME,
                          .activation = TW_RELU};
    const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_status rc;
    char name[TW_NAME_SIZE];

    for (int i = 0; i < plan->n_convs[block]; i++) {
        snprintf(name, sizeof name, "block%d_conv%d", block + 1, i + 1);
        if ((rc = append(graph, conv, name, err)) != TW_OK)
            return rc;
    }
    snprintf(name, sizeof name, "block%d_pool", block + 1);
    return append(graph, pool, name, err);
}

static tw_status add_top(tw_graph *graph, tw_error *err)
{
    const tw_node flatten = {.op = TW_OP_FLATTEN};
    const tw_node fc = {.op = TW_OP_DENSE, .units = FC_UNITS, .activation = TW_RELU};
    const tw_node classes = {.op = TW_OP_DENSE, .units = N_CLASSES, .activation = TW_SOFTMAX};
    tw_status rc;

    if ((rc = append(graph, flatten, "flatten", err)) != TW_OK ||
        (rc = append(graph, fc, "fc1", err)) != TW_OK ||
        (rc = append(graph, fc, "fc2", err)) != TW_OK)
        return rc;
    return append(graph, classes, "predictions", err);
}

static tw_status build(tw_graph **out, const vgg_plan *plan, tw_error *err)
{
    const tw_shape input = {3, {INPUT_SIZE, INPUT_SIZE, 3}};
    tw_graph *graph = NULL;
    tw_status rc = tw_graph_create(&graph, "input_1", &input, err);

    *out = NULL;
    for (int block = 0; rc == TW_OK && block < N_BLOCKS; block++)
        rc = add_block(graph, block, plan, err);
    if (rc == TW_OK && plan->has_top)
        rc = add_top(graph, err);
    if (rc == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}

tw_status tw_model__vgg16(tw_graph **out, tw_error *err)
{
    return build(out, &vgg16, err);
}

tw_status tw_model__vgg19(tw_graph **out, tw_error *err)
{
    return build(out, &vgg19, err);
}

tw_status tw_model__vgg16_mini(tw_graph **out, tw_error *err)
{
    return build(out, &vgg16_mini, err);
}
