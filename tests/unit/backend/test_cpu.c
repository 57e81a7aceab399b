/*
 * The cpu backend's own promises: paths and their refusals, sizes known before anything is packed,
 * what is released when, and bits that depend on the sample alone. A path belongs to the process,
 * so those tests run in children, before this process has used oneDNN itself.
 */
#include "backend/backend_int.h"
#include "base/cpu.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "tensor/tensor.h"

#include "check.h"

#include <math.h>
#include <omp.h>
#include <sys/wait.h>

enum { MAX_LAYERS = 16, CLASSES = 10 };

static const tw_backend_table *const cpu = &tw_backend__cpu;

/* ---- a net, its weights and one sample */

static void add(tw_graph *graph, tw_node node, const char *name)
{
    snprintf(node.name, sizeof node.name, "%s", name);
    node.n_inputs = 1;
    node.inputs[0] = graph->n - 1;
    assert_ok(tw_graph_add(graph, &node, e));
}

static tw_node conv(int units, int side, tw_activation activation)
{
    return (tw_node){.op = TW_OP_CONV2D,
                     .units = units,
                     .window = {side, side},
                     .stride = {1, 1},
                     .padding = TW_SAME,
                     .activation = activation};
}

static tw_node dense(int units, tw_activation activation)
{
    return (tw_node){.op = TW_OP_DENSE, .units = units, .activation = activation};
}

static const tw_node pool = {.op = TW_OP_MAX_POOL, .window = {2, 2}, .stride = {2, 2}};

/* Convolutions that oneDNN's Winograd takes and others, a pool, and a top. */
static tw_graph *small_net(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){18, 22, 3});
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv(32, 3, TW_RELU), "conv1");
    add(graph, conv(48, 3, TW_RELU), "conv2");
    add(graph, pool, "pool");
    add(graph, conv(20, 1, TW_LINEAR), "conv3");
    add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    add(graph, dense(70, TW_SIGMOID), "dense");
    add(graph, (tw_node){.op = TW_OP_DROPOUT, .rate = 0.5}, "dropout");
    add(graph, dense(CLASSES, TW_SOFTMAX), "predictions");
    return graph;
}

static tw_graph *dense_net(int64_t inputs, int units)
{
    tw_shape in = tw_shape_make(1, &inputs);
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, dense(units, TW_LINEAR), "dense");
    return graph;
}

static void fill(float *out, int64_t n, uint64_t seed, float scale)
{
    tw_rng_key key = tw_rng_make_key(seed, TW_RNG_INIT, 0, 0);

    for (int64_t i = 0; i < n; i++)
        out[i] = tw_rng_normal(&key, (uint64_t)i) * scale;
}

static float *random_numbers(int64_t n, uint64_t seed, float scale)
{
    float *out = tw_alloc_f32(n);

    assert_non_null(out);
    fill(out, n, seed, scale);
    return out;
}

typedef struct world {
    tw_graph *graph;
    tw_node_weights weights[MAX_LAYERS];
    tw_backend *backend;
    tw_plan *plan;
    int64_t n_in, n_out; /* numbers of one sample */
} world;

static void make_world(world *w, tw_graph *graph)
{
    *w = (world){.graph = graph};
    for (int i = 0; i < graph->n; i++) {
        tw_shape shapes[2];
        if (tw_node_params(graph, i, shapes) == 0)
            continue;
        int64_t n = tw_shape_size(&shapes[0]), fan = n / graph->nodes[i].units;
        w->weights[i].kernel = random_numbers(n, (uint64_t)i, 1.0f / sqrtf((float)fan));
        w->weights[i].bias = random_numbers(graph->nodes[i].units, (uint64_t)i + 50, 0.1f);
    }
    w->n_in = tw_shape_size(&graph->nodes[0].out);
    w->n_out = tw_shape_size(tw_graph_output_shape(graph));
}

static void open_plan(world *w, int64_t piece, int n_workers)
{
    assert_ok(cpu->open(&w->backend, NULL, e));
    assert_ok(cpu->plan_create(&w->plan, w->backend, w->graph, piece, TW_PRECISION_FP32, e));
    assert_ok(cpu->plan_load(w->plan, w->weights, n_workers, NULL, NULL, e));
}

