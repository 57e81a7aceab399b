/* Fine-tuning a network with layers to freeze in the middle: the bytes of a run repeat on any
 * number of threads, with the cache or without; what is frozen stays to the bit, what is not moves;
 * the first phase trains the new top alone. */
#include "format/safetensors.h"
#include "training_world.h"

#include <math.h>

/* conv3 and fc are trained, conv1 and conv2 are not. */
static const char *const job[][2] = {
    {"recipe", "finetune"}, {"freeze-epochs", "1"}, {"epochs", "2"},
    {"batch-size", "7"},    {"lr", "0.02"},         {"val-split", "0.3"},
    {"threads", "1"},       {"preprocess", "tf"},   {"top", "8 relu, dropout 0.25"},
};

static int open_deep(void **state)
{
    return open_deep_world(state, job, sizeof job / sizeof *job);
}

/* Trains, and evaluates the saved model on the run's validation pictures: the validation's figures
 * and predictions.csv, to the digit. */
static void assert_validation_repeats(world *w, const char *const (*more)[2], int n)
{
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    char *csv = path_in(w->folder, "again.csv"), *a, *b;
    tw_config *config = configure(w, more, n);
    const char *run = tw_config_get(config, "output");
    tw_training_result result;
    tw_evaluation figures;
    tw_dataset *val;
    tw_model *model;
    double row[4];
    size_t size;

    assert_ok(try_train(&result, config, NULL, e));
    model = open_saved(run);
    assert_ok(tw_run_open_part(&val, run, tw_config_get(config, "data"), TW_PART_VAL, e));
    assert_ok(tw_evaluate(&figures, model, val, csv, NULL, &cache, NULL, e));
    if (figures.loss != result.val_loss)
        fail_msg("evaluation: %.17g, validation: %.17g", figures.loss, result.val_loss);
    assert_true(figures.accuracy == result.val_accuracy);
    read_history(row, run, result.epoch);
    assert_true(fabs(row[2] - figures.loss) <= 1e-8 * figures.loss);
    a = read_file(&size, run, "predictions.csv");
    b = read_file(&size, w->folder, "again.csv");
    assert_string_equal(a, b);
    tw_free(a);
    tw_free(b);
    tw_evaluation_free(&figures);
    tw_dataset_free(val);
    tw_model_free(model);
    tw_config_free(config);
    free(csv);
}

/* ---- the same bytes */

/* The loss curves line by line, for a sentence that says where they part. */
static void assert_same_history(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *text_a = read_file(&n_a, a, "history.csv"), *text_b = read_file(&n_b, b, "history.csv");

    for (char *x = text_a, *y = text_b; *x || *y;) {
        const size_t n_x = strcspn(x, "\n"), n_y = strcspn(y, "\n");

        if (n_x != n_y || memcmp(x, y, n_x) != 0)
            fail_msg("\"%.*s\" and \"%.*s\"", (int)n_x, x, (int)n_y, y);
        x += n_x + (x[n_x] != '\0');
        y += n_y + (y[n_y] != '\0');
    }
    tw_free(text_a);
    tw_free(text_b);
}

/* Jobs with the options `base`, the second with one option more. */
static void assert_option_changes_nothing(world *w, const char *const (*base)[2], int n,
                                          const char *name, const char *value)
{
    const char *more[8][2];
    tw_training_result first, second;
    char *a = train(&first, w, base, n), *b;

    for (int i = 0; i < n; i++)
        more[i][0] = base[i][0], more[i][1] = base[i][1];
    more[n][0] = name;
    more[n][1] = value;
    b = train(&second, w, (const char *const(*)[2])more, n + 1);
    assert_same_history(a, b);
    assert_same_run(a, b);
    assert_true(first.val_loss == second.val_loss);
    assert_int_equal(first.n_unchanged, second.n_unchanged);
    free(a);
    free(b);
}

static void test_threads_change_nothing(void **state)
{
    assert_option_changes_nothing(*state, NULL, 0, "threads", "1");
    assert_option_changes_nothing(*state, NULL, 0, "threads", "2");
    assert_option_changes_nothing(*state, NULL, 0, "threads", "4");
}

static void test_cache_changes_nothing(void **state)
{
    assert_option_changes_nothing(*state, NULL, 0, "cache", "off");
    assert_option_changes_nothing(*state, NULL, 0, "cache", "on");
}

