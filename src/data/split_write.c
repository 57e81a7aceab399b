/*
 * A split that is written down: units of the training part are dealt to train, val and test, class
 * by class, in the order of a hash of their names and the seed, and all parts become a manifest.
 * The hash of a picture does not depend on the others, so pictures that come later move few; with
 * a manifest to keep they move none. A unit with pictures of several classes counts where its first
 * picture belongs; one that has pictures in the data's own val or test goes there.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/split_int.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N_PARTS = TW_PART_ALL, UNDEALT = -1 };

typedef struct unit {
    int64_t root, size;
    uint64_t rank;
    int label, part;
} unit;

typedef struct dealer {
    const tw_check *check;
    const tw_split_options *options;
    char **groups;   /* (n) */
    int64_t *parent; /* (n) */
    int *parts;      /* (n) of the roots; UNDEALT */
    unit *units;
    int64_t n_units;
} dealer;

static tw_status check_options(const tw_check *check, const char *path, const char *output,
                               const tw_split_options *o, tw_error *err)
{
    const char *dot = strrchr(output, '.');

    if (!(o->val >= 0 && o->test >= 0 && o->val + o->test > 0 && o->val + o->test < 1))
        return tw_fail(err, TW_EUSAGE, "shares %g of val and %g of test leave no split", o->val,
                       o->test);
    for (int p = TW_PART_VAL; p <= TW_PART_TEST; p++)
        if (check->parts[p] && (p == TW_PART_VAL ? o->val : o->test) > 0)
            return tw_fail(err, TW_EUSAGE, "%s: has a part %s of its own, so --%s must be 0",
                           tw_spool_shown(path), tw_part_name((tw_part)p),
                           tw_part_name((tw_part)p));
    if (!check->parts[TW_PART_TRAIN] || !tw_data__has_files(check->parts[TW_PART_TRAIN]))
        return tw_fail(err, TW_EUSAGE, "%s: no training pictures in files, nothing to split", path);
    if (!dot || strcmp(dot, ".csv") != 0)
        return tw_fail(err, TW_EUSAGE, "%s: a manifest is called .csv", output);
    if (tw_path_exists(output))
        return tw_fail(err, TW_EUSAGE, "%s: is there already; --keep %s keeps what it says", output,
                       output);
    return TW_OK;
}

/* A class without pictures is a finding of the check; here it is an error, as wherever data is
 * opened. */
static tw_status check_classes(const tw_check *check, const char *path, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int p = 0; p < N_PARTS && !rc; p++) {
        tw_dataset *data;

        if (check->parts[p] && !(rc = tw_dataset_open(&data, path, (tw_part)p, 0, err)))
            tw_dataset_free(data);
    }
    return rc;
}

/* Counts what is left out; the first is named where that is not wanted. */
static tw_status check_sound(int64_t *n_bad, const tw_check *check, bool may_skip, tw_error *err)
{
    const char *first = NULL;

    *n_bad = 0;
    for (int64_t i = 0; i < check->n; i++)
        if (!check->seen[i].is_sound) {
            first = first ? first : check->seen[i].trouble;
            ++*n_bad;
        }
    if (may_skip || !first)
        return TW_OK;
    return tw_fail(err, TW_EFILE, "%lld picture%s cannot be read, the first is %s",
                   (long long)*n_bad, *n_bad == 1 ? "" : "s", first);
}

/* ---- what is settled before */

typedef struct kept {
    const char *path;
    int part;
} kept;

static int by_path(const void *a, const void *b)
{
    return strcmp(((const kept *)a)->path, ((const kept *)b)->path);
}

/* The path of picture i as the manifest `output` names it: relative to its folder where the picture
 * lies below it. Caller frees. */
static tw_status manifest_path(char **out, const tw_check *check, int64_t i, const char *output,
                               tw_error *err)
{
    const tw_data__spot *spot = &check->spots[i];
    const char *slash = strrchr(output, '/');
    const size_t n = slash ? (size_t)(slash - output) + 1 : 0;
    char full[PATH_MAX], *path;
    tw_status rc = tw_data__file_path(&path, spot->data, spot->sample, err);

    *out = NULL;
    if (rc)
        return rc;
    if (n == 0)
        *out = tw_strdup(path);
    else if (strncmp(path, output, n) == 0)
        *out = tw_strdup(path + n);
    else if (realpath(path, full))
        *out = tw_strdup(full);
    else
        rc = tw_fail_errno(err, TW_EFILE, "%s", path);
    if (!rc && !*out)
        rc = tw_fail(err, TW_ENOMEM, "no memory for the name %s", path);
    tw_free(path);
    return rc;
}

