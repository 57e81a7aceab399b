/*
 * The passes of training a 3x3 convolution of stride 1 by Winograd's tiles F(m), n = m + 2 places
 * a side, m one of 4, 5 and 7. All three are n*n products of matrices:
 *
 *   forward          x --in--> V (tiles,C);       V[p] U[p] (C,K) -> M[p] (tiles,K) --> y
 *   data gradient    the same of dy, the kernel turned by half a turn, C and K exchanged --> dx
 *   weight gradient  x --in--> V, dy --powers--> D (tiles,K);  V[p]^T D[p] -> dU[p] (C,K) --> dw
 *
 * Weights change with every step, so U is never stored whole: a worker takes a panel of filters,
 * makes U of one row of points (n planes) after the other and multiplies all tiles with it. Of dU,
 * too, there is one row of points of a panel by a panel at a time; dw gathers it.
 *
 * Tiles go through in chunks, V (and D) of a chunk in one place for all workers:
 *
 *   1. every tile in        2. every (panel, part of the tiles): U, the products, out
 *
 * Invariants: (1) chunks, parts and panels are fixed by shape and batch, so no bit depends on the
 * number of workers; (2) an output is the sum over its channels in pieces of 64, so its bits depend
 * on its picture alone; a weight's gradient is summed over a chunk's tiles, then over points, then
 * over chunks; AVX2 and AVX-512 do both alike; (3) nothing allocates.
 */
#ifndef TW_BACKEND_CPU_WINOGRAD_TRAIN_H
#define TW_BACKEND_CPU_WINOGRAD_TRAIN_H

#include "backend/backend_int.h"
#include "backend/cpu/winograd.h"

/* One tile on its way to its points. Of its places those in [top,bottom) x [left,right) are in the
 * picture, the others are zero. */
typedef struct tw_winograd_spread {
    float *to; /* its row in plane 0 */
    int64_t plane;
    int64_t panel;     /* floats from one panel of channels to the next */
    const float *from; /* its first place, perhaps outside of the picture */
    int64_t row, pixel, c;
    int top, bottom, left, right;
} tw_winograd_spread;

/* One plane's product: m (tiles,k) = v (tiles,c) u (c,k), k a panel or its first vector. */
typedef struct tw_winograd_forth {
    float *m;
    const float *v, *u;
    int64_t v_block, v_panel, m_block; /* floats */
    int64_t n_tiles, c, k;
} tw_winograd_forth;

/* m (rows, panel) = v^T u: v (tiles, panel), of which `rows` columns count, u (tiles, panel) of
 * which k, in whole vectors. */
typedef struct tw_winograd_across {
    float *m;
    const float *v, *u;
    int64_t v_block, u_block;
    int64_t n_tiles;
    int64_t rows, k;
} tw_winograd_across;

/* Part of a kernel's gradient, from one row of points: du (n, panel, panel), of which (rows, k)
 * count. */
typedef struct tw_winograd_gather {
    float *dw; /* tap (0,0) of the first channel and filter */
    int64_t tap, row;
    const float *du;
    int64_t rows, k;
    bool is_first; /* dw is set, not added to */
} tw_winograd_gather;

/* The arithmetic on one path. Channels and filters come in multiples of TW_WINOGRAD_WHOLE. */
typedef struct tw_winograd_train_kernels {
    const char *name;
    int rows;  /* tiles of a block; TW_WINOGRAD_TILES is a multiple */
    int panel; /* channels or filters that lie together */
    void (*picture_in)(const tw_winograd_spread *tile, int m);  /* of n x n places */
    void (*gradient_in)(const tw_winograd_spread *tile, int m); /* of m x m places */
    /* u (n, depth, width): row i of points of w (3,3, depth, width) */
    void (*kernel_in)(float *u, const float *w, int64_t depth, int64_t width, int i, int m);
    /* w (depth, width) = the transpose of from (width, depth), `row` floats from row to row */
    void (*turn)(float *w, const float *from, int64_t row, int64_t depth, int64_t width);
    void (*multiply)(const tw_winograd_forth *product);
    void (*out)(const tw_winograd_out *tile, int m);
    void (*multiply_across)(const tw_winograd_across *product);
    void (*kernel_out)(const tw_winograd_gather *gradient, int i, int m);
} tw_winograd_train_kernels;

enum { TW_WINOGRAD_WHOLE = 16, TW_WINOGRAD_TILES = 12 };

extern const tw_winograd_train_kernels tw_backend__winograd_train_plain;
extern const tw_winograd_train_kernels tw_backend__winograd_train_avx2;
extern const tw_winograd_train_kernels tw_backend__winograd_train_avx512;

/* One pass: pictures (h,w,c) and (p,q,k), in the data gradient those of dy and dx. */
typedef struct tw_winograd_way {
    int64_t h, w, c, p, q, k, pad;
    int m;
    int64_t tiles_h, tiles_w; /* of a picture */
    int64_t part, chunk;      /* tiles */
    int64_t plane, v_panel;   /* floats: from plane to plane, from panel to panel */
    int64_t v_block, d_block; /* from block of tiles to block */
} tw_winograd_way;

typedef struct tw_winograd_train_worker {
    float *kernel; /* (3,3, depth, panel) */
    float *u;      /* (n, depth, panel); dU (n, panel, panel) in the weight gradient */
    float *m;      /* n*n planes of (part, panel) */
} tw_winograd_train_worker;

enum { TW_WINOGRAD_FORWARD, TW_WINOGRAD_DATA, TW_WINOGRAD_WEIGHTS, TW_WINOGRAD_N_WAYS };

typedef struct tw_winograd_train {
    const tw_winograd_train_kernels *kernels;
    tw_conv asked;
    tw_winograd_way ways[TW_WINOGRAD_N_WAYS];
    /* places in the scratch */
    float *v, *d, *gradient, *bias;
    tw_winograd_train_worker *workers;
} tw_winograd_train;

/* Are there kernels for this layer? 3x3, stride 1, channels and filters in whole vectors. */
bool tw_backend__winograd_trains(const tw_conv *asked);
/* Chooses tiles and chunks; workers has asked->n_workers places and stays the caller's. */
void tw_backend__winograd_train_plan(tw_winograd_train *train,
                                     const tw_winograd_train_kernels *kernels, const tw_conv *asked,
                                     tw_winograd_train_worker *workers);
/* The same with one tile for all passes: 4, 5 or 7. */
void tw_backend__winograd_train_plan_tile(tw_winograd_train *train, int m);
void tw_backend__winograd_train_lay_out(tw_winograd_train *train, tw_layout *layout);

/* As in tw_conv_kernels. */
void tw_backend__winograd_train_forward(const tw_winograd_train *train, float *y, const float *x,
                                        const tw_node_weights *weights, int64_t n);
void tw_backend__winograd_train_data(const tw_winograd_train *train, float *dx, const float *dy,
                                     const float *kernel, int64_t n);
void tw_backend__winograd_train_weights(const tw_winograd_train *train, const tw_sink *sink,
                                        int node, const float *x, const float *dy, int64_t n);

#endif
