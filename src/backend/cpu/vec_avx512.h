/* A vector of 16 floats for every arithmetic, and 12 rows by 32 columns of sums in 24 of 32
 * registers. */
#include <immintrin.h>

typedef __m512 vec;

enum { LANES = 16, ROWS = 12, VECS = 2 };

static inline vec vec_load(const float *from)
{
    return _mm512_loadu_ps(from);
}

static inline void vec_store(float *to, vec value)
{
    _mm512_storeu_ps(to, value);
}

static inline __mmask16 first(int n)
{
    return (__mmask16)((1u << n) - 1u);
}

static inline vec vec_load_some(const float *from, int n)
{
    return _mm512_maskz_loadu_ps(first(n), from);
}

static inline void vec_store_some(float *to, vec value, int n)
{
    _mm512_mask_storeu_ps(to, first(n), value);
}

static inline vec vec_all(float x)
{
    return _mm512_set1_ps(x);
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return _mm512_fmadd_ps(a, b, c);
}

static inline vec vec_max(vec a, vec b)
{
    return _mm512_max_ps(a, b);
}

static inline vec vec_sqrt(vec x)
{
    return _mm512_sqrt_ps(x);
}

static inline vec vec_zip_low(vec a, vec b)
{
    const __m512i order = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);

    return _mm512_permutex2var_ps(a, order, b);
}

static inline vec vec_zip_high(vec a, vec b)
{
    const __m512i order =
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);

    return _mm512_permutex2var_ps(a, order, b);
}
