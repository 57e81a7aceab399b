#include "graph_fixture.h"

static void nodes_are_found_by_name(void **state)
{
    tw_graph *graph = small_net();
    int node;
    (void)state;
    assert_ok(tw_graph_find(&node, graph, "pool2", e));
    assert_int_equal(node, 4);
    assert_ok(tw_graph_find(&node, graph, "input_1", e));
    assert_int_equal(node, 0);
    tw_graph_free(graph);
}

static void nodes_are_found_by_index_from_both_ends(void **state)
{
    tw_graph *graph = small_net();
    int node;
    (void)state;
    assert_ok(tw_graph_find(&node, graph, "4", e));
    assert_int_equal(node, 4);
    assert_ok(tw_graph_find(&node, graph, "-1", e));
    assert_int_equal(node, 7);
    assert_ok(tw_graph_find(&node, graph, "-8", e));
    assert_int_equal(node, 0);
    tw_graph_free(graph);
}

static void a_name_goes_before_an_index(void **state)
{
    tw_graph *graph = input_of(4, 4, 3);
    int node;
    (void)state;
    add(graph, conv("0", 0, 2));
    assert_ok(tw_graph_find(&node, graph, "0", e));
    assert_int_equal(node, 1);
    tw_graph_free(graph);
}

static void an_unknown_layer_gets_the_nearest_name(void **state)
{
    tw_graph *graph = small_net();
    int node;
    (void)state;
    assert_fails(TW_EUSAGE, "unknown layer \"pol2\", did you mean \"pool2\"",
                 tw_graph_find(&node, graph, "pol2", e));
    assert_fails(TW_EUSAGE, "unknown layer \"zzzzzzzzzzzz\"",
                 tw_graph_find(&node, graph, "zzzzzzzzzzzz", e));
    tw_graph_free(graph);
}

static void an_index_outside_is_refused(void **state)
{
    tw_graph *graph = small_net();
    int node;
    (void)state;
    assert_fails(TW_EUSAGE, "no layer 8, indices go from 0 to 7 and from -8 to -1",
                 tw_graph_find(&node, graph, "8", e));
    assert_fails(TW_EUSAGE, "no layer -9, indices go from 0 to 7 and from -8 to -1",
                 tw_graph_find(&node, graph, "-9", e));
    tw_graph_free(graph);
}

static void names_are_checked(void **state)
{
    tw_graph *graph = input_of(4, 4, 3);
    tw_node node = conv("input_1", 0, 2), bad = conv("a\x1b[2J", 0, 2), empty = conv("", 0, 2);
    tw_node endless = conv("", 0, 2);
    tw_shape shape = {1, {4}};
    tw_graph *other;
    (void)state;
    memset(endless.name, 'x', sizeof endless.name);
    assert_fails(TW_EUSAGE, "layer name \"input_1\" is taken", tw_graph_add(graph, &node, e));
    assert_fails(TW_EUSAGE, "a layer name has a control character at place 1",
                 tw_graph_add(graph, &bad, e));
    assert_fails(TW_EUSAGE, "a layer has an empty name", tw_graph_add(graph, &empty, e));
    assert_fails(TW_EUSAGE, "a layer name has more than 63 letters",
                 tw_graph_add(graph, &endless, e));
    assert_fails(TW_EUSAGE,
                 "layer name \"0123456789012345678901234567890123456789012345678901234567890123\" "
                 "has 64 letters, at most 63 are possible",
                 tw_graph_create(&other,
                                 "0123456789012345678901234567890123456789012345678901234567890123",
                                 &shape, e));
    assert_null(other);
    assert_int_equal(graph->n, 1);
    tw_graph_free(graph);
}

static void inputs_are_checked(void **state)
{
    tw_graph *graph = input_of(4, 4, 3);
    tw_node later = conv("a", 1, 2), before = conv("a", -1, 2), two = conv("a", 0, 2);
    tw_node input = named(TW_OP_INPUT, "again", 0), unknown = named(TW_N_OP, "odd", 0);
    (void)state;
    two.n_inputs = 2;
    input.n_inputs = 0;
    input.out = (tw_shape){1, {3}};
    assert_fails(TW_EUSAGE, "a: input 1 is no earlier layer", tw_graph_add(graph, &later, e));
    assert_fails(TW_EUSAGE, "a: input -1 is no earlier layer", tw_graph_add(graph, &before, e));
    assert_fails(TW_EUSAGE, "a: Conv2D takes 1 inputs, got 2", tw_graph_add(graph, &two, e));
    assert_fails(TW_EUSAGE, "again: a graph has one input layer, the first",
                 tw_graph_add(graph, &input, e));
    assert_fails(TW_EUSAGE, "odd: unknown op 12", tw_graph_add(graph, &unknown, e));
    tw_graph_free(graph);
}

static void a_graph_has_a_largest_size(void **state)
{
    tw_graph *graph = input_of(1, 1, 1);
    tw_node node;
    (void)state;
    for (int i = 1; i < 4096; i++) {
        char name[16];

        snprintf(name, sizeof name, "r%d", i);
        add(graph, named(TW_OP_RELU, name, i - 1));
    }
    node = named(TW_OP_RELU, "one_more", 4095);
    assert_fails(TW_EUSAGE, "a graph has at most 4096 layers", tw_graph_add(graph, &node, e));
    tw_graph_free(graph);
}

static void a_copy_is_equal_and_separate(void **state)
{
    tw_graph *graph = small_net(), *copy;
    (void)state;
    assert_ok(tw_graph_copy(&copy, graph, e));
    assert_int_equal(copy->n, graph->n);
    assert_same_nodes(copy, graph, graph->n);
    add(copy, named(TW_OP_RELU, "more", 7));
    assert_int_equal(graph->n, 8);
    tw_graph_free(graph);
    assert_clean(copy);
    tw_graph_free(copy);
    tw_graph_free(NULL);
}

static void initializers_have_keras_names(void **state)
{
    tw_initializer how;
    (void)state;
    for (int i = 0; i < TW_N_INITIALIZER; i++) {
        assert_ok(tw_initializer_parse(&how, tw_initializer_name((tw_initializer)i), e));
        assert_int_equal(how, i);
    }
    assert_fails(TW_EUSAGE, "unknown initializer \"he_unifrom\", did you mean \"he_uniform\"",
                 tw_initializer_parse(&how, "he_unifrom", e));
    assert_fails(TW_EUSAGE, "unknown initializer \"q\"", tw_initializer_parse(&how, "q", e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nodes_are_found_by_name),
        cmocka_unit_test(nodes_are_found_by_index_from_both_ends),
        cmocka_unit_test(a_name_goes_before_an_index),
        cmocka_unit_test(an_unknown_layer_gets_the_nearest_name),
        cmocka_unit_test(an_index_outside_is_refused),
        cmocka_unit_test(names_are_checked),
        cmocka_unit_test(inputs_are_checked),
        cmocka_unit_test(a_graph_has_a_largest_size),
        cmocka_unit_test(a_copy_is_equal_and_separate),
        cmocka_unit_test(initializers_have_keras_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
