/*
 * Inside the report: the files of a run as one struct of figures, and what is drawn of them.
 *
 *   files --journal, answers, history--> tw_figures --record--> report.json
 *                                                   --sections--> report.html
 */
#ifndef TW_REPORT_REPORT_INT_H
#define TW_REPORT_REPORT_INT_H

#include "base/file.h"
#include "base/json.h"
#include "base/text.h"

#include <tw/error.h>
#include <tw/eval.h>
#include <tw/report.h>
#include <tw/tensor.h>
#include <tw/train.h>

#include <stdbool.h>

/* ---- csv.c: reading RFC 4180 */

/* A field as it stands in the file; in a quoted one each quote is still doubled. */
typedef struct tw_span {
    const char *at;
    size_t n;
    bool quoted;
} tw_span;

typedef struct tw_csv {
    const char *at, *end;
    const char *path; /* for the sentence */
    int64_t line;     /* of the row read last, 1-based */
    int64_t next_line;
} tw_csv;

tw_csv tw_report__csv_open(const char *text, size_t n, const char *path);
/* The next row, which must have n fields. *more is false after the last. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_report__csv_row(tw_span *fields, int n, tw_csv *csv, bool *more,
                                           tw_error *err);
/* Lines of a text, the one after the last end of line too. */
int64_t tw_report__count_lines(const char *text);
/* Fields of the row that comes next, which stays there. */
int tw_report__csv_count(const tw_csv *csv);
/* < 0 where the field comes before the text, byte by byte. */
int tw_report__span_compare(const tw_span *span, const char *text);
bool tw_report__span_is(const tw_span *span, const char *text);
/* The field's text, allocated; NULL when memory ran out. Free with tw_free. */
char *tw_report__span_copy(const tw_span *span);
/* A number, or NAN where the field is empty; false for anything else. */
bool tw_report__span_f64(double *out, const tw_span *span);

/* ---- journal.c: log.jsonl */

typedef struct tw_layer {
    int64_t index;
    const char *name, *type;
    tw_shape output;
    int64_t n_params, macs;
    bool trained;
} tw_layer;

typedef struct tw_phase {
    const char *name;
    double t_s;
    int64_t n_pictures, n_trunk, memory_peak; /* -1: not known */
} tw_phase;

/* What the log says. Texts are borrowed from `lines` and NULL where it says nothing; numbers are -1
 * or NAN then. */
typedef struct tw_journal {
    tw_json **lines;
    int64_t n_lines;
    const char *started, *version, *data, *split, *model, *compute, *optimizer, *cache;
    const char **notes;
    int n_notes;
    int64_t n_train, n_val, n_trained;
    int64_t memory_extract, memory_train, memory_limit, disk_cache, disk_run;
    double t_extract_s, t_train_s; /* estimated */
    tw_layer *layers;
    int n_layers;
    tw_phase *phases;
    int n_phases;
    double scale;  /* the features were divided by it */
    int64_t epoch; /* that became the model */
    /* of predictions.csv as it is now */
    const char *by, *part, *of_data;
    int64_t limit, n_predicted, n_correct;
    double loss;
} tw_journal;

/* Expected: TW_EFILE (missing, a line that is no JSON object), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_report__journal_read(tw_journal *out, const char *path, tw_error *err);
void tw_report__journal_free(tw_journal *journal);

/* ---- answers.c: predictions.csv */

typedef struct tw_row {
    size_t at; /* where its line begins in the file */
    int label, predicted;
    double p_label, p_predicted;
} tw_row;

/* A row that the page shows. */
typedef struct tw_shown {
    char *name; /* index or path, as DATA names it */
    tw_row row;
    char *png; /* base64, NULL: no picture */
    int width, height;
} tw_shown;

/* A pair of classes that are confused. */
typedef struct tw_pair {
    int label, predicted;
    int64_t n;
} tw_pair;

enum {
    TW_REPORT_SAMPLES = 20,
    TW_REPORT_MISTAKES = 24,
    TW_REPORT_PAIRS = 24,
    TW_REPORT_MATRIX = 40 /* classes that a matrix is drawn of */
};

typedef struct tw_answers {
    tw_evaluation evaluation; /* n 0: no predictions.csv */
    tw_row *rows;
    int64_t n_mistakes; /* in all */
    tw_shown *samples, *mistakes;
    int n_samples, n_shown_mistakes;
    tw_pair *pairs; /* the most frequent first */
    int n_pairs;
} tw_answers;

/* Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_report__answers_read(tw_answers *out, const char *path, tw_error *err);
void tw_report__answers_free(tw_answers *answers);
/* Cross-entropy of one answer, its probability kept away from 0 as in float32. */
double tw_report__row_loss(const tw_row *row);

/* The class that class c is taken for most often, -1 when it never is. */
int tw_report__taken_for(const tw_evaluation *evaluation, int c);
/* Share of the label's pictures that are taken for the other class. */
double tw_report__pair_share(const tw_answers *answers, const tw_pair *pair);

/* ---- picture.c: thumbnails */

/* Fills the pictures of both lists from the data at path. *why gets the sentence why some are
 * missing, allocated, or NULL. Only memory that ran out is a failure: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_report__pictures_read(tw_answers *answers, char **why, const char *path,
                                                 tw_error *err);
/* Base64 of n bytes, allocated; NULL when memory ran out. */
char *tw_report__base64(const uint8_t *bytes, size_t n);

/* ---- axis.c */

enum { TW_MAX_TICKS = 12 };

