/*
 * Data that are files of records: a folder with MNIST's four IDX files, plain or .gz, and an .npz
 * with x_train, y_train, x_test, y_test. They differ in where pictures and labels of a part lie,
 * which is one small table of functions each; all else is shared.
 *
 * Labels are read at opening, those of both parts, because the number of classes comes from all of
 * them. Pictures stay in their files, those of a gzip file that is remembered even compressed. Of a
 * plain and a .gz file of one name the plain one is read.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "format/arrays.h"
#include "image/image.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { N_PARTS = 2, MAX_LABEL = 65535, MAX_SIDE = 65535, LABEL_PIECE = 4096 };

/* The pictures of one part. */
typedef struct segment {
    tw_data__pictures pictures;
    tw_part part;
    int64_t n_all, n; /* in the file; of the dataset, after --limit */
} segment;

typedef struct records {
    int n_segments;
    segment segments[N_PARTS];
} records;

/* Where pictures and labels of a part lie. */
typedef struct source {
    tw_status (*has)(bool *out, const char *path, tw_part part, bool labels, tw_error *err);
    tw_status (*open)(tw_array_file *out, const char *path, tw_part part, bool labels,
                      tw_error *err);
    const char *family; /* for the sentence about the data, or NULL */
} source;

static const tw_part parts[N_PARTS] = {TW_PART_TRAIN, TW_PART_TEST};

/* ---- where: IDX folders */

/* Finds the IDX file of a part under one of its usual names; *out is NULL when there is none.
 * Caller frees. */
static tw_status find_idx(char **out, const char *path, tw_part part, bool labels, tw_error *err)
{
    static const char *const ends[] = {"", ".gz"};
    static const char *const dots = "-.";

    *out = NULL;
    if (part != TW_PART_TRAIN && part != TW_PART_TEST)
        return TW_OK;
    for (int i = 0; i < 4; i++) {
        char name[64];
        char *full;

        snprintf(name, sizeof name, "%s-%s%c%s-ubyte%s", part == TW_PART_TRAIN ? "train" : "t10k",
                 labels ? "labels" : "images", dots[i / 2], labels ? "idx1" : "idx3", ends[i % 2]);
        if (!(full = tw_path_join(path, name)))
            return tw_fail(err, TW_ENOMEM, "no memory for the name %s", name);
        if (tw_path_exists(full)) {
            *out = full;
            return TW_OK;
        }
        tw_free(full);
    }
    return TW_OK;
}

static tw_status idx_has(bool *out, const char *path, tw_part part, bool labels, tw_error *err)
{
    char *file;
    const tw_status rc = find_idx(&file, path, part, labels, err);

    *out = file != NULL;
    tw_free(file);
    return rc;
}

/* The magic number as the file has it. */
static int idx_magic(const tw_array_file *a)
{
    static const int codes[TW_N_DTYPE] = {
        [TW_U8] = 8, [TW_I8] = 9, [TW_I16] = 11, [TW_I32] = 12, [TW_F32] = 13, [TW_F64] = 14};

    return codes[a->dtype] << 8 | a->shape.rank;
}

static tw_status check_idx(const tw_array_file *a, bool labels, tw_error *err)
{
    if (!labels && (a->dtype != TW_U8 || a->shape.rank != 3))
        return tw_fail(err, TW_EFILE, "%s: magic %d, expected 2051 (pictures)", a->name,
                       idx_magic(a));
    if (labels && (a->shape.rank != 1 || a->dtype == TW_F32 || a->dtype == TW_F64))
        return tw_fail(err, TW_EFILE, "%s: magic %d, expected 2049 (labels)", a->name,
                       idx_magic(a));
    return TW_OK;
}

static tw_status idx_open(tw_array_file *out, const char *path, tw_part part, bool labels,
                          tw_error *err)
{
    const char *prefix = part == TW_PART_TRAIN ? "train" : "t10k";
    char *file;
    tw_status rc = find_idx(&file, path, part, labels, err);

    if (rc)
        return rc;
    if (!file)
        return tw_fail(err, TW_EFILE, "%s: %s-%s-ubyte is there, %s-%s-ubyte is missing", path,
                       prefix, labels ? "images-idx3" : "labels-idx1", prefix,
                       labels ? "labels-idx1" : "images-idx3");
    rc = labels ? tw_idx_open(out, file, err) : tw_idx_open_later(out, file, err);
    if (!rc && (rc = check_idx(out, labels, err)))
        tw_array_file_close(out);
    tw_free(file);
    return rc;
}

