/*
 * Files that hold one array of records: IDX (plain or gzip) and .npy members of an .npz. A record
 * is one step along the first dimension. Compressed files are inflated once into an unlinked
 * temporary file, so memory stays constant; a bomb is told from the sizes before and while
 * inflating. That is done at opening, or, where the caller says so, when a record is asked for.
 */
#ifndef TW_FORMAT_ARRAYS_H
#define TW_FORMAT_ARRAYS_H

#include "base/file.h"

#include <tw/error.h>
#include <tw/tensor.h>

/* Records that are inflated when one is asked for. */
typedef struct tw_array_later tw_array_later;

typedef struct tw_array_file {
    tw_file file;        /* the file itself, or its spool */
    int64_t data_offset; /* of the first number */
    tw_dtype dtype;
    tw_shape shape;        /* rank >= 1 */
    int big_endian;        /* IDX, and .npy that say '>' */
    int is_unsigned;       /* .npy of u2, u4, u8: dtype is the signed one of that size */
    int64_t record_bytes;  /* bytes of one step of dims[0] */
    const char *format;    /* "IDX", "IDX, gzip", "npz" */
    char *name;            /* path, or "path:member", for sentences */
    tw_array_later *later; /* of a gzip file, its spool; NULL: the records lie in `file` */
} tw_array_file;

/* Opens an IDX file, plain or .gz (told by content). Checks magic, type, sizes against the file's
 * length, trailing bytes. Expected: TW_EFILE, TW_EBUDGET (spool disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_idx_open(tw_array_file *out, const char *path, tw_error *err);
/* The same, but of a gzip file the header alone is inflated and checked here, its records by
 * tw_array_load or the first tw_array_read. */
TW_MUST_CHECK tw_status tw_idx_open_later(tw_array_file *out, const char *path, tw_error *err);

/* Opens member "x_train" (".npy" is added) of an .npz, stored or deflated. A member that is missing
 * is TW_EFILE naming the members there are. */
TW_MUST_CHECK tw_status tw_npz_open(tw_array_file *out, const char *path, const char *member,
                                    tw_error *err);
/* 1 when the .npz has the member. */
TW_MUST_CHECK tw_status tw_npz_has(int *out, const char *path, const char *member, tw_error *err);

void tw_array_file_close(tw_array_file *array);

/* Inflates and checks records that have not been yet. Thread-safe. Expected: TW_EFILE (damaged, or
 * changed since the file was opened), TW_EBUDGET (spool disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_array_load(const tw_array_file *array, tw_error *err);

/* Reads records [first, first+n) as they lie in the file. Thread-safe. */
TW_MUST_CHECK tw_status tw_array_read(const tw_array_file *array, void *out, int64_t first,
                                      int64_t n, tw_error *err);

/* Writing .npy (version 1.0), streamed: the header says dims, the data follows in order. */
TW_MUST_CHECK tw_status tw_npy_write_header(tw_writer *writer, tw_dtype dtype,
                                            const tw_shape *shape, tw_error *err);

#endif
