/*
 * Add: two values in one layout, number by number, and the ReLU behind it where nothing else reads
 * the sum. The second value is reordered to the first one's layout where it has another.
 */
#include "backend/cpu/cpu_int.h"

static void run(const tw_cpu_step *step, const float *a, const float *b, float *out)
{
    const int64_t n = step->sizes.rows;

    for (int64_t i = 0; i < n; i++)
        out[i] = a[i] + b[i];
}

static void run_relu(const tw_cpu_step *step, const float *a, const float *b, float *out)
{
    const int64_t n = step->sizes.rows;

    for (int64_t i = 0; i < n; i++) {
        const float sum = a[i] + b[i];

        out[i] = sum < 0.0f ? 0.0f : sum; /* NaN stays */
    }
}

bool tw_backend__cpu_is_added(const tw_cpu_plan *plan, int node)
{
    const tw_graph *graph = plan->base.graph;
    const int from = graph->nodes[node].inputs[0];

    return graph->nodes[node].op == TW_OP_RELU && graph->nodes[from].op == TW_OP_ADD &&
           tw_backend__cpu_only_reader(graph, from) == node;
}

tw_status tw_backend__cpu_add(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_graph *graph = plan->base.graph;
    const int *inputs = graph->nodes[node].inputs;
    const int reader = tw_backend__cpu_only_reader(graph, node);
    const bool is_flat = graph->nodes[node].out.rank == 1;
    int a = plan->outputs[inputs[0]], b = plan->outputs[inputs[1]], out;
    tw_cpu_step *step;
    tw_status rc = TW_OK;

    if (plan->values[a].type != dnnl_f32 || is_flat) {
        if ((rc = tw_backend__cpu_as_plain(&a, plan, inputs[0], err)) != TW_OK ||
            (rc = tw_backend__cpu_as_plain(&b, plan, inputs[1], err)) != TW_OK)
            return rc;
    } else {
        rc = tw_backend__cpu_as_desc(&b, plan, inputs[1], plan->values[a].desc, dnnl_f32, err);
    }
    if (rc != TW_OK || (rc = tw_backend__cpu_add_like(&out, plan, node, a, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, a, out);
    step->other = b;
    step->run_two = reader >= 0 && tw_backend__cpu_is_added(plan, reader) ? run_relu : run;
    step->sizes.rows = plan->values[out].n_bytes / (int64_t)sizeof(float);
    plan->values[b].last = plan->n_steps - 1;
    plan->outputs[node] = out;
    return TW_OK;
}
