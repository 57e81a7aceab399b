/*
 * Winograd's arithmetic on bfloat16 in plain C: the twin of winograd_avx512_bf16.c. Rounding is to
 * nearest even, denormals are kept, products are exact and sums are rounded one by one.
 */
#include "backend/cpu/vec_plain.h"

#include "tensor/tensor.h"

#include <stdint.h>

typedef uint16_t num;
typedef struct nums {
    vec even, odd; /* of a pair, one pair a lane */
} nums;

enum { STEP = 2 };

static inline void num_store(num *to, vec value)
{
    for (int i = 0; i < LANES; i++)
        to[i] = tw_bf16_from_f32(value[i]);
}

static inline nums nums_load(const num *from)
{
    nums value;

    for (int i = 0; i < LANES; i++) {
        value.even[i] = tw_f32_from_bf16(from[2 * i]);
        value.odd[i] = tw_f32_from_bf16(from[2 * i + 1]);
    }
    return value;
}

static inline nums nums_all(const num *from)
{
    return (nums){vec_all(tw_f32_from_bf16(from[0])), vec_all(tw_f32_from_bf16(from[1]))};
}

static inline vec nums_fma(nums a, nums b, vec c)
{
    return vec_fma(a.even, b.even, vec_fma(a.odd, b.odd, c));
}

#include "backend/cpu/winograd_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_plain_bf16 = {
    "plain_bf16", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};
