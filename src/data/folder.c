/*
 * Data that are picture files: a folder of class folders, with train/, val/ and test/ above them or
 * not, and loose files for prediction.
 *
 * A class is a folder; classes stand in byte order of their names, pictures in byte order inside
 * their class. A picture is a file called .jpg, .png, .webp, .bmp, .ppm and the like in any letter
 * case; files of other names are counted and said. Names that begin with a dot do not exist, nor do
 * the folders that other systems leave behind (__MACOSX, @eaDir). Parts must have the same classes,
 * and each class a picture, unless what is wrong is to be found out. Only names are held; files are
 * opened one at a time when they are read.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "image/image.h"

#include <string.h>

enum { N_PARTS = TW_PART_ALL, FILE_MAX = 256 << 20 };

typedef struct folder {
    const char *what; /* "class folders" */
    char *root;       /* DATA, NULL when names are paths */
    char **names;     /* (n), relative to root */
    int64_t n, capacity;
    int64_t n_others; /* files in class folders that are no pictures */
    int64_t n_loose;  /* pictures beside class folders */
    int64_t n_bad;    /* pictures that cannot be read, left out */
    bool *lacks;      /* (classes) of a part opened leniently; else NULL */
} folder;

/* Names inside one folder, owned. */
typedef struct name_list {
    char **names;
    size_t n;
} name_list;

static void free_list(name_list *list)
{
    tw_folder_list_free(list->names, list->n);
    *list = (name_list){0};
}

/* What a person did not make. */
static bool is_hidden(const char *name)
{
    return name[0] == '.' || strcmp(name, "__MACOSX") == 0 || strcmp(name, "@eaDir") == 0;
}

static tw_status join(char **out, const char *a, const char *b, tw_error *err)
{
    *out = tw_path_join(a, b);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the name %s/%s", a, b);
}

/* ---- classes */

/* The folders inside path, hidden ones left out. Caller frees with free_list. */
static tw_status list_classes(name_list *out, const char *path, tw_error *err)
{
    tw_status rc = tw_folder_list(&out->names, &out->n, path, err);
    size_t kept = 0;

    for (size_t i = 0; !rc && i < out->n; i++) {
        char *name = out->names[i];
        char *full;

        if ((rc = join(&full, path, name, err)))
            break;
        if (!is_hidden(name) && tw_path_is_folder(full)) {
            out->names[i] = out->names[kept]; /* swapped, so that the list stays whole */
            out->names[kept++] = name;
        }
        tw_free(full);
    }
    if (rc) {
        free_list(out);
        return rc;
    }
    while (out->n > kept)
        tw_free(out->names[--out->n]);
    return TW_OK;
}

static bool same_names(const name_list *a, const name_list *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++)
        if (strcmp(a->names[i], b->names[i]) != 0)
            return false;
    return true;
}

/* ---- parts */

/* Which of train/, val/, test/ are there; none of them when no one has folders inside: then they
 * are classes like any other. */
static tw_status find_parts(bool have[N_PARTS], const char *path, tw_error *err)
{
    bool layout = false;

    for (int p = 0; p < N_PARTS; p++) {
        name_list classes = {0};
        char *full;
        tw_status rc = join(&full, path, tw_part_name((tw_part)p), err);

        if (rc)
            return rc;
        have[p] = tw_path_is_folder(full);
        if (have[p])
            rc = list_classes(&classes, full, err);
        layout = layout || classes.n > 0;
        free_list(&classes);
        tw_free(full);
        if (rc)
            return rc;
    }
    for (int p = 0; p < N_PARTS; p++)
        have[p] = have[p] && layout;
    return TW_OK;
}

static bool any_part(const bool have[N_PARTS])
{
    return have[TW_PART_TRAIN] || have[TW_PART_VAL] || have[TW_PART_TEST];
}

static tw_status has_part(bool *out, const char *path, tw_part part, tw_error *err)
{
    bool have[N_PARTS];
    const tw_status rc = find_parts(have, path, err);

    if (!rc)
        *out = have[part] || (part == TW_PART_TRAIN && !any_part(have));
    return rc;
}

static tw_status fail_classes_differ(const char *path, const char *a_name, const name_list *a,
                                     const char *b_name, const name_list *b, tw_error *err)
{
    char a_text[300], b_text[300];

    return tw_fail(err, TW_EFILE, "%s: %s has classes %s; %s has %s", path, a_name,
                   tw_data__join_names(a_text, sizeof a_text, a->names, a->n), b_name,
                   tw_data__join_names(b_text, sizeof b_text, b->names, b->n));
}

