/*
 * Weights in a zip, told by its members: .keras has model.weights.h5, PyTorch data.pkl, .npz
 * arrays. Stored members stay in the mapping, deflated ones are inflated into blocks, which are as
 * large as the directory says and at most 1,032 times the compressed bytes.
 */
#include "base/fail.h"
#include "format/zip_int.h"

#include "base/memory.h"

#include <string.h>

enum { METHOD_STORED = 0, WINDOW = 4 << 20 };

const tw_format__member *tw_format__archive_find(const tw_format__archive *archive,
                                                 const char *name)
{
    for (int64_t i = 0; i < archive->zip.n_members; i++) {
        const tw_format__member *m = &archive->members[i];
        if (m->name_n == strlen(name) && memcmp(m->name, name, m->name_n) == 0)
            return m;
    }
    return NULL;
}

/* The checksum of bytes that stay in the mapping, which gets its pages back. */
static tw_status sum_stored(uint32_t *crc, const tw_map *map, const tw_format__archive *archive,
                            const tw_format__member *member, tw_error *err)
{
    tw_status rc = TW_OK;

    *crc = 0;
    for (int64_t at = 0; at < member->n_bytes && rc == TW_OK; at += WINDOW) {
        const int64_t left = member->n_bytes - at, n = left < WINDOW ? left : WINDOW;

        rc = tw_format__crc32(crc, &archive->file, member->data_offset + at, n, err);
        if (!map->borrowed)
            tw_map_release(map->data + member->data_offset + at, (size_t)n);
    }
    return rc;
}

static tw_status inflate_member(uint8_t *out, uint32_t *crc, const tw_format__archive *archive,
                                const tw_format__member *member, const char *name, tw_error *err)
{
    tw_format__inflater *inflater;
    tw_status rc = tw_format__inflater_open(&inflater, &archive->file, member->data_offset,
                                            member->n_packed, TW_FORMAT__RAW, name, err);

    if (!rc)
        rc = tw_format__inflate(out, crc, inflater, member->n_bytes, name, err);
    tw_format__inflater_close(inflater);
    return rc;
}

tw_status tw_format__archive_bytes(const uint8_t **bytes, tw_weight_file *out,
                                   const tw_format__archive *archive,
                                   const tw_format__member *member, const char *name, tw_error *err)
{
    uint32_t crc = 0;
    void *block;
    tw_status rc;

    if (member->method == METHOD_STORED) {
        *bytes = out->map.data + member->data_offset;
        rc = sum_stored(&crc, &out->map, archive, member, err);
    } else {
        if ((rc = tw_weight_file_add_block(&block, out, (size_t)member->n_bytes + 1, err)))
            return rc;
        *bytes = block;
        rc = inflate_member(block, &crc, archive, member, name, err);
    }
    if (!rc && crc != member->crc)
        return tw_fail(err, TW_EFILE, "%s: checksum %08lx, the zip directory says %08lx", name,
                       (unsigned long)crc, (unsigned long)member->crc);
    return rc;
}

static bool ends_with(const tw_format__member *m, const char *end)
{
    const size_t n = strlen(end);

    return m->name_n >= n && memcmp(m->name + m->name_n - n, end, n) == 0;
}

static tw_status read_members(tw_weight_file *out, const tw_format__archive *archive, tw_error *err)
{
    const char *path = out->map.path;
    char names[400];

    if (tw_format__archive_find(archive, "model.weights.h5"))
        return tw_format__keras_read(out, archive, err);
    if (tw_format__archive_find(archive, "model.weights.npz"))
        return tw_fail(err, TW_EFILE,
                       "%s: model.weights.npz holds Python objects, only model.weights.h5 is read",
                       path);
    for (int64_t i = 0; i < archive->zip.n_members; i++) {
        if (ends_with(&archive->members[i], "/data.pkl"))
            return tw_format__torch_read(out, archive, err);
        if (ends_with(&archive->members[i], ".npy"))
            return tw_format__npz_read(out, archive, err);
    }
    return tw_fail(err, TW_EFILE,
                   "%s: a zip without model.weights.h5, data.pkl or arrays, it has %s", path,
                   tw_format__zip_names(names, sizeof names, &archive->zip));
}

tw_status tw_zip_read(tw_weight_file *file, tw_error *err)
{
    tw_format__archive archive = {0};
    tw_status rc = tw_file_borrow(&archive.file, &file->map, err);

    if (rc || (rc = tw_format__zip_open(&archive.zip, &archive.file, err)) ||
        (rc = tw_format__zip_list(&archive.members, &archive.zip, err)))
        goto done;
    rc = read_members(file, &archive, err);
done:
    tw_free(archive.members);
    tw_format__zip_free(&archive.zip);
    tw_file_close(&archive.file);
    return rc;
}
