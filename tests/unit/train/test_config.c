/* Options: defaults, precedence, aliases, and the exact sentence of every refusal. */
#include "check.h"

#include "base/memory.h"
#include "train/train_int.h"

static tw_config *create(void)
{
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    return config;
}

static void set(tw_config *config, const char *name, const char *value, tw_source_rank source)
{
    assert_ok(tw_config_set(config, name, value, source, e));
}

static void assert_option(const tw_config *config, const char *name, const char *value)
{
    const char *text = tw_config_get(config, name);

    if (!value) {
        assert_null(text);
        return;
    }
    assert_non_null(text);
    assert_string_equal(text, value);
}

static char *write_file(void **state, const char *text)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/config.json", (char *)*state);
    assert_ok(tw_file_write(path, text, strlen(text), e));
    return path;
}

static void test_defaults_are_those_of_features(void **state)
{
    static const char *const expected[][2] = {
        {"recipe", "features"},
        {"cut", "block5_pool"},
        {"top", "256 relu, dropout 0.5"},
        {"optimizer", "adam"},
        {"lr", "0.001"},
        {"batch-size", "128"},
        {"epochs", "20"},
        {"scale-features", "auto"},
        {"select", "best"},
        {"val-split", "0.2"},
        {"split-seed", "42"},
        {"seed", "42"},
        {"stratify", "false"},
        {"cache", "auto"},
        {"cache-dtype", "fp32"},
        {"memory-limit", "512M"},
        {"backend", "cpu"},
        {"isa", "auto"},
        {"precision", "fp32"},
        {"overwrite", "false"},
        {"data", NULL},
        {"model", NULL},
        {"weights", NULL},
        {"preprocess", NULL},
        {"interpolation", NULL},
        {"limit", NULL},
        {"threads", NULL},
    };
    tw_config *config = create();

    (void)state;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_option(config, expected[i][0], expected[i][1]);
    tw_config_free(config);
}

static void test_every_default_is_a_value_of_its_option(void **state)
{
    tw_config *config = create();
    int n = 0;

    (void)state;
    for (const tw_option_info *info; (info = tw_config_option(n)); n++) {
        assert_non_null(info->help);
        if (info->value)
            set(config, info->name, info->value, TW_FROM_FLAG);
    }
    assert_int_equal(n, TW_N_OPTION);
    assert_null(tw_config_option(-1));
    tw_config_free(config);
}

static void test_weaker_source_never_overrides(void **state)
{
    tw_config *config = create();

    (void)state;
    set(config, "epochs", "3", TW_FROM_ENVIRONMENT);
    set(config, "epochs", "4", TW_FROM_FILE);
    assert_option(config, "epochs", "3");
    set(config, "epochs", "5", TW_FROM_FLAG);
    assert_option(config, "epochs", "5");
    set(config, "epochs", "6", TW_FROM_ENVIRONMENT);
    assert_option(config, "epochs", "5");
    set(config, "epochs", "7", TW_FROM_FLAG);
    assert_option(config, "epochs", "7");
    tw_config_free(config);
}

static void test_weaker_source_is_still_checked(void **state)
{
    tw_config *config = create();

    (void)state;
    set(config, "epochs", "3", TW_FROM_FLAG);
    assert_fails(TW_EUSAGE, "option epochs: '0' is not a whole number above 0",
                 tw_config_set(config, "epochs", "0", TW_FROM_FILE, e));
    tw_config_free(config);
}

static void test_aliases_become_canonical(void **state)
{
    tw_config *config = create();

    (void)state;
    set(config, "learning-rate", "0.5", TW_FROM_FLAG);
    set(config, "batch_size", "7", TW_FROM_FLAG);
    set(config, "validation-split", "0.25", TW_FROM_FLAG);
    assert_option(config, "lr", "0.5");
    assert_option(config, "batch", "7");
    assert_option(config, "val-split", "0.25");
    assert_string_equal(tw_config_canonical("learning_rate"), "lr");
    assert_string_equal(tw_config_canonical("lr"), "lr");
    assert_null(tw_config_canonical("nonsense"));
    assert_null(tw_config_get(config, "nonsense"));
    tw_config_free(config);
}

