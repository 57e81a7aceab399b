/*
 * A convolution in training is made: its three primitives with the reorders around them, and the
 * places of their memories in the scratch. See conv2d_train.h.
 */
#include "backend/cpu/conv2d_train.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <omp.h>

enum { MAX_PIECE = 8, TILES = 128 };

const tw_conv_kind tw_backend__cpu_conv_kinds[TW_N_CONV_PASSES] = {
    {"make this convolution",
     TW_CONV_Y,
     {DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS},
     {dnnl_query_src_md, dnnl_query_dst_md, dnnl_query_weights_md},
     tw_backend__conv_create},
    {"make the data gradient of this convolution",
     TW_CONV_X,
     {DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS},
     {dnnl_query_diff_src_md, dnnl_query_diff_dst_md, dnnl_query_weights_md},
     tw_backend__conv_backward_data_create},
    {"make the weight gradient of this convolution",
     TW_CONV_W,
     {DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS},
     {dnnl_query_src_md, dnnl_query_diff_dst_md, dnnl_query_diff_weights_md},
     tw_backend__conv_backward_weights_create},
};

/* ---- create: implementations */

/* Winograd works on tiles of 4x4 output places and transforms the kernel once a piece: a piece has
 * so many pictures that it is worth it. */
static int64_t piece_of(const tw_node *node)
{
    int64_t tiles = (node->out.dims[0] + 3) / 4 * ((node->out.dims[1] + 3) / 4), piece = 1;

    while (piece < MAX_PIECE && piece * tiles < TILES)
        piece *= 2;
    return piece;
}

/* Not for the three colours of a picture: there direct costs less. */
static bool wants_winograd(const tw_conv *conv)
{
    const tw_node *node = &conv->node;

    return node->window[0] == 3 && node->window[1] == 3 && node->stride[0] == 1 &&
           node->stride[1] == 1 && conv->in.dims[2] > 3;
}

/* The plain layouts of all ports; `any` leaves them open. */
static dnnl_status_t describe(tw_dnnl_desc *descs[TW_N_CONV_PORTS], const tw_cpu_conv *conv,
                              bool any)
{
    const tw_node *node = &conv->base.node;
    int64_t dims[TW_N_CONV_PORTS][4];
    dnnl_status_t status = dnnl_success;

    tw_backend__cpu_dims(dims[TW_CONV_X], &conv->base.in, conv->piece);
    tw_backend__cpu_dims(dims[TW_CONV_Y], &node->out, conv->piece);
    dims[TW_CONV_W][0] = node->units;
    dims[TW_CONV_W][1] = conv->base.in.dims[2];
    dims[TW_CONV_W][2] = node->window[0];
    dims[TW_CONV_W][3] = node->window[1];
    for (int i = 0; i < TW_N_CONV_PORTS && status == dnnl_success; i++)
        status = tw_backend__desc_create(&descs[i], 4, dims[i], dnnl_f32,
                                         any              ? dnnl_format_tag_any
                                         : i == TW_CONV_W ? dnnl_hwio
                                                          : dnnl_nhwc);
    return status;
}

static dnnl_status_t choose(dnnl_primitive_desc_t *out, const tw_cpu_conv *conv, int kind)
{
    const tw_node *node = &conv->base.node;
    tw_dnnl_desc *open[TW_N_CONV_PORTS] = {NULL};
    tw_dnnl_conv wanted = {.algorithm = dnnl_convolution_winograd,
                           .is_training = true,
                           .bias = conv->bias_desc,
                           .window = tw_backend__cpu_window(node, &conv->base.in)};
    dnnl_status_t status = describe(open, conv, true);

    *out = NULL;
    if (status == dnnl_success) {
        wanted.src = open[TW_CONV_X];
        wanted.weights = open[TW_CONV_W];
        wanted.dst = open[TW_CONV_Y];
        status = dnnl_unimplemented;
        if (wants_winograd(&conv->base))
            status = tw_backend__cpu_conv_kinds[kind].create(out, conv->engine, &wanted);
        wanted.algorithm = dnnl_convolution_direct;
        if (status != dnnl_success && status != dnnl_out_of_memory)
            status = tw_backend__cpu_conv_kinds[kind].create(out, conv->engine, &wanted);
    }
    for (int i = 0; i < TW_N_CONV_PORTS; i++)
        tw_backend__desc_free(open[i]);
    return status;
}

/* The reorder between plain and inner, in the direction that the pass needs; the kernel's runs on
 * all threads, which copies the same numbers. */
