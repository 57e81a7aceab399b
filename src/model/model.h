/*
 * The model as the rooms above see it: graph, parameters, contract, classes, provenance.
 */
#ifndef TW_MODEL_MODEL_H
#define TW_MODEL_MODEL_H

#include "base/json.h"
#include "base/text.h"
#include "format/weights.h"
#include "graph/graph.h"

#include <tw/model.h>

/* One parameter of a node. Bound: data points into the mapped file or into the model's block;
 * unbound: NULL. */
typedef struct tw_param {
    float *data;       /* in the block (writable), or NULL */
    const float *view; /* what to read: data, or mapped memory (maybe unaligned) */
    tw_shape shape;
    bool mapped;
} tw_param;

/* How the numbers of a kernel lie: HWIO and (in,out), or OIHW and (out,in) with (C,H,W) flattened.
 */
typedef enum tw_weight_layout { TW_LAYOUT_KERAS, TW_LAYOUT_TORCH } tw_weight_layout;

/* How files call a network's parameters. A model file of topwork is of the first kind. */
typedef enum tw_naming {
    TW_NAMING_KERAS,
    TW_NAMING_TORCHVISION,
    TW_NAMING_TIMM,
    TW_NAMING_FROSSARD, /* vgg16_weights.npz of D. Frossard */
    TW_NAMING_RESNET,   /* torchvision's of its ResNets */
    TW_NAMING_MELAS,    /* EfficientNet-PyTorch of L. Melas-Kyriazi */
    TW_N_NAMING
} tw_naming;

/* What pictures of the classes look like to the frozen part, and how far from that a picture may be
 * that is no other thing. */
typedef struct tw_known {
    float *means; /* (L,C) of unit length, zeros where a class had no picture; NULL: not known */
    int64_t n_channels;         /* C */
    int64_t n;                  /* pictures that it was learned from */
    double quantile, threshold; /* of their distances; beyond the threshold is unknown */
} tw_known;

struct tw_model {
    tw_graph *graph;
    tw_param (*params)[2]; /* per node: kernel, bias */
    bool *frozen;          /* per node */
    tw_contract contract;
    tw_precision precision; /* in which the frozen layers compute; never auto */
    int n_classes;
    char **classes;
    double temperature;  /* logits are divided by it before softmax; 1: not calibrated */
    tw_known known;      /* the model owns it */
    char *architecture;  /* "vgg16" */
    char *weights;       /* what was asked for: file name without folder, or "random" */
    tw_json *provenance; /* object: architecture, weights, weights_sha256?, made_by, ... */
    tw_weight_file file; /* mapped weights, zeroed when there are none */
    const tw_map
        *trunk_file;         /* of the trunk under a new top, borrowed: hashed when it is written */
    tw_naming naming;        /* of the file's names */
    tw_weight_layout layout; /* of the file's kernels */
    tw_preprocess made_for;  /* what the file's weights were trained with, as their naming says */
    float *block;            /* random, converted or trained parameters, NULL when there are none */
    int64_t block_bytes;
    int n_threads;           /* that initial values of a top on this model are made on; 0: one */
    bool has_folded;         /* batch normalizations of the file are part of its kernels */
    int64_t converted_bytes; /* of the block: copies of a file's numbers in the graph's layout */
    char sha256[65];         /* tw_model_hash of all layers that the model file states; "" none */
};

/* A built-in architecture's graph and contract; unbound. Expected: TW_EUSAGE with nearest name. */
TW_MUST_CHECK tw_status tw_model_build(tw_graph **graph, tw_contract *contract, const char *name,
                                       tw_error *err);

/* One row an architecture. Weights that are part of the program lie in [weights, weights_end);
 * NULL: they come from a file. */
typedef struct tw_architecture {
    const char *name;
    tw_status (*build)(tw_graph **out, tw_error *err);
    tw_contract contract;
    const uint8_t *weights, *weights_end;
} tw_architecture;

/* base's graph up to its end, joined with `top`: a new model whose parameters of nodes 0..boundary
 * are borrowed views of `base` (which must outlive it), frozen. Those after the boundary, a node of
 * base, lie in its own block, not frozen: copied where base has them, else started from their
 * initializers with `seed` (key: TW_RNG_INIT, sample = node * 2 + slot). Classes are copied. Caller
 * frees. Expected: TW_ESHAPE, TW_EUSAGE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_add_top(tw_model **out, const tw_model *base, const tw_graph *top,
                                         int boundary, char *const *classes, int n_classes,
                                         uint64_t seed, tw_error *err);

/* Layers first..last that should have parameters and have none: their names, with commas between
 * them, behind `names`. Returns how many. */