/* Units that the old manifest knows stay where it has them; it names pictures as `keep` would. */
static tw_status take_kept(dealer *d, tw_error *err)
{
    tw_data__manifest old;
    tw_status rc = tw_data__read_manifest(&old, d->options->keep, err);
    kept *rows = rc ? NULL : tw_malloc(((size_t)old.n + 1) * sizeof *rows);

    if (!rc && !rows)
        rc = tw_fail(err, TW_ENOMEM, "no memory to keep %s", d->options->keep);
    if (!rc && !old.has_parts)
        rc = tw_fail(err, TW_EFILE, "%s: no column \"split\", nothing to keep", d->options->keep);
    for (int64_t i = 0; !rc && i < old.n; i++)
        rows[i] = (kept){old.rows[i].path, old.rows[i].part};
    if (!rc)
        qsort(rows, (size_t)old.n, sizeof *rows, by_path);
    for (int64_t i = 0; !rc && i < d->check->n; i++) {
        char *path;
        const kept *found;
        int *part = &d->parts[tw_data__find_root(d->parent, i)];

        if ((rc = manifest_path(&path, d->check, i, d->options->keep, err)))
            break;
        found = bsearch(&(kept){path, 0}, rows, (size_t)old.n, sizeof *rows, by_path);
        if (found && *part != UNDEALT && *part != found->part)
            rc = tw_fail(err, TW_EUSAGE, "%s: %s is in part %s, what belongs to it in part %s",
                         d->options->keep, path, tw_part_name((tw_part)found->part),
                         tw_part_name((tw_part)*part));
        else if (found)
            *part = found->part;
        tw_free(path);
    }
    tw_free(rows);
    tw_data__free_manifest(&old);
    return rc;
}

/* The data's own val and test, then what is kept. */
static tw_status settle(dealer *d, tw_error *err)
{
    const tw_check *check = d->check;

    for (int64_t i = 0; i < check->n; i++)
        d->parts[i] = UNDEALT;
    for (int64_t i = 0; i < check->n; i++)
        if (check->spots[i].part != TW_PART_TRAIN)
            d->parts[tw_data__find_root(d->parent, i)] = (int)check->spots[i].part;
    return d->options->keep ? take_kept(d, err) : TW_OK;
}

/* ---- dealing */

static int by_class_and_rank(const void *a, const void *b)
{
    const unit *x = a, *y = b;

    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    if (x->rank != y->rank)
        return x->rank < y->rank ? -1 : 1;
    return x->root < y->root ? -1 : x->root > y->root;
}

/* Units with their sizes and ranks: the least hash of their names. */
static tw_status make_units(dealer *d, tw_error *err)
{
    const tw_check *check = d->check;
    int64_t *at = tw_malloc(((size_t)check->n + 1) * sizeof *at);

    d->units = tw_malloc(((size_t)check->n + 1) * sizeof *d->units);
    if (!at || !d->units) {
        tw_free(at);
        return tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)check->n);
    }
    for (int64_t i = 0; i < check->n; i++) {
        const int64_t root = tw_data__find_root(d->parent, i);
        const char *name = tw_data__spot_name(check, i);
        const uint64_t rank = tw_hash128_of(name, strlen(name), d->options->seed).low;

        if (root == i) { /* a root is its unit's first */
            at[i] = d->n_units++;
            d->units[at[i]] = (unit){i, 0, UINT64_MAX, tw_data__spot_label(check, i), d->parts[i]};
        }
        if (!check->seen[i].is_sound)
            continue;
        d->units[at[root]].size++;
        if (rank < d->units[at[root]].rank)
            d->units[at[root]].rank = rank;
    }
    tw_free(at);
    qsort(d->units, (size_t)d->n_units, sizeof *d->units, by_class_and_rank);
    return TW_OK;
}

/* How many pictures of a class with n pictures in n_units a share is: one unit at least. */
static double find_target(double share, int64_t n, int64_t n_units)
{
    const double target = rint(share * (double)n);

    return share > 0 && target < 1 && n_units >= 3 ? 1 : target;
}

