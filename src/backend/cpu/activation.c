/* ReLU, ReLU6, Sigmoid and Softmax on plain float32, as layers or behind a Dense layer. */
#include "backend/cpu/cpu_int.h"

#include <math.h>

static void run_relu(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in, float *out,
                     float *scratch)
{
    int64_t n = step->sizes.rows * step->sizes.c;

    (void)plan;
    (void)scratch;
    for (int64_t i = 0; i < n; i++)
        out[i] = in[i] < 0.0f ? 0.0f : in[i]; /* NaN stays */
}

static void run_relu6(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in, float *out,
                      float *scratch)
{
    int64_t n = step->sizes.rows * step->sizes.c;

    (void)plan;
    (void)scratch;
    for (int64_t i = 0; i < n; i++)
        out[i] = in[i] < 0.0f ? 0.0f : (in[i] > 6.0f ? 6.0f : in[i]); /* NaN stays */
}

static void run_sigmoid(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in,
                        float *out, float *scratch)
{
    int64_t n = step->sizes.rows * step->sizes.c;

    (void)plan;
    (void)scratch;
    for (int64_t i = 0; i < n; i++)
        out[i] = 1.0f / (1.0f + expf(-in[i]));
}

static void run_softmax(const tw_cpu_plan *plan, const tw_cpu_step *step, const float *in,
                        float *out, float *scratch)
{
    int64_t n_classes = step->sizes.c;

    (void)plan;
    (void)scratch;
    for (int64_t row = 0; row < step->sizes.rows; row++)
        tw_softmax_row(out + row * n_classes, in + row * n_classes, (int)n_classes);
}

tw_status tw_backend__cpu_activation(tw_cpu_plan *plan, int node, int from,
                                     tw_activation activation, tw_error *err)
{
    const tw_shape *shape = &plan->base.graph->nodes[node].out;
    tw_cpu_sizes sizes = {plan->base.piece, 1, 1, 1};
    tw_cpu_step *step;
    int src, dst;
    tw_status rc;

    if ((rc = tw_backend__cpu_as_plain(&src, plan, from, err)) != TW_OK ||
        (rc = tw_backend__cpu_add_plain(&dst, plan, node, err)) != TW_OK)
        return rc;
    step = tw_backend__cpu_add_step(plan, node, src, dst);
    for (int i = 0; i < shape->rank; i++)
        sizes.c *= shape->dims[i];
    step->sizes = sizes;
    step->run = activation == TW_RELU      ? run_relu
                : activation == TW_RELU6   ? run_relu6
                : activation == TW_SIGMOID ? run_sigmoid
                                           : run_softmax;
    plan->outputs[node] = dst;
    return TW_OK;
}
