/*
 * The skeletons: how people write the ten digits, designed by hand. Each knot has the places of two
 * extreme hands (round and angular, wide and narrow, long and short bar); what lies between them is
 * handwriting too. Columns are ax, ay, bx, by and what the pen does there; see digit.h.
 */
#include "data/digit.h"

#include <assert.h>

enum { ON = PEN_ON, TURN = PEN_TURN, UP = PEN_UP };

#define SKELETON(knots, weight)                         \
    {                                                   \
        knots, sizeof(knots) / sizeof(knots)[0], weight \
    }
#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- 0 */

static const tw_data__knot zero_round[] = {
    {42, 3, 34, 0, ON},   {18, 14, 18, 14, ON},  {4, 50, 10, 48, ON},
    {16, 86, 15, 84, ON}, {42, 98, 30, 100, ON}, {68, 82, 46, 84, ON},
    {78, 48, 54, 50, ON}, {64, 14, 48, 14, ON},  {40, 3, 33, 1, UP}};
/* Starts inside or above, and ends across the start. */
static const tw_data__knot zero_crossed[] = {
    {62, 18, 50, 2, ON},  {40, 4, 32, 6, ON},   {14, 24, 16, 24, ON}, {6, 60, 4, 60, ON},
    {26, 96, 16, 94, ON}, {58, 86, 40, 92, ON}, {76, 48, 58, 56, ON}, {62, 10, 56, 16, ON},
    {42, 2, 36, 6, ON},   {24, 12, 22, 18, UP}};
static const tw_data__knot zero_open[] = {
    {40, 0, 28, 8, ON},   {16, 20, 10, 30, ON}, {6, 54, 4, 64, ON},
    {20, 90, 16, 92, ON}, {48, 98, 40, 98, ON}, {70, 76, 66, 78, ON},
    {74, 42, 72, 44, ON}, {62, 14, 62, 14, ON}, {50, 6, 44, 0, UP}};
/* Clockwise, closing with a small loop at the top. */
static const tw_data__knot zero_loop[] = {
    {30, 12, 26, 4, ON},  {56, 10, 46, 8, ON}, {74, 44, 60, 44, ON}, {60, 88, 48, 88, ON},
    {30, 98, 24, 98, ON}, {6, 66, 4, 66, ON},  {10, 28, 10, 28, ON}, {34, 2, 34, 0, ON},
    {56, 4, 52, 10, ON},  {52, 20, 42, 24, UP}};
static const tw_data__skeleton zeros[] = {SKELETON(zero_round, 4), SKELETON(zero_crossed, 4),
                                          SKELETON(zero_open, 2), SKELETON(zero_loop, 1)};

/* ---- 1 */

static const tw_data__knot one_plain[] = {
    {10, 0, 14, 0, ON}, {10, 50, 8, 50, ON}, {10, 100, 12, 100, UP}};
static const tw_data__knot one_flag[] = {{-8, 22, -22, 30, ON},
                                         {4, 10, -2, 16, ON},
                                         {12, 0, 14, 0, TURN},
                                         {12, 50, 12, 50, ON},
                                         {10, 100, 12, 100, UP}};
static const tw_data__knot one_base[] = {{-8, 20, -20, 24, ON},   {10, 0, 12, 0, TURN},
                                         {11, 50, 10, 50, ON},    {10, 98, 10, 98, UP},
                                         {-14, 100, -24, 96, ON}, {36, 98, 34, 98, UP}};
static const tw_data__skeleton ones[] = {SKELETON(one_plain, 20), SKELETON(one_flag, 3),
                                         SKELETON(one_base, 1)};

/* ---- 2 */

static const tw_data__knot two_plain[] = {
    {4, 24, 8, 14, ON},   {20, 4, 24, 2, ON},   {46, 2, 44, 4, ON},
    {60, 22, 52, 22, ON}, {50, 50, 42, 48, ON}, {26, 76, 24, 74, ON},
    {4, 96, 2, 96, TURN}, {34, 95, 30, 96, ON}, {70, 94, 60, 98, UP}};
