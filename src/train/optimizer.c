/*
 * Optimizers: their state and schedule; the arithmetic is the backend's. All state is one block,
 * laid out as the parameters are: velocity for SGD, m then v for Adam. A finished gradient is
 * applied there and then, on the thread that made it; ranges are disjoint and the arithmetic is
 * elementwise, so the order cannot matter.
 *
 * Formulas are Keras's: Adam in the epsilon-hat form, lr_t = lr / (1 + decay * iterations), all in
 * float32.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

static const double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-7;

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
    if (!out->weights || !out->data || !out->size) {
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
    memset(trained, 0, sizeof *trained);
}

/* ---- state */

static int n_states(const tw_config *config)
{
    return tw_train__is(config, TW_OPTION_OPTIMIZER, "adam") ? 2 : 1;
}

int64_t tw_train__optimizer_size(const tw_config *config, int64_t n)
{
    return n * n_states(config);
}

/* Hands out the block in the order of the parameters. */
static void lay_out(tw_optimizer *optimizer, int states)
{
    const tw_trained *trained = optimizer->trained;
    float *next = optimizer->block;

    for (int s = 0; s < states; s++) {
        for (int node = 0; node < trained->n_nodes; node++) {
            for (int slot = 0; slot < 2; slot++) {
                if (!trained->data[node][slot])
                    continue;
                optimizer->state[s][node][slot] = next;
                next += trained->size[node][slot];
            }
        }
    }
}

tw_status tw_train__optimizer_create(tw_optimizer *out, const tw_config *config,
                                     const tw_backend_table *table, const tw_trained *trained,
                                     tw_error *err)
{
    int states = n_states(config);
    bool ok = true;

    memset(out, 0, sizeof *out);
    out->table = table;
    out->trained = trained;
    out->is_adam = tw_train__is(config, TW_OPTION_OPTIMIZER, "adam");
    out->lr = (float)tw_train__f64(config, TW_OPTION_LR);
    out->decay = (float)tw_train__f64(config, TW_OPTION_DECAY);
    out->momentum = (float)tw_train__f64(config, TW_OPTION_MOMENTUM);
    out->nesterov = tw_train__bool(config, TW_OPTION_NESTEROV);

    for (int s = 0; s < 2; s++)
        ok &= (out->state[s] = tw_calloc((size_t)trained->n_nodes, sizeof *out->state[s])) != NULL;
    ok &= (out->block = tw_alloc_f32(states * trained->n)) != NULL;
    if (!ok) {
        tw_train__optimizer_free(out);
        return tw_fail(err, TW_ENOMEM, "no memory for the optimizer's state of %lld numbers",
                       (long long)(states * trained->n));
    }
    out->n_state = states * trained->n;
    lay_out(out, states);
    return TW_OK;
}

void tw_train__optimizer_free(tw_optimizer *optimizer)
{
    tw_free(optimizer->block);
    tw_free(optimizer->state[0]);
    tw_free(optimizer->state[1]);
    memset(optimizer, 0, sizeof *optimizer);
}

/* ---- steps */

void tw_train__optimizer_begin(tw_optimizer *optimizer)
{
    float lr = optimizer->lr / (1.0f + optimizer->decay * (float)optimizer->iterations);
    float t = (float)(optimizer->iterations + 1);

    optimizer->adam = (tw_adam_step){.alpha = lr * sqrtf(1.0f - powf((float)beta2, t)) /
                                              (1.0f - powf((float)beta1, t)),
                                     .one_minus_beta1 = (float)(1.0 - beta1),
                                     .one_minus_beta2 = (float)(1.0 - beta2),
                                     .epsilon = (float)epsilon};
    optimizer->sgd = (tw_sgd_step){lr, optimizer->momentum, optimizer->nesterov};
    optimizer->iterations++;
}

static void take_gradient(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    const tw_optimizer *optimizer = ctx;
    float *w = optimizer->trained->data[node][slot] + first;
    float *state = optimizer->state[0][node][slot] + first;

    if (optimizer->is_adam)
        optimizer->table->adam(w, state, optimizer->state[1][node][slot] + first, gradient, n,
                               &optimizer->adam);
    else
        optimizer->table->sgd(w, state, gradient, n, &optimizer->sgd);
}

tw_sink tw_train__optimizer_sink(tw_optimizer *optimizer)
{
    return (tw_sink){take_gradient, optimizer};
}
