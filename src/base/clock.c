/*
 * Time; see clock.h.
 */
#include "base/clock.h"

#include <time.h>

double tw_clock_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

int64_t tw_clock_unix_s(void)
{
    return (int64_t)time(NULL);
}

char *tw_clock_text(char *buf, size_t buf_size)
{
    time_t now = time(NULL);
    struct tm utc;

    gmtime_r(&now, &utc);
    buf[0] = '\0';
    strftime(buf, buf_size, "%Y-%m-%dT%H:%M:%SZ", &utc);
    return buf;
}
