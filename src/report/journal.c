/*
 * Reads log.jsonl. Of an event that is there several times the last one counts (predictions), or
 * each of them (notes, phases). A log of an older topwork lacks some: what it does not say stays
 * unknown, and the page says so.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_LOG_BYTES = 256 << 20 };

static const char *text_of(const tw_json *line, const char *key)
{
    const char *text = NULL;

    return tw_json_string(&text, tw_json_get(line, key)) ? text : NULL;
}

static int64_t whole_of(const tw_json *line, const char *key)
{
    int64_t value;

    return tw_json_i64(&value, tw_json_get(line, key)) ? value : -1;
}

static double number_of(const tw_json *line, const char *key)
{
    double value;

    return tw_json_f64(&value, tw_json_get(line, key)) ? value : (double)NAN;
}

/* ---- events */

static void take_start(tw_journal *journal, const tw_json *line)
{
    journal->started = text_of(line, "time");
    journal->version = text_of(line, "version");
    journal->data = text_of(line, "data");
    journal->split = text_of(line, "split");
    journal->model = text_of(line, "model");
    journal->compute = text_of(line, "compute");
    journal->optimizer = text_of(line, "optimizer");
    journal->cache = text_of(line, "cache");
}

static void take_layer(tw_layer *out, const tw_json *json)
{
    const tw_json *shape = tw_json_get(json, "output");
    bool trained = false;

    *out = (tw_layer){.index = whole_of(json, "index"),
                      .name = text_of(json, "name"),
                      .type = text_of(json, "type"),
                      .n_params = whole_of(json, "parameters"),
                      .macs = whole_of(json, "multiply_adds")};
    out->trained = tw_json_bool(&trained, tw_json_get(json, "trained")) && trained;
    for (size_t i = 0; i < tw_json_count(shape) && i < TW_MAX_RANK; i++)
        if (tw_json_i64(&out->output.dims[out->output.rank], tw_json_at(shape, i)))
            out->output.rank++;
}

static bool take_plan(tw_journal *journal, const tw_json *line)
{
    const tw_json *layers = tw_json_get(line, "layers");
    size_t n = tw_json_is_array(layers) ? tw_json_count(layers) : 0;

    journal->n_train = whole_of(line, "training_pictures");
    journal->n_val = whole_of(line, "validation_pictures");
    journal->n_trained = whole_of(line, "trained_parameters");
    journal->memory_extract = whole_of(line, "memory_extract");
    journal->memory_train = whole_of(line, "memory_train");
    journal->memory_limit = whole_of(line, "memory_limit");
    journal->disk_cache = whole_of(line, "disk_cache");
    journal->disk_run = whole_of(line, "disk_run");
    journal->t_extract_s = number_of(line, "t_extract_s");
    journal->t_train_s = number_of(line, "t_train_s");
    tw_free(journal->layers);
    journal->n_layers = 0;
    if (!(journal->layers = tw_calloc(n, sizeof *journal->layers)))
        return false;
    for (; journal->n_layers < (int)n; journal->n_layers++)
        take_layer(&journal->layers[journal->n_layers],
                   tw_json_at(layers, (size_t)journal->n_layers));
    return true;
}

/* Room for one more in an array that grows one by one; these arrays are short. */
static void *grow(void *array, int n, size_t size)
{
    return tw_realloc(array, ((size_t)n + 1) * size);
}

/* A later evaluation takes the place of the one before it. */
static bool take_phase(tw_journal *journal, const tw_json *line)
{
    const char *name = text_of(line, "phase");
    tw_phase *phases = grow(journal->phases, journal->n_phases, sizeof *phases);
    int i = 0;

    if (!phases)
        return false;
    journal->phases = phases;
    if (!name)
        return true;
    while (i < journal->n_phases && strcmp(phases[i].name, name) != 0)
        i++;
    phases[i] = (tw_phase){.name = name,
                           .t_s = number_of(line, "t_s"),
                           .n_pictures = whole_of(line, "pictures"),
                           .n_trunk = whole_of(line, "through_trunk"),
                           .memory_peak = whole_of(line, "memory_peak")};
    journal->n_phases += i == journal->n_phases;
    return true;
}