static void test_memory_limit_changes_nothing(void **state)
{
    assert_option_changes_nothing(*state, NULL, 0, "memory-limit", "64M");
}

/* A limit under what four workers need takes some of them away, and changes no byte. */
static void test_a_tight_limit_takes_workers_not_bits(void **state)
{
    world *w = *state;
    tw_training *four = open_training(w, OPTIONS({"threads", "4"}), 1), *fewer;
    const int64_t needs = tw_training_get_plan(four)->memory_train;
    tw_training_result first, second;
    char limit[24], *a, *b;

    tw_training_free(four);
    snprintf(limit, sizeof limit, "%lld", (long long)(needs - 1));
    fewer = open_training(w, OPTIONS({"threads", "4"}, {"memory-limit", limit}), 2);
    assert_true(tw_training_get_plan(fewer)->memory_train < needs);
    assert_non_null(strstr(tw_training_get_plan(fewer)->compute,
                           "4 threads; fp32; numerics ") /* as asked for */);
    assert_non_null(strstr(tw_training_get_plan(fewer)->compute,
                           "; the memory limit leaves room for 3 workers in training"));
    tw_training_free(fewer);
    a = train(&first, w, OPTIONS({"threads", "4"}), 1);
    b = train(&second, w, OPTIONS({"threads", "4"}, {"memory-limit", limit}), 2);
    assert_same_run(a, b);
    free(a);
    free(b);
}

/* conv2 is trained, conv1 before it and conv3 behind it are not. */
#define GAPS                      \
    {                             \
        "freeze-only", "conv[13]" \
    }

static void test_gaps_change_nothing_of_that(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS(GAPS), 1, "cache", "off");
    assert_option_changes_nothing(*state, OPTIONS(GAPS), 1, "threads", "2");
}

static void test_no_frozen_layer_changes_nothing_of_that(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS({"freeze", "0"}), 1, "threads", "2");
    assert_option_changes_nothing(*state, OPTIONS({"freeze", "0"}), 1, "memory-limit", "64M");
}

static void test_the_seed_changes_the_run(void **state)
{
    tw_training_result first, second;
    char *a = train(&first, *state, NULL, 0);
    char *b = train(&second, *state, OPTIONS({"seed", "43"}), 1);

    assert_true(first.val_loss != second.val_loss);
    assert_same_file(a, b, "split.csv");
    free(a);
    free(b);
}

/* ---- what moves */

static bool is_same_layer(const tw_model *a, const tw_model *b, const char *name)
{
    tw_shape shapes[2];
    bool same = true;
    int i, k;

    assert_ok(tw_graph_find(&i, a->graph, name, e));
    assert_ok(tw_graph_find(&k, b->graph, name, e));
    for (int slot = 0; slot < tw_node_params(a->graph, i, shapes); slot++)
        same &= memcmp(a->params[i][slot].view, b->params[k][slot].view,
                       (size_t)tw_shape_size(&shapes[slot]) * sizeof(float)) == 0;
    return same;
}

/* Layers of the saved model that are the base's to the bit, by name: "conv1 conv2 ". */
static void assert_same_layers(const char *run, const char *expected)
{
    static const char *const names[] = {"conv1", "conv2", "conv3", "fc"};
    tw_model *saved = open_saved(run), *before = tiny_model_of(deep_graph(), 2);
    char found[64] = "";

    for (int i = 0; i < 4; i++) {
        const bool same = is_same_layer(saved, before, names[i]);
        int node;

        assert_ok(tw_graph_find(&node, saved->graph, names[i], e));
        assert_int_equal(saved->frozen[node], same);
        if (same)
            snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", names[i]);
    }
    assert_string_equal(found, expected);
    tw_model_free(saved);
    tw_model_free(before);
}

static void assert_moves_all_but(world *w, const char *const (*more)[2], int n, const char *frozen,
                                 int n_unchanged)
{
    tw_training_result result;
    char *run = train(&result, w, more, n);

    assert_same_layers(run, frozen);
    assert_int_equal(result.n_unchanged, n_unchanged);
    free(run);
}

static void test_frozen_layers_stay_and_the_others_move(void **state)
{
    const char *last[] = {"select", "last"}; /* the best may be of the first phase */

    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}), 1, "conv1 conv2 ", 2);
    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}, GAPS), 2, "conv1 conv3 ", 2);
    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}, GAPS, {"cache", "off"}), 3,
                         "conv1 conv3 ", 2);
    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}, {"freeze-only", "conv2"}), 2, "conv2 ",
                         1);
    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}, {"freeze", "0"}), 2, "", 0);
    assert_moves_all_but(*state, OPTIONS({last[0], last[1]}, {"freeze", "8"}), 2,
                         "conv1 conv2 conv3 fc ", 4);
}

