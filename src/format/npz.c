/*
 * Members of an .npz as arrays of records: a zip of .npy files. A stored member is used in place,
 * a deflated one is inflated once into a spool; the checksum of either is compared at opening.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/arrays_int.h"
#include "tensor/tensor.h"

#include <string.h>

enum { METHOD_STORED = 0, HEAD_MAX = 12 + TW_FORMAT__NPY_HEADER_MAX };

/* "x_train" -> "x_train.npy". Caller frees; NULL when memory ran out. */
static char *member_file_name(const char *member)
{
    tw_text text = {0};

    tw_text_add(&text, "%s.npy", member);
    if (!text.failed)
        return text.text;
    tw_text_free(&text);
    return NULL;
}

static tw_status open_zip(tw_file *file, tw_format__zip *zip, const char *path, tw_error *err)
{
    tw_status rc = tw_file_open(file, path, err);

    if (rc)
        return rc;
    if ((rc = tw_format__zip_open(zip, file, err)))
        tw_file_close(file);
    return rc;
}

tw_status tw_npz_has(int *out, const char *path, const char *member, tw_error *err)
{
    char *name = member_file_name(member);
    tw_format__member entry;
    tw_format__zip zip = {0};
    tw_file file = {.fd = -1};
    bool found;
    tw_status rc;

    *out = 0;
    if (!name)
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s", member);
    if ((rc = open_zip(&file, &zip, path, err)))
        goto done;
    if (!(rc = tw_format__zip_find(&entry, &found, &zip, name, err)))
        *out = found;
done:
    tw_format__zip_free(&zip);
    tw_file_close(&file);
    tw_free(name);
    return rc;
}

/* Brings the bytes of the member to a->file: in place, or inflated. data_offset is where they
 * begin, *n_bytes how many they are. */
static tw_status unpack(tw_array_file *a, const tw_format__member *m, int64_t *n_bytes,
                        tw_error *err)
{
    tw_format__inflater *z = NULL;
    tw_file spool = {.fd = -1};
    uint32_t crc = 0;
    tw_status rc;

    *n_bytes = m->n_bytes;
    a->data_offset = m->data_offset;
    if (m->method == METHOD_STORED) {
        rc = tw_format__crc32(&crc, &a->file, m->data_offset, m->n_bytes, err);
    } else {
        if ((rc = tw_format__inflater_open(&z, &a->file, m->data_offset, m->n_packed,
                                           TW_FORMAT__RAW, a->name, err)) ||
            (rc = tw_file_open_spool(&spool, a->name, err)) ||
            (rc = tw_format__spool(&spool, &crc, z, m->n_bytes, a->name, err)))
            goto done;
        tw_file_close(&a->file);
        a->file = spool;
        spool = (tw_file){.fd = -1}; /* ownership moved to the array */
        a->data_offset = 0;
    }
    if (!rc && crc != m->crc)
        rc = tw_fail(err, TW_EFILE, "%s: checksum %08lx, the zip directory says %08lx", a->name,
                     (unsigned long)crc, (unsigned long)m->crc);
done:
    tw_format__inflater_close(z);
    tw_file_close(&spool);
    return rc;
}

/* Reads the .npy header at a->data_offset of a member of n_bytes and moves data_offset behind. */
static tw_status read_header(tw_array_file *a, int64_t n_bytes, tw_error *err)
{
    const size_t n = n_bytes < HEAD_MAX ? (size_t)n_bytes : HEAD_MAX;
    uint8_t *head = tw_malloc(n + 1);
    tw_format__npy npy;
    int64_t n_data;
    char text[96];
    tw_status rc;

    if (!head)
        return tw_fail(err, TW_ENOMEM, "%s: no memory for its header", a->name);
    if ((rc = tw_file_pread(&a->file, head, n, a->data_offset, err)) ||
        (rc = tw_format__npy_parse(&npy, head, n, a->name, err)))
        goto done;
    a->dtype = npy.dtype;
    a->is_unsigned = npy.is_unsigned;
    a->big_endian = npy.big_endian;
    a->shape = npy.shape;
    a->data_offset += npy.data_offset;
    if (npy.shape.rank < 1)
        rc = tw_fail(err, TW_EFILE, "%s: a single number, not an array", a->name);
    else if (npy.fortran_order && npy.shape.rank > 1)
        rc = tw_fail(err, TW_EFILE, "%s: in Fortran order, only C order is read", a->name);
    else if (!tw_format__array_sizes(a, &n_data) || n_data != n_bytes - npy.data_offset)
        rc = tw_fail(err, TW_EFILE, "%s: %lld bytes of numbers do not make %s of %s", a->name,
                     (long long)(n_bytes - npy.data_offset),
                     tw_shape_text(text, sizeof text, &npy.shape), tw_dtype_name(npy.dtype));
done:
    tw_free(head);
    return rc;
}

static tw_status open_member(tw_array_file *a, const tw_format__zip *zip, const char *file_name,
                             int64_t *n_bytes, tw_error *err)
{
    tw_format__member entry;
    char names[400];
    bool found;
    tw_status rc;

    if ((rc = tw_format__zip_find(&entry, &found, zip, file_name, err)))
        return rc;
    if (!found)
        return tw_fail(err, TW_EFILE, "%s: no member %s, it has %s", a->file.path, file_name,
                       tw_format__zip_names(names, sizeof names, zip));
    if ((rc = tw_format__zip_locate(&entry, zip, err)))
        return rc;
    return unpack(a, &entry, n_bytes, err);
}

tw_status tw_npz_open(tw_array_file *out, const char *path, const char *member, tw_error *err)
{
    char *file_name = member_file_name(member);
    tw_array_file a = {.file = {.fd = -1}, .format = "npz"};
    tw_format__zip zip = {0};
    tw_text name = {0};
    int64_t n_bytes = 0;
    tw_status rc;

    memset(out, 0, sizeof *out);
    tw_text_add(&name, "%s:%s", path, member);
    a.name = name.text;
    if (!file_name || name.failed) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
        goto done;
    }
    if ((rc = open_zip(&a.file, &zip, path, err)) ||
        (rc = open_member(&a, &zip, file_name, &n_bytes, err)))
        goto done;
    rc = read_header(&a, n_bytes, err);
done:
    tw_format__zip_free(&zip);
    tw_free(file_name);
    if (rc)
        tw_array_file_close(&a);
    else
        *out = a;
    return rc;
}
