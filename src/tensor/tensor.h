/* Shapes, dtypes and conversions; no arithmetic beyond copies. */
#ifndef TW_TENSOR_TENSOR_H
#define TW_TENSOR_TENSOR_H

#include <tw/tensor.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t tw_dtype_size(tw_dtype dtype);
const char *tw_dtype_name(tw_dtype dtype);
bool tw_dtype_parse(tw_dtype *out, const char *name);

const char *tw_precision_name(tw_precision precision);
bool tw_precision_parse(tw_precision *out, const char *name);

tw_shape tw_shape_make(int rank, const int64_t *dims);
bool tw_shape_equal(const tw_shape *a, const tw_shape *b);
/* Number of elements, false when it overflows int64. */
bool tw_shape_count(int64_t *out, const tw_shape *shape);
/* Number of elements of a shape known to be sane. */
int64_t tw_shape_size(const tw_shape *shape);
/* "3x3x64x128", "scalar" for rank 0, into buf (at least 96 bytes); returns buf. */
char *tw_shape_text(char *buf, size_t buf_size, const tw_shape *shape);

uint16_t tw_bf16_from_f32(float value); /* round to nearest even, NaN stays NaN */
float tw_f32_from_bf16(uint16_t value);

/* Copies n numbers of any float dtype (F32, F64, BF16, F16) from possibly unaligned memory. */
bool tw_copy_as_f32(float *out, const void *data, tw_dtype dtype, size_t n);

#endif
