/*
 * Shapes, dtypes and conversions; see tensor.h.
 */
#include "tensor/tensor.h"

#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROW(name, text, bytes) {text, bytes},
static const struct {
    const char *name;
    size_t n_bytes;
} rows[TW_N_DTYPE] = {TW_DTYPE_LIST(ROW)};
#undef ROW

size_t tw_dtype_size(tw_dtype dtype)
{
    return rows[dtype].n_bytes;
}

const char *tw_dtype_name(tw_dtype dtype)
{
    return rows[dtype].name;
}

bool tw_dtype_parse(tw_dtype *out, const char *name)
{
    for (int i = 0; i < TW_N_DTYPE; i++)
        if (strcmp(rows[i].name, name) == 0) {
            *out = (tw_dtype)i;
            return true;
        }
    return false;
}

static const char *const precision_names[] = {
#define NAME(id, text) text,
    TW_PRECISION_LIST(NAME)
#undef NAME
};
_Static_assert(sizeof precision_names / sizeof *precision_names == TW_N_PRECISION, "one a row");

const char *tw_precision_name(tw_precision precision)
{
    return precision_names[precision];
}

bool tw_precision_parse(tw_precision *out, const char *name)
{
    for (int i = 0; i < TW_N_PRECISION; i++)
        if (strcmp(precision_names[i], name) == 0) {
            *out = (tw_precision)i;
            return true;
        }
    return false;
}

tw_shape tw_shape_make(int rank, const int64_t *dims)
{
    tw_shape shape = {.rank = rank};

    for (int i = 0; i < rank; i++)
        shape.dims[i] = dims[i];
    return shape;
}

bool tw_shape_equal(const tw_shape *a, const tw_shape *b)
{
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dims[i] != b->dims[i])
            return false;
    return true;
}

bool tw_shape_count(int64_t *out, const tw_shape *shape)
{
    int64_t n = 1;

    for (int i = 0; i < shape->rank; i++)
        if (shape->dims[i] < 0 || !tw_mul_i64(&n, n, shape->dims[i]))
            return false;
    *out = n;
    return true;
}

int64_t tw_shape_size(const tw_shape *shape)
{
    int64_t n = 1;

    for (int i = 0; i < shape->rank; i++)
        n *= shape->dims[i];
    return n;
}

char *tw_shape_text(char *buf, size_t buf_size, const tw_shape *shape)
{
    size_t n = 0;

    snprintf(buf, buf_size, "scalar");
    for (int i = 0; i < shape->rank && n < buf_size; i++)
        n += (size_t)snprintf(buf + n, buf_size - n, "%s%lld", i ? "x" : "",
                              (long long)shape->dims[i]);
    return buf;
}

uint16_t tw_bf16_from_f32(float value)
{
    uint32_t bits;

    memcpy(&bits, &value, sizeof bits);
    if (isnan(value))
        return (uint16_t)(bits >> 16 | 0x40u);
    bits += 0x7FFFu + (bits >> 16 & 1u);
    return (uint16_t)(bits >> 16);
}

float tw_f32_from_bf16(uint16_t value)
{
    uint32_t bits = (uint32_t)value << 16;
    float out;

    memcpy(&out, &bits, sizeof out);
    return out;
}

/* IEEE half: sign 1, exponent 5, fraction 10. */
static float f32_from_f16(uint16_t half)
{
    int exponent = half >> 10 & 31;
    float fraction = (float)(half & 1023);
    float value;

    if (exponent == 31)
        value = half & 1023 ? NAN : INFINITY;
    else
        value = ldexpf(exponent ? fraction + 1024 : fraction, (exponent ? exponent : 1) - 25);
    return half & 0x8000 ? -value : value;
}

bool tw_copy_as_f32(float *out, const void *data, tw_dtype dtype, size_t n)
{
    const unsigned char *bytes = data;

    if (dtype == TW_F32) {
        memcpy(out, data, n * sizeof *out);
        return true;
    }
    for (size_t i = 0; i < n; i++) {
        double wide;
        uint16_t narrow;
        if (dtype == TW_F64) {
            memcpy(&wide, bytes + i * sizeof wide, sizeof wide);
            out[i] = (float)wide;
        } else if (dtype == TW_BF16 || dtype == TW_F16) {
            memcpy(&narrow, bytes + i * sizeof narrow, sizeof narrow);
            out[i] = dtype == TW_BF16 ? tw_f32_from_bf16(narrow) : f32_from_f16(narrow);
        } else {
            return false;
        }
    }
    return true;
}
