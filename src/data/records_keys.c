/*
 * Keys of the pictures of a compressed file of records, remembered: inflating MNIST takes longer
 * than all else before the first batch, and where every feature is cached nobody asks for a pixel.
 * In the cache folder lies one file for each place that such a file was opened at:
 *
 *   records/<hash of the path>.keys     head, then a key for each record of the file
 *
 * It holds for the very file whose stamp it has (device, inode, size, times of its last change, the
 * one that nobody can set among them). A file that was changed within the last seconds is not
 * remembered, since its next change could have the same time. A memory that is damaged, of another
 * file or cannot be had is none: then the file is inflated and checked at opening, as without it.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "data/data_int.h"

#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SETTLED_S = 3,
    MAX_RECORDS = 1 << 22, /* 64 MB of keys */
    SIZES_BYTES = 12,
    PIECE_BYTES = 64 * 1024
};

static const char magic[8] = "TWKEYS1";

/* As it lies in the file; the checksum is over all but itself, keys included. */
typedef struct key_head {
    char magic[8];
    int64_t n;
    tw_file_stamp stamp;
    int32_t height, width, channels, zero;
    tw_hash128 checksum;
} key_head;

_Static_assert(sizeof(key_head) == 88 && sizeof(tw_hash128) == 16, "no gaps in what is written");

/* ---- one key: the hash of height, width and channels, little-endian, and the pixels */

static void put_sizes(uint8_t *out, const tw_data__pictures *p)
{
    const int sizes[3] = {p->height, p->width, p->channels};

    for (size_t k = 0; k < SIZES_BYTES; k++)
        out[k] = (uint8_t)((uint32_t)sizes[k / 4] >> (8 * (k % 4)));
}

static tw_status fail_memory(const tw_data__pictures *p, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "%s: no memory for a record", p->file.name);
}

tw_status tw_data__record_key(tw_hash128 *out, const tw_data__pictures *pictures, int64_t record,
                              tw_error *err)
{
    const size_t n = (size_t)pictures->file.record_bytes;
    uint8_t *bytes;
    tw_status rc;

    if (pictures->keys) {
        *out = pictures->keys[record];
        return TW_OK;
    }
    if (!(bytes = tw_malloc(SIZES_BYTES + n)))
        return fail_memory(pictures, err);
    put_sizes(bytes, pictures);
    if (!(rc = tw_array_read(&pictures->file, bytes + SIZES_BYTES, record, 1, err)))
        *out = tw_hash128_of(bytes, SIZES_BYTES + n, 0);
    tw_free(bytes);
    return rc;
}

/* ---- all of them */

static tw_status make_keys(tw_hash128 *keys, const tw_data__pictures *p, tw_error *err)
{
    const size_t n = (size_t)p->file.record_bytes;
    const int64_t n_all = p->file.shape.dims[0];
    const int64_t step = n < PIECE_BYTES ? PIECE_BYTES / p->file.record_bytes : 1;
    uint8_t *piece = tw_malloc((size_t)step * n), *one = tw_malloc(SIZES_BYTES + n);
    tw_status rc = TW_OK;

    if (!piece || !one) {
        rc = fail_memory(p, err);
        goto done;
    }
    put_sizes(one, p);
    for (int64_t first = 0; first < n_all; first += step) {
        const int64_t m = n_all - first < step ? n_all - first : step;

        if ((rc = tw_array_read(&p->file, piece, first, m, err)))
            goto done;
        for (int64_t i = 0; i < m; i++) {
            memcpy(one + SIZES_BYTES, piece + (size_t)i * n, n);
            keys[first + i] = tw_hash128_of(one, SIZES_BYTES + n, 0);
        }
    }
done:
    tw_free(one);
    tw_free(piece);
    return rc;
}

static tw_hash128 sum_up(const key_head *head, const tw_hash128 *keys)
{
    const tw_hash128 sum = tw_hash128_of(head, offsetof(key_head, checksum), 0);

    return tw_hash128_of(keys, (size_t)head->n * sizeof *keys, sum.low ^ sum.high);
}

