/*
 * What is wrong, from what was seen. Groups are found by sorting, so the order of the findings is
 * that of the pictures, whoever read them: of equal pictures the first is the one that the others
 * are told of.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/check_int.h"
#include "image/image.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_SIDE = 32, MOST_PIXELS = 16 << 20, SMALL_CLASS = 10, MOST_RATIO = 10 };

#define KIND_NAME(id, text, is_error) text,
static const char *const kind_names[] = {TW_FINDING_LIST(KIND_NAME)};
#undef KIND_NAME
#define KIND_ERROR(id, text, is_error) is_error,
static const int kind_errors[] = {TW_FINDING_LIST(KIND_ERROR)};
#undef KIND_ERROR

const char *tw_finding_kind_name(tw_finding_kind kind)
{
    return kind_names[kind];
}

/* Adds a finding; file NULL: of a class. */
static tw_status add(tw_check *check, tw_error *err, tw_finding_kind kind, const char *file,
                     const char *format, ...) __attribute__((format(printf, 5, 6)));
static tw_status add(tw_check *check, tw_error *err, tw_finding_kind kind, const char *file,
                     const char *format, ...)
{
    char sentence[1024];
    char *text;
    va_list list;

    va_start(list, format);
    vsnprintf(sentence, sizeof sentence, format, list);
    va_end(list);
    if (check->n_findings == check->capacity) {
        const int64_t capacity = check->capacity ? 2 * check->capacity : 64;
        tw_finding *findings = tw_realloc(check->findings, (size_t)capacity * sizeof *findings);

        if (!findings)
            return tw_fail(err, TW_ENOMEM, "no memory for %lld findings", (long long)capacity);
        check->findings = findings;
        check->capacity = capacity;
    }
    if (!(text = tw_strdup(sentence)))
        return tw_fail(err, TW_ENOMEM, "no memory for a finding");
    check->findings[check->n_findings++] = (tw_finding){kind, kind_errors[kind], file, text};
    check->n_errors += kind_errors[kind];
    return TW_OK;
}

/* ---- one picture */

static tw_status find_odd(tw_check *check, int64_t i, tw_error *err)
{
    const tw_data__seen *s = &check->seen[i];
    const char *name = tw_data__spot_name(check, i), *said = NULL;
    tw_status rc = TW_OK;

    if (s->trouble)
        return add(check, err, TW_FINDING_UNREADABLE, name, "%s", s->trouble);
    if (!s->format)
        return TW_OK;
    if (tw_picture_has_name(&said, name) && strcmp(said, s->format) != 0)
        rc = add(check, err, TW_FINDING_WRONG_NAME, name,
                 "%s: a %s file by its name, %s by its bytes", name, said, s->format);
    if (!rc && (s->height < LEAST_SIDE || s->width < LEAST_SIDE))
        rc = add(check, err, TW_FINDING_TINY, name, "%s: %dx%d pixels only", name, s->height,
                 s->width);
    if (!rc && (int64_t)s->height * s->width > MOST_PIXELS)
        rc = add(check, err, TW_FINDING_HUGE, name, "%s: %dx%d pixels", name, s->height, s->width);
    if (!rc && (s->cmyk || s->alpha || s->deep))
        rc = add(check, err, TW_FINDING_COLOUR, name, "%s: %s", name,
                 s->cmyk ? "CMYK, made RGB"
                         : (s->alpha ? "has transparency, put on black"
                                     : "16 bits a value, scaled to 8"));
    return rc;
}

/* ---- pictures that are the same */

/* A picture in one of the orders in which equal ones stand together. */
typedef struct ranked {
    uint64_t high, low;
    int64_t index;
} ranked;

