/* Fine-tuning in miniature: which layers are trained and how fast, that the frozen ones do not
 * move, and that neither threads nor cache nor memory change a byte.
 *
 *     0 input_1  1 conv1  2 pool1  3 conv2  4 pool2  5 flatten  6 old (the classes, cut off) */
#include "training_world.h"

#include <math.h>

/* The last convolution and a new top, with momentum and dropout. */
#define FINETUNE                                                                        \
    {"recipe", "finetune"}, {"freeze", "3"}, {"optimizer", "sgd"}, {"momentum", "0.9"}, \
    {                                                                                   \
        "lr", "0.01"                                                                    \
    }
#define ONE_PHASE            \
    FINETUNE,                \
    {                        \
        "freeze-epochs", "0" \
    }

enum { N_FINETUNE = 5, N_ONE_PHASE = 6 };

/* "FFFTTT": frozen or trained, layer by layer. */
static void assert_frozen(world *w, const char *const (*more)[2], int n, const char *expected,
                          int boundary)
{
    tw_training *training = open_training(w, more, n);
    const tw_training_plan *plan = tw_training_get_plan(training);
    char found[32] = "";

    for (int i = 0; i < plan->n_layers; i++)
        found[i] = plan->layers[i].frozen ? 'F' : 'T';
    assert_string_equal(found, expected);
    assert_int_equal(training->boundary, boundary);
    tw_training_free(training);
}

/* ---- which layers */

static void test_freeze_takes_the_first_layers(void **state)
{
    /* the pool behind a frozen convolution runs once a picture, too */
    assert_frozen(*state, OPTIONS({"freeze", "0"}), 1, "FTTTTTTTT", 0);
    assert_frozen(*state, OPTIONS({"freeze", "2"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"freeze", "3"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"freeze", "5"}), 1, "FFFFFTTTT", 4);
    assert_refused(*state, OPTIONS({"freeze", "6"}), 1, TW_EUSAGE,
                   "freeze 6: the network has 5 layers before the new top");
}

static void test_unfreeze_from_takes_names_and_numbers(void **state)
{
    assert_frozen(*state, OPTIONS({"unfreeze-from", "conv2"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "3"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "-2"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "conv1"}), 1, "FTTTTTTTT", 0);
    assert_refused(*state, OPTIONS({"unfreeze-from", "conv3"}), 1, TW_EUSAGE,
                   "unknown layer \"conv3\", did you mean \"conv1\"");
}

static void test_freeze_only_takes_a_pattern(void **state)
{
    assert_frozen(*state, OPTIONS({"freeze-only", "conv1"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"freeze-only", "conv2"}), 1, "FTTFTTTTT", 0);
    assert_frozen(*state, OPTIONS({"freeze-only", "conv*"}), 1, "FFFFFTTTT", 4);
    assert_refused(*state, OPTIONS({"freeze-only", "block*"}), 1, TW_EUSAGE,
                   "freeze-only: no layer with parameters is called like 'block*', "
                   "there are conv1 to conv2");
}

static void test_finetune_trains_the_last_block(void **state)
{
    assert_frozen(*state, OPTIONS({"recipe", "finetune"}), 1, "FFFTTTTTT", 2);
    assert_frozen(*state, OPTIONS({"recipe", "features"}), 1, "FFFFFTTTT", 4);
    assert_frozen(*state, OPTIONS({"recipe", "scratch"}), 1, "FTTTTTTTT", 0);
}

