/*
 * Everything that comes before the first step: the configuration is settled, data and network are
 * opened, the top is parsed, layers are frozen, the pictures are split, the source is made ready,
 * and what the run will need is held against the limits. Nothing is written.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_CROP_PCT 0.875 /* torchvision: 256 to 224 */

static tw_status require(const tw_config *config, tw_option option, const char *what, tw_error *err)
{
    const char *text = tw_train__text(config, option);

    if (text && *text)
        return TW_OK;
    return tw_fail(err, TW_EUSAGE, "option %s is missing: %s", tw_config_option((int)option)->name,
                   what);
}

/* fc2 where the network has it, else what comes before its class layer, else all of it. */
static const char *find_cut(const tw_graph *graph)
{
    const tw_node *last = &graph->nodes[graph->n - 1];
    bool has_classes = last->op == TW_OP_DENSE && last->activation == TW_SOFTMAX;

    for (int i = 0; i < graph->n; i++)
        if (!strcmp(graph->nodes[i].name, "fc2"))
            return graph->nodes[i].name;
    return has_classes ? graph->nodes[last->inputs[0]].name : last->name;
}

static bool has_layer(const tw_graph *graph, const char *name)
{
    int node;

    return name && tw_graph_find(&node, graph, name, NULL) == TW_OK;
}

/* Recipes that train the network's own layers cut it as late as it goes, unless told; so does one
 * whose default is a layer that the network has not. */
static tw_status settle_cut(tw_config *config, tw_error *err)
{
    const char *cut = tw_train__text(config, TW_OPTION_CUT);
    tw_status rc;
    tw_model *model;

    if (cut && tw_train__rank(config, TW_OPTION_CUT) != TW_FROM_DEFAULT)
        return TW_OK;
    if ((rc = tw_model_open(&model, tw_train__text(config, TW_OPTION_MODEL), NULL, NULL, 0, err)))
        return rc;
    if (!has_layer(model->graph, cut))
        rc = tw_config_set(config, "cut", find_cut(model->graph), TW_FROM_DEFAULT, err);
    tw_model_free(model);
    return rc;
}

/* A network without the option takes what has been fetched for it, and the configuration says so.
 */
static tw_status settle_weights(tw_config *config, tw_error *err)
{
    tw_status rc;
    const char *weights;

    if (tw_train__text(config, TW_OPTION_WEIGHTS))
        return TW_OK;
    if ((rc = tw_model_find_weights(&weights, tw_train__text(config, TW_OPTION_MODEL),
                                    tw_train__text(config, TW_OPTION_CUT), err)) ||
        !weights)
        return rc;
    return tw_config_set(config, "weights", weights, TW_FROM_DEFAULT, err);
}

static tw_status check_options(tw_config *config, bool resumes, tw_error *err)
{
    tw_status rc;
    const char *output = tw_train__text(config, TW_OPTION_OUTPUT);

    if ((rc = require(config, TW_OPTION_DATA, "what to train on", err)) ||
        (rc = require(config, TW_OPTION_MODEL,
                      "a network (vgg16, resnet50, efficientnet-lite0, ...) or a model file",
                      err)) ||
        (rc = tw_train__config_settle(config, err)) || (rc = settle_cut(config, err)) ||
        (rc = settle_weights(config, err)))
        return rc;
    return output && !resumes
               ? tw_train__folder_check(output, tw_train__bool(config, TW_OPTION_OVERWRITE), err)
               : TW_OK;
}

static tw_status open_computer(tw_training *training, tw_error *err)
{
    tw_status rc;
    const tw_config *config = training->config;
    bool is_cpu = tw_train__is(config, TW_OPTION_BACKEND, "cpu");
    tw_compute compute = {.backend = tw_train__text(config, TW_OPTION_BACKEND),
                          .isa = is_cpu ? tw_train__text(config, TW_OPTION_ISA) : NULL,
                          .precision = tw_train__text(config, TW_OPTION_PRECISION),
                          .memory_limit = tw_train__i64(config, TW_OPTION_MEMORY_LIMIT)};

    if (tw_train__text(config, TW_OPTION_THREADS))
        compute.n_threads = (int)tw_train__i64(config, TW_OPTION_THREADS);
    rc = tw_computer_open(&training->computer, &compute, TW_PRECISION_FP32, err);
    training->trunk = training->computer;
    training->n_workers = training->computer.n_threads;
    return rc;
}