static void close_plan(world *w)
{
    cpu->plan_free(w->plan);
    cpu->close(w->backend);
    w->plan = NULL;
    w->backend = NULL;
}

static void free_world(world *w)
{
    for (int i = 0; i < w->graph->n; i++) {
        tw_free((void *)(uintptr_t)w->weights[i].kernel);
        tw_free((void *)(uintptr_t)w->weights[i].bias);
    }
    tw_graph_free(w->graph);
}

/* Does a sample give the same bits at every place of a piece, whatever lies beside it? */
static bool place_is_free(tw_graph *graph, int64_t piece)
{
    world w;
    float *sample, *in, *out, *first;
    bool same = true;

    make_world(&w, graph);
    open_plan(&w, piece, 1);
    sample = random_numbers(w.n_in, 7, 1);
    in = random_numbers(piece * w.n_in, 8, 1);
    out = tw_alloc_f32(piece * w.n_out);
    first = tw_alloc_f32(w.n_out);
    for (int64_t place = 0; place < piece; place++) {
        for (int64_t i = 0; i < piece * w.n_in; i++)
            in[i] *= -1.0f; /* other neighbours each time */
        memcpy(in + place * w.n_in, sample, (size_t)w.n_in * sizeof *in);
        assert_ok(cpu->plan_run(w.plan, 0, w.plan->piece, in, out, e));
        if (place == 0)
            memcpy(first, out, (size_t)w.n_out * sizeof *out);
        same = same && memcmp(first, out + place * w.n_out, (size_t)w.n_out * sizeof *out) == 0;
    }
    close_plan(&w);
    free_world(&w);
    tw_free(sample);
    tw_free(in);
    tw_free(out);
    tw_free(first);
    return same;
}

static bool places_are_free(void)
{
    static const int64_t pieces[] = {1, 2, 5, 6, 7, 16, 50, 97, 128};
    bool same = place_is_free(small_net(), 4) && place_is_free(small_net(), 3);

    for (size_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++)
        same = same && place_is_free(dense_net(9, 3), pieces[i]) &&
               place_is_free(dense_net(601, 70), pieces[i]);
    return same && place_is_free(dense_net(1300, 530), 128);
}

/* ---- paths, in children */

