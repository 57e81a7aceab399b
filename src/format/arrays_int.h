/*
 * What the readers of arrays share: inflating as a stream, members of a zip, the header of .npy.
 * Sizes that a file declares are believed only up to 1,032 times its compressed bytes, which is
 * what deflate can reach at best.
 */
#ifndef TW_FORMAT_ARRAYS_INT_H
#define TW_FORMAT_ARRAYS_INT_H

#include "format/arrays.h"

#include <stdbool.h>

enum { TW_FORMAT__DEFLATE_RATIO = 1032, TW_FORMAT__NPY_HEADER_MAX = 10000 };

/* ---- inflate.c */

/* One deflate stream that lies at [offset, offset + n_in) of a file, pulled piece by piece. */
typedef struct tw_format__inflater tw_format__inflater;

typedef enum tw_format__wrapping {
    TW_FORMAT__RAW, /* zip: the sizes and the checksum are the caller's to compare */
    TW_FORMAT__GZIP /* with header and trailer, checked; several members in a row are one stream */
} tw_format__wrapping;

/* file and name (for sentences) are borrowed until close. */
TW_MUST_CHECK tw_status tw_format__inflater_open(tw_format__inflater **out, const tw_file *file,
                                                 int64_t offset, int64_t n_in,
                                                 tw_format__wrapping wrapping, const char *name,
                                                 tw_error *err);
/* *got is less than n only when the stream ended there, whole and with no input left over. */
TW_MUST_CHECK tw_status tw_format__inflater_read(tw_format__inflater *inflater, void *out, size_t n,
                                                 size_t *got, tw_error *err);
void tw_format__inflater_close(tw_format__inflater *inflater);

/* Whether n_in compressed bytes can hold n_out. */
bool tw_format__can_inflate(int64_t n_out, int64_t n_in);

/* Moves exactly n_out bytes of the stream to the end of the spool and their CRC-32 into *crc; the
 * stream must end there. Stops one byte after n_out. */
TW_MUST_CHECK tw_status tw_format__spool(tw_file *spool, uint32_t *crc,
                                         tw_format__inflater *inflater, int64_t n_out,
                                         const char *name, tw_error *err);

/* The same into memory that has room for n_out bytes. */
TW_MUST_CHECK tw_status tw_format__inflate(uint8_t *out, uint32_t *crc,
                                           tw_format__inflater *inflater, int64_t n_out,
                                           const char *name, tw_error *err);

/* Goes on with the CRC-32 *crc (0 to begin with) over file[offset, offset + n). */
TW_MUST_CHECK tw_status tw_format__crc32(uint32_t *crc, const tw_file *file, int64_t offset,
                                         int64_t n, tw_error *err);

/* ---- zip.c */

typedef struct tw_format__zip {
    const tw_file *file;      /* borrowed */
    uint8_t *directory;       /* the central directory as it lies in the file */
    int64_t directory_offset; /* in the file; members end before it */
    int64_t directory_n_bytes;
    int64_t n_members;
} tw_format__zip;

typedef struct tw_format__member {
    const char *name; /* not terminated, borrowed from the zip */
    size_t name_n;
    unsigned flags, method;
    uint32_t crc;
    int64_t n_packed, n_bytes;
    int64_t header_offset; /* local header */
    int64_t data_offset;   /* set by tw_format__zip_locate */
} tw_format__member;

/* Reads the central directory and checks that it is whole. file is borrowed until free. */
TW_MUST_CHECK tw_status tw_format__zip_open(tw_format__zip *out, const tw_file *file,
                                            tw_error *err);
void tw_format__zip_free(tw_format__zip *zip);
/* Finds a member; *found is false when there is none of that name. A name that is there twice is
 * TW_EFILE. */
TW_MUST_CHECK tw_status tw_format__zip_find(tw_format__member *out, bool *found,
                                            const tw_format__zip *zip, const char *name,
                                            tw_error *err);
/* The directory's entry after `entry` (NULL: the first one); NULL after the last. */
const uint8_t *tw_format__zip_next(const tw_format__zip *zip, const uint8_t *entry);
TW_MUST_CHECK tw_status tw_format__zip_member(tw_format__member *out, const tw_format__zip *zip,
                                              const uint8_t *entry, tw_error *err);
/* The names of all members, ", " between them, into buf (shortened with "..."). Returns buf. */
char *tw_format__zip_names(char *buf, size_t buf_size, const tw_format__zip *zip);
/* Checks the local header against the directory and sets member->data_offset. */
TW_MUST_CHECK tw_status tw_format__zip_locate(tw_format__member *member, const tw_format__zip *zip,
                                              tw_error *err);

/* ---- zip_list.c */

/* All members, located, in order of their place in the file: zip->n_members of them. Names without
 * a letter or with a zero byte, a name that is there twice, members that overlap: TW_EFILE. Free
 * with tw_free. */
TW_MUST_CHECK tw_status tw_format__zip_list(tw_format__member **out, const tw_format__zip *zip,
                                            tw_error *err);

/* ---- npy.c */

typedef struct tw_format__npy {
    tw_dtype dtype;
    int is_unsigned;
    int big_endian;
    int fortran_order;
    tw_shape shape;
    int64_t data_offset;
} tw_format__npy;

/* Parses the start of a .npy: head[0..n) are its first bytes, at most 12 + 10,000 are looked at.
 * Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_format__npy_parse(tw_format__npy *out, const uint8_t *head, size_t n,
                                             const char *name, tw_error *err);

/* ---- later.c */

/* Records that follow n_skip bytes of array->file, which is gzip, and are n_bytes when they are
 * inflated. Sets array->later. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_format__later_create(tw_array_file *array, int64_t n_skip,
                                                int64_t n_bytes, tw_error *err);
void tw_format__later_free(tw_array_later *later);
/* Where the records are once they are loaded. */
const tw_file *tw_format__later_spool(const tw_array_later *later);

/* ---- arrays.c */

/* Fills record_bytes and *n_bytes of the whole data from dtype and shape; false when that
 * overflows. */
bool tw_format__array_sizes(tw_array_file *array, int64_t *n_bytes);

#endif
