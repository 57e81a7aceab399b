/*
 * Telling the watcher what happens: notes, progress with a rate over the last few steps, and the
 * question whether to stop.
 */
#include "base/clock.h"
#include "feature/feature_int.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void tw_feature__note(const tw_watch *watch, const char *format, ...)
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

bool tw_feature__should_stop(const tw_watch *watch)
{
    return watch && watch->should_stop && watch->should_stop(watch->ctx);
}

void tw_feature__progress_start(tw_feature__progress *progress, const char *phase, int64_t total)
{
    *progress = (tw_feature__progress){.phase = phase, .total = total, .n_steps = 1};
    progress->t_s[0] = tw_clock_s();
}

void tw_feature__progress_step(tw_feature__progress *progress, const tw_watch *watch, int64_t done)
{
    const int64_t n = progress->n_steps++;
    const int64_t newest = n % TW_FEATURE__STEPS;
    const int64_t oldest = n < TW_FEATURE__STEPS ? 0 : (n + 1) % TW_FEATURE__STEPS;
    tw_event event = {.kind = TW_EVENT_PROGRESS, .phase = progress->phase, .done = done};
    double t_s;

    progress->t_s[newest] = tw_clock_s();
    progress->done[newest] = done;
    t_s = progress->t_s[newest] - progress->t_s[oldest];
    event.total = progress->total;
    event.rate = t_s > 0 ? (double)(done - progress->done[oldest]) / t_s : 0;
    event.t_left_s = event.rate > 0 ? (double)(progress->total - done) / event.rate : NAN;
    if (watch && watch->on_event)
        watch->on_event(watch->ctx, &event);
}
