/* Fully connected layers with AVX-512 and VDPBF16PS. */
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/num_avx512_bf16.h"

enum { FEW = 4, MIXES = 1 };

#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_avx512_bf16 = {
    "avx512_bf16", sizeof(num), STEP, line_up, lace, forward, backward};
