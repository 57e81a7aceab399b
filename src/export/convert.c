/*
 * Weights from one format to another. What comes in is a model file, or weights of a built-in
 * network, which is told by trying: names and shapes fit one network or none. What goes out is read
 * back, where topwork reads that format, and compared by the hash of all numbers.
 */
#include "export/export_int.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"

#include <string.h>

/* Whether the file says that it is a model of topwork's. */
static tw_status is_whole(bool *out, const char *path, tw_error *err)
{
    tw_weight_file file;
    tw_json *metadata = NULL;
    tw_status rc = tw_weight_file_open(&file, path, err);

    *out = false;
    if (rc != TW_OK)
        return rc;
    if (file.metadata &&
        (rc = tw_json_parse(&metadata, file.metadata, strlen(file.metadata), path, err)) == TW_OK)
        *out = tw_json_get(metadata, "topwork") != NULL;
    tw_json_free(metadata);
    tw_weight_file_close(&file);
    return rc;
}

/* The last layer before the first one without weights, a flatten in between left out too. */
static int last_with_weights(const tw_model *model)
{
    const tw_graph *graph = model->graph;
    tw_shape shapes[2];
    int i = 0;

    while (i < graph->n && (!tw_node_params(graph, i, shapes) || model->params[i][0].view))
        i++;
    if (i == graph->n)
        return i - 1;
    for (i--; i > 0; i--)
        if (graph->nodes[i].op != TW_OP_FLATTEN && graph->nodes[i].op != TW_OP_DROPOUT)
            break;
    return i;
}

/* The network of that name with the file's weights, up to the last layer that has some. */
static tw_status open_as(tw_model **out, const char *name, const char *path, tw_error *err)
{
    char last[TW_NAME_SIZE];
    int i;
    tw_status rc = tw_model_open(out, name, path, NULL, 0, err);

    if (rc != TW_OK || (i = last_with_weights(*out)) == (*out)->graph->n - 1)
        return rc;
    memcpy(last, (*out)->graph->nodes[i].name, sizeof last);
    tw_model_free(*out);
    return tw_model_open(out, name, path, last, 0, err);
}

static tw_status recognise(tw_model **out, const char *path, tw_error *err)
{
    tw_error why = {TW_OK, ""};
    const char *name;

    for (int i = 0; (name = tw_model_builtin_name(i)); i++) {
        tw_status rc = open_as(out, name, path, &why);

        if (rc == TW_OK || rc == TW_ENOMEM)
            return rc == TW_OK ? rc : tw_fail(err, rc, "%s", why.text);
    }
    return tw_fail(err, TW_EFILE,
                   "%s: names and shapes fit no built-in network; say which it is for (option "
                   "model) to hear what does not fit",
                   path);
}

static tw_status open_in(tw_model **out, const char *in, const char *name, tw_error *err)
{
    bool whole;
    tw_status rc;

    *out = NULL;
    if (!tw_path_exists(in)) /* a network with its weights inside, or the sentence about the name */
        return tw_model_open(out, in, NULL, NULL, 0, err);
    if ((rc = is_whole(&whole, in, err)) != TW_OK)
        return rc;
    if (whole && name)
        return tw_fail(err, TW_EUSAGE, "%s is a whole model, option model cannot be given too", in);
    if (whole)
        return tw_model_open(out, in, NULL, NULL, 0, err);
    return name ? open_as(out, name, in, err) : recognise(out, in, err);
}

tw_status tw_convert(int64_t *n_bytes, const char *in, const char *out,
                     const tw_convert_options *options, tw_error *err)
{
    const tw_export_options how = {.format = options->format};
    tw_model *model = NULL;
    tw_status rc = open_in(&model, in, options->model, err);

    *n_bytes = 0;
    if (rc == TW_OK && how.format == TW_EXPORT_ONNX)
        rc = tw_export__check_classifier(model, err);
    if (rc == TW_OK)
        rc = tw_export__write_checked(model, out, &how, NULL, err);
    if (rc == TW_OK)
        *n_bytes = tw_path_size(out);
    tw_model_free(model);
    return rc;
}
