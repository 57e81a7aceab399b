/*
 * Writing HDF5 as Keras's weight files are: superblock v0, object headers v1, symbol-table groups,
 * attributes of fixed strings, contiguous float32. The tree is described first, then the file is
 * written at once: all headers, then the numbers of every dataset, streamed.
 */
#ifndef TW_FORMAT_H5_WRITE_H
#define TW_FORMAT_H5_WRITE_H

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>

/* What is written. Objects are known by their number; 0 is the root group. */
typedef struct tw_h5_tree tw_h5_tree;

/* NULL when memory ran out, which the next calls bear. */
tw_h5_tree *tw_h5_tree_create(void);
void tw_h5_tree_free(tw_h5_tree *tree);

/* A group, or a dataset of F32, in the group `parent`. Names are copied, numbers borrowed; `mapped`
 * ones are given back behind the writing. */
int tw_h5_add_group(tw_h5_tree *tree, int parent, const char *name);
int tw_h5_add_dataset(tw_h5_tree *tree, int parent, const char *name, const tw_tensor *tensor,
                      bool mapped);
/* An attribute of an object: a string, or n of them in a row. Both are copied. */
void tw_h5_add_string(tw_h5_tree *tree, int object, const char *name, const char *text);
void tw_h5_add_strings(tw_h5_tree *tree, int object, const char *name, const char *const *texts,
                       int n);

/* Atomic. Expected: TW_EUNSUPPORTED (an attribute over 64,512 bytes), TW_EFILE, TW_EBUDGET (disk
 * full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_h5_tree_write(const tw_h5_tree *tree, const char *path, tw_error *err);

#endif