static dnnl_status_t make_reorder(tw_cpu_conv *conv, tw_conv_port *port, bool is_out, int n_threads)
{
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status;

    if (tw_backend__desc_equal(port->plain, port->inner))
        return dnnl_success;
    omp_set_num_threads(n_threads);
    status = tw_backend__reorder_create(&desc, conv->engine, is_out ? port->inner : port->plain,
                                        is_out ? port->plain : port->inner, true);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&port->reorder, desc);
    if (status == dnnl_success)
        status = tw_backend__desc_query(&port->scratch, desc, dnnl_query_scratchpad_md);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    omp_set_num_threads(1);
    return status;
}

static dnnl_status_t make_pass(tw_cpu_conv *conv, int kind)
{
    tw_conv_pass *pass = &conv->passes[kind];
    tw_dnnl_desc *plain[TW_N_CONV_PORTS] = {NULL};
    dnnl_primitive_desc_t desc = NULL;
    dnnl_status_t status = describe(plain, conv, false);

    for (int i = 0; i < TW_N_CONV_PORTS; i++)
        pass->ports[i].plain = plain[i];
    if (status == dnnl_success)
        status = choose(&desc, conv, kind);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&pass->primitive, desc);
    if (status == dnnl_success)
        status = tw_backend__desc_query(&pass->scratch, desc, dnnl_query_scratchpad_md);
    for (int i = 0; i < TW_N_CONV_PORTS && status == dnnl_success; i++) {
        status = tw_backend__desc_query(&pass->ports[i].inner, desc,
                                        tw_backend__cpu_conv_kinds[kind].queries[i]);
        if (status == dnnl_success)
            status = make_reorder(conv, &pass->ports[i], i == tw_backend__cpu_conv_kinds[kind].out,
                                  i == TW_CONV_W ? conv->base.n_workers : 1);
    }
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    return status;
}

static tw_status make_passes(tw_cpu_conv *conv, tw_error *err)
{
    const bool wanted[TW_N_CONV_PASSES] = {true, conv->base.needs_data, conv->base.needs_weights};
    int threads = tw_backend__cpu_one_thread();
    tw_status rc = TW_OK;

    for (int kind = 0; kind < TW_N_CONV_PASSES && rc == TW_OK; kind++)
        if (wanted[kind])
            rc = tw_backend__cpu_fail(conv->base.node.name, tw_backend__cpu_conv_kinds[kind].name,
                                      make_pass(conv, kind), err);
    tw_backend__cpu_restore_threads(threads);
    return rc;
}

/* By own kernels. */
static tw_status make_own(tw_conv **out, const tw_cpu_backend *backend, const tw_conv *wanted,
                          tw_error *err)
{
    const size_t n_workers = (size_t)wanted->n_workers;
    tw_cpu_conv *conv = tw_calloc(1, sizeof *conv);
    tw_winograd_train *own = tw_calloc(1, sizeof *own);
    tw_winograd_train_worker *workers = tw_calloc(n_workers, sizeof *workers);

    if (!conv || !own || !workers) {
        tw_free(conv);
        tw_free(own);
        tw_free(workers);
        return tw_fail(err, TW_ENOMEM, "%s: no memory for a convolution", wanted->node.name);
    }
    tw_backend__winograd_train_plan(own, backend->winograd_train, wanted, workers);
    conv->base = *wanted;
    conv->own = own;
    *out = &conv->base;
    return TW_OK;
}

/* By oneDNN. */
static tw_status make_primitives(tw_conv **out, const tw_cpu_backend *backend,
                                 const tw_conv *wanted, tw_error *err)
{
    tw_cpu_conv *conv = tw_calloc(1, sizeof *conv);
    const tw_node *node = &wanted->node;
    int64_t bias[1] = {node->units};
    dnnl_status_t status;
    tw_status rc;

    if (!conv || !(conv->workers = tw_calloc((size_t)wanted->n_workers, sizeof *conv->workers))) {
        tw_free(conv);
        return tw_fail(err, TW_ENOMEM, "%s: no memory for a convolution", node->name);
    }
    conv->base = *wanted;
    conv->engine = backend->engine;
    conv->piece = piece_of(node);
    conv->n_numbers[TW_CONV_X] = tw_shape_size(&wanted->in);
    conv->n_numbers[TW_CONV_W] =
        wanted->in.dims[2] * node->units * node->window[0] * node->window[1];
    conv->n_numbers[TW_CONV_Y] = tw_shape_size(&node->out);

    status = tw_backend__desc_create(&conv->bias_desc, 1, bias, dnnl_f32, dnnl_a);
    if (status == dnnl_success)
        status = dnnl_stream_create(&conv->stream, conv->engine, dnnl_stream_default_flags);
    for (int i = 0; i < wanted->n_workers && status == dnnl_success; i++)
        status =
            dnnl_stream_create(&conv->workers[i].stream, conv->engine, dnnl_stream_default_flags);
    rc = tw_backend__cpu_fail(node->name, "prepare a convolution", status, err);
    if (rc != TW_OK || (rc = make_passes(conv, err)) != TW_OK)
        tw_backend__cpu_conv_free(&conv->base);
    else
        *out = &conv->base;
    return rc;
}

