#include "model_fixture.h"

#include <math.h>

static tw_model *open_random(void)
{
    tw_model *model;

    assert_ok(tw_model_open(&model, "vgg16", "random", "block1_pool", 7, e));
    return model;
}

static void healthy_weights_pass(void **state)
{
    tw_model *model = open_random();
    (void)state;
    assert_ok(tw_model_check_weights(model, e));
    for (int i = 0; i < 4; i++)
        assert_ok(tw_model_check_node(model, i, e));
    tw_model_free(model);
}

static void a_number_that_is_not_finite_is_named(void **state)
{
    const float bad[] = {NAN, INFINITY, -INFINITY};
    tw_model *model = open_random();
    (void)state;
    for (int i = 0; i < 3; i++) {
        model->params[2][0].data[36863] = bad[i];
        assert_fails(TW_EFILE, "random: block1_conv2/kernel: number 36863 is not finite",
                     tw_model_check_node(model, 2, e));
        model->params[2][0].data[5000] = bad[i];
        assert_fails(TW_EFILE, "random: block1_conv2/kernel: number 5000 is not finite",
                     tw_model_check_weights(model, e));
        model->params[2][0].data[5000] = 1;
    }
    model->params[1][1].data[63] = NAN;
    assert_fails(TW_EFILE, "random: block1_conv1/bias: number 63 is not finite",
                 tw_model_check_node(model, 1, e));
    tw_model_free(model);
}

static void a_kernel_of_zeros_is_named(void **state)
{
    tw_model *model = open_random();
    (void)state;
    for (int i = 0; i < 36864; i++)
        model->params[2][0].data[i] = i % 2 ? 0.0f : -0.0f;
    assert_fails(TW_EFILE, "random: block1_conv2/kernel: every number is zero",
                 tw_model_check_weights(model, e));
    model->params[2][0].data[36863] = 1e-45f;
    assert_ok(tw_model_check_weights(model, e));
    tw_model_free(model);
}

static void a_mapped_file_is_named_by_its_path(void **state)
{
    char *path = path_in(state, "nan.safetensors");
    weight_set *set = weights_of("vgg16", 3);
    tw_model *model;

    set->blocks[2][4097] = NAN;
    write_set(set, path);
    assert_ok(tw_model_open(&model, "vgg16", path, "3", 0, e));
    assert_fails(TW_EFILE, about(path, "block1_conv2/kernel: number 4097 is not finite"),
                 tw_model_check_weights(model, e));
    tw_model_free(model);
    tw_free(path);
}

static void a_network_without_weights_cannot_be_checked(void **state)
{
    tw_model *model;
    (void)state;
    assert_ok(tw_model_open(&model, "vgg16", NULL, "2", 0, e));
    assert_fails(TW_EFILE, "vgg16: no weights for block1_conv1, block1_conv2",
                 tw_model_check_weights(model, e));
    tw_model_free(model);
}

static void the_hash_is_of_names_shapes_and_numbers(void **state)
{
    tw_model *a = open_random(), *b = open_random();
    char one[65], two[65], part[65];
    (void)state;
    assert_ok(tw_model_hash(one, a, 3, e));
    assert_ok(tw_model_hash(two, b, 3, e));
    assert_string_equal(one, two);
    assert_int_equal(strlen(one), 64);
    assert_ok(tw_model_hash(part, a, 1, e));
    assert_string_not_equal(one, part);
    b->params[2][1].data[0] = 1e-30f;
    assert_ok(tw_model_hash(two, b, 3, e));
    assert_string_not_equal(one, two);
    assert_ok(tw_model_hash(two, b, 1, e));
    assert_string_equal(part, two);
    b->params[2][1].data[0] = 0;
    b->graph->nodes[2].name[0] = 'B';
    assert_ok(tw_model_hash(two, b, 3, e));
    assert_string_not_equal(one, two);
    tw_model_free(a);
    tw_model_free(b);
}

static void a_file_and_a_block_of_the_same_numbers_hash_alike(void **state)
{
    char *path = path_in(state, "m.safetensors");
    small_model it = make_small_model(3);
    tw_model *back;
    char one[65], two[65];

    assert_ok(tw_model_write(it.whole, path, e));
    assert_ok(tw_model_open(&back, path, NULL, NULL, 0, e));
    assert_ok(tw_model_hash(one, it.whole, 7, e));
    assert_ok(tw_model_hash(two, back, 7, e));
    assert_string_equal(one, two);
    tw_model_free(back);
    free_small_model(&it);
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(healthy_weights_pass),
        cmocka_unit_test(a_number_that_is_not_finite_is_named),
        cmocka_unit_test(a_kernel_of_zeros_is_named),
        cmocka_unit_test(a_mapped_file_is_named_by_its_path),
        cmocka_unit_test(a_network_without_weights_cannot_be_checked),
        cmocka_unit_test(the_hash_is_of_names_shapes_and_numbers),
        cmocka_unit_test(a_file_and_a_block_of_the_same_numbers_hash_alike),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
