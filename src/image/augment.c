/*
 * The --aug language: "light, flip 0" or "flip, crop 0.6-1, rotate 10, jitter 0.2, erase 0.1".
 *
 *     spec  = [ NAME "," ] item { "," item }        NAME is a row of TW_AUGMENT_LIST
 *     item  = "flip" [P] | "vflip" [P] | "crop" LEAST[-MOST] | "ratio" LEAST-MOST | "rotate"
 * DEGREES | "scale" LEAST-MOST | "translate" SHARE | "jitter" F | "erase" P | ("brightness" |
 * "contrast" | "saturation" | "hue") F
 *
 * One row of `items` is one of them; of several of a kind the last holds. Refusals quote the item.
 */
#include "base/fail.h"
#include "base/text.h"
#include "image/image_int.h"

#include <stdio.h>
#include <string.h>

enum { ITEM_SIZE = 64, SHARE_DIGITS = 15 };

static const struct {
    const char *name, *items;
} rows[] = {
#define ROW(name, items) {name, items},
    TW_AUGMENT_LIST(ROW)
#undef ROW
};
enum { N_ROWS = sizeof rows / sizeof *rows };

#define USUAL_RATIO_LEAST (3.0 / 4.0) /* of torchvision's RandomResizedCrop */
#define USUAL_RATIO_MOST (4.0 / 3.0)

/* One kind of item: what it sets, from `least` to `most`; as a range where it has two ends. */
typedef struct kind {
    const char *name;
    double least, most;
    bool is_range;
    double usual; /* the value of the item alone, 0: none */
    size_t at, at_most;
    const char *takes;
} kind;

#define AT(field) offsetof(tw_augment, field)
static const kind kinds[] = {
    {"flip", 0, 1, false, 0.5, AT(flip), 0, "a probability"},
    {"vflip", 0, 1, false, 0.5, AT(vflip), 0, "a probability"},
    {"crop", 0.01, 1, true, 0, AT(crop_least), AT(crop_most),
     "the share of the picture that is kept, such as 0.6-1"},
    {"ratio", 0.1, 10, true, 0, AT(ratio_least), AT(ratio_most), "a range from 0.1-10"},
    {"rotate", 0, 180, false, 0, AT(rotate), 0, "degrees, at most 180"},
    {"translate", 0, 1, false, 0, AT(translate), 0, "a share of the side"},
    {"scale", 0.1, 10, true, 0, AT(scale_least), AT(scale_most), "a range from 0.1-10"},
    {"brightness", 0, 1, false, 0, AT(jitter[TW_JITTER_BRIGHTNESS]), 0, "a number from 0 to 1"},
    {"contrast", 0, 1, false, 0, AT(jitter[TW_JITTER_CONTRAST]), 0, "a number from 0 to 1"},
    {"saturation", 0, 1, false, 0, AT(jitter[TW_JITTER_SATURATION]), 0, "a number from 0 to 1"},
    {"hue", 0, 0.5, false, 0, AT(jitter[TW_JITTER_HUE]), 0, "a number from 0 to 0.5"},
    {"erase", 0, 1, false, 0, AT(erase), 0, "a probability"},
};
#undef AT
enum { N_KINDS = sizeof kinds / sizeof *kinds };

/* brightness, contrast and saturation at once */
static const char jitter[] = "jitter";

static double *field(tw_augment *augment, size_t at)
{
    return (double *)(void *)((char *)augment + at);
}

static double get(const tw_augment *augment, size_t at)
{
    return *(const double *)(const void *)((const char *)augment + at);
}

/* ---- reading */

/* "0.6-1" as two numbers, "0.6" as one, twice. */
static bool parse_range(double *least, double *most, bool *has_both, const char *text)
{
    char first[ITEM_SIZE];
    const char *dash = strchr(text, '-');

    *has_both = dash != NULL;
    snprintf(first, sizeof first, "%.*s", dash ? (int)(dash - text) : ITEM_SIZE - 1, text);
    if (!tw_parse_f64(least, first))
        return false;
    *most = *least;
    return !dash || tw_parse_f64(most, dash + 1);
}

static bool take_value(tw_augment *out, const kind *k, const char *value)
{
    double least = k->usual, most = k->usual;
    bool has_both = false;

    if (*value ? !parse_range(&least, &most, &has_both, value) : !(k->usual > 0.0))
        return false;
    if (has_both != k->is_range) {
        if (has_both || strcmp(k->name, "crop") != 0)
            return false;
        most = k->most; /* "crop 0.6" */
    }
    if (!(least >= k->least && least <= most && most <= k->most))
        return false;
    *field(out, k->at) = least;
    if (k->is_range)
        *field(out, k->at_most) = most;
    return true;
}

