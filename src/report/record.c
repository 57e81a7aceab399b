/*
 * report.json: every figure of the page for programs, and those that the page leaves out. Numbers
 * are as exact as they are known; what is not known is null.
 */
#include "report/report_int.h"

#include "base/memory.h"

#include <math.h>

/* Whether a part got lost: memory ran out. */
typedef struct record {
    bool failed;
} record;

static void put(record *r, tw_json *object, const char *key, tw_json *value)
{
    r->failed |= !tw_json_set(object, key, value);
}

static void push(record *r, tw_json *array, tw_json *value)
{
    r->failed |= !tw_json_append(array, value);
}

static tw_json *text_json(const char *text)
{
    tw_text clean = {0};
    tw_json *json;

    if (!text)
        return tw_json_new_f64((double)NAN); /* null */
    tw_report__clean(&clean, text);
    json = clean.failed ? NULL : tw_json_new_string(clean.text ? clean.text : "");
    tw_text_free(&clean);
    return json;
}

static tw_json *whole_json(int64_t value)
{
    return value < 0 ? tw_json_new_f64((double)NAN) : tw_json_new_i64(value);
}

/* ---- what was run */

static tw_json *options_json(record *r, const tw_figures *figures)
{
    tw_json *json = tw_json_new_object();

    for (int i = 0; i < figures->n_options; i++)
        put(r, json, figures->options[i].name, text_json(figures->options[i].value));
    return json;
}

static tw_json *notes_json(record *r, const tw_journal *journal)
{
    tw_json *json = tw_json_new_array();

    for (int i = 0; i < journal->n_notes; i++)
        push(r, json, text_json(journal->notes[i]));
    return json;
}

static void add_run(record *r, tw_json *json, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;

    put(r, json, "run", text_json(figures->run));
    put(r, json, "started", text_json(journal->started));
    put(r, json, "version", text_json(journal->version));
    put(r, json, "command", text_json(figures->command));
    put(r, json, "repeat", text_json(figures->repeat));
    put(r, json, "options", options_json(r, figures));
    put(r, json, "data", text_json(journal->data));
    put(r, json, "split", text_json(journal->split));
    put(r, json, "model", text_json(journal->model));
    put(r, json, "optimizer", text_json(journal->optimizer));
    put(r, json, "cache", text_json(journal->cache));
    put(r, json, "compute", text_json(journal->compute));
    put(r, json, "notes", notes_json(r, journal));
    put(r, json, "training_pictures", whole_json(journal->n_train));
    put(r, json, "validation_pictures", whole_json(journal->n_val));
    put(r, json, "parameters", whole_json(journal->n_layers ? figures->n_params : -1));
    put(r, json, "trained_parameters", whole_json(journal->n_trained));
    put(r, json, "multiply_adds", whole_json(journal->n_layers ? figures->macs : -1));
    put(r, json, "scale", tw_json_new_f64(journal->scale));
}

/* ---- epochs */

static tw_json *epoch_json(record *r, const tw_report_epoch *epoch)
{
    tw_json *json = tw_json_new_object();

    put(r, json, "epoch", tw_json_new_i64(epoch->epoch));
    put(r, json, "loss", tw_json_new_f64(epoch->loss));
    put(r, json, "accuracy", tw_json_new_f64(epoch->accuracy));
    put(r, json, "val_loss", tw_json_new_f64(epoch->val_loss));
    put(r, json, "val_accuracy", tw_json_new_f64(epoch->val_accuracy));
    return json;
}

static tw_json *axis_json(record *r, const tw_axis *axis)
{
    tw_json *json = tw_json_new_object(), *ticks = tw_json_new_array();

    for (int i = 0; i < axis->n_ticks; i++)
        push(r, ticks, tw_json_new_f64(axis->ticks[i]));
    put(r, json, "low", tw_json_new_f64(axis->low));
    put(r, json, "high", tw_json_new_f64(axis->high));
    put(r, json, "logarithmic", tw_json_new_bool(axis->log));
    put(r, json, "ticks", ticks);
    return json;
}

static void add_epochs(record *r, tw_json *json, const tw_figures *figures)
{
    tw_json *epochs = tw_json_new_array(), *axes = tw_json_new_object();

    for (int64_t i = 0; i < figures->n_epochs; i++)
        push(r, epochs, epoch_json(r, &figures->epochs[i]));
    put(r, axes, "epoch", axis_json(r, &figures->epoch_axis));
    put(r, axes, "loss", axis_json(r, &figures->loss_axis));
    put(r, axes, "accuracy", axis_json(r, &figures->accuracy_axis));
    put(r, json, "epoch", whole_json(figures->journal.epoch));
    put(r, json, "n_epochs", tw_json_new_i64(figures->n_epochs));
    put(r, json, "epochs", epochs);
    put(r, json, "axes", axes);
}

