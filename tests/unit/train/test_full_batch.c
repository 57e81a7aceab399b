/* Training with L-BFGS: what it minimizes, that its bits depend on nothing, where it stops, and
 * that a run goes on to the same bytes. The arithmetic is test_lbfgs.c's. */
#include "training_world.h"

#include "base/memory.h"

#include <math.h>

#define LBFGS                \
    {                        \
        "optimizer", "lbfgs" \
    }

static const char *const job[][2] = {{"cut", "pool2"}, {"batch-size", "7"}, {"val-split", "0.3"}};

static int open_full(void **state)
{
    world *w;

    if (open_world(state))
        return -1;
    w = *state;
    w->job = job;
    w->n_job = (int)(sizeof job / sizeof *job);
    return 0;
}

static int count_rows(const char *run)
{
    size_t n;
    char *text = read_file(&n, run, "history.csv");
    int n_rows = -1; /* the head */

    for (const char *at = text; (at = strchr(at, '\n')); at++)
        n_rows++;
    tw_free(text);
    return n_rows;
}

static bool is_logged(const char *run, const char *part)
{
    size_t n;
    char *text = read_file(&n, run, "log.jsonl");
    bool found = strstr(text, part) != NULL;

    tw_free(text);
    return found;
}

/* ---- what it minimizes */

/* Kernels that must be nothing leave the biases, which are free: they say how often each class is
 * there, and the loss is the entropy of that. */
static void test_biases_are_not_penalized(void **state)
{
    tw_training *training = open_training(*state, OPTIONS(LBFGS), 1);
    tw_training_result result;
    double entropy = 0.0, last[4];
    char *run;

    for (int k = 0; k < TINY_CLASSES; k++) {
        double share = 0.0;
        for (int64_t i = 0; i < training->n_train; i++)
            share += tw_dataset_label(training->data, training->train[i]) == k;
        share /= (double)training->n_train;
        entropy -= share * log(share);
    }
    tw_training_free(training);
    run = train(&result, *state, OPTIONS(LBFGS, {"weight-decay", "1e5"}), 2);
    read_history(last, run, count_rows(run));
    if (fabs(last[0] - entropy) > 1e-4)
        fail_msg("the loss is %.7g, the labels' entropy %.7g", last[0], entropy);
    free(run);
}

/* Without a decay a gradient of the mean loss is left alone: 42 pictures in batches of 42, of 7 and
 * of 9, whose last one is smaller. */
static void test_batches_are_no_part_of_it(void **state)
{
    static const char *const sizes[] = {"42", "7", "9"};
    double first = 0.0;

    for (int i = 0; i < 3; i++) {
        tw_training_result result;
        double last[4];
        char *run = train(&result, *state, OPTIONS(LBFGS, {"batch-size", sizes[i]}), 2);

        assert_true(is_logged(run, "the largest gradient is below 0.0001"));
        read_history(last, run, count_rows(run));
        if (i == 0)
            first = last[0];
        if (fabs(last[0] - first) > 2e-3 * first)
            fail_msg("batches of %s: the loss is %.7g, of all at once %.7g", sizes[i], last[0],
                     first);
        free(run);
    }
}

static void test_classes_may_weigh_the_same(void **state)
{
    tw_training_result result;
    char *plain = train(&result, *state, OPTIONS(LBFGS), 1);
    char *balanced = train(&result, *state, OPTIONS(LBFGS, {"class-weight", "balanced"}), 2);
    double a[4], b[4];

    read_history(a, plain, 1);
    read_history(b, balanced, 1);
    assert_true(a[0] != b[0]);
    free(plain);
    free(balanced);
}

/* ---- bits */

static void test_threads_change_nothing(void **state)
{
    tw_training_result result;
    char *one = train(&result, *state, OPTIONS(LBFGS, {"threads", "1"}), 2);
    char *five = train(&result, *state, OPTIONS(LBFGS, {"threads", "5"}, {"cache", "off"}), 3);

    assert_same_run(one, five);
    free(one);
    free(five);
}

/* Stops at the n-th question, counted from when training has begun. */
typedef struct stopper {
    int n_left;
    bool is_training;
} stopper;

static void see_event(void *ctx, const tw_event *event)
{
    stopper *s = ctx;

    if (event->kind == TW_EVENT_PROGRESS && !strcmp(event->phase, "train"))
        s->is_training = true;
}

static int stop_in_time(void *ctx)
{
    stopper *s = ctx;

    return s->is_training && s->n_left-- <= 0;
}

static void go_on(const char *run, int64_t epochs)
{
    tw_training *training;
    tw_training_result result;

    assert_ok(try_resume(&training, run, epochs, NULL, e));
    assert_non_null(training);
    assert_ok(tw_training_run(training, &result, NULL, e));
    tw_training_free(training);
}

/* A hidden layer, and a checkpoint each iteration; the limit comes before the end. */
#define HIDDEN                                                               \
    {"optimizer", "lbfgs"}, {"top", "6 sigmoid"}, {"checkpoint-every", "1"}, \
    {                                                                        \
        "epochs", "14"                                                       \
    }

static void test_a_run_goes_on_from_everywhere(void **state)
{
    tw_training_result result;
    char *whole = train(&result, *state, OPTIONS(HIDDEN), 4);
    int n = 0;

    assert_int_equal(count_rows(whole), 14);
    for (tw_status rc = TW_EINTERRUPTED; rc; n += 5) {
        stopper s = {.n_left = n};
        const tw_watch watch = {see_event, stop_in_time, &s};
        tw_config *config = configure(*state, OPTIONS(HIDDEN), 4);
        const char *run = tw_config_get(config, "output");

        rc = try_train(&result, config, &watch, NULL);
        if (rc) {
            assert_int_equal(rc, TW_EINTERRUPTED);
            go_on(run, 0);
        }
        assert_same_run(whole, run);
        tw_config_free(config);
    }
    assert_in_range(n, 14 * 6, 14 * 6 * 3); /* six batches a pass, with validation */
    free(whole);
}

