/*
 * A classifier in miniature with every op that a model can have, its numbers made by a formula, so
 * that they are the same everywhere:
 *
 *   input 16x16x3 -> conv1 4, stride 2, same, relu -> sigmoid -> pool1 3x3, stride 2, same -> conv2
 * 5, 2x3, valid, linear -> relu -> flatten (3x2x5) -> dropout -> dense 6 sigmoid -> predictions 3
 */
#ifndef TW_TESTS_EXPORT_FIXTURE_H
#define TW_TESTS_EXPORT_FIXTURE_H

#include "tiny_model.h"

#include "export/export_int.h"

static inline void fill_by_formula(float *out, int64_t n, uint32_t seed, float scale)
{
    for (int64_t i = 0; i < n; i++)
        out[i] =
            ((float)(((uint32_t)i * 2654435761u + seed * 40503u) >> 16 & 0xff) - 127.5f) * scale;
}

static inline void fill_model(tw_model *model)
{
    char *const classes[] = {"ant", "bee", "\xc3\x9f \"q\""};
    tw_shape shapes[2];

    for (int i = 0; i < model->graph->n; i++)
        for (int slot = 0; slot < tw_node_params(model->graph, i, shapes); slot++)
            fill_by_formula(model->params[i][slot].data, tw_shape_size(&shapes[slot]),
                            (uint32_t)(2 * i + slot), slot ? 0.0009765625f : 0.00390625f);
    model->classes = tw_calloc(TINY_CLASSES, sizeof *model->classes);
    model->n_classes = TINY_CLASSES;
    for (int i = 0; i < TINY_CLASSES; i++)
        model->classes[i] = tw_strdup(classes[i]);
    model->contract.preprocess = TW_PREPROCESS_TORCH;
    model->contract.interpolation = TW_BILINEAR;
}

static inline tw_graph *begin_graph(void)
{
    const tw_shape input = tw_shape_make(3, (int64_t[]){TINY_SIDE, TINY_SIDE, 3});
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    tiny_add(graph,
             (tw_node){.op = TW_OP_CONV2D,
                       .units = 4,
                       .window = {3, 3},
                       .stride = {2, 2},
                       .padding = TW_SAME,
                       .activation = TW_RELU},
             "conv1");
    tiny_add(graph, (tw_node){.op = TW_OP_SIGMOID}, "sigmoid");
    tiny_add(
        graph,
        (tw_node){.op = TW_OP_MAX_POOL, .window = {3, 3}, .stride = {2, 2}, .padding = TW_SAME},
        "pool1");
    tiny_add(graph, (tw_node){.op = TW_OP_CONV2D, .units = 5, .window = {2, 3}, .stride = {1, 1}},
             "conv2");
    tiny_add(graph, (tw_node){.op = TW_OP_RELU}, "relu");
    return graph;
}

/* Takes the graph. */
static inline tw_model *finish_model(tw_graph *graph)
{
    tw_model *model = tiny_model_of(graph, 1);

    fill_model(model);
    model->frozen[1] = true;
    return model;
}

static inline tw_model *flat_model(void)
{
    tw_graph *graph = begin_graph();

    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_DROPOUT, .rate = 0.25}, "dropout");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 6, .activation = TW_SIGMOID}, "dense");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = TINY_CLASSES, .activation = TW_SOFTMAX},
             "predictions");
    return finish_model(graph);
}

/* Global average pooling, VGG's names for dense layers, and a softmax of its own. */
static inline tw_model *pooled_model(void)
{
    tw_graph *graph = begin_graph();

    tiny_add(graph, (tw_node){.op = TW_OP_GLOBAL_AVERAGE_POOL}, "gap");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 6, .activation = TW_RELU}, "fc1");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 7, .activation = TW_RELU}, "fc2");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = TINY_CLASSES}, "logits");
    tiny_add(graph, (tw_node){.op = TW_OP_SOFTMAX}, "softmax");
    return finish_model(graph);
}

/* ReLU6, a depthwise convolution, and a sum of two. */
static inline tw_model *residual_model(void)
{
    tw_graph *graph = begin_graph();
    const int from = graph->n - 1;
    const tw_node sum = {.op = TW_OP_ADD, .name = "sum", .n_inputs = 2, .inputs = {from + 1, from}};

    tiny_add(graph,
             (tw_node){.op = TW_OP_DEPTHWISE_CONV2D,
                       .window = {3, 3},
                       .stride = {1, 1},
                       .padding = TW_SAME,
                       .activation = TW_RELU6},
             "depthwise");
    assert_ok(tw_graph_add(graph, &sum, e));
    tiny_add(graph, (tw_node){.op = TW_OP_GLOBAL_AVERAGE_POOL}, "gap");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = TINY_CLASSES, .activation = TW_SOFTMAX},
             "predictions");
    return finish_model(graph);
}

/* Picture i of the network's own size, so that nothing is resized. Free with tw_picture_free. */
static inline tw_picture formula_picture(int i)
{
    tw_picture picture = {TINY_SIDE, TINY_SIDE, 3, malloc(TINY_SIDE * TINY_SIDE * 3)};

    for (int y = 0; y < TINY_SIDE; y++)
        for (int x = 0; x < TINY_SIDE; x++)
            for (int c = 0; c < 3; c++)
                picture.pixels[(y * TINY_SIDE + x) * 3 + c] =
                    (uint8_t)(y * (37 + 8 * i) + x * 11 + c * 101 + i * 53);
    return picture;
}

#endif
