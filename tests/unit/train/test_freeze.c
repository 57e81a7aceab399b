/* Which layers are trained, and how fast, as the plan tells it before the first step: of the deep
 * network of training_world.h, cut after fc, with a class layer for a top. */
#include "training_world.h"

#include <math.h>

static const char *const job[][2] = {
    {"recipe", "finetune"}, {"lr", "0.01"}, {"cache", "off"}, {"threads", "1"}};

static int open_deep(void **state)
{
    return open_deep_world(state, job, sizeof job / sizeof *job);
}

static void assert_usage(world *w, const char *const (*more)[2], int n, const char *sentence)
{
    assert_refused(w, more, n, TW_EUSAGE, sentence);
}

/* `expected` has a letter a layer: f frozen, t trained or without parameters behind the boundary.
 */
static void assert_frozen(world *w, const char *const (*more)[2], int n, const char *expected,
                          int boundary)
{
    tw_training *training = open_training(w, more, n);
    const tw_training_plan *plan = tw_training_get_plan(training);
    char found[32] = "";

    assert_in_range(plan->n_layers, 1, (int)sizeof found - 1);
    for (int i = 0; i < plan->n_layers; i++)
        found[i] = plan->layers[i].frozen ? 'f' : 't';
    assert_string_equal(found, expected);
    assert_int_equal(training->boundary, boundary);
    tw_training_free(training);
}

/* ---- which layers: input_1 conv1 pool1 conv2 pool2 conv3 flatten fc predictions */

static void test_the_last_block_is_trained_by_default(void **state)
{
    assert_frozen(*state, NULL, 0, "ffffftttt", 4);
}

static void test_freeze_counts_layers(void **state)
{
    assert_frozen(*state, OPTIONS({"freeze", "0"}), 1, "ftttttttt", 0);
    assert_frozen(*state, OPTIONS({"freeze", "3"}), 1, "ffftttttt", 2);
    assert_frozen(*state, OPTIONS({"freeze", "8"}), 1, "fffffffft", 7);
}

/* What comes right after the frozen layers and has no parameters runs once, too. */
static void test_layers_without_parameters_join_the_frozen_ones(void **state)
{
    assert_frozen(*state, OPTIONS({"freeze", "2"}), 1, "ffftttttt", 2);
    assert_frozen(*state, OPTIONS({"freeze", "6"}), 1, "ffffffftt", 6);
}

static void test_freezing_more_than_there_is_is_refused(void **state)
{
    assert_usage(*state, OPTIONS({"freeze", "9"}), 1,
                 "freeze 9: the network has 8 layers before the new top");
}

static void test_unfreeze_from_takes_name_and_index(void **state)
{
    assert_frozen(*state, OPTIONS({"unfreeze-from", "conv2"}), 1, "ffftttttt", 2);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "5"}), 1, "ffffftttt", 4);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "-1"}), 1, "ffffffftt", 6);
    assert_frozen(*state, OPTIONS({"unfreeze-from", "-8"}), 1, "ftttttttt", 0);
}

/* 0 input_1 -> 1 conv1 -> 2 conv2 of stride 2 -> 3 conv3 -> 5 add -> 6 relu -> 7 flatten -> 8 old,
 * and 4 side from conv1 to the sum. */
static char *write_residual(const char *folder)
{
    const tw_shape input = tw_shape_make(3, (int64_t[]){TINY_SIDE, TINY_SIDE, 3});
    tw_node conv = {.op = TW_OP_CONV2D,
                    .n_inputs = 1,
                    .units = 4,
                    .window = {3, 3},
                    .stride = {1, 1},
                    .padding = TW_SAME};
    tw_node side = conv, sum = {.op = TW_OP_ADD, .name = "add", .n_inputs = 2, .inputs = {3, 4}};
    char *path = path_in(folder, "residual.safetensors");
    tw_graph *graph;
    tw_model *model;

    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    tiny_add(graph, conv, "conv1");
    conv.stride[0] = conv.stride[1] = 2;
    tiny_add(graph, conv, "conv2");
    conv.stride[0] = conv.stride[1] = 1;
    tiny_add(graph, conv, "conv3");
    side.stride[0] = side.stride[1] = 2;
    side.inputs[0] = 1;
    snprintf(side.name, sizeof side.name, "side");
    assert_ok(tw_graph_add(graph, &side, e));
    assert_ok(tw_graph_add(graph, &sum, e));
    tiny_add(graph, (tw_node){.op = TW_OP_RELU}, "relu");
    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 5, .activation = TW_SOFTMAX}, "old");
    model = tiny_model_of(graph, 3);
    assert_ok(tw_model_write(model, path, e));
    tw_model_free(model);
    return path;
}

