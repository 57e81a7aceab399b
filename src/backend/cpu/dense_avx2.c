/* Fully connected layers with AVX2 and FMA: 6 rows by 16 columns of sums in 12 of 16 registers. */
#include <immintrin.h>
#include <string.h>

typedef __m256 vec;

enum { LANES = 8, ROWS = 6, VECS = 2, FEW = 2, MIXES = 0 };

static inline vec vec_load(const float *from)
{
    return _mm256_loadu_ps(from);
}

static inline void vec_store(float *to, vec value)
{
    _mm256_storeu_ps(to, value);
}

static inline vec vec_load_some(const float *from, int n)
{
    vec value = _mm256_setzero_ps();

    memcpy(&value, from, (size_t)n * sizeof *from);
    return value;
}

static inline void vec_store_some(float *to, vec value, int n)
{
    memcpy(to, &value, (size_t)n * sizeof *to);
}

static inline vec vec_all(float x)
{
    return _mm256_set1_ps(x);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm256_fmadd_ps(a, b, c);
}

static inline vec vec_sqrt(vec x)
{
    return _mm256_sqrt_ps(x);
}

#include "backend/cpu/dense_f32.h"
#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_avx2 = {"avx2", sizeof(num), STEP,    line_up,
                                                    lace,   forward,     backward};