/* ---- the range test */

static void add_rates(record *r, tw_json *json, const tw_figures *figures)
{
    tw_json *rates = tw_json_new_array(), *axes = tw_json_new_object();

    for (int64_t i = 0; i < figures->n_rates; i++) {
        const tw_rate *rate = &figures->rates[i];
        tw_json *point = tw_json_new_object();

        put(r, point, "lr", tw_json_new_f64(rate->lr));
        put(r, point, "loss", tw_json_new_f64(rate->loss));
        put(r, point, "smoothed", tw_json_new_f64(rate->smoothed));
        push(r, rates, point);
    }
    put(r, axes, "lr", axis_json(r, &figures->rate_axis));
    put(r, axes, "loss", axis_json(r, &figures->rate_loss_axis));
    put(r, json, "lr_find", rates);
    put(r, json, "lr_find_axes", axes);
}

/* ---- predictions */

static tw_json *baseline_json(record *r, const tw_figures *figures)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    const tw_class_score *score = &evaluation->classes[figures->baseline];
    tw_json *json = tw_json_new_object();

    put(r, json, "class", text_json(score->name));
    put(r, json, "pictures", tw_json_new_i64(score->support));
    put(r, json, "accuracy", tw_json_new_f64((double)score->support / (double)evaluation->n));
    return json;
}

/* Bins without an answer are left out. */
static tw_json *bins_json(record *r, const tw_evaluation *evaluation)
{
    tw_json *json = tw_json_new_array();

    for (int i = 0; i < TW_CALIBRATION_BINS; i++) {
        const tw_calibration_bin *bin = &evaluation->bins[i];
        tw_json *item;

        if (bin->n == 0)
            continue;
        item = tw_json_new_object();
        put(r, item, "above", tw_json_new_f64((double)i / TW_CALIBRATION_BINS));
        put(r, item, "to", tw_json_new_f64((i + 1.0) / TW_CALIBRATION_BINS));
        put(r, item, "pictures", tw_json_new_i64(bin->n));
        put(r, item, "accuracy", tw_json_new_f64((double)bin->correct / (double)bin->n));
        put(r, item, "confidence", tw_json_new_f64(bin->confidence / (double)bin->n));
        push(r, json, item);
    }
    return json;
}

static tw_json *evaluated_json(record *r, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    bool known = figures->is_known_part;
    tw_json *json = tw_json_new_object();

    put(r, json, "by", text_json(known ? journal->by : NULL));
    put(r, json, "part", text_json(known ? journal->part : NULL));
    put(r, json, "data", text_json(known ? journal->of_data : NULL));
    put(r, json, "limit", whole_json(known ? journal->limit : -1));
    put(r, json, "seen", text_json(figures->seen));
    put(r, json, "pictures", tw_json_new_i64(evaluation->n));
    put(r, json, "correct", tw_json_new_i64(evaluation->n - figures->answers.n_mistakes));
    put(r, json, "mistakes", tw_json_new_i64(figures->answers.n_mistakes));
    put(r, json, "accuracy", tw_json_new_f64(evaluation->accuracy));
    put(r, json, "low", tw_json_new_f64(evaluation->low));
    put(r, json, "high", tw_json_new_f64(evaluation->high));
    put(r, json, "level", tw_json_new_f64(0.95)); /* of the interval */
    put(r, json, "loss", tw_json_new_f64(evaluation->loss));
    put(r, json, "macro_f1", tw_json_new_f64(evaluation->macro_f1));
    put(r, json, "f1_low", tw_json_new_f64(evaluation->f1_low));
    put(r, json, "f1_high", tw_json_new_f64(evaluation->f1_high));
    put(r, json, "calibration_error", tw_json_new_f64(evaluation->ece));
    put(r, json, "calibration", bins_json(r, evaluation));
    put(r, json, "calibration_axis", axis_json(r, &tw_report__share_axis));
    put(r, json, "classes", tw_json_new_i64(evaluation->n_classes));
    put(r, json, "baseline", baseline_json(r, figures));
    return json;
}

