/*
 * A model that exists, with its numbers from another file: what an export is read back as where the
 * format does not hold a whole model of topwork's.
 */
#include "model/model_int.h"

#include "base/fail.h"

static tw_status copy_rest(tw_model *out, const tw_model *like, tw_error *err)
{
    out->contract = like->contract;
    out->temperature = like->temperature;
    if (like->classes)
        return tw_model__copy_classes(out, like->classes, like->n_classes, err);
    return TW_OK;
}

tw_status tw_model_open_like(tw_model **out, const tw_model *like, const char *path, tw_error *err)
{
    tw_status rc;
    tw_graph *graph;
    tw_model *model = NULL;

    *out = NULL;
    if ((rc = tw_graph_copy(&graph, like->graph, err)) != TW_OK ||
        (rc = tw_model__create(&model, graph, err)) != TW_OK)
        return rc;
    if ((rc = copy_rest(model, like, err)) == TW_OK &&
        (rc = tw_weight_file_open(&model->file, path, err)) == TW_OK)
        rc = tw_model__bind(model, model->graph, false, err);
    if (rc == TW_OK) {
        *out = model;
        model = NULL; /* ownership moved to *out */
    }
    tw_model_free(model);
    return rc;
}
