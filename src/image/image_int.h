/* What the files of this room share. */
#ifndef TW_IMAGE_IMAGE_INT_H
#define TW_IMAGE_IMAGE_INT_H

#include "image/image.h"

/* A file to be decoded, and where to note what is noticed of it. */
typedef struct tw_image__input {
    const uint8_t *bytes;
    size_t n;
    const char *name; /* what the sentences call it */
    tw_picture_facts *facts;
    const tw_contract *contract; /* what it is decoded for; NULL: nothing, all pixels */
} tw_image__input;

/* One row a format that is known. */
typedef struct tw_image__format {
    const char *name;
    const char *extensions; /* "jpg,jpeg," */
    bool (*recognise)(const uint8_t *bytes, size_t n);
    /* NULL: known and not read */
    tw_status (*decode)(tw_picture *out, const tw_image__input *in, tw_error *err);
    const char *lacks; /* then: the library that this build lacks; NULL: no build reads it */
} tw_image__format;

/* select.c: row i, NULL after the last */
const tw_image__format *tw_image__get_format(int i);

tw_status tw_image__decode_png(tw_picture *out, const tw_image__input *in, tw_error *err);
tw_status tw_image__decode_jpeg(tw_picture *out, const tw_image__input *in, tw_error *err);
tw_status tw_image__decode_webp(tw_picture *out, const tw_image__input *in, tw_error *err);
tw_status tw_image__decode_bmp(tw_picture *out, const tw_image__input *in, tw_error *err);
tw_status tw_image__decode_pnm(tw_picture *out, const tw_image__input *in, tw_error *err);

/* TW_EFILE, naming the file, unless the size is within the pixel budget. */
tw_status tw_image__check_size(const tw_image__input *in, int64_t height, int64_t width,
                               tw_error *err);
/* tw_picture_create whose sentence names the file. */
tw_status tw_image__create(tw_picture *out, const tw_image__input *in, int64_t height,
                           int64_t width, int channels, tw_error *err);

/* value * alpha / 255, rounded: what black shows through. */
static inline uint8_t tw_image__on_black(uint8_t value, uint8_t alpha)
{
    return (uint8_t)((value * alpha + 127) / 255);
}

/* contract.c: 1, 2, 4 or 8: by how much less high and wide a JPEG of height x width pixels
 * (upright) is decoded for the contract. */
int tw_image__jpeg_divisor(const tw_contract *contract, int64_t height, int64_t width);

/* Turns (H,W,4) RGBA into (H,W,3) on black, in place. */
void tw_image__drop_alpha(tw_picture *picture);

/* exif.c: orientation 1 to 8 from a TIFF header and its first directory; 1 where it says none or
 * cannot be read. */
int tw_image__exif_orientation(const uint8_t *tiff, size_t n);
/* Turns the picture upright. Expected: TW_ENOMEM. */
tw_status tw_image__orient(tw_picture *picture, int orientation, tw_error *err);

/* The Keys kernel with A = -0.75 at fraction f in [0,1): weights of the four pixels around, in
 * float and in OpenCV's order of operations. */
void tw_image__cubic_weights(float out[4], float f);

/* Resizers: out has its size and channels already. */
tw_status tw_image__resize_cubic(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_cubic_float(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_bilinear(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_nearest(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_bilinear_aa(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_cubic_aa(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_area(tw_picture *out, const tw_picture *in, tw_error *err);
/* INTER_LINEAR's arithmetic with the places of INTER_AREA, which enlarges so. */
tw_status tw_image__resize_area_up(tw_picture *out, const tw_picture *in, tw_error *err);

/* augment_apply.c, jitter.c: pure functions of the picture and of what was drawn. */

/* The part that the view keeps. Caller frees. Expected: TW_ENOMEM. */
tw_status tw_image__crop(tw_picture *out, const tw_picture *in, const tw_view *view, tw_error *err);
/* All that comes after the resize. Expected: TW_ENOMEM. */
tw_status tw_image__change(tw_picture *picture, const tw_view *view, tw_error *err);
/* One factor, in place. */
void tw_image__jitter(tw_picture *picture, tw_jitter which, double factor);

#endif
