/* Every format is written, read back and compared; what cannot be exported is refused by name. */
#include "export_fixture.h"

#include "base/file.h"
#include "model/model_int.h"

#include <tw/data.h>

enum { N_TRAIN = 20, N_TEST = 40 };

typedef struct world {
    char *folder, *file;
    tw_model *flat, *pooled;
    tw_dataset *data;
} world;

static const tw_compute compute = {.n_threads = 1};

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    char *data;

    if (check_make_folder((void **)&w->folder))
        return -1;
    w->file = path_in(w->folder, "made");
    w->flat = flat_model();
    w->pooled = pooled_model();
    data = tiny_write_data(w->folder, N_TRAIN, N_TEST);
    assert_ok(tw_dataset_open(&w->data, data, TW_PART_TEST, 0, e));
    free(data);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;

    tw_dataset_free(w->data);
    tw_model_free(w->flat);
    tw_model_free(w->pooled);
    check_remove_folder((void **)&w->folder);
    free(w->file);
    free(w);
    return 0;
}

static void formats_have_names_and_endings(void **state)
{
    tw_export_format format;

    (void)state;
    for (int i = 0; i < TW_N_EXPORT; i++) {
        assert_ok(tw_export_parse(&format, tw_export_name((tw_export_format)i), e));
        assert_int_equal(format, i);
    }
    assert_fails(TW_EUSAGE, "no format \"onx\"; did you mean onnx",
                 tw_export_parse(&format, "onx", e));
    assert_fails(TW_EUSAGE,
                 "no format \"tensorflow-lite\"; there are onnx, keras-h5, torch-safetensors, "
                 "safetensors, npz",
                 tw_export_parse(&format, "tensorflow-lite", e));
    assert_ok(tw_export_guess(&format, "a.h5", e));
    assert_int_equal(format, TW_EXPORT_KERAS_H5);
    assert_ok(tw_export_guess(&format, "b/a.npz", e));
    assert_int_equal(format, TW_EXPORT_NPZ);
    assert_fails(TW_EUSAGE,
                 ".onnx: which format; endings that stand for one are .onnx, .h5, .safetensors, "
                 ".npz",
                 tw_export_guess(&format, ".onnx", e));
}

static void assert_nothing_left(const world *w)
{
    char *beside = path_in(w->folder, "made.unchecked");

    assert_false(tw_path_exists(beside));
    free(beside);
}

static void every_format_is_the_same_model(void **state)
{
    world *w = *state;
    const tw_model *const models[2] = {w->flat, w->pooled};

    for (int i = 0; i < TW_EXPORT_NPZ; i++) {
        for (int k = 0; k < 2; k++) {
            const tw_export_options how = {.format = (tw_export_format)i,
                                           .with_preprocessing = i == TW_EXPORT_ONNX && k,
                                           .n_pictures = k ? 0 : 33};
            tw_parity found;

            assert_ok(tw_export(&found, models[k], w->data, w->file, &how, &compute, NULL, e));
            assert_int_equal(found.n, k ? N_TEST : 33);
            assert_int_equal(found.n_same, found.n);
            assert_true(found.largest == 0);
            assert_int_equal(found.n_bytes, tw_path_size(w->file));
            assert_nothing_left(w);
        }
    }
}

/* Bytes of the model file of what a file holds. */
static char *model_bytes(const world *w, const char *file, size_t *n)
{
    char *path = path_in(w->folder, "again.safetensors"), *bytes;
    tw_model *model;

    assert_ok(tw_model_open(&model, file, NULL, NULL, 0, e));
    assert_ok(tw_model_write(model, path, e));
    assert_ok(tw_file_read(&bytes, n, path, 1 << 20, e));
    tw_model_free(model);
    free(path);
    return bytes;
}

static void whole_models_come_back_to_the_byte(void **state)
{
    world *w = *state;
    const tw_export_format formats[] = {TW_EXPORT_ONNX, TW_EXPORT_TORCH};
    size_t n_wanted, n;
    char *wanted, *bytes;

    assert_ok(tw_model_write(w->flat, w->file, e));
    wanted = model_bytes(w, w->file, &n_wanted);
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        const tw_export_options how = {.format = formats[i]};

        assert_ok(tw_export__write(w->flat, w->file, &how, e));
        bytes = model_bytes(w, w->file, &n);
        assert_int_equal(n, n_wanted);
        assert_memory_equal(bytes, wanted, n);
        tw_free(bytes);
    }
    tw_free(wanted);
}

