/*
 * A convolution in training is run: forward, data gradient and weight gradient of a batch, piece by
 * piece. See conv2d_train.h.
 *
 * The weight gradient: pieces fall into at most TW_CONV_GROUPS groups in order; a group's pieces
 * are summed in turn by one worker, then the groups in turn. How they fall depends on the batch
 * alone.
 */
#include "backend/cpu/conv2d_train.h"

#include "base/parallel.h"

#include <omp.h>
#include <string.h>

enum { TILE = 16384 }; /* numbers summed, or given to the sink, at once */

/* oneDNN's handles are not const; it only reads what goes in. */
static float *mutable(const float *numbers)
{
    return (float *)(uintptr_t)numbers;
}

static dnnl_status_t run_reorder(const tw_conv_port *port, dnnl_memory_t from, dnnl_memory_t to,
                                 dnnl_memory_t scratch, dnnl_stream_t stream)
{
    dnnl_exec_arg_t args[3] = {
        {DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}, {DNNL_ARG_SCRATCHPAD, scratch}};
    dnnl_status_t status = dnnl_primitive_execute(port->reorder, stream, 3, args);

    return status == dnnl_success ? dnnl_stream_wait(stream) : status;
}

/* Tells the memory of a port where the caller's numbers are, ... */
static dnnl_status_t point(const tw_conv_port *port, const tw_conv_memory *memory, float *at)
{
    return dnnl_memory_set_data_handle(port->reorder ? memory->plain : memory->inner, at);
}

/* ... gets them from there in the primitive's layout, ... */
static dnnl_status_t bring(const tw_conv_port *port, const tw_conv_memory *memory,
                           dnnl_stream_t stream)
{
    return port->reorder ? run_reorder(port, memory->plain, memory->inner, memory->scratch, stream)
                         : dnnl_success;
}

/* ... and takes them back. */
static dnnl_status_t fetch(const tw_conv_port *port, const tw_conv_memory *memory,
                           dnnl_stream_t stream)
{
    return port->reorder ? run_reorder(port, memory->inner, memory->plain, memory->scratch, stream)
                         : dnnl_success;
}

/* One pass on a whole piece, x and y where at[X] and at[Y] say, w the kernel or its gradient. */
static dnnl_status_t run_primitive(const tw_cpu_conv *conv, int kind, const tw_conv_worker *worker,
                                   float *const at[TW_N_CONV_PORTS], dnnl_memory_t w)
{
    const tw_conv_pass *pass = &conv->passes[kind];
    const tw_conv_memory *memory = worker->calls[kind].ports;
    int out = tw_backend__cpu_conv_kinds[kind].out;
    dnnl_exec_arg_t args[5] = {
        {tw_backend__cpu_conv_kinds[kind].args[TW_CONV_X], memory[TW_CONV_X].inner},
        {tw_backend__cpu_conv_kinds[kind].args[TW_CONV_W], w},
        {tw_backend__cpu_conv_kinds[kind].args[TW_CONV_Y], memory[TW_CONV_Y].inner},
        {DNNL_ARG_SCRATCHPAD, worker->calls[kind].scratch},
        {DNNL_ARG_BIAS, conv->bias}};
    dnnl_status_t status = dnnl_success;

    for (int p = TW_CONV_X; p <= TW_CONV_Y && status == dnnl_success; p++) {
        status = point(&pass->ports[p], &memory[p], at[p]);
        if (status == dnnl_success && p != out)
            status = bring(&pass->ports[p], &memory[p], worker->stream);
    }
    if (status == dnnl_success)
        status = dnnl_primitive_execute(pass->primitive, worker->stream,
                                        kind == TW_CONV_FORWARD ? 5 : 4, args);
    if (status == dnnl_success)
        status = dnnl_stream_wait(worker->stream);
    if (status == dnnl_success && out != TW_CONV_W)
        status = fetch(&pass->ports[out], &memory[out], worker->stream);
    return status;
}

/* What a call asks for. */
typedef struct job {
    tw_cpu_conv *conv;
    int kind;
    float *at[TW_N_CONV_PORTS]; /* all n pictures x and y */
    int64_t n;
    const tw_sink *sink;
    int node;
} job;

