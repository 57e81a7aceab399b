/*
 * Pictures that an argument of the command line names, without labels: a picture file, a folder of
 * picture files, or records:
 *
 *   FILE:0  FILE:0-9   of an IDX file of pictures or an .npz (both ends count)
 *   DIR:5              of a folder of IDX files or of class folders, or of a manifest
 *   mnist:5            of data that has been fetched by that name
 *   digits:5           of the built-in data; digits:N:5 of N of them
 *
 * A path that exists as it stands is that path, colon or not. Records are a window on a dataset of
 * another kind; each has the name under which the argument called it.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"

#include <stdio.h>
#include <string.h>

/* ---- a window on another dataset */

typedef struct window {
    tw_dataset *inner; /* owned */
    int64_t first;
    char **names; /* (count) */
    int64_t n_names;
} window;

static tw_status read_window(tw_picture *out, const tw_dataset *dataset, int64_t i,
                             const tw_contract *contract, tw_error *err)
{
    const window *own = dataset->own;

    return tw_dataset_read_for(out, own->inner, own->first + i, contract, err);
}

static tw_status key_window(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    const window *own = dataset->own;

    return tw_dataset_key(out, own->inner, own->first + i, err);
}

static const char *name_window(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    const window *own = dataset->own;

    (void)buf;
    (void)buf_size;
    return own->names[i];
}

static void close_window(tw_dataset *dataset)
{
    window *own = dataset->own;

    for (int64_t i = 0; i < own->n_names; i++)
        tw_free(own->names[i]);
    tw_free(own->names);
    tw_dataset_free(own->inner);
    tw_free(own);
}

static const tw_data__kind window_kind = {
    .read = read_window, .key = key_window, .name = name_window, .close = close_window};

/* "BASE:17" for records, the file's path where there is one. */
static char *name_of(const window *own, int64_t i, const char *base)
{
    tw_text text = {0};
    char *path;

    if (tw_data__has_files(own->inner))
        return tw_data__file_path(&path, own->inner, own->first + i, NULL) ? NULL : path;
    tw_text_add(&text, "%s:%lld", base, (long long)(own->first + i));
    if (!text.failed)
        return text.text;
    tw_text_free(&text);
    return NULL;
}

/* Makes dataset a window on records [first, last] of inner, which it takes over in any case. */
static tw_status fill_window(tw_dataset *dataset, tw_dataset *inner, const char *base,
                             int64_t first, int64_t last, tw_error *err)
{
    window *own = tw_calloc(1, sizeof *own);

    if (!own) {
        tw_dataset_free(inner);
        return tw_fail(err, TW_ENOMEM, "%s: no memory to open it", base);
    }
    own->inner = inner;
    own->first = first;
    dataset->own = own;
    dataset->kind = &window_kind;
    dataset->colour = inner->colour;
    dataset->count = last - first + 1;
    dataset->labels = tw_malloc((size_t)dataset->count * sizeof *dataset->labels);
    own->names = tw_calloc((size_t)dataset->count, sizeof *own->names);
    dataset->about = tw_strdup(inner->about);
    if (!dataset->labels || !own->names || !dataset->about)
        return tw_fail(err, TW_ENOMEM, "%s: no memory for %lld records", base,
                       (long long)dataset->count);
    for (; own->n_names < dataset->count; own->n_names++) {
        dataset->labels[own->n_names] = -1;
        if (!(own->names[own->n_names] = name_of(own, own->n_names, base)))
            return tw_fail(err, TW_ENOMEM, "%s: no memory for %lld names", base,
                           (long long)dataset->count);
    }
    return TW_OK;
}

/* ---- the argument */

typedef enum content { CONTENT_PICTURE, CONTENT_IDX, CONTENT_DATA } content;

/* What lies at path: DATA is a folder, an .npz, a manifest or built in. */
static tw_status look(content *out, const char *path, tw_error *err)
{
    uint8_t head[4] = {0xff};
    bool is_data = false;
    tw_file file;
    tw_status rc;

    *out = CONTENT_DATA;
    if (tw_path_is_folder(path) || !tw_path_exists(path))
        return TW_OK;
    if ((rc = tw_data__npz.recognise(&is_data, path, err)) || is_data ||
        (rc = tw_data__manifest_kind.recognise(&is_data, path, err)) || is_data)
        return rc;
    if ((rc = tw_file_open(&file, path, err)))
        return rc;
    if (file.size >= 4)
        rc = tw_file_pread(&file, head, sizeof head, 0, err);
    tw_file_close(&file);
    *out = (head[0] == 0 && head[1] == 0) || (head[0] == 0x1f && head[1] == 0x8b) ? CONTENT_IDX
                                                                                  : CONTENT_PICTURE;
    return rc;
}

