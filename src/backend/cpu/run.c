/* Runs a plan on one piece: its steps in order, on one thread, with one worker's block. */
#include "backend/cpu/cpu_int.h"

#include <assert.h>

/* What a call asks for: the worker and the caller's two arrays. */
typedef struct job {
    const tw_cpu_plan *plan;
    const tw_cpu_worker *worker;
    const float *in;
    float *out;
} job;

static void *address(const job *j, const tw_cpu_value *value)
{
    switch (value->place) {
    case TW_CPU_IN:
        return (void *)(uintptr_t)j->in; /* oneDNN's handles are not const; it only reads */
    case TW_CPU_OUT:
        return j->out;
    default:
        return j->worker->block + value->offset;
    }
}

static dnnl_status_t run_primitive(const job *j, const tw_cpu_step *step, const tw_cpu_call *call)
{
    const tw_cpu_value *src = &j->plan->values[step->src], *dst = &j->plan->values[step->dst];
    dnnl_exec_arg_t args[5] = {{DNNL_ARG_SRC, call->src},
                               {DNNL_ARG_DST, call->dst},
                               {DNNL_ARG_SCRATCHPAD, call->scratch},
                               {DNNL_ARG_WEIGHTS, step->weights},
                               {DNNL_ARG_BIAS, step->bias}};
    dnnl_status_t status = dnnl_success;

    if (src->place != TW_CPU_BLOCK)
        status = dnnl_memory_set_data_handle(call->src, address(j, src));
    if (dst->place != TW_CPU_BLOCK && status == dnnl_success)
        status = dnnl_memory_set_data_handle(call->dst, address(j, dst));
    if (status == dnnl_success)
        status = dnnl_primitive_execute(step->primitive, j->worker->stream,
                                        step->weights_desc ? 5 : 3, args);
    return status == dnnl_success ? dnnl_stream_wait(j->worker->stream) : status;
}

tw_status tw_backend__cpu_step_run(const tw_cpu_plan *plan, int i, int worker, const float *in,
                                   float *out, tw_error *err)
{
    const tw_cpu_step *step = &plan->steps[i];
    job j = {plan, &plan->workers[worker], in, out};

    assert(worker >= 0 && worker < plan->n_workers);
    if (step->primitive)
        return tw_backend__cpu_fail(plan->base.graph->nodes[step->node].name, "run this layer",
                                    run_primitive(&j, step, &j.worker->calls[i]), err);
    step->run(plan, step, address(&j, &plan->values[step->src]),
              address(&j, &plan->values[step->dst]),
              (void *)(j.worker->block + plan->scratch_offset));
    return TW_OK;
}

tw_status tw_backend__cpu_plan_run(tw_plan *base, int worker, const float *in, float *out,
                                   tw_error *err)
{
    const tw_cpu_plan *plan = (const tw_cpu_plan *)base;
    int threads = tw_backend__cpu_one_thread();
    tw_status rc = TW_OK;

    for (int i = 0; i < plan->n_steps && rc == TW_OK; i++)
        rc = tw_backend__cpu_step_run(plan, i, worker, in, out, err);
    tw_backend__cpu_restore_threads(threads);
    return rc;
}
