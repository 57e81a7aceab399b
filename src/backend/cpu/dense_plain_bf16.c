/*
 * Fully connected layers on bfloat16 in plain C: the twin of dense_avx512_bf16.c. Rounding is to
 * nearest even, denormals are kept, products are exact and sums are rounded one by one.
 */
#include "backend/cpu/vec_plain.h"

#include "tensor/tensor.h"

#include <stdint.h>

typedef uint16_t num;
typedef struct nums {
    num pairs[2 * LANES];
} nums;

enum { STEP = 2, FEW = 4, MIXES = 0 };

static inline void num_store(num *to, vec value)
{
    for (int i = 0; i < LANES; i++)
        to[i] = tw_bf16_from_f32(value[i]);
}

static inline nums nums_load(const num *from)
{
    nums value;

    memcpy(value.pairs, from, sizeof value.pairs);
    return value;
}

static inline void nums_store(num *to, nums value)
{
    memcpy(to, value.pairs, sizeof value.pairs);
}

static inline nums nums_of(const vec rows[STEP])
{
    nums value;

    for (int i = 0; i < LANES; i++)
        for (int s = 0; s < STEP; s++)
            value.pairs[i * STEP + s] = tw_bf16_from_f32(rows[s][i]);
    return value;
}

static inline nums nums_all(const num *from)
{
    nums value;

    for (int i = 0; i < LANES; i++)
        memcpy(value.pairs + i * STEP, from, STEP * sizeof *from);
    return value;
}

static inline vec nums_fma(nums a, nums b, vec c)
{
    for (int i = 0; i < LANES; i++)
        for (int s = 0; s < STEP; s++)
            c[i] +=
                tw_f32_from_bf16(a.pairs[i * STEP + s]) * tw_f32_from_bf16(b.pairs[i * STEP + s]);
    return c;
}

#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_plain_bf16 = {
    "plain_bf16", sizeof(num), STEP, line_up, lace, forward, backward};
