/*
 * Times VGG16's trunk on backend cpu: random weights, 224x224, as many workers as asked for, each
 * taking whole pieces; with own convolutions and with oneDNN's, in turn. Prints for each ms per
 * picture (the best of the rounds) and the plan's sizes; with one worker also each layer's ms and
 * effective GFLOP/s (those of a direct convolution) in both.
 *
 *   trunk [WORKERS [PIECE [PRECISION [PICTURES [ISA]]]]]
 */
#include "work.h"

#include "backend/cpu/cpu_int.h"
#include "base/clock.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { N_BLOCKS = 5, ROUNDS = 10, SIDE = 224, MAX_LAYERS = 32 };

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
    tw_status rc =
        j->table->plan_run(j->plan, worker, j->plan->piece, j->in, j->out + item * j->n_out, NULL);

    if (rc != TW_OK)
        j->rc = rc;
}

/* One of the two plans that are timed, and its best time so far. */
typedef struct runner {
    const char *name;
    tw_backend *backend;
    tw_plan *plan;
    job job;
    double t_s, load_s, layers_s[MAX_LAYERS];
} runner;

static tw_status open_runner(runner *r, const tw_graph *graph, const tw_node_weights *weights,
                             int workers, int64_t piece, tw_precision precision, const char *isa,
                             tw_error *err)
{
    tw_status rc = tw_backend__cpu.open(&r->backend, isa, err);

    if (rc != TW_OK)
        return rc;
    if (strcmp(r->name, "oneDNN") == 0)
        tw_backend__cpu_use_onednn(r->backend);
    r->load_s = tw_clock_s();
    if ((rc = tw_backend__cpu.plan_create(&r->plan, r->backend, graph, piece, precision, err)) !=
            TW_OK ||
        (rc = tw_backend__cpu.plan_load(r->plan, weights, workers, NULL, NULL, err)) != TW_OK)
        return rc;
    r->load_s = tw_clock_s() - r->load_s;
    r->t_s = 1e9;
    return TW_OK;
}

static void close_runner(runner *r)
{
    tw_backend__cpu.plan_free(r->plan);
    tw_backend__cpu.close(r->backend);
}

static tw_status time_round(runner *r, const float *in, float *out, int64_t n_out, int workers,
                            int64_t n_pieces)
{
    double start = tw_clock_s();

    r->job = (job){r->plan->table, r->plan, in, out, n_out, TW_OK};
    tw_parallel(workers, n_pieces, run_piece, &r->job);
    if (tw_clock_s() - start < r->t_s)
        r->t_s = tw_clock_s() - start;
    return r->job.rc;
}

/* Adds up the steps of each layer; the least of the rounds. */
static tw_status time_layers(runner *r, const float *in, float *out)
{
    const tw_cpu_plan *plan = (const tw_cpu_plan *)r->plan;
    const tw_cpu_run run = {.n = plan->base.piece, .in = in, .out = out};
    double sums[MAX_LAYERS] = {0};
    tw_status rc = TW_OK;
    int threads = tw_backend__cpu_one_thread();

    for (int i = 0, end; i < plan->n_steps && rc == TW_OK; i = end) {
        end = tw_backend__cpu_section_end(plan, i);
        for (int64_t sample = 0; sample < (plan->steps[i].is_single ? run.n : 1); sample++)
            for (int step = i; step < end && rc == TW_OK; step++) {
                double start = tw_clock_s();
                rc = tw_backend__cpu_step_run(plan, step, sample, &run, NULL);
                sums[plan->steps[step].node] += tw_clock_s() - start;
            }
    }
    for (int i = 0; i < MAX_LAYERS; i++)
        if (r->layers_s[i] == 0.0 || sums[i] < r->layers_s[i])
            r->layers_s[i] = sums[i];
    tw_backend__cpu_restore_threads(threads);
    return rc;
}

