/*
 * One step of a training plan: forward, loss, backward.
 *
 * Forward keeps every node's output; backward walks them in reverse with two gradient buffers that
 * take turns. Invariants: (1) nothing is allocated; (2) a node's weights are read before its own
 * gradient goes to the sink; (3) chunks are samples or fixed tiles and pieces, so bits do not
 * depend on the number of workers.
 */
#include "backend/train_plan.h"

#include "base/fail.h"
#include "base/parallel.h"

#include <string.h>

/* ---- forward */

static const float *output_of(const tw_chain_state *s, int node)
{
    while (node > 0 && tw_backend__is_alias(&s->plan->base.graph->nodes[node]))
        node--;
    return node == 0 ? s->in : s->plan->outputs[node];
}

/* In place, behind a layer with parameters. */
static void activate(tw_chain_state *s, tw_activation activation)
{
    s->x = NULL;
    if (activation == TW_RELU || activation == TW_SIGMOID)
        tw_parallel(s->plan->n_workers, s->n, tw_backend__activate_sample, s);
}

static tw_status forward_node(tw_chain_state *s, uint64_t seed, uint32_t epoch, uint64_t step,
                              tw_error *err)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    const tw_node_weights *weights = &s->weights[s->node];
    tw_status rc = TW_OK;

    s->x = output_of(s, s->node - 1);
    s->y = plan->outputs[s->node];
    switch (node->op) {
    case TW_OP_CONV2D:
        rc = plan->kernels->conv->forward(plan->convs[s->node], s->y, s->x, weights, s->n, err);
        if (rc == TW_OK)
            activate(s, node->activation);
        break;
    case TW_OP_DENSE:
        plan->kernels->dense->forward(s->y, s->x, weights->kernel, weights->bias, s->n,
                                      plan->sizes[s->node - 1], node->units, plan->n_workers);
        activate(s, node->activation);
        break;
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
        tw_parallel(plan->n_workers, s->n, tw_backend__activate_sample, s);
        break;
    case TW_OP_DROPOUT:
        s->key = tw_rng_make_key(seed, TW_RNG_DROPOUT, epoch, step << 16 | (uint64_t)s->node);
        tw_parallel(plan->n_workers, s->n, tw_backend__drop_sample, s);
        break;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__average_sample, s);
        break;
    case TW_OP_MAX_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__max_sample, s);
        break;
    default:
        break; /* Flatten, Softmax: the same numbers */
    }
    return rc;
}

/* ---- backward: the steps of forward, reversed. s->gradient is that of the node's output. */

/* Rows (n, units) summed over samples, in their order. */
static void give_bias_gradient(const tw_chain_state *s, const tw_sink *sink, const float *rows,
                               int64_t units)
{
    float *sum = s->plan->sums;

    memset(sum, 0, (size_t)units * sizeof *sum);
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < units; k++)
            sum[k] += rows[i * units + k];
    sink->take(sink->ctx, s->node, 1, 0, units, sum);
}

static void backward_dense(tw_chain_state *s, const tw_sink *sink)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    int64_t c = plan->sizes[s->node - 1], k = node->units;

    /* 1. the activation */
    tw_backend__undo_activation(s->gradient, plan->outputs[s->node], s->n * k, node->activation);
    /* 2. the data gradient, with the weights of the forward pass */
    if (s->node > plan->first_trained)
        plan->kernels->dense->backward_data(s->next, s->gradient, s->weights[s->node].kernel, s->n,
                                            c, k, plan->n_workers);
    if (plan->frozen[s->node])
        return;
    /* 3. the weight gradient, tile by tile to the sink; then the bias */
    plan->kernels->dense->backward_weights(sink, s->node, s->x, s->gradient, s->n, c, k,
                                           plan->n_workers, plan->scratch);
    if (s->weights[s->node].bias)
        give_bias_gradient(s, sink, s->gradient, k);
}

static tw_status backward_conv(tw_chain_state *s, const tw_sink *sink, tw_error *err)
{
    tw_chain_plan *plan = s->plan;
    const tw_conv_kernels *kernels = plan->kernels->conv;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    tw_conv *conv = plan->convs[s->node];
    tw_status rc;

    /* 1. the activation */
    tw_parallel(plan->n_workers, s->n, tw_backend__undo_activation_sample, s);
    /* 2. the data gradient, with the weights of the forward pass */
    if (s->node > plan->first_trained &&
        (rc = kernels->backward_data(conv, s->next, s->gradient, s->weights[s->node].kernel, s->n,
                                     err)))
        return rc;
    if (plan->frozen[s->node])
        return TW_OK;
    /* 3. the weight gradient to the sink; then the bias: over places, then over samples */
    if ((rc = kernels->backward_weights(conv, sink, s->node, s->x, s->gradient, s->n, err)) ||
        !s->weights[s->node].bias)
        return rc;
    tw_parallel(plan->n_workers, s->n, tw_backend__sum_places_sample, s);
    give_bias_gradient(s, sink, plan->place_sums, node->units);
    return TW_OK;
}

