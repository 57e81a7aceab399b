/*
 * What happens while a long call runs: events for whoever watches, and the question whether to
 * stop.
 */
#ifndef TW_WATCH_H
#define TW_WATCH_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `on_event` may be NULL. `should_stop` (may be NULL) is asked
 * between pieces; non-zero ends the call with TW_EINTERRUPTED, what was done so far saved. Both are
 * called from the calling thread only. */
typedef struct tw_event {
    enum {
        TW_EVENT_NOTE,     /* text: one sentence the user should see (a fall-back, a warning) */
        TW_EVENT_PROGRESS, /* phase, done, total, rate (a second), t_left_s */
        TW_EVENT_EPOCH /* epoch, n_epochs, loss, accuracy, val_loss, val_accuracy (NAN: none), t_s
                        */
    } kind;
    const char *text;
    const char *phase;   /* "extract", "train", "evaluate"; "fetch" */
    int64_t done, total; /* pictures; bytes in phase "fetch" */
    double rate, t_left_s;
    int epoch, n_epochs;
    double loss, accuracy, val_loss, val_accuracy, t_s;
} tw_event;

typedef struct tw_watch {
    void (*on_event)(void *ctx, const tw_event *event);
    int (*should_stop)(void *ctx);
    void *ctx;
} tw_watch;

#ifdef __cplusplus
}
#endif

#endif
