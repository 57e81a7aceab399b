/*
 * Inflating as a stream: compressed bytes are read from the file in pieces, what comes out is
 * handed to the caller in pieces, so memory is constant whatever the sizes say.
 *
 * The only place of the room that knows zlib's stream. It trusts no size: the caller says how much
 * it wants, and the end of a stream counts only when its trailer is right and its input is used up.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"

#include <zlib.h>

enum { PIECE = 64 * 1024, RAW_WINDOW = -15, GZIP_WINDOW = 15 + 16 };

struct tw_format__inflater {
    z_stream z;
    const tw_file *file;
    const char *name;
    int64_t offset;    /* of the next byte to read */
    int64_t n_left;    /* compressed bytes not read yet */
    int64_t n_in;      /* all of them */
    bool gzip, opened; /* opened: zlib's state is there */
    bool ended;
    uint8_t in[PIECE];
};

static void *zlib_alloc(void *opaque, unsigned n, unsigned n_bytes)
{
    (void)opaque;
    return tw_calloc(n, n_bytes);
}

static void zlib_free(void *opaque, void *block)
{
    (void)opaque;
    tw_free(block);
}

tw_status tw_format__inflater_open(tw_format__inflater **out, const tw_file *file, int64_t offset,
                                   int64_t n_in, tw_format__wrapping wrapping, const char *name,
                                   tw_error *err)
{
    tw_format__inflater *p = tw_calloc(1, sizeof *p);

    *out = NULL;
    if (!p)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to inflate it", name);
    p->file = file;
    p->name = name;
    p->offset = offset;
    p->n_left = p->n_in = n_in;
    p->gzip = wrapping == TW_FORMAT__GZIP;
    p->z.zalloc = zlib_alloc;
    p->z.zfree = zlib_free;
    if (inflateInit2(&p->z, p->gzip ? GZIP_WINDOW : RAW_WINDOW) != Z_OK) {
        tw_format__inflater_close(p);
        return tw_fail(err, TW_ENOMEM, "%s: no memory to inflate it", name);
    }
    p->opened = true;
    *out = p;
    return TW_OK;
}

void tw_format__inflater_close(tw_format__inflater *inflater)
{
    if (!inflater)
        return;
    if (inflater->opened)
        inflateEnd(&inflater->z);
    tw_free(inflater);
}

static tw_status refill(tw_format__inflater *p, tw_error *err)
{
    const int64_t n = p->n_left < PIECE ? p->n_left : PIECE;
    const tw_status rc = tw_file_pread(p->file, p->in, (size_t)n, p->offset, err);

    if (rc)
        return rc;
    p->offset += n;
    p->n_left -= n;
    p->z.next_in = p->in;
    p->z.avail_in = (unsigned)n;
    return TW_OK;
}

static long long bytes_used(const tw_format__inflater *p)
{
    return (long long)(p->n_in - p->n_left - (int64_t)p->z.avail_in);
}

static tw_status fail_damaged(const tw_format__inflater *p, int code, tw_error *err)
{
    if (code == Z_MEM_ERROR)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to inflate it", p->name);
    return tw_fail(err, TW_EFILE, "%s: damaged after %lld of %lld compressed bytes: %s", p->name,
                   bytes_used(p), (long long)p->n_in, p->z.msg ? p->z.msg : "not a deflate stream");
}

/* The stream has ended: nothing may follow but, in gzip, another member. */
static tw_status finish_member(tw_format__inflater *p, tw_error *err)
{
    tw_status rc;

    if (p->z.avail_in == 0 && p->n_left > 0 && (rc = refill(p, err)))
        return rc;
    if (p->z.avail_in == 0) {
        p->ended = true;
        return TW_OK;
    }
    if (p->gzip && p->z.next_in[0] == 0x1f)
        return inflateReset(&p->z) == Z_OK ? TW_OK : fail_damaged(p, Z_DATA_ERROR, err);
    return tw_fail(err, TW_EFILE, "%s: %lld bytes after the end of the compressed data", p->name,
                   (long long)p->n_in - bytes_used(p));
}

