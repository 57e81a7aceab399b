/*
 * The form that torch.save writes since 1.6: a zip of stored members.
 *
 *   STEM/data.pkl    the object          STEM/byteorder   "little", in newer ones
 *   STEM/data/KEY    a storage's numbers
 *
 * The central directory is the truth; local headers have no sizes. The checksum of data.pkl is
 * compared, those of the numbers are not: they stay mapped and are read when they are needed.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/torch_int.h"
#include "format/zip_int.h"

#include <stdlib.h>
#include <string.h>

enum { METHOD_STORED = 0 };
static const char object_name[] = "/data.pkl";

/* The zip's members sorted by name, and what comes before "/data.pkl". */
typedef struct archive {
    const tw_map *map;
    const tw_file *file;
    const tw_format__member **members;
    size_t n;
    tw_pickle_text stem;
} archive;

/* ---- members */

static int compare(const char *a, size_t n_a, const char *b, size_t n_b)
{
    const int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_members(const void *a, const void *b)
{
    const tw_format__member *const *x = a, *const *y = b;

    return compare((*x)->name, (*x)->name_n, (*y)->name, (*y)->name_n);
}

static bool ends_with(const tw_format__member *member, const char *end)
{
    const size_t n = strlen(end);

    return member->name_n > n && memcmp(member->name + member->name_n - n, end, n) == 0;
}

/* What the object is called: one member, of any stem. */
static tw_status find_stem(archive *in, tw_error *err)
{
    for (size_t i = 0; i < in->n; i++) {
        const tw_format__member *member = in->members[i];

        if (!ends_with(member, object_name))
            continue;
        if (in->stem.at)
            return tw_fail(err, TW_EFILE, "%s: holds more than one data.pkl", in->map->path);
        in->stem = (tw_pickle_text){member->name, member->name_n - strlen(object_name)};
    }
    if (in->stem.at)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: a zip without data.pkl: no torch file", in->map->path);
}

/* Member STEM + path + key; NULL where there is none. */
static const tw_format__member *find_member(const archive *in, const char *path, tw_pickle_text key)
{
    size_t low = 0, high = in->n;
    const size_t n_path = strlen(path);

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        const tw_format__member *member = in->members[middle];
        const char *name = member->name;
        size_t n = member->name_n;
        int order = compare(name, n < in->stem.n ? n : in->stem.n, in->stem.at, in->stem.n);

        if (order == 0) {
            name += in->stem.n;
            n -= in->stem.n;
            order = compare(name, n < n_path ? n : n_path, path, n_path);
        }
        if (order == 0)
            order = compare(name + n_path, n - n_path, key.at, key.n);
        if (order == 0)
            return member;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* The bytes of a member in the mapped file. */
static tw_status find_bytes(const uint8_t **out, const tw_format__member *member, const archive *in,
                            tw_error *err)
{
    *out = in->map->data + member->data_offset;
    if (member->method == METHOD_STORED)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s:%.*s: compressed, torch files are not", in->map->path,
                   (int)member->name_n, member->name);
}

/* ---- what they say */

static tw_status check_byte_order(const archive *in, tw_error *err)
{
    static const char little[] = "little";
    const tw_format__member *member = find_member(in, "/byteorder", (tw_pickle_text){"", 0});
    const uint8_t *bytes;
    tw_status rc;

    if (!member)
        return TW_OK;
    if ((rc = find_bytes(&bytes, member, in, err)))
        return rc;
    if (member->n_bytes == (int64_t)strlen(little) && memcmp(bytes, little, strlen(little)) == 0)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: its byte order is not little", in->map->path);
}

static tw_status check_kind(const archive *in, tw_error *err)
{
    if (!find_member(in, "/constants.pkl", (tw_pickle_text){"", 0}))
        return TW_OK;
    return tw_fail(err, TW_EFILE,
                   "%s: a TorchScript program; save the state_dict() of its module instead",
                   in->map->path);
}

static tw_status read_object(tw_pickle *out, size_t *room, const archive *in, tw_error *err)
{
    const tw_format__member *member = find_member(in, object_name, (tw_pickle_text){"", 0});
    const uint8_t *bytes;
    uint32_t crc = 0;
    tw_status rc;

    if ((rc = find_bytes(&bytes, member, in, err)) ||
        (rc = tw_format__crc32(&crc, in->file, member->data_offset, member->n_bytes, err)))
        return rc;
    if (crc != member->crc)
        return tw_fail(err, TW_EFILE, "%s:%.*s: wrong checksum", in->map->path, (int)member->name_n,
                       member->name);
    if ((rc = tw_pickle_read(out, bytes, (size_t)member->n_bytes, room, in->map->path, err)))
        return rc;
    if (out->n_used != (size_t)member->n_bytes) {
        rc = tw_fail(err, TW_EFILE, "%s:%.*s: %zu bytes after its end", in->map->path,
                     (int)member->name_n, member->name, (size_t)member->n_bytes - out->n_used);
        tw_pickle_free(out);
    }
    return rc;
}

static tw_status place_storages(const tw_pickle *pickle, const archive *in, tw_error *err)
{
    tw_status rc = tw_format__torch_sort(pickle, in->map->path, err);
    size_t range[2];

    for (size_t i = 0; rc == TW_OK && i < pickle->n_storages; i = range[1]) {
        const tw_pickle_text key = pickle->storages[i]->storage.key;
        const tw_format__member *member = find_member(in, "/data/", key);
        const uint8_t *bytes;

        if (!member)
            return tw_fail(err, TW_EFILE, "%s: storage %.*s is not in the file", in->map->path,
                           (int)key.n, key.at);
        tw_format__torch_find(range, pickle, &key);
        if ((rc = find_bytes(&bytes, member, in, err)) == TW_OK)
            rc = tw_format__torch_place(pickle, range, bytes, member->n_bytes, in->map->path, err);
    }
    return rc;
}

static tw_status sort_members(archive *in, const tw_format__archive *zip, tw_error *err)
{
    in->n = (size_t)zip->zip.n_members;
    if (!(in->members = tw_calloc(in->n + 1, sizeof *in->members)))
        return tw_fail(err, TW_ENOMEM, "no memory for the members of %s", in->map->path);
    for (size_t i = 0; i < in->n; i++)
        in->members[i] = &zip->members[i];
    qsort(in->members, in->n, sizeof *in->members, compare_members);
    return TW_OK;
}

tw_status tw_format__torch_read(tw_weight_file *out, const tw_format__archive *zip, tw_error *err)
{
    archive in = {.map = &out->map, .file = &zip->file};
    tw_pickle object = {0};
    size_t room = tw_format__torch_room(out->map.size);
    tw_status rc;

    out->kind = TW_WEIGHTS_TORCH;
    if ((rc = sort_members(&in, zip, err)) || (rc = find_stem(&in, err)) ||
        (rc = check_kind(&in, err)) || (rc = check_byte_order(&in, err)) ||
        (rc = read_object(&object, &room, &in, err)))
        goto done;
    if ((rc = place_storages(&object, &in, err)) == TW_OK)
        rc = tw_format__torch_take(out, &object, &room, err);
done:
    tw_pickle_free(&object);
    tw_free(in.members);
    return rc;
}
