/* A picture from memory, decoded and read; for targets of picture formats. */
#ifndef TW_TESTS_FUZZ_PICTURE_BYTES_H
#define TW_TESTS_FUZZ_PICTURE_BYTES_H

#include "fuzz.h"

#include "image/image.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of a decoded picture of three channels; 0 where it is more than is ever decoded. */
static inline size_t fuzz_picture_bytes(size_t height, size_t width)
{
    const size_t budget = 64 << 20; /* pixels */

    return height > 0 && width > 0 && height <= budget / width ? 3 * height * width : 0;
}

static inline void fuzz_picture(const uint8_t *data, size_t n, size_t n_declared)
{
    tw_picture picture;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_picture_decode(&picture, data, n, "input", &err);
    if (!rc)
        fuzz_touch(picture.pixels,
                   (size_t)picture.height * (size_t)picture.width * (size_t)picture.channels);
    tw_picture_free(&picture);
    fuzz_end(n, n_declared);
    fuzz_clean(rc, &err, "input");
}

#endif
