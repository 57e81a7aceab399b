/* A model with its numbers from another file: the same model, or a sentence. */
#include "model_fixture.h"

static void numbers_come_from_the_file(void **state)
{
    char *path = path_in(state, "weights.safetensors");
    tw_model *model, *other;
    char own[65], its[65];

    write_set(weights_of("vgg16", 3), path);
    assert_ok(tw_model_open(&model, "vgg16", "random", "block1_pool", 1, e));
    assert_ok(tw_model_open_like(&other, model, path, e));
    assert_int_equal(other->graph->n, model->graph->n);
    assert_int_equal(other->contract.preprocess, model->contract.preprocess);
    assert_true(other->params[1][0].view[0] == 1 && other->params[1][0].mapped);
    assert_ok(tw_model_hash(own, model, model->graph->n - 1, e));
    assert_ok(tw_model_hash(its, other, other->graph->n - 1, e));
    assert_string_not_equal(own, its);
    tw_model_free(other);

    /* its own file */
    assert_ok(tw_model_write(model, path, e));
    assert_ok(tw_model_open_like(&other, model, path, e));
    assert_ok(tw_model_hash(its, other, other->graph->n - 1, e));
    assert_string_equal(own, its);
    tw_model_free(other);
    tw_model_free(model);
    tw_free(path);
}

static void classes_are_those_of_the_model(void **state)
{
    char *path = path_in(state, "small.safetensors");
    small_model small = make_small_model(2);
    tw_model *other;

    assert_ok(tw_model_write(small.whole, path, e));
    assert_ok(tw_model_open_like(&other, small.whole, path, e));
    assert_int_equal(tw_model_class_count(other), 3);
    assert_string_equal(tw_model_class_name(other, 1), "bee");
    tw_model_free(other);
    free_small_model(&small);
    tw_free(path);
}

static void a_file_that_lacks_a_layer_is_refused(void **state)
{
    char *path = path_in(state, "short.safetensors");
    tw_model *model, *other;

    write_set(weights_of("vgg16", 1), path);
    assert_ok(tw_model_open(&model, "vgg16", "random", "block1_pool", 1, e));
    assert_fails(TW_EFILE, about(path, "layer \"block1_conv2\" is missing"),
                 tw_model_open_like(&other, model, path, e));
    assert_null(other);
    tw_model_free(model);
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_come_from_the_file),
        cmocka_unit_test(classes_are_those_of_the_model),
        cmocka_unit_test(a_file_that_lacks_a_layer_is_refused),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
