/* Every file that a version of Keras or NumPy writes gives the same layers with exactly the numbers
 * that went in: tests/golden/h5/, made by tools/golden/keras_files.py. */
#include "base/file.h"
#include "base/memory.h"
#include "format/anonymous.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"

static char *golden(const char *name)
{
    static char path[512];
    snprintf(path, sizeof path, "%s/h5/%s", TW_TEST_DATA, name);
    return path;
}

/* Tensor t of the tiny network holds 10 t, 10 t + 1, ... */
static const struct {
    const char *layer, *shape;
    int slot;
} tiny[] = {
    {"block1_conv1", "1x1x2x3", 0}, {"block1_conv1", "3", 1}, {"block1_conv2", "1x1x3x3", 0},
    {"block1_conv2", "3", 1},       {"fc1", "3x2", 0},        {"fc1", "2", 1}};
enum { N_TINY = sizeof tiny / sizeof tiny[0] };

static const tw_named_tensor *find_tensor(const tw_weight_file *file, const char *layer, int slot)
{
    const tw_named_tensor *hit = NULL;
    for (int i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].layer, layer) == 0 && file->tensors[i].slot == slot) {
            assert_null(hit);
            hit = &file->tensors[i];
        }
    if (!hit)
        fail_msg("no weight %d of %s", slot, layer);
    return hit;
}

/* bfloat16 has 8 bits: all numbers below 256 are exact. */
static void check_numbers(const tw_tensor *tensor, const char *shape, float first)
{
    char text[96];
    float values[16];
    const int64_t n = tw_shape_size(&tensor->shape);
    assert_string_equal(tw_shape_text(text, sizeof text, &tensor->shape), shape);
    assert_true(n <= 16);
    assert_true(tw_copy_as_f32(values, tensor->data, tensor->dtype, (size_t)n));
    for (int64_t i = 0; i < n; i++)
        assert_true(values[i] == first + (float)i);
}

static void check_tiny(const char *name, tw_weight_kind kind, tw_dtype dtype)
{
    tw_weight_file file;
    print_message("%s\n", name);
    assert_ok(tw_weight_file_open(&file, golden(name), e));
    assert_int_equal(file.kind, kind);
    assert_int_equal(file.n_tensors, N_TINY);
    assert_false(file.anonymous);
    for (int t = 0; t < N_TINY; t++) {
        const tw_named_tensor *tensor = find_tensor(&file, tiny[t].layer, tiny[t].slot);
        assert_int_equal(tensor->tensor.dtype, dtype);
        check_numbers(&tensor->tensor, tiny[t].shape, 10.0f * (float)t);
    }
    tw_weight_file_close(&file);
}

