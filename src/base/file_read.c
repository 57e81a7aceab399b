/*
 * Reading files: mappings, whole small files, positional reads, the append-only file and the spool.
 * See file.h. Sentences name the path; a short read says how much there was.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Opens a regular file for reading and tells about it. */
static tw_status open_regular(int *fd, struct stat *info, const char *path, tw_error *err)
{
    if ((*fd = tw_sys_open(path, O_RDONLY, 0)) < 0)
        return tw_fail_errno(err, TW_EFILE, "%s", path);
    if (fstat(*fd, info) != 0 || !S_ISREG(info->st_mode)) {
        close(*fd);
        *fd = -1;
        return tw_fail(err, TW_EFILE, "%s: not a regular file", path);
    }
    return TW_OK;
}

static int64_t time_ns(const struct timespec *t)
{
    return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

tw_status tw_map_open(tw_map *out, const char *path, tw_error *err)
{
    tw_status rc;
    int fd;
    int64_t size;
    struct stat info;
    void *data;

    memset(out, 0, sizeof *out);
    if ((rc = open_regular(&fd, &info, path, err)))
        return rc;
    size = info.st_size;
    if (size == 0) {
        rc = tw_fail(err, TW_EFILE, "%s: the file is empty", path);
        goto done;
    }
    if (!(out->path = tw_strdup(path))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
        goto done;
    }
    out->device = info.st_dev;
    out->inode = info.st_ino;
    out->mtime_ns = time_ns(&info.st_mtim);
    data = tw_sys_mmap(fd, (size_t)size);
    if (data == MAP_FAILED) {
        rc = tw_fail_errno(err, TW_EFILE, "%s: cannot map %lld bytes", path, (long long)size);
        goto done;
    }
    out->data = data;
    out->size = (size_t)size;
done:
    close(fd);
    if (rc)
        tw_map_close(out);
    return rc;
}

tw_status tw_map_borrow(tw_map *out, const void *data, size_t n, const char *name, tw_error *err)
{
    *out = (tw_map){.data = data, .size = n, .path = tw_strdup(name), .borrowed = true};
    return out->path ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory to open %s", name);
}

void tw_map_close(tw_map *map)
{
    if (map->data && !map->borrowed)
        munmap((void *)(uintptr_t)map->data, map->size);
    tw_free(map->path);
    memset(map, 0, sizeof *map);
}

void tw_map_release(const void *begin, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t first = ((uintptr_t)begin + page - 1) / page * page;
    uintptr_t last = ((uintptr_t)begin + n) / page * page;

    if (last > first)
        madvise((void *)first, last - first, MADV_DONTNEED);
}

tw_status tw_file_read(char **out, size_t *n_out, const char *path, size_t limit, tw_error *err)
{
    tw_status rc;
    tw_file file;
    char *text = NULL;

    *out = NULL;
    *n_out = 0;
    if ((rc = tw_file_open(&file, path, err)))
        return rc;
    if ((uint64_t)file.size > limit) {
        rc = tw_fail(err, TW_EFILE, "%s: %lld bytes, more than the %zu that are read at most", path,
                     (long long)file.size, limit);
        goto done;
    }
    if (!(text = tw_malloc((size_t)file.size + 1))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the %lld bytes of %s", (long long)file.size,
                     path);
        goto done;
    }
    if ((rc = tw_file_pread(&file, text, (size_t)file.size, 0, err)))
        goto done;
    text[file.size] = '\0';
    *n_out = (size_t)file.size;
    *out = text;
    text = NULL;
done:
    tw_free(text);
    tw_file_close(&file);
    return rc;
}

static tw_status take_name(tw_file *file, const char *path, tw_error *err)
{
    if ((file->path = tw_strdup(path)))
        return TW_OK;
    tw_file_close(file);
    return tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
}

tw_status tw_file_open(tw_file *out, const char *path, tw_error *err)
{
    struct stat info;
    tw_status rc;

    *out = (tw_file){.fd = -1};
    if ((rc = open_regular(&out->fd, &info, path, err)))
        return rc;
    out->size = info.st_size;
    return take_name(out, path, err);
}

tw_status tw_file_borrow(tw_file *out, const tw_map *map, tw_error *err)
{
    *out = (tw_file){.fd = -1, .size = (int64_t)map->size, .bytes = map->data};
    return take_name(out, map->path, err);
}

/* Doubles the room, one byte more than is read. */
static bool grow(char **text, size_t *capacity)
{
    const size_t wanted = *capacity ? 2 * *capacity : 1 << 16;
    char *grown = tw_realloc(*text, wanted + 1);

    if (!grown)
        return false;
    *text = grown;
    *capacity = wanted;
    return true;
}

