/*
 * The public functions: a name's files one after the other, under the lock of its folder; where
 * they lie; in what state they are.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

enum { TIMEOUT_S = 30, N_TRIES = 4 };

static const double t_retry_s = 1.0, t_wait_s = 0.1;

/* ---- fetching */

/* Waits while another one fetches the same name. */
static tw_status take_lock(tw_lock *lock, const tw_fetch__job *job, tw_error *err)
{
    const char *name = job->entry->info.name;
    char *path = tw_path_join(job->folder, "lock");
    bool got = false, told = false;
    tw_status rc = TW_OK;

    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory to lock %s", job->folder);
    while (!(rc = tw_lock_try(lock, &got, path, err)) && !got) {
        if (!told)
            tw_watch_note(job->watch, "another topwork fetches %s, waiting for it", name);
        told = true;
        if (tw_watch_should_stop(job->watch)) {
            rc =
                tw_fail(err, TW_EINTERRUPTED, "interrupted while another topwork fetches %s", name);
            break;
        }
        tw_clock_sleep(t_wait_s);
    }
    tw_free(path);
    return rc;
}

static tw_status provide_all(tw_fetch_result *out, tw_fetch__job *job, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; !rc && i < job->entry->info.n_files; i++) {
        bool fetched;
        int64_t n_bytes;

        rc = tw_fetch__provide(&fetched, &n_bytes, job, &job->entry->files[i], err);
        out->n_files++;
        out->n_fetched += fetched;
        out->n_bytes += n_bytes;
    }
    return rc;
}

static tw_fetch_options settle(const tw_fetch_options *options)
{
    tw_fetch_options settled = options ? *options : (tw_fetch_options){0};

    if (settled.timeout_s < 1)
        settled.timeout_s = TIMEOUT_S;
    if (settled.n_tries < 1)
        settled.n_tries = N_TRIES;
    if (!(settled.t_retry_s > 0))
        settled.t_retry_s = t_retry_s;
    return settled;
}

tw_status tw_fetch__run(tw_fetch_result *out, const tw_fetch__entry *entry,
                        const tw_fetch_options *options, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_fetch__job job = {.entry = entry, .options = settle(options), .watch = watch};
    tw_lock lock = {.fd = -1};

    memset(out, 0, sizeof *out);
    if ((rc = tw_fetch__source_open(&job.source, job.options.from, err)) ||
        (rc = tw_fetch__folder(&job.folder, entry->info.name, err)) ||
        (rc = tw_folder_create(job.folder, err)) || (rc = take_lock(&lock, &job, err)) ||
        (rc = provide_all(out, &job, err)))
        goto done;
    rc = tw_fetch__where(out->path, sizeof out->path, entry, err);
done:
    tw_lock_release(&lock);
    tw_free(job.folder);
    return rc;
}

tw_status tw_fetch(tw_fetch_result *out, const char *name, const tw_fetch_options *options,
                   const tw_watch *watch, tw_error *err)
{
    const tw_fetch__entry *entry = tw_fetch__find(name);

    memset(out, 0, sizeof *out);
    return entry ? tw_fetch__run(out, entry, options, watch, err)
                 : tw_fetch__fail_unknown(name, err);
}

/* ---- states: of one file PARTLY means that it is there, unchecked */

static tw_status file_state(tw_fetch_state *out, tw_fetch__record *record, const char *folder,
                            const tw_fetch__file *file, tw_error *err)
{
    char *path = NULL;
    bool unchanged = false;
    tw_error inner = {TW_OK, ""};
    tw_status rc = tw_fetch__record_read(record, folder, file, &inner);

    *out = TW_FETCH_DAMAGED;
    if (rc == TW_EFILE) /* the record itself */
        return TW_OK;
    if (rc)
        return tw_fail(err, rc, "%s", inner.text);
    if ((rc = tw_fetch__is_unchanged(&unchanged, folder, record, err)) ||
        (rc = tw_fetch__path(&path, folder, *record->file ? record->file : file->name, "", err)))
        return rc;
    if (unchanged)
        *out = TW_FETCH_THERE;
    else if (!tw_path_exists(path))
        *out = TW_FETCH_ABSENT;
    else if (!*record->file)
        *out = TW_FETCH_PARTLY;
    tw_free(path);
    return TW_OK;
}

