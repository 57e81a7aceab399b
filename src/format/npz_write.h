/* Writing .npz: float32 arrays by their names, stored, as numpy.load reads them. */
#ifndef TW_FORMAT_NPZ_WRITE_H
#define TW_FORMAT_NPZ_WRITE_H

#include "format/safetensors.h"

/* Member "NAME.npy" for each entry, which is F32, in the order given, streamed. Atomic.
 * Expected: TW_EUNSUPPORTED (4 GiB or more), TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_npz_write(const char *path, const tw_safetensors_entry *entries, int n,
                                     tw_error *err);

#endif