static void test_unknown_names_get_the_nearest(void **state)
{
    tw_config *config = create();

    (void)state;
    assert_fails(TW_EUSAGE, "unknown option 'epohcs', did you mean epochs",
                 tw_config_set(config, "epohcs", "1", TW_FROM_FLAG, e));
    assert_fails(TW_EUSAGE, "unknown option 'xyzzyplugh'",
                 tw_config_set(config, "xyzzyplugh", "1", TW_FROM_FLAG, e));
    tw_config_free(config);
}

static void test_refused_values(void **state)
{
    static const struct {
        const char *name, *value, *sentence;
    } cases[] = {
        {"epochs", "", "option epochs: '' is not a whole number above 0"},
        {"epochs", "2.5", "option epochs: '2.5' is not a whole number above 0"},
        {"limit", "-1", "option limit: '-1' is not a whole number above 0"},
        {"batch-size", "65537", "option batch-size: '65537' is not a whole number from 1 to 65536"},
        {"threads", "0", "option threads: '0' is not a whole number from 1 to 1024"},
        {"seed", "-3", "option seed: '-3' is not a whole number from 0 to 9223372036854775807"},
        {"split-seed", "4294967296",
         "option split-seed: '4294967296' is not a whole number from 0 to 4294967295"},
        {"lr", "0", "option lr: '0' is not a number above 0"},
        {"lr", "nan", "option lr: 'nan' is not a number above 0"},
        {"decay", "-1e-6", "option decay: '-1e-6' is not a number of at least 0"},
        {"momentum", "1", "option momentum: '1' is not a number of at least 0 and below 1"},
        {"val-split", "1", "option val-split: '1' is not a number of at least 0 and below 1"},
        {"memory-limit", "0", "option memory-limit: '0' is not a size above 0 such as 512M"},
        {"cache-budget", "5X", "option cache-budget: '5X' is not a size above 0 such as 512M"},
        {"nesterov", "maybe", "option nesterov: 'maybe' is not true or false"},
        {"clip-norm", "0", "option clip-norm: '0' is not a number above 0"},
        {"weight-decay", "-1", "option weight-decay: '-1' is not a number of at least 0"},
        {"lr-factor", "1", "option lr-factor: '1' is not a number of at least 0 and below 1"},
        {"patience", "0", "option patience: '0' is not a whole number above 0"},
        {"schedule", "cosin",
         "option schedule: 'cosin' is none of constant, step, cosine, one-cycle, plateau; did you "
         "mean cosine"},
        {"class-weight", "balance",
         "option class-weight: 'balance' is none of none, balanced; did you mean balanced"},
        {"optimizer", "adm",
         "option optimizer: 'adm' is none of adam, adamw, sgd, lbfgs; did you mean adam"},
        {"recipe", "finetuned",
         "option recipe: 'finetuned' is none of features, finetune, scratch; did you mean "
         "finetune"},
        {"select", "zzzzzzzz", "option select: 'zzzzzzzz' is none of best, last"},
        {"preprocess", "cafe",
         "option preprocess: 'cafe' is none of none, caffe, tf, torch, lite; did you mean caffe"},
        {"interpolation", "cubc",
         "option interpolation: 'cubc' is none of cubic, cubic-float, bilinear, nearest, "
         "bilinear-aa, area, cubic-aa; did you "
         "mean cubic"},
        {"cache", "offf", "option cache: 'offf' is none of auto, on, off; did you mean off"},
    };
    tw_config *config = create();

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fails(TW_EUSAGE, cases[i].sentence,
                     tw_config_set(config, cases[i].name, cases[i].value, TW_FROM_FLAG, e));
    tw_config_free(config);
}

static void test_file_is_read(void **state)
{
    tw_config *config = create();
    const char *path = write_file(state, "{\"epochs\": 3, \"lr\": 0.3, \"stratify\": true,\n"
                                         " \"optimizer\": \"sgd\", \"data\": \"x\"}");

    set(config, "lr", "0.7", TW_FROM_FLAG);
    assert_ok(tw_config_read(config, path, e));
    assert_option(config, "epochs", "3");
    assert_option(config, "lr", "0.7");
    assert_option(config, "stratify", "true");
    assert_option(config, "optimizer", "sgd");
    assert_option(config, "data", "x");
    tw_config_free(config);
}

static void test_numbers_of_a_file_keep_their_digits(void **state)
{
    tw_config *config = create();

    assert_ok(tw_config_read(
        config, write_file(state, "{\"lr\": 1e-4, \"val-split\": 0.30, \"decay\": 1e-06}"), e));
    assert_option(config, "lr", "0.0001");
    assert_option(config, "val-split", "0.3");
    assert_option(config, "decay", "1e-06");
    tw_config_free(config);
}

