/*
 * The training plan: one executor for all backends, made of their dense kernels and plain
 * elementwise arithmetic. A chain of Dense, Dropout, ReLU, Sigmoid, Softmax, Flatten and
 * GlobalAveragePooling2D, with softmax cross-entropy at its end.
 *
 * Forward keeps every node's output; backward walks them in reverse with two gradient buffers that
 * take turns. Invariants: (1) nothing is allocated after create; (2) a node's weights are read
 * before its own gradient goes to the sink; (3) chunks are samples or fixed tiles, so bits do not
 * depend on the number of workers.
 */
#include "backend/backend_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

typedef struct train_plan {
    tw_train_plan base;
    const tw_dense_kernels *kernels;
    int n_workers;
    int first_trained; /* data gradients end here; graph->n when nothing is trained */
    bool *frozen;
    int64_t *sizes;       /* numbers of one sample, per node */
    float **outputs;      /* (batch, size) per node; NULL where the node's input serves */
    uint8_t **masks;      /* (batch, size) of Dropout nodes: 1 kept */
    float *gradients[2];  /* (batch, largest size) */
    float *bias_gradient; /* (largest units) */
    float *scratch;
} train_plan;

/* What one step works on. */
typedef struct step_state {
    train_plan *plan;
    const tw_node_weights *weights;
    const float *in;
    int64_t n;
    int node;
    const float *x; /* the node's input */
    float *y;       /* its output */
    float *gradient;
    tw_rng_key key;
} step_state;

void tw_backend__train_free(tw_train_plan *base)
{
    train_plan *plan = (train_plan *)base;

    if (!plan)
        return;
    for (int i = 0; plan->base.graph && i < plan->base.graph->n; i++) {
        if (plan->outputs)
            tw_free(plan->outputs[i]);
        if (plan->masks)
            tw_free(plan->masks[i]);
    }
    tw_free(plan->outputs);
    tw_free(plan->masks);
    tw_free(plan->sizes);
    tw_free(plan->frozen);
    tw_free(plan->gradients[0]);
    tw_free(plan->gradients[1]);
    tw_free(plan->bias_gradient);
    tw_free(plan->scratch);
    tw_graph_free(plan->base.graph);
    tw_free(plan);
}

static bool can_train(tw_op op)
{
    switch (op) {
    case TW_OP_INPUT:
    case TW_OP_FLATTEN:
    case TW_OP_GLOBAL_AVERAGE_POOL:
    case TW_OP_DENSE:
    case TW_OP_DROPOUT:
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
    case TW_OP_SOFTMAX:
        return true;
    default:
        return false;
    }
}

static bool ends_in_softmax(const tw_graph *graph)
{
    const tw_node *last = &graph->nodes[graph->n - 1];

    return last->op == TW_OP_SOFTMAX || (last->op == TW_OP_DENSE && last->activation == TW_SOFTMAX);
}

static tw_status check_graph(const tw_graph *graph, tw_error *err)
{
    for (int i = 1; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        bool softmax = node->op == TW_OP_SOFTMAX ||
                       (node->op == TW_OP_DENSE && node->activation == TW_SOFTMAX);
        if (!can_train(node->op))
            return tw_fail(err, TW_EUNSUPPORTED, "%s: a %s layer cannot be trained yet", node->name,
                           tw_op_name(node->op));
        if (node->n_inputs != 1 || node->inputs[0] != i - 1)
            return tw_fail(err, TW_EUNSUPPORTED, "%s: only a chain of layers can be trained yet",
                           node->name);
        if (softmax && i < graph->n - 1)
            return tw_fail(err, TW_EUNSUPPORTED, "%s: softmax is trained as the last layer only",
                           node->name);
    }
    if (!ends_in_softmax(graph))
        return tw_fail(err, TW_EUSAGE, "%s: a classifier ends in softmax",
                       graph->nodes[graph->n - 1].name);
    return TW_OK;
}

/* A node whose output is its input's memory. */
static bool is_alias(const tw_node *node)
{
    return node->op == TW_OP_INPUT || node->op == TW_OP_FLATTEN || node->op == TW_OP_SOFTMAX;
}

