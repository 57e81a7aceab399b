/*
 * Memory and checked sizes; see memory.h. All allocations of the library pass through here.
 */
#include "base/memory.h"

#include "base/sys.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

void *tw_malloc(size_t n_bytes)
{
    return tw_sys_malloc(n_bytes ? n_bytes : 1);
}

void *tw_calloc(size_t n, size_t n_bytes)
{
    return n && n_bytes ? tw_sys_calloc(n, n_bytes) : tw_sys_calloc(1, 1);
}

void *tw_realloc(void *old, size_t n_bytes)
{
    return tw_sys_realloc(old, n_bytes ? n_bytes : 1);
}

char *tw_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = tw_malloc(n);

    if (copy)
        memcpy(copy, text, n);
    return copy;
}

void tw_free(void *block)
{
    free(block);
}

/* A hint: rows of large weights lie pages apart, and large pages need fewer translations. */
static void ask_for_large_pages(void *block, size_t n_bytes)
{
    const uintptr_t page = 4096, first = ((uintptr_t)block + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)block + n_bytes) & ~(page - 1);

    (void)madvise((void *)first, end - first, MADV_HUGEPAGE);
}

void *tw_alloc_aligned(size_t n_bytes)
{
    enum { LARGE = 8 << 20 };
    size_t padded;
    void *block;

    if (!tw_add_size(&padded, n_bytes ? n_bytes : 1, 63))
        return NULL;
    padded &= ~(size_t)63;
    if (!(block = tw_sys_aligned_alloc(64, padded)))
        return NULL;
    if (padded >= LARGE)
        ask_for_large_pages(block, padded);
    memset(block, 0, padded);
    return block;
}

float *tw_alloc_f32(int64_t n)
{
    size_t n_bytes;

    if (n < 0 || !tw_mul_size(&n_bytes, (size_t)n, sizeof(float)))
        return NULL;
    return tw_alloc_aligned(n_bytes);
}

int64_t tw_memory_peak(void)
{
    struct rusage usage = {.ru_maxrss = 0};

    getrusage(RUSAGE_SELF, &usage);
    return (int64_t)usage.ru_maxrss * 1024; /* Linux counts in kilobytes */
}

int64_t tw_memory_now(void)
{
    char text[128], *end;
    int fd = tw_sys_open("/proc/self/statm", O_RDONLY, 0);
    ssize_t n = fd < 0 ? -1 : tw_sys_pread(fd, text, sizeof text - 1, 0);
    long long pages;

    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return 0;
    text[n] = '\0';
    strtoll(text, &end, 10); /* the first number is address space */
    pages = strtoll(end, NULL, 10);
    return (int64_t)pages * sysconf(_SC_PAGESIZE);
}

bool tw_mul_size(size_t *out, size_t a, size_t b)
{
    size_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

bool tw_add_size(size_t *out, size_t a, size_t b)
{
    size_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}

bool tw_mul_i64(int64_t *out, int64_t a, int64_t b)
{
    int64_t product;

    if (__builtin_mul_overflow(a, b, &product))
        return false;
    *out = product;
    return true;
}

bool tw_add_i64(int64_t *out, int64_t a, int64_t b)
{
    int64_t sum;

    if (__builtin_add_overflow(a, b, &sum))
        return false;
    *out = sum;
    return true;
}
