/*
 * What a cached row's bits depend on, as one hash: weights and graph of the prefix, preprocessing,
 * precision, storage type, numerics id, augmentation and seed, and the format of the files. Picture
 * and view are not in it: they address rows inside an entry, so data sets share them.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "feature/feature_int.h"
#include "tensor/tensor.h"

#include <string.h>

enum { FORMAT_VERSION = 1, PLAIN_VIEW = 0 };

static const char *const dtype_names[] = {
#define NAME(id, text) text,
    TW_CACHE_DTYPE_LIST(NAME)
#undef NAME
};

static tw_status describe_key(tw_json **out, const tw_model *model, int last,
                              tw_precision precision, tw_cache_dtype dtype, const char *numerics,
                              const char *folder, tw_error *err)
{
    tw_status rc;
    tw_graph *prefix = NULL;
    tw_json *json = NULL;
    char weights[65];

    *out = NULL;
    if ((rc = tw_feature__weights_hash(weights, model, last, folder, err)) ||
        (rc = tw_graph_cut(&prefix, model->graph, last, err)))
        goto done;
    json = tw_json_new_object();
    if (!tw_json_set(json, "format", tw_json_new_i64(FORMAT_VERSION)) ||
        !tw_json_set(json, "weights", tw_json_new_string(weights)) ||
        !tw_json_set(json, "graph", tw_graph_to_json(prefix)) ||
        !tw_json_set(json, "contract", tw_contract_to_json(&model->contract)) ||
        !tw_json_set(json, "precision", tw_json_new_string(tw_precision_name(precision))) ||
        !tw_json_set(json, "storage", tw_json_new_string(dtype_names[dtype])) ||
        !tw_json_set(json, "numerics", tw_json_new_string(numerics)) ||
        !tw_json_set(json, "view", tw_json_new_i64(PLAIN_VIEW))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the cache key");
        goto done;
    }
    *out = json;
    json = NULL; /* ownership moved to *out */
done:
    tw_json_free(json);
    tw_graph_free(prefix);
    return rc;
}

tw_status tw_feature__key(char hex[65], const tw_model *model, int last, tw_precision precision,
                          tw_cache_dtype dtype, const char *numerics, const char *folder,
                          tw_error *err)
{
    tw_json *json;
    char *text;
    tw_status rc = describe_key(&json, model, last, precision, dtype, numerics, folder, err);

    if (rc)
        return rc;
    if ((text = tw_json_dump(json, 0)))
        rc = tw_sha256_hex(hex, text, strlen(text), err);
    else
        rc = tw_fail(err, TW_ENOMEM, "no memory for the cache key");
    tw_free(text);
    tw_json_free(json);
    return rc;
}

tw_status tw_feature__view_key(char hex[65], const char *augment, uint64_t seed, tw_error *err)
{
    tw_text text = {0};
    tw_status rc;

    tw_text_add(&text, "%.64s seed %llu: %s", hex, (unsigned long long)seed, augment);
    rc = text.failed ? tw_fail(err, TW_ENOMEM, "no memory for the cache key")
                     : tw_sha256_hex(hex, text.text, text.n, err);
    tw_text_free(&text);
    return rc;
}

tw_json *tw_feature__job(const tw_model *model, int last, tw_precision precision,
                         tw_cache_dtype dtype, const char *numerics, const char *augment)
{
    const tw_contract *contract = &model->contract;
    const int64_t row_size = tw_shape_size(&model->graph->nodes[last].out);
    const char *name = model->architecture ? model->architecture : "a model";
    tw_json *json = tw_json_new_object();
    tw_text text = {0};
    char policy[32];
    bool ok;

    tw_text_add(&text, "%s to %s, %s%s %dx%d%s, %s, %s", name, model->graph->nodes[last].name,
                tw_interpolation_name(contract->interpolation),
                tw_contract_resize_text(policy, sizeof policy, contract), contract->height,
                contract->width, contract->colour == TW_COLOUR_GREY ? " grey" : "",
                tw_preprocess_name(contract->preprocess), tw_precision_name(precision));
    if (dtype != TW_CACHE_FP32)
        tw_text_add(&text, ", kept as %s", dtype_names[dtype]);
    if (augment)
        tw_text_add(&text, "; views: %s", augment);
    ok = !text.failed && tw_json_set(json, "job", tw_json_new_string(text.text)) &&
         tw_json_set(json, "weights", tw_json_new_string(model->weights ? model->weights : "")) &&
         tw_json_set(json, "numbers", tw_json_new_i64(row_size)) &&
         tw_json_set(json, "numerics", tw_json_new_string(numerics));
    tw_text_free(&text);
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}
