/*
 * Shared inside the feature room: packing of rows, the cache's key and folder, and the source's
 * state, which source.c decides on, source_fill.c fills and source_read.c reads.
 */
#ifndef TW_FEATURE_FEATURE_INT_H
#define TW_FEATURE_FEATURE_INT_H

#include "base/text.h"
#include "base/watch.h"
#include "feature/source.h"
#include "feature/store.h"

/* ---- pack.c: a bitmap of the non-zero numbers, 64 to a word, then those numbers */

/* Bytes of the bitmap of n numbers; most bytes that the packed row can take. */
int64_t tw_feature__bitmap_bytes(int64_t n);
int64_t tw_feature__pack_bound(int64_t n, tw_cache_dtype dtype);
/* Rounds n numbers to those that dtype has: to nearest, ties to even, NaN stays NaN. */
void tw_feature__round(float *row, int64_t n, tw_cache_dtype dtype);
/* Packs n numbers, rounded before, into out (pack_bound bytes); returns the bytes used. */
int64_t tw_feature__pack(uint8_t *out, const float *row, int64_t n, tw_cache_dtype dtype);
/* false when the packed bytes are not those of n numbers; out is undefined then. */
bool tw_feature__unpack(float *out, int64_t n, const uint8_t *packed, int64_t n_packed,
                        tw_cache_dtype dtype);
/* Sum and sum of squares, in double, one after the other: the same wherever a row comes from. */
void tw_feature__moments(double *sum, double *sum_squares, const float *row, int64_t n);

/* ---- store.c */

/* Bytes of a record before the packed row, and of an entry of the offset table. */
enum { TW_FEATURE__HEADER_BYTES = 56, TW_FEATURE__ENTRY_BYTES = 64 };

/* ---- key.c */

/* The cache's key: SHA-256 (hex) over all that a row's bits depend on but the picture. The hash of
 * the weights is looked for, and kept, in `folder`, unless that is NULL. */
tw_status tw_feature__key(char hex[65], const tw_model *model, int last, tw_precision precision,
                          tw_cache_dtype dtype, const char *numerics, const char *folder,
                          tw_error *err);
/* Turns that key into the one of views of the pictures. */
tw_status tw_feature__view_key(char hex[65], const char *augment, uint64_t seed, tw_error *err);
/* What the entry holds: {"job": sentence, ...}; augment: of its views, NULL: none. NULL when memory
 * ran out. */
tw_json *tw_feature__job(const tw_model *model, int last, tw_precision precision,
                         tw_cache_dtype dtype, const char *numerics, const char *augment);

/* ---- remember.c */

/* tw_model_hash of layers 0..last, remembered in the cache's folder (NULL: not) for weights that
 * lie in a file as they are. */
tw_status tw_feature__weights_hash(char hex[65], const tw_model *model, int last,
                                   const char *folder, tw_error *err);

/* ---- cache.c */

/* The folder that `dir` names, NULL: the default one. Caller frees with tw_free. */
tw_status tw_feature__cache_folder(char **out, const char *dir, tw_error *err);
/* Bytes of all entries in it; 0 where it does not exist. */
tw_status tw_feature__cache_bytes(int64_t *out, const char *folder, tw_error *err);
/* Removes one entry, or only one without rows; *got is false, and nothing removed, while another
 * process fills it. */
tw_status tw_feature__cache_remove(int64_t *n_bytes, bool *got, const char *folder, const char *key,
                                   bool only_empty, tw_error *err);

/* ---- source*.c */

struct tw_source {
    const tw_model *model;
    int last;
    const tw_dataset *dataset;
    tw_computer *computer;
    tw_cache_mode mode;
    tw_cache_dtype dtype;
    bool is_over_budget; /* why it recomputes */
    int64_t n, row_size;

    bool is_augmented; /* rows are views */
    tw_augment augment;
    uint64_t seed;
    int64_t n_pictures, n_views; /* n of each picture; n_views 0: any number, none kept */
    bool *is_wanted;             /* (n_pictures), NULL: all */
    int64_t n_wanted;            /* pictures */

    tw_store *store;  /* NULL: recomputes */
    uint8_t *record;  /* (tw_store_record_bytes), of the row being read, with a store */
    tw_hash128 *keys; /* (n_pictures), with a store */
    int64_t *places;  /* (n), -1 where the row is missing, with a store */
    int64_t missing;  /* rows to make, each picture counted once */

    tw_chain *trunk; /* NULL where not compiled */
    int64_t trunk_count, damaged_count;
    char key[65];
    char *folder; /* of the whole cache */
    tw_text describe;
};

/* The picture of a sample, whether its row is wanted, and what addresses the row in the store. */
int64_t tw_feature__source_picture(const tw_source *source, int64_t sample);
bool tw_feature__source_wants(const tw_source *source, int64_t sample);
tw_hash128 tw_feature__source_key(const tw_source *source, int64_t sample);
/* Number of the view that a sample is, from 1. */
uint32_t tw_feature__source_view(const tw_source *source, int64_t sample);
/* Looks every picture up in the store again and counts what is missing. */
tw_status tw_feature__source_look_up(tw_source *source, tw_error *err);
/* From here on the source recomputes, and says why: store and keys are given up. */
void tw_feature__source_do_without_cache(tw_source *source, const char *why, const tw_watch *watch);
/* Nothing is frozen: rows are what the contract makes of the pictures. */
bool tw_feature__source_is_input(const tw_source *source);
/* Compiles the trunk for up to n_workers, unless it is compiled or there is none. */
tw_status tw_feature__source_compile(tw_source *source, int n_workers, tw_error *err);
void tw_feature__source_free_trunk(tw_source *source);
/* Rows of n samples through the trunk, which is compiled, rounded to the type of the cache; where
 * nothing is frozen the pictures themselves, one after the other, as they are. */
tw_status tw_feature__source_run(tw_source *source, const int64_t *samples, int64_t n, float *out,
                                 tw_error *err);
/* Rows that go through the compiled trunk at once: whole pieces for all workers, several of them
 * where the memory limit leaves room. */
int64_t tw_feature__source_batch(const tw_source *source);
/* Takes the store's lock, waiting for whoever has it. Expected: TW_EINTERRUPTED. */
tw_status tw_feature__source_wait(tw_source *source, const tw_watch *watch, tw_error *err);

#endif
