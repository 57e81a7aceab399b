/* Packing and choosing of convolutions of few channels. See direct.h. */
#include "backend/cpu/direct.h"

#include <string.h>

enum { TAPS = 9, COLOURS = 3 };

bool tw_backend__direct_suits(const tw_winograd *conv)
{
    return conv->c <= TW_DIRECT_CHANNELS && !conv->pool;
}

static int64_t n_colour(const tw_winograd *conv)
{
    return TAPS * conv->c * conv->k_row;
}

/* Floats of the kernel that grey tiles take; other numbers of channels have none. */
static int64_t n_grey(const tw_winograd *conv)
{
    return conv->c == COLOURS ? TAPS * conv->k_row : 0;
}

int64_t tw_backend__direct_packed_bytes(const tw_winograd *conv)
{
    return (n_colour(conv) + n_grey(conv) + conv->k_row) * (int64_t)sizeof(float);
}

/* Where a tap of filter k lies in a U of n_taps taps. */
static int64_t place(const tw_winograd *conv, int64_t tap, int64_t k, int64_t n_taps)
{
    int64_t columns = conv->kernels->wide, first = k / columns * columns;

    if (first + columns > conv->k_row) {
        columns = conv->kernels->lanes;
        first = k / columns * columns;
    }
    return first * n_taps + tap * columns + k - first;
}

static float number_at(const float *numbers, int64_t i)
{
    float number;

    memcpy(&number, (const char *)numbers + i * (int64_t)sizeof number, sizeof number);
    return number;
}

void tw_backend__direct_pack(const tw_winograd *conv, float *packed, const float *kernel,
                             const float *bias)
{
    float *grey = packed + n_colour(conv), *behind = grey + n_grey(conv);

    memset(packed, 0, (size_t)tw_backend__direct_packed_bytes(conv));
    for (int64_t tap = 0; tap < TAPS; tap++)
        for (int64_t k = 0; k < conv->k; k++) {
            double sum = 0.0;
            for (int64_t c = 0; c < conv->c; c++) {
                const int64_t each = tap * conv->c + c;
                const float number = number_at(kernel, each * conv->k + k);
                packed[place(conv, each, k, TAPS * conv->c)] = number;
                sum += (double)number;
            }
            if (n_grey(conv) > 0)
                grey[place(conv, tap, k, TAPS)] = (float)sum;
        }
    if (bias)
        memcpy(behind, (const void *)bias, (size_t)conv->k * sizeof *bias);
}

static bool is_grey(const tw_winograd_in *in)
{
    enum { SIDE = TW_DIRECT_OUT + 2 };

    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            const float *place = in->x + y * in->row + x * in->pixel;
            if (place[0] != place[1] || place[0] != place[2])
                return false;
        }
    return true;
}

void tw_backend__direct_tile(const tw_winograd *conv, const tw_winograd_in *in,
                             tw_winograd_out *out, const float *packed)
{
    const bool grey = conv->c == COLOURS && is_grey(in);
    const tw_direct_tile tile = {.x = in->x,
                                 .row = in->row,
                                 .pixel = in->pixel,
                                 .c = grey ? 1 : conv->c,
                                 .u = grey ? packed + n_colour(conv) : packed,
                                 .out = out};

    out->bias = packed + n_colour(conv) + n_grey(conv);
    conv->kernels->direct(&tile);
}
