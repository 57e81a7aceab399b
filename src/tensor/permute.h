/* Axes of a tensor in another order: how one layout's numbers become another's. */
#ifndef TW_TENSOR_PERMUTE_H
#define TW_TENSOR_PERMUTE_H

#include <stdbool.h>
#include <stdint.h>

enum { TW_MAX_AXES = 4 };

/* Axis i of the result is axis order[i] of the source, whose sides are dims. */
typedef struct tw_axes {
    int rank; /* 1..TW_MAX_AXES */
    int64_t dims[TW_MAX_AXES];
    int order[TW_MAX_AXES];
} tw_axes;

/* Whether order names each axis once and every side is at least 1. */
bool tw_axes_valid(const tw_axes *axes);
/* What brings the result back. */
tw_axes tw_axes_inverse(const tw_axes *axes);
/* Numbers first..first+n-1 of the result, row-major. `data` holds the source, maybe unaligned. */
void tw_axes_permute(float *out, const void *data, const tw_axes *axes, int64_t first, int64_t n);

#endif