static void test_the_cut_is_before_the_classes_unless_told(void **state)
{
    world *w = *state;
    tw_config *config;
    tw_training *training;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", w->data, TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "model", w->model, TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "cache-dir", w->cache, TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "freeze", "3", TW_FROM_FLAG, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_string_equal(tw_training_get_option(training, "cut"), "flatten");
    assert_string_equal(tw_training_get_option(training, "recipe"), "finetune");
    assert_string_equal(tw_training_get_option(training, "freeze-epochs"), "0");
    assert_string_equal(tw_training_get_option(training, "backbone-lr-mult"), "1");
    assert_string_equal(tw_training_get_option(training, "top"), "");
    assert_string_equal(tw_training_get_option(training, "optimizer"), "sgd");
    assert_string_equal(tw_training_get_option(training, "batch-size"), "16");
    tw_training_free(training);
    tw_config_free(config);
}

static void test_the_plan_tells_each_layers_rate(void **state)
{
    tw_training *training =
        open_training(*state,
                      OPTIONS({"freeze", "0"}, {"lr", "0.1"}, {"backbone-lr-mult", "0.5"},
                              {"layer-decay", "0.25"}),
                      4);
    const tw_layer_info *layers = tw_training_get_plan(training)->layers;

    assert_true(fabs(layers[1].lr - 0.1 * 0.5 * 0.25 * 0.25) < 1e-12);
    assert_true(layers[2].lr == 0.0); /* a pool */
    assert_true(fabs(layers[3].lr - 0.1 * 0.5 * 0.25) < 1e-12);
    assert_true(fabs(layers[6].lr - 0.1) < 1e-12);
    assert_true(tw_training_get_plan(training)->n_trained > 0);
    tw_training_free(training);
}

static void test_what_belongs_to_another_recipe_is_refused(void **state)
{
    assert_refused(*state, OPTIONS({"recipe", "features"}, {"freeze", "3"}), 2, TW_EUSAGE,
                   "option freeze has no effect with this recipe, it belongs to finetune");
    assert_refused(*state, OPTIONS({"recipe", "scratch"}, {"layer-decay", "0.5"}), 2, TW_EUSAGE,
                   "option layer-decay has no effect with this recipe, it belongs to finetune");
    assert_refused(*state, OPTIONS({"freeze", "3"}, {"unfreeze-from", "conv2"}), 2, TW_EUSAGE,
                   "option freeze has no effect beside unfreeze-from");
    assert_refused(*state, OPTIONS({"freeze", "3"}, {"scale-features", "auto"}), 2, TW_EUSAGE,
                   "option scale-features has no effect with recipe finetune: the layers it begins "
                   "with know their scale");
    assert_refused(*state, OPTIONS({"freeze", "3"}, {"init-missing", "he_normal"}), 2, TW_EUSAGE,
                   "option init-missing has no effect: no layer lacks its weights");
}

/* ---- what is trained */

static bool is_layer_equal(const tw_model *a, const tw_model *b, int node)
{
    char x[65], y[65];

    assert_ok(tw_model_hash_node(x, a, node, e));
    assert_ok(tw_model_hash_node(y, b, node, e));
    return !strcmp(x, y);
}

/* "==!": the layers with parameters of the network, as they were or not. */
static void assert_moved(world *w, const char *const (*more)[2], int n, bool conv1, bool conv2,
                         int n_unchanged)
{
    tw_training_result result;
    char *run = train(&result, w, more, n);
    tw_model *before, *after = open_saved(run);

    assert_ok(tw_model_open(&before, w->model, NULL, NULL, 0, e));
    assert_int_equal(!is_layer_equal(before, after, 1), conv1);
    assert_int_equal(!is_layer_equal(before, after, 3), conv2);
    assert_int_equal(result.n_unchanged, n_unchanged);
    assert_int_equal(!after->frozen[1], conv1);
    assert_int_equal(!after->frozen[3], conv2);
    tw_model_free(before);
    tw_model_free(after);
    free(run);
}

static void test_frozen_layers_stay_and_others_move(void **state)
{
    assert_moved(*state, OPTIONS(ONE_PHASE), N_ONE_PHASE, false, true, 1);
    assert_moved(*state, OPTIONS({"recipe", "features"}), 1, false, false, 2);
    assert_moved(*state, OPTIONS({"freeze", "0"}), 1, true, true, 0);
    /* a frozen layer among trained ones */
    assert_moved(*state, OPTIONS({"freeze-only", "conv2"}), 1, true, false, 1);
}

