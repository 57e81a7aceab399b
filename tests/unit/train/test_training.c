/* Training a new top for real, in miniature: the run folder's bytes repeat on any number of
 * threads, with the cache or without; its figures are those of an evaluation of the saved model. */
#include "fetched.h"
#include "training_world.h"

#include "backend/backend.h"
#include "format/safetensors.h"

#include <math.h>

/* A run with n options more gives the same bytes as the plain one. */
static void assert_option_changes_nothing(world *w, const char *const (*more)[2], int n)
{
    tw_training_result first, second;
    char *a = train(&first, w, NULL, 0), *b = train(&second, w, more, n);

    assert_same_run(a, b);
    assert_true(first.val_loss == second.val_loss);
    free(a);
    free(b);
}

static void test_a_run_repeats_bit_for_bit(void **state)
{
    assert_option_changes_nothing(*state, NULL, 0);
}

static void test_threads_change_nothing(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS({"threads", "1"}), 1);
    assert_option_changes_nothing(*state, OPTIONS({"threads", "2"}), 1);
    assert_option_changes_nothing(*state, OPTIONS({"threads", "4"}), 1);
}

static void test_cache_changes_nothing(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS({"cache", "off"}), 1);
    assert_option_changes_nothing(*state, OPTIONS({"cache", "on"}), 1);
}

/* Features of bf16 are rounded whether they are kept or not, and only where that is asked for. */
static void test_bf16_features_give_one_run_cached_or_not(void **state)
{
    tw_training_result plain, cached, recomputed;
    char *a = train(&cached, *state, OPTIONS({"cache-dtype", "bf16"}, {"cache", "on"}), 2);
    char *b = train(&recomputed, *state, OPTIONS({"cache-dtype", "bf16"}, {"cache", "off"}), 2);

    assert_same_run(a, b);
    free(train(&plain, *state, NULL, 0));
    assert_true(plain.val_loss != cached.val_loss);
    free(a);
    free(b);
}

static void test_memory_limit_changes_nothing(void **state)
{
    assert_option_changes_nothing(*state, OPTIONS({"memory-limit", "64M"}), 1);
}

static void test_seed_changes_the_model(void **state)
{
    tw_training_result result;
    size_t n_a, n_b;
    char *a = train(&result, *state, NULL, 0);
    char *b = train(&result, *state, OPTIONS({"seed", "43"}), 1);
    char *text_a = read_file(&n_a, a, "history.csv"), *text_b = read_file(&n_b, b, "history.csv");

    assert_string_not_equal(text_a, text_b);
    assert_same_file(a, b, "split.csv");
    tw_free(text_a);
    tw_free(text_b);
    free(a);
    free(b);
}

static void test_it_learns(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"epochs", "12"}), 1);

    assert_true(result.accuracy > 0.8);
    assert_true(result.val_accuracy > 0.9);
    free(run);
}

static void test_second_run_makes_no_trunk_pass(void **state)
{
    tw_training_result result;

    free(train(&result, *state, NULL, 0));
    free(train(&result, *state, NULL, 0));
    assert_int_equal(result.n_trunk, 0);
    free(train(&result, *state, OPTIONS({"cache", "off"}, {"epochs", "1"}), 2));
    assert_true(result.n_trunk >= N_TRAIN);
}

static void test_config_of_a_run_repeats_it(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *a =
        train(&result, w, OPTIONS({"optimizer", "sgd"}, {"momentum", "0.9"}, {"lr", "0.003"}), 3);
    char *path = path_in(a, "config.json"), *b = path_in(w->folder, "repeated");
    tw_config *config;

    assert_ok(tw_config_create(&config, e));
    assert_ok(tw_config_read(config, path, e));
    assert_ok(tw_config_set(config, "output", b, TW_FROM_FLAG, e));
    assert_ok(try_train(&result, config, NULL, e));
    assert_same_run(a, b);
    assert_same_file(a, b, "config.json");
    tw_config_free(config);
    free(path);
    free(a);
    free(b);
}

