/* Numbers of a tensor into a file that is being written, piece by piece, in another order where the
 * file has another layout. */
#ifndef TW_FORMAT_STREAM_H
#define TW_FORMAT_STREAM_H

#include "base/file.h"
#include "tensor/permute.h"

#include <tw/error.h>

/* n float32, in the order of `axes` (NULL: as they lie). `data` may be unaligned; mapped pages are
 * given back behind the writing. Expected: TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_stream_f32(tw_writer *writer, const void *data, int64_t n,
                                      const tw_axes *axes, bool mapped, tw_error *err);

#endif
