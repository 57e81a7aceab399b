/* Files that torch.save wrote (tools/golden/torch_files.py): both forms hold the same. */
#include "base/file.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include "check.h"
#include "make_files.h"

#define GOLDEN TW_TEST_DATA "/torch/"

static const char *const forms[] = {"legacy", "zip"};

/* GOLDEN name_form.pth, opened. */
static void open_golden(tw_weight_file *file, const char *name, const char *form)
{
    char path[600];

    snprintf(path, sizeof path, GOLDEN "%s_%s.pth", name, form);
    assert_ok(tw_weight_file_open(file, path, e));
    assert_int_equal(file->kind, TW_WEIGHTS_TORCH);
    assert_int_equal(file->n_layers, 0);
}

static const tw_named_tensor *find(const tw_weight_file *file, const char *name)
{
    for (int i = 0; i < file->n_tensors; i++)
        if (strcmp(file->tensors[i].name, name) == 0)
            return &file->tensors[i];
    fail_msg("no tensor %s", name);
    return NULL;
}

/* Number i of a golden tensor is (i - 7) / 4, counted from `first` in steps. */
static void expect_numbers(const tw_named_tensor *tensor, tw_dtype dtype, const char *shape,
                           int first, int step)
{
    float values[64];
    char text[96];
    const size_t n = (size_t)tw_shape_size(&tensor->tensor.shape);

    assert_int_equal(tensor->tensor.dtype, dtype);
    assert_string_equal(tw_shape_text(text, sizeof text, &tensor->tensor.shape), shape);
    assert_true(n <= 64);
    assert_true(tw_copy_as_f32(values, tensor->tensor.data, dtype, n));
    for (size_t i = 0; i < n; i++)
        assert_true(values[i] == (float)(first + (int)i * step - 7) / 4.0F);
}

static bool is_in_map(const tw_weight_file *file, const void *data)
{
    const uint8_t *p = data;

    return p >= file->map.data && p < file->map.data + file->map.size;
}

static void a_state_dict_is_read_where_it_lies(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        tw_weight_file file;

        open_golden(&file, "plain", forms[f]);
        assert_int_equal(file.n_tensors, 2);
        assert_string_equal(file.tensors[0].name, "features.0.weight");
        assert_string_equal(file.tensors[0].layer, "features.0");
        assert_string_equal(file.tensors[1].name, "features.0.bias");
        expect_numbers(&file.tensors[0], TW_F32, "2x3x3x3", 0, 1);
        expect_numbers(&file.tensors[1], TW_F32, "2", 0, 1);
        assert_true(is_in_map(&file, file.tensors[0].tensor.data));
        assert_int_equal(file.n_blocks, 0);
        assert_null(file.metadata);
        tw_weight_file_close(&file);
    }
}

static void other_float_types_keep_theirs(void **state)
{
    static const struct {
        const char *name;
        tw_dtype dtype;
    } rows[] = {{"half", TW_F16}, {"bfloat16", TW_BF16}, {"double", TW_F64}};

    (void)state;
    for (int i = 0; i < 6; i++) {
        tw_weight_file file;

        open_golden(&file, rows[i / 2].name, forms[i % 2]);
        expect_numbers(find(&file, "features.0.weight"), rows[i / 2].dtype, "2x3x3x3", 0, 1);
        expect_numbers(find(&file, "features.0.bias"), rows[i / 2].dtype, "2", 0, 1);
        tw_weight_file_close(&file);
    }
}

static void a_parameter_is_its_tensor(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        tw_weight_file file;

        open_golden(&file, "parameter", forms[f]);
        assert_int_equal(file.n_tensors, 1);
        expect_numbers(&file.tensors[0], TW_F32, "2x3x3x3", 0, 1);
        tw_weight_file_close(&file);
    }
}

static void a_checkpoint_is_unwrapped(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        tw_weight_file file;

        open_golden(&file, "wrapped", forms[f]);
        assert_int_equal(file.n_tensors, 2);
        expect_numbers(find(&file, "weight"), TW_F32, "2x3", 0, 1);
        expect_numbers(find(&file, "bias"), TW_F32, "2", 0, 1);
        assert_string_equal(file.tensors[0].layer, "");
        assert_string_equal(file.metadata, "{\"classes\":\"[\\\"cat\\\",\\\"d\xc3\xb6g\\\"]\"}");
        tw_weight_file_close(&file);

        open_golden(&file, "index", forms[f]);
        assert_int_equal(file.n_tensors, 2);
        assert_string_equal(file.metadata, "{\"classes\":\"[\\\"cat\\\",\\\"dog\\\"]\"}");
        tw_weight_file_close(&file);
    }
}

static void whole_numbers_and_scalars_are_kept(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        const tw_named_tensor *tensor;
        tw_weight_file file;
        int64_t n;
        float scale;

        open_golden(&file, "norm", forms[f]);
        assert_int_equal(file.n_tensors, 7);
        expect_numbers(find(&file, "0.weight"), TW_F32, "2x1x3x3", 0, 1);
        expect_numbers(find(&file, "1.running_var"), TW_F32, "2", 0, 1);
        tensor = find(&file, "1.num_batches_tracked");
        assert_int_equal(tensor->tensor.dtype, TW_I64);
        assert_int_equal(tensor->tensor.shape.rank, 0);
        memcpy(&n, tensor->tensor.data, sizeof n);
        assert_int_equal(n, 5);
        tw_weight_file_close(&file);

        open_golden(&file, "scalar", forms[f]);
        tensor = find(&file, "scale");
        memcpy(&scale, tensor->tensor.data, sizeof scale);
        assert_true(scale == 1.5F);
        assert_int_equal(find(&file, "empty")->tensor.shape.dims[0], 0);
        tensor = find(&file, "flags");
        assert_int_equal(tensor->tensor.dtype, TW_U8);
        assert_memory_equal(tensor->tensor.data, "\1\0", 2);
        tw_weight_file_close(&file);
    }
}

