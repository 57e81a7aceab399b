/*
 * Status codes and the error sentence.
 */
#include "base/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define ROW(name, code, text) {#name, code},
static const struct {
    const char *name;
    int exit_code;
} rows[TW_N_STATUS] = {TW_STATUS_LIST(ROW)};
#undef ROW

int tw_status_exit_code(tw_status status)
{
    return (unsigned)status < TW_N_STATUS ? rows[status].exit_code : 1;
}

const char *tw_status_name(tw_status status)
{
    return (unsigned)status < TW_N_STATUS ? rows[status].name : "unknown status";
}

void tw_error_clear(tw_error *err)
{
    if (err) {
        err->code = TW_OK;
        err->text[0] = '\0';
    }
}

/* Names from files are quoted in sentences, and sentences are printed: what a terminal would obey
 * (control characters, the two-byte ones of UTF-8 too) becomes '?'. */
static void disarm(char *text)
{
    for (unsigned char *p = (unsigned char *)text; *p; p++) {
        if (p[0] < ' ' || p[0] == 0x7f)
            *p = '?';
        else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
            p[0] = p[1] = '?';
    }
}

tw_status tw_fail(tw_error *err, tw_status code, const char *format, ...)
{
    if (err) {
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        disarm(err->text);
    }
    return code;
}

static tw_status code_of_errno(int error, tw_status otherwise)
{
    if (error == ENOMEM)
        return TW_ENOMEM;
    if (error == ENOSPC || error == EDQUOT)
        return TW_EBUDGET;
    return otherwise;
}

tw_status tw_fail_errno(tw_error *err, tw_status code, const char *format, ...)
{
    int error = errno;

    code = code_of_errno(error, code);
    if (err) {
        size_t n;
        va_list args;
        va_start(args, format);
        err->code = code;
        vsnprintf(err->text, sizeof err->text, format, args);
        va_end(args);
        n = strlen(err->text);
        snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(error));
        disarm(err->text);
    }
    return code;
}