/* The text up to the next line end. */
static void assert_line(const char *text, const char *expected)
{
    char found[256] = "";

    memcpy(found, text, strcspn(text, "\n") % sizeof found);
    assert_string_equal(found, expected);
}

/* ---- the saved model */

static void test_predictions_are_those_of_the_saved_model(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *run = train(&result, w, NULL, 0), *text, *line;
    tw_model *model = open_saved(run);
    tw_dataset *data;
    tw_engine *engine;
    size_t n;
    int n_val = 0, n_correct = 0;

    assert_ok(tw_dataset_open(&data, w->data, TW_PART_TRAIN, 0, e));
    assert_ok(tw_engine_create(&engine, model, NULL, NULL, e));
    text = read_file(&n, run, "predictions.csv");
    for (line = text + strcspn(text, "\n") + 1; *line; line = strchr(line, '\n') + 1, n_val++) {
        char expected[200];
        long i = strtol(line + strlen("train:"), NULL, 10);
        tw_picture picture;
        float p[TINY_CLASSES];
        int label = tw_dataset_label(data, i), said;

        assert_ok(tw_dataset_read(&picture, data, i, e));
        assert_ok(tw_engine_predict(engine, &picture, 1, p, e));
        said = tw_argmax_row(p, TINY_CLASSES);
        n_correct += said == label;
        snprintf(expected, sizeof expected, "train:%ld,%d,%d,%d,%.9g,%.9g,%.9g", i, label, said,
                 said == label, (double)p[0], (double)p[1], (double)p[2]);
        assert_line(line, expected);
        tw_picture_free(&picture);
    }
    assert_int_equal(n_val, 18);
    assert_true(result.val_accuracy == (double)n_correct / n_val);
    tw_free(text);
    tw_engine_free(engine);
    tw_model_free(model);
    tw_dataset_free(data);
    free(run);
}

/* A job on the class folders, whose val/ is the validation part; to be freed. */
static tw_config *configure_own(world *w)
{
    const char *const options[][2] = {{"data", w->pictures}, {"model", w->model},
                                      {"cut", "pool2"},      {"epochs", "3"},
                                      {"lr", "0.01"},        {"cache-dir", w->cache}};
    char output[300];
    tw_config *config;

    snprintf(output, sizeof output, "%s/run-%d", w->folder, w->n_runs++);
    assert_ok(tw_config_create(&config, e));
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_ok(tw_config_set(config, options[i][0], options[i][1], TW_FROM_FLAG, e));
    assert_ok(tw_config_set(config, "output", output, TW_FROM_FLAG, e));
    return config;
}

/* Bit for bit, though training saw features divided by a power of two and the saved kernel is
 * divided instead. */
static void test_evaluation_of_the_saved_model_is_validation(void **state)
{
    world *w = *state;
    tw_config *config = configure_own(w);
    const char *run = tw_config_get(config, "output");
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    char *csv = path_in(w->folder, "again.csv");
    tw_training_result result;
    tw_evaluation figures;
    tw_dataset *val;
    tw_model *model;
    double row[4];
    size_t n;
    char *a, *b;

    assert_ok(try_train(&result, config, NULL, e));
    model = open_saved(run);
    assert_ok(tw_dataset_open(&val, w->pictures, TW_PART_VAL, 0, e));
    assert_ok(tw_evaluate(&figures, model, val, csv, NULL, &cache, NULL, e));
    assert_true(figures.loss == result.val_loss);
    assert_true(figures.accuracy == result.val_accuracy);
    read_history(row, run, result.epoch);
    assert_true(fabs(row[2] - figures.loss) <= 1e-8 * figures.loss);
    a = read_file(&n, run, "predictions.csv");
    b = read_file(&n, w->folder, "again.csv");
    assert_string_equal(a, b);
    tw_free(a);
    tw_free(b);
    tw_evaluation_free(&figures);
    tw_dataset_free(val);
    tw_model_free(model);
    tw_config_free(config);
    free(csv);
}

