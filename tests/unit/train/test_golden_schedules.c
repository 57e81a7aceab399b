/* Rates of the schedules that Keras has, too, against Keras (tools/golden/schedules.py). Keras
 * computes them in float32. */
#include "train/train_int.h"

#include "check.h"

#include <math.h>

enum { MAX_RATES = 32, MAX_OPTIONS = 4 };

typedef const char *const option_list[MAX_OPTIONS][2];

static tw_config *configure(option_list options)
{
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    for (int i = 0; i < MAX_OPTIONS && options[i][0]; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    return config;
}

/* The line of that name. */
static int read_rates(double theirs[MAX_RATES], const char *name)
{
    FILE *file = fopen(TW_TEST_DATA "/schedules.txt", "r");
    char line[1024], word[40];
    int n = 0, at;

    assert_non_null(file);
    while (n == 0 && fgets(line, sizeof line, file))
        if (sscanf(line, "%39s %d%n", word, &n, &at) != 2 || strcmp(word, name) != 0)
            n = 0;
    fclose(file);
    assert_in_range(n, 1, MAX_RATES);
    for (int i = 0, used; i < n; i++, at += used)
        assert_int_equal(sscanf(line + at, "%lf%n", &theirs[i], &used), 1);
    return n;
}

/* float32's cosine near pi / 2 costs Keras some digits of what is left of it. */
static void assert_rate(const char *name, int i, double ours, double theirs)
{
    if (!(fabs(ours - theirs) <= 2e-7))
        fail_msg("%s, %d: %.9g, Keras has %.9g", name, i, ours, theirs);
}

static void check_schedule(const char *name, int epoch_steps, option_list options)
{
    tw_config *config = configure(options);
    double theirs[MAX_RATES];
    int n = read_rates(theirs, name);
    tw_schedule schedule;

    tw_train__schedule_create(&schedule, config, epoch_steps);
    assert_int_equal(n, schedule.n_steps);
    for (int i = 0; i < n; i++)
        assert_rate(name, i, tw_train__schedule_factor(&schedule, i), theirs[i]);
    tw_config_free(config);
}

static void schedules_are_kerass(void **state)
{
    (void)state;
    check_schedule("cosine", 5, (option_list){{"schedule", "cosine"}, {"epochs", "4"}});
    check_schedule("step", 3, (option_list){{"schedule", "step"}, {"epochs", "7"}});
    check_schedule(
        "step-2-0.5", 3,
        (option_list){
            {"schedule", "step"}, {"epochs", "7"}, {"lr-step", "2"}, {"lr-factor", "0.5"}});
}

static void check_plateau(const char *name, option_list options)
{
    static const double losses[] = {2.0, 1.5,  1.6, 1.49995, 1.2, 1.19995, 1.19992, 1.3,
                                    1.1, 1.15, 1.1, 1.1,     1.1, 1.1,     1.0};
    tw_config *config = configure(options);
    double theirs[MAX_RATES];
    int n = read_rates(theirs, name);
    tw_schedule schedule;

    tw_train__schedule_create(&schedule, config, 6);
    assert_int_equal(n, sizeof losses / sizeof *losses);
    for (int i = 0; i < n; i++) {
        tw_train__schedule_see(&schedule, losses[i]);
        assert_rate(name, i, tw_train__schedule_factor(&schedule, 6 * (i + 1)), theirs[i]);
    }
    tw_config_free(config);
}

static void plateau_is_kerass(void **state)
{
    (void)state;
    check_plateau("plateau", (option_list){{"schedule", "plateau"}});
    check_plateau(
        "plateau-3-0.5",
        (option_list){{"schedule", "plateau"}, {"lr-patience", "3"}, {"lr-factor", "0.5"}});
}

/* The rate that the optimizer itself fixes for each step. */
static void check_decay(const char *name, const char *decay)
{
    tw_config *config =
        configure((option_list){{"optimizer", "sgd"}, {"lr", "1"}, {"decay", decay}});
    const tw_trained nothing = {0};
    const tw_backend_table *table;
    double theirs[MAX_RATES];
    int n = read_rates(theirs, name);
    tw_optimizer optimizer;

    assert_ok(tw_backend_find(&table, "ref", e));
    assert_ok(tw_train__optimizer_create(&optimizer, config, table, &nothing, NULL, 1, e));
    for (int i = 0; i < n; i++) {
        tw_train__optimizer_begin(&optimizer, 1.0);
        assert_rate(name, i, (double)optimizer.sgd.lr, theirs[i]);
        assert_ok(tw_train__optimizer_end(&optimizer, e));
    }
    tw_train__optimizer_free(&optimizer);
    tw_config_free(config);
}

static void decay_is_kerass(void **state)
{
    (void)state;
    check_decay("decay", "0.5");
    check_decay("decay-small", "0.000001");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(schedules_are_kerass),
        cmocka_unit_test(plateau_is_kerass),
        cmocka_unit_test(decay_is_kerass),
    };

    return cmocka_run_group_tests_name("train/golden_schedules", tests, NULL, NULL);
}
