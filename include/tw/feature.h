/*
 * Features: activations of a layer for many pictures, streamed, and the cache that keeps them.
 */
#ifndef TW_FEATURE_H
#define TW_FEATURE_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/infer.h>
#include <tw/model.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define TW_CACHE_MODE_LIST(X) \
    X(TW_CACHE_AUTO, "auto")  \
    X(TW_CACHE_ON, "on")      \
    X(TW_CACHE_OFF, "off")
#define TW_CACHE_ENUM(name, text) name,
typedef enum tw_cache_mode { TW_CACHE_MODE_LIST(TW_CACHE_ENUM) TW_N_CACHE_MODE } tw_cache_mode;
#define TW_CACHE_DTYPE_LIST(X) \
    X(TW_CACHE_FP32, "fp32")   \
    X(TW_CACHE_BF16, "bf16")
typedef enum tw_cache_dtype { TW_CACHE_DTYPE_LIST(TW_CACHE_ENUM) TW_N_CACHE_DTYPE } tw_cache_dtype;
#undef TW_CACHE_ENUM

/* Where features are kept, and as what. Zero-filled: auto, the default folder, half of the free
 * space, fp32. With bf16 features are rounded to nearest even whether they are kept or not. */
typedef struct tw_cache_options {
    tw_cache_mode mode;
    const char *dir; /* NULL: $XDG_CACHE_HOME/topwork/activations, else ~/.cache/... */
    int64_t budget;  /* bytes that all entries together may take; 0: half of the free space */
    tw_cache_dtype dtype;
} tw_cache_options;

/* One cached job, for `topwork cache list`. */
typedef struct tw_cache_entry {
    char key[65];  /* hex; the folder's name */
    char job[256]; /* "vgg16 to block5_pool, cubic 224x224, caffe, fp32[, kept as bf16]" */
    int64_t n_rows;
    int64_t n_bytes;  /* on disk */
    int64_t t_used_s; /* last use, Unix time */
} tw_cache_entry;

/* Lists the entries of a folder (NULL: the default one), newest first. Caller frees *out with
 * tw_cache_list_free. A missing folder has no entries. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_cache_list(tw_cache_entry **out, int *n_out, const char *dir,
                                      tw_error *err);
void tw_cache_list_free(tw_cache_entry *entries);

/* Removes the entry whose key begins with `key` (at least 6 letters), or all of them (NULL).
 * *n_bytes gets the bytes freed. Expected: TW_EUSAGE (no or several matches), TW_EFILE. */
TW_MUST_CHECK tw_status tw_cache_clear(int64_t *n_bytes, const char *dir, const char *key,
                                       tw_error *err);

/* Writes the activations of `layer` (NULL: the last) for the whole dataset, in its order, to `path`
 * (.npy, float32, (N,H,W,C) or (N,C)) and the labels to the same name with .labels.npy (int64).
 * Streams: memory of one batch. Files appear whole or not at all. With a cache, rows are taken from
 * and kept in it. Expected: TW_EBUDGET (disk), TW_EFILE, TW_EINTERRUPTED and what tw_engine_create
 * says. */
TW_MUST_CHECK tw_status tw_extract(const tw_model *model, const char *layer,
                                   const tw_dataset *dataset, const char *path,
                                   const tw_compute *compute, const tw_cache_options *cache,
                                   const tw_watch *watch, tw_error *err);

#ifdef __cplusplus
}
#endif

#endif
