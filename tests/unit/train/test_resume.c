/* Runs that were stopped go on to the same bytes, wherever they were stopped; and what is refused
 * because it has changed meanwhile. */
#include "training_world.h"

#include "base/memory.h"

/* Two phases, dropout, momentum, eight steps an epoch: a small run with everything in it. */
#define JOB                                                                           \
    {"recipe", "finetune"}, {"freeze", "3"}, {"freeze-epochs", "1"}, {"epochs", "2"}, \
        {"optimizer", "sgd"}, {"momentum", "0.9"}, {"lr", "0.02"},                    \
    {                                                                                 \
        "batch-size", "6"                                                             \
    }
enum { N_JOB = 8, STEPS = 7, EPOCHS = 3 };

/* Stops at the n-th question, counted from when training has begun. */
typedef struct stopper {
    int n_left;
    bool is_training;
    char notes[2000];
} stopper;

static void see_event(void *ctx, const tw_event *event)
{
    stopper *s = ctx;

    if (event->kind == TW_EVENT_PROGRESS && !strcmp(event->phase, "train"))
        s->is_training = true;
    if (event->kind == TW_EVENT_NOTE)
        snprintf(s->notes + strlen(s->notes), sizeof s->notes - strlen(s->notes), "%s\n",
                 event->text);
}

static int stop_in_time(void *ctx)
{
    stopper *s = ctx;

    return s->is_training && s->n_left-- <= 0;
}

/* A new run that is stopped after so many questions; its folder, the caller frees it. */
static char *begin(world *w, const char *const (*options)[2], int n, int n_left)
{
    stopper s = {.n_left = n_left};
    const tw_watch watch = {see_event, stop_in_time, &s};
    tw_config *config = configure(w, options, n);
    tw_training_result result;
    char *run = strdup(tw_config_get(config, "output"));

    assert_int_equal(try_train(&result, config, &watch, NULL), TW_EINTERRUPTED);
    assert_false(is_there(run, "model.safetensors"));
    tw_config_free(config);
    return run;
}

static tw_status go_on(const char *run, int64_t epochs, stopper *s, tw_error *err)
{
    const tw_watch watch = {see_event, stop_in_time, s};
    tw_training *training;
    tw_training_result result;
    tw_status rc = try_resume(&training, run, epochs, s ? &watch : NULL, err);

    if (rc)
        return rc;
    assert_non_null(training);
    rc = tw_training_run(training, &result, s ? &watch : NULL, err);
    tw_training_free(training);
    return rc;
}

static char *train_job(world *w)
{
    tw_training_result result;

    return train(&result, w, OPTIONS(JOB), N_JOB);
}

static void assert_same_whole_run(const char *a, const char *b)
{
    assert_same_run(a, b);
    assert_same_file(a, b, "config.json");
}

static void copy_file(const char *folder, const char *from, const char *to)
{
    size_t n;
    char *text = read_file(&n, folder, from), *path = path_in(folder, to);

    assert_ok(tw_file_write(path, text, n, e));
    tw_free(text);
    free(path);
}

static void flip_byte(const char *folder, const char *name)
{
    size_t n;
    char *text = read_file(&n, folder, name), *path = path_in(folder, name);

    text[n - 5] ^= 1;
    assert_ok(tw_file_write(path, text, n, e));
    tw_free(text);
    free(path);
}

/* ---- the same bytes */

static void test_a_run_goes_on_from_every_step(void **state)
{
    char *whole = train_job(*state);

    /* a question before each step, and at least one in each validation */
    for (int i = 0; i < EPOCHS * (STEPS + 1) - 1; i++) {
        char *run = begin(*state, OPTIONS(JOB), N_JOB, i);

        assert_ok(go_on(run, 0, NULL, e));
        assert_same_whole_run(whole, run);
        free(run);
    }
    free(whole);
}

