#include "base/memory.h"

#include "graph_fixture.h"

static tw_status read_text(tw_graph **out, const char *text, tw_error *err)
{
    tw_json *json;
    tw_status rc;

    assert_ok(tw_json_parse(&json, text, strlen(text), "test", e));
    rc = tw_graph_from_json(out, json, err);
    tw_json_free(json);
    return rc;
}

static void assert_round_trip(const tw_graph *graph)
{
    tw_json *json = tw_graph_to_json(graph);
    char *text, *again;
    tw_graph *back;

    assert_non_null(json);
    assert_non_null(text = tw_json_dump(json, 0));
    assert_ok(read_text(&back, text, e));
    assert_clean(back);
    assert_int_equal(back->n, graph->n);
    assert_same_nodes(back, graph, graph->n);
    tw_json_free(json);
    json = tw_graph_to_json(back);
    assert_non_null(again = tw_json_dump(json, 0));
    assert_string_equal(again, text);
    tw_json_free(json);
    tw_free(again);
    tw_free(text);
    tw_graph_free(back);
}

static void a_graph_comes_back_exactly(void **state)
{
    const tw_shape spatial = {3, {7, 7, 512}};
    tw_graph *graph = small_net(), *top;
    (void)state;
    assert_round_trip(graph);
    tw_graph_free(graph);
    assert_ok(tw_graph_parse_top(&top, &spatial, "gap, 10 relu he_normal, dropout 0.1", 3, e));
    assert_round_trip(top);
    tw_graph_free(top);
}

static void every_op_comes_back(void **state)
{
    tw_graph *graph = input_of(9, 9, 3);
    (void)state;
    add(graph, conv("c", 0, 2));
    graph->nodes[1].stride[0] = 2;
    add(graph, named(TW_OP_RELU, "r", 1));
    add(graph, named(TW_OP_SIGMOID, "s", 2));
    add(graph, named(TW_OP_GLOBAL_AVERAGE_POOL, "g", 3));
    add(graph, named(TW_OP_FLATTEN, "f", 4));
    add(graph, named(TW_OP_SOFTMAX, "p", 5));
    graph->nodes[1].stride[0] = 1;
    assert_round_trip(graph);
    tw_graph_free(graph);
}

/* Of any op, and through surgery of all that stays, the input too. */
static void ranges_come_back(void **state)
{
    tw_graph *graph = input_of(9, 9, 3), *cut;
    (void)state;
    add(graph, conv("c", 0, 2));
    add(graph, named(TW_OP_RELU, "r", 1));
    graph->nodes[0].range[0] = -123.68f;
    graph->nodes[0].range[1] = 151.061f;
    graph->nodes[2].range[1] = 1.0f / 3.0f;
    assert_round_trip(graph);
    assert_ok(tw_graph_cut(&cut, graph, 2, e));
    for (int i = 0; i < 3; i++)
        assert_memory_equal(cut->nodes[i].range, graph->nodes[i].range, sizeof cut->nodes[i].range);
    tw_graph_free(cut);
    tw_graph_free(graph);
}

#define INPUT "{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8]}"
#define PICTURE "{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8,8,3]}"
#define RELU(name, input) "{\"op\":\"ReLU\",\"name\":\"" name "\",\"inputs\":[" input "]}"
#define DENSE(units)                                                                          \
    "{\"op\":\"Dense\",\"name\":\"d\",\"inputs\":[\"i\"],\"units\":" units ",\"activation\":" \
    "\"relu\",\"initializer\":\"zeros\"}"
#define CONV(members)                                                           \
    "{\"op\":\"Conv2D\",\"name\":\"c\",\"inputs\":[\"i\"],\"units\":4," members \
    ",\"activation\":\"relu\",\"initializer\":\"zeros\"}"

#define RANGE(range) \
    "{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8],\"range\":" range "}"
#define SAY_RANGE \
    "graph: layer 0: \"range\" must be two numbers, from -1e12 to 0 and from 1e-12 to 1e12"

