/*
 * What the backends share among themselves: the dense kernels and elementwise arithmetic that the
 * training plan (backend/train_plan.c, one executor for all backends) is made of.
 */
#ifndef TW_BACKEND_BACKEND_INT_H
#define TW_BACKEND_BACKEND_INT_H

#include "backend/backend.h"

/* N samples, C inputs, K units. All run on up to n_workers threads with chunks fixed by the shape
 * alone, so that the bits do not depend on n_workers. No function allocates. */
typedef struct tw_dense_kernels {
    /* y (N,K) = x (N,C) w (C,K) + b (K, may be NULL) */
    void (*forward)(float *y, const float *x, const float *w, const float *b, int64_t n, int64_t c,
                    int64_t k, int n_workers);
    /* dx (N,C) = dy (N,K) w^T */
    void (*backward_data)(float *dx, const float *dy, const float *w, int64_t n, int64_t c,
                          int64_t k, int n_workers);
    /* dw rows [r, r+rows) of x^T dy are made in `scratch` of one worker and handed to the sink as
     * numbers [r*K, (r+rows)*K) of (node, slot 0). */
    void (*backward_weights)(const tw_sink *sink, int node, const float *x, const float *dy,
                             int64_t n, int64_t c, int64_t k, int n_workers, float *scratch);
    /* floats of scratch that backward_weights needs for all n_workers */
    int64_t (*scratch_size)(int64_t c, int64_t k, int n_workers);
} tw_dense_kernels;

extern const tw_backend_table tw_backend__ref;
extern const tw_backend_table tw_backend__cpu;

/* The common training plan; a backend's table points at thin wrappers that pass its kernels. */
tw_status tw_backend__train_create(tw_train_plan **out, const tw_backend_table *table,
                                   const tw_dense_kernels *kernels, const tw_graph *graph,
                                   int64_t batch, int n_workers, const bool *frozen, tw_error *err);
tw_status tw_backend__train_step(tw_train_plan *plan, const tw_node_weights *weights,
                                 const float *in, const int *labels, int64_t n, uint64_t seed,
                                 uint32_t epoch, uint64_t step, double *loss, float *logits,
                                 const tw_sink *sink, tw_error *err);
void tw_backend__train_free(tw_train_plan *plan);

/* Optimizer arithmetic in plain C, shared (backend/optimizer.c). */
void tw_backend__adam(float *w, float *m, float *v, const float *g, int64_t n,
                      const tw_adam_step *step);
void tw_backend__sgd(float *w, float *velocity, const float *g, int64_t n, const tw_sgd_step *step);

#endif