static void test_a_run_may_be_stopped_again_and_again(void **state)
{
    char *whole = train_job(*state), *run = begin(*state, OPTIONS(JOB), N_JOB, 1);
    tw_status rc = TW_EINTERRUPTED;
    int n_stops = 0;

    while (rc == TW_EINTERRUPTED && n_stops < 100) {
        stopper s = {.n_left = 2};

        rc = go_on(run, 0, &s, NULL);
        n_stops += rc == TW_EINTERRUPTED;
    }
    assert_int_equal(rc, TW_OK);
    assert_true(n_stops > 5);
    assert_same_whole_run(whole, run);
    free(whole);
    free(run);
}

static void assert_goes_on(world *w, const char *const (*options)[2], int n)
{
    tw_training_result result;
    char *whole = train(&result, w, options, n), *run = begin(w, options, n, 10);

    assert_ok(go_on(run, 0, NULL, e));
    assert_same_file(whole, run, "model.safetensors");
    assert_same_file(whole, run, "history.csv");
    assert_same_file(whole, run, "config.json");
    free(whole);
    free(run);
}

static void test_other_jobs_go_on_too(void **state)
{
    assert_goes_on(*state, OPTIONS({"select", "last"}, {"stratify", "true"}), 2);
    assert_goes_on(*state, OPTIONS({"optimizer", "adamw"}, {"schedule", "cosine"}), 2);
    assert_goes_on(*state,
                   OPTIONS({"schedule", "plateau"}, {"lr-patience", "1"}, {"clip-norm", "0.1"}), 3);
    assert_goes_on(*state, OPTIONS({"recipe", "scratch"}, {"class-weight", "balanced"}), 2);
    assert_goes_on(*state, OPTIONS({"cache", "off"}, {"val-split", "0"}), 2);
    assert_goes_on(*state, OPTIONS({"epochs", "8"}, {"patience", "2"}, {"lr", "0.2"}), 3);
}

/* Views, mixed rows and draws are functions of epoch, step and picture: nothing of them is kept. */
static void test_augmented_runs_go_on_from_every_step(void **state)
{
    const char *const(*job)[2] = OPTIONS(
        {"aug", "strong"}, {"cache-views", "3"}, {"mixup", "0.2"}, {"cutmix", "1"},
        {"label-smoothing", "0.1"}, {"sampler", "balanced"}, {"epochs", "2"}, {"batch-size", "9"});
    tw_training_result result;
    char *whole = train(&result, *state, job, 8);

    for (int i = 0; i < 2 * 6 - 1; i++) {
        char *run = begin(*state, job, 8, i);

        assert_ok(go_on(run, 0, NULL, e));
        assert_same_whole_run(whole, run);
        free(run);
    }
    free(whole);
}

static void test_other_augmented_jobs_go_on_too(void **state)
{
    assert_goes_on(*state, OPTIONS({"aug", "medium"}, {"cache", "off"}), 2);
    assert_goes_on(*state, OPTIONS({"aug", "medium"}, {"recipe", "scratch"}, {"mixup", "1"}), 3);
    assert_goes_on(*state, OPTIONS({"aug", "light"}, {"mixup", "1"}, {"class-weight", "balanced"}),
                   3);
}

static void test_threads_may_change_on_the_way(void **state)
{
    char *whole = train_job(*state);
    char *run = begin(*state, OPTIONS(JOB, {"threads", "1"}), N_JOB + 1, 9);
    char *path = path_in(run, "config.json");
    tw_config *config;

    assert_ok(go_on(run, 0, NULL, e));
    assert_same_run(whole, run);
    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_read(config, path, e));
    assert_string_equal(tw_config_get(config, "threads"), "1");
    tw_config_free(config);
    free(path);
    free(whole);
    free(run);
}

static void test_without_a_checkpoint_it_begins_anew(void **state)
{
    char *whole = train_job(*state), *run = begin(*state, OPTIONS(JOB), N_JOB, 4);
    char *path = path_in(run, "last.ckpt");

    assert_ok(tw_file_remove(path, e));
    assert_ok(go_on(run, 0, NULL, e));
    assert_same_whole_run(whole, run);
    free(path);
    free(whole);
    free(run);
}

/* ---- the end, and beyond */

