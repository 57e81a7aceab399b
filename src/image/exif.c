/*
 * EXIF's orientation: found in the block, and applied. Everything else of EXIF is passed over. A
 * block that cannot be read says nothing, as with other programs: the pixels are whole without it.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "image/image_int.h"

#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, ENTRY_BYTES = 12 };

static uint32_t get(const uint8_t *p, int n_bytes, bool is_big)
{
    uint32_t value = 0;

    for (int i = 0; i < n_bytes; i++)
        value |= (uint32_t)p[i] << 8 * (is_big ? n_bytes - 1 - i : i);
    return value;
}

int tw_image__exif_orientation(const uint8_t *tiff, size_t n)
{
    bool is_big;
    size_t at, n_entries;

    if (n < 8 || (memcmp(tiff, "II*\0", 4) != 0 && memcmp(tiff, "MM\0*", 4) != 0))
        return 1;
    is_big = tiff[0] == 'M';
    at = get(tiff + 4, 4, is_big);
    if (at > n - 2)
        return 1;
    n_entries = get(tiff + at, 2, is_big);
    at += 2;
    for (; n_entries > 0 && n - at >= ENTRY_BYTES; n_entries--, at += ENTRY_BYTES) {
        const uint8_t *entry = tiff + at;
        uint32_t value;

        if (get(entry, 2, is_big) != TAG_ORIENTATION)
            continue;
        value = get(entry + 8, 2, is_big);
        return get(entry + 2, 2, is_big) == TYPE_SHORT && value >= 1 && value <= 8 ? (int)value : 1;
    }
    return 1;
}

tw_status tw_image__orient(tw_picture *picture, int orientation, tw_error *err)
{
    /* 5 to 8 swap rows and columns; then which ends are exchanged */
    const bool swaps = orientation >= 5;
    const bool flip_y =
        orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    const bool flip_x =
        orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    const size_t channels = (size_t)picture->channels, width = (size_t)picture->width;
    tw_picture out;
    tw_status rc;

    if (orientation == 1)
        return TW_OK;
    if ((rc = tw_picture_create(&out, swaps ? picture->width : picture->height,
                                swaps ? picture->height : picture->width, picture->channels, err)))
        return rc;
    for (int i = 0; i < out.height; i++)
        for (int j = 0; j < out.width; j++) {
            const int row = swaps ? j : i, column = swaps ? i : j;
            const size_t y = (size_t)(flip_y ? picture->height - 1 - row : row);
            const size_t x = (size_t)(flip_x ? picture->width - 1 - column : column);
            memcpy(out.pixels + ((size_t)i * (size_t)out.width + (size_t)j) * channels,
                   picture->pixels + (y * width + x) * channels, channels);
        }
    tw_picture_free(picture);
    *picture = out;
    return TW_OK;
}