static const tw_data__knot two_loop[] = {
    {4, 20, 10, 26, ON},  {22, 2, 26, 4, ON},   {50, 2, 48, 2, ON},  {62, 26, 56, 24, ON},
    {46, 60, 42, 56, ON}, {22, 88, 20, 88, ON}, {4, 94, 4, 98, ON},  {4, 80, 8, 82, ON},
    {24, 80, 26, 82, ON}, {50, 94, 46, 96, ON}, {78, 90, 72, 84, UP}};
/* The curve runs into a wavy base without a turn. */
static const tw_data__knot two_wave[] = {
    {2, 28, 6, 20, ON},   {18, 4, 22, 2, ON},   {44, 0, 44, 4, ON},  {58, 20, 52, 26, ON},
    {46, 52, 38, 56, ON}, {24, 80, 16, 82, ON}, {8, 96, 10, 98, ON}, {34, 94, 32, 96, ON},
    {58, 96, 52, 92, ON}, {76, 86, 64, 86, UP}};
/* Like a z. */
static const tw_data__knot two_angular[] = {
    {2, 14, 4, 8, ON},    {24, 4, 28, 2, ON},   {52, 6, 50, 6, ON},   {50, 26, 50, 24, ON},
    {30, 60, 28, 58, ON}, {2, 96, 4, 94, TURN}, {36, 96, 34, 98, ON}, {72, 92, 64, 100, UP}};
static const tw_data__skeleton twos[] = {SKELETON(two_plain, 5), SKELETON(two_loop, 4),
                                         SKELETON(two_wave, 2), SKELETON(two_angular, 2)};

/* ---- 3 */

static const tw_data__knot three_plain[] = {
    {6, 14, 4, 8, ON},    {28, 0, 26, 2, ON},     {54, 10, 50, 14, ON},
    {48, 34, 44, 34, ON}, {22, 46, 24, 48, TURN}, {50, 54, 46, 54, ON},
    {62, 76, 56, 78, ON}, {38, 98, 32, 100, ON},  {4, 88, 2, 92, UP}};
/* The middle is round, or a small loop. */
static const tw_data__knot three_loop[] = {
    {4, 18, 6, 10, ON},    {24, 2, 28, 0, ON},   {54, 12, 54, 10, ON}, {42, 38, 44, 36, ON},
    {22, 48, 26, 46, ON},  {26, 52, 30, 50, ON}, {52, 58, 54, 60, ON}, {60, 80, 60, 80, ON},
    {34, 100, 36, 98, ON}, {2, 88, 6, 94, UP}};
static const tw_data__knot three_flat[] = {
    {4, 6, 6, 4, ON},     {30, 4, 32, 2, ON},     {60, 2, 54, 6, TURN},
    {42, 22, 40, 24, ON}, {24, 40, 24, 42, TURN}, {52, 48, 48, 50, ON},
    {62, 72, 58, 72, ON}, {42, 96, 36, 98, ON},   {4, 92, 0, 86, UP}};
/* A small upper bow, a long lower one. */
static const tw_data__knot three_long[] = {
    {10, 12, 12, 6, ON},  {30, 0, 34, 0, ON},     {50, 8, 56, 8, ON},
    {42, 26, 44, 24, ON}, {24, 36, 24, 34, TURN}, {50, 44, 48, 44, ON},
    {56, 70, 54, 72, ON}, {34, 94, 26, 94, ON},   {2, 100, -8, 96, UP}};
static const tw_data__skeleton threes[] = {SKELETON(three_plain, 5), SKELETON(three_loop, 3),
                                           SKELETON(three_flat, 2), SKELETON(three_long, 2)};

/* ---- 4 */

static const tw_data__knot four_open[] = {
    {14, 2, 10, 8, ON},   {10, 26, 8, 34, ON}, {4, 50, 6, 54, TURN}, {34, 52, 32, 54, ON},
    {74, 48, 66, 44, UP}, {56, 4, 52, 0, ON},  {54, 50, 48, 50, ON}, {50, 100, 44, 100, UP}};
/* Round below, like a u with a long stem. */
static const tw_data__knot four_round[] = {
    {10, 2, 16, 4, ON},   {2, 32, 6, 28, ON}, {8, 52, 12, 48, ON},  {30, 56, 32, 52, ON},
    {52, 44, 56, 36, UP}, {62, 0, 58, 2, ON}, {56, 46, 56, 50, ON}, {52, 100, 46, 100, UP}};
