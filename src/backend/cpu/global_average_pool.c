/* GlobalAveragePooling2D: means over H and W of plain (N,H,W,C), summed in double. */
#include "backend/cpu/cpu_int.h"

enum { LANES = 8 };

/* Means of n_lanes neighbouring channels of one picture. */
static void mean_lanes(float *out, const float *in, int64_t n_places, int64_t stride, int n_lanes)
{
    double sums[LANES] = {0};

    for (int64_t i = 0; i < n_places; i++)
        for (int lane = 0; lane < n_lanes; lane++)
            sums[lane] += (double)in[i * stride + lane];
    for (int lane = 0; lane < n_lanes; lane++)
        out[lane] = (float)(sums[lane] / (double)n_places);
}

static void run(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in, float *out,
                float *scratch)
{
    const tw_cpu_sizes *s = &step->sizes;

    (void)plan;
    (void)scratch;
    for (int64_t row = 0; row < s->rows; row++)
        for (int64_t c = 0; c < s->c; c += LANES)
            mean_lanes(out + row * s->c + c, in + row * s->n * s->c + c, s->n, s->c,
                       (int)(s->c - c < LANES ? s->c - c : LANES));
}

tw_status tw_backend__cpu_global_average_pool(tw_cpu_plan *plan, int node, tw_error *err)
{
    const tw_node *layer = &plan->base.graph->nodes[node];
    const tw_shape *in = &plan->base.graph->nodes[layer->inputs[0]].out;
    tw_cpu_step *step;
    int from, to;
    tw_status rc;

    if ((rc = tw_backend__cpu_as_plain(&from, plan, layer->inputs[0], err)) != TW_OK ||
        (rc = tw_backend__cpu_add_plain(&to, plan, node, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, from, to);
    step->run = run;
    step->sizes =
        (tw_cpu_sizes){plan->base.piece, in->dims[2], in->dims[2], in->dims[0] * in->dims[1]};
    plan->outputs[node] = to;
    return TW_OK;
}
