/*
 * Optimizers: their state; the arithmetic is the backend's. All state is one block, laid out as the
 * parameters are: velocity for SGD, m then v for Adam. A finished gradient is applied there and
 * then, on the thread that made it; ranges are disjoint and the arithmetic is elementwise, so the
 * order cannot matter. Only where gradients are clipped by their global norm are they kept whole,
 * in a block of their own, and applied when the step ends; the norm is summed over fixed pieces.
 * A Dense layer's kernel may carry the update out itself (tw_update). An input that was zero in all
 * batches has no gradient and no state: its weights are what they were, and nobody looks at them.
 * L-BFGS applies none: here they are summed over the pictures, full_batch.c does the rest.
 *
 * Formulas are Keras's: Adam in the epsilon-hat form, lr_t = lr * factor * multiplier / (1 + decay
 * * iterations), decoupled weight decay, all in float32; clipping is tf.clip_by_global_norm.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;
enum { PIECE = 65536 }; /* numbers summed, or applied, at once */

/* ---- the trained parameters */

static void take_node(tw_trained *out, int i, const tw_model *model, int node, bool is_frozen)
{
    const tw_param *params = model->params[node];

    out->weights[i] = (tw_node_weights){params[0].data, params[1].data};
    for (int slot = 0; slot < 2 && !is_frozen; slot++) {
        if (!params[slot].data)
            continue;
        out->data[i][slot] = params[slot].data;
        out->size[i][slot] = tw_shape_size(&params[slot].shape);
        out->n += out->size[i][slot];
    }
    if (out->data[i][0] && params[0].shape.rank == 2)
        out->inputs[i] = params[0].shape.dims[0];
}

tw_status tw_train__trained_create(tw_trained *out, const tw_model *model, int boundary,
                                   const bool *frozen, tw_error *err)
{
    size_t n = (size_t)(model->graph->n - boundary);

    memset(out, 0, sizeof *out);
    out->n_nodes = (int)n;
    out->weights = tw_calloc(n, sizeof *out->weights);
    out->data = tw_calloc(n, sizeof *out->data);
    out->size = tw_calloc(n, sizeof *out->size);
    out->inputs = tw_calloc(n, sizeof *out->inputs);
    if (!out->weights || !out->data || !out->size || !out->inputs) {
        tw_train__trained_free(out);
        return tw_fail(err, TW_ENOMEM, "no memory for the list of trained parameters");
    }
    for (int i = 1; i < out->n_nodes; i++)
        take_node(out, i, model, boundary + i, frozen[boundary + i]);
    return TW_OK;
}

void tw_train__trained_free(tw_trained *trained)
{
    tw_free(trained->weights);
    tw_free(trained->data);
    tw_free(trained->size);
    tw_free(trained->inputs);
    memset(trained, 0, sizeof *trained);
}

void tw_train__trained_read(float *out, const tw_trained *trained)
{
    for (int node = 0; node < trained->n_nodes; node++)
        for (int slot = 0; slot < 2; slot++) {
            if (!trained->data[node][slot])
                continue;
            memcpy(out, trained->data[node][slot], (size_t)trained->size[node][slot] * sizeof *out);
            out += trained->size[node][slot];
        }
}

void tw_train__trained_write(const tw_trained *trained, const float *in)
{
    for (int node = 0; node < trained->n_nodes; node++)
        for (int slot = 0; slot < 2; slot++) {
            if (!trained->data[node][slot])
                continue;
            memcpy(trained->data[node][slot], in, (size_t)trained->size[node][slot] * sizeof *in);
            in += trained->size[node][slot];
        }
}

/* ---- state */

static tw_optimizer_kind kind_of(const tw_config *config)
{
    if (tw_train__is(config, TW_OPTION_OPTIMIZER, "sgd"))
        return TW_SGD;
    if (tw_train__is_full_batch(config))
        return TW_LBFGS;
    return tw_train__is(config, TW_OPTION_OPTIMIZER, "adamw") ? TW_ADAMW : TW_ADAM;
}

static int n_states(const tw_config *config)
{
    static const int n[] = {
        [TW_SGD] = 1, [TW_ADAM] = 2, [TW_ADAMW] = 2, [TW_LBFGS] = 2 * TW_LBFGS_PAIRS};

    return n[kind_of(config)];
}

