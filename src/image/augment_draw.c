/*
 * Drawing what becomes of a picture: torchvision's get_params of each transform, with numbers of
 * the counter-based generator. Every parameter has a place of its own among the numbers of the key,
 * so that switching one thing on does not change what the others draw.
 */
#include "base/rng.h"
#include "image/image_int.h"

#include <math.h>

/* Places: of a rectangle four a try. */
enum {
    PLACE_FLIP,
    PLACE_VFLIP,
    PLACE_ANGLE,
    PLACE_SHIFT_X,
    PLACE_SHIFT_Y,
    PLACE_ZOOM,
    PLACE_ORDER,
    PLACE_FACTOR, /* one a factor */
    PLACE_ERASE = PLACE_FACTOR + TW_N_JITTER,
    PLACE_CROP_TRIES = 16,
    PLACE_ERASE_TRIES = 64,
    N_TRIES = 10
};

static double uniform(const tw_rng_key *key, uint64_t place, double least, double most)
{
    return least + (most - least) * (double)tw_rng_uniform(key, place);
}

/* A whole number from 0 to most. */
static int whole(const tw_rng_key *key, uint64_t place, int most)
{
    return (int)((double)tw_rng_uniform(key, place) * (most + 1));
}

typedef struct ranges {
    double area_least, area_most, ratio_least, ratio_most; /* ratio: width to height */
} ranges;

/* Sides of the rectangle of one try, whatever their size. */
static void draw_sides(int *height, int *width, const tw_rng_key *key, uint64_t place, double area,
                       const ranges *r)
{
    const double part = area * uniform(key, place, r->area_least, r->area_most);
    const double ratio = exp(uniform(key, place + 1, log(r->ratio_least), log(r->ratio_most)));

    *width = (int)lrint(sqrt(part * ratio));
    *height = (int)lrint(sqrt(part / ratio));
}

/* The largest part in the middle whose sides keep within the ratio. */
static void crop_middle(tw_view *out, int height, int width, const ranges *r)
{
    const double ratio = (double)width / (double)height;

    out->crop_width = width;
    out->crop_height = height;
    if (ratio < r->ratio_least)
        out->crop_height = (int)lrint(width / r->ratio_least);
    else if (ratio > r->ratio_most)
        out->crop_width = (int)lrint(height * r->ratio_most);
    out->crop_height = out->crop_height < 1 ? 1 : out->crop_height;
    out->crop_width = out->crop_width < 1 ? 1 : out->crop_width;
    out->crop_y = (height - out->crop_height) / 2;
    out->crop_x = (width - out->crop_width) / 2;
}

static void draw_crop(tw_view *out, const tw_augment *augment, int height, int width,
                      const tw_rng_key *key)
{
    const ranges r = {augment->crop_least, augment->crop_most, augment->ratio_least,
                      augment->ratio_most};

    if (augment->crop_least <= 0.0)
        return;
    for (uint64_t i = 0; i < N_TRIES; i++) {
        const uint64_t place = PLACE_CROP_TRIES + 4 * i;
        int h, w;

        draw_sides(&h, &w, key, place, (double)height * width, &r);
        if (w < 1 || w > width || h < 1 || h > height)
            continue;
        out->crop_height = h;
        out->crop_width = w;
        out->crop_y = whole(key, place + 2, height - h);
        out->crop_x = whole(key, place + 3, width - w);
        return;
    }
    crop_middle(out, height, width, &r);
}

/* Here torchvision's ratio is height to width, which the same numbers upside down are. */
static void draw_erased(tw_view *out, const tw_augment *augment, int height, int width,
                        const tw_rng_key *key)
{
    static const ranges r = {0.02, 0.33, 0.3, 3.3};

    if ((double)tw_rng_uniform(key, PLACE_ERASE) >= augment->erase)
        return;
    for (uint64_t i = 0; i < N_TRIES; i++) {
        const uint64_t place = PLACE_ERASE_TRIES + 4 * i;
        int h, w;

        draw_sides(&w, &h, key, place, (double)height * width, &r);
        if (h >= height || w >= width)
            continue;
        out->erase_height = h;
        out->erase_width = w;
        out->erase_y = whole(key, place + 2, height - h);
        out->erase_x = whole(key, place + 3, width - w);
        return;
    }
}

/* One of the 24 orders of the four factors. */
static void draw_order(tw_view *out, const tw_rng_key *key)
{
    int left = whole(key, PLACE_ORDER, 23);

    for (int i = 0; i < TW_N_JITTER; i++)
        out->order[i] = i;
    for (int i = TW_N_JITTER - 1; i > 0; i--) {
        const int k = left % (i + 1), kept = out->order[i];

        left /= i + 1;
        out->order[i] = out->order[k];
        out->order[k] = kept;
    }
}

static void draw_factors(tw_view *out, const tw_augment *augment, const tw_rng_key *key)
{
    for (int i = 0; i < TW_N_JITTER; i++) {
        const double reach = augment->jitter[i];
        const double middle = i == TW_JITTER_HUE ? 0.0 : 1.0;
        const double least = i == TW_JITTER_HUE ? -reach : fmax(0.0, middle - reach);

        out->factor[i] = middle;
        if (reach > 0.0)
            out->factor[i] = uniform(key, PLACE_FACTOR + (uint64_t)i, least, middle + reach);
    }
}

void tw_augment_draw(tw_view *out, const tw_augment *augment, const tw_contract *contract,
                     int height, int width, uint64_t seed, uint32_t number, uint64_t picture)
{
    const tw_rng_key key = tw_rng_make_key(seed, TW_RNG_AUGMENT, number, picture);
    const double far = augment->translate;

    *out = (tw_view){.zoom = 1.0};
    draw_crop(out, augment, height, width, &key);
    out->flip = (double)tw_rng_uniform(&key, PLACE_FLIP) < augment->flip;
    out->vflip = (double)tw_rng_uniform(&key, PLACE_VFLIP) < augment->vflip;
    if (augment->rotate > 0.0)
        out->angle = uniform(&key, PLACE_ANGLE, -augment->rotate, augment->rotate);
    if (augment->scale_least > 0.0)
        out->zoom = uniform(&key, PLACE_ZOOM, augment->scale_least, augment->scale_most);
    out->shift_x =
        (int)lrint(uniform(&key, PLACE_SHIFT_X, -far * contract->width, far * contract->width));
    out->shift_y =
        (int)lrint(uniform(&key, PLACE_SHIFT_Y, -far * contract->height, far * contract->height));
    draw_order(out, &key);
    draw_factors(out, augment, &key);
    draw_erased(out, augment, contract->height, contract->width, &key);
}
