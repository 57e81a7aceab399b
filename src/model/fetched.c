/*
 * Weights that have been fetched: by their name in the catalogue, and as what a network takes where
 * nothing else is said. The catalogue calls a network's weights as the network is called, and with
 * -notop those without its fully connected layers.
 */
#include "model/model_int.h"

#include "base/fail.h"

#include <tw/fetch.h>

#include <stdio.h>
#include <string.h>

enum { PATH_SIZE = 4096, NAME_SIZE = 64 };

tw_status tw_model__open_weights(tw_weight_file *out, const char *weights, tw_error *err)
{
    const tw_fetch_info *info = tw_fetch_find(weights);
    const bool is_file = tw_path_exists(weights) && !tw_path_is_folder(weights);
    char path[PATH_SIZE];
    tw_status rc;

    if (is_file || !info || info->kind != TW_FETCH_WEIGHTS)
        return tw_weight_file_open(out, weights, err);
    if ((rc = tw_fetch_path(path, sizeof path, weights, err)))
        return rc;
    return tw_weight_file_open(out, path, err);
}

/* Whether the network has a fully connected layer up to its cut. */
static tw_status has_dense(bool *out, const char *name, const char *cut, tw_error *err)
{
    tw_graph *whole = NULL, *graph = NULL;
    tw_contract contract;
    tw_status rc;

    *out = false;
    if (!(rc = tw_model_build(&whole, &contract, name, err)))
        rc = tw_model__cut(&graph, whole, cut, err);
    for (int i = 0; !rc && i < graph->n; i++)
        *out |= graph->nodes[i].op == TW_OP_DENSE;
    tw_graph_free(graph);
    tw_graph_free(whole);
    return rc;
}

/* *out stays NULL where nothing of that name is there. */
static tw_status find_fetched(const char **out, const char *name, tw_error *err)
{
    const tw_fetch_info *info = tw_fetch_find(name);
    tw_fetch_state state;
    char path[PATH_SIZE];
    tw_status rc;

    *out = NULL;
    if (!info || (rc = tw_fetch_look(&state, name, err)) || state == TW_FETCH_ABSENT)
        return info ? rc : TW_OK;
    if ((rc = tw_fetch_path(path, sizeof path, name, err)))
        return rc;
    *out = info->name;
    return TW_OK;
}

static tw_status fail_none(const char *name, const char *best, tw_error *err)
{
    if (tw_fetch_find(best))
        return tw_fail(err, TW_EUSAGE,
                       "network %s needs option weights: a file of its weights, or random, or "
                       "\"topwork fetch %s\"; vgg16-mini has its weights inside",
                       name, best);
    return tw_fail(err, TW_EUSAGE,
                   "network %s needs option weights: a file of its weights, or random; vgg16-mini "
                   "has its weights inside",
                   name);
}

tw_status tw_model_find_weights(const char **out, const char *name, const char *cut, tw_error *err)
{
    char notop[NAME_SIZE];
    bool dense;
    tw_status rc;

    *out = NULL;
    if (!tw_model__architecture(name) || tw_model_has_weights(name))
        return TW_OK;
    snprintf(notop, sizeof notop, "%s-notop", name);
    if ((rc = has_dense(&dense, name, cut, err)) ||
        (!dense && ((rc = find_fetched(out, notop, err)) || *out)))
        return rc;
    if ((rc = find_fetched(out, name, err)) || *out)
        return rc;
    return fail_none(name, dense ? name : notop, err);
}