static const source idx_source = {idx_has, idx_open, "MNIST family"};

static tw_status recognise_idx(bool *out, const char *path, tw_error *err)
{
    *out = false;
    for (int i = 0; i < 2 * N_PARTS && !*out; i++) {
        const tw_status rc = idx_has(out, path, parts[i / 2], i % 2, err);

        if (rc)
            return rc;
    }
    return TW_OK;
}

/* ---- where: npz */

static const char *npz_member(tw_part part, bool labels)
{
    if (part == TW_PART_TRAIN)
        return labels ? "y_train" : "x_train";
    return labels ? "y_test" : "x_test";
}

static tw_status npz_has(bool *out, const char *path, tw_part part, bool labels, tw_error *err)
{
    int has = 0;
    tw_status rc = TW_OK;

    if (part == TW_PART_TRAIN || part == TW_PART_TEST)
        rc = tw_npz_has(&has, path, npz_member(part, labels), err);
    *out = has;
    return rc;
}

static tw_status npz_open(tw_array_file *out, const char *path, tw_part part, bool labels,
                          tw_error *err)
{
    return tw_npz_open(out, path, npz_member(part, labels), err);
}

static const source npz_source = {npz_has, npz_open, NULL};

static tw_status recognise_npz(bool *out, const char *path, tw_error *err)
{
    const char *dot = strrchr(path, '.');
    uint8_t magic[4] = {0};
    tw_file file;
    tw_status rc;

    *out = false;
    if (tw_path_is_folder(path))
        return TW_OK;
    if ((rc = tw_file_open(&file, path, err)))
        return rc;
    if (file.size >= 4)
        rc = tw_file_pread(&file, magic, sizeof magic, 0, err);
    tw_file_close(&file);
    *out = (dot && strcasecmp(dot, ".npz") == 0) || memcmp(magic, "PK\3\4", 4) == 0;
    return rc;
}

/* ---- pictures */

static tw_status check_pictures(segment *s, tw_error *err)
{
    tw_data__pictures *p = &s->pictures;
    const tw_array_file *a = &p->file;
    const tw_shape *shape = &a->shape;
    char text[96];

    if (a->dtype != TW_U8 || (shape->rank != 3 && shape->rank != 4) ||
        (shape->rank == 4 && shape->dims[3] != 1 && shape->dims[3] != 3))
        return tw_fail(err, TW_EFILE,
                       "%s: %s of %s, expected pictures x height x width (x 1 or 3) "
                       "of U8",
                       a->name, tw_shape_text(text, sizeof text, shape), tw_dtype_name(a->dtype));
    if (shape->dims[0] < 1)
        return tw_fail(err, TW_EFILE, "%s: no picture in it", a->name);
    if (shape->dims[1] < 1 || shape->dims[2] < 1 || shape->dims[1] > MAX_SIDE ||
        shape->dims[2] > MAX_SIDE)
        return tw_fail(err, TW_EFILE, "%s: pictures of %lldx%lld, each side must be 1 to %d",
                       a->name, (long long)shape->dims[1], (long long)shape->dims[2],
                       (int)MAX_SIDE);
    p->height = (int)shape->dims[1];
    p->width = (int)shape->dims[2];
    p->channels = shape->rank == 4 ? (int)shape->dims[3] : 1;
    s->n_all = s->n = shape->dims[0];
    return TW_OK;
}

static bool wanted(const tw_data__wish *wish, tw_part part)
{
    return wish->part == part || wish->part == TW_PART_ALL;
}

