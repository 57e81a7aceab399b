#include "model_fixture.h"

static void a_network_without_weights_shows_its_plan(void **state)
{
    tw_model *model;
    tw_layer_info row;
    char text[96];
    (void)state;
    assert_ok(tw_model_open(&model, "vgg16", NULL, NULL, 0, e));
    assert_int_equal(tw_model_layer_count(model), 23);
    row = tw_model_layer(model, 2);
    assert_int_equal(row.index, 2);
    assert_string_equal(row.name, "block1_conv2");
    assert_string_equal(row.op, "Conv2D");
    assert_string_equal(tw_shape_text(text, sizeof text, &row.shape), "224x224x64");
    assert_int_equal(row.n_params, 36928);
    assert_int_equal(row.macs, INT64_C(1849688064));
    assert_int_equal(row.activation_bytes, 224 * 224 * 64 * 4);
    assert_int_equal(row.frozen, 1);
    assert_int_equal(tw_model_class_count(model), 0);
    assert_null(tw_model_class_name(model, 0));
    assert_int_equal(tw_model_contract(model)->preprocess, TW_PREPROCESS_CAFFE);
    assert_fails(TW_EFILE, "vgg16: no weights for block1_conv1, block1_conv2",
                 tw_model_require(model, 3, e));
    tw_model_free(model);
    tw_model_free(NULL);
}

static void a_cut_is_a_name_or_an_index(void **state)
{
    const char *const cuts[] = {"block5_pool", "18", "-5"};
    tw_model *model;
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_ok(tw_model_open(&model, "vgg16", NULL, cuts[i], 0, e));
        assert_int_equal(tw_model_layer_count(model), 19);
        assert_string_equal(tw_model_layer(model, 18).name, "block5_pool");
        tw_model_free(model);
    }
    assert_fails(TW_EUSAGE, "unknown layer \"block5_pol\", did you mean \"block5_pool\"",
                 tw_model_open(&model, "vgg16", NULL, "block5_pol", 0, e));
    assert_null(model);
}

static void random_weights_are_glorot_and_zero(void **state)
{
    tw_model *a, *b, *other;
    float *expected = tw_alloc_f32(36864);
    (void)state;
    assert_ok(tw_model_open(&a, "vgg16", "random", "block1_pool", 7, e));
    assert_ok(tw_model_open(&b, "vgg16", "random", "block2_pool", 7, e));
    assert_ok(tw_model_open(&other, "vgg16", "random", "block1_pool", 8, e));
    tw_init_fill(expected, &a->params[2][0].shape, TW_GLOROT_UNIFORM, 7, 4, 1);
    assert_memory_equal(a->params[2][0].data, expected, 36864 * sizeof *expected);
    assert_memory_equal(b->params[2][0].data, expected, 36864 * sizeof *expected);
    assert_memory_not_equal(other->params[2][0].data, expected, 36864 * sizeof *expected);
    assert_true(a->params[2][1].data[0] == 0 && a->params[2][1].data[63] == 0);
    assert_ptr_equal(a->params[2][0].view, a->params[2][0].data);
    assert_false(a->params[2][0].mapped);
    assert_int_equal((uintptr_t)a->params[2][0].data % 64, 0);
    assert_ok(tw_model_check_weights(a, e));
    tw_free(expected);
    tw_model_free(a);
    tw_model_free(b);
    tw_model_free(other);
}

static void provenance_names_no_folder(void **state)
{
    char *path = path_in(state, "w.safetensors");
    tw_model *model;
    char *text;

    write_set(weights_of("vgg16", 3), path);
    assert_ok(tw_model_open(&model, "vgg16", path, "3", 0, e));
    text = tw_json_dump(model->provenance, 0);
    assert_null(strstr(text, *state));
    assert_non_null(strstr(text, "\"architecture\":\"vgg16\""));
    assert_non_null(strstr(text, "\"weights\":\"w.safetensors\""));
    assert_non_null(strstr(text, "\"cut\":\"block1_pool\""));
    assert_string_equal(model->weights, "w.safetensors");
    assert_string_equal(model->architecture, "vgg16");
    tw_free(text);
    tw_model_free(model);
    tw_free(path);
}

static void a_name_that_is_nothing_gets_the_nearest(void **state)
{
    tw_model *model;
    (void)state;
    assert_fails(TW_EUSAGE, "unknown model \"vg16\", did you mean \"vgg16\"",
                 tw_model_open(&model, "vg16", NULL, NULL, 0, e));
    assert_null(model);
}

static void a_model_file_takes_no_other_weights(void **state)
{
    char *path = path_in(state, "m.safetensors");
    char sentence[512];
    tw_model *model;

    write_set(weights_of("vgg16", 3), path);
    snprintf(sentence, sizeof sentence,
             "model file %s has its own weights, \"x.h5\" cannot be given too", path);
    assert_fails(TW_EUSAGE, sentence, tw_model_open(&model, path, "x.h5", NULL, 0, e));
    assert_null(model);
    tw_free(path);
}

static void a_contract_of_the_same_size_can_be_set(void **state)
{
    tw_contract contract = {224,
                            224,
                            TW_COLOUR_GREY,
                            TW_NEAREST,
                            TW_PREPROCESS_NONE,
                            TW_RESIZE_SQUASH,
                            0,
                            TW_JPEG_SCALE_OFF};
    tw_model *model;
    (void)state;
    assert_ok(tw_model_open(&model, "vgg16", NULL, "1", 0, e));
    assert_ok(tw_model_set_contract(model, &contract, e));
    assert_same_contract(tw_model_contract(model), &contract);
    contract.width = 32;
    assert_fails(TW_ESHAPE, "a contract of 224x32 does not fit, the model takes 224x224",
                 tw_model_set_contract(model, &contract, e));
    tw_model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_network_without_weights_shows_its_plan),
        cmocka_unit_test(a_cut_is_a_name_or_an_index),
        cmocka_unit_test(random_weights_are_glorot_and_zero),
        cmocka_unit_test(provenance_names_no_folder),
        cmocka_unit_test(a_name_that_is_nothing_gets_the_nearest),
        cmocka_unit_test(a_model_file_takes_no_other_weights),
        cmocka_unit_test(a_contract_of_the_same_size_can_be_set),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