/* The scale that a run used, as its model's provenance says. */
static double scale_of(const char *run)
{
    tw_model *model = open_saved(run);
    double scale = 0;

    assert_true(
        tw_json_f64(&scale, tw_json_get(tw_json_get(model->provenance, "training"), "scale")));
    tw_model_free(model);
    return scale;
}

static void test_features_are_scaled_unless_told_otherwise(void **state)
{
    tw_training_result result;
    char *scaled = train(&result, *state, NULL, 0);
    char *plain = train(&result, *state, OPTIONS({"scale-features", "none"}), 1);

    assert_true(scale_of(scaled) >= 4.0);
    assert_true(scale_of(plain) == 1.0);
    free(scaled);
    free(plain);
}

static void test_frozen_layers_do_not_move(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *run = train(&result, w, NULL, 0);
    tw_model *saved = open_saved(run), *before = tiny_model(1);
    tw_shape shapes[2];
    int cut = 0;

    assert_ok(tw_graph_find(&cut, saved->graph, "pool2", e));
    for (int i = 0; i < saved->graph->n; i++) {
        assert_int_equal(saved->frozen[i], i <= cut);
        for (int slot = 0; i <= cut && slot < tw_node_params(saved->graph, i, shapes); slot++)
            assert_memory_equal(saved->params[i][slot].view, before->params[i][slot].view,
                                (size_t)tw_shape_size(&shapes[slot]) * sizeof(float));
    }
    assert_int_equal(saved->n_classes, TINY_CLASSES);
    assert_int_equal(saved->contract.colour, TW_COLOUR_GREY);
    tw_model_free(saved);
    tw_model_free(before);
    free(run);
}

static void test_the_contract_takes_the_options(void **state)
{
    tw_training_result result;
    char *run =
        train(&result, *state, OPTIONS({"preprocess", "tf"}, {"interpolation", "nearest"}), 2);
    tw_model *saved = open_saved(run);

    assert_int_equal(saved->contract.preprocess, TW_PREPROCESS_TF);
    assert_int_equal(saved->contract.interpolation, TW_NEAREST);
    tw_model_free(saved);
    free(run);
}

/* ---- which epoch */

/* An erratic job: the last epoch is not the best. */
#define ERRATIC                     \
    {"lr", "0.6"}, {"epochs", "6"}, \
    {                               \
        "optimizer", "sgd"          \
    }

static void test_the_best_epoch_is_kept(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(ERRATIC), 3);
    double best[4], row[4];

    read_history(best, run, result.epoch);
    for (int epoch = 1; epoch <= 6; epoch++) {
        read_history(row, run, epoch);
        assert_true(row[3] < best[3] || (row[3] == best[3] && row[2] >= best[2]));
    }
    assert_true(fabs(best[2] - result.val_loss) <= 1e-8 * result.val_loss);
    assert_false(is_there(run, "best.tmp"));
    free(run);
}

/* Whatever epoch is kept, the model of that epoch is what is written: a run that ends there has the
 * same bytes but for the number of epochs in its provenance. */
static void test_the_kept_epoch_has_its_own_parameters(void **state)
{
    tw_training_result result, shorter;
    char *run = train(&result, *state, OPTIONS(ERRATIC), 3), epochs[16], *again;

    assert_in_range(result.epoch, 1, 5); /* else nothing is read back */
    snprintf(epochs, sizeof epochs, "%d", result.epoch);
    again = train(&shorter, *state,
                  OPTIONS({"lr", "0.6"}, {"optimizer", "sgd"}, {"epochs", epochs}), 3);
    assert_int_equal(shorter.epoch, result.epoch);
    assert_same_file(run, again, "predictions.csv");
    free(run);
    free(again);
}

static void test_the_last_epoch_is_kept_on_request(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS(ERRATIC, {"select", "last"}), 4);

    assert_int_equal(result.epoch, 6);
    free(run);
}