static tw_json *class_json(record *r, const tw_figures *figures, int c)
{
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    const tw_class_score *score = &evaluation->classes[c];
    int other = tw_report__taken_for(evaluation, c);
    tw_json *json = tw_json_new_object();

    put(r, json, "class", text_json(score->name));
    put(r, json, "training_pictures",
        whole_json(figures->trained_on ? figures->trained_on[c] : -1));
    put(r, json, "pictures", tw_json_new_i64(score->support));
    put(r, json, "predicted", tw_json_new_i64(score->predicted));
    put(r, json, "correct", tw_json_new_i64(score->correct));
    put(r, json, "precision", tw_json_new_f64(score->precision));
    put(r, json, "recall", tw_json_new_f64(score->recall));
    put(r, json, "f1", tw_json_new_f64(score->f1));
    if (other >= 0) {
        tw_json *taken = tw_json_new_object();
        put(r, taken, "class", text_json(evaluation->names[other]));
        put(r, taken, "pictures",
            tw_json_new_i64(evaluation->confusion[(int64_t)c * evaluation->n_classes + other]));
        put(r, json, "taken_for", taken);
    }
    return json;
}

static tw_json *confusion_json(record *r, const tw_evaluation *evaluation)
{
    tw_json *rows = tw_json_new_array();
    int n = evaluation->n_classes;

    for (int i = 0; i < n; i++) {
        tw_json *row = tw_json_new_array();

        for (int j = 0; j < n; j++)
            push(r, row, tw_json_new_i64(evaluation->confusion[(int64_t)i * n + j]));
        push(r, rows, row);
    }
    return rows;
}

static tw_json *pairs_json(record *r, const tw_answers *answers)
{
    tw_json *json = tw_json_new_array();

    for (int i = 0; i < answers->n_pairs; i++) {
        const tw_pair *pair = &answers->pairs[i];
        tw_json *item = tw_json_new_object();

        put(r, item, "label", text_json(answers->evaluation.names[pair->label]));
        put(r, item, "predicted", text_json(answers->evaluation.names[pair->predicted]));
        put(r, item, "pictures", tw_json_new_i64(pair->n));
        put(r, item, "share", tw_json_new_f64(tw_report__pair_share(answers, pair)));
        push(r, json, item);
    }
    return json;
}

static tw_json *shown_json(record *r, const tw_answers *answers, const tw_shown *list, int n)
{
    tw_json *json = tw_json_new_array();

    for (int i = 0; i < n; i++) {
        const tw_row *row = &list[i].row;
        tw_json *item = tw_json_new_object();

        put(r, item, "name", text_json(list[i].name));
        put(r, item, "label", text_json(answers->evaluation.names[row->label]));
        put(r, item, "predicted", text_json(answers->evaluation.names[row->predicted]));
        put(r, item, "p_label", tw_json_new_f64(row->p_label));
        put(r, item, "p_predicted", tw_json_new_f64(row->p_predicted));
        put(r, item, "loss", tw_json_new_f64(tw_report__row_loss(row)));
        put(r, item, "picture", tw_json_new_bool(list[i].png != NULL));
        push(r, json, item);
    }
    return json;
}

static tw_json *changes_json(record *r, const tw_comparison *found)
{
    tw_json *json = tw_json_new_array();

    for (int64_t i = 0; i < found->n_changes; i++) {
        const tw_change *change = &found->changes[i];
        tw_json *item = tw_json_new_object();

        put(r, item, "name", text_json(change->name));
        put(r, item, "label", text_json(change->label));
        put(r, item, "before", text_json(change->before));
        put(r, item, "after", text_json(change->after));
        put(r, item, "right", tw_json_new_bool(change->is_right != 0));
        push(r, json, item);
    }
    return json;
}

static tw_json *comparison_json(record *r, const tw_figures *figures)
{
    const tw_comparison *found = &figures->comparison;
    tw_json *json = tw_json_new_object(), *classes = tw_json_new_array();

    for (int i = 0; i < found->n_classes; i++) {
        const tw_class_change *class = &found->classes[i];
        tw_json *item = tw_json_new_object();

        put(r, item, "class", text_json(class->name));
        put(r, item, "pictures", tw_json_new_i64(class->n));
        put(r, item, "recall_before",
            tw_json_new_f64((double)class->right_before / (double)class->n));
        put(r, item, "recall", tw_json_new_f64((double)class->right / (double)class->n));
        push(r, classes, item);
    }
    put(r, json, "with", text_json(figures->compared_with));
    put(r, json, "pictures", tw_json_new_i64(found->n));
    put(r, json, "accuracy_before",
        tw_json_new_f64((double)found->right_before / (double)found->n));
    put(r, json, "accuracy", tw_json_new_f64((double)found->right / (double)found->n));
    put(r, json, "newly_right", tw_json_new_i64(found->newly_right));
    put(r, json, "newly_wrong", tw_json_new_i64(found->newly_wrong));
    put(r, json, "p", tw_json_new_f64(found->p));
    put(r, json, "changed", changes_json(r, found));
    put(r, json, "classes", classes);
    return json;
}

