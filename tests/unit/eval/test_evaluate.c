/* Evaluating a classifier: the digits of tw_engine_predict, from the cache or not, on any number of
 * threads; labels matched by name. */
#include "tiny_model.h"

#include "backend/backend.h"
#include "eval/score.h"

#include <math.h>

enum { N_TRAIN = 30, N_TEST = 37 };

typedef struct world {
    char *folder, *data, *cache;
    tw_model *trunk; /* cut after pool2 */
    tw_model *model; /* with a top for three classes */
    tw_dataset *test;
} world;

static char *const digits[] = {"0", "1", "2"};

static tw_model *add_top(const tw_model *trunk, char *const *classes, const char *spec)
{
    tw_graph *top;
    tw_model *model;

    assert_ok(tw_graph_parse_top(&top, tw_graph_output_shape(trunk->graph), spec, TINY_CLASSES, e));
    assert_ok(
        tw_model_add_top(&model, trunk, top, trunk->graph->n - 1, classes, TINY_CLASSES, 5, e));
    tw_graph_free(top);
    return model;
}

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    char *path;

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->data = tiny_write_data(w->folder, N_TRAIN, N_TEST);
    w->cache = path_in(w->folder, "cache");
    path = tiny_write_model(w->folder);
    assert_ok(tw_model_open(&w->trunk, path, NULL, "pool2", 0, e));
    w->trunk->contract.preprocess = TW_PREPROCESS_TF; /* keeps probabilities off 0 */
    w->model = add_top(w->trunk, digits, "8 relu, dropout 0.5");
    assert_ok(tw_dataset_open(&w->test, w->data, TW_PART_TEST, 0, e));
    free(path);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;

    tw_dataset_free(w->test);
    tw_model_free(w->model);
    tw_model_free(w->trunk);
    check_remove_folder((void **)&w->folder);
    free(w->data);
    free(w->cache);
    free(w);
    return 0;
}

static void evaluate(tw_evaluation *out, const world *w, const char *csv, int threads,
                     tw_cache_mode mode)
{
    const tw_compute compute = {.n_threads = threads};
    const tw_cache_options cache = {.mode = mode, .dir = w->cache};

    assert_ok(tw_evaluate(out, w->model, w->test, csv, &compute, &cache, NULL, e));
}

/* All probabilities, picture by picture, from the engine. */
static void predict(float *out, const world *w)
{
    const tw_compute compute = {.n_threads = 1};
    tw_engine *engine;

    assert_ok(tw_engine_create(&engine, w->model, NULL, &compute, e));
    for (int i = 0; i < N_TEST; i++) {
        tw_picture picture;

        assert_ok(tw_dataset_read(&picture, w->test, i, e));
        assert_ok(tw_engine_predict(engine, &picture, 1, out + i * TINY_CLASSES, e));
        tw_picture_free(&picture);
    }
    tw_engine_free(engine);
}

static char *read_csv(const world *w, const char *name)
{
    char *path = path_in(w->folder, name), *text;
    size_t n;

    assert_ok(tw_file_read(&text, &n, path, 1 << 20, e));
    free(path);
    return text;
}

static void test_predictions_are_those_of_the_engine(void **state)
{
    const world *w = *state;
    char *path = path_in(w->folder, "p.csv"), *text, *expected = calloc(N_TEST, 128);
    float p[N_TEST * TINY_CLASSES];
    tw_evaluation figures;

    evaluate(&figures, w, path, 2, TW_CACHE_ON);
    predict(p, w);
    text = read_csv(w, "p.csv");
    strcpy(expected, "name,label,predicted,correct,p_0,p_1,p_2\n");
    for (int i = 0; i < N_TEST; i++) {
        const float *row = p + i * TINY_CLASSES;
        int label = tw_dataset_label(w->test, i), said = tw_argmax_row(row, TINY_CLASSES);

        sprintf(expected + strlen(expected), "test:%d,%d,%d,%d,%.9g,%.9g,%.9g\n", i, label, said,
                label == said, (double)row[0], (double)row[1], (double)row[2]);
    }
    assert_string_equal(text, expected);
    tw_evaluation_free(&figures);
    tw_free(text);
    free(expected);
    free(path);
}

static void test_loss_is_the_mean_in_order(void **state)
{
    const world *w = *state;
    float p[N_TEST * TINY_CLASSES];
    double sum = 0;
    tw_evaluation figures;

    evaluate(&figures, w, NULL, 1, TW_CACHE_ON);
    predict(p, w);
    for (int i = 0; i < N_TEST; i++)
        sum -= log((double)p[i * TINY_CLASSES + tw_dataset_label(w->test, i)]);
    assert_true(fabs(figures.loss - sum / N_TEST) < 1e-6);
    assert_int_equal(figures.n, N_TEST);
    tw_evaluation_free(&figures);
}

static void assert_same_figures(const world *w, int threads, tw_cache_mode mode)
{
    char *a_path = path_in(w->folder, "a.csv"), *b_path = path_in(w->folder, "b.csv"), *a, *b;
    tw_evaluation one, two;

    evaluate(&one, w, a_path, 1, TW_CACHE_ON);
    evaluate(&two, w, b_path, threads, mode);
    a = read_csv(w, "a.csv");
    b = read_csv(w, "b.csv");
    assert_string_equal(a, b);
    assert_true(one.loss == two.loss && one.accuracy == two.accuracy);
    tw_free(a);
    tw_free(b);
    tw_evaluation_free(&one);
    tw_evaluation_free(&two);
    free(a_path);
    free(b_path);
}

