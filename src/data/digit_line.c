/*
 * A hand's line along a skeleton: knots are mixed and shaken, a smooth curve goes through them, and
 * the whole is bent, slanted, turned and stretched. No two are alike, most can be read.
 */
#include "data/digit.h"

#include <assert.h>
#include <stdbool.h>

enum { MAX_KNOTS = 16, STEPS = 8 };

/* How irregular the hand is; lengths in percent of a digit's height. */
static const float steady = 1.0f, shaky = 3.5f, stroke_shift = 2.5f;

/* ---- random numbers */

int tw_data__roll(tw_data__dice *dice, int n)
{
    return (int)((uint64_t)tw_rng_word(&dice->key, dice->next++) * (uint64_t)n >> 32);
}

float tw_data__between(tw_data__dice *dice, float low, float high)
{
    return low + (high - low) * tw_rng_uniform(&dice->key, dice->next++);
}

/* The sum of a word's four bytes: mean 510, variance 4 * (256^2 - 1) / 12 = 147.8^2. */
float tw_data__bell(tw_data__dice *dice)
{
    const uint32_t word = tw_rng_word(&dice->key, dice->next++);
    const uint32_t sum = (word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24 & 255);

    return ((float)sum - 510.0f) * (1.0f / 147.8f);
}

/* ---- knots */

static const tw_data__skeleton *choose(int digit, tw_data__dice *dice)
{
    int n, total = 0, k = 0, at;
    const tw_data__skeleton *skeletons = tw_data__digit_skeletons(&n, digit);

    for (int i = 0; i < n; i++)
        total += skeletons[i].weight;
    for (at = tw_data__roll(dice, total); at >= skeletons[k].weight; k++)
        at -= skeletons[k].weight;
    return &skeletons[k];
}

/* Places of the knots: the mixture of both hands changes from the first to the last; each knot is
 * shaken, each stroke a little displaced. */
static void place_knots(tw_data__point *out, const tw_data__skeleton *skeleton, tw_data__dice *dice)
{
    const float first = tw_data__between(dice, -0.2f, 1.2f);
    const float last = tw_data__between(dice, -0.2f, 1.2f);
    const float shake = tw_data__between(dice, steady, shaky);
    float dx = 0, dy = 0;

    for (int i = 0; i < skeleton->n; i++) {
        const tw_data__knot *knot = &skeleton->knots[i];
        const float mix = first + (last - first) * ((float)i / (float)skeleton->n);

        out[i].x = (float)knot->ax + mix * (float)(knot->bx - knot->ax);
        out[i].y = (float)knot->ay + mix * (float)(knot->by - knot->ay);
        out[i].x += dx + shake * tw_data__bell(dice);
        out[i].y += dy + shake * tw_data__bell(dice);
        out[i].radius = 1.0f + 0.1f * tw_data__bell(dice);
        if (knot->pen != TW_DATA__PEN_UP)
            continue;
        dx = stroke_shift * tw_data__bell(dice);
        dy = stroke_shift * tw_data__bell(dice);
    }
}

/* ---- the curve */

/* The point at t of the Catmull-Rom curve from b to c; a and d are their neighbours. */
static float spline(float a, float b, float c, float d, float t)
{
    return b +
           0.5f * t *
               (c - a + t * (2.0f * a - 5.0f * b + 4.0f * c - d + t * (3.0f * (b - c) + d - a)));
}

static void add_point(tw_data__line *line, float x, float y, float radius)
{
    assert(line->n < TW_DATA__DIGIT_POINTS);
    line->points[line->n++] = (tw_data__point){x, y, radius, 0};
}