typedef struct tw_axis {
    double low, high;
    bool log;
    double ticks[TW_MAX_TICKS];
    int n_ticks;
} tw_axis;

/* Around all n values that are numbers; whole: ticks are whole numbers. */
void tw_report__axis_make(tw_axis *out, const double *values, int64_t n, bool whole, bool may_log);
/* Of shares: 0 to 1 in fifths. */
extern const tw_axis tw_report__share_axis;
/* Where a value lies, 0..1. */
double tw_report__axis_place(const tw_axis *axis, double value);

/* ---- figures.c: the whole */

typedef struct tw_report_epoch {
    int64_t epoch;
    double loss, accuracy, val_loss, val_accuracy;
} tw_report_epoch;

/* A step of a learning rate range test. */
typedef struct tw_rate {
    double lr, loss, smoothed;
} tw_rate;

/* An option whose value is not the default. */
typedef struct tw_changed {
    const char *name; /* static */
    char *value;
} tw_changed;

typedef struct tw_figures {
    char *run; /* as given, without '/' at the end */
    tw_config *config;
    tw_changed *options;
    int n_options;
    char *command, *repeat; /* both repeat the run; `repeat` reads config.json */
    char *listing;          /* the command over several lines where it is long */
    tw_journal journal;
    tw_report_epoch *epochs;
    int64_t n_epochs;
    tw_axis epoch_axis, loss_axis, accuracy_axis;
    tw_rate *rates; /* lr-find.csv, NULL: no range test */
    int64_t n_rates;
    tw_axis rate_axis, rate_loss_axis;
    tw_answers answers;
    int64_t *trained_on; /* training pictures by class of the evaluation, NULL: none known */
    char *no_pictures;   /* why pictures are missing, NULL: they are not */
    int64_t n_params, macs;
    double t_s;                /* of the run, all phases but the evaluation; NAN: not known */
    const char *seen;          /* had the model to do with the evaluated pictures: "no", "selected",
                                  "validated", "maybe" */
    bool is_known_part;        /* the log knows which pictures predictions.csv is of */
    int baseline;              /* the most frequent class */
    const char *compared_with; /* borrowed; NULL: nothing */
    tw_comparison comparison;
} tw_figures;

/* Reads RUN's files, and compares where `with` is not NULL. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_report__figures_read(tw_figures *out, const char *run, const char *data,
                                                const char *with, tw_error *err);
void tw_report__figures_free(tw_figures *figures);

/* ---- rates.c: lr-find.csv */

/* Fills rates and their axes; nothing where the run has no such file. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_report__rates_read(tw_figures *figures, tw_error *err);

/* ---- command.c */

/* Fills options, command, listing and repeat from the configuration. */
TW_MUST_CHECK tw_status tw_report__command_make(tw_figures *figures, tw_error *err);

/* ---- record.c: report.json */

/* NULL when memory ran out. Free with tw_json_free. */
tw_json *tw_report__record_make(const tw_figures *figures);

/* ---- html.c: strangers' text */

/* Adds text with &, <, >, " and ' escaped, what is not UTF-8 and control letters replaced. */
void tw_report__escape(tw_text *page, const char *text);
/* The same text as valid UTF-8, not escaped. */
void tw_report__clean(tw_text *out, const char *text);
/* <tag>text</tag>; `tag` may hold attributes. */
void tw_report__element(tw_text *page, const char *tag, const char *text);

/* ---- sections, top to bottom of the page */

void tw_report__add_style(tw_text *page);                               /* style.c */
void tw_report__add_headline(tw_text *page, const tw_figures *figures); /* summary.c */
void tw_report__add_run(tw_text *page, const tw_figures *figures);
bool tw_report__has_curves(const tw_figures *figures); /* not where only a rate was looked for */
void tw_report__add_curves(tw_text *page, const tw_figures *figures);      /* curves.c */
void tw_report__add_rates(tw_text *page, const tw_figures *figures);       /* rates.c */
void tw_report__add_matrix(tw_text *page, const tw_figures *figures);      /* matrix.c */
void tw_report__add_changes(tw_text *page, const tw_figures *figures);     /* changes.c */
void tw_report__add_calibration(tw_text *page, const tw_figures *figures); /* calibration.c */
void tw_report__add_classes(tw_text *page, const tw_figures *figures);     /* classes.c */
void tw_report__add_samples(tw_text *page, const tw_figures *figures);     /* gallery.c */
void tw_report__add_mistakes(tw_text *page, const tw_figures *figures);
void tw_report__add_plan(tw_text *page, const tw_figures *figures); /* costs.c */
void tw_report__add_costs(tw_text *page, const tw_figures *figures);

/* ---- numbers as the page shows them (numbers.c); all return buf, "-" for what is not known */

enum { TW_NUMBER_SIZE = 40 };

char *tw_report__percent(char *buf, const tw_figures *figures, double share);
char *tw_report__probability(char *buf, double share);
char *tw_report__decimal(char *buf, double value);
char *tw_report__count(char *buf, int64_t value);
char *tw_report__bytes(char *buf, int64_t n_bytes);
char *tw_report__seconds(char *buf, double t_s);

/* ---- chart.c: one line chart as inline SVG */

typedef struct tw_chart {
    const char *title, *unit; /* unit "%": values are shares */
    const tw_axis *x, *y;
    const tw_report_epoch *epochs;
    int64_t n_epochs, chosen;
    double (*train)(const tw_report_epoch *epoch);
    double (*val)(const tw_report_epoch *epoch);
} tw_chart;

void tw_report__add_chart(tw_text *page, const tw_chart *chart);

#endif
