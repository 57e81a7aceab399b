/*
 * The members of a zip, as far as .npz files need them: the central directory is read and is the
 * truth, each local header that is used is checked against it.
 *
 *   [local header, data]...  central directory  [zip64 end, locator]  end record
 *
 * Refused by name: encryption, more than one disk, methods other than stored and deflated, a name
 * that is there twice. zip64 sizes are read. Nothing is written here.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"

#include <stdio.h>
#include <string.h>

enum {
    END_SIZE = 22,
    COMMENT_MAX = 65535,
    END64_SIZE = 56,
    LOCATOR_SIZE = 20,
    ENTRY_SIZE = 46,
    LOCAL_SIZE = 30,
    DIRECTORY_MAX = 16 << 20,
    FLAG_ENCRYPTED = 1,
    FLAG_SIZES_LATER = 8,
    METHOD_STORED = 0,
    METHOD_DEFLATED = 8,
    EXTRA_ZIP64 = 1
};
#define END_MAGIC 0x06054b50u
#define END64_MAGIC 0x06064b50u
#define LOCATOR_MAGIC 0x07064b50u
#define ENTRY_MAGIC 0x02014b50u
#define LOCAL_MAGIC 0x04034b50u
#define IN_ZIP64 0xffffffffu

static unsigned get16(const uint8_t *p)
{
    return (unsigned)p[0] | (unsigned)p[1] << 8;
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) | (uint32_t)get16(p + 2) << 16;
}

static uint64_t get64(const uint8_t *p)
{
    return (uint64_t)get32(p) | (uint64_t)get32(p + 4) << 32;
}

/* ---- the end record */

typedef struct end_record {
    uint64_t n_members, n_bytes, offset;
    int64_t place; /* of the record that follows the directory */
} end_record;

static tw_status read_end64(end_record *end, const tw_file *file, int64_t locator, tw_error *err)
{
    uint8_t b[END64_SIZE];
    uint64_t place;
    tw_status rc;

    if ((rc = tw_file_pread(file, b, LOCATOR_SIZE, locator, err)))
        return rc;
    if (get32(b) != LOCATOR_MAGIC)
        return tw_fail(err, TW_EFILE, "%s: sizes are in a zip64 record, which is missing",
                       file->path);
    place = get64(b + 8);
    if (get32(b + 4) != 0 || get32(b + 16) > 1)
        return tw_fail(err, TW_EFILE, "%s: a zip of %lu disks, only one is read", file->path,
                       (unsigned long)get32(b + 16));
    if (locator < END64_SIZE || place > (uint64_t)(locator - END64_SIZE))
        return tw_fail(err, TW_EFILE, "%s: zip64 record at byte %llu, the file has %lld",
                       file->path, (unsigned long long)place, (long long)file->size);
    if ((rc = tw_file_pread(file, b, END64_SIZE, (int64_t)place, err)))
        return rc;
    if (get32(b) != END64_MAGIC)
        return tw_fail(err, TW_EFILE, "%s: no zip64 record at byte %llu", file->path,
                       (unsigned long long)place);
    if (get32(b + 16) != 0 || get32(b + 20) != 0 || get64(b + 24) != get64(b + 32))
        return tw_fail(err, TW_EFILE, "%s: part of a zip of several disks", file->path);
    end->n_members = get64(b + 32);
    end->n_bytes = get64(b + 40);
    end->offset = get64(b + 48);
    end->place = (int64_t)place;
    return TW_OK;
}

/* The last place in tail[0..n) where an end record with a fitting comment length begins, or -1. */
static int64_t find_end(const uint8_t *tail, int64_t n)
{
    for (int64_t i = n - END_SIZE; i >= 0; i--)
        if (get32(tail + i) == END_MAGIC && get16(tail + i + 20) == (unsigned)(n - i - END_SIZE))
            return i;
    return -1;
}

