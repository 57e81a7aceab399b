/* Winograd's arithmetic with AVX-512. */
#include "backend/cpu/winograd_avx512.h"

#include "backend/cpu/winograd_f32.h"
#include "backend/cpu/winograd_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx512 = {"avx512",     LANES,    VECS *LANES,  STEP,
                                                         transform_in, multiply, transform_out};
