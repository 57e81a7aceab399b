/*
 * Times one training step of a whole small network on backend cpu: vgg16-mini, a global average and
 * 323 classes, all layers trained, random weights and pictures, gradients thrown away. Prints one
 * line: ms per picture (the best of the rounds) and the plan's size. `perf record` says the rest.
 *
 *   training [SIDE [BATCH [WORKERS [STEPS]]]]
 */
#include "work.h"

#include "base/clock.h"
#include "base/memory.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <stdio.h>

enum { ROUNDS = 3, CLASSES = 323 };

static tw_status make_network(tw_graph **out, int64_t side, tw_error *err)
{
    static const int widths[BENCH_BLOCKS] = {8, 16, 32, 64, 64};
    tw_node average = {.op = TW_OP_GLOBAL_AVERAGE_POOL, .name = "average"};
    tw_node dense = {
        .op = TW_OP_DENSE, .name = "predictions", .units = CLASSES, .activation = TW_SOFTMAX};
    tw_status rc = bench_make_vgg16(out, side, widths, err);

    if (rc == TW_OK && (rc = bench_add_layer(*out, average, err)) == TW_OK)
        rc = bench_add_layer(*out, dense, err);
    return rc;
}

static void throw_away(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    (void)ctx;
    (void)node;
    (void)slot;
    (void)first;
    (void)n;
    (void)gradient;
}

static tw_status time_steps(tw_train_plan *plan, const tw_node_weights *weights, int64_t steps,
                            tw_error *err)
{
    const tw_sink sink = {.take = throw_away, .ctx = NULL};
    int64_t n = plan->batch;
    float *in = bench_random(n * tw_shape_size(&plan->graph->nodes[0].out), 4.0f, 99);
    float *logits = tw_alloc_f32(n * CLASSES);
    double *loss = tw_malloc((size_t)n * sizeof *loss), best = 1e9;
    int *labels = tw_calloc((size_t)n, sizeof *labels);
    tw_status rc = in && logits && loss && labels ? TW_OK : TW_ENOMEM;

    for (int round = 0; round < ROUNDS && rc == TW_OK; round++) {
        double start = tw_clock_s(), took;
        for (int64_t i = 0; i < steps && rc == TW_OK; i++)
            rc = plan->table->train_step(plan, weights, in, labels, NULL, n, 1, 0, (uint64_t)i,
                                         loss, logits, &sink, err);
        took = tw_clock_s() - start;
        best = took < best ? took : best;
    }
    printf("%.3f ms a picture, plan %.1f MB\n", best * 1e3 / (double)(steps * n),
           (double)plan->n_bytes / 1e6);
    tw_free(in);
    tw_free(logits);
    tw_free(loss);
    tw_free(labels);
    return rc;
}

int main(int argc, char **argv)
{
    int64_t side = 112, batch = 64, workers = 1, steps = 3;
    tw_node_weights weights[BENCH_MOST_NODES] = {{NULL, NULL}};
    const tw_backend_table *table;
    tw_backend *backend = NULL;
    tw_graph *graph = NULL;
    tw_train_plan *plan = NULL;
    tw_error err = {0};
    tw_status rc = TW_EUSAGE;

    if ((argc > 1 && !tw_parse_i64(&side, argv[1])) ||
        (argc > 2 && !tw_parse_i64(&batch, argv[2])) ||
        (argc > 3 && !tw_parse_i64(&workers, argv[3])) ||
        (argc > 4 && !tw_parse_i64(&steps, argv[4])))
        goto done;
    if ((rc = make_network(&graph, side, &err)) || (rc = tw_backend_find(&table, "cpu", &err)) ||
        (rc = table->open(&backend, NULL, &err)))
        goto done;
    printf("%s; %lldx%lld, batches of %lld, %lld workers: ", backend->describe, (long long)side,
           (long long)side, (long long)batch, (long long)workers);
    if ((rc = bench_make_weights(weights, graph, &err)) == TW_OK &&
        (rc = table->train_create(&plan, backend, graph, batch, (int)workers, NULL, &err)) == TW_OK)
        rc = time_steps(plan, weights, steps, &err);
done:
    if (rc != TW_OK)
        fprintf(stderr, "%s\n", err.text);
    bench_free_weights(weights, BENCH_MOST_NODES);
    if (plan)
        plan->table->train_free(plan);
    if (backend)
        backend->table->close(backend);
    tw_graph_free(graph);
    return rc == TW_OK ? 0 : 1;
}