static void test_a_finished_run_is_left_alone(void **state)
{
    char *run = train_job(*state);
    tw_training *training;
    int finished;

    assert_ok(tw_run_is_finished(&finished, run, e));
    assert_int_equal(finished, 1);
    assert_ok(try_resume(&training, run, 0, NULL, e));
    assert_null(training);
    assert_ok(try_resume(&training, run, 2, NULL, e));
    assert_null(training);
    free(run);
}

static void assert_extends(world *w, const char *select)
{
    tw_training_result result;
    char *whole = train(&result, w, OPTIONS(JOB, {"epochs", "5"}, {"select", select}), N_JOB + 2);
    char *run = train(&result, w, OPTIONS(JOB, {"select", select}), N_JOB + 1);

    assert_ok(go_on(run, 5, NULL, e));
    assert_same_whole_run(whole, run);
    free(whole);
    free(run);
}

static void test_more_epochs_extend_a_finished_run(void **state)
{
    assert_extends(*state, "best");
    assert_extends(*state, "last");
}

static void test_an_extension_may_be_stopped_too(void **state)
{
    tw_training_result result;
    stopper s = {.n_left = 9};
    char *whole = train(&result, *state, OPTIONS(JOB, {"epochs", "5"}), N_JOB + 1);
    char *run = train_job(*state);
    int finished;

    assert_int_equal(go_on(run, 5, &s, NULL), TW_EINTERRUPTED);
    assert_ok(tw_run_is_finished(&finished, run, e));
    assert_int_equal(finished, 0);
    assert_ok(go_on(run, 0, NULL, e));
    assert_same_whole_run(whole, run);
    free(whole);
    free(run);
}

static void test_fewer_epochs_are_refused(void **state)
{
    char *run = train_job(*state), sentence[400];
    tw_training *training;

    snprintf(sentence, sizeof sentence, "epochs 1: %s is one of 2, it can only get more", run);
    assert_fails(TW_EUSAGE, sentence, try_resume(&training, run, 1, NULL, e));
    free(run);
}

static void test_a_finished_run_without_a_checkpoint_cannot_grow(void **state)
{
    char *run = train_job(*state), *path = path_in(run, "last.ckpt"), sentence[400];
    tw_training *training;

    assert_ok(tw_file_remove(path, e));
    snprintf(sentence, sizeof sentence, "%s: its last checkpoint is gone, it cannot be extended",
             run);
    assert_fails(TW_EFILE, sentence, try_resume(&training, run, 4, NULL, e));
    free(path);
    free(run);
}

/* Killed before its first checkpoint: config.json has the new length already. */
static void test_an_extension_may_be_killed_at_once(void **state)
{
    tw_training_result result;
    char *whole = train(&result, *state, OPTIONS(JOB, {"epochs", "5"}), N_JOB + 1);
    char *run = train_job(*state), *path = path_in(run, "config.json");
    char *log = path_in(run, "log.jsonl");
    const char *line = "{\"time\":\"t\",\"event\":\"resume\"}\n";
    size_t n;
    char *text = read_file(&n, whole, "config.json");
    tw_file file;

    assert_ok(tw_file_write(path, text, n, e));
    assert_ok(tw_file_open_append(&file, log, e));
    assert_ok(tw_file_append(&file, line, strlen(line), e));
    tw_file_close(&file);
    assert_ok(go_on(run, 0, NULL, e));
    assert_same_whole_run(whole, run);
    tw_free(text);
    free(log);
    free(path);
    free(whole);
    free(run);
}

static void test_a_longer_run_keeps_its_steps(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"schedule", "step"}, {"epochs", "6"}), 2);
    char *path = path_in(run, "config.json");
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_read(config, path, e));
    assert_string_equal(tw_config_get(config, "lr-step"), "2");
    tw_config_free(config);
    free(path);
    free(run);
}

static void test_a_run_belongs_to_one_process(void **state)
{
    char *run = begin(*state, OPTIONS(JOB), N_JOB, 5), *path = path_in(run, ".lock"), sentence[400];
    tw_lock lock;
    bool got;

    assert_ok(tw_lock_try(&lock, &got, path, e));
    assert_true(got);
    snprintf(sentence, sizeof sentence, "%s: another topwork works on this run", run);
    assert_fails(TW_EUSAGE, sentence, go_on(run, 0, NULL, e));
    tw_lock_release(&lock);
    assert_ok(go_on(run, 0, NULL, e));
    free(path);
    free(run);
}

