/*
 * Reading RUN/split.csv back: the pictures that a run was trained or validated on, as a dataset.
 * Its lines are in the order of the data's training part, so line i is sample i; every name and
 * label is compared, and other data is refused.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/dataset.h"
#include "eval/predictions.h"

#include <tw/train.h>

#include <string.h>

enum { MAX_CSV_BYTES = 1 << 30 };

/* What the lines are compared with, and which samples are taken. */
typedef struct matcher {
    const tw_dataset *data;
    const char *path, *part; /* of split.csv; "train" or "val" */
    int64_t *taken;
    int64_t n_taken, n_lines;
} matcher;

/* "name,label," of sample i, as split.csv has it. */
static void expected_prefix(tw_text *text, const tw_dataset *data, int64_t i)
{
    char buf[32];

    tw_csv_add(text, tw_dataset_name(data, i, buf, sizeof buf));
    tw_text_add(text, ",");
    tw_csv_add(text, tw_dataset_class_name(data, tw_dataset_label(data, i)));
    tw_text_add(text, ",");
}

/* One line of n letters. */
static tw_status match_line(matcher *m, const char *line, size_t n, tw_error *err)
{
    tw_status rc = TW_OK;
    tw_text prefix = {0};
    int64_t i = m->n_lines++;

    if (i >= tw_dataset_count(m->data))
        return tw_fail(err, TW_EFILE, "%s: more pictures than the %lld of the data", m->path,
                       (long long)tw_dataset_count(m->data));
    expected_prefix(&prefix, m->data, i);
    if (prefix.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to read %s", m->path);
    else if (n <= prefix.n || memcmp(line, prefix.text, prefix.n) != 0)
        rc = tw_fail(err, TW_EFILE, "%s: line %lld is not %.*s of the data: not the run's own data",
                     m->path, (long long)i + 2, (int)prefix.n - 1, prefix.text);
    else if (n - prefix.n == strlen(m->part) && memcmp(line + prefix.n, m->part, n - prefix.n) == 0)
        m->taken[m->n_taken++] = i;
    tw_text_free(&prefix);
    return rc;
}

static tw_status match_lines(matcher *m, const char *text, tw_error *err)
{
    static const char header[] = "name,label,split\n";
    tw_status rc = TW_OK;

    if (strncmp(text, header, strlen(header)) != 0)
        return tw_fail(err, TW_EFILE, "%s: does not begin with name,label,split", m->path);
    for (text += strlen(header); *text && rc == TW_OK;) {
        size_t n = strcspn(text, "\n");
        rc = match_line(m, text, n, err);
        text += n + (text[n] == '\n');
    }
    if (rc == TW_OK && m->n_taken == 0)
        rc = tw_fail(err, TW_EFILE, "%s: no picture is marked %s", m->path, m->part);
    return rc;
}

tw_status tw_run_open_part(tw_dataset **out, const char *run, const char *path, tw_part part,
                           tw_error *err)
{
    tw_status rc;
    tw_dataset *data = NULL;
    char *csv = NULL, *text = NULL;
    size_t n;
    matcher m = {.part = tw_part_name(part)};

    *out = NULL;
    if (part != TW_PART_TRAIN && part != TW_PART_VAL)
        return tw_fail(err, TW_EUSAGE, "a run's split has train and val, not %s", m.part);
    if (!(csv = tw_path_join(run, "split.csv")))
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s/split.csv", run);
    if ((rc = tw_file_read(&text, &n, csv, MAX_CSV_BYTES, err)) ||
        (rc = tw_dataset_open(&data, path, TW_PART_TRAIN, 0, err)))
        goto done;
    m.path = csv;
    m.data = data;
    if (!(m.taken = tw_malloc((size_t)tw_dataset_count(data) * sizeof *m.taken))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to read %s", csv);
        goto done;
    }
    if ((rc = match_lines(&m, text, err)))
        goto done;
    rc = tw_dataset_take_subset(out, data, m.taken, m.n_taken, err);
    data = NULL; /* ownership moved */
done:
    tw_free(m.taken);
    tw_free(text);
    tw_free(csv);
    tw_dataset_free(data);
    return rc;
}