/* Opens the pictures of the parts asked for. Of "all" only the parts that are there. */
static tw_status open_segments(records *own, const tw_data__wish *wish, const source *where,
                               tw_error *err)
{
    for (int p = 0; p < N_PARTS; p++) {
        segment *s = &own->segments[own->n_segments];
        bool pictures, labels;
        tw_status rc;

        if (!wanted(wish, parts[p]))
            continue;
        if ((rc = where->has(&pictures, wish->path, parts[p], false, err)) ||
            (rc = where->has(&labels, wish->path, parts[p], true, err)))
            return rc;
        if (wish->part == TW_PART_ALL && !pictures && !labels)
            continue;
        if ((rc = where->open(&s->pictures.file, wish->path, parts[p], false, err)))
            return rc;
        s->part = parts[p];
        own->n_segments++;
        if ((rc = check_pictures(s, err)) || (rc = tw_data__take_keys(&s->pictures, err)))
            return rc;
    }
    return own->n_segments > 0 ? TW_OK
                               : tw_fail(err, TW_EFILE, "%s: no pictures in it", wish->path);
}

/* Keeps the first `limit` pictures; returns how many there were. */
static int64_t apply_limit(tw_dataset *dataset, int64_t limit)
{
    records *own = dataset->own;
    int64_t left = limit > 0 ? limit : INT64_MAX, n_all = 0;

    dataset->count = 0;
    for (int k = 0; k < own->n_segments; k++) {
        segment *s = &own->segments[k];

        s->n = s->n_all < left ? s->n_all : left;
        left -= s->n;
        n_all += s->n_all;
        dataset->count += s->n;
    }
    return n_all;
}

/* ---- labels */

/* One integer as the file has it; numbers above INT64_MAX become that. */
static int64_t load_int(const uint8_t *p, const tw_array_file *a)
{
    const size_t n = tw_dtype_size(a->dtype);
    const bool is_signed = a->dtype != TW_U8 && !a->is_unsigned;
    uint64_t value = 0;

    for (size_t k = 0; k < n; k++)
        value = value << 8 | p[a->big_endian ? k : n - 1 - k];
    if (is_signed && n < 8 && value >> (8 * n - 1))
        value -= (uint64_t)1 << (8 * n);
    if (!is_signed && value > INT64_MAX)
        return INT64_MAX;
    return (int64_t)value;
}

static tw_status check_labels(const tw_array_file *a, tw_error *err)
{
    const tw_shape *shape = &a->shape;
    char text[96];

    if (a->dtype == TW_F32 || a->dtype == TW_F64 || a->dtype == TW_F16 || a->dtype == TW_BF16 ||
        !(shape->rank == 1 || (shape->rank == 2 && shape->dims[1] == 1)))
        return tw_fail(err, TW_EFILE, "%s: %s of %s, expected one integer a picture", a->name,
                       tw_shape_text(text, sizeof text, shape), tw_dtype_name(a->dtype));
    return TW_OK;
}

/* Reads all labels, keeps the first n_keep in out and raises *highest to the highest of all. */
static tw_status read_labels(int *out, int64_t n_keep, int *highest, const tw_array_file *a,
                             tw_error *err)
{
    uint8_t piece[LABEL_PIECE * 8];
    const int64_t n = a->shape.dims[0];

    for (int64_t first = 0; first < n; first += LABEL_PIECE) {
        const int64_t m = n - first < LABEL_PIECE ? n - first : LABEL_PIECE;
        const tw_status rc = tw_array_read(a, piece, first, m, err);

        if (rc)
            return rc;
        for (int64_t i = 0; i < m; i++) {
            const int64_t label = load_int(piece + i * a->record_bytes, a);

            if (label < 0 || label > MAX_LABEL)
                return tw_fail(err, TW_EFILE, "%s: label %lld of record %lld, 0 to %d are read",
                               a->name, (long long)label, (long long)(first + i), (int)MAX_LABEL);
            if (first + i < n_keep)
                out[first + i] = (int)label;
            *highest = label > *highest ? (int)label : *highest;
        }
    }
    return TW_OK;
}

/* Labels of one part, which need not be one of the dataset: s is NULL then. */
static tw_status take_labels(int *out, const segment *s, int *highest, const tw_array_file *a,
                             tw_error *err)
{
    tw_status rc = check_labels(a, err);

    if (rc)
        return rc;
    if (s && s->n_all != a->shape.dims[0])
        return tw_fail(err, TW_EFILE, "%s has %lld pictures, %s has %lld labels",
                       s->pictures.file.name, (long long)s->n_all, a->name,
                       (long long)a->shape.dims[0]);
    return read_labels(out, s ? s->n : 0, highest, a, err);
}

