/* A watcher for tests: remembers the notes, counts progress, and stops after so many questions. */
#ifndef TW_TESTS_WATCHER_H
#define TW_TESTS_WATCHER_H

#include "check.h"

#include <tw/infer.h>

typedef struct watcher {
    char notes[4096]; /* one a line */
    int n_progress;
    int64_t done, total;
    int stop_after; /* questions that are answered with no; < 0: always no */
} watcher;

static inline void watcher_hear(void *ctx, const tw_event *event)
{
    watcher *w = ctx;
    const size_t n = strlen(w->notes);

    if (event->kind == TW_EVENT_NOTE)
        snprintf(w->notes + n, sizeof w->notes - n, "%s\n", event->text);
    if (event->kind != TW_EVENT_PROGRESS)
        return;
    assert_string_equal(event->phase, "extract");
    assert_true(event->done > w->done || event->total != w->total);
    w->n_progress++;
    w->done = event->done;
    w->total = event->total;
}

static inline int watcher_stop(void *ctx)
{
    watcher *w = ctx;

    return w->stop_after >= 0 && w->stop_after-- == 0;
}

static inline tw_watch watcher_watch(watcher *w, int stop_after)
{
    *w = (watcher){.stop_after = stop_after};
    return (tw_watch){watcher_hear, watcher_stop, w};
}

#endif