/* "0" or "0-9" to the end; false when it is something else. */
static bool parse_range(int64_t *first, int64_t *last, const char *text)
{
    const size_t n = strspn(text, "0123456789");
    char number[24];

    if (n == 0 || n >= sizeof number)
        return false;
    memcpy(number, text, n);
    number[n] = '\0';
    if (!tw_parse_i64(first, number))
        return false;
    *last = *first;
    if (text[n] == '\0')
        return true;
    return text[n] == '-' && text[n + 1] >= '0' && text[n + 1] <= '9' &&
           tw_parse_i64(last, text + n + 1);
}

static tw_status create(tw_dataset **out, const char *path, tw_error *err)
{
    *out = tw_calloc(1, sizeof **out);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "%s: no memory to open it", path);
}

static tw_status fail_which(const char *data, tw_error *err)
{
    return tw_fail(err, TW_EUSAGE, "%s: say which pictures of it, as in %s:0 or %s:0-9", data, data,
                   data);
}

/* A picture file or a folder of them. */
static tw_status open_path(tw_dataset **out, const char *path, tw_error *err)
{
    const bool is_folder = tw_path_is_folder(path);
    const tw_data__kind *kind = NULL;
    content what;
    tw_status rc;

    if ((rc = look(&what, path, err)) ||
        (what == CONTENT_DATA && (rc = tw_data__find_kind(&kind, path, err))))
        return rc;
    if (what == CONTENT_IDX || (kind && kind != &tw_data__folder))
        return fail_which(path, err);
    if ((rc = create(out, path, err)))
        return rc;
    return tw_data__open_files(*out, path, is_folder, err);
}

static tw_status open_base(tw_dataset **inner, const char *base, tw_part part, tw_error *err)
{
    const tw_data__wish wish = {.path = base, .part = part};
    content what;
    tw_status rc;

    if ((rc = look(&what, base, err)))
        return rc;
    if (what == CONTENT_DATA)
        return tw_data__open(inner, &wish, err);
    if (what == CONTENT_PICTURE)
        return tw_fail(err, TW_EUSAGE, "%s: neither IDX nor .npz nor a folder, has no records",
                       base);
    if ((rc = create(inner, base, err)))
        return rc;
    return tw_data__open_idx_file(*inner, base, err);
}

/* base is the argument up to the colon, range what follows it, path where the data lies. */
static tw_status open_records(tw_dataset **out, const char *path, const char *base,
                              const char *range, tw_part part, tw_error *err)
{
    tw_dataset *inner = NULL;
    int64_t first, last;
    tw_status rc;

    if (!parse_range(&first, &last, range))
        return tw_fail(err, TW_EUSAGE, "%s:%s: expected records as in %s:0 or %s:0-9", base, range,
                       base, base);
    if (last < first)
        return tw_fail(err, TW_EUSAGE, "%s:%s: the range runs backwards", base, range);
    if ((rc = open_base(&inner, path, part, err)))
        goto done;
    if (last >= inner->count) {
        rc = tw_fail(err, TW_EUSAGE, "%s:%s: there are records 0 to %lld", base, range,
                     (long long)inner->count - 1);
        goto done;
    }
    if ((rc = create(out, base, err)))
        goto done;
    rc = fill_window(*out, inner, base, first, last, err);
    inner = NULL; /* ownership moved to *out */
done:
    tw_dataset_free(inner);
    return rc;
}

tw_status tw_pictures_open(tw_dataset **out, const char *argument, tw_part part, tw_error *err)
{
    const char *colon = strrchr(argument, ':');
    char *base = NULL;
    tw_data__place place;
    tw_status rc;

    *out = NULL;
    if (tw_path_exists(argument)) {
        rc = open_path(out, argument, err);
        goto done;
    }
    if (!(base = tw_strdup(argument))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name %s", argument);
        goto done;
    }
    if (colon)
        base[colon - argument] = '\0';
    if ((rc = tw_data__locate(&place, base, err)))
        goto done;
    if (!tw_path_exists(place.path) && !tw_data__is_built_in(base))
        rc = tw_data__fail_missing(base, err);
    else if (!colon)
        rc = fail_which(base, err);
    else
        rc = open_records(out, place.path, base, colon + 1, part, err);
done:
    tw_free(base);
    if (rc) {
        tw_dataset_free(*out);
        *out = NULL;
    }
    return rc;
}
