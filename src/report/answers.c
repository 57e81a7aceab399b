/*
 * Reads predictions.csv: classes from its header, then of every row the two classes and their two
 * probabilities; figures come from eval's own counting. What is picked for the page is fixed by
 * the rows alone: the worst mistakes are those with the least probability on the truth, samples
 * are spread evenly over classes and rows, right and wrong as they fall.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "eval/metrics.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED = 4 /* columns before the probabilities */ };
static const char *const fixed_names[FIXED] = {"name", "label", "predicted", "correct"};

/* What reading one file needs. */
typedef struct reader {
    tw_answers *out;
    tw_map map;
    tw_csv csv;
    int n_classes;
    char **classes; /* (n_classes) */
    int *by_name;   /* classes in the order of their names */
    tw_span *fields;
    int64_t capacity;
} reader;

/* ---- the header */

static tw_status fail_memory(const reader *r, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "no memory to read %s", r->csv.path);
}

static tw_status read_classes(reader *r, tw_error *err)
{
    for (int i = 0; i < r->n_classes; i++) {
        tw_span span = r->fields[FIXED + i];

        if (span.n < 2 || memcmp(span.at, "p_", 2) != 0)
            return tw_fail(err, TW_EFILE, "%s: column %d is not p_ and a class", r->csv.path,
                           FIXED + i + 1);
        span.at += 2;
        span.n -= 2;
        if (!(r->classes[i] = tw_report__span_copy(&span)))
            return fail_memory(r, err);
    }
    return TW_OK;
}

/* Sorts class numbers by name; a heap of its own since qsort has no context. */
static void sink(int *order, char *const *names, int root, int n)
{
    for (int child; (child = 2 * root + 1) < n; root = child) {
        int swapped = order[root];

        if (child + 1 < n && strcmp(names[order[child]], names[order[child + 1]]) < 0)
            child++;
        if (strcmp(names[order[root]], names[order[child]]) >= 0)
            return;
        order[root] = order[child];
        order[child] = swapped;
    }
}

static void sort_names(int *order, char *const *names, int n)
{
    for (int i = 0; i < n; i++)
        order[i] = i;
    for (int root = n / 2; root-- > 0;)
        sink(order, names, root, n);
    for (int last = n; last-- > 1;) {
        int first = order[0];

        order[0] = order[last];
        order[last] = first;
        sink(order, names, 0, last);
    }
}

static tw_status read_header(reader *r, tw_error *err)
{
    tw_status rc;
    bool more;
    int n = tw_report__csv_count(&r->csv);

    if (n < FIXED + 2)
        return tw_fail(err, TW_EFILE, "%s: the first line has no two classes", r->csv.path);
    r->n_classes = n - FIXED;
    r->fields = tw_calloc((size_t)n, sizeof *r->fields);
    r->classes = tw_calloc((size_t)r->n_classes, sizeof *r->classes);
    r->by_name = tw_calloc((size_t)r->n_classes, sizeof *r->by_name);
    if (!r->fields || !r->classes || !r->by_name)
        return fail_memory(r, err);
    if ((rc = tw_report__csv_row(r->fields, n, &r->csv, &more, err)))
        return rc;
    for (int i = 0; i < FIXED; i++)
        if (!tw_report__span_is(&r->fields[i], fixed_names[i]))
            return tw_fail(err, TW_EFILE, "%s: column %d is not %s", r->csv.path, i + 1,
                           fixed_names[i]);
    if ((rc = read_classes(r, err)))
        return rc;
    sort_names(r->by_name, r->classes, r->n_classes);
    return tw_evaluation_create(&r->out->evaluation, r->classes, r->n_classes, err);
}

/* ---- rows */

