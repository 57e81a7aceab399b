/* A model file's "calibration": what is written is read, and nothing else is. */
#include "check.h"

#include "base/memory.h"
#include "model/model.h"

static tw_status read_it(double *out, const char *text, tw_error *err)
{
    tw_json *json;
    tw_status rc;

    assert_ok(tw_json_parse(&json, text, strlen(text), "test", e));
    rc = tw_calibration_from_json(out, json, "m.safetensors", err);
    tw_json_free(json);
    return rc;
}

static void test_what_is_written_is_read(void **state)
{
    const tw_model model = {.temperature = 1.234567};
    tw_json *json = tw_calibration_to_json(&model);
    char *text = tw_json_dump(json, 0);
    double temperature;

    (void)state;
    assert_string_equal(text, "{\"temperature\":1.234567}");
    assert_ok(read_it(&temperature, text, e));
    assert_true(temperature == model.temperature);
    tw_free(text);
    tw_json_free(json);
}

static void test_wrong_ones_are_named(void **state)
{
    double t;

    (void)state;
    assert_fails(TW_EFILE, "m.safetensors: calibration: must be an object", read_it(&t, "[1]", e));
    assert_fails(TW_EFILE, "m.safetensors: calibration: unknown key \"bias\"",
                 read_it(&t, "{\"temperature\": 1.5, \"bias\": 1}", e));
    static const char *const bad[] = {"{}", "{\"temperature\": 0}", "{\"temperature\": 1e3}",
                                      "{\"temperature\": \"1\"}", "{\"temperature\": null}"};
    for (int i = 0; i < 5; i++)
        assert_fails(
            TW_EFILE,
            "m.safetensors: calibration: \"temperature\" must be a number from 0.01 to 100",
            read_it(&t, bad[i], e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_what_is_written_is_read),
                                       cmocka_unit_test(test_wrong_ones_are_named)};

    return cmocka_run_group_tests_name("model/calibration", tests, NULL, NULL);
}