/* In one go: up again from the left part and down the stem. */
static const tw_data__knot four_single[] = {
    {12, 4, 14, 0, ON},   {4, 30, 10, 26, ON},  {6, 52, 8, 46, ON},   {26, 54, 28, 48, ON},
    {48, 36, 46, 30, ON}, {60, 6, 54, 6, TURN}, {56, 50, 52, 52, ON}, {50, 100, 46, 100, UP}};
static const tw_data__knot four_closed[] = {
    {52, 2, 46, 0, ON},   {28, 30, 26, 32, ON}, {4, 62, 2, 66, TURN}, {38, 62, 36, 64, ON},
    {78, 60, 68, 62, UP}, {52, 2, 48, 2, ON},   {52, 50, 46, 50, ON}, {50, 100, 44, 100, UP}};
/* The left part ends in a loop across the stem. */
static const tw_data__knot four_looped[] = {
    {20, 4, 22, 8, ON},   {8, 34, 12, 36, ON},   {2, 54, 2, 60, TURN}, {30, 50, 30, 54, ON},
    {64, 38, 60, 42, ON}, {66, 12, 62, 4, TURN}, {52, 54, 50, 52, ON}, {42, 100, 40, 98, UP}};
static const tw_data__skeleton fours[] = {SKELETON(four_open, 5), SKELETON(four_round, 4),
                                          SKELETON(four_single, 2), SKELETON(four_closed, 2),
                                          SKELETON(four_looped, 1)};

/* ---- 5 */

/* Stem and bow first, then the bar. */
static const tw_data__knot five_bar[] = {
    {18, 6, 20, 10, ON},  {12, 40, 16, 42, TURN}, {36, 36, 36, 44, ON}, {58, 56, 54, 64, ON},
    {50, 86, 46, 88, ON}, {24, 98, 24, 100, ON},  {0, 88, 2, 92, UP},   {18, 4, 22, 8, ON},
    {44, 3, 44, 4, ON},   {70, 2, 68, -2, UP}};
/* The bar first, in one go. */
static const tw_data__knot five_single[] = {
    {66, 2, 60, 4, ON},   {42, 4, 40, 4, ON},   {18, 6, 20, 4, TURN}, {12, 40, 14, 42, TURN},
    {40, 36, 38, 42, ON}, {60, 60, 54, 62, ON}, {46, 92, 42, 92, ON}, {4, 94, 0, 90, UP}};
/* Like an s. */
static const tw_data__knot five_soft[] = {
    {64, 6, 70, 0, ON},   {42, 2, 46, 4, ON},   {22, 10, 26, 12, ON}, {16, 32, 20, 34, ON},
    {38, 44, 36, 46, ON}, {56, 64, 50, 66, ON}, {42, 92, 36, 92, ON}, {4, 96, 0, 92, UP}};
/* A long rising bar on a small bow. */
static const tw_data__knot five_long[] = {
    {26, 22, 28, 26, ON}, {18, 50, 20, 54, TURN}, {36, 48, 36, 54, ON},
    {48, 66, 46, 72, ON}, {36, 90, 34, 92, ON},   {6, 96, 0, 96, UP},
    {28, 20, 28, 26, ON}, {58, 14, 62, 16, ON},   {90, 8, 98, 6, UP}};
static const tw_data__skeleton fives[] = {SKELETON(five_bar, 5), SKELETON(five_single, 4),
                                          SKELETON(five_soft, 2), SKELETON(five_long, 2)};

/* ---- 6 */

static const tw_data__knot six_curved[] = {
    {52, 2, 44, 0, ON},   {28, 18, 28, 16, ON},  {10, 50, 14, 46, ON},
    {8, 82, 8, 78, ON},   {30, 99, 26, 100, ON}, {58, 84, 50, 88, ON},
    {56, 60, 50, 66, ON}, {34, 54, 30, 60, ON},  {12, 74, 14, 78, UP}};
