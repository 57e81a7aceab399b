/*
 * The skeletons: how people write the ten digits, designed by hand. Each knot has the places of two
 * extreme hands (round and angular, wide and narrow, long and short bar); what lies between them is
 * handwriting too. Columns are ax, ay, bx, by and what the pen does there; see digit.h.
 */
#include "data/digit.h"

#include <assert.h>

enum { ON = TW_DATA__PEN_ON, TURN = TW_DATA__PEN_TURN, UP = TW_DATA__PEN_UP };

#define SKELETON(knots, weight)                         \
    {                                                   \
        knots, sizeof(knots) / sizeof(knots)[0], weight \
    }
#define COUNT(table) ((int)(sizeof(table) / sizeof(table)[0]))

/* ---- 0 */

static const tw_data__knot zero_round[] = {
    {46, 1, 32, -1, ON},  {15, 12, 15, 14, ON},  {2, 50, 9, 50, ON},
    {15, 88, 15, 86, ON}, {46, 99, 32, 101, ON}, {79, 87, 49, 86, ON},
    {92, 50, 55, 50, ON}, {79, 13, 49, 14, ON},  {44, 1, 31, 0, UP}};
/* Starts inside or above, and ends across the start. */
static const tw_data__knot zero_crossed[] = {
    {64, -8, 50, 4, ON},  {42, 4, 32, 6, ON},   {14, 24, 16, 24, ON}, {6, 60, 4, 60, ON},
    {26, 96, 16, 94, ON}, {58, 86, 40, 92, ON}, {76, 48, 58, 56, ON}, {62, 12, 56, 16, ON},
    {42, 4, 36, 6, ON},   {24, 14, 22, 18, UP}};
/* The ends do not meet. */
static const tw_data__knot zero_open[] = {
    {40, 0, 28, 8, ON},   {16, 20, 10, 30, ON}, {6, 54, 4, 64, ON},
    {20, 90, 16, 92, ON}, {48, 98, 40, 98, ON}, {70, 76, 66, 78, ON},
    {74, 42, 72, 44, ON}, {62, 14, 62, 14, ON}, {50, 6, 44, 0, UP}};
/* Clockwise, closing with a small loop at the top. */
static const tw_data__knot zero_loop[] = {
    {30, 12, 26, 4, ON},  {56, 10, 46, 8, ON}, {74, 44, 60, 44, ON}, {60, 88, 48, 88, ON},
    {30, 98, 24, 98, ON}, {6, 66, 4, 66, ON},  {10, 28, 10, 28, ON}, {34, 2, 34, 0, ON},
    {56, 4, 52, 10, ON},  {52, 20, 42, 24, UP}};
/* Lying on its side. */
static const tw_data__knot zero_flat[] = {
    {70, 4, 50, 2, ON},    {22, 12, 18, 16, ON}, {0, 46, 2, 52, ON},
    {24, 88, 20, 90, ON},  {80, 97, 56, 98, ON}, {126, 74, 92, 78, ON},
    {132, 38, 96, 42, ON}, {106, 8, 78, 12, ON}, {62, 2, 46, 2, UP}};
static const tw_data__skeleton zeros[] = {SKELETON(zero_round, 6), SKELETON(zero_crossed, 5),
                                          SKELETON(zero_open, 2), SKELETON(zero_loop, 1),
                                          SKELETON(zero_flat, 1)};

/* ---- 1 */

static const tw_data__knot one_plain[] = {
    {10, 0, 14, 0, ON}, {10, 50, 8, 50, ON}, {10, 100, 12, 100, UP}};
/* With a stroke upwards before the stem. */
static const tw_data__knot one_flag[] = {{-8, 22, -22, 30, ON},
                                         {4, 10, -2, 16, ON},
                                         {12, 0, 14, 0, TURN},
                                         {12, 50, 12, 50, ON},
                                         {10, 100, 12, 100, UP}};