/* What is frozen inside a block stays so, but it is run with the block: the boundary is before it.
 */
static void test_a_boundary_is_never_inside_a_block(void **state)
{
    world *w = *state;
    const char *deep = w->network;
    char *residual = write_residual(w->folder);

    w->network = residual;
    assert_frozen(w, OPTIONS({"freeze", "3"}), 1, "ffftttttt", 1);
    assert_frozen(w, OPTIONS({"freeze", "5"}), 1, "fffffffft", 7);
    assert_frozen(w, OPTIONS({"unfreeze-from", "side"}), 1, "ffffttttt", 1);
    /* the last stage begins with the block that makes the pictures smaller */
    assert_frozen(w, NULL, 0, "ffttttttt", 1);
    w->network = deep;
    free(residual);
}

static void test_unknown_layers_are_refused(void **state)
{
    assert_usage(*state, OPTIONS({"unfreeze-from", "convv2"}), 1,
                 "unknown layer \"convv2\", did you mean \"conv2\"");
    assert_usage(*state, OPTIONS({"unfreeze-from", "8"}), 1,
                 "no layer 8, indices go from 0 to 7 and from -8 to -1");
    assert_usage(*state, OPTIONS({"unfreeze-from", "-9"}), 1,
                 "no layer -9, indices go from 0 to 7 and from -8 to -1");
}

static void test_freeze_only_may_leave_gaps(void **state)
{
    assert_frozen(*state, OPTIONS({"freeze-only", "conv[13]"}), 1, "fffttfttt", 2);
    assert_frozen(*state, OPTIONS({"freeze-only", "conv2"}), 1, "fttfttttt", 0);
    assert_frozen(*state, OPTIONS({"freeze-only", "*"}), 1, "fffffffft", 7);
}

static void test_a_pattern_that_fits_nothing_is_refused(void **state)
{
    assert_usage(*state, OPTIONS({"freeze-only", "block*"}), 1,
                 "freeze-only: no layer with parameters is called like 'block*', "
                 "there are conv1 to fc");
}

static void test_another_recipe_freezes_all_or_nothing(void **state)
{
    assert_frozen(*state, OPTIONS({"recipe", "features"}, {"cut", "fc"}, {"top", ""}), 3,
                  "fffffffft", 7);
    assert_frozen(*state, OPTIONS({"recipe", "scratch"}, {"top", ""}), 2, "ftttttttt", 0);
}

/* ---- how fast */

/* The learning rates of the layers with parameters: conv1, conv2, conv3, fc, predictions. */
static void assert_rates(world *w, const char *const (*more)[2], int n, const double expected[5])
{
    static const int nodes[] = {1, 3, 5, 7, 8};
    tw_training *training = open_training(w, more, n);
    const tw_training_plan *plan = tw_training_get_plan(training);
    int64_t n_trained = 0;

    for (int i = 0; i < 5; i++) {
        const tw_layer_info *layer = &plan->layers[nodes[i]];

        if (fabs(layer->lr - expected[i]) > 1e-12)
            fail_msg("%s: learning rate %g, expected %g", layer->name, layer->lr, expected[i]);
        assert_int_equal(layer->frozen, expected[i] == 0.0);
        n_trained += layer->frozen ? 0 : layer->n_params;
    }
    assert_int_equal(plan->n_trained, n_trained);
    for (int i = 0; i < plan->n_layers; i++)
        assert_true(plan->layers[i].n_params > 0 || plan->layers[i].lr == 0.0);
    tw_training_free(training);
}

static void test_the_network_is_slower_than_the_top(void **state)
{
    assert_rates(*state, OPTIONS({"unfreeze-from", "conv2"}), 1,
                 (const double[]){0, 0.001, 0.001, 0.001, 0.01});
    assert_rates(*state, OPTIONS({"unfreeze-from", "conv2"}, {"backbone-lr-mult", "0.5"}), 2,
                 (const double[]){0, 0.005, 0.005, 0.005, 0.01});
}

static void test_the_rate_decays_with_the_distance_from_the_top(void **state)
{
    assert_rates(*state,
                 OPTIONS({"freeze", "0"}, {"backbone-lr-mult", "1"}, {"layer-decay", "0.5"}), 3,
                 (const double[]){0.000625, 0.00125, 0.0025, 0.005, 0.01});
    assert_rates(*state,
                 OPTIONS({"freeze", "2"}, {"backbone-lr-mult", "0.1"}, {"layer-decay", "0.5"}), 3,
                 (const double[]){0, 0.000125, 0.00025, 0.0005, 0.01});
}

