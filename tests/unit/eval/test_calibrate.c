/* Temperatures, calibration errors and F1 intervals against SciPy and NumPy
 * (tools/golden/calibration.py), and a model that is calibrated and written. */
#include "tiny_model.h"

#include "backend/backend.h"
#include "eval/metrics.h"
#include "eval/pass.h"

#include <math.h>

enum { N_TRAIN = 30, N_TEST = 37, MAX_CLASSES = 16 };

static uint32_t next_byte(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 24;
}

/* As the script makes them. */
static tw_logits make_logits(int n_classes, int n, uint32_t seed, int divisor)
{
    tw_logits out = {calloc((size_t)(n * n_classes), sizeof(float)), calloc((size_t)n, sizeof(int)),
                     n, n_classes};

    for (int i = 0; i < n; i++) {
        out.labels[i] = (int)(next_byte(&seed) % (uint32_t)n_classes);
        for (int k = 0; k < n_classes; k++) {
            int value = (int)next_byte(&seed) - 128 + (k == out.labels[i] ? 64 : 0);

            out.logits[i * n_classes + k] = (float)((double)value / divisor);
        }
    }
    return out;
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

static void assert_near(double ours, double theirs, double limit, const char *what)
{
    if (!(fabs(ours - theirs) <= limit))
        fail_msg("%s: %.17g, SciPy has %.17g", what, ours, theirs);
}

static double mean_loss(const tw_logits *of, double temperature)
{
    double sum = 0;

    for (int64_t i = 0; i < of->n; i++)
        sum += tw_cross_entropy_tempered_row(of->logits + i * of->n_classes, of->n_classes,
                                             of->labels[i], temperature);
    return sum / (double)of->n;
}

static tw_evaluation figures_at(const tw_logits *of, double temperature)
{
    static char *const names[MAX_CLASSES] = {"c", "c", "c", "c", "c", "c", "c", "c",
                                             "c", "c", "c", "c", "c", "c", "c", "c"};
    tw_evaluation out;
    float row[MAX_CLASSES];

    assert_ok(tw_evaluation_create(&out, names, of->n_classes, e));
    for (int64_t i = 0; i < of->n; i++) {
        const float *logits = of->logits + i * of->n_classes;
        int top;

        tw_softmax_tempered_row(row, logits, of->n_classes, temperature);
        top = tw_argmax_row(row, of->n_classes);
        assert_int_equal(top, tw_argmax_row(logits, of->n_classes));
        tw_evaluation_count(&out, of->labels[i], top, (double)row[top]);
    }
    tw_evaluation_finish(&out);
    assert_ok(tw_evaluation_bootstrap(&out, TW_BOOTSTRAP_SEED, e));
    return out;
}

static void check_case(FILE *file)
{
    int n_classes, n, divisor;
    uint32_t seed;
    double temperature;
    tw_logits of;
    tw_evaluation before, after;

    assert_int_equal(fscanf(file, "%d %d %u %d", &n_classes, &n, &seed, &divisor), 4);
    assert_in_range(n_classes, 2, MAX_CLASSES);
    of = make_logits(n_classes, n, seed, divisor);
    temperature = tw_find_temperature(&of);
    read_word(file, "temperature");
    assert_near(temperature, read_number(file), 1e-5 * temperature, "temperature");
    read_word(file, "loss");
    assert_near(mean_loss(&of, 1.0), read_number(file), 1e-12, "loss before");
    assert_near(mean_loss(&of, temperature), read_number(file), 1e-9, "loss after");
    before = figures_at(&of, 1.0);
    after = figures_at(&of, temperature);
    read_word(file, "ece");
    assert_near(before.ece, read_number(file), 1e-12, "error before");
    assert_near(after.ece, read_number(file), 1e-6, "error after");
    read_word(file, "f1");
    /* of 1000 resamples of as few as 40 pictures an end is known to 0.0065; three of those */
    assert_near(before.f1_low, read_number(file), 0.02, "low end of F1");
    assert_near(before.f1_high, read_number(file), 0.02, "high end of F1");
    assert_true(before.f1_low == after.f1_low && before.f1_high == after.f1_high);
    tw_evaluation_free(&before);
    tw_evaluation_free(&after);
    free(of.logits);
    free(of.labels);
}

static void test_figures_are_those_of_scipy(void **state)
{
    FILE *file = fopen(TW_TEST_DATA "/calibration.txt", "r");
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

static void test_the_first_stays_first_where_rounding_makes_two_equal(void **state)
{
    const float logits[3] = {1.0f, nextafterf(1.0f, 2.0f), -3.0f};
    float p[3];

    (void)state;
    for (double t = 0.5; t < 60.0; t *= 1.3) {
        tw_softmax_tempered_row(p, logits, 3, t);
        assert_int_equal(tw_argmax_row(p, 3), 1);
    }
}

static void test_a_class_that_is_never_there_has_no_interval(void **state)
{
    static char *const names[] = {"a", "b", "c"};
    tw_evaluation figures;

    (void)state;
    assert_ok(tw_evaluation_create(&figures, names, 3, e));
    for (int i = 0; i < 20; i++)
        tw_evaluation_count(&figures, 0, i % 4 == 0, 0.5);
    tw_evaluation_finish(&figures);
    assert_ok(tw_evaluation_bootstrap(&figures, 1, e));
    assert_true(isnan(figures.classes[2].f1_low) && isnan(figures.classes[2].f1_high));
    assert_true(figures.classes[0].f1_low < figures.classes[0].f1);
    assert_true(figures.classes[0].f1_high > figures.classes[0].f1);
    assert_int_equal(figures.bins[7].n, 20); /* 0.5 is in (7/15, 8/15] */
    assert_int_equal(figures.bins[7].correct, 15);
    assert_true(fabs(figures.ece - 0.25) < 1e-15);
    tw_evaluation_free(&figures);
}

typedef struct world {
    char *folder, *data;
    tw_model *trunk, *made; /* in memory */
    tw_model *model;        /* from its file */
    tw_dataset *test;
} world;

static int open_world(void **state)
{
    static char *const digits[] = {"0", "1", "2"};
    world *w = calloc(1, sizeof *w);
    tw_graph *top;
    char *path, *whole;

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->data = tiny_write_data(w->folder, N_TRAIN, N_TEST);
    path = tiny_write_model(w->folder);
    whole = path_in(w->folder, "whole.safetensors");
    assert_ok(tw_model_open(&w->trunk, path, NULL, "pool2", 0, e));
    w->trunk->contract.preprocess = TW_PREPROCESS_TF;
    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(w->trunk->graph), "8 relu",
                                 TINY_CLASSES, e));
    assert_ok(tw_model_add_top(&w->made, w->trunk, top, w->trunk->graph->n - 1, digits,
                               TINY_CLASSES, 6, e));
    assert_ok(tw_model_write(w->made, whole, e));
    tw_graph_free(top);
    assert_ok(tw_model_open(&w->model, whole, NULL, NULL, 0, e));
    assert_ok(tw_dataset_open(&w->test, w->data, TW_PART_TEST, 0, e));
    free(whole);
    free(path);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;

    tw_dataset_free(w->test);
    tw_model_free(w->model);
    tw_model_free(w->made);
    tw_model_free(w->trunk);
    check_remove_folder((void **)&w->folder);
    free(w->data);
    free(w);
    return 0;
}