static tw_status inflate_some(tw_format__inflater *p, tw_error *err)
{
    tw_status rc;
    int code;

    if (p->z.avail_in == 0 && p->n_left > 0 && (rc = refill(p, err)))
        return rc;
    code = inflate(&p->z, Z_NO_FLUSH);
    if (code == Z_STREAM_END)
        return finish_member(p, err);
    if (code == Z_BUF_ERROR || (code == Z_OK && p->z.avail_out > 0 && p->z.avail_in == 0)) {
        if (p->n_left > 0)
            return TW_OK;
        return tw_fail(err, TW_EFILE, "%s: truncated: its %lld compressed bytes end too early",
                       p->name, (long long)p->n_in);
    }
    return code == Z_OK ? TW_OK : fail_damaged(p, code, err);
}

tw_status tw_format__inflater_read(tw_format__inflater *inflater, void *out, size_t n, size_t *got,
                                   tw_error *err)
{
    tw_format__inflater *p = inflater;
    uint8_t *next = out;
    size_t left = n;

    *got = 0;
    while (left > 0 && !p->ended) {
        const unsigned room = left < PIECE ? (unsigned)left : PIECE;
        tw_status rc;

        p->z.next_out = next;
        p->z.avail_out = room;
        if ((rc = inflate_some(p, err)))
            return rc;
        next += room - p->z.avail_out;
        left -= room - p->z.avail_out;
    }
    *got = n - left;
    return TW_OK;
}

bool tw_format__can_inflate(int64_t n_out, int64_t n_in)
{
    return n_out / TW_FORMAT__DEFLATE_RATIO <= n_in;
}

static tw_status fail_short(int64_t n, int64_t n_due, const char *name, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: truncated: inflates to %lld of the %lld bytes due", name,
                   (long long)n, (long long)n_due);
}

/* All n_out bytes have been read: nothing may follow. */
static tw_status check_ended(tw_format__inflater *inflater, int64_t n_out, const char *name,
                             tw_error *err)
{
    uint8_t more;
    size_t got = 0;
    tw_status rc = tw_format__inflater_read(inflater, &more, 1, &got, err);

    if (rc == TW_OK && got > 0)
        return tw_fail(err, TW_EFILE, "%s: inflates to more than the %lld bytes due", name,
                       (long long)n_out);
    return rc;
}

tw_status tw_format__inflate(uint8_t *out, uint32_t *crc, tw_format__inflater *inflater,
                             int64_t n_out, const char *name, tw_error *err)
{
    size_t got = 0;
    tw_status rc = tw_format__inflater_read(inflater, out, (size_t)n_out, &got, err);

    if (rc)
        return rc;
    if ((int64_t)got < n_out)
        return fail_short((int64_t)got, n_out, name, err);
    *crc = (uint32_t)crc32_z(crc32(0, NULL, 0), out, got);
    return check_ended(inflater, n_out, name, err);
}

tw_status tw_format__spool(tw_file *spool, uint32_t *crc, tw_format__inflater *inflater,
                           int64_t n_out, const char *name, tw_error *err)
{
    uint8_t *piece = tw_malloc(PIECE);
    int64_t done_n = 0;
    size_t got = 0;
    tw_status rc = TW_OK;
    uLong sum = crc32(0, NULL, 0);

    if (!piece)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to inflate it", name);
    while (done_n < n_out) {
        const size_t want = n_out - done_n < PIECE ? (size_t)(n_out - done_n) : PIECE;

        if ((rc = tw_format__inflater_read(inflater, piece, want, &got, err)) ||
            (rc = tw_file_append(spool, piece, got, err)))
            goto done;
        sum = crc32(sum, piece, (unsigned)got);
        done_n += (int64_t)got;
        if (got < want) {
            rc = fail_short(done_n, n_out, name, err);
            goto done;
        }
    }
    rc = check_ended(inflater, n_out, name, err);
    *crc = (uint32_t)sum;
done:
    tw_free(piece);
    return rc;
}

tw_status tw_format__crc32(uint32_t *crc, const tw_file *file, int64_t offset, int64_t n,
                           tw_error *err)
{
    uint8_t *piece = tw_malloc(PIECE);
    tw_status rc = TW_OK;
    uLong sum = *crc;

    if (!piece)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to check it", file->path);
    while (n > 0 && !rc) {
        const size_t want = n < PIECE ? (size_t)n : PIECE;

        if (!(rc = tw_file_pread(file, piece, want, offset, err)))
            sum = crc32(sum, piece, (unsigned)want);
        offset += (int64_t)want;
        n -= (int64_t)want;
    }
    *crc = (uint32_t)sum;
    tw_free(piece);
    return rc;
}
