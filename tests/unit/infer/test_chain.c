/* A row's bits depend on nothing but the row; the limit refuses or takes workers away. */
#include "base/rng.h"
#include "base/text.h"
#include "infer/engine.h"
#include "tiny_net.h"

#include <math.h>

enum { MOST = 300, IN = TINY_SIDE * TINY_SIDE * 3 };
static const int64_t plenty = 64 << 20;

static float in[MOST * IN];

static int make_input(void **state)
{
    const tw_rng_key key = tw_rng_make_key(3, TW_RNG_INIT, 0, 0);

    (void)state;
    for (int i = 0; i < MOST * IN; i++)
        in[i] = tw_rng_normal(&key, (uint64_t)i);
    return 0;
}

static tw_chain *make_chain(const tw_model *model, tw_computer *computer, int first, int last,
                            int n_workers)
{
    tw_chain *chain;

    assert_ok(tw_chain_create(&chain, model, first, last, computer->backend, TW_PRECISION_FP32,
                              n_workers, plenty, e));
    return chain;
}

/* Rows first..first+n of the input through the chain, `batch` at a time. */
static void run(tw_chain *chain, const float *rows, int64_t n, int64_t batch, float *out)
{
    const int64_t in_size = tw_chain_in_size(chain), out_size = tw_chain_out_size(chain);

    for (int64_t i = 0; i < n; i += batch) {
        const int64_t m = n - i < batch ? n - i : batch;

        assert_ok(tw_chain_run(chain, rows + i * in_size, m, out + i * out_size, NULL, NULL, e));
    }
}