static void evaluate(tw_evaluation *out, const tw_model *model, const world *w)
{
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};

    assert_ok(tw_evaluate(out, model, w->test, NULL, NULL, &cache, NULL, e));
}

static void test_a_calibrated_model_keeps_its_temperature_and_its_classes(void **state)
{
    world *w = *state;
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    char *path = path_in(w->folder, "calibrated.safetensors");
    const tw_calibrate_options how = {.path = path};
    tw_calibration found;
    tw_evaluation before, after;
    tw_model *read;

    evaluate(&before, w->model, w);
    assert_ok(tw_calibrate(&found, w->model, w->test, &how, NULL, &cache, NULL, e));
    assert_int_equal(found.n, N_TEST);
    assert_true(found.temperature_before == 1.0 && found.temperature != 1.0);
    assert_true(found.loss < found.loss_before);
    assert_true(found.loss_before == before.loss && found.ece_before == before.ece);
    assert_ok(tw_model_open(&read, path, NULL, NULL, 0, e));
    assert_true(tw_model_temperature(read) == found.temperature);
    evaluate(&after, read, w);
    assert_memory_equal(before.confusion, after.confusion,
                        TINY_CLASSES * TINY_CLASSES * sizeof *before.confusion);
    assert_true(after.loss == found.loss && after.ece == found.ece);
    assert_true(after.temperature == found.temperature);
    tw_model_free(read);
    /* once more: nothing is left to find, from the same answers */
    assert_ok(tw_calibrate(&found, w->model, w->test, NULL, NULL, &cache, NULL, e));
    assert_true(found.temperature == found.temperature_before);
    tw_evaluation_free(&before);
    tw_evaluation_free(&after);
    free(path);
}

static void test_a_model_that_came_from_no_file_of_ours_is_not_written(void **state)
{
    const world *w = *state;
    const tw_calibrate_options how = {.path = "/nowhere"};
    tw_calibration found;

    assert_fails(TW_EUSAGE,
                 "model: is an export; calibrate the model that it was made of, and export again",
                 tw_calibrate(&found, w->made, w->test, &how, NULL, NULL, NULL, e));
}

static void test_pictures_that_no_temperature_fits(void **state)
{
    const world *w = *state;
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    char *digits[] = {"0", "1", "2"};
    tw_graph *top;
    tw_model *model;
    tw_calibration found;

    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(w->trunk->graph), "8 relu",
                                 TINY_CLASSES, e));
    assert_ok(tw_model_add_top(&model, w->trunk, top, w->trunk->graph->n - 1, digits, TINY_CLASSES,
                               5, e)); /* with this seed chance is better */
    assert_fails(TW_EFILE,
                 "no temperature from 0.01 to 100 fits 37 pictures: all of them are right, or none "
                 "is told better than by chance; calibrate on others",
                 tw_calibrate(&found, model, w->test, NULL, NULL, &cache, NULL, e));
    assert_true(tw_model_temperature(model) == 1.0);
    tw_graph_free(top);
    tw_model_free(model);
}

static void test_temperature_out_of_range(void **state)
{
    const world *w = *state;
    static const double bad[] = {0.0, -1.0, 0.009, 101.0, (double)NAN};

    for (int i = 0; i < 5; i++)
        assert_int_equal(tw_model_set_temperature(w->model, bad[i], NULL), TW_EUSAGE);
    assert_fails(TW_EUSAGE, "a temperature is a number from 0.01 to 100, got 101",
                 tw_model_set_temperature(w->model, 101.0, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_figures_are_those_of_scipy),
        cmocka_unit_test(test_the_first_stays_first_where_rounding_makes_two_equal),
        cmocka_unit_test(test_a_class_that_is_never_there_has_no_interval),
        cmocka_unit_test(test_a_calibrated_model_keeps_its_temperature_and_its_classes),
        cmocka_unit_test(test_a_model_that_came_from_no_file_of_ours_is_not_written),
        cmocka_unit_test(test_pictures_that_no_temperature_fits),
        cmocka_unit_test(test_temperature_out_of_range),
    };

    return cmocka_run_group_tests_name("eval/calibrate", tests, open_world, close_world);
}
