/* Precision auto: it becomes what the CPU is fast in, is told and written as that, and the run is
 * the one that asks for it by name. */
#include "training_world.h"

#include "backend/backend.h"
#include "tensor/tensor.h"

static tw_precision fastest_here(void)
{
    const tw_backend_table *table;
    tw_backend *backend;
    tw_precision precision;

    assert_ok(tw_backend_find(&table, "cpu", e));
    assert_ok(table->open(&backend, "auto", e));
    precision = table->fastest(backend);
    assert_ok(table->check_precision(backend, precision, e));
    table->close(backend);
    return precision;
}

static tw_precision precision_in(const char *run)
{
    tw_model *model = open_saved(run);
    const tw_precision precision = model->precision;

    tw_model_free(model);
    return precision;
}

static void assert_told(world *w, const char *const (*options)[2], int n, const char *sentence)
{
    tw_training *training = open_training(w, options, n);

    if (!strstr(tw_training_get_plan(training)->compute, sentence))
        fail_msg("%s", tw_training_get_plan(training)->compute);
    tw_training_free(training);
}

static void test_auto_is_the_run_of_what_it_becomes(void **state)
{
    const tw_precision precision = fastest_here();
    tw_training_result first, second;
    char *a = train(&first, *state, OPTIONS({"precision", "auto"}), 1);
    char *b = train(&second, *state, OPTIONS({"precision", tw_precision_name(precision)}), 1);

    assert_same_run(a, b);
    assert_int_equal(precision_in(a), precision);
    free(a);
    free(b);
}

static void test_the_reason_is_told(void **state)
{
    if (fastest_here() == TW_PRECISION_FP32)
        assert_told(*state, OPTIONS({"precision", "auto"}), 1,
                    "precision auto: none is faster here");
    else
        assert_told(*state, OPTIONS({"precision", "auto"}), 1,
                    "precision auto: bf16 changes features of 16 pictures by ");
    assert_told(*state, OPTIONS({"precision", "auto"}, {"backend", "ref"}), 2,
                "precision auto: none is faster here");
}

static bool trains_bf16_here(void)
{
    const tw_backend_table *table;
    tw_backend *backend;
    bool trains;

    assert_ok(tw_backend_find(&table, "cpu", e));
    assert_ok(table->open(&backend, "auto", e));
    trains = backend->trains_bf16;
    table->close(backend);
    return trains;
}

static const char learns_bf16[] = "the layer that learns from them multiplies bf16";

static void assert_rows(world *w, const char *const (*options)[2], int n, const char *dtype,
                        bool learns)
{
    tw_training *training = open_training(w, options, n);

    assert_string_equal(tw_training_get_option(training, "cache-dtype"), dtype);
    assert_int_equal(strstr(tw_training_get_plan(training)->compute, learns_bf16) != NULL, learns);
    tw_training_free(training);
}

static void test_in_bf16_the_top_learns_in_bf16_where_that_is_faster(void **state)
{
    const bool is_faster = trains_bf16_here();

    if (fastest_here() != TW_PRECISION_BF16)
        skip(); /* the CPU has no bf16 to speak of */
    assert_rows(*state, OPTIONS({"precision", "bf16"}), 1, is_faster ? "bf16" : "fp32", is_faster);
    assert_rows(*state, OPTIONS({"precision", "bf16"}, {"cache-dtype", "fp32"}), 2, "fp32", false);
    assert_rows(*state, OPTIONS({"precision", "fp32"}, {"cache-dtype", "bf16"}), 2, "bf16", false);
    assert_rows(*state, OPTIONS({"precision", "bf16"}, {"top", "gap"}), 2, "fp32", false);
    assert_rows(*state, OPTIONS({"precision", "bf16"}, {"optimizer", "lbfgs"}, {"top", "10 relu"}),
                3, "fp32", false);
}

static void assert_other_history(const char *a, const char *b)
{
    size_t n_a, n_b;
    char *text_a = read_file(&n_a, a, "history.csv"), *text_b = read_file(&n_b, b, "history.csv");

    assert_true(n_a != n_b || memcmp(text_a, text_b, n_a) != 0);
    tw_free(text_a);
    tw_free(text_b);
}

