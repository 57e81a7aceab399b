/*
 * A file of named tensors, whatever its format: HDF5 (Keras), a zip (.keras, .npz), safetensors,
 * PyTorch or ONNX of topwork's own, told by its first bytes. The tensors point into the mapped
 * file, or into a block where the file has them deflated or in another order. Parsers here are
 * pure: no knowledge of models.
 */
#ifndef TW_FORMAT_WEIGHTS_H
#define TW_FORMAT_WEIGHTS_H

#include "base/file.h"

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>

/* One tensor. For Keras .h5 files `layer` is the layer's name and `name` the weight's name inside
 * it ("block1_conv1" / "block1_conv1_W_1:0" or "block1_conv1/kernel:0"), `slot` its place among the
 * layer's weights. For Keras 3 `name` is the path in the file ("layers/conv2d/vars/0"), `slot` its
 * number. For safetensors and npz `layer` is the part before the last '/', for PyTorch before the
 * last '.', `name` the whole name. */
typedef struct tw_named_tensor {
    char *layer;
    char *name;
    int slot;
    tw_tensor tensor;
} tw_named_tensor;

/* How a file names its tensors. One row a kind: enum, what sentences call it. */
#define TW_WEIGHT_KIND_LIST(X)                   \
    X(TW_WEIGHTS_KERAS_H5, "Keras .h5")          \
    X(TW_WEIGHTS_KERAS_3, "Keras 3 .weights.h5") \
    X(TW_WEIGHTS_KERAS_ZIP, ".keras")            \
    X(TW_WEIGHTS_NPZ, "npz")                     \
    X(TW_WEIGHTS_SAFETENSORS, "safetensors")     \
    X(TW_WEIGHTS_TORCH, "PyTorch")               \
    X(TW_WEIGHTS_ONNX, "ONNX")

#define TW_WEIGHT_KIND_ENUM(name, text) name,
typedef enum tw_weight_kind {
    TW_WEIGHT_KIND_LIST(TW_WEIGHT_KIND_ENUM) TW_N_WEIGHT_KIND
} tw_weight_kind;
#undef TW_WEIGHT_KIND_ENUM

typedef struct tw_weight_file {
    tw_map map;
    int n_tensors;
    tw_named_tensor *tensors;
    int n_layers; /* h5: layers in file order, weightless ones included; else 0 */
    char **layers;
    char *metadata; /* safetensors: the __metadata__ object as JSON text; ONNX: metadata_props as
                       one; PyTorch: "classes" in the same form where the file names them; else
                       NULL */
    tw_weight_kind kind;
    bool anonymous; /* Keras 3: layers are called by their class ("conv2d_1"): format/anonymous.h */
    int n_blocks;
    void *
        *blocks; /* memory that tensors point into where the mapped file does not have them plain */
} tw_weight_file;

/* Opens and checks the whole structure. Free with tw_weight_file_close (zeroed is fine).
 * Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_weight_file_open(tw_weight_file *out, const char *path, tw_error *err);
/* The same for n bytes that outlive the file; `name` is what sentences call them. */
TW_MUST_CHECK tw_status tw_weight_file_borrow(tw_weight_file *out, const void *data, size_t n,
                                              const char *name, tw_error *err);
void tw_weight_file_close(tw_weight_file *file);

/* A block of n bytes that lives as long as the file. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_weight_file_add_block(void **out, tw_weight_file *file, size_t n,
                                                 tw_error *err);
/* Room for one more tensor, zeroed and counted; NULL when memory ran out. For parsers. */
tw_named_tensor *tw_format__new_tensor(tw_weight_file *file);
/* Appends a tensor; names are copied. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_weight_file_add_tensor(tw_weight_file *file, const char *layer,
                                                  size_t n_layer, const char *name, int slot,
                                                  const tw_tensor *tensor, tw_error *err);
/* Takes tensor i out of the list; its data stays. */
void tw_weight_file_drop_tensor(tw_weight_file *file, int i);
/* Whether the data lies in the mapped file, whose pages may be given back, and not in a block. */
bool tw_weight_file_maps(const tw_weight_file *file, const void *data);
/* Whether `slot` says which weight of its layer a tensor is; else its name does. */
bool tw_weight_kind_has_slots(tw_weight_kind kind);
const char *tw_weight_kind_name(tw_weight_kind kind);

/* The parsers behind it; `file->map` is open already. */
TW_MUST_CHECK tw_status tw_h5_read(tw_weight_file *file, tw_error *err);
TW_MUST_CHECK tw_status tw_zip_read(tw_weight_file *file, tw_error *err);
TW_MUST_CHECK tw_status tw_safetensors_read(tw_weight_file *file, tw_error *err);
/* torch.save before 1.6: a state dict, also one inside a checkpoint. */
bool tw_torch_is_legacy(const tw_map *map);
TW_MUST_CHECK tw_status tw_torch_read_legacy(tw_weight_file *file, tw_error *err);
TW_MUST_CHECK tw_status tw_onnx_read(tw_weight_file *file, tw_error *err);

#endif
