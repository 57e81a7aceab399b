/*
 * Which layers are trained, and how fast. The options become one flag and one multiplier a layer of
 * the joined graph, and the boundary: the last layer up to which nothing is trained. Everything to
 * the boundary runs once a picture and is cached; everything after it is the training plan's, with
 * frozen layers among it where the options want that.
 *
 *     input ... boundary | boundary+1 ... cut | flatten ... predictions
 *     once a picture     | the network's own  | the new top, always trained
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

static bool has_params(const tw_graph *graph, int node)
{
    return tw_node_param_count(graph, node) > 0;
}

static bool is_window(const tw_node *node)
{
    return node->op == TW_OP_CONV2D || node->op == TW_OP_DEPTHWISE_CONV2D;
}

static bool makes_smaller(const tw_node *node)
{
    return node->op == TW_OP_MAX_POOL ||
           (is_window(node) && (node->stride[0] > 1 || node->stride[1] > 1));
}

/* Fine-tuning without further word trains the last stage: what follows the last pool that has
 * convolutions behind it, or what begins with the last convolution that makes pictures smaller, or
 * with the block that it stands in. */
static int find_last_block(const tw_graph *base)
{
    int i = base->n - 1;

    while (i > 0 && !is_window(&base->nodes[i]))
        i--;
    while (i > 0 && !makes_smaller(&base->nodes[i]))
        i--;
    if (!is_window(&base->nodes[i]))
        return i + 1;
    for (i--; i > 0 && !tw_graph_is_waist(base, i);)
        i--;
    return i + 1;
}

/* The first n layers: n from --freeze, the place of --unfreeze-from, or the default. */
static tw_status count_frozen(int *out, const tw_training *training, tw_error *err)
{
    const tw_config *config = training->config;
    const tw_graph *base = training->base->graph;
    const char *first = tw_train__text(config, TW_OPTION_UNFREEZE_FROM);
    int64_t n;

    *out = base->n;
    if (tw_train__is(config, TW_OPTION_RECIPE, "features"))
        return TW_OK;
    *out = 0;
    if (tw_train__is(config, TW_OPTION_RECIPE, "scratch"))
        return TW_OK;
    if (first)
        return tw_graph_find(out, base, first, err);
    *out = find_last_block(base);
    if (!tw_train__text(config, TW_OPTION_FREEZE))
        return TW_OK;
    n = tw_train__i64(config, TW_OPTION_FREEZE);
    if (n > base->n)
        return tw_fail(err, TW_EUSAGE, "freeze %lld: the network has %d layers before the new top",
                       (long long)n, base->n);
    *out = (int)n;
    return TW_OK;
}

static tw_status fail_no_match(const tw_graph *base, const char *glob, tw_error *err)
{
    int first = 1, last = base->n - 1;

    while (first < last && !has_params(base, first))
        first++;
    while (last > first && !has_params(base, last))
        last--;
    return tw_fail(err, TW_EUSAGE,
                   "freeze-only: no layer with parameters is called like '%s', there are %s to %s",
                   glob, base->nodes[first].name, base->nodes[last].name);
}

static tw_status match_names(tw_training *training, const char *glob, tw_error *err)
{
    const tw_graph *base = training->base->graph;
    int n = 0;

    for (int i = 1; i < base->n; i++) {
        training->frozen[i] = fnmatch(glob, base->nodes[i].name, 0) == 0;
        n += training->frozen[i] && has_params(base, i);
    }
    if (n == 0)
        return fail_no_match(base, glob, err);
    return TW_OK;
}

/* NULL where another option counts. */
static const char *choose_glob(const tw_config *config)
{
    if (!tw_train__is(config, TW_OPTION_RECIPE, "finetune") ||
        tw_train__text(config, TW_OPTION_FREEZE) || tw_train__text(config, TW_OPTION_UNFREEZE_FROM))
        return NULL;
    return tw_train__text(config, TW_OPTION_FREEZE_ONLY);
}

static tw_status mark_frozen(tw_training *training, tw_error *err)
{
    const char *glob = choose_glob(training->config);
    tw_status rc;
    int n;

    if (glob)
        return match_names(training, glob, err);
    if ((rc = count_frozen(&n, training, err)))
        return rc;
    for (int i = 0; i < n; i++)
        training->frozen[i] = true;
    return TW_OK;
}

/* The last layer before the first that is trained; without one the network's end. Layers without
 * parameters that come right before it run once, too, except Dropout, which is never the same. In a
 * block with branches, the layer before the block: what is frozen inside stays so. */
static int find_boundary(const tw_training *training)
{
    const tw_graph *base = training->base->graph;
    int i = 1;

    while (i < base->n &&
           (training->frozen[i] || (!has_params(base, i) && base->nodes[i].op != TW_OP_DROPOUT)))
        i++;
    for (i--; !tw_graph_is_waist(base, i);)
        i--;
    return i;
}

/* Of layer i of the network: mult * decay^k, k = 1 for the one nearest to the top, counted over
 * layers with parameters. */