/* A frozen layer is a step away from the top, too. */
static void test_frozen_layers_in_the_middle_count(void **state)
{
    assert_rates(
        *state,
        OPTIONS({"freeze-only", "conv[13]"}, {"backbone-lr-mult", "1"}, {"layer-decay", "0.5"}), 3,
        (const double[]){0, 0.00125, 0, 0.005, 0.01});
}

/* ---- recipes */

/* Of a configuration that has data and model, and these options by flag. */
static void assert_settled(world *w, const char *const (*more)[2], int n,
                           const char *const (*expected)[2], int n_expected)
{
    tw_config *config;
    tw_training *training;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_set(config, "data", w->data, TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "model", w->deep, TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "cache", "off", TW_FROM_FLAG, e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_config_set(config, more[i][0], more[i][1], TW_FROM_FLAG, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    for (int i = 0; i < n_expected; i++) {
        const char *found = tw_training_get_option(training, expected[i][0]);

        if (!found || strcmp(found, expected[i][1]) != 0)
            fail_msg("option %s is %s, expected %s", expected[i][0], found ? found : "unset",
                     expected[i][1]);
    }
    tw_training_free(training);
    tw_config_free(config);
}

static void test_finetune_has_defaults_of_its_own(void **state)
{
    assert_settled(*state, OPTIONS({"recipe", "finetune"}), 1,
                   OPTIONS({"cut", "fc"}, {"top", ""}, {"freeze-epochs", "1"},
                           {"backbone-lr-mult", "0.1"}, {"layer-decay", "1"}, {"epochs", "10"},
                           {"batch-size", "16"}, {"optimizer", "sgd"}, {"lr", "0.0001"},
                           {"momentum", "0.9"}, {"nesterov", "true"}, {"scale-features", "none"},
                           {"memory-limit", "1300M"}),
                   13);
}

static void test_what_is_given_stays(void **state)
{
    assert_settled(*state,
                   OPTIONS({"recipe", "finetune"}, {"epochs", "3"}, {"freeze-epochs", "0"},
                           {"optimizer", "adam"}, {"cut", "flatten"}, {"top", "4 relu"},
                           {"memory-limit", "64M"}),
                   7,
                   OPTIONS({"epochs", "3"}, {"freeze-epochs", "0"}, {"optimizer", "adam"},
                           {"cut", "flatten"}, {"top", "4 relu"}, {"memory-limit", "64M"}),
                   6);
}

static void test_freezing_without_a_recipe_is_finetuning_at_once(void **state)
{
    static const char *const ways[][2] = {
        {"freeze", "3"}, {"unfreeze-from", "conv2"}, {"freeze-only", "conv1"}};

    for (int i = 0; i < 3; i++)
        assert_settled(*state, &ways[i], 1,
                       OPTIONS({"recipe", "finetune"}, {"freeze-epochs", "0"},
                               {"backbone-lr-mult", "1"}, {"cut", "fc"}, {"top", ""}),
                       5);
    assert_settled(*state, OPTIONS({"freeze", "3"}, {"recipe", "finetune"}), 2,
                   OPTIONS({"freeze-epochs", "1"}, {"backbone-lr-mult", "0.1"}), 2);
}

static void test_scratch_has_defaults_of_its_own(void **state)
{
    assert_settled(*state, OPTIONS({"recipe", "scratch"}, {"cut", "conv3"}), 2,
                   OPTIONS({"top", "gap"}, {"init-missing", "he_uniform"}, {"batch-size", "32"},
                           {"epochs", "20"}, {"optimizer", "adam"}, {"freeze-epochs", "0"},
                           {"memory-limit", "1300M"}),
                   7);
}

/* ---- options without effect */

static void test_options_of_finetune_are_refused_elsewhere(void **state)
{
    static const char *const options[][2] = {
        {"freeze", "3"},        {"unfreeze-from", "conv2"},  {"freeze-only", "conv1"},
        {"freeze-epochs", "1"}, {"backbone-lr-mult", "0.5"}, {"layer-decay", "0.5"}};
    static const char *const recipes[] = {"features", "scratch"};

    for (int i = 0; i < 6; i++) {
        for (int k = 0; k < 2; k++) {
            char sentence[128];

            snprintf(sentence, sizeof sentence,
                     "option %s has no effect with this recipe, it belongs to finetune",
                     options[i][0]);
            assert_usage(*state,
                         OPTIONS({"recipe", recipes[k]}, {"cut", "conv3"}, {"top", "gap"},
                                 {options[i][0], options[i][1]}),
                         4, sentence);
        }
    }
}

static void test_two_ways_to_freeze_are_refused(void **state)
{
    assert_usage(*state, OPTIONS({"freeze", "3"}, {"unfreeze-from", "conv2"}), 2,
                 "option freeze has no effect beside unfreeze-from");
    assert_usage(*state, OPTIONS({"freeze", "3"}, {"freeze-only", "conv1"}), 2,
                 "option freeze-only has no effect beside freeze or unfreeze-from");
    assert_usage(*state, OPTIONS({"unfreeze-from", "conv2"}, {"freeze-only", "conv1"}), 2,
                 "option freeze-only has no effect beside freeze or unfreeze-from");
}

/* A file may hold options of several recipes: those of another are as if they were not there. */
static void test_a_file_may_say_more_than_the_recipe_takes(void **state)
{
    static const char *const options[][2] = {
        {"freeze-epochs", "2"}, {"backbone-lr-mult", "0.5"}, {"layer-decay", "0.5"}};
    world *w = *state;
    tw_config *config = configure(w, OPTIONS({"recipe", "scratch"}, {"cut", "conv3"}), 2);
    tw_training *training;

    for (int i = 0; i < 3; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FILE, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_string_equal(tw_training_get_option(training, "freeze-epochs"), "0");
    assert_string_equal(tw_training_get_option(training, "backbone-lr-mult"), "1");
    assert_string_equal(tw_training_get_option(training, "layer-decay"), "1");
    tw_training_free(training);
    tw_config_free(config);
}

static void test_a_file_cannot_scale_with_finetune(void **state)
{
    tw_config *config = configure(*state, NULL, 0);
    tw_training *training;

    assert_ok(tw_config_set(config, "scale-features", "auto", TW_FROM_FILE, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_string_equal(tw_training_get_option(training, "scale-features"), "none");
    tw_training_free(training);
    tw_config_free(config);
}

static void test_a_file_with_two_ways_to_freeze_takes_the_stronger(void **state)
{
    tw_config *config = configure(*state, NULL, 0);
    tw_training *training;

    assert_ok(tw_config_set(config, "freeze-only", "conv2", TW_FROM_FILE, e));
    assert_ok(tw_config_set(config, "freeze", "3", TW_FROM_FILE, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_int_equal(training->boundary, 2);
    tw_training_free(training);
    tw_config_free(config);
}

static void test_weights_are_refused_from_scratch(void **state)
{
    assert_usage(*state,
                 OPTIONS({"recipe", "scratch"}, {"model", "vgg16-mini"}, {"weights", "some.h5"}), 3,
                 "option weights has no effect with recipe scratch, which begins with random ones "
                 "(recipe finetune with freeze 0 begins with these)");
}

static void test_scaling_is_refused_with_finetune(void **state)
{
    assert_usage(*state, OPTIONS({"scale-features", "auto"}), 1,
                 "option scale-features has no effect with recipe finetune: the layers it begins "
                 "with know their scale");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_block_is_trained_by_default),
        cmocka_unit_test(test_freeze_counts_layers),
        cmocka_unit_test(test_layers_without_parameters_join_the_frozen_ones),
        cmocka_unit_test(test_freezing_more_than_there_is_is_refused),
        cmocka_unit_test(test_unfreeze_from_takes_name_and_index),
        cmocka_unit_test(test_a_boundary_is_never_inside_a_block),
        cmocka_unit_test(test_unknown_layers_are_refused),
        cmocka_unit_test(test_freeze_only_may_leave_gaps),
        cmocka_unit_test(test_a_pattern_that_fits_nothing_is_refused),
        cmocka_unit_test(test_another_recipe_freezes_all_or_nothing),
        cmocka_unit_test(test_the_network_is_slower_than_the_top),
        cmocka_unit_test(test_the_rate_decays_with_the_distance_from_the_top),
        cmocka_unit_test(test_frozen_layers_in_the_middle_count),
        cmocka_unit_test(test_finetune_has_defaults_of_its_own),
        cmocka_unit_test(test_what_is_given_stays),
        cmocka_unit_test(test_freezing_without_a_recipe_is_finetuning_at_once),
        cmocka_unit_test(test_scratch_has_defaults_of_its_own),
        cmocka_unit_test(test_options_of_finetune_are_refused_elsewhere),
        cmocka_unit_test(test_two_ways_to_freeze_are_refused),
        cmocka_unit_test(test_a_file_may_say_more_than_the_recipe_takes),
        cmocka_unit_test(test_a_file_cannot_scale_with_finetune),
        cmocka_unit_test(test_a_file_with_two_ways_to_freeze_takes_the_stronger),
        cmocka_unit_test(test_weights_are_refused_from_scratch),
        cmocka_unit_test(test_scaling_is_refused_with_finetune),
    };

    return cmocka_run_group_tests_name("train/freeze", tests, open_deep, close_world);
}
