/*
 * One file: what is there is checked and kept, else it is fetched from the first place that has it,
 * with some patience, checked, and only then given its name. The record is written before the
 * rename, so that no file ever has its name without one.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

enum { WHY_SIZE = 512 };

/* ---- right or wrong */

/* Sums of the file at path; what is wrong with it goes into why, else why is "". A packed file that
 * does not unpack is wrong, not an error. */
static tw_status examine(char why[WHY_SIZE], tw_fetch__sums *sums, const tw_fetch__job *job,
                         const tw_fetch__file *file, const char *path,
                         const tw_fetch__record *record, tw_error *err)
{
    tw_error inner = {TW_OK, ""};
    tw_status rc = tw_fetch__sum(sums, path, file, job->watch, &inner);

    why[0] = '\0';
    if (rc == TW_EFILE && file->n_unpacked) {
        const size_t n = strlen(path);
        const bool names_it = strncmp(inner.text, path, n) == 0 && inner.text[n] == ':';
        const tw_fetch__file as_it_is = {.name = file->name};

        if ((rc = tw_fetch__sum(sums, path, &as_it_is, job->watch, err)))
            return rc; /* it cannot even be read */
        snprintf(why, WHY_SIZE, "%.300s; MD5 of the unpacked bytes should be %s",
                 names_it ? inner.text + n + 2 : inner.text, file->md5);
        return TW_OK;
    }
    if (rc)
        return tw_fail(err, rc, "%s", inner.text);
    tw_fetch__is_right(why, WHY_SIZE, sums, file, record);
    return TW_OK;
}

/* Moves a wrong file to FOLDER/NAME.bad. Caller frees *bad. */
static tw_status set_apart(char **bad, const tw_fetch__job *job, const char *path, const char *name,
                           tw_error *err)
{
    tw_status rc = tw_fetch__path(bad, job->folder, name, ".bad", err);

    return rc ? rc : tw_file_move(path, *bad, err);
}

/* Writes down what was checked; path is where it lies now, name what it will be called. */
static tw_status record(tw_fetch__record *record, const tw_fetch__job *job,
                        const tw_fetch__file *file, const char *path, const char *name,
                        const char *source, tw_error *err)
{
    snprintf(record->file, sizeof record->file, "%s", name);
    snprintf(record->source, sizeof record->source, "%s", source);
    record->n_bytes = tw_path_size(path);
    record->t_changed_s = tw_path_mtime(path);
    if (!*record->date)
        tw_clock_text(record->date, sizeof record->date);
    return tw_fetch__record_write(record, job->folder, file, err);
}

/* ---- what is there */

/* path exists. */
static tw_status keep_or_set_apart(bool *kept, tw_fetch__record *old, const tw_fetch__job *job,
                                   const tw_fetch__file *file, const char *path, const char *name,
                                   tw_error *err)
{
    tw_status rc;
    tw_fetch__sums sums;
    char why[WHY_SIZE], *bad = NULL;
    bool unchanged;

    *kept = false;
    if ((rc = examine(why, &sums, job, file, path, old, err)))
        return rc;
    if (*why) {
        if (!(rc = set_apart(&bad, job, path, name, err)))
            tw_watch_note(job->watch, "%s: %s; kept apart as %s.bad, fetched anew", path, why,
                          name);
        tw_free(bad);
        return rc;
    }
    *kept = true;
    if ((rc = tw_fetch__is_unchanged(&unchanged, job->folder, old, err)))
        return rc;
    if (unchanged && strcmp(old->file, name) == 0)
        return TW_OK;
    old->sums = sums;
    return record(old, job, file, path, name, *old->source ? old->source : "found there", err);
}

static tw_status look_there(bool *kept, tw_fetch__record *old, const tw_fetch__job *job,
                            const tw_fetch__file *file, const char *name, tw_error *err)
{
    char *path;
    tw_status rc = tw_fetch__path(&path, job->folder, name, "", err);

    *kept = false;
    if (!rc && tw_path_exists(path))
        rc = keep_or_set_apart(kept, old, job, file, path, name, err);
    tw_free(path);
    return rc;
}

/* ---- a transfer */

/* Waits, asking now and then whether to stop. */
static tw_status wait_for(double t_s, tw_fetch__transfer *t, tw_error *err)
{
    const double end_s = tw_clock_s() + t_s;
    double left_s;

    while ((left_s = end_s - tw_clock_s()) > 0) {
        if (tw_watch_should_stop(t->watch))
            return tw_fetch__transfer_interrupt(t, err);
        tw_clock_sleep(left_s < 0.1 ? left_s : 0.1);
    }
    return TW_OK;
}

static tw_status transfer_once(tw_fetch__transfer *t, bool is_local, tw_error *err)
{
    tw_status rc, emptied;

    t->is_missing = t->is_refused = t->may_pass = t->is_worthless = false;
    rc = is_local ? tw_fetch__copy(t, err) : tw_fetch__http(t, err);
    if (rc && t->is_worthless && (emptied = tw_fetch__transfer_empty(t, err)))
        return emptied;
    return rc;
}

