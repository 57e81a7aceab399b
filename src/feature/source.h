/*
 * The source that training reads from: rows of features for the samples of a dataset, through the
 * cache or through the trunk. The caller cannot tell which.
 */
#ifndef TW_FEATURE_SOURCE_H
#define TW_FEATURE_SOURCE_H

#include "data/dataset.h"
#include "infer/engine.h"

#include <tw/feature.h>

#include <stdbool.h>

typedef struct tw_source tw_source;

/* Which rows a source has, besides one of each picture as it is. Rows of an augmentation are views,
 * numbered from 1: view v of picture i is sample (v - 1) * pictures + i of the source, a function
 * of (augmentation, seed, v, what the picture's file holds). */
typedef struct tw_source_views {
    const tw_augment *augment; /* NULL: pictures as they are, sample i is picture i */
    uint64_t seed;
    int64_t n;               /* views of each picture; 0: as many as are asked for, none is kept */
    const int64_t *pictures; /* (n_pictures) those whose rows are wanted; NULL: all */
    int64_t n_pictures;
} tw_source_views;

/* Makes ready features of node `last` of `model` for the whole dataset. Decides between cache and
 * recomputing (sends a TW_EVENT_NOTE saying why it recomputes; with TW_CACHE_ON that is
 * TW_EBUDGET). Rows are of the cache's dtype either way. No trunk is compiled here. With `last` 0
 * nothing is frozen: rows are the preprocessed pictures, and cache on or another dtype than fp32
 * are TW_EUSAGE. Model, dataset and computer must outlive the source.
 * Expected: TW_EBUDGET, TW_EFILE, TW_EUSAGE, TW_EUNSUPPORTED, TW_ENOMEM. */
typedef struct tw_source_job {
    const tw_model *model;
    int last;
    const tw_dataset *dataset;
    tw_computer *computer;
    const tw_cache_options *cache; /* NULL: the defaults */
    const tw_source_views *views;  /* NULL: all pictures as they are; only read while creating */
} tw_source_job;
TW_MUST_CHECK tw_status tw_source_create_views(tw_source **out, const tw_source_job *job,
                                               const tw_watch *watch, tw_error *err);
/* The same without views. */
TW_MUST_CHECK tw_status tw_source_create(tw_source **out, const tw_model *model, int last,
                                         const tw_dataset *dataset, tw_computer *computer,
                                         const tw_cache_options *cache, const tw_watch *watch,
                                         tw_error *err);
void tw_source_free(tw_source *source);

int64_t tw_source_row_size(const tw_source *source);
/* Rows that are wanted of it; 0 where views are made as they are asked for. */
int64_t tw_source_wanted(const tw_source *source);
/* Rows that a pass through the trunk must still make (0: all are cached, or nothing is frozen). */
int64_t tw_source_missing(const tw_source *source);
bool tw_source_is_cached(const tw_source *source);       /* false: recomputes each epoch */
const char *tw_source_describe(const tw_source *source); /* the plan's sentence about the cache */
/* Upper bound of the disk that filling takes, and of the memory that the trunk takes. */
int64_t tw_source_disk(const tw_source *source);
TW_MUST_CHECK tw_status tw_source_trunk_memory(int64_t *packed, int64_t *per_worker,
                                               tw_source *source, tw_error *err);
/* What constant backgrounds take beside that, where there is room for it. */
TW_MUST_CHECK tw_status tw_source_trunk_background(int64_t *out, tw_source *source, tw_error *err);

/* Runs the trunk for every missing row, with progress (phase "extract"), then frees the trunk. A
 * source that is not cached does nothing here. On TW_EINTERRUPTED the rows so far are kept. */
TW_MUST_CHECK tw_status tw_source_fill(tw_source *source, const tw_watch *watch, tw_error *err);

/* Rows of n samples (indices into the dataset, or of views, any order): out (n, row_size). A
 * damaged row is made again (the trunk is compiled then, and freed by tw_source_fill or _free). One
 * caller at a time.
 */
TW_MUST_CHECK tw_status tw_source_read(tw_source *source, const int64_t *samples, int64_t n,
                                       float *out, tw_error *err);

/* Standard deviation of all numbers of the rows of n samples, in sample order, double. */
TW_MUST_CHECK tw_status tw_source_deviation(double *out, tw_source *source, const int64_t *samples,
                                            int64_t n, tw_error *err);
/* Damaged rows that tw_source_read found and made again so far. */
int64_t tw_source_damaged(const tw_source *source);
/* Sends a note with that number, unless it is 0. A NULL source is fine. */
void tw_source_tell_damage(const tw_source *source, const tw_watch *watch);
/* Pictures that went through the trunk so far. */
int64_t tw_source_trunk_count(const tw_source *source);
/* Times the trunk on a few pieces: seconds a picture. Compiles and frees it. Where nothing is
 * frozen, what reading a picture takes. */
TW_MUST_CHECK tw_status tw_source_measure(double *t_picture_s, tw_source *source, tw_error *err);

/* Reading ahead: batches of the given order, in turn, made by a thread of its own while the caller
 * computes. order is borrowed; to go on in the middle, start with what is left of it. */
typedef struct tw_reader tw_reader;
TW_MUST_CHECK tw_status tw_reader_create(tw_reader **out, tw_source *source, int64_t batch,
                                         tw_error *err);
void tw_reader_free(tw_reader *reader);
TW_MUST_CHECK tw_status tw_reader_start(tw_reader *reader, const int64_t *order, int64_t n,
                                        tw_error *err);
/* The next batch; *n_out is 0 after the last. *rows is borrowed until the next call. */
TW_MUST_CHECK tw_status tw_reader_next(tw_reader *reader, const float **rows, int64_t *n_out,
                                       tw_error *err);
/* Seconds that the caller spent in tw_reader_next so far, waiting for its batches. */
double tw_reader_waited_s(const tw_reader *reader);

#endif
