/*
 * What a file of weights says beside its tensors: class names, and how pictures go in. It is said
 * as in a model file: JSON text under "classes" and "contract" (safetensors), or class names that
 * the reader of a PyTorch file has put into the same form.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* The JSON text under `key`; *out stays NULL where there is none. Caller frees. */
static tw_status read_entry(tw_json **out, const tw_json *metadata, const char *key,
                            const char *path, tw_error *err)
{
    const char *text;
    char name[160];

    *out = NULL;
    if (!tw_json_string(&text, tw_json_get(metadata, key)))
        return TW_OK;
    snprintf(name, sizeof name, "%.120s: metadata \"%s\"", path, key);
    return tw_json_parse_small(out, text, strlen(text), name, err);
}

/* Names that are as many as the network has outputs. */
static tw_status take_classes(tw_model *model, const tw_json *metadata, tw_error *err)
{
    const char *path = model->file.map.path;
    const tw_shape *output = tw_graph_output_shape(model->graph);
    const char **names = NULL;
    tw_json *json;
    size_t n;
    tw_status rc = read_entry(&json, metadata, "classes", path, err);

    if (rc || (n = tw_json_count(json)) == 0)
        goto done;
    if (!tw_json_is_array(json)) {
        rc = tw_fail(err, TW_EFILE, "%s: \"classes\" must be a list of names", path);
        goto done;
    }
    if (output->rank != 1 || output->dims[0] != (int64_t)n) {
        rc = tw_fail(err, TW_EFILE, "%s: %zu classes are named, the network has %lld outputs", path,
                     n, (long long)output->dims[output->rank - 1]);
        goto done;
    }
    if (!(names = tw_calloc(n, sizeof *names)))
        rc = tw_fail(err, TW_ENOMEM, "no memory for %zu class names", n);
    for (size_t i = 0; i < n && !rc; i++)
        if (!tw_json_string(&names[i], tw_json_at(json, i)))
            rc = tw_fail(err, TW_EFILE, "%s: class %zu has no name", path, i);
    if (!rc)
        rc = tw_model__copy_classes(model, (char *const *)(uintptr_t)names, (int)n, err);
done:
    tw_free(names);
    tw_json_free(json);
    return rc;
}

static tw_status take_contract(tw_model *model, const tw_json *metadata, tw_error *err)
{
    const char *path = model->file.map.path;
    tw_contract contract;
    tw_json *json;
    tw_status rc = read_entry(&json, metadata, "contract", path, err);

    if (!rc && json && !(rc = tw_contract_from_json(&contract, json, path, err))) {
        if (contract.height != model->contract.height || contract.width != model->contract.width)
            rc = tw_fail(err, TW_EFILE, "%s: its contract makes %dx%d, %s takes %dx%d", path,
                         contract.height, contract.width, model->architecture,
                         model->contract.height, model->contract.width);
        else
            model->contract = contract;
    }
    tw_json_free(json);
    return rc;
}

tw_status tw_model__take_metadata(tw_model *model, bool is_whole, tw_error *err)
{
    const char *text = model->file.metadata;
    tw_json *metadata;
    tw_status rc;

    if (!text)
        return TW_OK;
    if ((rc = tw_json_parse(&metadata, text, strlen(text), model->file.map.path, err)))
        return rc;
    if (model->naming != TW_NAMING_KERAS)
        rc = take_contract(model, metadata, err);
    if (rc == TW_OK && is_whole)
        rc = take_classes(model, metadata, err);
    tw_json_free(metadata);
    return rc;
}
