/*
 * The built-in networks, one row each: name, builder, preprocessing contract, weights where the
 * program has them inside.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/text.h"

#include <string.h>

/* What Keras's networks of the Caffe kind were trained on. */
#define CAFFE_224                                                                    \
    {                                                                                \
        224, 224, TW_COLOUR_RGB, TW_CUBIC, TW_PREPROCESS_CAFFE, TW_RESIZE_SQUASH, 0, \
            TW_JPEG_SCALE_OFF                                                        \
    }

/* ... torchvision's, ... */
#define TORCH_224                                                                            \
    {                                                                                        \
        224, 224, TW_COLOUR_RGB, TW_BILINEAR_AA, TW_PREPROCESS_TORCH, TW_RESIZE_CROP, 0.875, \
            TW_JPEG_SCALE_OFF                                                                \
    }
/* ... and EfficientNet-Lite's. */
#define LITE_224                                                                         \
    {                                                                                    \
        224, 224, TW_COLOUR_RGB, TW_CUBIC_AA, TW_PREPROCESS_LITE, TW_RESIZE_CROP, 0.875, \
            TW_JPEG_SCALE_OFF                                                            \
    }

static const tw_architecture rows[] = {
    {"vgg16", tw_model__vgg16, CAFFE_224, NULL, NULL},
    {"vgg19", tw_model__vgg19, CAFFE_224, NULL, NULL},
    {"vgg16-mini", tw_model__vgg16_mini, CAFFE_224, tw_model__vgg16_mini_begin,
     tw_model__vgg16_mini_end},
    {"efficientnet-lite0", tw_model__efficientnet_lite0, LITE_224, NULL, NULL},
    {"resnet18", tw_model__resnet18, TORCH_224, NULL, NULL},
    {"resnet50", tw_model__resnet50, TORCH_224, NULL, NULL},
};
enum { N_ROWS = sizeof rows / sizeof rows[0] };

const char *tw_model_builtin_name(int i)
{
    return i >= 0 && i < N_ROWS ? rows[i].name : NULL;
}

const tw_architecture *tw_model__architecture(const char *name)
{
    for (int i = 0; i < N_ROWS; i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

int tw_model_has_weights(const char *name)
{
    const tw_architecture *row = tw_model__architecture(name);

    return row && row->weights;
}

static tw_status fail_unknown(const char *name, tw_error *err)
{
    const char *names[N_ROWS];
    const char *near;
    char path[400];
    tw_text all = {0};
    tw_status rc;

    for (int i = 0; i < N_ROWS; i++) {
        names[i] = rows[i].name;
        tw_text_add(&all, "%s%s", i ? ", " : "", rows[i].name);
    }
    if ((near = tw_nearest_name(name, names, N_ROWS)))
        rc = tw_fail(err, TW_EUSAGE, "unknown model \"%s\", did you mean \"%s\"", name, near);
    else if (tw_path_nearest(path, sizeof path, name))
        rc =
            tw_fail(err, TW_EUSAGE,
                    "unknown model \"%s\": there is no such file, did you mean \"%s\"", name, path);
    else
        rc = tw_fail(err, TW_EUSAGE,
                     "unknown model \"%s\": there is no such file, and built in are %s", name,
                     all.text ? all.text : "?");
    tw_text_free(&all);
    return rc;
}

tw_status tw_model_build(tw_graph **graph, tw_contract *contract, const char *name, tw_error *err)
{
    const tw_architecture *row = tw_model__architecture(name);

    *graph = NULL;
    if (!row)
        return fail_unknown(name, err);
    *contract = row->contract;
    return row->build(graph, err);
}
