/*
 * The checkpoint's files. Two generations lie in the run's folder, last.ckpt and the one before it,
 * last.ckpt.1; a third, last.ckpt.new, is there while it is written or is about to be renamed.
 *
 *     header   magic, sequence number, sizes, checksum of all but the parts      64 bytes
 *     state    JSON text
 *     table    name, bytes and checksum of each part                             80 bytes each
 *     parts    as they lie in memory, one after the other
 *
 * Numbers are little-endian. Whatever stops the writer, one whole generation is there: the new one
 * is synced before any name changes, and the older ones are only ever renamed.
 */
#ifndef TW_TRAIN_CHECKPOINT_H
#define TW_TRAIN_CHECKPOINT_H

#include "base/json.h"
#include "base/text.h"

#include <tw/error.h>

#include <stdint.h>

typedef struct tw_checkpoint tw_checkpoint;

/* Memory of the caller's that is written as it is, or read into. */
typedef struct tw_checkpoint_part {
    const char *name; /* at most 39 letters */
    void *data;
    int64_t n_bytes;
} tw_checkpoint_part;

/* Writes the next generation, streamed. Sequence numbers grow. On failure the newest generation is
 * whole, and until the new one is on the disk both are as they were; the next write may have the
 * same number. Expected: TW_EBUDGET (disk full), TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train__checkpoint_write(const char *folder, int64_t sequence,
                                                   const tw_json *state,
                                                   const tw_checkpoint_part *parts, int n_parts,
                                                   tw_error *err);
/* Whether there is any of its files, whole or not. */
TW_MUST_CHECK tw_status tw_train__checkpoint_exists(bool *out, const char *folder, tw_error *err);
/* The newest whole generation, every byte of it checked; *out is NULL, with TW_OK, where there is
 * none at all. A newer one that is damaged is passed over, and `why` says so. Caller frees.
 * Expected: TW_EFILE (all are damaged), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train__checkpoint_open(tw_checkpoint **out, const char *folder,
                                                  tw_text *why, tw_error *err);
void tw_train__checkpoint_close(tw_checkpoint *checkpoint);
const tw_json *tw_train__checkpoint_state(const tw_checkpoint *checkpoint);
int64_t tw_train__checkpoint_sequence(const tw_checkpoint *checkpoint);
/* Fills the caller's memory, part by part, checked again. Expected: TW_EFILE (no such part, of
 * another size, damaged meanwhile). */
TW_MUST_CHECK tw_status tw_train__checkpoint_read(const tw_checkpoint *checkpoint,
                                                  const tw_checkpoint_part *parts, int n_parts,
                                                  tw_error *err);
/* Whether it is last.ckpt.1, since last.ckpt is damaged or gone. */
bool tw_train__checkpoint_is_older(const tw_checkpoint *checkpoint);
/* Removes the generation before the newest. */
TW_MUST_CHECK tw_status tw_train__checkpoint_remove_older(const char *folder, tw_error *err);
/* Removes a damaged newest one, which the next write would put into the older one's place. */
TW_MUST_CHECK tw_status tw_train__checkpoint_remove_newest(const char *folder, tw_error *err);

#endif
