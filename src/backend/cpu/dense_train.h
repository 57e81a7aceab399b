/*
 * Fully connected layers in training, own kernels: the kernel stays where it is, as (in,out)
 * row-major, and passes through the caches twice a step.
 *
 *   forward   y (N,K) = x (N,C) w (C,K)
 *   backward  a block of w, 12 rows by 32 columns, is read; it makes its part of dx = dy w^T; its
 *             weight gradient x^T dy is made in registers; the optimizer's update of the block is
 *             carried out between the multiplications of the next one. No gradient is stored,
 *             unless the sink wants it.
 *
 * dense_train.c divides a layer into items and packs; the arithmetic is in dense_kernels.h, once
 * over vectors and what is multiplied, and a file a path makes it: dense_avx512.c, dense_avx2.c,
 * dense_plain.c, and of bfloat16 dense_avx512_bf16.c and dense_plain_bf16.c. N samples, C inputs, K
 * units.
 *
 * What is multiplied is float32, or bfloat16 rounded from it as it is packed: x, dy, and w, which
 * itself stays float32 as its state and its update do. Sums are float32. Of bfloat16 two products
 * are added at once, so the packed numbers of a sum's two steps lie side by side:
 *
 *   float32:   k0 k1 k2 ... of step 0 | of step 1 | ...       bfloat16:   k0 k0 k1 k1 ... of steps
 * 0 and 1 | of 2 and 3 | ...
 *
 * An odd number of steps is filled up with a zero.
 *
 * Invariants: (1) sums are made in an order that the shape alone fixes, the same one on all paths:
 * bits do not depend on workers, and in float32 AVX2 and AVX-512 give the same ones; (2) the update
 * is that of backend/optimizer.c, bit for bit; (3) an input that is zero in the whole batch is left
 * out of sums, which does not change those of float32.
 */
#ifndef TW_BACKEND_CPU_DENSE_TRAIN_H
#define TW_BACKEND_CPU_DENSE_TRAIN_H

#include "backend/backend_int.h"

/* A block of w; rows of it that a sum of the forward pass runs over at once, at most. */
enum { TW_DENSE_ROWS = 12, TW_DENSE_COLUMNS = 32, TW_DENSE_DEPTH = 128 };
/* Batches are filled up with zeros to a multiple of so many samples. */
enum { TW_DENSE_SAMPLES = 4, TW_DENSE_LANES = 16 };

/* y (n, columns) += x (n, depth) w (depth, columns) for TW_DENSE_COLUMNS columns or the last ones,
 * the places of missing ones written with zeros. */
typedef struct tw_dense_panel {
    float *y; /* rows of y_row floats; written, not added to, where is_first */
    int64_t y_row;
    bool is_first;
    const void *x;   /* (n, TW_DENSE_DEPTH), depth of them used and filled up to whole steps */
    int64_t n;       /* in multiples of TW_DENSE_SAMPLES */
    const float *w;  /* the panel's first number of row 0 */
    int64_t k;       /* floats from row to row */
    const int *rows; /* depth row numbers of w; filled up with any of them */
    int depth, columns;
    void *packed; /* TW_DENSE_DEPTH * TW_DENSE_COLUMNS, to work with */
} tw_dense_panel;

/* Backward for up to 12 rows of w, which need not be neighbours, in panels of 32 columns. */
typedef struct tw_dense_rows {
    int64_t n, n_padded; /* samples; in multiples of TW_DENSE_LANES */
    const void *x;       /* steps of n by TW_DENSE_ROWS, zero where there is no row */
    const void *dy;      /* panels, steps of n by TW_DENSE_COLUMNS, zero where there is no column */
    const void *dy_t;    /* panels, steps of TW_DENSE_COLUMNS by n_padded: the same transposed */
    float *dx;           /* (TW_DENSE_ROWS, n_padded) is added to; NULL: not wanted */
    const float *w;      /* (C,K) */
    int64_t k;
    const int64_t *rows; /* row numbers */
    int n_rows;
    const tw_update *update; /* of w, carried out; NULL: ... */
    float *gradient; /* ... (TW_DENSE_ROWS, gradient_row), K in whole panels; NULL, too: no weight
                        gradient is made */
    int64_t gradient_row;
} tw_dense_rows;

/* The arithmetic on one path. */
typedef struct tw_dense_arithmetic {
    const char *name;
    int64_t num_bytes; /* of a number that is multiplied, */
    int step;          /* ... so many of which a sum takes at once: 1, or 2 */
    /* n numbers, and zeros behind them, at most to the next multiple of TW_DENSE_LANES */
    void (*line_up)(void *to, const float *from, int64_t n);
    /* `step` lines of n numbers, a number of each in turn, and zeros likewise */
    void (*lace)(void *to, const float *const *from, int64_t n);
    void (*forward)(const tw_dense_panel *panel);
    void (*backward)(const tw_dense_rows *rows);
} tw_dense_arithmetic;

extern const tw_dense_arithmetic tw_backend__dense_avx512;
extern const tw_dense_arithmetic tw_backend__dense_avx2;
extern const tw_dense_arithmetic tw_backend__dense_plain;
extern const tw_dense_arithmetic tw_backend__dense_avx512_bf16;
extern const tw_dense_arithmetic tw_backend__dense_plain_bf16;

/* The passes of tw_dense_kernels with the arithmetic of one path. */
void tw_backend__dense_forward(const tw_dense_arithmetic *path, const tw_dense *dense, float *y,
                               const float *x, const float *w, const float *b);
void tw_backend__dense_backward(const tw_dense_arithmetic *path, const tw_dense *dense,
                                const tw_dense_gradients *wanted);
int64_t tw_backend__dense_scratch(const tw_dense *dense);

#endif