/* Moves the names of b that a lacks into a; both are in byte order. */
static tw_status unite(name_list *a, name_list *b, tw_error *err)
{
    name_list both = {tw_malloc((a->n + b->n + 1) * sizeof *both.names), 0};
    size_t i = 0, k = 0;

    if (!both.names)
        return tw_fail(err, TW_ENOMEM, "no memory for %zu classes", a->n + b->n);
    while (i < a->n || k < b->n) {
        const int order = i == a->n ? 1 : (k == b->n ? -1 : strcmp(a->names[i], b->names[k]));

        if (order == 0)
            tw_free(b->names[k++]);
        both.names[both.n++] = order <= 0 ? a->names[i++] : b->names[k++];
    }
    tw_free(a->names);
    tw_free(b->names);
    *a = both;
    *b = (name_list){0};
    return TW_OK;
}

/* The classes, which all parts must agree on; with `any` those that one of them has. Caller frees
 * with free_list. */
static tw_status agree_on_classes(name_list *out, const char *path, const bool have[N_PARTS],
                                  bool any, tw_error *err)
{
    const char *first = NULL;

    if (!any_part(have))
        return list_classes(out, path, err);
    for (int p = 0; p < N_PARTS; p++) {
        const char *name = tw_part_name((tw_part)p);
        name_list classes = {0};
        char *full;
        tw_status rc;

        if (!have[p])
            continue;
        if ((rc = join(&full, path, name, err)))
            return rc;
        rc = list_classes(&classes, full, err);
        tw_free(full);
        if (rc)
            return rc;
        if (!first) {
            *out = classes;
            first = name;
            continue;
        }
        if (any)
            rc = unite(out, &classes, err);
        else if (!same_names(out, &classes))
            rc = fail_classes_differ(path, first, out, name, &classes, err);
        free_list(&classes);
        if (rc)
            return rc;
    }
    return TW_OK;
}

/* ---- files */

static tw_status add_name(folder *own, const char *prefix, const char *name, tw_error *err)
{
    if (own->n == own->capacity) {
        const int64_t capacity = own->capacity ? own->capacity * 2 : 64;
        char **names = tw_realloc(own->names, (size_t)capacity * sizeof *names);

        if (!names)
            return tw_fail(err, TW_ENOMEM, "no memory for %lld names", (long long)capacity);
        own->names = names;
        own->capacity = capacity;
    }
    own->names[own->n] = *prefix ? tw_path_join(prefix, name) : tw_strdup(name);
    if (!own->names[own->n])
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s", name);
    own->n++;
    return TW_OK;
}

/* Adds the pictures of folder `path` under the names prefix/FILE; there must be one, unless what is
 * lacking is noted. */
static tw_status add_pictures(folder *own, const char *path, const char *prefix, tw_error *err)
{
    const int64_t before = own->n;
    name_list files = {0};
    tw_status rc = tw_folder_list(&files.names, &files.n, path, err);

    for (size_t i = 0; !rc && i < files.n; i++) {
        if (is_hidden(files.names[i]))
            continue;
        if (tw_picture_has_name(NULL, files.names[i]))
            rc = add_name(own, prefix, files.names[i], err);
        else
            own->n_others++;
    }
    if (!rc && own->n == before && !own->lacks)
        rc = tw_fail(err, TW_EFILE, "%s: no .jpg, .png, .webp, .bmp or .ppm file in this folder",
                     path);
    free_list(&files);
    return rc;
}

/* Counts pictures that lie beside the class folders of a part. */
static tw_status count_loose(folder *own, const char *part, tw_error *err)
{
    name_list files = {0};
    char *full;
    tw_status rc = join(&full, own->root, part, err);

    if (rc)
        return rc;
    rc = tw_folder_list(&files.names, &files.n, full, err);
    for (size_t i = 0; i < files.n; i++)
        own->n_loose += !is_hidden(files.names[i]) && tw_picture_has_name(NULL, files.names[i]);
    free_list(&files);
    tw_free(full);
    return rc;
}

/* Adds all classes of one part ("" for the folder itself); ends[k] gets own->n after class k. */
static tw_status add_part(folder *own, int64_t *ends, const char *part, const name_list *classes,
                          tw_error *err)
{
    for (size_t k = 0; k < classes->n; k++) {
        char *prefix = NULL, *full = NULL;
        tw_status rc = TW_OK;

        if (*part && (rc = join(&prefix, part, classes->names[k], err)))
            return rc;
        if (!(rc = join(&full, own->root, prefix ? prefix : classes->names[k], err)) &&
            (!own->lacks || !(own->lacks[k] = !tw_path_is_folder(full))))
            rc = add_pictures(own, full, prefix ? prefix : classes->names[k], err);
        tw_free(prefix);
        tw_free(full);
        if (rc)
            return rc;
        ends[k] = own->n;
    }
    return count_loose(own, part, err);
}

