/* Memory and checked sizes. Only base calls malloc; every number that came from a file is
 * multiplied and added here. */
#ifndef TW_BASE_MEMORY_H
#define TW_BASE_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* NULL on failure. Free with tw_free (NULL is fine). */
void *tw_malloc(size_t n_bytes) __attribute__((malloc, warn_unused_result));
void *tw_calloc(size_t n, size_t n_bytes) __attribute__((malloc, warn_unused_result));
void *tw_realloc(void *old, size_t n_bytes) __attribute__((warn_unused_result));
char *tw_strdup(const char *text) __attribute__((malloc, warn_unused_result));
void tw_free(void *block);

/* Zero-filled block aligned to 64 bytes. Free with tw_free. */
void *tw_alloc_aligned(size_t n_bytes) __attribute__((malloc, warn_unused_result));
float *tw_alloc_f32(int64_t n) __attribute__((malloc, warn_unused_result));

/* The most memory that the process has held so far, in bytes: pages in memory, mapped files
 * included. */
int64_t tw_memory_peak(void);
/* The same now; 0 where the system does not say. */
int64_t tw_memory_now(void);

/* false when the result does not fit; *out is untouched then. */
bool tw_mul_size(size_t *out, size_t a, size_t b) __attribute__((warn_unused_result));
bool tw_add_size(size_t *out, size_t a, size_t b) __attribute__((warn_unused_result));
bool tw_mul_i64(int64_t *out, int64_t a, int64_t b) __attribute__((warn_unused_result));
bool tw_add_i64(int64_t *out, int64_t a, int64_t b) __attribute__((warn_unused_result));

#endif
