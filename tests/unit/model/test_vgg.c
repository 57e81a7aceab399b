#include "model_fixture.h"

static tw_graph *build(const char *name)
{
    tw_graph *graph;
    tw_contract contract;

    assert_ok(tw_model_build(&graph, &contract, name, e));
    return graph;
}

static int64_t params_through(const tw_graph *graph, int last)
{
    int64_t n = 0;

    for (int i = 0; i <= last; i++)
        n += tw_node_param_count(graph, i);
    return n;
}

static void assert_layers(const char *name, const char *const *layers, int n)
{
    tw_graph *graph = build(name);

    assert_int_equal(graph->n, n);
    for (int i = 0; i < n; i++)
        assert_string_equal(graph->nodes[i].name, layers[i]);
    tw_graph_free(graph);
}

static void vgg16_has_keras_indices(void **state)
{
    static const char *const layers[] = {
        "input_1",      "block1_conv1", "block1_conv2", "block1_pool",  "block2_conv1",
        "block2_conv2", "block2_pool",  "block3_conv1", "block3_conv2", "block3_conv3",
        "block3_pool",  "block4_conv1", "block4_conv2", "block4_conv3", "block4_pool",
        "block5_conv1", "block5_conv2", "block5_conv3", "block5_pool",  "flatten",
        "fc1",          "fc2",          "predictions"};
    (void)state;
    assert_layers("vgg16", layers, 23);
}

/* The rows of VGG16's trunk, each 1/8 as wide. */
static void vgg16_mini_is_vgg16s_trunk_at_an_eighth(void **state)
{
    tw_graph *large = build("vgg16"), *small = build("vgg16-mini");
    (void)state;
    assert_int_equal(small->n, 19);
    for (int i = 0; i < small->n; i++) {
        const tw_node *a = &large->nodes[i], *b = &small->nodes[i];

        assert_string_equal(a->name, b->name);
        assert_int_equal(a->op, b->op);
        assert_int_equal(a->out.dims[0], b->out.dims[0]);
        assert_int_equal(a->out.dims[2], b->out.dims[2] * (i == 0 ? 1 : 8));
    }
    tw_graph_free(large);
    tw_graph_free(small);
}

static void vgg19_has_keras_indices(void **state)
{
    static const char *const layers[] = {
        "input_1",      "block1_conv1", "block1_conv2", "block1_pool",  "block2_conv1",
        "block2_conv2", "block2_pool",  "block3_conv1", "block3_conv2", "block3_conv3",
        "block3_conv4", "block3_pool",  "block4_conv1", "block4_conv2", "block4_conv3",
        "block4_conv4", "block4_pool",  "block5_conv1", "block5_conv2", "block5_conv3",
        "block5_conv4", "block5_pool",  "flatten",      "fc1",          "fc2",
        "predictions"};
    (void)state;
    assert_layers("vgg19", layers, 26);
}

static void parameter_counts_are_the_published_ones(void **state)
{
    tw_graph *vgg16 = build("vgg16"), *vgg19 = build("vgg19"), *mini = build("vgg16-mini");
    (void)state;
    assert_int_equal(params_through(mini, 18), 230568);
    tw_graph_free(mini);
    assert_int_equal(params_through(vgg16, 22), 138357544);
    assert_int_equal(params_through(vgg16, 18), 14714688);
    assert_int_equal(params_through(vgg19, 25), 143667240);
    assert_int_equal(params_through(vgg19, 21), 20024384);
    tw_graph_free(vgg16);
    tw_graph_free(vgg19);
}

static void vgg16s_convolutions_take_15_347_gmac(void **state)
{
    tw_graph *graph = build("vgg16");
    int64_t convs = 0, all = 0;
    (void)state;
    for (int i = 0; i < graph->n; i++) {
        convs += graph->nodes[i].op == TW_OP_CONV2D ? tw_node_macs(graph, i) : 0;
        all += tw_node_macs(graph, i);
    }
    assert_int_equal(convs, INT64_C(15346630656));
    assert_int_equal(all - convs, 25088 * 4096 + 4096 * 4096 + 4096 * 1000);
    tw_graph_free(graph);
}

static void shapes_halve_at_each_pool(void **state)
{
    static const struct {
        int node;
        const char *shape;
    } rows[] = {{0, "224x224x3"},  {2, "224x224x64"}, {3, "112x112x64"}, {6, "56x56x128"},
                {10, "28x28x256"}, {14, "14x14x512"}, {18, "7x7x512"},   {19, "25088"},
                {20, "4096"},      {21, "4096"},      {22, "1000"}};
    tw_graph *graph = build("vgg16");
    char text[96];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_string_equal(tw_shape_text(text, sizeof text, &graph->nodes[rows[i].node].out),
                            rows[i].shape);
    tw_graph_free(graph);
}

static void members_are_kerass(void **state)
{
    tw_graph *graph = build("vgg16");
    const tw_node *conv = &graph->nodes[9], *pool = &graph->nodes[10];
    (void)state;
    assert_int_equal(conv->padding, TW_SAME);
    assert_int_equal(conv->activation, TW_RELU);
    assert_true(conv->window[0] == 3 && conv->window[1] == 3 && conv->stride[0] == 1);
    assert_int_equal(pool->padding, TW_VALID);
    assert_true(pool->window[0] == 2 && pool->stride[0] == 2 && pool->stride[1] == 2);
    assert_int_equal(graph->nodes[20].activation, TW_RELU);
    assert_int_equal(graph->nodes[22].activation, TW_SOFTMAX);
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vgg16_has_keras_indices),
        cmocka_unit_test(vgg16_mini_is_vgg16s_trunk_at_an_eighth),
        cmocka_unit_test(vgg19_has_keras_indices),
        cmocka_unit_test(parameter_counts_are_the_published_ones),
        cmocka_unit_test(vgg16s_convolutions_take_15_347_gmac),
        cmocka_unit_test(shapes_halve_at_each_pool),
        cmocka_unit_test(members_are_kerass),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
