/* One function an op, in the file of its name; all float32 NHWC with sums in double. */
#ifndef TW_BACKEND_REF_REF_INT_H
#define TW_BACKEND_REF_REF_INT_H

#include "backend/backend_int.h"

/* x (N,H,W,C) -> y (N,P,Q,K) with kernel (R,S,C,K) and bias (K, may be NULL) that may lie
 * unaligned; row (K) and sums (K) are scratch. The node's activation is not applied. */
void tw_backend__ref_conv2d(float *y, const float *x, const tw_node *node, const tw_shape *in,
                            int64_t n, const tw_node_weights *weights, double *sums, float *row);
/* One picture x (H,W,C) -> y (P,Q,C) with kernel (R,S,C,1) and bias (C, may be NULL), which may lie
 * unaligned; sums and row (C) are scratch. The node's activation is not applied. */
void tw_backend__ref_depthwise(float *y, const float *x, const tw_node *node, const tw_shape *in,
                               const tw_node_weights *weights, double *sums, float *row);
/* x (N,H,W,C) -> y (N,P,Q,C) */
void tw_backend__ref_max_pool(float *y, const float *x, const tw_node *node, const tw_shape *in,
                              int64_t n);
/* x (N,H,W,C) -> y (N,C) */
void tw_backend__ref_global_average_pool(float *y, const float *x, const tw_shape *in, int64_t n);
/* In place on n rows of k numbers; softmax needs rows. */
void tw_backend__ref_activation(float *y, int64_t n, int64_t k, tw_activation activation);
/* x (N,C) -> y (N,K); kernel and bias may lie unaligned; sums and row (K) are scratch. */
void tw_backend__ref_dense(float *y, const float *x, int64_t n, int64_t c, int64_t k,
                           const tw_node_weights *weights, double *sums, float *row);

extern const tw_dense_kernels tw_backend__ref_dense_kernels;
extern const tw_conv_kernels tw_backend__ref_conv_kernels;
extern const tw_max_pool_kernels tw_backend__ref_max_pool_kernels;

#endif
