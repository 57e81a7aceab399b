/*
 * Axes in another order; see permute.h. The result is walked in its own order, the place in the
 * source moves by strides.
 */
#include "tensor/permute.h"

#include <string.h>

bool tw_axes_valid(const tw_axes *axes)
{
    unsigned seen = 0;

    if (axes->rank < 1 || axes->rank > TW_MAX_AXES)
        return false;
    for (int i = 0; i < axes->rank; i++) {
        if (axes->dims[i] < 1 || axes->order[i] < 0 || axes->order[i] >= axes->rank)
            return false;
        seen |= 1u << axes->order[i];
    }
    return seen == (1u << axes->rank) - 1;
}

tw_axes tw_axes_inverse(const tw_axes *axes)
{
    tw_axes back = {.rank = axes->rank};

    for (int i = 0; i < axes->rank; i++) {
        back.dims[i] = axes->dims[axes->order[i]];
        back.order[axes->order[i]] = i;
    }
    return back;
}

/* The walk: of each axis of the result its side, its stride in the source, where it stands. */
typedef struct walk {
    int64_t side[TW_MAX_AXES], stride[TW_MAX_AXES], at[TW_MAX_AXES];
    int64_t place; /* in the source */
} walk;

static void begin(walk *w, const tw_axes *axes, int64_t first)
{
    int64_t stride[TW_MAX_AXES], n = 1;

    for (int i = axes->rank - 1; i >= 0; i--) {
        stride[i] = n;
        n *= axes->dims[i];
    }
    w->place = 0;
    for (int i = axes->rank - 1; i >= 0; i--) {
        w->side[i] = axes->dims[axes->order[i]];
        w->stride[i] = stride[axes->order[i]];
        w->at[i] = first % w->side[i];
        w->place += w->at[i] * w->stride[i];
        first /= w->side[i];
    }
}

static void step(walk *w, int rank)
{
    for (int i = rank - 1; i >= 0; i--) {
        w->place += w->stride[i];
        if (++w->at[i] < w->side[i])
            return;
        w->place -= w->side[i] * w->stride[i];
        w->at[i] = 0;
    }
}

void tw_axes_permute(float *out, const void *data, const tw_axes *axes, int64_t first, int64_t n)
{
    const char *bytes = data;
    walk w;

    begin(&w, axes, first);
    for (int64_t i = 0; i < n; i++) {
        memcpy(&out[i], bytes + w.place * (int64_t)sizeof *out, sizeof *out);
        step(&w, axes->rank);
    }
}
