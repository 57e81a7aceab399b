#include "model_fixture.h"

static void assert_same_model(const tw_model *a, const tw_model *b)
{
    char *x, *y;
    tw_json *json;

    json = tw_graph_to_json(a->graph);
    x = tw_json_dump(json, 0);
    tw_json_free(json);
    json = tw_graph_to_json(b->graph);
    y = tw_json_dump(json, 0);
    tw_json_free(json);
    assert_string_equal(x, y);
    tw_free(x);
    tw_free(y);
    for (int i = 0; i < a->graph->n; i++) {
        assert_int_equal(a->frozen[i], b->frozen[i]);
        for (int slot = 0; slot < 2; slot++) {
            const tw_param *p = &a->params[i][slot], *q = &b->params[i][slot];

            assert_int_equal(p->view == NULL, q->view == NULL);
            if (!p->view)
                continue;
            assert_true(tw_shape_equal(&p->shape, &q->shape));
            assert_memory_equal(p->view, q->view, (size_t)tw_shape_size(&p->shape) * 4);
        }
    }
    assert_same_contract(&a->contract, &b->contract);
    assert_int_equal(a->n_classes, b->n_classes);
    for (int i = 0; i < a->n_classes; i++)
        assert_string_equal(a->classes[i], b->classes[i]);
    assert_string_equal(a->architecture, b->architecture);
    assert_string_equal(a->weights, b->weights);
}

static void a_model_comes_back_exactly(void **state)
{
    char *path = path_in(state, "exact.safetensors");
    tw_contract grey = {224,
                        224,
                        TW_COLOUR_GREY,
                        TW_BILINEAR,
                        TW_PREPROCESS_TF,
                        TW_RESIZE_SQUASH,
                        0,
                        TW_JPEG_SCALE_OFF};
    small_model it = make_small_model(5);
    tw_model *back;

    assert_ok(tw_model_set_contract(it.whole, &grey, e));
    assert_ok(tw_model_write(it.whole, path, e));
    assert_ok(tw_model_open(&back, path, NULL, NULL, 0, e));
    assert_same_model(it.whole, back);
    assert_ok(tw_model_check_weights(back, e));
    tw_model_free(back);
    free_small_model(&it);
    tw_free(path);
}

static void a_run_folder_is_its_model_file(void **state)
{
    char *folder = path_in(state, "run"), *path = path_in(state, "run/model.safetensors");
    small_model it = make_small_model(5);
    tw_model *back;

    assert_ok(tw_folder_create(folder, e));
    assert_fails(TW_EFILE, about(folder, "a folder without model.safetensors, no model"),
                 tw_model_open(&back, folder, NULL, NULL, 0, e));
    assert_ok(tw_model_write(it.whole, path, e));
    assert_ok(tw_model_open(&back, folder, NULL, NULL, 0, e));
    assert_same_model(it.whole, back);
    tw_model_free(back);
    free_small_model(&it);
    tw_free(folder);
    tw_free(path);
}

static void writing_again_gives_the_same_bytes(void **state)
{
    char *first = path_in(state, "one.safetensors"), *second = path_in(state, "two.safetensors");
    small_model it = make_small_model(5);
    tw_model *back;
    char *a, *b;
    size_t n_a, n_b;

    assert_ok(tw_model_write(it.whole, first, e));
    assert_ok(tw_model_open(&back, first, NULL, NULL, 0, e));
    assert_ok(tw_model_write(back, second, e));
    assert_ok(tw_file_read(&a, &n_a, first, 1 << 20, e));
    assert_ok(tw_file_read(&b, &n_b, second, 1 << 20, e));
    assert_int_equal(n_a, n_b);
    assert_memory_equal(a, b, n_a);
    tw_free(a);
    tw_free(b);
    tw_model_free(back);
    free_small_model(&it);
    tw_free(first);
    tw_free(second);
}

/* fp32 is what a file that says nothing means, so its bytes stay those of older versions. */
static void the_precision_comes_back(void **state)
{
    char *path = path_in(state, "precision.safetensors");
    small_model it = make_small_model(5);

    for (int i = 0; i < TW_PRECISION_AUTO; i++) {
        tw_weight_file file;
        tw_model *back;

        it.whole->precision = (tw_precision)i;
        assert_ok(tw_model_write(it.whole, path, e));
        assert_ok(tw_model_open(&back, path, NULL, NULL, 0, e));
        assert_int_equal(back->precision, i);
        tw_model_free(back);
        assert_ok(tw_weight_file_open(&file, path, e));
        assert_int_equal(strstr(file.metadata, "precision") != NULL, i != TW_PRECISION_FP32);
        tw_weight_file_close(&file);
    }
    free_small_model(&it);
    tw_free(path);
}