/* Runs work in a child; true when it returned true. */
static bool in_child(bool (*work)(void))
{
    int status = -1;
    pid_t child;

    fflush(NULL);
    if ((child = fork()) == 0)
        _exit(work() ? 0 : 1);
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* Does the path open, say its name and keep its numbers where a sample lies elsewhere? */
static bool path_works(const char *isa, const char *kind, const char *not_kind)
{
    tw_backend *backend;
    tw_error err = {TW_OK, ""};
    bool good;

    if (cpu->open(&backend, isa, &err) != TW_OK) {
        fprintf(stderr, "%s\n", err.text);
        return false;
    }
    good = strstr(backend->numerics, kind) && strstr(backend->describe, kind) &&
           !(not_kind && strstr(backend->numerics, not_kind));
    cpu->close(backend);
    return good && places_are_free();
}

static bool generic_works(void)
{
    return path_works("generic", "sse41", "avx");
}

static bool avx2_works(void)
{
    return path_works("avx2", "avx2", NULL);
}

static bool avx512_works(void)
{
    return path_works("avx512", "avx512_core", "amx");
}

static bool amx_works(void)
{
    return path_works("amx", "avx512_core_amx", NULL);
}

static void each_path_of_this_cpu_computes_a_sample_alone(void **state)
{
    tw_cpu what = tw_cpu_detect();

    (void)state;
    assert_true(in_child(generic_works));
    if (what.avx2)
        assert_true(in_child(avx2_works));
    if (what.avx512)
        assert_true(in_child(avx512_works));
    if (what.amx_bf16)
        assert_true(in_child(amx_works));
}

/* A plan on AVX2 first; then AVX-512 is too late, AVX2 again and auto are not. */
static bool second_path_is_refused(void)
{
    tw_backend *first, *again, *other;
    tw_error err = {TW_OK, ""};
    world w;

    if (cpu->open(&first, "avx2", &err) != TW_OK)
        return false;
    make_world(&w, small_net());
    open_plan(&w, 2, 1);
    close_plan(&w);
    free_world(&w);
    if (cpu->open(&other, "avx512", &err) != TW_EUNSUPPORTED || other ||
        strcmp(err.text, "path avx512 can no longer be taken: oneDNN computes on avx2 in this "
                         "process") != 0)
        return false;
    if (cpu->open(&again, "avx2", &err) != TW_OK)
        return false;
    cpu->close(again);
    if (cpu->open(&again, "auto", &err) != TW_OK || !strstr(again->describe, "path avx2"))
        return false;
    cpu->close(again);
    cpu->close(first);
    return true;
}

static void a_process_keeps_its_path(void **state)
{
    (void)state;
    if (!tw_cpu_detect().avx512)
        skip(); /* needs two paths */
    assert_true(in_child(second_path_is_refused));
}

static void a_path_that_the_cpu_lacks_is_named(void **state)
{
    tw_cpu what = tw_cpu_detect();
    tw_backend *backend;
    char sentence[200];

    (void)state;
    assert_fails(TW_EUSAGE, "unknown path \"sse9\": auto, generic, avx2, avx512 or amx",
                 cpu->open(&backend, "sse9", e));
    assert_null(backend);
    if (what.amx_bf16)
        skip(); /* it lacks nothing */
    snprintf(sentence, sizeof sentence, "path amx needs AMX with bf16, which this CPU (%s) lacks",
             what.name);
    assert_fails(TW_EUNSUPPORTED, sentence, cpu->open(&backend, "amx", e));
    assert_null(backend);
}

/* ---- one sample, the same bits */

static void a_sample_does_not_depend_on_its_place(void **state)
{
    (void)state;
    assert_true(places_are_free());
}

typedef struct run_job {
    tw_plan *plan;
    const float *in;
    float *out;
    int64_t n_in, n_out; /* of a piece */
} run_job;

static void run_piece(void *ctx, int64_t item, int worker)
{
    run_job *j = ctx;

    assert_int_equal(cpu->plan_run(j->plan, worker, j->plan->piece, j->in + item * j->n_in,
                                   j->out + item * j->n_out, NULL),
                     TW_OK);
}

/* n_workers 0: without tw_parallel, while OpenMP is told to use many threads. */
static float *run_all(world *w, int64_t piece, int64_t n_pieces, int n_workers)
{
    float *in = random_numbers(n_pieces * piece * w->n_in, 3, 1);
    float *out = tw_alloc_f32(n_pieces * piece * w->n_out);
    int before = omp_get_max_threads();

    if (n_workers == 0)
        omp_set_num_threads(4);
    open_plan(w, piece, n_workers ? n_workers : 1);
    run_job j = {w->plan, in, out, piece * w->n_in, piece * w->n_out};
    if (n_workers > 0)
        tw_parallel(n_workers, n_pieces, run_piece, &j);
    for (int64_t item = 0; n_workers == 0 && item < n_pieces; item++)
        run_piece(&j, item, 0);
    if (n_workers == 0)
        assert_int_equal(omp_get_max_threads(), 4);
    omp_set_num_threads(before);
    close_plan(w);
    tw_free(in);
    return out;
}

static void a_sample_does_not_depend_on_the_threads(void **state)
{
    enum { PIECE = 2, N_PIECES = 9 };
    static const int widths[] = {2, 4, 0};
    world w;
    float *one, *other;

    (void)state;
    make_world(&w, small_net());
    one = run_all(&w, PIECE, N_PIECES, 1);
    for (int i = 0; i < 3; i++) {
        other = run_all(&w, PIECE, N_PIECES, widths[i]);
        assert_memory_equal(one, other, (size_t)(PIECE * N_PIECES * w.n_out) * sizeof *one);
        tw_free(other);
    }
    tw_free(one);
    free_world(&w);
}

/* Layers that take one picture at a time, then layers that take the piece, with pools between. */
static tw_graph *large_net(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){64, 66, 3});
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv(8, 3, TW_RELU), "conv1");
    add(graph, conv(12, 3, TW_RELU), "conv2");
    add(graph, pool, "pool1");
    add(graph, conv(16, 3, TW_LINEAR), "conv3");
    add(graph, pool, "pool2");
    add(graph, conv(10, 1, TW_RELU), "conv4");
    return graph;
}

