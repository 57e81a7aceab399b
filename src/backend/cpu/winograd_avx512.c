/* Winograd's arithmetic with AVX-512. */
#include "backend/cpu/vec_avx512.h"

#include "backend/cpu/num_f32.h"
#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_avx512 = {
    "avx512", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};

const tw_winograd_train_kernels tw_backend__winograd_train_avx512 = {
    "avx512", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,     multiply_forth, out,   multiply_across, kernel_out};
