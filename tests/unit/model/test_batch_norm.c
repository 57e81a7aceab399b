/* Batch normalizations of a file in EfficientNet-PyTorch's naming, folded into the first
 * convolution (3,3,3,32). */
#include "model_fixture.h"

#include <math.h>

enum { K = 32 };

static void put_named(weight_set *set, const char *name, const tw_shape *shape, float value)
{
    float *values;

    put_tensor(set, "", "", shape);
    values = set->blocks[set->n - 1];
    snprintf(set->names[set->n - 1], sizeof set->names[0], "%s", name);
    for (int64_t i = 0; value != 0 && i < tw_shape_size(shape); i++)
        values[i] = value + (float)i * 0.01f;
}

/* The kernel (32,3,3,3) and the four tensors behind it; `but` is left out. */
static weight_set *stem(const char *but)
{
    static const char *const names[] = {"_bn0.weight", "_bn0.bias", "_bn0.running_mean",
                                        "_bn0.running_var"};
    static const float values[] = {2, 3, 1, 4};
    weight_set *set = calloc(1, sizeof *set);

    if (strcmp(but, "_conv_stem.weight") != 0)
        put_named(set, "_conv_stem.weight", &(tw_shape){4, {K, 3, 3, 3}}, 0);
    for (int i = 0; i < 4; i++)
        if (strcmp(but, names[i]) != 0)
            put_named(set, names[i], &(tw_shape){1, {K}}, values[i]);
    return set;
}

static tw_status open_stem(tw_model **out, const char *path, tw_error *err)
{
    return tw_model_open(out, "efficientnet-lite0", path, "stem_conv", 0, err);
}

static void it_is_part_of_kernel_and_bias(void **state)
{
    char *path = path_in(state, "stem.safetensors");
    const char *text;
    tw_model *model;

    write_set(stem(""), path);
    assert_ok(open_stem(&model, path, e));
    for (int k = 0; k < K; k++) {
        const double step = (double)((float)k * 0.01f);
        const double scale = (2 + step) / sqrt(4 + step + 1e-3);
        /* number ((k * 3 + c) * 3 + r) * 3 + s of the file's first tensor, at r = 1, s = 2, c = 1
         */
        const double kernel = 1.0 + ((k * 3 + 1) * 3 + 1) * 3 * 0.001 + 2 * 0.001;
        const float *own = model->params[1][0].view;

        assert_true(fabs((double)own[((1 * 3 + 2) * 3 + 1) * K + k] - kernel * scale) < 1e-6);
        assert_true(fabs((double)model->params[1][1].view[k] - (3 + step - (1 + step) * scale)) <
                    1e-6);
    }
    assert_true(tw_json_string(&text, tw_json_get(model->provenance, "batch_norm")));
    assert_string_equal(text, "folded into the convolutions");
    assert_true(tw_json_string(&text, tw_json_get(model->provenance, "weights_naming")));
    assert_string_equal(text, "EfficientNet-PyTorch");
    tw_model_free(model);
    tw_free(path);
}

static void each_missing_part_is_named(void **state)
{
    static const char *const parts[] = {"_conv_stem.weight", "_bn0.weight", "_bn0.bias",
                                        "_bn0.running_mean", "_bn0.running_var"};
    char *path = path_in(state, "part.safetensors"), sentence[128];
    tw_model *model;

    for (int i = 0; i < 5; i++) {
        write_set(stem(parts[i]), path);
        snprintf(sentence, sizeof sentence, "%s (stem_conv): missing", parts[i]);
        assert_fails(TW_EFILE, about(path, sentence), open_stem(&model, path, e));
        assert_null(model);
    }
    tw_free(path);
}

static void a_missing_layer_is_named(void **state)
{
    char *path = path_in(state, "layer.safetensors");
    weight_set *set = calloc(1, sizeof *set);
    tw_model *model;

    put_named(set, "_blocks.0._bn1.weight", &(tw_shape){1, {K}}, 1);
    write_set(set, path);
    assert_fails(TW_EFILE, about(path, "layer \"stem_conv\" is missing"),
                 open_stem(&model, path, e));
    tw_free(path);
}

static void wrong_parts_are_named(void **state)
{
    char *path = path_in(state, "wrong.safetensors");
    weight_set *set = stem("_bn0.bias");
    int64_t wide[K] = {0};
    tw_model *model;

    put_named(set, "_bn0.bias", &(tw_shape){1, {K - 1}}, 1);
    set->entries[1].tensor = (tw_tensor){wide, TW_I64, {1, {K}}};
    write_set(set, path);
    assert_fails(TW_EFILE,
                 about(path,
                       "_bn0.weight: expected F32, F64, F16 or BF16, file has I64; _bn0.bias: "
                       "expected 32, file has 31"),
                 open_stem(&model, path, e));
    tw_free(path);
}

static void a_variance_that_is_none_is_refused(void **state)
{
    static const float values[] = {-0.5f, NAN, INFINITY};
    static const char *const texts[] = {"-0.5", "nan", "inf"};
    char *path = path_in(state, "variance.safetensors"), sentence[256];
    tw_model *model;

    for (int i = 0; i < 3; i++) {
        weight_set *set = stem("");

        set->blocks[4][7] = values[i];
        write_set(set, path);
        snprintf(sentence, sizeof sentence,
                 "stem_conv: the batch normalization's variance 7 is %s, it must be finite and at "
                 "least 0",
                 texts[i]);
        assert_fails(TW_EFILE, about(path, sentence), open_stem(&model, path, e));
        assert_null(model);
    }
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_part_of_kernel_and_bias),
        cmocka_unit_test(each_missing_part_is_named),
        cmocka_unit_test(a_missing_layer_is_named),
        cmocka_unit_test(wrong_parts_are_named),
        cmocka_unit_test(a_variance_that_is_none_is_refused),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
