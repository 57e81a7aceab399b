/* Going on with a run, wherever it was stopped: the end has the bytes of a run that nobody stopped.
 * What is no longer the run's is refused with its name. */
#include "training_world.h"

/* Six steps in two phases, with dropout and momentum. */
static const char *const job[][2] = {
    {"recipe", "finetune"}, {"freeze-epochs", "1"}, {"epochs", "1"},
    {"batch-size", "14"},   {"lr", "0.02"},         {"top", "8 relu, dropout 0.25"},
    {"val-split", "0.3"},   {"preprocess", "tf"},   {"threads", "1"},
};

static int open_deep(void **state)
{
    tw_training_result result;

    if (open_deep_world(state, job, sizeof job / sizeof *job))
        return -1;
    /* whoever is stopped later has all features, so that no question is asked for them */
    free(train(&result, *state, NULL, 0));
    return 0;
}

/* ---- stopping, and going on */

/* Stops at the n-th question, 1 the first; hears notes. */
typedef struct stopper {
    int n_questions, stop_at;
    char notes[2048];
} stopper;

static int ask(void *ctx)
{
    stopper *s = ctx;

    return ++s->n_questions == s->stop_at;
}

static void hear(void *ctx, const tw_event *event)
{
    stopper *s = ctx;
    const size_t n = strlen(s->notes);

    if (event->kind == TW_EVENT_NOTE)
        snprintf(s->notes + n, sizeof s->notes - n, "%s\n", event->text);
}

static tw_status go_on(tw_training_result *result, const char *run, int64_t epochs, stopper *s,
                       tw_error *err)
{
    const tw_watch watch = {hear, ask, s};
    tw_training *training;
    tw_status rc = try_resume(&training, run, epochs, &watch, err);

    if (rc)
        return rc;
    assert_non_null(training);
    rc = tw_training_run(training, result, &watch, err);
    tw_training_free(training);
    return rc;
}

/* Starts a run that is stopped at that question; false where it came to its end before. The caller
 * frees the folder. */
static bool stop_at(char **run, world *w, const char *const (*more)[2], int n, int question)
{
    stopper s = {.stop_at = question};
    const tw_watch watch = {hear, ask, &s};
    tw_config *config = configure(w, more, n);
    tw_training_result result;
    tw_error err = {TW_OK, ""};
    tw_status rc = try_train(&result, config, &watch, &err);

    if (rc && rc != TW_EINTERRUPTED)
        fail_msg("question %d: %s", question, err.text);
    *run = strdup(tw_config_get(config, "output"));
    tw_config_free(config);
    return rc == TW_EINTERRUPTED;
}

static char *stopped(world *w, const char *const (*more)[2], int n, int question)
{
    char *run;

    assert_true(stop_at(&run, w, more, n, question));
    return run;
}

static void assert_same_end(const char *run, const char *truth)
{
    assert_same_run(truth, run);
    assert_same_file(truth, run, "config.json");
}

static void assert_goes_on_to(const char *truth, const char *run, int64_t epochs)
{
    tw_training_result result;
    stopper s = {.stop_at = 0};

    assert_ok(go_on(&result, run, epochs, &s, e));
    assert_null(strstr(s.notes, "checkpoint"));
    assert_same_end(run, truth);
}

static void assert_resume_refused(const char *run, int64_t epochs, tw_status status,
                                  const char *sentence)
{
    tw_training_result result;
    stopper s = {.stop_at = 0};

    assert_fails(status, sentence, go_on(&result, run, epochs, &s, e));
}

/* ---- the same bytes */

/* At every question of a job: before each step, while validating, while predicting. */
static int assert_any_stop_is_made_good(world *w, const char *const (*more)[2], int n)
{
    tw_training_result result;
    char *truth = train(&result, w, more, n), *run;
    int question = 1;

    for (; stop_at(&run, w, more, n, question); question++) {
        assert_goes_on_to(truth, run, 0);
        free(run);
    }
    free(run);
    free(truth);
    return question - 1;
}