/* With a base, too. */
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
/* A loop at the foot. */
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
/* Round above, and the loop at the foot is large. */
static const tw_data__knot two_curl[] = {
    {26, 38, 2, 26, ON},  {10, 18, 12, 4, ON},  {32, -2, 36, 0, ON},  {66, 12, 60, 16, ON},
    {72, 50, 60, 48, ON}, {48, 84, 40, 80, ON}, {16, 96, 18, 96, ON}, {2, 82, 2, 88, ON},
    {16, 66, 12, 72, ON}, {44, 70, 36, 74, ON}, {68, 86, 62, 88, ON}, {86, 98, 84, 92, UP}};
/* A small bow on a long base. */
static const tw_data__knot two_low[] = {
    {6, 14, 4, 10, ON},   {22, 2, 20, 0, ON},   {38, 6, 32, 6, ON},   {40, 26, 34, 24, ON},
    {28, 62, 22, 60, ON}, {6, 92, 2, 94, TURN}, {40, 92, 38, 94, ON}, {86, 90, 70, 96, UP}};
/* The bow reaches far over to the left. */
static const tw_data__knot two_over[] = {
    {16, 34, 8, 30, ON},  {6, 16, 8, 12, ON},   {30, 0, 30, 0, ON},   {58, 6, 56, 4, ON},
    {66, 28, 62, 24, ON}, {48, 58, 46, 54, ON}, {22, 82, 22, 80, ON}, {6, 97, 4, 96, TURN},
    {40, 94, 38, 96, ON}, {84, 96, 80, 92, UP}};
/* A slanting stem, and the base runs away below it. */
static const tw_data__knot two_lambda[] = {
    {4, 16, 2, 24, ON},   {22, 0, 18, 2, ON},   {44, 6, 44, 4, ON},   {46, 32, 48, 28, ON},
    {30, 64, 32, 62, ON}, {6, 92, 10, 90, ON},  {-4, 96, -4, 98, ON}, {4, 82, 2, 84, ON},
    {24, 74, 22, 78, ON}, {50, 84, 48, 86, ON}, {80, 104, 74, 96, UP}};
static const tw_data__skeleton twos[] = {SKELETON(two_plain, 4), SKELETON(two_loop, 3),
                                         SKELETON(two_curl, 4),  SKELETON(two_over, 3),
                                         SKELETON(two_wave, 2),  SKELETON(two_angular, 3),
                                         SKELETON(two_low, 2),   SKELETON(two_lambda, 2)};

/* ---- 3 */

static const tw_data__knot three_plain[] = {
    {6, 14, 4, 8, ON},    {28, 0, 26, 2, ON},     {54, 10, 50, 14, ON},
    {48, 34, 44, 34, ON}, {22, 46, 24, 48, TURN}, {50, 54, 46, 54, ON},
    {62, 76, 56, 78, ON}, {38, 98, 32, 100, ON},  {4, 92, 0, 82, UP}};
/* The middle is round, or a small loop. */
static const tw_data__knot three_loop[] = {
    {4, 18, 6, 10, ON},    {24, 2, 28, 0, ON},   {54, 12, 54, 10, ON}, {42, 38, 44, 36, ON},
    {22, 48, 26, 46, ON},  {26, 52, 30, 50, ON}, {52, 58, 54, 60, ON}, {60, 80, 60, 80, ON},
    {34, 100, 36, 98, ON}, {0, 84, 6, 94, UP}};
/* A straight bar above. */
static const tw_data__knot three_flat[] = {
    {4, 6, 6, 4, ON},     {34, 4, 32, 2, ON},     {68, 0, 54, 6, TURN},
    {46, 22, 40, 24, ON}, {24, 40, 24, 42, TURN}, {54, 46, 48, 50, ON},
    {72, 68, 58, 72, ON}, {46, 96, 36, 98, ON},   {2, 92, 0, 84, UP}};