static const tw_data__knot six_straight[] = {
    {34, 0, 22, 0, ON},   {22, 26, 16, 26, ON},  {10, 56, 8, 54, ON},
    {8, 84, 6, 82, ON},   {28, 100, 22, 98, ON}, {54, 90, 44, 90, ON},
    {56, 66, 46, 68, ON}, {36, 58, 28, 60, ON},  {12, 78, 10, 80, UP}};
/* A wide bow below, the loop lies flat. */
static const tw_data__knot six_wide[] = {
    {44, 0, 36, 4, ON},   {20, 24, 16, 28, ON}, {4, 58, 2, 62, ON},
    {14, 92, 12, 92, ON}, {48, 98, 46, 98, ON}, {76, 78, 72, 74, ON},
    {64, 58, 58, 56, ON}, {38, 66, 34, 66, ON}, {22, 86, 20, 84, UP}};
static const tw_data__knot six_hooked[] = {
    {66, 12, 60, 8, ON},  {48, 2, 44, 0, ON},    {22, 16, 20, 18, ON}, {6, 52, 6, 56, ON},
    {12, 88, 10, 90, ON}, {38, 100, 34, 99, ON}, {62, 82, 56, 84, ON}, {54, 60, 48, 62, ON},
    {30, 58, 26, 62, ON}, {10, 74, 12, 80, UP}};
static const tw_data__skeleton sixes[] = {SKELETON(six_curved, 5), SKELETON(six_straight, 4),
                                          SKELETON(six_wide, 2), SKELETON(six_hooked, 2)};

/* ---- 7 */

static const tw_data__knot seven_plain[] = {{2, 10, 4, 6, ON},    {30, 6, 28, 6, ON},
                                            {62, 4, 56, 6, TURN}, {46, 40, 46, 40, ON},
                                            {32, 72, 38, 70, ON}, {26, 100, 34, 100, UP}};
/* Round at the corner. */
static const tw_data__knot seven_round[] = {
    {0, 16, 4, 14, ON},   {18, 6, 20, 6, ON},   {46, 4, 42, 2, ON},    {60, 14, 58, 12, ON},
    {48, 40, 50, 42, ON}, {34, 70, 42, 72, ON}, {26, 100, 38, 100, UP}};
/* A hook at the start, a wave in the bar. */
static const tw_data__knot seven_hook[] = {
    {4, 28, 0, 22, ON},   {4, 8, 6, 4, TURN},   {30, 10, 28, 8, ON},   {64, 4, 58, 2, TURN},
    {48, 36, 44, 38, ON}, {38, 68, 34, 68, ON}, {34, 100, 26, 100, UP}};
static const tw_data__knot seven_crossed[] = {
    {2, 8, 4, 10, ON},    {30, 5, 28, 6, ON},     {62, 4, 56, 6, TURN}, {46, 42, 44, 42, ON},
    {34, 70, 34, 70, ON}, {28, 100, 30, 100, UP}, {20, 52, 18, 50, ON}, {64, 46, 58, 46, UP}};
static const tw_data__skeleton sevens[] = {SKELETON(seven_plain, 6), SKELETON(seven_round, 4),
                                           SKELETON(seven_hook, 3), SKELETON(seven_crossed, 2)};

/* ---- 8 */

static const tw_data__knot eight_single[] = {
    {58, 12, 54, 6, ON},  {34, 0, 34, 0, ON},   {12, 16, 16, 16, ON},   {24, 38, 24, 36, ON},
    {48, 56, 42, 54, ON}, {58, 80, 48, 80, ON}, {34, 100, 28, 100, ON}, {8, 84, 8, 84, ON},
    {20, 58, 18, 60, ON}, {44, 38, 40, 40, ON}, {62, 16, 54, 14, UP}};
/* Starts in the middle of the right side and crosses itself above. */
static const tw_data__knot eight_open[] = {
    {66, 10, 64, 4, ON},  {40, 2, 36, 6, ON},   {20, 14, 18, 20, ON},  {28, 36, 24, 40, ON},
    {46, 54, 38, 58, ON}, {48, 82, 42, 84, ON}, {26, 100, 20, 98, ON}, {6, 86, 4, 82, ON},
    {20, 62, 20, 60, ON}, {46, 38, 44, 34, ON}, {72, 22, 68, 12, UP}};
