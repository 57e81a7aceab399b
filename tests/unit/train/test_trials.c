/* K-fold and sweeps: what they train, what they write, what they keep, what they doubt. */
#include "training_world.h"

#include <math.h>

static char *file_of(const tw_config *config, const char *name)
{
    size_t n;

    return read_file(&n, tw_config_get(config, "output"), name);
}

static int count_lines(const char *text)
{
    int n = 0;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}

/* A model file below the run's folder. */
static bool has_model(const tw_config *config, const char *trial)
{
    char *folder = path_in(tw_config_get(config, "output"), trial);
    bool there = is_there(folder, "model.safetensors") || is_there(folder, "last.ckpt");

    free(folder);
    return there;
}

static void test_each_picture_is_validated_once(void **state)
{
    tw_config *config = configure(*state, NULL, 0);
    tw_trials folds;
    double mean = 0.0;
    int64_t n_correct = 0;
    char *text;

    assert_ok(tw_training_kfold(&folds, config, 4, NULL, e));
    assert_int_equal(folds.n, 4);
    assert_int_equal(folds.n_pictures, N_TRAIN);
    assert_string_equal(folds.trials[1].name, "fold-2");
    assert_string_equal(folds.trials[1].settings, "fold=2/4");
    for (int i = 0; i < folds.n; i++) {
        mean += folds.trials[i].result.val_accuracy / 4;
        n_correct += lround(folds.trials[i].result.val_accuracy * N_TRAIN / 4);
        assert_false(has_model(config, folds.trials[i].name));
    }
    assert_true(fabs(mean - folds.mean_accuracy) < 1e-12);
    assert_int_equal(n_correct, folds.n_correct);
    text = file_of(config, "out-of-fold.csv");
    assert_int_equal(count_lines(text), N_TRAIN + 1);
    tw_free(text);
    text = file_of(config, "kfold.csv");
    assert_int_equal(count_lines(text), 5);
    assert_int_equal(strncmp(text,
                             "trial,settings,epoch,loss,accuracy,val_loss,val_accuracy\n"
                             "fold-1,fold=1/4,",
                             73),
                     0);
    tw_free(text);
    tw_trials_free(&folds);
    assert_null(folds.trials);
    tw_config_free(config);
}

/* A fold is the training that --fold makes, to the byte. */
static void test_a_fold_is_a_training_of_its_own(void **state)
{
    tw_config *config = configure(*state, NULL, 0);
    tw_trials folds;
    tw_training_result result;
    char *run, *folder, *one, *other;
    size_t n_one, n_other;

    assert_ok(tw_training_kfold(&folds, config, 3, NULL, e));
    run = train(&result, *state, OPTIONS({"fold", "2/3"}), 1);
    assert_true(result.val_loss == folds.trials[1].result.val_loss);
    folder = path_in(tw_config_get(config, "output"), "fold-2");
    one = read_file(&n_one, folder, "predictions.csv");
    other = read_file(&n_other, run, "predictions.csv");
    assert_int_equal(n_one, n_other);
    assert_memory_equal(one, other, n_one);
    tw_free(one);
    tw_free(other);
    free(folder);
    free(run);
    tw_trials_free(&folds);
    tw_config_free(config);
}

/* Two ants stand among the bees. Both are answered "ant"; doubted is the one whose probability is
 * not below what ants have on average. */
static void test_a_wrong_label_is_doubted(void **state)
{
    world *w = *state;
    char *pictures = path_in(w->folder, "doubt"), from[600], to[600];
    tw_config *config = configure(w, OPTIONS({"epochs", "20"}, {"lr", "0.01"}, {"top", ""}), 3);
    tw_trials folds;

    write_pictures_in(pictures, "train", 60, 5);
    for (int i = 0; i < 2; i++) {
        snprintf(from, sizeof from, "%s/train/ant/%03d.png", pictures, 3 * i);
        snprintf(to, sizeof to, "%s/train/bee/wrong-%d.png", pictures, i);
        assert_int_equal(rename(from, to), 0);
    }
    assert_ok(tw_config_set(config, "data", pictures, TW_FROM_FLAG, e));
    assert_ok(tw_training_kfold(&folds, config, 3, NULL, e));
    assert_int_equal(folds.n_pictures - folds.n_correct, 2);
    assert_int_equal(folds.n_suspects, 1);
    assert_non_null(strstr(folds.suspects[0].picture, "bee/wrong-"));
    assert_string_equal(folds.suspects[0].label, "bee");
    assert_string_equal(folds.suspects[0].predicted, "ant");
    assert_true(folds.suspects[0].p_predicted > folds.suspects[0].p_label);
    tw_trials_free(&folds);
    tw_config_free(config);
    free(pictures);
}