/* A small upper bow, a long lower one. */
static const tw_data__knot three_long[] = {
    {10, 12, 12, 6, ON},  {30, 0, 34, 0, ON},     {50, 8, 56, 8, ON},
    {42, 26, 44, 24, ON}, {24, 36, 24, 34, TURN}, {50, 44, 48, 44, ON},
    {56, 70, 54, 72, ON}, {34, 94, 26, 94, ON},   {2, 100, -8, 96, UP}};
static const tw_data__skeleton threes[] = {SKELETON(three_plain, 5), SKELETON(three_loop, 3),
                                           SKELETON(three_flat, 3), SKELETON(three_long, 2)};

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
    {12, 4, 14, 0, ON},   {4, 30, 10, 26, ON},  {6, 54, 6, 48, TURN}, {28, 56, 28, 50, ON},
    {50, 38, 46, 32, ON}, {62, 2, 56, 4, TURN}, {56, 50, 52, 52, ON}, {50, 100, 46, 100, UP}};
/* The slanting part reaches the top of the stem. */
static const tw_data__knot four_closed[] = {
    {52, 2, 46, 0, ON},   {28, 30, 26, 32, ON}, {4, 62, 2, 66, TURN}, {38, 62, 36, 64, ON},
    {78, 60, 68, 62, UP}, {52, 2, 48, 2, ON},   {52, 50, 46, 50, ON}, {50, 100, 44, 100, UP}};
/* The left part ends in a loop across the stem. */
static const tw_data__knot four_looped[] = {
    {20, 4, 22, 8, ON},   {8, 34, 12, 36, ON},   {2, 54, 2, 60, TURN}, {30, 50, 30, 54, ON},
    {64, 38, 60, 42, ON}, {66, 12, 62, 4, TURN}, {52, 54, 50, 52, ON}, {42, 100, 40, 98, UP}};
static const tw_data__skeleton fours[] = {SKELETON(four_open, 6), SKELETON(four_round, 4),
                                          SKELETON(four_single, 1), SKELETON(four_closed, 2),
                                          SKELETON(four_looped, 1)};

/* ---- 5 */

/* Stem and bow first, then the bar. */
static const tw_data__knot five_bar[] = {
    {18, 6, 20, 10, ON},  {12, 40, 16, 42, TURN}, {36, 36, 36, 44, ON}, {58, 56, 54, 64, ON},
    {50, 86, 46, 88, ON}, {24, 98, 22, 99, ON},   {0, 88, -2, 76, UP},  {18, 4, 22, 8, ON},
    {44, 3, 44, 4, ON},   {70, 2, 68, -2, UP}};
/* The bar first, in one go. */
static const tw_data__knot five_single[] = {
    {66, 2, 60, 4, ON},     {42, 4, 40, 4, ON},   {18, 6, 20, 4, TURN},
    {12, 40, 14, 42, TURN}, {40, 34, 38, 40, ON}, {60, 58, 54, 58, ON},
    {50, 88, 46, 88, ON},   {24, 99, 20, 98, ON}, {4, 90, -2, 80, UP}};
/* Like an s. */
static const tw_data__knot five_soft[] = {
    {64, 6, 70, 0, ON},   {42, 2, 46, 4, ON},   {22, 10, 26, 12, ON}, {16, 32, 20, 34, ON},
    {38, 44, 36, 46, ON}, {56, 64, 50, 66, ON}, {42, 92, 36, 92, ON}, {4, 96, 0, 92, UP}};
/* A long rising bar on a small bow. */
static const tw_data__knot five_long[] = {
    {26, 22, 28, 26, ON}, {18, 50, 20, 54, TURN}, {36, 48, 36, 54, ON},
    {48, 66, 46, 72, ON}, {36, 90, 34, 92, ON},   {6, 96, 0, 96, UP},
    {28, 20, 28, 26, ON}, {58, 14, 62, 16, ON},   {90, 8, 98, 6, UP}};
