/*
 * A manifest: a .csv or .tsv file whose first line names its columns, one picture a line:
 *
 *   path,label,split,group
 *   ants/1.jpg,ants,train,colony 3
 *
 * path (relative to the manifest's folder, or absolute) and label must be there, split (train, val,
 * test) and group may be; other columns are left alone. Fields in quotes as RFC 4180 has them.
 * Without a split all pictures are one part. Classes are all labels of the file, in byte order;
 * pictures stand in the order of the lines. The pictures themselves are folder.c's. On standard
 * input (spool.c) the first line may be missing.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { MAX_BYTES = 1 << 30, MAX_FIELDS = 64, MAX_CLASSES = 1 << 20, N_PARTS = TW_PART_ALL };

/* ---- lines and fields */

typedef struct cursor {
    char *at; /* fields are cut and unquoted in place */
    const char *path;
    int64_t line;
    char comma;
    bool may_begin; /* without the first line */
} cursor;

/* The next field into *out; *last tells whether its line ends behind it. */
static tw_status read_field(char **out, bool *last, cursor *c, tw_error *err)
{
    char *to = c->at, *from = c->at;
    const int64_t line = c->line;

    *out = to;
    if (*from == '"') {
        for (from++; *from && (*from != '"' || from[1] == '"'); from++) {
            from += *from == '"';
            c->line += *from == '\n';
            *to++ = *from;
        }
        if (*from != '"')
            return tw_fail(err, TW_EFILE, "%s: line %lld: a quote is not closed", c->path,
                           (long long)line);
        from++;
    }
    while (*from && *from != c->comma && *from != '\n' && *from != '\r')
        *to++ = *from++;
    *last = *from != c->comma;
    from += *from == '\r' && from[1] == '\n';
    if (*from == '\n' || *from == '\r')
        c->line++;
    c->at = from + (*from != '\0');
    *to = '\0';
    return TW_OK;
}

/* One line's fields, borrowed from the text. */
static tw_status read_line(char *fields[MAX_FIELDS], int *n, cursor *c, tw_error *err)
{
    bool last = false;
    tw_status rc;

    for (*n = 0; !last; ++*n) {
        if (*n == MAX_FIELDS)
            return tw_fail(err, TW_EFILE, "%s: line %lld: more than %d fields", c->path,
                           (long long)c->line, MAX_FIELDS);
        if ((rc = read_field(&fields[*n], &last, c, err)))
            return rc;
    }
    return TW_OK;
}

/* ---- rows */

/* Where the columns stand, -1: not there. */
typedef struct columns {
    int path, label, split, group, n;
} columns;

static int find_column(char **fields, int n, const char *name)
{
    for (int i = 0; i < n; i++)
        if (strcasecmp(fields[i], name) == 0)
            return i;
    return -1;
}

/* Columns in their order, where nothing names them. */
static tw_status count_columns(columns *out, int n, const cursor *c, tw_error *err)
{
    *out = (columns){0, 1, n > 2 ? 2 : -1, n > 3 ? 3 : -1, n};
    if (n >= 2 && n <= 4)
        return TW_OK;
    return tw_fail(err, TW_EFILE,
                   "%s: %d fields in its first line, path, label, split and group can be there",
                   c->path, n);
}

/* *begins: the first line, whose fields these are, is a picture. */
static tw_status read_columns(columns *out, char *fields[MAX_FIELDS], bool *begins, cursor *c,
                              tw_error *err)
{
    int n;
    tw_status rc = read_line(fields, &n, c, err);

    *begins = false;
    if (rc)
        return rc;
    if (c->may_begin && find_column(fields, n, "path") < 0 && find_column(fields, n, "label") < 0) {
        *begins = true;
        return count_columns(out, n, c, err);
    }
    *out = (columns){find_column(fields, n, "path"), find_column(fields, n, "label"),
                     find_column(fields, n, "split"), find_column(fields, n, "group"), n};
    if (out->path < 0 || out->label < 0)
        return tw_fail(err, TW_EFILE, "%s: no column \"%s\" in its first line", c->path,
                       out->path < 0 ? "path" : "label");
    return TW_OK;
}

static tw_status read_split(int *out, const char *text, const cursor *c, int64_t line,
                            tw_error *err)
{
    for (*out = 0; *out < N_PARTS; ++*out)
        if (strcmp(text, tw_part_name((tw_part)*out)) == 0)
            return TW_OK;
    return tw_fail(err, TW_EFILE, "%s: line %lld: split \"%s\", there are train, val, test",
                   c->path, (long long)line, text);
}

