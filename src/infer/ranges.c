/*
 * Finding the ranges that int8 computes with: a few pictures go through the network in fp32, and of
 * what each convolution reads the magnitudes are counted. The range is where the squared error is
 * least: that of rounding, step^2 / 12 a number, and that of what lies outside and is cut off. The
 * input has the range that its preprocessing can make.
 *
 * A histogram's bins are the upper bits of float32 magnitudes: 32 an octave, whatever their scale.
 */
#include "infer/infer_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

enum { BIN_SHIFT = 18, BINS = 1 << (31 - BIN_SHIFT), LEAST_PERCENT = 20 };

#define LEAST_RANGE 1e-12f
#define MOST_RANGE 1e12f

/* What came out of a layer, zeros left out. */
typedef struct histogram {
    float low, high;
    int64_t counts[BINS];
} histogram;

typedef struct calibration {
    const tw_graph *graph;
    histogram **histograms; /* of each node whose output a convolution reads, else NULL */
} calibration;

static void count(void *ctx, int node, const float *x, int64_t n)
{
    const calibration *now = ctx;
    histogram *h =
        now->histograms[tw_graph_producer(now->graph, now->graph->nodes[node].inputs[0])];

    for (int64_t i = 0; i < n; i++) {
        uint32_t bits;

        memcpy(&bits, &x[i], sizeof bits);
        h->low = x[i] < h->low ? x[i] : h->low;
        h->high = x[i] > h->high ? x[i] : h->high;
        h->counts[(bits & 0x7fffffffu) >> BIN_SHIFT]++;
    }
    h->counts[0] = 0;
}

/* The magnitude in the middle of a bin. */
static double middle(int bin)
{
    const uint32_t bits = ((uint32_t)bin << BIN_SHIFT) | 1u << (BIN_SHIFT - 1);
    float x;

    memcpy(&x, &bits, sizeof x);
    return (double)x;
}

static double error_of(const histogram *h, double range, double step)
{
    double sum = 0.0;

    for (int bin = 0; bin < BINS; bin++) {
        const double over = h->counts[bin] ? middle(bin) - range : 0.0;

        sum += (double)h->counts[bin] * (over > 0.0 ? over * over : step * step / 12.0);
    }
    return sum;
}

/* Nothing but zeros is any range. */
static tw_status choose(float range[2], const histogram *h, const char *name, tw_error *err)
{
    const float most = fmaxf(h->high, -h->low);
    const double n_steps = h->low < 0.0f ? 127.0 : 255.0;
    double best = INFINITY;

    range[0] = 0.0f;
    range[1] = 1.0f;
    if (!(most <= MOST_RANGE))
        return tw_fail(err, TW_EUNSUPPORTED, "%s: outputs of %g are too large for int8", name,
                       (double)most);
    for (int percent = 100; percent >= LEAST_PERCENT && most >= LEAST_RANGE; percent--) {
        const double limit = (double)most * percent / 100.0;
        const double error = error_of(h, limit, limit / n_steps);

        if (error < best) {
            best = error;
            range[1] = fmaxf((float)limit, LEAST_RANGE);
        }
    }
    if (h->low < 0.0f)
        range[0] = -range[1];
    return TW_OK;
}

/* What black and white become. */
static tw_status find_input_range(float range[2], const tw_contract *contract, tw_error *err)
{
    const int64_t n = (int64_t)contract->height * contract->width * 3;
    tw_picture picture = {contract->height, contract->width, 3, tw_malloc((size_t)n)};
    float *x = tw_alloc_f32(n);
    tw_status rc = TW_OK;

    range[0] = range[1] = 0.0f;
    if (!picture.pixels || !x)
        rc = tw_fail(err, TW_ENOMEM, "no memory for a picture of %dx%d", contract->height,
                     contract->width);
    for (int value = 0; value <= 255 && !rc; value += 255) {
        memset(picture.pixels, value, (size_t)n);
        rc = tw_contract_apply(x, contract, &picture, err);
        for (int64_t i = 0; i < n && !rc; i++) {
            range[0] = fminf(range[0], x[i]);
            range[1] = fmaxf(range[1], x[i]);
        }
    }
    tw_free(picture.pixels);
    tw_free(x);
    return rc;
}

static tw_status calibration_create(calibration *out, const tw_graph *graph, tw_error *err)
{
    out->graph = graph;
    if (!(out->histograms = tw_calloc((size_t)graph->n, sizeof *out->histograms)))
        return tw_fail(err, TW_ENOMEM, "no memory to calibrate %d layers", graph->n);
    for (int i = 1; i < graph->n; i++) {
        histogram **h = &out->histograms[tw_graph_producer(graph, graph->nodes[i].inputs[0])];

        if (graph->nodes[i].op == TW_OP_CONV2D && !*h && !(*h = tw_calloc(1, sizeof **h)))
            return tw_fail(err, TW_ENOMEM, "no memory to calibrate %d layers", graph->n);
    }
    return TW_OK;
}

static void calibration_free(calibration *now)
{
    for (int i = 0; now->histograms && i < now->graph->n; i++)
        tw_free(now->histograms[i]);
    tw_free(now->histograms);
}

static tw_status see_rows(tw_chain *chain, calibration *now, int64_t n, tw_fill_row fill, void *ctx,
                          tw_error *err)
{
    const tw_infer_stage *stage = &chain->stages[0];
    const tw_see see = {count, now};
    tw_status rc = TW_OK;

    for (int64_t row = 0; row < n && !rc; row += stage->piece) {
        for (int64_t i = 0; i < stage->piece && !rc; i++)
            rc = fill(ctx, row + i, chain->in + i * stage->in_size, err);
        if (!rc)
            rc = stage->plan->table->plan_see(stage->plan, 0, chain->in, chain->out, &see, err);
    }
    return rc;
}

static tw_status take_ranges(tw_model *model, const tw_chain *chain, const calibration *now,
                             tw_error *err)
{
    const tw_infer_stage *stage = &chain->stages[0];
    tw_status rc = TW_OK;

    if (now->histograms[0])
        rc = find_input_range(model->graph->nodes[0].range, &model->contract, err);
    for (int i = 1; i < now->graph->n && !rc; i++)
        if (now->histograms[i])
            rc = choose(model->graph->nodes[stage->model_nodes[i]].range, now->histograms[i],
                        now->graph->nodes[i].name, err);
    return rc;
}

void tw_calibration_forget(tw_graph *graph)
{
    for (int i = 0; i < graph->n; i++)
        memset(graph->nodes[i].range, 0, sizeof graph->nodes[i].range);
}

tw_status tw_find_ranges(tw_model *model, int last, const tw_computer *computer, int64_t n,
                         tw_fill_row fill, void *ctx, tw_error *err)
{
    calibration now = {0};
    tw_chain *chain = NULL;
    tw_status rc;

    tw_calibration_forget(model->graph);
    if (tw_chain_piece(model, 0, last) == TW_PIECE_ROWS)
        return TW_OK;
    if ((rc = tw_chain_create(&chain, model, 0, last, computer->backend, TW_PRECISION_FP32, 1,
                              computer->memory_limit, err)) ||
        (rc = calibration_create(&now, chain->stages[0].plan->graph, err)) ||
        (rc = see_rows(chain, &now, n, fill, ctx, err)))
        goto done;
    rc = take_ranges(model, chain, &now, err);
done:
    calibration_free(&now);
    tw_chain_free(chain);
    return rc;
}