static void assert_file_fails(void **state, const char *text, tw_status status, const char *why)
{
    tw_config *config = create();
    const char *path = write_file(state, text);
    char sentence[512];

    snprintf(sentence, sizeof sentence, "%s: %s", path, why);
    assert_fails(status, sentence, tw_config_read(config, path, e));
    tw_config_free(config);
}

static void test_files_that_are_refused(void **state)
{
    assert_file_fails(state, "[]", TW_EFILE, "a configuration is a JSON object");
    assert_file_fails(state, "{\"epoch-count\": 3}", TW_EUSAGE, "unknown option 'epoch-count'");
    assert_file_fails(state, "{\"epohcs\": 3}", TW_EUSAGE,
                      "unknown option 'epohcs', did you mean epochs");
    assert_file_fails(state, "{\"epochs\": 0}", TW_EUSAGE,
                      "option epochs: '0' is not a whole number above 0");
    assert_file_fails(state, "{\"epochs\": null}", TW_EUSAGE,
                      "option epochs: neither text nor number nor true or false");
    assert_file_fails(state, "{\"lr\": 1, \"learning-rate\": 2}", TW_EUSAGE,
                      "option lr is there twice");
}

static void test_missing_file_is_refused(void **state)
{
    tw_config *config = create();

    (void)state;
    assert_int_equal(tw_config_read(config, "/nowhere/config.json", NULL), TW_EFILE);
    tw_config_free(config);
}

static void test_environment_is_read(void **state)
{
    tw_config *config = create();

    (void)state;
    setenv("TOPWORK_BATCH_SIZE", "9", 1);
    setenv("TOPWORK_LR", "0.5", 1);
    set(config, "lr", "0.25", TW_FROM_FLAG);
    set(config, "batch-size", "8", TW_FROM_FILE);
    assert_ok(tw_config_read_environment(config, e));
    assert_option(config, "batch-size", "9");
    assert_option(config, "lr", "0.25");
    setenv("TOPWORK_LR", "fast", 1);
    assert_fails(TW_EUSAGE, "TOPWORK_LR: option lr: 'fast' is not a number above 0",
                 tw_config_read_environment(config, e));
    unsetenv("TOPWORK_BATCH_SIZE");
    unsetenv("TOPWORK_LR");
    tw_config_free(config);
}

/* Sets up to three options by flag and says which sentence the check gives. */
static void assert_effect(const char *const flags[][2], int n, bool own_val, const char *sentence)
{
    tw_config *config = create();

    for (int i = 0; i < n; i++)
        set(config, flags[i][0], flags[i][1], TW_FROM_FLAG);
    if (sentence)
        assert_fails(TW_EUSAGE, sentence, tw_train__config_check(config, own_val, e));
    else
        assert_ok(tw_train__config_check(config, own_val, e));
    tw_config_free(config);
}

#define FLAGS(...) ((const char *const[][2]){__VA_ARGS__})

static void test_flags_without_effect_are_named(void **state)
{
    (void)state;
    assert_effect(FLAGS({"momentum", "0.9"}), 1, false,
                  "option momentum has no effect with optimizer adam");
    assert_effect(FLAGS({"nesterov", "true"}), 1, false,
                  "option nesterov has no effect with optimizer adam");
    assert_effect(FLAGS({"nesterov", "true"}, {"optimizer", "sgd"}), 2, false,
                  "option nesterov has no effect without momentum");
    assert_effect(FLAGS({"cache", "off"}, {"cache-dir", "/x"}), 2, false,
                  "option cache-dir has no effect with cache off");
    assert_effect(FLAGS({"cache", "off"}, {"cache-budget", "1G"}), 2, false,
                  "option cache-budget has no effect with cache off");
    assert_effect(FLAGS({"cache", "off"}, {"cache-dtype", "bf16"}), 2, false, NULL);
    assert_effect(FLAGS({"backend", "ref"}, {"isa", "avx2"}), 2, false,
                  "option isa has no effect with backend ref");
    assert_effect(FLAGS({"val-split", "0"}, {"split-seed", "1"}), 2, false,
                  "option split-seed has no effect with val-split 0");
    assert_effect(FLAGS({"val-split", "0"}, {"select", "best"}), 2, false,
                  "option select has no effect with val-split 0");
    assert_effect(FLAGS({"stratify", "true"}), 1, true,
                  "option stratify has no effect on data with validation pictures of its own, "
                  "unless val-split is given");
}

