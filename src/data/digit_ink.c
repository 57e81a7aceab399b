/*
 * Ink on a line, as MNIST's pictures were made: the inked digit fits into a box of 20x20 pixels,
 * its proportions kept, and lies in the picture of 28x28 with its centre of mass in the middle.
 */
#include "data/digit.h"

#include <math.h>
#include <string.h>

/* The box with room for blur around it. */
enum {
    SIDE = TW_DATA__DIGIT_SIDE,
    BOX = TW_DATA__DIGIT_BOX,
    MARGIN = 2,
    CANVAS = BOX + 2 * MARGIN
};

static const uint64_t digits_seed = 28;

/* ---- fitting */

typedef struct extent {
    float left, top, right, bottom;
} extent;

static extent measure(const tw_data__line *line)
{
    extent e = {line->points[0].x, line->points[0].y, line->points[0].x, line->points[0].y};

    for (int i = 1; i < line->n; i++) {
        const tw_data__point *p = &line->points[i];

        e.left = p->x < e.left ? p->x : e.left;
        e.right = p->x > e.right ? p->x : e.right;
        e.top = p->y < e.top ? p->y : e.top;
        e.bottom = p->y > e.bottom ? p->y : e.bottom;
    }
    return e;
}

/* Scales the line so that it fills the box with a pen of that radius in pixels. */
static void fit_line(tw_data__line *line, float radius)
{
    const extent e = measure(line);
    const float width = e.right - e.left, height = e.bottom - e.top;
    const float scale = ((float)BOX - 2.0f * radius) / (width > height ? width : height);
    const float left = 0.5f * ((float)CANVAS - scale * width);
    const float top = 0.5f * ((float)CANVAS - scale * height);

    for (int i = 0; i < line->n; i++) {
        tw_data__point *p = &line->points[i];

        p->x = left + scale * (p->x - e.left);
        p->y = top + scale * (p->y - e.top);
        p->radius *= radius;
    }
}

/* ---- inking */

static int clamp_pixel(float x)
{
    return x < 0.0f ? 0 : x > (float)(CANVAS - 1) ? CANVAS - 1 : (int)x;
}

/* Distance from (x,y) to the piece of line a-b, less the pen's radius there. */
static float beyond_ink(float x, float y, const tw_data__point *a, const tw_data__point *b)
{
    const float dx = b->x - a->x, dy = b->y - a->y;
    const float length2 = dx * dx + dy * dy;
    float t = length2 > 0.0f ? ((x - a->x) * dx + (y - a->y) * dy) / length2 : 0.0f;

    t = t < 0.0f ? 0.0f : t > 1.0f ? 1.0f : t;
    x -= a->x + t * dx;
    y -= a->y + t * dy;
    return sqrtf(x * x + y * y) - (a->radius + t * (b->radius - a->radius));
}

/* A pixel is as white as the ink covers it, about. */
static void ink_piece(float *canvas, const tw_data__point *a, const tw_data__point *b)
{
    const float reach = 1.0f + (a->radius > b->radius ? a->radius : b->radius);
    const int left = clamp_pixel((a->x < b->x ? a->x : b->x) - reach);
    const int right = clamp_pixel((a->x > b->x ? a->x : b->x) + reach);
    const int top = clamp_pixel((a->y < b->y ? a->y : b->y) - reach);
    const int bottom = clamp_pixel((a->y > b->y ? a->y : b->y) + reach);

    for (int y = top; y <= bottom; y++)
        for (int x = left; x <= right; x++) {
            const float ink = 0.5f - beyond_ink((float)x + 0.5f, (float)y + 0.5f, a, b);
            float *pixel = &canvas[y * CANVAS + x];

            if (ink > *pixel)
                *pixel = ink < 1.0f ? ink : 1.0f;
        }
}

static void ink_line(float *canvas, const tw_data__line *line)
{
    memset(canvas, 0, CANVAS * CANVAS * sizeof *canvas);
    for (int i = 0; i + 1 < line->n; i++)
        if (!line->points[i].is_last)
            ink_piece(canvas, &line->points[i], &line->points[i + 1]);
}

