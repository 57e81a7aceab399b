/*
 * Writing .npz: a zip whose members are stored, each a .npy of version 1.0. A member's checksum
 * stands before it, so the numbers are read twice, and never held. No zip64: below 4 GiB there is
 * no need for it.
 */
#include "format/npz_write.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/stream.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>
#include <zlib.h>

enum {
    NPY_BYTES = 128, /* magic, version, length, and a dict of at most four sides */
    LOCAL_BYTES = 30,
    ENTRY_BYTES = 46,
    END_BYTES = 22,
    NAME_SIZE = 256,
    VERSION = 20,
    UTF8_NAMES = 0x0800,
    FIRST_OF_1980 = 0x0021
};
#define LOCAL_MAGIC 0x04034b50u
#define ENTRY_MAGIC 0x02014b50u
#define END_MAGIC 0x06054b50u
#define MAX_FILE_BYTES 0xfffffffeu

typedef struct member {
    char name[NAME_SIZE];
    uint8_t npy[NPY_BYTES]; /* what stands before the numbers */
    uint32_t crc;
    uint64_t n_bytes, header_at;
} member;

static uint8_t *put(uint8_t *at, uint64_t value, int n)
{
    for (int i = 0; i < n; i++)
        at[i] = (uint8_t)(value >> (8 * i));
    return at + n;
}

static uint64_t data_size(const tw_safetensors_entry *entry)
{
    return (uint64_t)tw_shape_size(&entry->tensor.shape) * sizeof(float);
}

static void fill_npy(uint8_t npy[NPY_BYTES], const tw_shape *shape)
{
    static const uint8_t prefix[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, NPY_BYTES - 10, 0};
    char dict[NPY_BYTES];
    int n = snprintf(dict, sizeof dict, "{'descr': '<f4', 'fortran_order': False, 'shape': (");

    for (int i = 0; i < shape->rank; i++)
        n += snprintf(dict + n, sizeof dict - (size_t)n, "%lld%s", (long long)shape->dims[i],
                      i + 1 < shape->rank ? ", "
                      : shape->rank == 1  ? ","
                                          : "");
    n += snprintf(dict + n, sizeof dict - (size_t)n, "), }");
    memcpy(npy, prefix, sizeof prefix);
    memset(npy + sizeof prefix, ' ', NPY_BYTES - sizeof prefix);
    memcpy(npy + sizeof prefix, dict, (size_t)n);
    npy[NPY_BYTES - 1] = '\n';
}

static void describe(member *out, const tw_safetensors_entry *entry)
{
    snprintf(out->name, sizeof out->name, "%.250s.npy", entry->name);
    fill_npy(out->npy, &entry->tensor.shape);
    out->n_bytes = NPY_BYTES + data_size(entry);
}

/* Gives places; false where the file would be too long. */
static bool place(member *members, int n, uint64_t *n_file)
{
    uint64_t at = 0, directory = END_BYTES;

    for (int i = 0; i < n; i++) {
        members[i].header_at = at;
        at += LOCAL_BYTES + strlen(members[i].name) + members[i].n_bytes;
        directory += ENTRY_BYTES + strlen(members[i].name);
    }
    *n_file = at + directory;
    return *n_file <= MAX_FILE_BYTES;
}

/* What a local header and an entry of the directory have in common. */
static uint8_t *put_common(uint8_t *at, const member *m)
{
    at = put(at, VERSION, 2);
    at = put(at, UTF8_NAMES, 2);
    at = put(at, 0, 2); /* stored */
    at = put(at, 0, 2);
    at = put(at, FIRST_OF_1980, 2);
    at = put(at, m->crc, 4);
    at = put(at, m->n_bytes, 4);
    at = put(at, m->n_bytes, 4);
    at = put(at, strlen(m->name), 2);
    return put(at, 0, 2); /* nothing extra */
}

static tw_status write_member(tw_writer *writer, member *m, const tw_safetensors_entry *entry,
                              tw_error *err)
{
    tw_status rc;
    uint8_t header[LOCAL_BYTES];
    uLong crc = crc32_z(0, m->npy, NPY_BYTES);

    m->crc = (uint32_t)crc32_z(crc, entry->tensor.data, data_size(entry));
    put_common(put(header, LOCAL_MAGIC, 4), m);
    if ((rc = tw_writer_write(writer, header, sizeof header, err)) ||
        (rc = tw_writer_write(writer, m->name, strlen(m->name), err)) ||
        (rc = tw_writer_write(writer, m->npy, NPY_BYTES, err)))
        return rc;
    return tw_stream_f32(writer, entry->tensor.data, tw_shape_size(&entry->tensor.shape), NULL,
                         entry->mapped, err);
}

static tw_status write_directory(tw_writer *writer, const member *members, int n, uint64_t n_file,
                                 tw_error *err)
{
    tw_status rc = TW_OK;
    uint64_t n_directory = 0;
    uint8_t end[END_BYTES], entry[ENTRY_BYTES], *at;

    for (int i = 0; i < n && rc == TW_OK; i++) {
        at = put_common(put(put(entry, ENTRY_MAGIC, 4), VERSION, 2), &members[i]);
        at = put(at, 0, 8);
        at = put(at, 0, 2);
        put(at, members[i].header_at, 4);
        n_directory += ENTRY_BYTES + strlen(members[i].name);
        if ((rc = tw_writer_write(writer, entry, sizeof entry, err)) == TW_OK)
            rc = tw_writer_write(writer, members[i].name, strlen(members[i].name), err);
    }
    at = put(put(end, END_MAGIC, 4), 0, 4);
    at = put(put(at, (uint64_t)n, 2), (uint64_t)n, 2);
    at = put(at, n_directory, 4);
    at = put(at, n_file - n_directory - END_BYTES, 4);
    put(at, 0, 2);
    return rc ? rc : tw_writer_write(writer, end, sizeof end, err);
}

tw_status tw_npz_write(const char *path, const tw_safetensors_entry *entries, int n, tw_error *err)
{
    tw_status rc;
    tw_writer *writer = NULL;
    member *members = tw_calloc((size_t)n, sizeof *members);
    uint64_t n_file;

    if (!members)
        return tw_fail(err, TW_ENOMEM, "no memory for the members of %s", path);
    for (int i = 0; i < n; i++)
        describe(&members[i], &entries[i]);
    if (!place(members, n, &n_file)) {
        rc = tw_fail(err, TW_EUNSUPPORTED, "%s: %llu bytes, .npz is written up to 4 GiB", path,
                     (unsigned long long)n_file);
        goto done;
    }
    if ((rc = tw_writer_create(&writer, path, err)))
        goto done;
    for (int i = 0; i < n && rc == TW_OK; i++)
        rc = write_member(writer, &members[i], &entries[i], err);
    if (rc == TW_OK)
        rc = write_directory(writer, members, n, n_file, err);
    if (rc == TW_OK)
        rc = tw_writer_commit(writer, err);
done:
    tw_writer_free(writer);
    tw_free(members);
    return rc;
}
