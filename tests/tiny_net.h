/*
 * A network small enough to run thousands of times: two convolutions and poolings on 8x8 pictures,
 * then two dense layers; and a data set of grey 5x5 records in IDX files.
 *
 *   0 input (8,8,3)  1 conv1 6 relu  2 pool1  3 conv2 8 relu  4 pool2 (2,2,8)  5 flatten
 *   6 fc 12 relu  7 dropout  8 predictions 4 softmax
 */
#ifndef TW_TESTS_TINY_NET_H
#define TW_TESTS_TINY_NET_H

#include "base/memory.h"
#include "base/rng.h"
#include "check.h"
#include "data/dataset.h"
#include "infer/engine.h"
#include "make_files.h"
#include "model/model_int.h"
#include "tensor/tensor.h"

enum { TINY_POOL = 4, TINY_LAST = 8, TINY_CLASSES = 4, TINY_ROW = 2 * 2 * 8, TINY_SIDE = 8 };

static inline void tiny_add(tw_graph *graph, tw_node node)
{
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    assert_ok(tw_graph_add(graph, &node, e));
}

static inline void tiny_add_conv(tw_graph *graph, const char *name, const char *pool, int units)
{
    tw_node conv = {.op = TW_OP_CONV2D,
                    .units = units,
                    .window = {3, 3},
                    .stride = {1, 1},
                    .padding = TW_SAME,
                    .activation = TW_RELU};
    tw_node max = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};

    snprintf(conv.name, sizeof conv.name, "%s", name);
    snprintf(max.name, sizeof max.name, "%s", pool);
    tiny_add(graph, conv);
    tiny_add(graph, max);
}

static inline tw_model *tiny_model(void)
{
    const tw_shape input = tw_shape_make(3, (int64_t[]){TINY_SIDE, TINY_SIDE, 3});
    tw_graph *graph;
    tw_model *model;

    assert_ok(tw_graph_create(&graph, "input", &input, e));
    tiny_add_conv(graph, "conv1", "pool1", 6);
    tiny_add_conv(graph, "conv2", "pool2", 8);
    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN, .name = "flatten"});
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .name = "fc", .units = 12, .activation = TW_RELU});
    tiny_add(graph, (tw_node){.op = TW_OP_DROPOUT, .name = "dropout", .rate = 0.5});
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE,
                              .name = "predictions",
                              .units = TINY_CLASSES,
                              .activation = TW_SOFTMAX});
    assert_ok(tw_model__create(&model, graph, e));
    assert_ok(tw_model__init_block(model, 0, NULL, 5, e));
    model->architecture = tw_strdup("tiny");
    model->n_classes = TINY_CLASSES;
    model->contract =
        (tw_contract){.height = TINY_SIDE, .width = TINY_SIDE, .interpolation = TW_BILINEAR};
    return model;
}

/* n grey pictures of 5x5; every seventh repeats the one before it. */
static inline void tiny_write_data(const char *folder, int n)
{
    const tw_rng_key key = tw_rng_make_key(9, TW_RNG_INIT, 0, 0);
    uint8_t *pixels = malloc((size_t)n * 25), *labels = malloc((size_t)n);
    blob images = {0}, classes = {0};
    char *path;

    for (int i = 0; i < n; i++) {
        const int same_as = i > 0 && i % 7 == 0 ? i - 1 : i;

        labels[i] = (uint8_t)(i % TINY_CLASSES);
        for (int k = 0; k < 25; k++)
            pixels[i * 25 + k] = (uint8_t)tw_rng_word(&key, (uint64_t)(same_as * 25 + k));
    }
    blob_idx(&images, 8, 3, (uint32_t[]){(uint32_t)n, 5, 5}, pixels, (size_t)n * 25);
    blob_idx(&classes, 8, 1, (uint32_t[]){(uint32_t)n}, labels, (size_t)n);
    path = path_in(folder, "train-images-idx3-ubyte");
    write_bytes(path, images.bytes, images.n);
    free(path);
    path = path_in(folder, "train-labels-idx1-ubyte");
    write_bytes(path, classes.bytes, classes.n);
    free(path);
    blob_free(&images);
    blob_free(&classes);
    free(pixels);
    free(labels);
}

static inline tw_dataset *tiny_data(const char *folder, int n, int64_t limit)
{
    tw_dataset *dataset;

    tiny_write_data(folder, n);
    assert_ok(tw_dataset_open(&dataset, folder, TW_PART_TRAIN, limit, e));
    return dataset;
}

static inline tw_computer tiny_computer(const char *backend, int n_threads)
{
    const tw_compute compute = {.backend = backend, .n_threads = n_threads};
    tw_computer computer;

    assert_ok(tw_computer_open(&computer, &compute, TW_PRECISION_FP32, e));
    return computer;
}

#endif
