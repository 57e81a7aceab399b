/*
 * What the files of the training plan share: the plan, and the state of one step. train_plan.c
 * makes the plan, train_gradients.c says where gradients lie, train_step.c walks it; train_layers.c
 * has the arithmetic without parameters, train_depthwise.c that of DepthwiseConv2D.
 *
 * Everything a step works with lies in one block:
 *
 *   | outputs and masks, a node each | gradients, taking turns | sums | scratch of one layer |
 */
#ifndef TW_BACKEND_TRAIN_PLAN_H
#define TW_BACKEND_TRAIN_PLAN_H

#include "backend/backend_int.h"

/* A node's gradient, and where it makes those of its inputs. */
typedef struct tw_train_path {
    bool is_needed;
    int place;                /* of its own: one of plan->gradients */
    int to[TW_MAX_INPUTS];    /* likewise; -1: not needed */
    bool adds[TW_MAX_INPUTS]; /* to what another reader has made already */
} tw_train_path;

typedef struct tw_chain_plan {
    tw_train_plan base;
    tw_backend *backend;
    const tw_train_kernels *kernels;
    int n_workers;
    int first_trained; /* data gradients end here; graph->n when nothing is trained, 0 where the
                          input's gradient is wanted */
    bool *frozen;
    int64_t *sizes;  /* numbers of one sample, per node */
    tw_conv **convs; /* of Conv2D nodes */
    uint8_t *block;
    float **outputs;      /* (batch, size) per node; NULL where the node's input serves */
    uint8_t **masks;      /* (batch, size) of Dropout nodes: 1 kept */
    tw_train_path *paths; /* per node */
    int n_gradients;
    float **gradients; /* (batch, largest size of those that are needed) */
    float *place_sums; /* (batch, most channels): a convolution's bias gradient, per sample */
    float *sums;       /* (most units) */
    void *scratch;
} tw_chain_plan;

/* What one step works on. */
typedef struct tw_chain_state {
    tw_chain_plan *plan;
    const tw_node_weights *weights;
    const float *in;
    int64_t n;
    int node;
    const float *x;     /* the node's input; NULL: y is changed in place */
    const float *other; /* its second input */
    float *y;           /* its output */
    float *gradient;    /* of its output */
    float *next;        /* of its input; NULL: not needed */
    tw_rng_key key;
} tw_chain_state;

/* Softmax is never made: the loss is that of the logits. */
bool tw_backend__is_alias(const tw_node *node);
/* The Dense layer `node`, for n samples. */
tw_dense tw_backend__dense_of(const tw_chain_plan *plan, int node, int64_t n);

/* ---- train_gradients.c: fills plan->paths and n_gradients. Expected: TW_ENOMEM. */

tw_status tw_backend__plan_gradients(tw_chain_plan *plan, tw_error *err);

/* ---- train_depthwise.c: forward without the activation, data and weight gradient */

void tw_backend__depthwise_sample(void *ctx, int64_t sample, int worker);
void tw_backend__undo_depthwise_sample(void *ctx, int64_t sample, int worker);
void tw_backend__give_depthwise_weights(const tw_chain_state *s, const tw_sink *sink);

/* ---- train_layers.c: forward, then what reverses it; one sample, or n numbers in place. `ctx` is
 * a tw_chain_state. */

void tw_backend__activate_sample(void *ctx, int64_t sample, int worker);
void tw_backend__undo_activation(float *gradient, const float *y, int64_t n,
                                 tw_activation activation);
/* The node's own activation. */
void tw_backend__undo_activation_sample(void *ctx, int64_t sample, int worker);

void tw_backend__drop_sample(void *ctx, int64_t sample, int worker);
void tw_backend__undo_dropout(float *gradient, const uint8_t *mask, int64_t n, double rate);

void tw_backend__add_sample(void *ctx, int64_t sample, int worker);

void tw_backend__average_sample(void *ctx, int64_t sample, int worker);
void tw_backend__undo_average_sample(void *ctx, int64_t sample, int worker);

void tw_backend__max_sample(void *ctx, int64_t sample, int worker);
void tw_backend__undo_max_sample(void *ctx, int64_t sample, int worker);

/* Sums over the places of gradient (P,Q,K) into place_sums (K). */
void tw_backend__sum_places_sample(void *ctx, int64_t sample, int worker);

#endif
