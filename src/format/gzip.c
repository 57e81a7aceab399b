/*
 * A file's unpacked bytes as a stream; see gzip.h. A bomb ends where the limit is, whatever its
 * sizes say.
 */
#include "format/gzip.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"

enum { PIECE = 64 * 1024 };

/* Where pieces come from: the inflater, or the file itself where there is none. */
typedef struct stream {
    tw_file file;
    tw_format__inflater *inflater;
    int64_t offset; /* bytes handed out */
} stream;

static tw_status is_gzip(bool *out, const tw_file *file, tw_error *err)
{
    uint8_t magic[2] = {0};
    tw_status rc = TW_OK;

    if (file->size >= 2)
        rc = tw_file_pread(file, magic, sizeof magic, 0, err);
    *out = magic[0] == 0x1f && magic[1] == 0x8b;
    return rc;
}

/* *got is 0 at the end. */
static tw_status next_piece(size_t *got, void *out, stream *s, tw_error *err)
{
    const int64_t left = s->file.size - s->offset;
    tw_status rc;

    if (s->inflater) {
        rc = tw_format__inflater_read(s->inflater, out, PIECE, got, err);
    } else {
        *got = left < PIECE ? (size_t)left : PIECE;
        rc = *got ? tw_file_pread(&s->file, out, *got, s->offset, err) : TW_OK;
    }
    s->offset += (int64_t)*got;
    return rc;
}

static tw_status scan(stream *s, int64_t limit, tw_gzip_visit visit, void *ctx, tw_error *err)
{
    uint8_t *piece = tw_malloc(PIECE);
    size_t got = 1;
    tw_status rc = TW_OK;

    if (!piece)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to read it", s->file.path);
    while (!rc && got > 0) {
        if ((rc = next_piece(&got, piece, s, err)))
            break;
        if (s->offset > limit)
            rc = tw_fail(err, TW_EFILE, "%s: unpacks to more than the %lld bytes due", s->file.path,
                         (long long)limit);
        else if (got > 0)
            rc = visit(ctx, piece, got, err);
    }
    tw_free(piece);
    return rc;
}

tw_status tw_gzip_scan(const char *path, int64_t limit, tw_gzip_visit visit, void *ctx,
                       tw_error *err)
{
    stream s = {.file = {.fd = -1}};
    bool packed;
    tw_status rc;

    if ((rc = tw_file_open(&s.file, path, err)))
        return rc;
    if (!(rc = is_gzip(&packed, &s.file, err)) && packed)
        rc = tw_format__inflater_open(&s.inflater, &s.file, 0, s.file.size, TW_FORMAT__GZIP, path,
                                      err);
    if (!rc)
        rc = scan(&s, limit, visit, ctx, err);
    tw_format__inflater_close(s.inflater);
    tw_file_close(&s.file);
    return rc;
}
