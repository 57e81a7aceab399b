/*
 * The check of data: every picture of every part is read and decoded once, by workers; what each
 * saw stands in an array by picture, so findings do not depend on who saw it when. Records (IDX,
 * npz, digits) have no files: their structure is checked by opening, here their duplicates are
 * found.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/parallel.h"
#include "base/watch.h"
#include "data/check_int.h"
#include "image/image.h"

#include <string.h>

enum { FILE_MAX = 256 << 20, PIECE = 64 };

const char *tw_data__spot_name(const tw_check *check, int64_t i)
{
    tw_data__spot *spot = &check->spots[i];

    return tw_dataset_name(spot->data, spot->sample, spot->name, sizeof spot->name);
}

int tw_data__spot_label(const tw_check *check, int64_t i)
{
    return tw_dataset_label(check->spots[i].data, check->spots[i].sample);
}

/* ---- opening */

/* Leniently: what is missing is to be found, not to end the check. */
static tw_status open_parts(tw_check *check, const char *path, tw_error *err)
{
    tw_data__place place;
    tw_data__wish wish = {.labels = true, .is_lenient = true};
    bool any = false;
    tw_status rc = tw_data__locate(&place, path, err);

    wish.path = place.path;
    wish.classes = place.classes;
    for (int p = 0; p < TW_PART_ALL && !rc; p++) {
        int has;

        if ((rc = tw_dataset_has_part(&has, path, (tw_part)p, err)) || !has)
            continue;
        any = true;
        wish.part = (tw_part)p;
        if (!(rc = tw_data__open(&check->parts[p], &wish, err)))
            check->n += tw_dataset_count(check->parts[p]);
    }
    if (!rc && !any) /* opening says best what is missing */
        rc = tw_dataset_open(&check->parts[TW_PART_TRAIN], path, TW_PART_TRAIN, 0, err);
    return rc;
}

static tw_status list_spots(tw_check *check, tw_error *err)
{
    int64_t n = 0;

    check->spots = tw_calloc((size_t)check->n + 1, sizeof *check->spots);
    check->seen = tw_calloc((size_t)check->n + 1, sizeof *check->seen);
    if (!check->spots || !check->seen)
        return tw_fail(err, TW_ENOMEM, "no memory to check %lld pictures", (long long)check->n);
    for (int p = 0; p < TW_PART_ALL; p++)
        for (int64_t i = 0; check->parts[p] && i < tw_dataset_count(check->parts[p]); i++)
            check->spots[n++] = (tw_data__spot){check->parts[p], (tw_part)p, i, ""};
    return TW_OK;
}

/* ---- one picture */

static tw_status see_bytes(tw_data__seen *seen, const char *bytes, size_t n, const char *name,
                           tw_error *err)
{
    tw_picture picture;
    tw_picture_facts facts;
    tw_status rc;

    seen->key = tw_hash128_of(bytes, n, 0);
    seen->size = (int64_t)n;
    if ((rc = tw_picture_decode_facts(&picture, &facts, (const uint8_t *)bytes, n, name, err)))
        return rc;
    seen->format = facts.format;
    seen->cmyk = facts.cmyk;
    seen->alpha = facts.alpha;
    seen->deep = facts.deep;
    seen->height = picture.height;
    seen->width = picture.width;
    rc = tw_picture_look(&seen->look, &seen->tells, &picture, err);
    tw_picture_free(&picture);
    return rc;
}

tw_status tw_data__see_file(tw_data__seen *seen, const tw_dataset *dataset, int64_t i,
                            tw_error *err)
{
    char *path, *bytes = NULL;
    size_t n;
    tw_status rc = tw_data__file_path(&path, dataset, i, err);

    if (rc)
        return rc;
    seen->t_modified_s = tw_path_mtime(path);
    if (!(rc = tw_file_read(&bytes, &n, path, FILE_MAX, err)))
        rc = see_bytes(seen, bytes, n, tw_dataset_name(dataset, i, NULL, 0), err);
    tw_free(bytes);
    tw_free(path);
    seen->is_sound = rc == TW_OK;
    if (rc != TW_EFILE)
        return rc;
    seen->trouble = tw_strdup(err->text);
    return seen->trouble ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory to check the pictures");
}

static tw_status see_record(tw_data__seen *seen, const tw_data__spot *spot, tw_error *err)
{
    seen->is_sound = true;
    return tw_dataset_key(&seen->key, spot->data, spot->sample, err);
}

/* A piece of pictures, and the first failure of each. */
typedef struct piece {
    tw_check *check;
    int64_t first;
    tw_error errors[PIECE];
} piece;

