/*
 * EfficientNet-Lite0 (Tan and Le 2019; the Lite variant: ReLU6, no squeeze-and-excitation) with the
 * layer names that Keras gives EfficientNet's: stem, seven stages of inverted residual blocks, top.
 *
 *     x -- expand 1x1, relu6 -- depthwise, relu6 -- project 1x1 -- (+ x) --
 *
 * The first stage does not expand; x is added where stride is 1 and channels agree. Padding is
 * TensorFlow's. Every convolution stands for itself and the batch normalization behind it, which is
 * folded into it when weights are read (batch_norm.c).
 */
#include "model/model_int.h"

#include "base/fail.h"

#include <stdio.h>
#include <string.h>

enum { STEM = 32, HEAD = 1280, N_CLASSES = 1000, INPUT_SIZE = 224 };

/* One row a stage. */
static const struct stage {
    int n_blocks, channels, expansion, window, stride; /* the first block's stride; the others' 1 */
} stages[] = {{1, 16, 1, 3, 1},  {2, 24, 6, 3, 2},  {2, 40, 6, 5, 2}, {3, 80, 6, 3, 2},
              {3, 112, 6, 5, 1}, {4, 192, 6, 5, 2}, {1, 320, 6, 3, 1}};
enum { N_STAGES = sizeof stages / sizeof stages[0] };

static tw_status append(tw_graph *graph, tw_node node, const char *block, const char *name,
                        tw_error *err)
{
    node.n_inputs = node.n_inputs ? node.n_inputs : 1;
    node.inputs[0] = graph->n - 1;
    snprintf(node.name, sizeof node.name, "%.40s%.20s", block, name);
    return tw_graph_add(graph, &node, err);
}

static tw_node convolution(int channels, int window, int stride, tw_activation activation)
{
    return (tw_node){.op = TW_OP_CONV2D,
                     .units = channels,
                     .window = {window, window},
                     .stride = {stride, stride},
                     .padding = TW_SAME,
                     .activation = activation};
}

static tw_node depthwise(int window, int stride)
{
    return (tw_node){.op = TW_OP_DEPTHWISE_CONV2D,
                     .window = {window, window},
                     .stride = {stride, stride},
                     .padding = TW_SAME,
                     .activation = TW_RELU6};
}

static tw_status add_block(tw_graph *graph, const struct stage *stage, const char *name, int stride,
                           tw_error *err)
{
    const int begin = graph->n - 1;
    const int channels = (int)graph->nodes[begin].out.dims[2];
    const tw_node sum = {.op = TW_OP_ADD, .n_inputs = 2, .inputs = {0, begin}};
    tw_status rc;

    if (stage->expansion > 1 &&
        (rc = append(graph, convolution(channels * stage->expansion, 1, 1, TW_RELU6), name,
                     "_expand_conv", err)))
        return rc;
    if ((rc = append(graph, depthwise(stage->window, stride), name, "_dwconv", err)) ||
        (rc = append(graph, convolution(stage->channels, 1, 1, TW_LINEAR), name, "_project_conv",
                     err)) ||
        stride > 1 || channels != stage->channels)
        return rc;
    return append(graph, sum, name, "_add", err);
}

static tw_status add_stages(tw_graph *graph, tw_error *err)
{
    tw_status rc = append(graph, convolution(STEM, 3, 2, TW_RELU6), "stem", "_conv", err);
    char name[TW_NAME_SIZE];

    for (int i = 0; i < N_STAGES; i++)
        for (int block = 0; block < stages[i].n_blocks && rc == TW_OK; block++) {
            snprintf(name, sizeof name, "block%d%c", i + 1, 'a' + block);
            rc = add_block(graph, &stages[i], name, block ? 1 : stages[i].stride, err);
        }
    return rc;
}

tw_status tw_model__efficientnet_lite0(tw_graph **out, tw_error *err)
{
    const tw_shape input = {3, {INPUT_SIZE, INPUT_SIZE, 3}};
    const tw_node pool = {.op = TW_OP_GLOBAL_AVERAGE_POOL};
    const tw_node classes = {.op = TW_OP_DENSE, .units = N_CLASSES, .activation = TW_SOFTMAX};
    tw_graph *graph = NULL;
    tw_status rc;

    *out = NULL;
    if ((rc = tw_graph_create(&graph, "input_1", &input, err)) == TW_OK &&
        (rc = add_stages(graph, err)) == TW_OK &&
        (rc = append(graph, convolution(HEAD, 1, 1, TW_RELU6), "top", "_conv", err)) == TW_OK &&
        (rc = append(graph, pool, "avg", "_pool", err)) == TW_OK &&
        (rc = append(graph, classes, "predictions", "", err)) == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}

/* ---- L. Melas-Kyriazi's names: _blocks.5._expand_conv, _blocks.5._bn0 */

static const struct layer {
    const char *ends;  /* of our name */
    const char *torch; /* of a block where ours begins with block */
    const char *norm;
    int back; /* depthwise convolutions of its own block that come before it */
} layers[] = {{"stem_conv", "_conv_stem", "_bn0", 0},
              {"top_conv", "_conv_head", "_bn1", 0},
              {"predictions", "_fc", "", 0},
              {"_expand_conv", "_expand_conv", "_bn0", 0},
              {"_dwconv", "_depthwise_conv", "_bn1", 0},
              {"_project_conv", "_project_conv", "_bn2", 1}};
enum { N_LAYERS = sizeof layers / sizeof layers[0] };

static bool ends_in(const char *name, const char *end)
{
    const size_t n = strlen(name), n_end = strlen(end);

    return n >= n_end && strcmp(name + n - n_end, end) == 0;
}

bool tw_model__efficientnet_lite_name(char layer[TW_NAME_SIZE], char norm[TW_NAME_SIZE],
                                      const tw_graph *graph, int node)
{
    const char *name = graph->nodes[node].name;
    char block[24] = "";
    int n = 0;

    if (graph->n < 2 || strcmp(graph->nodes[1].name, "stem_conv") != 0)
        return false;
    for (int i = 0; i < node; i++)
        n += graph->nodes[i].op == TW_OP_DEPTHWISE_CONV2D;
    for (int i = 0; i < N_LAYERS; i++) {
        if (!ends_in(name, layers[i].ends))
            continue;
        if (strncmp(name, "block", 5) == 0)
            snprintf(block, sizeof block, "_blocks.%d.", n - layers[i].back);
        snprintf(layer, TW_NAME_SIZE, "%s%s", block, layers[i].torch);
        norm[0] = '\0';
        if (layers[i].norm[0])
            snprintf(norm, TW_NAME_SIZE, "%s%s", block, layers[i].norm);
        return true;
    }
    return false;
}
