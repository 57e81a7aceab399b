/*
 * The built-in data: "digits" are 2,000 training pictures, "digits:N" are N, and with them a
 * quarter as many test pictures, at least 500. Nothing is stored: a picture is drawn when it is
 * read (digit_ink.c), and picture i of a part is the same whatever N is.
 *
 * A file or folder of that name comes first; "./digits" is never the built-in data.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/data_int.h"
#include "data/digit.h"
#include "image/image.h"

#include <stdio.h>
#include <string.h>

enum { N_TRAIN = 2000, MIN_TEST = 500, MIN_N = 10, MAX_N = 10000000 };

static const char family[] = "digits";

/* Of each part the dataset has its first pictures; train comes before test. */
typedef struct digits {
    int64_t n_train, n_test;
} digits;

/* ---- the name */

bool tw_data__is_built_in(const char *path)
{
    const size_t n = sizeof family - 1;

    return strncmp(path, family, n) == 0 && (path[n] == '\0' || path[n] == ':');
}

static tw_status parse_name(int64_t *n_train, const char *path, tw_error *err)
{
    const char *number = strchr(path, ':');

    *n_train = N_TRAIN;
    if (!number)
        return TW_OK;
    if (!tw_parse_i64(n_train, number + 1))
        return tw_fail(err, TW_EUSAGE, "%s: expected digits or digits:N with a number of pictures",
                       path);
    if (*n_train < MIN_N || *n_train > MAX_N)
        return tw_fail(err, TW_EUSAGE, "%s: %lld pictures asked for, 10 to 10,000,000 can be made",
                       path, (long long)*n_train);
    return TW_OK;
}

static tw_status has_part_digits(bool *out, const char *path, tw_part part, tw_error *err)
{
    int64_t n_train;

    *out = part != TW_PART_VAL;
    return parse_name(&n_train, path, err);
}

/* ---- opening */

/* Sizes of both parts and, after them, of what the limit leaves; returns how many there were. */
static int64_t count_pictures(tw_dataset *dataset, const tw_data__wish *wish, int64_t n_train)
{
    digits *own = dataset->own;
    const int64_t n_test = n_train / 4 > MIN_TEST ? n_train / 4 : MIN_TEST;
    const int64_t limit = wish->limit > 0 ? wish->limit : INT64_MAX;
    int64_t n_all;

    own->n_train = wish->part == TW_PART_TEST ? 0 : n_train;
    own->n_test = wish->part == TW_PART_TRAIN ? 0 : n_test;
    n_all = own->n_train + own->n_test;
    own->n_train = own->n_train < limit ? own->n_train : limit;
    dataset->count = n_all < limit ? n_all : limit;
    own->n_test = dataset->count - own->n_train;
    return n_all;
}

/* The part of sample i; *index is its place there. */
static tw_part locate(int64_t *index, const tw_dataset *dataset, int64_t i)
{
    const digits *own = dataset->own;

    *index = i < own->n_train ? i : i - own->n_train;
    return i < own->n_train ? TW_PART_TRAIN : TW_PART_TEST;
}

static int label_of(const tw_dataset *dataset, int64_t i)
{
    int64_t index;
    const tw_part part = locate(&index, dataset, i);

    return tw_data__digit_label((int)part, index);
}

static tw_status fill_labels(tw_dataset *dataset, bool known, tw_error *err)
{
    if (!(dataset->labels = tw_malloc((size_t)dataset->count * sizeof *dataset->labels)))
        return tw_fail(err, TW_ENOMEM, "no memory for %lld labels", (long long)dataset->count);
    for (int64_t i = 0; i < dataset->count; i++)
        dataset->labels[i] = known ? label_of(dataset, i) : -1;
    return TW_OK;
}

static tw_status name_classes(tw_dataset *dataset, tw_error *err)
{
    const int n = TW_DATA__DIGIT_CLASSES;

    if (!(dataset->classes = tw_calloc((size_t)n, sizeof *dataset->classes)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    for (; dataset->n_classes < n; dataset->n_classes++) {
        const char name[] = {(char)('0' + dataset->n_classes), '\0'};

        if (!(dataset->classes[dataset->n_classes] = tw_strdup(name)))
            return tw_fail(err, TW_ENOMEM, "no memory for %d class names", n);
    }
    return TW_OK;
}

static tw_status describe(tw_dataset *dataset, int64_t n_all, tw_error *err)
{
    char count[80];
    tw_text text = {0};

    tw_text_add(&text, "built-in digits, %s %dx%d grey",
                tw_data__count_text(count, sizeof count, dataset->count, n_all),
                TW_DATA__DIGIT_SIDE, TW_DATA__DIGIT_SIDE);
    if (dataset->n_classes > 0) {
        tw_text_add(&text, ", %d classes", dataset->n_classes);
        tw_data__name_empty_classes(&text, dataset);
    }
    dataset->about = text.text;
    return text.failed ? tw_fail(err, TW_ENOMEM, "no memory to describe the data") : TW_OK;
}

static tw_status open_digits(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err)
{
    int64_t n_train, n_all;
    tw_status rc;

    if (!(dataset->own = tw_calloc(1, sizeof(digits))))
        return tw_fail(err, TW_ENOMEM, "%s: no memory to open it", wish->path);
    if ((rc = parse_name(&n_train, wish->path, err)))
        return rc;
    n_all = count_pictures(dataset, wish, n_train);
    dataset->colour = TW_COLOUR_GREY;
    if ((rc = fill_labels(dataset, wish->labels, err)) ||
        (wish->labels && (rc = name_classes(dataset, err))))
        return rc;
    return describe(dataset, n_all, err);
}

static void close_digits(tw_dataset *dataset)
{
    tw_free(dataset->own);
}

/* ---- one picture */

static void draw(uint8_t *pixels, const tw_dataset *dataset, int64_t i)
{
    int64_t index;
    const tw_part part = locate(&index, dataset, i);

    tw_data__digit_draw(pixels, tw_data__digit_label((int)part, index), (int)part, index);
}

/* A square is admitted by every contract. */
static tw_status read_digit(tw_picture *out, const tw_dataset *dataset, int64_t i,
                            const tw_contract *contract, tw_error *err)
{
    const tw_status rc = tw_picture_create(out, TW_DATA__DIGIT_SIDE, TW_DATA__DIGIT_SIDE, 1, err);

    (void)contract;
    if (!rc)
        draw(out->pixels, dataset, i);
    return rc;
}

/* As of a record of an IDX file: height, width and channels, little-endian, and the pixels. */
static tw_status key_digit(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    enum { HEAD = 12 };
    uint8_t bytes[HEAD + TW_DATA__DIGIT_PIXELS] = {
        TW_DATA__DIGIT_SIDE, 0, 0, 0, TW_DATA__DIGIT_SIDE, 0, 0, 0, 1};

    (void)err;
    draw(bytes + HEAD, dataset, i);
    *out = tw_hash128_of(bytes, sizeof bytes, 0);
    return TW_OK;
}

static const char *name_digit(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    int64_t index;
    const tw_part part = locate(&index, dataset, i);

    snprintf(buf, buf_size, "%s:%lld", tw_part_name(part), (long long)index);
    return buf;
}

const tw_data__kind tw_data__digits = {.has_part = has_part_digits,
                                       .open = open_digits,
                                       .read = read_digit,
                                       .key = key_digit,
                                       .name = name_digit,
                                       .close = close_digits};
