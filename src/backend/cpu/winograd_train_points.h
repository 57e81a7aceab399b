/*
 * The points of the tiles of training, and the matrices that they make (Toom and Cook, transposed;
 * m outputs by 3 taps, n = m + 2 points):
 *
 *   in      (n,n)  a line of a picture to its points      x -> V
 *   powers  (n,m)  point^j: transposed it makes outputs   M -> y; as it is, dy -> D
 *   kernel  (n,3)  (1, p, p^2) over the point's distances w -> U; transposed, dU -> dw
 *
 * Points come in pairs +p and -p, whose rows differ in the sign of every other column: only +p is
 * written. `in` has those signs moved to where -p's row is (even columns) - (odd columns), and
 * `kernel` has none. Behind the pairs: 0 where m is even, then infinity.
 *
 * m = 4 has the points of inference. Those of 5 and 7 have no 0: the least error, found by search
 * (docs/kernels.md), in few binary digits, so that their squares are exact.
 */
#ifndef TW_BACKEND_CPU_WINOGRAD_TRAIN_POINTS_H
#define TW_BACKEND_CPU_WINOGRAD_TRAIN_POINTS_H

enum {
    TW_TRAIN_MAX_OUT = 7,
    TW_TRAIN_MAX_TILE = TW_TRAIN_MAX_OUT + 2,
    TW_TRAIN_MAX_ROWS = 5, /* pairs and what comes behind them */
    TW_TRAIN_TILES = TW_TRAIN_MAX_OUT + 1
};

typedef struct tw_winograd_train_points {
    int pairs;
    float in[TW_TRAIN_MAX_ROWS][TW_TRAIN_MAX_TILE];
    float powers[TW_TRAIN_MAX_ROWS][TW_TRAIN_MAX_OUT];
    float kernel[TW_TRAIN_MAX_ROWS][3];
} tw_winograd_train_points;

/* A row of `in`: coefficients of (x + p) times the product over the other pairs of (x^2 - q^2). */
#define TW_SQ(p) ((p) * (p))
#define TW_IN_2(p, q, r)                                                                        \
    {                                                                                           \
        (float)((p)*TW_SQ(q) * TW_SQ(r)), (float)(TW_SQ(q) * TW_SQ(r)),                         \
            (float)(-(p) * (TW_SQ(q) + TW_SQ(r))), (float)-(TW_SQ(q) + TW_SQ(r)), (float)(p), 1 \
    }
#define TW_SUM_2(q, r, s) (TW_SQ(q) * TW_SQ(r) + TW_SQ(q) * TW_SQ(s) + TW_SQ(r) * TW_SQ(s))
#define TW_IN_3(p, q, r, s)                                                                     \
    {                                                                                           \
        (float)(-(p)*TW_SQ(q) * TW_SQ(r) * TW_SQ(s)), (float)(-TW_SQ(q) * TW_SQ(r) * TW_SQ(s)), \
            (float)((p)*TW_SUM_2(q, r, s)), (float)TW_SUM_2(q, r, s),                           \
            (float)(-(p) * (TW_SQ(q) + TW_SQ(r) + TW_SQ(s))),                                   \
            (float)-(TW_SQ(q) + TW_SQ(r) + TW_SQ(s)), (float)(p), 1                             \
    }

#define TW_POWERS_4(p)                                        \
    {                                                         \
        1, (float)(p), (float)TW_SQ(p), (float)((p)*TW_SQ(p)) \
    }
#define TW_POWERS_5(p)                                                                      \
    {                                                                                       \
        1, (float)(p), (float)TW_SQ(p), (float)((p)*TW_SQ(p)), (float)(TW_SQ(p) * TW_SQ(p)) \
    }
#define TW_POWERS_7(p)                                                                       \
    {                                                                                        \
        1, (float)(p), (float)TW_SQ(p), (float)((p)*TW_SQ(p)), (float)(TW_SQ(p) * TW_SQ(p)), \
            (float)((p)*TW_SQ(p) * TW_SQ(p)), (float)(TW_SQ(p) * TW_SQ(p) * TW_SQ(p))        \
    }

#define TW_KERNEL(p, distances)                                                               \
    {                                                                                         \
        (float)(1 / (distances)), (float)((p) / (distances)), (float)(TW_SQ(p) / (distances)) \
    }
