/*
 * All figures of a run, read from its folder: what was asked for (config.json), what went on
 * (log.jsonl), the epochs (history.csv), the pictures trained on (split.csv) and the predictions
 * (predictions.csv, which a run without validation pictures does not have). The page and
 * report.json are two forms of this one struct.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Gives path as RUN/name; the caller frees it. */
static tw_status path_of(char **path, const tw_figures *figures, const char *name, tw_error *err)
{
    *path = tw_path_join(figures->run, name);
    return *path ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the name of %s", name);
}

static tw_status copy_run(tw_figures *figures, const char *run, tw_error *err)
{
    size_t n = strlen(run);

    if (!(figures->run = tw_strdup(run)))
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s", run);
    while (n > 1 && figures->run[n - 1] == '/')
        figures->run[--n] = '\0';
    return TW_OK;
}

static tw_status read_config(tw_figures *figures, tw_error *err)
{
    tw_status rc;
    char *path;

    if ((rc = path_of(&path, figures, "config.json", err)))
        return rc;
    if (!(rc = tw_config_create(&figures->config, err)) &&
        (rc = tw_config_read(figures->config, path, err)) == TW_EUSAGE)
        rc = TW_EFILE; /* nobody used an option wrongly: the file is bad */
    if (rc == TW_EFILE && err)
        err->code = rc;
    tw_free(path);
    return rc ? rc : tw_report__command_make(figures, err);
}

/* All phases but the evaluation, which came later. */
static double run_time(const tw_journal *journal)
{
    double t_s = 0.0;

    for (int i = 0; i < journal->n_phases; i++)
        if (strcmp(journal->phases[i].name, "evaluate") != 0)
            t_s += journal->phases[i].t_s;
    return journal->n_phases > 0 ? t_s : (double)NAN;
}

static tw_status read_journal(tw_figures *figures, tw_error *err)
{
    tw_status rc;
    char *path;

    if ((rc = path_of(&path, figures, "log.jsonl", err)))
        return rc;
    rc = tw_report__journal_read(&figures->journal, path, err);
    tw_free(path);
    for (int i = 0; !rc && i < figures->journal.n_layers; i++) {
        const tw_layer *layer = &figures->journal.layers[i];

        figures->n_params += layer->n_params > 0 ? layer->n_params : 0;
        figures->macs += layer->macs > 0 ? layer->macs : 0;
    }
    if (!rc)
        figures->t_s = run_time(&figures->journal);
    return rc;
}

/* ---- history.csv */

static tw_status take_epoch(tw_figures *figures, const tw_span *fields, const tw_csv *csv,
                            tw_error *err)
{
    tw_report_epoch *epoch = &figures->epochs[figures->n_epochs++];
    double number;

    if (tw_report__span_f64(&number, &fields[0]) && number >= 1.0 && number <= INT32_MAX &&
        tw_report__span_f64(&epoch->loss, &fields[1]) &&
        tw_report__span_f64(&epoch->accuracy, &fields[2]) &&
        tw_report__span_f64(&epoch->val_loss, &fields[3]) &&
        tw_report__span_f64(&epoch->val_accuracy, &fields[4])) {
        epoch->epoch = (int64_t)number;
        return TW_OK;
    }
    return tw_fail(err, TW_EFILE, "%s: line %lld: not five numbers", csv->path,
                   (long long)csv->line);
}

static tw_status read_epochs(tw_figures *figures, const char *text, size_t n, const char *path,
                             tw_error *err)
{
    static const char header[] = "epoch,loss,accuracy,val_loss,val_accuracy\n";
    tw_status rc;
    size_t n_header = strlen(header);
    tw_csv csv;
    tw_span fields[5];
    bool more;

    if (n < n_header || memcmp(text, header, n_header) != 0)
        return tw_fail(err, TW_EFILE, "%s: does not begin with %.*s", path, (int)n_header - 1,
                       header);
    csv = tw_report__csv_open(text + n_header, n - n_header, path);
    csv.next_line = 2;
    figures->epochs = tw_calloc((size_t)tw_report__count_lines(text), sizeof *figures->epochs);
    if (!figures->epochs)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", path);
    while (!(rc = tw_report__csv_row(fields, 5, &csv, &more, err)) && more)
        if ((rc = take_epoch(figures, fields, &csv, err)))
            return rc;
    return rc;
}

static tw_status read_history(tw_figures *figures, tw_error *err)
{
    enum { MOST = 64 << 20 };
    tw_status rc;
    char *path, *text = NULL;
    size_t n;

    if ((rc = path_of(&path, figures, "history.csv", err)))
        return rc;
    if (figures->n_rates > 0 && !tw_path_exists(path)) {
        tw_free(path);
        return TW_OK; /* a range test, nothing was trained */
    }
    if (!(rc = tw_file_read(&text, &n, path, MOST, err)))
        rc = read_epochs(figures, text, n, path, err);
    tw_free(text);
    tw_free(path);
    return rc;
}

/* Axes around both lines of each chart. */
static tw_status make_axes(tw_figures *figures, tw_error *err)
{
    int64_t n = figures->n_epochs;
    double *values = tw_calloc((size_t)(5 * n + 1), sizeof *values);

    if (!values)
        return tw_fail(err, TW_ENOMEM, "no memory for the axes of the report");
    for (int64_t i = 0; i < n; i++) {
        const tw_report_epoch *epoch = &figures->epochs[i];

        values[i] = (double)epoch->epoch;
        values[n + 2 * i] = epoch->loss;
        values[n + 2 * i + 1] = epoch->val_loss;
        values[3 * n + 2 * i] = epoch->accuracy;
        values[3 * n + 2 * i + 1] = epoch->val_accuracy;
    }
    tw_report__axis_make(&figures->epoch_axis, values, n, true, false);
    tw_report__axis_make(&figures->loss_axis, values + n, 2 * n, false, true);
    tw_report__axis_make(&figures->accuracy_axis, values + 3 * n, 2 * n, false, false);
    tw_free(values);
    return TW_OK;
}

