#include "graph_fixture.h"

static const tw_shape spatial = {3, {7, 7, 512}};
static const tw_shape flat = {1, {4096}};

static void assert_node(const tw_graph *graph, int i, tw_op op, const char *name, const char *shape)
{
    assert_true(i < graph->n);
    assert_int_equal(graph->nodes[i].op, op);
    assert_string_equal(graph->nodes[i].name, name);
    assert_shape(&graph->nodes[i].out, shape);
}

static void the_tutorials_top(void **state)
{
    const char *spec = "1000 relu uniform, dropout 0.3, 500 sigmoid, dropout 0.4, 150 sigmoid, "
                       "dropout 0.2";
    tw_graph *top;
    int64_t n_params = 0;
    (void)state;
    assert_ok(tw_graph_parse_top(&top, &spatial, spec, 10, e));
    assert_clean(top);
    assert_int_equal(top->n, 9);
    assert_node(top, 1, TW_OP_FLATTEN, "flatten", "25088");
    assert_node(top, 2, TW_OP_DENSE, "dense", "1000");
    assert_int_equal(top->nodes[2].activation, TW_RELU);
    assert_int_equal(top->nodes[2].initializer, TW_UNIFORM);
    assert_node(top, 3, TW_OP_DROPOUT, "dropout", "1000");
    assert_true(top->nodes[3].rate == 0.3);
    assert_node(top, 4, TW_OP_DENSE, "dense_1", "500");
    assert_int_equal(top->nodes[4].activation, TW_SIGMOID);
    assert_int_equal(top->nodes[4].initializer, TW_GLOROT_UNIFORM);
    assert_node(top, 5, TW_OP_DROPOUT, "dropout_1", "500");
    assert_node(top, 6, TW_OP_DENSE, "dense_2", "150");
    assert_node(top, 7, TW_OP_DROPOUT, "dropout_2", "150");
    assert_node(top, 8, TW_OP_DENSE, "predictions", "10");
    assert_int_equal(top->nodes[8].activation, TW_SOFTMAX);
    for (int i = 0; i < top->n; i++)
        n_params += tw_node_param_count(top, i);
    assert_int_equal(n_params, 25088 * 1000 + 1000 + 500500 + 75150 + 1510);
    tw_graph_free(top);
}

static void an_empty_spec_is_a_linear_top(void **state)
{
    tw_graph *top;
    (void)state;
    assert_ok(tw_graph_parse_top(&top, &spatial, " \t", 10, e));
    assert_int_equal(top->n, 3);
    assert_node(top, 1, TW_OP_FLATTEN, "flatten", "25088");
    assert_node(top, 2, TW_OP_DENSE, "predictions", "10");
    tw_graph_free(top);
    assert_ok(tw_graph_parse_top(&top, &flat, "", 2, e));
    assert_int_equal(top->n, 2);
    assert_node(top, 1, TW_OP_DENSE, "predictions", "2");
    tw_graph_free(top);
}

static void gap_stands_for_flatten(void **state)
{
    tw_graph *top;
    (void)state;
    assert_ok(tw_graph_parse_top(&top, &spatial, "gap", 10, e));
    assert_int_equal(top->n, 3);
    assert_node(top, 1, TW_OP_GLOBAL_AVERAGE_POOL, "global_average_pooling2d", "512");
    tw_graph_free(top);
    assert_ok(tw_graph_parse_top(&top, &spatial, "gap, 8", 10, e));
    assert_node(top, 2, TW_OP_DENSE, "dense", "8");
    assert_int_equal(top->nodes[2].activation, TW_LINEAR);
    tw_graph_free(top);
}

static void words_come_in_any_order(void **state)
{
    tw_graph *top;
    (void)state;
    assert_ok(tw_graph_parse_top(&top, &flat, "5 he_normal relu,\n 6   linear", 3, e));
    assert_int_equal(top->nodes[1].activation, TW_RELU);
    assert_int_equal(top->nodes[1].initializer, TW_HE_NORMAL);
    assert_int_equal(top->nodes[2].activation, TW_LINEAR);
    tw_graph_free(top);
}