/* --resize and --crop-pct over the network's own. */
static tw_status settle_resize(tw_contract *contract, const tw_config *config, tw_error *err)
{
    tw_status rc;
    const char *resize = tw_train__text(config, TW_OPTION_RESIZE);
    bool is_given = tw_train__text(config, TW_OPTION_CROP_PCT) != NULL;
    tw_resize old = contract->resize;

    if (resize && (rc = tw_resize_parse(&contract->resize, resize, err)))
        return rc;
    if (contract->resize != TW_RESIZE_CROP) {
        contract->crop_pct = 0.0;
        return is_given ? tw_fail(err, TW_EUSAGE, "--crop-pct goes with --resize crop, not %s",
                                  tw_resize_name(contract->resize))
                        : TW_OK;
    }
    if (old != TW_RESIZE_CROP)
        contract->crop_pct = DEFAULT_CROP_PCT;
    if (is_given)
        contract->crop_pct = tw_train__f64(config, TW_OPTION_CROP_PCT);
    if (contract->crop_pct < TW_CROP_PCT_LEAST)
        return tw_fail(err, TW_EUSAGE, "--crop-pct must be from %g to 1, got %g", TW_CROP_PCT_LEAST,
                       contract->crop_pct);
    return TW_OK;
}

/* The contract: the network's own, with what the options and the data's colour say. */
static tw_status settle_contract(tw_training *training, tw_error *err)
{
    tw_status rc;
    tw_contract *contract = &training->base->contract;
    const char *preprocess = tw_train__text(training->config, TW_OPTION_PREPROCESS);
    const char *interpolation = tw_train__text(training->config, TW_OPTION_INTERPOLATION);
    const char *jpeg_scale = tw_train__text(training->config, TW_OPTION_JPEG_SCALE);

    if (preprocess && (rc = tw_preprocess_parse(&contract->preprocess, preprocess, err)))
        return rc;
    if (interpolation &&
        (rc = tw_interpolation_parse(&contract->interpolation, interpolation, err)))
        return rc;
    if (jpeg_scale && (rc = tw_jpeg_scale_parse(&contract->jpeg_scale, jpeg_scale, err)))
        return rc;
    contract->colour = tw_dataset_colour(training->data);
    return settle_resize(contract, training->config, err);
}

/* From scratch no weights are kept, all layers begin as --init-missing says; of a model file the
 * graph alone is taken. */
static tw_status open_base(tw_training *training, tw_error *err)
{
    tw_status rc;
    const tw_config *config = training->config;
    bool is_scratch = tw_train__is(config, TW_OPTION_RECIPE, "scratch");
    const char *weights = is_scratch ? NULL : tw_train__text(config, TW_OPTION_WEIGHTS);
    uint64_t seed = (uint64_t)tw_train__i64(config, TW_OPTION_SEED);

    if ((rc = tw_model_open(&training->base, tw_train__text(config, TW_OPTION_MODEL), weights,
                            tw_train__text(config, TW_OPTION_CUT), seed, err)))
        return rc;
    training->base->n_threads = training->computer.n_threads;
    for (int i = 0; i < training->base->graph->n; i++)
        training->base->frozen[i] = true; /* as in a network's own: what it was of has no say */
    if (is_scratch && (rc = tw_model_forget_weights(training->base, err)))
        return rc;
    if (!tw_train__text(config, TW_OPTION_IMAGE_SIZE))
        return TW_OK;
    return tw_model_resize(training->base, (int)tw_train__i64(config, TW_OPTION_IMAGE_SIZE), err);
}

/* A frozen layer never begins with random values, wherever it is. */
static tw_status require_frozen(const tw_training *training, tw_error *err)
{
    const tw_model *base = training->base;
    tw_status rc = tw_model_require(base, training->boundary, err);
    tw_text name = {0};

    for (int i = training->boundary + 1; i < base->graph->n && !rc; i++)
        if (training->frozen[i] && tw_model_name_missing(&name, base, i, i) > 0)
            rc = tw_fail(err, TW_EFILE, "%.100s: no weights for %s, which is to stay frozen",
                         base->weights ? base->weights : "network", base->graph->nodes[i].name);
    tw_text_free(&name);
    return rc;
}

/* Layers that the weights lack: refused where they are frozen or nobody agreed to random values. */
static tw_status settle_missing(tw_training *training, const tw_watch *watch, tw_error *err)
{
    tw_status rc = TW_OK;
    tw_model *base = training->base;
    const char *how = tw_train__text(training->config, TW_OPTION_INIT_MISSING);
    const int boundary = training->boundary, last = base->graph->n - 1;
    tw_initializer initializer;
    tw_text names = {0};

    if ((rc = require_frozen(training, err)))
        return rc;
    if (tw_model_name_missing(&names, base, boundary + 1, last) == 0) {
        if (how && tw_train__rank(training->config, TW_OPTION_INIT_MISSING) == TW_FROM_FLAG)
            rc = tw_fail(err, TW_EUSAGE,
                         "option init-missing has no effect: no layer lacks its "
                         "weights");
    } else if (!how) {
        rc = tw_fail(err, TW_EUSAGE,
                     "%.100s: no weights for %s: with init-missing glorot_uniform they begin with "
                     "random values, with another cut they are not needed",
                     base->weights ? base->weights : "network", names.text ? names.text : "?");
    } else if (!(rc = tw_initializer_parse(&initializer, how, err))) {
        tw_model_init_missing(base, initializer);
        if (!tw_train__is(training->config, TW_OPTION_RECIPE, "scratch"))
            tw_watch_note(watch, "%s begin with random values (%s)", names.text, how);
    }
    tw_text_free(&names);
    return rc;
}

