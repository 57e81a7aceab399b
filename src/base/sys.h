/*
 * The one gate to everything of the system that can fail: memory, files, folders. Functions here
 * are the C library's, under the name tw_sys_<call>; a test program that compiles sys.c again with
 * TW_FAULTS can make the n-th call of a kind fail, once or from then on.
 */
#ifndef TW_BASE_SYS_H
#define TW_BASE_SYS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Kinds of calls that a test can make fail. */
typedef enum tw_sys_kind {
    TW_SYS_MEMORY,
    TW_SYS_OPEN,
    TW_SYS_READ,
    TW_SYS_WRITE,
    TW_SYS_SYNC,
    TW_SYS_RENAME,
    TW_SYS_MAP,
    TW_N_SYS
} tw_sys_kind;

void *tw_sys_malloc(size_t n_bytes);
void *tw_sys_calloc(size_t n, size_t n_bytes);
void *tw_sys_realloc(void *old, size_t n_bytes);
void *tw_sys_aligned_alloc(size_t alignment, size_t n_bytes);
int tw_sys_open(const char *path, int flags, mode_t mode);
ssize_t tw_sys_pread(int fd, void *out, size_t n, off_t offset);
ssize_t tw_sys_pwrite(int fd, const void *data, size_t n, off_t offset);
int tw_sys_fsync(int fd);
int tw_sys_rename(const char *from, const char *to);
void *tw_sys_mmap(int fd, size_t n_bytes);

#ifdef TW_FAULTS
/* The `nth` call of the kind from now on fails with `error`; with `forever` all later ones too.
 * nth 0 switches faults of that kind off. Returns how many calls there were since the last time. */
long tw_sys_fail_nth(tw_sys_kind kind, long nth, int forever, int error);
#endif

#endif