static bool take_note(tw_journal *journal, const tw_json *line)
{
    const char *text = text_of(line, "text");
    const char **notes = grow(journal->notes, journal->n_notes, sizeof *notes);

    if (!notes)
        return false;
    journal->notes = notes;
    if (text)
        notes[journal->n_notes++] = text;
    return true;
}

static void take_predictions(tw_journal *journal, const tw_json *line)
{
    journal->by = text_of(line, "by");
    journal->part = text_of(line, "part");
    journal->of_data = text_of(line, "data");
    journal->limit = whole_of(line, "limit");
    journal->n_predicted = whole_of(line, "pictures");
    journal->n_correct = whole_of(line, "correct");
    journal->loss = number_of(line, "loss");
}

/* false when memory ran out. */
static bool take_line(tw_journal *journal, const tw_json *line)
{
    const char *event = text_of(line, "event");

    if (!event)
        return true;
    if (!strcmp(event, "plan"))
        return take_plan(journal, line);
    if (!strcmp(event, "phase"))
        return take_phase(journal, line);
    if (!strcmp(event, "note"))
        return take_note(journal, line);
    if (!strcmp(event, "start"))
        take_start(journal, line);
    else if (!strcmp(event, "features"))
        journal->scale = number_of(line, "scale");
    else if (!strcmp(event, "end"))
        journal->epoch = whole_of(line, "epoch");
    else if (!strcmp(event, "predictions"))
        take_predictions(journal, line);
    return true;
}

/* ---- lines */

static tw_status parse_line(tw_journal *journal, const char *text, size_t n, const char *path,
                            tw_error *err)
{
    tw_status rc;
    tw_json *line;
    char name[512];

    snprintf(name, sizeof name, "%s line %lld", path, (long long)journal->n_lines + 1);
    if ((rc = tw_json_parse(&line, text, n, name, err)))
        return rc;
    journal->lines[journal->n_lines++] = line;
    if (!tw_json_is_object(line))
        return tw_fail(err, TW_EFILE, "%s: not a JSON object", name);
    if (!take_line(journal, line))
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", path);
    return TW_OK;
}

tw_status tw_report__journal_read(tw_journal *out, const char *path, tw_error *err)
{
    tw_status rc;
    char *text;
    size_t n;
    const double unknown = (double)NAN;

    *out = (tw_journal){.n_train = -1,
                        .n_val = -1,
                        .n_trained = -1,
                        .memory_extract = -1,
                        .memory_train = -1,
                        .memory_limit = -1,
                        .disk_cache = -1,
                        .disk_run = -1,
                        .t_extract_s = unknown,
                        .t_train_s = unknown,
                        .scale = unknown,
                        .epoch = -1,
                        .limit = -1,
                        .n_predicted = -1,
                        .n_correct = -1,
                        .loss = unknown};
    if ((rc = tw_file_read(&text, &n, path, MAX_LOG_BYTES, err)))
        return rc;
    if (!(out->lines = tw_calloc((size_t)tw_report__count_lines(text), sizeof *out->lines)))
        rc = tw_fail(err, TW_ENOMEM, "no memory to read %s", path);
    for (const char *line = text; *line && !rc;) {
        size_t n_line = strcspn(line, "\n");

        rc = parse_line(out, line, n_line, path, err);
        line += n_line + (line[n_line] == '\n');
    }
    tw_free(text);
    if (rc)
        tw_report__journal_free(out);
    return rc;
}

void tw_report__journal_free(tw_journal *journal)
{
    for (int64_t i = 0; i < journal->n_lines; i++)
        tw_json_free(journal->lines[i]);
    tw_free(journal->lines);
    tw_free(journal->notes);
    tw_free(journal->layers);
    tw_free(journal->phases);
    memset(journal, 0, sizeof *journal);
}
