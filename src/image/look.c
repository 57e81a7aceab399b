/*
 * dHash: the picture made grey and averaged to 9x8, a bit for each pair of neighbours in a row that
 * says which is lighter. Pictures saved again, resized or made a little lighter keep nearly all
 * bits.
 */
#include "image/image.h"

enum { ROWS = 8, COLUMNS = 9, LEAST_STEPS = 8 };

tw_status tw_picture_look(uint64_t *out, bool *tells, const tw_picture *picture, tw_error *err)
{
    tw_picture small, grey;
    int n_steps = 0;
    tw_status rc = tw_picture_resize(&small, picture, ROWS, COLUMNS, TW_AREA, err);

    *out = 0;
    *tells = false;
    if (rc)
        return rc;
    rc = tw_picture_to_grey(&grey, &small, err);
    tw_picture_free(&small);
    if (rc)
        return rc;
    for (int i = 0; i < ROWS * (COLUMNS - 1); i++) {
        const uint8_t *pair = grey.pixels + i / (COLUMNS - 1) * COLUMNS + i % (COLUMNS - 1);
        *out = *out << 1 | (pair[0] < pair[1]);
        n_steps += pair[0] != pair[1];
    }
    *tells = n_steps >= LEAST_STEPS;
    tw_picture_free(&grey);
    return TW_OK;
}
