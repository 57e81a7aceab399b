/* What the loop does with schedules, clipping, class weights and patience; what they compute is
 * test_schedule.c's and test_optimizer.c's. */
#include "training_world.h"

#include "base/memory.h"

#include <math.h>

/* A rate that moves no weight, so that no epoch is better than the first. */
#define STILL         \
    {                 \
        "lr", "1e-30" \
    }
/* Erratic: the validation loss goes up and down. */
#define ERRATIC            \
    {"lr", "0.6"},         \
    {                      \
        "optimizer", "sgd" \
    }

static const char *const job[][2] = {{"cut", "pool2"},    {"epochs", "6"},
                                     {"batch-size", "7"}, {"top", "8 relu, dropout 0.25"},
                                     {"lr", "0.02"},      {"val-split", "0.3"}};

static int open_loop(void **state)
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

static void assert_logged(const char *run, const char *part, bool expected)
{
    size_t n;
    char *text = read_file(&n, run, "log.jsonl");

    if ((strstr(text, part) != NULL) != expected)
        fail_msg("the log %s %s: %s", expected ? "lacks" : "has", part, text);
    tw_free(text);
}

/* ---- patience */

static void test_a_run_stops_when_patience_is_out(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(STILL, {"patience", "2"}, {"epochs", "9"}), 3);

    assert_int_equal(result.epoch, 1);
    assert_int_equal(count_rows(run), 3);
    assert_logged(run, "stopped after epoch 3: the best was epoch 1, patience 2", true);
    assert_logged(run, "\"phase\":\"train\"", true);
    assert_logged(run, "\"pictures\":126,", true); /* 3 epochs of 42 */
    assert_true(is_there(run, "model.safetensors") && is_there(run, "predictions.csv"));
    free(run);
}

static void test_patience_leaves_the_choice_to_select(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(STILL, {"patience", "1"}, {"select", "last"}), 3);

    assert_int_equal(result.epoch, 2);
    assert_int_equal(count_rows(run), 2);
    free(run);
}

static void test_patience_that_lasts_changes_nothing(void **state)
{
    tw_training_result result;
    char *plain = train(&result, *state, NULL, 0);
    char *patient = train(&result, *state, OPTIONS({"patience", "6"}), 1);

    assert_same_run(plain, patient);
    assert_logged(patient, "stopped after", false);
    free(plain);
    free(patient);
}

/* The history of a stopped run is the beginning of the whole one's, and ends `patience` epochs
 * after its best. */
static void test_a_stopped_run_is_the_beginning_of_the_whole_one(void **state)
{
    tw_training_result whole, stopped;
    char *a = train(&whole, *state, OPTIONS(ERRATIC, {"epochs", "12"}), 3);
    char *b = train(&stopped, *state, OPTIONS(ERRATIC, {"epochs", "12"}, {"patience", "2"}), 4);
    size_t n_a, n_b;
    char *text_a = read_file(&n_a, a, "history.csv"), *text_b = read_file(&n_b, b, "history.csv");

    assert_int_equal(count_rows(a), 12);
    assert_in_range(count_rows(b), 3, 11);
    assert_int_equal(count_rows(b), stopped.epoch + 2);
    assert_memory_equal(text_a, text_b, n_b);
    tw_free(text_a);
    tw_free(text_b);
    free(a);
    free(b);
}

/* The top's own epochs do not count against it, however early the best of them was. */
static void test_patience_begins_with_the_main_phase(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *run;

    w->network = w->deep;
    run = train(&result, w,
                OPTIONS(STILL, {"recipe", "finetune"}, {"cut", "fc"}, {"top", ""},
                        {"freeze-epochs", "3"}, {"patience", "2"}),
                6);
    w->network = w->model;
    assert_int_equal(result.epoch, 1);
    assert_int_equal(count_rows(run), 5);
    assert_logged(run, "stopped after epoch 5: the best was epoch 1, patience 2", true);
    free(run);
}

/* ---- the learning rate */

