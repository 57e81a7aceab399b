/*
 * What is known before the first step, and the refusal of what does not fit: the layer table, the
 * sentences, memory of the two phases, disk, and estimated times. Where features are cached the
 * trunk is gone before training begins, so each phase is held against the limit by itself; where
 * they are recomputed both are there at once.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>

enum { DATA, SPLIT, MODEL, COMPUTE, OPTIMIZER, CACHE, VIEWS };

/* ---- the layer table */

static tw_status make_layers(tw_training *training, tw_error *err)
{
    const tw_graph *graph = training->graph;
    double lr = tw_train__is_full_batch(training->config)
                    ? 0.0
                    : tw_train__f64(training->config, TW_OPTION_LR);

    if (!(training->layers = tw_calloc((size_t)graph->n, sizeof *training->layers)))
        return tw_fail(err, TW_ENOMEM, "no memory for a table of %d layers", graph->n);
    for (int i = 0; i < graph->n; i++) {
        const tw_node *node = &graph->nodes[i];
        bool is_trained = !training->frozen[i] && tw_node_param_count(graph, i) > 0;

        training->layers[i] =
            (tw_layer_info){.index = i,
                            .name = node->name,
                            .op = tw_op_name(node->op),
                            .shape = node->out,
                            .n_params = tw_node_param_count(graph, i),
                            .macs = tw_node_macs(graph, i),
                            .activation_bytes = tw_shape_size(&node->out) * (int64_t)sizeof(float),
                            .frozen = training->frozen[i],
                            .lr = is_trained ? lr * training->multipliers[i] : 0.0};
        if (is_trained)
            training->plan.n_trained += training->layers[i].n_params;
    }
    training->plan.layers = training->layers;
    training->plan.n_layers = graph->n;
    return TW_OK;
}

/* ---- sentences */

static void describe_split(tw_training *training)
{
    tw_text *text = &training->text[SPLIT];
    const tw_config *config = training->config;
    const char *fold = tw_train__text(config, TW_OPTION_FOLD);
    char train[32], val[32];

    tw_count_text(train, sizeof train, training->n_train);
    tw_count_text(val, sizeof val, training->n_val);
    if (training->n_val == 0)
        tw_text_add(text, "%s training pictures, none for validation", train);
    else if (training->val_data)
        tw_text_add(text, "%s training and %s validation pictures (the data's own)", train, val);
    else
        tw_text_add(text, "%s training and %s validation pictures (%s%s, seed %s%s)", train, val,
                    fold ? "fold " : "", fold ? fold : tw_train__text(config, TW_OPTION_VAL_SPLIT),
                    tw_train__text(config, TW_OPTION_SPLIT_SEED),
                    tw_train__bool(config, TW_OPTION_STRATIFY) ? ", stratified" : "");
}

static void describe_model(tw_training *training)
{
    tw_text *text = &training->text[MODEL];
    const tw_model *base = training->base;
    const tw_contract *contract = &base->contract;
    const tw_node *last = &base->graph->nodes[base->graph->n - 1];
    char shape[96], policy[32];

    tw_text_add(text, "%s", base->architecture ? base->architecture : "network");
    if (tw_train__is(training->config, TW_OPTION_RECIPE, "scratch"))
        tw_text_add(text, " from random weights (%s)",
                    tw_train__text(training->config, TW_OPTION_INIT_MISSING));
    else if (base->weights)
        tw_text_add(text, " with weights %s", base->weights);
    tw_text_add(text, ", cut after %s (%s), pictures %s, resized to %dx%d (%s%s), preprocessing %s",
                last->name, tw_shape_text(shape, sizeof shape, &last->out),
                tw_colour_name(contract->colour), contract->height, contract->width,
                tw_interpolation_name(contract->interpolation),
                tw_contract_resize_text(policy, sizeof policy, contract),
                tw_preprocess_name(contract->preprocess));
}

static void describe_rate(tw_text *text, const tw_config *config)
{
    const char *schedule = tw_train__text(config, TW_OPTION_SCHEDULE);

    tw_text_add(text, ", learning rate %s", tw_train__text(config, TW_OPTION_LR));
    if (strcmp(schedule, "constant") != 0)
        tw_text_add(text, " (%s)", schedule);
    if (tw_train__f64(config, TW_OPTION_WARMUP) > 0.0)
        tw_text_add(text, ", warm-up %s epochs", tw_train__text(config, TW_OPTION_WARMUP));
    if (tw_train__f64(config, TW_OPTION_DECAY) > 0.0)
        tw_text_add(text, ", decay %s a step", tw_train__text(config, TW_OPTION_DECAY));
}