static bool is_clipped(const tw_config *config)
{
    return tw_train__text(config, TW_OPTION_CLIP_NORM) != NULL && kind_of(config) != TW_LBFGS;
}

int64_t tw_train__optimizer_size(const tw_config *config, int64_t n)
{
    if (kind_of(config) == TW_LBFGS)
        return n * TW_LBFGS_VECTORS;
    return n * (n_states(config) + is_clipped(config));
}

/* Hands out a block in the order of the parameters; returns what comes behind. */
static float *lay_out(float *(*places)[2], const tw_trained *trained, float *next)
{
    for (int node = 0; node < trained->n_nodes; node++) {
        for (int slot = 0; slot < 2; slot++) {
            if (!trained->data[node][slot])
                continue;
            places[node][slot] = next;
            next += trained->size[node][slot];
        }
    }
    return next;
}

static void take_options(tw_optimizer *out, const tw_config *config)
{
    const char *weight_decay = tw_train__text(config, TW_OPTION_WEIGHT_DECAY);

    out->kind = kind_of(config);
    out->lr = (float)tw_train__f64(config, TW_OPTION_LR);
    out->decay = (float)tw_train__f64(config, TW_OPTION_DECAY);
    out->momentum = (float)tw_train__f64(config, TW_OPTION_MOMENTUM);
    out->nesterov = tw_train__bool(config, TW_OPTION_NESTEROV);
    if (weight_decay)
        out->weight_decay = (float)tw_train__f64(config, TW_OPTION_WEIGHT_DECAY);
    else if (out->kind == TW_ADAMW)
        out->weight_decay = 0.004f; /* Keras's default */
    if (is_clipped(config))
        out->clip_norm = (float)tw_train__f64(config, TW_OPTION_CLIP_NORM);
}

static bool make_gradients(tw_optimizer *out, const tw_trained *trained)
{
    size_t n_nodes = (size_t)trained->n_nodes;
    size_t n_pieces = (size_t)((trained->n + PIECE - 1) / PIECE);

    if (!(out->gradients = tw_alloc_f32(trained->n)) ||
        !(out->gradient = tw_calloc(n_nodes, sizeof *out->gradient)) ||
        !(out->squares = tw_calloc(n_pieces + 1, sizeof *out->squares)))
        return false;
    lay_out(out->gradient, trained, out->gradients);
    return true;
}

/* With weight decay, where gradients are clipped and by L-BFGS every row is updated. */
static bool make_marks(tw_optimizer *out, const tw_trained *trained)
{
    if (!trained->inputs || out->weight_decay > 0.0f || out->gradients || out->kind == TW_LBFGS)
        return true;
    if (!(out->touched = tw_calloc((size_t)trained->n_nodes, sizeof *out->touched)))
        return false;
    for (int i = 0; i < trained->n_nodes; i++)
        if (trained->inputs[i] > 0 &&
            !(out->touched[i] = tw_calloc((size_t)trained->inputs[i], sizeof *out->touched[i])))
            return false;
    return true;
}

tw_status tw_train__optimizer_create(tw_optimizer *out, const tw_config *config,
                                     const tw_backend_table *table, const tw_trained *trained,
                                     const double *multipliers, int n_workers, tw_error *err)
{
    const int states = n_states(config);
    const int64_t n_block = trained->n * (kind_of(config) == TW_LBFGS ? TW_LBFGS_VECTORS : states);
    bool ok = true;
    float *next;

    memset(out, 0, sizeof *out);
    out->table = table;
    out->trained = trained;
    out->multipliers = multipliers;
    out->n_workers = n_workers;
    out->n_state = states * trained->n;
    take_options(out, config);

    for (int s = 0; s < 2; s++)
        ok &= (out->state[s] = tw_calloc((size_t)trained->n_nodes, sizeof *out->state[s])) != NULL;
    ok &= (next = out->block = tw_alloc_f32(n_block)) != NULL;
    if (out->kind == TW_LBFGS)
        ok &= (out->gradient = tw_calloc((size_t)trained->n_nodes, sizeof *out->gradient)) != NULL;
    if (!ok || (is_clipped(config) && !make_gradients(out, trained)) || !make_marks(out, trained)) {
        tw_train__optimizer_free(out);
        return tw_fail(err, TW_ENOMEM, "no memory for the optimizer's state of %lld numbers",
                       (long long)tw_train__optimizer_size(config, trained->n));
    }
    if (out->kind == TW_LBFGS) {
        tw_train__lbfgs_init(&out->lbfgs, out->block, trained->n);
        tw_train__optimizer_sum_into(out, out->lbfgs.trial_gradient);
        return TW_OK;
    }
    for (int s = 0; s < states; s++)
        next = lay_out(out->state[s], trained, next);
    return TW_OK;
}