static void test_a_range_test_is_no_run(void **state)
{
    tw_config *config = configure(*state, NULL, 0);
    tw_training *training;
    tw_lr_curve curve;
    char sentence[400];

    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_ok(tw_training_find_lr(&curve, training, NULL, e));
    tw_lr_curve_free(&curve);
    tw_training_free(training);
    snprintf(sentence, sizeof sentence, "%s: a range test, there is nothing to go on with",
             tw_config_get(config, "output"));
    assert_fails(TW_EUSAGE, sentence,
                 try_resume(&training, tw_config_get(config, "output"), 0, NULL, e));
    tw_config_free(config);
}

/* ---- what it gets anew */

static void assert_change(const char *run, const char *name, const char *value, tw_status code,
                          const char *sentence)
{
    tw_training *training;
    tw_config *changes;

    assert_ok(tw_config_create(&changes, e));
    assert_ok(tw_config_set(changes, name, value, TW_FROM_FLAG, e));
    if (code)
        assert_fails(code, sentence, tw_training_resume(&training, run, changes, NULL, e));
    else
        assert_ok(tw_training_resume(&training, run, changes, NULL, e));
    if (!code)
        assert_string_equal(tw_training_get_option(training, name), value);
    tw_training_free(training);
    tw_config_free(changes);
}

static void test_what_may_change_and_what_not(void **state)
{
    char *run = begin(*state, OPTIONS(JOB), N_JOB, 5);

    assert_change(run, "threads", "2", TW_OK, NULL);
    assert_change(run, "memory-limit", "96M", TW_OK, NULL);
    assert_change(run, "cache", "off", TW_OK, NULL);
    assert_change(run, "checkpoint-every", "30s", TW_OK, NULL);
    assert_change(run, "lr", "0.5", TW_EUSAGE, "option lr cannot change in a run that goes on");
    assert_change(run, "seed", "7", TW_EUSAGE, "option seed cannot change in a run that goes on");
    free(run);
}

/* ---- damage */

/* Nobody can tell whether it ended, and nothing of it is to be lost. */
static void test_a_model_without_log_and_checkpoint_is_left_alone(void **state)
{
    char *run = train_job(*state), *log = path_in(run, "log.jsonl"),
         *checkpoint = path_in(run, "last.ckpt"), sentence[600];
    tw_training *training;

    assert_ok(tw_file_remove(log, e));
    assert_ok(tw_file_remove(checkpoint, e));
    snprintf(sentence, sizeof sentence,
             "%s: has a model and no checkpoint to go on from: left as it is; train with config "
             "%s/config.json and overwrite begins anew",
             run, run);
    assert_fails(TW_EFILE, sentence, try_resume(&training, run, 0, NULL, e));
    assert_true(is_there(run, "model.safetensors"));
    free(checkpoint);
    free(log);
    free(run);
}

static void test_lost_best_parameters_are_told_before_training(void **state)
{
    char *run = train_job(*state), *path = NULL, sentence[600];
    char **names;
    size_t n;

    assert_ok(tw_folder_list(&names, &n, run, e));
    for (size_t i = 0; i < n; i++)
        if (tw_train__best_epoch_of(names[i]) >= 0)
            path = path_in(run, names[i]);
    tw_folder_list_free(names, n);
    assert_non_null(path);
    assert_ok(tw_file_remove(path, e));
    snprintf(sentence, sizeof sentence,
             "%s: is gone, the best parameters so far; without last.ckpt and last.ckpt.1 the run "
             "begins anew",
             path);
    assert_fails(TW_EFILE, sentence, go_on(run, 9, NULL, e));
    free(path);
    free(run);
}

static void test_a_damaged_checkpoint_gives_way_to_the_one_before(void **state)
{
    char *whole = train_job(*state);
    char *run = begin(*state, OPTIONS(JOB, {"checkpoint-every", "3"}), N_JOB + 1, 13);
    stopper s = {.n_left = 1000};

    assert_true(is_there(run, "last.ckpt.1"));
    flip_byte(run, "last.ckpt");
    assert_ok(go_on(run, 0, &s, e));
    assert_non_null(strstr(s.notes, "last.ckpt: part optimizer has a wrong checksum; going on from "
                                    "the checkpoint before it"));
    assert_same_run(whole, run);
    free(whole);
    free(run);
}

