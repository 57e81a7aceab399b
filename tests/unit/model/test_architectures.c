#include "model_fixture.h"

static void built_in_names_end_with_null(void **state)
{
    (void)state;
    assert_string_equal(tw_model_builtin_name(0), "vgg16");
    assert_string_equal(tw_model_builtin_name(1), "vgg19");
    assert_string_equal(tw_model_builtin_name(2), "vgg16-mini");
    assert_null(tw_model_builtin_name(3));
    assert_null(tw_model_builtin_name(-1));
}

static void the_contract_of_the_vggs_is_caffes(void **state)
{
    (void)state;
    for (int i = 0; tw_model_builtin_name(i); i++) {
        tw_graph *graph;
        tw_contract contract;

        assert_ok(tw_model_build(&graph, &contract, tw_model_builtin_name(i), e));
        assert_true(contract.height == 224 && contract.width == 224);
        assert_int_equal(contract.colour, TW_COLOUR_RGB);
        assert_int_equal(contract.interpolation, TW_CUBIC);
        assert_int_equal(contract.preprocess, TW_PREPROCESS_CAFFE);
        tw_graph_free(graph);
    }
}

static void an_unknown_name_gets_the_nearest(void **state)
{
    tw_graph *graph;
    tw_contract contract;
    (void)state;
    assert_fails(TW_EUSAGE, "unknown model \"vgg61\", did you mean \"vgg16\"",
                 tw_model_build(&graph, &contract, "vgg61", e));
    assert_fails(TW_EUSAGE,
                 "unknown model \"transformer\": there is no such file, and built in are vgg16, "
                 "vgg19, vgg16-mini",
                 tw_model_build(&graph, &contract, "transformer", e));
    assert_null(graph);
}

static void only_vgg16_mini_has_its_weights_inside(void **state)
{
    (void)state;
    assert_false(tw_model_has_weights("vgg16"));
    assert_false(tw_model_has_weights("vgg19"));
    assert_true(tw_model_has_weights("vgg16-mini"));
    assert_false(tw_model_has_weights("no such network"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(built_in_names_end_with_null),
        cmocka_unit_test(the_contract_of_the_vggs_is_caffes),
        cmocka_unit_test(an_unknown_name_gets_the_nearest),
        cmocka_unit_test(only_vgg16_mini_has_its_weights_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
