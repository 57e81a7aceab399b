/* The n-th call to the system fails in jobs of several kinds: k-fold, a sweep, augmented and mixed
 * batches, frozen layers in int8. The right code and a sentence, no crash, no leak; and the same
 * job without faults goes through afterwards. */
#include "training_world.h"

#include "base/sys.h"

#include <errno.h>

enum { EVERY_CALL = 60 };

/* What all of them have on top of the tiny job. */
static const char *const short_job[][2] = {
    {"cut", "pool2"},   {"epochs", "2"},    {"batch-size", "9"},  {"lr", "0.02"},
    {"val-split", "0"}, {"backend", "ref"}, {"overwrite", "true"}};

typedef tw_status (*job)(const tw_config *config, tw_error *err);

static tw_status train_once(const tw_config *config, tw_error *err)
{
    tw_training_result result;

    return try_train(&result, config, NULL, err);
}

static tw_status train_folds(const tw_config *config, tw_error *err)
{
    tw_trials folds;
    tw_status rc = tw_training_kfold(&folds, config, 2, NULL, err);

    assert_true(rc || folds.n_pictures == N_TRAIN);
    tw_trials_free(&folds);
    return rc;
}

static tw_status train_sweep(const tw_config *config, tw_error *err)
{
    tw_trials sweep;
    tw_status rc = tw_training_sweep(&sweep, config, "lr=0.0001|0.02", NULL, err);

    assert_true(rc || sweep.n == 2);
    tw_trials_free(&sweep);
    return rc;
}

/* The first calls one by one, then ever fewer of them, up to the last call of the job. */
static void check_kind(job run, const tw_config *config, tw_sys_kind kind, int error,
                       tw_status wanted)
{
    int n_failed = 0;
    long nth = 1;

    for (bool was_hit = true; was_hit; nth += nth < EVERY_CALL ? 1 : nth / 10) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        tw_sys_fail_nth(kind, nth, 0, error);
        rc = run(config, &err);
        was_hit = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc && rc != wanted)
            fail_msg("call %ld: %s: %s", nth, tw_status_name(rc), err.text);
        assert_true(rc == TW_OK || strlen(err.text) > 0);
        n_failed += rc != TW_OK;
    }
    assert_true(n_failed > 0);
    assert_ok(run(config, e));
}

/* With new options, in a folder and a cache of its own. */
static void check_job(world *w, job run, const char *const (*more)[2], int n)
{
    tw_config *config = configure(w, more, n);
    char *cache = path_in(w->folder, "cache-of-its-own");
    int64_t n_bytes;

    if (strcmp(tw_config_get(config, "cache"), "off") != 0)
        assert_ok(tw_config_set(config, "cache-dir", cache, TW_FROM_FLAG, e));
    check_kind(run, config, TW_SYS_MEMORY, ENOMEM, TW_ENOMEM);
    check_kind(run, config, TW_SYS_OPEN, EACCES, TW_EFILE);
    check_kind(run, config, TW_SYS_READ, EIO, TW_EFILE);
    check_kind(run, config, TW_SYS_WRITE, ENOSPC, TW_EBUDGET);
    assert_ok(tw_cache_clear(&n_bytes, cache, NULL, e));
    free(cache);
    tw_config_free(config);
}

static void test_k_fold(void **state)
{
    check_job(*state, train_folds, OPTIONS({"threads", "1"}, {"cache", "on"}), 2);
}

static void test_a_sweep(void **state)
{
    check_job(*state, train_sweep, OPTIONS({"threads", "1"}, {"cache", "on"}, {"val-split", "0.3"}),
              3);
}

static void test_kept_views_in_balanced_and_mixed_batches(void **state)
{
    check_job(*state, train_once,
              OPTIONS({"aug", "flip, crop 0.5"}, {"cache-views", "2"}, {"cache", "on"},
                      {"threads", "1"}, {"mixup", "0.2"}, {"cutmix", "1"},
                      {"label-smoothing", "0.1"}, {"sampler", "balanced"}, {"val-split", "0.3"}),
              9);
}

static void test_new_views_each_epoch(void **state)
{
    check_job(*state, train_once,
              OPTIONS({"aug", "flip, rotate 10, jitter 0.4"}, {"cache-views", "0"},
                      {"cache", "off"}, {"threads", "1"}, {"val-split", "0.3"}),
              5);
}

static void test_frozen_layers_in_int8(void **state)
{
    tw_computer computer;
    tw_error why = {TW_OK, ""};
    const tw_compute compute = {.precision = "int8"};
    tw_status rc = tw_computer_open(&computer, &compute, TW_PRECISION_FP32, &why);

    tw_computer_close(&computer);
    if (rc) {
        fprintf(stderr, "skipped: %s\n", why.text);
        skip();
    }
    check_job(*state, train_once,
              OPTIONS({"precision", "int8"}, {"backend", "cpu"}, {"cache", "on"}, {"threads", "1"}),
              4);
}

static int open_short_world(void **state)
{
    int rc = open_world(state);
    world *w = *state;

    w->job = short_job;
    w->n_job = (int)(sizeof short_job / sizeof *short_job);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_k_fold),
        cmocka_unit_test(test_a_sweep),
        cmocka_unit_test(test_kept_views_in_balanced_and_mixed_batches),
        cmocka_unit_test(test_new_views_each_epoch),
        cmocka_unit_test(test_frozen_layers_in_int8),
    };

    return cmocka_run_group_tests_name("fault/train/jobs", tests, open_short_world, close_world);
}
