/*
 * The dataset behind its handle: one table of functions per kind of data (records.c for IDX and
 * npz, folder.c for class folders and loose files), and what the rooms above need beyond the public
 * API.
 */
#ifndef TW_DATA_DATASET_H
#define TW_DATA_DATASET_H

#include "base/hash.h"

#include <tw/data.h>

/* Identity of picture i for the feature cache: hash of the decoded record (height, width, channels,
 * pixels) for IDX and npz, of the file's bytes for picture files. Thread-safe. Expected: TW_EFILE.
 */
TW_MUST_CHECK tw_status tw_dataset_key(tw_hash128 *out, const tw_dataset *dataset, int64_t i,
                                       tw_error *err);

/* Borrowed array of all labels (count entries), -1 where there are none. */
const int *tw_dataset_labels(const tw_dataset *dataset);

/* Samples of a dataset as one of its own, n >= 1 of them. Takes ownership of `whole`, also when it
 * fails. Caller frees with tw_dataset_free. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_dataset_take_subset(tw_dataset **out, tw_dataset *whole,
                                               const int64_t *samples, int64_t n, tw_error *err);

#endif