static void assert_rate(const tw_trainer *trainer, double expected)
{
    if (fabs((double)trainer->optimizer.sgd.lr - expected) > 1e-7 * expected)
        fail_msg("the rate was %.9g, expected %.9g", (double)trainer->optimizer.sgd.lr, expected);
}

/* 42 pictures in batches of 7 are 6 steps an epoch: with half an epoch of warm-up the fourth step
 * has the whole rate. */
static void test_steps_take_the_rate_of_the_schedule(void **state)
{
    tw_training *training = open_training(
        *state, OPTIONS({"schedule", "step"}, {"lr-step", "1"}, {"warmup", "0.5"}), 3);
    const double expected[] = {1 / 3.0, 2 / 3.0, 1.0, 1.0, 1.0, 1.0, 0.1};
    tw_trainer trainer;
    float *rows;

    assert_ok(tw_train__trainer_create(&trainer, training, TW_PHASE_ALL, 1.0f, e));
    rows = tw_alloc_f32(trainer.batch * trainer.row_size);
    for (uint64_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        assert_ok(tw_train__trainer_step(&trainer, rows, trainer.batch, 1, 1, i, e));
        assert_rate(&trainer, 0.02 * expected[i]);
    }
    tw_free(rows);
    tw_train__trainer_free(&trainer);
    tw_training_free(training);
}

static void test_the_top_alone_learns_at_one_rate(void **state)
{
    tw_training *training = open_training(*state, OPTIONS({"warmup", "1"}), 1);
    tw_trainer trainer;
    float *rows;

    assert_ok(tw_train__trainer_create(&trainer, training, TW_PHASE_TOP, 1.0f, e));
    rows = tw_alloc_f32(trainer.batch * trainer.row_size);
    assert_ok(tw_train__trainer_step(&trainer, rows, trainer.batch, 1, 1, 0, e));
    assert_rate(&trainer, 0.02);
    tw_free(rows);
    tw_train__trainer_free(&trainer);
    tw_training_free(training);
}

/* Once the validation loss has not become lower, a factor of 0 stops everything: the figures of
 * validation stay what they are. */
static void test_plateau_sees_the_validation_loss(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state,
                      OPTIONS(ERRATIC, {"epochs", "12"}, {"schedule", "plateau"},
                              {"lr-patience", "1"}, {"lr-factor", "0"}),
                      6);
    double lowest = (double)INFINITY, row[4], last[4];
    int epoch = 1;

    for (; epoch <= 12; epoch++) {
        read_history(last, run, epoch);
        if (last[2] >= lowest - 1e-4)
            break;
        lowest = last[2];
    }
    assert_in_range(epoch, 2, 11);
    while (++epoch <= 12) {
        read_history(row, run, epoch);
        assert_true(row[2] == last[2] && row[3] == last[3]);
    }
    free(run);
}

/* ---- clipping */

static void test_threads_change_nothing_where_gradients_are_clipped(void **state)
{
    tw_training_result result;
    char *a = train(&result, *state, OPTIONS({"clip-norm", "0.1"}, {"threads", "1"}), 2);
    char *b = train(&result, *state, OPTIONS({"clip-norm", "0.1"}, {"threads", "4"}), 2);
    char *plain = train(&result, *state, NULL, 0);
    double clipped[4], free_ones[4];

    assert_same_run(a, b);
    read_history(clipped, a, 1);
    read_history(free_ones, plain, 1);
    assert_true(clipped[0] != free_ones[0]);
    free(a);
    free(b);
    free(plain);
}

static void test_kept_gradients_are_in_the_plan(void **state)
{
    tw_training *plain = open_training(*state, NULL, 0);
    tw_training *clipped = open_training(*state, OPTIONS({"clip-norm", "1"}), 1);

    assert_int_equal(clipped->memory.state * 2, plain->memory.state * 3);
    assert_int_equal(clipped->memory.total - plain->memory.total,
                     clipped->memory.state - plain->memory.state);
    tw_training_free(plain);
    tw_training_free(clipped);
}