static const struct {
    const char *spec, *sentence;
} refused[] = {
    {"5,", "top: an item is empty"},
    {",5", "top: an item is empty"},
    {"5 relu, , 6", "top: an item is empty"},
    {"5 rely", "top: item \"5 rely\": unknown word \"rely\", did you mean \"relu\""},
    {"5 relu sigmoid", "top: item \"5 relu sigmoid\": \"sigmoid\" is one activation too many"},
    {"5 zeros normal", "top: item \"5 zeros normal\": \"normal\" is one initializer too many"},
    {"5 qqqqqqqqq",
     "top: item \"5 qqqqqqqqq\": \"qqqqqqqqq\" is neither an activation nor an initializer"},
    {"5 softmax", "top: item \"5 softmax\": softmax is the class layer's, which is added after the "
                  "last item"},
    {"5 a b c d", "top: item \"5 a b c d\" is too long"},
    {"0 relu", "top: item \"0 relu\": units must be from 1 to 2147483647"},
    {"-3", "top: item \"-3\": units must be from 1 to 2147483647"},
    {"3000000000", "top: item \"3000000000\": units must be from 1 to 2147483647"},
    {"dropout", "top: item \"dropout\": dropout takes a rate, at least 0 and below 1"},
    {"dropout 1", "top: item \"dropout 1\": dropout takes a rate, at least 0 and below 1"},
    {"dropout x", "top: item \"dropout x\": dropout takes a rate, at least 0 and below 1"},
    {"dropout nan", "top: item \"dropout nan\": dropout takes a rate, at least 0 and below 1"},
    {"dropout 0.1 0.2",
     "top: item \"dropout 0.1 0.2\": dropout takes a rate, at least 0 and below 1"},
    {"dropuot 0.5", "top: item \"dropuot 0.5\": unknown word \"dropuot\", did you mean "
                    "\"dropout\""},
    {"relu 5", "top: item \"relu 5\" is none of gap, dropout RATE, UNITS [ACTIVATION] "
               "[INITIALIZER]"},
    {"5, gap", "top: item \"gap\": gap must be the first"},
    {"gap, gap", "top: item \"gap\": gap must be the first"},
    {"gap 3", "top: item \"gap 3\": gap takes no words"},
    {"2000000000", "dense: a kernel of 25088x2000000000 is too large"},
};

static void what_is_wrong_is_quoted(void **state)
{
    tw_graph *top;
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        tw_error error = {TW_OK, ""};

        assert_true(tw_graph_parse_top(&top, &spatial, refused[i].spec, 10, &error) != TW_OK);
        assert_string_equal(error.text, refused[i].sentence);
        assert_null(top);
    }
}

static void flat_features_have_no_gap(void **state)
{
    tw_graph *top;
    (void)state;
    assert_fails(TW_EUSAGE, "top: item \"gap\": the features are flat already",
                 tw_graph_parse_top(&top, &flat, "gap", 10, e));
}

static void one_class_is_too_few(void **state)
{
    tw_graph *top;
    (void)state;
    assert_fails(TW_EUSAGE, "top: needs at least 2 classes, got 1",
                 tw_graph_parse_top(&top, &flat, "", 1, e));
}

static void a_long_item_is_refused_whole(void **state)
{
    char spec[4096];
    tw_graph *top;
    (void)state;
    memset(spec, '7', sizeof spec);
    spec[sizeof spec - 1] = 0;
    assert_int_equal(tw_graph_parse_top(&top, &flat, spec, 2, NULL), TW_EUSAGE);
    assert_null(top);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tutorials_top),       cmocka_unit_test(an_empty_spec_is_a_linear_top),
        cmocka_unit_test(gap_stands_for_flatten),  cmocka_unit_test(words_come_in_any_order),
        cmocka_unit_test(what_is_wrong_is_quoted), cmocka_unit_test(flat_features_have_no_gap),
        cmocka_unit_test(one_class_is_too_few),    cmocka_unit_test(a_long_item_is_refused_whole),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