void tw_train__optimizer_free(tw_optimizer *optimizer)
{
    tw_free(optimizer->block);
    tw_free(optimizer->state[0]);
    tw_free(optimizer->state[1]);
    tw_free(optimizer->gradients);
    tw_free(optimizer->gradient);
    tw_free(optimizer->squares);
    for (int i = 0; optimizer->touched && i < optimizer->trained->n_nodes; i++)
        tw_free(optimizer->touched[i]);
    tw_free(optimizer->touched);
    memset(optimizer, 0, sizeof *optimizer);
}

/* ---- steps */

void tw_train__optimizer_begin(tw_optimizer *optimizer, double factor)
{
    float rate = (float)((double)optimizer->lr * factor);
    float lr = rate / (1.0f + optimizer->decay * (float)optimizer->iterations);
    float t = (float)(optimizer->iterations + 1);

    if (optimizer->kind == TW_LBFGS)
        return; /* counts no batches */
    optimizer->adam = (tw_adam_step){.alpha = lr * sqrtf(1.0f - powf((float)beta2, t)) /
                                              (1.0f - powf((float)beta1, t)),
                                     .one_minus_beta1 = (float)(1.0 - beta1),
                                     .one_minus_beta2 = (float)(1.0 - beta2),
                                     .epsilon = (float)epsilon,
                                     .lr = lr,
                                     .weight_decay = optimizer->weight_decay};
    optimizer->sgd =
        (tw_sgd_step){lr, optimizer->momentum, optimizer->nesterov, optimizer->weight_decay};
    optimizer->iterations++;
}

static void fill_update(tw_update *out, const tw_optimizer *optimizer, int node, int slot)
{
    const float mult = optimizer->multipliers ? (float)optimizer->multipliers[node] : 1.0f;

    *out = (tw_update){.w = optimizer->trained->data[node][slot],
                       .state = {optimizer->state[0][node][slot], optimizer->state[1][node][slot]},
                       .is_adam = optimizer->kind != TW_SGD,
                       .adam = optimizer->adam,
                       .sgd = optimizer->sgd};
    out->adam.alpha *= mult;
    out->adam.lr *= mult;
    out->sgd.lr *= mult;
    if (slot == 0 && optimizer->touched)
        out->touched = optimizer->touched[node];
}

static bool get_update(void *ctx, int node, int slot, tw_update *out)
{
    const tw_optimizer *optimizer = ctx;

    if (optimizer->gradients || optimizer->kind == TW_LBFGS)
        return false;
    fill_update(out, optimizer, node, slot);
    return true;
}

static void apply(const tw_optimizer *optimizer, int node, int slot, int64_t first, int64_t n,
                  const float *gradient)
{
    tw_update u;

    fill_update(&u, optimizer, node, slot);
    if (u.is_adam)
        optimizer->table->adam(u.w + first, u.state[0] + first, u.state[1] + first, gradient, n,
                               &u.adam);
    else
        optimizer->table->sgd(u.w + first, u.state[0] + first, gradient, n, &u.sgd);
}

static void add_gradient(const tw_optimizer *optimizer, float *sum, int64_t n,
                         const float *gradient)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += optimizer->share * gradient[i];
}

static void take_gradient(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    const tw_optimizer *optimizer = ctx;

    if (optimizer->kind == TW_LBFGS)
        add_gradient(optimizer, optimizer->gradient[node][slot] + first, n, gradient);
    else if (optimizer->gradients)
        memcpy(optimizer->gradient[node][slot] + first, gradient, (size_t)n * sizeof *gradient);
    else
        apply(optimizer, node, slot, first, n, gradient);
}

