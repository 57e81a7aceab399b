/*
 * Convolutions 3x3 of few channels, a network's first layer: tiles of m x m outputs as those of
 * winograd.h, but without its transforms, which cost more than they spare where C is small.
 *
 *   sum (m places in a row, K) = bias + for each of 9*C taps: place (r, s, c) * u[tap] (K)
 *
 * A tile all of whose places have three equal channels, as of a grey picture, is summed with the
 * kernel's sum over the channels instead: 9 taps, not 27. That depends on what the tile reads
 * alone, so bits still depend on the picture and the shape alone.
 *
 * In a plan of bfloat16 it is float32, too: no slower here, and exact.
 *
 *   packed:  | U: panels of `wide` filters (9*C, wide), then of a vector | U of grey | bias |
 */
#ifndef TW_BACKEND_CPU_DIRECT_H
#define TW_BACKEND_CPU_DIRECT_H

#include "backend/cpu/winograd.h"

enum { TW_DIRECT_OUT = 6, TW_DIRECT_CHANNELS = 4 };

/* One tile: TW_DIRECT_OUT + 2 rows of as many places from x on, all of them there. */
typedef struct tw_direct_tile {
    const float *x;
    int64_t row, pixel; /* floats from row to row, from place to place */
    int64_t c;          /* channels that are read of each place */
    const float *u;     /* (9*c,k), k in whole vectors */
    const tw_winograd_out *out;
} tw_direct_tile;

/* Is this how conv is best computed? Its kernels, c and pool are set. */
bool tw_backend__direct_suits(const tw_winograd *conv);
/* Bytes of `packed`; c and k_row are set. */
int64_t tw_backend__direct_packed_bytes(const tw_winograd *conv);
/* packed = U, U of grey and bias of a kernel (3,3,C,K), at any address, and a bias (K) or NULL. */
void tw_backend__direct_pack(const tw_winograd *conv, float *packed, const float *kernel,
                             const float *bias);
/* The tile that `in` reads, into `out`, whose bias is set here. */
void tw_backend__direct_tile(const tw_winograd *conv, const tw_winograd_in *in,
                             tw_winograd_out *out, const float *packed);

#endif