/* ---- two phases */

static void see_epochs(void *ctx, const tw_event *event)
{
    *(int *)ctx += event->kind == TW_EVENT_EPOCH;
}

static int stop_after_one(void *ctx)
{
    return *(const int *)ctx >= 1;
}

/* The trainer of the run that was stopped, with the parameters of its checkpoint. */
static void take_parameters(const tw_trainer *trainer, const char *run)
{
    const tw_checkpoint_part part = {"parameters", trainer->model->block,
                                     trainer->model->block_bytes};
    tw_checkpoint *checkpoint;
    tw_text why = {0};

    assert_ok(tw_train__checkpoint_open(&checkpoint, run, &why, e));
    assert_non_null(checkpoint);
    assert_ok(tw_train__checkpoint_read(checkpoint, &part, 1, e));
    tw_train__checkpoint_close(checkpoint);
    tw_text_free(&why);
}

/* Which of conv3, fc, dense and predictions moved in the first epoch: a letter each. */
static void assert_moves_in_first_epoch(world *w, const char *const (*more)[2], int n,
                                        const char *expected)
{
    static const char *const names[] = {"conv3", "fc", "dense", "predictions"};
    int n_epochs = 0;
    const tw_watch watch = {see_epochs, stop_after_one, &n_epochs};
    tw_config *config = configure(w, more, n);
    tw_training_result result;
    tw_training *training;
    tw_trainer before, after;
    tw_error err;
    char found[8] = "";

    assert_int_equal(try_train(&result, config, &watch, &err), TW_EINTERRUPTED);
    assert_ok(tw_config_set(config, "overwrite", "true", TW_FROM_FLAG, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_ok(tw_train__trainer_create(&before, training, TW_PHASE_TOP, 1.0f, e));
    assert_ok(tw_train__trainer_create(&after, training, TW_PHASE_TOP, 1.0f, e));
    take_parameters(&after, tw_config_get(config, "output"));
    for (int i = 0; i < 4; i++)
        found[i] = is_same_layer(before.model, after.model, names[i]) ? '-' : 'm';
    assert_string_equal(found, expected);
    tw_train__trainer_free(&before);
    tw_train__trainer_free(&after);
    tw_training_free(training);
    tw_config_free(config);
}

static void test_the_first_phase_trains_the_top_alone(void **state)
{
    /* should_stop is also asked while features are made: they have to be there */
    tw_training_result result;

    free(train(&result, *state, NULL, 0));
    assert_moves_in_first_epoch(*state, NULL, 0, "--mm");
    assert_moves_in_first_epoch(*state, OPTIONS({"freeze-epochs", "0"}), 1, "mmmm");
}

static int count_epochs(const char *run)
{
    size_t n;
    char *text = read_file(&n, run, "history.csv");
    int n_lines = 0;

    for (size_t i = 0; i < n; i++)
        n_lines += text[i] == '\n';
    tw_free(text);
    return n_lines - 1;
}

static void test_both_phases_are_in_the_history(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"freeze-epochs", "2"}, {"epochs", "3"}), 2);

    assert_int_equal(count_epochs(run), 5);
    free(run);
}

/* Scaling is not for fine-tuning, so that nobody is sent there. */
static void see_stall(void *ctx, const tw_event *event)
{
    if (event->kind == TW_EVENT_NOTE && strstr(event->text, "still above"))
        snprintf(ctx, 512, "%s", event->text);
}

static void test_a_stall_is_not_blamed_on_scaling(void **state)
{
    char said[512] = "";
    const tw_watch watch = {see_stall, NULL, said};
    tw_config *config = configure(*state, OPTIONS({"lr", "1e-9"}), 1);
    tw_training_result result;

    assert_ok(try_train(&result, config, &watch, e));
    assert_non_null(strstr(said, ": the learning rate may not fit, the pictures may be too few, or "
                                 "the labels wrong"));
    tw_config_free(config);
}

/* ---- how far a step goes */

/* One step of plain SGD on all pictures. */
#define ONE_STEP                                                                                   \
    {"freeze-epochs", "0"}, {"epochs", "1"}, {"batch-size", "42"}, {"momentum", "0"}, {"lr", "1"}, \
    {                                                                                              \
        "select", "last"                                                                           \
    }

