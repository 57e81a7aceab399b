/*
 * Cutting and joining. Every function here is pure: the arguments stay as they are, the result is a
 * new graph that keeps the invariants of graph.h (nothing dangles, names are unique, node 0 is the
 * input). Nodes are copied through tw_graph_add, so shapes are inferred afresh.
 *
 *        prefix(node)          suffix(node)
 *     0 -- 1 -- ... node | node_input -- node+1 -- ... output
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

static tw_status check_node(const tw_graph *graph, int node, tw_error *err)
{
    if (node < 0 || node >= graph->n)
        return tw_fail(err, TW_EUSAGE, "no layer %d, the last one is %d", node, graph->n - 1);
    return TW_OK;
}

/* Adds a copy of `node` whose inputs i become place[i]. */
static tw_status add_moved(tw_graph *graph, const tw_node *node, const int *place, tw_error *err)
{
    tw_node copy = *node;

    for (int i = 0; i < copy.n_inputs; i++)
        copy.inputs[i] = place[node->inputs[i]];
    return tw_graph_add(graph, &copy, err);
}

/* place[i] = 1 where `node` needs i, else 0. Inputs come before their readers: one pass back. */
static void mark_needed(int *place, const tw_graph *graph, int node)
{
    place[node] = 1;
    for (int i = node; i > 0; i--)
        for (int k = 0; place[i] && k < graph->nodes[i].n_inputs; k++)
            place[graph->nodes[i].inputs[k]] = 1;
}

tw_status tw_graph_cut(tw_graph **out, const tw_graph *graph, int node, tw_error *err)
{
    tw_status rc;
    tw_graph *cut = NULL;
    int *place = NULL;

    *out = NULL;
    if ((rc = check_node(graph, node, err)) != TW_OK)
        return rc;
    if (!(place = tw_calloc((size_t)graph->n, sizeof *place))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a graph of %d layers", graph->n);
        goto done;
    }
    mark_needed(place, graph, node);
    if ((rc = tw_graph_create(&cut, graph->nodes[0].name, &graph->nodes[0].out, err)) != TW_OK)
        goto done;
    memcpy(cut->nodes[0].range, graph->nodes[0].range, sizeof cut->nodes[0].range);
    place[0] = 0;
    for (int i = 1; i <= node; i++) {
        if (!place[i])
            continue;
        if ((rc = add_moved(cut, &graph->nodes[i], place, err)) != TW_OK)
            goto done;
        place[i] = cut->n - 1;
    }
    *out = cut;
    cut = NULL; /* ownership moved to *out */
done:
    tw_graph_free(cut);
    tw_free(place);
    return rc;
}

int tw_graph_producer(const tw_graph *graph, int node)
{
    while (graph->nodes[node].op == TW_OP_MAX_POOL || graph->nodes[node].op == TW_OP_DROPOUT)
        node = graph->nodes[node].inputs[0];
    return node;
}

bool tw_graph_is_waist(const tw_graph *graph, int node)
{
    for (int i = node + 1; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] < node)
                return false;
    return true;
}

/* Every edge over the boundary must come from `node`. */
static tw_status check_boundary(const tw_graph *graph, int node, tw_error *err)
{
    tw_status rc = check_node(graph, node, err);

    if (rc != TW_OK)
        return rc;
    for (int i = node + 1; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] < node)
                return tw_fail(err, TW_EUSAGE,
                               "the graph cannot be divided after \"%s\": \"%s\" reads \"%s\"",
                               graph->nodes[node].name, graph->nodes[i].name,
                               graph->nodes[graph->nodes[i].inputs[k]].name);
    return TW_OK;
}

tw_status tw_graph_prefix(tw_graph **out, const tw_graph *graph, int node, tw_error *err)
{
    tw_status rc = check_boundary(graph, node, err);

    *out = NULL;
    return rc == TW_OK ? tw_graph_cut(out, graph, node, err) : rc;
}

tw_status tw_graph_suffix(tw_graph **out, const tw_graph *graph, int node, tw_error *err)
{
    tw_status rc;
    tw_graph *suffix = NULL;
    int *place = NULL;
    char wanted[TW_NAME_SIZE], name[TW_NAME_SIZE];

    *out = NULL;
    if ((rc = check_boundary(graph, node, err)) != TW_OK)
        return rc;
    if (!(place = tw_calloc((size_t)graph->n, sizeof *place))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a graph of %d layers", graph->n);
        goto done;
    }
    snprintf(wanted, sizeof wanted, "%.*s_input", TW_NAME_SIZE - 7, graph->nodes[node].name);
    tw_graph__free_name(name, wanted, graph, NULL);
    if ((rc = tw_graph_create(&suffix, name, &graph->nodes[node].out, err)) != TW_OK)
        goto done;
    for (int i = node + 1; i < graph->n; i++) {
        if ((rc = add_moved(suffix, &graph->nodes[i], place, err)) != TW_OK)
            goto done;
        place[i] = suffix->n - 1;
    }
    *out = suffix;
    suffix = NULL; /* ownership moved to *out */
done:
    tw_graph_free(suffix);
    tw_free(place);
    return rc;
}

static tw_status check_fit(const tw_graph *base, const tw_graph *top, tw_error *err)
{
    const tw_shape *gives = tw_graph_output_shape(base), *takes = &top->nodes[0].out;
    char a[96], b[96];

    if (!tw_shape_equal(gives, takes))
        return tw_fail(err, TW_ESHAPE, "the top takes %s, \"%s\" gives %s",
                       tw_shape_text(a, sizeof a, takes), base->nodes[base->n - 1].name,
                       tw_shape_text(b, sizeof b, gives));
    return TW_OK;
}

tw_status tw_graph_join(tw_graph **out, const tw_graph *base, const tw_graph *top, tw_error *err)
{
    tw_status rc;
    tw_graph *whole = NULL;
    int *place = NULL;

    *out = NULL;
    if ((rc = check_fit(base, top, err)) != TW_OK)
        return rc;
    if (!(place = tw_calloc((size_t)top->n, sizeof *place))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a graph of %d layers", top->n);
        goto done;
    }
    if ((rc = tw_graph_copy(&whole, base, err)) != TW_OK)
        goto done;
    place[0] = base->n - 1;
    for (int i = 1; i < top->n; i++) {
        tw_node node = top->nodes[i];

        if (tw_graph__has_name(whole, node.name))
            tw_graph__free_name(node.name, top->nodes[i].name, whole, top);
        if ((rc = add_moved(whole, &node, place, err)) != TW_OK)
            goto done;
        place[i] = whole->n - 1;
    }
    *out = whole;
    whole = NULL; /* ownership moved to *out */
done:
    tw_graph_free(whole);
    tw_free(place);
    return rc;
}
