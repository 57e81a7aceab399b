/*
 * The dataset behind its handle. It finds the kind of the data (IDX folder, .npz, manifest,
 * class folders, built in), hands opening and reading to that kind's table of functions, and
 * answers what does not depend on it: counts, labels, class names, the sentence about the data.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "image/image.h"

#include <tw/fetch.h>

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 16 }; /* of data, for "did you mean" */

/* In the order in which they are asked; a folder without IDX files is class folders. */
static const tw_data__kind *const kinds[] = {&tw_data__idx, &tw_data__npz, &tw_data__manifest_kind,
                                             &tw_data__folder};

#define PART_NAME(name, text) text,
static const char *const part_names[] = {TW_PART_LIST(PART_NAME)};
#undef PART_NAME

const char *tw_part_name(tw_part part)
{
    assert(part >= 0 && part < TW_N_PART);
    return part_names[part];
}

tw_status tw_part_parse(tw_part *out, const char *name, tw_error *err)
{
    const char *nearest;

    for (int p = 0; p < TW_N_PART; p++)
        if (strcmp(part_names[p], name) == 0) {
            *out = (tw_part)p;
            return TW_OK;
        }
    nearest = tw_nearest_name(name, part_names, TW_N_PART);
    if (nearest)
        return tw_fail(err, TW_EUSAGE, "unknown part '%s', did you mean '%s'?", name, nearest);
    return tw_fail(err, TW_EUSAGE, "unknown part '%s', there are train, val, test, all", name);
}

/* ---- opening */

tw_status tw_data__locate(tw_data__place *out, const char *path, tw_error *err)
{
    const tw_fetch_info *info = tw_fetch_find(path);

    *out = (tw_data__place){.path = path};
    if (tw_path_exists(path) || !info || info->kind != TW_FETCH_DATA)
        return TW_OK;
    out->path = out->buf;
    out->classes = info->classes;
    return tw_fetch_path(out->buf, sizeof out->buf, path, err);
}

tw_status tw_data__fail_missing(const char *path, tw_error *err)
{
    const char *names[MAX_NAMES] = {"digits"}, *nearest = NULL;
    size_t n = 1;

    for (int i = 0; tw_fetch_row(i) && n < MAX_NAMES; i++)
        if (tw_fetch_row(i)->kind == TW_FETCH_DATA)
            names[n++] = tw_fetch_row(i)->name;
    if (!strchr(path, '/'))
        nearest = tw_nearest_name(path, names, n);
    if (nearest)
        return tw_fail(err, TW_EFILE, "%s: no such file or folder, did you mean \"%s\"", path,
                       nearest);
    return tw_fail_missing(path, "no such file or folder", err);
}

tw_status tw_data__find_kind(const tw_data__kind **out, const char *path, tw_error *err)
{
    *out = NULL;
    if (!tw_path_exists(path)) {
        if (!tw_data__is_built_in(path))
            return tw_data__fail_missing(path, err);
        *out = &tw_data__digits;
        return TW_OK;
    }
    for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
        bool mine = false;
        const tw_status rc = kinds[k]->recognise(&mine, path, err);

        if (rc)
            return rc;
        if (mine) {
            *out = kinds[k];
            return TW_OK;
        }
    }
    return tw_fail(err, TW_EFILE, "%s: neither a folder nor an .npz, .csv or .tsv", path);
}

/* Asks for each part; *n is how many there are, text their names with ", " between them. */
static tw_status list_parts(int *n, bool have[TW_N_PART], tw_text *text, const tw_data__kind *kind,
                            const char *path, tw_error *err)
{
    *n = 0;
    for (int p = 0; p < TW_PART_ALL; p++) {
        tw_status rc = kind->has_part(&have[p], path, (tw_part)p, err);

        if (rc)
            return rc;
        if (have[p])
            tw_text_add(text, "%s%s", (*n)++ > 0 ? ", " : "", part_names[p]);
    }
    have[TW_PART_ALL] = true;
    return TW_OK;
}

/* With no part at all, opening the first one says best what is missing. */
static tw_status check_part(const tw_data__kind *kind, tw_data__wish *wish, tw_error *err)
{
    bool have[TW_N_PART] = {false};
    tw_text text = {0};
    int n;
    tw_status rc = list_parts(&n, have, &text, kind, wish->path, err);

    if (!rc && n == 0)
        wish->part = TW_PART_TRAIN;
    else if (!rc && !have[wish->part])
        rc = tw_fail(err, TW_EUSAGE, "%s: no part %s, it has %s", wish->path,
                     tw_part_name(wish->part), text.failed ? "others" : text.text);
    tw_text_free(&text);
    return rc;
}

tw_status tw_data__open(tw_dataset **out, const tw_data__wish *wish, tw_error *err)
{
    tw_data__wish whole = *wish;
    const tw_data__kind *kind;
    tw_dataset *dataset;
    tw_status rc;

    *out = NULL;
    if ((rc = tw_data__find_kind(&kind, wish->path, err)) || (rc = check_part(kind, &whole, err)))
        return rc;
    if (!(dataset = tw_calloc(1, sizeof *dataset)))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to open it", wish->path);
    dataset->kind = kind;
    if ((rc = kind->open(dataset, &whole, err)))
        tw_dataset_free(dataset);
    else
        *out = dataset;
    return rc;
}

tw_status tw_dataset_open(tw_dataset **out, const char *path, tw_part part, int64_t limit,
                          tw_error *err)
{
    tw_data__place place;
    tw_data__wish wish = {.part = part, .limit = limit > 0 ? limit : 0, .labels = true};
    const tw_status rc = tw_data__locate(&place, path, err);

    *out = NULL;
    if (rc)
        return rc;
    wish.path = place.path;
    wish.classes = place.classes;
    return tw_data__open(out, &wish, err);
}