/* The bow curls up again. */
static const tw_data__knot five_round[] = {
    {74, 0, 60, 2, ON},   {52, 5, 44, 4, ON},   {32, 9, 26, 5, TURN}, {20, 42, 16, 38, TURN},
    {46, 34, 38, 30, ON}, {66, 52, 58, 48, ON}, {60, 84, 54, 80, ON}, {32, 100, 28, 99, ON},
    {8, 94, 6, 92, ON},   {2, 78, 6, 72, UP}};
static const tw_data__skeleton fives[] = {SKELETON(five_bar, 5), SKELETON(five_single, 4),
                                          SKELETON(five_round, 3), SKELETON(five_soft, 2),
                                          SKELETON(five_long, 2)};

/* ---- 6 */

static const tw_data__knot six_curved[] = {
    {52, 2, 44, 0, ON},   {28, 18, 28, 16, ON},  {10, 50, 14, 46, ON},
    {8, 82, 8, 78, ON},   {30, 99, 26, 100, ON}, {58, 84, 50, 88, ON},
    {56, 60, 50, 66, ON}, {34, 54, 30, 60, ON},  {12, 74, 14, 78, UP}};
/* A straight stem. */
static const tw_data__knot six_straight[] = {
    {34, 0, 22, 0, ON},   {22, 26, 16, 26, ON},  {10, 56, 8, 54, ON},
    {8, 84, 6, 82, ON},   {28, 100, 22, 98, ON}, {54, 90, 44, 90, ON},
    {56, 66, 46, 68, ON}, {36, 58, 28, 60, ON},  {12, 78, 10, 80, UP}};
/* A wide bow below, the loop lies flat. */
static const tw_data__knot six_wide[] = {
    {44, 0, 36, 4, ON},   {20, 24, 16, 28, ON}, {4, 58, 2, 62, ON},
    {14, 92, 12, 92, ON}, {48, 98, 46, 98, ON}, {76, 78, 72, 74, ON},
    {64, 58, 58, 56, ON}, {38, 66, 34, 66, ON}, {22, 86, 20, 84, UP}};
/* The stem begins with a hook. */
static const tw_data__knot six_hooked[] = {
    {66, 12, 60, 8, ON},  {48, 2, 44, 0, ON},    {22, 16, 20, 18, ON}, {6, 52, 6, 56, ON},
    {12, 88, 10, 90, ON}, {38, 100, 34, 99, ON}, {62, 82, 56, 84, ON}, {54, 60, 48, 62, ON},
    {30, 58, 26, 62, ON}, {10, 74, 12, 80, UP}};
/* A short stem on a bowl that stays open. */
static const tw_data__knot six_bowl[] = {
    {18, 0, 28, 0, ON},    {6, 30, 12, 28, ON},  {2, 66, 4, 60, ON},   {20, 98, 12, 90, ON},
    {52, 98, 38, 100, ON}, {72, 74, 58, 80, ON}, {66, 48, 54, 54, ON}, {48, 40, 38, 46, ON},
    {30, 56, 22, 60, ON},  {32, 78, 14, 80, UP}};
static const tw_data__skeleton sixes[] = {SKELETON(six_curved, 5), SKELETON(six_straight, 4),
                                          SKELETON(six_bowl, 4), SKELETON(six_wide, 2),
                                          SKELETON(six_hooked, 2)};

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
/* A bar across the stem. */
static const tw_data__knot seven_crossed[] = {
    {2, 8, 4, 10, ON},    {30, 5, 28, 6, ON},     {62, 4, 56, 6, TURN}, {46, 42, 44, 42, ON},
    {34, 70, 34, 70, ON}, {28, 100, 30, 100, UP}, {14, 58, 16, 46, ON}, {66, 52, 66, 44, UP}};
