/*
 * Streaming a tensor's numbers; see stream.h. What is put in another order is made in pieces, so no
 * second copy of a large kernel exists.
 */
#include "format/stream.h"

#include "base/fail.h"
#include "base/memory.h"

enum { PIECE_BYTES = 1 << 20, PERMUTED_BYTES = 4 << 20 };

static tw_status write_plain(tw_writer *writer, const char *data, int64_t n_bytes, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int64_t at = 0; at < n_bytes && rc == TW_OK; at += PIECE_BYTES) {
        int64_t n = n_bytes - at < PIECE_BYTES ? n_bytes - at : PIECE_BYTES;
        rc = tw_writer_write(writer, data + at, (size_t)n, err);
    }
    return rc;
}

static tw_status write_permuted(tw_writer *writer, const void *data, int64_t n, const tw_axes *axes,
                                tw_error *err)
{
    const int64_t most = PERMUTED_BYTES / (int64_t)sizeof(float);
    tw_status rc = TW_OK;
    float *piece = tw_alloc_f32(n < most ? n : most);

    if (!piece)
        return tw_fail(err, TW_ENOMEM, "no memory to write %lld numbers", (long long)n);
    for (int64_t at = 0; at < n && rc == TW_OK; at += most) {
        int64_t here = n - at < most ? n - at : most;
        tw_axes_permute(piece, data, axes, at, here);
        rc = tw_writer_write(writer, piece, (size_t)here * sizeof *piece, err);
    }
    tw_free(piece);
    return rc;
}

tw_status tw_stream_f32(tw_writer *writer, const void *data, int64_t n, const tw_axes *axes,
                        bool mapped, tw_error *err)
{
    int64_t n_bytes = n * (int64_t)sizeof(float);
    tw_status rc =
        axes ? write_permuted(writer, data, n, axes, err) : write_plain(writer, data, n_bytes, err);

    if (mapped)
        tw_map_release(data, (size_t)n_bytes);
    return rc;
}