/* Every combination, the last option fastest; the best one alone keeps its model. */
static void test_a_sweep_keeps_the_best(void **state)
{
    static const char *const wanted[] = {"lr=0.0001, top=", "lr=0.0001, top=8 relu, dropout 0.25",
                                         "lr=0.02, top=", "lr=0.02, top=8 relu, dropout 0.25"};
    tw_config *config = configure(*state, NULL, 0);
    tw_trials sweep;
    char *text;

    assert_ok(tw_training_sweep(&sweep, config, "lr = 0.0001 | 0.02; top=|8 relu, dropout 0.25",
                                NULL, e));
    assert_int_equal(sweep.n, 4);
    for (int i = 0; i < 4; i++) {
        const tw_training_result *result = &sweep.trials[i].result,
                                 *best = &sweep.trials[sweep.best].result;
        assert_string_equal(sweep.trials[i].settings, wanted[i]);
        assert_true(best->val_accuracy >= result->val_accuracy);
        assert_true(has_model(config, sweep.trials[i].name) == (i == sweep.best));
    }
    assert_true(sweep.trials[sweep.best].result.val_accuracy > sweep.trials[0].result.val_accuracy);
    text = file_of(config, "sweep.csv");
    assert_int_equal(count_lines(text), 5);
    assert_non_null(strstr(text, "trial-2,\"lr=0.0001, top=8 relu, dropout 0.25\","));
    tw_free(text);
    tw_trials_free(&sweep);
    tw_config_free(config);
}

static void refuse(world *w, const char *axes, const char *sentence)
{
    tw_config *config = configure(w, NULL, 0);
    tw_trials sweep;

    assert_fails(TW_EUSAGE, sentence, tw_training_sweep(&sweep, config, axes, NULL, e));
    assert_int_equal(sweep.n, 0);
    assert_false(tw_path_exists(tw_config_get(config, "output")));
    tw_trials_free(&sweep);
    tw_config_free(config);
}

static void test_axes_that_are_none_are_refused(void **state)
{
    char long_axis[2048] = "lr=1";

    refuse(*state, "", "sweep: OPTION=VALUE|VALUE... is wanted, such as lr=0.001|0.01");
    refuse(*state, "lr", "sweep: 'lr' is not OPTION=VALUE|VALUE..., such as lr=0.001|0.01");
    refuse(*state, "lr=0.1,lr=0.2", "sweep: option lr is there twice");
    refuse(*state, "lr=0.1,learning-rate=0.2", "sweep: option lr is there twice");
    refuse(*state, "lrr=1", "unknown option 'lrr', did you mean lr");
    refuse(*state, "lr=1|abc", "option lr: 'abc' is not a number above 0");
    refuse(*state, "output=a|b", "sweep: option output is the same for all");
    refuse(*state, "lr=0.1| 0.1", "sweep: option lr has the value '0.1' twice");
    for (int i = 2; i <= 101; i++)
        snprintf(long_axis + strlen(long_axis), 8, "|%d", i);
    refuse(*state, long_axis, "sweep: option lr has more than 100 values");
    refuse(*state,
           "lr=1|2|3|4|5|6|7|8|9|10|11,epochs=1|2|3|4|5|6|7|8|9|10,batch-size=1|2|3|4|5|6|"
           "7|8|9|10",
           "sweep: more than 1000 combinations");
}

static void test_folds_that_are_none_are_refused(void **state)
{
    tw_config *config = configure(*state, OPTIONS({"fold", "1/2"}), 1);
    tw_trials folds;

    assert_fails(TW_EUSAGE, "1 folds: from 2 to 100",
                 tw_training_kfold(&folds, config, 1, NULL, e));
    assert_fails(TW_EUSAGE, "option fold has no effect with kfold, which does them all",
                 tw_training_kfold(&folds, config, 2, NULL, e));
    tw_config_free(config);
    assert_refused(*state, OPTIONS({"fold", "1/2"}, {"val-split", "0.5"}), 2, TW_EUSAGE,
                   "option val-split has no effect with fold");
    assert_refused(*state, OPTIONS({"fold", "1/99"}), 1, TW_EUSAGE, "99 folds of 60 pictures");
}

/* Without validation pictures there is nothing to choose by. */
static void test_a_sweep_wants_validation_pictures(void **state)
{
    tw_config *config = configure(*state, OPTIONS({"val-split", "0"}), 1);
    tw_trials sweep;
    tw_error err = {TW_OK, ""};

    assert_int_equal(tw_training_sweep(&sweep, config, "lr=0.1|0.2", NULL, &err), TW_EUSAGE);
    assert_non_null(strstr(err.text, ": no validation pictures to compare trainings by"));
    tw_trials_free(&sweep);
    tw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_picture_is_validated_once),
        cmocka_unit_test(test_a_fold_is_a_training_of_its_own),
        cmocka_unit_test(test_a_wrong_label_is_doubted),
        cmocka_unit_test(test_a_sweep_keeps_the_best),
        cmocka_unit_test(test_axes_that_are_none_are_refused),
        cmocka_unit_test(test_folds_that_are_none_are_refused),
        cmocka_unit_test(test_a_sweep_wants_validation_pictures),
    };

    return cmocka_run_group_tests_name("train/trials", tests, open_world, close_world);
}