static void test_a_norm_that_explodes_ends_the_run(void **state)
{
    tw_config *config =
        configure(*state, OPTIONS({"optimizer", "sgd"}, {"lr", "1e30"}, {"clip-norm", "1e30"}), 3);
    tw_training_result result;
    tw_error err = {TW_OK, ""};

    assert_int_equal(try_train(&result, config, NULL, &err), TW_EFAIL);
    assert_non_null(strstr(err.text, ": a smaller lr may help"));
    tw_config_free(config);
}

/* ---- class weights */

/* Of the first four pictures two are of class 0: 4 / (3 * 2), 4 / (3 * 1). */
static const char *const four[][2] = {
    {"limit", "4"}, {"val-split", "0"}, {"batch-size", "4"}, {"class-weight", "balanced"}};

static void test_balanced_weights_are_those_of_scikit_learn(void **state)
{
    tw_training *training = open_training(*state, four, 4);
    tw_trainer trainer;

    assert_ok(tw_train__trainer_create(&trainer, training, TW_PHASE_ALL, 1.0f, e));
    assert_true(trainer.class_weights[0] == (float)(4.0 / 6.0));
    assert_true(trainer.class_weights[1] == (float)(4.0 / 3.0));
    assert_true(trainer.class_weights[2] == (float)(4.0 / 3.0));
    tw_train__trainer_free(&trainer);
    tw_training_free(training);
}

