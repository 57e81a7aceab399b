/*
 * One step of a training plan: forward, loss, backward.
 *
 * Forward keeps every node's output; backward walks them in reverse with a few gradient buffers
 * that take turns (train_gradients.c). Invariants: (1) nothing is allocated; (2) a node's weights
 * are read before its own gradient goes to the sink; (3) chunks are samples or fixed tiles and
 * pieces, so bits do not depend on the number of workers.
 */
#include "backend/train_plan.h"

#include "base/fail.h"
#include "base/parallel.h"

#include <string.h>

/* ---- forward */

static const float *output_of(const tw_chain_state *s, int node)
{
    while (node > 0 && tw_backend__is_alias(&s->plan->base.graph->nodes[node]))
        node = s->plan->base.graph->nodes[node].inputs[0];
    return node == 0 ? s->in : s->plan->outputs[node];
}

/* In place, behind a layer with parameters. */
static void activate(tw_chain_state *s, tw_activation activation)
{
    s->x = NULL;
    if (activation == TW_RELU || activation == TW_RELU6 || activation == TW_SIGMOID)
        tw_parallel(s->plan->n_workers, s->n, tw_backend__activate_sample, s);
}

static tw_status forward_node(tw_chain_state *s, uint64_t seed, uint32_t epoch, uint64_t step,
                              tw_error *err)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    const tw_node_weights *weights = &s->weights[s->node];
    tw_dense dense;
    tw_status rc = TW_OK;

    s->x = output_of(s, node->inputs[0]);
    s->other = node->n_inputs > 1 ? output_of(s, node->inputs[1]) : NULL;
    s->y = plan->outputs[s->node];
    switch (node->op) {
    case TW_OP_CONV2D:
        rc = plan->kernels->conv->forward(plan->convs[s->node], s->y, s->x, weights, s->n, err);
        if (rc == TW_OK)
            activate(s, node->activation);
        break;
    case TW_OP_DEPTHWISE_CONV2D:
        tw_parallel(plan->n_workers, s->n, tw_backend__depthwise_sample, s);
        activate(s, node->activation);
        break;
    case TW_OP_ADD:
        tw_parallel(plan->n_workers, s->n, tw_backend__add_sample, s);
        break;
    case TW_OP_DENSE:
        dense = tw_backend__dense_of(plan, s->node, s->n);
        plan->kernels->dense->forward(&dense, s->y, s->x, weights->kernel, weights->bias);
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
    const tw_dense dense = tw_backend__dense_of(plan, s->node, s->n);
    const bool is_frozen = plan->frozen[s->node];
    tw_dense_gradients wanted = {.x = s->x,
                                 .dy = s->gradient,
                                 .w = s->weights[s->node].kernel,
                                 .dx = s->next,
                                 .sink = is_frozen ? NULL : sink,
                                 .node = s->node};

    /* 1. the activation */
    tw_backend__undo_activation(s->gradient, plan->outputs[s->node], s->n * dense.k,
                                node->activation);
    /* 2. the data gradient, with the weights of the forward pass, and the weight gradient, tile by
     * tile to the sink; then the bias */
    plan->kernels->dense->backward(&dense, &wanted);
    if (!is_frozen && s->weights[s->node].bias)
        give_bias_gradient(s, sink, s->gradient, dense.k);
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
    if (s->next && (rc = kernels->backward_data(conv, s->next, s->gradient,
                                                s->weights[s->node].kernel, s->n, err)))
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

static void backward_depthwise(tw_chain_state *s, const tw_sink *sink)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];

    /* 1. the activation */
    tw_backend__undo_activation(s->gradient, plan->outputs[s->node], s->n * plan->sizes[s->node],
                                node->activation);
    /* 2. the data gradient, with the weights of the forward pass */
    if (s->next)
        tw_parallel(plan->n_workers, s->n, tw_backend__undo_depthwise_sample, s);
    if (plan->frozen[s->node])
        return;
    /* 3. the weight gradient, tap by tap to the sink; then the bias: over places, then samples */
    tw_backend__give_depthwise_weights(s, sink);
    if (!s->weights[s->node].bias)
        return;
    tw_parallel(plan->n_workers, s->n, tw_backend__sum_places_sample, s);
    give_bias_gradient(s, sink, plan->place_sums, node->out.dims[2]);
}

static tw_status backward_node(tw_chain_state *s, const tw_sink *sink, tw_error *err)
{
    tw_chain_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    const int64_t n = s->n * plan->sizes[s->node];

    switch (node->op) {
    case TW_OP_CONV2D:
        return backward_conv(s, sink, err);
    case TW_OP_DEPTHWISE_CONV2D:
        backward_depthwise(s, sink);
        break;
    case TW_OP_DENSE:
        backward_dense(s, sink);
        break;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__undo_average_sample, s);
        break;
    case TW_OP_MAX_POOL:
        tw_parallel(plan->n_workers, s->n, tw_backend__undo_max_sample, s);
        break;
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
        tw_backend__undo_activation(s->gradient, plan->outputs[s->node], n,
                                    node->op == TW_OP_RELU ? TW_RELU : TW_SIGMOID);
        break;
    case TW_OP_DROPOUT:
        tw_backend__undo_dropout(s->gradient, plan->masks[s->node], n, node->rate);
        break;
    default:
        break; /* Flatten, Softmax, Add: the same numbers */
    }
    return TW_OK;
}