static void a_cut_of_a_model_file_keeps_what_it_needs(void **state)
{
    char *path = path_in(state, "cut.safetensors");
    small_model it = make_small_model(5);
    tw_model *back;

    assert_ok(tw_model_write(it.whole, path, e));
    assert_ok(tw_model_open(&back, path, NULL, "dense", 0, e));
    assert_int_equal(tw_model_layer_count(back), 6);
    assert_int_equal(tw_model_class_count(back), 0);
    assert_ok(tw_model_check_weights(back, e));
    tw_model_free(back);
    assert_fails(TW_EUSAGE, "unknown layer \"densee\", did you mean \"dense\"",
                 tw_model_open(&back, path, NULL, "densee", 0, e));
    free_small_model(&it);
    tw_free(path);
}

static void a_layer_without_weights_is_not_written(void **state)
{
    char *path = path_in(state, "never.safetensors");
    tw_model *model;

    assert_ok(tw_model_open(&model, "vgg16", NULL, "1", 0, e));
    assert_fails(TW_EFILE, "vgg16: no weights for block1_conv1", tw_model_write(model, path, e));
    assert_false(tw_path_exists(path));
    tw_model_free(model);
    tw_free(path);
}

static void a_changed_number_is_found_by_the_hash(void **state)
{
    char *path = path_in(state, "flipped.safetensors");
    small_model it = make_small_model(5);
    tw_error error = {TW_OK, ""};
    tw_model *back;
    char *bytes;
    size_t n;

    assert_ok(tw_model_write(it.whole, path, e));
    assert_ok(tw_file_read(&bytes, &n, path, 1 << 20, e));
    bytes[n - 1000] ^= 1;
    assert_ok(tw_file_write(path, bytes, n, e));
    assert_ok(tw_model_open(&back, path, NULL, NULL, 0, e));
    assert_int_equal(tw_model_check_weights(back, &error), TW_EFILE);
    assert_non_null(strstr(error.text, ": parameters have SHA-256 "));
    tw_free(bytes);
    tw_model_free(back);
    free_small_model(&it);
    tw_free(path);
}

static void weights_alone_are_no_model_file(void **state)
{
    char *path = path_in(state, "weights.safetensors");
    const char *h5 = TW_SHARED "/weights/hed_vgg16_notop.h5";
    const char *sentence = "not a model file of topwork (weights without a graph: give a network's "
                           "name and this file as its weights)";
    tw_model *model;

    write_set(weights_of("vgg16", 3), path);
    assert_fails(TW_EFILE, about(path, sentence), tw_model_open(&model, path, NULL, NULL, 0, e));
    assert_null(model);
    tw_free(path);
    if (!tw_path_exists(h5))
        skip();
    assert_fails(TW_EFILE, about(h5, sentence), tw_model_open(&model, h5, NULL, NULL, 0, e));
}

/* Copies a model file with metadata[key] = value, or without the key where value is NULL. */
static void write_broken(const char *out, const char *in, const char *key, const char *value)
{
    tw_safetensors_entry entries[MAX_TENSORS];
    tw_weight_file file;
    tw_json *metadata, *changed = tw_json_new_object();
    const tw_json *entry;
    const char *name, *text;
    void *it = NULL;

    assert_ok(tw_weight_file_open(&file, in, e));
    assert_ok(tw_json_parse(&metadata, file.metadata, strlen(file.metadata), in, e));
    while ((it = tw_json_next(metadata, it, &name, &entry))) {
        assert_true(tw_json_string(&text, entry));
        if (strcmp(name, key) != 0)
            assert_true(tw_json_set(changed, name, tw_json_new_string(text)));
    }
    if (value)
        assert_true(tw_json_set(changed, key, tw_json_new_string(value)));
    for (int i = 0; i < file.n_tensors; i++)
        entries[i] = (tw_safetensors_entry){file.tensors[i].name, file.tensors[i].tensor, 0};
    assert_ok(tw_safetensors_write(out, entries, file.n_tensors, changed, e));
    tw_json_free(changed);
    tw_json_free(metadata);
    tw_weight_file_close(&file);
}