/* Loss of one picture by the model that a run saved. */
static double loss_of(const world *w, tw_engine *engine, int64_t i)
{
    float p[TINY_CLASSES];
    tw_picture picture;
    tw_dataset *data;
    double loss;

    assert_ok(tw_dataset_open(&data, w->data, TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_read(&picture, data, i, e));
    assert_ok(tw_engine_predict(engine, &picture, 1, p, e));
    loss = -log((double)p[tw_dataset_label(data, i)]);
    tw_picture_free(&picture);
    tw_dataset_free(data);
    return loss;
}

/* A still epoch of one step: the loss is the weighted samples' over their number, as fit has it;
 * the accuracy counts heads. */
static void test_the_training_loss_is_the_weighted_one(void **state)
{
    const char *const still[][2] = {
        STILL,           {"limit", "4"}, {"val-split", "0"},          {"batch-size", "4"},
        {"epochs", "1"}, {"top", ""},    {"class-weight", "balanced"}};
    const double weights[] = {4 / 6.0, 4 / 3.0, 4 / 3.0, 4 / 6.0}; /* classes 0 1 2 0 */
    tw_training_result plain, weighted;
    char *run;
    tw_model *model;
    tw_engine *engine;
    double expected = 0.0;

    free(train(&plain, *state, still, 6));
    run = train(&weighted, *state, still, 7);
    model = open_saved(run);
    assert_ok(tw_engine_create(&engine, model, NULL, NULL, e));
    for (int i = 0; i < 4; i++)
        expected += weights[i] * loss_of(*state, engine, i) / 4;
    assert_true(fabs(weighted.loss - expected) <= 1e-5 * expected);
    assert_true(fabs(plain.loss - expected) > 1e-3 * expected);
    assert_true(weighted.accuracy == plain.accuracy);
    tw_engine_free(engine);
    tw_model_free(model);
    free(run);
}

/* Nothing moved: what validation says does not know of weights. */
static void test_the_validation_loss_is_not_weighted(void **state)
{
    tw_training_result plain, weighted;

    free(train(&plain, *state, OPTIONS(STILL, {"epochs", "1"}), 2));
    free(
        train(&weighted, *state, OPTIONS(STILL, {"epochs", "1"}, {"class-weight", "balanced"}), 3));
    assert_true(plain.val_loss == weighted.val_loss);
    assert_true(plain.loss != weighted.loss);
}

/* ---- time left */

typedef struct times {
    int n_unknown, n_known, n_negative;
    double last_all_s; /* when the last step is done */
} times;

static void see_times(void *ctx, const tw_event *event)
{
    times *t = ctx;

    if (event->kind != TW_EVENT_PROGRESS || strcmp(event->phase, "train") != 0)
        return;
    assert_int_equal(isnan(event->t_left_s), isnan(event->t_left_all_s));
    t->n_unknown += isnan(event->t_left_s);
    t->n_known += event->t_left_s <= event->t_left_all_s;
    t->n_negative += event->t_left_s < 0.0;
    t->last_all_s = event->t_left_all_s;
}

/* Steps of a moment say nothing: only once an epoch has been validated is there a time; and when
 * the last step is done, validating and predicting are still to come. */
static void test_a_time_left_is_told_once_it_is_known(void **state)
{
    times t = {0};
    const tw_watch watch = {see_times, NULL, &t};
    tw_config *config = configure(*state, NULL, 0);
    tw_training_result result;

    assert_ok(try_train(&result, config, &watch, NULL));
    assert_int_equal(t.n_unknown, 6); /* of six steps in each of six epochs */
    assert_int_equal(t.n_known, 30);
    assert_int_equal(t.n_negative, 0);
    assert_true(t.last_all_s > 0.0);
    tw_config_free(config);
}

/* ---- what the plan says of it */

static void assert_described(world *w, const char *const (*more)[2], int n, const char *sentence)
{
    tw_training *training = open_training(w, more, n);

    assert_string_equal(tw_training_get_plan(training)->optimizer, sentence);
    assert_int_equal(tw_training_get_plan(training)->may_end_early,
                     strstr(sentence, "patience") != NULL);
    tw_training_free(training);
}

static void test_the_plan_names_them(void **state)
{
    assert_described(*state, OPTIONS({"optimizer", "adamw"}, {"schedule", "one-cycle"}), 2,
                     "AdamW, learning rate 0.02 (one-cycle), weight decay 0.004; batches of 7, 6 "
                     "epochs, seed 42, the best epoch is kept; features scaled by their standard "
                     "deviation");
    assert_described(
        *state,
        OPTIONS({"optimizer", "sgd"}, {"momentum", "0.9"}, {"weight-decay", "0.01"},
                {"clip-norm", "2"}, {"schedule", "cosine"}, {"warmup", "0.5"}, {"patience", "3"},
                {"class-weight", "balanced"}),
        8,
        "SGD, learning rate 0.02 (cosine), warm-up 0.5 epochs, momentum 0.9, weight "
        "decay 0.01, gradients clipped to norm 2; batches of 7, at most 6 epochs, seed 42, the "
        "best epoch is kept; features scaled by their standard deviation; patience 3 "
        "epochs; classes weigh the same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_stops_when_patience_is_out),
        cmocka_unit_test(test_patience_leaves_the_choice_to_select),
        cmocka_unit_test(test_patience_that_lasts_changes_nothing),
        cmocka_unit_test(test_a_stopped_run_is_the_beginning_of_the_whole_one),
        cmocka_unit_test(test_patience_begins_with_the_main_phase),
        cmocka_unit_test(test_steps_take_the_rate_of_the_schedule),
        cmocka_unit_test(test_the_top_alone_learns_at_one_rate),
        cmocka_unit_test(test_plateau_sees_the_validation_loss),
        cmocka_unit_test(test_threads_change_nothing_where_gradients_are_clipped),
        cmocka_unit_test(test_kept_gradients_are_in_the_plan),
        cmocka_unit_test(test_a_norm_that_explodes_ends_the_run),
        cmocka_unit_test(test_balanced_weights_are_those_of_scikit_learn),
        cmocka_unit_test(test_the_training_loss_is_the_weighted_one),
        cmocka_unit_test(test_the_validation_loss_is_not_weighted),
        cmocka_unit_test(test_a_time_left_is_told_once_it_is_known),
        cmocka_unit_test(test_the_plan_names_them),
    };

    return cmocka_run_group_tests_name("train/loop", tests, open_loop, close_world);
}