/* A piece of 1, then pieces of 3 of which n are asked for: the same bits of each sample. */
static void a_short_piece_gives_the_same_bits(void **state)
{
    enum { PIECE = 3 };
    world w;
    float *in, *alone, *out;
    size_t n_bytes;

    (void)state;
    make_world(&w, large_net());
    n_bytes = (size_t)w.n_out * sizeof *out;
    in = random_numbers(PIECE * w.n_in, 5, 1);
    alone = tw_alloc_f32(PIECE * w.n_out);
    out = tw_alloc_f32(PIECE * w.n_out);
    open_plan(&w, 1, 1);
    assert_non_null(strstr(w.plan->choices, "pool1=fused"));
    for (int64_t i = 0; i < PIECE; i++)
        assert_ok(cpu->plan_run(w.plan, 0, 1, in + i * w.n_in, alone + i * w.n_out, e));
    close_plan(&w);
    open_plan(&w, PIECE, 1);
    for (int64_t n = 1; n <= PIECE; n++) {
        memset(out, 0, PIECE * n_bytes);
        assert_ok(cpu->plan_run(w.plan, 0, n, in, out, e));
        assert_memory_equal(alone, out, (size_t)n * n_bytes);
    }
    close_plan(&w);
    free_world(&w);
    tw_free(in);
    tw_free(alone);
    tw_free(out);
}

/* In a mapped file weights may lie anywhere. */
static void unaligned_weights_give_the_same_bits(void **state)
{
    world w;
    float *one, *other;
    char *moved[MAX_LAYERS][2] = {{NULL, NULL}};
    tw_node_weights kept[MAX_LAYERS];

    (void)state;
    make_world(&w, small_net());
    one = run_all(&w, 2, 3, 1);
    memcpy(kept, w.weights, sizeof kept);
    for (int i = 0; i < w.graph->n; i++) {
        tw_shape shapes[2];
        for (int slot = 0; slot < tw_node_params(w.graph, i, shapes); slot++) {
            size_t n = (size_t)tw_shape_size(&shapes[slot]) * sizeof(float);
            const float **place = slot ? &w.weights[i].bias : &w.weights[i].kernel;
            moved[i][slot] = tw_malloc(n + 1);
            memcpy(moved[i][slot] + 1, *place, n);
            *place = (const float *)(const void *)(moved[i][slot] + 1);
        }
    }
    other = run_all(&w, 2, 3, 1);
    assert_memory_equal(one, other, (size_t)(2 * 3 * w.n_out) * sizeof *one);
    for (int i = 0; i < w.graph->n; i++)
        for (int slot = 0; slot < 2; slot++)
            tw_free(moved[i][slot]);
    memcpy(w.weights, kept, sizeof kept);
    free_world(&w);
    tw_free(one);
    tw_free(other);
}

/* ---- plans */

static void sizes_are_known_before_packing(void **state)
{
    world w;

    (void)state;
    make_world(&w, dense_net(600, 530));
    assert_ok(cpu->open(&w.backend, NULL, e));
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 8, TW_PRECISION_FP32, e));
    /* the bias, in whole cache lines; input and output are the caller's, so a panel of 512x512 */
    assert_int_equal(w.plan->packed_bytes, 2176 - 2176 % 64);
    assert_int_equal(w.plan->worker_bytes, 512 * 512 * 4);
    assert_int_equal(w.plan->piece, 8);
    close_plan(&w);
    free_world(&w);

    make_world(&w, small_net());
    assert_ok(cpu->open(&w.backend, NULL, e));
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 2, TW_PRECISION_FP32, e));
    assert_true(w.plan->packed_bytes >= (3 * 3 * 3 * 32 + 3 * 3 * 32 * 48) * 4);
    assert_true(w.plan->worker_bytes >= 2 * 18 * 22 * (32 + 48) * 4); /* conv2 reads and writes */
    close_plan(&w);
    free_world(&w);
}

