/*
 * Names for the layers of a file that calls them by their class ("conv2d_1"): the n-th of a class
 * in the file is the n-th of that class in the network. Shapes are compared when they are bound.
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/anonymous.h"

/* The n-th node of an op, -1 where there are fewer. */
static int find_node(const tw_graph *graph, tw_op op, int n)
{
    for (int i = 0; i < graph->n; i++)
        if (graph->nodes[i].op == op && n-- == 0)
            return i;
    return -1;
}

/* The layers of one op: all must lie in one group, else their order is not known. */
static tw_status name_class(tw_weight_file *file, const tw_anonymous *layers, int n,
                            const tw_graph *graph, tw_op op, tw_error *err)
{
    const tw_anonymous *first = NULL;
    char class_name[64];
    int count = 0;

    tw_anonymous_class(class_name, sizeof class_name, tw_op_name(op));
    for (int i = 0; i < n; i++) {
        const tw_anonymous *layer = &layers[i];
        int node;
        tw_status rc;

        if (!tw_anonymous_is(layer, class_name))
            continue;
        if (first && !tw_anonymous_is_in(layer, first->path, first->n_group))
            return tw_fail(
                err, TW_EFILE, "%s: %.*s and %.*s have no names: which is first is not known",
                file->map.path, (int)first->n_path, first->path, (int)layer->n_path, layer->path);
        first = first ? first : layer;
        node = find_node(graph, op, count++);
        if (node >= 0 && (rc = tw_anonymous_name(file, layer, graph->nodes[node].name, err)))
            return rc;
    }
    return TW_OK;
}

tw_status tw_model__order_layers(tw_weight_file *file, const tw_graph *whole, tw_error *err)
{
    tw_anonymous *layers;
    int n;
    tw_status rc;

    if (!file->anonymous)
        return TW_OK;
    rc = tw_anonymous_list(&layers, &n, file, err);
    for (int op = 0; op < TW_N_OP && rc == TW_OK; op++)
        rc = name_class(file, layers, n, whole, (tw_op)op, err);
    tw_free(layers);
    return rc;
}
