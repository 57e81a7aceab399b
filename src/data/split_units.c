/*
 * Units of a split: pictures that must stay together, because they are (nearly) the same or of one
 * group. A forest of pictures, each pointing to an earlier one of its unit; the root stands for the
 * unit.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/split_int.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

int64_t tw_data__find_root(int64_t *parent, int64_t i)
{
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static void unite(int64_t *parent, int64_t a, int64_t b)
{
    a = tw_data__find_root(parent, a);
    b = tw_data__find_root(parent, b);
    if (a < b)
        parent[b] = a;
    else
        parent[a] = b;
}

/* ---- groups by name */

static tw_status take_match(char **out, const char *name, const regmatch_t *match, tw_error *err)
{
    const regmatch_t *m = match[1].rm_so >= 0 ? &match[1] : &match[0];
    const size_t n = (size_t)(m->rm_eo - m->rm_so);

    if (!(*out = tw_malloc(n + 1)))
        return tw_fail(err, TW_ENOMEM, "no memory for a group");
    memcpy(*out, name + m->rm_so, n);
    (*out)[n] = '\0';
    return TW_OK;
}

static tw_status group_by_name(char **groups, const tw_check *check, const char *pattern,
                               tw_error *err)
{
    char why[200];
    regex_t regex;
    tw_status rc = TW_OK;
    const int code = regcomp(&regex, pattern, REG_EXTENDED);

    if (code != 0) {
        regerror(code, &regex, why, sizeof why);
        return tw_fail(err, TW_EUSAGE, "--group-by \"%s\" is no regular expression: %s", pattern,
                       why);
    }
    for (int64_t i = 0; i < check->n && !rc; i++) {
        const char *name = tw_data__spot_name(check, i);
        regmatch_t match[2];

        if (regexec(&regex, name, 2, match, 0) == 0)
            rc = take_match(&groups[i], name, match, err);
    }
    regfree(&regex);
    return rc;
}

/* ---- groups of a manifest */

/* The check's pictures stand part after part, each in the order of the lines. */
static tw_status group_by_column(char **groups, const char *path, tw_error *err)
{
    tw_data__manifest manifest;
    tw_status rc = tw_data__read_manifest(&manifest, path, err);
    int64_t n = 0;

    if (rc)
        return rc;
    for (int p = 0; p < TW_PART_ALL; p++)
        for (int64_t i = 0; i < manifest.n && !rc; i++) {
            const tw_data__row *row = &manifest.rows[i];

            if (row->part == p && row->group && !(groups[n] = tw_strdup(row->group)))
                rc = tw_fail(err, TW_ENOMEM, "no memory for a group");
            n += row->part == p;
        }
    tw_data__free_manifest(&manifest);
    return rc;
}

tw_status tw_data__find_groups(char **groups, const tw_check *check, const char *path,
                               const char *pattern, tw_error *err)
{
    bool is_manifest = false;
    tw_status rc;

    if (pattern)
        return group_by_name(groups, check, pattern, err);
    if ((rc = tw_data__manifest_kind.recognise(&is_manifest, path, err)) || !is_manifest)
        return rc;
    return group_by_column(groups, path, err);
}

/* ---- units */

typedef struct named {
    const char *group;
    int64_t index;
} named;

static int by_group(const void *a, const void *b)
{
    const named *x = a, *y = b;
    const int order = strcmp(x->group, y->group);

    return order != 0 ? order : (x->index < y->index ? -1 : x->index > y->index);
}

tw_status tw_data__find_units(int64_t *parent, const tw_check *check, char *const *groups,
                              tw_error *err)
{
    named *order = tw_malloc(((size_t)check->n + 1) * sizeof *order);
    int64_t n = 0;

    if (!order)
        return tw_fail(err, TW_ENOMEM, "no memory to split %lld pictures", (long long)check->n);
    for (int64_t i = 0; i < check->n; i++) {
        parent[i] = i;
        unite(parent, i, check->same[i]);
        unite(parent, i, check->near[i]);
        if (groups[i])
            order[n++] = (named){groups[i], i};
    }
    qsort(order, (size_t)n, sizeof *order, by_group);
    for (int64_t i = 1; i < n; i++)
        if (strcmp(order[i].group, order[i - 1].group) == 0)
            unite(parent, order[i].index, order[i - 1].index);
    tw_free(order);
    return TW_OK;
}
