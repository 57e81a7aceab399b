/*
 * DepthwiseConv2D in training, the same plain loops on every backend: each channel under a kernel
 * of its own, so neighbouring channels are neighbouring lanes. Kernel (R,S,C), pictures (H,W,C) and
 * (P,Q,C).
 *
 * Forward and data gradient go sample by sample; of the weight gradient an item is some channels of
 * one tap, summed in double over all places of all samples in turn.
 */
#include "backend/train_plan.h"

#include "base/parallel.h"
#include "tensor/tensor.h"

#include <string.h>

enum { LANES = 16 };

typedef struct geometry {
    const tw_node *node;
    const tw_shape *in;
    int64_t top, left, n_in, n_out; /* padding in front; numbers of a sample */
} geometry;

static geometry find_geometry(const tw_chain_state *s)
{
    const tw_graph *graph = s->plan->base.graph;
    const tw_node *node = &graph->nodes[s->node];
    const tw_shape *in = &graph->nodes[node->inputs[0]].out;

    return (geometry){node,
                      in,
                      tw_padding_before(node, in, 0),
                      tw_padding_before(node, in, 1),
                      tw_shape_size(in),
                      tw_shape_size(&node->out)};
}

/* Where in the picture place i of the output has its tap; -1 in the padding. */
static int64_t find_tap(const geometry *g, int64_t i, int tap)
{
    const int64_t q_n = g->node->out.dims[1];
    const int64_t r = i / q_n * g->node->stride[0] - g->top + tap / g->node->window[1];
    const int64_t s = i % q_n * g->node->stride[1] - g->left + tap % g->node->window[1];

    if (r < 0 || r >= g->in->dims[0] || s < 0 || s >= g->in->dims[1])
        return -1;
    return (r * g->in->dims[1] + s) * g->in->dims[2];
}

void tw_backend__depthwise_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const geometry g = find_geometry(s);
    const tw_node_weights *weights = &s->weights[s->node];
    const int64_t c_n = g.in->dims[2];
    const float *x = s->x + sample * g.n_in;
    float *y = s->y + sample * g.n_out;

    (void)worker;
    for (int64_t i = 0; i < g.n_out / c_n; i++, y += c_n) {
        for (int64_t c = 0; c < c_n; c++)
            y[c] = weights->bias ? weights->bias[c] : 0;
        for (int tap = 0; tap < g.node->window[0] * g.node->window[1]; tap++) {
            const int64_t at = find_tap(&g, i, tap);
            const float *w = weights->kernel + tap * c_n;

            for (int64_t c = 0; at >= 0 && c < c_n; c++)
                y[c] += x[at + c] * w[c];
        }
    }
}

void tw_backend__undo_depthwise_sample(void *ctx, int64_t sample, int worker)
{
    const tw_chain_state *s = ctx;
    const geometry g = find_geometry(s);
    const float *kernel = s->weights[s->node].kernel;
    const int64_t c_n = g.in->dims[2];
    const float *dy = s->gradient + sample * g.n_out;
    float *dx = s->next + sample * g.n_in;

    (void)worker;
    memset(dx, 0, (size_t)g.n_in * sizeof *dx);
    for (int64_t i = 0; i < g.n_out / c_n; i++, dy += c_n)
        for (int tap = 0; tap < g.node->window[0] * g.node->window[1]; tap++) {
            const int64_t at = find_tap(&g, i, tap);
            const float *w = kernel + tap * c_n;

            for (int64_t c = 0; at >= 0 && c < c_n; c++)
                dx[at + c] += dy[c] * w[c];
        }
}

/* sums += x * dy of n_lanes channels under one tap, over the places of one sample. */
static void add_places(double sums[LANES], const geometry *g, const float *x, const float *dy,
                       int tap, int n_lanes)
{
    const int64_t c_n = g->in->dims[2];

    for (int64_t i = 0; i < g->n_out / c_n; i++, dy += c_n) {
        const int64_t at = find_tap(g, i, tap);

        for (int lane = 0; at >= 0 && lane < n_lanes; lane++)
            sums[lane] += (double)x[at + lane] * (double)dy[lane];
    }
}

typedef struct job {
    const tw_chain_state *s;
    const tw_sink *sink;
} job;

static void weights_item(void *ctx, int64_t item, int worker)
{
    const job *j = ctx;
    const geometry g = find_geometry(j->s);
    const int64_t c_n = g.in->dims[2], n_blocks = (c_n + LANES - 1) / LANES;
    const int64_t tap = item / n_blocks, c = item % n_blocks * LANES;
    const int n_lanes = (int)(c_n - c < LANES ? c_n - c : LANES);
    double sums[LANES] = {0};
    float gradient[LANES];

    (void)worker;
    for (int64_t i = 0; i < j->s->n; i++)
        add_places(sums, &g, j->s->x + i * g.n_in + c, j->s->gradient + i * g.n_out + c, (int)tap,
                   n_lanes);
    for (int lane = 0; lane < n_lanes; lane++)
        gradient[lane] = (float)sums[lane];
    j->sink->take(j->sink->ctx, j->s->node, 0, tap * c_n + c, n_lanes, gradient);
}

void tw_backend__give_depthwise_weights(const tw_chain_state *s, const tw_sink *sink)
{
    const tw_node *node = &s->plan->base.graph->nodes[s->node];
    const int64_t n_blocks = (node->out.dims[2] + LANES - 1) / LANES;
    job j = {s, sink};

    tw_parallel(s->plan->n_workers, node->window[0] * node->window[1] * n_blocks, weights_item, &j);
}
