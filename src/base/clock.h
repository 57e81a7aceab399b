/* Time: seconds since some start (monotonic), and the wall clock. */
#ifndef TW_BASE_CLOCK_H
#define TW_BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

double tw_clock_s(void);
int64_t tw_clock_unix_s(void);
/* "2026-11-24T08:00:00Z" into buf (at least 24 bytes); returns buf. */
char *tw_clock_text(char *buf, size_t buf_size);
/* Waits; a signal may end it early. */
void tw_clock_sleep(double t_s);

#endif
