/*
 * The partial file of one transfer, whatever its source: F.part, and F.part.json, which says what
 * the bytes are of (address, and the source's own mark of that version). Bytes are only ever
 * appended to bytes of the same mark. Emptying comes before a new mark is noted, so that a crash in
 * between leaves an empty part and nothing wrong.
 */
#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/text.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NOTE_BYTES = 1 << 16 };

/* Fills the validator; a note that is missing, damaged or about another address fills nothing. */
static void read_note(tw_fetch__transfer *t)
{
    char *text = NULL;
    size_t n;
    tw_json *json = NULL;
    const char *url, *validator;

    if (!tw_file_read(&text, &n, t->note_path, MAX_NOTE_BYTES, NULL) &&
        !tw_json_parse(&json, text, n, t->note_path, NULL) &&
        tw_json_string(&url, tw_json_get(json, "url")) && strcmp(url, t->url) == 0 &&
        tw_json_string(&validator, tw_json_get(json, "validator")))
        snprintf(t->validator, sizeof t->validator, "%s", validator);
    tw_json_free(json);
    tw_free(text);
}

static tw_status write_note(tw_fetch__transfer *t, tw_error *err)
{
    tw_status rc;
    tw_json *json = tw_json_new_object();
    bool ok = tw_json_set(json, "url", tw_json_new_string(t->url));
    char *dump;

    ok &= tw_json_set(json, "validator", tw_json_new_string(t->validator));
    dump = ok ? tw_json_dump(json, 2) : NULL;
    rc = dump ? tw_file_write(t->note_path, dump, strlen(dump), err)
              : tw_fail(err, TW_ENOMEM, "no memory to write %s", t->note_path);
    tw_free(dump);
    tw_json_free(json);
    return rc;
}

tw_status tw_fetch__transfer_open(tw_fetch__transfer *out, const char *folder, const char *name,
                                  const char *url, tw_error *err)
{
    tw_status rc;
    char *part = NULL;

    out->url = url;
    out->part = (tw_file){.fd = -1};
    if ((rc = tw_fetch__path(&part, folder, name, ".part", err)) ||
        (rc = tw_fetch__path(&out->note_path, folder, name, ".part.json", err)) ||
        (rc = tw_file_open_append_own(&out->part, part, err)))
        goto done;
    read_note(out);
done:
    tw_free(part);
    return rc;
}

void tw_fetch__transfer_close(tw_fetch__transfer *transfer)
{
    tw_file_close(&transfer->part);
    tw_free(transfer->note_path);
    transfer->note_path = NULL;
}

tw_status tw_fetch__transfer_empty(tw_fetch__transfer *transfer, tw_error *err)
{
    transfer->validator[0] = '\0';
    return tw_file_truncate(&transfer->part, 0, err);
}

static tw_status check_disk(const tw_fetch__transfer *t, int64_t n_more, tw_error *err)
{
    int64_t n_free;
    char needs[32], has[32];
    const tw_status rc = tw_disk_free(&n_free, t->part.path, err);

    if (rc || n_more <= n_free)
        return rc;
    return tw_fail(err, TW_EBUDGET, "%s: %s more are needed, %s are free", t->part.path,
                   tw_bytes_text(needs, sizeof needs, n_more),
                   tw_bytes_text(has, sizeof has, n_free));
}

tw_status tw_fetch__transfer_begin(tw_fetch__transfer *transfer, int64_t offset, int64_t total,
                                   const char *validator, tw_error *err)
{
    tw_fetch__transfer *t = transfer;
    const int64_t limit = tw_fetch__limit(t->file);
    const int64_t due = total >= 0 ? total : t->file->n_bytes;
    tw_status rc;

    if (total > limit) {
        t->is_worthless = true;
        return tw_fail(err, TW_EFILE, "%s: has %lld bytes, %s has at most %lld", t->url,
                       (long long)total, t->file->name, (long long)limit);
    }
    if (offset == 0) {
        if ((rc = tw_file_truncate(&t->part, 0, err)))
            return rc;
        snprintf(t->validator, sizeof t->validator, "%s", validator);
        if ((rc = write_note(t, err)))
            return rc;
    }
    /* pieces come faster than anyone can read */
    tw_progress_start(&t->progress, t->watch, "fetch", offset, due, 0.1);
    return check_disk(t, due - offset, err);
}

tw_status tw_fetch__transfer_take(tw_fetch__transfer *transfer, const void *bytes, size_t n,
                                  tw_error *err)
{
    tw_fetch__transfer *t = transfer;
    const int64_t limit = tw_fetch__limit(t->file);
    tw_status rc;

    if ((int64_t)n > limit - t->part.size) {
        t->is_worthless = true;
        return tw_fail(err, TW_EFILE, "%s: does not end, %s has at most %lld bytes", t->url,
                       t->file->name, (long long)limit);
    }
    if ((rc = tw_file_append(&t->part, bytes, n, err)))
        return rc;
    tw_progress_step(&t->progress, t->part.size);
    return tw_watch_should_stop(t->watch) ? tw_fetch__transfer_interrupt(t, err) : TW_OK;
}

tw_status tw_fetch__transfer_interrupt(tw_fetch__transfer *transfer, tw_error *err)
{
    char n[32];

    return tw_fail(err, TW_EINTERRUPTED, "%s: interrupted, the %s so far are kept", transfer->url,
                   tw_bytes_text(n, sizeof n, transfer->part.size));
}