/* ... and wherever the features are; but not with other products. */
static void test_a_top_in_bf16_is_the_same_with_any_threads(void **state)
{
    tw_training_result result;
    char *a, *b, *c;

    if (fastest_here() != TW_PRECISION_BF16 || !trains_bf16_here())
        skip(); /* the top would learn in fp32 */
    a = train(&result, *state, OPTIONS({"precision", "bf16"}, {"threads", "1"}), 2);
    b = train(&result, *state, OPTIONS({"precision", "bf16"}, {"threads", "3"}, {"cache", "off"}),
              3);
    c = train(&result, *state, OPTIONS({"precision", "bf16"}, {"cache-dtype", "fp32"}), 2);
    assert_same_run(a, b);
    assert_other_history(a, c);
    free(a);
    free(b);
    free(c);
}

static void test_where_nothing_is_frozen_it_is_fp32(void **state)
{
    tw_training_result result;
    char *run = train(&result, *state, OPTIONS({"recipe", "scratch"}, {"precision", "auto"}), 2);

    assert_int_equal(precision_in(run), TW_PRECISION_FP32);
    assert_told(*state, OPTIONS({"recipe", "scratch"}, {"precision", "auto"}), 2,
                "precision auto: no layer is frozen");
    free(run);
}

static void test_an_impossible_precision_is_refused(void **state)
{
    assert_refused(*state, OPTIONS({"precision", "bf16"}, {"backend", "ref"}), 2, TW_EUNSUPPORTED,
                   "backend ref computes in fp32 only, not in bf16");
    assert_refused(*state, OPTIONS({"precision", "bf16x3"}, {"backend", "ref"}), 2, TW_EUNSUPPORTED,
                   "backend ref computes in fp32 only, not in bf16x3");
}

/* Features that are small differences of large numbers: conv1's outputs stand around 100,000, and
 * conv2 takes one from the other. bfloat16 has no place left for what they differ in. */
static char *write_delicate_model(const char *folder)
{
    char *path = path_in(folder, "delicate.safetensors");
    tw_model *model = tiny_model(1);
    float *bias = model->params[1][1].data, *kernel = model->params[3][0].data;
    const int64_t filters = model->params[3][0].shape.dims[3], centre = 4 * 4 * filters;

    for (int i = 0; i < 4; i++)
        bias[i] = 1e5f;
    memset(kernel, 0, (size_t)tw_shape_size(&model->params[3][0].shape) * sizeof *kernel);
    for (int64_t k = 0; k < filters; k++) {
        kernel[centre + k % 4 * filters + k] = 1.0f;
        kernel[centre + (k + 1) % 4 * filters + k] = -1.0f;
    }
    assert_ok(tw_model_write(model, path, e));
    tw_model_free(model);
    return path;
}

static void test_what_costs_too_much_is_not_taken(void **state)
{
    world *w = *state;
    char *delicate, *run;
    const char *usual = w->network;
    tw_training_result result;

    if (fastest_here() == TW_PRECISION_FP32)
        skip(); /* needs a CPU that is faster in another precision */
    w->network = delicate = write_delicate_model(w->folder);
    run = train(&result, w, OPTIONS({"precision", "auto"}), 1);
    assert_int_equal(precision_in(run), TW_PRECISION_FP32);
    assert_told(w, OPTIONS({"precision", "auto"}), 1, "fp32");
    assert_told(w, OPTIONS({"precision", "auto"}), 1,
                "precision auto: bf16 changes features of 16 pictures by ");
    w->network = usual;
    free(delicate);
    free(run);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto_is_the_run_of_what_it_becomes),
        cmocka_unit_test(test_the_reason_is_told),
        cmocka_unit_test(test_what_costs_too_much_is_not_taken),
        cmocka_unit_test(test_in_bf16_the_top_learns_in_bf16_where_that_is_faster),
        cmocka_unit_test(test_a_top_in_bf16_is_the_same_with_any_threads),
        cmocka_unit_test(test_where_nothing_is_frozen_it_is_fp32),
        cmocka_unit_test(test_an_impossible_precision_is_refused),
    };

    return cmocka_run_group_tests_name("train/precision", tests, open_world, close_world);
}
