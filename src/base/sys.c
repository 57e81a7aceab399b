/*
 * The gate to the system; see sys.h. Without TW_FAULTS every function is the call itself.
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifdef TW_FAULTS
#include <stdatomic.h>

static struct {
    atomic_long n_calls;
    atomic_long nth;
    int forever;
    int error;
} faults[TW_N_SYS];

long tw_sys_fail_nth(tw_sys_kind kind, long nth, int forever, int error)
{
    long n_calls = atomic_exchange(&faults[kind].n_calls, 0);

    faults[kind].forever = forever;
    faults[kind].error = error;
    atomic_store(&faults[kind].nth, nth);
    return n_calls;
}

static int fails(tw_sys_kind kind)
{
    long call = atomic_fetch_add(&faults[kind].n_calls, 1) + 1;
    long nth = atomic_load(&faults[kind].nth);

    if (nth == 0 || call < nth || (call > nth && !faults[kind].forever))
        return 0;
    errno = faults[kind].error;
    return 1;
}
#else
static int fails(tw_sys_kind kind)
{
    (void)kind;
    return 0;
}
#endif

void *tw_sys_malloc(size_t n_bytes)
{
    return fails(TW_SYS_MEMORY) ? NULL : malloc(n_bytes);
}

void *tw_sys_calloc(size_t n, size_t n_bytes)
{
    return fails(TW_SYS_MEMORY) ? NULL : calloc(n, n_bytes);
}

void *tw_sys_realloc(void *old, size_t n_bytes)
{
    return fails(TW_SYS_MEMORY) ? NULL : realloc(old, n_bytes);
}

void *tw_sys_aligned_alloc(size_t alignment, size_t n_bytes)
{
    return fails(TW_SYS_MEMORY) ? NULL : aligned_alloc(alignment, n_bytes);
}

int tw_sys_open(const char *path, int flags, mode_t mode)
{
    return fails(TW_SYS_OPEN) ? -1 : open(path, flags | O_CLOEXEC, mode);
}

ssize_t tw_sys_pread(int fd, void *out, size_t n, off_t offset)
{
    return fails(TW_SYS_READ) ? -1 : pread(fd, out, n, offset);
}

ssize_t tw_sys_pwrite(int fd, const void *data, size_t n, off_t offset)
{
    return fails(TW_SYS_WRITE) ? -1 : pwrite(fd, data, n, offset);
}

int tw_sys_fsync(int fd)
{
    return fails(TW_SYS_SYNC) ? -1 : fsync(fd);
}

int tw_sys_rename(const char *from, const char *to)
{
    return fails(TW_SYS_RENAME) ? -1 : rename(from, to);
}

void *tw_sys_mmap(int fd, size_t n_bytes)
{
    return fails(TW_SYS_MAP) ? MAP_FAILED : mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
}
