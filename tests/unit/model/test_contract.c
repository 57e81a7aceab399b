#include "model_fixture.h"

static tw_status read_text(tw_contract *out, const char *text, tw_error *err)
{
    tw_json *json;
    tw_status rc;

    assert_ok(tw_json_parse(&json, text, strlen(text), "test", e));
    rc = tw_contract_from_json(out, json, "m.safetensors", err);
    tw_json_free(json);
    return rc;
}

static void every_contract_comes_back(void **state)
{
    (void)state;
    for (int colour = 0; colour < TW_N_COLOUR; colour++)
        for (int how = 0; how < TW_N_INTERPOLATION; how++)
            for (int preprocess = 0; preprocess < TW_N_PREPROCESS; preprocess++) {
                const tw_resize resize = (tw_resize)((colour + how + preprocess) % TW_N_RESIZE);
                tw_contract in = {96,
                                  160,
                                  (tw_colour)colour,
                                  (tw_interpolation)how,
                                  (tw_preprocess)preprocess,
                                  resize,
                                  resize == TW_RESIZE_CROP ? 0.875 : 0,
                                  (tw_jpeg_scale)(how % TW_N_JPEG_SCALE)};
                tw_contract out;
                tw_json *json = tw_contract_to_json(&in);

                assert_ok(tw_contract_from_json(&out, json, "m", e));
                assert_same_contract(&in, &out);
                tw_json_free(json);
            }
}

#define SIDES "\"height\":8,\"width\":9,"
#define REST                                                                               \
    "\"colour\":\"rgb\",\"resize\":\"squash\",\"interpolation\":\"cubic\",\"preprocess\":" \
    "\"none\"}"

static const struct {
    const char *text, *sentence;
} refused[] = {
    {"[]", "m.safetensors: contract: must be an object"},
    {"{\"height\":8," REST,
     "m.safetensors: contract: \"width\" must be an integer from 1 to 16384"},
    {"{\"height\":0,\"width\":9," REST,
     "m.safetensors: contract: \"height\" must be an integer from 1 to 16384"},
    {"{\"height\":8,\"width\":99999999999," REST,
     "m.safetensors: contract: \"width\" must be an integer from 1 to 16384"},
    {"{" SIDES "\"crop\":1," REST, "m.safetensors: contract: unknown key \"crop\""},
    {"{" SIDES "\"colour\":7}", "m.safetensors: contract: \"colour\" must be a string"},
    {"{" SIDES "\"colour\":\"rgb\",\"resize\":\"pad\",\"interpolation\":\"cubic\","
     "\"preprocess\":\"none\"}",
     "m.safetensors: contract: no resize policy \"pad\"; the first of 3 is squash"},
    {"{" SIDES "\"crop_pct\":0.5," REST,
     "m.safetensors: contract: \"crop_pct\" is there, resize is squash"},
    {"{" SIDES "\"colour\":\"rgb\",\"resize\":\"crop\",\"interpolation\":\"cubic\","
     "\"preprocess\":\"none\"}",
     "m.safetensors: contract: \"crop_pct\" must be a number from 0.1 to 1"},
    {"{" SIDES "\"jpeg_scale\":8," REST,
     "m.safetensors: contract: \"jpeg_scale\" must be a string"},
    {"{" SIDES "\"jpeg_scale\":\"half\"," REST,
     "m.safetensors: contract: no JPEG scale \"half\"; the first of 2 is off"},
    {"{" SIDES "\"crop_pct\":1.5,\"colour\":\"rgb\",\"resize\":\"crop\",\"interpolation\":"
     "\"cubic\",\"preprocess\":\"none\"}",
     "m.safetensors: contract: \"crop_pct\" must be a number from 0.1 to 1"},
};

static void what_is_wrong_is_named(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        tw_error error = {TW_OK, ""};
        tw_contract contract;

        assert_int_equal(read_text(&contract, refused[i].text, &error), TW_EFILE);
        assert_string_equal(error.text, refused[i].sentence);
    }
}

static void an_unknown_name_blames_the_file(void **state)
{
    const char *text = "{" SIDES "\"colour\":\"rgb\",\"resize\":\"squash\",\"interpolation\":"
                       "\"cubik\",\"preprocess\":\"none\"}";
    tw_error error = {TW_OK, ""};
    tw_contract contract;
    (void)state;
    assert_int_equal(read_text(&contract, text, &error), TW_EFILE);
    assert_int_equal(error.code, TW_EFILE);
    assert_non_null(strstr(error.text, "m.safetensors: contract: "));
    assert_non_null(strstr(error.text, "cubik"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_contract_comes_back),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(an_unknown_name_blames_the_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