static void print_layers(const runner *runners, int n)
{
    const tw_graph *graph = runners[0].plan->graph;
    const double piece = (double)runners[0].plan->piece;

    for (int i = 1; i < graph->n; i++) {
        printf("%-14s", graph->nodes[i].name);
        for (int r = 0; r < n; r++) {
            const double t_s = runners[r].layers_s[i] / piece;
            printf("%10.2f ms %7.1f GFLOP/s", t_s * 1e3,
                   t_s > 0.0 ? 2e-9 * (double)tw_node_macs(graph, i) / t_s : 0.0);
        }
        printf("\n");
    }
}

static tw_status time_all(runner *runners, int n, int workers, int64_t pictures)
{
    tw_plan *plan = runners[0].plan;
    int64_t n_pieces = (pictures + plan->piece - 1) / plan->piece;
    int64_t n_out = plan->piece * tw_shape_size(tw_graph_output_shape(plan->graph));
    float *in = random_numbers(plan->piece * SIDE * SIDE * 3, 255.0f, 99);
    float *out = tw_alloc_f32(n_pieces * n_out);
    tw_status rc = TW_OK;

    for (int i = 0; i < ROUNDS * n && rc == TW_OK; i++)
        rc = time_round(&runners[i % n], in, out, n_out, workers, n_pieces);
    for (int i = 0; i < ROUNDS * n && rc == TW_OK && workers == 1; i++)
        rc = time_layers(&runners[i % n], in, out);
    for (int i = 0; i < n; i++)
        printf("%s: %d workers, piece %lld: %.1f ms a picture, packed %.1f MB in %.2f s, a worker "
               "%.1f MB\n%s\n",
               runners[i].name, workers, (long long)plan->piece,
               runners[i].t_s * 1e3 / (double)(n_pieces * plan->piece),
               (double)runners[i].plan->packed_bytes / 1e6, runners[i].load_s,
               (double)runners[i].plan->worker_bytes / 1e6, runners[i].plan->choices);
    if (workers == 1)
        print_layers(runners, n);
    tw_free(in);
    tw_free(out);
    return rc;
}

int main(int argc, char **argv)
{
    int64_t workers = 2, piece = 2, pictures = 16;
    tw_precision precision = TW_PRECISION_FP32;
    const char *isa = argc > 5 ? argv[5] : NULL;
    runner runners[] = {{.name = "own"}, {.name = "oneDNN"}};
    enum { N = sizeof runners / sizeof runners[0] };
    tw_node_weights weights[MAX_LAYERS] = {{NULL, NULL}};
    tw_graph *graph = NULL;
    tw_error err = {0};
    tw_status rc = TW_EUSAGE;

    if ((argc > 1 && !tw_parse_i64(&workers, argv[1])) ||
        (argc > 2 && !tw_parse_i64(&piece, argv[2])) ||
        (argc > 3 && !tw_precision_parse(&precision, argv[3])) ||
        (argc > 4 && !tw_parse_i64(&pictures, argv[4])))
        goto done;
    if ((rc = make_trunk(&graph, &err)) != TW_OK)
        goto done;
    bench_set_ranges(graph);
    for (int i = 0; i < graph->n; i++)
        if (tw_node_param_count(graph, i) > 0)
            weights[i].kernel = random_numbers(tw_node_param_count(graph, i), 0.1f, (uint64_t)i);
    for (int i = 0; i < N && rc == TW_OK; i++)
        rc = open_runner(&runners[i], graph, weights, (int)workers, piece, precision, isa, &err);
    if (rc != TW_OK)
        goto done;
    printf("%s\n%s\n", runners[0].backend->describe, runners[0].backend->numerics);
    rc = time_all(runners, N, (int)workers, pictures);
done:
    if (rc != TW_OK)
        fprintf(stderr, "%s\n", err.text);
    for (int i = 0; graph && i < graph->n; i++)
        tw_free((void *)(uintptr_t)weights[i].kernel);
    for (int i = 0; i < N; i++)
        close_runner(&runners[i]);
    tw_graph_free(graph);
    return rc == TW_OK ? 0 : 1;
}
