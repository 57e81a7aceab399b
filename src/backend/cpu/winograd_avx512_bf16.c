/*
 * Winograd's arithmetic with AVX-512 and VDPBF16PS: products of bfloat16 summed in float32. The
 * instruction adds the two products of a pair one after the other, rounds in its own way and takes
 * denormals for zero.
 */
#include "backend/cpu/winograd_avx512.h"

#include <stdint.h>
#include <string.h>

typedef uint16_t num;
typedef __m512bh nums;

enum { STEP = 2 };

static inline void num_store(num *to, vec value)
{
    const __m256bh rounded = _mm512_cvtneps_pbh(value);

    memcpy(to, &rounded, sizeof rounded);
}

static inline nums nums_load(const num *from)
{
    nums value;

    memcpy(&value, from, sizeof value);
    return value;
}

static inline nums nums_all(const num *from)
{
    int32_t pair;

    memcpy(&pair, from, sizeof pair);
    return (nums)_mm512_set1_epi32(pair);
}

static inline vec nums_fma(nums a, nums b, vec c)
{
    return _mm512_dpbf16_ps(c, a, b);
}

#include "backend/cpu/winograd_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx512_bf16 = {
    "avx512_bf16", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};
