/*
 * The built-in digits, one picture: skeletons of strokes as people write them (digit_strokes.c), a
 * line drawn along one of them with a hand's irregularity (digit_line.c), ink (digit_ink.c).
 *
 * A picture is a function of (part, index) alone, the same bytes on every machine: random numbers
 * are Philox words and the arithmetic is float + - * / and sqrt, which IEEE 754 rounds exactly.
 */
#ifndef TW_DATA_DIGIT_H
#define TW_DATA_DIGIT_H

#include "base/rng.h"

#include <stdint.h>

enum {
    TW_DATA__DIGIT_CLASSES = 10,
    TW_DATA__DIGIT_SIDE = 28,
    TW_DATA__DIGIT_PIXELS = TW_DATA__DIGIT_SIDE * TW_DATA__DIGIT_SIDE,
    TW_DATA__DIGIT_BOX = 20,    /* ink fits into so many pixels a side */
    TW_DATA__DIGIT_POINTS = 160 /* of a line, at most */
};

/* ---- digit_strokes.c */

/* What the pen does at a knot: goes on, turns sharply, is lifted. */
typedef enum tw_data__pen { TW_DATA__PEN_ON, TW_DATA__PEN_TURN, TW_DATA__PEN_UP } tw_data__pen;

/* A point that a stroke goes through, in two extreme hands a and b; a picture is a mixture. x to
 * the right, y down, 100 is the height of a digit. */
typedef struct tw_data__knot {
    int16_t ax, ay, bx, by;
    uint8_t pen; /* tw_data__pen */
} tw_data__knot;

/* One way to write a digit. */
typedef struct tw_data__skeleton {
    const tw_data__knot *knots;
    int n;
    int weight; /* how often, relative to the digit's others */
} tw_data__skeleton;

/* The ways to write a digit; *n is how many. */
const tw_data__skeleton *tw_data__digit_skeletons(int *n, int digit);

/* ---- digit_line.c */

/* A sequence of random numbers of one key. */
typedef struct tw_data__dice {
    tw_rng_key key;
    uint64_t next;
} tw_data__dice;

/* A number of 0..n-1. */
int tw_data__roll(tw_data__dice *dice, int n);
/* A number of [low,high). */
float tw_data__between(tw_data__dice *dice, float low, float high);
/* Bell-shaped around 0, standard deviation 1, within -3.5 and 3.5. */
float tw_data__bell(tw_data__dice *dice);

typedef struct tw_data__point {
    float x, y;
    float radius;
    int is_last; /* of its stroke */
} tw_data__point;

/* The pen's way: y down, in no particular unit; radius 1 is the pen's own. */
typedef struct tw_data__line {
    int n;
    tw_data__point points[TW_DATA__DIGIT_POINTS];
} tw_data__line;

void tw_data__digit_line(tw_data__line *out, int digit, tw_data__dice *dice);

/* ---- digit_ink.c */

/* Picture `index` of a part: pixels (28,28), ink white on black. */
void tw_data__digit_draw(uint8_t *pixels, int digit, int part, int64_t index);
/* Which digit picture `index` of a part is: each ten pictures have every digit once, in an order of
 * their own. */
int tw_data__digit_label(int part, int64_t index);

#endif