static void test_a_finished_run_can_be_extended(void **state)
{
    tw_training_result result;
    char *whole = train(&result, *state, OPTIONS(HIDDEN), 4);
    char *half = train(&result, *state, OPTIONS(HIDDEN, {"epochs", "5"}), 5);

    go_on(half, 14);
    assert_same_run(whole, half);
    free(whole);
    free(half);
}

/* ---- where it stops */

static void test_it_stops_where_the_gradient_is_small(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(LBFGS), 1);
    int n = count_rows(run);
    double first[4], last[4];
    char note[120];

    assert_in_range(n, 3, 99);
    snprintf(note, sizeof note, "stopped after epoch %d: the largest gradient is below 0.0001", n);
    assert_true(is_logged(run, note));
    read_history(first, run, 1);
    read_history(last, run, n);
    assert_true(last[0] < first[0]);
    go_on(run, 150); /* there is nothing to do */
    assert_int_equal(count_rows(run), n);
    free(run);
}

static void keep_note(void *ctx, const tw_event *event)
{
    if (event->kind == TW_EVENT_NOTE)
        snprintf(ctx, 120, "%s", event->text);
}

/* Such an iteration is one that the optimizer has not counted, also after a resume. */
static void test_it_stops_where_no_loss_is_lower(void **state)
{
    tw_training *training = open_training(*state, OPTIONS(LBFGS), 1);
    char note[120] = "";
    bool is_done;
    tw_run run;

    tw_train__run_init(&run, training, NULL);
    run.watch = (tw_watch){keep_note, NULL, note};
    run.order = tw_calloc((size_t)training->n_train, sizeof *run.order);
    assert_ok(tw_train__trainer_create(&run.trainer, training, TW_PHASE_ALL, 1.0f, e));
    run.trainer.optimizer.iterations = 4;
    run.at.epoch.epoch = 5;
    assert_ok(tw_train__full_is_done(&is_done, &run, e));
    assert_false(is_done);
    run.at.epoch.epoch = 6;
    assert_ok(tw_train__full_is_done(&is_done, &run, e));
    assert_true(is_done);
    tw_train__full_tell_done(&run);
    assert_string_equal(note, "stopped after epoch 5: it found no lower loss");
    tw_train__run_free(&run);
    tw_training_free(training);
}

static void test_patience_ends_it_too(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(LBFGS, {"patience", "1"}), 2);

    assert_true(is_logged(run, "patience 1"));
    free(run);
}

/* ---- the plan, and what is refused */

static void test_the_plan_says_what_it_is(void **state)
{
    tw_training *training = open_training(*state, OPTIONS(LBFGS), 1);
    const tw_training_plan *plan = tw_training_get_plan(training);

    assert_string_equal(plan->optimizer,
                        "L-BFGS on all training pictures, weight decay 1 / pictures; batches of 7, "
                        "at most 100 epochs, seed 42, the best epoch is kept; features scaled by "
                        "their standard deviation");
    assert_true(plan->may_end_early);
    assert_int_equal(training->memory.state, plan->n_trained * TW_LBFGS_VECTORS * 4);
    for (int i = 0; i < plan->n_layers; i++)
        assert_true(plan->layers[i].lr == 0.0);
    tw_training_free(training);
}

static void test_what_does_not_fit_is_refused(void **state)
{
    world *w = *state;

    assert_refused(w, OPTIONS(LBFGS, {"top", "8 relu, dropout 0.25"}), 2, TW_EUSAGE,
                   "top \"8 relu, dropout 0.25\": optimizer lbfgs needs one without dropout");
    assert_refused(w, OPTIONS(LBFGS, {"recipe", "scratch"}), 2, TW_EUSAGE,
                   "optimizer lbfgs trains a new top alone: not with recipe scratch");
    assert_refused(w, OPTIONS(LBFGS, {"lr", "0.1"}), 2, TW_EUSAGE,
                   "option lr has no effect with optimizer lbfgs, which finds how far to go by "
                   "itself");
    assert_refused(w, OPTIONS(LBFGS, {"momentum", "0.9"}), 2, TW_EUSAGE,
                   "option momentum has no effect with optimizer lbfgs");
}

static void test_there_is_no_rate_to_find(void **state)
{
    tw_training *training = open_training(*state, OPTIONS(LBFGS), 1);
    tw_lr_curve curve;

    assert_fails(TW_EUSAGE, "optimizer lbfgs has no learning rate to find",
                 tw_training_find_lr(&curve, training, NULL, e));
    tw_training_free(training);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_biases_are_not_penalized),
        cmocka_unit_test(test_batches_are_no_part_of_it),
        cmocka_unit_test(test_classes_may_weigh_the_same),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_a_run_goes_on_from_everywhere),
        cmocka_unit_test(test_a_finished_run_can_be_extended),
        cmocka_unit_test(test_it_stops_where_the_gradient_is_small),
        cmocka_unit_test(test_it_stops_where_no_loss_is_lower),
        cmocka_unit_test(test_patience_ends_it_too),
        cmocka_unit_test(test_the_plan_says_what_it_is),
        cmocka_unit_test(test_what_does_not_fit_is_refused),
        cmocka_unit_test(test_there_is_no_rate_to_find),
    };

    return cmocka_run_group_tests_name("train/full_batch", tests, open_full, close_world);
}