static void test_without_validation_the_last_epoch_is_kept(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"val-split", "0"}), 1);
    size_t n;
    char *history = read_file(&n, run, "history.csv");

    assert_int_equal(result.epoch, 4);
    assert_true(isnan(result.val_loss) && isnan(result.val_accuracy));
    assert_non_null(strstr(history, ",,\n4,"));
    assert_false(is_there(run, "predictions.csv"));
    tw_free(history);
    free(run);
}

/* ---- the split */

static void test_split_is_that_of_scikit_learn(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, NULL, 0), *text, *line;
    int64_t train_i[N_TRAIN], val_i[N_TRAIN], n_train, n_val;
    size_t n;

    assert_ok(tw_train_test_split(train_i, &n_train, val_i, &n_val, N_TRAIN, 0.3, 42, NULL, e));
    text = read_file(&n, run, "split.csv");
    assert_memory_equal(text, "name,label,split\n", 17);
    line = text + 17;
    for (int i = 0; i < N_TRAIN; i++, line = strchr(line, '\n') + 1) {
        char expected[64];
        bool is_val = false;

        for (int64_t k = 0; k < n_val; k++)
            is_val |= val_i[k] == i;
        snprintf(expected, sizeof expected, "train:%d,%d,%s", i, (i * 7 + i / 5) % TINY_CLASSES,
                 is_val ? "val" : "train");
        assert_line(line, expected);
    }
    assert_int_equal(*line, 0);
    tw_free(text);
    free(run);
}

static void test_own_validation_pictures_are_used(void **state)
{
    tw_config *config = configure_own(*state);
    tw_training *training;
    tw_training_result result;
    size_t n;
    char *text;

    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_string_equal(tw_training_get_plan(training)->split,
                        "24 training and 9 validation pictures (the data's own)");
    assert_ok(tw_training_run(training, &result, NULL, e));
    text = read_file(&n, tw_config_get(config, "output"), "split.csv");
    assert_non_null(strstr(text, "train/ant/000.png,ant,train\n"));
    assert_non_null(strstr(text, "val/cat/008.png,cat,val\n"));
    tw_free(text);
    tw_training_free(training);
    tw_config_free(config);
}

static void test_val_split_overrides_own_validation_pictures(void **state)
{
    tw_config *config = configure_own(*state);
    tw_training *training;

    assert_ok(tw_config_set(config, "val-split", "0.25", TW_FROM_FLAG, e));
    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_string_equal(tw_training_get_plan(training)->split,
                        "18 training and 6 validation pictures (0.25, seed 42)");
    tw_training_free(training);
    tw_config_free(config);
}

/* ---- before the run */

static void test_opening_writes_nothing(void **state)
{
    world *w = *state;
    tw_config *config = configure(w, OPTIONS({"cache", "off"}), 1);
    tw_training *training;
    const tw_training_plan *plan;

    assert_ok(tw_training_open(&training, config, NULL, e));
    assert_false(tw_path_exists(tw_config_get(config, "output")));
    plan = tw_training_get_plan(training);
    assert_string_equal(plan->split, "42 training and 18 validation pictures (0.3, seed 42)");
    assert_int_equal(plan->n_layers, 5 + 4); /* flatten, dense, dropout, predictions */
    assert_string_equal(plan->layers[4].name, "pool2");
    assert_true(plan->layers[4].frozen && !plan->layers[5].frozen);
    assert_int_equal(plan->n_trained, 96 * 8 + 8 + 8 * 3 + 3);
    assert_int_equal(plan->memory_limit, 512ll << 20);
    assert_true(plan->memory_train > 0 && plan->memory_extract > 0);
    assert_true(plan->t_extract_s > 0);
    tw_training_free(training);
    tw_config_free(config);
}

