/*
 * Tensor: a small view of numbers in row-major order. It never owns or frees memory.
 *
 * Pictures and activations are (N,H,W,C), convolution kernels (R,S,C,K), dense kernels (in,out).
 */
#ifndef TW_TENSOR_H
#define TW_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { TW_MAX_RANK = 8 };

/* One row a dtype: enum, safetensors name, bytes. */
#define TW_DTYPE_LIST(X)  \
    X(TW_F32, "F32", 4)   \
    X(TW_F64, "F64", 8)   \
    X(TW_BF16, "BF16", 2) \
    X(TW_F16, "F16", 2)   \
    X(TW_U8, "U8", 1)     \
    X(TW_I8, "I8", 1)     \
    X(TW_I16, "I16", 2)   \
    X(TW_I32, "I32", 4)   \
    X(TW_I64, "I64", 8)

#define TW_DTYPE_ENUM(name, text, bytes) name,
typedef enum tw_dtype { TW_DTYPE_LIST(TW_DTYPE_ENUM) TW_N_DTYPE } tw_dtype;
#undef TW_DTYPE_ENUM

/* In which numbers the frozen part of a network computes: enum, name. bf16x3 is three products of
 * numbers of two bf16 parts; auto is no precision but the wish that one be chosen. */
#define TW_PRECISION_LIST(X)         \
    X(TW_PRECISION_FP32, "fp32")     \
    X(TW_PRECISION_BF16X3, "bf16x3") \
    X(TW_PRECISION_BF16, "bf16")     \
    X(TW_PRECISION_INT8, "int8")     \
    X(TW_PRECISION_AUTO, "auto")

#define TW_PRECISION_ENUM(name, text) name,
typedef enum tw_precision { TW_PRECISION_LIST(TW_PRECISION_ENUM) TW_N_PRECISION } tw_precision;
#undef TW_PRECISION_ENUM

typedef struct tw_shape {
    int rank;                  /* 0..TW_MAX_RANK; 0 is a scalar */
    int64_t dims[TW_MAX_RANK]; /* each >= 0 */
} tw_shape;

typedef struct tw_tensor {
    const void *data; /* borrowed; may be unaligned when it lies in a mapped file */
    tw_dtype dtype;
    tw_shape shape;
} tw_tensor;

#ifdef __cplusplus
}
#endif

#endif
