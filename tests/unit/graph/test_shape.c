#include "graph_fixture.h"

static void assert_infers(tw_node node, tw_shape in, const char *expected)
{
    tw_shape out;

    assert_ok(tw_node_infer_shape(&out, &node, &in, e));
    assert_shape(&out, expected);
}

static void same_padding_is_keras_ceil(void **state)
{
    tw_node node = conv("c", 0, 5);
    (void)state;
    assert_infers(node, (tw_shape){3, {7, 8, 3}}, "7x8x5");
    node.stride[0] = 2;
    node.stride[1] = 3;
    assert_infers(node, (tw_shape){3, {7, 8, 3}}, "4x3x5");
    node.window[0] = 9;
    assert_infers(node, (tw_shape){3, {7, 8, 3}}, "4x3x5");
}

static void valid_padding_drops_the_rest(void **state)
{
    tw_node node = conv("c", 0, 5);
    (void)state;
    node.padding = TW_VALID;
    assert_infers(node, (tw_shape){3, {7, 8, 3}}, "5x6x5");
    node.stride[0] = node.stride[1] = 2;
    assert_infers(node, (tw_shape){3, {7, 8, 3}}, "3x3x5");
    assert_infers(pool("p", 0), (tw_shape){3, {7, 8, 3}}, "3x4x3");
    assert_infers(pool("p", 0), (tw_shape){3, {2, 2, 1}}, "1x1x1");
}

static void symmetric_padding_is_torchs(void **state)
{
    const tw_shape picture = {3, {56, 57, 3}};
    tw_node node = conv("c", 0, 5);
    (void)state;
    node.padding = TW_SYMMETRIC;
    assert_infers(node, picture, "56x57x5");
    node.stride[0] = node.stride[1] = 2;
    assert_infers(node, picture, "28x29x5");
    assert_int_equal(tw_padding_before(&node, &picture, 0), 1);
    assert_int_equal(tw_padding_after(&node, &picture, 0), 1);
    node.window[0] = node.window[1] = 7;
    assert_infers(node, (tw_shape){3, {224, 224, 3}}, "112x112x5");
    node.window[0] = node.window[1] = 1;
    assert_infers(node, picture, "28x29x5");
    /* TensorFlow's: one pixel at stride 2 and even size, behind; two at an odd one */
    node.window[0] = node.window[1] = 3;
    node.padding = TW_SAME;
    assert_int_equal(tw_padding_before(&node, &picture, 0), 0);
    assert_int_equal(tw_padding_after(&node, &picture, 0), 1);
    assert_int_equal(tw_padding_before(&node, &picture, 1), 1);
    assert_int_equal(tw_padding_after(&node, &picture, 1), 1);
}

static void depthwise_keeps_the_channels(void **state)
{
    tw_graph *graph = input_of(8, 9, 5);
    tw_node node = conv("d", 0, 0), softmax = node;
    tw_shape shapes[2];
    const tw_shape flat = {1, {5}}, picture = {3, {8, 9, 5}};
    tw_shape out;
    (void)state;
    node.op = softmax.op = TW_OP_DEPTHWISE_CONV2D;
    node.stride[0] = 2;
    add(graph, node);
    assert_shape(tw_graph_output_shape(graph), "4x9x5");
    assert_int_equal(tw_node_params(graph, 1, shapes), 2);
    assert_shape(&shapes[0], "3x3x5x1");
    assert_shape(&shapes[1], "5");
    assert_int_equal(tw_node_macs(graph, 1), 4 * 9 * 3 * 3 * 5);
    softmax.activation = TW_SOFTMAX;
    assert_fails(TW_ESHAPE, "d: softmax needs a flat input",
                 tw_node_infer_shape(&out, &softmax, &picture, e));
    assert_fails(TW_ESHAPE, "d: needs an input (H,W,C), got 5",
                 tw_node_infer_shape(&out, &node, &flat, e));
    tw_graph_free(graph);
}

static void add_wants_the_same_shape_twice(void **state)
{
    const tw_shape same[2] = {{3, {7, 7, 5}}, {3, {7, 7, 5}}};
    const tw_shape other[2] = {{3, {7, 7, 5}}, {3, {7, 7, 6}}};
    tw_node node = {.op = TW_OP_ADD, .name = "a", .n_inputs = 2, .inputs = {0, 1}};
    tw_shape out;
    (void)state;
    assert_ok(tw_node_infer_shape(&out, &node, same, e));
    assert_shape(&out, "7x7x5");
    assert_fails(TW_ESHAPE, "a: adds inputs of one shape, got 7x7x5 and 7x7x6",
                 tw_node_infer_shape(&out, &node, other, e));
}

