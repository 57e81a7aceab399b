/* The bytes of a file, unpacked where it is gzip, streamed: memory of one piece. */
#ifndef TW_FORMAT_GZIP_H
#define TW_FORMAT_GZIP_H

#include <tw/error.h>

#include <stddef.h>
#include <stdint.h>

/* Gets the next n bytes; a status other than TW_OK ends the scan. */
typedef tw_status (*tw_gzip_visit)(void *ctx, const void *bytes, size_t n, tw_error *err);

/* Hands all bytes to `visit`, in order. A gzip file (told by content) is inflated and checked by
 * its own checksum; any other file is taken as it is. More than `limit` bytes are TW_EFILE.
 * Expected: TW_EFILE, TW_ENOMEM and what visit returns. */
TW_MUST_CHECK tw_status tw_gzip_scan(const char *path, int64_t limit, tw_gzip_visit visit,
                                     void *ctx, tw_error *err);

#endif
