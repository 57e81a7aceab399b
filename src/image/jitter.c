/*
 * ColorJitter's four factors as torchvision applies them to PIL pictures, to the bit: brightness,
 * contrast and saturation are Pillow's Image.blend (libImaging/Blend.c) from black, from the mean
 * grey and from the picture in grey; hue is turned in Pillow's 8-bit HSV (libImaging/Convert.c).
 * Saturation and hue leave a grey picture as it is.
 */
#include "image/image_int.h"

#include <math.h>

/* ---- blends: factor 0 is `from`, 1 is the value, beyond that it goes on */

static uint8_t blend(uint8_t from, uint8_t value, float factor)
{
    const float mixed = (float)from + factor * (float)((int)value - (int)from);

    if (mixed <= 0.0f)
        return 0;
    return mixed >= 255.0f ? 255 : (uint8_t)mixed;
}

static size_t count_pixels(const tw_picture *picture)
{
    return (size_t)picture->height * (size_t)picture->width;
}

/* Pillow's L: BT.601 in 16-bit fixed point. */
static uint8_t luma(const uint8_t *p, int channels)
{
    return channels == 1 ? p[0]
                         : (uint8_t)((19595 * p[0] + 38470 * p[1] + 7471 * p[2] + 0x8000) >> 16);
}

static void blend_from(tw_picture *picture, uint8_t from, float factor)
{
    const size_t n = count_pixels(picture) * (size_t)picture->channels;

    for (size_t i = 0; i < n; i++)
        picture->pixels[i] = blend(from, picture->pixels[i], factor);
}

static uint8_t mean_luma(const tw_picture *picture)
{
    const size_t n = count_pixels(picture);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += luma(picture->pixels + i * (size_t)picture->channels, picture->channels);
    return (uint8_t)((double)sum / (double)n + 0.5);
}

static void saturate(tw_picture *picture, float factor)
{
    const size_t n = count_pixels(picture);

    if (picture->channels == 1)
        return;
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = picture->pixels + 3 * i;
        const uint8_t grey = luma(p, 3);

        for (int c = 0; c < 3; c++)
            p[c] = blend(grey, p[c], factor);
    }
}

/* ---- hue */

/* Hue, saturation, value of 0..255 each. */
static void to_hsv(uint8_t hsv[3], const uint8_t rgb[3])
{
    const uint8_t r = rgb[0], g = rgb[1], b = rgb[2];
    const uint8_t most = r > g ? (r > b ? r : b) : (g > b ? g : b);
    const uint8_t least = r < g ? (r < b ? r : b) : (g < b ? g : b);
    const float range = (float)(most - least);
    float red, green, blue, hue;

    hsv[0] = hsv[1] = 0;
    hsv[2] = most;
    if (most == least)
        return;
    red = (float)(most - r) / range;
    green = (float)(most - g) / range;
    blue = (float)(most - b) / range;
    if (r == most)
        hue = blue - green;
    else if (g == most)
        hue = (float)(2.0 + (double)red - (double)blue);
    else
        hue = (float)(4.0 + (double)green - (double)red);
    hue = (float)fmod((double)hue / 6.0 + 1.0, 1.0);
    hsv[0] = (uint8_t)((double)hue * 255.0);
    hsv[1] = (uint8_t)((double)(range / (float)most) * 255.0);
}

static void to_rgb(uint8_t rgb[3], const uint8_t hsv[3])
{
    /* which of v, p, q, t each channel is, by the sixth of the circle */
    static const uint8_t places[6][3] = {{0, 3, 1}, {2, 0, 1}, {1, 0, 3},
                                         {1, 2, 0}, {3, 1, 0}, {0, 1, 2}};
    const double hue = (double)((float)hsv[0] * 6.0f) / 255.0;
    const int sixth = (int)floor(hue);
    const double rest = (double)(float)(hue - sixth);
    const double s = (double)(float)((double)hsv[1] / 255.0), v = (double)hsv[2];
    const uint8_t made[4] = {hsv[2], (uint8_t)round(v * (1.0 - s)),
                             (uint8_t)round(v * (1.0 - s * rest)),
                             (uint8_t)round(v * (1.0 - s * (1.0 - rest)))};

    for (int c = 0; c < 3; c++)
        rgb[c] = made[places[sixth % 6][c]];
}

static void turn_hue(tw_picture *picture, double share)
{
    const size_t n = count_pixels(picture);
    const uint8_t turn = (uint8_t)(int)(share * 255.0);

    if (picture->channels == 1)
        return;
    for (size_t i = 0; i < n; i++) {
        uint8_t hsv[3];

        to_hsv(hsv, picture->pixels + 3 * i);
        hsv[0] = (uint8_t)(hsv[0] + turn);
        to_rgb(picture->pixels + 3 * i, hsv);
    }
}

void tw_image__jitter(tw_picture *picture, tw_jitter which, double factor)
{
    switch (which) {
    case TW_JITTER_BRIGHTNESS:
        blend_from(picture, 0, (float)factor);
        break;
    case TW_JITTER_CONTRAST:
        blend_from(picture, mean_luma(picture), (float)factor);
        break;
    case TW_JITTER_SATURATION:
        saturate(picture, (float)factor);
        break;
    default:
        turn_hue(picture, factor);
        break;
    }
}