static bool take_f32(train_plan *plan, float **out, int64_t n)
{
    plan->base.n_bytes += n * (int64_t)sizeof(float);
    return (*out = tw_alloc_f32(n)) != NULL;
}

/* Everything a step needs, by the graph's sizes. */
static bool allocate(train_plan *plan)
{
    const tw_graph *graph = plan->base.graph;
    int64_t batch = plan->base.batch, largest = 1, units = 1, scratch = 1;

    for (int i = 0; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        int64_t size = tw_shape_size(&node->out);
        plan->sizes[i] = size;
        if (!is_alias(node) && !take_f32(plan, &plan->outputs[i], batch * size))
            return false;
        if (node->op == TW_OP_DROPOUT) {
            plan->base.n_bytes += batch * size;
            if (!(plan->masks[i] = tw_calloc((size_t)batch, (size_t)size)))
                return false;
        }
        if (i >= plan->first_trained && size > largest)
            largest = size;
        if (node->op == TW_OP_DENSE && !plan->frozen[i]) {
            int64_t c = plan->sizes[i - 1];
            int64_t wanted = plan->kernels->scratch_size(c, node->units, plan->n_workers);
            scratch = wanted > scratch ? wanted : scratch;
            units = node->units > units ? node->units : units;
        }
    }
    return take_f32(plan, &plan->gradients[0], batch * largest) &&
           take_f32(plan, &plan->gradients[1], batch * largest) &&
           take_f32(plan, &plan->bias_gradient, units) && take_f32(plan, &plan->scratch, scratch);
}

static int find_first_trained(const train_plan *plan)
{
    int i = 0;

    while (i < plan->base.graph->n &&
           (plan->frozen[i] || tw_node_param_count(plan->base.graph, i) == 0))
        i++;
    return i;
}

tw_status tw_backend__train_create(tw_train_plan **out, const tw_backend_table *table,
                                   const tw_dense_kernels *kernels, const tw_graph *graph,
                                   int64_t batch, int n_workers, const bool *frozen, tw_error *err)
{
    tw_status rc;
    train_plan *plan = NULL;
    size_t n = (size_t)graph->n;

    *out = NULL;
    if ((rc = check_graph(graph, err)))
        return rc;
    if (!(plan = tw_calloc(1, sizeof *plan)) ||
        !(plan->frozen = tw_calloc(n, sizeof *plan->frozen)) ||
        !(plan->sizes = tw_calloc(n, sizeof *plan->sizes)) ||
        !(plan->outputs = tw_calloc(n, sizeof *plan->outputs)) ||
        !(plan->masks = tw_calloc(n, sizeof *plan->masks))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for a training plan");
        goto done;
    }
    if ((rc = tw_graph_copy(&plan->base.graph, graph, err)))
        goto done;
    if (frozen)
        memcpy(plan->frozen, frozen, n * sizeof *frozen);
    plan->base.table = table;
    plan->base.batch = batch;
    plan->kernels = kernels;
    plan->n_workers = n_workers;
    plan->first_trained = find_first_trained(plan);
    if (!allocate(plan)) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to train a top of %d layers in batches of %lld",
                     graph->n, (long long)batch);
        goto done;
    }
    *out = &plan->base;
    plan = NULL;
done:
    tw_backend__train_free(plan ? &plan->base : NULL);
    return rc;
}

/* ---- forward */

static const float *output_of(const step_state *s, int node)
{
    while (node > 0 && is_alias(&s->plan->base.graph->nodes[node]))
        node--;
    return node == 0 ? s->in : s->plan->outputs[node];
}

static void activate(float *y, int64_t n, tw_activation activation)
{
    if (activation == TW_RELU)
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] > 0 ? y[i] : 0;
    else if (activation == TW_SIGMOID)
        for (int64_t i = 0; i < n; i++)
            y[i] = 1.0f / (1.0f + expf(-y[i]));
}

static void activate_sample(void *ctx, int64_t sample, int worker)
{
    const step_state *s = ctx;
    const tw_node *node = &s->plan->base.graph->nodes[s->node];
    int64_t size = s->plan->sizes[s->node];
    float *y = s->y + sample * size;
    tw_activation activation = node->op == TW_OP_RELU      ? TW_RELU
                               : node->op == TW_OP_SIGMOID ? TW_SIGMOID
                                                           : node->activation;

    (void)worker;
    if (s->x)
        memcpy(y, s->x + sample * size, (size_t)size * sizeof *y);
    activate(y, size, activation);
}