static void files_of_keras_1_and_2_are_read(void **state)
{
    (void)state;
    check_tiny("keras1_vgg.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
    check_tiny("keras2_renamed.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
    check_tiny("keras2_nested.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
    check_tiny("keras2_model.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
}

static void files_of_keras_3_are_read(void **state)
{
    (void)state;
    check_tiny("k3_legacy.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
    check_tiny("k3_nested.h5", TW_WEIGHTS_KERAS_H5, TW_F32);
    check_tiny("k3.weights.h5", TW_WEIGHTS_KERAS_3, TW_F32);
    check_tiny("k3_nested.weights.h5", TW_WEIGHTS_KERAS_3, TW_F32);
    check_tiny("k3_bfloat16.weights.h5", TW_WEIGHTS_KERAS_3, TW_BF16);
    check_tiny("k3_nested.keras", TW_WEIGHTS_KERAS_ZIP, TW_F32);
    check_tiny("k3_compiled.keras", TW_WEIGHTS_KERAS_ZIP, TW_F32);
}

/* Without names of layers in the weights, config.json of the archive has them. */
static void an_archive_names_its_layers(void **state)
{
    (void)state;
    check_tiny("unnamed.keras", TW_WEIGHTS_KERAS_ZIP, TW_F32);
    check_tiny("tf213.keras", TW_WEIGHTS_KERAS_ZIP, TW_F32);
}

static void check_unnamed(const char *name, const char *const layers[3])
{
    tw_weight_file file;
    assert_ok(tw_weight_file_open(&file, golden(name), e));
    assert_int_equal(file.kind, TW_WEIGHTS_KERAS_3);
    assert_true(file.anonymous);
    assert_int_equal(file.n_tensors, N_TINY);
    for (int t = 0; t < N_TINY; t++)
        check_numbers(&find_tensor(&file, layers[t / 2], t % 2)->tensor, tiny[t].shape,
                      10.0f * (float)t);
    tw_weight_file_close(&file);
}

static void without_an_archive_layers_are_called_by_their_class(void **state)
{
    (void)state;
    check_unnamed("unnamed.weights.h5", (const char *const[]){"conv2d", "conv2d_1", "dense"});
    check_unnamed("tf213.weights.h5", (const char *const[]){"conv2d", "conv2d_2", "dense"});
}

static void halves_and_doubles_are_read(void **state)
{
    tw_weight_file file;
    (void)state;
    assert_ok(tw_weight_file_open(&file, golden("floats.h5"), e));
    assert_int_equal(file.tensors[0].tensor.dtype, TW_F64);
    check_numbers(&file.tensors[0].tensor, "2", 0);
    assert_int_equal(file.tensors[1].tensor.dtype, TW_F16);
    check_numbers(&file.tensors[1].tensor, "2", 10);
    tw_weight_file_close(&file);
}

/* Weights of a model that are no layer's are there to be refused by who binds them. */
static void weights_of_the_model_itself_are_kept(void **state)
{
    tw_weight_file file;
    (void)state;
    assert_ok(tw_weight_file_open(&file, golden("top_level.h5"), e));
    assert_int_equal(file.n_tensors, 3);
    check_numbers(&find_tensor(&file, "top_level_model_weights", 0)->tensor, "1", 20);
    tw_weight_file_close(&file);
}

static void check_npz(const char *name, bool is_mapped)
{
    static const char *const names[] = {"block1_conv1/kernel", "block1_conv1/bias",
                                        "block1_conv2/kernel", "block1_conv2/bias",
                                        "fc1/kernel",          "fc1/bias"};
    tw_weight_file file;
    assert_ok(tw_weight_file_open(&file, golden(name), e));
    assert_int_equal(file.kind, TW_WEIGHTS_NPZ);
    assert_int_equal(file.n_tensors, N_TINY);
    for (int t = 0; t < N_TINY; t++) {
        assert_string_equal(file.tensors[t].name, names[t]);
        assert_string_equal(file.tensors[t].layer, tiny[t].layer);
        check_numbers(&file.tensors[t].tensor, tiny[t].shape, 10.0f * (float)t);
        assert_int_equal(tw_weight_file_maps(&file, file.tensors[t].tensor.data), is_mapped);
    }
    tw_weight_file_close(&file);
}

static void arrays_of_numpy_are_weights(void **state)
{
    tw_weight_file file;
    (void)state;
    check_npz("weights.npz", true);
    check_npz("weights_deflated.npz", false);
    assert_ok(tw_weight_file_open(&file, golden("names.npz"), e));
    assert_int_equal(file.n_tensors, 5);
    assert_string_equal(file.tensors[0].name, "conv1_1_W");
    assert_string_equal(file.tensors[0].layer, "");
    check_numbers(&file.tensors[0].tensor, "1x1x2x3", 0);
    check_numbers(&file.tensors[1].tensor, "3", 10);
    assert_int_equal(file.tensors[2].tensor.dtype, TW_F16);
    check_numbers(&file.tensors[2].tensor, "2", 20);
    assert_int_equal(file.tensors[3].tensor.dtype, TW_I64);
    check_numbers(&file.tensors[4].tensor, "scalar", 40);
    tw_weight_file_close(&file);
}

/* The same bytes in memory that stands for a file. */
static void borrowed_bytes_are_read_too(void **state)
{
    static const char *const names[] = {"k3.weights.h5", "k3_nested.keras", "tf213.keras",
                                        "weights.npz", "weights_deflated.npz"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        tw_weight_file file;
        char *bytes, *kept;
        size_t n;
        assert_ok(tw_file_read(&bytes, &n, golden(names[i]), 1 << 20, e));
        kept = malloc(n);
        memcpy(kept, bytes, n);
        assert_ok(tw_weight_file_borrow(&file, bytes, n, names[i], e));
        assert_int_equal(file.n_tensors, N_TINY);
        assert_memory_equal(bytes, kept, n);
        tw_weight_file_close(&file);
        free(kept);
        tw_free(bytes);
    }
}

static void classes_are_called_as_keras_does(void **state)
{
    static const char *const rows[][2] = {{"Conv2D", "conv2d"},
                                          {"Dense", "dense"},
                                          {"MaxPooling2D", "max_pooling2d"},
                                          {"ReLU", "re_lu"},
                                          {"GlobalAveragePooling2D", "global_average_pooling2d"},
                                          {"DepthwiseConv2D", "depthwise_conv2d"},
                                          {"InputLayer", "input_layer"}};
    char buf[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(tw_anonymous_class(buf, sizeof buf, rows[i][0]), rows[i][1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_keras_1_and_2_are_read),
        cmocka_unit_test(files_of_keras_3_are_read),
        cmocka_unit_test(an_archive_names_its_layers),
        cmocka_unit_test(without_an_archive_layers_are_called_by_their_class),
        cmocka_unit_test(halves_and_doubles_are_read),
        cmocka_unit_test(weights_of_the_model_itself_are_kept),
        cmocka_unit_test(arrays_of_numpy_are_weights),
        cmocka_unit_test(borrowed_bytes_are_read_too),
        cmocka_unit_test(classes_are_called_as_keras_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
