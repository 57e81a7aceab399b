/* Runs a plan on one piece as run.c does, and shows what each convolution reads. */
#include "backend/cpu/cpu_int.h"

static void show(const tw_cpu_plan *plan, int i, int64_t sample, const tw_cpu_run *run,
                 const tw_see *see)
{
    const tw_cpu_step *step = &plan->steps[i];
    const tw_cpu_value *src = &plan->values[step->src];
    const int64_t n = (int64_t)(src->n_bytes / (int64_t)sizeof(float));
    const int64_t n_seen = step->is_single && !src->is_single ? n / plan->base.piece : n;

    if (plan->base.graph->nodes[step->node].op == TW_OP_CONV2D &&
        (step->winograd || step->bf16x3 || step->weights_desc))
        see->show(see->ctx, step->node, tw_backend__cpu_address(plan, run, src, sample), n_seen);
}

tw_status tw_backend__cpu_plan_see(tw_plan *base, int worker, const float *in, float *out,
                                   const tw_see *see, tw_error *err)
{
    const tw_cpu_plan *plan = (const tw_cpu_plan *)base;
    const tw_cpu_run run = {worker, base->piece, in, out, 0};
    int threads = tw_backend__cpu_one_thread();
    tw_status rc = TW_OK;

    for (int i = 0, end; i < plan->n_steps && rc == TW_OK; i = end) {
        const int64_t n_turns = plan->steps[i].is_single ? run.n : 1;
        end = tw_backend__cpu_section_end(plan, i);
        for (int64_t turn = 0; turn < n_turns * (end - i) && rc == TW_OK; turn++) {
            const int step = i + (int)(turn % (end - i));
            show(plan, step, turn / (end - i), &run, see);
            rc = tw_backend__cpu_step_run(plan, step, turn / (end - i), &run, err);
        }
    }
    tw_backend__cpu_restore_threads(threads);
    return rc;
}
