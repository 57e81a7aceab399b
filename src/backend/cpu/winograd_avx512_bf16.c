/* Winograd's arithmetic with AVX-512 and VDPBF16PS. */
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/num_avx512_bf16.h"
#include "backend/cpu/winograd_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx512_bf16 = {
    "avx512_bf16", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};
