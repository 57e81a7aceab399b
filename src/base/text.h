/* Strings: a growing buffer; the rest is public (tw/text.h). */
#ifndef TW_BASE_TEXT_H
#define TW_BASE_TEXT_H

#include <tw/text.h>

#include <stdbool.h>
#include <stddef.h>

/* Growing text. Zero-fill to start; `failed` stays set after the first failed allocation, so a
 * writer checks once at the end. `text` is NULL or terminated; free with tw_text_free. */
typedef struct tw_text {
    char *text;
    size_t n, capacity;
    bool failed;
} tw_text;

void tw_text_add(tw_text *buffer, const char *format, ...) __attribute__((format(printf, 2, 3)));
void tw_text_free(tw_text *buffer);

/* tw_nearest_name among names that nobody has chosen: at most a third of the letters may differ. */
const char *tw_nearest_file(const char *word, const char *const *names, size_t n);

#endif