/* A last, short piece is worked on in memory of its own, the missing pictures zero. */
static void run_piece(const job *j, int64_t piece, int i, dnnl_memory_t w)
{
    const tw_cpu_conv *conv = j->conv;
    tw_conv_worker *worker = &conv->workers[i];
    int64_t first = piece * conv->piece;
    int64_t n = j->n - first < conv->piece ? j->n - first : conv->piece;
    int out = tw_backend__cpu_conv_kinds[j->kind].out;
    float *at[TW_N_CONV_PORTS] = {NULL}, *used[TW_N_CONV_PORTS];
    dnnl_status_t status;

    for (int p = TW_CONV_X; p <= TW_CONV_Y; p++) {
        size_t n_numbers = (size_t)(n * conv->n_numbers[p]);
        used[p] = at[p] = j->at[p] + first * conv->n_numbers[p];
        if (n == conv->piece)
            continue;
        used[p] = worker->calls[j->kind].filled[p];
        if (p != out)
            memcpy(used[p], at[p], n_numbers * sizeof(float));
        memset(used[p] + n_numbers, 0,
               (size_t)((conv->piece - n) * conv->n_numbers[p]) * sizeof(float));
    }
    status = run_primitive(conv, j->kind, worker, used, w);
    if (used[TW_CONV_Y] != at[TW_CONV_Y] && out != TW_CONV_W)
        memcpy(at[out], used[out], (size_t)(n * conv->n_numbers[out]) * sizeof(float));
    if (status != dnnl_success)
        worker->status = status;
}

static void piece_item(void *ctx, int64_t item, int i)
{
    const job *j = ctx;

    run_piece(j, item, i, j->conv->kernels[j->kind].inner);
}

static tw_status check_workers(tw_cpu_conv *conv, tw_error *err)
{
    dnnl_status_t status = dnnl_success;

    for (int i = 0; i < conv->base.n_workers; i++) {
        if (conv->workers[i].status != dnnl_success)
            status = conv->workers[i].status;
        conv->workers[i].status = dnnl_success;
    }
    return tw_backend__cpu_fail(conv->base.node.name, "run this convolution", status, err);
}

/* The kernel for all workers: where it is, or reordered on all threads. */
static tw_status bring_kernel(const tw_cpu_conv *conv, int kind, const float *kernel, tw_error *err)
{
    const tw_conv_port *port = &conv->passes[kind].ports[TW_CONV_W];
    const tw_conv_memory *memory = &conv->kernels[kind];
    int threads = omp_get_max_threads();
    dnnl_status_t status = point(port, memory, mutable(kernel));

    omp_set_num_threads(conv->base.n_workers);
    if (status == dnnl_success)
        status = bring(port, memory, conv->stream);
    omp_set_num_threads(threads);
    return tw_backend__cpu_fail(conv->base.node.name, "pack this kernel", status, err);
}

static tw_status forward(tw_conv *base, float *y, const float *x, const tw_node_weights *weights,
                         int64_t n, tw_error *err)
{
    tw_cpu_conv *conv = (tw_cpu_conv *)base;
    job j = {.conv = conv, .kind = TW_CONV_FORWARD, .at = {mutable(x), y}, .n = n};
    size_t n_bias = (size_t)base->node.units * sizeof(float);
    tw_status rc;

    if (conv->own) {
        tw_backend__winograd_train_forward(conv->own, y, x, weights, n);
        return TW_OK;
    }
    rc = bring_kernel(conv, TW_CONV_FORWARD, weights->kernel, err);
    if (rc != TW_OK)
        return rc;
    memset(conv->bias_numbers, 0, n_bias);
    if (weights->bias)
        memcpy(conv->bias_numbers, weights->bias, n_bias);
    tw_parallel(base->n_workers, tw_backend__cpu_conv_pieces(conv, n), piece_item, &j);
    return check_workers(conv, err);
}

static tw_status backward_data(tw_conv *base, float *dx, const float *dy, const float *kernel,
                               int64_t n, tw_error *err)
{
    tw_cpu_conv *conv = (tw_cpu_conv *)base;
    job j = {.conv = conv, .kind = TW_CONV_DATA, .at = {dx, mutable(dy)}, .n = n};
    tw_status rc;

    if (conv->own) {
        tw_backend__winograd_train_data(conv->own, dx, dy, kernel, n);
        return TW_OK;
    }
    rc = bring_kernel(conv, TW_CONV_DATA, kernel, err);
    if (rc != TW_OK)
        return rc;
    tw_parallel(base->n_workers, tw_backend__cpu_conv_pieces(conv, n), piece_item, &j);
    return check_workers(conv, err);
}

