/*
 * The form that torch.save wrote before 1.6, and that torchvision's VGG files have: five pickles
 * back to back, then the numbers.
 *
 *   magic | protocol 1001 | about the system | the object | keys of its storages
 *   then for each key, in the order of that list: int64 numel, numbers
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/torch_int.h"
#include "tensor/tensor.h"

#include <string.h>

enum { PROTOCOL_VERSION = 1001, MAGIC_SIZE = 15, COUNT_SIZE = 8 };

/* A pickle of the int 0x1950a86a20f9469cfc6c. */
static const uint8_t magic[MAGIC_SIZE] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                          0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, 0x2e};

bool tw_torch_is_legacy(const tw_map *map)
{
    return map->size >= MAGIC_SIZE && memcmp(map->data, magic, MAGIC_SIZE) == 0;
}

static tw_status check_protocol(const tw_pickle *pickle, const char *path, tw_error *err)
{
    if (pickle->root->kind == TW_PICKLE_INT && pickle->root->integer == PROTOCOL_VERSION)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: its second pickle is not the protocol %d of torch", path,
                   (int)PROTOCOL_VERSION);
}

static tw_status check_system(const tw_pickle *pickle, const char *path, tw_error *err)
{
    const tw_pickle_value *little =
        pickle->root->kind == TW_PICKLE_DICT ? tw_pickle_get(pickle->root, "little_endian") : NULL;

    if (!little || little->kind != TW_PICKLE_BOOL)
        return tw_fail(err, TW_EFILE, "%s: its third pickle does not say little_endian", path);
    if (!little->integer)
        return tw_fail(err, TW_EFILE, "%s: big-endian numbers are not read", path);
    return TW_OK;
}

typedef tw_status (*check)(const tw_pickle *pickle, const char *path, tw_error *err);

/* Reads a pickle at *at, moves behind it; it is not kept. */
static tw_status pass(size_t *at, size_t *room, const tw_map *map, check checks, tw_error *err)
{
    tw_pickle pickle;
    tw_status rc = tw_pickle_read(&pickle, map->data + *at, map->size - *at, room, map->path, err);

    if (rc)
        return rc;
    *at += pickle.n_used;
    rc = checks(&pickle, map->path, err);
    tw_pickle_free(&pickle);
    return rc;
}

/* The numbers of one storage at *at. */
static tw_status place_storage(size_t *at, const tw_pickle *pickle, const tw_pickle_value *key,
                               const tw_map *map, tw_error *err)
{
    size_t range[2];
    const tw_pickle_storage *storage;
    int64_t n_bytes;
    uint64_t n = 0;

    if (key->kind != TW_PICKLE_TEXT)
        return tw_fail(err, TW_EFILE, "%s: the key of a storage is %s", map->path,
                       tw_pickle_kind_name(key->kind));
    tw_format__torch_find(range, pickle, &key->text);
    if (range[0] == range[1])
        return tw_fail(err, TW_EFILE, "%s: storage %.*s belongs to no tensor", map->path,
                       (int)key->text.n, key->text.at);
    storage = &pickle->storages[range[0]]->storage;
    if (storage->data)
        return tw_fail(err, TW_EFILE, "%s: storage %.*s is there twice", map->path,
                       (int)key->text.n, key->text.at);
    if (map->size - *at < COUNT_SIZE)
        return tw_fail(err, TW_EFILE, "%s: ends before storage %.*s", map->path, (int)key->text.n,
                       key->text.at);
    for (size_t i = COUNT_SIZE; i > 0; i--)
        n = n << 8 | map->data[*at + i - 1];
    if (n != (uint64_t)storage->numel)
        return tw_fail(err, TW_EFILE, "%s: storage %.*s: %llu numbers, its tensors say %lld",
                       map->path, (int)key->text.n, key->text.at, (unsigned long long)n,
                       (long long)storage->numel);
    *at += COUNT_SIZE;
    if (!tw_mul_i64(&n_bytes, storage->numel, (int64_t)tw_dtype_size(storage->dtype)) ||
        (uint64_t)n_bytes > map->size - *at)
        return tw_fail(err, TW_EFILE, "%s: storage %.*s: %llu numbers of %s, %zu bytes are left",
                       map->path, (int)key->text.n, key->text.at, (unsigned long long)n,
                       tw_dtype_name(storage->dtype), map->size - *at);
    *at += (size_t)n_bytes;
    return tw_format__torch_place(pickle, range, map->data + *at - n_bytes, n_bytes, map->path,
                                  err);
}

static tw_status place_storages(size_t at, const tw_pickle *pickle, const tw_pickle_value *keys,
                                const tw_map *map, tw_error *err)
{
    tw_status rc = tw_format__torch_sort(pickle, map->path, err);

    if (rc == TW_OK && keys->kind != TW_PICKLE_LIST)
        return tw_fail(err, TW_EFILE, "%s: its fifth pickle is %s, not the list of storages",
                       map->path, tw_pickle_kind_name(keys->kind));
    for (size_t i = 0; rc == TW_OK && i < keys->n; i++)
        rc = place_storage(&at, pickle, keys->items[i], map, err);
    if (rc)
        return rc;
    for (size_t i = 0; i < pickle->n_storages; i++) {
        const tw_pickle_storage *storage = &pickle->storages[i]->storage;

        if (!storage->data)
            return tw_fail(err, TW_EFILE, "%s: storage %.*s is not in its list of storages",
                           map->path, (int)storage->key.n, storage->key.at);
    }
    if (at != map->size)
        return tw_fail(err, TW_EFILE, "%s: %zu bytes after the last storage", map->path,
                       map->size - at);
    return TW_OK;
}

tw_status tw_torch_read_legacy(tw_weight_file *file, tw_error *err)
{
    const tw_map *map = &file->map;
    tw_pickle object = {0}, keys = {0};
    size_t at = MAGIC_SIZE, room = tw_format__torch_room(map->size);
    tw_status rc;

    file->kind = TW_WEIGHTS_TORCH;
    if ((rc = pass(&at, &room, map, check_protocol, err)) ||
        (rc = pass(&at, &room, map, check_system, err)) ||
        (rc = tw_pickle_read(&object, map->data + at, map->size - at, &room, map->path, err)))
        return rc;
    at += object.n_used;
    if ((rc = tw_pickle_read(&keys, map->data + at, map->size - at, &room, map->path, err)))
        goto done;
    at += keys.n_used;
    if ((rc = place_storages(at, &object, keys.root, map, err)) == TW_OK)
        rc = tw_format__torch_take(file, &object, &room, err);
done:
    tw_pickle_free(&keys);
    tw_pickle_free(&object);
    return rc;
}
