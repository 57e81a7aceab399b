/*
 * Folders, paths, locks and free space; see file.h.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

bool tw_path_exists(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0;
}

bool tw_path_is_folder(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

int64_t tw_path_size(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_size : -1;
}

int64_t tw_path_mtime(const char *path)
{
    struct stat info;

    return stat(path, &info) == 0 ? info.st_mtime : -1;
}

tw_status tw_folder_create(const char *path, tw_error *err)
{
    tw_status rc = TW_OK;
    char *partial = tw_strdup(path);

    if (!partial)
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
    for (char *at = partial + (partial[0] == '/'); rc == TW_OK; at++) {
        char kept = *at;
        if (kept != '/' && kept != '\0')
            continue;
        *at = '\0';
        if (*partial && mkdir(partial, 0777) != 0) {
            const int why = errno; /* asking about the folder writes over it */
            if (!tw_path_is_folder(partial)) {
                errno = why;
                rc = tw_fail_errno(err, TW_EFILE, "%s: cannot create the folder", partial);
            }
        }
        *at = kept;
        if (kept == '\0')
            break;
    }
    tw_free(partial);
    return rc;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Appends a copy of name to a growing list. */
static bool push_name(char ***names, size_t *n, size_t *capacity, const char *name)
{
    if (*n == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 64;
        char **grown = tw_realloc(*names, wanted * sizeof **names);
        if (!grown)
            return false;
        *names = grown;
        *capacity = wanted;
    }
    if (!((*names)[*n] = tw_strdup(name)))
        return false;
    (*n)++;
    return true;
}

tw_status tw_folder_create_own(char **out, tw_error *err)
{
    const char *folder = getenv("TMPDIR");

    if (!folder || !*folder)
        folder = "/tmp";
    if (!(*out = tw_path_join(folder, TW_FOLDER_OWN "XXXXXX")))
        return tw_fail(err, TW_ENOMEM, "no memory for a folder in %s", folder);
    if (mkdtemp(*out))
        return TW_OK;
    tw_free(*out);
    *out = NULL;
    return tw_fail_errno(err, TW_EFILE, "no folder of its own in %s", folder);
}

char *tw_path_absolute(const char *path)
{
    char here[PATH_MAX];

    if (path[0] == '/' || !getcwd(here, sizeof here))
        return tw_strdup(path);
    return tw_path_join(here, path);
}

tw_status tw_folder_list(char ***names, size_t *n, const char *path, tw_error *err)
{
    tw_status rc = TW_OK;
    size_t capacity = 0;
    DIR *folder = opendir(path);
    struct dirent *entry;

    *names = NULL;
    *n = 0;
    if (!folder)
        return tw_fail_errno(err, TW_EFILE, "%s", path);
    while ((errno = 0, entry = readdir(folder))) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (!push_name(names, n, &capacity, entry->d_name)) {
            rc = tw_fail(err, TW_ENOMEM, "no memory to list %s", path);
            break;
        }
    }
    if (rc == TW_OK && errno != 0)
        rc = tw_fail_errno(err, TW_EFILE, "%s: cannot list the folder", path);
    closedir(folder);
    if (rc) {
        tw_folder_list_free(*names, *n);
        *names = NULL;
        *n = 0;
    } else if (*n > 0) {
        qsort(*names, *n, sizeof **names, compare_names);
    }
    return rc;
}

void tw_folder_list_free(char **names, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tw_free(names[i]);
    tw_free(names);
}

/* ---- what was meant */

enum { PATH_SIZE = 4096 };

/* Cuts off the names that are not there; `rest` is what came after the first of them. False where
 * even that cannot be told. */
static bool find_missing(char path[PATH_SIZE], char rest[PATH_SIZE])
{
    size_t n = strlen(path);

    *rest = '\0';
    for (;;) {
        char tail[PATH_SIZE], *slash;

        while (n > 1 && path[n - 1] == '/')
            path[--n] = '\0';
        if (!(slash = strrchr(path, '/')) || slash == path)
            return n > 0;
        *slash = '\0';
        if (tw_path_is_folder(path)) {
            *slash = '/';
            return true;
        }
        if (snprintf(tail, sizeof tail, "/%s%s", slash + 1, rest) >= (int)sizeof tail)
            return false;
        memcpy(rest, tail, sizeof tail);
        n = (size_t)(slash - path);
    }
}

