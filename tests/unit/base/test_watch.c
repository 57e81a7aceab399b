/* Notes and progress for a watcher, and no watcher at all. */
#include "base/watch.h"

#include "check.h"

#include <math.h>

typedef struct seen {
    int n_notes, n_steps, stop;
    char note[64], phase[16];
    int64_t done, total;
    double rate;
} seen;

static void see(void *ctx, const tw_event *event)
{
    seen *s = ctx;

    if (event->kind == TW_EVENT_NOTE) {
        s->n_notes++;
        snprintf(s->note, sizeof s->note, "%s", event->text);
        return;
    }
    s->n_steps++;
    snprintf(s->phase, sizeof s->phase, "%s", event->phase);
    s->done = event->done;
    s->total = event->total;
    s->rate = event->rate;
}

static int stop(void *ctx)
{
    return ((seen *)ctx)->stop;
}

static void notes_are_formatted(void **state)
{
    seen s = {0};
    const tw_watch watch = {see, stop, &s};

    (void)state;
    tw_watch_note(&watch, "%d of %s", 3, "four");
    assert_string_equal(s.note, "3 of four");
    assert_int_equal(s.n_notes, 1);
}

static void without_a_watch_nothing_happens(void **state)
{
    const tw_watch blind = {NULL, NULL, NULL};
    tw_progress progress;

    (void)state;
    tw_watch_note(NULL, "x");
    tw_watch_note(&blind, "x");
    assert_false(tw_watch_should_stop(NULL));
    assert_false(tw_watch_should_stop(&blind));
    tw_progress_start(&progress, NULL, "phase", 0, 2, 0.0);
    tw_progress_step(&progress, 2);
}

static void a_watch_can_ask_to_stop(void **state)
{
    seen s = {0};
    const tw_watch watch = {see, stop, &s};

    (void)state;
    assert_false(tw_watch_should_stop(&watch));
    s.stop = 1;
    assert_true(tw_watch_should_stop(&watch));
}

static void every_step_is_told_without_a_least_time(void **state)
{
    seen s = {0};
    const tw_watch watch = {see, stop, &s};
    tw_progress progress;

    (void)state;
    tw_progress_start(&progress, &watch, "extract", 10, 100, 0.0);
    for (int64_t done = 11; done <= 100; done++)
        tw_progress_step(&progress, done);
    assert_int_equal(s.n_steps, 90);
    assert_string_equal(s.phase, "extract");
    assert_true(s.done == 100 && s.total == 100 && s.rate > 0 && isfinite(s.rate));
}

static void steps_too_near_are_left_out_but_for_the_last(void **state)
{
    seen s = {0};
    const tw_watch watch = {see, stop, &s};
    tw_progress progress;

    (void)state;
    tw_progress_start(&progress, &watch, "fetch", 0, 100, 3600.0);
    for (int64_t done = 1; done <= 100; done++)
        tw_progress_step(&progress, done);
    assert_int_equal(s.n_steps, 1);
    assert_int_equal(s.done, 100);
    tw_progress_step(&progress, 120);
    assert_true(s.n_steps == 2 && s.total == 120);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(notes_are_formatted),
        cmocka_unit_test(without_a_watch_nothing_happens),
        cmocka_unit_test(a_watch_can_ask_to_stop),
        cmocka_unit_test(every_step_is_told_without_a_least_time),
        cmocka_unit_test(steps_too_near_are_left_out_but_for_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
