/* Writing the error sentence. The detector calls tw_fail; everyone above passes the code on. */
#ifndef TW_BASE_FAIL_H
#define TW_BASE_FAIL_H

#include <tw/error.h>

/* Writes the sentence (printf style, lower case, no full stop) into err (may be NULL), returns
 * code. */
tw_status tw_fail(tw_error *err, tw_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with ": <strerror(errno)>" at the end. ENOMEM gives TW_ENOMEM, ENOSPC and EDQUOT give
 * TW_EBUDGET, everything else `code`. */
tw_status tw_fail_errno(tw_error *err, tw_status code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Empties the sentence. NULL is fine. */
void tw_error_clear(tw_error *err);

#endif