static tw_status add_parts(folder *own, int64_t *ends, const name_list *classes, tw_part part,
                           const bool have[N_PARTS], tw_error *err)
{
    tw_status rc;

    if (!any_part(have))
        return add_part(own, ends, "", classes, err);
    for (int p = 0; p < N_PARTS; p++) {
        if (!have[p] || (part != TW_PART_ALL && part != (tw_part)p))
            continue;
        if ((rc = add_part(own, ends, tw_part_name((tw_part)p), classes, err)))
            return rc;
        ends += classes->n;
    }
    return TW_OK;
}

/* ---- opening */

static tw_status recognise(bool *out, const char *path, tw_error *err)
{
    (void)err;
    *out = tw_path_is_folder(path);
    return TW_OK;
}

/* Labels from where each class ends, part after part; -1 when n_classes is 0. */
static tw_status set_labels(tw_dataset *dataset, const int64_t *ends, int n_classes, int64_t limit,
                            tw_error *err)
{
    const folder *own = dataset->own;
    int64_t run = 0;

    dataset->count = limit > 0 && limit < own->n ? limit : own->n;
    if (!(dataset->labels = tw_calloc((size_t)dataset->count + 1, sizeof *dataset->labels)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)dataset->count);
    for (int64_t i = 0; i < dataset->count; i++) {
        while (n_classes > 0 && i >= ends[run])
            run++;
        dataset->labels[i] = n_classes > 0 ? (int)(run % n_classes) : -1;
    }
    return TW_OK;
}

static void add_left_out(tw_text *text, int64_t n, const char *what, const char *where)
{
    char count[32];

    if (n > 0)
        tw_text_add(text, "; %s %s%s%s left out", tw_count_text(count, sizeof count, n), what,
                    n == 1 ? "" : "s", where);
}

static tw_status describe(tw_dataset *dataset, tw_error *err)
{
    const folder *own = dataset->own;
    char names[400], count[80];
    tw_text text = {0};

    tw_text_add(&text, "%s, %s", own->what,
                tw_data__count_text(count, sizeof count, dataset->count, own->n));
    if (dataset->n_classes > 0) {
        tw_data__join_names(names, sizeof names, dataset->classes, (size_t)dataset->n_classes);
        tw_text_add(&text, ", %d class%s (%s)", dataset->n_classes,
                    dataset->n_classes == 1 ? "" : "es", names);
        tw_data__name_empty_classes(&text, dataset);
    }
    add_left_out(&text, own->n_others, "other file", "");
    add_left_out(&text, own->n_loose, "picture", " beside the class folders");
    add_left_out(&text, own->n_bad, "unreadable picture", "");
    dataset->about = text.text;
    return text.failed ? tw_fail(err, TW_ENOMEM, "no memory to describe the data") : TW_OK;
}

static tw_status create_own(folder **out, tw_dataset *dataset, const char *root, const char *what,
                            tw_error *err)
{
    folder *own = dataset->own = tw_calloc(1, sizeof *own);

    dataset->kind = &tw_data__folder;
    dataset->colour = TW_COLOUR_RGB;
    if (!own || (root && !(own->root = tw_strdup(root))))
        return tw_fail(err, TW_ENOMEM, "no memory to open a folder of pictures");
    own->what = what;
    *out = own;
    return TW_OK;
}

/* Says how the pictures are to lie, both ways. */
static tw_status fail_layout(const char *path, tw_error *err)
{
    size_t n = strlen(path);

    while (n > 1 && path[n - 1] == '/')
        n--;
    return tw_fail(err, TW_EFILE,
                   "%s: no class folders and no IDX files (train-images-idx3-ubyte, ...); pictures "
                   "lie in %.*s/CLASS/, or in %.*s/train/CLASS/ and %.*s/val/CLASS/",
                   path, (int)n, path, (int)n, path, (int)n, path);
}

