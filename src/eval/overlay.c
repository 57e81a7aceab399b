/*
 * Colours over a picture. The map is enlarged as pictures are (half a pixel from the edge is the
 * middle of the first place), and a colour covers the more, the more the map has there.
 */
#include "eval/overlay.h"

#include "image/image.h"

#include <math.h>

/* Where a pixel lies between two places. */
typedef struct between {
    int low, high;
    double share; /* of the high one */
} between;

static between place(int pixel, int n_pixels, int n_places)
{
    double at = (pixel + 0.5) * n_places / n_pixels - 0.5;
    int low = (int)floor(at);
    between out = {low < 0 ? 0 : low, low + 1 < n_places ? low + 1 : n_places - 1, at - low};

    return out;
}

static double read_map(const float *map, int width, between y, between x)
{
    double above = (1.0 - x.share) * (double)map[y.low * width + x.low] +
                   x.share * (double)map[y.low * width + x.high];
    double below = (1.0 - x.share) * (double)map[y.high * width + x.low] +
                   x.share * (double)map[y.high * width + x.high];

    return (1.0 - y.share) * above + y.share * below;
}

/* Blue, cyan, yellow, red: a third of the way each. */
static double colour_of(double value, int channel)
{
    static const double stops[4][3] = {{0, 0, 160}, {0, 200, 220}, {255, 220, 0}, {230, 0, 0}};
    double at = 3.0 * value;
    int i = at < 0.0 ? 0 : at < 2.0 ? (int)at : 2;

    return stops[i][channel] + (at - i) * (stops[i + 1][channel] - stops[i][channel]);
}

static uint8_t blend(uint8_t pixel, double value, int channel)
{
    double cover = 0.25 + 0.35 * value;

    return (uint8_t)lround((1.0 - cover) * pixel + cover * colour_of(value, channel));
}

tw_status tw_overlay_make(tw_picture *out, const tw_picture *picture, const float *map, int height,
                          int width, tw_error *err)
{
    tw_status rc = tw_picture_create(out, picture->height, picture->width, 3, err);
    uint8_t *to = out->pixels;
    const uint8_t *from = picture->pixels;

    if (rc)
        return rc;
    for (int y = 0; y < picture->height; y++) {
        between row = place(y, picture->height, height);

        for (int x = 0; x < picture->width; x++) {
            double value = read_map(map, width, row, place(x, picture->width, width));

            for (int c = 0; c < 3; c++)
                *to++ = blend(*from++, value, c);
        }
    }
    return TW_OK;
}