static void values_share_memory_when_their_lives_are_over(void **state)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){64, 64, 16});
    int64_t two = 0;

    (void)state;
    for (int depth = 4; depth <= 12; depth += 8) {
        world w;
        tw_graph *graph;
        assert_ok(tw_graph_create(&graph, "input", &in, e));
        for (int i = 0; i < depth; i++) {
            char name[16];
            snprintf(name, sizeof name, "conv%d", i);
            add(graph, conv(16, 3, TW_RELU), name);
        }
        make_world(&w, graph);
        assert_ok(cpu->open(&w.backend, NULL, e));
        tw_backend__cpu_use_background(w.backend, false); /* it keeps something of each layer */
        assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 2, TW_PRECISION_FP32, e));
        if (depth == 4)
            two = w.plan->worker_bytes;
        assert_int_equal(w.plan->worker_bytes, two);
        close_plan(&w);
        free_world(&w);
    }
}

static void choices_name_each_layer(void **state)
{
    world w;
    const char *at;

    (void)state;
    make_world(&w, small_net());
    open_plan(&w, 2, 1);
    at = w.plan->choices;
    assert_ptr_equal(strstr(at, "conv1="), at);
    assert_non_null(at = strstr(at, ",conv2="));
    assert_non_null(at = strstr(at, ",pool="));
    assert_non_null(at = strstr(at, ",conv3="));
    assert_non_null(at = strstr(at, ",dense=sgemm,predictions=sgemm"));
    assert_string_equal(at, ",dense=sgemm,predictions=sgemm");
    assert_ptr_equal(strstr(w.backend->numerics, "cpu oneDNN-"), w.backend->numerics);
    assert_non_null(strstr(w.backend->numerics, " kernels-"));
    assert_non_null(strstr(w.backend->numerics, " isa="));
    assert_non_null(strstr(w.backend->numerics, " l1="));
    assert_non_null(strstr(w.backend->numerics, " l2="));
    close_plan(&w);
    free_world(&w);
}

static void count_release(void *ctx, int node)
{
    ((int *)ctx)[node]++;
}

/* Convolutions are packed and given back, once each; dense kernels are used in place. */
static void packed_weights_are_released_once(void **state)
{
    int count[MAX_LAYERS] = {0};
    world w;

    (void)state;
    make_world(&w, small_net());
    assert_ok(cpu->open(&w.backend, NULL, e));
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 2, TW_PRECISION_FP32, e));
    assert_ok(cpu->plan_load(w.plan, w.weights, 2, count_release, count, e));
    for (int i = 0; i < w.graph->n; i++)
        assert_int_equal(count[i], w.graph->nodes[i].op == TW_OP_CONV2D);
    close_plan(&w);
    free_world(&w);
}

static void a_missing_bias_is_zero(void **state)
{
    world w;
    float *with, *without;

    (void)state;
    make_world(&w, small_net());
    for (int i = 0; i < w.graph->n; i++)
        if (w.weights[i].bias)
            memset((void *)(uintptr_t)w.weights[i].bias, 0,
                   (size_t)w.graph->nodes[i].units * sizeof(float));
    with = run_all(&w, 2, 1, 1);
    for (int i = 0; i < w.graph->n; i++) {
        tw_free((void *)(uintptr_t)w.weights[i].bias);
        w.weights[i].bias = NULL;
    }
    without = run_all(&w, 2, 1, 1);
    assert_memory_equal(with, without, (size_t)(2 * w.n_out) * sizeof *with);
    tw_free(with);
    tw_free(without);
    free_world(&w);
}

static void layers_without_arithmetic_copy(void **state)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){5, 3, 7});
    tw_graph *graph;
    world w;
    float *x, *y;

    (void)state;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, (tw_node){.op = TW_OP_DROPOUT, .rate = 0.5}, "dropout");
    add(graph, (tw_node){.op = TW_OP_FLATTEN}, "flatten");
    make_world(&w, graph);
    open_plan(&w, 3, 1);
    assert_string_equal(w.plan->choices, "");
    x = random_numbers(3 * w.n_in, 1, 1);
    y = tw_alloc_f32(3 * w.n_out);
    assert_ok(cpu->plan_run(w.plan, 0, w.plan->piece, x, y, e));
    assert_memory_equal(x, y, (size_t)(3 * w.n_in) * sizeof *x);
    close_plan(&w);
    free_world(&w);
    tw_free(x);
    tw_free(y);
}

