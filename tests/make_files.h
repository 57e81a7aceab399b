/*
 * Little files for tests: bytes in memory, put together as IDX, gzip, .npy and zip, then written
 * into the test's folder. Nothing here is checked for memory: a test that runs out of it may crash.
 */
#ifndef TW_TESTS_MAKE_FILES_H
#define TW_TESTS_MAKE_FILES_H

#include "check.h"

#include <zlib.h>

typedef struct blob {
    uint8_t *bytes;
    size_t n;
} blob;

static inline void blob_add(blob *b, const void *data, size_t n)
{
    b->bytes = realloc(b->bytes, b->n + n + 1);
    if (n > 0)
        memcpy(b->bytes + b->n, data, n);
    b->n += n;
}

static inline void blob_le(blob *b, uint64_t value, int n_bytes)
{
    for (; n_bytes > 0; n_bytes--, value >>= 8)
        blob_add(b, &(uint8_t){(uint8_t)value}, 1);
}

static inline void blob_be32(blob *b, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        blob_add(b, &(uint8_t){(uint8_t)(value >> shift)}, 1);
}

static inline void blob_free(blob *b)
{
    free(b->bytes);
    *b = (blob){0};
}

/* folder/name; the caller frees. */
static inline char *path_in(const char *folder, const char *name)
{
    char *path = malloc(strlen(folder) + strlen(name) + 2);

    sprintf(path, "%s/%s", folder, name);
    return path;
}

static inline void write_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *f = fopen(path, "wb");

    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

/* ---- IDX */

static inline void blob_idx(blob *b, int type, int rank, const uint32_t *dims, const void *data,
                            size_t n)
{
    const uint8_t magic[4] = {0, 0, (uint8_t)type, (uint8_t)rank};

    blob_add(b, magic, 4);
    for (int d = 0; d < rank; d++)
        blob_be32(b, dims[d]);
    blob_add(b, data, n);
}

/* ---- deflate */

static inline void blob_deflate(blob *out, const void *data, size_t n, int window)
{
    z_stream z = {0};
    const size_t room = n + n / 100 + 64;
    uint8_t *packed = malloc(room);

    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 9, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (unsigned)n;
    z.next_out = packed;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    blob_add(out, packed, room - z.avail_out);
    deflateEnd(&z);
    free(packed);
}

static inline void blob_gzip(blob *out, const blob *in)
{
    blob_deflate(out, in->bytes, in->n, 15 + 16);
}

/* ---- .npy and zip */

static inline void blob_npy(blob *b, const char *dict, const void *data, size_t n)
{
    blob_add(b, "\x93NUMPY\1\0", 8);
    blob_le(b, strlen(dict), 2);
    blob_add(b, dict, strlen(dict));
    blob_add(b, data, n);
}

/* A zip that is being written; what a test wants wrong it changes in the fields first. */
typedef struct zip_maker {
    blob file, directory;
    int n;
    unsigned method, flags, disk;
    int numpy;          /* zip64 fields in local headers, as numpy.savez has them */
    int sizes_later;    /* flag 8: no sizes in local headers */
    int64_t n_bytes_is; /* said instead of the true size where > 0 */
} zip_maker;

static inline void zip_sizes(blob *out, uint32_t crc, size_t n_packed, size_t n_bytes)
{
    blob_le(out, crc, 4);
    blob_le(out, n_packed, 4);
    blob_le(out, n_bytes, 4);
}

static inline void zip_add(zip_maker *z, const char *name, const blob *data)
{
    const size_t offset = z->file.n, name_n = strlen(name);
    const uint32_t crc = (uint32_t)crc32(0, data->bytes, (unsigned)data->n);
    const size_t n_bytes = z->n_bytes_is > 0 ? (size_t)z->n_bytes_is : data->n;
    blob packed = {0};

    if (z->method == 8)
        blob_deflate(&packed, data->bytes, data->n, -15);
    else
        blob_add(&packed, data->bytes, data->n);

    blob_le(&z->file, 0x04034b50, 4);
    blob_le(&z->file, 20, 2);
    blob_le(&z->file, z->flags | (z->sizes_later ? 8u : 0u), 2);
    blob_le(&z->file, z->method, 2);
    blob_le(&z->file, 0, 4);
    if (z->sizes_later)
        zip_sizes(&z->file, 0, 0, 0);
    else
        zip_sizes(&z->file, crc, z->numpy ? 0xffffffff : packed.n, z->numpy ? 0xffffffff : n_bytes);
    blob_le(&z->file, name_n, 2);
    blob_le(&z->file, z->numpy ? 20 : 0, 2);
    blob_add(&z->file, name, name_n);
    if (z->numpy) {
        blob_le(&z->file, 1, 2);
        blob_le(&z->file, 16, 2);
        blob_le(&z->file, n_bytes, 8);
        blob_le(&z->file, packed.n, 8);
    }
    blob_add(&z->file, packed.bytes, packed.n);

    blob_le(&z->directory, 0x02014b50, 4);
    blob_le(&z->directory, 20 | 20 << 16, 4);
    blob_le(&z->directory, z->flags, 2);
    blob_le(&z->directory, z->method, 2);
    blob_le(&z->directory, 0, 4);
    zip_sizes(&z->directory, crc, packed.n, n_bytes);
    blob_le(&z->directory, name_n, 2);
    blob_le(&z->directory, 0, 4);
    blob_le(&z->directory, z->disk, 2);
    blob_le(&z->directory, 0, 6);
    blob_le(&z->directory, offset, 4);
    blob_add(&z->directory, name, name_n);
    blob_free(&packed);
    z->n++;
}

/* Writes the directory and the end record; the whole is then z->file. */
static inline void zip_end(zip_maker *z)
{
    const size_t offset = z->file.n;

    blob_add(&z->file, z->directory.bytes, z->directory.n);
    blob_le(&z->file, 0x06054b50, 4);
    blob_le(&z->file, 0, 4);
    blob_le(&z->file, (uint64_t)z->n, 2);
    blob_le(&z->file, (uint64_t)z->n, 2);
    blob_le(&z->file, z->directory.n, 4);
    blob_le(&z->file, offset, 4);
    blob_le(&z->file, 0, 2);
    blob_free(&z->directory);
}

/* Adds NAME.npy with the given dict and bytes. */
static inline void zip_add_npy(zip_maker *z, const char *name, const char *dict, const void *data,
                               size_t n)
{
    blob npy = {0};

    blob_npy(&npy, dict, data, n);
    zip_add(z, name, &npy);
    blob_free(&npy);
}

#endif