/* Round like an n, the stem upright. */
static const tw_data__knot seven_hump[] = {
    {2, 36, 6, 26, ON},   {8, 10, 12, 8, ON},   {30, 4, 32, 2, ON},    {54, 6, 52, 6, ON},
    {60, 30, 56, 26, ON}, {56, 64, 50, 62, ON}, {54, 100, 44, 100, UP}};
/* A sharp corner, the stem upright. */
static const tw_data__knot seven_stem[] = {{2, 8, 2, 4, ON},     {28, 7, 26, 6, ON},
                                           {58, 6, 50, 8, TURN}, {56, 36, 48, 38, ON},
                                           {54, 68, 46, 70, ON}, {52, 100, 44, 100, UP}};
/* The hook and the wave are strong. */
static const tw_data__knot seven_wave[] = {
    {0, 26, 2, 20, ON},   {8, 2, 6, 4, TURN},   {22, 12, 22, 10, ON}, {44, 12, 42, 10, ON},
    {68, 0, 62, 2, TURN}, {46, 38, 46, 36, ON}, {34, 70, 38, 68, ON}, {28, 100, 34, 100, UP}};
/* With hook and bar. */
static const tw_data__knot seven_both[] = {
    {0, 30, 0, 18, ON},     {6, 4, 4, 4, TURN},   {28, 6, 28, 10, ON},
    {60, 4, 60, 2, TURN},   {50, 36, 44, 38, ON}, {44, 68, 34, 68, ON},
    {42, 100, 28, 100, UP}, {20, 54, 16, 48, ON}, {72, 46, 66, 46, UP}};
static const tw_data__skeleton sevens[] = {SKELETON(seven_plain, 6),   SKELETON(seven_round, 4),
                                           SKELETON(seven_hook, 3),    SKELETON(seven_wave, 2),
                                           SKELETON(seven_hump, 2),    SKELETON(seven_stem, 2),
                                           SKELETON(seven_crossed, 3), SKELETON(seven_both, 2)};

/* ---- 8 */

static const tw_data__knot eight_single[] = {
    {58, 12, 54, 6, ON},  {34, 0, 34, 0, ON},   {12, 16, 16, 16, ON},   {24, 38, 24, 36, ON},
    {48, 56, 42, 54, ON}, {58, 80, 48, 80, ON}, {34, 100, 28, 100, ON}, {8, 84, 8, 84, ON},
    {20, 58, 18, 60, ON}, {44, 38, 40, 40, ON}, {62, 16, 54, 14, UP}};
/* Open above on the right. */
static const tw_data__knot eight_open[] = {
    {58, 2, 70, 8, ON},   {30, 2, 36, -2, ON},  {10, 16, 8, 14, ON},    {22, 38, 24, 38, ON},
    {48, 56, 50, 56, ON}, {56, 82, 54, 84, ON}, {32, 100, 30, 100, ON}, {8, 86, 12, 86, ON},
    {20, 60, 22, 62, ON}, {42, 40, 44, 42, ON}, {58, 22, 60, 24, UP}};
/* Downwards right first. */
static const tw_data__knot eight_mirrored[] = {
    {20, 8, 14, 12, ON},  {42, 0, 38, 0, ON},   {60, 16, 58, 18, ON},   {46, 38, 42, 40, ON},
    {18, 58, 16, 60, ON}, {6, 82, 8, 84, ON},   {30, 100, 30, 100, ON}, {56, 84, 54, 84, ON},
    {48, 58, 46, 58, ON}, {20, 36, 20, 38, ON}, {14, 14, 12, 12, ON},   {28, 4, 24, 4, UP}};
/* Two rings. */
static const tw_data__knot eight_rings[] = {
    {40, 2, 34, 0, ON},   {16, 12, 14, 16, ON}, {18, 38, 20, 38, ON},   {42, 46, 36, 46, ON},
    {62, 34, 50, 34, ON}, {60, 10, 50, 10, ON}, {38, 2, 30, 2, UP},     {40, 46, 34, 46, ON},
    {8, 58, 12, 62, ON},  {6, 88, 10, 88, ON},  {38, 100, 34, 100, ON}, {72, 88, 58, 88, ON},
    {70, 58, 54, 62, ON}, {38, 46, 34, 48, UP}};
