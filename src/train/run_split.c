/*
 * Reading RUN/split.csv back: the pictures that a run was trained or validated on, as a dataset.
 * Its lines are in the order of the data's training part, so line i is sample i; every name and
 * label is compared, and other data is refused. Of a run that left pictures out the data may have
 * pictures that the lines lack.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"
#include "data/dataset.h"
#include "eval/predictions.h"

#include "train/train_int.h"

#include <string.h>

enum { MAX_CSV_BYTES = 1 << 30 };

/* What the lines are compared with, and which samples are taken. */
typedef struct matcher {
    const tw_dataset *data;
    const char *path, *part; /* of split.csv; "train" or "val" */
    bool may_lack;           /* pictures that were left out */
    int64_t *taken;
    int64_t n_taken, n_lines, next; /* sample */
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

static tw_status expect(matcher *m, tw_text *prefix, tw_error *err)
{
    tw_text_free(prefix);
    *prefix = (tw_text){0};
    if (m->next >= tw_dataset_count(m->data))
        return tw_fail(err, TW_EFILE, "%s: more pictures than the %lld of the data", m->path,
                       (long long)tw_dataset_count(m->data));
    expected_prefix(prefix, m->data, m->next++);
    return prefix->failed ? tw_fail(err, TW_ENOMEM, "no memory to read %s", m->path) : TW_OK;
}

static bool begins_with(const char *line, size_t n, const tw_text *prefix)
{
    return n > prefix->n && memcmp(line, prefix->text, prefix->n) == 0;
}

/* One line of n letters. */
static tw_status match_line(matcher *m, const char *line, size_t n, tw_error *err)
{
    tw_text prefix = {0};
    tw_status rc = expect(m, &prefix, err);

    m->n_lines++;
    while (!rc && m->may_lack && !begins_with(line, n, &prefix))
        rc = expect(m, &prefix, err);
    if (!rc && !begins_with(line, n, &prefix))
        rc = tw_fail(err, TW_EFILE, "%s: line %lld is not %.*s of the data: not the run's own data",
                     m->path, (long long)m->n_lines + 1, (int)prefix.n - 1, prefix.text);
    else if (!rc && n - prefix.n == strlen(m->part) &&
             memcmp(line + prefix.n, m->part, n - prefix.n) == 0)
        m->taken[m->n_taken++] = m->next - 1;
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

/* Whether the run left out what could not be read. */
static tw_status find_may_lack(bool *out, const char *run, tw_error *err)
{
    tw_config *config = NULL;
    char *path = tw_path_join(run, "config.json");
    tw_status rc = TW_OK;

    *out = false;
    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s/config.json", run);
    if (tw_path_exists(path) && !(rc = tw_config_create(&config, err)) &&
        !(rc = tw_config_read(config, path, err)))
        *out = tw_train__is(config, TW_OPTION_BAD_IMAGES, "skip");
    tw_config_free(config);
    tw_free(path);
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
        (rc = find_may_lack(&m.may_lack, run, err)) ||
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
