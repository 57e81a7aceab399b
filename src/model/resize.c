/*
 * The same network on pictures of another size. Convolutions and pools do not mind; a fully
 * connected layer behind a flatten does, and is named.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "tensor/tensor.h"

enum { LEAST = 32 };

static tw_status rebuild(tw_graph **out, const tw_graph *graph, int size, tw_error *err)
{
    const tw_shape input = {3, {size, size, 3}};
    tw_graph *made = NULL;
    tw_status rc = tw_graph_create(&made, graph->nodes[0].name, &input, err);

    *out = NULL;
    for (int i = 1; i < graph->n && !rc; i++)
        rc = tw_graph_add(made, &graph->nodes[i], err);
    if (!rc) {
        *out = made;
        made = NULL; /* ownership moved to *out */
    }
    tw_graph_free(made);
    return rc;
}

static tw_status check_shapes(const tw_graph *made, const tw_graph *graph, int size, tw_error *err)
{
    tw_shape now[2], then[2];
    char a[96], b[96];

    for (int i = 0; i < graph->n; i++) {
        int n = tw_node_params(graph, i, then);

        tw_node_params(made, i, now);
        for (int slot = 0; slot < n; slot++)
            if (!tw_shape_equal(&now[slot], &then[slot]))
                return tw_fail(err, TW_ESHAPE,
                               "pictures of %dx%d do not fit: %s/%s would be %s, it is %s", size,
                               size, graph->nodes[i].name, tw_param_names[slot],
                               tw_shape_text(a, sizeof a, &now[slot]),
                               tw_shape_text(b, sizeof b, &then[slot]));
    }
    return TW_OK;
}

tw_status tw_model_resize(tw_model *model, int size, tw_error *err)
{
    tw_graph *made = NULL;
    tw_status rc;

    if (size < LEAST)
        return tw_fail(err, TW_ESHAPE, "pictures of %dx%d are too small, at least %dx%d", size,
                       size, LEAST, LEAST);
    if ((rc = rebuild(&made, model->graph, size, err)) ||
        (rc = check_shapes(made, model->graph, size, err))) {
        tw_graph_free(made);
        return rc;
    }
    tw_graph_free(model->graph);
    model->graph = made;
    model->contract.height = model->contract.width = size;
    return TW_OK;
}
