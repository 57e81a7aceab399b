/*
 * The points of Winograd's tiles: +-p for each of several numbers p, infinity, and 0 where m is
 * even. With E(x) = prod (x^2 - p^2) the three transforms of one line (Toom and Cook, transposed)
 * are
 *
 *   in      row 0: E's coefficients; row +-p: x (x +- p) E / (x^2 - p^2); infinity: x E;
 *           without the point 0: row +-p: (x +- p) E / (x^2 - p^2); infinity: E
 *   out     y[j] = sum over points of point^j m[point], and m[infinity] for the last j
 *   kernel  row: (1, point, point^2) over the product of its distances to all other points
 *
 * Those of m = 4 and m = 6 have the least error of the usual points, those of m = 5 of some that
 * were tried (docs/kernels.md).
 */
#ifndef TW_BACKEND_CPU_WINOGRAD_POINTS_H
#define TW_BACKEND_CPU_WINOGRAD_POINTS_H

enum { TW_WINOGRAD_MAX_PAIRS = 3, TW_WINOGRAD_MAX_M = 6, TW_WINOGRAD_MAX_TILE = 8 };

typedef struct tw_winograd_points {
    float power[TW_WINOGRAD_MAX_PAIRS][TW_WINOGRAD_MAX_M]; /* p^0, p^1, ... */
    /* coefficients of x^0, x^2, ... without the leading 1 */
    float all[TW_WINOGRAD_MAX_PAIRS];                               /* of E */
    float others[TW_WINOGRAD_MAX_PAIRS][TW_WINOGRAD_MAX_PAIRS - 1]; /* of E / (x^2 - p^2) */
} tw_winograd_points;

#define TW_SQRT2 1.41421356237309504880f

/* By m. */
static const tw_winograd_points tw_winograd_points_of[TW_WINOGRAD_MAX_M + 1] = {
    [2] = {.power = {{1, 1}}, .all = {-1}},
    [4] = {.power = {{1, TW_SQRT2 / 2, 0.5f, TW_SQRT2 / 4}, {1, TW_SQRT2, 2, 2 * TW_SQRT2}},
           .all = {1, -2.5f},
           .others = {{-2}, {-0.5f}}},
    [5] = {.power = {{1, 0.3f, 0.09f, 0.027f, 0.0081f},
                     {1, 0.875f, 0.765625f, 0.669921875f, 0.586181640625f},
                     {1, 1.75f, 3.0625f, 5.359375f, 9.37890625f}},
           .all = {-0.211025390625f, 2.6892578125f, -3.918125f},
           .others = {{2.3447265625f, -3.828125f},
                      {0.275625f, -3.1525f},
                      {0.06890625f, -0.855625f}}},
    [6] = {.power = {{1, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f},
                     {1, 1, 1, 1, 1, 1},
                     {1, 2, 4, 8, 16, 32}},
           .all = {-1, 5.25f, -5.25f},
           .others = {{4, -5}, {1, -4.25f}, {0.25f, -1.25f}}},
};

#endif
