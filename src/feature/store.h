/*
 * The activation cache's files: an append-only store of rows, addressed by the key of the picture.
 *
 *   DIR/<key>/job.json   what it holds, for people (`cache list`)
 *   DIR/<key>/rows       records back to back: header (magic, picture key, packed bytes, checksum,
 *                        count of numbers) and the packed row
 *   DIR/<key>/index      the offset table: fixed-size entries (picture key, offset, bytes, sum, sum
 * of squares, checksum of the entry), appended after the row is written DIR/<key>/lock       flock
 * held by the one process that adds rows
 *
 * A row is packed as a bitmap of its non-zero numbers (1 bit each) followed by those numbers, as
 * fp32 or bf16: bit for bit lossless (rows of bf16 are rounded before), -0.0 and NaN are non-zero.
 * An entry whose row does not lie inside `rows` is dropped when the store is opened, so a cut-off
 * extraction goes on where it stopped. A row whose checksum is wrong is reported as missing, made
 * again and appended; the later entry wins.
 */
#ifndef TW_FEATURE_STORE_H
#define TW_FEATURE_STORE_H

#include "base/hash.h"
#include "base/json.h"

#include <tw/feature.h>

#include <stdbool.h>

typedef struct tw_store tw_store;

TW_MUST_CHECK tw_status tw_store_open(tw_store **out, const char *dir, const char *key,
                                      int64_t row_size, tw_cache_dtype dtype, const tw_json *job,
                                      tw_error *err);
void tw_store_close(tw_store *store);

/* Place of the picture's newest row, or -1. */
int64_t tw_store_find(const tw_store *store, tw_hash128 picture);
int64_t tw_store_count(const tw_store *store);
int64_t tw_store_bytes(const tw_store *store);
const char *tw_store_path(const tw_store *store);

/* Unpacks row `place` into out (row_size), by way of record (tw_store_record_bytes). *damaged is
 * set, and TW_OK returned, when the checksum is wrong. Thread-safe, with a record for each thread.
 * Expected: TW_EFILE (read error). */
TW_MUST_CHECK tw_status tw_store_read(const tw_store *store, int64_t place, float *out,
                                      uint8_t *record, bool *damaged, tw_error *err);
int64_t tw_store_record_bytes(const tw_store *store);
/* Sum and sum of squares of a row, from the offset table. */
void tw_store_moments(const tw_store *store, int64_t place, double *sum, double *sum_squares);

/* Takes the lock for adding rows and reads what others added meanwhile; *got is false when another
 * process has it. */
TW_MUST_CHECK tw_status tw_store_lock(tw_store *store, bool *got, tw_error *err);
/* Lets others add rows. Places found before tw_store_lock must be looked up again after it. */
void tw_store_unlock(tw_store *store);
/* Appends a row of numbers that the store's dtype has; visible to find at once. One thread.
 * Expected: TW_EBUDGET (disk full), TW_EFILE. */
TW_MUST_CHECK tw_status tw_store_add(tw_store *store, tw_hash128 picture, const float *row,
                                     tw_error *err);

/* Most bytes that a row of n numbers can take on disk, header and entry included. */
int64_t tw_store_row_bound(int64_t row_size, tw_cache_dtype dtype);

#endif
