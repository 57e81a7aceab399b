#include "model_fixture.h"

/* vgg16's parameters through node 3 (block1_pool) are tensors 0..3: conv1 kernel, bias, conv2 .. */
enum { THROUGH_BLOCK1 = 3, THROUGH_BLOCK2 = 6 };

static void every_parameter_is_bound_by_name(void **state)
{
    char *path = path_in(state, "good.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK2);
    tw_model *model;

    drop_tensor(set, 3); /* the order in the file is of no consequence */
    put_tensor(set, "block1_conv2", "bias", &(tw_shape){1, {64}});
    write_set(set, path);
    assert_ok(tw_model_open(&model, "vgg16", path, "block2_pool", 0, e));
    assert_ok(tw_model_require(model, THROUGH_BLOCK2, e));
    assert_true(model->params[1][0].view[0] == 1.0f);
    assert_true(model->params[2][0].view[0] == 3.0f);
    assert_true(model->params[2][1].view[0] == 8.0f);
    assert_true(model->params[4][1].view[0] == 6.0f);
    assert_true(model->params[5][0].view[2] == 7.0f + 2 * 0.001f);
    assert_true(model->params[1][0].mapped && !model->params[1][0].data);
    assert_null(model->params[3][0].view);
    tw_model_free(model);
    tw_free(path);
}

static void layers_beyond_the_cut_may_be_there_or_not(void **state)
{
    char *path = path_in(state, "more.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK2);
    tw_model *model;

    put_tensor(set, "block5_conv1", "kernel", &(tw_shape){1, {3}}); /* nobody looks at it */
    write_set(set, path);
    assert_ok(tw_model_open(&model, "vgg16", path, "block1_pool", 0, e));
    assert_int_equal(model->graph->n, 4);
    tw_model_free(model);
    tw_free(path);
}

static void a_misshapen_tensor_is_named_with_both_shapes(void **state)
{
    char *path = path_in(state, "misshapen.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    tw_model *model;

    drop_tensor(set, 2);
    put_tensor(set, "block1_conv2", "kernel", &(tw_shape){4, {3, 3, 32, 64}});
    write_set(set, path);
    assert_fails(TW_EFILE,
                 about(path, "block1_conv2/kernel: expected 3x3x64x64, file has 3x3x32x64"),
                 tw_model_open(&model, "vgg16", path, "block1_pool", 0, e));
    assert_null(model);
    tw_free(path);
}

static void each_missing_layer_is_named(void **state)
{
    char *path = path_in(state, "missing.safetensors");
    tw_model *model;

    write_set(weights_of("vgg16", THROUGH_BLOCK1), path);
    assert_fails(
        TW_EFILE,
        about(path, "layer \"block2_conv1\" is missing; layer \"block2_conv2\" is missing"),
        tw_model_open(&model, "vgg16", path, "block2_pool", 0, e));
    tw_free(path);
}

static void a_missing_half_of_a_layer_is_named(void **state)
{
    char *path = path_in(state, "half.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    tw_model *model;

    drop_tensor(set, 2); /* block1_conv2/kernel */
    drop_tensor(set, 1); /* block1_conv1/bias */
    write_set(set, path);
    assert_fails(TW_EFILE, about(path, "block1_conv1/bias: missing; block1_conv2/kernel: missing"),
                 tw_model_open(&model, "vgg16", path, "block1_pool", 0, e));
    tw_free(path);
}

static void an_unknown_layer_or_weight_is_named(void **state)
{
    char *path = path_in(state, "unknown.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    tw_model *model;

    put_tensor(set, "block9_conv1", "kernel", &(tw_shape){1, {3}});
    put_tensor(set, "block9_conv1", "bias", &(tw_shape){1, {3}});
    put_tensor(set, "block1_conv1", "gamma", &(tw_shape){1, {64}});
    put_tensor(set, "block1_pool", "kernel", &(tw_shape){1, {64}});
    write_set(set, path);
    assert_fails(TW_EFILE,
                 about(path, "unknown layer \"block9_conv1\"; block1_conv1: unknown weight "
                             "\"block1_conv1/gamma\"; block1_pool: unknown weight "
                             "\"block1_pool/kernel\""),
                 tw_model_open(&model, "vgg16", path, "block1_pool", 0, e));
    tw_free(path);
}

static void other_number_types_are_refused(void **state)
{
    char *path = path_in(state, "wide.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    int64_t wide[64] = {0};
    tw_model *model;

    set->entries[1].tensor = (tw_tensor){wide, TW_I64, {1, {64}}};
    write_set(set, path);
    assert_fails(TW_EFILE,
                 about(path, "block1_conv1/bias: expected F32, F64, F16 or BF16, file has I64"),
                 tw_model_open(&model, "vgg16", path, "block1_pool", 0, e));
    tw_free(path);
}

static void all_problems_are_in_one_sentence(void **state)
{
    char *path = path_in(state, "many.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    tw_model *model;

    drop_tensor(set, 3);
    put_tensor(set, "block1_conv2", "bias", &(tw_shape){1, {63}});
    put_tensor(set, "head", "kernel", &(tw_shape){1, {63}});
    write_set(set, path);
    assert_fails(TW_EFILE,
                 about(path, "block1_conv2/bias: expected 64, file has 63; unknown layer \"head\"; "
                             "layer \"block2_conv1\" is missing"),
                 tw_model_open(&model, "vgg16", path, "block2_conv1", 0, e));
    tw_free(path);
}

static void problems_that_do_not_fit_are_counted(void **state)
{
    char *path = path_in(state, "crowd.safetensors");
    weight_set *set = weights_of("vgg16", THROUGH_BLOCK1);
    tw_error error = {TW_OK, ""};
    tw_model *model;

    for (int i = 0; i < 70; i++) {
        char name[64];

        snprintf(name, sizeof name, "a_layer_with_a_rather_long_name_%02d", i);
        put_tensor(set, name, "kernel", &(tw_shape){1, {1}});
    }
    write_set(set, path);
    assert_int_equal(tw_model_open(&model, "vgg16", path, "block1_pool", 0, &error), TW_EFILE);
    assert_non_null(strstr(error.text, "unknown layer \"a_layer_with_a_rather_long_name_16\""));
    assert_string_equal(error.text + strlen(error.text) - 13, "; and 53 more");
    tw_free(path);
}

static void a_trunk_binds_to_the_whole_network(void **state)
{
    char *path = path_in(state, "notop.safetensors");
    tw_model *model;

    write_set(weights_of("vgg16", 18), path);
    assert_ok(tw_model_open(&model, "vgg16", path, NULL, 0, e));
    assert_int_equal(model->graph->n, 23);
    assert_ok(tw_model_require(model, 19, e));
    assert_fails(TW_EFILE, about(path, "no weights for fc1, fc2, predictions"),
                 tw_model_require(model, 22, e));
    tw_model_free(model);
    assert_ok(tw_model_open(&model, "vgg16", path, "fc2", 0, e));
    assert_fails(TW_EFILE, about(path, "no weights for fc1, fc2"), tw_model_require(model, 21, e));
    tw_model_free(model);
    tw_free(path);
}

static void a_real_keras_file_binds(void **state)
{
    const char *path = TW_SHARED "/weights/hed_vgg16_notop.h5";
    float first[4];
    tw_model *model;
    (void)state;
    if (!tw_path_exists(path))
        skip();
    assert_ok(tw_model_open(&model, "vgg16", path, "block5_pool", 0, e));
    assert_int_equal(tw_model_layer_count(model), 19);
    assert_ok(tw_model_require(model, 18, e));
    memcpy(first, model->params[1][0].view, sizeof first); /* [0,0,c,k] of block1_conv1 */
    assert_true(first[0] > 0.38975f && first[0] < 0.38977f);
    assert_ok(tw_model_check_weights(model, e));
    tw_model_free(model);
    assert_ok(tw_model_open(&model, "vgg16", path, "fc1", 0, e));
    assert_fails(TW_EFILE, about(path, "no weights for fc1"), tw_model_require(model, 20, e));
    tw_model_free(model);
}

static void vgg16s_file_is_not_vgg19s(void **state)
{
    const char *path = TW_SHARED "/weights/hed_vgg16_notop.h5";
    tw_model *model;
    (void)state;
    if (!tw_path_exists(path))
        skip();
    assert_fails(TW_EFILE,
                 about(path, "layer \"block3_conv4\" is missing; layer \"block4_conv4\" is "
                             "missing; layer \"block5_conv4\" is missing"),
                 tw_model_open(&model, "vgg19", path, NULL, 0, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_is_bound_by_name),
        cmocka_unit_test(layers_beyond_the_cut_may_be_there_or_not),
        cmocka_unit_test(a_misshapen_tensor_is_named_with_both_shapes),
        cmocka_unit_test(each_missing_layer_is_named),
        cmocka_unit_test(a_missing_half_of_a_layer_is_named),
        cmocka_unit_test(an_unknown_layer_or_weight_is_named),
        cmocka_unit_test(other_number_types_are_refused),
        cmocka_unit_test(all_problems_are_in_one_sentence),
        cmocka_unit_test(problems_that_do_not_fit_are_counted),
        cmocka_unit_test(a_trunk_binds_to_the_whole_network),
        cmocka_unit_test(a_real_keras_file_binds),
        cmocka_unit_test(vgg16s_file_is_not_vgg19s),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
