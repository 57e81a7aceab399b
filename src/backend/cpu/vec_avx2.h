/* A vector of 8 floats for every arithmetic, and 6 rows by 16 columns of sums in 12 of 16
 * registers. */
#include <immintrin.h>
#include <string.h>

typedef __m256 vec;

enum { LANES = 8, ROWS = 6, VECS = 2 };

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

static inline vec vec_max(vec a, vec b)
{
    return _mm256_max_ps(a, b);
}

static inline vec vec_zip_low(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x20);
}

static inline vec vec_zip_high(vec a, vec b)
{
    return _mm256_permute2f128_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b), 0x31);
}

static inline vec vec_sqrt(vec x)
{
    return _mm256_sqrt_ps(x);
}
