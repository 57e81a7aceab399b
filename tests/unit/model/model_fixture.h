/* Weight files, small models and broken copies of model files for the tests of this room. */
#ifndef TW_TESTS_MODEL_FIXTURE_H
#define TW_TESTS_MODEL_FIXTURE_H

#include "base/file.h"
#include "base/memory.h"
#include "format/safetensors.h"
#include "format/weights.h"
#include "model/model.h"
#include "tensor/tensor.h"

#include "check.h"

enum { MAX_TENSORS = 80 };

/* A weight file in the making: entries in order, each with a name and numbers of its own. */
typedef struct weight_set {
    int n;
    tw_safetensors_entry entries[MAX_TENSORS];
    char names[MAX_TENSORS][96];
    float *blocks[MAX_TENSORS];
} weight_set;

/* Field by field: a contract has bytes that mean nothing. */
static inline void assert_same_contract(const tw_contract *a, const tw_contract *b)
{
    assert_int_equal(a->height, b->height);
    assert_int_equal(a->width, b->width);
    assert_int_equal(a->colour, b->colour);
    assert_int_equal(a->interpolation, b->interpolation);
    assert_int_equal(a->preprocess, b->preprocess);
    assert_int_equal(a->resize, b->resize);
    assert_true(a->crop_pct == b->crop_pct);
    assert_int_equal(a->jpeg_scale, b->jpeg_scale);
}

static inline char *path_in(void **state, const char *name)
{
    char *path = tw_path_join(*state, name);

    assert_non_null(path);
    return path;
}

/* Numbers that differ everywhere and are not zero. */
static inline void put_tensor(weight_set *set, const char *layer, const char *param,
                              const tw_shape *shape)
{
    int64_t n = tw_shape_size(shape);
    float *block = tw_alloc_f32(n);
    int i = set->n++;

    assert_non_null(block);
    for (int64_t k = 0; k < n; k++)
        block[k] = (float)(i + 1) + (float)(k % 1000) * 0.001f;
    snprintf(set->names[i], sizeof set->names[i], "%s/%s", layer, param);
    set->blocks[i] = block;
    set->entries[i] = (tw_safetensors_entry){set->names[i], {block, TW_F32, *shape}, 0};
}

/* Every parameter of nodes 0..last of an architecture. */
static inline weight_set *weights_of(const char *architecture, int last)
{
    weight_set *set = calloc(1, sizeof *set);
    tw_graph *graph;
    tw_contract contract;
    tw_shape shapes[2];

    assert_ok(tw_model_build(&graph, &contract, architecture, e));
    for (int i = 0; i <= last; i++)
        for (int slot = 0; slot < tw_node_params(graph, i, shapes); slot++)
            put_tensor(set, graph->nodes[i].name, tw_param_names[slot], &shapes[slot]);
    tw_graph_free(graph);
    return set;
}

static inline void drop_tensor(weight_set *set, int i)
{
    tw_free(set->blocks[i]);
    for (set->n--; i < set->n; i++) {
        memcpy(set->names[i], set->names[i + 1], sizeof set->names[i]);
        set->blocks[i] = set->blocks[i + 1];
        set->entries[i] = set->entries[i + 1];
        set->entries[i].name = set->names[i];
    }
}

static inline void write_set(weight_set *set, const char *path)
{
    assert_ok(tw_safetensors_write(path, set->entries, set->n, NULL, e));
    for (int i = 0; i < set->n; i++)
        tw_free(set->blocks[i]);
    free(set);
}

/* "PATH: sentence" of a file, in a buffer that the next call overwrites. */
static inline const char *about(const char *path, const char *sentence)
{
    static char text[1024];

    snprintf(text, sizeof text, "%s: %s", path, sentence);
    return text;
}

/* Random vgg16 to block1_pool with a top of three classes; free the top first. */
typedef struct small_model {
    tw_model *base, *whole;
} small_model;

static inline small_model make_small_model(uint64_t seed)
{
    char *const classes[] = {"ant", "bee", "\xc3\x9f \"q\""};
    small_model it = {0};
    tw_graph *top;

    assert_ok(tw_model_open(&it.base, "vgg16", "random", "block1_pool", seed, e));
    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(it.base->graph),
                                 "gap, 8 relu he_normal, dropout 0.25", 3, e));
    assert_ok(
        tw_model_add_top(&it.whole, it.base, top, it.base->graph->n - 1, classes, 3, seed, e));
    tw_graph_free(top);
    return it;
}

static inline void free_small_model(small_model *it)
{
    tw_model_free(it->whole);
    tw_model_free(it->base);
}

#endif