/* n[s] files are in state s; first[s] is the first of them, path where the last one lies. */
typedef struct census {
    int n[TW_N_FETCH_STATE];
    const char *first[TW_N_FETCH_STATE];
    char path[4096];
} census;

static tw_status count_states(census *out, const tw_fetch__entry *entry, tw_error *err)
{
    char *folder;
    tw_status rc = tw_fetch__folder(&folder, entry->info.name, err);
    tw_fetch__record record;

    memset(out, 0, sizeof *out);
    for (int i = 0; !rc && i < entry->info.n_files; i++) {
        const tw_fetch__file *file = &entry->files[i];
        tw_fetch_state state;

        if ((rc = file_state(&state, &record, folder, file, err)))
            break;
        if (!out->n[state]++)
            out->first[state] = file->name;
        if (entry->info.kind == TW_FETCH_DATA)
            snprintf(out->path, sizeof out->path, "%s", folder);
        else
            snprintf(out->path, sizeof out->path, "%s/%s", folder, record.file);
    }
    tw_free(folder);
    return rc;
}

tw_status tw_fetch__where(char *buf, size_t buf_size, const tw_fetch__entry *entry, tw_error *err)
{
    const char *name = entry->info.name;
    census states;
    const tw_status rc = count_states(&states, entry, err);

    buf[0] = '\0';
    if (rc)
        return rc;
    if (states.n[TW_FETCH_ABSENT] == entry->info.n_files)
        return tw_fail(err, TW_EFILE, "%s: no such file or folder; \"topwork fetch %s\" gets it",
                       name, name);
    if (states.n[TW_FETCH_DAMAGED])
        return tw_fail(err, TW_EFILE,
                       "%s: %s is not as it was when it was checked; \"topwork fetch %s\" mends it",
                       name, states.first[TW_FETCH_DAMAGED], name);
    if (states.n[TW_FETCH_PARTLY])
        return tw_fail(err, TW_EFILE,
                       "%s: %s has not been checked yet; \"topwork fetch %s\" does it", name,
                       states.first[TW_FETCH_PARTLY], name);
    if (states.n[TW_FETCH_ABSENT])
        return tw_fail(err, TW_EFILE, "%s: %s is missing; \"topwork fetch %s\" gets it", name,
                       states.first[TW_FETCH_ABSENT], name);
    if (strlen(states.path) >= buf_size)
        return tw_fail(err, TW_EFILE, "%s: path of %zu letters is too long", name,
                       strlen(states.path));
    snprintf(buf, buf_size, "%s", states.path);
    return TW_OK;
}

tw_status tw_fetch_path(char *buf, size_t buf_size, const char *name, tw_error *err)
{
    const tw_fetch__entry *entry = tw_fetch__find(name);

    return entry ? tw_fetch__where(buf, buf_size, entry, err) : tw_fetch__fail_unknown(name, err);
}

#define STATE_NAME(name, text) text,
const char *tw_fetch_state_name(tw_fetch_state state)
{
    static const char *const names[] = {TW_FETCH_STATE_LIST(STATE_NAME)};

    return names[state];
}
#undef STATE_NAME

tw_status tw_fetch__state(tw_fetch_state *out, const tw_fetch__entry *entry, tw_error *err)
{
    census states;
    const tw_status rc = count_states(&states, entry, err);

    *out = TW_FETCH_PARTLY;
    if (rc)
        return rc;
    if (states.n[TW_FETCH_DAMAGED])
        *out = TW_FETCH_DAMAGED;
    else if (states.n[TW_FETCH_ABSENT] == entry->info.n_files)
        *out = TW_FETCH_ABSENT;
    else if (states.n[TW_FETCH_THERE] == entry->info.n_files)
        *out = TW_FETCH_THERE;
    return TW_OK;
}

tw_status tw_fetch_look(tw_fetch_state *out, const char *name, tw_error *err)
{
    const tw_fetch__entry *entry = tw_fetch__find(name);

    *out = TW_FETCH_ABSENT;
    return entry ? tw_fetch__state(out, entry, err) : tw_fetch__fail_unknown(name, err);
}
