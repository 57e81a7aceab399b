/*
 * Grad-CAM (Selvaraju et al. 2017): where in a picture a classifier found what speaks for a class.
 * The layers up to the one that is looked at run as they do everywhere; the rest runs forward and
 * back on the backend's training plan, without dropout and without a weight changing.
 *
 *   A (H,W,C)  activations of the layer         a_c = mean over H,W of d logit / d A
 *   map (H,W)  = max(0, sum over C of a_c A_c), divided by its largest
 */
#include "backend/backend.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/overlay.h"
#include "infer/engine.h"
#include "tensor/tensor.h"

#include <tw/eval.h>

#include <stdio.h>
#include <string.h>

/* What one explanation needs. */
typedef struct job {
    const tw_model *model;
    const tw_picture *picture;
    int layer; /* node of the model */
    int n_classes;
    tw_computer computer;
    tw_graph *suffix; /* the layers behind it */
    tw_train_plan *plan;
    tw_node_weights *weights; /* of the suffix */
    float **copies;           /* (2 * suffix->n) of those that lie where no float may */
    int64_t n_copied;
    float *activations, *gradient; /* (H,W,C) */
    float *logits, *probabilities; /* (L) */
} job;

/* ---- which layer */

static tw_status find_layer(int *out, const tw_model *model, const char *layer, tw_error *err)
{
    const tw_graph *graph = model->graph;
    tw_status rc;

    *out = 0;
    if (layer) {
        if ((rc = tw_graph_find(out, graph, layer, err)))
            return rc;
        if (graph->nodes[*out].out.rank != 3 || *out == 0)
            return tw_fail(err, TW_EUSAGE, "layer \"%s\" has no places that a map could show",
                           graph->nodes[*out].name);
        return TW_OK;
    }
    for (int i = 1; i < graph->n; i++)
        if (graph->nodes[i].op == TW_OP_CONV2D)
            *out = i;
    if (*out == 0)
        return tw_fail(err, TW_EUSAGE, "the model has no convolution, so no map can be made");
    return TW_OK;
}

static tw_status check(const job *j, int class_index, tw_error *err)
{
    if (j->n_classes < 2)
        return tw_fail(err, TW_EFILE, "the model has no classes, there is nothing to explain");
    if (class_index >= j->n_classes)
        return tw_fail(err, TW_EUSAGE, "class %d of %d: the first one is 0", class_index,
                       j->n_classes);
    return TW_OK;
}

/* ---- the layers behind it */