tw_status tw_backend__cpu_conv_create(tw_conv **out, tw_backend *base, const tw_conv *wanted,
                                      tw_error *err)
{
    const tw_cpu_backend *backend = (const tw_cpu_backend *)base;

    *out = NULL;
    return backend->winograd_train && tw_backend__winograd_trains(wanted)
               ? make_own(out, backend, wanted, err)
               : make_primitives(out, backend, wanted, err);
}

/* ---- places in the scratch */

int64_t tw_backend__cpu_conv_pieces(const tw_cpu_conv *conv, int64_t n)
{
    return (n + conv->piece - 1) / conv->piece;
}

int64_t tw_backend__cpu_conv_groups(const tw_cpu_conv *conv, int64_t n)
{
    return tw_backend__cpu_conv_pieces(conv, n) < TW_CONV_GROUPS
               ? tw_backend__cpu_conv_pieces(conv, n)
               : TW_CONV_GROUPS;
}

int64_t tw_backend__cpu_conv_inner(const tw_conv_port *port)
{
    return (int64_t)(tw_backend__desc_size(port->inner) / sizeof(float));
}

/* Room for `desc` and, in the second round, a memory there; *numbers may be NULL. */
static dnnl_status_t lay_memory(dnnl_memory_t *out, float **numbers, const tw_cpu_conv *conv,
                                const tw_dnnl_desc *desc, tw_layout *layout)
{
    void *data = tw_backend__lay(layout, 1, (int64_t)tw_backend__desc_size(desc));

    if (!data)
        return dnnl_success;
    if (numbers)
        *numbers = data;
    return tw_backend__memory_create(out, desc, conv->engine, data);
}

/* A port: its inner memory in the scratch, or at the caller's address where that is plain. */
static dnnl_status_t lay_port(tw_conv_memory *out, const tw_cpu_conv *conv,
                              const tw_conv_port *port, tw_layout *layout)
{
    dnnl_status_t status;

    if (port->reorder) {
        status = lay_memory(&out->inner, NULL, conv, port->inner, layout);
        if (status == dnnl_success)
            status = lay_memory(&out->scratch, NULL, conv, port->scratch, layout);
        if (status == dnnl_success && layout->block)
            status =
                tw_backend__memory_create(&out->plain, port->plain, conv->engine, DNNL_MEMORY_NONE);
        return status;
    }
    return layout->block
               ? tw_backend__memory_create(&out->inner, port->inner, conv->engine, DNNL_MEMORY_NONE)
               : dnnl_success;
}

static dnnl_status_t lay_worker(tw_cpu_conv *conv, int kind, int i, tw_layout *layout)
{
    const tw_conv_pass *pass = &conv->passes[kind];
    tw_conv_call *call = &conv->workers[i].calls[kind];
    dnnl_status_t status = lay_memory(&call->scratch, NULL, conv, pass->scratch, layout);

    for (int p = TW_CONV_X; p <= TW_CONV_Y && status == dnnl_success; p++) {
        call->filled[p] =
            tw_backend__lay(layout, conv->n_numbers[p] * conv->piece, (int64_t)sizeof(float));
        status = lay_port(&call->ports[p], conv, &pass->ports[p], layout);
    }
    if (kind == TW_CONV_WEIGHTS &&
        tw_backend__cpu_conv_pieces(conv, conv->base.batch) > TW_CONV_GROUPS &&
        status == dnnl_success)
        status = lay_memory(&call->ports[TW_CONV_W].inner, &call->gradient, conv,
                            pass->ports[TW_CONV_W].inner, layout);
    return status;
}

