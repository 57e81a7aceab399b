/*
 * The HDF5 subset that Keras's weight files use, as the files of the reader share it: superblock
 * v0, object headers v1, symbol-table groups, attributes v1 to v3, contiguous data. Everything else
 * is refused by name. Source: HDF5 File Format Specification, version 3.
 */
#ifndef TW_FORMAT_H5_INT_H
#define TW_FORMAT_H5_INT_H

#include "format/weights.h"

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct tw_h5_file {
    const uint8_t *data;
    uint64_t size;
    const char *path;
    uint64_t *work_left; /* entries and messages to be looked at yet: bounds any file's time */
    uint64_t *room_left; /* bytes that names and tensors may still take: bounds its memory */
} tw_h5_file;

/* What an allocation takes beside its bytes, at most. */
enum { TW_FORMAT__H5_BLOCK = 32 };

/* Takes n of the work, n bytes of the room; a sentence when they are not there. */
tw_status tw_format__h5_take_work(const tw_h5_file *file, const char *object, uint64_t n,
                                  tw_error *err);
tw_status tw_format__h5_take_room(const tw_h5_file *file, const char *object, uint64_t n,
                                  tw_error *err);
/* Little-endian number of n <= 8 bytes at `at`; false when it does not lie inside the file. */
bool tw_format__h5_number(uint64_t *out, const tw_h5_file *file, uint64_t at, int n);
/* Whether n bytes at `at` lie inside the file. */
bool tw_format__h5_inside(const tw_h5_file *file, uint64_t at, uint64_t n);
tw_status tw_format__h5_broken(const tw_h5_file *file, const char *object, const char *what,
                               uint64_t at, tw_error *err);

/* What an object header says. `object` names it in sentences. */
typedef struct tw_h5_object {
    bool is_group, is_dataset;
    bool is_opaque;       /* its numbers are opaque bytes (bfloat16) */
    uint64_t btree, heap; /* of a group */
    tw_dtype dtype;       /* of a dataset: TW_F32, TW_F64, TW_F16 or TW_BF16 */
    tw_shape shape;
    uint64_t data_at, data_bytes;
} tw_h5_object;

/* One attribute: where its parts lie in the file. */
typedef struct tw_h5_attribute {
    bool found;
    int class_id;       /* of its datatype: 3 fixed string, 9 variable-length string */
    uint64_t item_size; /* bytes of an element */
    uint64_t n_items;
    uint64_t data_at;
} tw_h5_attribute;

tw_status tw_format__h5_open_root(uint64_t *root, const tw_h5_file *file, tw_error *err);
tw_status tw_format__h5_object(tw_h5_object *out, const tw_h5_file *file, uint64_t header,
                               const char *object, tw_error *err);
/* out->found is false when there is none of that name. */
tw_status tw_format__h5_attribute(tw_h5_attribute *out, const tw_h5_file *file, uint64_t header,
                                  const char *object, const char *name, tw_error *err);
/* Header of the member `name` (n letters) of a group; *found tells. */
tw_status tw_format__h5_member(uint64_t *header, bool *found, const tw_h5_file *file,
                               const tw_h5_object *group, const char *object, const char *name,
                               size_t n, tw_error *err);
/* The members of a group, in byte order of their names; what is there is the caller's to free, also
 * on failure. */
typedef struct tw_h5_member {
    char *name;
    uint64_t header;
} tw_h5_member;
typedef struct tw_h5_members {
    tw_h5_member *items;
    size_t n;
} tw_h5_members;
tw_status tw_format__h5_list(tw_h5_members *out, const tw_h5_file *file, const tw_h5_object *group,
                             const char *object, tw_error *err);
void tw_format__h5_free_members(tw_h5_members *members);

/* Item i of a string attribute, allocated. */
tw_status tw_format__h5_string(char **out, const tw_h5_file *file, const tw_h5_attribute *attribute,
                               uint64_t i, const char *object, tw_error *err);

/* ---- whole files */

/* Whose a tensor is: a layer, and which of its weights. */
typedef struct tw_h5_place {
    const char *layer;
    size_t n_layer;
    int slot;
} tw_h5_place;

/* A dataset's numbers as one more tensor of `out`. */
tw_status tw_format__h5_add(tw_weight_file *out, const tw_h5_file *file,
                            const tw_h5_object *dataset, const tw_h5_place *whose, const char *name,
                            tw_error *err);
/* Any Keras weights that lie in `data`, which lives as long as `out`. */
tw_status tw_format__h5_read(tw_weight_file *out, const uint8_t *data, uint64_t size,
                             const char *path, tw_error *err);
/* Keras 3's .weights.h5: every "vars" group from the root on. */
tw_status tw_format__h5_walk(tw_weight_file *out, const tw_h5_file *file, uint64_t root,
                             tw_error *err);

#endif
