/* What the files of the model room share. */
#ifndef TW_MODEL_MODEL_INT_H
#define TW_MODEL_MODEL_INT_H

#include "model/model.h"

/* Rows of the table in architectures.c. */
tw_status tw_model__vgg16(tw_graph **out, tw_error *err);
tw_status tw_model__vgg19(tw_graph **out, tw_error *err);
tw_status tw_model__vgg16_mini(tw_graph **out, tw_error *err);
tw_status tw_model__efficientnet_lite0(tw_graph **out, tw_error *err);
tw_status tw_model__resnet18(tw_graph **out, tw_error *err);
tw_status tw_model__resnet50(tw_graph **out, tw_error *err);

/* vgg16-mini's weights, a safetensors file inside the program (vgg16_mini.S). */
extern const uint8_t tw_model__vgg16_mini_begin[], tw_model__vgg16_mini_end[];

/* The row of the built-in network of that name, NULL where there is none. */
const tw_architecture *tw_model__architecture(const char *name);

/* A file of weights, or what has been fetched by that name. */
TW_MUST_CHECK tw_status tw_model__open_weights(tw_weight_file *out, const char *weights,
                                               tw_error *err);

/* Takes `graph` (also on failure) and makes room for its parameters: shapes filled, nothing bound,
 * every node frozen. */
TW_MUST_CHECK tw_status tw_model__create(tw_model **out, tw_graph *graph, tw_error *err);

/* Gives the layers of a file that has only their classes the names that `whole` has, in order.
 * Expected: TW_EFILE where their order is not known, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__order_layers(tw_weight_file *file, const tw_graph *whole,
                                               tw_error *err);

/* ---- names and layouts of files: names.c, layout.c, bind.c */

/* What provenance calls it. */
const char *tw_model__naming_text(tw_naming naming);
tw_weight_layout tw_model__naming_layout(tw_naming naming);
bool tw_model__naming_is_rgb(tw_naming naming);
/* How pictures go into weights of that naming, where it says so. */
void tw_model__naming_contract(tw_contract *contract, tw_naming naming);
/* The naming that knows most of the file's tensors, for a built-in network. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__recognize(tw_naming *out, const tw_weight_file *file,
                                            const tw_graph *graph, tw_error *err);

/* What torch calls a node of such a network and the batch normalization behind it ("": none); false
 * where the graph is of another kind. */
bool tw_model__efficientnet_lite_name(char layer[TW_NAME_SIZE], char norm[TW_NAME_SIZE],
                                      const tw_graph *graph, int node);
bool tw_model__resnet_name(char layer[TW_NAME_SIZE], char norm[TW_NAME_SIZE], const tw_graph *graph,
                           int node);

/* What a batch normalization is made of. */
enum { TW_NORM_GAMMA, TW_NORM_BETA, TW_NORM_MEAN, TW_NORM_VARIANCE, TW_N_NORM };

/* The names of a graph's parameters, "" where the naming has none: kernel and bias, then those of
 * the batch normalization that is folded into them, then its counter, which is of no use. */
enum {
    TW_MODEL__PARAM_NAME = 2 * TW_NAME_SIZE,
    TW_MODEL__FIRST_NORM = 2,
    TW_MODEL__COUNTER = TW_MODEL__FIRST_NORM + TW_N_NORM,
    TW_MODEL__N_NAMES
};
typedef struct tw_model__names {
    tw_naming naming;
    const tw_graph *graph; /* borrowed */
    char (*of)[TW_MODEL__N_NAMES][TW_MODEL__PARAM_NAME];
} tw_model__names;
TW_MUST_CHECK tw_status tw_model__names_create(tw_model__names *out, tw_naming naming,
                                               const tw_graph *graph, tw_error *err);
void tw_model__names_free(tw_model__names *names);
/* The parameter of that name, *slot its place in names->of; *node and *slot are -1 where there is
 * none. */
bool tw_model__names_find(int *node, int *slot, const tw_model__names *names, const char *name);

/* A parameter's shape in torch's layout, as sentences say it. */
tw_shape tw_model__torch_shape(const tw_graph *graph, int node, int slot);
/* Whether it has that shape, or the one of the convolution that a dense layer can be. */
bool tw_model__is_torch_shape(const tw_graph *graph, int node, int slot, const tw_shape *shape);

/* A tensor of the file and what it takes to make it a parameter. */
typedef struct tw_model__binding {
    const tw_named_tensor *tensor;
    bool is_mapped;   /* lies in the mapped file, not in a block */
    bool is_turned;   /* from torch's layout */
    bool is_reversed; /* input channels RGB to BGR */
} tw_model__binding;

/* Fills a parameter, (its shape) float32, from the file. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__convert(float *out, const tw_model *model, int node, int slot,
                                          const tw_model__binding *how, tw_error *err);

/* Binds model->file to model->graph, which was cut from `whole`, by the names of model->naming.
 * With `may_lack_dense` the Dense layers of the graph may be missing in the file, and stay unbound.
 * What has another layout or type is converted into model->block. All problems in one sentence,
 * TW_EFILE. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__bind(tw_model *model, const tw_graph *whole, bool may_lack_dense,
                                       tw_error *err);

/* Folds the batch normalization, (K) each, into kernel (...,K) and bias (K), which is written.
 * Expected: TW_EFILE (a variance that is none), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__fold_norm(float *kernel, float *bias, const tw_model *model,
                                            int node, const tw_named_tensor *const norm[TW_N_NORM],
                                            double epsilon, tw_error *err);
/* What a naming's networks add to the variance. */
double tw_model__naming_epsilon(tw_naming naming);

/* What the file's metadata says beside its tensors: class names for a network that is whole, and of
 * torch's namings the contract. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model__take_metadata(tw_model *model, bool is_whole, tw_error *err);

/* One block for the parameters of nodes first..last of the graph, filled from their initializers
 * (key: seed, node * 2 + slot); those that `base` (may be NULL) has are left zero for a copy. */
TW_MUST_CHECK tw_status tw_model__init_block(tw_model *model, int first, const tw_model *base,
                                             uint64_t seed, tw_error *err);

/* Numbers that a parameter takes in a block. */
int64_t tw_model__padded_size(const tw_param *param);

/* A model file. Takes nothing; `cut` may be NULL. */
TW_MUST_CHECK tw_status tw_model__open_file(tw_model **out, const char *path, const char *cut,
                                            tw_error *err);

/* Cuts `graph` after layer `cut` (name or index); *out is a copy where cut is NULL. */
TW_MUST_CHECK tw_status tw_model__cut(tw_graph **out, const tw_graph *graph, const char *cut,
                                      tw_error *err);

/* Index of the layer of exactly that name, -1 where there is none. */
int tw_model__find_layer(const tw_graph *graph, const char *name);

/* Copies of n strings; *out is NULL for n = 0. */
TW_MUST_CHECK tw_status tw_model__copy_classes(tw_model *model, char *const *classes, int n,
                                               tw_error *err);

/* What sentences call the place the numbers came from: path of the file, else "vgg16". */
const char *tw_model__source(const tw_model *model);

/* Visits the numbers of a parameter window by window and gives mapped pages back behind itself, so
 * that a scan of 400 MB leaves no trace in memory. Stops at the first status that is not TW_OK. */
typedef tw_status (*tw_model__visit)(void *ctx, const void *bytes, int64_t first, int64_t n,
                                     tw_error *err);
TW_MUST_CHECK tw_status tw_model__scan(const tw_param *param, tw_model__visit visit, void *ctx,
                                       tw_error *err);

#endif
