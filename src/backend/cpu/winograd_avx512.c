/* Winograd's arithmetic with AVX-512. */
#include "backend/cpu/winograd_avx512.h"

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

#include "backend/cpu/winograd_f32.h"
#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx512 = {
    "avx512", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};

const tw_winograd_train_kernels tw_backend__winograd_train_avx512 = {
    "avx512", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,     multiply_forth, out,   multiply_across, kernel_out};
