/* The n-th call to the system fails while a top is trained: the right code and a sentence, no model
 * file that is not whole, and the next run of the job has the bytes of a run without faults. */
#include "tiny_model.h"

#include "base/sys.h"
#include "train/train_int.h"

#include <errno.h>

enum { N_TRAIN = 24, EVERY_CALL = 40 };

typedef struct fixture {
    char *folder, *data, *cache, *model, *truth, *run;
} fixture;

/* checkpoint_every: as the option has it. */
static tw_status train_watched(const fixture *f, const char *output, const char *checkpoint_every,
                               const tw_watch *watch, tw_error *err)
{
    const char *const options[][2] = {
        {"data", f->data},  {"model", f->model},
        {"cut", "pool2"},   {"epochs", "3"},
        {"lr", "0.3"},      {"optimizer", "sgd"},
        {"top", "4 relu"},  {"batch-size", "9"},
        {"cache", "on"},    {"cache-dir", f->cache},
        {"backend", "ref"}, {"threads", "1"},
        {"output", output}, {"overwrite", "true"},
        {"seed", "3"},      {"checkpoint-every", checkpoint_every},
    };
    tw_status rc;
    tw_config *config = NULL;
    tw_training *training = NULL;
    tw_training_result result;

    if ((rc = tw_config_create(&config, err)))
        return rc;
    for (size_t i = 0; i < sizeof options / sizeof *options && !rc; i++)
        rc = tw_config_set(config, options[i][0], options[i][1], TW_FROM_FILE, err);
    if (!rc && !(rc = tw_training_open(&training, config, watch, err)))
        rc = tw_training_run(training, &result, watch, err);
    tw_training_free(training);
    tw_config_free(config);
    return rc;
}

static tw_status train(const fixture *f, const char *output, tw_error *err)
{
    return train_watched(f, output, "300s", NULL, err);
}

static int set_up(void **state)
{
    fixture *f = calloc(1, sizeof *f);

    check_make_folder((void **)&f->folder);
    f->data = tiny_write_data(f->folder, N_TRAIN, 3);
    f->model = tiny_write_model(f->folder);
    f->cache = path_in(f->folder, "cache");
    f->truth = path_in(f->folder, "truth");
    f->run = path_in(f->folder, "run");
    assert_ok(train(f, f->truth, e));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    check_remove_folder((void **)&f->folder);
    free(f->data);
    free(f->model);
    free(f->cache);
    free(f->truth);
    free(f->run);
    free(f);
    return 0;
}

static void assert_same_file(const fixture *f, const char *name)
{
    char *a_path = path_in(f->truth, name), *b_path = path_in(f->run, name), *a, *b;
    size_t n_a, n_b;

    assert_ok(tw_file_read(&a, &n_a, a_path, 1 << 24, e));
    assert_ok(tw_file_read(&b, &n_b, b_path, 1 << 24, e));
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    tw_free(a);
    tw_free(b);
    free(a_path);
    free(b_path);
}

static void assert_whole_run(const fixture *f)
{
    assert_same_file(f, "model.safetensors");
    assert_same_file(f, "history.csv");
    assert_same_file(f, "predictions.csv");
    assert_same_file(f, "split.csv");
}

/* A model file is the whole one or is not there. */
static void assert_no_half_model(const fixture *f)
{
    char *path = path_in(f->run, "model.safetensors");

    if (tw_path_exists(path))
        assert_same_file(f, "model.safetensors");
    free(path);
}

/* The first calls one by one, then ever fewer of them, up to the last call of a run. */
static void check_kind(const fixture *f, tw_sys_kind kind, int error, tw_status wanted)
{
    long nth = 1;
    int n_failed = 0;

    for (bool was_hit = true; was_hit; nth += nth < EVERY_CALL ? 1 : nth / 20) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        tw_sys_fail_nth(kind, nth, 0, error);
        rc = train(f, f->run, &err);
        was_hit = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc == TW_OK) {
            assert_whole_run(f);
            continue;
        }
        if (rc != wanted)
            fail_msg("call %ld: %s: %s", nth, tw_status_name(rc), err.text);
        assert_true(strlen(err.text) > 0);
        assert_no_half_model(f);
        n_failed++;
    }
    assert_true(n_failed > 0);
    assert_ok(train(f, f->run, e));
    assert_whole_run(f);
}