static tw_status open_classes(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err)
{
    folder *own = NULL;
    bool have[N_PARTS];
    name_list classes = {0};
    int64_t *ends = NULL;
    tw_status rc;

    if ((rc = create_own(&own, dataset, wish->path,
                         wish->labels ? "class folders" : "picture files", err)) ||
        (rc = find_parts(have, wish->path, err)) ||
        (rc = agree_on_classes(&classes, wish->path, have, wish->is_lenient, err)))
        goto done;
    if (classes.n == 0 || classes.n > INT32_MAX / N_PARTS) {
        rc = classes.n ? tw_fail(err, TW_EFILE, "%s: too many class folders", wish->path)
                       : fail_layout(wish->path, err);
        goto done;
    }
    if (!(ends = tw_calloc(classes.n * N_PARTS, sizeof *ends)) ||
        (wish->is_lenient && !(own->lacks = tw_calloc(classes.n, sizeof *own->lacks)))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for %zu classes", classes.n);
        goto done;
    }
    if ((rc = add_parts(own, ends, &classes, wish->part, have, err)) ||
        (rc = set_labels(dataset, ends, wish->labels ? (int)classes.n : 0, wish->limit, err)))
        goto done;
    if (wish->labels) {
        dataset->classes = classes.names;
        dataset->n_classes = (int)classes.n;
        classes = (name_list){0}; /* ownership moved to the dataset */
    }
    rc = describe(dataset, err);
done:
    free_list(&classes);
    tw_free(ends);
    return rc;
}

tw_status tw_data__open_files(tw_dataset *dataset, const char *path, bool is_folder, tw_error *err)
{
    folder *own = NULL;
    tw_status rc;

    if ((rc = create_own(&own, dataset, NULL, "picture files", err)) ||
        (rc = is_folder ? add_pictures(own, path, path, err) : add_name(own, "", path, err)) ||
        (rc = set_labels(dataset, NULL, 0, 0, err)))
        return rc;
    return describe(dataset, err);
}

static void close_folder(tw_dataset *dataset)
{
    folder *own = dataset->own;

    for (int64_t i = 0; i < own->n; i++)
        tw_free(own->names[i]);
    tw_free(own->names);
    tw_free(own->lacks);
    tw_free(own->root);
    tw_free(own);
}

/* ---- one picture */

/* The path of sample i. Caller frees. */
static tw_status path_of(char **out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    const folder *own = dataset->own;

    if (own->root && own->names[i][0] != '/')
        return join(out, own->root, own->names[i], err);
    *out = tw_strdup(own->names[i]);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the name %s", own->names[i]);
}

static tw_status read_file(tw_picture *out, const tw_dataset *dataset, int64_t i,
                           const tw_contract *contract, tw_error *err)
{
    char *path;
    tw_status rc = path_of(&path, dataset, i, err);

    if (rc)
        return rc;
    rc = tw_picture_read_for(out, path, contract, err);
    tw_free(path);
    return rc;
}

static tw_status key_file(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    char *path, *bytes;
    size_t n;
    tw_status rc = path_of(&path, dataset, i, err);

    if (rc)
        return rc;
    rc = tw_file_read(&bytes, &n, path, FILE_MAX, err);
    tw_free(path);
    if (rc)
        return rc;
    *out = tw_hash128_of(bytes, n, 0);
    tw_free(bytes);
    return TW_OK;
}

static const char *name_file(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    const folder *own = dataset->own;

    (void)buf;
    (void)buf_size;
    return own->names[i];
}

/* The sentence is made anew: it says how many there are. */
static tw_status leave_out(tw_dataset *dataset, const bool *goes, tw_error *err)
{
    folder *own = dataset->own;
    const int64_t n = dataset->count;
    int64_t kept = 0;

    for (int64_t i = 0; i < own->n; i++) {
        if (i < n && goes[i]) {
            tw_free(own->names[i]);
            own->n_bad++;
            dataset->count--;
            continue;
        }
        if (i < n)
            dataset->labels[kept] = dataset->labels[i];
        own->names[kept++] = own->names[i];
    }
    own->n = kept;
    tw_free(dataset->about);
    dataset->about = NULL;
    return describe(dataset, err);
}

const tw_data__kind tw_data__folder = {recognise, has_part,     open_classes, read_file, key_file,
                                       name_file, close_folder, path_of,      leave_out};

/* ---- for the other files of the room */

tw_status tw_data__begin_files(tw_dataset *dataset, const char *root, const char *what,
                               tw_error *err)
{
    folder *own;

    return create_own(&own, dataset, root, what, err);
}

tw_status tw_data__add_file(tw_dataset *dataset, const char *name, tw_error *err)
{
    return add_name(dataset->own, "", name, err);
}

tw_status tw_data__describe_files(tw_dataset *dataset, tw_error *err)
{
    return describe(dataset, err);
}

bool tw_data__lacks_class(const tw_dataset *dataset, int class_index)
{
    const folder *own = dataset->own;

    return dataset->kind == &tw_data__folder && own->lacks &&
           (class_index >= dataset->n_classes || own->lacks[class_index]);
}

bool tw_data__has_files(const tw_dataset *dataset)
{
    return dataset->kind->file_path != NULL;
}

tw_status tw_data__file_path(char **out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    return dataset->kind->file_path(out, dataset, i, err);
}
