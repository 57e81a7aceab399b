/*
 * OpenCV's INTER_CUBIC for 8 bits, to the bit, as its 128-bit build without IPP computes it
 * (modules/imgproc/src/resize.cpp, 4.6.0): the horizontal pass in 11-bit integers, the vertical
 * pass in float32 for the part of a row that fills vectors of 8, in integers for the tail. Also
 * INTER_NEAREST. This file must be compiled without contraction to FMA (the build says so).
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <math.h>
#include <string.h>

enum { TAPS = 4, SCALE = 2048, LANES = 8 };

/* Source positions and weights along one side. */
typedef struct axis {
    int *index;      /* (n, TAPS), clamped */
    int16_t *weight; /* (n, TAPS) */
} axis;

static void free_axis(axis *a)
{
    tw_free(a->index);
    tw_free(a->weight);
}

static int clamp(int value, int most)
{
    return value < 0 ? 0 : (value > most ? most : value);
}

void tw_image__cubic_weights(float out[4], float f)
{
    const float a = -0.75f;

    out[0] = ((a * (f + 1) - 5 * a) * (f + 1) + 8 * a) * (f + 1) - 4 * a;
    out[1] = ((a + 2) * f - (a + 3)) * f * f + 1;
    out[2] = ((a + 2) * (1 - f) - (a + 3)) * (1 - f) * (1 - f) + 1;
    out[3] = 1.f - out[0] - out[1] - out[2];
}

static bool make_axis(axis *a, int n_in, int n_out)
{
    double scale = 1.0 / ((double)n_out / n_in);
    float weights[TAPS];

    a->index = tw_malloc((size_t)n_out * TAPS * sizeof *a->index);
    a->weight = tw_malloc((size_t)n_out * TAPS * sizeof *a->weight);
    if (!a->index || !a->weight)
        return false;
    for (int i = 0; i < n_out; i++) {
        float f = (float)((i + 0.5) * scale - 0.5);
        int s = (int)floorf(f);
        tw_image__cubic_weights(weights, f - (float)s);
        for (int k = 0; k < TAPS; k++) {
            a->index[i * TAPS + k] = clamp(s - 1 + k, n_in - 1);
            a->weight[i * TAPS + k] = (int16_t)lrintf(weights[k] * SCALE);
        }
    }
    return true;
}

/* One source row (W,C) to a row of sums (out_w,C), 11 bits of fraction. */
static void pass_row(int32_t *sums, const uint8_t *row, const axis *x, int out_w, int channels)
{
    for (int i = 0; i < out_w; i++) {
        const int *at = x->index + i * TAPS;
        const int16_t *w = x->weight + i * TAPS;
        for (int c = 0; c < channels; c++)
            sums[i * channels + c] =
                row[at[0] * channels + c] * w[0] + row[at[1] * channels + c] * w[1] +
                row[at[2] * channels + c] * w[2] + row[at[3] * channels + c] * w[3];
    }
}

static uint8_t saturate(int value)
{
    return (uint8_t)clamp(value, 255);
}

/* Four rows of sums to one output row of n values: float for whole vectors, integers for the tail.
 */
static void pass_column(uint8_t *out, int32_t *const rows[TAPS], const int16_t *w, int n)
{
    const float b0 = w[0] * 0x1p-22f, b1 = w[1] * 0x1p-22f;
    const float b2 = w[2] * 0x1p-22f, b3 = w[3] * 0x1p-22f;
    const int32_t *s0 = rows[0], *s1 = rows[1], *s2 = rows[2], *s3 = rows[3];
    int vectors = n - n % LANES;

    for (int i = 0; i < vectors; i++) {
        float t = (float)s3[i] * b3;
        t = (float)s2[i] * b2 + t;
        t = (float)s1[i] * b1 + t;
        t = (float)s0[i] * b0 + t;
        out[i] = saturate((int)rintf(t));
    }
    for (int i = vectors; i < n; i++)
        out[i] =
            saturate((s0[i] * w[0] + s1[i] * w[1] + s2[i] * w[2] + s3[i] * w[3] + (1 << 21)) >> 22);
}

/* The source rows that are ready as sums: TAPS slots, reused as the window moves down. */
typedef struct window {
    int32_t *sums[TAPS];
    int row[TAPS]; /* which source row a slot holds, -1 none */
} window;

/* The slot with source row `row`; made into a slot that none of the wanted rows uses. */
static int32_t *row_sums(window *v, int row, const int wanted[TAPS], const tw_picture *in,
                         const axis *x, int out_w)
{
    int slot = 0;

    for (int k = 0; k < TAPS; k++)
        if (v->row[k] == row)
            return v->sums[k];
    for (; slot < TAPS - 1; slot++) {
        bool used = false;
        for (int k = 0; k < TAPS; k++)
            used = used || v->row[slot] == wanted[k];
        if (!used)
            break;
    }
    v->row[slot] = row;
    pass_row(v->sums[slot], in->pixels + (size_t)row * (size_t)in->width * (size_t)in->channels, x,
             out_w, in->channels);
    return v->sums[slot];
}

tw_status tw_image__resize_cubic(tw_picture *out, const tw_picture *in, tw_error *err)
{
    tw_status rc = TW_ENOMEM;
    axis x = {0}, y = {0};
    window v = {.row = {-1, -1, -1, -1}};
    int n = out->width * out->channels;
    int32_t *block = tw_malloc((size_t)n * TAPS * sizeof *block);

    if (!block || !make_axis(&x, in->width, out->width) ||
        !make_axis(&y, in->height, out->height)) {
        tw_fail(err, rc, "no memory to resize a picture");
        goto done;
    }
    for (int k = 0; k < TAPS; k++)
        v.sums[k] = block + (size_t)k * (size_t)n;
    for (int i = 0; i < out->height; i++) {
        int32_t *rows[TAPS];
        for (int k = 0; k < TAPS; k++)
            rows[k] = row_sums(&v, y.index[i * TAPS + k], y.index + i * TAPS, in, &x, out->width);
        pass_column(out->pixels + (size_t)i * (size_t)n, rows, y.weight + i * TAPS, n);
    }
    rc = TW_OK;
done:
    tw_free(block);
    free_axis(&x);
    free_axis(&y);
    return rc;
}

/* INTER_NEAREST: source = floor(i * scale), scale = 1/(out/in) in double. */
tw_status tw_image__resize_nearest(tw_picture *out, const tw_picture *in, tw_error *err)
{
    double scale_y = 1.0 / ((double)out->height / in->height);
    double scale_x = 1.0 / ((double)out->width / in->width);
    size_t channels = (size_t)in->channels;

    (void)err;
    for (int i = 0; i < out->height; i++) {
        int y = clamp((int)floor(i * scale_y), in->height - 1);
        const uint8_t *row = in->pixels + (size_t)y * (size_t)in->width * channels;
        uint8_t *to = out->pixels + (size_t)i * (size_t)out->width * channels;
        for (int j = 0; j < out->width; j++)
            memcpy(to + (size_t)j * channels,
                   row + (size_t)clamp((int)floor(j * scale_x), in->width - 1) * channels,
                   channels);
    }
    return TW_OK;
}
