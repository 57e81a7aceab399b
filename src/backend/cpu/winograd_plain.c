/*
 * Winograd's arithmetic in plain C: the twin that the other paths are tested against, and the path
 * of CPUs without AVX2. Products are rounded before they are added, so its last digits differ.
 */
#include <string.h>

typedef float vec __attribute__((vector_size(16)));

enum { LANES = 4, ROWS = 4, VECS = 2 };

static inline vec vec_load_some(const float *from, int n)
{
    vec value = {0};

    memcpy(&value, from, (size_t)n * sizeof *from);
    return value;
}

static inline void vec_store_some(float *to, vec value, int n)
{
    memcpy(to, &value, (size_t)n * sizeof *to);
}

static inline vec vec_load(const float *from)
{
    return vec_load_some(from, LANES);
}

static inline void vec_store(float *to, vec value)
{
    vec_store_some(to, value, LANES);
}

static inline vec vec_all(float x)
{
    return (vec){x, x, x, x};
}

static inline vec vec_fma(vec a, vec b, vec c)
{
    return a * b + c;
}

static inline vec vec_max(vec a, vec b)
{
    vec larger;

    for (int i = 0; i < LANES; i++)
        larger[i] = a[i] > b[i] ? a[i] : b[i];
    return larger;
}

static inline vec vec_zip_low(vec a, vec b)
{
    return (vec){a[0], b[0], a[1], b[1]};
}

static inline vec vec_zip_high(vec a, vec b)
{
    return (vec){a[2], b[2], a[3], b[3]};
}

#include "backend/cpu/winograd_kernels.h"
#include "backend/cpu/winograd_train_kernels.h"

const tw_winograd_kernels tw_backend__winograd_plain = {"plain",      LANES,    VECS *LANES,
                                                        transform_in, multiply, transform_out};

const tw_winograd_train_kernels tw_backend__winograd_train_plain = {
    "plain", ROWS,           PANEL, picture_in,      gradient_in, kernel_in,
    turn,    multiply_forth, out,   multiply_across, kernel_out};
