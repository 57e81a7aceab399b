/*
 * Thumbnails: the pictures that the page shows, found in the data by name, made small and encoded
 * as PNG in base64. Small pictures stay as they are, a browser enlarges their pixels. A picture
 * that cannot be had is left out and the first reason is kept: the report does not depend on the
 * data still being there.
 */
#include "report/report_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "image/image.h"

#include <tw/data.h>

#include <stdlib.h>
#include <string.h>

enum { MOST_SIDE = 128, MOST_SHOWN = TW_REPORT_SAMPLES + TW_REPORT_MISTAKES };

char *tw_report__base64(const uint8_t *bytes, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char *text = tw_malloc((n + 2) / 3 * 4 + 1), *p = text;

    if (!text)
        return NULL;
    for (size_t i = 0; i < n; i += 3) {
        uint32_t bits = (uint32_t)bytes[i] << 16;

        if (i + 1 < n)
            bits |= (uint32_t)bytes[i + 1] << 8;
        if (i + 2 < n)
            bits |= bytes[i + 2];
        *p++ = letters[bits >> 18];
        *p++ = letters[bits >> 12 & 63];
        *p++ = (char)(i + 1 < n ? letters[bits >> 6 & 63] : '=');
        *p++ = (char)(i + 2 < n ? letters[bits & 63] : '=');
    }
    *p = '\0';
    return text;
}

/* Mean of the pixels that fall on output pixel (y,x), channel c. */
static uint8_t mean_of(const tw_picture *in, const tw_picture *out, int y, int x, int c)
{
    int64_t top = (int64_t)y * in->height / out->height;
    int64_t bottom = ((int64_t)y + 1) * in->height / out->height;
    int64_t left = (int64_t)x * in->width / out->width;
    int64_t right = ((int64_t)x + 1) * in->width / out->width;
    uint64_t sum = 0, n = (uint64_t)((bottom - top) * (right - left));

    for (int64_t i = top; i < bottom; i++)
        for (int64_t j = left; j < right; j++)
            sum += in->pixels[(i * in->width + j) * in->channels + c];
    return (uint8_t)((sum + n / 2) / n);
}

/* The longer side at most MOST_SIDE; the picture keeps its form. */
static tw_status shrink(tw_picture *out, const tw_picture *in, tw_error *err)
{
    tw_status rc;
    int longer = in->height > in->width ? in->height : in->width;
    int height = in->height, width = in->width;
    uint8_t *p;

    if (longer > MOST_SIDE) {
        height = (int)((int64_t)in->height * MOST_SIDE / longer);
        width = (int)((int64_t)in->width * MOST_SIDE / longer);
    }
    if ((rc = tw_picture_create(out, height > 0 ? height : 1, width > 0 ? width : 1, in->channels,
                                err)))
        return rc;
    p = out->pixels;
    for (int y = 0; y < out->height; y++)
        for (int x = 0; x < out->width; x++)
            for (int c = 0; c < out->channels; c++)
                *p++ = mean_of(in, out, y, x, c);
    return TW_OK;
}

static tw_status encode(tw_shown *shown, const tw_picture *picture, tw_error *err)
{
    tw_status rc;
    tw_picture small = {0};
    void *png = NULL;
    size_t n;

    if ((rc = shrink(&small, picture, err)) || (rc = tw_picture_encode_png(&png, &n, &small, err)))
        goto done;
    if (!(shown->png = tw_report__base64(png, n)))
        rc = tw_fail(err, TW_ENOMEM, "no memory for a picture of the report");
    shown->width = small.width;
    shown->height = small.height;
done:
    tw_free(png);
    tw_picture_free(&small);
    return rc;
}

/* ---- finding */

/* Lists what is wanted, in the order of the names. */
static int compare_names(const void *a, const void *b)
{
    return strcmp((*(tw_shown *const *)a)->name, (*(tw_shown *const *)b)->name);
}

static int list_wanted(tw_shown **wanted, tw_answers *answers)
{
    int n = 0;

    for (int i = 0; i < answers->n_samples; i++)
        wanted[n++] = &answers->samples[i];
    for (int i = 0; i < answers->n_shown_mistakes; i++)
        wanted[n++] = &answers->mistakes[i];
    qsort(wanted, (size_t)n, sizeof *wanted, compare_names);
    return n;
}

/* The first of the wanted ones with this name, n when there is none. */
static int find_wanted(tw_shown *const *wanted, int n, const char *name)
{
    int low = 0, high = n;

    while (low < high) {
        int middle = (low + high) / 2;

        if (strcmp(wanted[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && !strcmp(wanted[low]->name, name) ? low : n;
}

static tw_status read_picture(tw_shown *shown, const tw_dataset *data, int64_t i,
                              const tw_evaluation *evaluation, tw_error *err)
{
    tw_status rc;
    tw_picture picture = {0};
    const char *label = tw_dataset_class_name(data, tw_dataset_label(data, i));

    if (strcmp(label, evaluation->names[shown->row.label]) != 0)
        return tw_fail(err, TW_EFILE,
                       "%s is of class %s there, not %s: not the pictures of the run", shown->name,
                       label, evaluation->names[shown->row.label]);
    if (!(rc = tw_dataset_read(&picture, data, i, err)))
        rc = encode(shown, &picture, err);
    tw_picture_free(&picture);
    return rc;
}

/* Goes on after a picture that cannot be read; returns the first failure. */
static tw_status read_wanted(tw_shown **wanted, int n, const tw_dataset *data,
                             const tw_evaluation *evaluation, tw_error *first)
{
    char buf[32];
    int n_left = n;

    for (int64_t i = 0; i < tw_dataset_count(data) && n_left > 0; i++) {
        const char *name = tw_dataset_name(data, i, buf, sizeof buf);

        for (int k = find_wanted(wanted, n, name); k < n && !strcmp(wanted[k]->name, name); k++) {
            tw_error err = {TW_OK, ""};

            n_left--;
            if (read_picture(wanted[k], data, i, evaluation, &err) && !first->code)
                *first = err;
            if (first->code == TW_ENOMEM)
                return TW_ENOMEM;
        }
    }
    for (int k = 0; k < n && !first->code; k++)
        if (!wanted[k]->png)
            return tw_fail(first, TW_EFILE, "%s is not there", wanted[k]->name);
    return first->code;
}

tw_status tw_report__pictures_read(tw_answers *answers, char **why, const char *path, tw_error *err)
{
    tw_status rc;
    tw_shown *wanted[MOST_SHOWN];
    tw_dataset *data = NULL;
    tw_error first = {TW_OK, ""};
    int n = list_wanted(wanted, answers);

    *why = NULL;
    if (n == 0)
        return TW_OK;
    if (!(rc = tw_dataset_open(&data, path, TW_PART_ALL, 0, &first)))
        rc = read_wanted(wanted, n, data, &answers->evaluation, &first);
    tw_dataset_free(data);
    if (rc == TW_OK)
        return TW_OK;
    if (rc == TW_ENOMEM || !(*why = tw_strdup(first.text)))
        return tw_fail(err, TW_ENOMEM, "no memory for the pictures of the report");
    return TW_OK;
}
