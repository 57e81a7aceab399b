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
 * over vectors, and a file a path makes it: dense_avx512.c, dense_avx2.c, dense_plain.c. N samples,
 * C inputs, K units.
 *
 * Invariants: (1) sums are made in an order that the shape alone fixes, the same one on all paths:
 * bits do not depend on workers, and AVX2 and AVX-512 give the same ones; (2) the update is that of
 * backend/optimizer.c, bit for bit; (3) an input that is zero in the whole batch is left out of
 * sums, which does not change them.
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
    const float *x;  /* (n, TW_DENSE_DEPTH), depth of them used */
    int64_t n;       /* in multiples of TW_DENSE_SAMPLES */
    const float *w;  /* the panel's first number of row 0 */
    int64_t k;       /* floats from row to row */
    const int *rows; /* depth row numbers of w */
    int depth, columns;
    float *packed; /* TW_DENSE_DEPTH * TW_DENSE_COLUMNS, to work with */
} tw_dense_panel;

/* Backward for up to 12 rows of w, which need not be neighbours, in panels of 32 columns. */
typedef struct tw_dense_rows {
    int64_t n, n_padded; /* samples; in multiples of TW_DENSE_LANES */
    const float *x;      /* (n, TW_DENSE_ROWS), zero where there is no row */
    const float *dy;     /* a panel (n, TW_DENSE_COLUMNS), zero where there is no column */
    const float *dy_t;   /* a panel (TW_DENSE_COLUMNS, n_padded), the same transposed */
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
    void (*forward)(const tw_dense_panel *panel);
    void (*backward)(const tw_dense_rows *rows);
} tw_dense_arithmetic;

extern const tw_dense_arithmetic tw_backend__dense_avx512;
extern const tw_dense_arithmetic tw_backend__dense_avx2;
extern const tw_dense_arithmetic tw_backend__dense_plain;

/* The passes of tw_dense_kernels with the arithmetic of one path. */
void tw_backend__dense_forward(const tw_dense_arithmetic *path, const tw_dense *dense, float *y,
                               const float *x, const float *w, const float *b);
void tw_backend__dense_backward(const tw_dense_arithmetic *path, const tw_dense *dense,
                                const tw_dense_gradients *wanted);
int64_t tw_backend__dense_scratch(const tw_dense *dense);

#endif
