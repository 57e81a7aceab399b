/* Runs a plan on one piece by the clock: what run.c does, and the seconds of each node's steps. */
#include "backend/cpu/cpu_int.h"

#include "base/clock.h"

/* What a step's time counts for; bringing the caller's input into order is done for the next one.
 */
static int node_of(const tw_cpu_plan *plan, int i)
{
    return plan->steps[i].node == 0 && i + 1 < plan->n_steps ? plan->steps[i + 1].node
                                                             : plan->steps[i].node;
}

tw_status tw_backend__cpu_plan_time(tw_plan *base, int worker, const float *in, float *out,
                                    double *seconds, tw_error *err)
{
    const tw_cpu_plan *plan = (const tw_cpu_plan *)base;
    const tw_cpu_run run = {.worker = worker, .n = base->piece, .in = in, .out = out};
    int threads = tw_backend__cpu_one_thread();
    tw_status rc = TW_OK;

    for (int i = 0, end; i < plan->n_steps && rc == TW_OK; i = end) {
        const int64_t n_turns = plan->steps[i].is_single ? run.n : 1;
        end = tw_backend__cpu_section_end(plan, i);
        for (int64_t turn = 0; turn < n_turns * (end - i) && rc == TW_OK; turn++) {
            const int step = i + (int)(turn % (end - i));
            double start_s = tw_clock_s();
            rc = tw_backend__cpu_step_run(plan, step, turn / (end - i), &run, err);
            seconds[node_of(plan, step)] += tw_clock_s() - start_s;
        }
    }
    tw_backend__cpu_restore_threads(threads);
    return rc;
}
