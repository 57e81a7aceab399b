/* HDF5 that is written is HDF5 that the reader of Keras's files reads. */
#include "format/h5_write.h"

#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

enum { N_LAYERS = 40 }; /* more members than a leaf of the usual size holds */

static const float numbers[6] = {1, 2, 3, 4, 5, 6};

/* layer_names, a group a layer; every other layer has a kernel of 2x3 and a bias of 3. */
static tw_h5_tree *make_tree(void)
{
    const tw_tensor kernel = {numbers, TW_F32, tw_shape_make(2, (int64_t[]){2, 3})};
    const tw_tensor bias = {numbers + 3, TW_F32, tw_shape_make(1, (int64_t[]){3})};
    tw_h5_tree *tree = tw_h5_tree_create();
    static char names[N_LAYERS][16];
    const char *layers[N_LAYERS], *weights[2] = {"w/kernel", "w/bias"};

    for (int i = 0; i < N_LAYERS; i++) {
        snprintf(names[i], sizeof names[i], "layer_%d", i);
        layers[i] = names[i];
    }
    tw_h5_add_strings(tree, 0, "layer_names", layers, N_LAYERS);
    tw_h5_add_string(tree, 0, "keras_version", "3.0.0");
    for (int i = 0; i < N_LAYERS; i++) {
        int group = tw_h5_add_group(tree, 0, layers[i]), below;
        tw_h5_add_strings(tree, group, "weight_names", weights, i % 2 ? 2 : 0);
        if (i % 2 == 0)
            continue;
        below = tw_h5_add_group(tree, group, "w");
        tw_h5_add_dataset(tree, below, "kernel", &kernel, false);
        tw_h5_add_dataset(tree, below, "bias", &bias, false);
    }
    return tree;
}

static void what_is_written_comes_back(void **state)
{
    char *path = tw_path_join(*state, "made.h5");
    tw_h5_tree *tree = make_tree();
    tw_weight_file file;

    assert_ok(tw_h5_tree_write(tree, path, e));
    tw_h5_tree_free(tree);
    assert_ok(tw_weight_file_open(&file, path, e));
    assert_int_equal(file.n_layers, N_LAYERS);
    assert_int_equal(file.n_tensors, N_LAYERS);
    for (int i = 0; i < N_LAYERS; i++) {
        const tw_named_tensor *tensor = &file.tensors[i];
        char name[16];

        snprintf(name, sizeof name, "layer_%d", i);
        assert_string_equal(file.layers[i], name);
        assert_string_equal(tensor->layer, "w"); /* a weight's own group is its layer */
        assert_string_equal(tensor->name, i % 2 ? "w/bias" : "w/kernel");
        assert_int_equal(tensor->tensor.shape.rank, i % 2 ? 1 : 2);
        assert_int_equal((uintptr_t)tensor->tensor.data % 8, 0);
        assert_memory_equal(tensor->tensor.data, i % 2 ? numbers + 3 : numbers, i % 2 ? 12 : 24);
    }
    tw_weight_file_close(&file);
    tw_free(path);
}

static void long_attributes_are_refused(void **state)
{
    char *path = tw_path_join(*state, "long.h5"), *text = calloc(1, 64500), sentence[600];
    tw_h5_tree *tree = tw_h5_tree_create();

    memset(text, 'x', 64499);
    tw_h5_add_string(tree, tw_h5_add_group(tree, 0, "group"), "note", text);
    snprintf(sentence, sizeof sentence,
             "%s: attribute note of group needs 64536 bytes, HDF5 has room for 64512", path);
    assert_fails(TW_EUNSUPPORTED, sentence, tw_h5_tree_write(tree, path, e));
    assert_false(tw_path_exists(path));
    tw_h5_tree_free(tree);
    free(text);
    tw_free(path);
}

static void no_memory_is_told_at_the_end(void **state)
{
    (void)state;
    assert_int_equal(tw_h5_add_group(NULL, 0, "a"), 0);
    tw_h5_add_string(NULL, 0, "a", "b");
    assert_fails(TW_ENOMEM, "no memory for the groups of x.h5", tw_h5_tree_write(NULL, "x.h5", e));
    tw_h5_tree_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_comes_back),
        cmocka_unit_test(long_attributes_are_refused),
        cmocka_unit_test(no_memory_is_told_at_the_end),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