static void relu_keeps_nan(void **state)
{
    tw_shape in = tw_shape_make(1, (int64_t[]){4});
    float x[4] = {-1.0f, NAN, 2.0f, -0.0f}, y[4];
    tw_graph *graph;
    world w;

    (void)state;
    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, (tw_node){.op = TW_OP_RELU}, "relu");
    make_world(&w, graph);
    open_plan(&w, 1, 1);
    assert_ok(cpu->plan_run(w.plan, 0, w.plan->piece, x, y, e));
    assert_true(y[0] == 0.0f && isnan(y[1]) && y[2] == 2.0f && y[3] == 0.0f);
    close_plan(&w);
    free_world(&w);
}

static void wrong_use_is_refused(void **state)
{
    tw_node_weights none[MAX_LAYERS] = {{NULL, NULL}};
    world w;

    (void)state;
    make_world(&w, small_net());
    assert_ok(cpu->open(&w.backend, "auto", e));
    assert_fails(TW_EUSAGE, "a piece needs at least 1 sample, got 0",
                 cpu->plan_create(&w.plan, w.backend, w.graph, 0, TW_PRECISION_FP32, e));
    assert_null(w.plan);
    assert_fails(TW_EUSAGE, "precision auto is none to compute in",
                 cpu->plan_create(&w.plan, w.backend, w.graph, 1, TW_PRECISION_AUTO, e));
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 1, TW_PRECISION_FP32, e));
    assert_fails(TW_EUSAGE, "a plan needs at least 1 worker, got 0",
                 cpu->plan_load(w.plan, w.weights, 0, NULL, NULL, e));
    assert_fails(TW_EUSAGE, "conv1: no weights were given",
                 cpu->plan_load(w.plan, none, 1, NULL, NULL, e));
    cpu->plan_free(w.plan);
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, 1, TW_PRECISION_FP32, e));
    assert_ok(cpu->plan_load(w.plan, w.weights, 1, NULL, NULL, e));
    assert_fails(TW_EUSAGE, "this plan has its weights already",
                 cpu->plan_load(w.plan, w.weights, 1, NULL, NULL, e));
    close_plan(&w);
    free_world(&w);
    cpu->plan_free(NULL);
    cpu->close(NULL);
}

/* ---- lower precisions */

/* The largest difference of the two, of the largest number, on the path that this process takes. */
static float error_in(tw_precision precision, tw_graph *graph)
{
    enum { PIECE = 2 };
    world w;
    float *x, *y, *y16, error = 0, largest = 0;

    make_world(&w, graph);
    x = random_numbers(PIECE * w.n_in, 5, 1);
    y = tw_alloc_f32(PIECE * w.n_out);
    y16 = tw_alloc_f32(PIECE * w.n_out);
    open_plan(&w, PIECE, 1);
    assert_ok(cpu->plan_run(w.plan, 0, w.plan->piece, x, y, e));
    cpu->plan_free(w.plan);
    if (precision == TW_PRECISION_BF16X3)
        tw_backend__cpu_use_bf16x3_twin(w.backend);
    assert_ok(cpu->plan_create(&w.plan, w.backend, w.graph, PIECE, precision, e));
    assert_ok(cpu->plan_load(w.plan, w.weights, 1, NULL, NULL, e));
    assert_ok(cpu->plan_run(w.plan, 0, w.plan->piece, x, y16, e));
    for (int64_t i = 0; i < PIECE * w.n_out; i++) {
        error = fmaxf(error, fabsf(y[i] - y16[i]));
        largest = fmaxf(largest, fabsf(y[i]));
    }
    close_plan(&w);
    free_world(&w);
    tw_free(x);
    tw_free(y);
    tw_free(y16);
    return error / largest;
}

static bool is_near(float error)
{
    return error > 0 && error < 0.04f;
}

static void bf16_computes_near_fp32(void **state)
{
    (void)state;
    if (!tw_cpu_detect().avx512)
        skip(); /* refused: the next test */
    assert_true(is_near(error_in(TW_PRECISION_BF16, small_net())));
}

static tw_graph *conv_net(void)
{
    tw_shape in = tw_shape_make(3, (int64_t[]){18, 22, 3});
    tw_graph *graph;

    assert_ok(tw_graph_create(&graph, "input", &in, e));
    add(graph, conv(32, 3, TW_RELU), "conv1");
    add(graph, conv(48, 3, TW_RELU), "conv2");
    add(graph, pool, "pool");
    return graph;
}