/* The largest change of a layer's kernel, and whether the second run's is `ratio` of it. */
static void assert_ratio(const tw_model *full, const tw_model *part, const char *name, double ratio)
{
    tw_model *before = tiny_model_of(deep_graph(), 2);
    double most = 0.0;
    int node;

    assert_ok(tw_graph_find(&node, before->graph, name, e));
    for (int64_t i = 0; i < tw_shape_size(&before->params[node][0].shape); i++) {
        const double start = (double)before->params[node][0].view[i];
        const double a = (double)full->params[node][0].view[i] - start;
        const double b = (double)part->params[node][0].view[i] - start;

        most = fmax(most, fabs(a));
        if (fabs(b - ratio * a) > 1e-6)
            fail_msg("%s: moves by %g and %g, expected %g of it", name, a, b, ratio);
    }
    assert_true(most > 1e-3);
    tw_model_free(before);
}

static void assert_ratios(world *w, const char *mult, const char *decay, double conv3, double fc)
{
    tw_training_result result;
    char *a = train(&result, w, OPTIONS(ONE_STEP, {"backbone-lr-mult", "1"}), 7);
    char *b =
        train(&result, w, OPTIONS(ONE_STEP, {"backbone-lr-mult", mult}, {"layer-decay", decay}), 8);
    tw_model *full = open_saved(a), *part = open_saved(b);

    assert_ratio(full, part, "conv3", conv3);
    assert_ratio(full, part, "fc", fc);
    assert_true(is_same_layer(full, part, "dense"));
    assert_true(is_same_layer(full, part, "predictions"));
    tw_model_free(full);
    tw_model_free(part);
    free(a);
    free(b);
}

static void test_steps_are_as_long_as_the_plan_says(void **state)
{
    assert_ratios(*state, "0.5", "1", 0.5, 0.5);
    assert_ratios(*state, "1", "0.5", 0.25, 0.5);
    assert_ratios(*state, "0.1", "0.5", 0.025, 0.05);
}

/* ---- the cache */

static void test_runs_with_the_same_boundary_share_their_features(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *cache = path_in(w->folder, "own-cache");

    free(train(&result, w, OPTIONS({"cache-dir", cache}), 1));
    assert_int_equal(result.n_trunk, N_TRAIN);
    free(train(&result, w,
               OPTIONS({"cache-dir", cache}, {"lr", "0.01"}, {"top", ""}, {"freeze-epochs", "0"}),
               4));
    assert_int_equal(result.n_trunk, 0);
    free(train(&result, w, OPTIONS({"cache-dir", cache}, {"cut", "conv3"}, {"top", "gap"}), 3));
    assert_int_equal(result.n_trunk, 0);
    free(train(&result, w, OPTIONS({"cache-dir", cache}, {"unfreeze-from", "conv2"}), 2));
    assert_int_equal(result.n_trunk, N_TRAIN);
    free(cache);
}

/* ---- the saved model */

static void test_evaluation_of_the_saved_model_is_validation(void **state)
{
    const world *w = *state;

    assert_validation_repeats(*state, OPTIONS({"data", w->pictures}), 1);
    assert_validation_repeats(*state, OPTIONS(GAPS), 1);
    assert_validation_repeats(*state, OPTIONS({"freeze", "0"}), 1);
}

/* Figures within a relative limit, in each epoch. */
static void assert_close_history(const char *a, const char *b, int n_epochs, double limit)
{
    for (int epoch = 1; epoch <= n_epochs; epoch++) {
        double x[4], y[4];

        read_history(x, a, epoch);
        read_history(y, b, epoch);
        for (int i = 0; i < 4; i += 2)
            if (fabs(x[i] - y[i]) > limit * fabs(x[i]))
                fail_msg("epoch %d: %.9g and %.9g", epoch, x[i], y[i]);
    }
}

static void test_backends_agree(void **state)
{
    tw_training_result result;
    char *cpu = train(&result, *state, OPTIONS(GAPS), 1);
    char *ref = train(&result, *state, OPTIONS(GAPS, {"backend", "ref"}), 2);

    assert_close_history(cpu, ref, 3, 1e-4);
    free(cpu);
    free(ref);
}

/* ---- from scratch */

