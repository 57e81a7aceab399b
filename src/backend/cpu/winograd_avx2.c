/* Winograd's arithmetic with AVX2 and FMA. */
#include "backend/cpu/vec_avx2.h"

#include "backend/cpu/num_f32.h"
#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx2 = {
    "avx2", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};

const tw_winograd_train_kernels tw_backend__winograd_train_avx2 = {
    "avx2", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,   multiply_forth, out,   multiply_across, kernel_out};
