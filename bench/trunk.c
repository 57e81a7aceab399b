/*
 * Times VGG16's trunk on backend cpu: random weights, 224x224, as many workers as asked for, each
 * taking whole pieces. Prints one line: ms per picture (the best of the rounds) and the plan's
 * sizes.
 *
 *   trunk [WORKERS [PIECE [PRECISION [PICTURES [ISA]]]]]
 */
#include "backend/backend_int.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum { N_BLOCKS = 5, ROUNDS = 3, SIDE = 224 };

static tw_status add_layer(tw_graph *graph, tw_node node, tw_error *err)
{
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    return tw_graph_add(graph, &node, err);
}

static tw_status make_trunk(tw_graph **out, tw_error *err)
{
    static const int counts[N_BLOCKS] = {2, 2, 3, 3, 3},
                     widths[N_BLOCKS] = {64, 128, 256, 512, 512};
    tw_shape input = {3, {SIDE, SIDE, 3}};
    tw_status rc = tw_graph_create(out, "input_1", &input, err);

    for (int b = 0; b < N_BLOCKS && rc == TW_OK; b++) {
        tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};
        for (int c = 0; c < counts[b] && rc == TW_OK; c++) {
            tw_node conv = {.op = TW_OP_CONV2D,
                            .units = widths[b],
                            .window = {3, 3},
                            .stride = {1, 1},
                            .padding = TW_SAME,
                            .activation = TW_RELU};
            snprintf(conv.name, sizeof conv.name, "block%d_conv%d", b + 1, c + 1);
            rc = add_layer(*out, conv, err);
        }
        snprintf(pool.name, sizeof pool.name, "block%d_pool", b + 1);
        if (rc == TW_OK)
            rc = add_layer(*out, pool, err);
    }
    return rc;
}

static float *random_numbers(int64_t n, float scale, uint64_t seed)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);
    float *x = tw_alloc_f32(n);

    for (int64_t i = 0; x && i < n; i++)
        x[i] = scale * (tw_rng_uniform(&key, (uint64_t)i) - 0.5f);
    return x;
}

typedef struct job {
    const tw_backend_table *table;
    tw_plan *plan;
    const float *in;
    float *out;
    int64_t n_out;
    tw_status rc;
} job;

static void run_piece(void *ctx, int64_t item, int worker)
{
    job *j = ctx;
    tw_status rc = j->table->plan_run(j->plan, worker, j->in, j->out + item * j->n_out, NULL);

    if (rc != TW_OK)
        j->rc = rc;
}

static tw_status time_trunk(tw_plan *plan, const tw_graph *graph, int workers, int64_t pictures)
{
    int64_t n_pieces = (pictures + plan->piece - 1) / plan->piece;
    const tw_shape *shape = tw_graph_output_shape(graph);
    job j = {plan->table, plan, NULL, NULL, plan->piece, TW_OK};
    double best = 1e9;

    for (int i = 0; i < shape->rank; i++)
        j.n_out *= shape->dims[i];
    j.in = random_numbers(plan->piece * SIDE * SIDE * 3, 255.0f, 99);
    j.out = tw_alloc_f32(n_pieces * j.n_out);
    for (int round = 0; round < ROUNDS; round++) {
        double start = tw_clock_s();
        tw_parallel(workers, n_pieces, run_piece, &j);
        if (tw_clock_s() - start < best)
            best = tw_clock_s() - start;
    }
    printf("%d workers, piece %lld: %.1f ms a picture, packed %.1f MB, a worker %.1f MB\n%s\n",
           workers, (long long)plan->piece, best * 1e3 / (double)(n_pieces * plan->piece),
           (double)plan->packed_bytes / 1e6, (double)plan->worker_bytes / 1e6, plan->choices);
    tw_free((void *)(uintptr_t)j.in);
    tw_free(j.out);
    return j.rc;
}

int main(int argc, char **argv)
{
    int64_t workers = 2, piece = 2, pictures = 16;
    const char *precision = argc > 3 ? argv[3] : "fp32";
    tw_node_weights weights[32] = {{NULL, NULL}};
    tw_backend *backend = NULL;
    tw_graph *graph = NULL;
    tw_plan *plan = NULL;
    tw_error err = {0};
    tw_status rc = TW_EUSAGE;

    if ((argc > 1 && !tw_parse_i64(&workers, argv[1])) ||
        (argc > 2 && !tw_parse_i64(&piece, argv[2])) ||
        (argc > 4 && !tw_parse_i64(&pictures, argv[4])))
        goto done;
    if ((rc = make_trunk(&graph, &err)) != TW_OK ||
        (rc = tw_backend__cpu.open(&backend, argc > 5 ? argv[5] : NULL, &err)) != TW_OK)
        goto done;
    printf("%s\n%s\n", backend->describe, backend->numerics);
    for (int i = 0; i < graph->n; i++)
        if (tw_node_param_count(graph, i) > 0)
            weights[i].kernel = random_numbers(tw_node_param_count(graph, i), 0.1f, (uint64_t)i);
    if ((rc = tw_backend__cpu.plan_create(&plan, backend, graph, piece, precision, &err)) ==
            TW_OK &&
        (rc = tw_backend__cpu.plan_load(plan, weights, (int)workers, NULL, NULL, &err)) == TW_OK)
        rc = time_trunk(plan, graph, (int)workers, pictures);
done:
    if (rc != TW_OK)
        fprintf(stderr, "%s\n", err.text);
    for (int i = 0; graph && i < graph->n; i++)
        tw_free((void *)(uintptr_t)weights[i].kernel);
    tw_backend__cpu.plan_free(plan);
    tw_backend__cpu.close(backend);
    tw_graph_free(graph);
    return rc == TW_OK ? 0 : 1;
}