/* ---- split.csv */

static int class_of(const tw_evaluation *evaluation, const tw_span *name, int guess)
{
    if (guess < evaluation->n_classes && tw_report__span_is(name, evaluation->names[guess]))
        return guess;
    for (int c = 0; c < evaluation->n_classes; c++)
        if (tw_report__span_is(name, evaluation->names[c]))
            return c;
    return -1;
}

static tw_status count_split(tw_figures *figures, const tw_map *map, tw_error *err)
{
    tw_status rc;
    tw_csv csv = tw_report__csv_open((const char *)map->data, map->size, map->path);
    const tw_evaluation *evaluation = &figures->answers.evaluation;
    tw_span fields[3];
    bool more;
    int c = 0;

    figures->trained_on = tw_calloc((size_t)evaluation->n_classes, sizeof *figures->trained_on);
    if (!figures->trained_on)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", map->path);
    while (!(rc = tw_report__csv_row(fields, 3, &csv, &more, err)) && more) {
        if (!tw_report__span_is(&fields[2], "train"))
            continue;
        if ((c = class_of(evaluation, &fields[1], c)) < 0)
            return tw_fail(err, TW_EFILE, "%s: line %lld: a class that predictions.csv lacks",
                           map->path, (long long)csv.line);
        figures->trained_on[c]++;
    }
    return rc;
}

static tw_status read_split(tw_figures *figures, tw_error *err)
{
    tw_status rc;
    tw_map map = {0};
    char *path;

    if ((rc = path_of(&path, figures, "split.csv", err)))
        return rc;
    if (!(rc = tw_map_open(&map, path, err)))
        rc = count_split(figures, &map, err);
    tw_map_close(&map);
    tw_free(path);
    return rc;
}

/* ---- predictions.csv */

/* What the model had to do with the pictures that the figures are of. */
static const char *judge_seen(const tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    const char *select = tw_config_get(figures->config, "select");

    if (!figures->is_known_part)
        return "maybe";
    if (!strcmp(journal->by, "train"))
        return select && !strcmp(select, "best") ? "selected" : "validated";
    return !strcmp(journal->part, "test") ? "no" : "maybe";
}

static void settle_part(tw_figures *figures)
{
    const tw_journal *journal = &figures->journal;
    tw_evaluation *evaluation = &figures->answers.evaluation;
    int64_t n_correct = evaluation->n - figures->answers.n_mistakes;

    figures->is_known_part = journal->by && journal->part &&
                             evaluation->n == journal->n_predicted &&
                             n_correct == journal->n_correct;
    if (figures->is_known_part && !isnan(journal->loss))
        evaluation->loss = journal->loss;
    figures->seen = judge_seen(figures);
    for (int c = 1; c < evaluation->n_classes; c++)
        if (evaluation->classes[c].support > evaluation->classes[figures->baseline].support)
            figures->baseline = c;
}

static tw_status read_predictions(tw_figures *figures, const char *data, tw_error *err)
{
    tw_status rc;
    char *path;

    if ((rc = path_of(&path, figures, "predictions.csv", err)))
        return rc;
    if (!tw_path_exists(path))
        goto done;
    if ((rc = tw_report__answers_read(&figures->answers, path, err)) ||
        (rc = read_split(figures, err)))
        goto done;
    settle_part(figures);
    if (!data)
        data = figures->is_known_part && figures->journal.of_data
                   ? figures->journal.of_data
                   : tw_config_get(figures->config, "data");
    rc = tw_report__pictures_read(&figures->answers, &figures->no_pictures, data ? data : "DATA",
                                  err);
done:
    tw_free(path);
    return rc;
}

static tw_status read_comparison(tw_figures *figures, const char *with, tw_error *err)
{
    if (!with || figures->answers.evaluation.n == 0)
        return TW_OK;
    figures->compared_with = with;
    return tw_compare(&figures->comparison, with, figures->run, err);
}

tw_status tw_report__figures_read(tw_figures *out, const char *run, const char *data,
                                  const char *with, tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    out->seen = "maybe";
    if ((rc = copy_run(out, run, err)) || (rc = read_config(out, err)) ||
        (rc = read_journal(out, err)) || (rc = tw_report__rates_read(out, err)) ||
        (rc = read_history(out, err)) || (rc = make_axes(out, err)) ||
        (rc = read_predictions(out, data, err)) || (rc = read_comparison(out, with, err)))
        tw_report__figures_free(out);
    return rc;
}

void tw_report__figures_free(tw_figures *figures)
{
    for (int i = 0; i < figures->n_options; i++)
        tw_free(figures->options[i].value);
    tw_free(figures->options);
    tw_config_free(figures->config);
    tw_report__journal_free(&figures->journal);
    tw_report__answers_free(&figures->answers);
    tw_comparison_free(&figures->comparison);
    tw_free(figures->run);
    tw_free(figures->command);
    tw_free(figures->repeat);
    tw_free(figures->listing);
    tw_free(figures->epochs);
    tw_free(figures->rates);
    tw_free(figures->trained_on);
    tw_free(figures->no_pictures);
    memset(figures, 0, sizeof *figures);
}
