/*
 * A model by the clock: rounds over the same random pictures, as a whole or layer by layer, beside
 * what the machine's own loops reach. The first round touches the memory and is not counted; of the
 * others the least and the median stand.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"
#include "base/watch.h"
#include "infer/engine.h"
#include "tensor/tensor.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { PICTURES = 16, ROUNDS = 5, SEED = 42 };

typedef struct bench {
    const tw_model *model;
    tw_computer computer;
    tw_chain *chain;
    int n_layers, n_rounds;
    bool by_layer;
    int64_t n_pictures;
    float *in, *out;
    double *seconds; /* (layers) of one round */
    double *times;   /* (1 + layers, rounds): the whole, then each layer */
} bench;

static void bench_close(bench *b)
{
    tw_chain_free(b->chain);
    tw_computer_close(&b->computer);
    tw_free(b->in);
    tw_free(b->out);
    tw_free(b->seconds);
    tw_free(b->times);
}

/* Numbers of [-128, 128), none of them zero for long. */
static void fill_pictures(float *out, int64_t n)
{
    const tw_rng_key key = tw_rng_make_key(SEED, TW_RNG_INIT, 0, 0);

    for (int64_t i = 0; i < n; i++)
        out[i] = 256.0f * tw_rng_uniform(&key, (uint64_t)i) - 128.0f;
}

static tw_status make_room(bench *b, tw_error *err)
{
    int64_t n_in, n_out;

    if (!tw_mul_i64(&n_in, b->n_pictures, tw_chain_in_size(b->chain)) ||
        !tw_mul_i64(&n_out, b->n_pictures, tw_chain_out_size(b->chain)) ||
        !(b->in = tw_alloc_f32(n_in)) || !(b->out = tw_alloc_f32(n_out)) ||
        !(b->seconds = tw_calloc((size_t)b->n_layers, sizeof *b->seconds)) ||
        !(b->times = tw_calloc((size_t)(b->n_layers + 1) * (size_t)b->n_rounds, sizeof *b->times)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld pictures in %d rounds",
                       (long long)b->n_pictures, b->n_rounds);
    fill_pictures(b->in, n_in);
    return TW_OK;
}

static tw_status bench_open(bench *b, const tw_compute *compute, tw_error *err)
{
    tw_compute all = compute ? *compute : (tw_compute){0};
    tw_status rc;

    if (all.memory_limit == 0)
        all.memory_limit = INT64_MAX;
    if ((rc = tw_computer_open(&b->computer, &all, b->model->precision, err)) ||
        (rc = tw_chain_create(&b->chain, b->model, 0, b->n_layers - 1, b->computer.backend,
                              b->computer.precision, b->computer.n_threads,
                              b->computer.memory_limit, err)))
        return rc;
    return make_room(b, err);
}

static tw_status run_round(bench *b, int round, tw_error *err)
{
    const double pictures = (double)b->n_pictures, workers = (double)tw_chain_workers(b->chain);
    double start_s;
    tw_status rc;

    memset(b->seconds, 0, (size_t)b->n_layers * sizeof *b->seconds);
    start_s = tw_clock_s();
    rc = b->by_layer ? tw_chain_run_timed(b->chain, b->in, b->n_pictures, b->out, b->seconds, err)
                     : tw_chain_run(b->chain, b->in, b->n_pictures, b->out, NULL, NULL, err);
    b->times[round] = (tw_clock_s() - start_s) / pictures;
    for (int i = 0; i < b->n_layers; i++)
        b->times[(i + 1) * b->n_rounds + round] = b->seconds[i] / pictures / workers;
    return rc;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts a row of times. */
static void take_times(tw_pace *out, double *times, int n)
{
    qsort(times, (size_t)n, sizeof *times, compare);
    out->t_least_s = times[0];
    out->t_median_s = (times[(n - 1) / 2] + times[n / 2]) / 2;
}

static tw_status take_layers(tw_benchmark *out, bench *b, tw_error *err)
{
    const tw_graph *graph = b->model->graph;

    if (!b->by_layer)
        return TW_OK;
    if (!(out->layers = tw_calloc((size_t)b->n_layers, sizeof *out->layers)))
        return tw_fail(err, TW_ENOMEM, "no memory for the times of %d layers", b->n_layers);
    for (int i = 1; i < b->n_layers; i++) {
        tw_pace *pace = &out->layers[out->n_layers++];

        pace->name = graph->nodes[i].name;
        pace->op = tw_op_name(graph->nodes[i].op);
        pace->macs = tw_node_macs(graph, i);
        tw_chain_algorithm(pace->algorithm, sizeof pace->algorithm, b->chain, i);
        take_times(pace, b->times + (i + 1) * b->n_rounds, b->n_rounds);
    }
    return TW_OK;
}

static void take_whole(tw_benchmark *out, bench *b)
{
    const tw_node *last = &b->model->graph->nodes[b->n_layers - 1];

    out->whole.name = last->name;
    out->whole.op = tw_op_name(last->op);
    for (int i = 1; i < b->n_layers; i++)
        out->whole.macs += tw_node_macs(b->model->graph, i);
    take_times(&out->whole, b->times, b->n_rounds);
}

/* Threads that get no piece would only flatter the peak. */
static tw_status take_peak(tw_benchmark *out, const bench *b, tw_error *err)
{
    const tw_backend *backend = b->computer.backend;
    tw_peak peak;
    tw_status rc = backend->table->peak(&peak, backend, tw_chain_workers(b->chain), err);

    if (rc)
        return rc;
    out->fp32_peak = peak.fp32_flops;
    out->bf16_peak = peak.bf16_flops;
    out->read_peak = peak.read_bytes;
    out->peak = b->computer.precision == TW_PRECISION_BF16 && peak.bf16_flops > 0.0
                    ? peak.bf16_flops
                    : peak.fp32_flops;
    return TW_OK;
}

static tw_status run_rounds(bench *b, const tw_watch *watch, tw_error *err)
{
    tw_status rc = run_round(b, 0, err);

    for (int round = 0; round < b->n_rounds && !rc; round++) {
        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted after %d of %d rounds", round,
                           b->n_rounds);
        rc = run_round(b, round, err);
    }
    return rc;
}

tw_status tw_benchmark_run(tw_benchmark *out, const tw_model *model,
                           const tw_benchmark_options *options, const tw_compute *compute,
                           const tw_watch *watch, tw_error *err)
{
    bench b = {.model = model,
               .n_layers = model->graph->n,
               .n_rounds = options && options->n_rounds > 0 ? options->n_rounds : ROUNDS,
               .n_pictures = options && options->n_pictures > 0 ? options->n_pictures : PICTURES,
               .by_layer = options && options->by_layer};
    tw_status rc;

    memset(out, 0, sizeof *out);
    if ((rc = bench_open(&b, compute, err)) || (rc = take_peak(out, &b, err)) ||
        (rc = run_rounds(&b, watch, err)) || (rc = take_layers(out, &b, err)))
        goto done;
    take_whole(out, &b);
    memcpy(out->describe, b.computer.describe, sizeof out->describe);
    out->n_threads = tw_chain_workers(b.chain);
    out->n_pictures = b.n_pictures;
    out->n_rounds = b.n_rounds;
    out->n_bytes = tw_chain_memory(b.chain);
done:
    bench_close(&b);
    if (rc)
        tw_benchmark_free(out);
    return rc;
}

void tw_benchmark_free(tw_benchmark *benchmark)
{
    tw_free(benchmark->layers);
    memset(benchmark, 0, sizeof *benchmark);
}
