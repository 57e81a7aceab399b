/* What the files of the export room share: how each format calls and lays out a parameter. */
#ifndef TW_EXPORT_EXPORT_INT_H
#define TW_EXPORT_EXPORT_INT_H

#include "model/model.h"
#include "tensor/permute.h"

#include <tw/data.h>
#include <tw/export.h>

/* Keras keeps topwork's layout. ONNX has pictures (N,C,H,W), so convolution kernels are (K,C,R,S)
 * and the rows of the first dense kernel after a flatten come in the order (C,H,W). PyTorch has
 * that too, and its dense kernels are (out,in). */
typedef enum tw_export__layout {
    TW_EXPORT__AS_IS,
    TW_EXPORT__ONNX_LAYOUT,
    TW_EXPORT__TORCH_LAYOUT
} tw_export__layout;

/* One parameter in a file. */
typedef struct tw_export__param {
    int node, slot;
    const tw_param *param;
    char own[TW_NAME_SIZE + 8];  /* "block1_conv1/kernel" */
    char name[TW_NAME_SIZE + 8]; /* in the file; the same unless a format changes it */
    tw_shape shape;              /* in the file */
    bool permuted;
    tw_axes axes; /* where it is */
} tw_export__param;

typedef struct tw_export__params {
    tw_export__param *items;
    int n;
} tw_export__params;

/* All parameters of the model in the order of its layers. Free with tw_free(out->items).
 * Expected: TW_EFILE naming layers without weights, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_export__list(tw_export__params *out, const tw_model *model,
                                        tw_export__layout layout, tw_error *err);
/* tw_model_make_metadata, with the layout of what is not as topwork keeps it (format/layout.h).
 * Caller frees. */
TW_MUST_CHECK tw_status tw_export__metadata(tw_json **out, const tw_model *model,
                                            const tw_export__params *params, tw_error *err);
/* Whether a node's output is a flattened (H,W,C), whose order differs where channels come first. */
bool tw_export__is_flat(int64_t hwc[3], const tw_graph *graph, int node);

/* Gives parameters their names in torch-safetensors. */
void tw_export__name_torch(tw_export__params *params, const tw_graph *graph);

/* The writers: whole files, without a check. */
TW_MUST_CHECK tw_status tw_export__write_onnx(const tw_model *model, const char *path,
                                              bool with_preprocessing, tw_error *err);
TW_MUST_CHECK tw_status tw_export__write_keras(const tw_model *model, const char *path,
                                               tw_error *err);
TW_MUST_CHECK tw_status tw_export__write_torch(const tw_model *model, const char *path,
                                               tw_error *err);
TW_MUST_CHECK tw_status tw_export__write_npz(const tw_model *model, const char *path,
                                             tw_error *err);
TW_MUST_CHECK tw_status tw_export__write(const tw_model *model, const char *path,
                                         const tw_export_options *options, tw_error *err);

/* Pictures for a comparison, and what it found. */
typedef struct tw_export__check {
    const tw_dataset *data;
    int64_t most; /* pictures; 0: 100 */
    const tw_compute *compute;
    const tw_watch *watch;
    tw_parity *found;
} tw_export__check;

/* Shows both models the first pictures of the data. */
TW_MUST_CHECK tw_status tw_export__compare(const tw_model *own, const tw_model *other,
                                           const tw_export__check *check, tw_error *err);
/* The verdicts; path is what sentences call the file. Expected: TW_EFAIL. */
TW_MUST_CHECK tw_status tw_export__check_numbers(const tw_model *model, const tw_model *other,
                                                 const char *path, tw_error *err);
TW_MUST_CHECK tw_status tw_export__check_classes(const tw_parity *parity, const char *path,
                                                 tw_error *err);
/* TW_EUSAGE unless the model ends in a softmax over classes. */
TW_MUST_CHECK tw_status tw_export__check_classifier(const tw_model *model, tw_error *err);
/* Writes beside path, reads that back and compares it (check NULL: its numbers alone), renames. */
TW_MUST_CHECK tw_status tw_export__write_checked(const tw_model *model, const char *path,
                                                 const tw_export_options *options,
                                                 const tw_export__check *check, tw_error *err);

#endif
