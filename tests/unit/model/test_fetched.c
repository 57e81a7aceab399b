/* Weights by the name under which they were fetched, and as what a network takes by itself. */
#include "unit/model/model_fixture.h"

#include "fetched.h"

static void put_weights(void **state, const char *name, const char *architecture)
{
    char *path = path_in(state, "weights");

    fetched_root(*state);
    write_set(weights_of(architecture, 3), path);
    fetched_put(name, 0, path);
    tw_free(path);
}

static void assert_finds(const char *expected, const char *name, const char *cut)
{
    const char *found;

    assert_ok(tw_model_find_weights(&found, name, cut, e));
    assert_string_equal(found, expected);
}

static void without_anything_the_sentence_says_what_to_fetch(void **state)
{
    const char *found;

    fetched_root(*state);
    assert_fails(TW_EUSAGE,
                 "network vgg16 needs option weights: a file of its weights, or random, or "
                 "\"topwork fetch vgg16-notop\"; vgg16-mini has its weights inside",
                 tw_model_find_weights(&found, "vgg16", "block5_pool", e));
    assert_null(found);
    assert_fails(TW_EUSAGE,
                 "network vgg19 needs option weights: a file of its weights, or random, or "
                 "\"topwork fetch vgg19\"; vgg16-mini has its weights inside",
                 tw_model_find_weights(&found, "vgg19", "fc1", e));
    assert_fails(TW_EUSAGE, "unknown layer \"block9\"",
                 tw_model_find_weights(&found, "vgg16", "block9", e));
    assert_ok(tw_model_find_weights(&found, "some/model.safetensors", NULL, e));
    assert_null(found);
}

static void the_smaller_file_is_taken_where_it_will_do(void **state)
{
    const char *found;

    put_weights(state, "vgg16", "vgg16");
    assert_finds("vgg16", "vgg16", "block5_pool");
    assert_finds("vgg16", "vgg16", NULL);
    put_weights(state, "vgg16-notop", "vgg16");
    assert_finds("vgg16-notop", "vgg16", "block5_pool");
    assert_finds("vgg16-notop", "vgg16", "flatten");
    assert_finds("vgg16", "vgg16", "fc1");
    assert_finds("vgg16", "vgg16", "-1");
    fetched_forget("vgg16");
    assert_fails(TW_EUSAGE,
                 "network vgg16 needs option weights: a file of its weights, or random, or "
                 "\"topwork fetch vgg16\"; vgg16-mini has its weights inside",
                 tw_model_find_weights(&found, "vgg16", "fc1", e));
    fetched_forget("vgg16-notop");
}

static void a_name_opens_what_was_fetched(void **state)
{
    tw_model *model;

    put_weights(state, "vgg16-notop", "vgg16");
    assert_ok(tw_model_open(&model, "vgg16", "vgg16-notop", "block1_pool", 0, e));
    assert_ok(tw_model_check_weights(model, e));
    assert_string_equal(model->weights, "vgg16-notop");
    tw_model_free(model);
    fetched_forget("vgg16-notop");
    assert_fails(TW_EFILE,
                 "vgg16-notop: no such file or folder; \"topwork fetch vgg16-notop\" gets it",
                 tw_model_open(&model, "vgg16", "vgg16-notop", "block1_pool", 0, e));
    assert_null(model);
}

/* A run that somebody called vgg16 is a folder, and no weights. */
static void a_file_of_that_name_comes_first_a_folder_does_not(void **state)
{
    char here[4096];
    tw_model *model;

    put_weights(state, "vgg16", "vgg16");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    assert_ok(tw_folder_create("vgg16", e));
    assert_ok(tw_model_open(&model, "vgg16", "vgg16", "block1_pool", 0, e));
    tw_model_free(model);
    assert_ok(tw_folder_remove("vgg16", e));
    assert_ok(tw_file_write("vgg16", "none", 4, e));
    assert_fails(TW_EFILE, "vgg16: neither Keras .h5, .keras, npz, safetensors, PyTorch nor ONNX",
                 tw_model_open(&model, "vgg16", "vgg16", "block1_pool", 0, e));
    assert_ok(tw_file_remove("vgg16", e));
    assert_int_equal(chdir(here), 0);
    fetched_forget("vgg16");
}

static void a_changed_file_is_not_taken(void **state)
{
    static const char sentence[] =
        "vgg16-notop: vgg16_weights_tf_dim_ordering_tf_kernels_notop.h5 is not as it was when it "
        "was checked; \"topwork fetch vgg16-notop\" mends it";
    char path[4096];
    const char *found;
    tw_model *model;
    tw_file file;

    put_weights(state, "vgg16-notop", "vgg16");
    assert_ok(tw_fetch_path(path, sizeof path, "vgg16-notop", e));
    assert_ok(tw_file_open_append(&file, path, e));
    assert_ok(tw_file_append(&file, "x", 1, e));
    tw_file_close(&file);
    assert_fails(TW_EFILE, sentence, tw_model_find_weights(&found, "vgg16", "block5_pool", e));
    assert_fails(TW_EFILE, sentence,
                 tw_model_open(&model, "vgg16", "vgg16-notop", "block1_pool", 0, e));
    fetched_forget("vgg16-notop");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_sentence_says_what_to_fetch),
        cmocka_unit_test(the_smaller_file_is_taken_where_it_will_do),
        cmocka_unit_test(a_name_opens_what_was_fetched),
        cmocka_unit_test(a_file_of_that_name_comes_first_a_folder_does_not),
        cmocka_unit_test(a_changed_file_is_not_taken),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
