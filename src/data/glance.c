/*
 * A glance at picture files before a long job: each is there, not empty, and begins like a picture
 * that is read; what check or an earlier glance remember of it is taken for that. Where unreadable
 * ones are to be left out all files are read instead, since what only decoding can tell is then
 * wanted. What was not sound when it was read last is read again in any case.
 *
 * What is found is said once, with names; then the job begins without them, or not at all.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/watch.h"
#include "data/check_int.h"
#include "image/image.h"

#include <stdio.h>

enum { HEAD = 16, PIECE = 64, NAMED = 10, LIST_SIZE = 700, SMALL_CLASS = 10 };

typedef struct glance {
    tw_dataset *dataset;
    const char *path;
    const tw_glance_options *options;
    tw_data__seen *seen; /* (n) */
    bool *is_doubted;    /* (n) it was not sound before */
    int64_t n, n_bad, first;
    tw_error errors[PIECE];
} glance;

/* ---- looking */

/* Fills *seen and returns true when file i begins like a picture that is read. */
static bool begins_well(tw_data__seen *seen, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    uint8_t head[HEAD];
    const char *format = NULL;
    tw_error ignored;
    tw_file file;
    char *path;
    size_t n;

    if ((err->code = tw_data__file_path(&path, dataset, i, err)))
        return false;
    if (!tw_file_open(&file, path, &ignored)) {
        n = file.size < HEAD ? (size_t)file.size : HEAD;
        if (n > 0 && !tw_file_pread(&file, head, n, 0, &ignored))
            format = tw_picture_format(head, n);
        *seen = (tw_data__seen){.size = file.size,
                                .t_modified_s = tw_path_mtime(path),
                                .format = format ? tw_picture_find_format(format) : NULL,
                                .is_begun = true};
        seen->is_sound = seen->format != NULL;
        tw_file_close(&file);
    }
    tw_free(path);
    return seen->is_sound;
}

/* The whole file says best what is wrong with it. */
static void look(void *ctx, int64_t item, int worker)
{
    glance *g = ctx;
    const int64_t i = g->first + item;
    tw_data__seen *seen = &g->seen[i];
    tw_error err = {TW_OK, ""};

    (void)worker;
    if (!seen->is_remembered &&
        (g->options->skip_bad || g->is_doubted[i] || !begins_well(seen, g->dataset, i, &err)) &&
        !err.code) {
        *seen = (tw_data__seen){0};
        err.code = tw_data__see_file(seen, g->dataset, i, &err);
    }
    g->errors[item] = err;
}

static tw_status look_at_all(glance *g, const tw_watch *watch, tw_error *err)
{
    const int n_threads = g->options->n_threads;
    tw_progress progress;
    tw_status rc = TW_OK;

    tw_progress_start(&progress, watch, "check", 0, g->n, 0.1);
    for (; g->first < g->n && !rc; g->first += PIECE) {
        const int64_t n = g->n - g->first < PIECE ? g->n - g->first : PIECE;

        if (tw_watch_should_stop(watch))
            return tw_fail(err, TW_EINTERRUPTED, "interrupted while the pictures were looked at");
        tw_parallel(n_threads > 0 ? n_threads : tw_core_count(), n, look, g);
        for (int64_t k = 0; k < n && !rc; k++)
            if (g->errors[k].code)
                rc = tw_fail(err, g->errors[k].code, "%s", g->errors[k].text);
        if (g->options->skip_bad)
            tw_progress_step(&progress, g->first + n);
    }
    for (int64_t i = 0; i < g->n; i++)
        g->n_bad += !g->seen[i].is_sound;
    return rc;
}

/* ---- what is remembered */

/* Returns through *n_new how many have to be looked at. */
static tw_status remember(glance *g, int64_t *n_new, tw_data__memory *memory, tw_error *err)
{
    *n_new = g->n;
    for (int64_t i = 0; i < g->n; i++) {
        tw_data__seen *seen = &g->seen[i];
        char *path;
        const tw_status rc = tw_data__file_path(&path, g->dataset, i, err);

        if (rc)
            return rc;
        if (tw_data__memory_take(seen, memory, tw_dataset_name(g->dataset, i, NULL, 0), path)) {
            g->is_doubted[i] = !seen->is_sound;
            seen->is_remembered = seen->is_sound && !(seen->is_begun && g->options->skip_bad);
            *n_new -= seen->is_remembered;
        }
        tw_free(path);
    }
    return TW_OK;
}

static tw_status memorise(const glance *g, tw_data__memory *memory, tw_error *err)
{
    for (int64_t i = 0; i < g->n; i++)
        tw_data__memory_note(memory, &g->seen[i], tw_dataset_name(g->dataset, i, NULL, 0));
    return tw_data__memory_write(memory, true, err);
}

static tw_status see(glance *g, const tw_watch *watch, tw_error *err)
{
    tw_data__memory memory;
    int64_t n_new;
    tw_status rc;

    tw_data__memory_open(&memory, g->path, false);
    if (!(rc = remember(g, &n_new, &memory, err)) && n_new > 0 &&
        !(rc = look_at_all(g, watch, err)))
        rc = memorise(g, &memory, err);
    tw_data__memory_free(&memory);
    return rc;
}

/* ---- what becomes of bad ones */