static const segment *find_segment(const records *own, tw_part part)
{
    for (int k = 0; k < own->n_segments; k++)
        if (own->segments[k].part == part)
            return &own->segments[k];
    return NULL;
}

static tw_status load_labels(tw_dataset *dataset, int *highest, const char *path,
                             const source *where, tw_error *err)
{
    const records *own = dataset->own;
    int64_t first = 0;

    *highest = 0;
    for (int p = 0; p < N_PARTS; p++) {
        const segment *s = find_segment(own, parts[p]);
        tw_array_file labels;
        bool has;
        tw_status rc;

        if ((rc = where->has(&has, path, parts[p], true, err)))
            return rc;
        if (!has && !s)
            continue;
        if ((rc = where->open(&labels, path, parts[p], true, err)))
            return rc;
        rc = take_labels(dataset->labels + first, s, highest, &labels, err);
        tw_array_file_close(&labels);
        if (rc)
            return rc;
        first += s ? s->n : 0;
    }
    return TW_OK;
}

/* names as in tw_data__wish. */
static tw_status name_classes(tw_dataset *dataset, int n, const char *const *names, tw_error *err)
{
    if (!(dataset->classes = tw_calloc((size_t)n, sizeof *dataset->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    for (dataset->n_classes = 0; dataset->n_classes < n; dataset->n_classes++) {
        char number[16];
        const char *name = names && *names ? *names++ : number;

        snprintf(number, sizeof number, "%d", dataset->n_classes);
        if (!(dataset->classes[dataset->n_classes] = tw_strdup(name)))
            return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    }
    return TW_OK;
}

/* ---- opening */

/* family may be NULL; n_all is the number of pictures before the limit. */
static tw_status describe(tw_dataset *dataset, const char *family, int64_t n_all, tw_error *err)
{
    const records *own = dataset->own;
    const segment *s = &own->segments[0];
    const segment *last = &own->segments[own->n_segments - 1];
    char count[80];
    tw_text text = {0};

    tw_text_add(&text, family ? "%s (%s), %s" : "%s%s, %s", family ? family : "",
                s->pictures.file.format,
                tw_data__count_text(count, sizeof count, dataset->count, n_all));
    if (s->pictures.height == last->pictures.height && s->pictures.width == last->pictures.width)
        tw_text_add(&text, " %dx%d", s->pictures.height, s->pictures.width);
    tw_text_add(&text, "%s", dataset->colour == TW_COLOUR_GREY ? " grey" : " colour");
    if (dataset->n_classes > 0) {
        tw_text_add(&text, ", %d class%s", dataset->n_classes, dataset->n_classes == 1 ? "" : "es");
        tw_data__name_empty_classes(&text, dataset);
    }
    dataset->about = text.text;
    return text.failed ? tw_fail(err, TW_ENOMEM, "no memory to describe the data") : TW_OK;
}

static tw_status alloc_labels(tw_dataset *dataset, tw_error *err)
{
    if (!(dataset->labels = tw_calloc((size_t)dataset->count + 1, sizeof *dataset->labels)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)dataset->count);
    for (int64_t i = 0; i < dataset->count; i++)
        dataset->labels[i] = -1;
    return TW_OK;
}

static tw_status open_records(tw_dataset *dataset, const tw_data__wish *wish, const source *where,
                              tw_error *err)
{
    records *own = tw_calloc(1, sizeof *own);
    int highest;
    int64_t n_all;
    tw_status rc;

    if (!(dataset->own = own))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to open it", wish->path);
    if ((rc = open_segments(own, wish, where, err)))
        return rc;
    n_all = apply_limit(dataset, wish->limit);
    if ((rc = alloc_labels(dataset, err)))
        return rc;
    if (wish->labels && ((rc = load_labels(dataset, &highest, wish->path, where, err)) ||
                         (rc = name_classes(dataset, highest + 1, wish->classes, err))))
        return rc;
    dataset->colour = TW_COLOUR_GREY;
    for (int k = 0; k < own->n_segments; k++)
        if (own->segments[k].pictures.channels == 3)
            dataset->colour = TW_COLOUR_RGB;
    return describe(dataset, where->family, n_all, err);
}

static tw_status open_idx_folder(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err)
{
    return open_records(dataset, wish, &idx_source, err);
}

static tw_status open_npz(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err)
{
    return open_records(dataset, wish, &npz_source, err);
}

tw_status tw_data__open_idx_file(tw_dataset *dataset, const char *path, tw_error *err)
{
    records *own = tw_calloc(1, sizeof *own);
    segment *s;
    tw_status rc;

    if (!(dataset->own = own))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to open it", path);
    dataset->kind = &tw_data__idx;
    s = &own->segments[own->n_segments++];
    s->part = TW_PART_ALL;
    if ((rc = tw_idx_open(&s->pictures.file, path, err)) ||
        (rc = check_idx(&s->pictures.file, false, err)) || (rc = check_pictures(s, err)))
        return rc;
    apply_limit(dataset, 0);
    dataset->colour = TW_COLOUR_GREY;
    if ((rc = alloc_labels(dataset, err)))
        return rc;
    return describe(dataset, NULL, s->n_all, err);
}

static void close_records(tw_dataset *dataset)
{
    records *own = dataset->own;

    for (int k = 0; k < N_PARTS; k++)
        tw_data__close_pictures(&own->segments[k].pictures);
    tw_free(own);
}

static tw_status has_part_of(bool *out, const char *path, tw_part part, const source *where,
                             tw_error *err)
{
    const tw_status rc = where->has(out, path, part, false, err);

    return rc || *out ? rc : where->has(out, path, part, true, err);
}

static tw_status has_part_idx(bool *out, const char *path, tw_part part, tw_error *err)
{
    return has_part_of(out, path, part, &idx_source, err);
}

static tw_status has_part_npz(bool *out, const char *path, tw_part part, tw_error *err)
{
    return has_part_of(out, path, part, &npz_source, err);
}

/* ---- one picture */

/* The segment of sample i; *record is its place there. */
static const segment *locate(int64_t *record, const tw_dataset *dataset, int64_t i)
{
    const records *own = dataset->own;
    const segment *s = own->segments;

    for (; i >= s->n; s++)
        i -= s->n;
    *record = i;
    return s;
}

static tw_status admit_record(const tw_contract *contract, const tw_picture *picture,
                              const tw_data__pictures *pictures, int64_t record, tw_error *err)
{
    char name[512];

    snprintf(name, sizeof name, "%.480s:%lld", pictures->file.name, (long long)record);
    return tw_contract_admit(contract, picture, name, err);
}

static tw_status read_record(tw_picture *out, const tw_dataset *dataset, int64_t i,
                             const tw_contract *contract, tw_error *err)
{
    int64_t record;
    const tw_data__pictures *p = &locate(&record, dataset, i)->pictures;
    tw_status rc = tw_picture_create(out, p->height, p->width, p->channels, err);

    if (!rc)
        rc = tw_array_read(&p->file, out->pixels, record, 1, err);
    if (!rc && contract)
        rc = admit_record(contract, out, p, record, err);
    if (rc)
        tw_picture_free(out);
    return rc;
}

static tw_status key_record(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    int64_t record;
    const segment *s = locate(&record, dataset, i);

    return tw_data__record_key(out, &s->pictures, record, err);
}

static const char *name_record(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    int64_t record;
    const segment *s = locate(&record, dataset, i);

    snprintf(buf, buf_size, "%s:%lld", tw_part_name(s->part), (long long)record);
    return buf;
}

const tw_data__kind tw_data__idx = {.recognise = recognise_idx,
                                    .has_part = has_part_idx,
                                    .open = open_idx_folder,
                                    .read = read_record,
                                    .key = key_record,
                                    .name = name_record,
                                    .close = close_records};

const tw_data__kind tw_data__npz = {.recognise = recognise_npz,
                                    .has_part = has_part_npz,
                                    .open = open_npz,
                                    .read = read_record,
                                    .key = key_record,
                                    .name = name_record,
                                    .close = close_records};