static void test_flags_of_other_schedules_are_named(void **state)
{
    (void)state;
    assert_effect(FLAGS({"lr-step", "2"}), 1, false,
                  "option lr-step has no effect without schedule step");
    assert_effect(FLAGS({"schedule", "plateau"}, {"lr-step", "2"}), 2, false,
                  "option lr-step has no effect without schedule step");
    assert_effect(FLAGS({"schedule", "step"}, {"lr-patience", "2"}), 2, false,
                  "option lr-patience has no effect without schedule plateau");
    assert_effect(FLAGS({"schedule", "cosine"}, {"lr-factor", "0.5"}), 2, false,
                  "option lr-factor has no effect without schedule step or plateau");
    assert_effect(FLAGS({"schedule", "one-cycle"}, {"warmup", "1"}), 2, false,
                  "option warmup has no effect with schedule one-cycle, which has a warm-up of its "
                  "own");
    assert_effect(FLAGS({"schedule", "step"}, {"lr-step", "2"}, {"lr-factor", "0.5"}), 3, false,
                  NULL);
    assert_effect(FLAGS({"schedule", "plateau"}, {"lr-patience", "2"}, {"lr-factor", "0.5"}), 3,
                  false, NULL);
}

static void test_a_warmup_longer_than_the_training_is_refused(void **state)
{
    tw_config *config = create();

    (void)state;
    assert_effect(FLAGS({"warmup", "2.5"}, {"epochs", "2"}), 2, false,
                  "option warmup: 2.5 epochs are more than the 2 of the training");
    assert_effect(FLAGS({"warmup", "1e30"}, {"schedule", "cosine"}), 2, false,
                  "option warmup: 1e30 epochs are more than the 20 of the training");
    assert_effect(FLAGS({"warmup", "2"}, {"epochs", "2"}), 2, false, NULL);
    set(config, "warmup", "21", TW_FROM_FILE);
    assert_fails(TW_EUSAGE, "option warmup: 21 epochs are more than the 20 of the training",
                 tw_train__config_check(config, false, e));
    set(config, "schedule", "one-cycle", TW_FROM_FILE);
    assert_ok(tw_train__config_check(config, false, e));
    tw_config_free(config);
}

static void test_patience_needs_validation(void **state)
{
    (void)state;
    assert_effect(FLAGS({"patience", "3"}, {"val-split", "0"}), 2, false,
                  "option patience has no effect with val-split 0");
    assert_effect(FLAGS({"patience", "3"}), 1, false, NULL);
    assert_effect(FLAGS({"patience", "3"}), 1, true, NULL);
    assert_effect(FLAGS({"optimizer", "adamw"}, {"momentum", "0.9"}), 2, false,
                  "option momentum has no effect with optimizer adamw");
}

static void test_flags_with_effect_pass(void **state)
{
    (void)state;
    assert_effect(FLAGS({"momentum", "0.9"}, {"optimizer", "sgd"}, {"nesterov", "true"}), 3, false,
                  NULL);
    assert_effect(FLAGS({"stratify", "true"}, {"select", "last"}), 2, false, NULL);
    assert_effect(FLAGS({"select", "last"}), 1, true, NULL);
}

static void test_effect_is_asked_of_flags_only(void **state)
{
    tw_config *config = create();

    (void)state;
    set(config, "momentum", "0.9", TW_FROM_FILE);
    set(config, "nesterov", "true", TW_FROM_ENVIRONMENT);
    assert_ok(tw_train__config_check(config, false, e));
    tw_config_free(config);
}

static void test_effective_config_is_enough_to_repeat(void **state)
{
    tw_config *config = create(), *again = create();
    tw_json *json, *repeated;
    char *text, *text_again;

    set(config, "data", "pictures", TW_FROM_FLAG);
    set(config, "lr", "3e-4", TW_FROM_FLAG);
    set(config, "optimizer", "sgd", TW_FROM_ENVIRONMENT);
    set(config, "momentum", "0.9", TW_FROM_FILE);
    set(config, "nesterov", "true", TW_FROM_FILE);
    set(config, "cache-budget", "3G", TW_FROM_FLAG);
    set(config, "threads", "2", TW_FROM_FLAG);
    set(config, "seed", "9223372036854775807", TW_FROM_FLAG);
    json = tw_train__config_json(config, false);
    text = tw_json_dump(json, 2);
    assert_ok(tw_config_read(again, write_file(state, text), e));
    repeated = tw_train__config_json(again, false);
    text_again = tw_json_dump(repeated, 2);
    assert_string_equal(text_again, text);
    assert_option(again, "cache-budget", "3G");
    assert_option(again, "seed", "9223372036854775807");
    tw_free(text_again);
    tw_json_free(repeated);
    tw_free(text);
    tw_json_free(json);
    tw_config_free(config);
    tw_config_free(again);
}

