/*
 * Copying from a mirror on this machine. Its mark of a version is size and time of change.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 1 << 18 };

static tw_status copy_rest(tw_fetch__transfer *t, const tw_file *from, tw_error *err)
{
    tw_status rc = TW_OK;
    char *piece = tw_malloc(PIECE);

    if (!piece)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to copy it", t->url);
    while (!rc && t->part.size < from->size) {
        const int64_t left = from->size - t->part.size;
        const size_t n = left < PIECE ? (size_t)left : PIECE;

        if (!(rc = tw_file_pread(from, piece, n, t->part.size, err)))
            rc = tw_fetch__transfer_take(t, piece, n, err);
    }
    tw_free(piece);
    return rc;
}

tw_status tw_fetch__copy(tw_fetch__transfer *transfer, tw_error *err)
{
    tw_fetch__transfer *t = transfer;
    tw_status rc;
    tw_file from;
    char mark[64];
    int64_t offset = 0;

    if (!tw_path_exists(t->url)) {
        t->is_missing = true;
        return tw_fail(err, TW_EFILE, "%s: no such file", t->url);
    }
    if ((rc = tw_file_open(&from, t->url, err)))
        return rc;
    snprintf(mark, sizeof mark, "%lld bytes, %lld", (long long)from.size,
             (long long)tw_path_mtime(t->url));
    if (strcmp(mark, t->validator) == 0 && t->part.size <= from.size)
        offset = t->part.size;
    if (!(rc = tw_fetch__transfer_begin(t, offset, from.size, mark, err)))
        rc = copy_rest(t, &from, err);
    tw_file_close(&from);
    return rc;
}
