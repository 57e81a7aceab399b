/*
 * Hashes over libcrypto's EVP and xxHash; see hash.h.
 */
#include "base/hash.h"

#include "base/fail.h"
#include "base/memory.h"

#include <openssl/evp.h>
#include <xxhash.h>

struct tw_sha256 {
    EVP_MD_CTX *context;
};
struct tw_md5 {
    EVP_MD_CTX *context;
};

static void to_hex(char *hex, const unsigned char *bytes, size_t n)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < n; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * n] = '\0';
}

/* NULL when memory ran out. */
static EVP_MD_CTX *begin(const EVP_MD *kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();

    if (context && EVP_DigestInit_ex(context, kind, NULL))
        return context;
    EVP_MD_CTX_free(context);
    return NULL;
}

static void finish(EVP_MD_CTX *context, char *hex, size_t n_bytes)
{
    unsigned char digest[EVP_MAX_MD_SIZE] = {0};

    EVP_DigestFinal_ex(context, digest, NULL);
    to_hex(hex, digest, n_bytes);
}

tw_status tw_sha256_create(tw_sha256 **out, tw_error *err)
{
    tw_sha256 *hash = tw_calloc(1, sizeof *hash);

    *out = NULL;
    if (!hash || !(hash->context = begin(EVP_sha256()))) {
        tw_free(hash);
        return tw_fail(err, TW_ENOMEM, "no memory for a hash");
    }
    *out = hash;
    return TW_OK;
}

void tw_sha256_add(tw_sha256 *hash, const void *data, size_t n)
{
    EVP_DigestUpdate(hash->context, data, n);
}

void tw_sha256_finish(tw_sha256 *hash, char hex[65])
{
    finish(hash->context, hex, 32);
}

void tw_sha256_free(tw_sha256 *hash)
{
    if (hash)
        EVP_MD_CTX_free(hash->context);
    tw_free(hash);
}

tw_status tw_md5_create(tw_md5 **out, tw_error *err)
{
    tw_md5 *hash = tw_calloc(1, sizeof *hash);

    *out = NULL;
    if (!hash || !(hash->context = begin(EVP_md5()))) {
        tw_free(hash);
        return tw_fail(err, TW_ENOMEM, "no memory for a hash");
    }
    *out = hash;
    return TW_OK;
}

void tw_md5_add(tw_md5 *hash, const void *data, size_t n)
{
    EVP_DigestUpdate(hash->context, data, n);
}

void tw_md5_finish(tw_md5 *hash, char hex[33])
{
    finish(hash->context, hex, 16);
}

void tw_md5_free(tw_md5 *hash)
{
    if (hash)
        EVP_MD_CTX_free(hash->context);
    tw_free(hash);
}

static tw_status digest_hex(char *hex, const EVP_MD *kind, const void *data, size_t n,
                            tw_error *err)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n_digest = 0;

    if (!EVP_Digest(data, n, digest, &n_digest, kind, NULL))
        return tw_fail(err, TW_ENOMEM, "no memory for a hash");
    to_hex(hex, digest, n_digest);
    return TW_OK;
}

tw_status tw_sha256_hex(char hex[65], const void *data, size_t n, tw_error *err)
{
    return digest_hex(hex, EVP_sha256(), data, n, err);
}

tw_status tw_md5_hex(char hex[33], const void *data, size_t n, tw_error *err)
{
    return digest_hex(hex, EVP_md5(), data, n, err);
}

tw_hash128 tw_hash128_of(const void *data, size_t n, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(data, n, seed);

    return (tw_hash128){hash.low64, hash.high64};
}