static int find_class(const reader *r, const tw_span *span)
{
    int low = 0, high = r->n_classes;

    while (low < high) {
        int middle = (low + high) / 2;
        int order = tw_report__span_compare(span, r->classes[r->by_name[middle]]);

        if (order == 0)
            return r->by_name[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

static tw_status read_class(int *out, const reader *r, int column, tw_error *err)
{
    const tw_span *span = &r->fields[column];

    if ((*out = find_class(r, span)) >= 0)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: line %lld: %s %.*s is no class of the first line",
                   r->csv.path, (long long)r->csv.line, fixed_names[column],
                   (int)(span->n < 200 ? span->n : 200), span->at);
}

static tw_status read_probability(double *out, const reader *r, int class_index, tw_error *err)
{
    const tw_span *span = &r->fields[FIXED + class_index];

    if (tw_report__span_f64(out, span) && *out >= 0.0 && *out <= 1.0)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: line %lld: p_%s is not a probability", r->csv.path,
                   (long long)r->csv.line, r->classes[class_index]);
}

static tw_status keep_row(reader *r, const tw_row *row, tw_error *err)
{
    tw_answers *out = r->out;
    int64_t n = out->evaluation.n++;

    if (n == r->capacity) {
        int64_t capacity = n ? 2 * n : 256;
        tw_row *rows = tw_realloc(out->rows, (size_t)capacity * sizeof *rows);

        if (!rows)
            return fail_memory(r, err);
        out->rows = rows;
        r->capacity = capacity;
    }
    out->rows[n] = *row;
    out->n_mistakes += row->label != row->predicted;
    tw_evaluation_count(&out->evaluation, row->label, row->predicted,
                        (double)(float)row->p_predicted);
    return TW_OK;
}

static tw_status read_rows(reader *r, tw_error *err)
{
    tw_status rc;
    bool more;

    for (;;) {
        tw_row row = {.at = (size_t)(r->csv.at - (const char *)r->map.data)};

        if ((rc = tw_report__csv_row(r->fields, FIXED + r->n_classes, &r->csv, &more, err)) ||
            !more)
            return rc;
        if ((rc = read_class(&row.label, r, 1, err)) ||
            (rc = read_class(&row.predicted, r, 2, err)) ||
            (rc = read_probability(&row.p_label, r, row.label, err)) ||
            (rc = read_probability(&row.p_predicted, r, row.predicted, err)))
            return rc;
        if (!tw_report__span_is(&r->fields[3], row.label == row.predicted ? "1" : "0"))
            return tw_fail(err, TW_EFILE, "%s: line %lld: correct does not fit label and predicted",
                           r->csv.path, (long long)r->csv.line);
        if ((rc = keep_row(r, &row, err)))
            return rc;
    }
}

double tw_report__row_loss(const tw_row *row)
{
    return -log(row->p_label > (double)FLT_MIN ? row->p_label : (double)FLT_MIN);
}

static double mean_loss(const tw_answers *answers)
{
    double sum = 0.0;

    for (int64_t i = 0; i < answers->evaluation.n; i++)
        sum += tw_report__row_loss(&answers->rows[i]);
    return answers->evaluation.n > 0 ? sum / (double)answers->evaluation.n : (double)NAN;
}

/* ---- what the page shows */

static tw_status show_row(tw_shown *list, int *n, const reader *r, const tw_row *row, tw_error *err)
{
    tw_status rc;
    const char *text = (const char *)r->map.data;
    tw_csv csv = tw_report__csv_open(text + row->at, r->map.size - row->at, r->csv.path);
    bool more;

    if ((rc = tw_report__csv_row(r->fields, FIXED + r->n_classes, &csv, &more, err)))
        return rc;
    if (!(list[*n].name = tw_report__span_copy(&r->fields[0])))
        return fail_memory(r, err);
    list[*n].row = *row;
    (*n)++;
    return TW_OK;
}

/* Less probability on the truth, then more on the mistake. */
static bool is_worse(const tw_row *a, const tw_row *b)
{
    return a->p_label != b->p_label ? a->p_label < b->p_label : a->p_predicted > b->p_predicted;
}

static tw_status pick_mistakes(const reader *r, tw_error *err)
{
    tw_status rc = TW_OK;
    tw_answers *out = r->out;
    const tw_row *worst[TW_REPORT_MISTAKES + 1];
    int n = 0;

    for (int64_t i = 0; i < out->evaluation.n; i++) {
        const tw_row *row = &out->rows[i];
        int k = n;

        if (row->label == row->predicted)
            continue;
        for (; k > 0 && is_worse(row, worst[k - 1]); k--)
            worst[k] = worst[k - 1];
        worst[k] = row;
        n += n < TW_REPORT_MISTAKES;
    }
    if (!(out->mistakes = tw_calloc((size_t)n, sizeof *out->mistakes)))
        return fail_memory(r, err);
    for (int k = 0; k < n && !rc; k++)
        rc = show_row(out->mistakes, &out->n_shown_mistakes, r, worst[k], err);
    return rc;
}

/* The rank-th row of a class. */
static const tw_row *row_of_class(const tw_answers *answers, int class_index, int64_t rank)
{
    for (int64_t i = 0; i < answers->evaluation.n; i++)
        if (answers->rows[i].label == class_index && rank-- == 0)
            return &answers->rows[i];
    return NULL;
}

static tw_status pick_samples(const reader *r, tw_error *err)
{
    enum { MOST_EACH = 8 };
    tw_status rc;
    tw_answers *out = r->out;
    int n_shown = r->n_classes < TW_REPORT_SAMPLES ? r->n_classes : TW_REPORT_SAMPLES;
    int each = TW_REPORT_SAMPLES / n_shown < MOST_EACH ? TW_REPORT_SAMPLES / n_shown : MOST_EACH;

    if (!(out->samples = tw_calloc(TW_REPORT_SAMPLES, sizeof *out->samples)))
        return fail_memory(r, err);
    for (int k = 0; k < n_shown; k++) {
        int class_index = (int)((int64_t)k * r->n_classes / n_shown);
        int64_t support = out->evaluation.classes[class_index].support;

        for (int64_t j = 0; j < each && j < support; j++) {
            int64_t rank = support < each ? j : support * (2 * j + 1) / (2 * each);

            if ((rc = show_row(out->samples, &out->n_samples, r,
                               row_of_class(out, class_index, rank), err)))
                return rc;
        }
    }
    return TW_OK;
}

static tw_status pick_pairs(const reader *r, tw_error *err)
{
    tw_answers *out = r->out;
    int n_classes = r->n_classes, n = 0;

    if (!(out->pairs = tw_calloc(TW_REPORT_PAIRS + 1, sizeof *out->pairs)))
        return fail_memory(r, err);
    for (int i = 0; i < n_classes; i++) {
        for (int j = 0; j < n_classes; j++) {
            int64_t count = out->evaluation.confusion[(int64_t)i * n_classes + j];
            int k = n;

            if (i == j || count == 0)
                continue;
            for (; k > 0 && count > out->pairs[k - 1].n; k--)
                out->pairs[k] = out->pairs[k - 1];
            out->pairs[k] = (tw_pair){i, j, count};
            n += n < TW_REPORT_PAIRS;
        }
    }
    out->n_pairs = n;
    return TW_OK;
}

int tw_report__taken_for(const tw_evaluation *evaluation, int c)
{
    const int64_t *row = evaluation->confusion + (int64_t)c * evaluation->n_classes;
    int most = -1;

    for (int j = 0; j < evaluation->n_classes; j++)
        if (j != c && row[j] > 0 && (most < 0 || row[j] > row[most]))
            most = j;
    return most;
}

double tw_report__pair_share(const tw_answers *answers, const tw_pair *pair)
{
    return (double)pair->n / (double)answers->evaluation.classes[pair->label].support;
}

/* ---- the whole */

static void reader_free(reader *r)
{
    for (int i = 0; r->classes && i < r->n_classes; i++)
        tw_free(r->classes[i]);
    tw_free(r->classes);
    tw_free(r->by_name);
    tw_free(r->fields);
    tw_map_close(&r->map);
}

tw_status tw_report__answers_read(tw_answers *out, const char *path, tw_error *err)
{
    tw_status rc;
    reader r = {.out = out};

    memset(out, 0, sizeof *out);
    if ((rc = tw_map_open(&r.map, path, err)))
        return rc;
    r.csv = tw_report__csv_open((const char *)r.map.data, r.map.size, path);
    if ((rc = read_header(&r, err)) || (rc = read_rows(&r, err)))
        goto done;
    tw_evaluation_finish(&out->evaluation);
    out->evaluation.loss = mean_loss(out);
    if ((rc = tw_evaluation_bootstrap(&out->evaluation, TW_BOOTSTRAP_SEED, err)) ||
        (rc = pick_mistakes(&r, err)) || (rc = pick_samples(&r, err)))
        goto done;
    rc = pick_pairs(&r, err);
done:
    reader_free(&r);
    if (rc)
        tw_report__answers_free(out);
    return rc;
}

static void shown_free(tw_shown *list, int n)
{
    for (int i = 0; list && i < n; i++) {
        tw_free(list[i].name);
        tw_free(list[i].png);
    }
    tw_free(list);
}

void tw_report__answers_free(tw_answers *answers)
{
    shown_free(answers->samples, answers->n_samples);
    shown_free(answers->mistakes, answers->n_shown_mistakes);
    tw_free(answers->rows);
    tw_free(answers->pairs);
    tw_evaluation_free(&answers->evaluation);
    memset(answers, 0, sizeof *answers);
}
