/*
 * Numbers that are multiplied as bfloat16 in pairs, with VDPBF16PS, and summed in float32. The
 * instruction adds the two products of a pair one after the other, rounds in its own way and takes
 * denormals for zero, as the rounding to bfloat16 does. For a path that has said vec_avx512.h.
 */
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

static inline void nums_store(num *to, nums value)
{
    memcpy(to, &value, sizeof value);
}

/* Both rounded, then their halves taken in turn. */
static inline nums nums_of(const vec rows[STEP])
{
    const __m512i turns =
        _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22, 6,
                         21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    const __m512bh rounded = _mm512_cvtne2ps_pbh(rows[1], rows[0]);

    return (nums)_mm512_permutexvar_epi16(turns, (__m512i)rounded);
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
