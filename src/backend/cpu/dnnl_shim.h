/*
 * oneDNN behind one face: the calls that differ between its versions 2 and 3. This pair of files is
 * the only place that asks for the version; everything else uses these and the calls that both
 * have. Sizes are logical (N,C,H,W), as oneDNN counts them, whatever the layout in memory is.
 */
#ifndef TW_BACKEND_CPU_DNNL_SHIM_H
#define TW_BACKEND_CPU_DNNL_SHIM_H

#include <dnnl.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if DNNL_VERSION_MAJOR >= 3
#define TW_DNNL__ARG_SCALES (DNNL_ARG_ATTR_SCALES | DNNL_ARG_WEIGHTS)
#else
#define TW_DNNL__ARG_SCALES 0
#endif

/* A memory descriptor: shape, type and layout. */
typedef struct tw_dnnl_desc tw_dnnl_desc;

/* dnnl_format_tag_any leaves the layout to the primitive that is made with it. */
dnnl_status_t tw_backend__desc_create(tw_dnnl_desc **out, int rank, const int64_t *dims,
                                      dnnl_data_type_t type, dnnl_format_tag_t tag);
/* A copy of what a primitive descriptor answers: dnnl_query_src_md, ..._scratchpad_md. */
dnnl_status_t tw_backend__desc_query(tw_dnnl_desc **out, const_dnnl_primitive_desc_t primitive,
                                     dnnl_query_t what);
dnnl_status_t tw_backend__desc_copy(tw_dnnl_desc **out, const tw_dnnl_desc *desc);
void tw_backend__desc_free(tw_dnnl_desc *desc);
bool tw_backend__desc_equal(const tw_dnnl_desc *a, const tw_dnnl_desc *b);
size_t tw_backend__desc_size(const tw_dnnl_desc *desc);

dnnl_status_t tw_backend__memory_create(dnnl_memory_t *out, const tw_dnnl_desc *desc,
                                        dnnl_engine_t engine, void *data);

/* A sliding window, H then W. */
typedef struct tw_dnnl_window {
    dnnl_dims_t size, stride, before, after;
} tw_dnnl_window;

typedef struct tw_dnnl_conv {
    dnnl_alg_kind_t algorithm;
    bool relu, relu6;    /* fused */
    bool is_training;    /* the kernel changes often: its layout is not a transformed one */
    const float *scales; /* of int8, one a filter, see below; else NULL */
    int64_t n_scales;
    const tw_dnnl_desc *src, *weights, *bias, *dst;
    tw_dnnl_window window;
} tw_dnnl_conv;

/* An int8 convolution makes scale * sum + bias of its whole sums, then ReLU, then the nearest
 * number of dst's type. Version 2 wants scales in its descriptor and the bias divided by them;
 * version 3 wants the scales' count alone, and the scales as an argument. */
#define TW_DNNL_ARG_SCALES TW_DNNL__ARG_SCALES /* 0: no argument */
float tw_backend__conv_bias(float bias, float scale);

/* Descriptors of primitives with the caller's scratchpad: forward, ... */
dnnl_status_t tw_backend__conv_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                      const tw_dnnl_conv *conv);
/* ... and of the two that reverse it; there src, weights and dst are gradients where they are
 * results or come from behind, and bias and relu are not looked at. */
dnnl_status_t tw_backend__conv_backward_data_create(dnnl_primitive_desc_t *out,
                                                    dnnl_engine_t engine, const tw_dnnl_conv *conv);
dnnl_status_t tw_backend__conv_backward_weights_create(dnnl_primitive_desc_t *out,
                                                       dnnl_engine_t engine,
                                                       const tw_dnnl_conv *conv);
dnnl_status_t tw_backend__max_pool_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                          const tw_dnnl_desc *src, const tw_dnnl_desc *dst,
                                          const tw_dnnl_window *window);
/* own_scratchpad false: oneDNN keeps its scratchpad itself. */
dnnl_status_t tw_backend__reorder_create(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                                         const tw_dnnl_desc *src, const tw_dnnl_desc *dst,
                                         bool own_scratchpad);

/* Name of the path that oneDNN uses on this CPU; from then on the process keeps it. */
const char *tw_backend__isa_name(void);

#endif
