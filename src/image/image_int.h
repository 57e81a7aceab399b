/* What the files of this room share. */
#ifndef TW_IMAGE_IMAGE_INT_H
#define TW_IMAGE_IMAGE_INT_H

#include "image/image.h"

tw_status tw_image__decode_png(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                               tw_error *err);
tw_status tw_image__decode_jpeg(tw_picture *out, const uint8_t *bytes, size_t n, const char *name,
                                tw_error *err);

/* The Keys kernel with A = -0.75 at fraction f in [0,1): weights of the four pixels around, in
 * float and in OpenCV's order of operations. */
void tw_image__cubic_weights(float out[4], float f);

/* Resizers: out has its size and channels already. */
tw_status tw_image__resize_cubic(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_cubic_float(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_bilinear(tw_picture *out, const tw_picture *in, tw_error *err);
tw_status tw_image__resize_nearest(tw_picture *out, const tw_picture *in, tw_error *err);

#endif
