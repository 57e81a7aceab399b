/*
 * Grey and RGB.
 */
#include "image/image_int.h"

#include <string.h>

tw_status tw_picture_to_grey(tw_picture *out, const tw_picture *in, tw_error *err)
{
    size_t n = (size_t)in->height * (size_t)in->width;
    tw_status rc = tw_picture_create(out, in->height, in->width, 1, err);

    if (rc)
        return rc;
    if (in->channels == 1) {
        memcpy(out->pixels, in->pixels, n);
        return TW_OK;
    }
    for (size_t i = 0; i < n; i++) {
        const uint8_t *p = in->pixels + 3 * i;
        out->pixels[i] = (uint8_t)((9798 * p[0] + 19235 * p[1] + 3735 * p[2] + (1 << 14)) >> 15);
    }
    return TW_OK;
}

tw_status tw_picture_to_rgb(tw_picture *out, const tw_picture *in, tw_error *err)
{
    size_t n = (size_t)in->height * (size_t)in->width;
    tw_status rc = tw_picture_create(out, in->height, in->width, 3, err);

    if (rc)
        return rc;
    if (in->channels == 3)
        memcpy(out->pixels, in->pixels, 3 * n);
    else
        for (size_t i = 0; i < 3 * n; i++)
            out->pixels[i] = in->pixels[i / 3];
    return TW_OK;
}
