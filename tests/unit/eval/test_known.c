/* What known pictures look like, and the distances of others, against NumPy
 * (tools/golden/known.py); and a model that learned it: what predict and evaluate make of it is the
 * same. */
#include "tiny_model.h"

#include "backend/backend.h"
#include "eval/pass.h"
#include "infer/engine.h"

#include <math.h>

enum { N_TRAIN = 30, N_TEST = 37, FOREIGN = 5 };

static uint32_t next_byte(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 24;
}

static double read_number(FILE *file)
{
    double out;

    assert_int_equal(fscanf(file, "%lf", &out), 1);
    return out;
}

static void read_word(FILE *file, const char *wanted)
{
    char word[16];

    assert_int_equal(fscanf(file, "%15s", word), 1);
    assert_string_equal(word, wanted);
}

/* As the script makes them. */
static tw_looks make_looks(int n_classes, int n, int places, int channels, uint32_t seed)
{
    const int size = places * channels, all = n + FOREIGN;
    tw_looks out = {calloc((size_t)(all * channels), sizeof(float)),
                    calloc((size_t)all, sizeof(int)), n, channels, n_classes};
    float *row = calloc((size_t)size, sizeof *row);

    for (int i = 0; i < all; i++) {
        out.labels[i] = (int)(next_byte(&seed) % (uint32_t)n_classes);
        for (int k = 0; k < size; k++) {
            const bool is_lit = i < n && k % channels % n_classes == out.labels[i];

            row[k] = (float)((double)((int)next_byte(&seed) - 128) / 64.0 + (is_lit ? 2.0 : 0.0));
        }
        tw_look_row(out.looks + i * channels, row, size, channels);
    }
    free(row);
    return out;
}

static void check_case(FILE *file)
{
    int n_classes, n, places, channels;
    uint32_t seed;
    double quantile;
    tw_looks of;
    tw_model model = {0};

    assert_int_equal(
        fscanf(file, "%d %d %d %d %u %lf", &n_classes, &n, &places, &channels, &seed, &quantile),
        6);
    of = make_looks(n_classes, n, places, channels, seed);
    model.n_classes = n_classes;
    assert_ok(tw_learn_known(&model.known, &of, quantile, e));
    assert_int_equal(model.known.n, n);
    assert_true(model.known.quantile == quantile);
    read_word(file, "threshold");
    assert_true(fabs(model.known.threshold - read_number(file)) < 1e-6);
    read_word(file, "distances");
    for (int i = n; i < n + FOREIGN; i++)
        assert_true(fabs(tw_look_distance(&model, of.looks + i * channels) - read_number(file)) <
                    1e-6);
    tw_known_free(&model.known);
    free(of.looks);
    free(of.labels);
}

static void test_figures_are_those_of_numpy(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/known.txt", "r");
    char word[16];
    int n_cases = 0;

    (void)state;
    assert_non_null(file);
    while (fgetc(file) != '\n') /* versions */
        assert_false(feof(file));
    while (fscanf(file, "%15s", word) == 1 && strcmp(word, "case") == 0) {
        check_case(file);
        n_cases++;
    }
    fclose(file);
    assert_int_equal(n_cases, 4);
}

static void test_zeros_are_far_from_everything(void **state)
{
    float row[6] = {0}, look[3], mean[3] = {1.0f, 0.0f, 0.0f};
    const tw_model model = {.n_classes = 1, .known = {.means = mean, .n_channels = 3}};

    (void)state;
    tw_look_row(look, row, 6, 3);
    assert_true(tw_look_distance(&model, look) == 1.0);
    row[0] = 5.0f;
    tw_look_row(look, row, 6, 3);
    assert_true(tw_look_distance(&model, look) == 0.0);
    row[0] = -5.0f;
    tw_look_row(look, row, 6, 3);
    assert_true(tw_look_distance(&model, look) == 2.0);
}

typedef struct world {
    char *folder, *data, *path;
    tw_model *trunk, *made;
    tw_dataset *test;
} world;

static int open_world(void **state)
{
    static char *const digits[] = {"0", "1", "2"};
    world *w = calloc(1, sizeof *w);
    tw_graph *top;
    char *path;

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->data = tiny_write_data(w->folder, N_TRAIN, N_TEST);
    path = tiny_write_model(w->folder);
    w->path = path_in(w->folder, "whole.safetensors");
    assert_ok(tw_model_open(&w->trunk, path, NULL, "pool2", 0, e));
    w->trunk->contract.preprocess = TW_PREPROCESS_TF;
    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(w->trunk->graph), "8 relu",
                                 TINY_CLASSES, e));
    assert_ok(tw_model_add_top(&w->made, w->trunk, top, w->trunk->graph->n - 1, digits,
                               TINY_CLASSES, 6, e));
    assert_ok(tw_model_write(w->made, w->path, e));
    tw_graph_free(top);
    assert_ok(tw_dataset_open(&w->test, w->data, TW_PART_TEST, 0, e));
    free(path);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;

    tw_dataset_free(w->test);
    tw_model_free(w->made);
    tw_model_free(w->trunk);
    check_remove_folder((void **)&w->folder);
    free(w->path);
    free(w->data);
    free(w);
    return 0;
}

