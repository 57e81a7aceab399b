/*
 * Telling the watcher what happens: notes, bytes with a rate over the last few seconds, and the
 * question whether to stop.
 */
#include "base/clock.h"
#include "fetch/fetch_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

static const double step_s = 0.1;

void tw_fetch__note(const tw_watch *watch, const char *format, ...)
{
    char text[1536];
    tw_event event = {.kind = TW_EVENT_NOTE, .text = text};
    va_list list;

    if (!watch || !watch->on_event)
        return;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    watch->on_event(watch->ctx, &event);
}

bool tw_fetch__should_stop(const tw_watch *watch)
{
    return watch && watch->should_stop && watch->should_stop(watch->ctx);
}

void tw_fetch__progress_start(tw_fetch__progress *progress, const tw_watch *watch, int64_t done,
                              int64_t total)
{
    *progress = (tw_fetch__progress){.watch = watch, .total = total, .n_steps = 1};
    progress->t_s[0] = tw_clock_s();
    progress->done[0] = done;
}

/* Pieces come faster than anyone can read: one step in a while counts, and the last. */
void tw_fetch__progress_step(tw_fetch__progress *progress, int64_t done)
{
    const int64_t n = progress->n_steps, newest = n % TW_FETCH__STEPS;
    const int64_t oldest = n < TW_FETCH__STEPS ? 0 : (n + 1) % TW_FETCH__STEPS;
    const double now_s = tw_clock_s();
    tw_event event = {.kind = TW_EVENT_PROGRESS, .phase = "fetch", .done = done};
    double t_s;

    if (done < progress->total && now_s - progress->t_s[(n - 1) % TW_FETCH__STEPS] < step_s)
        return;
    progress->n_steps++;
    progress->t_s[newest] = now_s;
    progress->done[newest] = done;
    t_s = now_s - progress->t_s[oldest];
    event.total = progress->total > done ? progress->total : done;
    event.rate = t_s > 0 ? (double)(done - progress->done[oldest]) / t_s : 0;
    event.t_left_s = event.rate > 0 ? (double)(event.total - done) / event.rate : NAN;
    if (progress->watch && progress->watch->on_event)
        progress->watch->on_event(progress->watch->ctx, &event);
}