/* All that there is room for, ten at most, and how many more there are. */
static tw_status refuse(const glance *g, tw_error *err)
{
    char head[64] = "";
    tw_text list = {0};
    int64_t n = 0;
    tw_status rc;

    for (int64_t i = 0; i < g->n && n < NAMED && list.n < LIST_SIZE; i++)
        if (!g->seen[i].is_sound)
            tw_text_add(&list, "%s%.400s", n++ ? "; " : "", g->seen[i].trouble);
    if (n < g->n_bad)
        tw_text_add(&list, "; and %lld more", (long long)(g->n_bad - n));
    if (g->n_bad > 1)
        snprintf(head, sizeof head, "%lld pictures cannot be read: ", (long long)g->n_bad);
    rc = list.failed
             ? tw_fail(err, TW_ENOMEM, "no memory to name what cannot be read")
             : tw_fail(err, TW_EFILE,
                       "%s%s (topwork check %.80s finds all, --bad-images skip goes without)", head,
                       list.text, tw_spool_shown(g->path));
    tw_text_free(&list);
    return rc;
}

static void tell(const glance *g, const tw_watch *watch)
{
    const tw_dataset *dataset = g->dataset;
    char bad[32], all[32];

    tw_watch_note(watch, "%s of %s pictures cannot be read and %s left out",
                  tw_count_text(bad, sizeof bad, g->n_bad), tw_count_text(all, sizeof all, g->n),
                  g->n_bad == 1 ? "is" : "are");
    for (int64_t i = 0; i < dataset->n_left_out && i < NAMED; i++)
        tw_watch_note(watch, "left out: %s", dataset->left_out[i]);
    if (dataset->n_left_out > NAMED)
        tw_watch_note(watch, "left out: %lld more", (long long)(dataset->n_left_out - NAMED));
}

/* A class that had pictures and has none now is not trained. */
static tw_status check_classes(const int64_t *before, const int64_t *after, const glance *g,
                               tw_error *err)
{
    for (int k = 0; k < g->dataset->n_classes; k++)
        if (before[k] > 0 && after[k] == 0)
            return tw_fail(err, TW_EFILE, "%s: no picture of class %s can be read",
                           tw_spool_shown(g->path), g->dataset->classes[k]);
    return TW_OK;
}

static tw_status leave_out(glance *g, const tw_watch *watch, tw_error *err)
{
    tw_dataset *dataset = g->dataset;
    bool *goes = tw_calloc((size_t)g->n + 1, sizeof *goes);
    char **left_out =
        tw_realloc(dataset->left_out, (size_t)(dataset->n_left_out + g->n_bad) * sizeof *left_out);
    tw_status rc;

    dataset->left_out = left_out ? left_out : dataset->left_out;
    if (!goes || !left_out) {
        tw_free(goes);
        return tw_fail(err, TW_ENOMEM, "no memory to leave pictures out");
    }
    for (int64_t i = 0; i < g->n; i++) {
        if (!(goes[i] = !g->seen[i].is_sound))
            continue;
        left_out[dataset->n_left_out++] = g->seen[i].trouble; /* ownership moved */
        g->seen[i].trouble = NULL;
    }
    rc = dataset->kind->leave_out(dataset, goes, err);
    tw_free(goes);
    if (rc)
        return rc;
    tell(g, watch);
    return dataset->count > 0 ? TW_OK
                              : tw_fail(err, TW_EFILE, "%s: none of the pictures can be read",
                                        tw_spool_shown(g->path));
}

/* ---- classes */

static void count_classes(int64_t *n, const tw_dataset *dataset)
{
    for (int64_t i = 0; i < dataset->count && dataset->n_classes > 0; i++)
        n[dataset->labels[i]]++;
}

static void tell_small_classes(const int64_t *n, const tw_dataset *dataset, const tw_watch *watch)
{
    tw_text text = {0};
    int n_small = 0;

    for (int k = 0; k < dataset->n_classes; k++) {
        if (n[k] == 0 || n[k] >= SMALL_CLASS)
            continue;
        if (n_small++ < NAMED)
            tw_text_add(&text, "%s %s (%lld)", n_small > 1 ? "," : "", dataset->classes[k],
                        (long long)n[k]);
    }
    if (n_small > NAMED)
        tw_text_add(&text, " and %d more", n_small - NAMED);
    if (text.text && !text.failed)
        tw_watch_note(watch, "fewer than %d training pictures of%s", SMALL_CLASS, text.text);
    tw_text_free(&text);
}

/* ---- the call */

static tw_status conclude(glance *g, const tw_watch *watch, tw_error *err)
{
    const size_t n_classes = (size_t)g->dataset->n_classes;
    int64_t *before = tw_calloc(2 * n_classes + 1, sizeof *before), *after = before + n_classes;
    tw_status rc = TW_OK;

    if (!before)
        return tw_fail(err, TW_ENOMEM, "no memory for %zu classes", n_classes);
    count_classes(before, g->dataset);
    if (g->n_bad > 0)
        rc = g->options->skip_bad ? leave_out(g, watch, err) : refuse(g, err);
    if (!rc && g->options->is_training) {
        count_classes(after, g->dataset);
        if (!(rc = check_classes(before, after, g, err)))
            tell_small_classes(after, g->dataset, watch);
    }
    tw_free(before);
    return rc;
}

tw_status tw_dataset_glance(tw_dataset *dataset, const char *path, const tw_glance_options *options,
                            const tw_watch *watch, tw_error *err)
{
    glance g = {.dataset = dataset, .path = path, .options = options, .n = dataset->count};
    tw_status rc;

    if (!tw_data__has_files(dataset))
        return TW_OK;
    g.seen = tw_calloc((size_t)g.n + 1, sizeof *g.seen);
    g.is_doubted = tw_calloc((size_t)g.n + 1, sizeof *g.is_doubted);
    if (!g.seen || !g.is_doubted)
        rc = tw_fail(err, TW_ENOMEM, "no memory to look at %lld pictures", (long long)g.n);
    else if (!(rc = see(&g, watch, err)))
        rc = conclude(&g, watch, err);
    for (int64_t i = 0; g.seen && i < g.n; i++)
        tw_free(g.seen[i].trouble);
    tw_free(g.seen);
    tw_free(g.is_doubted);
    return rc;
}