static void test_damaged_checkpoints_are_refused(void **state)
{
    char *run = begin(*state, OPTIONS(JOB, {"checkpoint-every", "3"}), N_JOB + 1, 13);
    tw_error err;

    flip_byte(run, "last.ckpt");
    flip_byte(run, "last.ckpt.1");
    assert_int_equal(go_on(run, 0, NULL, &err), TW_EFILE);
    assert_non_null(strstr(err.text, "last.ckpt: part optimizer has a wrong checksum; "));
    assert_non_null(strstr(err.text, "last.ckpt.1: part optimizer has a wrong checksum"));
    free(run);
}

static void test_a_torn_log_is_mended(void **state)
{
    char *whole = train_job(*state), *run = begin(*state, OPTIONS(JOB), N_JOB, 5);
    char *path = path_in(run, "log.jsonl");
    tw_file file;
    int finished;

    assert_ok(tw_file_open_append(&file, path, e));
    assert_ok(tw_file_append(&file, "{\"time\":\"20", 11, e));
    tw_file_close(&file);
    assert_ok(go_on(run, 0, NULL, e));
    assert_same_whole_run(whole, run);
    assert_ok(tw_run_is_finished(&finished, run, e));
    assert_int_equal(finished, 1);
    free(path);
    free(whole);
    free(run);
}

/* ---- what has changed */

static void rewrite_config(const char *run, const char *name, const char *value)
{
    char *path = path_in(run, "config.json");
    size_t n;
    char *text = read_file(&n, run, "config.json");
    tw_json *json;

    assert_ok(tw_json_parse(&json, text, n, path, e));
    assert_true(tw_json_set(json, name, tw_json_new_string(value)));
    tw_free(text);
    text = tw_json_dump(json, 2);
    assert_ok(tw_file_write(path, text, strlen(text), e));
    tw_free(text);
    tw_json_free(json);
    free(path);
}

static void test_a_changed_config_is_refused_by_name(void **state)
{
    char *run = begin(*state, OPTIONS(JOB), N_JOB, 5), sentence[400];

    rewrite_config(run, "lr", "0.03");
    rewrite_config(run, "clip-norm", "1");
    snprintf(sentence, sizeof sentence,
             "%s: config.json has changed since the checkpoint was written: lr, clip-norm", run);
    assert_fails(TW_EFILE, sentence, go_on(run, 0, NULL, e));
    free(run);
}

/* A world whose data are not those of other tests. */
static void assert_changed_data(world *w, int n_train, uint32_t seed, const char *sentence)
{
    char *run = begin(w, OPTIONS(JOB), N_JOB, 5);

    tiny_write_part(w->data, "train", n_train, seed);
    assert_fails(TW_EFILE, sentence, go_on(run, 0, NULL, e));
    tiny_write_part(w->data, "train", N_TRAIN, 1);
    assert_ok(go_on(run, 0, NULL, e));
    free(run);
}

static void test_changed_pictures_are_refused(void **state)
{
    world *w = *state;
    char sentence[500];

    snprintf(sentence, sizeof sentence,
             "%s: pictures or labels have changed since the checkpoint was written", w->data);
    assert_changed_data(w, N_TRAIN, 77, sentence);
    snprintf(sentence, sizeof sentence,
             "%s: has changed since the checkpoint was written: 42 training and 18 validation "
             "pictures then, 42 and 19 now",
             w->data);
    assert_changed_data(w, N_TRAIN + 1, 1, sentence);
}

static void test_other_numerics_are_said(void **state)
{
    char *run = begin(*state, OPTIONS(JOB), N_JOB, 5);
    stopper s = {.n_left = 1000};

    rewrite_config(run, "backend", "ref");
    assert_ok(go_on(run, 0, &s, e));
    assert_non_null(strstr(s.notes, "the checkpoint was computed by cpu oneDNN"));
    assert_non_null(strstr(s.notes, "its last digits will differ"));
    free(run);
}

