/* Training with frozen layers in int8: the model says its ranges, and computes with them later. */
#include "training_world.h"

#include <tw/eval.h>

#include <math.h>

static bool has_int8(void)
{
    tw_computer computer;
    tw_error why = {TW_OK, ""};
    const tw_compute compute = {.precision = "int8"};
    tw_status rc = tw_computer_open(&computer, &compute, TW_PRECISION_FP32, &why);

    tw_computer_close(&computer);
    if (rc)
        fprintf(stderr, "skipped: %s\n", why.text);
    return rc == TW_OK;
}

/* Mean loss on the test pictures, one by one through the engine. */
static double predict_loss(const tw_model *model, const tw_dataset *test)
{
    tw_engine *engine;
    double sum = 0.0;

    assert_ok(tw_engine_create(&engine, model, NULL, NULL, e));
    for (int i = 0; i < N_TEST; i++) {
        float p[TINY_CLASSES];
        tw_picture picture;

        assert_ok(tw_dataset_read(&picture, test, i, e));
        assert_ok(tw_engine_predict(engine, &picture, 1, p, e));
        sum -= log((double)p[tw_dataset_label(test, i)]);
        tw_picture_free(&picture);
    }
    tw_engine_free(engine);
    return sum / N_TEST;
}

static void the_model_keeps_ranges_and_precision(void **state)
{
    world *w = *state;
    tw_training_result result;
    tw_evaluation figures;
    tw_dataset *test;
    tw_model *model;
    char *run;

    if (!has_int8())
        skip();
    run = train(&result, w, OPTIONS({"precision", "int8"}), 1);
    model = open_saved(run);
    assert_int_equal(model->precision, TW_PRECISION_INT8);
    for (int i = 0; i < model->graph->n; i++)
        assert_int_equal(model->graph->nodes[i].range[1] > 0.0f, i == 0 || i == 1);
    assert_ok(tw_dataset_open(&test, w->data, TW_PART_TEST, 0, e));
    assert_ok(tw_evaluate(&figures, model, test, NULL, NULL,
                          &(tw_cache_options){.mode = TW_CACHE_ON, .dir = w->cache}, NULL, e));
    assert_true(fabs(figures.loss - predict_loss(model, test)) < 1e-6 * (1.0 + figures.loss));
    tw_evaluation_free(&figures);
    tw_dataset_free(test);
    tw_model_free(model);
    free(run);
}

static void runs_in_int8_are_the_same_on_any_number_of_threads(void **state)
{
    world *w = *state;
    tw_training_result result;
    char *a, *b;

    if (!has_int8())
        skip();
    a = train(&result, w, OPTIONS({"precision", "int8"}, {"threads", "1"}, {"cache", "off"}), 3);
    b = train(&result, w, OPTIONS({"precision", "int8"}, {"threads", "3"}), 2);
    assert_same_run(a, b);
    free(a);
    free(b);
}

/* A model that was calibrated is trained on in fp32: its ranges are gone. */
static void ranges_of_another_training_are_forgotten(void **state)
{
    world *w = *state;
    tw_training_result result;
    tw_training *training;
    char *run, *path;

    if (!has_int8())
        skip();
    run = train(&result, w, OPTIONS({"precision", "int8"}), 1);
    path = path_in(run, "model.safetensors");
    w->network = path;
    training = open_training(w, OPTIONS({"precision", "fp32"}), 1);
    for (int i = 0; i < training->base->graph->n; i++) {
        assert_true(training->base->graph->nodes[i].range[1] == 0.0f);
        assert_true(training->graph->nodes[i].range[1] == 0.0f);
    }
    tw_training_free(training);
    w->network = w->model;
    free(path);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_keeps_ranges_and_precision),
        cmocka_unit_test(runs_in_int8_are_the_same_on_any_number_of_threads),
        cmocka_unit_test(ranges_of_another_training_are_forgotten),
    };

    return cmocka_run_group_tests(tests, open_world, close_world);
}