static key_head make_head(const tw_data__pictures *p, const tw_file_stamp *stamp)
{
    key_head head = {.n = p->file.shape.dims[0],
                     .stamp = *stamp,
                     .height = p->height,
                     .width = p->width,
                     .channels = p->channels};

    memcpy(head.magic, magic, sizeof head.magic);
    return head;
}

/* ---- the memory */

/* NULL: nowhere (no cache folder, or no memory). */
static char *find_memory(const char *path)
{
    char full[PATH_MAX], name[48];
    char *folder = NULL, *file = NULL;
    tw_hash128 key;

    if (!realpath(path, full) || tw_folder_cache(&folder, "records", "", NULL))
        return NULL;
    key = tw_hash128_of(full, strlen(full), 0);
    snprintf(name, sizeof name, "%016" PRIx64 "%016" PRIx64 ".keys", key.high, key.low);
    if (!tw_folder_create(folder, NULL))
        file = tw_path_join(folder, name);
    tw_free(folder);
    return file;
}

/* False where nothing is remembered of the file as it is. */
static bool recall(tw_hash128 *keys, const char *memory, const key_head *wanted)
{
    const size_t n_keys = (size_t)wanted->n * sizeof *keys;
    char *bytes = NULL;
    size_t n;
    key_head head = {.n = 0};
    bool ok = false;

    if (!tw_file_read(&bytes, &n, memory, sizeof head + n_keys, NULL) &&
        n == sizeof head + n_keys) {
        memcpy(&head, bytes, sizeof head);
        memcpy(keys, bytes + sizeof head, n_keys);
        ok = memcmp(&head, wanted, offsetof(key_head, checksum)) == 0;
    }
    tw_free(bytes);
    if (ok) {
        const tw_hash128 sum = sum_up(&head, keys);

        ok = sum.low == head.checksum.low && sum.high == head.checksum.high;
    }
    return ok;
}

/* A memory that cannot be written is done without: keys are made anew next time. */
static void memorise(const char *memory, key_head *head, const tw_hash128 *keys)
{
    tw_writer *writer = NULL;

    head->checksum = sum_up(head, keys);
    (void)(tw_writer_create(&writer, memory, NULL) ||
           tw_writer_write(writer, head, sizeof *head, NULL) ||
           tw_writer_write(writer, keys, (size_t)head->n * sizeof *keys, NULL) ||
           tw_writer_commit(writer, NULL));
    tw_writer_free(writer);
}

static bool is_settled(const tw_file_stamp *stamp)
{
    return tw_clock_unix_s() - stamp->ctime_ns / 1000000000 > SETTLED_S;
}

tw_status tw_data__take_keys(tw_data__pictures *pictures, tw_error *err)
{
    const tw_array_file *file = &pictures->file;
    const int64_t n = file->shape.dims[0];
    tw_hash128 *keys = NULL;
    tw_file_stamp stamp;
    key_head head;
    char *memory;
    tw_status rc;

    if (!file->later)
        return TW_OK;
    if ((rc = tw_file_get_stamp(&stamp, &file->file, err)))
        return rc;
    if (n > MAX_RECORDS || !is_settled(&stamp) || !(memory = find_memory(file->file.path)))
        return tw_array_load(file, err);
    head = make_head(pictures, &stamp);
    if (!(keys = tw_calloc((size_t)n, sizeof *keys))) {
        rc = tw_fail(err, TW_ENOMEM, "%s: no memory for its keys", file->name);
        goto done;
    }
    if (!recall(keys, memory, &head)) {
        if ((rc = tw_array_load(file, err)) || (rc = make_keys(keys, pictures, err)))
            goto done;
        memorise(memory, &head, keys);
    }
    pictures->keys = keys;
    keys = NULL; /* ownership moved to the pictures */
done:
    tw_free(keys);
    tw_free(memory);
    return rc;
}

void tw_data__close_pictures(tw_data__pictures *pictures)
{
    tw_array_file_close(&pictures->file);
    tw_free(pictures->keys);
    pictures->keys = NULL;
}
