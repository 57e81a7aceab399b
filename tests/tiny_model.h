/*
 * A whole job in miniature, for tests that train or evaluate: a network of two convolutions on
 * 16x16 pictures, as a model file, and little pictures of three classes as IDX files.
 *
 *   input 16x16x3 -> conv1 4 -> pool1 -> conv2 6 -> pool2 (4x4x6) -> flatten -> old (5, softmax)
 */
#ifndef TW_TESTS_TINY_MODEL_H
#define TW_TESTS_TINY_MODEL_H

#include "make_files.h"

#include "base/memory.h"
#include "model/model.h"
#include "tensor/tensor.h"

enum { TINY_SIDE = 16, TINY_CLASSES = 3, TINY_PICTURE = 12 };

static inline void tiny_add(tw_graph *graph, tw_node node, const char *name)
{
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    snprintf(node.name, sizeof node.name, "%s", name);
    assert_ok(tw_graph_add(graph, &node, e));
}

static inline tw_graph *tiny_graph(void)
{
    const tw_shape input = tw_shape_make(3, (int64_t[]){TINY_SIDE, TINY_SIDE, 3});
    const tw_node conv = {.op = TW_OP_CONV2D,
                          .window = {3, 3},
                          .stride = {1, 1},
                          .padding = TW_SAME,
                          .activation = TW_RELU,
                          .initializer = TW_HE_NORMAL};
    const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_node conv1 = conv, conv2 = conv;
    tw_graph *graph;

    conv1.units = 4;
    conv2.units = 6;
    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    tiny_add(graph, conv1, "conv1");
    tiny_add(graph, pool, "pool1");
    tiny_add(graph, conv2, "conv2");
    tiny_add(graph, pool, "pool2");
    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 5, .activation = TW_SOFTMAX}, "old");
    return graph;
}

/* A model whose parameters are random, all in its block. Takes the graph; free with tw_model_free.
 */
static inline tw_model *tiny_model_of(tw_graph *graph, uint64_t seed)
{
    tw_model *model = tw_calloc(1, sizeof *model);
    int64_t n = 0;
    tw_shape shapes[2];
    float *at;

    model->graph = graph;
    model->contract = (tw_contract){.height = TINY_SIDE, .width = TINY_SIDE};
    model->temperature = 1.0;
    model->architecture = tw_strdup("tiny");
    model->params = tw_calloc((size_t)model->graph->n, sizeof *model->params);
    model->frozen = tw_calloc((size_t)model->graph->n, sizeof *model->frozen);
    for (int i = 0; i < model->graph->n; i++)
        n += tw_node_param_count(model->graph, i);
    model->block_bytes = n * (int64_t)sizeof(float);
    at = model->block = tw_alloc_f32(n);
    for (int i = 0; i < model->graph->n; i++) {
        for (int slot = 0; slot < tw_node_params(model->graph, i, shapes); slot++) {
            tw_param *param = &model->params[i][slot];

            param->shape = shapes[slot];
            param->data = at;
            param->view = at;
            tw_init_fill(at, &param->shape, slot ? TW_ZEROS : model->graph->nodes[i].initializer,
                         seed, (uint64_t)i * 2 + (uint64_t)slot, 1);
            at += tw_shape_size(&param->shape);
        }
    }
    return model;
}

static inline tw_model *tiny_model(uint64_t seed)
{
    return tiny_model_of(tiny_graph(), seed);
}

/* Writes the model file; the caller frees the path. */
static inline char *tiny_write_model(const char *folder)
{
    char *path = path_in(folder, "tiny.safetensors");
    tw_model *model = tiny_model(1);

    assert_ok(tw_model_write(model, path, e));
    tw_model_free(model);
    return path;
}

/* Class 0 is bright on the left, 1 at the top, 2 in the middle; noise all over. */
static inline uint8_t tiny_pixel(int label, int y, int x, uint32_t *noise)
{
    const int half = TINY_PICTURE / 2, quarter = TINY_PICTURE / 4;
    const int lit = label == 0   ? x < half
                    : label == 1 ? y < half
                                 : abs(x - half) < quarter && abs(y - half) < quarter;

    *noise = *noise * 1664525u + 1013904223u;
    return (uint8_t)((lit ? 120 : 0) + (int)(*noise >> 24) / 2);
}

static inline void tiny_write_part(const char *folder, const char *part, int n, uint32_t seed)
{
    const size_t n_pixels = (size_t)n * TINY_PICTURE * TINY_PICTURE;
    uint8_t *pixels = malloc(n_pixels), *labels = malloc((size_t)n), *p = pixels;
    blob images = {0}, classes = {0};
    char name[64], *path;

    for (int i = 0; i < n; i++) {
        labels[i] = (uint8_t)((i * 7 + i / 5) % TINY_CLASSES);
        for (int y = 0; y < TINY_PICTURE; y++)
            for (int x = 0; x < TINY_PICTURE; x++)
                *p++ = tiny_pixel(labels[i], y, x, &seed);
    }
    blob_idx(&images, 8, 3, (uint32_t[]){(uint32_t)n, TINY_PICTURE, TINY_PICTURE}, pixels,
             n_pixels);
    blob_idx(&classes, 8, 1, (uint32_t[]){(uint32_t)n}, labels, (size_t)n);
    snprintf(name, sizeof name, "%s-images-idx3-ubyte", part);
    write_bytes(path = path_in(folder, name), images.bytes, images.n);
    free(path);
    snprintf(name, sizeof name, "%s-labels-idx1-ubyte", part);
    write_bytes(path = path_in(folder, name), classes.bytes, classes.n);
    free(path);
    blob_free(&images);
    blob_free(&classes);
    free(pixels);
    free(labels);
}

/* A folder of IDX files, n_train and n_test pictures; the caller frees the path. */
static inline char *tiny_write_data(const char *folder, int n_train, int n_test)
{
    char *path = path_in(folder, "data");

    assert_ok(tw_folder_create(path, e));
    tiny_write_part(path, "train", n_train, 1);
    tiny_write_part(path, "t10k", n_test, 2);
    return path;
}

#endif
