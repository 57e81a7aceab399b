/*
 * Telling a watcher what happens: notes, progress with a rate over the last few steps, and the
 * question whether to stop. A watch may be NULL everywhere.
 */
#ifndef TW_BASE_WATCH_H
#define TW_BASE_WATCH_H

#include <tw/watch.h>

#include <stdbool.h>
#include <stdint.h>

void tw_watch_send(const tw_watch *watch, const tw_event *event);
/* Sends a TW_EVENT_NOTE. */
void tw_watch_note(const tw_watch *watch, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool tw_watch_should_stop(const tw_watch *watch);

enum { TW_PROGRESS_STEPS = 16 };
typedef struct tw_progress {
    const tw_watch *watch;
    const char *phase;
    int64_t total;
    double least_s;  /* steps that come sooner after another are left out, but for the last */
    int64_t n_steps; /* so far; the last TW_PROGRESS_STEPS are kept */
    double t_s[TW_PROGRESS_STEPS];
    int64_t done[TW_PROGRESS_STEPS];
} tw_progress;

/* `done` of `total` are done already, in an earlier run say; both are borrowed. */
void tw_progress_start(tw_progress *progress, const tw_watch *watch, const char *phase,
                       int64_t done, int64_t total, double least_s);
/* Sends a TW_EVENT_PROGRESS; where more is done than was thought, the total grows. */
void tw_progress_step(tw_progress *progress, int64_t done);

#endif