/* *moved: `next` now holds the gradient; else it was changed in place. */
static tw_status backward_node(tw_chain_state *s, const tw_sink *sink, bool *moved, tw_error *err)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    int64_t size = plan->sizes[s->node];

    *moved = true;
    s->x = output_of(s, s->node - 1);
    switch (node->op) {
    case TW_OP_CONV2D:
        return backward_conv(s, sink, err);
    case TW_OP_DENSE:
        backward_dense(s, sink);
        return TW_OK;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__undo_average_sample, s);
        return TW_OK;
    case TW_OP_MAX_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__undo_max_sample, s);
        return TW_OK;
    default:
        *moved = false; /* Flatten, Softmax: the same numbers */
    }
    if (node->op == TW_OP_RELU || node->op == TW_OP_SIGMOID)
        tw_backend__undo_activation(s->gradient, plan->outputs[s->node], s->n * size,
                                    node->op == TW_OP_RELU ? TW_RELU : TW_SIGMOID);
    else if (node->op == TW_OP_DROPOUT)
        tw_backend__undo_dropout(s->gradient, plan->masks[s->node], s->n * size, node->rate);
    return TW_OK;
}

/* ---- the step */

/* d(mean loss)/d(logits) = weight * (softmax - one-hot) / n */
static void logits_gradient(float *out, const float *logits, const int *labels,
                            const float *sample_weights, int64_t n, int l)
{
    for (int64_t i = 0; i < n; i++) {
        float *row = out + i * l;
        tw_softmax_row(row, logits + i * l, l);
        row[labels[i]] -= 1.0f;
        for (int k = 0; k < l; k++)
            row[k] /= (float)n;
        for (int k = 0; sample_weights && k < l; k++)
            row[k] *= sample_weights[i];
    }
}

static tw_status check_arguments(const tw_train_plan *plan, const tw_node_weights *weights,
                                 int64_t n, tw_error *err)
{
    if (n < 1 || n > plan->batch)
        return tw_fail(err, TW_EUSAGE, "a batch of %lld samples in a plan for %lld", (long long)n,
                       (long long)plan->batch);
    for (int i = 0; i < plan->graph->n; i++)
        if ((uintptr_t)weights[i].kernel % sizeof(float) ||
            (uintptr_t)weights[i].bias % sizeof(float))
            return tw_fail(err, TW_EUSAGE, "%s: its weights lie at an address that is no float's",
                           plan->graph->nodes[i].name);
    return TW_OK;
}

tw_status tw_backend__train_step(tw_train_plan *base, const tw_node_weights *weights,
                                 const float *in, const int *labels, const float *sample_weights,
                                 int64_t n, uint64_t seed, uint32_t epoch, uint64_t step,
                                 double *loss, float *logits, const tw_sink *sink, tw_error *err)
{
    tw_chain_plan *plan = (tw_chain_plan *)base;
    tw_chain_state s = {.plan = plan, .weights = weights, .in = in, .n = n};
    int last = base->graph->n - 1, l = (int)plan->sizes[last], turn = 0;
    const float *end;
    bool moved;
    tw_status rc;

    if ((rc = check_arguments(base, weights, n, err)))
        return rc;
    for (s.node = 1; s.node <= last; s.node++)
        if ((rc = forward_node(&s, seed, epoch, step, err)))
            return rc;

    end = output_of(&s, last);
    memcpy(logits, end, (size_t)(n * l) * sizeof *logits);
    for (int64_t i = 0; i < n; i++)
        loss[i] = tw_cross_entropy_row(end + i * l, l, labels[i]) *
                  (sample_weights ? (double)sample_weights[i] : 1.0);
    if (!sink || plan->first_trained > last)
        return TW_OK;

    logits_gradient(plan->gradients[0], end, labels, sample_weights, n, l);
    for (s.node = last; s.node >= plan->first_trained; s.node--) {
        s.gradient = plan->gradients[turn];
        s.next = plan->gradients[turn ^ 1];
        if ((rc = backward_node(&s, sink, &moved, err)))
            return rc;
        turn ^= moved;
    }
    return TW_OK;
}