static const struct {
    const char *text, *sentence;
} hostile[] = {
    {"{}", "graph: must be an array of layers"},
    {"7", "graph: must be an array of layers"},
    {"[]", "graph: has 0 layers, 1 to 4096 are possible"},
    {"[3]", "graph: layer 0 must be an object"},
    {"[" INPUT ",null]", "graph: layer 1 must be an object"},
    {"[{}]", "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"[{\"name\":7}]", "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"[{\"name\":\"\"}]", "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"[{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123\"}]",
     "graph: layer 0: \"name\" must be a string of 1 to 63 letters"},
    {"[{\"name\":\"a\"}]", "graph: layer 0: \"op\" must be a string"},
    {"[{\"name\":\"a\",\"op\":\"Lambda\"}]", "graph: layer 0: unknown op \"Lambda\""},
    {"[{\"name\":\"a\",\"op\":\"ReLU\"}]",
     "graph: layer 0: \"inputs\" must be an array of at most 2 layer names"},
    {"[" INPUT "," RELU("r", "\"i\",\"i\",\"i\"") "]",
     "graph: layer 1: \"inputs\" must be an array of at most 2 layer names"},
    {"[" INPUT "," RELU("r", "0") "]",
     "graph: layer 1: \"inputs\" must be an array of at most 2 layer names"},
    {"[" INPUT "," RELU("r", "\"i\",\"i\"") "]", "graph: layer 1: r: ReLU takes 1 inputs, got 2"},
    {"[" INPUT "," RELU("r", "") "]", "graph: layer 1: r: ReLU takes 1 inputs, got 0"},
    {"[" INPUT "," RELU("r", "\"r\"") "]", "graph: layer 1: input \"r\" is no earlier layer"},
    {"[" INPUT "," RELU("r", "\"x\"") "]", "graph: layer 1: input \"x\" is no earlier layer"},
    {"[" RELU("r", "\"r\"") "]", "graph: layer 0: input \"r\" is no earlier layer"},
    {"[" INPUT "," INPUT "]", "graph: layer 1: layer name \"i\" is taken"},
    {"[" INPUT ",{\"op\":\"InputLayer\",\"name\":\"j\",\"inputs\":[],\"shape\":[8]}]",
     "graph: layer 1: j: a graph has one input layer, the first"},
    {"[" INPUT "," RELU("a", "\"i\"") "," RELU("b", "\"i\"") "]",
     "graph: nothing reads layer \"a\""},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8],\"dtype\":\"f16\"}]",
     "graph: layer 0: unknown key \"dtype\""},
    {"[" INPUT ",{\"op\":\"ReLU\",\"name\":\"r\",\"inputs\":[\"i\"],\"units\":3}]",
     "graph: layer 1: unknown key \"units\""},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[]}]",
     "graph: layer 0: \"shape\" must be an array of at most 8 integers"},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[1,1,1,1,1,1,1,1,1]}]",
     "graph: layer 0: \"shape\" must be an array of at most 8 integers"},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8,-1,3]}]",
     "graph: layer 0: \"shape\" must be an array of integers of at least 1"},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[8.5]}]",
     "graph: layer 0: \"shape\" must be an array of integers of at least 1"},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[9000000000000000000,3,3]}]",
     "graph: layer 0: i: an output of 9000000000000000000x3x3 is too large"},
    {"[{\"op\":\"InputLayer\",\"name\":\"i\",\"inputs\":[],\"shape\":[4294967296,4294967296,1]}]",
     "graph: layer 0: i: an output of 4294967296x4294967296x1 is too large"},
    {"[" INPUT "," DENSE("0") "]",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"[" INPUT "," DENSE("4294967297") "]",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"[" INPUT "," DENSE("\"4\"") "]",
     "graph: layer 1: \"units\" must be an integer from 1 to 2147483647"},
    {"[" INPUT ",{\"op\":\"Dense\",\"name\":\"d\",\"inputs\":[\"i\"],\"units\":2,"
     "\"activation\":\"gelu\",\"initializer\":\"zeros\"}]",
     "graph: layer 1: unknown activation \"gelu\""},
    {"[" INPUT ",{\"op\":\"Dense\",\"name\":\"d\",\"inputs\":[\"i\"],\"units\":2,"
     "\"activation\":\"relu\",\"initializer\":1}]",
     "graph: layer 1: \"initializer\" must be a string"},
    {"[" PICTURE "," CONV("\"window\":[3],\"stride\":[1,1],\"padding\":\"same\"") "]",
     "graph: layer 1: \"window\" must be two integers from 1 to 2147483647"},
    {"[" PICTURE "," CONV("\"window\":[3,3],\"stride\":[1,0],\"padding\":\"same\"") "]",
     "graph: layer 1: \"stride\" must be two integers from 1 to 2147483647"},
    {"[" PICTURE "," CONV("\"window\":[3,3],\"stride\":[1,1],\"padding\":\"full\"") "]",
     "graph: layer 1: unknown padding \"full\""},
    {"[" PICTURE
     "," CONV("\"window\":[2147483647,2147483647],\"stride\":[1,1],\"padding\":\"same\"") "]",
     "graph: layer 1: c: a kernel of 2147483647x2147483647x3x4 is too large"},
    {"[" INPUT ",{\"op\":\"Dropout\",\"name\":\"d\",\"inputs\":[\"i\"],\"rate\":\"0\"}]",
     "graph: layer 1: \"rate\" must be a number"},
    {"[" INPUT ",{\"op\":\"Dropout\",\"name\":\"d\",\"inputs\":[\"i\"],\"rate\":1.5}]",
     "graph: layer 1: d: rate must be at least 0 and below 1, got 1.5"},
    {"[" PICTURE "," DENSE("2") "]", "graph: layer 1: d: needs a flat input, got 8x8x3"},
    {"[" RANGE("3") "]", SAY_RANGE},
    {"[" RANGE("[0]") "]", SAY_RANGE},
    {"[" RANGE("[0,\"1\"]") "]", SAY_RANGE},
    {"[" RANGE("[null,1]") "]", SAY_RANGE},
    {"[" RANGE("[0.5,1]") "]", SAY_RANGE},
    {"[" RANGE("[-2e12,1]") "]", SAY_RANGE},
    {"[" RANGE("[0,0]") "]", SAY_RANGE},
    {"[" RANGE("[0,2e12]") "]", SAY_RANGE},
};

static void hostile_json_gets_its_sentence(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof hostile[0]; i++) {
        tw_error error = {TW_OK, ""};
        tw_graph *graph;

        assert_int_equal(read_text(&graph, hostile[i].text, &error), TW_EFILE);
        assert_string_equal(error.text, hostile[i].sentence);
        assert_null(graph);
    }
}

static void too_many_layers_are_refused_before_they_are_read(void **state)
{
    tw_json *json = tw_json_new_array();
    tw_graph *graph;
    (void)state;
    for (int i = 0; i < 4097; i++)
        assert_true(tw_json_append(json, tw_json_new_i64(i)));
    assert_fails(TW_EFILE, "graph: has 4097 layers, 1 to 4096 are possible",
                 tw_graph_from_json(&graph, json, e));
    tw_json_free(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_graph_comes_back_exactly),
        cmocka_unit_test(every_op_comes_back),
        cmocka_unit_test(ranges_come_back),
        cmocka_unit_test(hostile_json_gets_its_sentence),
        cmocka_unit_test(too_many_layers_are_refused_before_they_are_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
