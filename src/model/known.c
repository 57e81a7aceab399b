/*
 * What known pictures look like to the frozen part of a classifier, in its model file: the tensor
 * "known/means" (L,C), a unit vector a class (zeros where there was no picture), and the metadata
 *
 *     known   {"layer": "block5_pool", "pictures": 400, "quantile": 0.99, "threshold": 0.1531}
 *
 * All four are required and nothing else is known. What is made of them is infer/look.c's.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

int64_t tw_known_channels(const tw_model *model)
{
    const tw_graph *graph = model->graph;
    int i = tw_model_boundary(model);

    while (graph->nodes[i].op == TW_OP_FLATTEN || graph->nodes[i].op == TW_OP_DROPOUT)
        i = graph->nodes[i].inputs[0];
    return graph->nodes[i].out.dims[graph->nodes[i].out.rank - 1];
}

void tw_known_free(tw_known *known)
{
    tw_free(known->means);
    *known = (tw_known){0};
}

int tw_model_knows_pictures(const tw_model *model)
{
    return model->known.means != NULL;
}

double tw_model_reject_threshold(const tw_model *model)
{
    return model->known.threshold;
}

/* ---- writing */

tw_json *tw_known_to_json(const tw_model *model)
{
    const tw_known *known = &model->known;
    const char *layer = model->graph->nodes[tw_model_boundary(model)].name;
    tw_json *o = tw_json_new_object();

    if (tw_json_set(o, "layer", tw_json_new_string(layer)) &&
        tw_json_set(o, "pictures", tw_json_new_i64(known->n)) &&
        tw_json_set(o, "quantile", tw_json_new_f64(known->quantile)) &&
        tw_json_set(o, "threshold", tw_json_new_f64(known->threshold)))
        return o;
    tw_json_free(o);
    return NULL;
}

/* ---- reading */

static tw_status check_keys(const tw_json *json, const char *name, tw_error *err)
{
    static const char *const keys[] = {"layer", "pictures", "quantile", "threshold"};
    const tw_json *value;
    const char *key;
    void *it = NULL;

    if (!tw_json_is_object(json))
        return tw_fail(err, TW_EFILE, "%s: known: must be an object", name);
    while ((it = tw_json_next(json, it, &key, &value))) {
        bool is_key = false;

        for (int i = 0; i < 4; i++)
            is_key |= !strcmp(key, keys[i]);
        if (!is_key)
            return tw_fail(err, TW_EFILE, "%s: known: unknown key \"%s\"", name, key);
    }
    return TW_OK;
}

tw_status tw_known_from_json(tw_known *out, const tw_json *json, const char *layer,
                             const char *name, tw_error *err)
{
    const char *stated;
    tw_status rc;

    if ((rc = check_keys(json, name, err)))
        return rc;
    if (!tw_json_string(&stated, tw_json_get(json, "layer")))
        return tw_fail(err, TW_EFILE, "%s: known: \"layer\" must be a string", name);
    if (strcmp(stated, layer) != 0)
        return tw_fail(err, TW_EFILE,
                       "%s: known: is of layer \"%s\", the frozen part ends with \"%s\"", name,
                       stated, layer);
    if (!tw_json_i64(&out->n, tw_json_get(json, "pictures")) || out->n < 1)
        return tw_fail(err, TW_EFILE, "%s: known: \"pictures\" must be a number from 1 on", name);
    if (!tw_json_f64(&out->quantile, tw_json_get(json, "quantile")) || !(out->quantile > 0.0) ||
        out->quantile > 1.0)
        return tw_fail(err, TW_EFILE, "%s: known: \"quantile\" must be a number above 0, at most 1",
                       name);
    if (!tw_json_f64(&out->threshold, tw_json_get(json, "threshold")) || !(out->threshold >= 0.0) ||
        out->threshold > 2.0)
        return tw_fail(err, TW_EFILE, "%s: known: \"threshold\" must be a number from 0 to 2",
                       name);
    return TW_OK;
}

static tw_status check_means(const tw_known *known, int n_classes, int64_t n_channels,
                             const char *path, tw_error *err)
{
    for (int k = 0; k < n_classes; k++) {
        double sum = 0.0;

        for (int64_t c = 0; c < n_channels; c++) {
            const double v = (double)known->means[k * n_channels + c];

            sum += v * v;
        }
        if (sum != 0.0 && !(fabs(sum - 1.0) < 1e-3))
            return tw_fail(err, TW_EFILE,
                           "%s: " TW_KNOWN_TENSOR ": row %d has the length %g, expected 1 or 0",
                           path, k, sqrt(sum));
    }
    return TW_OK;
}

tw_status tw_known_copy_means(tw_known *known, const tw_tensor *tensor, const tw_model *model,
                              const char *path, tw_error *err)
{
    const int64_t n_channels = tw_known_channels(model);
    const tw_shape wanted =
        tw_shape_make(2, (int64_t[]){model->n_classes > 0 ? model->n_classes : 1, n_channels});
    int64_t size;
    char needs[96], has[96];

    if (model->n_classes < 1)
        return tw_fail(err, TW_EFILE, "%s: known: the model has no classes", path);
    if (tensor->dtype != TW_F32 || !tw_shape_equal(&tensor->shape, &wanted))
        return tw_fail(err, TW_EFILE, "%s: " TW_KNOWN_TENSOR ": expected F32 %s, file has %s %s",
                       path, tw_shape_text(needs, sizeof needs, &wanted),
                       tw_dtype_name(tensor->dtype),
                       tw_shape_text(has, sizeof has, &tensor->shape));
    if (!tw_mul_i64(&size, model->n_classes, n_channels) || !(known->means = tw_alloc_f32(size)))
        return tw_fail(err, TW_ENOMEM, "no memory for the means of %d classes", model->n_classes);
    memcpy(known->means, tensor->data, (size_t)size * sizeof *known->means);
    known->n_channels = n_channels;
    return check_means(known, model->n_classes, n_channels, path, err);
}
