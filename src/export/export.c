/*
 * Writing a model for others. What was written lies beside its place under another name until it
 * has been read back from there, every number of it compared by its hash, and shown the same
 * pictures as the model; then it is renamed.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <string.h>

#define NAME(name, text, ending) text,
static const char *const names[] = {TW_EXPORT_LIST(NAME)};
#undef NAME
#define ENDING(name, text, ending) ending,
static const char *const endings[] = {TW_EXPORT_LIST(ENDING)};
#undef ENDING

const char *tw_export_name(tw_export_format format)
{
    return names[format];
}

tw_status tw_export_parse(tw_export_format *out, const char *name, tw_error *err)
{
    const char *near;
    tw_text all = {0};
    tw_status rc;

    for (int i = 0; i < TW_N_EXPORT; i++) {
        tw_text_add(&all, "%s%s", i ? ", " : "", names[i]);
        if (strcmp(names[i], name) == 0) {
            *out = (tw_export_format)i;
            tw_text_free(&all);
            return TW_OK;
        }
    }
    near = tw_nearest_name(name, names, TW_N_EXPORT);
    if (near)
        rc = tw_fail(err, TW_EUSAGE, "no format \"%s\"; did you mean %s", name, near);
    else
        rc = tw_fail(err, TW_EUSAGE, "no format \"%s\"; there are %s", name,
                     all.failed ? "?" : all.text);
    tw_text_free(&all);
    return rc;
}

tw_status tw_export_guess(tw_export_format *out, const char *path, tw_error *err)
{
    tw_text all = {0};
    tw_status rc;

    for (int i = 0; i < TW_N_EXPORT; i++) {
        size_t n = endings[i] ? strlen(endings[i]) : 0;

        if (n == 0)
            continue;
        if (strlen(path) > n && strcmp(path + strlen(path) - n, endings[i]) == 0) {
            *out = (tw_export_format)i;
            tw_text_free(&all);
            return TW_OK;
        }
        tw_text_add(&all, "%s%s", all.n ? ", " : "", endings[i]);
    }
    rc = tw_fail(err, TW_EUSAGE, "%s: which format; endings that stand for one are %s", path,
                 all.failed ? "?" : all.text);
    tw_text_free(&all);
    return rc;
}

/* ---- writing and reading back */

tw_status tw_export__write(const tw_model *model, const char *path,
                           const tw_export_options *options, tw_error *err)
{
    switch (options->format) {
    case TW_EXPORT_ONNX:
        return tw_export__write_onnx(model, path, options->with_preprocessing != 0, err);
    case TW_EXPORT_KERAS_H5:
        return tw_export__write_keras(model, path, err);
    case TW_EXPORT_TORCH:
        return tw_export__write_torch(model, path, err);
    case TW_EXPORT_SAFETENSORS:
    case TW_N_EXPORT:
        break;
    }
    return tw_model_write(model, path, err);
}

static tw_status check_request(const tw_model *model, const tw_export_options *options,
                               tw_error *err)
{
    const tw_graph *graph = model->graph;
    const tw_node *last = &graph->nodes[graph->n - 1];
    int64_t hwc[3];

    if (options->with_preprocessing && options->format != TW_EXPORT_ONNX)
        return tw_fail(err, TW_EUSAGE, "only onnx can hold the preprocessing, %s cannot",
                       tw_export_name(options->format));
    if (last->out.rank != 1 || (last->op != TW_OP_SOFTMAX && last->activation != TW_SOFTMAX) ||
        tw_export__is_flat(hwc, graph, graph->n - 1))
        return tw_fail(err, TW_EUSAGE,
                       "the model ends in layer \"%s\", which is no softmax over classes: nothing "
                       "to export",
                       last->name);
    return TW_OK;
}

/* ONNX and both kinds of safetensors hold all of a model; .h5 has its numbers. */
static tw_status open_back(tw_model **out, const tw_model *model, const char *path,
                           tw_export_format format, tw_error *err)
{
    if (format == TW_EXPORT_KERAS_H5)
        return tw_model_open_like(out, model, path, err);
    return tw_model_open(out, path, NULL, NULL, 0, err);
}

/* Reads the file, compares its numbers by their hash and its answers by pictures. */
static tw_status check_file(tw_parity *out, const tw_model *model, tw_model *other,
                            const tw_export__pictures *pictures, const tw_compute *compute,
                            const tw_watch *watch, tw_error *err)
{
    tw_status rc = tw_model_check_weights(other, err);

    if (rc == TW_OK)
        rc = tw_export__compare(out, model, other, pictures, compute, watch, err);
    return rc;
}

/* What went wrong before says more than that this cannot be removed. */
static void forget(const char *path)
{
    tw_error ignored;
    tw_status rc = tw_file_remove(path, &ignored);

    (void)rc;
}

tw_status tw_export(tw_parity *out, const tw_model *model, const tw_dataset *data, const char *path,
                    const tw_export_options *options, const tw_compute *compute,
                    const tw_watch *watch, tw_error *err)
{
    const tw_export__pictures pictures = {data, options->n_pictures};
    tw_text temporary = {0};
    tw_model *other = NULL;
    tw_status rc = check_request(model, options, err);

    *out = (tw_parity){0};
    if (rc != TW_OK)
        return rc;
    tw_text_add(&temporary, "%s.unchecked", path);
    if (temporary.failed)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s", path);
    if ((rc = tw_export__write(model, temporary.text, options, err)) != TW_OK ||
        (rc = open_back(&other, model, temporary.text, options->format, err)) != TW_OK ||
        (rc = check_file(out, model, other, &pictures, compute, watch, err)) != TW_OK)
        goto done;
    out->n_bytes = tw_path_size(temporary.text);
    if (out->n_same < out->n)
        rc = tw_fail(err, TW_EFAIL,
                     "%s: another class than the model's for %lld of %lld pictures; not written",
                     path, (long long)(out->n - out->n_same), (long long)out->n);
    else
        rc = tw_file_move(temporary.text, path, err);
done:
    if (rc != TW_OK)
        forget(temporary.text);
    tw_model_free(other);
    tw_text_free(&temporary);
    return rc;
}
