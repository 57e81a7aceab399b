/*
 * topwork's part in the comparison of bench/peers.py: the trunk of VGG16 (224x224), or one step of
 * training a part of it, on backend cpu with random weights and dense random input.
 *
 *   peer_topwork WORK PRECISION THREADS BATCH
 *
 *   trunk     a batch of pictures, in pieces of 2 that workers take
 *   blockN    block 1 to 5 of the trunk, its pooling too, forward and backward (and a small class
 *             layer, without which there is no loss); gradients are thrown away
 *   top       25088-1000-500-150-10 with dropout, Adam; in bf16 its first layer's products are
 *   finetune  block5, fc1, fc2 and the class layer on activations of block4_pool, SGD with Nesterov
 *             momentum
 */
#include "answer.h"
#include "work.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/text.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { PIECE = 2, SIDE = 224, CLASSES = 10 };

typedef struct peer {
    tw_precision precision;
    int64_t n_threads, batch;
    const tw_backend_table *table;
    tw_backend *backend;
    tw_graph *graph;
    tw_node_weights weights[BENCH_MOST_NODES];
    float *in, *out;

    tw_plan *plan; /* trunk */

    tw_train_plan *training; /* the others */
    int *labels;
    double *losses;
    uint64_t step;
    tw_sink sink;
    bool is_adam;
    float *states[BENCH_MOST_NODES][2]; /* of kernel and bias: momentum, or Adam's two */
} peer;

/* ---- the trunk */

typedef struct pass {
    peer *p;
    tw_status rc;
    tw_error err;
} pass;

static void run_piece(void *ctx, int64_t item, int worker)
{
    pass *now = ctx;
    peer *p = now->p;
    const int64_t n_in = PIECE * tw_shape_size(&p->graph->nodes[0].out);
    const int64_t n_out = PIECE * tw_shape_size(tw_graph_output_shape(p->graph));
    tw_error err;
    tw_status rc = p->table->plan_run(p->plan, worker, p->plan->piece, p->in + item * n_in,
                                      p->out + item * n_out, &err);

    if (rc != TW_OK) {
        now->rc = rc;
        now->err = err;
    }
}

static tw_status run_trunk(void *ctx, tw_error *err)
{
    peer *p = ctx;
    pass now = {.p = p, .rc = TW_OK};

    tw_parallel((int)p->n_threads, p->batch / PIECE, run_piece, &now);
    if (now.rc != TW_OK)
        *err = now.err;
    return now.rc;
}

static tw_status open_trunk(peer *p, tw_error *err)
{
    static const int widths[BENCH_BLOCKS] = {64, 128, 256, 512, 512};
    tw_status rc;

    if (p->batch % PIECE != 0)
        return tw_fail(err, TW_EUSAGE, "a batch of %lld pictures is no multiple of %d",
                       (long long)p->batch, PIECE);
    if ((rc = bench_make_vgg16(&p->graph, SIDE, widths, err)))
        return rc;
    bench_set_ranges(p->graph);
    if ((rc = bench_make_weights(p->weights, p->graph, err)) ||
        (rc = p->table->plan_create(&p->plan, p->backend, p->graph, PIECE, p->precision, err)) ||
        (rc = p->table->plan_load(p->plan, p->weights, (int)p->n_threads, NULL, NULL, err)))
        return rc;
    return TW_OK;
}

/* ---- steps of training */

static void throw_away(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    (void)ctx;
    (void)node;
    (void)slot;
    (void)first;
    (void)n;
    (void)gradient;
}

static float *weight_of(const peer *p, int node, int slot)
{
    return (float *)(uintptr_t)(slot ? p->weights[node].bias : p->weights[node].kernel);
}

/* Numbers of a parameter. */
static int64_t size_of(const peer *p, int node, int slot)
{
    const int64_t units = p->graph->nodes[node].units;

    return slot ? units : tw_node_param_count(p->graph, node) - units;
}

static bool get_update(void *ctx, int node, int slot, tw_update *out)
{
    peer *p = ctx;

    *out = (tw_update){.w = weight_of(p, node, slot),
                       .state = {p->states[node][slot]},
                       .is_adam = p->is_adam,
                       .adam = {.alpha = 1e-3f,
                                .one_minus_beta1 = 0.1f,
                                .one_minus_beta2 = 0.001f,
                                .epsilon = 1e-7f,
                                .lr = 1e-3f},
                       .sgd = {.lr = 1e-4f, .momentum = 0.9f, .nesterov = true}};
    out->state[1] = out->state[0] + size_of(p, node, slot);
    return true;
}

static void take_update(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient)
{
    peer *p = ctx;
    tw_update u;

    get_update(ctx, node, slot, &u);
    if (u.is_adam)
        p->table->adam(u.w + first, u.state[0] + first, u.state[1] + first, gradient, n, &u.adam);
    else
        p->table->sgd(u.w + first, u.state[0] + first, gradient, n, &u.sgd);
}

static tw_status run_step(void *ctx, tw_error *err)
{
    peer *p = ctx;

    return p->table->train_step(p->training, p->weights, p->in, p->labels, NULL, p->batch, 1, 0,
                                p->step++, p->losses, p->out, &p->sink, err);
}

