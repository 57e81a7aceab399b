/* Hashes: SHA-256 and MD5 from libcrypto (identity), XXH3 128 from xxHash (checksums of chunks). */
#ifndef TW_BASE_HASH_H
#define TW_BASE_HASH_H

#include <tw/error.h>

#include <stddef.h>
#include <stdint.h>

typedef struct tw_sha256 tw_sha256;
/* Streaming. Expected: TW_ENOMEM. `finish` writes 64 hex digits and a zero, and may be called once.
 */
TW_MUST_CHECK tw_status tw_sha256_create(tw_sha256 **out, tw_error *err);
void tw_sha256_add(tw_sha256 *hash, const void *data, size_t n);
void tw_sha256_finish(tw_sha256 *hash, char hex[65]);
void tw_sha256_free(tw_sha256 *hash);

typedef struct tw_md5 tw_md5;
/* The same for MD5, which some publishers still use; `finish` writes 32 hex digits and a zero. */
TW_MUST_CHECK tw_status tw_md5_create(tw_md5 **out, tw_error *err);
void tw_md5_add(tw_md5 *hash, const void *data, size_t n);
void tw_md5_finish(tw_md5 *hash, char hex[33]);
void tw_md5_free(tw_md5 *hash);

TW_MUST_CHECK tw_status tw_sha256_hex(char hex[65], const void *data, size_t n, tw_error *err);
TW_MUST_CHECK tw_status tw_md5_hex(char hex[33], const void *data, size_t n, tw_error *err);

typedef struct tw_hash128 {
    uint64_t low, high;
} tw_hash128;
tw_hash128 tw_hash128_of(const void *data, size_t n, uint64_t seed);

#endif
