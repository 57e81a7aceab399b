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
        TW_EVENT_PROGRESS, /* phase, done, total, rate (a second), t_left_s; in phase "train" also
                              epoch, n_epochs, loss, accuracy, t_left_all_s; times
                              left are NAN until they are worth something */
        TW_EVENT_EPOCH /* epoch, n_epochs, loss, accuracy, val_loss, val_accuracy (NAN: none), t_s,
                          is_best */
    } kind;
    const char *text;
    const char *phase;   /* "extract", "train", "validate", "evaluate", "fetch", "compare" */
    int64_t done, total; /* pictures, in phase "train" of the epoch; bytes in phase "fetch" */
    double rate, t_left_s;
    int epoch, n_epochs;
    double loss, accuracy; /* in phase "train": of the epoch so far */
    double val_loss, val_accuracy, t_s;
    double t_left_all_s; /* of all epochs, validation included */
    int is_best;         /* 1: the best epoch so far, where validation chooses */
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