static tw_status read_end(end_record *end, const tw_file *file, tw_error *err)
{
    const int64_t most = END_SIZE + COMMENT_MAX;
    const int64_t n = file->size < most ? file->size : most;
    uint8_t *tail = tw_malloc((size_t)n + 1);
    const uint8_t *b;
    int64_t at;
    tw_status rc;

    if (!tail)
        return tw_fail(err, TW_ENOMEM, "%s: no memory to read its end", file->path);
    if ((rc = tw_file_pread(file, tail, (size_t)n, file->size - n, err)))
        goto done;
    if ((at = find_end(tail, n)) < 0) {
        rc = tw_fail(err, TW_EFILE,
                     "%s: no end record of a zip in its last %lld bytes: truncated or no zip",
                     file->path, (long long)n);
        goto done;
    }
    b = tail + at;
    end->place = file->size - n + at;
    end->n_members = get16(b + 10);
    end->n_bytes = get32(b + 12);
    end->offset = get32(b + 16);
    if (end->n_members == 0xffff || end->n_bytes == IN_ZIP64 || end->offset == IN_ZIP64)
        rc = end->place < LOCATOR_SIZE
                 ? tw_fail(err, TW_EFILE, "%s: sizes are in a zip64 record, which is missing",
                           file->path)
                 : read_end64(end, file, end->place - LOCATOR_SIZE, err);
    else if (get16(b + 4) != 0 || get16(b + 6) != 0 || get16(b + 8) != get16(b + 10))
        rc = tw_fail(err, TW_EFILE, "%s: part of a zip of several disks", file->path);
done:
    tw_free(tail);
    return rc;
}

/* ---- the central directory */

/* Size of the entry at p, 0 when it does not fit into n bytes or does not begin like one. */
static size_t entry_size(const uint8_t *p, size_t n)
{
    size_t size;

    if (n < ENTRY_SIZE || get32(p) != ENTRY_MAGIC)
        return 0;
    size = (size_t)ENTRY_SIZE + get16(p + 28) + get16(p + 30) + get16(p + 32);
    return size <= n ? size : 0;
}

static tw_status check_directory(tw_format__zip *zip, uint64_t n_members, tw_error *err)
{
    const uint8_t *p = zip->directory;
    size_t left = (size_t)zip->directory_n_bytes;

    while (left > 0) {
        const size_t size = entry_size(p, left);

        if (size == 0)
            return tw_fail(err, TW_EFILE, "%s: damaged zip directory at byte %lld", zip->file->path,
                           (long long)(zip->directory_offset + (p - zip->directory)));
        p += size;
        left -= size;
        zip->n_members++;
    }
    if ((uint64_t)zip->n_members != n_members)
        return tw_fail(err, TW_EFILE,
                       "%s: zip directory has %lld members, its end record says "
                       "%llu",
                       zip->file->path, (long long)zip->n_members, (unsigned long long)n_members);
    return TW_OK;
}

tw_status tw_format__zip_open(tw_format__zip *out, const tw_file *file, tw_error *err)
{
    end_record end = {0};
    tw_format__zip zip = {.file = file};
    tw_status rc;

    memset(out, 0, sizeof *out);
    if ((rc = read_end(&end, file, err)))
        return rc;
    if (end.n_bytes > (uint64_t)end.place || end.offset > (uint64_t)end.place - end.n_bytes)
        return tw_fail(err, TW_EFILE,
                       "%s: zip directory of %llu bytes at byte %llu does not fit "
                       "before its end record at byte %lld",
                       file->path, (unsigned long long)end.n_bytes, (unsigned long long)end.offset,
                       (long long)end.place);
    if (end.n_bytes > DIRECTORY_MAX)
        return tw_fail(err, TW_EFILE, "%s: zip directory of %llu bytes, at most %d are read",
                       file->path, (unsigned long long)end.n_bytes, (int)DIRECTORY_MAX);
    zip.directory_offset = (int64_t)end.offset;
    zip.directory_n_bytes = (int64_t)end.n_bytes;
    if (!(zip.directory = tw_malloc((size_t)end.n_bytes + 1)))
        return tw_fail(err, TW_ENOMEM, "%s: no memory for its zip directory", file->path);
    if ((rc = tw_file_pread(file, zip.directory, (size_t)end.n_bytes, zip.directory_offset, err)) ||
        (rc = check_directory(&zip, end.n_members, err)))
        tw_format__zip_free(&zip);
    else
        *out = zip;
    return rc;
}

void tw_format__zip_free(tw_format__zip *zip)
{
    tw_free(zip->directory);
    memset(zip, 0, sizeof *zip);
}

/* ---- members */