static void see(void *ctx, int64_t item, int worker)
{
    piece *p = ctx;
    const int64_t i = p->first + item;
    tw_data__seen *seen = &p->check->seen[i];
    tw_error err = {TW_OK, ""};

    (void)worker;
    if (!seen->is_remembered)
        err.code =
            tw_data__has_files(p->check->spots[i].data)
                ? tw_data__see_file(seen, p->check->spots[i].data, p->check->spots[i].sample, &err)
                : see_record(seen, &p->check->spots[i], &err);
    p->errors[item] = err;
}

static tw_status see_all(tw_check *check, int n_threads, const tw_watch *watch, tw_error *err)
{
    piece *p = tw_calloc(1, sizeof *p);
    tw_progress progress;
    tw_status rc = p ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory to check the pictures");

    tw_progress_start(&progress, watch, "check", 0, check->n, 0.1);
    for (int64_t first = 0; !rc && first < check->n; first += PIECE) {
        const int64_t n = check->n - first < PIECE ? check->n - first : PIECE;

        if (tw_watch_should_stop(watch)) {
            rc = tw_fail(err, TW_EINTERRUPTED, "interrupted after %lld pictures", (long long)first);
            break;
        }
        p->check = check;
        p->first = first;
        tw_parallel(n_threads > 0 ? n_threads : tw_core_count(), n, see, p);
        for (int64_t k = 0; k < n && !rc; k++)
            if (p->errors[k].code)
                rc = tw_fail(err, p->errors[k].code, "%s", p->errors[k].text);
        tw_progress_step(&progress, first + n);
    }
    tw_free(p);
    return rc;
}

/* ---- what is remembered */

/* Sound ones are as they were; the others are read again. */
static tw_status remember(tw_check *check, tw_data__memory *memory, tw_error *err)
{
    for (int64_t i = 0; i < check->n; i++) {
        const tw_data__spot *spot = &check->spots[i];
        tw_data__seen seen;
        char *path;
        tw_status rc;

        if (!tw_data__has_files(spot->data))
            continue;
        if ((rc = tw_data__file_path(&path, spot->data, spot->sample, err)))
            return rc;
        if (tw_data__memory_take(&seen, memory, tw_data__spot_name(check, i), path) &&
            seen.is_sound && !seen.is_begun) {
            check->seen[i] = seen;
            check->seen[i].is_remembered = true;
            check->n_remembered++;
        }
        tw_free(path);
    }
    return TW_OK;
}

static tw_status memorise(const tw_check *check, tw_data__memory *memory, tw_error *err)
{
    for (int64_t i = 0; i < check->n; i++)
        if (tw_data__has_files(check->spots[i].data))
            tw_data__memory_note(memory, &check->seen[i], tw_data__spot_name(check, i));
    return tw_data__memory_write(memory, false, err);
}

/* ---- the call */

tw_status tw_check_run(tw_check **out, const char *path, int n_threads, int anew,
                       const tw_watch *watch, tw_error *err)
{
    tw_check *check = tw_calloc(1, sizeof *check);
    tw_data__memory memory = {0};
    tw_status rc;

    *out = NULL;
    if (!check)
        return tw_fail(err, TW_ENOMEM, "no memory to check %s", path);
    if ((rc = open_parts(check, path, err)) || (rc = list_spots(check, err)))
        goto done;
    tw_data__memory_open(&memory, path, anew);
    if ((rc = remember(check, &memory, err)) || (rc = see_all(check, n_threads, watch, err)) ||
        (rc = memorise(check, &memory, err)) || (rc = tw_data__find(check, err)))
        goto done;
    *out = check;
    check = NULL; /* ownership moved to *out */
done:
    tw_data__memory_free(&memory);
    tw_check_free(check);
    return rc;
}

void tw_check_free(tw_check *check)
{
    if (!check)
        return;
    for (int64_t i = 0; check->seen && i < check->n; i++)
        tw_free(check->seen[i].trouble);
    for (int64_t i = 0; i < check->n_findings; i++)
        tw_free((char *)(uintptr_t)check->findings[i].text);
    for (int p = 0; p < TW_PART_ALL; p++)
        tw_dataset_free(check->parts[p]);
    tw_free(check->findings);
    tw_free(check->same);
    tw_free(check->near);
    tw_free(check->seen);
    tw_free(check->spots);
    tw_free(check);
}

int64_t tw_check_count(const tw_check *check)
{
    return check->n_findings;
}

const tw_finding *tw_check_get(const tw_check *check, int64_t i)
{
    return &check->findings[i];
}

int64_t tw_check_error_count(const tw_check *check)
{
    return check->n_errors;
}

int64_t tw_check_picture_count(const tw_check *check)
{
    return check->n;
}

int64_t tw_check_remembered_count(const tw_check *check)
{
    return check->n_remembered;
}
