/* Which epoch becomes the model, and the file that keeps its parameters. */
#include "check.h"

#include "base/memory.h"
#include "train/train_int.h"

#include <math.h>

/* Two nodes behind an input: a kernel of six numbers with a bias of two, nothing, a kernel. */
static float kernel[6], bias[2], kernel_2[3];
static tw_node_weights weights[4];
static float *data[4][2] = {{NULL, NULL}, {kernel, bias}, {NULL, NULL}, {kernel_2, NULL}};
static int64_t size[4][2] = {{0, 0}, {6, 2}, {0, 0}, {3, 0}};
static const tw_trained trained = {4, weights, data, size, 11, NULL};

static void fill(float first)
{
    for (int i = 0; i < 6; i++)
        kernel[i] = first + (float)i;
    for (int i = 0; i < 2; i++)
        bias[i] = -first - (float)i;
    for (int i = 0; i < 3; i++)
        kernel_2[i] = first * 0.5f + (float)i;
}

static const tw_best none_yet = {.epoch.epoch = 3};

static char *path_in(void **state, const char *name)
{
    return tw_path_join(*state, name);
}

static tw_epoch figures(int epoch, double accuracy, double loss)
{
    return (tw_epoch){.epoch = epoch, .val_accuracy = accuracy, .val_loss = loss};
}

static bool is_better(tw_epoch epoch, tw_epoch best)
{
    return tw_train__is_better(&epoch, &best);
}

static void test_the_first_epoch_is_the_best_so_far(void **state)
{
    (void)state;
    assert_true(is_better(figures(1, 0.0, 9.0), (tw_epoch){0}));
    assert_true(is_better(figures(1, (double)NAN, (double)NAN), (tw_epoch){0}));
}

static void test_accuracy_decides_first(void **state)
{
    (void)state;
    assert_true(is_better(figures(2, 0.8, 5.0), figures(1, 0.7, 1.0)));
    assert_false(is_better(figures(2, 0.7, 0.1), figures(1, 0.8, 5.0)));
}

static void test_loss_decides_among_equal_accuracies(void **state)
{
    (void)state;
    assert_true(is_better(figures(2, 0.8, 0.9), figures(1, 0.8, 1.0)));
    assert_false(is_better(figures(2, 0.8, 1.1), figures(1, 0.8, 1.0)));
}

static void test_the_earlier_epoch_wins_a_tie(void **state)
{
    (void)state;
    assert_false(is_better(figures(2, 0.8, 1.0), figures(1, 0.8, 1.0)));
}

static void test_parameters_come_back_bit_for_bit(void **state)
{
    tw_best best = none_yet;

    fill(0.1f);
    kernel[3] = -0.0f;
    assert_ok(tw_train__best_write(&best, &trained, *state, e));
    assert_true(best.on_disk);
    fill(7.0f);
    assert_ok(tw_train__best_read(&best, &trained, *state, e));
    assert_true(kernel[0] == 0.1f && kernel[5] == 0.1f + 5.0f && bias[1] == -0.1f - 1.0f);
    assert_true(kernel[3] == 0.0f && signbit(kernel[3]));
    assert_true(kernel_2[2] == 0.1f * 0.5f + 2.0f);
}

static void test_a_later_write_replaces_the_file(void **state)
{
    char *path = path_in(state, "best-3.params");
    tw_best best = none_yet;

    fill(1.0f);
    assert_ok(tw_train__best_write(&best, &trained, *state, e));
    fill(2.0f);
    assert_ok(tw_train__best_write(&best, &trained, *state, e));
    assert_int_equal(tw_path_size(path), 11 * sizeof(float));
    fill(3.0f);
    assert_ok(tw_train__best_read(&best, &trained, *state, e));
    assert_true(kernel[0] == 2.0f);
    tw_free(path);
}

static void test_a_changed_file_is_found(void **state)
{
    char *path = path_in(state, "best-3.params");
    tw_best best = none_yet;
    char sentence[320];
    float wrong[11] = {0};

    fill(1.0f);
    assert_ok(tw_train__best_write(&best, &trained, *state, e));
    assert_ok(tw_file_write(path, wrong, sizeof wrong, e));
    snprintf(sentence, sizeof sentence, "%s: not what was written there after epoch 3", path);
    assert_fails(TW_EFILE, sentence, tw_train__best_read(&best, &trained, *state, e));
    tw_free(path);
}

static void test_a_short_file_is_found(void **state)
{
    char *path = path_in(state, "best-3.params");
    tw_best best = none_yet;

    fill(1.0f);
    assert_ok(tw_train__best_write(&best, &trained, *state, e));
    assert_ok(tw_file_write(path, kernel, sizeof kernel, e));
    assert_int_equal(tw_train__best_read(&best, &trained, *state, NULL), TW_EFILE);
    tw_free(path);
}

static void test_frozen_layers_are_not_in_the_file(void **state)
{
    float *some[4][2] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}, {kernel_2, NULL}};
    const tw_trained part = {4, weights, some, size, 3, NULL};
    char *path = path_in(state, "best-3.params");
    tw_best best = none_yet;

    assert_ok(tw_train__best_write(&best, &part, *state, e));
    assert_int_equal(tw_path_size(path), 3 * sizeof(float));
    tw_free(path);
}

static void test_its_name_tells_the_epoch(void **state)
{
    (void)state;
    assert_int_equal(tw_train__best_epoch_of("best-3.params"), 3);
    assert_int_equal(tw_train__best_epoch_of("best-120.params"), 120);
    assert_int_equal(tw_train__best_epoch_of("best-.params"), -1);
    assert_int_equal(tw_train__best_epoch_of("best-3.params.tmp-7"), -1);
    assert_int_equal(tw_train__best_epoch_of("best-x.params"), -1);
    assert_int_equal(tw_train__best_epoch_of("model.safetensors"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_epoch_is_the_best_so_far),
        cmocka_unit_test(test_accuracy_decides_first),
        cmocka_unit_test(test_loss_decides_among_equal_accuracies),
        cmocka_unit_test(test_the_earlier_epoch_wins_a_tie),
        cmocka_unit_test(test_parameters_come_back_bit_for_bit),
        cmocka_unit_test(test_a_later_write_replaces_the_file),
        cmocka_unit_test(test_a_changed_file_is_found),
        cmocka_unit_test(test_a_short_file_is_found),
        cmocka_unit_test(test_frozen_layers_are_not_in_the_file),
        cmocka_unit_test(test_its_name_tells_the_epoch),
    };

    return cmocka_run_group_tests_name("train/select", tests, check_make_folder,
                                       check_remove_folder);
}
