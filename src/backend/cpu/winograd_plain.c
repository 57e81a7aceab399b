/*
 * Winograd's arithmetic in plain C: the twin that the other paths are tested against, and the path
 * of CPUs without AVX2. Products are rounded before they are added, so its last digits differ.
 */
#include "backend/cpu/winograd_plain.h"

#include "backend/cpu/winograd_f32.h"
#include "backend/cpu/winograd_kernels.h"

const tw_winograd_kernels tw_backend__winograd_plain = {"plain",      LANES,    VECS *LANES,  STEP,
                                                        transform_in, multiply, transform_out};
