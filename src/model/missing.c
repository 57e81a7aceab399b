/*
 * Layers without weights: which they are, how they begin when they are trained, and a network that
 * is to begin from nothing at all.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"

static bool is_missing(const tw_model *model, int node)
{
    tw_shape shapes[2];

    return tw_node_params(model->graph, node, shapes) > 0 && !model->params[node][0].view;
}

int tw_model_name_missing(tw_text *names, const tw_model *model, int first, int last)
{
    int n = 0;

    for (int i = first; i <= last; i++)
        if (is_missing(model, i))
            tw_text_add(names, "%s%s", n++ ? ", " : "", model->graph->nodes[i].name);
    return n;
}

void tw_model_init_missing(tw_model *model, tw_initializer how)
{
    for (int i = 0; i < model->graph->n; i++)
        if (is_missing(model, i))
            model->graph->nodes[i].initializer = how;
}

/* Where the numbers came from no longer holds either. */
static tw_status forget_provenance(tw_model *model, tw_error *err)
{
    const char *name = model->architecture;

    tw_free(model->weights);
    model->weights = NULL;
    tw_json_free(model->provenance);
    model->provenance = tw_json_new_object();
    if ((!name || tw_json_set(model->provenance, "architecture", tw_json_new_string(name))) &&
        tw_json_set(model->provenance, "weights", tw_json_new_string("random")) &&
        tw_json_set(model->provenance, "made_by", tw_json_new_string("topwork " TW_VERSION)))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory to describe a network");
}

tw_status tw_model_forget_weights(tw_model *model, tw_error *err)
{
    for (int i = 0; i < model->graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            model->params[i][slot].view = model->params[i][slot].data = NULL;
    tw_weight_file_close(&model->file);
    model->file = (tw_weight_file){0};
    tw_free(model->block);
    model->block = NULL;
    model->block_bytes = model->converted_bytes = 0;
    model->made_for = TW_PREPROCESS_NONE;
    return forget_provenance(model, err);
}