static tw_status transfer(tw_fetch__transfer *t, const tw_fetch__job *job, bool is_local,
                          tw_error *err)
{
    const tw_fetch_options *options = &job->options;
    double t_s = options->t_retry_s;
    tw_status rc;

    for (int i = 1;; i++, t_s *= 2) {
        tw_status waited;

        rc = transfer_once(t, is_local, err);
        if (!rc || !t->may_pass || i == options->n_tries)
            break;
        tw_watch_note(job->watch, "%s; try %d of %d in %g s", err->text, i + 1, options->n_tries,
                      t_s);
        if ((waited = wait_for(t_s, t, err)))
            return waited;
    }
    return rc ? rc : tw_file_sync(&t->part, err);
}

/* The part is whole: it gets its name, or is set apart. */
static tw_status accept(tw_fetch__record *old, const tw_fetch__job *job, const tw_fetch__file *file,
                        const tw_fetch__candidate *from, const char *part, tw_error *err)
{
    tw_status rc;
    tw_fetch__sums sums;
    char why[WHY_SIZE], *path = NULL;

    if ((rc = examine(why, &sums, job, file, part, old, err)))
        return rc;
    if (*why) {
        if (!(rc = set_apart(&path, job, part, from->name, err)))
            rc = tw_fail(err, TW_EFILE, "%s: %s; kept apart as %s, not used", from->url, why, path);
        goto done;
    }
    old->sums = sums;
    if ((rc = tw_fetch__path(&path, job->folder, from->name, "", err)) ||
        (rc = record(old, job, file, part, from->name, from->url, err)))
        goto done;
    rc = tw_file_move(part, path, err);
done:
    tw_free(path);
    return rc;
}

/* *lacks_it: this place does not have it, or says no more than that it does not give it. An empty
 * part is no use to anyone. */
static tw_status try_candidate(bool *lacks_it, tw_fetch__record *old, const tw_fetch__job *job,
                               const tw_fetch__file *file, const tw_fetch__candidate *from,
                               tw_error *err)
{
    tw_fetch__transfer t = {.file = file, .timeout_s = job->options.timeout_s, .watch = job->watch};
    tw_status rc, removed;
    bool is_done;

    if (!(rc = tw_fetch__transfer_open(&t, job->folder, from->name, from->url, err)) &&
        !(rc = transfer(&t, job, from->is_local, err)))
        rc = accept(old, job, file, from, t.part.path, err);
    is_done = t.part.path && (t.part.size == 0 || !tw_path_exists(t.part.path));
    if (is_done && ((removed = tw_file_remove(t.part.path, rc ? NULL : err)) ||
                    (removed = tw_file_remove(t.note_path, rc ? NULL : err))))
        rc = rc ? rc : removed;
    *lacks_it = t.is_missing || t.is_refused;
    tw_fetch__transfer_close(&t);
    return rc;
}

/* A mirror may refuse what it only does not have; of the publisher's places each may be down. Where
 * none has it, the first failure is told. */
static tw_status download(tw_fetch__record *old, tw_fetch__job *job, const tw_fetch__file *file,
                          tw_error *err)
{
    tw_fetch__source *source = &job->source;
    const bool is_mirror = *source->from;
    tw_status rc = tw_fetch__source_list(source, job->entry, file, err);
    tw_error first = {TW_OK, ""};

    if (rc)
        return rc;
    for (int i = 0; i < source->n; i++) {
        tw_error inner = {TW_OK, ""};
        bool lacks_it;

        rc = try_candidate(&lacks_it, old, job, file, &source->candidates[i], &inner);
        if (!rc)
            return TW_OK;
        if (!lacks_it && (is_mirror || rc != TW_EFAIL))
            return tw_fail(err, rc, "%s", inner.text);
        if (rc == TW_EFAIL && !is_mirror && i + 1 < source->n)
            tw_watch_note(job->watch, "%s; trying %s", inner.text, source->candidates[i + 1].url);
        if (rc == TW_EFAIL && !first.code)
            first = inner;
    }
    if (first.code)
        return tw_fail(err, first.code, "%s%s", first.text,
                       is_mirror ? "" : "; --from takes a mirror");
    return tw_fetch__source_fail_missing(source, job->entry, file, err);
}

/* A damaged record is none: what it was of is checked against the publisher's sums again. */
static tw_status read_record(tw_fetch__record *out, const tw_fetch__job *job,
                             const tw_fetch__file *file, tw_error *err)
{
    tw_error inner = {TW_OK, ""};
    const tw_status rc = tw_fetch__record_read(out, job->folder, file, &inner);

    if (rc == TW_EFILE) {
        tw_watch_note(job->watch, "%s; written anew", inner.text);
        return TW_OK;
    }
    return rc ? tw_fail(err, rc, "%s", inner.text) : TW_OK;
}

tw_status tw_fetch__provide(bool *fetched, int64_t *n_bytes, tw_fetch__job *job,
                            const tw_fetch__file *file, tw_error *err)
{
    tw_status rc;
    tw_fetch__record old;
    char plain[TW_FETCH__NAME_SIZE];
    bool kept = false;

    *fetched = false;
    *n_bytes = 0;
    if ((rc = read_record(&old, job, file, err)) ||
        (rc = look_there(&kept, &old, job, file, file->name, err)))
        return rc;
    if (!kept && tw_fetch__plain_name(plain, sizeof plain, file) &&
        (rc = look_there(&kept, &old, job, file, plain, err)))
        return rc;
    if (!kept && (rc = download(&old, job, file, err)))
        return rc;
    *fetched = !kept;
    *n_bytes = old.n_bytes;
    return TW_OK;
}