tw_status tw_file_read_rest(char **out, size_t *n_out, int fd, const char *name, size_t limit,
                            tw_error *err)
{
    size_t n = 0, capacity = 0;
    char *text = NULL;
    ssize_t got = 1;
    tw_status rc = TW_OK;

    *out = NULL;
    while (!rc && got > 0) {
        if (n == capacity && !grow(&text, &capacity))
            rc = tw_fail(err, TW_ENOMEM, "no memory to read %s", name);
        else if ((got = read(fd, text + n, capacity - n)) < 0)
            rc = errno == EINTR
                     ? tw_fail(err, TW_EINTERRUPTED, "interrupted while reading %s", name)
                     : tw_fail_errno(err, TW_EFILE, "%s", name);
        else if ((n += (size_t)got) > limit)
            rc = tw_fail(err, TW_EFILE, "%s: more than %zu bytes", name, limit);
    }
    if (rc) {
        tw_free(text);
        return rc;
    }
    text[n] = '\0';
    *out = text;
    *n_out = n;
    return TW_OK;
}

static tw_status open_append(tw_file *out, const char *path, int flags, tw_error *err)
{
    struct stat info;

    *out = (tw_file){.fd = -1};
    if ((out->fd = tw_sys_open(path, O_RDWR | O_CREAT | flags, 0644)) < 0)
        return errno == ELOOP
                   ? tw_fail(err, TW_EFILE, "%s: a symbolic link, which is not followed", path)
                   : tw_fail_errno(err, TW_EFILE, "%s", path);
    if (fstat(out->fd, &info) != 0 || !S_ISREG(info.st_mode)) {
        tw_file_close(out);
        return tw_fail(err, TW_EFILE, "%s: not a regular file", path);
    }
    out->size = info.st_size;
    return take_name(out, path, err);
}

tw_status tw_file_open_append(tw_file *out, const char *path, tw_error *err)
{
    return open_append(out, path, 0, err);
}

tw_status tw_file_open_append_own(tw_file *out, const char *path, tw_error *err)
{
    return open_append(out, path, O_NOFOLLOW, err);
}

tw_status tw_file_open_spool(tw_file *out, const char *path, tw_error *err)
{
    const char *folder = getenv("TMPDIR");

    *out = (tw_file){.fd = -1};
    if (!folder || !*folder)
        folder = "/tmp";
    if ((out->fd = tw_sys_open(folder, O_TMPFILE | O_RDWR, 0600)) < 0)
        return tw_fail_errno(err, TW_EFILE, "%s: no temporary file in %s", path, folder);
    return take_name(out, path, err);
}

void tw_file_close(tw_file *file)
{
    if (!file->bytes && (file->path || file->fd > 0))
        close(file->fd);
    tw_free(file->path);
    *file = (tw_file){.fd = -1};
}

tw_status tw_file_get_stamp(tw_file_stamp *out, const tw_file *file, tw_error *err)
{
    struct stat info;

    *out = (tw_file_stamp){0};
    if (fstat(file->fd, &info) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot look at it", file->path);
    *out = (tw_file_stamp){.device = info.st_dev,
                           .inode = info.st_ino,
                           .size = info.st_size,
                           .mtime_ns = time_ns(&info.st_mtim),
                           .ctime_ns = time_ns(&info.st_ctim)};
    return TW_OK;
}

bool tw_file_stamp_equal(const tw_file_stamp *a, const tw_file_stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size == b->size &&
           a->mtime_ns == b->mtime_ns && a->ctime_ns == b->ctime_ns;
}

static tw_status fail_short(const tw_file *file, size_t n_there, size_t n, int64_t offset,
                            tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: ends after %zu of the %zu bytes at %lld", file->path,
                   n_there, n, (long long)offset);
}

static tw_status read_bytes(const tw_file *file, void *out, size_t n, int64_t offset, tw_error *err)
{
    const int64_t there = offset < file->size ? file->size - offset : 0;

    if (n > (size_t)there)
        return fail_short(file, (size_t)there, n, offset, err);
    if (n > 0)
        memcpy(out, file->bytes + offset, n);
    return TW_OK;
}

tw_status tw_file_pread(const tw_file *file, void *out, size_t n, int64_t offset, tw_error *err)
{
    size_t done = 0;

    if (file->bytes)
        return read_bytes(file, out, n, offset, err);
    while (done < n) {
        ssize_t got = tw_sys_pread(file->fd, (char *)out + done, n - done, offset + (off_t)done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tw_fail_errno(err, TW_EFILE, "%s: cannot read %zu bytes at %lld", file->path, n,
                                 (long long)offset);
        if (got == 0)
            return fail_short(file, done, n, offset, err);
        done += (size_t)got;
    }
    return TW_OK;
}

tw_status tw_file_append(tw_file *file, const void *data, size_t n, tw_error *err)
{
    size_t done = 0;

    while (done < n) {
        ssize_t put =
            tw_sys_pwrite(file->fd, (const char *)data + done, n - done, file->size + (off_t)done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return tw_fail_errno(err, TW_EFILE, "%s: cannot write %zu bytes at %lld", file->path, n,
                                 (long long)file->size);
        done += (size_t)put;
    }
    file->size += (int64_t)n;
    return TW_OK;
}

tw_status tw_file_truncate(tw_file *file, int64_t size, tw_error *err)
{
    if (ftruncate(file->fd, size) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot cut to %lld bytes", file->path,
                             (long long)size);
    file->size = size;
    return TW_OK;
}

tw_status tw_file_sync(tw_file *file, tw_error *err)
{
    if (tw_sys_fsync(file->fd) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot sync", file->path);
    return TW_OK;
}
