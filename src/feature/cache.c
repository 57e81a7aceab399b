/*
 * The cache as a whole: where it lies, what entries it has, how large they are, and clearing them.
 * An entry is a folder named by its key, 64 hex digits; other names in the folder are left alone.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "feature/feature_int.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_LETTERS = 64, SHORTEST_KEY = 6, LARGEST_JOB = 1 << 20 };

/* ---- where it is */

tw_status tw_feature__cache_folder(char **out, const char *dir, tw_error *err)
{
    *out = NULL;
    if (!dir || !*dir)
        return tw_folder_cache(out, "activations", ", give one with --cache-dir", err);
    *out = tw_strdup(dir);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the cache's folder name");
}

static bool is_key(const char *name)
{
    return strlen(name) == KEY_LETTERS && strspn(name, "0123456789abcdef") == KEY_LETTERS;
}

/* Keeps the entries' names only. */
static tw_status list_keys(char ***names, size_t *n, const char *folder, tw_error *err)
{
    tw_status rc;
    size_t kept = 0;

    *names = NULL;
    *n = 0;
    if (!tw_path_is_folder(folder))
        return TW_OK;
    if ((rc = tw_folder_list(names, n, folder, err)))
        return rc;
    for (size_t i = 0; i < *n; i++) {
        if (is_key((*names)[i]))
            (*names)[kept++] = (*names)[i];
        else
            tw_free((*names)[i]);
    }
    *n = kept;
    return TW_OK;
}

/* ---- one entry */

/* Bytes of a file of the entry at `path`, 0 where there is none. */
static tw_status file_bytes(int64_t *out, const char *path, const char *name, tw_error *err)
{
    char *file = tw_path_join(path, name);
    int64_t n_bytes;

    *out = 0;
    if (!file)
        return tw_fail(err, TW_ENOMEM, "no memory to look at %s", path);
    if ((n_bytes = tw_path_size(file)) > 0)
        *out = n_bytes;
    tw_free(file);
    return TW_OK;
}

static tw_status entry_bytes(int64_t *out, const char *path, tw_error *err)
{
    static const char *const names[] = {"rows", "index", "job.json"};
    tw_status rc = TW_OK;

    *out = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names && !rc; i++) {
        int64_t n_bytes;

        rc = file_bytes(&n_bytes, path, names[i], err);
        *out += n_bytes;
    }
    return rc;
}

/* The job's sentence; "unknown" where job.json is missing or damaged. */
static void read_job(char *out, size_t out_size, const char *path)
{
    char *text = NULL;
    size_t n;
    tw_json *json = NULL;
    const char *job = NULL;

    if (!tw_file_read(&text, &n, path, LARGEST_JOB, NULL) &&
        !tw_json_parse(&json, text, n, path, NULL) &&
        !tw_json_string(&job, tw_json_get(json, "job")))
        job = NULL;
    snprintf(out, out_size, "%s", job ? job : "unknown");
    tw_json_free(json);
    tw_free(text);
}

static tw_status read_entry(tw_cache_entry *out, const char *folder, const char *key, tw_error *err)
{
    tw_status rc = TW_OK;
    int64_t index_bytes;
    char *path = tw_path_join(folder, key), *job = path ? tw_path_join(path, "job.json") : NULL;

    memset(out, 0, sizeof *out);
    if (!job) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to look at %s", folder);
        goto done;
    }
    snprintf(out->key, sizeof out->key, "%s", key);
    read_job(out->job, sizeof out->job, job);
    if ((rc = entry_bytes(&out->n_bytes, path, err)) ||
        (rc = file_bytes(&index_bytes, path, "index", err)))
        goto done;
    out->n_rows = index_bytes / TW_FEATURE__ENTRY_BYTES;
    out->t_used_s = tw_path_mtime(job);
done:
    tw_free(job);
    tw_free(path);
    return rc;
}

tw_status tw_feature__cache_bytes(int64_t *out, const char *folder, tw_error *err)
{
    char **names;
    size_t n;
    tw_status rc = list_keys(&names, &n, folder, err);

    *out = 0;
    for (size_t i = 0; i < n && !rc; i++) {
        char *path = tw_path_join(folder, names[i]);
        int64_t n_bytes = 0;

        rc = path ? entry_bytes(&n_bytes, path, err)
                  : tw_fail(err, TW_ENOMEM, "no memory to look at %s", folder);
        *out += n_bytes;
        tw_free(path);
    }
    tw_folder_list_free(names, n);
    return rc;
}

/* ---- listing */

static int by_last_use(const void *a, const void *b)
{
    const tw_cache_entry *x = a, *y = b;

    if (x->t_used_s != y->t_used_s)
        return x->t_used_s < y->t_used_s ? 1 : -1;
    return strcmp(x->key, y->key);
}