/* The objective of L-BFGS must not change from one pass over the pictures to the next. */
static tw_status check_top(const tw_training *training, tw_error *err)
{
    if (!tw_train__is_full_batch(training->config))
        return TW_OK;
    for (int i = 0; i < training->top->n; i++)
        if (training->top->nodes[i].op == TW_OP_DROPOUT)
            return tw_fail(err, TW_EUSAGE,
                           "top \"%.200s\": optimizer lbfgs needs one without dropout",
                           tw_train__text(training->config, TW_OPTION_TOP));
    return TW_OK;
}

static tw_status open_model(tw_training *training, const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    const tw_config *config = training->config;
    const char *weights = tw_train__text(config, TW_OPTION_WEIGHTS);
    int n_classes = tw_dataset_class_count(training->data);
    char doubt[256];

    if ((rc = open_base(training, err)) || (rc = settle_contract(training, err)) ||
        (rc = tw_graph_parse_top(&training->top, tw_graph_output_shape(training->base->graph),
                                 tw_train__text(config, TW_OPTION_TOP), n_classes, err)) ||
        (rc = check_top(training, err)) ||
        (rc = tw_graph_join(&training->graph, training->base->graph, training->top, err)) ||
        (rc = tw_train__freeze(training, err)) ||
        (rc = tw_graph_suffix(&training->suffix, training->graph, training->boundary, err)) ||
        (rc = tw_train__mixer_check(training, err)) || (rc = settle_missing(training, watch, err)))
        return rc;
    if (tw_model_doubt(doubt, sizeof doubt, training->base))
        tw_watch_note(watch, "%s", doubt);
    if (weights && !strcmp(weights, "random") && training->boundary > 0)
        tw_watch_note(watch, "the network's weights are random: its features mean nothing");
    return TW_OK;
}

/* A class without a training picture is named: the model can never say it. */
static void tell_empty_classes(const tw_training *training, const tw_watch *watch)
{
    const tw_dataset *data = training->data;
    tw_text text = {0};

    for (int c = 0; c < tw_dataset_class_count(data); c++) {
        bool found = false;

        for (int64_t i = 0; i < training->n_train && !found; i++)
            found = tw_dataset_label(data, training->train[i]) == c;
        if (!found)
            tw_text_add(&text, "%s %s", text.n ? "," : "no training picture of",
                        tw_dataset_class_name(data, c));
    }
    if (text.text && !text.failed)
        tw_watch_note(watch, "%s", text.text);
    tw_text_free(&text);
}

tw_status tw_training_open(tw_training **out, const tw_config *config, const tw_watch *watch,
                           tw_error *err)
{
    return tw_train__open(out, config, false, watch, err);
}

tw_status tw_train__open(tw_training **out, const tw_config *config, bool resumes,
                         const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_training *training;
    double t_begin_s = tw_clock_s();

    *out = NULL;
    if (!(training = tw_calloc(1, sizeof *training)))
        return tw_fail(err, TW_ENOMEM, "no memory for a training");
    training->resumes = resumes;
    if ((rc = tw_train__config_copy(&training->config, config, err)) ||
        (rc = check_options(training->config, resumes, err)) ||
        (rc = open_computer(training, err)) || (rc = tw_train__split(training, watch, err)) ||
        (rc = open_model(training, watch, err)) ||
        (rc = tw_train__settle_precision(training, err)) ||
        (rc = tw_train__settle_rows(training, err)) ||
        (rc = tw_train__find_ranges(training, err)) ||
        (rc = tw_train__open_sources(training, watch, err)) || (rc = tw_train__plan(training, err)))
        goto done;
    tell_empty_classes(training, watch);
    training->t_open_s = tw_clock_s() - t_begin_s;
    *out = training;
    training = NULL; /* ownership moved to *out */
done:
    tw_training_free(training);
    return rc;
}

void tw_training_free(tw_training *training)
{
    if (!training)
        return;
    tw_source_free(training->source);
    tw_source_free(training->own_val);
    tw_model_free(training->base);
    tw_graph_free(training->top);
    tw_graph_free(training->graph);
    tw_graph_free(training->suffix);
    tw_text_free(&training->chosen);
    tw_free(training->frozen);
    tw_free(training->multipliers);
    tw_free(training->hashes);
    tw_dataset_free(training->data);
    tw_dataset_free(training->val_data);
    tw_computer_close(&training->computer);
    tw_config_free(training->config);
    tw_free(training->spooled);
    tw_free(training->train);
    tw_free(training->val);
    tw_free(training->val_labels);
    tw_free(training->layers);
    for (size_t i = 0; i < sizeof training->text / sizeof *training->text; i++)
        tw_text_free(&training->text[i]);
    tw_free(training);
}

const tw_training_plan *tw_training_get_plan(const tw_training *training)
{
    return &training->plan;
}

const char *tw_training_get_option(const tw_training *training, const char *name)
{
    return tw_config_get(training->config, name);
}