static void tensors_have_torch_names_and_layouts(void **state)
{
    static const struct {
        const char *own, *name;
        tw_shape shape;
    } rows[] = {
        {"conv1/kernel", "features.0.weight", {4, {4, 3, 3, 3}}},
        {"conv1/bias", "features.0.bias", {1, {4}}},
        {"conv2/kernel", "features.4.weight", {4, {5, 4, 2, 3}}},
        {"conv2/bias", "features.4.bias", {1, {5}}},
        {"fc1/kernel", "classifier.0.weight", {2, {6, 5}}},
        {"fc1/bias", "classifier.0.bias", {1, {6}}},
        {"fc2/kernel", "classifier.3.weight", {2, {7, 6}}},
        {"fc2/bias", "classifier.3.bias", {1, {7}}},
        {"logits/kernel", "classifier.6.weight", {2, {3, 7}}},
        {"logits/bias", "classifier.6.bias", {1, {3}}},
    };
    world *w = *state;
    tw_export__params params;

    assert_ok(tw_export__list(&params, w->pooled, TW_EXPORT__TORCH_LAYOUT, e));
    tw_export__name_torch(&params, w->pooled->graph);
    assert_int_equal(params.n, sizeof rows / sizeof rows[0]);
    for (int i = 0; i < params.n; i++) {
        assert_string_equal(params.items[i].own, rows[i].own);
        assert_string_equal(params.items[i].name, rows[i].name);
        assert_true(tw_shape_equal(&params.items[i].shape, &rows[i].shape));
    }
    tw_free(params.items);
}

static void flattened_rows_are_told(void **state)
{
    world *w = *state;
    const tw_graph *flat = w->flat->graph, *pooled = w->pooled->graph;
    int64_t hwc[3];

    for (int i = 0; i < flat->n; i++) {
        const bool expected =
            !strcmp(flat->nodes[i].name, "flatten") || !strcmp(flat->nodes[i].name, "dropout");
        assert_int_equal(tw_export__is_flat(hwc, flat, i), expected);
        if (expected)
            assert_true(hwc[0] == 3 && hwc[1] == 2 && hwc[2] == 5);
    }
    for (int i = 0; i < pooled->n; i++)
        assert_false(tw_export__is_flat(hwc, pooled, i));
}

static tw_status export_as(const world *w, const tw_model *model, tw_export_format format,
                           const char *path, tw_error *err)
{
    const tw_export_options how = {.format = format};
    tw_parity found;

    return tw_export(&found, model, w->data, path, &how, &compute, NULL, err);
}

static void what_is_no_classifier_is_refused(void **state)
{
    world *w = *state;
    const tw_export_options how = {.format = TW_EXPORT_KERAS_H5, .with_preprocessing = 1};
    tw_parity found;
    tw_model *trunk = tiny_model_of(begin_graph(), 1), *flattened;
    tw_graph *graph = begin_graph();

    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_SOFTMAX}, "softmax");
    flattened = tiny_model_of(graph, 1);
    assert_fails(TW_EUSAGE, "the model ends in layer \"relu\", no softmax over classes",
                 export_as(w, trunk, TW_EXPORT_ONNX, w->file, e));
    assert_fails(TW_EUSAGE, "the model ends in layer \"softmax\", no softmax over classes",
                 export_as(w, flattened, TW_EXPORT_ONNX, w->file, e));
    assert_fails(TW_EUSAGE, "npz holds weights and no model: convert writes it",
                 export_as(w, w->flat, TW_EXPORT_NPZ, w->file, e));
    assert_fails(TW_EUSAGE, "only onnx can hold the preprocessing, keras-h5 cannot",
                 tw_export(&found, w->flat, w->data, w->file, &how, &compute, NULL, e));
    tw_model_free(trunk);
    tw_model_free(flattened);
}

static void networks_with_blocks_go_out(void **state)
{
    world *w = *state;
    tw_model *model = residual_model();

    unlink(w->file);
    assert_ok(export_as(w, model, TW_EXPORT_ONNX, w->file, e));
    unlink(w->file);
    assert_ok(export_as(w, model, TW_EXPORT_KERAS_H5, w->file, e));
    unlink(w->file);
    assert_fails(TW_EUNSUPPORTED,
                 "layer \"depthwise\": torch-safetensors is for chains of VGG's kind, "
                 "DepthwiseConv2D has no name there; onnx holds it",
                 export_as(w, model, TW_EXPORT_TORCH, w->file, e));
    model->graph->nodes[1].padding = TW_SYMMETRIC;
    assert_fails(TW_EUNSUPPORTED,
                 "layer \"conv1\": Keras has no symmetric padding, which torch's networks have; "
                 "onnx holds it",
                 export_as(w, model, TW_EXPORT_KERAS_H5, w->file, e));
    assert_false(tw_path_exists(w->file));
    assert_nothing_left(w);
    tw_model_free(model);
}

static void what_a_format_cannot_hold_is_refused(void **state)
{
    world *w = *state;
    char *path = path_in(w->folder, "no/such/folder.onnx"), sentence[600];
    char *name = w->flat->graph->nodes[1].name;

    unlink(w->file);
    snprintf(name, TW_NAME_SIZE, "a/b");
    assert_fails(TW_EUNSUPPORTED, "layer \"a/b\": Keras allows no '/' in a layer's name",
                 export_as(w, w->flat, TW_EXPORT_KERAS_H5, w->file, e));
    snprintf(name, TW_NAME_SIZE, "conv1");
    snprintf(sentence, sizeof sentence, "%s.unchecked: cannot create: No such file or directory",
             path);
    assert_fails(TW_EFILE, sentence, export_as(w, w->flat, TW_EXPORT_ONNX, path, e));
    free(path);
    w->flat->params[1][0].view = NULL;
    assert_fails(TW_EFILE, "tiny: no weights for conv1",
                 export_as(w, w->flat, TW_EXPORT_ONNX, w->file, e));
    w->flat->params[1][0].view = w->flat->params[1][0].data;
    assert_false(tw_path_exists(w->file));
    assert_nothing_left(w);
}