#define TW_KERNEL_2(p, q, r) TW_KERNEL(p, 2 * (p) * (TW_SQ(p) - TW_SQ(q)) * (TW_SQ(p) - TW_SQ(r)))
#define TW_KERNEL_3(p, q, r, s) \
    TW_KERNEL(p, 2 * (p) * (TW_SQ(p) - TW_SQ(q)) * (TW_SQ(p) - TW_SQ(r)) * (TW_SQ(p) - TW_SQ(s)))

#define TW_5A 0.28125
#define TW_5B 0.84375
#define TW_5C 1.75
#define TW_7A 0.25
#define TW_7B 0.6875
#define TW_7C 1.125
#define TW_7D 2.125
#define TW_ROOT2 1.41421356237309504880

static const tw_winograd_train_points tw_winograd_train_points_of[TW_TRAIN_TILES] = {
    [4] = {.pairs = 2,
           .in = {{0, (float)(-TW_ROOT2), -2, (float)(TW_ROOT2 / 2), 1},
                  {0, (float)(-TW_ROOT2 / 2), -0.5f, (float)TW_ROOT2, 1},
                  {1, 0, -2.5f, 0, 1},
                  {0, 1, 0, -2.5f, 0, 1}},
           .powers = {TW_POWERS_4(TW_ROOT2 / 2), TW_POWERS_4(TW_ROOT2), {1}, {0, 0, 0, 1}},
           .kernel = {TW_KERNEL(TW_ROOT2 / 2, -1.5), TW_KERNEL(TW_ROOT2, 6.0), {1}, {0, 0, 1}}},
    [5] = {.pairs = 3,
           .in = {TW_IN_2(TW_5A, TW_5B, TW_5C),
                  TW_IN_2(TW_5B, TW_5A, TW_5C),
                  TW_IN_2(TW_5C, TW_5A, TW_5B),
                  {(float)(-TW_SQ(TW_5A) * TW_SQ(TW_5B) * TW_SQ(TW_5C)), 0,
                   (float)TW_SUM_2(TW_5A, TW_5B, TW_5C), 0,
                   (float)-(TW_SQ(TW_5A) + TW_SQ(TW_5B) + TW_SQ(TW_5C)), 0, 1}},
           .powers = {TW_POWERS_5(TW_5A), TW_POWERS_5(TW_5B), TW_POWERS_5(TW_5C), {0, 0, 0, 0, 1}},
           .kernel = {TW_KERNEL_2(TW_5A, TW_5B, TW_5C),
                      TW_KERNEL_2(TW_5B, TW_5A, TW_5C),
                      TW_KERNEL_2(TW_5C, TW_5A, TW_5B),
                      {0, 0, 1}}},
    [7] =
        {.pairs = 4,
         .in = {TW_IN_3(TW_7A, TW_7B, TW_7C, TW_7D),
                TW_IN_3(TW_7B, TW_7A, TW_7C, TW_7D),
                TW_IN_3(TW_7C, TW_7A, TW_7B, TW_7D),
                TW_IN_3(TW_7D, TW_7A, TW_7B, TW_7C),
                {(float)(TW_SQ(TW_7A) * TW_SQ(TW_7B) * TW_SQ(TW_7C) * TW_SQ(TW_7D)), 0,
                 (float)-(TW_SQ(TW_7A) * TW_SUM_2(TW_7B, TW_7C, TW_7D) +
                          TW_SQ(TW_7B) * TW_SQ(TW_7C) * TW_SQ(TW_7D)),
                 0,
                 (float)(TW_SQ(TW_7A) * (TW_SQ(TW_7B) + TW_SQ(TW_7C) + TW_SQ(TW_7D)) +
                         TW_SUM_2(TW_7B, TW_7C, TW_7D)),
                 0, (float)-(TW_SQ(TW_7A) + TW_SQ(TW_7B) + TW_SQ(TW_7C) + TW_SQ(TW_7D)), 0, 1}},
         .powers = {TW_POWERS_7(TW_7A),
                    TW_POWERS_7(TW_7B),
                    TW_POWERS_7(TW_7C),
                    TW_POWERS_7(TW_7D),
                    {0, 0, 0, 0, 0, 0, 1}},
         .kernel = {TW_KERNEL_3(TW_7A, TW_7B, TW_7C, TW_7D),
                    TW_KERNEL_3(TW_7B, TW_7A, TW_7C, TW_7D),
                    TW_KERNEL_3(TW_7C, TW_7A, TW_7B, TW_7D),
                    TW_KERNEL_3(TW_7D, TW_7A, TW_7B, TW_7C),
                    {0, 0, 1}}},
};

#endif