/* In plain C, which every CPU has, for layers that are own there. */
static bool bf16_works_on_generic(void)
{
    tw_backend *backend;
    tw_error err = {TW_OK, ""};
    bool good;

    if (cpu->open(&backend, "generic", &err) != TW_OK)
        return false;
    good = cpu->check_precision(backend, TW_PRECISION_BF16, &err) == TW_OK &&
           cpu->fastest(backend) == TW_PRECISION_FP32 &&
           is_near(error_in(TW_PRECISION_BF16, conv_net()));
    if (!good)
        fprintf(stderr, "%s\n", err.text);
    cpu->close(backend);
    return good;
}

static void bf16_computes_in_plain_c_too(void **state)
{
    (void)state;
    assert_true(in_child(bf16_works_on_generic));
}

static bool bf16_is_refused(void)
{
    tw_error err = {TW_OK, ""};
    bool refused;
    world w;

    if (cpu->open(&w.backend, "avx2", &err) != TW_OK)
        return false;
    w.graph = small_net();
    refused = cpu->plan_create(&w.plan, w.backend, w.graph, 1, TW_PRECISION_BF16, &err) ==
                  TW_EUNSUPPORTED &&
              !w.plan &&
              strcmp(err.text,
                     "precision bf16 needs AVX-512, the path is avx2; fp32 is for every CPU") == 0;
    if (!refused)
        fprintf(stderr, "%s\n", err.text);
    cpu->close(w.backend);
    tw_graph_free(w.graph);
    return refused;
}

static void bf16_is_refused_without_avx512(void **state)
{
    (void)state;
    if (!tw_cpu_detect().avx2)
        skip();
    assert_true(in_child(bf16_is_refused));
}

/* In plain C here, which the AMX of CPUs that have it is held against (test_bf16x3.c). */
static void bf16x3_computes_almost_as_fp32(void **state)
{
    float error;

    (void)state;
    error = error_in(TW_PRECISION_BF16X3, conv_net());
    assert_true(error > 0 && error < 2e-5f);
    error = error_in(TW_PRECISION_BF16X3, small_net());
    assert_true(error > 0 && error < 2e-5f);
}

static void bf16x3_is_refused_without_amx(void **state)
{
    const char *const sentence = "precision bf16x3 needs a CPU with AMX, the path is ";
    tw_error err = {TW_OK, ""};
    world w = {.graph = NULL};

    (void)state;
    if (tw_cpu_detect().amx_bf16)
        skip(); /* it has it */
    assert_ok(cpu->open(&w.backend, NULL, e));
    assert_int_equal(cpu->check_precision(w.backend, TW_PRECISION_BF16X3, &err), TW_EUNSUPPORTED);
    assert_int_equal(strncmp(err.text, sentence, strlen(sentence)), 0);
    cpu->close(w.backend);
}

/* Every child is made before this process has used oneDNN: those tests come first. */
int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_path_of_this_cpu_computes_a_sample_alone),
        cmocka_unit_test(a_process_keeps_its_path),
        cmocka_unit_test(bf16_is_refused_without_avx512),
        cmocka_unit_test(bf16_computes_in_plain_c_too),
        cmocka_unit_test(a_path_that_the_cpu_lacks_is_named),
        cmocka_unit_test(a_sample_does_not_depend_on_its_place),
        cmocka_unit_test(a_sample_does_not_depend_on_the_threads),
        cmocka_unit_test(a_short_piece_gives_the_same_bits),
        cmocka_unit_test(unaligned_weights_give_the_same_bits),
        cmocka_unit_test(sizes_are_known_before_packing),
        cmocka_unit_test(values_share_memory_when_their_lives_are_over),
        cmocka_unit_test(choices_name_each_layer),
        cmocka_unit_test(packed_weights_are_released_once),
        cmocka_unit_test(a_missing_bias_is_zero),
        cmocka_unit_test(layers_without_arithmetic_copy),
        cmocka_unit_test(relu_keeps_nan),
        cmocka_unit_test(wrong_use_is_refused),
        cmocka_unit_test(bf16_computes_near_fp32),
        cmocka_unit_test(bf16x3_computes_almost_as_fp32),
        cmocka_unit_test(bf16x3_is_refused_without_amx),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
