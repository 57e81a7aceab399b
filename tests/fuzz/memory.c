/*
 * Counting allocations. The sanitizers own malloc and call hooks; without them malloc and its kin
 * are defined here, over glibc's own, and so are those that libjpeg, libspng, jansson and zlib
 * call.
 */
#include "memory.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>

/* Blocks from before the hooks were there may be freed after, so the count does not begin at 0. */
static atomic_size_t held = (size_t)1 << 40, peak, held_at_begin;

static void note_peak(size_t now)
{
    size_t most = atomic_load(&peak);

    while (now > most && !atomic_compare_exchange_weak(&peak, &most, now))
        ;
}

static void note_taken(size_t n)
{
    note_peak(atomic_fetch_add(&held, n) + n);
}

static void note_given(size_t n)
{
    atomic_fetch_sub(&held, n);
}

size_t fuzz_memory_peak(void)
{
    return atomic_load(&peak) - atomic_load(&held_at_begin);
}

#ifdef TW_SANITIZED

int __sanitizer_install_malloc_and_free_hooks(void (*taken)(const volatile void *, size_t),
                                              void (*given)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *block);

static void on_malloc(const volatile void *block, size_t n)
{
    if (block)
        note_taken(n);
}

static void on_free(const volatile void *block)
{
    if (block)
        note_given(__sanitizer_get_allocated_size(block));
}

void fuzz_memory_begin(void)
{
    static atomic_bool installed;

    if (!atomic_exchange(&installed, 1))
        __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free);
    atomic_store(&held_at_begin, atomic_load(&held));
    atomic_store(&peak, atomic_load(&held));
}

#else

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t n_bytes);
void *__libc_realloc(void *old, size_t n);
void *__libc_memalign(size_t alignment, size_t n);
void __libc_free(void *block);

void fuzz_memory_begin(void)
{
    atomic_store(&held_at_begin, atomic_load(&held));
    atomic_store(&peak, atomic_load(&held));
}

static void *take(void *block, size_t n)
{
    if (block)
        note_taken(malloc_usable_size(block));
    else
        note_peak(atomic_load(&held) + n);
    return block;
}

void *malloc(size_t n)
{
    return take(__libc_malloc(n), n);
}

void *calloc(size_t n, size_t n_bytes)
{
    size_t all;

    return take(__libc_calloc(n, n_bytes),
                __builtin_mul_overflow(n, n_bytes, &all) ? SIZE_MAX / 2 : all);
}

void *realloc(void *old, size_t n)
{
    const size_t before = old ? malloc_usable_size(old) : 0;
    void *block = __libc_realloc(old, n);

    if (block || n == 0)
        note_given(before);
    return take(block, n);
}

void *memalign(size_t alignment, size_t n)
{
    return take(__libc_memalign(alignment, n), n);
}

void *aligned_alloc(size_t alignment, size_t n)
{
    return memalign(alignment, n);
}

int posix_memalign(void **out, size_t alignment, size_t n)
{
    *out = memalign(alignment, n);
    return *out ? 0 : 12; /* ENOMEM */
}

void free(void *block)
{
    if (block)
        note_given(malloc_usable_size(block));
    __libc_free(block);
}

#endif