/* From knot i to i + 1. Beyond the ends of a curve its last knot stands twice. */
static void add_span(tw_data__line *line, const tw_data__point *knots,
                     const tw_data__skeleton *skeleton, int i)
{
    const bool starts = i == 0 || skeleton->knots[i - 1].pen == TW_DATA__PEN_UP ||
                        skeleton->knots[i].pen == TW_DATA__PEN_TURN;
    const bool ends = skeleton->knots[i + 1].pen != TW_DATA__PEN_ON;
    const tw_data__point *b = &knots[i], *c = &knots[i + 1];
    const tw_data__point *a = starts ? b : b - 1, *d = ends ? c : c + 1;

    for (int step = 1; step <= STEPS; step++) {
        const float t = (float)step / (float)STEPS;

        add_point(line, spline(a->x, b->x, c->x, d->x, t), spline(a->y, b->y, c->y, d->y, t),
                  b->radius + t * (c->radius - b->radius));
    }
}

static void draw_curve(tw_data__line *line, const tw_data__point *knots,
                       const tw_data__skeleton *skeleton)
{
    line->n = 0;
    for (int i = 0; i < skeleton->n; i++) {
        if (i == 0 || skeleton->knots[i - 1].pen == TW_DATA__PEN_UP)
            add_point(line, knots[i].x, knots[i].y, knots[i].radius);
        if (skeleton->knots[i].pen == TW_DATA__PEN_UP)
            line->points[line->n - 1].is_last = 1;
        else
            add_span(line, knots, skeleton, i);
    }
}

/* ---- the whole */

/* Bends by a polynomial of low degree; coordinates are about -1 to 1. Most of all the proportions
 * of the upper and the lower half change: c[1], c[7]. */
static void bend_line(tw_data__line *line, tw_data__dice *dice)
{
    static const float bend[10] = {0.09f, 0.145f, 0.09f,  0.09f, 0.09f,
                                   0.09f, 0.09f,  0.145f, 0.09f, 0.09f};
    float c[10];

    for (int k = 0; k < 10; k++)
        c[k] = bend[k] * tw_data__bell(dice);
    for (int i = 0; i < line->n; i++) {
        tw_data__point *p = &line->points[i];
        const float x = (p->x - 35.0f) / 50.0f, y = (p->y - 50.0f) / 50.0f;

        p->x = x + c[0] * x * x + c[1] * x * y + c[2] * y * y + c[3] * y * y * y + c[4] * x * y * y;
        p->y = y + c[5] * x * x + c[6] * x * y + c[7] * y * y + c[8] * y * y * y + c[9] * x * x * y;
    }
}

/* Stretches, slants to the right and turns, all in one matrix. With t the tangent of half the
 * angle, its cosine is (1 - t^2) / (1 + t^2), its sine 2 t / (1 + t^2). */
static void slant_line(tw_data__line *line, tw_data__dice *dice)
{
    const float wide = tw_data__roll(dice, 8) == 0 ? tw_data__between(dice, 1.2f, 1.8f) : 1.0f;
    const float width = wide + 0.2f * tw_data__bell(dice);
    const float slant = 0.1f + 0.24f * tw_data__bell(dice);
    const float t = 0.05f * tw_data__bell(dice);
    const float cosine = (1.0f - t * t) / (1.0f + t * t), sine = 2.0f * t / (1.0f + t * t);
    const float xx = cosine * width, xy = -cosine * slant - sine;
    const float yx = sine * width, yy = cosine - sine * slant;

    for (int i = 0; i < line->n; i++) {
        tw_data__point *p = &line->points[i];
        const float x = p->x, y = p->y;

        p->x = xx * x + xy * y;
        p->y = yx * x + yy * y;
    }
}

void tw_data__digit_line(tw_data__line *out, int digit, tw_data__dice *dice)
{
    tw_data__point knots[MAX_KNOTS];
    const tw_data__skeleton *skeleton = choose(digit, dice);

    assert(skeleton->n <= MAX_KNOTS);
    place_knots(knots, skeleton, dice);
    draw_curve(out, knots, skeleton);
    bend_line(out, dice);
    slant_line(out, dice);
}