static void check_bits(const char *backend, int last, int64_t n)
{
    static const int64_t batches[] = {1, 3, 7, 130};
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer(backend, 1);
    const int64_t size = tw_shape_size(&model->graph->nodes[last].out);
    float *truth = tw_alloc_f32(n * size), *out = tw_alloc_f32(n * size);

    for (int n_workers = 1; n_workers <= 4; n_workers *= 2) {
        tw_chain *chain = make_chain(model, &computer, 0, last, n_workers);

        assert_int_equal(tw_chain_workers(chain), n_workers);
        if (n_workers == 1)
            run(chain, in, n, n, truth);
        for (size_t b = n > 200 ? 2 : 0; b < sizeof batches / sizeof *batches; b++) {
            memset(out, 0xff, (size_t)(n * size) * sizeof *out);
            run(chain, in, n, batches[b], out);
            assert_memory_equal(out, truth, (size_t)(n * size) * sizeof *out);
        }
        tw_chain_free(chain);
    }
    tw_free(truth);
    tw_free(out);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_bits_do_not_depend_on_batch_or_workers(void **state)
{
    (void)state;
    check_bits("ref", TINY_POOL, 140);
    check_bits("cpu", TINY_POOL, 140);
}

static void test_bits_of_a_whole_network_do_not_either(void **state)
{
    (void)state;
    check_bits("ref", TINY_LAST, 40);
    check_bits("cpu", TINY_LAST, 40);
}

static void test_more_rows_than_a_block_of_all_workers(void **state)
{
    (void)state;
    check_bits("cpu", TINY_LAST, MOST);
}

/* Features through one chain, then the top through another: the whole network's bits. */
static void check_joined(const char *backend)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer(backend, 2);
    tw_chain *whole = make_chain(model, &computer, 0, TINY_LAST, 2);
    tw_chain *trunk = make_chain(model, &computer, 0, TINY_POOL, 1);
    tw_chain *top = make_chain(model, &computer, TINY_POOL, TINY_LAST, 2);
    float truth[50 * TINY_CLASSES], rows[50 * TINY_ROW], out[50 * TINY_CLASSES];

    assert_int_equal(tw_chain_in_size(top), TINY_ROW);
    run(whole, in, 50, 50, truth);
    run(trunk, in, 50, 9, rows);
    run(top, rows, 50, 20, out);
    assert_memory_equal(out, truth, sizeof out);
    tw_chain_free(whole);
    tw_chain_free(trunk);
    tw_chain_free(top);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_features_then_top_is_the_whole(void **state)
{
    (void)state;
    check_joined("ref");
    check_joined("cpu");
}

static void test_cut_between_convolutions_joins_too(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *whole = make_chain(model, &computer, 0, TINY_POOL, 1);
    tw_chain *first = make_chain(model, &computer, 0, 2, 1);
    tw_chain *rest = make_chain(model, &computer, 2, TINY_POOL, 1);
    const int64_t size = tw_chain_out_size(first);
    float truth[5 * TINY_ROW], out[5 * TINY_ROW], *rows = tw_alloc_f32(5 * size);
    double largest = 0;

    (void)state;
    run(whole, in, 5, 5, truth);
    run(first, in, 5, 5, rows);
    run(rest, rows, 5, 5, out);
    for (int i = 0; i < 5 * TINY_ROW; i++)
        largest = fmax(largest, fabs((double)out[i] - (double)truth[i]));
    assert_true(largest < 1e-4);
    tw_free(rows);
    tw_chain_free(whole);
    tw_chain_free(first);
    tw_chain_free(rest);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_backends_agree(void **state)
{
    tw_model *model = tiny_model();
    float out[2][20 * TINY_CLASSES];
    static const char *const names[] = {"ref", "cpu"};

    (void)state;
    for (int b = 0; b < 2; b++) {
        tw_computer computer = tiny_computer(names[b], 1);
        tw_chain *chain = make_chain(model, &computer, 0, TINY_LAST, 1);

        run(chain, in, 20, 20, out[b]);
        tw_chain_free(chain);
        tw_computer_close(&computer);
    }
    for (int i = 0; i < 20 * TINY_CLASSES; i++)
        assert_true(fabs((double)out[0][i] - (double)out[1][i]) < 1e-4);
    tw_model_free(model);
}

static tw_status copy_row(void *ctx, int64_t row, float *out, tw_error *err)
{
    (void)err;
    memcpy(out, (const float *)ctx + row * IN, IN * sizeof *out);
    return TW_OK;
}

static tw_status refuse_row(void *ctx, int64_t row, float *out, tw_error *err)
{
    if (row != *(int64_t *)ctx)
        return copy_row(in, row, out, err);
    if (err)
        snprintf(err->text, sizeof err->text, "row %lld is bad", (long long)row);
    return TW_EFILE;
}

static void test_rows_made_by_fill_are_the_same(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 2);
    tw_chain *chain = make_chain(model, &computer, 0, TINY_LAST, 2);
    float truth[MOST * TINY_CLASSES], out[MOST * TINY_CLASSES];

    (void)state;
    run(chain, in, MOST, MOST, truth);
    assert_ok(tw_chain_run(chain, NULL, MOST, out, copy_row, in, e));
    assert_memory_equal(out, truth, sizeof out);
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_error_of_fill_is_passed_on(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 2);
    tw_chain *chain = make_chain(model, &computer, 0, TINY_LAST, 2);
    float out[MOST * TINY_CLASSES];
    int64_t bad = 291;

    (void)state;
    assert_fails(TW_EFILE, "row 291 is bad",
                 tw_chain_run(chain, NULL, MOST, out, refuse_row, &bad, e));
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_flatten_and_dropout_take_no_stage(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *pool = make_chain(model, &computer, 0, TINY_POOL, 1);
    tw_chain *flat = make_chain(model, &computer, 0, TINY_POOL + 1, 1);
    tw_chain *copy = make_chain(model, &computer, TINY_POOL, TINY_POOL + 1, 1);
    float truth[3 * TINY_ROW], out[3 * TINY_ROW];
    tw_shape shape;

    (void)state;
    run(pool, in, 3, 3, truth);
    run(flat, in, 3, 3, out);
    assert_memory_equal(out, truth, sizeof out);
    run(copy, truth, 3, 3, out);
    assert_memory_equal(out, truth, sizeof out);
    shape = tw_chain_out_shape(flat);
    assert_int_equal(shape.rank, 1);
    shape = tw_chain_out_shape(pool);
    assert_int_equal(shape.rank, 3);
    assert_string_equal(tw_chain_numerics(pool), tw_chain_numerics(flat));
    tw_chain_free(pool);
    tw_chain_free(flat);
    tw_chain_free(copy);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_limit_takes_workers_away(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 4);
    int64_t packed, worker;
    tw_chain *chain;

    (void)state;
    assert_ok(tw_chain_estimate(&packed, &worker, model, 0, TINY_LAST, computer.backend,
                                TW_PRECISION_FP32, e));
    for (int n = 1; n <= 4; n++) {
        assert_ok(tw_chain_create(&chain, model, 0, TINY_LAST, computer.backend, TW_PRECISION_FP32,
                                  4, packed + n * worker, e));
        assert_int_equal(tw_chain_workers(chain), n);
        assert_int_equal(tw_chain_memory(chain), packed + n * worker);
        tw_chain_free(chain);
    }
    tw_computer_close(&computer);
    tw_model_free(model);
}

/* Pictures of one colour: all is copied where the limit has room for it, with the same bits. */
static void test_backgrounds_go_where_memory_is_short(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 2);
    float black[2 * TINY_SIDE * TINY_SIDE * 3] = {0}, out[2][2 * TINY_ROW];
    int64_t packed, worker, background;

    (void)state;
    assert_ok(tw_chain_estimate(&packed, &worker, model, 0, TINY_POOL, computer.backend,
                                TW_PRECISION_FP32, e));
    assert_ok(tw_chain_estimate_background(&background, model, 0, TINY_POOL, computer.backend,
                                           TW_PRECISION_FP32, e));
    assert_true(background > 0);
    for (int i = 0; i < 2; i++) {
        const int64_t need = packed + 2 * worker + background;
        tw_chain *chain;

        assert_ok(tw_chain_create(&chain, model, 0, TINY_POOL, computer.backend, TW_PRECISION_FP32,
                                  2, need - i, e));
        assert_int_equal(tw_chain_workers(chain), 2);
        assert_int_equal(tw_chain_memory(chain), i ? need - background : need);
        assert_ok(tw_chain_run(chain, black, 2, out[i], NULL, NULL, e));
        assert_true(tw_chain_spared(chain) == (i ? 0.0 : 1.0));
        tw_chain_free(chain);
    }
    assert_memory_equal(out[0], out[1], sizeof out[0]);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_converted_weights_count(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 4);
    int64_t packed, with_copies, worker;

    (void)state;
    assert_ok(tw_chain_estimate(&packed, &worker, model, 0, TINY_LAST, computer.backend,
                                TW_PRECISION_FP32, e));
    model->converted_bytes = 12345;
    assert_ok(tw_chain_estimate(&with_copies, &worker, model, 0, TINY_LAST, computer.backend,
                                TW_PRECISION_FP32, e));
    assert_int_equal(with_copies, packed + 12345);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_limit_below_one_worker_is_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 4);
    int64_t packed, worker;
    tw_chain *chain;
    char all[32], weights[32], one[32], limit[32], sentence[512];

    (void)state;
    assert_ok(tw_chain_estimate(&packed, &worker, model, 0, TINY_LAST, computer.backend,
                                TW_PRECISION_FP32, e));
    snprintf(sentence, sizeof sentence,
             "the layers up to \"predictions\" need %s of memory (%s packed weights, %s for one "
             "worker), the limit is %s: raise the memory limit",
             tw_bytes_text(all, sizeof all, packed + worker),
             tw_bytes_text(weights, sizeof weights, packed), tw_bytes_text(one, sizeof one, worker),
             tw_bytes_text(limit, sizeof limit, packed + worker - 1));
    assert_fails(TW_EBUDGET, sentence,
                 tw_chain_create(&chain, model, 0, TINY_LAST, computer.backend, TW_PRECISION_FP32,
                                 4, packed + worker - 1, e));
    assert_null(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_unusable_weights_are_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *chain;
    tw_error err;

    (void)state;
    model->params[3][0].data[11] = NAN;
    assert_int_equal(tw_chain_create(&chain, model, 0, TINY_LAST, computer.backend,
                                     TW_PRECISION_FP32, 1, plenty, &err),
                     TW_EFILE);
    assert_non_null(strstr(err.text, "conv2"));
    assert_null(chain);
    chain = make_chain(model, &computer, TINY_POOL, TINY_LAST, 1); /* not in this part */
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_missing_weights_are_named(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *chain;

    (void)state;
    model->params[6][0].view = NULL;
    assert_fails(TW_EFILE, "layer \"fc\" has no weights",
                 tw_chain_create(&chain, model, TINY_POOL, TINY_LAST, computer.backend,
                                 TW_PRECISION_FP32, 1, plenty, e));
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_a_planned_chain_does_not_run(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *chain;
    float out[TINY_CLASSES];

    (void)state;
    assert_ok(tw_chain_plan(&chain, model, 0, TINY_LAST, computer.backend, TW_PRECISION_FP32, e));
    assert_fails(TW_EFAIL, "a chain must be loaded before it runs",
                 tw_chain_run(chain, in, 1, out, NULL, NULL, e));
    assert_ok(tw_chain_load(chain, 1, plenty, e));
    assert_ok(tw_chain_run(chain, in, 1, out, NULL, NULL, e));
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_layers_out_of_order_are_refused(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *chain;

    (void)state;
    assert_fails(TW_EUSAGE, "no layers 4 to 3: there are 9",
                 tw_chain_plan(&chain, model, 4, 3, computer.backend, TW_PRECISION_FP32, e));
    assert_fails(TW_EUSAGE, "no layers 0 to 9: there are 9",
                 tw_chain_plan(&chain, model, 0, 9, computer.backend, TW_PRECISION_FP32, e));
    tw_computer_close(&computer);
    tw_model_free(model);
}

/* What is not frozen computes in float32, so a whole network gives what the frozen part in one
 * chain and the rest in another give. */
static void test_a_precision_ends_with_the_frozen_part(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 1);
    tw_chain *whole, *frozen, *rest;
    float parts[3 * TINY_ROW], out[3 * TINY_ROW], exact[3 * TINY_ROW];
    float *middle;

    (void)state;
    if (computer.backend->table->check_precision(computer.backend, TW_PRECISION_BF16, NULL))
        skip(); /* needs AVX-512 */
    for (int i = 0; i < model->graph->n; i++)
        model->frozen[i] = i <= 2;
    assert_ok(tw_chain_create(&whole, model, 0, TINY_POOL, computer.backend, TW_PRECISION_BF16, 1,
                              plenty, e));
    assert_ok(
        tw_chain_create(&frozen, model, 0, 2, computer.backend, TW_PRECISION_BF16, 1, plenty, e));
    rest = make_chain(model, &computer, 2, TINY_POOL, 1);
    middle = tw_alloc_f32(3 * tw_chain_out_size(frozen));
    run(whole, in, 3, 3, out);
    run(frozen, in, 3, 3, middle);
    run(rest, middle, 3, 3, parts);
    assert_memory_equal(out, parts, sizeof out);
    tw_chain_free(whole);
    whole = make_chain(model, &computer, 0, TINY_POOL, 1);
    run(whole, in, 3, 3, exact);
    assert_memory_not_equal(out, exact, sizeof out);
    tw_free(middle);
    tw_chain_free(whole);
    tw_chain_free(frozen);
    tw_chain_free(rest);
    tw_computer_close(&computer);
    tw_model_free(model);
}

static void test_measuring_gives_a_time(void **state)
{
    tw_model *model = tiny_model();
    tw_computer computer = tiny_computer("cpu", 2);
    tw_chain *chain = make_chain(model, &computer, 0, TINY_LAST, 2);
    double t_row_s = 0;

    (void)state;
    assert_ok(tw_chain_measure(&t_row_s, chain, e));
    assert_true(t_row_s > 0);
    tw_chain_free(chain);
    tw_computer_close(&computer);
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits_do_not_depend_on_batch_or_workers),
        cmocka_unit_test(test_bits_of_a_whole_network_do_not_either),
        cmocka_unit_test(test_more_rows_than_a_block_of_all_workers),
        cmocka_unit_test(test_features_then_top_is_the_whole),
        cmocka_unit_test(test_cut_between_convolutions_joins_too),
        cmocka_unit_test(test_backends_agree),
        cmocka_unit_test(test_rows_made_by_fill_are_the_same),
        cmocka_unit_test(test_error_of_fill_is_passed_on),
        cmocka_unit_test(test_flatten_and_dropout_take_no_stage),
        cmocka_unit_test(test_limit_takes_workers_away),
        cmocka_unit_test(test_converted_weights_count),
        cmocka_unit_test(test_limit_below_one_worker_is_refused),
        cmocka_unit_test(test_unusable_weights_are_refused),
        cmocka_unit_test(test_backgrounds_go_where_memory_is_short),
        cmocka_unit_test(test_missing_weights_are_named),
        cmocka_unit_test(test_a_planned_chain_does_not_run),
        cmocka_unit_test(test_layers_out_of_order_are_refused),
        cmocka_unit_test(test_a_precision_ends_with_the_frozen_part),
        cmocka_unit_test(test_measuring_gives_a_time),
    };

    return cmocka_run_group_tests(tests, make_input, NULL);
}