static void test_what_is_missing_is_named(void **state)
{
    const world *w = *state;
    tw_config *config;
    tw_training *training;

    assert_ok(tw_config_create(&config, e));
    assert_fails(TW_EUSAGE, "option data is missing: what to train on",
                 tw_training_open(&training, config, NULL, e));
    assert_ok(tw_config_set(config, "data", "x", TW_FROM_FLAG, e));
    assert_fails(
        TW_EUSAGE,
        "option model is missing: a network (vgg16, resnet50, efficientnet-lite0, ...) or a "
        "model file",
        tw_training_open(&training, config, NULL, e));
    assert_ok(tw_config_set(config, "model", "vgg16", TW_FROM_FLAG, e));
    fetched_root(w->cache);
    assert_fails(TW_EUSAGE,
                 "network vgg16 needs option weights: a file of its weights, or random, or "
                 "\"topwork fetch vgg16-notop\"; vgg16-mini has its weights inside",
                 tw_training_open(&training, config, NULL, e));
    assert_null(training);
    tw_config_free(config);
}

/* The first two convolutions of VGG16, as if they had been fetched. */
static void put_fetched_weights(const world *w)
{
    const tw_shape shapes[] = {{4, {3, 3, 3, 64}}, {1, {64}}, {4, {3, 3, 64, 64}}, {1, {64}}};
    static const char *const names[] = {"block1_conv1/kernel", "block1_conv1/bias",
                                        "block1_conv2/kernel", "block1_conv2/bias"};
    tw_safetensors_entry entries[4];
    float *numbers = tw_alloc_f32(3 * 3 * 64 * 64);
    char *path = path_in(w->folder, "weights");

    for (int i = 0; i < 3 * 3 * 64 * 64; i++)
        numbers[i] = (float)(i % 7) * 0.01f;
    for (int i = 0; i < 4; i++)
        entries[i] = (tw_safetensors_entry){names[i], {numbers, TW_F32, shapes[i]}, 0};
    assert_ok(tw_safetensors_write(path, entries, 4, NULL, e));
    fetched_put("vgg16-notop", 0, path);
    tw_free(numbers);
    free(path);
}

static void test_fetched_weights_are_taken_and_written_down(void **state)
{
    world *w = *state;
    tw_config *config = configure(w,
                                  OPTIONS({"model", "vgg16"}, {"cut", "block1_pool"},
                                          {"top", "gap"}, {"limit", "4"}, {"val-split", "0"}),
                                  5);
    tw_training *training;
    tw_json *json;
    const char *text;

    fetched_root(w->cache);
    put_fetched_weights(w);
    assert_ok(tw_training_open(&training, config, NULL, e));
    text = tw_training_get_plan(training)->model;
    assert_memory_equal(text, "vgg16 with weights vgg16-notop, cut after block1_pool", 53);
    json = tw_train__config_json(training->config, false);
    assert_true(tw_json_string(&text, tw_json_get(json, "weights")));
    assert_string_equal(text, "vgg16-notop");
    tw_json_free(json);
    tw_training_free(training);
    tw_config_free(config);
    fetched_forget("vgg16-notop");
}

static void test_flags_without_effect_are_refused(void **state)
{
    assert_refused(*state, OPTIONS({"momentum", "0.9"}), 1, TW_EUSAGE,
                   "option momentum has no effect with optimizer adam");
}

static void test_own_split_refuses_a_split_seed(void **state)
{
    tw_config *config = configure_own(*state);
    tw_training *training;

    assert_ok(tw_config_set(config, "split-seed", "1", TW_FROM_FLAG, e));
    assert_fails(TW_EUSAGE,
                 "option split-seed has no effect on data with validation pictures of its own, "
                 "unless val-split is given",
                 tw_training_open(&training, config, NULL, e));
    tw_config_free(config);
}

static void test_too_little_memory_is_refused(void **state)
{
    world *w = *state;
    tw_config *config = configure(w, OPTIONS({"memory-limit", "1K"}), 1);
    tw_training *training;
    tw_error err;

    assert_int_equal(tw_training_open(&training, config, NULL, &err), TW_EBUDGET);
    assert_string_equal(err.text, "the top's parameters and the optimizer's state need 9.6 kB of "
                                  "memory, the limit is 1.0 kB: raise memory-limit");
    tw_config_free(config);
}