tw_status tw_dataset_has_part(int *out, const char *path, tw_part part, tw_error *err)
{
    const tw_data__kind *kind;
    tw_data__place place;
    bool has = true;
    tw_status rc;

    *out = 0;
    if ((rc = tw_data__locate(&place, path, err)) ||
        (rc = tw_data__find_kind(&kind, place.path, err)))
        return rc;
    if (part != TW_PART_ALL && (rc = kind->has_part(&has, place.path, part, err)))
        return rc;
    *out = has;
    return TW_OK;
}

void tw_dataset_free(tw_dataset *dataset)
{
    if (!dataset)
        return;
    if (dataset->own)
        dataset->kind->close(dataset);
    for (int k = 0; dataset->classes && k < dataset->n_classes; k++)
        tw_free(dataset->classes[k]);
    tw_free(dataset->classes);
    for (int64_t i = 0; i < dataset->n_left_out; i++)
        tw_free(dataset->left_out[i]);
    tw_free(dataset->left_out);
    tw_free(dataset->labels);
    tw_free(dataset->about);
    tw_free(dataset);
}

/* ---- answers */

int64_t tw_dataset_count(const tw_dataset *dataset)
{
    return dataset->count;
}

int tw_dataset_class_count(const tw_dataset *dataset)
{
    return dataset->n_classes;
}

const char *tw_dataset_class_name(const tw_dataset *dataset, int class_index)
{
    assert(class_index >= 0 && class_index < dataset->n_classes);
    return dataset->classes[class_index];
}

const char *tw_dataset_describe(const tw_dataset *dataset)
{
    return dataset->about;
}

int tw_dataset_label(const tw_dataset *dataset, int64_t i)
{
    assert(i >= 0 && i < dataset->count);
    return dataset->labels[i];
}

const int *tw_dataset_labels(const tw_dataset *dataset)
{
    return dataset->labels;
}

const char *tw_dataset_name(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    assert(i >= 0 && i < dataset->count);
    return dataset->kind->name(dataset, i, buf, buf_size);
}

int64_t tw_dataset_left_out_count(const tw_dataset *dataset)
{
    return dataset->n_left_out;
}

const char *tw_dataset_left_out(const tw_dataset *dataset, int64_t i)
{
    assert(i >= 0 && i < dataset->n_left_out);
    return dataset->left_out[i];
}

tw_colour tw_dataset_colour(const tw_dataset *dataset)
{
    return dataset->colour;
}

tw_status tw_dataset_read(tw_picture *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    return tw_dataset_read_for(out, dataset, i, NULL, err);
}

tw_status tw_dataset_read_for(tw_picture *out, const tw_dataset *dataset, int64_t i,
                              const tw_contract *contract, tw_error *err)
{
    assert(i >= 0 && i < dataset->count);
    return dataset->kind->read(out, dataset, i, contract, err);
}

tw_status tw_dataset_key(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    assert(i >= 0 && i < dataset->count);
    return dataset->kind->key(out, dataset, i, err);
}

tw_status tw_dataset_view(tw_picture *out, const tw_dataset *dataset, int64_t i,
                          const tw_contract *contract, const tw_augment *augment, uint64_t seed,
                          uint32_t number, tw_error *err)
{
    tw_status rc;
    tw_hash128 key;
    tw_picture picture = {0};
    tw_view view;

    *out = (tw_picture){0};
    if ((rc = tw_dataset_key(&key, dataset, i, err)) ||
        (rc = tw_dataset_read_for(&picture, dataset, i, contract, err)))
        return rc;
    tw_augment_draw(&view, augment, contract, picture.height, picture.width, seed, number, key.low);
    rc = tw_view_picture(out, contract, &picture, &view, err);
    tw_picture_free(&picture);
    return rc;
}

/* ---- words */

enum { NAMES_SHOWN = 10 };

char *tw_data__join_names(char *buf, size_t buf_size, char *const *names, size_t n)
{
    size_t used = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        const char *comma = i > 0 ? ", " : "";

        if (i == NAMES_SHOWN || used + strlen(names[i]) + sizeof ", , ..." > buf_size) {
            snprintf(buf + used, buf_size - used, "%s...", comma);
            break;
        }
        used += (size_t)snprintf(buf + used, buf_size - used, "%s%s", comma, names[i]);
    }
    return buf;
}

char *tw_data__count_text(char *buf, size_t buf_size, int64_t n, int64_t n_all)
{
    char some[32], all[32];

    tw_count_text(all, sizeof all, n_all);
    if (n == n_all)
        snprintf(buf, buf_size, "%s picture%s", all, n == 1 ? "" : "s");
    else
        snprintf(buf, buf_size, "first %s of %s pictures", tw_count_text(some, sizeof some, n),
                 all);
    return buf;
}

void tw_data__name_empty_classes(tw_text *about, const tw_dataset *dataset)
{
    bool *seen = tw_calloc((size_t)dataset->n_classes + 1, sizeof *seen);
    int n = 0;

    if (!seen) {
        about->failed = true;
        return;
    }
    for (int64_t i = 0; i < dataset->count; i++)
        seen[dataset->labels[i]] = true;
    for (int k = 0; k < dataset->n_classes; k++) {
        if (seen[k])
            continue;
        if (n < NAMES_SHOWN)
            tw_text_add(about, "%s%s", n == 0 ? "; no picture of " : ", ", dataset->classes[k]);
        n++;
    }
    if (n > NAMES_SHOWN)
        tw_text_add(about, " and %d more", n - NAMES_SHOWN);
    tw_free(seen);
}
