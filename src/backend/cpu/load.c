/*
 * Fills a plan: packs the convolutions' kernels one layer after the other, then makes each worker's
 * block with the oneDNN memories that lie in it. A layer's kernel is copied before it is packed: in
 * a mapped file it may lie at any address. Dense kernels stay where they are.
 */
#include "backend/cpu/cpu_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

/* (R,S,C,K), or (R,S,C,1) of a depthwise convolution, in `kernel`, aligned, into the layout of the
 * step's primitive. */
static dnnl_status_t reorder_kernel(const tw_cpu_plan *plan, const tw_cpu_step *step,
                                    const tw_shape *shape, dnnl_data_type_t type, void *kernel)
{
    const bool is_depthwise = plan->base.graph->nodes[step->node].op == TW_OP_DEPTHWISE_CONV2D;
    const int64_t r = shape->dims[0], s = shape->dims[1], c = shape->dims[2];
    const int64_t full[4] = {shape->dims[3], c, r, s}, each[5] = {c, 1, 1, r, s};
    dnnl_engine_t engine = plan->backend->engine;
    tw_dnnl_desc *from = NULL;
    dnnl_primitive_desc_t desc = NULL;
    dnnl_primitive_t primitive = NULL;
    dnnl_memory_t memory = NULL;
    dnnl_stream_t stream = NULL;
    dnnl_status_t status = is_depthwise ? tw_backend__desc_create(&from, 5, each, type, dnnl_hwigo)
                                        : tw_backend__desc_create(&from, 4, full, type, dnnl_hwio);

    if (status == dnnl_success)
        status = tw_backend__memory_create(&memory, from, engine, kernel);
    if (status == dnnl_success)
        status = tw_backend__reorder_create(&desc, engine, from, step->weights_desc, false);
    if (status == dnnl_success)
        status = dnnl_primitive_create(&primitive, desc);
    if (status == dnnl_success)
        status = dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
    if (status == dnnl_success) {
        dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, memory}, {DNNL_ARG_TO, step->weights}};
        status = dnnl_primitive_execute(primitive, stream, 2, args);
    }
    if (status == dnnl_success)
        status = dnnl_stream_wait(stream);
    if (stream)
        dnnl_stream_destroy(stream);
    if (primitive)
        dnnl_primitive_destroy(primitive);
    if (desc)
        dnnl_primitive_desc_destroy(desc);
    if (memory)
        dnnl_memory_destroy(memory);
    tw_backend__desc_free(from);
    return status;
}

static bool is_int8(const tw_cpu_step *step)
{
    return step->int8.src_step > 0.0f;
}

static tw_status pack_kernel(tw_cpu_plan *plan, tw_cpu_step *step, const float *kernel,
                             tw_error *err)
{
    const char *name = plan->base.graph->nodes[step->node].name;
    tw_shape shapes[2];
    dnnl_status_t status;
    int64_t n;
    float *copy;
    tw_status rc;

    (void)tw_node_params(plan->base.graph, step->node, shapes);
    n = tw_shape_size(&shapes[0]);
    if (!(copy = tw_alloc_f32(n)))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to pack %lld weights", name, (long long)n);
    memcpy(copy, (const void *)kernel, (size_t)n * sizeof *copy);
    if (is_int8(step) && (rc = tw_backend__cpu_int8_pack(plan, step, copy, n, err)) != TW_OK) {
        tw_free(copy);
        return rc;
    }
    status = tw_backend__memory_create(&step->weights, step->weights_desc, plan->backend->engine,
                                       plan->packed + step->weights_offset);
    if (status == dnnl_success)
        status = tw_backend__memory_create(&step->bias, step->bias_desc, plan->backend->engine,
                                           plan->packed + step->bias_offset);
    if (status == dnnl_success)
        status = reorder_kernel(plan, step, &shapes[0], is_int8(step) ? dnnl_s8 : dnnl_f32, copy);
    tw_free(copy);
    return tw_backend__cpu_fail(name, "pack this kernel", status, err);
}

/* A bias that is missing stays zero. */
static void pack_bias(tw_cpu_plan *plan, const tw_cpu_step *step, const float *bias)
{
    const tw_shape *out = &plan->base.graph->nodes[step->node].out;
    const int64_t n = out->dims[out->rank - 1];

    if (bias)
        memcpy(plan->packed + step->bias_offset, (const void *)bias, (size_t)n * sizeof(float));
}

static void pack_own(tw_cpu_plan *plan, const tw_cpu_step *step, const tw_node_weights *weights)
{
    uint8_t *packed = plan->packed + step->weights_offset;

    if (step->winograd)
        tw_backend__winograd_pack(step->winograd, packed, weights->kernel, weights->bias);
    else
        tw_backend__bf16x3_pack(step->bf16x3, packed, weights->kernel, weights->bias);
}

