/* Pictures in, rows or probabilities out; what cannot be done is refused with a sentence. */
#include "infer/engine.h"
#include "tiny_net.h"

#include <math.h>

enum { N = 9 };

static uint8_t pixels[N][6 * 7];
static tw_picture pictures[N];

static int make_pictures(void **state)
{
    const tw_rng_key key = tw_rng_make_key(4, TW_RNG_INIT, 0, 0);

    (void)state;
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < 6 * 7; k++)
            pixels[i][k] = (uint8_t)tw_rng_word(&key, (uint64_t)(i * 42 + k));
        pictures[i] = (tw_picture){.height = 6, .width = 7, .channels = 1, .pixels = pixels[i]};
    }
    return 0;
}

static tw_engine *make_engine(const tw_model *model, const char *layer, int n_threads)
{
    const tw_compute compute = {.backend = "cpu", .n_threads = n_threads};
    tw_engine *engine;

    assert_ok(tw_engine_create(&engine, model, layer, &compute, e));
    return engine;
}

static void test_a_picture_alone_is_the_picture_among_others(void **state)
{
    tw_model *model = tiny_model();
    float truth[N * TINY_ROW], out[TINY_ROW];

    (void)state;
    for (int n_threads = 1; n_threads <= 4; n_threads *= 2) {
        tw_engine *engine = make_engine(model, "pool2", n_threads);

        assert_int_equal(tw_engine_row_size(engine), TINY_ROW);
        if (n_threads == 1)
            assert_ok(tw_engine_run(engine, pictures, N, truth, e));
        for (int i = 0; i < N; i++) {
            assert_ok(tw_engine_run(engine, &pictures[i], 1, out, e));
            assert_memory_equal(out, truth + i * TINY_ROW, sizeof out);
        }
        tw_engine_free(engine);
    }
    tw_model_free(model);
}

static void test_rows_are_the_contract_and_the_chain(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_engine *engine = make_engine(model, "pool2", 1);
    tw_chain *chain;
    float in[TINY_SIDE * TINY_SIDE * 3], truth[TINY_ROW], out[TINY_ROW];

    (void)state;
    assert_ok(tw_chain_create(&chain, model, 0, TINY_POOL, computer.backend, TW_PRECISION_FP32, 1,
                              1 << 26, e));
    assert_ok(tw_contract_apply(in, &model->contract, &pictures[3], e));
    assert_ok(tw_chain_run(chain, in, 1, truth, NULL, NULL, e));
    assert_ok(tw_engine_run(engine, &pictures[3], 1, out, e));
    assert_memory_equal(out, truth, sizeof out);
    assert_string_equal(tw_engine_numerics(engine), tw_chain_numerics(chain));
    assert_int_equal(tw_engine_memory(engine), tw_chain_memory(chain));
    tw_chain_free(chain);
    tw_engine_free(engine);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_predict_is_the_softmax_of_the_logits(void **state)
{
    tw_model *model = tiny_model();
    tw_engine *engine = make_engine(model, NULL, 2);
    float logits[N * TINY_CLASSES], got[N * TINY_CLASSES], wanted[TINY_CLASSES];

    (void)state;
    assert_ok(tw_engine_run(engine, pictures, N, logits, e));
    assert_ok(tw_engine_predict(engine, pictures, N, got, e));
    for (int i = 0; i < N; i++) {
        double sum = 0;

        tw_softmax_row(wanted, logits + i * TINY_CLASSES, TINY_CLASSES);
        assert_memory_equal(got + i * TINY_CLASSES, wanted, sizeof wanted);
        for (int k = 0; k < TINY_CLASSES; k++)
            sum += (double)wanted[k];
        assert_true(fabs(sum - 1) < 1e-6);
    }
    tw_engine_free(engine);
    tw_model_free(model);
}

static void test_a_trunk_predicts_nothing(void **state)
{
    tw_model *model = tiny_model();
    tw_engine *engine = make_engine(model, "fc", 1);
    float out[12];

    (void)state;
    assert_fails(TW_EUSAGE, "\"fc\" is no softmax over classes: nothing to predict",
                 tw_engine_predict(engine, pictures, 1, out, e));
    tw_engine_free(engine);
    tw_model_free(model);
}

static void test_no_pictures_are_fine(void **state)
{
    tw_model *model = tiny_model();
    tw_engine *engine = make_engine(model, NULL, 2);

    (void)state;
    assert_ok(tw_engine_run(engine, pictures, 0, NULL, e));
    tw_engine_free(engine);
    tw_model_free(model);
}

static void test_contract_of_another_size_is_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_engine *engine;

    (void)state;
    model->contract.height = 9;
    assert_fails(TW_ESHAPE, "the preprocessing gives 9x8x3, the network takes 8x8x3",
                 tw_engine_create(&engine, model, NULL, NULL, e));
    assert_null(engine);
    tw_model_free(model);
}

