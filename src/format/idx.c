/*
 * IDX files, the format of MNIST: four bytes 0 0 type rank, then rank sizes (u32, big-endian), then
 * the numbers, big-endian, row-major. Plain, or the same inside gzip (told by content).
 *
 * A plain file is used in place, and must be exactly as long as its header says. A gzip file is
 * inflated once into a spool (later.c); the size that its header declares is checked against the
 * compressed bytes before anything but the header is inflated.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"
#include "tensor/tensor.h"

#include <string.h>

enum { HEAD_MAX = 4 + 4 * TW_MAX_RANK };

/* One row a number type: code, dtype. 10 does not exist. */
static const struct {
    uint8_t code;
    tw_dtype dtype;
} types[] = {{8, TW_U8}, {9, TW_I8}, {11, TW_I16}, {12, TW_I32}, {13, TW_F32}, {14, TW_F64}};

static bool find_type(tw_dtype *out, uint8_t code)
{
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
        if (types[i].code == code) {
            *out = types[i].dtype;
            return true;
        }
    return false;
}

/* The first four bytes. */
static tw_status parse_magic(tw_array_file *a, const uint8_t h[4], tw_error *err)
{
    if (h[0] != 0 || h[1] != 0)
        return tw_fail(err, TW_EFILE,
                       "%s: not an IDX file: begins with %02x %02x %02x %02x, "
                       "expected 00 00 type rank",
                       a->name, h[0], h[1], h[2], h[3]);
    if (!find_type(&a->dtype, h[2]))
        return tw_fail(err, TW_EFILE, "%s: unknown IDX number type %d (magic %d)", a->name, h[2],
                       h[2] << 8 | h[3]);
    if (h[3] < 1 || h[3] > TW_MAX_RANK)
        return tw_fail(err, TW_EFILE, "%s: IDX rank %d, 1 to %d are read (magic %d)", a->name, h[3],
                       TW_MAX_RANK, h[2] << 8 | h[3]);
    a->shape.rank = h[3];
    a->data_offset = 4 + 4 * (int64_t)h[3];
    a->big_endian = 1;
    return TW_OK;
}

/* The sizes; *n_bytes is that of the data. */
static tw_status parse_sizes(tw_array_file *a, int64_t *n_bytes, const uint8_t *p, tw_error *err)
{
    char text[96];

    for (int d = 0; d < a->shape.rank; d++, p += 4)
        a->shape.dims[d] =
            (int64_t)((uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]);
    if (!tw_format__array_sizes(a, n_bytes) || !tw_add_i64(n_bytes, *n_bytes, a->data_offset))
        return tw_fail(err, TW_EFILE, "%s: %s numbers are more than any file holds", a->name,
                       tw_shape_text(text, sizeof text, &a->shape));
    *n_bytes -= a->data_offset;
    return TW_OK;
}

static tw_status open_plain(tw_array_file *a, tw_error *err)
{
    uint8_t head[HEAD_MAX];
    int64_t n_bytes;
    char text[96];
    tw_status rc;

    if ((rc = tw_file_pread(&a->file, head, 4, 0, err)) || (rc = parse_magic(a, head, err)))
        return rc;
    if (a->file.size < a->data_offset)
        return tw_fail(err, TW_EFILE, "%s: truncated: %lld bytes, its header alone has %lld",
                       a->name, (long long)a->file.size, (long long)a->data_offset);
    if ((rc = tw_file_pread(&a->file, head, (size_t)a->data_offset, 0, err)) ||
        (rc = parse_sizes(a, &n_bytes, head + 4, err)))
        return rc;
    if (a->file.size != a->data_offset + n_bytes)
        return tw_fail(err, TW_EFILE, "%s: %s: %lld bytes, its header says %lld (%s)", a->name,
                       a->file.size < a->data_offset + n_bytes ? "truncated" : "trailing bytes",
                       (long long)a->file.size, (long long)(a->data_offset + n_bytes),
                       tw_shape_text(text, sizeof text, &a->shape));
    a->format = "IDX";
    return TW_OK;
}

static tw_status read_head(tw_array_file *a, tw_format__inflater *z, uint8_t *out, size_t n,
                           tw_error *err)
{
    size_t got;
    const tw_status rc = tw_format__inflater_read(z, out, n, &got, err);

    if (!rc && got < n)
        return tw_fail(err, TW_EFILE, "%s: truncated: inflates to less than an IDX header",
                       a->name);
    return rc;
}

/* The header alone; the size that it declares is held against the compressed bytes. */
static tw_status read_gzip_head(tw_array_file *a, int64_t *n_bytes, tw_format__inflater *z,
                                tw_error *err)
{
    uint8_t head[HEAD_MAX];
    char text[96];
    tw_status rc;

    if ((rc = read_head(a, z, head, 4, err)) || (rc = parse_magic(a, head, err)) ||
        (rc = read_head(a, z, head + 4, (size_t)a->data_offset - 4, err)) ||
        (rc = parse_sizes(a, n_bytes, head + 4, err)))
        return rc;
    if (!tw_format__can_inflate(a->data_offset + *n_bytes, a->file.size))
        return tw_fail(err, TW_EFILE,
                       "%s: says %lld bytes (%s), its %lld compressed bytes cannot "
                       "hold that",
                       a->name, (long long)(a->data_offset + *n_bytes),
                       tw_shape_text(text, sizeof text, &a->shape), (long long)a->file.size);
    return TW_OK;
}

static tw_status open_gzip(tw_array_file *a, tw_error *err)
{
    tw_format__inflater *z = NULL;
    int64_t n_bytes;
    tw_status rc;

    if ((rc = tw_format__inflater_open(&z, &a->file, 0, a->file.size, TW_FORMAT__GZIP, a->name,
                                       err)))
        return rc;
    if (!(rc = read_gzip_head(a, &n_bytes, z, err)) &&
        !(rc = tw_format__later_create(a, a->data_offset, n_bytes, err))) {
        a->data_offset = 0; /* in the spool */
        a->format = "IDX, gzip";
    }
    tw_format__inflater_close(z);
    return rc;
}

tw_status tw_idx_open(tw_array_file *out, const char *path, tw_error *err)
{
    tw_status rc = tw_idx_open_later(out, path, err);

    if (!rc && (rc = tw_array_load(out, err)))
        tw_array_file_close(out);
    return rc;
}

tw_status tw_idx_open_later(tw_array_file *out, const char *path, tw_error *err)
{
    tw_array_file a = {.file = {.fd = -1}};
    uint8_t magic[2];
    tw_status rc;

    memset(out, 0, sizeof *out);
    if ((rc = tw_file_open(&a.file, path, err)))
        return rc;
    if (!(a.name = tw_strdup(path))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
        goto done;
    }
    if (a.file.size < 4) {
        rc = tw_fail(err, TW_EFILE, "%s: %lld bytes, too short for an IDX file", path,
                     (long long)a.file.size);
        goto done;
    }
    if ((rc = tw_file_pread(&a.file, magic, sizeof magic, 0, err)))
        goto done;
    rc = magic[0] == 0x1f && magic[1] == 0x8b ? open_gzip(&a, err) : open_plain(&a, err);
done:
    if (rc)
        tw_array_file_close(&a);
    else
        *out = a;
    return rc;
}
