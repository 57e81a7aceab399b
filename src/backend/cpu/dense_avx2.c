/* Fully connected layers with AVX2 and FMA. */
#include "backend/cpu/vec_avx2.h"

#include "backend/cpu/num_f32.h"

enum { FEW = 2, MIXES = 0 };

#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_avx2 = {"avx2", sizeof(num), STEP,    line_up,
                                                    lace,   forward,     backward};
