/*
 * Small text helpers that programs on top of the library want too: numbers for people, strict
 * parsing of numbers, the nearest name, words of a shell.
 */
#ifndef TW_TEXT_H
#define TW_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The name of names[0..n) with the smallest edit distance, or NULL when none is near (more than
 * half of the letters would change). */
const char *tw_nearest_name(const char *word, const char *const *names, size_t n);

/* Numbers for people, into buf (at least 32 bytes); return buf. */
char *tw_count_text(char *buf, size_t buf_size, int64_t value);   /* "60,000" */
char *tw_bytes_text(char *buf, size_t buf_size, int64_t n_bytes); /* "235 MB", powers of 1,000 */
char *tw_seconds_text(char *buf, size_t buf_size, double t_s);    /* "1 h 02 min", "4.2 s" */

/* Whole text must be the number; false otherwise (empty, trailing letters, overflow, NaN). */
bool tw_parse_i64(int64_t *out, const char *text);
bool tw_parse_f64(double *out, const char *text);
/* Bytes with an optional suffix K M G T (powers of 1,024): "512M". */
bool tw_parse_bytes(int64_t *out, const char *text);

/* The word as a POSIX shell must see it, in quotes where it has letters that mean something there.
 * Never more than buf_size with its end; returns the letters that the whole has, as snprintf. */
size_t tw_shell_word(char *buf, size_t buf_size, const char *word);

#ifdef __cplusplus
}
#endif

#endif
