/*
 * A map of few places over a picture of many pixels.
 */
#ifndef TW_EVAL_OVERLAY_H
#define TW_EVAL_OVERLAY_H

#include <tw/error.h>
#include <tw/image.h>

/* The RGB picture with map (height, width), 0 to 1, over it: linear between the places' middles,
 * blue where there is least, red where there is most. Caller frees. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_overlay_make(tw_picture *out, const tw_picture *picture,
                                        const float *map, int height, int width, tw_error *err);

#endif