static void test_effective_config_leaves_out_what_has_no_effect(void **state)
{
    tw_config *config = create();
    tw_json *json;

    (void)state;
    set(config, "output", "run", TW_FROM_FLAG);
    set(config, "overwrite", "true", TW_FROM_FLAG);
    json = tw_train__config_json(config, true);
    assert_null(tw_json_get(json, "output"));
    assert_null(tw_json_get(json, "overwrite"));
    assert_null(tw_json_get(json, "momentum"));
    assert_null(tw_json_get(json, "val-split"));
    assert_null(tw_json_get(json, "split-seed"));
    assert_null(tw_json_get(json, "limit"));
    assert_non_null(tw_json_get(json, "epochs"));
    tw_json_free(json);
    tw_config_free(config);
}

static void test_copy_is_its_own(void **state)
{
    tw_config *config = create(), *copy;

    (void)state;
    set(config, "epochs", "3", TW_FROM_ENVIRONMENT);
    assert_ok(tw_train__config_copy(&copy, config, e));
    tw_config_free(config);
    assert_option(copy, "epochs", "3");
    assert_int_equal(tw_train__rank(copy, TW_OPTION_EPOCHS), TW_FROM_ENVIRONMENT);
    tw_config_free(copy);
}

/* The tutorial's first recipe, number by number. */
static void test_example_is_the_tutorial(void **state)
{
    static const char *const expected[][2] = {
        {"model", "vgg16"},
        {"cut", "block5_pool"},
        {"interpolation", "cubic"},
        {"preprocess", "none"},
        {"top",
         "1000 relu uniform, dropout 0.3, 500 sigmoid, dropout 0.4, 150 sigmoid, dropout 0.2"},
        {"scale-features", "none"},
        {"val-split", "0.3"},
        {"split-seed", "42"},
        {"stratify", "false"},
        {"optimizer", "adam"},
        {"lr", "0.001"},
        {"epochs", "20"},
        {"batch-size", "128"},
        {"select", "last"},
    };
    tw_config *config = create();

    (void)state;
    assert_ok(tw_config_read(config, TW_TEST_DATA "/../../examples/mnist-features.json", e));
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
        assert_option(config, expected[i][0], expected[i][1]);
    tw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults_are_those_of_features),
        cmocka_unit_test(test_every_default_is_a_value_of_its_option),
        cmocka_unit_test(test_weaker_source_never_overrides),
        cmocka_unit_test(test_weaker_source_is_still_checked),
        cmocka_unit_test(test_aliases_become_canonical),
        cmocka_unit_test(test_unknown_names_get_the_nearest),
        cmocka_unit_test(test_refused_values),
        cmocka_unit_test(test_file_is_read),
        cmocka_unit_test(test_numbers_of_a_file_keep_their_digits),
        cmocka_unit_test(test_files_that_are_refused),
        cmocka_unit_test(test_missing_file_is_refused),
        cmocka_unit_test(test_environment_is_read),
        cmocka_unit_test(test_flags_without_effect_are_named),
        cmocka_unit_test(test_flags_of_other_schedules_are_named),
        cmocka_unit_test(test_a_warmup_longer_than_the_training_is_refused),
        cmocka_unit_test(test_patience_needs_validation),
        cmocka_unit_test(test_flags_with_effect_pass),
        cmocka_unit_test(test_effect_is_asked_of_flags_only),
        cmocka_unit_test(test_effective_config_is_enough_to_repeat),
        cmocka_unit_test(test_effective_config_leaves_out_what_has_no_effect),
        cmocka_unit_test(test_copy_is_its_own),
        cmocka_unit_test(test_example_is_the_tutorial),
    };

    return cmocka_run_group_tests_name("train/config", tests, check_make_folder,
                                       check_remove_folder);
}
