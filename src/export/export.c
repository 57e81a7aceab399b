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
static const char *const names[] = {TW_CONVERT_LIST(NAME)};
#undef NAME
#define ENDING(name, text, ending) ending,
static const char *const endings[] = {TW_CONVERT_LIST(ENDING)};
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
    case TW_EXPORT_NPZ:
        return tw_export__write_npz(model, path, err);
    case TW_EXPORT_SAFETENSORS:
    case TW_N_EXPORT:
        break;
    }
    return tw_model_write(model, path, err);
}

tw_status tw_export__check_classifier(const tw_model *model, tw_error *err)
{
    const tw_graph *graph = model->graph;
    const tw_node *last = &graph->nodes[graph->n - 1];
    int64_t hwc[3];

    if (last->out.rank == 1 && (last->op == TW_OP_SOFTMAX || last->activation == TW_SOFTMAX) &&
        !tw_export__is_flat(hwc, graph, graph->n - 1))
        return TW_OK;
    return tw_fail(err, TW_EUSAGE, "the model ends in layer \"%s\", no softmax over classes",
                   last->name);
}

static tw_status check_request(const tw_model *model, const tw_export_options *options,
                               tw_error *err)
{
    if (options->format == TW_EXPORT_NPZ)
        return tw_fail(err, TW_EUSAGE, "npz holds weights and no model: convert writes it");
    if (options->with_preprocessing && options->format != TW_EXPORT_ONNX)
        return tw_fail(err, TW_EUSAGE, "only onnx can hold the preprocessing, %s cannot",
                       tw_export_name(options->format));
    return tw_export__check_classifier(model, err);
}

/* ONNX and both kinds of safetensors hold all of a model; .h5 and .npz have its numbers. */
static tw_status open_back(tw_model **out, const tw_model *model, const char *path,
                           tw_export_format format, tw_error *err)
{
    if (format == TW_EXPORT_KERAS_H5 || format == TW_EXPORT_NPZ)
        return tw_model_open_like(out, model, path, err);
    return tw_model_open(out, path, NULL, NULL, 0, err);
}

tw_status tw_export__check_numbers(const tw_model *model, const tw_model *other, const char *path,
                                   tw_error *err)
{
    char own[65], its[65];
    tw_status rc;

    if ((rc = tw_model_hash(own, model, model->graph->n - 1, err)) != TW_OK ||
        (rc = tw_model_hash(its, other, other->graph->n - 1, err)) != TW_OK)
        return rc;
    if (strcmp(own, its) != 0)
        return tw_fail(err, TW_EFAIL,
                       "%s: parameters read back have SHA-256 %.16s..., not %.16s...", path, its,
                       own);
    return TW_OK;
}

tw_status tw_export__check_classes(const tw_parity *parity, const char *path, tw_error *err)
{
    if (parity->n_same == parity->n)
        return TW_OK;
    return tw_fail(err, TW_EFAIL,
                   "%s: another class than the model's for %lld of %lld pictures; not written",
                   path, (long long)(parity->n - parity->n_same), (long long)parity->n);
}

/* What lies at `temporary` and is to be at `path`. */
static tw_status check_file(const tw_model *model, const char *temporary, const char *path,
                            tw_export_format format, const tw_export__check *check, tw_error *err)
{
    tw_model *other;
    tw_status rc = open_back(&other, model, temporary, format, err);

    if (rc == TW_OK)
        rc = tw_export__check_numbers(model, other, path, err);
    if (rc == TW_OK && check) {
        rc = tw_export__compare(model, other, check, err);
        if (rc == TW_OK)
            rc = tw_export__check_classes(check->found, path, err);
    }
    tw_model_free(other);
    return rc;
}

/* What went wrong before says more than that this cannot be removed. */
static void forget(const char *path)
{
    tw_error ignored;
    tw_status rc = tw_file_remove(path, &ignored);

    (void)rc;
}

tw_status tw_export__write_checked(const tw_model *model, const char *path,
                                   const tw_export_options *options, const tw_export__check *check,
                                   tw_error *err)
{
    tw_text temporary = {0};
    tw_status rc;

    tw_text_add(&temporary, "%s.unchecked", path);
    if (temporary.failed)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s", path);
    rc = tw_export__write(model, temporary.text, options, err);
    if (rc == TW_OK)
        rc = check_file(model, temporary.text, path, options->format, check, err);
    if (rc == TW_OK)
        rc = tw_file_move(temporary.text, path, err);
    if (rc != TW_OK)
        forget(temporary.text);
    tw_text_free(&temporary);
    return rc;
}

tw_status tw_export(tw_parity *out, const tw_model *model, const tw_dataset *data, const char *path,
                    const tw_export_options *options, const tw_compute *compute,
                    const tw_watch *watch, tw_error *err)
{
    const tw_export__check check = {data, options->n_pictures, compute, watch, out};
    tw_status rc = check_request(model, options, err);

    *out = (tw_parity){0};
    if (rc == TW_OK)
        rc = tw_export__write_checked(model, path, options, &check, err);
    if (rc == TW_OK)
        out->n_bytes = tw_path_size(path);
    return rc;
}
