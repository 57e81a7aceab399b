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

void tw_clock_sleep(double t_s)
{
    const time_t whole = (time_t)t_s;
    const struct timespec time = {whole, (long)((t_s - (double)whole) * 1e9)};

    nanosleep(&time, NULL);
}
