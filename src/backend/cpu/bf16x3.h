/*
 * Convolutions 3x3 of stride 1 with AMX, `bf16x3`: each float32 is the sum of two bf16 parts,
 * x = hi + lo (16 bits of mantissa), and of the four products of parts three are made,
 *
 *   x w  ~  lo_x hi_w + hi_x hi_w + hi_x lo_w,
 *
 * summed in float32: plain pictures (N,H,W,C) float32 in and out, bias, ReLU and a 2x2 max-pool
 * fused. The neglected lo_x lo_w and the parts' own rounding are 2^-16 of a product each.
 *
 *   x (band of rows, W, C)  --split-->  chunks of 32 channels: (rows, places, 32 hi | 32 lo)
 *
 * An AMX tile is 16 rows of 64 bytes. `multiply` makes 2 rows of up to 16 places, by 32 filters, in
 * four tiles of sums; the other four hold two of the picture (16 places x 32 channels) and two of
 * the kernel (32 channels x 16 filters).
 *
 * Invariants: (1) an output's sum runs over chunks, kernel rows, kernel columns and parts in one
 * order, whatever band, picture or neighbour; (2) nothing allocates.
 */
#ifndef TW_BACKEND_CPU_BF16X3_H
#define TW_BACKEND_CPU_BF16X3_H

#include <stdbool.h>
#include <stdint.h>

enum {
    TW_BF16X3_CHUNK = 32,  /* channels of a tile of the picture */
    TW_BF16X3_PANEL = 32,  /* filters of a product */
    TW_BF16X3_PLACES = 16, /* of a tile, at most */
    TW_BF16X3_PLACE = 2 * TW_BF16X3_CHUNK,
    TW_BF16X3_SUMS = 2 * TW_BF16X3_PLACES * TW_BF16X3_PANEL
};

/* sums (2 rows, 16 places, 32 filters) of the places that begin at x. */
typedef struct tw_bf16x3_product {
    float *sums;
    const uint16_t *x, *u;
    int64_t chunk, row; /* numbers of x from chunk to chunk, from row to row */
    int64_t n_chunks;
    int places;
} tw_bf16x3_product;

/* Where sums go: rows x columns of outputs, pooled where it pools, n filters of them. */
typedef struct tw_bf16x3_out {
    const float *sums, *bias;
    float *y;
    int64_t row, pixel; /* floats of y */
    int rows, columns, n;
    bool relu, pool;
} tw_bf16x3_out;

/* The arithmetic: on AMX, and in plain C as its twin. */
typedef struct tw_bf16x3_kernels {
    const char *name;
    void (*begin)(int places); /* before the first product on this thread */
    void (*end)(void);
    /* n <= 32 channels of one place into 32 hi and 32 lo, zeros behind n. */
    void (*split)(uint16_t *to, const float *x, int n);
    void (*multiply)(const tw_bf16x3_product *product);
    void (*out)(const tw_bf16x3_out *out);
} tw_bf16x3_kernels;

extern const tw_bf16x3_kernels tw_backend__bf16x3_plain;
extern const tw_bf16x3_kernels tw_backend__bf16x3_amx;

/* A convolution of up to n pictures. */
typedef struct tw_bf16x3 {
    const tw_bf16x3_kernels *kernels;
    int64_t n, h, w, c, k; /* of the input; filters */
    int pad;               /* 1 (same) or 0 (valid) */
    bool relu, pool;
    /* the rest is set by ..._plan */
    int places;        /* of a tile */
    int64_t tiles_w;   /* of a row */
    int64_t band;      /* output rows that are split together, even */
    int64_t n_at_once; /* pictures that are split together: n where a band is a picture */
    int64_t packed_bytes, scratch_bytes;
} tw_bf16x3;

/* Chooses tile and band by the shape and knows all sizes. h and w >= 3 where pad is 0. */
void tw_backend__bf16x3_plan(tw_bf16x3 *conv);
/* Another band, even, after ..._plan. */
void tw_backend__bf16x3_set_band(tw_bf16x3 *conv, int64_t band);
/* packed = parts of a kernel (3,3,C,K), at any address, and a bias (K) or NULL. */
void tw_backend__bf16x3_pack(const tw_bf16x3 *conv, void *packed, const float *kernel,
                             const float *bias);
/* y (n,P,Q,K), or pooled (n,P/2,Q/2,K), of x (n,H,W,C), for n <= conv->n. packed and scratch begin
 * at multiples of 64. */
void tw_backend__bf16x3_run(const tw_bf16x3 *conv, int64_t n, float *y, const float *x,
                            const void *packed, void *scratch);

#endif
