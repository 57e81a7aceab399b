/*
 * Weights in an .npz: every member is an array, called as the member is without .npy. Numbers must
 * lie as a tensor has them: little-endian, in C order.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "base/text.h"
#include "format/zip_int.h"
#include "tensor/tensor.h"

#include <string.h>

static const char ending[] = ".npy";
enum { ENDING_N = sizeof ending - 1 };

/* Checks the array in bytes[0..n) and makes it a tensor there. */
static tw_status read_array(tw_tensor *out, const uint8_t *bytes, int64_t n, const char *name,
                            tw_error *err)
{
    tw_format__npy npy;
    int64_t n_numbers, n_bytes;
    char text[96];
    tw_status rc = tw_format__npy_parse(&npy, bytes, (size_t)n, name, err);

    if (rc)
        return rc;
    if (npy.fortran_order && npy.shape.rank > 1)
        return tw_fail(err, TW_EFILE, "%s: in Fortran order, only C order is read", name);
    if (npy.big_endian)
        return tw_fail(err, TW_EFILE, "%s: big-endian numbers are not read", name);
    if (npy.is_unsigned)
        return tw_fail(err, TW_EFILE, "%s: unsigned numbers of more than a byte are not read",
                       name);
    if (!tw_shape_count(&n_numbers, &npy.shape) ||
        !tw_mul_i64(&n_bytes, n_numbers, (int64_t)tw_dtype_size(npy.dtype)) ||
        n_bytes != n - npy.data_offset)
        return tw_fail(err, TW_EFILE, "%s: %lld bytes of numbers do not make %s of %s", name,
                       (long long)(n - npy.data_offset),
                       tw_shape_text(text, sizeof text, &npy.shape), tw_dtype_name(npy.dtype));
    *out = (tw_tensor){bytes + npy.data_offset, npy.dtype, npy.shape};
    return TW_OK;
}

/* `name` is the member's without its ending. */
static tw_status add_array(tw_weight_file *out, const tw_format__archive *archive,
                           const tw_format__member *member, const char *name, tw_error *err)
{
    const char *slash = strrchr(name, '/');
    const uint8_t *bytes;
    tw_tensor tensor;
    tw_text called = {0};
    tw_status rc;

    tw_text_add(&called, "%s:%s", out->map.path, name);
    if (called.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory for the names in %s", out->map.path);
    else if (!(rc = tw_format__archive_bytes(&bytes, out, archive, member, called.text, err)) &&
             !(rc = read_array(&tensor, bytes, member->n_bytes, called.text, err)))
        rc = tw_weight_file_add_tensor(out, name, slash ? (size_t)(slash - name) : 0, name, 0,
                                       &tensor, err);
    tw_text_free(&called);
    return rc;
}

static tw_status add_member(tw_weight_file *out, const tw_format__archive *archive,
                            const tw_format__member *member, tw_error *err)
{
    tw_text name = {0};
    tw_status rc;

    if (member->name_n <= ENDING_N ||
        memcmp(member->name + member->name_n - ENDING_N, ending, ENDING_N) != 0)
        return tw_fail(err, TW_EFILE, "%s: its member %.*s is no array", out->map.path,
                       (int)member->name_n, member->name);
    tw_text_add(&name, "%.*s", (int)(member->name_n - ENDING_N), member->name);
    rc = name.failed ? tw_fail(err, TW_ENOMEM, "no memory for the names in %s", out->map.path)
                     : add_array(out, archive, member, name.text, err);
    tw_text_free(&name);
    return rc;
}

tw_status tw_format__npz_read(tw_weight_file *out, const tw_format__archive *archive, tw_error *err)
{
    tw_status rc = TW_OK;

    out->kind = TW_WEIGHTS_NPZ;
    for (int64_t i = 0; i < archive->zip.n_members && rc == TW_OK; i++)
        rc = add_member(out, archive, &archive->members[i], err);
    return rc;
}
