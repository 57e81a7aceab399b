/*
 * A model as a file of another framework, and weights from one format to another.
 */
#ifndef TW_EXPORT_H
#define TW_EXPORT_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/infer.h>
#include <tw/model.h>
#include <tw/watch.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One row a format: enum, name, the ending of a file name that stands for it (NULL: another row's).
 *   onnx               IR 7, opset 13: ONNX Runtime since 1.6
 *   keras-h5           the whole model, as keras.models.load_model reads it
 *   torch-safetensors  tensors named and laid out as torchvision does
 *   safetensors        topwork's own model file */
#define TW_EXPORT_LIST(X)                         \
    X(TW_EXPORT_ONNX, "onnx", ".onnx")            \
    X(TW_EXPORT_KERAS_H5, "keras-h5", ".h5")      \
    X(TW_EXPORT_TORCH, "torch-safetensors", NULL) \
    X(TW_EXPORT_SAFETENSORS, "safetensors", ".safetensors")
/* And what holds weights alone, which tw_convert writes: npz, arrays for numpy.load. */
#define TW_CONVERT_LIST(X) TW_EXPORT_LIST(X) X(TW_EXPORT_NPZ, "npz", ".npz")
#define TW_EXPORT_ENUM(name, text, ending) name,
typedef enum tw_export_format { TW_CONVERT_LIST(TW_EXPORT_ENUM) TW_N_EXPORT } tw_export_format;
#undef TW_EXPORT_ENUM

const char *tw_export_name(tw_export_format format);
/* Expected: TW_EUSAGE with the nearest name. */
TW_MUST_CHECK tw_status tw_export_parse(tw_export_format *out, const char *name, tw_error *err);
/* The format that the ending of a path stands for. Expected: TW_EUSAGE with the known endings. */
TW_MUST_CHECK tw_status tw_export_guess(tw_export_format *out, const char *path, tw_error *err);

/* What a file that was written makes of pictures, beside what the model makes of them. */
typedef struct tw_parity {
    int64_t n;       /* pictures */
    int64_t n_same;  /* whose most probable class is the same */
    double largest;  /* difference of a probability */
    int64_t n_bytes; /* of the file */
} tw_parity;

typedef struct tw_export_options {
    tw_export_format format;
    int with_preprocessing; /* 1: the file takes pictures (N,H,W,3) uint8 RGB; ONNX alone */
    int64_t n_pictures;     /* of the parity check, the data's first; 0: 100 */
} tw_export_options;

/* Writes the classifier to path, reads back what was written, and compares both on pictures of the
 * data. The file gets its name only after the comparison found the same most probable class for
 * each of them; else TW_EFAIL, and *out says what was found. Expected: TW_EUSAGE (no classifier, an
 * option that the format lacks), TW_EFILE, TW_EBUDGET, TW_EUNSUPPORTED (over 2 GiB for ONNX),
 * TW_EINTERRUPTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_export(tw_parity *out, const tw_model *model, const tw_dataset *data,
                                  const char *path, const tw_export_options *options,
                                  const tw_compute *compute, const tw_watch *watch, tw_error *err);

typedef struct tw_convert_options {
    tw_export_format format; /* onnx only for a classifier */
    const char *model;       /* the built-in network whose weights these are; NULL: found out */
} tw_convert_options;

/* Writes the weights at `in`, a model file or weights of a built-in network in any format that
 * tw_model_open reads, or the network with its weights inside of that name, to `out`. Layers behind
 * the last one that the file has weights of are left out. No number changes; *n_bytes is the size
 * of what was written. Expected: TW_EUSAGE, TW_EFILE, TW_EFAIL (other numbers read back),
 * TW_EUNSUPPORTED, TW_EBUDGET, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_convert(int64_t *n_bytes, const char *in, const char *out,
                                   const tw_convert_options *options, tw_error *err);

#ifdef __cplusplus
}
#endif

#endif
