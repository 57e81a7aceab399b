/* What the two forms of a torch file share (torch.c). */
#ifndef TW_FORMAT_TORCH_INT_H
#define TW_FORMAT_TORCH_INT_H

#include "format/pickle.h"
#include "format/weights.h"

/* Bytes that values, names and classes of a file of this size may take; copies come on top. */
size_t tw_format__torch_room(size_t n_file);
/* Sorts the storages by key and sees that those of one key agree in type and size. */
TW_MUST_CHECK tw_status tw_format__torch_sort(const tw_pickle *pickle, const char *path,
                                              tw_error *err);
/* The first and one past the last sorted storage of that key; equal where there is none. */
void tw_format__torch_find(size_t range[2], const tw_pickle *pickle, const tw_pickle_text *key);
/* Gives the storages of a range their numbers, which must be n_bytes. */
TW_MUST_CHECK tw_status tw_format__torch_place(const tw_pickle *pickle, const size_t range[2],
                                               const uint8_t *data, int64_t n_bytes,
                                               const char *path, tw_error *err);
/* Fills the file's tensors and metadata from the pickle, whose storages all have their numbers;
 * what names take is taken from *room. */
TW_MUST_CHECK tw_status tw_format__torch_take(tw_weight_file *file, const tw_pickle *pickle,
                                              size_t *room, tw_error *err);

#endif