/* What L-BFGS minimizes. */
static void describe_full_batch(tw_text *text, const tw_config *config)
{
    const char *weight_decay = tw_train__text(config, TW_OPTION_WEIGHT_DECAY);

    tw_text_add(text, "L-BFGS on all training pictures, weight decay %s",
                weight_decay ? weight_decay : "1 / pictures");
}

static void describe_update(tw_text *text, const tw_config *config)
{
    bool is_sgd = tw_train__is(config, TW_OPTION_OPTIMIZER, "sgd");
    bool is_adamw = tw_train__is(config, TW_OPTION_OPTIMIZER, "adamw");
    const char *weight_decay = tw_train__text(config, TW_OPTION_WEIGHT_DECAY);
    const char *clip = tw_train__text(config, TW_OPTION_CLIP_NORM);

    if (tw_train__is_full_batch(config)) {
        describe_full_batch(text, config);
        return;
    }
    tw_text_add(text, "%s", is_sgd ? "SGD" : is_adamw ? "AdamW" : "Adam");
    describe_rate(text, config);
    if (is_sgd)
        tw_text_add(text, ", momentum %s%s", tw_train__text(config, TW_OPTION_MOMENTUM),
                    tw_train__bool(config, TW_OPTION_NESTEROV) ? " (Nesterov)" : "");
    if (weight_decay || is_adamw)
        tw_text_add(text, ", weight decay %s", weight_decay ? weight_decay : "0.004");
    if (clip)
        tw_text_add(text, ", gradients clipped to norm %s", clip);
}

static void describe_optimizer(tw_training *training)
{
    tw_text *text = &training->text[OPTIMIZER];
    const tw_config *config = training->config;
    int64_t n_top = tw_train__i64(config, TW_OPTION_FREEZE_EPOCHS);
    bool one_epoch = tw_train__i64(config, TW_OPTION_EPOCHS) == 1;

    training->plan.may_end_early =
        tw_train__is_full_batch(config) || tw_train__text(config, TW_OPTION_PATIENCE);
    describe_update(text, config);
    tw_text_add(text, "; batches of %s, ", tw_train__text(config, TW_OPTION_BATCH_SIZE));
    if (n_top > 0)
        tw_text_add(text, "%lld epoch%s of the new top alone, then ", (long long)n_top,
                    n_top == 1 ? "" : "s");
    tw_text_add(text, "%s%s epoch%s, seed %s, %s; features %s",
                training->plan.may_end_early ? "at most " : "",
                tw_train__text(config, TW_OPTION_EPOCHS), one_epoch ? "" : "s",
                tw_train__text(config, TW_OPTION_SEED),
                training->n_val > 0 && tw_train__is(config, TW_OPTION_SELECT, "best")
                    ? "the best epoch is kept"
                    : "the last epoch is kept",
                tw_train__is_scaled(config) ? "scaled by their standard deviation" : "as they are");
    if (tw_train__text(config, TW_OPTION_PATIENCE))
        tw_text_add(text, "; patience %s epochs", tw_train__text(config, TW_OPTION_PATIENCE));
    if (tw_train__is(config, TW_OPTION_CLASS_WEIGHT, "balanced"))
        tw_text_add(text, "; classes weigh the same");
    if (tw_train__is(config, TW_OPTION_SAMPLER, "balanced"))
        tw_text_add(text, "; classes are drawn evenly");
    if (tw_train__text(config, TW_OPTION_MIXUP))
        tw_text_add(text, "; mixup %s", tw_train__text(config, TW_OPTION_MIXUP));
    if (tw_train__text(config, TW_OPTION_CUTMIX))
        tw_text_add(text, "; cutmix %s", tw_train__text(config, TW_OPTION_CUTMIX));
    if (tw_train__text(config, TW_OPTION_LABEL_SMOOTHING))
        tw_text_add(text, "; label smoothing %s",
                    tw_train__text(config, TW_OPTION_LABEL_SMOOTHING));
}

