/*
 * What log.jsonl says for whoever reads a run later, the report above all: the plan, one line a
 * phase (time, pictures, passes through the trunk, peak of memory), and of which pictures
 * predictions.csv is now. An evaluation adds its lines to the log of the run that it evaluated.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

#include <math.h>

/* ---- the plan */

static tw_json *layer_json(const tw_layer_info *layer)
{
    tw_json *json = tw_json_new_object(), *shape = tw_json_new_array();

    tw_json_set(json, "index", tw_json_new_i64(layer->index));
    tw_json_set(json, "name", tw_json_new_string(layer->name));
    tw_json_set(json, "type", tw_json_new_string(layer->op));
    for (int i = 0; i < layer->shape.rank; i++)
        tw_json_append(shape, tw_json_new_i64(layer->shape.dims[i]));
    tw_json_set(json, "output", shape);
    tw_json_set(json, "parameters", tw_json_new_i64(layer->n_params));
    tw_json_set(json, "multiply_adds", tw_json_new_i64(layer->macs));
    tw_json_set(json, "trained", tw_json_new_bool(!layer->frozen));
    return json;
}

tw_status tw_train__log_plan(tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;
    const tw_training_plan *plan = &training->plan;
    tw_json *line = tw_json_new_object(), *layers = tw_json_new_array();

    tw_json_set(line, "training_pictures", tw_json_new_i64(training->n_train));
    tw_json_set(line, "validation_pictures", tw_json_new_i64(training->n_val));
    tw_json_set(line, "trained_parameters", tw_json_new_i64(plan->n_trained));
    if (plan->views)
        tw_json_set(line, "views", tw_json_new_string(plan->views));
    tw_json_set(line, "memory_extract", tw_json_new_i64(plan->memory_extract));
    tw_json_set(line, "memory_train", tw_json_new_i64(plan->memory_train));
    tw_json_set(line, "memory_limit", tw_json_new_i64(plan->memory_limit));
    tw_json_set(line, "disk_cache", tw_json_new_i64(plan->disk_cache));
    tw_json_set(line, "disk_run", tw_json_new_i64(plan->disk_run));
    tw_json_set(line, "t_extract_s", tw_json_new_f64(plan->t_extract_s));
    tw_json_set(line, "t_train_s", tw_json_new_f64(plan->t_train_s));
    for (int i = 0; i < plan->n_layers; i++)
        tw_json_append(layers, layer_json(&plan->layers[i]));
    tw_json_set(line, "layers", layers);
    return tw_train__folder_log(&run->folder, "plan", line, err);
}

/* ---- phases */

int64_t tw_train__trunk_count(const tw_training *training)
{
    int64_t n = tw_source_trunk_count(training->source);

    return training->own_val ? n + tw_source_trunk_count(training->own_val) : n;
}

static tw_json *phase_json(const char *phase, double t_s, int64_t n_pictures, int64_t n_trunk)
{
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "phase", tw_json_new_string(phase));
    tw_json_set(line, "t_s", tw_json_new_f64(t_s));
    tw_json_set(line, "pictures", tw_json_new_i64(n_pictures));
    tw_json_set(line, "through_trunk", tw_json_new_i64(n_trunk));
    tw_json_set(line, "memory_peak", tw_json_new_i64(tw_memory_peak()));
    return line;
}

tw_status tw_train__log_phase(tw_run *run, const char *phase, int64_t n_pictures, tw_error *err)
{
    tw_run_mark now = {.t_s = tw_clock_s(), .n_trunk = tw_train__trunk_count(run->training)};
    tw_json *line =
        phase_json(phase, now.t_s - run->mark.t_s, n_pictures, now.n_trunk - run->mark.n_trunk);

    run->mark = now;
    return tw_train__folder_log(&run->folder, "phase", line, err);
}

tw_status tw_train__log_prepared(tw_run *run, tw_error *err)
{
    return tw_train__folder_log(&run->folder, "phase",
                                phase_json("prepare", run->training->t_open_s, 0, 0), err);
}

/* ---- whose predictions */

/* The manifest that an evaluation had on standard input. */
static const char evaluated[] = "evaluated.csv";

static tw_json *predictions_json(const char *by, const char *part, const char *data, int64_t limit,
                                 const tw_score *score)
{
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "by", tw_json_new_string(by));
    tw_json_set(line, "part", tw_json_new_string(part));
    tw_json_set(line, "data", tw_json_new_string(data));
    tw_json_set(line, "limit", limit > 0 ? tw_json_new_i64(limit) : tw_json_new_f64((double)NAN));
    tw_json_set(line, "pictures", tw_json_new_i64(score->n));
    tw_json_set(line, "correct", tw_json_new_i64(score->correct));
    tw_json_set(line, "loss", tw_json_new_f64(score->loss));
    return line;
}

tw_status tw_train__log_predictions(tw_run *run, const tw_score *score, tw_error *err)
{
    const tw_config *config = run->training->config;

    return tw_train__folder_log(
        &run->folder, "predictions",
        predictions_json("train", "val", tw_train__text(config, TW_OPTION_DATA), 0, score), err);
}

tw_status tw_run_add_evaluation(const char *run, const char *data, tw_part part, int64_t limit,
                                const tw_evaluation *evaluation, tw_error *err)
{
    tw_status rc;
    tw_run_folder folder = {.log.fd = -1};
    tw_score score = {.n = evaluation->n, .loss = evaluation->loss};
    const bool is_spooled = tw_spool_shown(data) != data;
    char *log = tw_path_join(run, "log.jsonl"), *kept = tw_path_join(run, evaluated);

    for (int c = 0; c < evaluation->n_classes; c++)
        score.correct += evaluation->classes[c].correct;
    if (!log || !kept) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name of %s/log.jsonl", run);
    } else if (!tw_path_exists(log)) {
        rc = tw_fail(err, TW_EFILE, "%s: not there, it is no run that could be added to", log);
    } else if (!(rc = is_spooled ? tw_train__copy_file(data, kept, err) : TW_OK) &&
               !(rc = tw_file_open_append(&folder.log, log, err)) &&
               !(rc = tw_train__folder_log(
                     &folder, "phase",
                     phase_json("evaluate", evaluation->t_s, evaluation->n, evaluation->n_trunk),
                     err))) {
        rc = tw_train__folder_log(&folder, "predictions",
                                  predictions_json("evaluate", tw_part_name(part),
                                                   is_spooled ? kept : data, limit, &score),
                                  err);
    }
    tw_train__folder_free(&folder);
    tw_free(kept);
    tw_free(log);
    return rc;
}
