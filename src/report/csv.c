/*
 * CSV as topwork writes it (RFC 4180 with plain line ends), read field by field without copying:
 * a file of predictions has a column a class, of which a row's reader wants a few.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

tw_csv tw_report__csv_open(const char *text, size_t n, const char *path)
{
    return (tw_csv){.at = text, .end = text + n, .path = path, .line = 0, .next_line = 1};
}

/* Moves behind the closing quote; false when there is none. */
static bool quoted_field(tw_span *out, tw_csv *csv)
{
    const char *p = csv->at + 1;

    for (; p < csv->end; p++) {
        csv->next_line += *p == '\n';
        if (*p != '"')
            continue;
        if (p + 1 == csv->end || p[1] != '"')
            break;
        p++;
    }
    *out = (tw_span){csv->at + 1, (size_t)(p - csv->at) - 1, true};
    csv->at = p + 1;
    return p < csv->end && (csv->at == csv->end || *csv->at == ',' || *csv->at == '\n');
}

static bool next_field(tw_span *out, tw_csv *csv)
{
    const char *begin = csv->at;

    if (begin < csv->end && *begin == '"')
        return quoted_field(out, csv);
    while (csv->at < csv->end && *csv->at != ',' && *csv->at != '\n')
        csv->at++;
    *out = (tw_span){begin, (size_t)(csv->at - begin), false};
    return true;
}

/* Fields of the row, of which the first n go to `fields`; -1 for a quote that is out of place. */
static int read_row(tw_span *fields, int n, tw_csv *csv)
{
    int count = 0;

    csv->line = csv->next_line;
    for (;;) {
        tw_span span;

        if (!next_field(&span, csv))
            return -1;
        if (count < n)
            fields[count] = span;
        count++;
        if (csv->at == csv->end || *csv->at == '\n')
            break;
        csv->at++;
    }
    if (csv->at < csv->end)
        csv->at++;
    csv->next_line++;
    return count;
}

int tw_report__csv_count(const tw_csv *csv)
{
    tw_csv copy = *csv;

    return read_row(NULL, 0, &copy);
}

tw_status tw_report__csv_row(tw_span *fields, int n, tw_csv *csv, bool *more, tw_error *err)
{
    int count;

    if (!(*more = csv->at < csv->end))
        return TW_OK;
    count = read_row(fields, n, csv);
    if (count == n)
        return TW_OK;
    if (count < 0)
        return tw_fail(err, TW_EFILE, "%s: line %lld: a quote is out of place", csv->path,
                       (long long)csv->line);
    return tw_fail(err, TW_EFILE, "%s: line %lld has %d fields, expected %d", csv->path,
                   (long long)csv->line, count, n);
}

int tw_report__span_compare(const tw_span *span, const char *text)
{
    size_t k = 0;

    for (; k < span->n && *text; k++, text++) {
        if (span->at[k] != *text)
            return (unsigned char)span->at[k] < (unsigned char)*text ? -1 : 1;
        k += span->quoted && *text == '"'; /* it is doubled in the file */
    }
    return k < span->n ? 1 : *text ? -1 : 0;
}

bool tw_report__span_is(const tw_span *span, const char *text)
{
    return tw_report__span_compare(span, text) == 0;
}

char *tw_report__span_copy(const tw_span *span)
{
    char *copy = tw_malloc(span->n + 1);
    size_t n = 0;

    if (!copy)
        return NULL;
    for (size_t i = 0; i < span->n; i++) {
        copy[n++] = span->at[i];
        i += span->quoted && span->at[i] == '"';
    }
    copy[n] = '\0';
    return copy;
}

bool tw_report__span_f64(double *out, const tw_span *span)
{
    char text[64];

    *out = (double)NAN;
    if (span->n == 0)
        return true;
    if (span->n >= sizeof text)
        return false;
    memcpy(text, span->at, span->n);
    text[span->n] = '\0';
    return tw_parse_f64(out, text);
}

int64_t tw_report__count_lines(const char *text)
{
    int64_t n = 1;

    for (; *text; text++)
        n += *text == '\n';
    return n;
}