static void test_a_saved_model_reads_as_it_was_trained(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(ONE_PHASE), N_ONE_PHASE);
    tw_model *model = open_saved(run);

    assert_ok(tw_model_check_weights(model, e));
    assert_int_equal(tw_model_class_count(model), TINY_CLASSES);
    for (int i = 1; i < model->graph->n; i++)
        assert_int_equal(model->graph->nodes[i].inputs[0], i - 1);
    tw_model_free(model);
    free(run);
}

static void test_the_top_alone_learns_first(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *run = train(&result, w,
                      OPTIONS(FINETUNE, {"freeze-epochs", "2"}, {"epochs", "1"}, {"lr", "1e-6"}),
                      N_FINETUNE + 3);
    size_t n;
    char *history = read_file(&n, run, "history.csv");
    int n_lines = 0;

    for (size_t i = 0; i < n; i++)
        n_lines += history[i] == '\n';
    assert_int_equal(n_lines, 1 + 3);
    assert_int_equal(result.n_unchanged, 1);
    tw_free(history);
    free(run);
}

static void test_it_learns(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state,
                      OPTIONS({"freeze", "3"}, {"epochs", "20"}, {"lr", "0.005"},
                              {"optimizer", "adam"}, {"seed", "3"}),
                      5);

    assert_true(result.val_accuracy > 0.9);
    free(run);
    run = train(
        &result, *state,
        OPTIONS({"recipe", "scratch"}, {"epochs", "20"}, {"lr", "0.005"}, {"top", "8 relu"}), 4);
    assert_true(result.val_accuracy > 0.9);
    assert_int_equal(result.n_trunk, 0);
    free(run);
}

/* ---- what changes nothing */

static void assert_same(world *w, const char *const (*a)[2], int n_a, const char *const (*b)[2],
                        int n_b)
{
    tw_training_result first, second;
    char *x = train(&first, w, a, n_a), *y = train(&second, w, b, n_b);

    assert_same_run(x, y);
    free(x);
    free(y);
}

#define PLAIN OPTIONS(ONE_PHASE), N_ONE_PHASE
#define WITH(...) OPTIONS(ONE_PHASE, __VA_ARGS__), N_ONE_PHASE + 1

static void test_threads_change_nothing(void **state)
{
    assert_same(*state, PLAIN, WITH({"threads", "1"}));
    assert_same(*state, PLAIN, WITH({"threads", "2"}));
    assert_same(*state, PLAIN, WITH({"threads", "4"}));
}

static void test_the_curve_is_that_without_a_cache(void **state)
{
    assert_same(*state, WITH({"cache", "on"}), WITH({"cache", "off"}));
    assert_same(*state, OPTIONS({"freeze-only", "conv1"}), 1,
                OPTIONS({"freeze-only", "conv1"}, {"cache", "off"}), 2);
}

static void test_memory_changes_nothing(void **state)
{
    assert_same(*state, PLAIN, WITH({"memory-limit", "64M"}));
}

static void test_clipping_by_a_large_norm_changes_nothing(void **state)
{
    assert_same(*state, PLAIN, WITH({"clip-norm", "1e6"}));
}

static void test_clipped_runs_do_not_depend_on_threads(void **state)
{
    assert_same(*state, OPTIONS(ONE_PHASE, {"clip-norm", "0.5"}, {"threads", "1"}), N_ONE_PHASE + 2,
                OPTIONS(ONE_PHASE, {"clip-norm", "0.5"}, {"threads", "4"}), N_ONE_PHASE + 2);
}

static void test_scratch_does_not_depend_on_threads(void **state)
{
    assert_same(*state, OPTIONS({"recipe", "scratch"}, {"threads", "1"}), 2,
                OPTIONS({"recipe", "scratch"}, {"threads", "4"}), 2);
}

