/*
 * The layers of a training plan that have no parameters, sample by sample, each followed by what
 * reverses it. Elementwise, or sums in a fixed order: the same bits on every backend.
 */
#include "backend/train_plan.h"

#include <math.h>
#include <string.h>

static const tw_node *node_of(const tw_chain_state *s)
{
    return &s->plan->base.graph->nodes[s->node];
}

static const tw_shape *shape_in(const tw_chain_state *s)
{
    return &s->plan->base.graph->nodes[node_of(s)->inputs[0]].out;
}

static int64_t size_in(const tw_chain_state *s)
{
    return s->plan->sizes[node_of(s)->inputs[0]];
}

/* ---- ReLU, ReLU6 and Sigmoid */

static void activate(float *y, int64_t n, tw_activation activation)
{
    if (activation == TW_RELU)
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] > 0 ? y[i] : 0;
    else if (activation == TW_RELU6)
        for (int64_t i = 0; i < n; i++)
            y[i] = y[i] > 0 ? (y[i] < 6 ? y[i] : 6) : 0;
    else if (activation == TW_SIGMOID)
        for (int64_t i = 0; i < n; i++)
            y[i] = 1.0f / (1.0f + expf(-y[i]));
}

void tw_backend__activate_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const tw_node *node = node_of(s);
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

void tw_backend__undo_activation(float *gradient, const float *y, int64_t n,
                                 tw_activation activation)
{
    if (activation == TW_RELU)
        for (int64_t i = 0; i < n; i++)
            gradient[i] = y[i] > 0 ? gradient[i] : 0;
    else if (activation == TW_RELU6)
        for (int64_t i = 0; i < n; i++)
            gradient[i] = y[i] > 0 && y[i] < 6 ? gradient[i] : 0;
    else if (activation == TW_SIGMOID)
        for (int64_t i = 0; i < n; i++)
            gradient[i] *= y[i] * (1 - y[i]);
}

void tw_backend__undo_activation_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const int64_t size = s->plan->sizes[s->node];

    (void)worker;
    tw_backend__undo_activation(s->gradient + sample * size,
                                s->plan->outputs[s->node] + sample * size, size,
                                node_of(s)->activation);
}

/* ---- Dropout */

/* Kept numbers are scaled by 1/(1-rate); number i of sample s draws word s*size + i of the key. */
void tw_backend__drop_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    int64_t size = s->plan->sizes[s->node];
    double rate = node_of(s)->rate;
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

void tw_backend__undo_dropout(float *gradient, const uint8_t *mask, int64_t n, double rate)
{
    float scale = (float)(1.0 / (1.0 - rate));

    for (int64_t i = 0; i < n; i++)
        gradient[i] = mask[i] ? gradient[i] * scale : 0;
}

/* ---- Add */

void tw_backend__add_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const int64_t size = s->plan->sizes[s->node], at = sample * size;

    (void)worker;
    for (int64_t i = at; i < at + size; i++)
        s->y[i] = s->x[i] + s->other[i];
}

/* ---- GlobalAveragePooling2D */

void tw_backend__average_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    int64_t channels = s->plan->sizes[s->node];
    int64_t area = size_in(s) / channels;
    const float *x = s->x + sample * area * channels; /* (H,W,C) */
    float *y = s->y + sample * channels;              /* (C) */

    (void)worker;
    memset(y, 0, (size_t)channels * sizeof *y);
    for (int64_t p = 0; p < area; p++)
        for (int64_t c = 0; c < channels; c++)
            y[c] += x[p * channels + c];
    for (int64_t c = 0; c < channels; c++)
        y[c] /= (float)area;
}

/* Each place gets its share. */
void tw_backend__undo_average_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    int64_t channels = s->plan->sizes[s->node];
    int64_t area = size_in(s) / channels;
    const float *dy = s->gradient + sample * channels; /* (C) */
    float *dx = s->next + sample * area * channels;    /* (H,W,C) */

    (void)worker;
    for (int64_t p = 0; p < area; p++)
        for (int64_t c = 0; c < channels; c++)
            dx[p * channels + c] = dy[c] / (float)area;
}

/* ---- MaxPooling2D, by the backend's kernels */

void tw_backend__max_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const tw_chain_plan *plan = s->plan;

    (void)worker;
    plan->kernels->max_pool->forward(s->y + sample * plan->sizes[s->node],
                                     s->x + sample * size_in(s), node_of(s), shape_in(s));
}

void tw_backend__undo_max_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const tw_chain_plan *plan = s->plan;
    int64_t in = sample * size_in(s);

    (void)worker;
    plan->kernels->max_pool->backward(s->next + in, s->x + in,
                                      s->gradient + sample * plan->sizes[s->node], node_of(s),
                                      shape_in(s));
}

/* ---- the bias of a convolution */

enum { LANES = 16 };

/* Neighbouring filters, in double: a picture may have 50,000 places. */
static void sum_lanes(float *out, const float *in, int64_t n_places, int64_t stride, int n_lanes)
{
    double sums[LANES] = {0};

    for (int64_t i = 0; i < n_places; i++)
        for (int lane = 0; lane < n_lanes; lane++)
            sums[lane] += (double)in[i * stride + lane];
    for (int lane = 0; lane < n_lanes; lane++)
        out[lane] = (float)sums[lane];
}

void tw_backend__sum_places_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    int64_t k_n = node_of(s)->out.dims[2], n_places = s->plan->sizes[s->node] / k_n;
    const float *dy = s->gradient + sample * n_places * k_n; /* (P,Q,K) */
    float *out = s->plan->place_sums + sample * k_n;         /* (K) */

    (void)worker;
    for (int64_t k = 0; k < k_n; k += LANES)
        sum_lanes(out + k, dy + k, n_places, k_n, (int)(k_n - k < LANES ? k_n - k : LANES));
}