/* The numbers are never looked at: they are too many, whatever they are. */
static void two_gigabytes_are_too_many_for_onnx(void **state)
{
    world *w = *state;
    tw_graph *graph = begin_graph();
    tw_model *model;
    float number = 1;
    char sentence[600];

    tiny_add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 20000000}, "wide");
    tiny_add(graph, (tw_node){.op = TW_OP_DENSE, .units = 3, .activation = TW_SOFTMAX}, "top");
    assert_ok(tw_model__create(&model, graph, e));
    for (int i = 0; i < model->graph->n; i++)
        model->params[i][0].view = model->params[i][1].view = &number;
    snprintf(sentence, sizeof sentence,
             "%s: at least 2720001171 bytes, an ONNX file has at most 2147483647", w->file);
    assert_fails(TW_EUNSUPPORTED, sentence, tw_export__write_onnx(model, w->file, false, e));
    tw_model_free(model);
}

/* ---- what the check finds */

static void other_numbers_are_found(void **state)
{
    world *w = *state;
    tw_model *other = flat_model();
    tw_error err = {TW_OK, ""};

    assert_ok(tw_export__check_numbers(w->flat, other, "x.onnx", e));
    other->params[1][1].data[0] += 1;
    assert_int_equal(tw_export__check_numbers(w->flat, other, "x.onnx", &err), TW_EFAIL);
    assert_non_null(strstr(err.text, "x.onnx: parameters read back have SHA-256 "));
    tw_model_free(other);
}

static void other_answers_are_found(void **state)
{
    world *w = *state;
    tw_model *other = flat_model();
    tw_parity found = {0};
    const tw_export__check check = {w->data, 0, &compute, NULL, &found};
    float *bias = other->params[other->graph->n - 1][1].data;

    bias[1] += 100; /* the second class for every picture */
    assert_ok(tw_export__compare(w->flat, other, &check, e));
    assert_int_equal(found.n, N_TEST);
    assert_true(found.n_same < N_TEST);
    assert_true(found.largest > 0.3 && found.largest <= 1);
    found = (tw_parity){.n = 40, .n_same = 38};
    assert_fails(TW_EFAIL,
                 "x.onnx: another class than the model's for 2 of 40 pictures; not written",
                 tw_export__check_classes(&found, "x.onnx", e));
    tw_model_free(other);
}

static void another_count_of_classes_is_found(void **state)
{
    world *w = *state;
    tw_parity found = {0};
    const tw_export__check check = {w->data, 0, &compute, NULL, &found};
    tw_graph *graph = begin_graph();
    tw_model *other;

    tiny_add(graph, (tw_node){.op = TW_OP_GLOBAL_AVERAGE_POOL}, "gap");
    tiny_add(graph, (tw_node){.op = TW_OP_SOFTMAX}, "softmax");
    other = finish_model(graph);
    assert_fails(TW_EFAIL, "the file has 5 classes, the model 3",
                 tw_export__compare(w->flat, other, &check, e));
    tw_model_free(other);
}

static int stop_at_once(void *ctx)
{
    (void)ctx;
    return 1;
}

static void an_interrupted_check_leaves_no_file(void **state)
{
    world *w = *state;
    const tw_watch watch = {.should_stop = stop_at_once};
    const tw_export_options how = {.format = TW_EXPORT_ONNX};
    tw_parity found;

    unlink(w->file);
    assert_fails(TW_EINTERRUPTED, "interrupted while comparing, no file was written",
                 tw_export(&found, w->flat, w->data, w->file, &how, &compute, &watch, e));
    assert_false(tw_path_exists(w->file));
    assert_nothing_left(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_have_names_and_endings),
        cmocka_unit_test(every_format_is_the_same_model),
        cmocka_unit_test(whole_models_come_back_to_the_byte),
        cmocka_unit_test(tensors_have_torch_names_and_layouts),
        cmocka_unit_test(flattened_rows_are_told),
        cmocka_unit_test(what_is_no_classifier_is_refused),
        cmocka_unit_test(networks_with_blocks_go_out),
        cmocka_unit_test(what_a_format_cannot_hold_is_refused),
        cmocka_unit_test(two_gigabytes_are_too_many_for_onnx),
        cmocka_unit_test(other_numbers_are_found),
        cmocka_unit_test(other_answers_are_found),
        cmocka_unit_test(another_count_of_classes_is_found),
        cmocka_unit_test(an_interrupted_check_leaves_no_file),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
