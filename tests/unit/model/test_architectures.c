#include "model_fixture.h"

static void built_in_names_end_with_null(void **state)
{
    (void)state;
    assert_string_equal(tw_model_builtin_name(0), "vgg16");
    assert_string_equal(tw_model_builtin_name(1), "vgg19");
    assert_string_equal(tw_model_builtin_name(2), "vgg16-mini");
    assert_string_equal(tw_model_builtin_name(3), "efficientnet-lite0");
    assert_string_equal(tw_model_builtin_name(4), "resnet18");
    assert_string_equal(tw_model_builtin_name(5), "resnet50");
    assert_null(tw_model_builtin_name(6));
    assert_null(tw_model_builtin_name(-1));
}

static void the_contract_of_the_vggs_is_caffes(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
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

static void the_others_have_their_own_contracts(void **state)
{
    static const tw_contract expected[] = {
        {224, 224, TW_COLOUR_RGB, TW_CUBIC_AA, TW_PREPROCESS_LITE, TW_RESIZE_CROP, 0.875,
         TW_JPEG_SCALE_OFF},
        {224, 224, TW_COLOUR_RGB, TW_BILINEAR_AA, TW_PREPROCESS_TORCH, TW_RESIZE_CROP, 0.875,
         TW_JPEG_SCALE_OFF},
        {224, 224, TW_COLOUR_RGB, TW_BILINEAR_AA, TW_PREPROCESS_TORCH, TW_RESIZE_CROP, 0.875,
         TW_JPEG_SCALE_OFF}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        tw_graph *graph;
        tw_contract found;

        assert_ok(tw_model_build(&graph, &found, tw_model_builtin_name(3 + i), e));
        assert_true(found.height == 224 && found.width == 224 && found.crop_pct == 0.875);
        assert_int_equal(found.interpolation, expected[i].interpolation);
        assert_int_equal(found.preprocess, expected[i].preprocess);
        assert_int_equal(found.resize, expected[i].resize);
        tw_graph_free(graph);
    }
}

static int64_t count_params(const tw_graph *graph)
{
    int64_t n = 0;

    for (int i = 0; i < graph->n; i++)
        n += tw_node_param_count(graph, i);
    return n;
}

/* Numbers of the papers' networks: those of torchvision and of the Lite's file, less two of the
 * four of each batch normalization's channel (gamma and beta became the bias). */
static void networks_have_their_parameters(void **state)
{
    static const struct {
        const char *name;
        int n;
        int64_t n_params, macs;
    } expected[] = {{"efficientnet-lite0", 61, 4631000, 385187552},
                    {"resnet18", 40, 11684712, 1814073344},
                    {"resnet50", 89, 25530472, 4089184256}};
    (void)state;
    for (int i = 0; i < 3; i++) {
        tw_graph *graph;
        tw_contract contract;
        int64_t macs = 0;

        assert_ok(tw_model_build(&graph, &contract, expected[i].name, e));
        for (int k = 0; k < graph->n; k++)
            macs += tw_node_macs(graph, k);
        if (graph->n != expected[i].n || count_params(graph) != expected[i].n_params ||
            macs != expected[i].macs)
            fail_msg("%s: %d layers, %lld parameters, %lld multiply-adds", expected[i].name,
                     graph->n, (long long)count_params(graph), (long long)macs);
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
                 "vgg19, vgg16-mini, efficientnet-lite0, resnet18, resnet50",
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
        cmocka_unit_test(the_others_have_their_own_contracts),
        cmocka_unit_test(networks_have_their_parameters),
        cmocka_unit_test(an_unknown_name_gets_the_nearest),
        cmocka_unit_test(only_vgg16_mini_has_its_weights_inside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
