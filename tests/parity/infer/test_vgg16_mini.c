/* The built-in network with the weights that are part of the program, against float64 (made by
 * tools/golden/vgg16_mini.py), on both backends. */
#include "base/file.h"
#include "base/memory.h"

#include <tw/infer.h>

#include "check.h"

#include <math.h>

enum { SIDE = 224, ROW = 7 * 7 * 64 };

static uint8_t pixels[SIDE][SIDE][3];

static int make_picture(void **state)
{
    (void)state;
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++)
            for (int c = 0; c < 3; c++)
                pixels[y][x][c] = (uint8_t)((3 * y + 5 * x + 40 * c) ^ (x * y >> 5));
    return 0;
}

static void read_golden(float out[ROW])
{
    char *bytes;
    size_t n;

    assert_ok(tw_file_read(&bytes, &n, TW_TEST_DATA "/vgg16_mini.f32", 1 << 20, e));
    assert_int_equal(n, ROW * sizeof *out);
    memcpy(out, bytes, n);
    tw_free(bytes);
}

/* Error in units of the largest value; Winograd of 13 layers stays below 1e-5. */
static void check_backend(const char *backend)
{
    const tw_picture picture = {SIDE, SIDE, 3, &pixels[0][0][0]};
    const tw_compute compute = {.backend = backend, .n_threads = 2};
    static float golden[ROW], out[ROW];
    float largest = 0.0f, error = 0.0f;
    tw_model *model;
    tw_engine *engine;

    read_golden(golden);
    assert_ok(tw_model_open(&model, "vgg16-mini", NULL, NULL, 0, e));
    assert_ok(tw_engine_create(&engine, model, NULL, &compute, e));
    assert_int_equal(tw_engine_row_size(engine), ROW);
    assert_ok(tw_engine_run(engine, &picture, 1, out, e));
    for (int i = 0; i < ROW; i++) {
        largest = fmaxf(largest, fabsf(golden[i]));
        error = fmaxf(error, fabsf(golden[i] - out[i]));
    }
    assert_true(largest > 0.1f);
    assert_true(error < 1e-5f * largest);
    tw_engine_free(engine);
    tw_model_free(model);
}

static void cpu_agrees_with_float64(void **state)
{
    (void)state;
    check_backend("cpu");
}

static void ref_agrees_with_float64(void **state)
{
    (void)state;
    check_backend("ref");
}

static void its_weights_are_sound(void **state)
{
    tw_model *model;

    (void)state;
    assert_ok(tw_model_open(&model, "vgg16-mini", NULL, NULL, 0, e));
    assert_ok(tw_model_check_weights(model, e));
    tw_model_free(model);
}

static void random_weights_can_still_be_asked_for(void **state)
{
    const tw_picture picture = {SIDE, SIDE, 3, &pixels[0][0][0]};
    static float own[ROW], other[ROW];
    const char *const weights[2] = {NULL, "random"};
    float *const rows[2] = {own, other};

    (void)state;
    for (int i = 0; i < 2; i++) {
        tw_model *model;
        tw_engine *engine;

        assert_ok(tw_model_open(&model, "vgg16-mini", weights[i], "block5_pool", 1, e));
        assert_ok(tw_engine_create(&engine, model, NULL, NULL, e));
        assert_ok(tw_engine_run(engine, &picture, 1, rows[i], e));
        tw_engine_free(engine);
        tw_model_free(model);
    }
    assert_memory_not_equal(own, other, sizeof own);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cpu_agrees_with_float64),
        cmocka_unit_test(ref_agrees_with_float64),
        cmocka_unit_test(its_weights_are_sound),
        cmocka_unit_test(random_weights_can_still_be_asked_for),
    };

    return cmocka_run_group_tests(tests, make_picture, NULL);
}