static void tied_tensors_share(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        tw_weight_file file;
        const float *part, *whole;

        open_golden(&file, "tied", forms[f]);
        assert_ptr_equal(find(&file, "a.weight")->tensor.data,
                         find(&file, "b.weight")->tensor.data);
        expect_numbers(find(&file, "a.weight"), TW_F32, "4x3", 0, 1);
        expect_numbers(find(&file, "whole"), TW_F32, "10", 0, 1);
        expect_numbers(find(&file, "part"), TW_F32, "4", 2, 1);
        part = find(&file, "part")->tensor.data;
        whole = find(&file, "whole")->tensor.data;
        assert_int_equal((const char *)part - (const char *)whole, 8);
        tw_weight_file_close(&file);
    }
}

static void strides_are_undone(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        tw_weight_file file;

        open_golden(&file, "strided", forms[f]);
        expect_numbers(find(&file, "features.0.weight"), TW_F32, "2x3x3x3", 0, 1);
        expect_numbers(find(&file, "matrix"), TW_F32, "3x4", 0, 1);
        expect_numbers(find(&file, "first"), TW_F32, "4", 0, 3);
        assert_ptr_equal(find(&file, "features.0.weight")->tensor.data,
                         find(&file, "again")->tensor.data);
        assert_int_equal(file.n_blocks, 3);
        tw_weight_file_close(&file);
    }
}

static void what_is_no_state_dict_says_so(void **state)
{
    (void)state;
    for (int f = 0; f < 2; f++) {
        char path[600], sentence[800];
        tw_weight_file file;

        snprintf(path, sizeof path, GOLDEN "tensor_%s.pth", forms[f]);
        snprintf(sentence, sizeof sentence, "%s: holds a tensor, not a state dict", path);
        assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, path, e));
        snprintf(path, sizeof path, GOLDEN "nothing_%s.pth", forms[f]);
        snprintf(sentence, sizeof sentence,
                 "%s: no tensors, neither in the whole nor under state_dict, model_state_dict, "
                 "model, state_dict_ema or model_ema",
                 path);
        assert_fails(TW_EFILE, sentence, tw_weight_file_open(&file, path, e));
    }
}

/* EfficientNet-Lite0, of the legacy form; the numbers are what torch reads. */
static void a_real_file_opens(void **state)
{
    static const char path[] = TW_SHARED "/weights/efficientnet_lite0.pth";
    static const struct {
        const char *name, *shape;
        float first, last;
    } rows[] = {
        {"_conv_stem.weight", "32x3x3x3", -0x1.1c3efc0000000p+0F, 0x1.8000000000000p-26F},
        {"_bn0.running_var", "32", 0x1.a1a54e0000000p+0F, 0x0.0p+0F},
        {"_blocks.7._depthwise_conv.weight", "480x1x3x3", -0x1.1005480000000p-6F,
         -0x1.16fc200000000p-5F},
        {"_fc.weight", "1000x1280", -0x1.75a4040000000p-5F, 0x1.4eb5600000000p-5F},
        {"_fc.bias", "1000", 0x1.0695ec0000000p-5F, 0x1.0119a40000000p-5F},
    };
    tw_weight_file file;
    int64_t n_all = 0, steps;

    (void)state;
    if (!tw_path_exists(path))
        skip();
    assert_ok(tw_weight_file_open(&file, path, e));
    assert_int_equal(file.n_tensors, 296);
    for (int i = 0; i < file.n_tensors; i++)
        n_all += tw_shape_size(&file.tensors[i].tensor.shape);
    assert_int_equal(n_all, 4694073);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const tw_tensor *tensor = &find(&file, rows[i].name)->tensor;
        const float *numbers = tensor->data;
        char shape[96];

        assert_string_equal(tw_shape_text(shape, sizeof shape, &tensor->shape), rows[i].shape);
        assert_memory_equal(numbers, &rows[i].first, sizeof *numbers);
        assert_memory_equal((const char *)tensor->data +
                                (tw_shape_size(&tensor->shape) - 1) * (int64_t)sizeof *numbers,
                            &rows[i].last, sizeof *numbers);
    }
    assert_int_equal(find(&file, "_bn0.num_batches_tracked")->tensor.dtype, TW_I64);
    memcpy(&steps, find(&file, "_bn0.num_batches_tracked")->tensor.data, sizeof steps);
    assert_int_equal(steps, 0);
    tw_weight_file_close(&file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_state_dict_is_read_where_it_lies),
        cmocka_unit_test(other_float_types_keep_theirs),
        cmocka_unit_test(a_parameter_is_its_tensor),
        cmocka_unit_test(a_checkpoint_is_unwrapped),
        cmocka_unit_test(whole_numbers_and_scalars_are_kept),
        cmocka_unit_test(tied_tensors_share),
        cmocka_unit_test(strides_are_undone),
        cmocka_unit_test(what_is_no_state_dict_says_so),
        cmocka_unit_test(a_real_file_opens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
