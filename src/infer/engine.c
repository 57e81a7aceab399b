/*
 * The public engine: a model's chain behind a handle, fed with pictures. The contract is applied by
 * the worker that takes the picture, so no batch of input tensors ever exists.
 */
#include "infer/engine.h"
#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

struct tw_engine {
    const tw_model *model;
    int last;
    tw_computer computer;
    tw_chain *chain;
    tw_chain *tail;     /* of a judge: what comes after the frozen part; else NULL */
    float *rows, *look; /* of a judge: (TW_PIECE_ROWS, features) and (C) */
};

static tw_status check_input(const tw_model *model, tw_error *err)
{
    const tw_contract *contract = &model->contract;
    const tw_shape made = tw_shape_make(3, (int64_t[]){contract->height, contract->width, 3});
    char gives[96], takes[96];

    if (tw_shape_equal(&made, &model->graph->nodes[0].out))
        return TW_OK;
    return tw_fail(err, TW_ESHAPE, "the preprocessing gives %s, the network takes %s",
                   tw_shape_text(gives, sizeof gives, &made),
                   tw_shape_text(takes, sizeof takes, &model->graph->nodes[0].out));
}

tw_status tw_engine_create(tw_engine **out, const tw_model *model, const char *layer,
                           const tw_compute *compute, tw_error *err)
{
    tw_status rc;
    tw_engine *engine = NULL;

    *out = NULL;
    if (!(engine = tw_calloc(1, sizeof *engine)))
        return tw_fail(err, TW_ENOMEM, "no memory for an engine");
    engine->model = model;
    engine->last = model->graph->n - 1;
    if ((layer && (rc = tw_graph_find(&engine->last, model->graph, layer, err))) ||
        (rc = check_input(model, err)) ||
        (rc = tw_computer_open(&engine->computer, compute, model->precision, err)) ||
        (rc = tw_chain_create(&engine->chain, model, 0, engine->last, engine->computer.backend,
                              engine->computer.precision, engine->computer.n_threads,
                              engine->computer.memory_limit, err)))
        goto done;
    *out = engine;
    engine = NULL; /* ownership moved to *out */
done:
    tw_engine_free(engine);
    return rc;
}

/* Divided where evaluation divides it, so that the digits are the same. */
static tw_status make_judge(tw_engine *engine, tw_error *err)
{
    const tw_model *model = engine->model;
    const int boundary = tw_model_boundary(model);
    const int64_t n_row = tw_shape_size(&model->graph->nodes[boundary].out);
    const int64_t n_bytes = TW_PIECE_ROWS * n_row * (int64_t)sizeof(float);
    tw_computer *computer = &engine->computer;
    tw_status rc;

    if ((rc = tw_chain_create(&engine->tail, model, boundary, engine->last, computer->backend,
                              TW_PRECISION_FP32, 1, computer->memory_limit - n_bytes, err)) ||
        (rc = tw_chain_create(&engine->chain, model, 0, boundary, computer->backend,
                              computer->precision, computer->n_threads,
                              computer->memory_limit - n_bytes - tw_chain_memory(engine->tail),
                              err)))
        return rc;
    engine->rows = tw_alloc_f32(TW_PIECE_ROWS * n_row);
    engine->look = tw_alloc_f32(model->known.n_channels);
    if (!engine->rows || !engine->look)
        return tw_fail(err, TW_ENOMEM, "no memory for %d rows of features", TW_PIECE_ROWS);
    return TW_OK;
}

tw_status tw_engine_create_judge(tw_engine **out, const tw_model *model, const tw_compute *compute,
                                 tw_error *err)
{
    tw_status rc;
    tw_engine *engine = NULL;

    *out = NULL;
    if (!model->known.means)
        return tw_fail(err, TW_EFILE,
                       "the model has not learned what known pictures look like: topwork "
                       "calibrate RUN");
    if (!(engine = tw_calloc(1, sizeof *engine)))
        return tw_fail(err, TW_ENOMEM, "no memory for an engine");
    engine->model = model;
    engine->last = model->graph->n - 1;
    if ((rc = check_input(model, err)) ||
        (rc = tw_computer_open(&engine->computer, compute, model->precision, err)) ||
        (rc = make_judge(engine, err)))
        goto done;
    *out = engine;
    engine = NULL; /* ownership moved to *out */
done:
    tw_engine_free(engine);
    return rc;
}

void tw_engine_free(tw_engine *engine)
{
    if (!engine)
        return;
    tw_chain_free(engine->tail);
    tw_free(engine->rows);
    tw_free(engine->look);
    tw_chain_free(engine->chain);
    tw_computer_close(&engine->computer);
    tw_free(engine);
}