/* One block on what the blocks before it make, then a top. */
static tw_status make_suffix(tw_graph **out, int number, const char *top_spec, tw_error *err)
{
    static const int counts[BENCH_BLOCKS] = {2, 2, 3, 3, 3},
                     widths[BENCH_BLOCKS] = {64, 128, 256, 512, 512};
    const int64_t side = SIDE >> (number - 1), c = number > 1 ? widths[number - 2] : 3;
    const tw_shape input = tw_shape_make(3, (int64_t[]){side, side, c});
    tw_graph *block = NULL, *top = NULL;
    tw_status rc = tw_graph_create(&block, "block_input", &input, err);

    if (rc == TW_OK &&
        (rc = bench_add_block(block, number, counts[number - 1], widths[number - 1], err)) ==
            TW_OK &&
        (rc = tw_graph_parse_top(&top, tw_graph_output_shape(block), top_spec, CLASSES, err)) ==
            TW_OK)
        rc = tw_graph_join(out, block, top, err);
    tw_graph_free(block);
    tw_graph_free(top);
    return rc;
}

static tw_status make_states(peer *p, int n_states, tw_error *err)
{
    for (int i = 0; i < p->graph->n; i++)
        for (int slot = 0; slot < 2 && weight_of(p, i, slot); slot++)
            if (!(p->states[i][slot] = tw_alloc_f32(n_states * size_of(p, i, slot))))
                return tw_fail(err, TW_ENOMEM, "no memory for the optimizer's state");
    return TW_OK;
}

static tw_status open_training(peer *p, const char *work, tw_error *err)
{
    static const char tutorial[] =
        "1000 relu, dropout 0.3, 500 sigmoid, dropout 0.4, 150 sigmoid, dropout 0.2";
    const tw_shape pool5 = tw_shape_make(3, (int64_t[]){7, 7, 512});
    const bool is_bf16 = p->precision == TW_PRECISION_BF16 && strcmp(work, "top") == 0;
    tw_status rc;

    if (p->precision != TW_PRECISION_FP32 && (!is_bf16 || !p->backend->trains_bf16))
        return tw_fail(err, TW_EUNSUPPORTED, "topwork trains %s in fp32 here, not in %s", work,
                       tw_precision_name(p->precision));
    p->sink = (tw_sink){.take = take_update, .ctx = p, .get_update = get_update};
    if (strcmp(work, "top") == 0) {
        rc = tw_graph_parse_top(&p->graph, &pool5, tutorial, CLASSES, err);
        p->is_adam = true;
    } else if (strcmp(work, "finetune") == 0) {
        rc = make_suffix(&p->graph, BENCH_BLOCKS, "4096 relu, 4096 relu", err);
    } else if (strncmp(work, "block", 5) == 0 && work[5] >= '1' && work[5] <= '5') {
        p->sink = (tw_sink){.take = throw_away};
        rc = make_suffix(&p->graph, work[5] - '0', "gap", err);
    } else {
        rc = tw_fail(err, TW_EUSAGE, "no such work: %s", work);
    }
    if (rc || (rc = bench_make_weights(p->weights, p->graph, err)) ||
        (p->sink.get_update && (rc = make_states(p, 2, err))))
        return rc;
    p->labels = tw_calloc((size_t)p->batch, sizeof *p->labels);
    p->losses = tw_calloc((size_t)p->batch, sizeof *p->losses);
    if (!p->labels || !p->losses)
        return tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)p->batch);
    for (int64_t i = 0; i < p->batch; i++)
        p->labels[i] = (int)(i % CLASSES);
    rc = p->table->train_create(&p->training, p->backend, p->graph, p->batch, (int)p->n_threads,
                                NULL, err);
    if (rc == TW_OK)
        p->training->is_bf16 = is_bf16;
    return rc;
}

/* ---- main */

static tw_status open_peer(peer *p, const char *work, tw_error *err)
{
    tw_status rc;

    if ((rc = tw_backend_find(&p->table, "cpu", err)) ||
        (rc = p->table->open(&p->backend, NULL, err)) ||
        (rc = strcmp(work, "trunk") == 0 ? open_trunk(p, err) : open_training(p, work, err)))
        return rc;
    p->in = bench_random(p->batch * tw_shape_size(&p->graph->nodes[0].out), 2.0f, 99);
    p->out = tw_alloc_f32(p->batch * tw_shape_size(tw_graph_output_shape(p->graph)));
    return p->in && p->out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for a batch");
}

static void close_peer(peer *p)
{
    if (p->plan)
        p->table->plan_free(p->plan);
    if (p->training)
        p->table->train_free(p->training);
    bench_free_weights(p->weights, BENCH_MOST_NODES);
    for (int i = 0; i < BENCH_MOST_NODES; i++)
        for (int slot = 0; slot < 2; slot++)
            tw_free(p->states[i][slot]);
    tw_graph_free(p->graph);
    if (p->backend)
        p->table->close(p->backend);
    tw_free(p->in);
    tw_free(p->out);
    tw_free(p->labels);
    tw_free(p->losses);
}

int main(int argc, char **argv)
{
    static peer p;
    tw_error err = {TW_OK,
                    "usage: peer_topwork trunk|block1..5|top|finetune PRECISION THREADS BATCH"};
    bench_peer answers = {NULL, run_step, &p};
    tw_status rc = TW_EUSAGE;

    if (argc == 5 && tw_parse_i64(&p.n_threads, argv[3]) && tw_parse_i64(&p.batch, argv[4]) &&
        p.n_threads > 0 && p.batch > 0 && tw_precision_parse(&p.precision, argv[2])) {
        rc = open_peer(&p, argv[1], &err);
    }
    if (rc == TW_OK) {
        answers.version = p.backend->numerics;
        if (strcmp(argv[1], "trunk") == 0)
            answers.run = run_trunk;
        rc = bench_answer(&answers, &err);
    }
    close_peer(&p);
    return rc == TW_OK ? 0 : bench_missing(&err);
}