static void test_a_stop_anywhere_is_made_good(void **state)
{
    /* six steps, a validation after each third, the predictions */
    assert_in_range(assert_any_stop_is_made_good(*state, NULL, 0), 6 + 2 + 1, 64);
}

static void test_a_stop_anywhere_without_a_cache(void **state)
{
    assert_in_range(assert_any_stop_is_made_good(*state, OPTIONS({"cache", "off"}), 1), 6 + 2 + 1,
                    64);
}

static void test_a_stop_anywhere_with_gaps_and_adam(void **state)
{
    assert_any_stop_is_made_good(
        *state, OPTIONS({"freeze-only", "conv[13]"}, {"optimizer", "adam"}, {"select", "last"}), 3);
}

static void test_a_stop_anywhere_with_features_alone(void **state)
{
    assert_any_stop_is_made_good(*state,
                                 OPTIONS({"recipe", "features"}, {"cut", "pool2"},
                                         {"optimizer", "sgd"}, {"decay", "0.01"}, {"epochs", "2"}),
                                 5);
}

static void test_a_stop_anywhere_from_scratch(void **state)
{
    assert_any_stop_is_made_good(*state, OPTIONS({"recipe", "scratch"}, {"epochs", "2"}), 2);
}

/* Steps so long that the loss does not fall, and plateau shortens them. */
static void test_a_stop_anywhere_with_a_schedule(void **state)
{
    assert_any_stop_is_made_good(*state,
                                 OPTIONS({"schedule", "plateau"}, {"lr-patience", "1"},
                                         {"lr-factor", "0.5"}, {"lr", "0.5"}, {"epochs", "5"},
                                         {"freeze-epochs", "0"}),
                                 6);
    assert_any_stop_is_made_good(*state, OPTIONS({"schedule", "cosine"}, {"epochs", "2"}), 2);
}

/* A process that does one step and is stopped, again and again. */
static void test_a_run_in_many_pieces(void **state)
{
    enum { MOST = 64 };
    tw_training_result result;
    char *truth = train(&result, *state, NULL, 0), *run = stopped(*state, NULL, 0, 2);
    tw_error err;
    int n = 0;
    tw_status rc;

    do {
        stopper s = {.stop_at = 2};
        rc = go_on(&result, run, 0, &s, &err);
    } while (rc == TW_EINTERRUPTED && ++n < MOST);
    assert_int_equal(rc, TW_OK);
    assert_in_range(n, 4, MOST - 1);
    assert_same_end(run, truth);
    free(run);
    free(truth);
}

/* Keeps the folder as it is at each event, as if the process had been killed there. */
typedef struct camera {
    const char *run;
    int n;
} camera;

static void take_folder(void *ctx, const tw_event *event)
{
    camera *c = ctx;
    char command[800];

    if (event->kind == TW_EVENT_NOTE)
        return;
    snprintf(command, sizeof command, "cp -r '%s' '%s-killed-%d'", c->run, c->run, c->n++);
    assert_int_equal(system(command), 0);
}

/* Checkpoints are some steps old then, and the best parameters may be newer than they are. */
static void assert_any_kill_is_made_good(world *w, const char *checkpoint_every)
{
    tw_config *config = configure(w,
                                  OPTIONS({"checkpoint-every", checkpoint_every}, {"epochs", "4"},
                                          {"freeze-epochs", "2"}, {"lr", "0.1"}),
                                  4);
    camera c = {tw_config_get(config, "output"), 0};
    const tw_watch watch = {take_folder, NULL, &c};
    tw_training_result result;

    assert_ok(try_train(&result, config, &watch, e));
    assert_true(c.n >= 6 * (3 + 1));
    for (int i = 0; i < c.n; i++) {
        char killed[400];

        snprintf(killed, sizeof killed, "%s-killed-%d", c.run, i);
        assert_goes_on_to(c.run, killed, 0);
    }
    tw_config_free(config);
}

static void test_a_kill_anywhere_is_made_good(void **state)
{
    assert_any_kill_is_made_good(*state, "1");
    assert_any_kill_is_made_good(*state, "4");
}

