/*
 * What the backends share among themselves: the kernels that the training plan
 * (backend/train_plan.c, one executor for all backends) is made of, and optimizer arithmetic.
 */
#ifndef TW_BACKEND_BACKEND_INT_H
#define TW_BACKEND_BACKEND_INT_H

#include "backend/backend.h"

/* One Dense layer of a training plan: N samples, C inputs, K units. */
typedef struct tw_dense {
    const tw_backend *backend;
    int64_t n, c, k;
    int n_workers;
    float *scratch;
    bool is_bf16; /* of bfloat16, with a backend that trains_bf16 */
} tw_dense;

/* What its backward pass has and is asked for. */
typedef struct tw_dense_gradients {
    const float *x;      /* (N,C) */
    const float *dy;     /* (N,K) */
    const float *w;      /* (C,K) of the forward pass, read before the sink may change it */
    float *dx;           /* (N,C) = dy w^T; NULL: not wanted */
    const tw_sink *sink; /* gets dw (C,K) = x^T dy as (node, slot 0); NULL: not wanted */
    int node;
} tw_dense_gradients;

/* Both run on up to n_workers threads with chunks fixed by the shape alone, so that the bits do not
 * depend on n_workers. No function allocates. */
typedef struct tw_dense_kernels {
    /* y (N,K) = x (N,C) w (C,K) + b (K, may be NULL) */
    void (*forward)(const tw_dense *dense, float *y, const float *x, const float *w,
                    const float *b);
    void (*backward)(const tw_dense *dense, const tw_dense_gradients *wanted);
    /* floats of scratch that the two need for up to n samples; not less for more samples */
    int64_t (*scratch_size)(const tw_dense *dense);
} tw_dense_kernels;

/* Hands out places in a block, each on a line of 64 bytes; block NULL only counts. */
typedef struct tw_layout {
    uint8_t *block;
    int64_t used;
    bool is_too_large;
} tw_layout;

/* Room for n things of n_bytes each; NULL while it counts. */
void *tw_backend__lay(tw_layout *layout, int64_t n, int64_t n_bytes);

/* One Conv2D of a training plan: what it is asked to be, and how much scratch that takes. */
typedef struct tw_conv {
    tw_node node;
    tw_shape in; /* (H,W,C) */
    int64_t batch;
    int n_workers;
    bool needs_data, needs_weights; /* which gradients will be asked for */
} tw_conv;

/* Convolutions of batches x (N,H,W,C) -> y (N,P,Q,K), n <= batch pictures, the kernel in place as
 * (R,S,C,K). They are compiled: `create` chooses by the shape alone, `lay_out` counts the scratch
 * and, called again with a block, keeps its places there. Other layers use the same scratch, so
 * nothing in it outlives a call. Bits do not depend on n_workers. Only create allocates, and
 * lay_out what a library needs to know its places. */
typedef struct tw_conv_kernels {
    tw_status (*create)(tw_conv **out, tw_backend *backend, const tw_conv *wanted, tw_error *err);
    tw_status (*lay_out)(tw_conv *conv, tw_layout *layout, tw_error *err);
    void (*free)(tw_conv *conv);
    /* y = x * w + b, without the node's activation; b may be NULL */
    tw_status (*forward)(tw_conv *conv, float *y, const float *x, const tw_node_weights *weights,
                         int64_t n, tw_error *err);
    /* dx (N,H,W,C) of dy (N,P,Q,K) */
    tw_status (*backward_data)(tw_conv *conv, float *dx, const float *dy, const float *kernel,
                               int64_t n, tw_error *err);
    /* dw (R,S,C,K) of x and dy, handed to the sink as (node, slot 0) */
    tw_status (*backward_weights)(tw_conv *conv, const tw_sink *sink, int node, const float *x,
                                  const float *dy, int64_t n, tw_error *err);
} tw_conv_kernels;

/* MaxPooling2D of one picture x (H,W,C) -> y (P,Q,C). */
typedef struct tw_max_pool_kernels {
    void (*forward)(float *y, const float *x, const tw_node *node, const tw_shape *in);
    /* dx (H,W,C): each dy goes to the largest place of its window, of several to the first one row
     * by row, as TensorFlow and PyTorch have it */
    void (*backward)(float *dx, const float *x, const float *dy, const tw_node *node,
                     const tw_shape *in);
} tw_max_pool_kernels;

typedef struct tw_train_kernels {
    const tw_dense_kernels *dense;
    const tw_conv_kernels *conv;
    const tw_max_pool_kernels *max_pool;
} tw_train_kernels;

extern const tw_backend_table tw_backend__ref;
extern const tw_backend_table tw_backend__cpu;

/* From now on plans of this cpu backend have oneDNN's convolutions: the peer of measurements. */
void tw_backend__cpu_use_onednn(tw_backend *backend);
/* From now on its plans in bf16x3 have plain C's kernels, on any CPU: for tests and for errors. */
void tw_backend__cpu_use_bf16x3_twin(tw_backend *backend);
/* From now on its plans copy tiles of constant backgrounds (they do from the start), or do not. */
void tw_backend__cpu_use_background(tw_backend *backend, bool wanted);

/* The common training plan; a backend's table points at a thin wrapper that passes its kernels. */
tw_status tw_backend__train_create(tw_train_plan **out, tw_backend *backend,
                                   const tw_train_kernels *kernels, const tw_graph *graph,
                                   int64_t batch, int n_workers, const bool *frozen, tw_error *err);
tw_status tw_backend__train_step(tw_train_plan *plan, const tw_node_weights *weights,
                                 const float *in, const int *labels, const float *sample_weights,
                                 int64_t n, uint64_t seed, uint32_t epoch, uint64_t step,
                                 double *loss, float *logits, const tw_sink *sink, tw_error *err);
void tw_backend__train_free(tw_train_plan *plan);
tw_status tw_backend__gradient_create(tw_train_plan **out, tw_backend *backend,
                                      const tw_train_kernels *kernels, const tw_graph *graph,
                                      int64_t batch, int n_workers, tw_error *err);
tw_status tw_backend__gradient_run(tw_train_plan *plan, const tw_node_weights *weights,
                                   const float *in, const int *classes, int64_t n, float *logits,
                                   float *gradient, tw_error *err);

/* ---- peak.c: what is the same for all backends */

/* Does `work` n_items times over n_workers threads, each worth so many units, a few rounds; the
 * best rate, units a second. */
double tw_backend__best_rate(void (*work)(void *ctx, int64_t item, int worker), void *ctx,
                             int64_t n_items, double units, int n_workers);
/* Multiply and add in plain C, and reading memory. */
double tw_backend__plain_flops(int n_workers);
TW_MUST_CHECK tw_status tw_backend__read_bytes(double *out, int n_workers, tw_error *err);

/* Optimizer arithmetic in plain C, shared (backend/optimizer.c). */
void tw_backend__adam(float *w, float *m, float *v, const float *g, int64_t n,
                      const tw_adam_step *step);
void tw_backend__sgd(float *w, float *velocity, const float *g, int64_t n, const tw_sgd_step *step);

#endif
