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

void tw_engine_free(tw_engine *engine)
{
    if (!engine)
        return;
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

    return tw_chain_run(engine->chain, NULL, n, out, apply_contract, &from, err);
}

static bool is_classifier(const tw_engine *engine)
{
    const tw_node *node = &engine->model->graph->nodes[engine->last];

    return node->out.rank == 1 && (node->op == TW_OP_SOFTMAX || node->activation == TW_SOFTMAX);
}

tw_status tw_engine_predict(tw_engine *engine, const tw_picture *pictures, int64_t n, float *out,
                            tw_error *err)
{
    const int64_t n_classes = tw_engine_row_size(engine);
    tw_status rc;

    if (!is_classifier(engine))
        return tw_fail(err, TW_EUSAGE, "\"%s\" is no softmax over classes: nothing to predict",
                       engine->model->graph->nodes[engine->last].name);
    if ((rc = tw_engine_run(engine, pictures, n, out, err)))
        return rc;
    for (int64_t i = 0; i < n; i++)
        tw_softmax_tempered_row(out + i * n_classes, out + i * n_classes, (int)n_classes,
                                engine->model->temperature);
    return TW_OK;
}

int64_t tw_engine_row_size(const tw_engine *engine)
{
    return tw_chain_out_size(engine->chain);
}

tw_shape tw_engine_row_shape(const tw_engine *engine)
{
    return tw_chain_out_shape(engine->chain);
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
    return tw_chain_memory(engine->chain);
}

int64_t tw_engine_batch(const tw_engine *engine)
{
    return tw_chain_batch(engine->chain);
}