static void test_what_is_no_run_is_refused(void **state)
{
    world *w = *state;
    char *none = path_in(w->folder, "nowhere"), sentence[400];
    tw_training *training;

    snprintf(sentence, sizeof sentence, "%s: no such run folder", none);
    assert_fails(TW_EFILE, sentence, try_resume(&training, none, 0, NULL, e));
    assert_ok(tw_folder_create(none, e));
    snprintf(sentence, sizeof sentence, "%s: no config.json there, nothing to go on with", none);
    assert_fails(TW_EFILE, sentence, try_resume(&training, none, 0, NULL, e));
    free(none);
}

/* ---- the files of a run */

static void test_checkpoints_come_in_two_generations(void **state)
{
    char *run = begin(*state, OPTIONS(JOB, {"checkpoint-every", "2"}), N_JOB + 1, 12);

    assert_true(is_there(run, "last.ckpt") && is_there(run, "last.ckpt.1"));
    assert_false(is_there(run, "last.ckpt.new"));
    copy_file(run, "last.ckpt", "last.ckpt.new"); /* as a killed writer may leave it */
    assert_ok(go_on(run, 0, NULL, e));
    assert_true(is_there(run, "last.ckpt"));
    assert_false(is_there(run, "last.ckpt.1") || is_there(run, "last.ckpt.new"));
    free(run);
}

static void test_only_the_best_parameters_stay(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"epochs", "9"}, {"checkpoint-every", "1"}), 2);
    char **names, best[40];
    size_t n;
    int n_best = 0;

    snprintf(best, sizeof best, "best-%d.params", result.epoch);
    assert_true(is_there(run, best));
    assert_ok(tw_folder_list(&names, &n, run, e));
    for (size_t i = 0; i < n; i++)
        n_best += tw_train__best_epoch_of(names[i]) >= 0;
    tw_folder_list_free(names, n);
    assert_int_equal(n_best, 1);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_goes_on_from_every_step),
        cmocka_unit_test(test_a_run_may_be_stopped_again_and_again),
        cmocka_unit_test(test_other_jobs_go_on_too),
        cmocka_unit_test(test_augmented_runs_go_on_from_every_step),
        cmocka_unit_test(test_other_augmented_jobs_go_on_too),
        cmocka_unit_test(test_threads_may_change_on_the_way),
        cmocka_unit_test(test_without_a_checkpoint_it_begins_anew),
        cmocka_unit_test(test_a_finished_run_is_left_alone),
        cmocka_unit_test(test_more_epochs_extend_a_finished_run),
        cmocka_unit_test(test_an_extension_may_be_stopped_too),
        cmocka_unit_test(test_an_extension_may_be_killed_at_once),
        cmocka_unit_test(test_a_longer_run_keeps_its_steps),
        cmocka_unit_test(test_a_run_belongs_to_one_process),
        cmocka_unit_test(test_a_range_test_is_no_run),
        cmocka_unit_test(test_what_may_change_and_what_not),
        cmocka_unit_test(test_a_model_without_log_and_checkpoint_is_left_alone),
        cmocka_unit_test(test_lost_best_parameters_are_told_before_training),
        cmocka_unit_test(test_fewer_epochs_are_refused),
        cmocka_unit_test(test_a_finished_run_without_a_checkpoint_cannot_grow),
        cmocka_unit_test(test_a_damaged_checkpoint_gives_way_to_the_one_before),
        cmocka_unit_test(test_damaged_checkpoints_are_refused),
        cmocka_unit_test(test_a_torn_log_is_mended),
        cmocka_unit_test(test_a_changed_config_is_refused_by_name),
        cmocka_unit_test(test_changed_pictures_are_refused),
        cmocka_unit_test(test_other_numerics_are_said),
        cmocka_unit_test(test_what_is_no_run_is_refused),
        cmocka_unit_test(test_checkpoints_come_in_two_generations),
        cmocka_unit_test(test_only_the_best_parameters_stay),
    };

    return cmocka_run_group_tests_name("train/resume", tests, open_world, close_world);
}