/* Kept numbers are scaled by 1/(1-rate); number i of sample s draws word s*size + i of the key. */
static void drop_sample(void *ctx, int64_t sample, int worker)
{
    const step_state *s = ctx;
    int64_t size = s->plan->sizes[s->node];
    double rate = s->plan->base.graph->nodes[s->node].rate;
    float scale = (float)(1.0 / (1.0 - rate));
    const float *x = s->x + sample * size;
    float *y = s->y + sample * size;
    uint8_t *mask = s->plan->masks[s->node] + sample * size;
    uint32_t words[4];
    uint64_t at = (uint64_t)(sample * size);

    (void)worker;
    tw_rng_block(words, &s->key, (uint32_t)(at >> 2));
    for (int64_t i = 0; i < size; i++, at++) {
        if ((at & 3) == 0)
            tw_rng_block(words, &s->key, (uint32_t)(at >> 2));
        mask[i] = (double)((float)(words[at & 3] >> 8) * 0x1p-24f) >= rate;
        y[i] = mask[i] ? x[i] * scale : 0;
    }
}

static void pool_sample(void *ctx, int64_t sample, int worker)
{
    const step_state *s = ctx;
    int64_t channels = s->plan->sizes[s->node];
    int64_t area = s->plan->sizes[s->node - 1] / channels;
    const float *x = s->x + sample * area * channels;
    float *y = s->y + sample * channels;

    (void)worker;
    memset(y, 0, (size_t)channels * sizeof *y);
    for (int64_t p = 0; p < area; p++)
        for (int64_t c = 0; c < channels; c++)
            y[c] += x[p * channels + c];
    for (int64_t c = 0; c < channels; c++)
        y[c] /= (float)area;
}

static void forward_node(step_state *s, uint64_t seed, uint32_t epoch, uint64_t step)
{
    train_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];

    s->x = output_of(s, s->node - 1);
    s->y = plan->outputs[s->node];
    switch (node->op) {
    case TW_OP_DENSE:
        plan->kernels->forward(s->y, s->x, s->weights[s->node].kernel, s->weights[s->node].bias,
                               s->n, plan->sizes[s->node - 1], node->units, plan->n_workers);
        s->x = NULL; /* in place */
        if (node->activation == TW_RELU || node->activation == TW_SIGMOID)
            tw_parallel(plan->n_workers, s->n, activate_sample, s);
        break;
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
        tw_parallel(plan->n_workers, s->n, activate_sample, s);
        break;
    case TW_OP_DROPOUT:
        s->key = tw_rng_make_key(seed, TW_RNG_DROPOUT, epoch, step << 16 | (uint64_t)s->node);
        tw_parallel(plan->n_workers, s->n, drop_sample, s);
        break;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        tw_parallel(plan->n_workers, s->n, pool_sample, s);
        break;
    default:
        break;
    }
}

/* ---- backward: the steps of forward, reversed. s->gradient is that of the node's output. */

static void undo_activation(float *gradient, const float *y, int64_t n, tw_activation activation)
{
    if (activation == TW_RELU)
        for (int64_t i = 0; i < n; i++)
            gradient[i] = y[i] > 0 ? gradient[i] : 0;
    else if (activation == TW_SIGMOID)
        for (int64_t i = 0; i < n; i++)
            gradient[i] *= y[i] * (1 - y[i]);
}

static void undo_dropout(float *gradient, const uint8_t *mask, int64_t n, double rate)
{
    float scale = (float)(1.0 / (1.0 - rate));

    for (int64_t i = 0; i < n; i++)
        gradient[i] = mask[i] ? gradient[i] * scale : 0;
}

/* Gradient of pooled channels (n,C) to (n,H,W,C): each place gets its share. */
static void undo_pool(float *out, const float *gradient, int64_t n, int64_t area, int64_t channels)
{
    for (int64_t i = 0; i < n * area; i++)
        for (int64_t c = 0; c < channels; c++)
            out[i * channels + c] = gradient[i / area * channels + c] / (float)area;
}

