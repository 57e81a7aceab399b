/* Small graphs for the tests of this room, and the invariants that every graph must keep. */
#ifndef TW_TESTS_GRAPH_FIXTURE_H
#define TW_TESTS_GRAPH_FIXTURE_H

#include "graph/graph.h"
#include "tensor/tensor.h"

#include "check.h"

static inline tw_node named(tw_op op, const char *name, int input)
{
    tw_node node = {.op = op, .n_inputs = 1, .inputs = {input}};

    snprintf(node.name, sizeof node.name, "%s", name);
    return node;
}

static inline tw_node conv(const char *name, int input, int units)
{
    tw_node node = named(TW_OP_CONV2D, name, input);

    node.units = units;
    node.window[0] = node.window[1] = 3;
    node.stride[0] = node.stride[1] = 1;
    node.padding = TW_SAME;
    node.activation = TW_RELU;
    return node;
}

static inline tw_node pool(const char *name, int input)
{
    tw_node node = named(TW_OP_MAX_POOL, name, input);

    node.window[0] = node.window[1] = node.stride[0] = node.stride[1] = 2;
    return node;
}

static inline tw_node dense(const char *name, int input, int units)
{
    tw_node node = named(TW_OP_DENSE, name, input);

    node.units = units;
    return node;
}

static inline void add(tw_graph *graph, tw_node node)
{
    assert_ok(tw_graph_add(graph, &node, e));
}

static inline tw_graph *input_of(int64_t h, int64_t w, int64_t c)
{
    tw_shape shape = {3, {h, w, c}};
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input_1", &shape, e));
    return graph;
}

/* 0 input_1 8x8x3, 1 conv1, 2 pool1, 3 conv2, 4 pool2, 5 flatten, 6 dense, 7 predictions */
static inline tw_graph *small_net(void)
{
    tw_graph *graph = input_of(8, 8, 3);
    tw_node last = dense("predictions", 6, 5);

    last.activation = TW_SOFTMAX;
    add(graph, conv("conv1", 0, 4));
    add(graph, pool("pool1", 1));
    add(graph, conv("conv2", 2, 6));
    add(graph, pool("pool2", 3));
    add(graph, named(TW_OP_FLATTEN, "flatten", 4));
    add(graph, dense("dense", 5, 7));
    add(graph, last);
    return graph;
}

/* 0 input_1, 1 a, 2 side (read by nobody but 4), 3 b (reads a), 4 side2: a tree of two branches */
static inline tw_graph *two_branches(void)
{
    tw_graph *graph = input_of(8, 8, 3);

    add(graph, conv("a", 0, 2));
    add(graph, conv("side", 1, 3));
    add(graph, conv("b", 1, 4));
    add(graph, pool("side2", 2));
    return graph;
}

static inline void assert_clean(const tw_graph *graph)
{
    for (int i = 0; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        tw_shape in[TW_MAX_INPUTS], out;
        int n_readers = 0;

        assert_int_equal(node->op == TW_OP_INPUT, i == 0);
        for (int k = 0; k < node->n_inputs; k++) {
            assert_in_range(node->inputs[k], 0, i - 1);
            in[k] = graph->nodes[node->inputs[k]].out;
        }
        assert_ok(tw_node_infer_shape(&out, node, in, e));
        assert_true(tw_shape_equal(&out, &node->out));
        for (int j = i + 1; j < graph->n; j++) {
            assert_string_not_equal(node->name, graph->nodes[j].name);
            for (int k = 0; k < graph->nodes[j].n_inputs; k++)
                n_readers += graph->nodes[j].inputs[k] == i;
        }
        assert_int_equal(n_readers > 0, i + 1 < graph->n);
    }
}

/* Field by field for the first n nodes: padding bytes of a struct are nobody's. */
static inline void assert_same_nodes(const tw_graph *a, const tw_graph *b, int n)
{
    for (int i = 0; i < n; i++) {
        const tw_node *x = &a->nodes[i], *y = &b->nodes[i];

        assert_int_equal(x->op, y->op);
        assert_string_equal(x->name, y->name);
        assert_int_equal(x->n_inputs, y->n_inputs);
        for (int k = 0; k < x->n_inputs; k++)
            assert_int_equal(x->inputs[k], y->inputs[k]);
        assert_int_equal(x->units, y->units);
        assert_memory_equal(x->window, y->window, sizeof x->window);
        assert_memory_equal(x->stride, y->stride, sizeof x->stride);
        assert_int_equal(x->padding, y->padding);
        assert_int_equal(x->activation, y->activation);
        assert_int_equal(x->initializer, y->initializer);
        assert_true(x->rate == y->rate);
        assert_memory_equal(x->range, y->range, sizeof x->range);
        assert_true(tw_shape_equal(&x->out, &y->out));
    }
}

static inline void assert_shape(const tw_shape *shape, const char *text)
{
    char buf[96];

    assert_string_equal(tw_shape_text(buf, sizeof buf, shape), text);
}

#endif