static void test_an_existing_run_is_refused(void **state)
{
    world *w = *state;
    tw_training_result result;
    tw_config *config = configure(w, OPTIONS({"epochs", "1"}), 1);
    char sentence[400];

    assert_ok(try_train(&result, config, NULL, e));
    snprintf(sentence, sizeof sentence, "%s: a run is there already; overwrite replaces it",
             tw_config_get(config, "output"));
    assert_fails(TW_EUSAGE, sentence, try_train(&result, config, NULL, e));
    assert_ok(tw_config_set(config, "overwrite", "true", TW_FROM_FLAG, e));
    assert_ok(try_train(&result, config, NULL, e));
    tw_config_free(config);
}

/* ---- while it runs */

typedef struct witness {
    int n_notes, n_epochs, n_stalls, stop_after;
    char stall[512];
} witness;

static void see(void *ctx, const tw_event *event)
{
    witness *seen = ctx;

    seen->n_epochs += event->kind == TW_EVENT_EPOCH;
    if (event->kind != TW_EVENT_NOTE)
        return;
    seen->n_notes++;
    if (strstr(event->text, "still above")) {
        seen->n_stalls++;
        snprintf(seen->stall, sizeof seen->stall, "%s", event->text);
    }
}

static int stop_after_epochs(void *ctx)
{
    const witness *seen = ctx;

    return seen->n_epochs >= seen->stop_after;
}

static void test_each_epoch_is_told(void **state)
{
    witness seen = {0};
    const tw_watch watch = {see, NULL, &seen};
    tw_config *config = configure(*state, NULL, 0);
    tw_training_result result;

    assert_ok(try_train(&result, config, &watch, e));
    assert_int_equal(seen.n_epochs, 4);
    assert_int_equal(seen.n_stalls, 0);
    tw_config_free(config);
}

static void test_a_stall_is_told_once_with_its_reason(void **state)
{
    witness seen = {0};
    const tw_watch watch = {see, NULL, &seen};
    tw_config *config =
        configure(*state,
                  OPTIONS({"lr", "1e-9"}, {"scale-features", "none"}, {"epochs", "5"},
                          {"top", "40 relu, 20 sigmoid, 10 sigmoid"}),
                  4);
    tw_training_result result;

    assert_ok(try_train(&result, config, &watch, e));
    assert_int_equal(seen.n_stalls, 1);
    assert_non_null(strstr(seen.stall, "after 3 epochs the training loss is "));
    assert_non_null(strstr(seen.stall,
                           ", still above 0.95 ln(3) = 1.044: the features are not scaled, and "
                           "large ones saturate sigmoid layers (scale-features auto divides them "
                           "by their standard deviation)"));
    tw_config_free(config);
}

static void test_a_broken_loss_stops_the_run(void **state)
{
    tw_config *config =
        configure(*state, OPTIONS({"lr", "1e30"}, {"optimizer", "sgd"}, {"top", "8 relu"}), 3);
    tw_training_result result;
    tw_error err;

    assert_int_equal(try_train(&result, config, NULL, &err), TW_EFAIL);
    assert_non_null(strstr(err.text, " in epoch 1, step "));
    assert_non_null(strstr(err.text, ": a smaller lr may help"));
    assert_false(is_there(tw_config_get(config, "output"), "model.safetensors"));
    tw_config_free(config);
}

/* The sentence of an interrupted run. */
static const char *interrupted(const char *where, const char *run)
{
    static char text[400];

    snprintf(text, sizeof text, "interrupted in epoch %s: \"topwork resume %s\" goes on from there",
             where, run);
    return text;
}

static void test_interrupting_leaves_no_model(void **state)
{
    witness seen = {.stop_after = 2};
    const tw_watch watch = {see, stop_after_epochs, &seen};
    tw_config *config = configure(*state, NULL, 0);
    const char *run = tw_config_get(config, "output");
    tw_training_result result;

    assert_fails(TW_EINTERRUPTED, interrupted("3, step 1 of 6", run),
                 try_train(&result, config, &watch, e));
    assert_true(is_there(run, "config.json") && is_there(run, "history.csv"));
    assert_true(is_there(run, "last.ckpt"));
    assert_false(is_there(run, "model.safetensors"));
    tw_config_free(config);
}

