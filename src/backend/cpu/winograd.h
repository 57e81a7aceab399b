/*
 * Convolutions 3x3 of stride 1 by Winograd's tiles F(m x m, 3x3), own kernels: float32 pictures
 * (N,H,W,C) in and out, bias, ReLU and a 2x2 max-pool fused. V and U are float32, or bfloat16 that
 * is multiplied two channels at once; transforms and sums are float32 in both.
 *
 * With n = m + 2, a tile is n x n places of the picture that make m x m outputs:
 *
 *   x (n,n,C)  --B-->  V (n*n planes, tiles, C)              winograd_kernels.h, transform_in
 *   V[p] (tiles,C)  *  U[p] (C,K)  ->  M[p] (tiles,K)        n*n products of matrices, multiply
 *   M (n*n planes, tiles, K)  --A-->  y (m,m,K)              transform_out
 *
 * U is the kernel (3,3,C,K), transformed once by G and packed. Tiles go through in blocks, so that
 * V and M stay in the caches while U streams past.
 *
 * Invariants: (1) an output's sum runs over C from first to last in one register, so its bits
 * depend on its picture and the layer's shape, not on block, place or neighbours; (2) nothing
 * allocates.
 */
#ifndef TW_BACKEND_CPU_WINOGRAD_H
#define TW_BACKEND_CPU_WINOGRAD_H

#include <stdbool.h>
#include <stdint.h>

/* One tile on its way in: its n x n places begin at x. */
typedef struct tw_winograd_in {
    void *v;       /* the tile's row in plane 0 */
    int64_t plane; /* numbers of V */
    const float *x;
    int64_t row, pixel, c; /* floats from row to row, from place to place */
} tw_winograd_in;

/* Rows of the pictures that the next block of tiles will read: one is fetched into the caches with
 * each few products of this block. */
typedef struct tw_winograd_ahead {
    const char **rows;
    int64_t next, n;
    int64_t bytes; /* of each */
} tw_winograd_ahead;

/* One plane's product: m (tiles,k) = v (tiles,c) u (c,k). */
typedef struct tw_winograd_product {
    float *m;
    const void *v, *u;
    int64_t v_row, m_row; /* numbers from tile to tile */
    int64_t n_tiles;      /* up to TW_WINOGRAD_SPARE rows more are read and written */
    int64_t c, k;         /* c in whole steps, k in whole vectors */
    tw_winograd_ahead *ahead;
} tw_winograd_product;

/* One tile on its way out: rows x columns of its outputs lie in the picture. */
typedef struct tw_winograd_out {
    const float *m; /* the tile's row in plane 0 */
    int64_t plane;
    const float *bias; /* in whole vectors, like m */
    float *y;          /* where its first output goes */
    int64_t row, pixel, k;
    int rows, columns; /* of what is written: pooled, where it pools */
    bool relu, pool;
} tw_winograd_out;

enum { TW_WINOGRAD_SPARE = 3 };

struct tw_direct_tile;

/* The arithmetic on one path and type of V's and U's numbers; m is 2, 4, 6, or without a pool 5. */
typedef struct tw_winograd_kernels {
    const char *name;
    int lanes; /* of a vector */
    int panel; /* columns of u that lie together; the last panel may be narrower */
    int step;  /* channels multiplied at once: 1 of float32, 2 of bfloat16 */
    void (*transform_in)(const tw_winograd_in *tile, int m);
    void (*multiply)(const tw_winograd_product *product);
    void (*transform_out)(const tw_winograd_out *tile, int m);
    int wide; /* filters that lie together in U of direct.h, which is float32 on all paths */
    void (*direct)(const struct tw_direct_tile *tile);
} tw_winograd_kernels;

extern const tw_winograd_kernels tw_backend__winograd_plain;
extern const tw_winograd_kernels tw_backend__winograd_avx2;
extern const tw_winograd_kernels tw_backend__winograd_avx512;
extern const tw_winograd_kernels tw_backend__winograd_plain_bf16;
extern const tw_winograd_kernels tw_backend__winograd_avx512_bf16;

/* A convolution of up to n pictures. */
typedef struct tw_winograd {
    const tw_winograd_kernels *kernels;
    int64_t n, h, w, c, k; /* of the input; filters */
    int pad;               /* 1 (same) or 0 (valid) */
    bool relu, pool;
    /* the rest is set by ..._plan */
    int m;
    bool direct;              /* no transforms (direct.h) */
    int64_t tiles_h, tiles_w; /* of a picture */
    int64_t block;            /* tiles that go through together */
    int64_t c_row, k_row;     /* numbers a tile in V and in M */
    int64_t packed_bytes, scratch_bytes;
} tw_winograd;

/* Chooses tile and block by the shape and knows all sizes. h and w >= 3 where pad is 0. */
void tw_backend__winograd_plan(tw_winograd *conv);
/* The same with the tile given: 2, 4, 6, or without a pool 5. */
void tw_backend__winograd_plan_tile(tw_winograd *conv, int m);
/* Without transforms (direct.h), for up to TW_DIRECT_CHANNELS channels and no pool. */
void tw_backend__winograd_plan_direct(tw_winograd *conv);
/* Multiplications of one tile. */
int64_t tw_backend__winograd_products(const tw_winograd *conv);
/* Another block, after ..._plan. */
void tw_backend__winograd_set_block(tw_winograd *conv, int64_t block);
/* packed = U and bias of a kernel (3,3,C,K), at any address, and a bias (K) or NULL. */
void tw_backend__winograd_pack(const tw_winograd *conv, void *packed, const float *kernel,
                               const float *bias);
/* y (n,P,Q,K), or pooled (n,P/2,Q/2,K), of x (n,H,W,C), for n <= conv->n. */
void tw_backend__winograd_run(const tw_winograd *conv, int64_t n, float *y, const float *x,
                              const void *packed, void *scratch);

/* Tiles of a piece, counted picture by picture, row by row; list NULL: the first n. */
typedef struct tw_winograd_tiles {
    const int32_t *list;
    int64_t n;
} tw_winograd_tiles;

/* The same, of these tiles alone: other places of y stay as they are. */
void tw_backend__winograd_run_some(const tw_winograd *conv, const tw_winograd_tiles *tiles,
                                   float *y, const float *x, const void *packed, void *scratch);

#endif