typedef struct feed {
    const tw_contract *contract;
    const tw_picture *pictures;
} feed;

static tw_status apply_contract(void *ctx, int64_t row, float *out, tw_error *err)
{
    const feed *from = ctx;

    return tw_contract_apply(out, from->contract, &from->pictures[row], err);
}

tw_status tw_engine_run(tw_engine *engine, const tw_picture *pictures, int64_t n, float *out,
                        tw_error *err)
{
    feed from = {&engine->model->contract, pictures};

    if (engine->tail)
        return tw_fail(err, TW_EUSAGE, "an engine that judges is for tw_engine_judge alone");
    return tw_chain_run(engine->chain, NULL, n, out, apply_contract, &from, err);
}

static tw_status check_classifier(const tw_engine *engine, tw_error *err)
{
    const tw_node *node = &engine->model->graph->nodes[engine->last];

    if (node->out.rank == 1 && (node->op == TW_OP_SOFTMAX || node->activation == TW_SOFTMAX))
        return TW_OK;
    return tw_fail(err, TW_EUSAGE, "\"%s\" is no softmax over classes: nothing to predict",
                   node->name);
}

static void make_probabilities(const tw_engine *engine, float *rows, int64_t n)
{
    const int64_t n_classes = tw_engine_row_size(engine);

    for (int64_t i = 0; i < n; i++)
        tw_softmax_tempered_row(rows + i * n_classes, rows + i * n_classes, (int)n_classes,
                                engine->model->temperature);
}

tw_status tw_engine_predict(tw_engine *engine, const tw_picture *pictures, int64_t n, float *out,
                            tw_error *err)
{
    tw_status rc;

    if ((rc = check_classifier(engine, err)) || (rc = tw_engine_run(engine, pictures, n, out, err)))
        return rc;
    make_probabilities(engine, out, n);
    return TW_OK;
}

/* At most TW_PIECE_ROWS pictures. */
static tw_status judge_piece(tw_engine *engine, const tw_picture *pictures, int64_t n, float *out,
                             double *distances, tw_error *err)
{
    const int64_t n_row = tw_chain_out_size(engine->chain);
    feed from = {&engine->model->contract, pictures};
    tw_status rc;

    if ((rc = tw_chain_run(engine->chain, NULL, n, engine->rows, apply_contract, &from, err)) ||
        (rc = tw_chain_run(engine->tail, engine->rows, n, out, NULL, NULL, err)))
        return rc;
    for (int64_t i = 0; i < n; i++) {
        tw_look_row(engine->look, engine->rows + i * n_row, n_row, engine->model->known.n_channels);
        distances[i] = tw_look_distance(engine->model, engine->look);
    }
    make_probabilities(engine, out, n);
    return TW_OK;
}

tw_status tw_engine_judge(tw_engine *engine, const tw_picture *pictures, int64_t n, float *out,
                          double *distances, tw_error *err)
{
    tw_status rc = check_classifier(engine, err);

    if (!engine->tail)
        return tw_fail(err, TW_EUSAGE, "to judge takes an engine of tw_engine_create_judge");
    for (int64_t i = 0; i < n && rc == TW_OK; i += TW_PIECE_ROWS)
        rc = judge_piece(engine, pictures + i, n - i < TW_PIECE_ROWS ? n - i : TW_PIECE_ROWS,
                         out + i * tw_engine_row_size(engine), distances + i, err);
    return rc;
}

int64_t tw_engine_row_size(const tw_engine *engine)
{
    return tw_chain_out_size(engine->tail ? engine->tail : engine->chain);
}

tw_shape tw_engine_row_shape(const tw_engine *engine)
{
    return tw_chain_out_shape(engine->tail ? engine->tail : engine->chain);
}

const char *tw_engine_numerics(const tw_engine *engine)
{
    return tw_chain_numerics(engine->chain);
}

const char *tw_engine_describe(const tw_engine *engine)
{
    return engine->computer.describe;
}

int64_t tw_engine_memory(const tw_engine *engine)
{
    const int64_t rows = TW_PIECE_ROWS * tw_chain_out_size(engine->chain);

    if (!engine->tail)
        return tw_chain_memory(engine->chain);
    return tw_chain_memory(engine->chain) + tw_chain_memory(engine->tail) +
           rows * (int64_t)sizeof(float);
}

int64_t tw_engine_batch(const tw_engine *engine)
{
    return engine->tail ? TW_PIECE_ROWS : tw_chain_batch(engine->chain);
}
