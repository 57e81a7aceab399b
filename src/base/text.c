/*
 * Strings; see text.h.
 */
#include "base/text.h"

#include "base/memory.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool reserve(tw_text *buffer, size_t n)
{
    size_t capacity = buffer->capacity ? buffer->capacity : 256;
    char *text;

    while (capacity < n)
        capacity *= 2;
    if (capacity == buffer->capacity)
        return true;
    if (!(text = tw_realloc(buffer->text, capacity)))
        return false;
    buffer->text = text;
    buffer->capacity = capacity;
    return true;
}

void tw_text_add(tw_text *buffer, const char *format, ...)
{
    va_list args;
    int n;

    if (buffer->failed)
        return;
    va_start(args, format);
    n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0 || !reserve(buffer, buffer->n + (size_t)n + 1)) {
        buffer->failed = true;
        return;
    }
    va_start(args, format);
    vsnprintf(buffer->text + buffer->n, (size_t)n + 1, format, args);
    va_end(args);
    buffer->n += (size_t)n;
}

void tw_text_free(tw_text *buffer)
{
    tw_free(buffer->text);
    memset(buffer, 0, sizeof *buffer);
}

enum { MAX_WORD = 64 };

static size_t least(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Levenshtein distance of two words of at most MAX_WORD letters, one row at a time. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t row[MAX_WORD + 1];

    for (size_t j = 0; j <= n_b; j++)
        row[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t above = row[j];
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1]));
            diagonal = above;
        }
    }
    return row[n_b];
}

static const char *find_nearest(const char *word, const char *const *names, size_t n, size_t share)
{
    size_t n_word = strlen(word);
    size_t best = SIZE_MAX;
    const char *nearest = NULL;

    if (n_word == 0 || n_word > MAX_WORD)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t n_name = strlen(names[i]);
        size_t distance, longer = n_name > n_word ? n_name : n_word;
        if (n_name == 0 || n_name > MAX_WORD)
            continue;
        distance = edit_distance(word, n_word, names[i], n_name);
        if (distance < best && distance * share <= longer) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}

const char *tw_nearest_name(const char *word, const char *const *names, size_t n)
{
    return find_nearest(word, names, n, 2);
}

const char *tw_nearest_file(const char *word, const char *const *names, size_t n)
{
    return find_nearest(word, names, n, 3);
}

char *tw_count_text(char *buf, size_t buf_size, int64_t value)
{
    char digits[24];
    int n = snprintf(digits, sizeof digits, "%lld", (long long)value);
    size_t used = 0;

    for (int i = 0; i < n && used + 2 < buf_size; i++) {
        int left = n - i;
        if (i > 0 && digits[i - 1] != '-' && left % 3 == 0)
            buf[used++] = ',';
        buf[used++] = digits[i];
    }
    buf[used] = '\0';
    return buf;
}

char *tw_bytes_text(char *buf, size_t buf_size, int64_t n_bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB"};
    double value = (double)n_bytes;
    size_t unit = 0;

    while (value >= 999.5 && unit + 1 < sizeof units / sizeof units[0]) {
        value /= 1000;
        unit++;
    }
    snprintf(buf, buf_size, value < 9.95 && unit > 0 ? "%.1f %s" : "%.0f %s", value, units[unit]);
    return buf;
}

char *tw_seconds_text(char *buf, size_t buf_size, double t_s)
{
    if (!isfinite(t_s) || t_s > 1e9)
        snprintf(buf, buf_size, "unknown");
    else if (t_s < 60)
        snprintf(buf, buf_size, t_s < 9.95 ? "%.1f s" : "%.0f s", t_s);
    else if (t_s < 3600)
        snprintf(buf, buf_size, "%d min %02d s", (int)(t_s / 60), (int)fmod(t_s, 60));
    else
        snprintf(buf, buf_size, "%d h %02d min", (int)(t_s / 3600), (int)fmod(t_s / 60, 60));
    return buf;
}

bool tw_parse_i64(int64_t *out, const char *text)
{
    char *end;
    long long value;

    if (text[0] == '\0' || strchr(" \t\n\r\v\f", text[0]))
        return false;
    errno = 0;
    value = strtoll(text, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    *out = value;
    return true;
}

bool tw_parse_f64(double *out, const char *text)
{
    char *end;
    double value;

    if (text[0] == '\0' || strchr(" \t\n\r\v\f", text[0]))
        return false;
    errno = 0;
    value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool tw_parse_bytes(int64_t *out, const char *text)
{
    static const char suffixes[] = "KMGT";
    char digits[32];
    size_t n = strlen(text);
    const char *suffix;
    int64_t value, scale = 1;

    if (n == 0 || n >= sizeof digits)
        return false;
    memcpy(digits, text, n + 1);
    for (suffix = suffixes; *suffix; suffix++) {
        scale *= 1024;
        if (strncasecmp(&digits[n - 1], suffix, 1) == 0)
            break;
    }
    if (*suffix)
        digits[n - 1] = '\0';
    else
        scale = 1;
    return tw_parse_i64(&value, digits) && value >= 0 && tw_mul_i64(out, value, scale);
}

/* Adds what fits into buf; returns the letters so far. */
static size_t add_piece(char *buf, size_t buf_size, size_t n, const char *piece)
{
    for (; *piece; piece++, n++)
        if (n + 1 < buf_size)
            buf[n] = *piece;
    if (buf_size > 0)
        buf[n < buf_size ? n : buf_size - 1] = '\0';
    return n;
}

size_t tw_shell_word(char *buf, size_t buf_size, const char *word)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_./,:=@%+-";
    size_t n = 0;

    if (*word && word[strspn(word, plain)] == '\0')
        return add_piece(buf, buf_size, 0, word);
    n = add_piece(buf, buf_size, n, "'");
    for (; *word; word++)
        n = add_piece(buf, buf_size, n, *word == '\'' ? "'\\''" : (char[]){*word, '\0'});
    return add_piece(buf, buf_size, n, "'");
}
