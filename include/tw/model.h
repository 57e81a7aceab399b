/*
 * Networks and model files.
 *
 * A model is a graph, its named parameters, the preprocessing contract, the class names and where
 * it came from. Layer names and indices are Keras's. Parameters of a loaded file stay mapped.
 */
#ifndef TW_MODEL_H
#define TW_MODEL_H

#include <tw/error.h>
#include <tw/image.h>
#include <tw/tensor.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_model tw_model;

/* One row of the plan table, Keras's numbering. Strings are borrowed from the model. */
typedef struct tw_layer_info {
    int index;
    const char *name;
    const char *op; /* "Conv2D", "MaxPooling2D", ... */
    tw_shape shape; /* output of one sample, without N */
    int64_t n_params;
    int64_t macs;             /* multiply-adds for one sample */
    int64_t activation_bytes; /* fp32 output of one sample */
    int frozen;               /* 1 frozen, 0 trained */
    double lr;                /* learning rate in a training's plan, else 0 */
} tw_layer_info;

/* Opens `name`: a built-in architecture ("vgg16", "vgg19", "vgg16-mini") or a model file
 * (.safetensors written by topwork, or ONNX or torch-named safetensors that it exported), or a
 * folder with model.safetensors in it, such as a run. For an
 * architecture `weights` is a file (Keras's .h5, .weights.h5 or .keras, PyTorch's .pth,
 * safetensors, .npz; names and layout are Keras's, torchvision's, timm's or Frossard's, and the
 * contract comes with them), the name of fetched weights ("vgg16-notop", see tw/fetch.h), "random"
 * (glorot_uniform from `seed`) or NULL: the weights inside the program where it has them
 * (vgg16-mini), else no parameters are bound, which is good for tw_model_layer, not for computing.
 * A file without the fully connected layers binds the layers that it has. For a model file
 * `weights` must be NULL. `cut` (NULL: none) is a layer name or index, negative from the end: the
 * model ends there. Each layer that the cut graph needs and the file lacks, and each unknown or
 * misshapen tensor, is named. Caller frees. Expected: TW_EFILE, TW_EUSAGE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_open(tw_model **out, const char *name, const char *weights,
                                      const char *cut, uint64_t seed, tw_error *err);
/* The name of the fetched weights for network `name` up to `cut`: "vgg16-notop" where no fully
 * connected layer is needed and it is there, else "vgg16"; static. NULL where name is a model
 * file or a network with its weights inside the program. Expected: TW_EUSAGE (nothing is there; the
 * sentence says what to fetch), TW_EFILE (what is there was changed). */
TW_MUST_CHECK tw_status tw_model_find_weights(const char **out, const char *name, const char *cut,
                                              tw_error *err);
void tw_model_free(tw_model *model);

int tw_model_layer_count(const tw_model *model);
/* Row i of the plan table, 0 <= i < tw_model_layer_count. */
tw_layer_info tw_model_layer(const tw_model *model, int i);

/* 0 classes for a trunk. Names are borrowed; NULL where the model has none. */
int tw_model_class_count(const tw_model *model);
const char *tw_model_class_name(const tw_model *model, int class_index);
/* Names for classes that have none, from `file` (imagenet_class_index.json) or NULL: where there
 * are 1,000, the index that was fetched as "imagenet-classes". A class is then "n02123045 tabby".
 * *named is 0 where there is no index: classes are then called "0", "1", ... Expected: TW_EFILE,
 * TW_EUSAGE (no classes, or names already), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_model_name_classes(int *named, tw_model *model, const char *file,
                                              tw_error *err);
const tw_contract *tw_model_contract(const tw_model *model);
/* Another contract of the same input size, before anything is computed. Expected: TW_ESHAPE. */
TW_MUST_CHECK tw_status tw_model_set_contract(tw_model *model, const tw_contract *contract,
                                              tw_error *err);

/* What its logits are divided by before softmax makes probabilities of them: 1 unless the model was
 * calibrated (tw_calibrate). The predicted class does not depend on it. Setting another one is for
 * TW_TEMPERATURE_LEAST to TW_TEMPERATURE_MOST, kept to six decimals. Expected: TW_EUSAGE. */
#define TW_TEMPERATURE_LEAST 0.01
#define TW_TEMPERATURE_MOST 100.0
double tw_model_temperature(const tw_model *model);
TW_MUST_CHECK tw_status tw_model_set_temperature(tw_model *model, double temperature,
                                                 tw_error *err);

/* 1 where the model has learned what pictures of its classes look like (tw_calibrate); a picture
 * that is further from all of them than the threshold (tw_engine_judge) is of none. */
int tw_model_knows_pictures(const tw_model *model);
double tw_model_reject_threshold(const tw_model *model);

/* 1 and a sentence where the contract is of one family and the weights of the other: torchvision's
 * weights with preprocessing caffe, or Keras's with torch; else 0. */
int tw_model_doubt(char *buf, size_t buf_size, const tw_model *model);

/* Reads every parameter: a NaN, an infinity, or a kernel of zeros only is TW_EFILE naming layer and
 * file. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_model_check_weights(const tw_model *model, tw_error *err);

/* Names of the built-in architectures, NULL after the last. */
const char *tw_model_builtin_name(int i);

/* 1 when the weights of that architecture are part of the program. */
int tw_model_has_weights(const char *name);

#ifdef __cplusplus
}
#endif

#endif
