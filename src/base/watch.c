/*
 * Events for a watcher. The rate of a progress is that of its last few steps, so that it follows a
 * machine or a server that becomes slower.
 */
#include "base/watch.h"

#include "base/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

void tw_watch_send(const tw_watch *watch, const tw_event *event)
{
    if (watch && watch->on_event)
        watch->on_event(watch->ctx, event);
}

void tw_watch_note(const tw_watch *watch, const char *format, ...)
{
    char text[1536];
    const tw_event event = {.kind = TW_EVENT_NOTE, .text = text};
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    tw_watch_send(watch, &event);
}

bool tw_watch_should_stop(const tw_watch *watch)
{
    return watch && watch->should_stop && watch->should_stop(watch->ctx);
}

void tw_progress_start(tw_progress *progress, const tw_watch *watch, const char *phase,
                       int64_t done, int64_t total, double least_s)
{
    *progress = (tw_progress){
        .watch = watch, .phase = phase, .total = total, .least_s = least_s, .n_steps = 1};
    progress->t_s[0] = tw_clock_s();
    progress->done[0] = done;
}

void tw_progress_step(tw_progress *progress, int64_t done)
{
    const int64_t n = progress->n_steps, newest = n % TW_PROGRESS_STEPS;
    const int64_t oldest = n < TW_PROGRESS_STEPS ? 0 : (n + 1) % TW_PROGRESS_STEPS;
    const double now_s = tw_clock_s();
    tw_event event = {.kind = TW_EVENT_PROGRESS, .phase = progress->phase, .done = done};
    double t_s;

    if (done < progress->total &&
        now_s - progress->t_s[(n - 1) % TW_PROGRESS_STEPS] < progress->least_s)
        return;
    progress->n_steps++;
    progress->t_s[newest] = now_s;
    progress->done[newest] = done;
    t_s = now_s - progress->t_s[oldest];
    event.total = progress->total > done ? progress->total : done;
    event.rate = t_s > 0 ? (double)(done - progress->done[oldest]) / t_s : 0;
    event.t_left_s = event.rate > 0 ? (double)(event.total - done) / event.rate : NAN;
    tw_watch_send(progress->watch, &event);
}
