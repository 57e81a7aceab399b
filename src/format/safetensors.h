/* Writing safetensors: header first, then the tensors in the order given, streamed, atomic. */
#ifndef TW_FORMAT_SAFETENSORS_H
#define TW_FORMAT_SAFETENSORS_H

#include "base/file.h"
#include "base/json.h"
#include "tensor/permute.h"

#include <tw/error.h>
#include <tw/tensor.h>

typedef struct tw_safetensors_entry {
    const char *name;
    tw_tensor tensor; /* data may be unaligned; released (tw_map_release) after it is written when
                         `mapped` is set */
    int mapped;
} tw_safetensors_entry;

/* Writes path with `metadata` (an object of strings, may be NULL; borrowed). The header is padded
 * with spaces to a multiple of 8, so that data is 8-byte aligned.
 * Expected: TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_safetensors_write(const char *path, const tw_safetensors_entry *entries,
                                             int n, const tw_json *metadata, tw_error *err);
/* The same, F32 entry i in the order of axes[i] (NULL: as it lies); its shape is that in the file.
 */
TW_MUST_CHECK tw_status tw_safetensors_write_permuted(const char *path,
                                                      const tw_safetensors_entry *entries,
                                                      const tw_axes *const *axes, int n,
                                                      const tw_json *metadata, tw_error *err);

#endif
