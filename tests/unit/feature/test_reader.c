/* Batches come in order and whole, however the source makes them. */
#include "base/clock.h"
#include "feature/feature_int.h"
#include "tiny_net.h"

enum { N = 50 };

typedef struct fixture {
    char *folder;
    tw_model *model;
    tw_dataset *dataset;
    tw_computer computer;
    tw_source *sources[2]; /* cached, recomputing */
    float truth[N * TINY_ROW];
} fixture;

static int set_up(void **state)
{
    fixture *f = test_calloc(1, sizeof *f);
    int64_t all[N];

    check_make_folder((void **)&f->folder);
    f->model = tiny_model();
    f->dataset = tiny_data(f->folder, N, 0);
    f->computer = tiny_computer("cpu", 2);
    for (int i = 0; i < 2; i++) {
        const tw_cache_options options = {.mode = i ? TW_CACHE_OFF : TW_CACHE_ON, .dir = f->folder};

        assert_ok(tw_source_create(&f->sources[i], f->model, TINY_POOL, f->dataset, &f->computer,
                                   &options, NULL, e));
        assert_ok(tw_source_fill(f->sources[i], NULL, e));
    }
    for (int i = 0; i < N; i++)
        all[i] = i;
    assert_ok(tw_source_read(f->sources[0], all, N, f->truth, e));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    fixture *f = *state;

    tw_source_free(f->sources[0]);
    tw_source_free(f->sources[1]);
    tw_computer_close(&f->computer);
    tw_dataset_free(f->dataset);
    tw_model_free(f->model);
    check_remove_folder((void **)&f->folder);
    test_free(f);
    return 0;
}

static void check_pass(const fixture *f, tw_reader *reader, const int64_t *order, int64_t n,
                       int64_t batch)
{
    const float *rows;
    int64_t got, at = 0;

    assert_ok(tw_reader_start(reader, order, n, e));
    for (;;) {
        assert_ok(tw_reader_next(reader, &rows, &got, e));
        if (got == 0)
            break;
        assert_int_equal(got, n - at < batch ? n - at : batch);
        for (int64_t i = 0; i < got; i++)
            assert_memory_equal(rows + i * TINY_ROW, f->truth + order[at + i] * TINY_ROW,
                                TINY_ROW * sizeof *rows);
        at += got;
    }
    assert_int_equal(at, n);
    assert_ok(tw_reader_next(reader, &rows, &got, e));
    assert_int_equal(got, 0);
}

static void test_gives_every_batch_in_order(void **state)
{
    const fixture *f = *state;
    const tw_rng_key key = tw_rng_make_key(2, TW_RNG_SHUFFLE, 0, 0);
    int64_t order[N];

    tw_rng_permutation(order, N, &key);
    for (int i = 0; i < 2; i++)
        for (int64_t batch = 1; batch <= N + 1; batch += 7) {
            tw_reader *reader;

            assert_ok(tw_reader_create(&reader, f->sources[i], batch, e));
            for (int epoch = 0; epoch < 3; epoch++)
                check_pass(f, reader, order, N - epoch, batch);
            check_pass(f, reader, order, 0, batch);
            tw_reader_free(reader);
        }
}

static void test_starts_over_in_the_middle(void **state)
{
    const fixture *f = *state;
    const int64_t first[] = {1, 2, 3, 4, 5, 6}, second[] = {9, 8, 7, 6, 5};

    for (int i = 0; i < 2; i++)
        for (int taken = 0; taken < 3; taken++) {
            tw_reader *reader;
            const float *rows;
            int64_t n;

            assert_ok(tw_reader_create(&reader, f->sources[i], 2, e));
            assert_ok(tw_reader_start(reader, first, 6, e));
            for (int k = 0; k < taken; k++)
                assert_ok(tw_reader_next(reader, &rows, &n, e));
            check_pass(f, reader, second, 5, 2);
            tw_reader_free(reader);
        }
}

/* What is left of an order is an order: a resumed epoch gives the batches that were to come. */
static void test_goes_on_in_the_middle_of_an_order(void **state)
{
    const fixture *f = *state;
    const tw_rng_key key = tw_rng_make_key(2, TW_RNG_SHUFFLE, 1, 0);
    int64_t order[N];

    tw_rng_permutation(order, N, &key);
    for (int i = 0; i < 2; i++) {
        tw_reader *reader;

        assert_ok(tw_reader_create(&reader, f->sources[i], 8, e));
        for (int64_t done = 0; done <= N; done += 8)
            check_pass(f, reader, order + done, N - done, 8);
        tw_reader_free(reader);
    }
}

static void test_pictures_come_in_order(void **state)
{
    enum { SIZE = TINY_SIDE * TINY_SIDE * 3 };
    const fixture *f = *state;
    const tw_rng_key key = tw_rng_make_key(2, TW_RNG_SHUFFLE, 0, 0);
    tw_computer computer = f->computer;
    int64_t order[N], n, at = 0;
    tw_source *source;
    tw_reader *reader;
    const float *rows;

    tw_rng_permutation(order, N, &key);
    assert_ok(tw_source_create(&source, f->model, 0, f->dataset, &computer, NULL, NULL, e));
    assert_ok(tw_reader_create(&reader, source, 7, e));
    assert_ok(tw_reader_start(reader, order, N, e));
    for (;;) {
        assert_ok(tw_reader_next(reader, &rows, &n, e));
        if (n == 0)
            break;
        for (int64_t i = 0; i < n; i++) {
            tw_picture picture = {0};
            float truth[SIZE];

            assert_ok(tw_dataset_read(&picture, f->dataset, order[at + i], e));
            assert_ok(tw_contract_apply(truth, &f->model->contract, &picture, e));
            assert_memory_equal(rows + i * SIZE, truth, sizeof truth);
            tw_picture_free(&picture);
        }
        at += n;
    }
    assert_int_equal(at, N);
    tw_reader_free(reader);
    tw_source_free(source);
}

