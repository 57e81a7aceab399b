/*
 * Fully connected layers in plain C: the twin that the other paths are tested against, and the path
 * of CPUs without AVX2.
 */
#include "backend/cpu/vec_plain.h"

#include "backend/cpu/num_f32.h"

enum { FEW = 4, MIXES = 0 };

#include "backend/cpu/dense_kernels.h"

const tw_dense_arithmetic tw_backend__dense_plain = {"plain", sizeof(num), STEP,    line_up,
                                                     lace,    forward,     backward};