/* In place where a float may lie, else a copy. */
static tw_status place_weights(const float **out, job *j, int node, int slot, tw_error *err)
{
    const tw_param *param = &j->model->params[j->layer + node][slot];
    int64_t n = tw_shape_size(&param->shape);
    float *copy;

    if (!param->view)
        return tw_fail(err, TW_EFILE, "layer \"%s\" has no weights", j->suffix->nodes[node].name);
    *out = param->view;
    if ((uintptr_t)param->view % sizeof(float) == 0)
        return TW_OK;
    if (!(copy = tw_alloc_f32(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for the weights of layer \"%s\"",
                       j->suffix->nodes[node].name);
    memcpy(copy, param->view, (size_t)n * sizeof *copy);
    j->copies[2 * node + slot] = copy;
    j->n_copied += n * (int64_t)sizeof *copy;
    *out = copy;
    return TW_OK;
}

static tw_status make_suffix(job *j, tw_error *err)
{
    tw_status rc;
    tw_shape shapes[2];
    const tw_backend_table *table = j->computer.backend->table;

    if ((rc = tw_graph_suffix(&j->suffix, j->model->graph, j->layer, err)) ||
        (rc = table->gradient_create(&j->plan, j->computer.backend, j->suffix, 1,
                                     j->computer.n_threads, err)))
        return rc;
    j->weights = tw_calloc((size_t)j->suffix->n, sizeof *j->weights);
    j->copies = tw_calloc(2 * (size_t)j->suffix->n, sizeof *j->copies);
    if (!j->weights || !j->copies)
        return tw_fail(err, TW_ENOMEM, "no memory for %d layers", j->suffix->n);
    for (int i = 1; i < j->suffix->n; i++) {
        int n = tw_node_params(j->suffix, i, shapes);

        if ((n > 0 && (rc = place_weights(&j->weights[i].kernel, j, i, 0, err))) ||
            (n > 1 && (rc = place_weights(&j->weights[i].bias, j, i, 1, err))))
            return rc;
    }
    return TW_OK;
}

static tw_status make_rows(job *j, tw_error *err)
{
    int64_t size = tw_shape_size(&j->model->graph->nodes[j->layer].out);

    if ((j->activations = tw_alloc_f32(size)) && (j->gradient = tw_alloc_f32(size)) &&
        (j->logits = tw_alloc_f32(j->n_classes)) && (j->probabilities = tw_alloc_f32(j->n_classes)))
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory for %lld activations", (long long)size);
}

/* ---- the layers up to it */

static tw_status apply_contract(void *ctx, int64_t row, float *out, tw_error *err)
{
    const job *j = ctx;

    (void)row;
    return tw_contract_apply(out, &j->model->contract, j->picture, err);
}

static tw_status run_prefix(job *j, tw_error *err)
{
    tw_status rc;
    tw_chain *chain = NULL;

    if (!(rc = tw_chain_create(&chain, j->model, 0, j->layer, j->computer.backend,
                               j->computer.precision, 1,
                               j->computer.memory_limit - j->plan->n_bytes - j->n_copied, err)))
        rc = tw_chain_run(chain, NULL, 1, j->activations, apply_contract, j, err);
    tw_chain_free(chain);
    return rc;
}

/* ---- the map */

static void take_map(tw_explanation *out, const job *j)
{
    const int64_t places = (int64_t)out->height * out->width;
    const int64_t c = j->model->graph->nodes[j->layer].out.dims[2];
    double largest = 0.0;

    for (int64_t k = 0; k < c; k++) {
        double weight = 0.0;

        for (int64_t p = 0; p < places; p++)
            weight += (double)j->gradient[p * c + k];
        weight /= (double)places;
        for (int64_t p = 0; p < places; p++)
            out->map[p] += (float)(weight * (double)j->activations[p * c + k]);
    }
    for (int64_t p = 0; p < places; p++) {
        out->map[p] = out->map[p] > 0.0f ? out->map[p] : 0.0f;
        largest = (double)out->map[p] > largest ? (double)out->map[p] : largest;
    }
    out->strongest = largest;
    for (int64_t p = 0; p < places && largest > 0.0; p++)
        out->map[p] = (float)((double)out->map[p] / largest);
}

/* The classes first: which is the most probable is known only afterwards. */
static tw_status run_suffix(tw_explanation *out, job *j, tw_error *err)
{
    const tw_backend_table *table = j->computer.backend->table;
    int asked = out->class_index >= 0 ? out->class_index : 0;
    tw_status rc;

    if ((rc = table->gradient_run(j->plan, j->weights, j->activations, &asked, 1, j->logits,
                                  j->gradient, err)))
        return rc;
    out->predicted = tw_argmax_row(j->logits, j->n_classes);
    if (out->class_index < 0 && out->predicted != asked &&
        (rc = table->gradient_run(j->plan, j->weights, j->activations, &out->predicted, 1,
                                  j->logits, j->gradient, err)))
        return rc;
    if (out->class_index < 0)
        out->class_index = out->predicted;
    tw_softmax_tempered_row(j->probabilities, j->logits, j->n_classes, j->model->temperature);
    out->probability = (double)j->probabilities[out->class_index];
    return TW_OK;
}

static tw_status show(tw_explanation *out, const job *j, tw_error *err)
{
    const tw_node *node = &j->model->graph->nodes[j->layer];
    tw_status rc;

    snprintf(out->layer, sizeof out->layer, "%s", node->name);
    out->height = (int)node->out.dims[0];
    out->width = (int)node->out.dims[1];
    if (!(out->map = tw_alloc_f32((int64_t)out->height * out->width)))
        return tw_fail(err, TW_ENOMEM, "no memory for a map of %dx%d", out->height, out->width);
    take_map(out, j);
    if ((rc = tw_contract_picture(&out->seen, &j->model->contract, j->picture, err)))
        return rc;
    return tw_overlay_make(&out->shown, &out->seen, out->map, out->height, out->width, err);
}

static void job_free(job *j)
{
    for (int i = 0; j->copies && i < 2 * j->suffix->n; i++)
        tw_free(j->copies[i]);
    tw_free(j->copies);
    tw_free(j->weights);
    if (j->plan)
        j->plan->table->train_free(j->plan);
    tw_graph_free(j->suffix);
    tw_computer_close(&j->computer);
    tw_free(j->activations);
    tw_free(j->gradient);
    tw_free(j->logits);
    tw_free(j->probabilities);
}

tw_status tw_explain(tw_explanation *out, const tw_model *model, const tw_picture *picture,
                     const char *layer, int class_index, const tw_compute *compute, tw_error *err)
{
    tw_status rc;
    job j = {.model = model, .picture = picture, .n_classes = tw_model_class_count(model)};

    *out = (tw_explanation){.class_index = class_index};
    if ((rc = check(&j, class_index, err)) || (rc = find_layer(&j.layer, model, layer, err)) ||
        (rc = tw_computer_open(&j.computer, compute, model->precision, err)))
        return rc;
    if ((rc = make_suffix(&j, err)) || (rc = make_rows(&j, err)) || (rc = run_prefix(&j, err)) ||
        (rc = run_suffix(out, &j, err)))
        goto done;
    rc = show(out, &j, err);
done:
    job_free(&j);
    if (rc)
        tw_explanation_free(out);
    return rc;
}

void tw_explanation_free(tw_explanation *explanation)
{
    tw_free(explanation->map);
    tw_picture_free(&explanation->seen);
    tw_picture_free(&explanation->shown);
    explanation->map = NULL;
}