static void test_runs_share_the_cache_up_to_the_boundary(void **state)
{
    tw_training_result result;

    free(train(&result, *state, OPTIONS(ONE_PHASE), N_ONE_PHASE));
    free(train(&result, *state,
               OPTIONS({"freeze", "2"}, {"top", "4 relu"}, {"seed", "9"}, {"lr", "0.5"}), 4));
    assert_int_equal(result.n_trunk, 0);
}

static void test_evaluation_of_the_saved_model_is_validation(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *run = train(&result, w, OPTIONS(ONE_PHASE), N_ONE_PHASE);
    tw_model *model = open_saved(run);
    tw_dataset *data;
    tw_evaluation evaluation;
    const tw_cache_options cache = {.dir = w->cache};

    assert_ok(tw_run_open_part(&data, run, w->data, TW_PART_VAL, e));
    assert_ok(tw_evaluate(&evaluation, model, data, NULL, NULL, &cache, NULL, e));
    assert_true(evaluation.loss == result.val_loss);
    assert_true(evaluation.accuracy == result.val_accuracy);
    tw_evaluation_free(&evaluation);
    tw_dataset_free(data);
    tw_model_free(model);
    free(run);
}

static void test_both_backends_learn_the_same(void **state)
{
    tw_training_result cpu, ref;

    free(train(&cpu, *state, OPTIONS(ONE_PHASE), N_ONE_PHASE));
    free(train(&ref, *state, OPTIONS(ONE_PHASE, {"backend", "ref"}), N_ONE_PHASE + 1));
    assert_true(fabs(cpu.loss - ref.loss) < 1e-4 * ref.loss);
    assert_true(fabs(cpu.val_loss - ref.val_loss) < 1e-4 * ref.val_loss);
}

/* ---- layers without weights */

/* The tiny network without the numbers of its last layer before the cut. */
static void test_missing_layers_must_be_agreed_to(void **state)
{
    world *w = *state;
    tw_config *config = configure(w, OPTIONS({"freeze", "3"}), 1);
    tw_training *training;

    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_ok(tw_model_forget_weights(training->base, e));
    assert_fails(TW_EFILE, "model: no weights for conv1",
                 tw_model_require(training->base, training->boundary, e));
    tw_training_free(training);
    tw_config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_freeze_takes_the_first_layers),
        cmocka_unit_test(test_unfreeze_from_takes_names_and_numbers),
        cmocka_unit_test(test_freeze_only_takes_a_pattern),
        cmocka_unit_test(test_finetune_trains_the_last_block),
        cmocka_unit_test(test_the_cut_is_before_the_classes_unless_told),
        cmocka_unit_test(test_the_plan_tells_each_layers_rate),
        cmocka_unit_test(test_what_belongs_to_another_recipe_is_refused),
        cmocka_unit_test(test_frozen_layers_stay_and_others_move),
        cmocka_unit_test(test_a_saved_model_reads_as_it_was_trained),
        cmocka_unit_test(test_the_top_alone_learns_first),
        cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_the_curve_is_that_without_a_cache),
        cmocka_unit_test(test_memory_changes_nothing),
        cmocka_unit_test(test_clipping_by_a_large_norm_changes_nothing),
        cmocka_unit_test(test_clipped_runs_do_not_depend_on_threads),
        cmocka_unit_test(test_scratch_does_not_depend_on_threads),
        cmocka_unit_test(test_runs_share_the_cache_up_to_the_boundary),
        cmocka_unit_test(test_evaluation_of_the_saved_model_is_validation),
        cmocka_unit_test(test_both_backends_learn_the_same),
        cmocka_unit_test(test_missing_layers_must_be_agreed_to),
    };

    return cmocka_run_group_tests_name("train/finetune", tests, open_world, close_world);
}