static void test_scratch_trains_all_layers_of_a_model_file(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state,
                      OPTIONS({"recipe", "scratch"}, {"select", "last"}, {"epochs", "1"}), 3);

    assert_int_equal(result.n_unchanged, 0);
    assert_same_layers(run, "");
    assert_int_equal(count_epochs(run), 1); /* freeze-epochs of the job is not scratch's */
    free(run);
}

static void test_scratch_repeats_and_is_what_evaluation_says(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS({"recipe", "scratch"}), 1, "threads", "2");
    assert_validation_repeats(*state, OPTIONS({"recipe", "scratch"}), 1);
}

/* ---- layers that the weights lack */

/* VGG16's convolutions without its fully connected layers; the caller frees the path. */
static char *write_convolutions(const world *w)
{
    enum { MOST = 2 * 13 };
    static char names[MOST][TW_NAME_SIZE + 8];
    tw_safetensors_entry entries[MOST];
    char *path = path_in(w->folder, "convolutions.safetensors");
    float *numbers = tw_alloc_f32(9 * 512 * 512);
    tw_contract contract;
    tw_graph *graph;
    tw_shape shapes[2];
    int n = 0;

    for (int i = 0; i < 9 * 512 * 512; i++)
        numbers[i] = (float)(i % 7) * 0.01f;
    assert_ok(tw_model_build(&graph, &contract, "vgg16", e));
    for (int i = 0; i < graph->n; i++) {
        if (graph->nodes[i].op != TW_OP_CONV2D)
            continue;
        for (int slot = 0; slot < tw_node_params(graph, i, shapes); slot++, n++) {
            snprintf(names[n], sizeof names[n], "%s/%s", graph->nodes[i].name,
                     slot ? "bias" : "kernel");
            entries[n] = (tw_safetensors_entry){names[n], {numbers, TW_F32, shapes[slot]}, 0};
        }
    }
    assert_ok(tw_safetensors_write(path, entries, n, NULL, e));
    tw_graph_free(graph);
    tw_free(numbers);
    return path;
}

static void test_missing_layers_are_refused(void **state)
{
    world *w = *state;
    char *weights = write_convolutions(w), sentence[400];

    assert_refused(w,
                   OPTIONS({"model", "vgg16"}, {"weights", weights}, {"freeze", "18"},
                           {"limit", "4"}, {"val-split", "0"}),
                   5, TW_EUSAGE,
                   "convolutions.safetensors: no weights for fc1, fc2: with init-missing "
                   "glorot_uniform they begin with random values, with another cut they are not "
                   "needed");
    snprintf(sentence, sizeof sentence, "%s: no weights for fc1", weights);
    assert_refused(w,
                   OPTIONS({"model", "vgg16"}, {"weights", weights}, {"freeze", "21"},
                           {"limit", "4"}, {"val-split", "0"}),
                   5, TW_EFILE, sentence);
    free(weights);
}

static void test_needless_agreement_is_refused(void **state)
{
    assert_refused(*state, OPTIONS({"init-missing", "glorot_uniform"}), 1, TW_EUSAGE,
                   "option init-missing has no effect: no layer lacks its weights");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_cache_changes_nothing),
        cmocka_unit_test(test_memory_limit_changes_nothing),
        cmocka_unit_test(test_a_tight_limit_takes_workers_not_bits),
        cmocka_unit_test(test_gaps_change_nothing_of_that),
        cmocka_unit_test(test_no_frozen_layer_changes_nothing_of_that),
        cmocka_unit_test(test_the_seed_changes_the_run),
        cmocka_unit_test(test_frozen_layers_stay_and_the_others_move),
        cmocka_unit_test(test_the_first_phase_trains_the_top_alone),
        cmocka_unit_test(test_both_phases_are_in_the_history),
        cmocka_unit_test(test_a_stall_is_not_blamed_on_scaling),
        cmocka_unit_test(test_steps_are_as_long_as_the_plan_says),
        cmocka_unit_test(test_runs_with_the_same_boundary_share_their_features),
        cmocka_unit_test(test_evaluation_of_the_saved_model_is_validation),
        cmocka_unit_test(test_backends_agree),
        cmocka_unit_test(test_scratch_trains_all_layers_of_a_model_file),
        cmocka_unit_test(test_scratch_repeats_and_is_what_evaluation_says),
        cmocka_unit_test(test_missing_layers_are_refused),
        cmocka_unit_test(test_needless_agreement_is_refused),
    };

    return cmocka_run_group_tests_name("train/finetune_deep", tests, open_deep, close_world);
}