/* Walks extra[0..n) for the zip64 field and gives its payload; false when a field sticks out. */
static bool find_zip64(const uint8_t **field, size_t *field_n, const uint8_t *extra, size_t n)
{
    *field = NULL;
    *field_n = 0;
    while (n >= 4) {
        const size_t size = get16(extra + 2);

        if (size > n - 4)
            return false;
        if (get16(extra) == EXTRA_ZIP64 && !*field) {
            *field = extra + 4;
            *field_n = size;
        }
        extra += 4 + size;
        n -= 4 + size;
    }
    return true;
}

/* A 32-bit size, or the next 8 bytes of the zip64 field where it says so. */
static bool wide(uint64_t *out, uint32_t narrow, const uint8_t **field, size_t *field_n)
{
    *out = narrow;
    if (narrow != IN_ZIP64)
        return true;
    if (*field_n < 8)
        return false;
    *out = get64(*field);
    *field += 8;
    *field_n -= 8;
    return true;
}

static tw_status parse_entry(tw_format__member *m, const tw_format__zip *zip, const uint8_t *p,
                             tw_error *err)
{
    const char *path = zip->file->path;
    const uint8_t *field;
    size_t field_n;
    uint64_t n_bytes, n_packed, offset;
    const uint64_t end = (uint64_t)zip->directory_offset;
    const int shown = (int)get16(p + 28);

    m->name = (const char *)p + ENTRY_SIZE;
    m->name_n = get16(p + 28);
    m->flags = get16(p + 8);
    m->method = get16(p + 10);
    m->crc = get32(p + 16);
    if (!find_zip64(&field, &field_n, p + ENTRY_SIZE + m->name_n, get16(p + 30)) ||
        !wide(&n_bytes, get32(p + 24), &field, &field_n) ||
        !wide(&n_packed, get32(p + 20), &field, &field_n) ||
        !wide(&offset, get32(p + 42), &field, &field_n))
        return tw_fail(err, TW_EFILE, "%s:%.*s: damaged extra fields in the zip directory", path,
                       shown, m->name);
    if (get16(p + 34) != 0)
        return tw_fail(err, TW_EFILE, "%s:%.*s: on disk %u of a zip of several disks", path, shown,
                       m->name, get16(p + 34));
    if (m->flags & FLAG_ENCRYPTED)
        return tw_fail(err, TW_EFILE, "%s:%.*s: encrypted", path, shown, m->name);
    if (m->method != METHOD_STORED && m->method != METHOD_DEFLATED)
        return tw_fail(err, TW_EFILE,
                       "%s:%.*s: compression method %u, only stored (0) and "
                       "deflated (8) are read",
                       path, shown, m->name, m->method);
    if (offset > end || end - offset < LOCAL_SIZE || n_packed > end - offset - LOCAL_SIZE)
        return tw_fail(err, TW_EFILE,
                       "%s:%.*s: %llu bytes at byte %llu do not fit before the zip "
                       "directory at byte %llu",
                       path, shown, m->name, (unsigned long long)n_packed,
                       (unsigned long long)offset, (unsigned long long)end);
    if (n_bytes > INT64_MAX || (m->method == METHOD_STORED && n_bytes != n_packed) ||
        !tw_format__can_inflate((int64_t)n_bytes, (int64_t)n_packed))
        return tw_fail(err, TW_EFILE,
                       "%s:%.*s: says %llu bytes, its %llu in the file cannot hold "
                       "that",
                       path, shown, m->name, (unsigned long long)n_bytes,
                       (unsigned long long)n_packed);
    m->n_bytes = (int64_t)n_bytes;
    m->n_packed = (int64_t)n_packed;
    m->header_offset = (int64_t)offset;
    return TW_OK;
}

tw_status tw_format__zip_find(tw_format__member *out, bool *found, const tw_format__zip *zip,
                              const char *name, tw_error *err)
{
    const uint8_t *p = zip->directory;
    const uint8_t *hit = NULL;
    size_t left = (size_t)zip->directory_n_bytes;
    const size_t name_n = strlen(name);

    memset(out, 0, sizeof *out);
    *found = false;
    while (left > 0) {
        const size_t size = entry_size(p, left);

        if (get16(p + 28) == name_n && memcmp(p + ENTRY_SIZE, name, name_n) == 0) {
            if (hit)
                return tw_fail(err, TW_EFILE, "%s: holds %s twice", zip->file->path, name);
            hit = p;
        }
        p += size;
        left -= size;
    }
    if (!hit)
        return TW_OK;
    *found = true;
    return parse_entry(out, zip, hit, err);
}

