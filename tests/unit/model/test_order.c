/* Layers that a file calls by their class get the network's names, in order. */
#include "tiny_model.h"

#include "model/model_int.h"

typedef struct entry {
    const char *path, *layer; /* "layers/conv2d/vars/0" of "conv2d" */
    const char *wanted;
} entry;

static tw_weight_file file_of(const entry *entries, int n)
{
    static const float zero = 0;
    const tw_tensor tensor = {&zero, TW_F32, {1, {1}}};
    tw_weight_file file;
    memset(&file, 0, sizeof file);
    assert_ok(tw_map_borrow(&file.map, &zero, sizeof zero, "f", e));
    for (int i = 0; i < n; i++)
        assert_ok(tw_weight_file_add_tensor(&file, entries[i].layer, strlen(entries[i].layer),
                                            entries[i].path, i % 2, &tensor, e));
    file.anonymous = true;
    return file;
}

/* The tiny network has conv1, conv2 and the dense layer "old". */
static void check(const entry *entries, int n)
{
    tw_graph *graph = tiny_graph();
    tw_weight_file file = file_of(entries, n);
    assert_ok(tw_model__order_layers(&file, graph, e));
    for (int i = 0; i < n; i++)
        assert_string_equal(file.tensors[i].layer, entries[i].wanted);
    tw_weight_file_close(&file);
    tw_graph_free(graph);
}

static void layers_are_counted_class_by_class(void **state)
{
    static const entry entries[] = {{"layers/dense/vars/0", "dense", "old"},
                                    {"layers/conv2d_1/vars/0", "conv2d_1", "conv2"},
                                    {"layers/conv2d_1/vars/1", "conv2d_1", "conv2"},
                                    {"layers/conv2d/vars/0", "conv2d", "conv1"}};
    (void)state;
    check(entries, 4);
}

/* Ten comes after two, and numbers need not be dense (TensorFlow 2.13). */
static void numbers_are_numbers(void **state)
{
    static const entry entries[] = {{"l/conv2d_10/vars/0", "conv2d_10", "conv2"},
                                    {"l/conv2d_2/vars/0", "conv2d_2", "conv1"}};
    (void)state;
    check(entries, 2);
}

static void layers_may_lie_in_a_model_below(void **state)
{
    static const entry entries[] = {
        {"layers/functional/layers/conv2d/vars/0", "conv2d", "conv1"},
        {"layers/functional/layers/conv2d_1/vars/0", "conv2d_1", "conv2"},
        {"layers/dense/vars/0", "dense", "old"}};
    (void)state;
    check(entries, 3);
}

/* What the network has not keeps its class, and is an unknown layer to who binds it. */
static void layers_too_many_keep_their_class(void **state)
{
    static const entry entries[] = {
        {"layers/dense/vars/0", "dense", "old"},
        {"layers/dense_1/vars/0", "dense_1", "dense_1"},
        {"layers/batch_normalization/vars/0", "batch_normalization", "batch_normalization"},
        {"vars/0", "", ""}};
    (void)state;
    check(entries, 4);
}

static void an_order_that_is_not_known_is_refused(void **state)
{
    static const entry entries[] = {{"layers/functional/layers/dense/vars/0", "dense", ""},
                                    {"layers/dense/vars/0", "dense", ""}};
    tw_graph *graph = tiny_graph();
    tw_weight_file file = file_of(entries, 2);
    (void)state;
    assert_fails(TW_EFILE,
                 "f: layers/dense and layers/functional/layers/dense have no names: which is first "
                 "is not known",
                 tw_model__order_layers(&file, graph, e));
    tw_weight_file_close(&file);
    tw_graph_free(graph);
}

/* A file with names keeps them, whatever they are. */
static void names_are_left_alone(void **state)
{
    static const entry entries[] = {{"layers/conv2d/vars/0", "conv2d", "conv2d"}};
    tw_graph *graph = tiny_graph();
    tw_weight_file file = file_of(entries, 1);
    (void)state;
    file.anonymous = false;
    assert_ok(tw_model__order_layers(&file, graph, e));
    assert_string_equal(file.tensors[0].layer, "conv2d");
    tw_weight_file_close(&file);
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_are_counted_class_by_class),
        cmocka_unit_test(numbers_are_numbers),
        cmocka_unit_test(layers_may_lie_in_a_model_below),
        cmocka_unit_test(layers_too_many_keep_their_class),
        cmocka_unit_test(an_order_that_is_not_known_is_refused),
        cmocka_unit_test(names_are_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