static void test_result_is_that_of_the_whole_run(void **state)
{
    tw_training_result whole, rest;
    stopper s = {.stop_at = 0};
    char *run = stopped(*state, NULL, 0, 5);

    free(train(&whole, *state, NULL, 0));
    assert_ok(go_on(&rest, run, 0, &s, e));
    assert_int_equal(rest.epoch, whole.epoch);
    assert_true(rest.loss == whole.loss && rest.accuracy == whole.accuracy);
    assert_true(rest.val_loss == whole.val_loss && rest.val_accuracy == whole.val_accuracy);
    assert_int_equal(rest.n_unchanged, whole.n_unchanged);
    free(run);
}

/* ---- finished runs */

/* A run of one main epoch that gets two more is one of three. */
static void assert_extends(world *w, const char *select)
{
    tw_training_result result;
    char *truth = train(&result, w, OPTIONS({"select", select}, {"epochs", "3"}), 2);
    char *run = train(&result, w, OPTIONS({"select", select}), 1);

    assert_goes_on_to(truth, run, 3);
    free(run);
    free(truth);
}

static void test_a_finished_run_gets_more_epochs(void **state)
{
    assert_extends(*state, "best");
    assert_extends(*state, "last");
}

static void test_a_stopped_run_gets_more_epochs(void **state)
{
    tw_training_result result;
    char *truth = train(&result, *state, OPTIONS({"epochs", "3"}), 1);

    for (int question = 1; question < 9; question++) {
        char *run = stopped(*state, NULL, 0, question);
        assert_goes_on_to(truth, run, 3);
        free(run);
    }
    free(truth);
}

/* ---- damage */

static void write_file(const char *folder, const char *name, const char *text, size_t n)
{
    char *path = path_in(folder, name);

    assert_ok(tw_file_write(path, text, n, e));
    free(path);
}

static void flip_byte(const char *folder, const char *name)
{
    size_t n;
    char *text = read_file(&n, folder, name);

    text[n / 2] ^= 1;
    write_file(folder, name, text, n);
    tw_free(text);
}

/* Goes on from the generation before the newest, with a note. */
static void assert_passes_over(const char *truth, const char *run)
{
    tw_training_result result;
    stopper s = {.stop_at = 0};
    char start[400];

    flip_byte(run, "last.ckpt");
    snprintf(start, sizeof start, "%s/last.ckpt: ", run);
    assert_ok(go_on(&result, run, 0, &s, e));
    assert_memory_equal(s.notes, start, strlen(start));
    assert_non_null(strstr(s.notes, " has a wrong checksum; going on from the checkpoint before "
                                    "it\n"));
    assert_same_end(run, truth);
}

static void test_a_damaged_checkpoint_is_passed_over(void **state)
{
    tw_training_result result;
    char *truth = train(&result, *state, OPTIONS({"checkpoint-every", "2"}, {"epochs", "4"}), 2);
    char *run;
    int n = 0;

    for (int question = 1;
         stop_at(&run, *state, OPTIONS({"checkpoint-every", "2"}, {"epochs", "4"}), 2, question);
         question++) {
        if (is_there(run, "last.ckpt.1")) {
            assert_passes_over(truth, run);
            n++;
        }
        free(run);
    }
    assert_true(n >= 12);
    free(run);
    free(truth);
}

/* ---- what is no longer the run's */