static tw_status describe(tw_training *training, tw_error *err)
{
    tw_training_plan *plan = &training->plan;
    tw_text *text = training->text;

    tw_text_add(&text[DATA], "%s", tw_dataset_describe(training->data));
    describe_split(training);
    describe_model(training);
    tw_text_add(&text[COMPUTE], "%s; numerics %s", training->computer.describe,
                training->computer.backend->numerics);
    if (training->chosen.n > 0)
        tw_text_add(&text[COMPUTE], "; precision %s", training->chosen.text);
    if (training->is_bf16)
        tw_text_add(&text[COMPUTE], "; features are bf16, and the layer that learns from them "
                                    "multiplies bf16");
    if (training->n_workers < training->computer.n_threads)
        tw_text_add(&text[COMPUTE], "; the memory limit leaves room for %d worker%s in training",
                    training->n_workers, training->n_workers == 1 ? "" : "s");
    describe_optimizer(training);
    tw_text_add(&text[CACHE], "%s", tw_source_describe(training->source));

    tw_train__describe_views(&text[VIEWS], training);

    for (int i = DATA; i <= VIEWS; i++)
        if (text[i].failed)
            return tw_fail(err, TW_ENOMEM, "no memory to describe the run");
    plan->data = text[DATA].text;
    plan->split = text[SPLIT].text;
    plan->model = text[MODEL].text;
    plan->compute = text[COMPUTE].text;
    plan->optimizer = text[OPTIMIZER].text;
    plan->cache = text[CACHE].text;
    plan->views = text[VIEWS].text;
    return TW_OK;
}

/* ---- memory */

static bool needs_trunk(const tw_training *training)
{
    if (training->boundary == 0)
        return false; /* nothing is frozen: pictures are read, that is all */
    return tw_source_missing(training->source) > 0 || !tw_source_is_cached(training->source) ||
           (training->own_val &&
            (tw_source_missing(training->own_val) > 0 || !tw_source_is_cached(training->own_val)));
}

/* Before anything large is allocated: parameters and the optimizer's state alone. */
static tw_status check_state(const tw_training *training, tw_error *err)
{
    char needs[32], limit[32];
    int64_t n = training->plan.n_trained;
    int64_t n_bytes = (n + tw_train__optimizer_size(training->config, n)) * (int64_t)sizeof(float);

    if (n_bytes <= training->plan.memory_limit)
        return TW_OK;
    return tw_fail(err, TW_EBUDGET,
                   "the top's parameters and the optimizer's state need %s of memory, the limit "
                   "is %s: raise memory-limit",
                   tw_bytes_text(needs, sizeof needs, n_bytes),
                   tw_bytes_text(limit, sizeof limit, training->plan.memory_limit));
}

static tw_status fail_memory(const tw_training *training, const char *phase, int64_t n_bytes,
                             tw_error *err)
{
    char needs[32], limit[32];

    return tw_fail(err, TW_EBUDGET, "%s needs %s of memory, the limit is %s: raise memory-limit",
                   phase, tw_bytes_text(needs, sizeof needs, n_bytes),
                   tw_bytes_text(limit, sizeof limit, training->plan.memory_limit));
}

tw_status tw_train__share_memory(tw_training *training, tw_error *err)
{
    tw_status rc;
    tw_training_plan *plan = &training->plan;
    int64_t packed, worker, background, limit = plan->memory_limit, sources = 1;
    int n_workers = training->computer.n_threads;
    bool beside = tw_train__recomputes(training);

    if (!needs_trunk(training))
        return TW_OK;
    if ((rc = tw_source_trunk_memory(&packed, &worker, training->source, err)) ||
        (rc = tw_source_trunk_background(&background, training->source, err)))
        return rc;
    if (beside) {
        sources = training->own_val ? 2 : 1; /* each keeps a trunk of its own */
        limit = (limit - training->memory.total) / sources;
    }
    if (packed + worker > limit)
        return beside ? fail_memory(training, "training without a cache, the trunk beside the top,",
                                    sources * (packed + worker) + training->memory.total, err)
                      : fail_memory(training, "the trunk", packed + worker, err);
    while (n_workers > 1 && packed + n_workers * worker > limit)
        n_workers--;
    training->trunk.memory_limit = limit;
    if (packed + n_workers * worker + background <= limit)
        packed += background;
    plan->memory_extract = sources * (packed + n_workers * worker);
    if (beside)
        plan->memory_train = training->memory.total + plan->memory_extract;
    return TW_OK;
}

static tw_status check_memory(tw_training *training, tw_error *err)
{
    /* converted weights of the frozen layers stay while the top learns */
    const int64_t n_bytes = training->memory.total + training->base->converted_bytes;

    training->plan.memory_train = n_bytes;
    if (n_bytes > training->plan.memory_limit)
        return fail_memory(training, "training", n_bytes, err);
    return tw_train__share_memory(training, err);
}

