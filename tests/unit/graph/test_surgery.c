#include "graph_fixture.h"

static void cut_keeps_what_the_node_needs(void **state)
{
    tw_graph *graph = small_net(), *cut;
    (void)state;
    assert_ok(tw_graph_cut(&cut, graph, 4, e));
    assert_clean(cut);
    assert_int_equal(cut->n, 5);
    assert_same_nodes(cut, graph, 5);
    assert_shape(tw_graph_output_shape(cut), "2x2x6");
    tw_graph_free(cut);
    tw_graph_free(graph);
}

static void cut_leaves_no_branch_dangling(void **state)
{
    tw_graph *graph = two_branches(), *cut;
    (void)state;
    assert_ok(tw_graph_cut(&cut, graph, 3, e));
    assert_clean(cut);
    assert_int_equal(cut->n, 3);
    assert_string_equal(cut->nodes[2].name, "b");
    assert_int_equal(cut->nodes[2].inputs[0], 1);
    tw_graph_free(cut);
    assert_ok(tw_graph_cut(&cut, graph, 4, e));
    assert_clean(cut);
    assert_int_equal(cut->n, 4);
    assert_int_equal(cut->nodes[3].inputs[0], 2);
    tw_graph_free(cut);
    tw_graph_free(graph);
}

static void surgery_leaves_its_arguments_alone(void **state)
{
    tw_graph *graph = small_net(), *copy, *top, *made;
    (void)state;
    assert_ok(tw_graph_copy(&copy, graph, e));
    assert_ok(tw_graph_suffix(&top, graph, 4, e));
    assert_ok(tw_graph_cut(&made, graph, 4, e));
    tw_graph_free(made);
    assert_ok(tw_graph_prefix(&made, graph, 4, e));
    tw_graph_free(made);
    assert_int_equal(tw_graph_join(&made, graph, top, NULL), TW_ESHAPE);
    assert_null(made);
    assert_int_equal(graph->n, copy->n);
    assert_same_nodes(graph, copy, copy->n);
    tw_graph_free(top);
    tw_graph_free(copy);
    tw_graph_free(graph);
}

static void prefix_and_suffix_join_to_the_whole_at_every_node(void **state)
{
    tw_graph *graph = small_net();
    (void)state;
    for (int node = 0; node < graph->n; node++) {
        tw_graph *prefix, *suffix, *whole;

        assert_ok(tw_graph_prefix(&prefix, graph, node, e));
        assert_ok(tw_graph_suffix(&suffix, graph, node, e));
        assert_clean(prefix);
        assert_clean(suffix);
        assert_int_equal(prefix->n + suffix->n, graph->n + 1);
        assert_ok(tw_graph_join(&whole, prefix, suffix, e));
        assert_int_equal(whole->n, graph->n);
        assert_same_nodes(whole, graph, graph->n);
        tw_graph_free(whole);
        tw_graph_free(suffix);
        tw_graph_free(prefix);
    }
    tw_graph_free(graph);
}

static void a_suffix_begins_with_a_named_input(void **state)
{
    tw_graph *graph = small_net(), *suffix;
    (void)state;
    assert_ok(tw_graph_suffix(&suffix, graph, 4, e));
    assert_string_equal(suffix->nodes[0].name, "pool2_input");
    assert_shape(&suffix->nodes[0].out, "2x2x6");
    assert_string_equal(suffix->nodes[1].name, "flatten");
    tw_graph_free(suffix);
    tw_graph_free(graph);
}

static void the_input_of_a_suffix_takes_no_name_of_a_layer(void **state)
{
    tw_graph *graph = input_of(4, 4, 2), *suffix;
    char name[TW_NAME_SIZE];
    (void)state;
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = 0;
    add(graph, named(TW_OP_RELU, "a", 0));
    add(graph, named(TW_OP_RELU, "a_input", 1));
    add(graph, named(TW_OP_RELU, name, 2));
    add(graph, named(TW_OP_RELU, "z", 3));
    assert_ok(tw_graph_suffix(&suffix, graph, 1, e));
    assert_string_equal(suffix->nodes[0].name, "a_input_1");
    assert_clean(suffix);
    tw_graph_free(suffix);
    assert_ok(tw_graph_suffix(&suffix, graph, 3, e)); /* the longest name is cut to fit */
    assert_int_equal(strlen(suffix->nodes[0].name), TW_NAME_SIZE - 1);
    assert_string_equal(suffix->nodes[0].name + TW_NAME_SIZE - 8, "n_input");
    assert_clean(suffix);
    tw_graph_free(suffix);
    tw_graph_free(graph);
}

static void an_edge_past_the_boundary_is_refused(void **state)
{
    tw_graph *graph = two_branches(), *out;
    const char *sentence = "the graph cannot be divided after \"side\": \"b\" reads \"a\"";
    (void)state;
    assert_fails(TW_EUSAGE, sentence, tw_graph_suffix(&out, graph, 2, e));
    assert_null(out);
    assert_fails(TW_EUSAGE, sentence, tw_graph_prefix(&out, graph, 2, e));
    assert_null(out);
    tw_graph_free(graph);
}

static void a_node_that_is_not_there_is_refused(void **state)
{
    tw_graph *graph = small_net(), *out;
    (void)state;
    assert_fails(TW_EUSAGE, "no layer 8, the last one is 7", tw_graph_cut(&out, graph, 8, e));
    assert_fails(TW_EUSAGE, "no layer -1, the last one is 7", tw_graph_suffix(&out, graph, -1, e));
    assert_null(out);
    tw_graph_free(graph);
}

static void join_gives_new_names_where_base_has_them(void **state)
{
    tw_shape flat = {1, {5}};
    tw_graph *base = small_net(), *top, *whole;
    (void)state;
    assert_ok(tw_graph_create(&top, "features", &flat, e));
    add(top, dense("dense", 0, 3));
    add(top, dense("dense_1", 1, 3));
    add(top, dense("predictions", 2, 2));
    assert_ok(tw_graph_join(&whole, base, top, e));
    assert_clean(whole);
    assert_int_equal(whole->n, 11);
    assert_string_equal(whole->nodes[8].name, "dense_2"); /* dense_1 is the top's own */
    assert_string_equal(whole->nodes[9].name, "dense_1");
    assert_string_equal(whole->nodes[10].name, "predictions_1");
    tw_graph_free(whole);
    tw_graph_free(top);
    tw_graph_free(base);
}

static void join_needs_shapes_that_fit(void **state)
{
    tw_shape flat = {1, {6}};
    tw_graph *base = small_net(), *top, *whole;
    (void)state;
    assert_ok(tw_graph_create(&top, "features", &flat, e));
    assert_fails(TW_ESHAPE, "the top takes 6, \"predictions\" gives 5",
                 tw_graph_join(&whole, base, top, e));
    assert_null(whole);
    tw_graph_free(top);
    tw_graph_free(base);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cut_keeps_what_the_node_needs),
        cmocka_unit_test(cut_leaves_no_branch_dangling),
        cmocka_unit_test(surgery_leaves_its_arguments_alone),
        cmocka_unit_test(prefix_and_suffix_join_to_the_whole_at_every_node),
        cmocka_unit_test(a_suffix_begins_with_a_named_input),
        cmocka_unit_test(the_input_of_a_suffix_takes_no_name_of_a_layer),
        cmocka_unit_test(an_edge_past_the_boundary_is_refused),
        cmocka_unit_test(a_node_that_is_not_there_is_refused),
        cmocka_unit_test(join_gives_new_names_where_base_has_them),
        cmocka_unit_test(join_needs_shapes_that_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
