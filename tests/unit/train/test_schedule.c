/* Schedules where PyTorch has nothing to compare with (the rest is in test_golden_optim.c): one
 * epoch, one step, warm-up in front of every schedule, what a checkpoint keeps. */
#include "check.h"

#include "train/train_int.h"

#include <math.h>

enum { EPOCH_STEPS = 4 };

static tw_schedule make(const char *const (*options)[2], int n)
{
    tw_config *config;
    tw_schedule schedule;

    assert_ok(tw_config_create(&config, e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    tw_train__schedule_create(&schedule, config, EPOCH_STEPS);
    tw_config_free(config);
    return schedule;
}

#define OPTIONS(...) ((const char *const[][2]){__VA_ARGS__})

static void assert_factor(const tw_schedule *schedule, int64_t i, double expected)
{
    double found = tw_train__schedule_factor(schedule, i);

    if (!(fabs(found - expected) <= 1e-12))
        fail_msg("step %lld: %.15g, expected %.15g", (long long)i, found, expected);
}

static void test_constant_is_exactly_one(void **state)
{
    tw_schedule schedule = make(NULL, 0);

    (void)state;
    for (int64_t i = 0; i < 20 * EPOCH_STEPS; i++)
        assert_true(tw_train__schedule_factor(&schedule, i) == 1.0);
}

/* A third of 20 epochs is 7 of them. */
static void test_step_drops_after_a_third_rounded_up(void **state)
{
    tw_schedule schedule = make(OPTIONS({"schedule", "step"}), 1);

    (void)state;
    assert_factor(&schedule, 7 * EPOCH_STEPS - 1, 1.0);
    assert_factor(&schedule, 7 * EPOCH_STEPS, 0.1);
    assert_factor(&schedule, 14 * EPOCH_STEPS - 1, 0.1);
    assert_factor(&schedule, 14 * EPOCH_STEPS, 0.01);
}

static void test_one_epoch_has_one_step_of_schedule_step(void **state)
{
    tw_schedule schedule = make(OPTIONS({"schedule", "step"}, {"epochs", "1"}), 2);

    (void)state;
    assert_int_equal(schedule.period, 1);
    assert_factor(&schedule, EPOCH_STEPS - 1, 1.0);
}

/* Half an epoch of 4 steps: 1/2, 1; then the schedule, which counts step's epochs from the first
 * step and cosine's way from the end of the warm-up. */
static void test_warmup_comes_before_every_schedule(void **state)
{
    static const char *const names[] = {"constant", "step", "cosine", "plateau"};

    (void)state;
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        tw_schedule schedule =
            make(OPTIONS({"schedule", names[k]}, {"warmup", "0.5"}, {"epochs", "2"}), 3);

        assert_int_equal(schedule.n_warm, 2);
        assert_factor(&schedule, 0, 0.5);
        assert_factor(&schedule, 1, 1.0);
        assert_factor(&schedule, 2, 1.0);
        assert_factor(&schedule, 5, k == 1 ? 0.1 : k == 2 ? 0.5 : 1.0);
    }
}

static void test_warmup_may_fill_the_run(void **state)
{
    tw_schedule schedule =
        make(OPTIONS({"schedule", "cosine"}, {"warmup", "2"}, {"epochs", "2"}), 3);

    (void)state;
    assert_factor(&schedule, 0, 0.125);
    assert_factor(&schedule, 7, 1.0);
    assert_factor(&schedule, 8, 1.0); /* beyond the end, where nothing is left to anneal over */
}

static void test_one_cycle_has_its_own_warmup(void **state)
{
    tw_schedule schedule = make(OPTIONS({"schedule", "one-cycle"}, {"warmup", "3"}), 2);

    (void)state;
    assert_factor(&schedule, 0, 1.0 / 25.0);
    assert_factor(&schedule, 20 * EPOCH_STEPS - 1, 4e-6);
    assert_factor(&schedule, 20 * EPOCH_STEPS, 4e-6);
}

/* Its whole state is `plateau`: put into a new schedule it goes on as if nothing had been. */
static void test_plateau_goes_on_from_its_state(void **state)
{
    tw_schedule first = make(OPTIONS({"schedule", "plateau"}), 1), second = first;

    (void)state;
    tw_train__schedule_see(&first, 1.0);
    tw_train__schedule_see(&first, 1.0);
    assert_factor(&first, 0, 1.0);
    second.plateau = first.plateau;
    tw_train__schedule_see(&second, 1.0);
    assert_factor(&second, 0, 0.1);
    assert_true(second.plateau.best == 1.0);
    assert_int_equal(second.plateau.n_bad, 0);
}

static void test_a_loss_that_is_no_number_is_not_lower(void **state)
{
    tw_schedule schedule = make(OPTIONS({"schedule", "plateau"}, {"lr-patience", "1"}), 2);

    (void)state;
    tw_train__schedule_see(&schedule, (double)NAN);
    assert_factor(&schedule, 0, 0.1);
}

static void test_only_plateau_sees_losses(void **state)
{
    tw_schedule schedule = make(OPTIONS({"schedule", "step"}), 1);

    (void)state;
    for (int i = 0; i < 9; i++)
        tw_train__schedule_see(&schedule, 1.0);
    assert_factor(&schedule, 0, 1.0);
    assert_true(isinf(schedule.plateau.best));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constant_is_exactly_one),
        cmocka_unit_test(test_step_drops_after_a_third_rounded_up),
        cmocka_unit_test(test_one_epoch_has_one_step_of_schedule_step),
        cmocka_unit_test(test_warmup_comes_before_every_schedule),
        cmocka_unit_test(test_warmup_may_fill_the_run),
        cmocka_unit_test(test_one_cycle_has_its_own_warmup),
        cmocka_unit_test(test_plateau_goes_on_from_its_state),
        cmocka_unit_test(test_a_loss_that_is_no_number_is_not_lower),
        cmocka_unit_test(test_only_plateau_sees_losses),
    };

    return cmocka_run_group_tests_name("train/schedule", tests, NULL, NULL);
}