static tw_status fail_word(const char *item, const char *word, tw_error *err)
{
    const char *names[N_KINDS + N_ROWS + 1], *nearest;
    size_t n = 0;

    for (size_t i = 0; i < N_KINDS; i++)
        names[n++] = kinds[i].name;
    for (size_t i = 0; i < N_ROWS; i++)
        names[n++] = rows[i].name;
    names[n++] = jitter;
    if ((nearest = tw_nearest_name(word, names, n)))
        return tw_fail(err, TW_EUSAGE, "aug: item \"%s\": unknown word \"%s\", did you mean \"%s\"",
                       item, word, nearest);
    return tw_fail(
        err, TW_EUSAGE,
        "aug: item \"%s\" is none of flip, vflip, crop, ratio, rotate, translate, scale, "
        "jitter, brightness, contrast, saturation, hue, erase",
        item);
}

static tw_status take_kind(tw_augment *out, const char *item, const char *name, const char *value,
                           tw_error *err)
{
    for (size_t i = 0; i < N_KINDS; i++) {
        if (strcmp(kinds[i].name, name) != 0)
            continue;
        if (take_value(out, &kinds[i], value))
            return TW_OK;
        return tw_fail(err, TW_EUSAGE, "aug: item \"%s\": %s takes %s", item, name, kinds[i].takes);
    }
    return fail_word(item, name, err);
}

static tw_status take_items(tw_augment *out, const char *spec, bool is_first, tw_error *err);

static tw_status take_item(tw_augment *out, const char *item, bool is_first, tw_error *err)
{
    char name[ITEM_SIZE];
    const size_t n = strcspn(item, " ");
    const char *value = item + n + strspn(item + n, " ");
    tw_status rc;

    if (!*item)
        return tw_fail(err, TW_EUSAGE, "aug: an item is empty");
    snprintf(name, sizeof name, "%.*s", (int)n, item);
    for (size_t i = 0; i < N_ROWS; i++) {
        if (strcmp(rows[i].name, name) != 0)
            continue;
        if (!is_first || *value)
            return tw_fail(err, TW_EUSAGE, "aug: item \"%s\": %s stands first, and by itself", item,
                           name);
        return take_items(out, rows[i].items, false, err);
    }
    if (strcmp(name, jitter) != 0)
        return take_kind(out, item, name, value, err);
    for (int i = 0; i < TW_JITTER_HUE; i++) {
        static const char *const names[] = {"brightness", "contrast", "saturation"};

        if ((rc = take_kind(out, item, names[i], value, err)))
            return rc;
    }
    return TW_OK;
}

static tw_status take_items(tw_augment *out, const char *spec, bool is_first, tw_error *err)
{
    tw_status rc = TW_OK;

    if (!spec[strspn(spec, " ")])
        return TW_OK;
    for (;; is_first = false) {
        const char *end = spec + strcspn(spec, ",");
        char item[ITEM_SIZE];
        size_t n;

        spec += strspn(spec, " ");
        n = (size_t)(end > spec ? end - spec : 0);
        while (n > 0 && spec[n - 1] == ' ')
            n--;
        if (n >= sizeof item)
            return tw_fail(err, TW_EUSAGE, "aug: item \"%.40s...\" is too long", spec);
        memcpy(item, spec, n);
        item[n] = '\0';
        if ((rc = take_item(out, item, is_first, err)) || !*end)
            return rc;
        spec = end + 1;
    }
}

tw_status tw_augment_parse(tw_augment *out, const char *spec, tw_error *err)
{
    *out = (tw_augment){.ratio_least = USUAL_RATIO_LEAST, .ratio_most = USUAL_RATIO_MOST};
    return take_items(out, spec, true, err);
}

/* ---- writing */

/* Whether an item changes something: a ratio only beside a crop, and where it is not the usual one.
 */
static bool is_told(const tw_augment *augment, const kind *k)
{
    if (strcmp(k->name, "ratio") != 0)
        return get(augment, k->at) > 0.0;
    return augment->crop_least > 0.0 &&
           (augment->ratio_least != USUAL_RATIO_LEAST || augment->ratio_most != USUAL_RATIO_MOST);
}

char *tw_augment_text(char *buf, size_t buf_size, const tw_augment *augment)
{
    size_t used = 0;

    buf[0] = '\0';
    for (size_t i = 0; i < N_KINDS && used < buf_size; i++) {
        const kind *k = &kinds[i];

        if (!is_told(augment, k))
            continue;
        used += (size_t)snprintf(buf + used, buf_size - used, "%s%s %.*g", used ? ", " : "",
                                 k->name, SHARE_DIGITS, get(augment, k->at));
        if (k->is_range && used < buf_size)
            used += (size_t)snprintf(buf + used, buf_size - used, "-%.*g", SHARE_DIGITS,
                                     get(augment, k->at_most));
    }
    return buf;
}

int tw_augment_is_none(const tw_augment *augment)
{
    char text[TW_AUGMENT_TEXT];

    return tw_augment_text(text, sizeof text, augment)[0] == '\0';
}