tw_sink tw_train__optimizer_sink(tw_optimizer *optimizer)
{
    return (tw_sink){.take = take_gradient, .ctx = optimizer, .get_update = get_update};
}

static bool has_state(const tw_optimizer *optimizer, int node, int64_t input)
{
    const int64_t k = optimizer->trained->size[node][0] / optimizer->trained->inputs[node];

    for (int s = 0; s < 2 && optimizer->state[s][node][0]; s++)
        for (int64_t i = input * k; i < (input + 1) * k; i++)
            if (optimizer->state[s][node][0][i] != 0.0f)
                return true;
    return false;
}

void tw_train__optimizer_changed(tw_optimizer *optimizer)
{
    for (int node = 0; optimizer->touched && node < optimizer->trained->n_nodes; node++)
        for (int64_t i = 0; i < optimizer->trained->inputs[node]; i++)
            optimizer->touched[node][i] = has_state(optimizer, node, i);
}

int64_t tw_train__optimizer_untouched(const tw_optimizer *optimizer)
{
    const tw_trained *trained = optimizer->trained;
    int64_t n = 0;
    int node = 0;

    while (node < trained->n_nodes && !trained->data[node][0])
        node++;
    if (!optimizer->touched || node == trained->n_nodes)
        return 0;
    for (int64_t i = 0; i < trained->inputs[node]; i++)
        n += !optimizer->touched[node][i];
    return n;
}

void tw_train__optimizer_sum_into(tw_optimizer *optimizer, float *gradient)
{
    memset(gradient, 0, (size_t)optimizer->trained->n * sizeof *gradient);
    lay_out(optimizer->gradient, optimizer->trained, gradient);
}

/* ---- clipping */

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void sum_piece(void *ctx, int64_t item, int worker)
{
    const tw_optimizer *optimizer = ctx;
    const int64_t first = item * PIECE, end = least(first + PIECE, optimizer->trained->n);
    double sum = 0.0;

    (void)worker;
    for (int64_t i = first; i < end; i++)
        sum += (double)optimizer->gradients[i] * (double)optimizer->gradients[i];
    optimizer->squares[item] = sum;
}

static double find_norm(tw_optimizer *optimizer)
{
    const int64_t n_pieces = (optimizer->trained->n + PIECE - 1) / PIECE;
    double sum = 0.0;

    tw_parallel(optimizer->n_workers, n_pieces, sum_piece, optimizer);
    for (int64_t i = 0; i < n_pieces; i++)
        sum += optimizer->squares[i];
    return sqrt(sum);
}

/* One parameter's gradient, scaled and applied. */
typedef struct applying {
    const tw_optimizer *optimizer;
    int node, slot;
    float scale;
} applying;

static void apply_piece(void *ctx, int64_t item, int worker)
{
    const applying *now = ctx;
    const int64_t first = item * PIECE;
    const int64_t n = least(PIECE, now->optimizer->trained->size[now->node][now->slot] - first);
    float *gradient = now->optimizer->gradient[now->node][now->slot] + first;

    (void)worker;
    for (int64_t i = 0; i < n; i++)
        gradient[i] *= now->scale;
    apply(now->optimizer, now->node, now->slot, first, n, gradient);
}

tw_status tw_train__optimizer_end(tw_optimizer *optimizer, tw_error *err)
{
    const tw_trained *trained = optimizer->trained;
    applying now = {.optimizer = optimizer, .scale = 1.0f};
    double norm;

    if (!optimizer->gradients)
        return TW_OK;
    norm = find_norm(optimizer);
    if (!isfinite(norm))
        return tw_fail(err, TW_EFAIL,
                       "the gradients' norm is not finite in step %lld: a smaller "
                       "lr may help",
                       (long long)optimizer->iterations);
    if (norm > (double)optimizer->clip_norm)
        now.scale = (float)((double)optimizer->clip_norm / norm);
    for (now.node = 0; now.node < trained->n_nodes; now.node++)
        for (now.slot = 0; now.slot < 2; now.slot++)
            if (trained->data[now.node][now.slot])
                tw_parallel(optimizer->n_workers,
                            (trained->size[now.node][now.slot] + PIECE - 1) / PIECE, apply_piece,
                            &now);
    return TW_OK;
}