static const struct {
    const char *key, *value, *sentence;
} broken[] = {
    {"topwork", "2", "model format 2 is unknown, expected 1"},
    {"topwork", "\"1\"", "model format 0 is unknown, expected 1"},
    {"graph", NULL, "the metadata has no \"graph\""},
    {"graph", "{}", "graph: must be an array of layers"},
    {"graph", "[]", "graph: has 0 layers, 1 to 4096 are possible"},
    {"contract", NULL, "the metadata has no \"contract\""},
    {"contract", "[]", "contract: must be an object"},
    {"contract",
     "{\"height\":224,\"width\":32,\"colour\":\"rgb\",\"resize\":\"squash\",\"interpolation\":"
     "\"cubic\",\"preprocess\":\"none\"}",
     "the contract makes 224x32x3, the graph takes 224x224x3"},
    {"classes", NULL, "the metadata has no \"classes\""},
    {"classes", "{}", "\"classes\" must be an array of strings"},
    {"classes", "[1,2,3]", "\"classes\" must be an array of strings"},
    {"classes", "[\"a\",\"b\"]", "2 classes are named, the graph ends in 3"},
    {"frozen", NULL, "the metadata has no \"frozen\""},
    {"frozen", "true", "\"frozen\" must be an array of strings"},
    {"frozen", "[\"nobody\"]", "\"frozen\" has an unknown layer \"nobody\""},
    {"provenance", NULL, "the metadata has no \"provenance\""},
    {"provenance", "3", "\"provenance\" must be an object"},
    {"sha256", NULL, "the metadata has no \"sha256\""},
    {"sha256", "\"ab\"", "\"sha256\" must be a string of 64 hex digits"},
    {"sha256", "7", "\"sha256\" must be a string of 64 hex digits"},
    {"precision", "\"fp8\"", "\"precision\" must be one of fp32, bf16x3, bf16 and int8"},
    {"precision", "\"auto\"", "\"precision\" must be one of fp32, bf16x3, bf16 and int8"},
    {"precision", "16", "\"precision\" must be one of fp32, bf16x3, bf16 and int8"},
    {"topwork", NULL,
     "not a model file of topwork (weights without a graph: give a network's name and this file as "
     "its weights)"},
};

static void each_broken_entry_gets_its_sentence(void **state)
{
    char *good = path_in(state, "good.safetensors"), *bad = path_in(state, "bad.safetensors");
    small_model it = make_small_model(5);

    assert_ok(tw_model_write(it.whole, good, e));
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        tw_error error = {TW_OK, ""};
        tw_model *model;

        write_broken(bad, good, broken[i].key, broken[i].value);
        assert_int_equal(tw_model_open(&model, bad, NULL, NULL, 0, &error), TW_EFILE);
        assert_string_equal(error.text, about(bad, broken[i].sentence));
        assert_null(model);
    }
    free_small_model(&it);
    tw_free(good);
    tw_free(bad);
}

static void text_that_is_no_json_is_named(void **state)
{
    char *good = path_in(state, "good2.safetensors"), *bad = path_in(state, "bad2.safetensors");
    small_model it = make_small_model(5);
    tw_error error = {TW_OK, ""};
    tw_model *model;

    assert_ok(tw_model_write(it.whole, good, e));
    write_broken(bad, good, "frozen", "[");
    assert_int_equal(tw_model_open(&model, bad, NULL, NULL, 0, &error), TW_EFILE);
    assert_non_null(strstr(error.text, "metadata \"frozen\""));
    free_small_model(&it);
    tw_free(good);
    tw_free(bad);
}

static void a_missing_tensor_of_a_model_file_is_named(void **state)
{
    char *good = path_in(state, "good3.safetensors"), *bad = path_in(state, "bad3.safetensors");
    small_model it = make_small_model(5);
    tw_safetensors_entry entries[MAX_TENSORS];
    tw_weight_file file;
    tw_json *metadata;
    tw_model *model;
    int n = 0;

    assert_ok(tw_model_write(it.whole, good, e));
    assert_ok(tw_weight_file_open(&file, good, e));
    assert_ok(tw_json_parse(&metadata, file.metadata, strlen(file.metadata), good, e));
    for (int i = 0; i < file.n_tensors; i++)
        if (strncmp(file.tensors[i].name, "dense/", 6) != 0)
            entries[n++] = (tw_safetensors_entry){file.tensors[i].name, file.tensors[i].tensor, 0};
    assert_ok(tw_safetensors_write(bad, entries, n, metadata, e));
    assert_fails(TW_EFILE, about(bad, "layer \"dense\" is missing"),
                 tw_model_open(&model, bad, NULL, NULL, 0, e));
    tw_json_free(metadata);
    tw_weight_file_close(&file);
    free_small_model(&it);
    tw_free(good);
    tw_free(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_comes_back_exactly),
        cmocka_unit_test(a_run_folder_is_its_model_file),
        cmocka_unit_test(writing_again_gives_the_same_bytes),
        cmocka_unit_test(the_precision_comes_back),
        cmocka_unit_test(a_cut_of_a_model_file_keeps_what_it_needs),
        cmocka_unit_test(a_layer_without_weights_is_not_written),
        cmocka_unit_test(a_changed_number_is_found_by_the_hash),
        cmocka_unit_test(weights_alone_are_no_model_file),
        cmocka_unit_test(each_broken_entry_gets_its_sentence),
        cmocka_unit_test(text_that_is_no_json_is_named),
        cmocka_unit_test(a_missing_tensor_of_a_model_file_is_named),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
