/*
 * Steps by the clock: of which job they are, that nothing of it changes or is written, and that it
 * stops when it is told to. No time is held against a limit.
 */
#include "training_world.h"

#include <math.h>

static void check_time(const tw_step_time *time, int n_rounds)
{
    assert_int_equal(time->n_rounds, n_rounds);
    assert_true(isfinite(time->t_least_s) && time->t_least_s > 0.0);
    assert_true(time->t_median_s >= time->t_least_s);
}

static void test_the_top_alone(void **state)
{
    world *w = *state;
    tw_training *training = open_training(w, NULL, 0);
    tw_step_time time;
    char *run;

    assert_ok(tw_training_time_step(&time, training, 3, NULL, e));
    check_time(&time, 3);
    assert_int_equal(time.batch, 7);
    /* 4x4x6 features to 8 units, these to 3 classes */
    assert_int_equal(time.n_trained, 96 * 8 + 8 + 8 * 3 + 3);
    assert_int_equal(time.n_trained, tw_training_get_plan(training)->n_trained);
    run = strdup(tw_training_get_option(training, "output"));
    assert_int_not_equal(access(run, F_OK), 0);
    free(run);
    tw_training_free(training);
}

static void test_all_layers_from_the_first_trained_on(void **state)
{
    tw_training *training =
        open_training(*state, OPTIONS({"recipe", "finetune"}, {"unfreeze-from", "conv2"}), 2);
    tw_step_time time;

    assert_ok(tw_training_time_step(&time, training, 0, NULL, e));
    check_time(&time, 5);
    assert_int_equal(time.n_trained,
                     3 * 3 * 4 * 6 + 6 + 96 * 8 + 8 + 8 * 3 + 3); /* conv2 and the top */
    tw_training_free(training);
}

static void test_a_timed_job_trains_as_any_other(void **state)
{
    world *w = *state;
    tw_training *training = open_training(w, NULL, 0), *other = open_training(w, NULL, 0);
    tw_training_result result, truth;
    tw_step_time time;

    assert_ok(tw_training_time_step(&time, training, 2, NULL, e));
    assert_ok(tw_training_run(training, &result, NULL, e));
    assert_ok(tw_training_run(other, &truth, NULL, e));
    assert_true(result.loss == truth.loss && result.val_loss == truth.val_loss);
    tw_training_free(training);
    tw_training_free(other);
}

static int at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static void test_interrupted(void **state)
{
    const tw_watch watch = {.should_stop = at_once};
    tw_training *training = open_training(*state, NULL, 0);
    tw_step_time time;

    assert_fails(TW_EINTERRUPTED, "interrupted after 0 of 4 steps",
                 tw_training_time_step(&time, training, 4, &watch, e));
    tw_training_free(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_top_alone),
        cmocka_unit_test(test_all_layers_from_the_first_trained_on),
        cmocka_unit_test(test_a_timed_job_trains_as_any_other),
        cmocka_unit_test(test_interrupted),
    };

    return cmocka_run_group_tests_name("train/step_time", tests, open_world, close_world);
}
