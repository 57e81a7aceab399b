/*
 * Two sets of predictions of the same pictures, told by their names: which became right, which
 * became wrong, and whether chance alone would do that. McNemar's test in its exact form: of the
 * pictures that one run has right and the other wrong, each side is as likely if both are as good.
 */
#include <tw/report.h>

#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED = 4 /* columns before the probabilities */ };

typedef struct row {
    tw_span name, label, predicted;
} row;

/* One predictions.csv; spans point into its map. */
typedef struct table {
    char *path;
    tw_map map;
    row *rows;
    int64_t n, capacity;
    tw_span *fields;
} table;

/* ---- reading */

/* RUN/predictions.csv where path is a folder. */
static tw_status open_table(table *t, const char *path, tw_error *err)
{
    t->path = tw_path_is_folder(path) ? tw_path_join(path, "predictions.csv") : tw_strdup(path);
    if (!t->path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s", path);
    return tw_map_open(&t->map, t->path, err);
}

static tw_status keep_row(table *t, tw_error *err)
{
    if (t->n == t->capacity) {
        int64_t capacity = t->n ? 2 * t->n : 256;
        row *rows = tw_realloc(t->rows, (size_t)capacity * sizeof *rows);

        if (!rows)
            return tw_fail(err, TW_ENOMEM, "no memory to read %s", t->path);
        t->rows = rows;
        t->capacity = capacity;
    }
    t->rows[t->n++] = (row){t->fields[0], t->fields[1], t->fields[2]};
    return TW_OK;
}

static tw_status read_table(table *t, const char *path, tw_error *err)
{
    static const char *const names[FIXED] = {"name", "label", "predicted", "correct"};
    tw_status rc;
    tw_csv csv;
    bool more = false;
    int n_fields;

    if ((rc = open_table(t, path, err)))
        return rc;
    csv = tw_report__csv_open((const char *)t->map.data, t->map.size, t->path);
    if ((n_fields = tw_report__csv_count(&csv)) < FIXED)
        return tw_fail(err, TW_EFILE, "%s: no predictions.csv", t->path);
    if (!(t->fields = tw_calloc((size_t)n_fields, sizeof *t->fields)))
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", t->path);
    if ((rc = tw_report__csv_row(t->fields, n_fields, &csv, &more, err)))
        return rc;
    for (int i = 0; i < FIXED; i++)
        if (!tw_report__span_is(&t->fields[i], names[i]))
            return tw_fail(err, TW_EFILE, "%s: column %d is not %s", t->path, i + 1, names[i]);
    while (!(rc = tw_report__csv_row(t->fields, n_fields, &csv, &more, err)) && more)
        if ((rc = keep_row(t, err)))
            return rc;
    return rc;
}

static void table_free(table *t)
{
    tw_free(t->path);
    tw_free(t->rows);
    tw_free(t->fields);
    tw_map_close(&t->map);
}

/* ---- matching */

static int compare_spans(const tw_span *a, const tw_span *b)
{
    size_t n = a->n < b->n ? a->n : b->n;
    int order = n > 0 ? memcmp(a->at, b->at, n) : 0;

    return order != 0 ? order : a->n < b->n ? -1 : a->n > b->n;
}

static bool is_same(const tw_span *a, const tw_span *b)
{
    return compare_spans(a, b) == 0;
}

static int compare_rows(const void *a, const void *b)
{
    return compare_spans(&((const row *)a)->name, &((const row *)b)->name);
}

static tw_status fail_label(const table *t, const row *before, const row *after, tw_error *err)
{
    return tw_fail(err, TW_EFILE, "%s: %.*s is labelled %.*s, in the other one %.*s", t->path,
                   (int)(before->name.n < 200 ? before->name.n : 200), before->name.at,
                   (int)(before->label.n < 80 ? before->label.n : 80), before->label.at,
                   (int)(after->label.n < 80 ? after->label.n : 80), after->label.at);
}

/* The class of a picture, added where it is new. */
static tw_status find_class(tw_class_change **out, tw_comparison *to, const tw_span *label,
                            tw_error *err)
{
    char *name = tw_report__span_copy(label);
    tw_class_change *classes;

    *out = NULL;
    if (!name)
        return tw_fail(err, TW_ENOMEM, "no memory for a class name");
    for (int i = 0; i < to->n_classes; i++)
        if (strcmp(to->classes[i].name, name) == 0) {
            tw_free(name);
            *out = &to->classes[i];
            return TW_OK;
        }
    classes = tw_realloc(to->classes, (size_t)(to->n_classes + 1) * sizeof *classes);
    if (!classes) {
        tw_free(name);
        return tw_fail(err, TW_ENOMEM, "no memory for a class name");
    }
    to->classes = classes;
    classes[to->n_classes] = (tw_class_change){.name = name};
    *out = &classes[to->n_classes++];
    return TW_OK;
}

static tw_status add_change(tw_comparison *to, const row *before, const row *after, tw_error *err)
{
    tw_change *change;
    tw_change *changes = tw_realloc(to->changes, (size_t)(to->n_changes + 1) * sizeof *changes);

    if (!changes)
        return tw_fail(err, TW_ENOMEM, "no memory for a list of pictures");
    to->changes = changes;
    change = &changes[to->n_changes++];
    *change = (tw_change){.name = tw_report__span_copy(&after->name),
                          .label = tw_report__span_copy(&after->label),
                          .before = tw_report__span_copy(&before->predicted),
                          .after = tw_report__span_copy(&after->predicted),
                          .is_right = is_same(&after->label, &after->predicted)};
    if (change->name && change->label && change->before && change->after)
        return TW_OK;
    return tw_fail(err, TW_ENOMEM, "no memory for a list of pictures");
}

static tw_status take_pair(tw_comparison *to, const row *before, const row *after, tw_error *err)
{
    bool was = is_same(&before->label, &before->predicted);
    bool is = is_same(&after->label, &after->predicted);
    tw_class_change *class;
    tw_status rc = find_class(&class, to, &after->label, err);

    if (rc)
        return rc;
    to->n++;
    to->right_before += was;
    to->right += is;
    to->newly_right += is && !was;
    to->newly_wrong += was && !is;
    class->n++;
    class->right_before += was;
    class->right += is;
    return was == is ? TW_OK : add_change(to, before, after, err);
}

static tw_status match(tw_comparison *to, table *before, const table *after, tw_error *err)
{
    tw_status rc;

    if (before->n > 0)
        qsort(before->rows, (size_t)before->n, sizeof *before->rows, compare_rows);
    for (int64_t i = 0; i < after->n; i++) {
        const row *now = &after->rows[i], *then;

        then = before->n == 0 ? NULL
                              : bsearch(now, before->rows, (size_t)before->n, sizeof *before->rows,
                                        compare_rows);
        if (!then)
            continue;
        if (!is_same(&then->label, &now->label))
            return fail_label(before, then, now, err);
        if ((rc = take_pair(to, then, now, err)))
            return rc;
    }
    to->only_before = before->n - to->n;
    to->only_after = after->n - to->n;
    if (to->n == 0)
        return tw_fail(err, TW_EFILE, "%s: none of its pictures is among those of %s", before->path,
                       after->path);
    return TW_OK;
}

/* ---- the whole */

double tw_mcnemar(int64_t b, int64_t c)
{
    const int64_t n = b + c, least = b < c ? b : c;
    double sum = 0.0;

    for (int64_t i = 0; i <= least; i++)
        sum += exp(lgamma((double)n + 1.0) - lgamma((double)i + 1.0) -
                   lgamma((double)(n - i) + 1.0) - (double)n * log(2.0));
    return 2.0 * sum < 1.0 ? 2.0 * sum : 1.0;
}

tw_status tw_compare(tw_comparison *out, const char *before, const char *after, tw_error *err)
{
    tw_status rc;
    table then = {0}, now = {0};

    *out = (tw_comparison){0};
    if ((rc = read_table(&then, before, err)) || (rc = read_table(&now, after, err)) ||
        (rc = match(out, &then, &now, err)))
        goto done;
    out->p = tw_mcnemar(out->newly_right, out->newly_wrong);
done:
    table_free(&then);
    table_free(&now);
    if (rc)
        tw_comparison_free(out);
    return rc;
}

void tw_comparison_free(tw_comparison *comparison)
{
    for (int64_t i = 0; i < comparison->n_changes; i++) {
        tw_free(comparison->changes[i].name);
        tw_free(comparison->changes[i].label);
        tw_free(comparison->changes[i].before);
        tw_free(comparison->changes[i].after);
    }
    for (int i = 0; i < comparison->n_classes; i++)
        tw_free(comparison->classes[i].name);
    tw_free(comparison->changes);
    tw_free(comparison->classes);
    *comparison = (tw_comparison){0};
}
