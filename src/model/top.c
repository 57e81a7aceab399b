/*
 * A new top on an old trunk. The result reads the trunk's parameters where they lie (the trunk must
 * outlive it) up to a boundary, and owns what comes after it in one block: copies of the trunk's
 * parameters, and those of the top, freshly initialized.
 *
 *     base:  input ... boundary | boundary+1 ... cut          top: flatten ... predictions
 *            borrowed views     | own, copied or initialized       own, initialized
 */
#include "model/model_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <string.h>

static tw_status check_classes(const tw_graph *graph, char *const *classes, int n_classes,
                               tw_error *err)
{
    const tw_shape *output = tw_graph_output_shape(graph);
    char text[96];

    if (n_classes == 0)
        return TW_OK;
    if (n_classes < 0 || !classes)
        return tw_fail(err, TW_EUSAGE, "a top for %d classes needs their names", n_classes);
    if (output->rank != 1 || output->dims[0] != n_classes)
        return tw_fail(err, TW_ESHAPE, "the top ends in %s, %d classes were given",
                       tw_shape_text(text, sizeof text, output), n_classes);
    return TW_OK;
}

/* Architecture, contract and provenance of the trunk. */
static tw_status describe(tw_model *model, const tw_model *base, tw_error *err)
{
    bool ok = true;

    model->contract = base->contract;
    if (base->architecture)
        ok = ok && (model->architecture = tw_strdup(base->architecture));
    if (base->weights)
        ok = ok && (model->weights = tw_strdup(base->weights));
    if (base->provenance)
        ok = ok && (model->provenance = tw_json_copy(base->provenance));
    model->trunk_file = base->file.map.data ? &base->file.map : NULL;
    return ok ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory to describe a model");
}

/* Nodes 0..base->n-1 of the joined graph are base's, one for one. */
static void borrow(tw_model *model, const tw_model *base, int boundary)
{
    for (int i = 0; i <= boundary; i++) {
        for (int slot = 0; slot < 2; slot++) {
            model->params[i][slot] = base->params[i][slot];
            model->params[i][slot].data = NULL;
        }
    }
    for (int i = boundary + 1; i < model->graph->n; i++)
        model->frozen[i] = false;
}

typedef struct copying {
    float *to;
} copying;

static tw_status copy_window(void *ctx, const void *bytes, int64_t first, int64_t n, tw_error *err)
{
    const copying *now = ctx;

    (void)err;
    memcpy(now->to + first, bytes, (size_t)n * sizeof(float));
    return TW_OK;
}

/* What the base has after the boundary replaces the initial values. */
static tw_status copy_numbers(tw_model *model, const tw_model *base, int boundary, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = boundary + 1; i < base->graph->n; i++) {
        for (int slot = 0; slot < 2 && !rc; slot++) {
            copying now = {model->params[i][slot].data};

            if (base->params[i][slot].view)
                rc = tw_model__scan(&base->params[i][slot], copy_window, &now, err);
        }
    }
    return rc;
}

tw_status tw_model_add_top(tw_model **out, const tw_model *base, const tw_graph *top, int boundary,
                           char *const *classes, int n_classes, uint64_t seed, tw_error *err)
{
    tw_status rc;
    tw_graph *graph = NULL;
    tw_model *model = NULL;

    *out = NULL;
    if ((rc = check_classes(top, classes, n_classes, err)) != TW_OK ||
        (rc = tw_graph_join(&graph, base->graph, top, err)) != TW_OK ||
        (rc = tw_model__create(&model, graph, err)) != TW_OK)
        return rc;
    borrow(model, base, boundary);
    if ((rc = describe(model, base, err)) == TW_OK &&
        (rc = tw_model__copy_classes(model, classes, n_classes, err)) == TW_OK &&
        (rc = tw_model__init_block(model, boundary + 1, base, seed, err)) == TW_OK &&
        (rc = copy_numbers(model, base, boundary, err)) == TW_OK) {
        *out = model;
        model = NULL; /* ownership moved to *out */
    }
    tw_model_free(model);
    return rc;
}