/* In a text file of the run, once. */
static void replace(const char *run, const char *name, const char *from, const char *to)
{
    size_t n;
    char *text = read_file(&n, run, name), *at = strstr(text, from);
    tw_text changed = {0};

    assert_non_null(at);
    tw_text_add(&changed, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    write_file(run, name, changed.text, changed.n);
    tw_text_free(&changed);
    tw_free(text);
}

static void test_a_changed_configuration_is_refused(void **state)
{
    char *run = stopped(*state, NULL, 0, 4), sentence[400];

    replace(run, "config.json", "\"lr\": 0.02", "\"lr\": 0.03");
    snprintf(sentence, sizeof sentence,
             "%s: config.json has changed since the checkpoint was written: lr", run);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    replace(run, "config.json", "\"lr\": 0.03", "\"lr\": 0.02, \"clip-norm\": 1.5");
    snprintf(sentence, sizeof sentence,
             "%s: config.json has changed since the checkpoint was written: clip-norm", run);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    replace(run, "config.json", "\"epochs\": 1", "\"epochs\": 2");
    snprintf(sentence, sizeof sentence,
             "%s: config.json has changed since the checkpoint was written: clip-norm", run);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    free(run);
}

static void test_changed_pictures_are_refused(void **state)
{
    world *w = *state;
    char *pictures = path_in(w->folder, "changing"), *run, sentence[400];
    uint32_t noise = 99;

    write_pictures_in(pictures, "train", 24, 5);
    write_pictures_in(pictures, "val", 9, 6);
    run = stopped(w, OPTIONS({"data", pictures}, {"cache", "off"}), 2, 3);
    write_picture(pictures, "train", 3, &noise);
    snprintf(sentence, sizeof sentence,
             "%s: pictures or labels have changed since the checkpoint was written", pictures);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    write_picture(pictures, "train", 24, &noise);
    snprintf(sentence, sizeof sentence,
             "%s: has changed since the checkpoint was written: 16 training and 8 validation "
             "pictures then, 17 and 8 now",
             pictures);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    free(run);
    free(pictures);
}

static void test_other_weights_are_refused(void **state)
{
    world *w = *state;
    char *network = path_in(w->folder, "changing.safetensors"), *run, sentence[400];
    tw_model *model = tiny_model_of(deep_graph(), 2), *other = tiny_model_of(deep_graph(), 3);

    assert_ok(tw_model_write(model, network, e));
    run = stopped(w, OPTIONS({"model", network}), 1, 4);
    assert_ok(tw_model_write(other, network, e));
    snprintf(sentence, sizeof sentence,
             "%s: the weights have changed since the checkpoint was written", network);
    assert_resume_refused(run, 0, TW_EFILE, sentence);
    tw_model_free(model);
    tw_model_free(other);
    free(network);
    free(run);
}

/* How fast, not what. */
static void test_other_threads_and_no_cache_are_fine(void **state)
{
    tw_training_result result;
    stopper s = {.stop_at = 0};
    char *truth = train(&result, *state, NULL, 0), *run = stopped(*state, NULL, 0, 4);

    replace(run, "config.json", "\"threads\": 1", "\"threads\": 2");
    replace(run, "config.json", "\"cache\": \"auto\"", "\"cache\": \"off\"");
    assert_ok(go_on(&result, run, 0, &s, e));
    assert_same_run(truth, run);
    free(run);
    free(truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_stop_anywhere_is_made_good),
        cmocka_unit_test(test_a_stop_anywhere_without_a_cache),
        cmocka_unit_test(test_a_stop_anywhere_with_gaps_and_adam),
        cmocka_unit_test(test_a_stop_anywhere_with_features_alone),
        cmocka_unit_test(test_a_stop_anywhere_from_scratch),
        cmocka_unit_test(test_a_stop_anywhere_with_a_schedule),
        cmocka_unit_test(test_a_run_in_many_pieces),
        cmocka_unit_test(test_a_kill_anywhere_is_made_good),
        cmocka_unit_test(test_result_is_that_of_the_whole_run),
        cmocka_unit_test(test_a_finished_run_gets_more_epochs),
        cmocka_unit_test(test_a_stopped_run_gets_more_epochs),
        cmocka_unit_test(test_a_damaged_checkpoint_is_passed_over),
        cmocka_unit_test(test_a_changed_configuration_is_refused),
        cmocka_unit_test(test_changed_pictures_are_refused),
        cmocka_unit_test(test_other_weights_are_refused),
        cmocka_unit_test(test_other_threads_and_no_cache_are_fine),
    };

    return cmocka_run_group_tests_name("train/resume_anywhere", tests, open_deep, close_world);
}