static void add_predictions(record *r, tw_json *json, const tw_figures *figures)
{
    const tw_answers *answers = &figures->answers;
    tw_json *classes = tw_json_new_array();

    for (int c = 0; c < answers->evaluation.n_classes; c++)
        push(r, classes, class_json(r, figures, c));
    put(r, json, "evaluated", evaluated_json(r, figures));
    put(r, json, "classes", classes);
    if (answers->evaluation.n_classes <= TW_REPORT_MATRIX)
        put(r, json, "confusion", confusion_json(r, &answers->evaluation));
    put(r, json, "confused", pairs_json(r, answers));
    if (figures->compared_with)
        put(r, json, "comparison", comparison_json(r, figures));
    put(r, json, "samples", shown_json(r, answers, answers->samples, answers->n_samples));
    put(r, json, "worst", shown_json(r, answers, answers->mistakes, answers->n_shown_mistakes));
    put(r, json, "no_pictures", text_json(figures->no_pictures));
}

/* ---- plan and costs */

static tw_json *layer_json(record *r, const tw_layer *layer)
{
    tw_json *json = tw_json_new_object(), *shape = tw_json_new_array();

    for (int i = 0; i < layer->output.rank; i++)
        push(r, shape, tw_json_new_i64(layer->output.dims[i]));
    put(r, json, "index", whole_json(layer->index));
    put(r, json, "name", text_json(layer->name));
    put(r, json, "type", text_json(layer->type));
    put(r, json, "output", shape);
    put(r, json, "parameters", whole_json(layer->n_params));
    put(r, json, "multiply_adds", whole_json(layer->macs));
    put(r, json, "trained", tw_json_new_bool(layer->trained));
    return json;
}

static tw_json *phase_json(record *r, const tw_phase *phase)
{
    tw_json *json = tw_json_new_object();

    put(r, json, "phase", text_json(phase->name));
    put(r, json, "t_s", tw_json_new_f64(phase->t_s));
    put(r, json, "pictures", whole_json(phase->n_pictures));
    put(r, json, "through_trunk", whole_json(phase->n_trunk));
    put(r, json, "memory_peak", whole_json(phase->memory_peak));
    return json;
}

static void add_costs(record *r, tw_json *json, const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    tw_json *layers = tw_json_new_array(), *phases = tw_json_new_array();
    tw_json *planned = tw_json_new_object();

    for (int i = 0; i < journal->n_layers; i++)
        push(r, layers, layer_json(r, &journal->layers[i]));
    for (int i = 0; i < journal->n_phases; i++)
        push(r, phases, phase_json(r, &journal->phases[i]));
    put(r, planned, "memory_extract", whole_json(journal->memory_extract));
    put(r, planned, "memory_train", whole_json(journal->memory_train));
    put(r, planned, "memory_limit", whole_json(journal->memory_limit));
    put(r, planned, "disk_cache", whole_json(journal->disk_cache));
    put(r, planned, "disk_run", whole_json(journal->disk_run));
    put(r, planned, "t_extract_s", tw_json_new_f64(journal->t_extract_s));
    put(r, planned, "t_train_s", tw_json_new_f64(journal->t_train_s));
    put(r, json, "layers", layers);
    put(r, json, "planned", planned);
    put(r, json, "phases", phases);
    put(r, json, "t_s", tw_json_new_f64(figures->t_s));
}

tw_json *tw_report__record_make(const tw_figures *figures)
{
    record r = {false};
    tw_json *json = tw_json_new_object();

    add_run(&r, json, figures);
    add_epochs(&r, json, figures);
    if (figures->n_rates > 0)
        add_rates(&r, json, figures);
    if (figures->answers.evaluation.n > 0)
        add_predictions(&r, json, figures);
    add_costs(&r, json, figures);
    if (!r.failed)
        return json;
    tw_json_free(json);
    return NULL;
}
