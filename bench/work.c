/* Networks, numbers and weights of the measuring programs. */
#include "work.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include <math.h>
#include <stdio.h>

tw_status bench_add_layer(tw_graph *graph, tw_node node, tw_error *err)
{
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    return tw_graph_add(graph, &node, err);
}

tw_status bench_add_block(tw_graph *graph, int block, int n_convs, int width, tw_error *err)
{
    tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
    tw_status rc;

    for (int c = 1; c <= n_convs; c++) {
        tw_node conv = {.op = TW_OP_CONV2D,
                        .units = width,
                        .window = {3, 3},
                        .stride = {1, 1},
                        .padding = TW_SAME,
                        .activation = TW_RELU};
        snprintf(conv.name, sizeof conv.name, "block%d_conv%d", block, c);
        if ((rc = bench_add_layer(graph, conv, err)))
            return rc;
    }
    snprintf(pool.name, sizeof pool.name, "block%d_pool", block);
    return bench_add_layer(graph, pool, err);
}

tw_status bench_make_vgg16(tw_graph **out, int64_t side, const int widths[BENCH_BLOCKS],
                           tw_error *err)
{
    static const int counts[BENCH_BLOCKS] = {2, 2, 3, 3, 3};
    tw_shape input = {3, {side, side, 3}};
    tw_status rc = tw_graph_create(out, "input_1", &input, err);

    for (int b = 0; b < BENCH_BLOCKS && rc == TW_OK; b++)
        rc = bench_add_block(*out, b + 1, counts[b], widths[b], err);
    return rc;
}

float *bench_random(int64_t n, float scale, uint64_t seed)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    float *x = tw_alloc_f32(n);

    for (int64_t i = 0; x && i < n; i++)
        x[i] = scale * (tw_rng_uniform(&key, (uint64_t)i) - 0.5f);
    return x;
}

void bench_set_ranges(tw_graph *graph)
{
    graph->nodes[0].range[0] = -1.0f;
    for (int i = 0; i < graph->n; i++)
        graph->nodes[i].range[1] = 1.0f;
}

tw_status bench_make_weights(tw_node_weights *weights, const tw_graph *graph, tw_error *err)
{
    for (int i = 0; i < graph->n; i++) {
        const int64_t n = tw_node_param_count(graph, i), units = graph->nodes[i].units;

        if (n == 0)
            continue;
        weights[i].kernel =
            bench_random(n - units, sqrtf(24.0f * (float)units / (float)(n - units)), (uint64_t)i);
        weights[i].bias = bench_random(units, 0.0f, 0);
        if (!weights[i].kernel || !weights[i].bias)
            return tw_fail(err, TW_ENOMEM, "no memory for random weights");
    }
    return TW_OK;
}

void bench_free_weights(tw_node_weights *weights, int n)
{
    for (int i = 0; i < n; i++) {
        tw_free((void *)(uintptr_t)weights[i].kernel);
        tw_free((void *)(uintptr_t)weights[i].bias);
    }
}