static tw_status pack_all(tw_cpu_plan *plan, const tw_node_weights *weights,
                          void (*release)(void *ctx, int node), void *ctx, tw_error *err)
{
    tw_status rc;

    if (!(plan->packed = tw_alloc_aligned((size_t)plan->base.packed_bytes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld bytes of packed weights",
                       (long long)plan->base.packed_bytes);
    for (int i = 0; i < plan->n_steps; i++) {
        tw_cpu_step *step = &plan->steps[i];
        const bool is_own = step->winograd || step->bf16x3;
        if (!step->bias_desc && !is_own)
            continue;
        if (!weights[step->node].kernel)
            return tw_fail(err, TW_EUSAGE, "%s: no weights were given",
                           plan->base.graph->nodes[step->node].name);
        if (is_own) {
            pack_own(plan, step, &weights[step->node]);
            if (release)
                release(ctx, step->node);
            continue;
        }
        pack_bias(plan, step, weights[step->node].bias);
        plan->weights[step->node] = weights[step->node];
        if (!step->weights_desc)
            continue;
        if ((rc = pack_kernel(plan, step, weights[step->node].kernel, err)) != TW_OK)
            return rc;
        if (release)
            release(ctx, step->node);
    }
    return TW_OK;
}

/* ---- workers */

static dnnl_status_t call_create(tw_cpu_call *call, const tw_cpu_plan *plan,
                                 const tw_cpu_step *step, uint8_t *block)
{
    dnnl_engine_t engine = plan->backend->engine;
    const tw_cpu_value *src = &plan->values[step->src], *dst = &plan->values[step->dst];
    dnnl_status_t status;

    status = tw_backend__memory_create(&call->src, src->desc, engine,
                                       src->place == TW_CPU_BLOCK ? block + src->offset
                                                                  : DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = tw_backend__memory_create(&call->dst, dst->desc, engine,
                                           dst->place == TW_CPU_BLOCK ? block + dst->offset
                                                                      : DNNL_MEMORY_NONE);
    if (status == dnnl_success)
        status = tw_backend__memory_create(&call->scratch, step->scratch_desc, engine,
                                           block + plan->scratch_offset);
    return status;
}

static tw_status worker_create(tw_cpu_worker *worker, const tw_cpu_plan *plan, tw_error *err)
{
    dnnl_status_t status;

    worker->block = tw_alloc_aligned((size_t)plan->base.worker_bytes);
    worker->calls = tw_calloc((size_t)plan->n_steps, sizeof *worker->calls);
    if (!worker->block || !worker->calls)
        return tw_fail(err, TW_ENOMEM, "no memory for %lld bytes of activations",
                       (long long)plan->base.worker_bytes);
    status = dnnl_stream_create(&worker->stream, plan->backend->engine, dnnl_stream_default_flags);
    for (int i = 0; i < plan->n_steps && status == dnnl_success; i++)
        if (plan->steps[i].primitive)
            status = call_create(&worker->calls[i], plan, &plan->steps[i], worker->block);
    return tw_backend__cpu_fail("plan", "make a worker's memories", status, err);
}

void tw_backend__cpu_worker_free(tw_cpu_worker *worker, int n_steps)
{
    for (int i = 0; worker->calls && i < n_steps; i++) {
        tw_cpu_call *call = &worker->calls[i];
        if (call->src)
            dnnl_memory_destroy(call->src);
        if (call->dst)
            dnnl_memory_destroy(call->dst);
        if (call->scratch)
            dnnl_memory_destroy(call->scratch);
    }
    if (worker->stream)
        dnnl_stream_destroy(worker->stream);
    tw_free(worker->calls);
    tw_free(worker->block);
}

tw_status tw_backend__cpu_plan_load(tw_plan *base, const tw_node_weights *weights, int n_workers,
                                    void (*release)(void *ctx, int node), void *ctx, tw_error *err)
{
    tw_cpu_plan *plan = (tw_cpu_plan *)base;
    int threads;
    tw_status rc;

    if (n_workers < 1)
        return tw_fail(err, TW_EUSAGE, "a plan needs at least 1 worker, got %d", n_workers);
    if (plan->packed)
        return tw_fail(err, TW_EUSAGE, "this plan has its weights already");

    threads = tw_backend__cpu_one_thread();
    if ((rc = pack_all(plan, weights, release, ctx, err)) != TW_OK)
        goto done;
    if (!(plan->workers = tw_calloc((size_t)n_workers, sizeof *plan->workers))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for %d workers", n_workers);
        goto done;
    }
    for (; plan->n_workers < n_workers && rc == TW_OK; plan->n_workers++)
        rc = worker_create(&plan->workers[plan->n_workers], plan, err);
done:
    tw_backend__cpu_restore_threads(threads);
    return rc;
}
