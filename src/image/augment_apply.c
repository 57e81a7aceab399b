/*
 * What a view does to a picture: the crop before the resize; flips, the affine map, colour and the
 * erased rectangle after it. The affine map is Pillow's Image.transform, AFFINE and BILINEAR
 * (libImaging/Geometry.c, up to 12), with torchvision's matrix: every place of the result is looked
 * up in the picture, black where it lies outside.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <math.h>
#include <string.h>

static const uint8_t mean_colour[3] = {124, 116, 104}; /* ImageNet's, 255 times */
enum { MEAN_GREY = 117 };

static uint8_t *pixel(const tw_picture *picture, int y, int x)
{
    return picture->pixels +
           ((size_t)y * (size_t)picture->width + (size_t)x) * (size_t)picture->channels;
}

tw_status tw_image__crop(tw_picture *out, const tw_picture *in, const tw_view *view, tw_error *err)
{
    const size_t n = (size_t)view->crop_width * (size_t)in->channels;
    tw_status rc = tw_picture_create(out, view->crop_height, view->crop_width, in->channels, err);

    if (rc)
        return rc;
    for (int y = 0; y < out->height; y++)
        memcpy(pixel(out, y, 0), pixel(in, view->crop_y + y, view->crop_x), n);
    return TW_OK;
}

/* ---- flips */

static void swap_pixels(uint8_t *a, uint8_t *b, int channels)
{
    for (int c = 0; c < channels; c++) {
        const uint8_t kept = a[c];
        a[c] = b[c];
        b[c] = kept;
    }
}

static void flip(tw_picture *picture)
{
    for (int y = 0; y < picture->height; y++)
        for (int x = 0; x < picture->width / 2; x++)
            swap_pixels(pixel(picture, y, x), pixel(picture, y, picture->width - 1 - x),
                        picture->channels);
}

static void flip_over(tw_picture *picture)
{
    for (int y = 0; y < picture->height / 2; y++)
        for (int x = 0; x < picture->width; x++)
            swap_pixels(pixel(picture, y, x), pixel(picture, picture->height - 1 - y, x),
                        picture->channels);
}

/* ---- the affine map */

/* From a place of the result to one of the picture: x' = m[0] x + m[1] y + m[2], y' likewise. */
static void make_matrix(double m[6], const tw_picture *picture, const tw_view *view)
{
    const double turn = view->angle * (3.141592653589793 / 180.0);
    const double cx = picture->width * 0.5, cy = picture->height * 0.5;

    m[0] = cos(turn) / view->zoom;
    m[1] = sin(turn) / view->zoom;
    m[3] = -sin(turn) / view->zoom;
    m[4] = cos(turn) / view->zoom;
    m[2] = m[0] * (-cx - view->shift_x) + m[1] * (-cy - view->shift_y) + cx;
    m[5] = m[3] * (-cx - view->shift_x) + m[4] * (-cy - view->shift_y) + cy;
}

static int clamp(int i, int n)
{
    return i < 0 ? 0 : (i < n ? i : n - 1);
}

/* Between the four pixels around (y,x), whose centres are at halves; cut off, as Pillow does. */
static void look_up(uint8_t *out, const tw_picture *in, double y, double x)
{
    const int row = (int)floor(y - 0.5), column = (int)floor(x - 0.5);
    const double dy = y - 0.5 - row, dx = x - 0.5 - column;
    const int x0 = clamp(column, in->width), x1 = clamp(column + 1, in->width);
    const uint8_t *above = pixel(in, clamp(row, in->height), 0);
    const uint8_t *below = row + 1 >= 0 && row + 1 < in->height ? pixel(in, row + 1, 0) : above;

    for (int c = 0; c < in->channels; c++) {
        const int left = x0 * in->channels + c, right = x1 * in->channels + c;
        const double upper = above[left] + (above[right] - above[left]) * dx;
        const double lower = below[left] + (below[right] - below[left]) * dx;

        out[c] = (uint8_t)(upper + (lower - upper) * dy);
    }
}

static tw_status transform(tw_picture *picture, const tw_view *view, tw_error *err)
{
    tw_status rc;
    tw_picture out;
    double m[6];

    if (view->angle == 0.0 && view->zoom == 1.0 && view->shift_x == 0 && view->shift_y == 0)
        return TW_OK;
    if ((rc = tw_picture_create(&out, picture->height, picture->width, picture->channels, err)))
        return rc;
    make_matrix(m, picture, view);
    for (int i = 0; i < out.height; i++)
        for (int j = 0; j < out.width; j++) {
            const double x = m[0] * (j + 0.5) + m[1] * (i + 0.5) + m[2];
            const double y = m[3] * (j + 0.5) + m[4] * (i + 0.5) + m[5];

            if (x >= 0.0 && y >= 0.0 && x < picture->width && y < picture->height)
                look_up(pixel(&out, i, j), picture, y, x);
            else
                memset(pixel(&out, i, j), 0, (size_t)out.channels);
        }
    tw_picture_free(picture);
    *picture = out;
    return TW_OK;
}

/* ---- the rest */

static void erase(tw_picture *picture, const tw_view *view)
{
    for (int y = view->erase_y; y < view->erase_y + view->erase_height; y++)
        for (int x = view->erase_x; x < view->erase_x + view->erase_width; x++) {
            if (picture->channels == 3)
                memcpy(pixel(picture, y, x), mean_colour, sizeof mean_colour);
            else
                *pixel(picture, y, x) = MEAN_GREY;
        }
}

tw_status tw_image__change(tw_picture *picture, const tw_view *view, tw_error *err)
{
    tw_status rc;

    if (view->flip)
        flip(picture);
    if (view->vflip)
        flip_over(picture);
    if ((rc = transform(picture, view, err)))
        return rc;
    for (int i = 0; i < TW_N_JITTER; i++) {
        const tw_jitter which = (tw_jitter)view->order[i];

        if (view->factor[which] != (which == TW_JITTER_HUE ? 0.0 : 1.0))
            tw_image__jitter(picture, which, view->factor[which]);
    }
    erase(picture, view);
    return TW_OK;
}