/* ---- blur */

/* n numbers, `stride` apart: each gives `share` to either neighbour. */
static void blur_row(float *row, int n, int stride, float share)
{
    float before = 0.0f;

    for (int i = 0; i < n; i++) {
        const float here = row[i * stride];
        const float after = i + 1 < n ? row[(i + 1) * stride] : 0.0f;

        row[i * stride] = here + share * (before + after - 2.0f * here);
        before = here;
    }
}

static void blur(float *canvas, float share)
{
    for (int k = 0; k < CANVAS; k++)
        blur_row(canvas + k * CANVAS, CANVAS, 1, share);
    for (int k = 0; k < CANVAS; k++)
        blur_row(canvas + k, CANVAS, CANVAS, share);
}

/* ---- placing */

/* Where a canvas with that centre of mass goes so that it comes to the middle of the picture, as
 * far as the box stays inside. */
static int place(float centre)
{
    const float wanted = 0.5f * (float)SIDE - centre;
    const int most = SIDE - BOX - MARGIN;
    const int offset = (int)(wanted + 100.5f) - 100; /* to the nearest */

    return offset < -MARGIN ? -MARGIN : offset > most ? most : offset;
}

static void find_offset(int *dx, int *dy, const float *canvas)
{
    float sum = 0.0f, sum_x = 0.0f, sum_y = 0.0f;

    for (int y = 0; y < CANVAS; y++)
        for (int x = 0; x < CANVAS; x++) {
            const float ink = canvas[y * CANVAS + x];

            sum += ink;
            sum_x += ink * ((float)x + 0.5f);
            sum_y += ink * ((float)y + 0.5f);
        }
    *dx = place(sum_x / sum);
    *dy = place(sum_y / sum);
}

static void copy_ink(uint8_t *pixels, const float *canvas, float white)
{
    int dx, dy;

    find_offset(&dx, &dy, canvas);
    memset(pixels, 0, TW_DATA__DIGIT_PIXELS);
    for (int y = 0; y < CANVAS; y++)
        for (int x = 0; x < CANVAS; x++) {
            const int to_x = x + dx, to_y = y + dy;
            const float value = canvas[y * CANVAS + x] * white;

            if (to_x < 0 || to_x >= SIDE || to_y < 0 || to_y >= SIDE)
                continue;
            pixels[to_y * SIDE + to_x] = (uint8_t)((value < 255.0f ? value : 255.0f) + 0.5f);
        }
}

/* ---- the picture */

void tw_data__digit_draw(uint8_t *pixels, int digit, int part, int64_t index)
{
    tw_data__dice dice = {
        tw_rng_make_key(digits_seed, TW_RNG_DIGITS, (uint32_t)part, (uint64_t)index), 0};
    float canvas[CANVAS * CANVAS];
    tw_data__line line;
    float radius, share, white;

    tw_data__digit_line(&line, digit, &dice);
    radius = 1.22f + 0.36f * tw_data__bell(&dice);
    radius = radius < 0.75f ? 0.75f : radius;
    share = tw_data__between(&dice, 0.0f, 0.06f);
    white = tw_data__between(&dice, 265.0f, 340.0f);
    fit_line(&line, radius);
    ink_line(canvas, &line);
    blur(canvas, share);
    copy_ink(pixels, canvas, white);
}

int tw_data__digit_label(int part, int64_t index)
{
    tw_data__dice dice = {tw_rng_make_key(digits_seed, TW_RNG_DIGITS, 16u + (uint32_t)part,
                                          (uint64_t)(index / TW_DATA__DIGIT_CLASSES)),
                          0};
    int digits[TW_DATA__DIGIT_CLASSES];

    for (int k = 0; k < TW_DATA__DIGIT_CLASSES; k++) {
        const int at = tw_data__roll(&dice, k + 1);

        digits[k] = digits[at];
        digits[at] = k;
    }
    return digits[index % TW_DATA__DIGIT_CLASSES];
}
