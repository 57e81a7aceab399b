/* Weights there and back are the same bytes; what they are for is found out or asked for. */
#include "export_fixture.h"

#include "base/file.h"
#include "format/arrays.h"
#include "format/safetensors.h"
#include "format/weights.h"

typedef struct world {
    char *folder, *model; /* vgg16-mini as topwork's own file */
} world;

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    const tw_convert_options how = {.format = TW_EXPORT_SAFETENSORS};
    int64_t n_bytes;

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->model = path_in(w->folder, "mini.safetensors");
    assert_ok(tw_convert(&n_bytes, "vgg16-mini", w->model, &how, e));
    assert_int_equal(n_bytes, tw_path_size(w->model));
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;

    check_remove_folder((void **)&w->folder);
    free(w->model);
    free(w);
    return 0;
}

static void convert(const char *in, const char *out, tw_export_format format, const char *model)
{
    const tw_convert_options how = {format, model};
    int64_t n_bytes;

    assert_ok(tw_convert(&n_bytes, in, out, &how, e));
    assert_int_equal(n_bytes, tw_path_size(out));
}

/* The same names, shapes and bytes of every tensor; provenance may differ. */
static void assert_same_tensors(const char *a, const char *b)
{
    tw_weight_file x, y;

    assert_ok(tw_weight_file_open(&x, a, e));
    assert_ok(tw_weight_file_open(&y, b, e));
    assert_int_equal(x.n_tensors, 26);
    assert_int_equal(y.n_tensors, 26);
    for (int i = 0; i < x.n_tensors; i++) {
        const tw_tensor *p = &x.tensors[i].tensor, *q = &y.tensors[i].tensor;

        assert_string_equal(x.tensors[i].name, y.tensors[i].name);
        assert_true(tw_shape_equal(&p->shape, &q->shape));
        assert_memory_equal(p->data, q->data, (size_t)tw_shape_size(&p->shape) * sizeof(float));
    }
    tw_weight_file_close(&x);
    tw_weight_file_close(&y);
}

static void there_and_back_is_the_same(void **state)
{
    static const tw_export_format formats[] = {TW_EXPORT_KERAS_H5, TW_EXPORT_TORCH,
                                               TW_EXPORT_SAFETENSORS};
    world *w = *state;
    char *there = path_in(w->folder, "there"), *back = path_in(w->folder, "back");

    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        convert(w->model, there, formats[i], NULL);
        convert(there, back, TW_EXPORT_SAFETENSORS, NULL); /* .h5: found out */
        assert_same_tensors(w->model, back);
    }
    convert(w->model, there, TW_EXPORT_KERAS_H5, NULL);
    convert(there, back, TW_EXPORT_SAFETENSORS, "vgg16-mini");
    assert_same_tensors(w->model, back);
    free(there);
    free(back);
}

static void a_classifier_goes_through_onnx(void **state)
{
    world *w = *state;
    tw_model *model = flat_model();
    char *own = path_in(w->folder, "own"), *there = path_in(w->folder, "there"), *a, *b;
    char *back = path_in(w->folder, "back");
    size_t n_a, n_b;

    assert_ok(tw_model_write(model, own, e));
    convert(own, there, TW_EXPORT_ONNX, NULL);
    convert(there, back, TW_EXPORT_SAFETENSORS, NULL);
    assert_ok(tw_file_read(&a, &n_a, own, 1 << 20, e));
    assert_ok(tw_file_read(&b, &n_b, back, 1 << 20, e));
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    tw_free(a);
    tw_free(b);
    free(own);
    free(there);
    free(back);
    tw_model_free(model);
}

static void npz_holds_the_same_numbers(void **state)
{
    world *w = *state;
    char *path = path_in(w->folder, "w.npz");
    tw_weight_file file;

    convert(w->model, path, TW_EXPORT_NPZ, NULL);
    assert_ok(tw_weight_file_open(&file, w->model, e));
    for (int i = 0; i < file.n_tensors; i++) {
        const tw_tensor *tensor = &file.tensors[i].tensor;
        const size_t n = (size_t)tw_shape_size(&tensor->shape) * sizeof(float);
        tw_array_file array;
        void *back = malloc(n);

        assert_ok(tw_npz_open(&array, path, file.tensors[i].name, e));
        assert_true(tw_shape_equal(&array.shape, &tensor->shape));
        assert_ok(tw_array_read(&array, back, 0, array.shape.dims[0], e));
        assert_memory_equal(back, tensor->data, n);
        tw_array_file_close(&array);
        free(back);
    }
    tw_weight_file_close(&file);
    free(path);
}

static void refused(tw_status status, const char *sentence, const char *in, tw_convert_options how,
                    const world *w)
{
    char *out = path_in(w->folder, "refused");
    int64_t n_bytes;

    assert_fails(status, sentence, tw_convert(&n_bytes, in, out, &how, e));
    assert_false(tw_path_exists(out));
    free(out);
}

static void what_does_not_fit_is_refused(void **state)
{
    world *w = *state;
    char *strange = path_in(w->folder, "strange.safetensors"), sentence[700];
    const float numbers[3] = {1, 2, 3};
    const tw_safetensors_entry entry = {
        "layer/kernel", {numbers, TW_F32, tw_shape_make(1, (int64_t[]){3})}, 0};

    assert_ok(tw_safetensors_write(strange, &entry, 1, NULL, e));
    snprintf(sentence, sizeof sentence,
             "%s: names and shapes fit no built-in network; say which it is for (option model) to "
             "hear what does not fit",
             strange);
    refused(TW_EFILE, sentence, strange, (tw_convert_options){TW_EXPORT_KERAS_H5, NULL}, w);
    snprintf(sentence, sizeof sentence, "%s is a whole model, option model cannot be given too",
             w->model);
    refused(TW_EUSAGE, sentence, w->model, (tw_convert_options){TW_EXPORT_KERAS_H5, "vgg16"}, w);
    refused(TW_EUSAGE, "the model ends in layer \"block5_pool\", no softmax over classes", w->model,
            (tw_convert_options){TW_EXPORT_ONNX, NULL}, w);
    refused(TW_EUSAGE, "unknown model \"vgg-mini\", did you mean \"vgg16-mini\"", "vgg-mini",
            (tw_convert_options){TW_EXPORT_KERAS_H5, NULL}, w);
    refused(TW_EFILE,
            "vgg16: no weights for block1_conv1, block1_conv2, block2_conv1, "
            "block2_conv2, block3_conv1, block3_conv2, block3_conv3, block4_conv1, "
            "block4_conv2, block4_conv3, block5_conv1, block5_conv2, block5_conv3, fc1, "
            "fc2, predictions",
            "vgg16", (tw_convert_options){TW_EXPORT_KERAS_H5, NULL}, w);
    free(strange);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back_is_the_same),
        cmocka_unit_test(a_classifier_goes_through_onnx),
        cmocka_unit_test(npz_holds_the_same_numbers),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