/* One class: units first..end. */
static void deal_class(dealer *d, int64_t first, int64_t end)
{
    int64_t n = 0, have[N_PARTS] = {0};
    double target[N_PARTS] = {0};

    for (int64_t i = first; i < end; i++) {
        n += d->units[i].size;
        if (d->units[i].part != UNDEALT)
            have[d->units[i].part] += d->units[i].size;
    }
    target[TW_PART_VAL] = find_target(d->options->val, n, end - first);
    target[TW_PART_TEST] = find_target(d->options->test, n, end - first);
    for (int64_t i = first; i < end; i++) {
        unit *u = &d->units[i];

        if (u->part != UNDEALT)
            continue;
        u->part = TW_PART_TRAIN;
        for (int p = TW_PART_TEST; p >= TW_PART_VAL && u->part == TW_PART_TRAIN; p--)
            if ((double)have[p] + 0.5 * (double)u->size <= target[p])
                u->part = p;
        have[u->part] += u->size;
    }
}

static tw_status deal(dealer *d, tw_error *err)
{
    tw_status rc = make_units(d, err);

    for (int64_t first = 0, end; !rc && first < d->n_units; first = end) {
        for (end = first; end < d->n_units && d->units[end].label == d->units[first].label;)
            end++;
        deal_class(d, first, end);
    }
    for (int64_t i = 0; !rc && i < d->n_units; i++)
        d->parts[d->units[i].root] = d->units[i].part;
    return rc;
}

/* ---- writing */

static tw_status write_manifest(tw_split_result *out, dealer *d, const char *output, tw_error *err)
{
    const tw_check *check = d->check;
    bool has_groups = false;
    tw_text text = {0};
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < check->n; i++)
        has_groups = has_groups || d->groups[i];
    tw_text_add(&text, "path,label,split%s\n", has_groups ? ",group" : "");
    for (int64_t i = 0; i < check->n && !rc; i++) {
        const tw_data__spot *spot = &check->spots[i];
        const int part = d->parts[tw_data__find_root(d->parent, i)];
        char *path;

        if (!check->seen[i].is_sound)
            continue;
        if ((rc = manifest_path(&path, check, i, output, err)))
            break;
        tw_data__add_field(&text, path, ",");
        tw_data__add_field(&text, tw_dataset_class_name(spot->data, tw_data__spot_label(check, i)),
                           ",");
        tw_text_add(&text, "%s%s", tw_part_name((tw_part)part), has_groups ? "," : "\n");
        if (has_groups)
            tw_data__add_field(&text, d->groups[i] ? d->groups[i] : "", "\n");
        tw_free(path);
        out->n[part]++;
    }
    if (!rc && text.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory for %s", output);
    if (!rc)
        rc = tw_file_write(output, text.text, text.n, err);
    tw_text_free(&text);
    return rc;
}

tw_status tw_split_write(tw_split_result *out, const tw_check *check, const char *path,
                         const char *output, const tw_split_options *options, tw_error *err)
{
    dealer d = {.check = check, .options = options};
    const size_t n = (size_t)check->n + 1;
    tw_status rc;

    *out = (tw_split_result){0};
    if ((rc = check_options(check, path, output, options, err)) ||
        (rc = check_classes(check, path, err)) ||
        (rc = check_sound(&out->n_bad, check, options->skip_bad, err)))
        return rc;
    d.groups = tw_calloc(n, sizeof *d.groups);
    d.parent = tw_malloc(n * sizeof *d.parent);
    d.parts = tw_malloc(n * sizeof *d.parts);
    if (!d.groups || !d.parent || !d.parts)
        rc = tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)check->n);
    if (rc || (rc = tw_data__find_groups(d.groups, check, path, options->group_by, err)) ||
        (rc = tw_data__find_units(d.parent, check, d.groups, err)) || (rc = settle(&d, err)) ||
        (rc = deal(&d, err)))
        goto done;
    out->n_units = d.n_units;
    rc = write_manifest(out, &d, output, err);
done:
    for (int64_t i = 0; d.groups && i < check->n; i++)
        tw_free(d.groups[i]);
    tw_free(d.groups);
    tw_free(d.parent);
    tw_free(d.parts);
    tw_free(d.units);
    return rc;
}