static void test_memory_runs_out(void **state)
{
    check_kind(*state, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
}

static void test_files_do_not_open(void **state)
{
    check_kind(*state, TW_SYS_OPEN, EACCES, TW_EFILE);
}

static void test_reads_fail(void **state)
{
    check_kind(*state, TW_SYS_READ, EIO, TW_EFILE);
}

static void test_writes_fail(void **state)
{
    check_kind(*state, TW_SYS_WRITE, EIO, TW_EFILE);
}

static void test_the_disk_is_full(void **state)
{
    check_kind(*state, TW_SYS_WRITE, ENOSPC, TW_EBUDGET);
}

static void test_renames_fail(void **state)
{
    check_kind(*state, TW_SYS_RENAME, EACCES, TW_EFILE);
}

/* ---- a step by the clock */

static void test_memory_runs_out_while_steps_are_timed(void **state)
{
    const fixture *f = *state;
    tw_config *config;
    tw_training *training;
    tw_status rc = TW_ENOMEM;
    bool seen = false;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", f->data, TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "model", f->model, TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "cut", "pool2", TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "cache", "off", TW_FROM_FILE, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    for (long nth = 1; rc != TW_OK; nth++) {
        tw_error err = {TW_OK, ""};
        tw_step_time time;

        tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
        rc = tw_training_time_step(&time, training, 2, NULL, &err);
        tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0);
        assert_true(rc == TW_OK || (rc == TW_ENOMEM && err.text[0] && time.batch == 0));
        seen |= strcmp(err.text, "no memory for the times of 2 steps") == 0;
    }
    assert_true(seen);
    tw_training_free(training);
    tw_config_free(config);
}

/* ---- a checkpoint while training */

typedef struct victim {
    int n_notes, step;
    long n_writes; /* of the checkpoint, that there were before the fault */
    char note[512];
} victim;

/* After each step comes a checkpoint: that of the fourth meets a full disk. */
static void fill_disk(void *ctx, const tw_event *event)
{
    victim *v = ctx;

    if (event->kind == TW_EVENT_PROGRESS && !strcmp(event->phase, "train") && ++v->step == 4)
        tw_sys_fail_nth(TW_SYS_WRITE, v->n_writes + 1, 0, ENOSPC);
    if (event->kind == TW_EVENT_NOTE && strstr(event->text, "checkpoint")) {
        v->n_notes++;
        snprintf(v->note, sizeof v->note, "%s", event->text);
    }
}

static void assert_survives(const fixture *f, long n_writes)
{
    victim v = {.n_writes = n_writes};
    const tw_watch watch = {fill_disk, NULL, &v};
    char start[400];

    assert_ok(train_watched(f, f->run, "1", &watch, e));
    tw_sys_fail_nth(TW_SYS_WRITE, 0, 0, 0);
    snprintf(start, sizeof start, "no checkpoint: %s/last.ckpt.new: ", f->run);
    assert_int_equal(v.n_notes, 1);
    assert_memory_equal(v.note, start, strlen(start));
    assert_non_null(strstr(v.note, "; training goes on, the last one stays"));
    assert_whole_run(f);
}

static void test_a_full_disk_costs_a_checkpoint_only(void **state)
{
    for (long n_writes = 0; n_writes < 4; n_writes++)
        assert_survives(*state, n_writes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory_runs_out),
        cmocka_unit_test(test_files_do_not_open),
        cmocka_unit_test(test_reads_fail),
        cmocka_unit_test(test_writes_fail),
        cmocka_unit_test(test_the_disk_is_full),
        cmocka_unit_test(test_renames_fail),
        cmocka_unit_test(test_memory_runs_out_while_steps_are_timed),
        cmocka_unit_test(test_a_full_disk_costs_a_checkpoint_only),
    };

    return cmocka_run_group_tests_name("fault/train", tests, set_up, tear_down);
}