bool tw_path_nearest(char *buf, size_t buf_size, const char *path)
{
    char missing[PATH_SIZE], rest[PATH_SIZE], folder[PATH_SIZE], **names;
    const char *slash, *name, *nearest;
    tw_error own = {TW_OK, ""};
    size_t n;
    int used = -1;

    if (snprintf(missing, sizeof missing, "%s", path) >= (int)sizeof missing ||
        !find_missing(missing, rest))
        return false;
    slash = strrchr(missing, '/');
    name = slash ? slash + 1 : missing;
    snprintf(folder, sizeof folder, "%.*s", (int)(name - missing), missing);
    /* a folder that cannot be listed has nothing to offer */
    if (tw_folder_list(&names, &n, *folder ? folder : ".", &own))
        return false;
    if ((nearest = tw_nearest_file(name, (const char *const *)names, n))) {
        used = snprintf(buf, buf_size, "%s%s%s", folder, nearest, rest);
        if (used >= (int)buf_size || !tw_path_exists(buf))
            used = snprintf(buf, buf_size, "%s%s", folder, nearest);
    }
    tw_folder_list_free(names, n);
    return used >= 0 && used < (int)buf_size;
}

tw_status tw_fail_missing(const char *path, const char *what, tw_error *err)
{
    char near[PATH_SIZE];

    if (tw_path_nearest(near, sizeof near, path))
        return tw_fail(err, TW_EFILE, "%s: %s, did you mean \"%s\"", path, what, near);
    return tw_fail(err, TW_EFILE, "%s: %s", path, what);
}

tw_status tw_file_remove(const char *path, tw_error *err)
{
    if (unlink(path) != 0 && errno != ENOENT)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot remove", path);
    return TW_OK;
}

tw_status tw_folder_remove(const char *path, tw_error *err)
{
    if (rmdir(path) != 0 && errno != ENOENT)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot remove the folder", path);
    return TW_OK;
}

tw_status tw_file_touch(const char *path, tw_error *err)
{
    if (utimensat(AT_FDCWD, path, NULL, 0) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot set the time", path);
    return TW_OK;
}

char *tw_path_join(const char *folder, const char *name)
{
    size_t n_folder = strlen(folder), n = n_folder + strlen(name) + 2;
    char *path = tw_malloc(n);

    if (path)
        snprintf(path, n, "%s%s%s", folder, n_folder && folder[n_folder - 1] == '/' ? "" : "/",
                 name);
    return path;
}

tw_status tw_folder_cache(char **out, const char *below, const char *hint, tw_error *err)
{
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    const bool has_cache = cache && *cache == '/';
    char *own;

    *out = NULL;
    if (!has_cache && !(home && *home))
        return tw_fail(err, TW_EUSAGE,
                       "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set%s", hint);
    own = tw_path_join(has_cache ? cache : home, has_cache ? "topwork" : ".cache/topwork");
    if (own)
        *out = tw_path_join(own, below);
    tw_free(own);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the cache's folder name");
}

tw_status tw_disk_free(int64_t *out, const char *path, tw_error *err)
{
    tw_status rc = TW_OK;
    struct statvfs info;
    char *at = tw_strdup(path);

    *out = 0;
    if (!at)
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
    while (statvfs(at, &info) != 0) {
        char *slash = strrchr(at, '/');
        if (errno != ENOENT || strcmp(at, "/") == 0 || strcmp(at, ".") == 0) {
            rc = tw_fail_errno(err, TW_EFILE, "%s: cannot tell the free space", path);
            goto done;
        }
        if (!slash)
            strncpy(at, ".", 2);
        else
            slash[slash == at ? 1 : 0] = '\0';
    }
    *out = (int64_t)info.f_bavail * (int64_t)info.f_frsize;
done:
    tw_free(at);
    return rc;
}

tw_status tw_lock_try(tw_lock *out, bool *got, const char *path, tw_error *err)
{
    *got = false;
    out->fd = tw_sys_open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
    if (out->fd < 0)
        return errno == ELOOP
                   ? tw_fail(err, TW_EFILE, "%s: a symbolic link, which is not followed", path)
                   : tw_fail_errno(err, TW_EFILE, "%s", path);
    if (flock(out->fd, LOCK_EX | LOCK_NB) == 0) {
        *got = true;
        return TW_OK;
    }
    if (errno != EWOULDBLOCK) {
        tw_status rc = tw_fail_errno(err, TW_EFILE, "%s: cannot lock", path);
        tw_lock_release(out);
        return rc;
    }
    tw_lock_release(out);
    return TW_OK;
}

void tw_lock_release(tw_lock *lock)
{
    if (lock->fd >= 0)
        close(lock->fd);
    lock->fd = -1;
}
