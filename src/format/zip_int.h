/* What the readers of weights in a zip share. */
#ifndef TW_FORMAT_ZIP_INT_H
#define TW_FORMAT_ZIP_INT_H

#include "format/arrays_int.h"
#include "format/weights.h"

/* A zip of weights: all its members, in order of their place. */
typedef struct tw_format__archive {
    tw_file file; /* borrows the map of the weights */
    tw_format__zip zip;
    tw_format__member *members;
} tw_format__archive;

/* The member of that name, NULL where there is none. */
const tw_format__member *tw_format__archive_find(const tw_format__archive *archive,
                                                 const char *name);
/* The bytes of a member: in the map, or inflated into a block of `out`; its checksum is compared.
 * `name` is what sentences call it. */
TW_MUST_CHECK tw_status tw_format__archive_bytes(const uint8_t **bytes, tw_weight_file *out,
                                                 const tw_format__archive *archive,
                                                 const tw_format__member *member, const char *name,
                                                 tw_error *err);

/* .keras: model.weights.h5 and the layers' names in config.json. */
TW_MUST_CHECK tw_status tw_format__keras_read(tw_weight_file *out,
                                              const tw_format__archive *archive, tw_error *err);
/* torch.save since 1.6: STEM/data.pkl and the numbers beside it. */
TW_MUST_CHECK tw_status tw_format__torch_read(tw_weight_file *out,
                                              const tw_format__archive *archive, tw_error *err);
/* Every member an array of the name that it has without .npy. */
TW_MUST_CHECK tw_status tw_format__npz_read(tw_weight_file *out, const tw_format__archive *archive,
                                            tw_error *err);

#endif
