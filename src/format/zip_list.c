/*
 * All members of a zip at once, for files where every member counts: no two of one name, no two on
 * the same bytes (which is how a small zip becomes a large one).
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/arrays_int.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_MEMBERS = 65536 };

static int compare_names(const void *a, const void *b)
{
    const tw_format__member *x = a, *y = b;
    const size_t n = x->name_n < y->name_n ? x->name_n : y->name_n;
    const int order = memcmp(x->name, y->name, n);

    return order ? order : (x->name_n > y->name_n) - (x->name_n < y->name_n);
}

static int compare_places(const void *a, const void *b)
{
    const tw_format__member *x = a, *y = b;

    return (x->header_offset > y->header_offset) - (x->header_offset < y->header_offset);
}

static tw_status check_names(tw_format__member *members, const tw_format__zip *zip, tw_error *err)
{
    qsort(members, (size_t)zip->n_members, sizeof *members, compare_names);
    for (int64_t i = 0; i < zip->n_members; i++) {
        const tw_format__member *m = &members[i];

        if (m->name_n == 0 || memchr(m->name, 0, m->name_n))
            return tw_fail(err, TW_EFILE, "%s: a member %s", zip->file->path,
                           m->name_n ? "with a zero byte in its name" : "without a name");
        if (i > 0 && compare_names(m - 1, m) == 0)
            return tw_fail(err, TW_EFILE, "%s: holds %.*s twice", zip->file->path, (int)m->name_n,
                           m->name);
    }
    return TW_OK;
}

static tw_status check_places(tw_format__member *members, const tw_format__zip *zip, tw_error *err)
{
    qsort(members, (size_t)zip->n_members, sizeof *members, compare_places);
    for (int64_t i = 1; i < zip->n_members; i++) {
        const tw_format__member *m = &members[i];

        if (m->header_offset < m[-1].data_offset + m[-1].n_packed)
            return tw_fail(err, TW_EFILE, "%s: %.*s and %.*s overlap", zip->file->path,
                           (int)m[-1].name_n, m[-1].name, (int)m->name_n, m->name);
    }
    return TW_OK;
}

tw_status tw_format__zip_list(tw_format__member **out, const tw_format__zip *zip, tw_error *err)
{
    tw_format__member *members;
    const uint8_t *entry = NULL;
    tw_status rc = TW_OK;

    *out = NULL;
    if (zip->n_members > MAX_MEMBERS)
        return tw_fail(err, TW_EFILE, "%s: a zip of %lld members, at most %d are read",
                       zip->file->path, (long long)zip->n_members, MAX_MEMBERS);
    if (!(members = tw_calloc((size_t)zip->n_members + 1, sizeof *members)))
        return tw_fail(err, TW_ENOMEM, "%s: no memory for its zip directory", zip->file->path);
    for (int64_t i = 0; rc == TW_OK && (entry = tw_format__zip_next(zip, entry)); i++)
        if (!(rc = tw_format__zip_member(&members[i], zip, entry, err)))
            rc = tw_format__zip_locate(&members[i], zip, err);
    if (rc || (rc = check_names(members, zip, err)) || (rc = check_places(members, zip, err)))
        goto done;
    *out = members;
    members = NULL; /* ownership moved to *out */
done:
    tw_free(members);
    return rc;
}