static void test_unknown_layer_is_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_engine *engine;
    tw_error err;

    (void)state;
    assert_int_equal(tw_engine_create(&engine, model, "pool3", NULL, &err), TW_EUSAGE);
    assert_non_null(strstr(err.text, "pool3"));
    assert_null(engine);
    tw_model_free(model);
}

static void refuse(tw_compute compute, const char *sentence)
{
    tw_computer computer;

    assert_fails(TW_EUSAGE, sentence, tw_computer_open(&computer, &compute, TW_PRECISION_FP32, e));
}

static void test_impossible_ways_to_compute_are_refused(void **state)
{
    (void)state;
    refuse((tw_compute){.precision = "fp16"},
           "unknown precision \"fp16\": fp32, bf16x3, bf16, int8 or auto");
    refuse((tw_compute){.backend = "ref", .isa = "avx2"},
           "isa \"avx2\" is for backend cpu, not ref");
    refuse((tw_compute){.n_threads = -1}, "threads must be 0..4096, got -1");
    refuse((tw_compute){.memory_limit = -5}, "memory limit must not be negative, got -5");
}

static void test_the_precision_is_the_models_unless_given(void **state)
{
    const tw_compute as_it_is = {.backend = "ref", .precision = "auto"},
                     other = {.backend = "ref", .precision = "fp32"};
    tw_computer computer;

    (void)state;
    assert_fails(TW_EUNSUPPORTED, "backend ref computes in fp32 only, not in bf16",
                 tw_computer_open(&computer, &as_it_is, TW_PRECISION_BF16, e));
    assert_null(computer.backend);
    assert_ok(tw_computer_open(&computer, &other, TW_PRECISION_BF16, e));
    assert_int_equal(computer.precision, TW_PRECISION_FP32);
    tw_computer_close(&computer);
}

static void test_defaults_are_filled_in(void **state)
{
    tw_computer computer;

    (void)state;
    assert_ok(tw_computer_open(&computer, NULL, TW_PRECISION_FP32, e));
    assert_string_equal(computer.backend->table->name, "cpu");
    assert_int_equal(computer.precision, TW_PRECISION_FP32);
    assert_true(computer.n_threads >= 1);
    assert_int_equal(computer.memory_limit, 512ll << 20);
    assert_non_null(strstr(computer.describe, computer.backend->describe));
    assert_non_null(strstr(computer.describe, "fp32"));
    tw_computer_close(&computer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_picture_alone_is_the_picture_among_others),
        cmocka_unit_test(test_rows_are_the_contract_and_the_chain),
        cmocka_unit_test(test_predict_is_the_softmax_of_the_logits),
        cmocka_unit_test(test_a_trunk_predicts_nothing),
        cmocka_unit_test(test_no_pictures_are_fine),
        cmocka_unit_test(test_contract_of_another_size_is_refused),
        cmocka_unit_test(test_unknown_layer_is_refused),
        cmocka_unit_test(test_impossible_ways_to_compute_are_refused),
        cmocka_unit_test(test_defaults_are_filled_in),
        cmocka_unit_test(test_the_precision_is_the_models_unless_given),
    };

    return cmocka_run_group_tests(tests, make_pictures, NULL);
}