static void the_other_ops_have_their_shapes(void **state)
{
    const tw_shape picture = {3, {7, 7, 512}};
    (void)state;
    assert_infers(named(TW_OP_GLOBAL_AVERAGE_POOL, "g", 0), picture, "512");
    assert_infers(named(TW_OP_FLATTEN, "f", 0), picture, "25088");
    assert_infers(named(TW_OP_FLATTEN, "f", 0), (tw_shape){1, {9}}, "9");
    assert_infers(dense("d", 0, 10), (tw_shape){1, {9}}, "10");
    assert_infers(named(TW_OP_DROPOUT, "d", 0), picture, "7x7x512");
    assert_infers(named(TW_OP_RELU, "r", 0), picture, "7x7x512");
    assert_infers(named(TW_OP_SIGMOID, "s", 0), picture, "7x7x512");
    assert_infers(named(TW_OP_SOFTMAX, "s", 0), (tw_shape){1, {9}}, "9");
}

static void wrong_ranks_are_refused(void **state)
{
    const tw_shape flat = {1, {9}}, picture = {3, {7, 7, 2}}, odd = {2, {3, 4}};
    tw_node c = conv("c", 0, 5), p = pool("p", 0), d = dense("d", 0, 3);
    tw_node g = named(TW_OP_GLOBAL_AVERAGE_POOL, "g", 0), s = named(TW_OP_SOFTMAX, "s", 0);
    tw_node input = {.op = TW_OP_INPUT, .name = "i", .out = odd};
    tw_shape out;
    (void)state;
    assert_fails(TW_ESHAPE, "c: needs an input (H,W,C), got 9",
                 tw_node_infer_shape(&out, &c, &flat, e));
    assert_fails(TW_ESHAPE, "p: needs an input (H,W,C), got 9",
                 tw_node_infer_shape(&out, &p, &flat, e));
    assert_fails(TW_ESHAPE, "g: needs an input (H,W,C), got 9",
                 tw_node_infer_shape(&out, &g, &flat, e));
    assert_fails(TW_ESHAPE, "d: needs a flat input, got 7x7x2",
                 tw_node_infer_shape(&out, &d, &picture, e));
    assert_fails(TW_ESHAPE, "s: needs a flat input, got 7x7x2",
                 tw_node_infer_shape(&out, &s, &picture, e));
    assert_fails(TW_ESHAPE, "i: an input is (H,W,C) or (C), got 2 dimensions",
                 tw_node_infer_shape(&out, &input, NULL, e));
}

static void wrong_members_are_refused(void **state)
{
    const tw_shape picture = {3, {2, 7, 2}};
    tw_node no_units = conv("c", 0, 0), no_stride = conv("c", 0, 2), wide = conv("c", 0, 2);
    tw_node softmax = conv("c", 0, 2), rate = named(TW_OP_DROPOUT, "d", 0);
    tw_node odd = conv("c", 0, 2);
    tw_shape out;
    (void)state;
    no_stride.stride[1] = 0;
    wide.padding = TW_VALID;
    softmax.activation = TW_SOFTMAX;
    odd.activation = TW_N_ACTIVATION;
    rate.rate = 1;
    assert_fails(TW_ESHAPE, "c: needs at least 1 unit, got 0",
                 tw_node_infer_shape(&out, &no_units, &picture, e));
    assert_fails(TW_ESHAPE, "c: window 3 and stride 0 must be at least 1",
                 tw_node_infer_shape(&out, &no_stride, &picture, e));
    assert_fails(TW_ESHAPE, "c: window 3 is larger than its input 2",
                 tw_node_infer_shape(&out, &wide, &picture, e));
    assert_fails(TW_ESHAPE, "c: softmax needs a flat input",
                 tw_node_infer_shape(&out, &softmax, &picture, e));
    assert_fails(TW_ESHAPE, "d: rate must be at least 0 and below 1, got 1",
                 tw_node_infer_shape(&out, &rate, &picture, e));
    rate.rate = 0.0 / 0.0;
    assert_int_equal(tw_node_infer_shape(&out, &rate, &picture, NULL), TW_ESHAPE);
    assert_fails(TW_ESHAPE, "c: unknown padding, activation or initializer",
                 tw_node_infer_shape(&out, &odd, &picture, e));
}