/* What was read before the file was cut still comes. */
static void test_pictures_are_read_ahead(void **state)
{
    const fixture *f = *state;
    const int64_t order[] = {40, 41, 42};
    char *path = path_in(f->folder, "train-images-idx3-ubyte");
    tw_computer computer = f->computer;
    tw_source *source;
    tw_reader *reader;
    const float *rows;
    int64_t n;
    tw_error err;

    assert_ok(tw_source_create(&source, f->model, 0, f->dataset, &computer, NULL, NULL, e));
    assert_ok(tw_reader_create(&reader, source, 1, e));
    assert_ok(tw_reader_start(reader, order, 3, e));
    usleep(200000); /* time for the thread to fill both buffers */
    assert_int_equal(truncate(path, 16), 0);
    assert_ok(tw_reader_next(reader, &rows, &n, e));
    assert_ok(tw_reader_next(reader, &rows, &n, e));
    assert_int_equal(tw_reader_next(reader, &rows, &n, &err), TW_EFILE);
    tw_reader_free(reader);
    tw_source_free(source);
    free(path);
}

static void test_counts_the_time_that_the_caller_waits(void **state)
{
    enum { T_COMPUTE_US = 20000 };
    const fixture *f = *state;
    const int64_t order[] = {1, 2, 3, 4, 5, 6};

    for (int i = 0; i < 2; i++) {
        tw_reader *reader;
        const float *rows;
        int64_t n;
        double t_s, before_s = 0, waited_s = 0;

        assert_ok(tw_reader_create(&reader, f->sources[i], 2, e));
        assert_true(tw_reader_waited_s(reader) == 0.0);
        assert_ok(tw_reader_start(reader, order, 6, e));
        for (int k = 0; k < 4; k++) {
            t_s = tw_clock_s();
            assert_ok(tw_reader_next(reader, &rows, &n, e));
            waited_s += tw_clock_s() - t_s;
            assert_true(tw_reader_waited_s(reader) > before_s);
            before_s = tw_reader_waited_s(reader);
            usleep(T_COMPUTE_US); /* the caller's own time does not count */
        }
        assert_true(before_s <= waited_s);
        assert_true(tw_reader_waited_s(reader) == before_s);
        tw_reader_free(reader);
    }
}

static void test_a_batch_stays_until_the_next_call(void **state)
{
    const fixture *f = *state;
    const int64_t order[] = {11, 12, 13, 14, 15, 16, 17, 18};
    tw_reader *reader;
    const float *rows;
    int64_t n;

    assert_ok(tw_reader_create(&reader, f->sources[0], 2, e));
    assert_ok(tw_reader_start(reader, order, 8, e));
    for (int k = 0; k < 4; k++) {
        assert_ok(tw_reader_next(reader, &rows, &n, e));
        usleep(2000); /* time for the thread to read ahead */
        assert_memory_equal(rows, f->truth + (11 + 2 * k) * TINY_ROW, 2 * TINY_ROW * sizeof *rows);
    }
    tw_reader_free(reader);
}

static void test_read_errors_reach_the_caller(void **state)
{
    const fixture *f = *state;
    const int64_t order[] = {0, 1, 2, 3};
    tw_reader *reader;
    const float *rows;
    int64_t n;
    char path[512];
    tw_error err;
    tw_status rc = TW_OK;

    snprintf(path, sizeof path, "%s/rows", tw_store_path(f->sources[0]->store));
    assert_int_equal(truncate(path, 10), 0);
    assert_ok(tw_reader_create(&reader, f->sources[0], 1, e));
    assert_ok(tw_reader_start(reader, order, 4, e));
    for (int k = 0; k < 4 && !rc; k++)
        rc = tw_reader_next(reader, &rows, &n, &err);
    assert_int_equal(rc, TW_EFILE);
    assert_non_null(strstr(err.text, "/rows: ends after"));
    assert_int_equal(tw_reader_next(reader, &rows, &n, &err), TW_EFILE);
    tw_reader_free(reader);
}

static void test_refuses_pictures_that_are_not_there(void **state)
{
    const fixture *f = *state;
    const int64_t order[] = {0, N};
    tw_reader *reader;

    assert_ok(tw_reader_create(&reader, f->sources[0], 1, e));
    assert_fails(TW_EUSAGE, "no picture 50: there are 50", tw_reader_start(reader, order, 2, e));
    tw_reader_free(reader);
    assert_fails(TW_EUSAGE, "batch must be at least 1, got 0",
                 tw_reader_create(&reader, f->sources[0], 0, e));
    assert_null(reader);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gives_every_batch_in_order),
        TEST(test_starts_over_in_the_middle),
        TEST(test_a_batch_stays_until_the_next_call),
        TEST(test_read_errors_reach_the_caller),
        TEST(test_refuses_pictures_that_are_not_there),
        TEST(test_goes_on_in_the_middle_of_an_order),
        TEST(test_pictures_come_in_order),
        TEST(test_pictures_are_read_ahead),
        TEST(test_counts_the_time_that_the_caller_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
