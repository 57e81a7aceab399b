/*
 * Another layout of the same numbers, stated in the file itself. Metadata "layout" is JSON text, an
 * object with one member for each tensor that is not as topwork keeps it,
 *
 *     "features.0.weight": {"name": "block1_conv1/kernel", "shape": [3,3,3,64],
 *                           "dims": [3,3,3,64], "order": [3,2,0,1]}
 *
 * what topwork calls it, its shape there, those numbers as `dims`, and the order of these axes in
 * the file. A member with a name alone has another name and the same layout.
 */
#ifndef TW_FORMAT_LAYOUT_H
#define TW_FORMAT_LAYOUT_H

#include "base/json.h"
#include "format/weights.h"
#include "tensor/permute.h"

/* The member of one tensor; axes NULL: a name alone. NULL when memory ran out. */
tw_json *tw_layout_to_json(const char *name, const tw_shape *shape, const tw_axes *axes);

/* Gives the tensors of a file whose metadata has a layout their names and layout back, those that
 * need it in blocks of the file. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_layout_undo(tw_weight_file *file, tw_error *err);

#endif
