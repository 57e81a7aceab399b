/*
 * Writes predictions.csv, a line at a time, through the atomic writer. Probabilities have nine
 * digits, which is what a float32 needs to be read back as itself. Nothing in the file depends on
 * time, host or folder.
 */
#include "eval/predictions.h"

#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"

#include <string.h>

struct tw_predictions {
    tw_writer *writer;
    char *const *classes;
    int n_classes;
};

void tw_csv_add(tw_text *line, const char *field)
{
    if (!strpbrk(field, ",\"\r\n")) {
        tw_text_add(line, "%s", field);
        return;
    }
    tw_text_add(line, "\"");
    for (const char *p = field; *p; p++)
        tw_text_add(line, *p == '"' ? "\"%c" : "%c", *p);
    tw_text_add(line, "\"");
}

/* Writes the line and frees it. */
static tw_status write_line(tw_predictions *predictions, tw_text *line, tw_error *err)
{
    tw_status rc;

    tw_text_add(line, "\n");
    if (line->failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory for a line of the predictions");
    else
        rc = tw_writer_write(predictions->writer, line->text, line->n, err);
    tw_text_free(line);
    return rc;
}

static tw_status write_header(tw_predictions *predictions, tw_error *err)
{
    tw_text line = {0}, column = {0};

    tw_text_add(&line, "name,label,predicted,correct");
    for (int i = 0; i < predictions->n_classes; i++) {
        tw_text_free(&column);
        memset(&column, 0, sizeof column);
        tw_text_add(&column, "p_%s", predictions->classes[i]);
        line.failed |= column.failed;
        tw_text_add(&line, ",");
        tw_csv_add(&line, column.failed ? "" : column.text);
    }
    tw_text_free(&column);
    return write_line(predictions, &line, err);
}

tw_status tw_predictions_create(tw_predictions **out, const char *path, char *const *classes,
                                int n_classes, tw_error *err)
{
    tw_status rc;
    tw_predictions *predictions;

    *out = NULL;
    if (!(predictions = tw_calloc(1, sizeof *predictions)))
        return tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
    predictions->classes = classes;
    predictions->n_classes = n_classes;

    if ((rc = tw_writer_create(&predictions->writer, path, err)) ||
        (rc = write_header(predictions, err)))
        goto done;
    *out = predictions;
    predictions = NULL;
done:
    tw_predictions_free(predictions);
    return rc;
}

tw_status tw_predictions_add(tw_predictions *predictions, const char *name, int label,
                             int predicted, const float *probabilities, tw_error *err)
{
    tw_text line = {0};

    tw_csv_add(&line, name);
    tw_text_add(&line, ",");
    tw_csv_add(&line, predictions->classes[label]);
    tw_text_add(&line, ",");
    tw_csv_add(&line, predictions->classes[predicted]);
    tw_text_add(&line, ",%d", label == predicted);
    for (int i = 0; i < predictions->n_classes; i++)
        tw_text_add(&line, ",%.9g", (double)probabilities[i]);
    return write_line(predictions, &line, err);
}

tw_status tw_predictions_commit(tw_predictions *predictions, tw_error *err)
{
    return tw_writer_commit(predictions->writer, err);
}

void tw_predictions_free(tw_predictions *predictions)
{
    if (!predictions)
        return;
    tw_writer_free(predictions->writer);
    tw_free(predictions);
}
