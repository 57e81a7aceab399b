/* Where the frozen part of a model ends, as its graph and marks say. */
#include "model/model.h"

static bool is_picture_op(tw_op op)
{
    return op == TW_OP_CONV2D || op == TW_OP_DEPTHWISE_CONV2D || op == TW_OP_ADD ||
           op == TW_OP_MAX_POOL;
}

int tw_model_boundary(const tw_model *model)
{
    const tw_graph *graph = model->graph;
    int last = graph->n - 1, boundary = 0;

    for (int i = 1; i < last; i++)
        if (model->frozen[i] && tw_graph_is_waist(graph, i))
            boundary = i;
    if (boundary > 0 && !model->frozen[last])
        return boundary;

    boundary = 0;
    for (int i = 1; i < last; i++)
        if (is_picture_op(graph->nodes[i].op) && tw_graph_is_waist(graph, i))
            boundary = i;
    return boundary;
}
