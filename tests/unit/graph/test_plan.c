#include "base/rng.h"

#include "graph_fixture.h"

enum { MAX_NODES = 64 };

static int last_reader(const tw_graph *graph, int node)
{
    int last = node == graph->n - 1 ? graph->n : node;

    for (int i = node + 1; i < graph->n; i++)
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            if (graph->nodes[i].inputs[k] == node)
                last = i;
    return last;
}

static int64_t bytes_of(const tw_graph *graph, int node, int64_t batch)
{
    return tw_shape_size(&graph->nodes[node].out) * 4 * batch;
}

/* Aligned, inside the block, and apart from every block that lives at the same time. */
static void assert_plan(const tw_graph *graph, int64_t batch)
{
    int64_t offsets[MAX_NODES], n_bytes;

    assert_ok(tw_graph_plan_memory(offsets, &n_bytes, graph, batch, e));
    for (int a = 0; a < graph->n; a++) {
        assert_int_equal(offsets[a] % 64, 0);
        assert_true(offsets[a] >= 0 && offsets[a] + bytes_of(graph, a, batch) <= n_bytes);
        for (int b = a + 1; b < graph->n && b <= last_reader(graph, a); b++)
            assert_true(offsets[a] + bytes_of(graph, a, batch) <= offsets[b] ||
                        offsets[b] + bytes_of(graph, b, batch) <= offsets[a]);
    }
}

static void live_blocks_never_overlap(void **state)
{
    const tw_rng_key key = tw_rng_make_key(7, TW_RNG_SHUFFLE, 0, 0);
    uint64_t at = 0;
    (void)state;
    for (int trial = 0; trial < 300; trial++) {
        tw_graph *graph = input_of(1 + tw_rng_word(&key, at++) % 20, 8, 3);
        int n = 2 + (int)(tw_rng_word(&key, at++) % 30);

        for (int i = 1; i < n; i++) {
            int input = (int)(tw_rng_word(&key, at++) % (uint32_t)i);
            char name[16];

            snprintf(name, sizeof name, "n%d", i);
            add(graph, conv(name, input, 1 + (int)(tw_rng_word(&key, at++) % 40)));
        }
        assert_plan(graph, 1 + tw_rng_word(&key, at++) % 5);
        tw_graph_free(graph);
    }
}

static void a_chain_needs_its_two_largest_neighbours(void **state)
{
    tw_graph *graph = input_of(16, 16, 3);
    int64_t offsets[MAX_NODES], n_bytes;
    (void)state;
    add(graph, conv("a", 0, 8));
    add(graph, conv("b", 1, 8));
    add(graph, pool("c", 2));
    add(graph, conv("d", 3, 16));
    add(graph, conv("f", 4, 16));
    assert_ok(tw_graph_plan_memory(offsets, &n_bytes, graph, 2, e));
    assert_int_equal(n_bytes, 2 * 2 * 16 * 16 * 8 * 4);
    assert_plan(graph, 2);
    tw_graph_free(graph);
}

static void the_input_and_the_output_have_a_place(void **state)
{
    tw_graph *graph = input_of(3, 3, 1);
    int64_t offset, n_bytes;
    (void)state;
    assert_ok(tw_graph_plan_memory(&offset, &n_bytes, graph, 1, e));
    assert_int_equal(offset, 0);
    assert_int_equal(n_bytes, 64);
    tw_graph_free(graph);
}

static void an_impossible_batch_is_refused(void **state)
{
    tw_graph *graph = small_net();
    int64_t offsets[MAX_NODES], n_bytes;
    (void)state;
    assert_fails(TW_ESHAPE, "a batch needs at least 1 sample, got 0",
                 tw_graph_plan_memory(offsets, &n_bytes, graph, 0, e));
    assert_fails(TW_ESHAPE, "input_1: a batch of 4611686018427387904 is too large",
                 tw_graph_plan_memory(offsets, &n_bytes, graph, INT64_C(1) << 62, e));
    assert_fails(TW_ESHAPE, "a batch of 8000000000000000 is too large",
                 tw_graph_plan_memory(offsets, &n_bytes, graph, 8000000000000000, e));
    tw_graph_free(graph);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_blocks_never_overlap),
        cmocka_unit_test(a_chain_needs_its_two_largest_neighbours),
        cmocka_unit_test(the_input_and_the_output_have_a_place),
        cmocka_unit_test(an_impossible_batch_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