/* The ends cross like a ribbon. */
static const tw_data__knot eight_ribbon[] = {
    {64, 4, 72, 2, ON},   {38, 0, 38, 2, ON},   {14, 14, 12, 16, ON},   {22, 36, 20, 36, ON},
    {42, 56, 38, 56, ON}, {50, 80, 46, 82, ON}, {34, 100, 28, 100, ON}, {16, 84, 14, 80, ON},
    {26, 60, 26, 58, ON}, {46, 36, 48, 36, ON}, {62, 14, 74, 14, UP}};
/* Slim. */
static const tw_data__knot eight_tall[] = {
    {52, 8, 46, 14, ON},  {32, 0, 28, 2, ON},   {8, 12, 8, 20, ON},     {20, 36, 14, 42, ON},
    {40, 56, 38, 62, ON}, {48, 80, 48, 86, ON}, {26, 100, 26, 100, ON}, {6, 84, 6, 84, ON},
    {16, 58, 18, 62, ON}, {40, 40, 40, 42, ON}, {58, 18, 52, 18, ON},   {42, 2, 34, 4, UP}};
/* A small loop below a large one. */
static const tw_data__knot eight_small[] = {
    {60, 10, 70, 4, ON},  {36, 0, 46, 4, ON},   {8, 10, 16, 8, ON},   {10, 34, 14, 30, ON},
    {34, 50, 36, 48, ON}, {48, 66, 46, 68, ON}, {44, 92, 40, 94, ON}, {28, 100, 26, 98, ON},
    {16, 86, 18, 82, ON}, {24, 64, 28, 62, ON}, {46, 46, 50, 42, ON}, {64, 24, 70, 26, ON},
    {62, 8, 82, 10, UP}};
static const tw_data__skeleton eights[] = {SKELETON(eight_single, 4), SKELETON(eight_ribbon, 4),
                                           SKELETON(eight_open, 4),   SKELETON(eight_tall, 2),
                                           SKELETON(eight_small, 3),  SKELETON(eight_mirrored, 2),
                                           SKELETON(eight_rings, 2)};

/* ---- 9 */

/* The loop, back up, then the stem. */
static const tw_data__knot nine_straight[] = {
    {58, 14, 54, 10, ON}, {34, 0, 32, 2, ON},    {8, 22, 10, 26, ON},  {18, 46, 20, 46, ON},
    {44, 40, 42, 38, ON}, {62, 10, 58, 8, TURN}, {56, 50, 56, 54, ON}, {46, 100, 54, 100, UP}};
/* The stem ends in a curve. */
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
/* A large loop on a short stem. */
static const tw_data__knot nine_large[] = {
    {62, 20, 56, 14, ON}, {38, -2, 34, 0, ON},    {4, 28, 6, 28, ON},   {14, 62, 16, 56, ON},
    {46, 58, 42, 52, ON}, {66, 14, 58, 14, TURN}, {66, 56, 58, 58, ON}, {60, 100, 54, 100, UP}};
/* The loop does not close. */
static const tw_data__knot nine_open[] = {
    {46, 6, 36, 4, ON},   {26, 2, 16, 10, ON},  {6, 22, 6, 30, ON},   {14, 44, 18, 46, ON},
    {38, 42, 40, 38, ON}, {60, 8, 60, 2, TURN}, {54, 50, 54, 52, ON}, {44, 100, 50, 100, UP}};
static const tw_data__skeleton nines[] = {SKELETON(nine_straight, 5), SKELETON(nine_curved, 3),
                                          SKELETON(nine_swung, 3),    SKELETON(nine_small, 2),
                                          SKELETON(nine_large, 3),    SKELETON(nine_open, 1)};

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