/* The sum of all groups, which is made in the place of the first one, and its plain form. */
static dnnl_status_t lay_gradient(tw_cpu_conv *conv, tw_layout *layout)
{
    const tw_conv_port *kernel = &conv->passes[TW_CONV_WEIGHTS].ports[TW_CONV_W];
    tw_conv_memory *sum = &conv->kernels[TW_CONV_WEIGHTS];
    dnnl_status_t status;

    conv->gradient = conv->groups[0];
    if (!kernel->reorder)
        return dnnl_success;
    status = lay_memory(&sum->plain, &conv->gradient, conv, kernel->plain, layout);
    if (status == dnnl_success)
        status = lay_memory(&sum->scratch, NULL, conv, kernel->scratch, layout);
    if (status == dnnl_success && layout->block)
        status =
            tw_backend__memory_create(&sum->inner, kernel->inner, conv->engine, conv->groups[0]);
    return status;
}

static dnnl_status_t lay_shared(tw_cpu_conv *conv, int kind, tw_layout *layout)
{
    const tw_conv_port *kernel = &conv->passes[kind].ports[TW_CONV_W];
    dnnl_status_t status = dnnl_success;

    if (kind != TW_CONV_WEIGHTS)
        status = lay_port(&conv->kernels[kind], conv, kernel, layout);
    if (kind == TW_CONV_FORWARD && status == dnnl_success)
        status = lay_memory(&conv->bias, &conv->bias_numbers, conv, conv->bias_desc, layout);
    if (kind != TW_CONV_WEIGHTS)
        return status;

    for (int64_t g = 0;
         g < tw_backend__cpu_conv_groups(conv, conv->base.batch) && status == dnnl_success; g++)
        status = lay_memory(&conv->group_memory[g], &conv->groups[g], conv, kernel->inner, layout);
    return status == dnnl_success ? lay_gradient(conv, layout) : status;
}

tw_status tw_backend__cpu_conv_lay_out(tw_conv *base, tw_layout *layout, tw_error *err)
{
    tw_cpu_conv *conv = (tw_cpu_conv *)base;
    int64_t begin = layout->used, end = begin;
    dnnl_status_t status = dnnl_success;

    if (conv->own) {
        tw_backend__winograd_train_lay_out(conv->own, layout);
        return TW_OK;
    }
    for (int kind = 0; kind < TW_N_CONV_PASSES; kind++) {
        if (!conv->passes[kind].primitive)
            continue;
        layout->used = begin;
        status = lay_shared(conv, kind, layout);
        for (int i = 0; i < base->n_workers && status == dnnl_success; i++)
            status = lay_worker(conv, kind, i, layout);
        if (status != dnnl_success)
            return tw_backend__cpu_fail(base->node.name, "place its memories", status, err);
        end = layout->used > end ? layout->used : end;
    }
    layout->used = end;
    return TW_OK;
}

/* ---- free */

static void memory_free(dnnl_memory_t memory)
{
    if (memory)
        dnnl_memory_destroy(memory);
}

static void port_memory_free(const tw_conv_memory *memory)
{
    memory_free(memory->plain);
    memory_free(memory->inner);
    memory_free(memory->scratch);
}

static void pass_free(const tw_conv_pass *pass)
{
    if (pass->primitive)
        dnnl_primitive_destroy(pass->primitive);
    tw_backend__desc_free(pass->scratch);
    for (int i = 0; i < TW_N_CONV_PORTS; i++) {
        tw_backend__desc_free(pass->ports[i].plain);
        tw_backend__desc_free(pass->ports[i].inner);
        tw_backend__desc_free(pass->ports[i].scratch);
        if (pass->ports[i].reorder)
            dnnl_primitive_destroy(pass->ports[i].reorder);
    }
}

static void worker_free(const tw_conv_worker *worker)
{
    for (int kind = 0; kind < TW_N_CONV_PASSES; kind++) {
        for (int p = 0; p < TW_N_CONV_PORTS; p++)
            port_memory_free(&worker->calls[kind].ports[p]);
        memory_free(worker->calls[kind].scratch);
    }
    if (worker->stream)
        dnnl_stream_destroy(worker->stream);
}

void tw_backend__cpu_conv_free(tw_conv *base)
{
    tw_cpu_conv *conv = (tw_cpu_conv *)base;

    for (int i = 0; conv->workers && i < base->n_workers; i++)
        worker_free(&conv->workers[i]);
    for (int kind = 0; kind < TW_N_CONV_PASSES; kind++) {
        pass_free(&conv->passes[kind]);
        port_memory_free(&conv->kernels[kind]);
    }
    for (int g = 0; g < TW_CONV_GROUPS; g++)
        memory_free(conv->group_memory[g]);
    memory_free(conv->bias);
    tw_backend__desc_free(conv->bias_desc);
    if (conv->stream)
        dnnl_stream_destroy(conv->stream);
    if (conv->own)
        tw_free(conv->own->workers);
    tw_free(conv->own);
    tw_free(conv->workers);
    tw_free(conv);
}