/* Sum over samples, in their order. */
static void give_bias_gradient(const step_state *s, const tw_sink *sink, int64_t units)
{
    float *sum = s->plan->bias_gradient;

    memset(sum, 0, (size_t)units * sizeof *sum);
    for (int64_t i = 0; i < s->n; i++)
        for (int64_t k = 0; k < units; k++)
            sum[k] += s->gradient[i * units + k];
    sink->take(sink->ctx, s->node, 1, 0, units, sum);
}

static void backward_dense(step_state *s, const tw_sink *sink, float *next)
{
    train_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    int64_t c = plan->sizes[s->node - 1], k = node->units;

    undo_activation(s->gradient, plan->outputs[s->node], s->n * k, node->activation);
    if (s->node > plan->first_trained)
        plan->kernels->backward_data(next, s->gradient, s->weights[s->node].kernel, s->n, c, k,
                                     plan->n_workers);
    if (plan->frozen[s->node])
        return;
    plan->kernels->backward_weights(sink, s->node, output_of(s, s->node - 1), s->gradient, s->n, c,
                                    k, plan->n_workers, plan->scratch);
    if (s->weights[s->node].bias)
        give_bias_gradient(s, sink, k);
}

/* Returns true when `next` now holds the gradient, false when it was changed in place. */
static bool backward_node(step_state *s, const tw_sink *sink, float *next)
{
    train_plan *plan = s->plan;
    const tw_node *node = &plan->base.graph->nodes[s->node];
    int64_t size = plan->sizes[s->node];

    switch (node->op) {
    case TW_OP_DENSE:
        backward_dense(s, sink, next);
        return true;
    case TW_OP_RELU:
    case TW_OP_SIGMOID:
        undo_activation(s->gradient, plan->outputs[s->node], s->n * size,
                        node->op == TW_OP_RELU ? TW_RELU : TW_SIGMOID);
        return false;
    case TW_OP_DROPOUT:
        undo_dropout(s->gradient, plan->masks[s->node], s->n * size, node->rate);
        return false;
    case TW_OP_GLOBAL_AVERAGE_POOL:
        undo_pool(next, s->gradient, s->n, plan->sizes[s->node - 1] / size, size);
        return true;
    default:
        return false; /* Flatten, Softmax: the same numbers */
    }
}

/* d(mean loss)/d(logits) = (softmax - one-hot) / n */
static void logits_gradient(float *out, const float *logits, const int *labels, int64_t n, int l)
{
    for (int64_t i = 0; i < n; i++) {
        float *row = out + i * l;
        tw_softmax_row(row, logits + i * l, l);
        row[labels[i]] -= 1.0f;
        for (int k = 0; k < l; k++)
            row[k] /= (float)n;
    }
}

tw_status tw_backend__train_step(tw_train_plan *base, const tw_node_weights *weights,
                                 const float *in, const int *labels, int64_t n, uint64_t seed,
                                 uint32_t epoch, uint64_t step, double *loss, float *logits,
                                 const tw_sink *sink, tw_error *err)
{
    train_plan *plan = (train_plan *)base;
    step_state s = {.plan = plan, .weights = weights, .in = in, .n = n};
    int last = base->graph->n - 1, l = (int)plan->sizes[last], turn = 0;
    const float *end;

    if (n < 1 || n > base->batch)
        return tw_fail(err, TW_EUSAGE, "a batch of %lld samples in a plan for %lld", (long long)n,
                       (long long)base->batch);
    for (s.node = 1; s.node <= last; s.node++)
        forward_node(&s, seed, epoch, step);

    end = output_of(&s, last);
    memcpy(logits, end, (size_t)(n * l) * sizeof *logits);
    for (int64_t i = 0; i < n; i++)
        loss[i] = tw_cross_entropy_row(end + i * l, l, labels[i]);
    if (!sink || plan->first_trained > last)
        return TW_OK;

    logits_gradient(plan->gradients[0], end, labels, n, l);
    for (s.node = last; s.node >= plan->first_trained; s.node--) {
        s.gradient = plan->gradients[turn];
        turn ^= backward_node(&s, sink, plan->gradients[turn ^ 1]);
    }
    return TW_OK;
}
