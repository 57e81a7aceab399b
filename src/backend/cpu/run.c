/* Runs a plan on one piece: its steps in order, on one thread, with one worker's block. */
#include "backend/cpu/cpu_int.h"

#include <assert.h>

void *tw_backend__cpu_address(const tw_cpu_plan *plan, const tw_cpu_run *run,
                              const tw_cpu_value *value, int64_t sample)
{
    const int64_t offset = value->is_single ? 0 : sample * (value->n_bytes / plan->base.piece);

    switch (value->place) {
    case TW_CPU_IN:
        return (uint8_t *)(uintptr_t)run->in + offset; /* oneDNN's handles are not const */
    case TW_CPU_OUT:
        return (uint8_t *)run->out + offset;
    default:
        return plan->workers[run->worker].block + value->offset + offset;
    }
}

static dnnl_status_t run_primitive(const tw_cpu_plan *plan, int i, const tw_cpu_run *run)
{
    const tw_cpu_step *step = &plan->steps[i];
    const tw_cpu_worker *worker = &plan->workers[run->worker];
    const tw_cpu_call *call = &worker->calls[i];
    const tw_cpu_value *src = &plan->values[step->src], *dst = &plan->values[step->dst];
    dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, call->src},
                              {DNNL_ARG_DST, call->dst},
                              {DNNL_ARG_SCRATCHPAD, call->scratch},
                              {DNNL_ARG_WEIGHTS, step->weights},
                              {DNNL_ARG_BIAS, step->bias},
                              {TW_DNNL_ARG_SCALES, step->int8.scales}};
    int n_args = step->weights_desc ? 5 : 3;
    dnnl_status_t status = dnnl_success;

    if (src->place != TW_CPU_BLOCK)
        status = dnnl_memory_set_data_handle(call->src, tw_backend__cpu_address(plan, run, src, 0));
    if (dst->place != TW_CPU_BLOCK && status == dnnl_success)
        status = dnnl_memory_set_data_handle(call->dst, tw_backend__cpu_address(plan, run, dst, 0));
    if (step->int8.scales && TW_DNNL_ARG_SCALES)
        n_args++;
    if (status == dnnl_success)
        status = dnnl_primitive_execute(step->primitive, worker->stream, n_args, args);
    return status == dnnl_success ? dnnl_stream_wait(worker->stream) : status;
}

int tw_backend__cpu_section_end(const tw_cpu_plan *plan, int step)
{
    int end = step + 1;

    while (plan->steps[step].is_single && end < plan->n_steps && plan->steps[end].is_single)
        end++;
    return end;
}

tw_status tw_backend__cpu_step_run(const tw_cpu_plan *plan, int i, int64_t sample,
                                   const tw_cpu_run *run, tw_error *err)
{
    const tw_cpu_step *step = &plan->steps[i];
    const tw_cpu_value *src = &plan->values[step->src], *dst = &plan->values[step->dst];
    void *scratch = plan->workers[run->worker].block + plan->scratch_offset;

    if (step->primitive)
        return tw_backend__cpu_fail(plan->base.graph->nodes[step->node].name, "run this layer",
                                    run_primitive(plan, i, run), err);
    if (i < run->n_looked)
        tw_backend__cpu_background_run(plan, i, sample, run,
                                       tw_backend__cpu_address(plan, run, dst, sample),
                                       tw_backend__cpu_address(plan, run, src, sample));
    else if (step->winograd)
        tw_backend__winograd_run(step->winograd, step->is_single ? 1 : run->n,
                                 tw_backend__cpu_address(plan, run, dst, sample),
                                 tw_backend__cpu_address(plan, run, src, sample),
                                 (const void *)(plan->packed + step->weights_offset), scratch);
    else if (step->bf16x3)
        tw_backend__bf16x3_run(step->bf16x3, step->is_single ? 1 : run->n,
                               tw_backend__cpu_address(plan, run, dst, sample),
                               tw_backend__cpu_address(plan, run, src, sample),
                               (const void *)(plan->packed + step->weights_offset), scratch);
    else if (step->run_two)
        step->run_two(step, tw_backend__cpu_address(plan, run, src, 0),
                      tw_backend__cpu_address(plan, run, &plan->values[step->other], 0),
                      tw_backend__cpu_address(plan, run, dst, 0));
    else
        step->run(plan, step, tw_backend__cpu_address(plan, run, src, 0),
                  tw_backend__cpu_address(plan, run, dst, 0), scratch);
    return TW_OK;
}

tw_status tw_backend__cpu_plan_run(tw_plan *base, int worker, int64_t n, const float *in,
                                   float *out, tw_error *err)
{
    tw_cpu_plan *plan = (tw_cpu_plan *)base;
    tw_cpu_run run = {.worker = worker, .n = n, .in = in, .out = out};
    int threads = tw_backend__cpu_one_thread();
    tw_status rc;

    assert(worker >= 0 && worker < plan->n_workers && n >= 1 && n <= base->piece);
    rc = tw_backend__cpu_background_look(plan, &run, err);
    for (int i = 0, end; i < plan->n_steps && rc == TW_OK; i = end) {
        const int64_t n_turns = plan->steps[i].is_single ? n : 1;
        end = tw_backend__cpu_section_end(plan, i);
        for (int64_t sample = 0; sample < n_turns; sample++)
            for (int step = i; step < end && rc == TW_OK; step++)
                rc = tw_backend__cpu_step_run(plan, step, sample, &run, err);
    }
    tw_backend__cpu_restore_threads(threads);
    return rc;
}
