/* What the files of the model room share. */
#ifndef TW_MODEL_MODEL_INT_H
#define TW_MODEL_MODEL_INT_H

#include "model/model.h"

/* Rows of the table in architectures.c. */
tw_status tw_model__vgg16(tw_graph **out, tw_error *err);
tw_status tw_model__vgg19(tw_graph **out, tw_error *err);
tw_status tw_model__vgg16_mini(tw_graph **out, tw_error *err);

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

/* Binds model->file to model->graph, which was cut from `whole`. With `may_lack_dense` the Dense
 * layers of the graph may be missing in the file, and stay unbound. All problems in one sentence,
 * TW_EFILE. */
TW_MUST_CHECK tw_status tw_model__bind(tw_model *model, const tw_graph *whole, bool may_lack_dense,
                                       tw_error *err);

/* One block for the parameters of nodes first..last of the graph, filled from their initializers
 * (key: seed, node * 2 + slot); those that `base` (may be NULL) has are left zero for a copy. */
TW_MUST_CHECK tw_status tw_model__init_block(tw_model *model, int first, const tw_model *base,
                                             uint64_t seed, tw_error *err);

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