tw_status tw_cache_list(tw_cache_entry **out, int *n_out, const char *dir, tw_error *err)
{
    tw_status rc;
    char *folder = NULL, **names = NULL;
    size_t n = 0;
    tw_cache_entry *entries = NULL;

    *out = NULL;
    *n_out = 0;
    if ((rc = tw_feature__cache_folder(&folder, dir, err)) ||
        (rc = list_keys(&names, &n, folder, err)))
        goto done;
    if (!(entries = tw_calloc(n ? n : 1, sizeof *entries))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to list %zu cached jobs", n);
        goto done;
    }
    for (size_t i = 0; i < n; i++)
        if ((rc = read_entry(&entries[i], folder, names[i], err)))
            goto done;
    qsort(entries, n, sizeof *entries, by_last_use);
    *out = entries;
    *n_out = (int)n;
    entries = NULL; /* ownership moved to *out */
done:
    tw_free(entries);
    tw_folder_list_free(names, n);
    tw_free(folder);
    return rc;
}

void tw_cache_list_free(tw_cache_entry *entries)
{
    tw_free(entries);
}

/* ---- clearing */

static tw_status remove_files(const char *path, tw_error *err)
{
    char **names;
    size_t n;
    tw_status rc = tw_folder_list(&names, &n, path, err);

    for (size_t i = 0; i < n && !rc; i++) {
        char *file = tw_path_join(path, names[i]);

        rc = file ? tw_file_remove(file, err)
                  : tw_fail(err, TW_ENOMEM, "no memory to clear %s", path);
        tw_free(file);
    }
    tw_folder_list_free(names, n);
    return rc ? rc : tw_folder_remove(path, err);
}

/* With the lock held. */
static tw_status remove_entry(int64_t *n_bytes, const char *path, bool only_empty, tw_error *err)
{
    int64_t index_bytes;
    tw_status rc = file_bytes(&index_bytes, path, "index", err);

    *n_bytes = 0;
    if (rc || (only_empty && index_bytes > 0))
        return rc;
    if ((rc = entry_bytes(n_bytes, path, err)))
        return rc;
    return remove_files(path, err);
}

tw_status tw_feature__cache_remove(int64_t *n_bytes, bool *got, const char *folder, const char *key,
                                   bool only_empty, tw_error *err)
{
    tw_status rc;
    tw_lock lock = {.fd = -1};
    char *path = tw_path_join(folder, key), *lock_path = path ? tw_path_join(path, "lock") : NULL;

    *n_bytes = 0;
    *got = false;
    if (!lock_path)
        rc = tw_fail(err, TW_ENOMEM, "no memory to clear %s", folder);
    else if (!(rc = tw_lock_try(&lock, got, lock_path, err)) && *got)
        rc = remove_entry(n_bytes, path, only_empty, err);
    tw_lock_release(&lock);
    tw_free(lock_path);
    tw_free(path);
    return rc;
}

/* Where the one entry is whose key begins with `key`. */
static tw_status match_key(size_t *out, char *const *names, size_t n, const char *key,
                           tw_error *err)
{
    size_t n_matches = 0;

    if (strlen(key) < SHORTEST_KEY)
        return tw_fail(err, TW_EUSAGE, "key \"%s\" is too short: at least %d letters", key,
                       SHORTEST_KEY);
    for (size_t i = 0; i < n; i++) {
        if (strncmp(names[i], key, strlen(key)) != 0)
            continue;
        *out = i;
        n_matches++;
    }
    if (n_matches == 1)
        return TW_OK;
    if (n_matches == 0)
        return tw_fail(err, TW_EUSAGE, "no cached job's key begins with \"%s\"", key);
    return tw_fail(err, TW_EUSAGE, "%zu cached jobs' keys begin with \"%s\"", n_matches, key);
}

tw_status tw_cache_clear(int64_t *n_bytes, const char *dir, const char *key, tw_error *err)
{
    tw_status rc;
    char *folder = NULL, **names = NULL;
    size_t n = 0, first = 0, last, n_kept = 0;

    *n_bytes = 0;
    if ((rc = tw_feature__cache_folder(&folder, dir, err)) ||
        (rc = list_keys(&names, &n, folder, err)) ||
        (key && (rc = match_key(&first, names, n, key, err))))
        goto done;
    last = key ? first + 1 : n;
    for (size_t i = first; i < last; i++) {
        int64_t freed;
        bool got;

        if ((rc = tw_feature__cache_remove(&freed, &got, folder, names[i], false, err)))
            goto done;
        *n_bytes += freed;
        n_kept += !got;
    }
    if (n_kept)
        rc = tw_fail(err, TW_EFILE, "%s: %zu of %zu cached jobs kept: another topwork fills %s",
                     folder, n_kept, last - first, n_kept == 1 ? "it" : "them");
done:
    tw_folder_list_free(names, n);
    tw_free(folder);
    return rc;
}