/* What the node has made for input k becomes part of that one's gradient. */
static void pass_on(const tw_chain_state *s, int k)
{
    const tw_chain_plan *plan = s->plan;
    const tw_train_path *path = &plan->paths[s->node];
    const int input = plan->base.graph->nodes[s->node].inputs[k];
    const int64_t n = s->n * plan->sizes[input];
    /* of Add all inputs get what lies in its own place */
    const float *from = plan->gradients[k == 0 ? path->to[k] : path->place];
    float *sum = plan->gradients[plan->paths[input].place];

    if (path->adds[k])
        for (int64_t i = 0; i < n; i++)
            sum[i] += from[i];
    else if (sum != from)
        memcpy(sum, from, (size_t)n * sizeof *sum);
}

static tw_status backward(tw_chain_state *s, const tw_sink *sink, tw_error *err)
{
    const tw_train_path *path = &s->plan->paths[s->node];
    const tw_node *node = &s->plan->base.graph->nodes[s->node];
    tw_status rc;

    s->x = output_of(s, node->inputs[0]);
    s->gradient = s->plan->gradients[path->place];
    s->next = path->to[0] >= 0 ? s->plan->gradients[path->to[0]] : NULL;
    if ((rc = backward_node(s, sink, err)))
        return rc;
    for (int k = node->n_inputs - 1; k >= 0; k--)
        if (path->to[k] >= 0)
            pass_on(s, k);
    return TW_OK;
}

/* From the last node, whose gradient is there, down. */
static tw_status backward_all(tw_chain_state *s, const tw_sink *sink, tw_error *err)
{
    const tw_chain_plan *plan = s->plan;
    tw_status rc;

    for (s->node = plan->base.graph->n - 1; s->node > 0 && s->node >= plan->first_trained;
         s->node--)
        if (plan->paths[s->node].is_needed && (rc = backward(s, sink, err)))
            return rc;
    return TW_OK;
}

/* ---- the step */

static double loss_of(const tw_train_plan *plan, const float *logits, const int *labels, int64_t i,
                      int l)
{
    return plan->targets ? tw_soft_cross_entropy_row(logits, l, plan->targets + i * l)
                         : tw_cross_entropy_row(logits, l, labels[i]);
}

/* d(mean loss)/d(logits) = weight * (softmax - target) / n; targets NULL: one-hot labels */
static void logits_gradient(float *out, const float *logits, const int *labels,
                            const float *targets, const float *sample_weights, int64_t n, int l)
{
    for (int64_t i = 0; i < n; i++) {
        float *row = out + i * l;
        tw_softmax_row(row, logits + i * l, l);
        if (!targets)
            row[labels[i]] -= 1.0f;
        for (int k = 0; targets && k < l; k++)
            row[k] -= targets[i * l + k];
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
    int last = base->graph->n - 1, l = (int)plan->sizes[last];
    const float *end;
    tw_status rc;

    if ((rc = check_arguments(base, weights, n, err)))
        return rc;
    for (s.node = 1; s.node <= last; s.node++)
        if ((rc = forward_node(&s, seed, epoch, step, err)))
            return rc;

    end = output_of(&s, last);
    memcpy(logits, end, (size_t)(n * l) * sizeof *logits);
    for (int64_t i = 0; i < n; i++)
        loss[i] = loss_of(base, end + i * l, labels, i, l) *
                  (sample_weights ? (double)sample_weights[i] : 1.0);
    if (!sink || plan->first_trained > last)
        return TW_OK;

    logits_gradient(plan->gradients[plan->paths[last].place], end, labels, base->targets,
                    sample_weights, n, l);
    return backward_all(&s, sink, err);
}

tw_status tw_backend__gradient_run(tw_train_plan *base, const tw_node_weights *weights,
                                   const float *in, const int *classes, int64_t n, float *logits,
                                   float *gradient, tw_error *err)
{
    tw_chain_plan *plan = (tw_chain_plan *)base;
    tw_chain_state s = {.plan = plan, .weights = weights, .in = in, .n = n};
    int last = base->graph->n - 1, l = (int)plan->sizes[last];
    float *end;
    tw_status rc;

    if ((rc = check_arguments(base, weights, n, err)))
        return rc;
    for (s.node = 1; s.node <= last; s.node++)
        if ((rc = forward_node(&s, 0, 0, 0, err)))
            return rc;
    memcpy(logits, output_of(&s, last), (size_t)(n * l) * sizeof *logits);

    end = plan->gradients[plan->paths[last].place];
    memset(end, 0, (size_t)(n * l) * sizeof *end);
    for (int64_t i = 0; i < n; i++)
        end[i * l + classes[i]] = 1.0f;
    if ((rc = backward_all(&s, NULL, err)))
        return rc;
    memcpy(gradient, plan->gradients[plan->paths[0].place],
           (size_t)(n * plan->sizes[0]) * sizeof *gradient);
    return TW_OK;
}
