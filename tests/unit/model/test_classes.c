/* Class names: from an index file, from what was fetched, from a weight file's metadata. */
#include "model/model_int.h"

#include "fetched.h"
#include "model_fixture.h"

/* {"0": ["n00000000","name_0"], ...}, n of them; `odd` is written in place of entry 7. */
static char *write_index(void **state, int n, const char *odd)
{
    char *path = path_in(state, "index.json");
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    for (int i = 0; i < n; i++) {
        fprintf(f, "%s\"%d\": ", i ? ", " : "{", i);
        if (odd && i == 7)
            fputs(odd, f);
        else
            fprintf(f, "[\"n%08d\", \"name_%d\"]", i, i);
    }
    fputs("}", f);
    fclose(f);
    return path;
}

static tw_model *open_vgg16(const char *cut)
{
    tw_model *model;

    assert_ok(tw_model_open(&model, "vgg16", NULL, cut, 0, e));
    return model;
}

static void an_index_names_all_classes(void **state)
{
    char *path = write_index(state, 1000, NULL);
    tw_model *model = open_vgg16(NULL);
    int named = 0;

    assert_int_equal(tw_model_class_count(model), 0);
    assert_ok(tw_model_name_classes(&named, model, path, e));
    assert_int_equal(named, 1);
    assert_int_equal(tw_model_class_count(model), 1000);
    assert_string_equal(tw_model_class_name(model, 281), "n00000281 name_281");
    assert_string_equal(tw_model_class_name(model, 999), "n00000999 name_999");
    assert_fails(TW_EUSAGE, "vgg16 names its classes itself, \"x.json\" cannot be given too",
                 tw_model_name_classes(&named, model, "x.json", e));
    tw_model_free(model);
    tw_free(path);
}

static void without_an_index_classes_are_numbers(void **state)
{
    tw_model *model = open_vgg16(NULL);
    int named = 1;

    fetched_root(*state);
    assert_ok(tw_model_name_classes(&named, model, NULL, e));
    assert_int_equal(named, 0);
    assert_string_equal(tw_model_class_name(model, 0), "0");
    assert_string_equal(tw_model_class_name(model, 999), "999");
    tw_model_free(model);
}

static void the_fetched_index_is_found(void **state)
{
    char *path = write_index(state, 1000, NULL);
    tw_model *model = open_vgg16(NULL);
    int named = 0;

    fetched_root(*state);
    fetched_put("imagenet-classes", 0, path);
    assert_ok(tw_model_name_classes(&named, model, NULL, e));
    assert_int_equal(named, 1);
    assert_string_equal(tw_model_class_name(model, 7), "n00000007 name_7");
    fetched_forget("imagenet-classes");
    tw_model_free(model);
    tw_free(path);
}

static void a_wrong_index_is_told(void **state)
{
    static const char *const odd[] = {"7", "[\"n7\"]", "[\"n7\", 7]", "[7, \"seven\"]",
                                      "[\"n7\", \"seven\", \"more\"]"};
    tw_model *model;
    char *path;
    int named;

    for (int i = 0; i < 5; i++) {
        model = open_vgg16(NULL);
        path = write_index(state, 1000, odd[i]);
        assert_fails(TW_EFILE, about(path, "class 7 must be [\"wnid\", \"name\"]"),
                     tw_model_name_classes(&named, model, path, e));
        tw_model_free(model);
        tw_free(path);
    }
    model = open_vgg16(NULL);
    path = write_index(state, 3, NULL);
    assert_fails(TW_EFILE, about(path, "names 3 classes, the network has 1000"),
                 tw_model_name_classes(&named, model, path, e));
    assert_ok(tw_file_write(path, "[1]", 3, e));
    assert_fails(TW_EFILE, about(path, "must be an object {\"0\": [\"wnid\", \"name\"], ...}"),
                 tw_model_name_classes(&named, model, path, e));
    tw_model_free(model);
    model = open_vgg16("block5_pool");
    assert_fails(TW_EUSAGE, "the network ends in \"block5_pool\", which has no classes",
                 tw_model_name_classes(&named, model, path, e));
    tw_model_free(model);
    tw_free(path);
}

/* ---- metadata */

/* Two outputs, and the metadata of a file with these classes. */
static tw_status take(tw_model **out, void **state, const char *classes, tw_error *err)
{
    const tw_shape input = {1, {3}};
    const tw_node dense = {.op = TW_OP_DENSE, .name = "predictions", .n_inputs = 1, .units = 2};
    char *path = path_in(state, "named.safetensors");
    tw_json *metadata = tw_json_new_object();
    tw_graph *graph;
    tw_status rc;

    assert_true(tw_json_set(metadata, "classes", tw_json_new_string(classes)));
    assert_ok(tw_safetensors_write(path, NULL, 0, metadata, e));
    tw_json_free(metadata);
    assert_ok(tw_graph_create(&graph, "input_1", &input, e));
    assert_ok(tw_graph_add(graph, &dense, e));
    assert_ok(tw_model__create(out, graph, e));
    assert_ok(tw_weight_file_open(&(*out)->file, path, e));
    rc = tw_model__take_metadata(*out, true, err);
    tw_free(path);
    return rc;
}

static void a_weight_file_may_name_its_classes(void **state)
{
    char *path = path_in(state, "named.safetensors");
    tw_model *model;

    assert_ok(take(&model, state, "[\"cat\",\"dog\"]", e));
    assert_int_equal(tw_model_class_count(model), 2);
    assert_string_equal(tw_model_class_name(model, 1), "dog");
    tw_model_free(model);
    assert_ok(take(&model, state, "[]", e));
    assert_int_equal(tw_model_class_count(model), 0);
    tw_model_free(model);

    assert_fails(TW_EFILE, about(path, "3 classes are named, the network has 2 outputs"),
                 take(&model, state, "[\"cat\",\"dog\",\"emu\"]", e));
    tw_model_free(model);
    assert_fails(TW_EFILE, about(path, "\"classes\" must be a list of names"),
                 take(&model, state, "{\"cat\":0,\"dog\":1}", e));
    tw_model_free(model);
    assert_fails(TW_EFILE, about(path, "class 1 has no name"),
                 take(&model, state, "[\"cat\",1]", e));
    tw_model_free(model);
    tw_free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_index_names_all_classes),
        cmocka_unit_test(without_an_index_classes_are_numbers),
        cmocka_unit_test(the_fetched_index_is_found),
        cmocka_unit_test(a_wrong_index_is_told),
        cmocka_unit_test(a_weight_file_may_name_its_classes),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
