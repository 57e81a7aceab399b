/* The range test for a learning rate: its curve, its suggestion, and that nothing else is written.
 */
#include "training_world.h"

#include <math.h>

static tw_status find(tw_lr_curve *out, world *w, const char *const (*more)[2], int n, char **run,
                      tw_error *err)
{
    tw_config *config = configure(w, more, n);
    tw_training *training;
    tw_status rc = tw_training_open(&training, config, NULL, err);

    if (run)
        *run = strdup(tw_config_get(config, "output"));
    tw_config_free(config);
    if (rc)
        return rc;
    rc = tw_training_find_lr(out, training, NULL, err);
    tw_training_free(training);
    return rc;
}

static void test_the_rate_grows_and_the_loss_falls_and_explodes(void **state)
{
    tw_lr_curve curve;

    assert_ok(find(&curve, *state, OPTIONS({"optimizer", "sgd"}), 1, NULL, e));
    assert_true(curve.n >= 10 && curve.n <= 100);
    assert_true(fabs(curve.points[0].lr - 1e-7) < 1e-12);
    for (int i = 1; i < curve.n; i++)
        assert_true(fabs(curve.points[i].lr / curve.points[i - 1].lr - pow(1e8, 1.0 / 99)) < 1e-6);
    assert_true(fabs(curve.points[0].smoothed / curve.points[0].loss - 1) < 1e-12);
    assert_true(curve.suggestion > 1e-6 && curve.suggestion < curve.lowest);
    tw_lr_curve_free(&curve);
    assert_null(curve.points);
}

static void test_the_curve_is_the_same_on_any_number_of_threads(void **state)
{
    tw_lr_curve a, b;

    assert_ok(find(&a, *state, OPTIONS({"threads", "1"}), 1, NULL, e));
    assert_ok(find(&b, *state, OPTIONS({"threads", "4"}), 1, NULL, e));
    assert_int_equal(a.n, b.n);
    assert_memory_equal(a.points, b.points, (size_t)a.n * sizeof *a.points);
    assert_true(a.suggestion == b.suggestion);
    tw_lr_curve_free(&a);
    tw_lr_curve_free(&b);
}

static void test_the_folder_has_the_curve_and_no_model(void **state)
{
    tw_lr_curve curve;
    char *run, *text;
    size_t n;
    int n_lines = 0;

    assert_ok(find(&curve, *state, NULL, 0, &run, e));
    text = read_file(&n, run, "lr-find.csv");
    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    assert_int_equal(n_lines, curve.n + 1);
    assert_int_equal(strncmp(text, "lr,loss,smoothed\n1e-07,", 23), 0);
    assert_true(is_there(run, "config.json") && is_there(run, "log.jsonl"));
    assert_false(is_there(run, "model.safetensors") || is_there(run, "last.ckpt"));
    tw_free(text);
    free(run);
    tw_lr_curve_free(&curve);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_rate_grows_and_the_loss_falls_and_explodes),
        cmocka_unit_test(test_the_curve_is_the_same_on_any_number_of_threads),
        cmocka_unit_test(test_the_folder_has_the_curve_and_no_model),
    };

    return cmocka_run_group_tests_name("train/lr_find", tests, open_world, close_world);
}