int tw_model_name_missing(tw_text *names, const tw_model *model, int first, int last);
/* How those layers begin when they get parameters in tw_model_add_top. */
void tw_model_init_missing(tw_model *model, tw_initializer how);
/* No layer has weights any more, and provenance says random; memory and file are given back.
 * Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_forget_weights(tw_model *model, tw_error *err);

/* Another size of the pictures, where no parameter's shape depends on it (TW_ESHAPE names the layer
 * whose does). Expected: TW_ESHAPE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_resize(tw_model *model, int size, tw_error *err);

/* Where the frozen part of a classifier ends: its last frozen node before the output that the rest
 * hangs on alone, else the last convolution or pooling. */
int tw_model_boundary(const tw_model *model);

/* SHA-256 (hex) over name, shape and numbers of one node's parameters, which are there. */
TW_MUST_CHECK tw_status tw_model_hash_node(char hex[65], const tw_model *model, int node,
                                           tw_error *err);

/* Fills n values as the initializer says for a parameter of that shape (conv: fans times R*S), the
 * same ones on any number of threads. */
void tw_init_fill(float *out, const tw_shape *shape, tw_initializer how, uint64_t seed,
                  uint64_t sample, int n_threads);

/* Weights of node i in the backend's form. */
struct tw_node_weights;

/* SHA-256 (hex) over name, shape and numbers of the parameters of nodes 0..last. */
TW_MUST_CHECK tw_status tw_model_hash(char hex[65], const tw_model *model, int last, tw_error *err);
/* A NaN, an infinity or an all-zero kernel in node i is TW_EFILE naming layer and file. */
TW_MUST_CHECK tw_status tw_model_check_node(const tw_model *model, int node, tw_error *err);
/* Every node 0..last has its parameters, else TW_EFILE naming each layer that lacks them. */
TW_MUST_CHECK tw_status tw_model_require(const tw_model *model, int last, tw_error *err);

/* Writes the model file: safetensors, names "<layer>/<param>", __metadata__ keys "topwork" (format
 * version), "graph", "contract", "classes", "frozen" (names of the frozen layers), "provenance",
 * "precision" (unless it is fp32), "calibration" and "known" where there are such, and "sha256"
 * (tw_model_hash of all layers), each JSON text. Atomic. Nothing in it depends on time, host or
 * path. Expected: TW_EFILE (a layer without weights, a place that cannot be written), TW_EBUDGET
 * (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_write(const tw_model *model, const char *path, tw_error *err);

/* Whether the model came from a file of that kind, which may be written anew; else TW_EUSAGE. */
TW_MUST_CHECK tw_status tw_model_check_own_file(const tw_model *model, tw_error *err);

/* The __metadata__ of that file, for other files that a model goes into. Caller frees. Expected:
 * TW_EFILE (a layer without weights), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_make_metadata(tw_json **out, const tw_model *model, tw_error *err);

/* A model with graph, contract and classes of `like` and the numbers of a weight file, bound by the
 * names of its layers. Caller frees. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_open_like(tw_model **out, const tw_model *like, const char *path,
                                           tw_error *err);

/* The metadata entry "calibration" and back; a model that is not calibrated has none (NULL). */
tw_json *tw_calibration_to_json(const tw_model *model);
TW_MUST_CHECK tw_status tw_calibration_from_json(double *temperature, const tw_json *json,
                                                 const char *name, tw_error *err);

/* Channels that tw_known is of: of the last layer of the frozen part (tw_model_boundary) that is no
 * mere reshape. Its row is (places,C). */
int64_t tw_known_channels(const tw_model *model);
void tw_known_free(tw_known *known);
/* The metadata entry "known" and back; `layer` is the boundary's name. */
tw_json *tw_known_to_json(const tw_model *model);
TW_MUST_CHECK tw_status tw_known_from_json(tw_known *out, const tw_json *json, const char *layer,
                                           const char *name, tw_error *err);
/* The tensor beside it. Expected: TW_EFILE, TW_ENOMEM. */
#define TW_KNOWN_TENSOR "known/means"
TW_MUST_CHECK tw_status tw_known_copy_means(tw_known *known, const tw_tensor *tensor,
                                            const tw_model *model, const char *path, tw_error *err);

/* JSON of a contract and back (all names checked). */
tw_json *tw_contract_to_json(const tw_contract *contract);
TW_MUST_CHECK tw_status tw_contract_from_json(tw_contract *out, const tw_json *json,
                                              const char *name, tw_error *err);

#endif