static void sizes_that_overflow_are_refused(void **state)
{
    const tw_shape wide = {3, {1 << 20, 1 << 20, 3}}, endless = {3, {INT64_MAX, INT64_MAX, 2}};
    const tw_shape deep = {3, {1, 1, 1 << 30}}, flat = {1, {INT64_C(1) << 40}}, none = {1, {0}};
    const tw_shape square = {3, {1 << 19, 1 << 19, 1}};
    tw_node r = named(TW_OP_RELU, "r", 0), f = named(TW_OP_FLATTEN, "f", 0);
    tw_node c = conv("c", 0, INT32_MAX), d = dense("d", 0, 2);
    tw_node input = {.op = TW_OP_INPUT, .name = "i", .out = none}, heavy = conv("h", 0, 2);
    tw_shape out;
    (void)state;
    heavy.window[0] = heavy.window[1] = 128;
    assert_fails(TW_ESHAPE, "r: an output of 1048576x1048576x3 is too large",
                 tw_node_infer_shape(&out, &r, &wide, e));
    assert_fails(TW_ESHAPE, "f: its input has too many numbers",
                 tw_node_infer_shape(&out, &f, &endless, e));
    assert_fails(TW_ESHAPE, "c: a kernel of 3x3x1073741824x2147483647 is too large",
                 tw_node_infer_shape(&out, &c, &deep, e));
    assert_fails(TW_ESHAPE, "d: a kernel of 1099511627776x2 is too large",
                 tw_node_infer_shape(&out, &d, &flat, e));
    assert_fails(TW_ESHAPE, "i: every dimension must be at least 1, got 0",
                 tw_node_infer_shape(&out, &input, NULL, e));
    assert_fails(TW_ESHAPE, "h: more than 2^50 multiply-adds",
                 tw_node_infer_shape(&out, &heavy, &square, e));
}

static void parameters_and_multiply_adds_are_counted(void **state)
{
    tw_graph *graph = small_net();
    tw_shape shapes[2];
    (void)state;
    assert_int_equal(tw_node_params(graph, 1, shapes), 2);
    assert_shape(&shapes[0], "3x3x3x4");
    assert_shape(&shapes[1], "4");
    assert_int_equal(tw_node_param_count(graph, 1), 112);
    assert_int_equal(tw_node_macs(graph, 1), 8 * 8 * 108);
    assert_int_equal(tw_node_params(graph, 2, shapes), 0);
    assert_int_equal(tw_node_param_count(graph, 2), 0);
    assert_int_equal(tw_node_macs(graph, 2), 0);
    assert_int_equal(tw_node_params(graph, 6, shapes), 2);
    assert_shape(&shapes[0], "24x7");
    assert_int_equal(tw_node_param_count(graph, 6), 175);
    assert_int_equal(tw_node_macs(graph, 6), 168);
    assert_shape(tw_graph_output_shape(graph), "5");
    tw_graph_free(graph);
}

static void ops_have_keras_names(void **state)
{
    (void)state;
    assert_string_equal(tw_op_name(TW_OP_INPUT), "InputLayer");
    assert_string_equal(tw_op_name(TW_OP_MAX_POOL), "MaxPooling2D");
    assert_string_equal(tw_op_name(TW_OP_SOFTMAX), "Softmax");
    assert_string_equal(tw_activation_name(TW_SIGMOID), "sigmoid");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_padding_is_keras_ceil),
        cmocka_unit_test(valid_padding_drops_the_rest),
        cmocka_unit_test(symmetric_padding_is_torchs),
        cmocka_unit_test(depthwise_keeps_the_channels),
        cmocka_unit_test(add_wants_the_same_shape_twice),
        cmocka_unit_test(the_other_ops_have_their_shapes),
        cmocka_unit_test(wrong_ranks_are_refused),
        cmocka_unit_test(wrong_members_are_refused),
        cmocka_unit_test(sizes_that_overflow_are_refused),
        cmocka_unit_test(parameters_and_multiply_adds_are_counted),
        cmocka_unit_test(ops_have_keras_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