/* Stops once all steps of an epoch are done. */
static void see_last_step(void *ctx, const tw_event *event)
{
    if (event->kind == TW_EVENT_PROGRESS && !strcmp(event->phase, "train") && event->epoch == 2)
        *(int *)ctx = event->done == event->total;
}

static int stop_when_set(void *ctx)
{
    return *(const int *)ctx;
}

static void test_interrupting_validation_names_the_epoch(void **state)
{
    int stop = 0;
    const tw_watch watch = {see_last_step, stop_when_set, &stop};
    tw_config *config = configure(*state, NULL, 0);
    tw_training_result result;

    assert_fails(TW_EINTERRUPTED,
                 interrupted("2, while validating", tw_config_get(config, "output")),
                 try_train(&result, config, &watch, e));
    tw_config_free(config);
}

static void test_interrupting_the_extraction_keeps_the_cache(void **state)
{
    witness seen = {.stop_after = 0};
    const tw_watch watch = {see, stop_after_epochs, &seen};
    world *w = *state;
    char *cache = path_in(w->folder, "other-cache");
    tw_config *config = configure(w, OPTIONS({"cache-dir", cache}), 1);
    tw_training_result result;
    tw_error err;

    assert_int_equal(try_train(&result, config, &watch, &err), TW_EINTERRUPTED);
    assert_non_null(strstr(err.text, " pictures are kept in the cache, \"topwork resume "));
    tw_config_free(config);
    free(cache);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_run_repeats_bit_for_bit),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_cache_changes_nothing),
        cmocka_unit_test(test_bf16_features_give_one_run_cached_or_not),
        cmocka_unit_test(test_memory_limit_changes_nothing),
        cmocka_unit_test(test_seed_changes_the_model),
        cmocka_unit_test(test_it_learns),
        cmocka_unit_test(test_second_run_makes_no_trunk_pass),
        cmocka_unit_test(test_config_of_a_run_repeats_it),
        cmocka_unit_test(test_predictions_are_those_of_the_saved_model),
        cmocka_unit_test(test_evaluation_of_the_saved_model_is_validation),
        cmocka_unit_test(test_features_are_scaled_unless_told_otherwise),
        cmocka_unit_test(test_frozen_layers_do_not_move),
        cmocka_unit_test(test_the_contract_takes_the_options),
        cmocka_unit_test(test_the_best_epoch_is_kept),
        cmocka_unit_test(test_the_kept_epoch_has_its_own_parameters),
        cmocka_unit_test(test_the_last_epoch_is_kept_on_request),
        cmocka_unit_test(test_without_validation_the_last_epoch_is_kept),
        cmocka_unit_test(test_split_is_that_of_scikit_learn),
        cmocka_unit_test(test_own_validation_pictures_are_used),
        cmocka_unit_test(test_val_split_overrides_own_validation_pictures),
        cmocka_unit_test(test_opening_writes_nothing),
        cmocka_unit_test(test_what_is_missing_is_named),
        cmocka_unit_test(test_fetched_weights_are_taken_and_written_down),
        cmocka_unit_test(test_flags_without_effect_are_refused),
        cmocka_unit_test(test_own_split_refuses_a_split_seed),
        cmocka_unit_test(test_too_little_memory_is_refused),
        cmocka_unit_test(test_an_existing_run_is_refused),
        cmocka_unit_test(test_each_epoch_is_told),
        cmocka_unit_test(test_a_stall_is_told_once_with_its_reason),
        cmocka_unit_test(test_a_broken_loss_stops_the_run),
        cmocka_unit_test(test_interrupting_leaves_no_model),
        cmocka_unit_test(test_interrupting_validation_names_the_epoch),
        cmocka_unit_test(test_interrupting_the_extraction_keeps_the_cache),
    };

    return cmocka_run_group_tests_name("train/training", tests, open_world, close_world);
}