static void test_threads_change_nothing(void **state)
{
    assert_same_figures(*state, 2, TW_CACHE_OFF);
    assert_same_figures(*state, 4, TW_CACHE_OFF);
}

static void test_cache_changes_nothing(void **state)
{
    assert_same_figures(*state, 1, TW_CACHE_OFF);
}

static void test_second_time_makes_no_trunk_pass(void **state)
{
    const world *w = *state;
    tw_evaluation figures;

    evaluate(&figures, w, NULL, 2, TW_CACHE_ON);
    tw_evaluation_free(&figures);
    evaluate(&figures, w, NULL, 2, TW_CACHE_ON);
    assert_int_equal(figures.n_trunk, 0);
    tw_evaluation_free(&figures);
    evaluate(&figures, w, NULL, 2, TW_CACHE_OFF);
    assert_int_equal(figures.n_trunk, N_TEST);
    tw_evaluation_free(&figures);
}

static void test_labels_are_matched_by_name(void **state)
{
    static char *const turned[] = {"2", "0", "1"};
    const world *w = *state;
    const tw_compute compute = {.n_threads = 1};
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    tw_model *other = add_top(w->trunk, turned, "8 relu, dropout 0.5");
    tw_evaluation a, b;

    evaluate(&a, w, NULL, 1, TW_CACHE_OFF);
    assert_ok(tw_evaluate(&b, other, w->test, NULL, &compute, &cache, NULL, e));
    for (int label = 0; label < TINY_CLASSES; label++) {
        /* the same network; its outputs are called otherwise */
        assert_int_equal(b.classes[(label + 1) % TINY_CLASSES].support, a.classes[label].support);
        assert_int_equal(b.classes[label].predicted, a.classes[label].predicted);
    }
    tw_evaluation_free(&a);
    tw_evaluation_free(&b);
    tw_model_free(other);
}

static void test_class_that_the_model_lacks_is_named(void **state)
{
    static char *const others[] = {"0", "ant", "2"};
    const world *w = *state;
    tw_model *other = add_top(w->trunk, others, "");
    tw_evaluation figures;

    assert_fails(TW_EFILE,
                 "class 1 is not among the model's: the model has 0, ant, 2; the data has 0, 1, 2",
                 tw_evaluate(&figures, other, w->test, NULL, NULL, NULL, NULL, e));
    assert_null(figures.names);
    tw_model_free(other);
}

static void test_trunk_cannot_be_evaluated(void **state)
{
    const world *w = *state;
    tw_evaluation figures;

    assert_fails(TW_EFILE, "the model has no classes, it cannot be evaluated",
                 tw_evaluate(&figures, w->trunk, w->test, NULL, NULL, NULL, NULL, e));
}

static int always(void *ctx)
{
    (void)ctx;
    return 1;
}

static void test_interrupting_leaves_no_predictions(void **state)
{
    const world *w = *state;
    const tw_watch watch = {.should_stop = always};
    const tw_cache_options cache = {.mode = TW_CACHE_OFF};
    char *path = path_in(w->folder, "interrupted.csv");
    tw_evaluation figures;

    assert_int_equal(tw_evaluate(&figures, w->model, w->test, path, NULL, &cache, &watch, NULL),
                     TW_EINTERRUPTED);
    assert_false(tw_path_exists(path));
    free(path);
}

static void test_boundary_is_the_last_frozen_layer(void **state)
{
    const world *w = *state;

    assert_int_equal(tw_model_boundary(w->model), w->trunk->graph->n - 1);
}

static void test_boundary_of_a_wholly_frozen_model_is_its_last_pooling(void **state)
{
    tw_model *model = tiny_model(3);

    (void)state;
    for (int i = 0; i < model->graph->n; i++)
        model->frozen[i] = true;
    assert_int_equal(tw_model_boundary(model), 4);
    for (int i = 0; i < model->graph->n; i++)
        model->frozen[i] = false;
    assert_int_equal(tw_model_boundary(model), 4);
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_predictions_are_those_of_the_engine),
        cmocka_unit_test(test_loss_is_the_mean_in_order),
        cmocka_unit_test(test_threads_change_nothing),
        cmocka_unit_test(test_cache_changes_nothing),
        cmocka_unit_test(test_second_time_makes_no_trunk_pass),
        cmocka_unit_test(test_labels_are_matched_by_name),
        cmocka_unit_test(test_class_that_the_model_lacks_is_named),
        cmocka_unit_test(test_trunk_cannot_be_evaluated),
        cmocka_unit_test(test_interrupting_leaves_no_predictions),
        cmocka_unit_test(test_boundary_is_the_last_frozen_layer),
        cmocka_unit_test(test_boundary_of_a_wholly_frozen_model_is_its_last_pooling),
    };

    return cmocka_run_group_tests_name("eval/evaluate", tests, open_world, close_world);
}