/* ---- disk */

/* What the run that goes on has already, and will replace. */
static tw_status add_own_files(int64_t *n_bytes, const char *run, tw_error *err)
{
    tw_status rc;
    char **names;
    size_t n;

    if (!tw_path_is_folder(run))
        return TW_OK;
    if ((rc = tw_folder_list(&names, &n, run, err)))
        return rc;
    for (size_t i = 0; i < n && !rc; i++) {
        char *path = tw_path_join(run, names[i]);
        int64_t size = path ? tw_path_size(path) : 0;

        *n_bytes += size > 0 ? size : 0;
        if (!path)
            rc = tw_fail(err, TW_ENOMEM, "no memory for the files of %s", run);
        tw_free(path);
    }
    tw_folder_list_free(names, n);
    return rc;
}

static tw_status check_disk(tw_training *training, tw_error *err)
{
    tw_status rc;
    const int64_t small = 1 << 20;
    tw_training_plan *plan = &training->plan;
    const char *output = tw_train__text(training->config, TW_OPTION_OUTPUT);
    int64_t n_params = 0, n_best = 0, n_free;
    char needs[32], has[32];

    for (int i = 0; i < plan->n_layers; i++)
        n_params += plan->layers[i].n_params;
    plan->disk_cache = tw_source_disk(training->source);
    if (training->own_val)
        plan->disk_cache += tw_source_disk(training->own_val);
    if (training->n_val > 0 && tw_train__is(training->config, TW_OPTION_SELECT, "best"))
        n_best = 2 * plan->n_trained;
    /* the model, the best parameters twice, two checkpoints and the next one */
    plan->disk_run = (n_params + n_best) * (int64_t)sizeof(float) +
                     3 * tw_train__save_bytes(&training->memory) +
                     (training->n_train + training->n_val) * 256 + small;
    if (!output)
        return TW_OK;
    if ((rc = tw_disk_free(&n_free, output, err)) ||
        (training->resumes && (rc = add_own_files(&n_free, output, err))))
        return rc;
    if (plan->disk_run <= n_free)
        return TW_OK;
    return tw_fail(err, TW_EBUDGET, "%s: the run needs %s of disk, %s are free", output,
                   tw_bytes_text(needs, sizeof needs, plan->disk_run),
                   tw_bytes_text(has, sizeof has, n_free));
}

/* ---- time */

static tw_status estimate_times(tw_training *training, double t_step_s, tw_error *err)
{
    tw_status rc;
    tw_training_plan *plan = &training->plan;
    int64_t batch = tw_train__i64(training->config, TW_OPTION_BATCH_SIZE);
    int64_t epochs = tw_train__epoch_count(training);
    int64_t steps, pictures;
    double t_picture_s;

    if (batch > training->n_train)
        batch = training->n_train;
    steps = (training->n_train + batch - 1) / batch;
    /* forward alone is a third of a step; the finished model predicts once more */
    plan->t_train_s =
        t_step_s * ((double)(epochs * steps) +
                    (double)(epochs + 1) * (double)training->n_val / (double)batch / 3.0);
    if (!needs_trunk(training))
        return TW_OK;
    if ((rc = tw_source_measure(&t_picture_s, training->source, err)))
        return rc;
    pictures = tw_source_missing(training->source);
    if (training->own_val)
        pictures += tw_source_missing(training->own_val);
    if (tw_train__recomputes(training))
        pictures = epochs * (training->n_train + training->n_val);
    plan->t_extract_s = (double)pictures * t_picture_s;
    return TW_OK;
}

tw_status tw_train__plan(tw_training *training, tw_error *err)
{
    tw_status rc;
    tw_training_plan *plan = &training->plan;
    const int64_t held = tw_memory_now(); /* program, libraries, lists of pictures */
    const int64_t later = 8 << 20;        /* code that oneDNN makes, stacks, the report */
    double t_step_s;

    plan->memory_limit = training->computer.memory_limit;
    if ((rc = make_layers(training, err)) || (rc = check_state(training, err)) ||
        (rc = tw_train__trainer_measure(&training->memory, &t_step_s, training, err)) ||
        (rc = describe(training, err)) || (rc = check_memory(training, err)) ||
        (rc = check_disk(training, err)))
        return rc;
    plan->memory_peak =
        held + later +
        (plan->memory_extract > plan->memory_train ? plan->memory_extract : plan->memory_train);
    return estimate_times(training, t_step_s, err);
}
