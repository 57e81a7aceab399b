/*
 * Winograd's arithmetic in plain C: the twin that the other paths are tested against, and the path
 * of CPUs without AVX2. Products are rounded before they are added, so its last digits differ.
 */
#include "backend/cpu/winograd_plain.h"

static inline vec vec_zip_low(vec a, vec b)
{
    return (vec){a[0], b[0], a[1], b[1]};
}

static inline vec vec_zip_high(vec a, vec b)
{
    return (vec){a[2], b[2], a[3], b[3]};
}

#include "backend/cpu/winograd_f32.h"
#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

/* These need the vectors of the others. */
#include "backend/cpu/direct_kernels.h"

const tw_winograd_kernels tw_backend__winograd_plain = {
    "plain", LANES, VECS *LANES, STEP, transform_in, multiply, transform_out, WIDE, direct};

const tw_winograd_train_kernels tw_backend__winograd_train_plain = {
    "plain", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,    multiply_forth, out,   multiply_across, kernel_out};