static tw_status add_row(tw_data__manifest *out, const columns *k, char **fields, const cursor *c,
                         int64_t line, tw_error *err)
{
    tw_data__row row = {.path = fields[k->path], .label_name = fields[k->label]};
    tw_status rc;

    if (!*row.path || !*row.label_name)
        return tw_fail(err, TW_EFILE, "%s: line %lld: no %s", c->path, (long long)line,
                       *row.path ? "label" : "path");
    if (k->split >= 0 && (rc = read_split(&row.part, fields[k->split], c, line, err)))
        return rc;
    if (k->group >= 0 && *fields[k->group])
        row.group = fields[k->group];
    if (out->n == out->capacity) {
        const int64_t capacity = out->capacity ? 2 * out->capacity : 256;
        tw_data__row *rows = tw_realloc(out->rows, (size_t)capacity * sizeof *rows);

        if (!rows)
            return tw_fail(err, TW_ENOMEM, "no memory for %lld rows of %s", (long long)capacity,
                           c->path);
        out->rows = rows;
        out->capacity = capacity;
    }
    out->rows[out->n++] = row;
    return TW_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Classes from the labels, and each row's number in them. */
static tw_status number_labels(tw_data__manifest *out, const char *path, tw_error *err)
{
    int64_t kept = 0;

    if (!(out->classes = tw_malloc((size_t)out->n * sizeof *out->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for the classes of %s", path);
    for (int64_t i = 0; i < out->n; i++)
        out->classes[i] = out->rows[i].label_name;
    qsort(out->classes, (size_t)out->n, sizeof *out->classes, by_text);
    for (int64_t i = 0; i < out->n; i++)
        if (kept == 0 || strcmp(out->classes[kept - 1], out->classes[i]) != 0)
            out->classes[kept++] = out->classes[i];
    if (kept > MAX_CLASSES)
        return tw_fail(err, TW_EFILE, "%s: %lld different labels, %d classes are the most", path,
                       (long long)kept, MAX_CLASSES);
    out->n_classes = (int)kept;
    for (int64_t i = 0; i < out->n; i++) {
        char **found = bsearch(&out->rows[i].label_name, out->classes, (size_t)kept,
                               sizeof *out->classes, by_text);
        out->rows[i].label = (int)(found - out->classes);
    }
    return TW_OK;
}

static tw_status read_rows(tw_data__manifest *out, cursor *c, tw_error *err)
{
    columns k = {-1, -1, -1, -1, 0};
    char *fields[MAX_FIELDS];
    bool begins;
    tw_status rc = read_columns(&k, fields, &begins, c, err);

    if (!rc && begins)
        rc = add_row(out, &k, fields, c, 1, err);
    while (!rc && *c->at) {
        const int64_t line = c->line;
        int n;

        if ((rc = read_line(fields, &n, c, err)))
            break;
        if (n == 1 && !*fields[0]) /* an empty line */
            continue;
        if (n != k.n)
            return tw_fail(err, TW_EFILE, "%s: line %lld: %d fields, the first line has %d",
                           c->path, (long long)line, n, k.n);
        rc = add_row(out, &k, fields, c, line, err);
    }
    if (!rc && out->n == 0)
        rc = tw_fail(err, TW_EFILE, "%s: no pictures below its first line", c->path);
    out->has_parts = k.split >= 0;
    return rc;
}

/* Takes over text, of n bytes. */
static tw_status parse(tw_data__manifest *out, char *text, size_t n, cursor *c, tw_error *err)
{
    tw_status rc = TW_OK;

    *out = (tw_data__manifest){.text = text};
    if (strlen(text) != n)
        rc = tw_fail(err, TW_EFILE, "%s: a zero byte at %zu, this is no text", c->path,
                     strlen(text));
    c->at = text + (strncmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0);
    if (rc || (rc = read_rows(out, c, err)) || (rc = number_labels(out, c->path, err)))
        tw_data__free_manifest(out);
    return rc;
}

tw_status tw_data__read_manifest(tw_data__manifest *out, const char *path, tw_error *err)
{
    const size_t n_name = strlen(path);
    cursor c = {.path = path,
                .line = 1,
                .comma = n_name > 4 && strcasecmp(path + n_name - 4, ".tsv") == 0 ? '\t' : ','};
    tw_status rc;
    char *text;
    size_t n;

    *out = (tw_data__manifest){0};
    if ((rc = tw_file_read(&text, &n, path, MAX_BYTES, err)))
        return rc;
    return parse(out, text, n, &c, err);
}

tw_status tw_data__parse_manifest(tw_data__manifest *out, char *text, size_t n, const char *name,
                                  tw_error *err)
{
    const char *tab = strchr(text, '\t');
    cursor c = {.path = name,
                .line = 1,
                .comma = tab && tab < text + strcspn(text, "\r\n") ? '\t' : ',',
                .may_begin = true};

    *out = (tw_data__manifest){0};
    if (n > 0)
        return parse(out, text, n, &c, err);
    tw_free(text);
    return tw_fail(err, TW_EFILE, "%s: empty, a manifest is meant", name);
}

/* ---- writing */

void tw_data__add_field(tw_text *text, const char *field, const char *behind)
{
    if (!strpbrk(field, "\",\r\n")) {
        tw_text_add(text, "%s%s", field, behind);
        return;
    }
    tw_text_add(text, "\"");
    for (; *field; field++)
        tw_text_add(text, *field == '"' ? "\"\"" : "%c", *field);
    tw_text_add(text, "\"%s", behind);
}

void tw_data__free_manifest(tw_data__manifest *manifest)
{
    tw_free(manifest->rows);
    tw_free(manifest->classes);
    tw_free(manifest->text);
    *manifest = (tw_data__manifest){0};
}

/* ---- the kind */

static tw_status recognise(bool *out, const char *path, tw_error *err)
{
    const char *dot = strrchr(path, '.');

    (void)err;
    *out = dot && (strcasecmp(dot, ".csv") == 0 || strcasecmp(dot, ".tsv") == 0) &&
           !tw_path_is_folder(path);
    return TW_OK;
}

static tw_status has_part(bool *out, const char *path, tw_part part, tw_error *err)
{
    tw_data__manifest manifest;
    const tw_status rc = tw_data__read_manifest(&manifest, path, err);

    *out = false;
    for (int64_t i = 0; i < manifest.n; i++)
        *out = *out || manifest.rows[i].part == (int)part;
    tw_data__free_manifest(&manifest);
    return rc;
}

/* Adds the pictures of one part (or of ALL, part after part) to the dataset's folder. */
static tw_status add_pictures(tw_dataset *dataset, const tw_data__manifest *manifest,
                              const tw_data__wish *wish, tw_error *err)
{
    int64_t n = 0;
    tw_status rc;

    if (!(dataset->labels = tw_calloc((size_t)manifest->n + 1, sizeof *dataset->labels)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)manifest->n);
    for (int p = 0; p < N_PARTS; p++)
        for (int64_t i = 0; i < manifest->n; i++) {
            const tw_data__row *row = &manifest->rows[i];

            if (row->part != p || (wish->part != TW_PART_ALL && wish->part != (tw_part)p))
                continue;
            if ((rc = tw_data__add_file(dataset, row->path, err)))
                return rc;
            dataset->labels[n++] = wish->labels ? row->label : -1;
        }
    dataset->count = wish->limit > 0 && wish->limit < n ? wish->limit : n;
    return TW_OK;
}

static tw_status fill(tw_dataset *dataset, const tw_data__manifest *manifest,
                      const tw_data__wish *wish, tw_error *err)
{
    const char *slash = strrchr(wish->path, '/');
    char *root = slash ? tw_strdup(wish->path) : NULL;
    tw_status rc;

    if (slash && !root)
        return tw_fail(err, TW_ENOMEM, "no memory to open %s", wish->path);
    if (slash)
        root[slash - wish->path + (slash == wish->path)] = '\0';
    rc = tw_data__begin_files(dataset, root, "manifest", err);
    tw_free(root);
    if (rc || (rc = add_pictures(dataset, manifest, wish, err)) || !wish->labels)
        return rc;
    if (!(dataset->classes = tw_calloc((size_t)manifest->n_classes, sizeof *dataset->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d classes", manifest->n_classes);
    for (; dataset->n_classes < manifest->n_classes; dataset->n_classes++)
        if (!(dataset->classes[dataset->n_classes] =
                  tw_strdup(manifest->classes[dataset->n_classes])))
            return tw_fail(err, TW_ENOMEM, "no memory for %d classes", manifest->n_classes);
    return TW_OK;
}

static tw_status open_manifest(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err)
{
    tw_data__manifest manifest;
    tw_status rc = tw_data__read_manifest(&manifest, wish->path, err);

    if (!rc && !(rc = fill(dataset, &manifest, wish, err)))
        rc = tw_data__describe_files(dataset, err);
    tw_data__free_manifest(&manifest);
    return rc;
}

/* What it opens is a dataset of files: reading, naming and closing are folder.c's. */
const tw_data__kind tw_data__manifest_kind = {
    .recognise = recognise, .has_part = has_part, .open = open_manifest};
