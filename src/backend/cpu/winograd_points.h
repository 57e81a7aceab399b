/*
 * The points of Winograd's tiles: 0, +-p for each of m/2 numbers p, and infinity. With
 * E(x) = prod (x^2 - p^2) the three transforms of one line (Toom and Cook, transposed) are
 *
 *   in      row 0: E's coefficients; row +-p: x (x +- p) E / (x^2 - p^2); infinity: x E
 *   out     y[j] = sum over points of point^j m[point], and m[infinity] for the last j
 *   kernel  row: (1, point, point^2) over the product of its distances to all other points
 *
 * Halves of sqrt(2) and sqrt(2) have the least error of the usual points for m = 4; for m = 6 it is
 * 1/2, 1 and 2 (docs/kernels.md).
 */
#ifndef TW_BACKEND_CPU_WINOGRAD_POINTS_H
#define TW_BACKEND_CPU_WINOGRAD_POINTS_H

enum { TW_WINOGRAD_MAX_PAIRS = 3, TW_WINOGRAD_MAX_TILE = 2 * TW_WINOGRAD_MAX_PAIRS + 2 };

typedef struct tw_winograd_points {
    float power[TW_WINOGRAD_MAX_PAIRS][6]; /* p^0 .. p^5 */
    /* coefficients of x^0, x^2, ... without the leading 1 */
    float all[TW_WINOGRAD_MAX_PAIRS];                               /* of E */
    float others[TW_WINOGRAD_MAX_PAIRS][TW_WINOGRAD_MAX_PAIRS - 1]; /* of E / (x^2 - p^2) */
} tw_winograd_points;

#define TW_SQRT2 1.41421356237309504880f

static const tw_winograd_points tw_winograd_points_of[TW_WINOGRAD_MAX_PAIRS + 1] = {
    [1] = {.power = {{1, 1}}, .all = {-1}},
    [2] = {.power = {{1, TW_SQRT2 / 2, 0.5f, TW_SQRT2 / 4}, {1, TW_SQRT2, 2, 2 * TW_SQRT2}},
           .all = {1, -2.5f},
           .others = {{-2}, {-0.5f}}},
    [3] = {.power = {{1, 0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f},
                     {1, 1, 1, 1, 1, 1},
                     {1, 2, 4, 8, 16, 32}},
           .all = {-1, 5.25f, -5.25f},
           .others = {{4, -5}, {1, -4.25f}, {0.25f, -1.25f}}},
};

#endif