/* ---- the weight gradient */

static void add(float *sum, const float *numbers, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sum[i] += numbers[i];
}

/* The pieces of one group in turn: the first into the group's place, the others added to it. */
static void group_item(void *ctx, int64_t group, int i)
{
    const job *j = ctx;
    const tw_cpu_conv *conv = j->conv;
    const tw_conv_call *call = &conv->workers[i].calls[TW_CONV_WEIGHTS];
    int64_t all = tw_backend__cpu_conv_pieces(conv, j->n),
            groups = tw_backend__cpu_conv_groups(conv, j->n);
    int64_t first = group * all / groups, end = (group + 1) * all / groups;

    run_piece(j, first, i, conv->group_memory[group]);
    for (int64_t piece = first + 1; piece < end; piece++) {
        run_piece(j, piece, i, call->ports[TW_CONV_W].inner);
        add(conv->groups[group], call->gradient,
            tw_backend__cpu_conv_inner(&conv->passes[TW_CONV_WEIGHTS].ports[TW_CONV_W]));
    }
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* One tile of the sum over groups, in turn. */
static void sum_item(void *ctx, int64_t item, int i)
{
    const job *j = ctx;
    const tw_cpu_conv *conv = j->conv;
    int64_t first = item * TILE;
    int64_t n = least(
        TILE, tw_backend__cpu_conv_inner(&conv->passes[TW_CONV_WEIGHTS].ports[TW_CONV_W]) - first);

    (void)i;
    for (int64_t g = 1; g < tw_backend__cpu_conv_groups(conv, j->n); g++)
        add(conv->groups[0] + first, conv->groups[g] + first, n);
}

static void sink_item(void *ctx, int64_t item, int i)
{
    const job *j = ctx;
    int64_t first = item * TILE, n = least(TILE, j->conv->n_numbers[TW_CONV_W] - first);

    (void)i;
    j->sink->take(j->sink->ctx, j->node, 0, first, n, j->conv->gradient + first);
}

/* The sum in plain (R,S,C,K). */
static tw_status fetch_gradient(const tw_cpu_conv *conv, tw_error *err)
{
    int threads = omp_get_max_threads();
    dnnl_status_t status;

    omp_set_num_threads(conv->base.n_workers);
    status = fetch(&conv->passes[TW_CONV_WEIGHTS].ports[TW_CONV_W], &conv->kernels[TW_CONV_WEIGHTS],
                   conv->stream);
    omp_set_num_threads(threads);
    return tw_backend__cpu_fail(conv->base.node.name, "unpack its weight gradient", status, err);
}

static tw_status backward_weights(tw_conv *base, const tw_sink *sink, int node, const float *x,
                                  const float *dy, int64_t n, tw_error *err)
{
    tw_cpu_conv *conv = (tw_cpu_conv *)base;
    job j = {.conv = conv, .kind = TW_CONV_WEIGHTS, .n = n, .sink = sink, .node = node};
    int64_t n_inner;
    tw_status rc;

    if (conv->own) {
        tw_backend__winograd_train_weights(conv->own, sink, node, x, dy, n);
        return TW_OK;
    }
    n_inner = tw_backend__cpu_conv_inner(&conv->passes[TW_CONV_WEIGHTS].ports[TW_CONV_W]);
    j.at[TW_CONV_X] = mutable(x);
    j.at[TW_CONV_Y] = mutable(dy);
    /* 1. each group its sum */
    tw_parallel(base->n_workers, tw_backend__cpu_conv_groups(conv, n), group_item, &j);
    if ((rc = check_workers(conv, err)))
        return rc;
    /* 2. the sum of the groups */
    tw_parallel(base->n_workers, (n_inner + TILE - 1) / TILE, sum_item, &j);
    /* 3. in the kernel's own layout, and to the sink */
    if ((rc = fetch_gradient(conv, err)))
        return rc;
    tw_parallel(base->n_workers, (conv->n_numbers[TW_CONV_W] + TILE - 1) / TILE, sink_item, &j);
    return TW_OK;
}

const tw_conv_kernels tw_backend__cpu_conv_kernels = {tw_backend__cpu_conv_create,
                                                      tw_backend__cpu_conv_lay_out,
                                                      tw_backend__cpu_conv_free,
                                                      forward,
                                                      backward_data,
                                                      backward_weights};