static int by_rank(const void *a, const void *b)
{
    const ranked *x = a, *y = b;

    if (x->high != y->high)
        return x->high < y->high ? -1 : 1;
    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Says of picture i that it is the same as, or looks like, picture k, an earlier one. */
static tw_status find_pair(tw_check *check, int64_t k, int64_t i, bool is_same, tw_error *err)
{
    const char *first = tw_data__spot_name(check, k), *name = tw_data__spot_name(check, i);
    const int a = tw_data__spot_label(check, k), b = tw_data__spot_label(check, i);
    const tw_part p = check->spots[k].part, q = check->spots[i].part;
    const char *like = is_same ? "the same picture as" : "looks like";
    const tw_finding_kind plain = is_same ? TW_FINDING_DUPLICATE : TW_FINDING_NEAR_DUPLICATE;

    if (a != b)
        return add(check, err, is_same ? TW_FINDING_TWO_LABELS : plain, name,
                   "%s: %s %s, which has the label %s", name, like, first,
                   tw_dataset_class_name(check->spots[k].data, a));
    if (p != q)
        return add(check, err, is_same ? TW_FINDING_TWO_PARTS : plain, name,
                   "%s: %s %s, which is in part %s", name, like, first, tw_part_name(p));
    return add(check, err, plain, name, "%s: %s %s", name, like, first);
}

/* Fills same[i] with the first picture of the same bytes, i itself where there is none. */
static void find_same(int64_t *same, ranked *order, const tw_check *check)
{
    int64_t n = 0;

    for (int64_t i = 0; i < check->n; i++) {
        same[i] = i;
        if (check->seen[i].is_sound)
            order[n++] = (ranked){check->seen[i].key.high, check->seen[i].key.low, i};
    }
    qsort(order, (size_t)n, sizeof *order, by_rank);
    for (int64_t i = 1; i < n; i++)
        if (order[i].high == order[i - 1].high && order[i].low == order[i - 1].low)
            same[order[i].index] = same[order[i - 1].index];
}

/* Fills near[i] with the first picture that looks like it and has other bytes. */
static tw_status find_near(int64_t *near, const int64_t *same, const tw_check *check, tw_error *err)
{
    tw_data__look *looks = tw_malloc(((size_t)check->n + 1) * sizeof *looks);
    tw_status rc;
    int64_t n = 0;

    if (!looks)
        return tw_fail(err, TW_ENOMEM, "no memory to compare %lld pictures", (long long)check->n);
    for (int64_t i = 0; i < check->n; i++) {
        near[i] = i;
        if (check->seen[i].is_sound && check->seen[i].tells && same[i] == i)
            looks[n++] = (tw_data__look){check->seen[i].look, i};
    }
    rc = tw_data__find_near(near, looks, n, err);
    tw_free(looks);
    return rc;
}

static tw_status find_alike(tw_check *check, tw_error *err)
{
    const size_t n = (size_t)check->n + 1;
    ranked *order = tw_malloc(n * sizeof *order);
    tw_status rc = TW_OK;

    check->same = tw_malloc(n * sizeof *check->same);
    check->near = tw_malloc(n * sizeof *check->near);
    if (!check->same || !check->near || !order) {
        tw_free(order);
        return tw_fail(err, TW_ENOMEM, "no memory to compare %lld pictures", (long long)check->n);
    }
    find_same(check->same, order, check);
    tw_free(order);
    rc = find_near(check->near, check->same, check, err);
    for (int64_t i = 0; i < check->n && !rc; i++) {
        if (check->same[i] != i)
            rc = find_pair(check, check->same[i], i, true, err);
        else if (check->near[i] != i)
            rc = find_pair(check, check->near[i], i, false, err);
    }
    return rc;
}

/* ---- classes */

/* Of a class with no picture in the part: nobody put one there, or nobody made its folder. */
static tw_status find_empty(tw_check *check, tw_part part, int class_index, tw_error *err)
{
    const char *name = tw_dataset_class_name(check->parts[part], class_index);
    int other = 0;

    if (!tw_data__lacks_class(check->parts[part], class_index))
        return add(check, err, TW_FINDING_EMPTY_CLASS, NULL, "class %s: no picture in part %s",
                   name, tw_part_name(part));
    while (other + 1 < TW_PART_ALL &&
           (!check->parts[other] || tw_data__lacks_class(check->parts[other], class_index)))
        other++;
    return add(check, err, TW_FINDING_MISSING_CLASS, NULL,
               "class %s: no folder in part %s, there is one in part %s", name, tw_part_name(part),
               tw_part_name((tw_part)other));
}

static tw_status find_of_part(tw_check *check, tw_part part, tw_error *err)
{
    const tw_dataset *data = check->parts[part];
    const int n_classes = data ? tw_dataset_class_count(data) : 0;
    int64_t *n = tw_calloc((size_t)n_classes + 1, sizeof *n);
    int least = 0, most = 0;
    tw_status rc = n ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for %d classes", n_classes);

    for (int64_t i = 0; !rc && data && i < tw_dataset_count(data); i++)
        n[tw_dataset_label(data, i)]++;
    for (int k = 0; !rc && k < n_classes; k++) {
        const char *name = tw_dataset_class_name(data, k);

        least = n[k] < n[least] ? k : least;
        most = n[k] > n[most] ? k : most;
        if (n[k] == 0)
            rc = find_empty(check, part, k, err);
        else if (n[k] < SMALL_CLASS)
            rc =
                add(check, err, TW_FINDING_SMALL_CLASS, NULL, "class %s: %lld picture%s in part %s",
                    name, (long long)n[k], n[k] == 1 ? "" : "s", tw_part_name(part));
    }
    if (!rc && n_classes > 0 && n[least] > 0 && n[most] > MOST_RATIO * n[least])
        rc = add(check, err, TW_FINDING_IMBALANCE, NULL,
                 "part %s: class %s has %lld pictures, class %s %lld", tw_part_name(part),
                 tw_dataset_class_name(data, most), (long long)n[most],
                 tw_dataset_class_name(data, least), (long long)n[least]);
    tw_free(n);
    return rc;
}

/* Errors first; otherwise the order stays. */
static void sort_findings(tw_check *check, tw_finding *scratch)
{
    int64_t n = 0;

    for (int wanted = 1; wanted >= 0; wanted--)
        for (int64_t i = 0; i < check->n_findings; i++)
            if (check->findings[i].is_error == wanted)
                scratch[n++] = check->findings[i];
    memcpy(check->findings, scratch, (size_t)n * sizeof *scratch);
}

tw_status tw_data__find(tw_check *check, tw_error *err)
{
    tw_finding *scratch;
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < check->n && !rc; i++)
        rc = find_odd(check, i, err);
    if (rc || (rc = find_alike(check, err)))
        return rc;
    for (int p = 0; p < TW_PART_ALL; p++)
        if ((rc = find_of_part(check, (tw_part)p, err)))
            return rc;
    if (check->n_findings == 0)
        return TW_OK;
    if (!(scratch = tw_malloc((size_t)check->n_findings * sizeof *scratch)))
        return tw_fail(err, TW_ENOMEM, "no memory for the findings");
    sort_findings(check, scratch);
    tw_free(scratch);
    return TW_OK;
}
