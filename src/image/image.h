/* Pictures inside the library: making one, PNG in memory, decoding from memory, the colour steps.
 */
#ifndef TW_IMAGE_IMAGE_H
#define TW_IMAGE_IMAGE_H

#include <tw/image.h>

/* A picture with room for its pixels (not cleared). Expected: TW_EFILE (more than the pixel budget
 * of 64 million), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_picture_create(tw_picture *out, int height, int width, int channels,
                                          tw_error *err);

/* Decodes a PNG or JPEG from memory, told by its first bytes; `name` is what the sentences call it.
 * Result as tw_picture_read. */
TW_MUST_CHECK tw_status tw_picture_decode(tw_picture *out, const uint8_t *bytes, size_t n,
                                          const char *name, tw_error *err);

/* An 8-bit PNG in memory, *n_out bytes of it. Caller frees *out with tw_free. Expected: TW_ENOMEM.
 */
TW_MUST_CHECK tw_status tw_picture_encode_png(void **out, size_t *n_out, const tw_picture *picture,
                                              tw_error *err);

/* Grey by BT.601 in 15-bit fixed point, as cv2.cvtColor(RGB2GRAY) rounds it: (9798 R + 19235 G +
 * 3735 B + 2^14) >> 15. A grey picture is copied. */
TW_MUST_CHECK tw_status tw_picture_to_grey(tw_picture *out, const tw_picture *in, tw_error *err);
/* Three channels: grey is repeated, rgb is copied. */
TW_MUST_CHECK tw_status tw_picture_to_rgb(tw_picture *out, const tw_picture *in, tw_error *err);

#endif
