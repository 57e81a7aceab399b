/*
 * Winograd's arithmetic in plain C: the twin that the other paths are tested against, and the path
 * of CPUs without AVX2. Products are rounded before they are added, so its last digits differ.
 */
#include "backend/cpu/vec_plain.h"

#include "backend/cpu/num_f32.h"
#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_plain = {
    "plain", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};

const tw_winograd_train_kernels tw_backend__winograd_train_plain = {
    "plain", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,    multiply_forth, out,   multiply_across, kernel_out};
