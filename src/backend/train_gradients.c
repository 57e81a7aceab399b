/*
 * Where the gradients of a training plan lie. A gradient is needed of every node that has a trained
 * one among those it is made of, and of the input where that is wanted. It begins with the last of
 * its readers, is added to by the others and ends with the node itself; until then it has a place
 * of its own, one of a few that are all as large as the largest. A chain takes two of them in turn,
 * a residual block three.
 *
 * A node that changes its gradient in place (activation, Flatten, Dropout, Add) leaves it where it
 * is for its first input.
 */
#include "backend/train_plan.h"

#include "base/fail.h"
#include "base/memory.h"

enum { LEAST_PLACES = 2 };

static bool is_trained(const tw_chain_plan *plan, int node)
{
    return !plan->frozen[node] && tw_node_param_count(plan->base.graph, node) > 0;
}

static void find_needed(tw_chain_plan *plan)
{
    const tw_graph *graph = plan->base.graph;

    for (int i = 0; i < graph->n; i++) {
        plan->paths[i].is_needed = is_trained(plan, i) || (i == 0 && plan->first_trained == 0);
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            plan->paths[i].is_needed |= plan->paths[graph->nodes[i].inputs[k]].is_needed;
    }
}

static bool is_in_place(const tw_node *node)
{
    switch (node->op) {
    case TW_OP_ADD:
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
    case TW_OP_DROPOUT:
        return true;
    default:
        return tw_backend__is_alias(node);
    }
}

/* Which places are taken. */
typedef struct pool {
    bool *taken;
    int n;
} pool;

static int take(pool *places)
{
    int i = 0;

    while (places->taken[i])
        i++;
    places->taken[i] = true;
    places->n = i + 1 > places->n ? i + 1 : places->n;
    return i;
}

/* Where node i, whose own gradient is complete, makes those of its inputs. */
static void send(tw_chain_plan *plan, int i, pool *places)
{
    const tw_node *node = &plan->base.graph->nodes[i];
    tw_train_path *path = &plan->paths[i];
    const bool in_place = is_in_place(node);
    bool is_handed = false;

    for (int k = 0; k < node->n_inputs; k++) {
        tw_train_path *input = &plan->paths[node->inputs[k]];
        const bool stays = in_place && (input->place >= 0 || !is_handed);

        path->to[k] = -1;
        if (!input->is_needed)
            continue;
        path->adds[k] = input->place >= 0;
        path->to[k] = stays ? path->place : take(places);
        if (path->adds[k])
            continue;
        input->place = path->to[k];
        is_handed |= stays;
    }
    for (int k = 0; k < node->n_inputs; k++)
        if (path->adds[k] && path->to[k] != path->place)
            places->taken[path->to[k]] = false;
    if (!is_handed)
        places->taken[path->place] = false;
}

tw_status tw_backend__plan_gradients(tw_chain_plan *plan, tw_error *err)
{
    const int n = plan->base.graph->n;
    pool places = {.n = LEAST_PLACES};

    /* every node's gradient and one that is added */
    if (!(places.taken = tw_calloc((size_t)n + 1, sizeof *places.taken)))
        return tw_fail(err, TW_ENOMEM, "no memory to plan the gradients of %d layers", n);
    find_needed(plan);
    for (int i = 0; i < n; i++)
        plan->paths[i].place = -1;
    plan->paths[n - 1].place = take(&places);
    for (int i = n - 1; i > 0; i--)
        if (plan->paths[i].is_needed)
            send(plan, i, &places);
    tw_free(places.taken);
    plan->n_gradients = places.n;
    return TW_OK;
}
