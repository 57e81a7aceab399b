/* Strings: a growing buffer, the nearest name, numbers for people, strict parsing of numbers. */
#ifndef TW_BASE_TEXT_H
#define TW_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Growing text. Zero-fill to start; `failed` stays set after the first failed allocation, so a
 * writer checks once at the end. `text` is NULL or terminated; free with tw_text_free. */
typedef struct tw_text {
    char *text;
    size_t n, capacity;
    bool failed;
} tw_text;

void tw_text_add(tw_text *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tw_text_free(tw_text *buffer);

/* The name of names[0..n) with the smallest edit distance, or NULL when none is near (more than
 * half of the letters would change). */
const char *tw_nearest_name(const char *word, const char *const *names, size_t n);

/* "60,000" into buf (at least 32 bytes); returns buf. */
char *tw_count_text(char *buf, size_t buf_size, int64_t value);
/* "235 MB" (powers of 1,000) into buf; returns buf. */
char *tw_bytes_text(char *buf, size_t buf_size, int64_t n_bytes);
/* "1 h 02 min", "3 min 05 s", "4.2 s" into buf; returns buf. */
char *tw_seconds_text(char *buf, size_t buf_size, double t_s);

/* Whole text must be the number; false otherwise (empty, trailing letters, overflow, NaN). */
bool tw_parse_i64(int64_t *out, const char *text);
bool tw_parse_f64(double *out, const char *text);
/* Bytes with an optional suffix K M G T (powers of 1,024): "512M". */
bool tw_parse_bytes(int64_t *out, const char *text);

#endif
