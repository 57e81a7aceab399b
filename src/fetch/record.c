/*
 * What was checked: the sums of a file, held against the publisher's and against those of the first
 * file that was right, which are written beside it as F.json.
 */
#include "base/fail.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"
#include "format/gzip.h"

#include <stdio.h>
#include <string.h>

enum { MAX_RECORD_BYTES = 1 << 16, PIECE = 1 << 18 };

/* ---- sums */

typedef struct summing {
    tw_sha256 *sha256;
    tw_md5 *md5;
    const char *path;
    const tw_watch *watch;
} summing;

static tw_status add(void *ctx, const void *bytes, size_t n, tw_error *err)
{
    summing *s = ctx;

    tw_sha256_add(s->sha256, bytes, n);
    tw_md5_add(s->md5, bytes, n);
    return tw_watch_should_stop(s->watch)
               ? tw_fail(err, TW_EINTERRUPTED, "%s: interrupted while it was checked", s->path)
               : TW_OK;
}

static tw_status add_file(summing *s, tw_error *err)
{
    tw_status rc;
    tw_file file;
    char *piece = NULL;

    if ((rc = tw_file_open(&file, s->path, err)))
        return rc;
    if (!(piece = tw_malloc(PIECE)))
        rc = tw_fail(err, TW_ENOMEM, "%s: no memory to read it", s->path);
    for (int64_t at = 0; !rc && at < file.size; at += PIECE) {
        const size_t n = file.size - at < PIECE ? (size_t)(file.size - at) : PIECE;

        if (!(rc = tw_file_pread(&file, piece, n, at, err)))
            rc = add(s, piece, n, err);
    }
    tw_free(piece);
    tw_file_close(&file);
    return rc;
}

tw_status tw_fetch__sum(tw_fetch__sums *out, const char *path, const tw_fetch__file *file,
                        const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    summing s = {.path = path, .watch = watch};

    memset(out, 0, sizeof *out);
    if ((rc = tw_sha256_create(&s.sha256, err)) || (rc = tw_md5_create(&s.md5, err)))
        goto done;
    rc = file->n_unpacked ? tw_gzip_scan(path, file->n_unpacked, add, &s, err) : add_file(&s, err);
    if (rc)
        goto done;
    tw_sha256_finish(s.sha256, out->sha256);
    tw_md5_finish(s.md5, out->md5);
done:
    tw_sha256_free(s.sha256);
    tw_md5_free(s.md5);
    return rc;
}

bool tw_fetch__is_right(char *buf, size_t buf_size, const tw_fetch__sums *sums,
                        const tw_fetch__file *file, const tw_fetch__record *record)
{
    const char *of = file->n_unpacked ? " of the unpacked bytes" : "";
    const char *seen = record->sums.sha256;

    if (file->md5 && strcmp(file->md5, sums->md5) != 0)
        snprintf(buf, buf_size, "MD5%s is %s, expected %s", of, sums->md5, file->md5);
    else if (file->sha256 && strcmp(file->sha256, sums->sha256) != 0)
        snprintf(buf, buf_size, "SHA-256%s is %s, expected %s", of, sums->sha256, file->sha256);
    else if (*seen && strcmp(seen, sums->sha256) != 0)
        snprintf(buf, buf_size, "SHA-256%s is %s, and was %s when first seen (%s)", of,
                 sums->sha256, seen, record->date);
    else
        return true;
    return false;
}

/* ---- the record */

static bool get_text(char *out, size_t out_size, const tw_json *json, const char *key)
{
    const char *text;

    if (!tw_json_string(&text, tw_json_get(json, key)) || strlen(text) >= out_size)
        return false;
    snprintf(out, out_size, "%s", text);
    return true;
}

static bool parse(tw_fetch__record *out, const tw_json *json)
{
    return get_text(out->file, sizeof out->file, json, "file") && !strchr(out->file, '/') &&
           get_text(out->sums.md5, sizeof out->sums.md5, json, "md5") &&
           get_text(out->sums.sha256, sizeof out->sums.sha256, json, "sha256") &&
           get_text(out->source, sizeof out->source, json, "source") &&
           get_text(out->date, sizeof out->date, json, "date") &&
           tw_json_i64(&out->n_bytes, tw_json_get(json, "bytes")) &&
           tw_json_i64(&out->t_changed_s, tw_json_get(json, "changed"));
}

tw_status tw_fetch__record_read(tw_fetch__record *out, const char *folder,
                                const tw_fetch__file *file, tw_error *err)
{
    tw_status rc;
    char *path, *text = NULL;
    size_t n;
    tw_json *json = NULL;

    memset(out, 0, sizeof *out);
    if ((rc = tw_fetch__path(&path, folder, file->name, ".json", err)))
        return rc;
    if (!tw_path_exists(path))
        goto done;
    if ((rc = tw_file_read(&text, &n, path, MAX_RECORD_BYTES, err)) ||
        (rc = tw_json_parse(&json, text, n, path, err)))
        goto done;
    if (!parse(out, json)) {
        memset(out, 0, sizeof *out);
        rc = tw_fail(err, TW_EFILE, "%s: not a record of a fetched file", path);
    }
done:
    tw_json_free(json);
    tw_free(text);
    tw_free(path);
    return rc;
}

static tw_json *to_json(const tw_fetch__record *record, const tw_fetch__file *file)
{
    tw_json *json = tw_json_new_object();
    bool ok = tw_json_set(json, "file", tw_json_new_string(record->file));

    ok &= tw_json_set(json, "bytes", tw_json_new_i64(record->n_bytes));
    ok &= tw_json_set(json, "changed", tw_json_new_i64(record->t_changed_s));
    ok &= tw_json_set(json, "sums_of",
                      tw_json_new_string(file->n_unpacked ? "unpacked bytes" : "file"));
    ok &= tw_json_set(json, "md5", tw_json_new_string(record->sums.md5));
    ok &= tw_json_set(json, "sha256", tw_json_new_string(record->sums.sha256));
    ok &= tw_json_set(json, "source", tw_json_new_string(record->source));
    ok &= tw_json_set(json, "date", tw_json_new_string(record->date));
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}

tw_status tw_fetch__record_write(const tw_fetch__record *record, const char *folder,
                                 const tw_fetch__file *file, tw_error *err)
{
    tw_status rc;
    char *path, *dump;
    tw_json *json;

    if ((rc = tw_fetch__path(&path, folder, file->name, ".json", err)))
        return rc;
    json = to_json(record, file);
    dump = json ? tw_json_dump(json, 2) : NULL;
    rc = dump ? tw_file_write(path, dump, strlen(dump), err)
              : tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
    tw_free(dump);
    tw_json_free(json);
    tw_free(path);
    return rc;
}
