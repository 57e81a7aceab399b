/* Fully connected layers with AVX-512. */
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/num_f32.h"

enum { FEW = 4, MIXES = 1 };

#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_avx512 = {"avx512", sizeof(num), STEP,    line_up,
                                                      lace,     forward,     backward};