static void set_multipliers(tw_training *training)
{
    const tw_graph *base = training->base->graph;
    double mult = tw_train__f64(training->config, TW_OPTION_BACKBONE_LR_MULT);
    double decay = tw_train__f64(training->config, TW_OPTION_LAYER_DECAY);
    int k = 0;

    for (int i = training->graph->n - 1; i > 0; i--) {
        if (i < base->n)
            k += has_params(base, i);
        training->multipliers[i] = i < base->n ? mult * pow(decay, k) : 1.0;
    }
}

tw_status tw_train__freeze(tw_training *training, tw_error *err)
{
    size_t n = (size_t)training->graph->n;
    tw_status rc;

    if (!(training->frozen = tw_calloc(n, sizeof *training->frozen)) ||
        !(training->multipliers = tw_calloc(n, sizeof *training->multipliers)))
        return tw_fail(err, TW_ENOMEM, "no memory to mark the frozen layers");
    if ((rc = mark_frozen(training, err)))
        return rc;
    training->boundary = find_boundary(training);
    for (int i = 0; i <= training->boundary; i++)
        training->frozen[i] = true;
    set_multipliers(training);
    return TW_OK;
}

/* ---- phases, and the frozen part */

int tw_train__epoch_count(const tw_training *training)
{
    return (int)(tw_train__i64(training->config, TW_OPTION_FREEZE_EPOCHS) +
                 tw_train__i64(training->config, TW_OPTION_EPOCHS));
}

/* The first epochs are the new top's. */
tw_train_phase tw_train__phase_of(const tw_training *training, int epoch)
{
    return epoch <= tw_train__i64(training->config, TW_OPTION_FREEZE_EPOCHS) ? TW_PHASE_TOP
                                                                             : TW_PHASE_ALL;
}

bool tw_train__recomputes(const tw_training *training)
{
    if (training->boundary == 0)
        return false;
    return !tw_source_is_cached(training->source) ||
           (training->own_val && !tw_source_is_cached(training->own_val));
}

/* ---- the proof */

static bool is_proven(const tw_training *training, int node)
{
    return node < training->base->graph->n && training->frozen[node] &&
           has_params(training->base->graph, node);
}

/* Layers of `model` hashed side by side; rc and err are those of each. */
typedef struct hashing {
    const tw_training *training;
    const tw_model *model;
    char (*hashes)[65];
    tw_status *rc;
    tw_error *err;
} hashing;

static void hash_layer(void *ctx, int64_t item, int worker)
{
    const hashing *now = ctx;
    const int node = (int)item;

    (void)worker;
    if (is_proven(now->training, node))
        now->rc[node] = tw_model_hash_node(now->hashes[node], now->model, node, &now->err[node]);
}

static tw_status hash_layers(char (*out)[65], const tw_training *training, const tw_model *model,
                             tw_error *err)
{
    const size_t n = (size_t)training->base->graph->n;
    hashing now = {training, model, out, tw_calloc(n, sizeof *now.rc),
                   tw_calloc(n, sizeof *now.err)};
    tw_status rc = TW_OK;

    if (!now.rc || !now.err)
        rc = tw_fail(err, TW_ENOMEM, "no memory for the hashes of %zu layers", n);
    else
        tw_parallel(training->computer.n_threads, (int64_t)n, hash_layer, &now);
    for (size_t i = 0; i < n && !rc; i++)
        if ((rc = now.rc[i]) && err)
            *err = now.err[i];
    tw_free(now.rc);
    tw_free(now.err);
    return rc;
}

tw_status tw_train__hash_frozen(tw_training *training, tw_error *err)
{
    const tw_model *base = training->base;

    if (!training->hashes &&
        !(training->hashes = tw_calloc((size_t)base->graph->n, sizeof *training->hashes)))
        return tw_fail(err, TW_ENOMEM, "no memory for the hashes of %d layers", base->graph->n);
    return hash_layers(training->hashes, training, base, err);
}

tw_status tw_train__prove_frozen(int *n_proven, const tw_training *training, const char *path,
                                 tw_error *err)
{
    tw_model *model = NULL;
    char(*hashes)[65] = tw_calloc((size_t)training->base->graph->n, sizeof *hashes);
    tw_status rc;

    *n_proven = 0;
    if (!hashes)
        return tw_fail(err, TW_ENOMEM, "no memory for the hashes of %d layers",
                       training->base->graph->n);
    if ((rc = tw_model_open(&model, path, NULL, NULL, 0, err)))
        goto done;
    rc = hash_layers(hashes, training, model, err);
    for (int i = 0; i < training->base->graph->n && !rc; i++) {
        if (!is_proven(training, i))
            continue;
        if (strcmp(hashes[i], training->hashes[i]) != 0)
            rc = tw_fail(err, TW_EFAIL, "%s: frozen layer %s has changed", path,
                         training->graph->nodes[i].name);
        *n_proven += !rc;
    }
done:
    tw_model_free(model);
    tw_free(hashes);
    return rc;
}