const uint8_t *tw_format__zip_next(const tw_format__zip *zip, const uint8_t *entry)
{
    const uint8_t *end = zip->directory + zip->directory_n_bytes;

    entry = entry ? entry + entry_size(entry, (size_t)(end - entry)) : zip->directory;
    return entry < end ? entry : NULL;
}

tw_status tw_format__zip_member(tw_format__member *out, const tw_format__zip *zip,
                                const uint8_t *entry, tw_error *err)
{
    memset(out, 0, sizeof *out);
    return parse_entry(out, zip, entry, err);
}

char *tw_format__zip_names(char *buf, size_t buf_size, const tw_format__zip *zip)
{
    const uint8_t *p = zip->directory;
    size_t left = (size_t)zip->directory_n_bytes, n = 0;

    snprintf(buf, buf_size, "nothing");
    while (left > 0) {
        const size_t size = entry_size(p, left);
        const int name_n = (int)get16(p + 28);
        const char *comma = n > 0 ? ", " : "";

        if (n + (size_t)name_n + sizeof ", , ..." > buf_size) {
            snprintf(buf + n, buf_size - n, "%s...", comma);
            break;
        }
        n += (size_t)snprintf(buf + n, buf_size - n, "%s%.*s", comma, name_n,
                              (const char *)p + ENTRY_SIZE);
        p += size;
        left -= size;
    }
    return buf;
}

/* Sizes of the local header are compared where it has them: they may come after the data, or be
 * all ones with or without a zip64 field. */
static bool local_sizes_agree(const uint8_t *h, const uint8_t *extra, const tw_format__member *m)
{
    const uint8_t *field;
    size_t field_n;
    uint64_t n_bytes = get32(h + 22), n_packed = get32(h + 18);

    if (!find_zip64(&field, &field_n, extra, get16(h + 28)))
        return false;
    if (get16(h + 6) & FLAG_SIZES_LATER)
        return true;
    if (field && (!wide(&n_bytes, get32(h + 22), &field, &field_n) ||
                  !wide(&n_packed, get32(h + 18), &field, &field_n)))
        return false;
    return (n_bytes == IN_ZIP64 || n_bytes == (uint64_t)m->n_bytes) &&
           (n_packed == IN_ZIP64 || n_packed == (uint64_t)m->n_packed) && get32(h + 14) == m->crc;
}

tw_status tw_format__zip_locate(tw_format__member *member, const tw_format__zip *zip, tw_error *err)
{
    tw_format__member *m = member;
    const int64_t room = zip->directory_offset - m->header_offset - LOCAL_SIZE;
    const tw_file *file = zip->file;
    const int shown = (int)m->name_n;
    uint8_t h[LOCAL_SIZE];
    uint8_t *rest = NULL; /* name and extra fields */
    int64_t rest_n;
    tw_status rc;

    if ((rc = tw_file_pread(file, h, sizeof h, m->header_offset, err)))
        return rc;
    rest_n = (int64_t)get16(h + 26) + (int64_t)get16(h + 28);
    if (get32(h) != LOCAL_MAGIC || rest_n > room || m->n_packed > room - rest_n)
        return tw_fail(err, TW_EFILE, "%s:%.*s: no whole member at byte %lld", file->path, shown,
                       m->name, (long long)m->header_offset);
    if (!(rest = tw_malloc((size_t)rest_n + 1)))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to read a header", file->path);
    if ((rc = tw_file_pread(file, rest, (size_t)rest_n, m->header_offset + LOCAL_SIZE, err)))
        goto done;
    if ((get16(h + 6) & FLAG_ENCRYPTED) || get16(h + 8) != m->method ||
        get16(h + 26) != m->name_n || memcmp(rest, m->name, m->name_n) != 0 ||
        !local_sizes_agree(h, rest + m->name_n, m))
        rc = tw_fail(err, TW_EFILE, "%s:%.*s: header at byte %lld and zip directory differ",
                     file->path, shown, m->name, (long long)m->header_offset);
    m->data_offset = m->header_offset + LOCAL_SIZE + rest_n;
done:
    tw_free(rest);
    return rc;
}
