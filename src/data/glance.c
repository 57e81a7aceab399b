/*
 * A glance at picture files before a long job: each is there, not empty, and begins like a picture
 * that is read. What only decoding can tell is the check's (check.c).
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "image/image.h"

enum { HEAD = 16 };

/* TW_EFILE with the sentence is what is wrong with file i. */
static tw_status look_at(const tw_dataset *dataset, int64_t i, tw_error *err)
{
    uint8_t head[HEAD];
    const char *format;
    char *path;
    tw_file file;
    size_t n;
    tw_status rc = tw_data__file_path(&path, dataset, i, err);

    if (rc)
        return rc;
    if ((rc = tw_file_open(&file, path, err)))
        goto done;
    n = file.size < HEAD ? (size_t)file.size : HEAD;
    if (n == 0)
        rc = tw_fail(err, TW_EFILE, "%s: the file is empty", path);
    else if (!(rc = tw_file_pread(&file, head, n, 0, err)) &&
             (!(format = tw_picture_format(head, n)) || !tw_picture_find_format(format)))
        rc = tw_fail(err, TW_EFILE, "%s: not a picture file that is read", path);
    tw_file_close(&file);
done:
    tw_free(path);
    return rc;
}

tw_status tw_dataset_glance(const tw_dataset *dataset, tw_error *err)
{
    tw_error first = {TW_OK, ""};
    int64_t n_bad = 0;

    for (int64_t i = 0; tw_data__has_files(dataset) && i < dataset->count; i++) {
        tw_error why = {TW_OK, ""};
        const tw_status rc = look_at(dataset, i, &why);

        if (rc && rc != TW_EFILE)
            return tw_fail(err, rc, "%s", why.text);
        if (rc && n_bad++ == 0)
            first = why;
    }
    if (n_bad == 0)
        return TW_OK;
    if (n_bad == 1)
        return tw_fail(err, TW_EFILE, "%s", first.text);
    return tw_fail(err, TW_EFILE, "%.900s (the first of %lld such; topwork check names them all)",
                   first.text, (long long)n_bad);
}