/* Downwards right first. */
static const tw_data__knot eight_mirrored[] = {
    {20, 8, 14, 12, ON},  {42, 0, 38, 0, ON},   {60, 16, 58, 18, ON},   {46, 38, 42, 40, ON},
    {18, 58, 16, 60, ON}, {6, 82, 8, 84, ON},   {30, 100, 30, 100, ON}, {56, 84, 54, 84, ON},
    {48, 58, 46, 58, ON}, {20, 36, 20, 38, ON}, {14, 14, 12, 12, ON},   {28, 4, 24, 4, UP}};
static const tw_data__knot eight_rings[] = {
    {38, 2, 34, 0, ON},   {16, 12, 16, 16, ON}, {18, 38, 20, 38, ON},   {38, 46, 36, 46, ON},
    {56, 34, 50, 34, ON}, {56, 12, 50, 10, ON}, {36, 2, 32, 2, UP},     {36, 46, 34, 46, ON},
    {10, 60, 12, 62, ON}, {8, 86, 12, 88, ON},  {34, 100, 34, 100, ON}, {60, 86, 56, 88, ON},
    {60, 60, 54, 62, ON}, {36, 46, 36, 48, UP}};
static const tw_data__skeleton eights[] = {SKELETON(eight_single, 6), SKELETON(eight_open, 3),
                                           SKELETON(eight_mirrored, 2), SKELETON(eight_rings, 2)};

/* ---- 9 */

/* The loop, back up, then the stem. */
static const tw_data__knot nine_straight[] = {
    {58, 14, 54, 10, ON}, {34, 0, 32, 2, ON},    {8, 22, 10, 26, ON},  {18, 46, 20, 46, ON},
    {44, 40, 42, 38, ON}, {62, 10, 58, 8, TURN}, {56, 50, 56, 54, ON}, {46, 100, 54, 100, UP}};
static const tw_data__knot nine_curved[] = {
    {60, 16, 56, 12, ON}, {38, 0, 34, 0, ON},   {10, 20, 10, 22, ON},
    {16, 46, 18, 44, ON}, {42, 46, 40, 42, ON}, {62, 18, 58, 10, TURN},
    {62, 52, 60, 48, ON}, {48, 86, 50, 84, ON}, {10, 98, 24, 100, UP}};
/* In one curve, clockwise. */
static const tw_data__knot nine_swung[] = {
    {54, 40, 52, 44, ON}, {26, 48, 26, 46, ON}, {8, 26, 10, 22, ON},  {28, 2, 32, 0, ON},
    {54, 10, 52, 10, ON}, {58, 44, 54, 46, ON}, {48, 78, 46, 74, ON}, {34, 100, 40, 100, UP}};
/* A small loop on a slanting stem. */
static const tw_data__knot nine_small[] = {
    {56, 8, 52, 12, ON},  {36, 2, 34, 2, ON},   {16, 20, 18, 18, ON}, {22, 38, 22, 36, ON},
    {46, 28, 42, 30, ON}, {60, 4, 56, 6, TURN}, {48, 48, 46, 48, ON}, {30, 100, 36, 98, UP}};
static const tw_data__skeleton nines[] = {SKELETON(nine_straight, 5), SKELETON(nine_curved, 2),
                                          SKELETON(nine_swung, 3), SKELETON(nine_small, 2)};

const tw_data__skeleton *tw_data__digit_skeletons(int *n, int digit)
{
    static const struct {
        const tw_data__skeleton *skeletons;
        int n;
    } digits[TW_DATA__DIGIT_CLASSES] = {{zeros, COUNT(zeros)},   {ones, COUNT(ones)},
                                        {twos, COUNT(twos)},     {threes, COUNT(threes)},
                                        {fours, COUNT(fours)},   {fives, COUNT(fives)},
                                        {sixes, COUNT(sixes)},   {sevens, COUNT(sevens)},
                                        {eights, COUNT(eights)}, {nines, COUNT(nines)}};

    assert(digit >= 0 && digit < TW_DATA__DIGIT_CLASSES);
    *n = digits[digit].n;
    return digits[digit].skeletons;
}