/* Probabilities and distances of all test pictures, so many at once. */
static void judge(float *rows, double *distances, const tw_model *model, const world *w,
                  int n_threads, int64_t batch)
{
    const tw_compute compute = {.n_threads = n_threads};
    tw_picture pictures[N_TEST];
    tw_engine *engine;

    for (int i = 0; i < N_TEST; i++)
        assert_ok(tw_dataset_read(&pictures[i], w->test, i, e));
    assert_ok(tw_engine_create_judge(&engine, model, &compute, e));
    assert_int_equal(tw_engine_row_size(engine), TINY_CLASSES);
    for (int64_t i = 0; i < N_TEST; i += batch)
        assert_ok(tw_engine_judge(engine, pictures + i, N_TEST - i < batch ? N_TEST - i : batch,
                                  rows + i * TINY_CLASSES, distances + i, e));
    tw_engine_free(engine);
    for (int i = 0; i < N_TEST; i++)
        tw_picture_free(&pictures[i]);
}

static void test_predict_is_evaluate_whatever_the_threads(void **state)
{
    const world *w = *state;
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    const tw_calibrate_options how = {
        .path = w->path, .reject_quantile = 0.8, .keep_temperature = 1};
    float rows[N_TEST * TINY_CLASSES], again[N_TEST * TINY_CLASSES];
    double distances[N_TEST], others[N_TEST];
    tw_calibration found;
    tw_evaluation evaluation;
    tw_model *model;
    int64_t n_rejected = 0;

    assert_ok(tw_model_open(&model, w->path, NULL, NULL, 0, e));
    assert_false(tw_model_knows_pictures(model));
    assert_ok(tw_evaluate(&evaluation, model, w->test, NULL, NULL, &cache, NULL, e));
    assert_false(evaluation.knows_pictures);
    tw_evaluation_free(&evaluation);
    assert_ok(tw_calibrate(&found, model, w->test, &how, NULL, &cache, NULL, e));
    assert_true(found.temperature == 1.0 && found.loss == found.loss_before);
    tw_model_free(model);

    assert_ok(tw_model_open(&model, w->path, NULL, NULL, 0, e));
    assert_true(tw_model_knows_pictures(model));
    assert_true(tw_model_reject_threshold(model) == found.threshold);
    judge(rows, distances, model, w, 1, N_TEST);
    judge(again, others, model, w, 3, 5);
    assert_memory_equal(rows, again, sizeof rows);
    assert_memory_equal(distances, others, sizeof distances);
    for (int i = 0; i < N_TEST; i++)
        n_rejected += distances[i] > found.threshold;
    assert_in_range(n_rejected, 1, N_TEST / 3);
    assert_int_equal(n_rejected, found.n_rejected);
    assert_ok(tw_evaluate(&evaluation, model, w->test, NULL, NULL, &cache, NULL, e));
    assert_true(evaluation.knows_pictures);
    assert_int_equal(evaluation.n_rejected, n_rejected);
    tw_evaluation_free(&evaluation);
    tw_model_free(model);
}

static void test_probabilities_are_those_of_predict(void **state)
{
    const world *w = *state;
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    float rows[N_TEST * TINY_CLASSES], wanted[TINY_CLASSES];
    double distances[N_TEST], distance;
    tw_calibration found;
    tw_engine *engine, *judging;
    tw_picture picture;
    tw_model *model;

    assert_ok(tw_model_open(&model, w->path, NULL, NULL, 0, e));
    assert_ok(tw_calibrate(&found, model, w->test, NULL, NULL, &cache, NULL, e));
    judge(rows, distances, model, w, 2, N_TEST);
    assert_ok(tw_engine_create(&engine, model, NULL, NULL, e));
    for (int i = 0; i < N_TEST; i++) {
        assert_ok(tw_dataset_read(&picture, w->test, i, e));
        assert_ok(tw_engine_predict(engine, &picture, 1, wanted, e));
        assert_memory_equal(rows + i * TINY_CLASSES, wanted, sizeof wanted);
        tw_picture_free(&picture);
    }
    assert_fails(TW_EUSAGE, "to judge takes an engine of tw_engine_create_judge",
                 tw_engine_judge(engine, &picture, 1, wanted, &distance, e));
    assert_ok(tw_engine_create_judge(&judging, model, NULL, e));
    assert_fails(TW_EUSAGE, "an engine that judges is for tw_engine_judge alone",
                 tw_engine_run(judging, &picture, 1, wanted, e));
    assert_true(tw_engine_memory(judging) >
                TW_PIECE_ROWS * 4 * 4 * 6 * (int64_t)sizeof(float)); /* its rows, pool2's */
    tw_engine_free(judging);
    tw_engine_free(engine);
    tw_model_free(model);
}

static void test_what_cannot_be_done(void **state)
{
    const world *w = *state;
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    static const double bad[] = {-0.1, 1.1, (double)NAN};
    tw_calibration found;
    tw_engine *engine;

    assert_fails(TW_EFILE,
                 "the model has not learned what known pictures look like: topwork calibrate RUN",
                 tw_engine_create_judge(&engine, w->made, NULL, e));
    for (int i = 0; i < 3; i++)
        assert_int_equal(tw_calibrate(&found, w->made, w->test,
                                      &(tw_calibrate_options){.reject_quantile = bad[i]}, NULL,
                                      &cache, NULL, NULL),
                         TW_EUSAGE);
    assert_fails(TW_EUSAGE, "the quantile of rejection must be above 0, at most 1, got 2",
                 tw_calibrate(&found, w->made, w->test,
                              &(tw_calibrate_options){.reject_quantile = 2}, NULL, &cache, NULL,
                              e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_those_of_numpy),
        cmocka_unit_test(test_zeros_are_far_from_everything),
        cmocka_unit_test(test_predict_is_evaluate_whatever_the_threads),
        cmocka_unit_test(test_probabilities_are_those_of_predict),
        cmocka_unit_test(test_what_cannot_be_done),
    };

    return cmocka_run_group_tests_name("eval/known", tests, open_world, close_world);
}
