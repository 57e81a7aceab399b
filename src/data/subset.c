/*
 * Some samples of a dataset as a dataset of its own: it owns the whole one and passes everything
 * on.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/data_int.h"

#include <string.h>

typedef struct subset {
    tw_dataset *whole;
    int64_t *samples; /* (count) */
} subset;

static tw_status read_sample(tw_picture *out, const tw_dataset *dataset, int64_t i,
                             const tw_contract *contract, tw_error *err)
{
    const subset *s = dataset->own;

    return tw_dataset_read_for(out, s->whole, s->samples[i], contract, err);
}

static tw_status sample_key(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    const subset *s = dataset->own;

    return tw_dataset_key(out, s->whole, s->samples[i], err);
}

static const char *sample_name(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size)
{
    const subset *s = dataset->own;

    return tw_dataset_name(s->whole, s->samples[i], buf, buf_size);
}

static void close_subset(tw_dataset *dataset)
{
    subset *s = dataset->own;

    tw_dataset_free(s->whole);
    tw_free(s->samples);
    tw_free(s);
}

static tw_status sample_path(char **out, const tw_dataset *dataset, int64_t i, tw_error *err)
{
    const subset *s = dataset->own;

    return tw_data__file_path(out, s->whole, s->samples[i], err);
}

static tw_status leave_out(tw_dataset *dataset, const bool *goes, tw_error *err)
{
    subset *s = dataset->own;
    int64_t kept = 0;

    (void)err;
    for (int64_t i = 0; i < dataset->count; i++) {
        if (goes[i])
            continue;
        dataset->labels[kept] = dataset->labels[i];
        s->samples[kept++] = s->samples[i];
    }
    dataset->count = kept;
    return TW_OK;
}

static const tw_data__kind subset_kind = {
    .read = read_sample, .key = sample_key, .name = sample_name, .close = close_subset};

static const tw_data__kind subset_of_files = {.read = read_sample,
                                              .key = sample_key,
                                              .name = sample_name,
                                              .close = close_subset,
                                              .file_path = sample_path,
                                              .leave_out = leave_out};

/* Labels, class names and the sentence of the whole. */
static bool copy_rest(tw_dataset *out, const tw_dataset *whole, const int64_t *samples)
{
    out->labels = tw_malloc((size_t)out->count * sizeof *out->labels);
    out->classes = tw_calloc((size_t)whole->n_classes, sizeof *out->classes);
    out->about = tw_strdup(whole->about);
    if (!out->labels || !out->classes || !out->about)
        return false;
    for (int64_t i = 0; i < out->count; i++)
        out->labels[i] = whole->labels[samples[i]];
    for (; out->n_classes < whole->n_classes; out->n_classes++)
        if (!(out->classes[out->n_classes] = tw_strdup(whole->classes[out->n_classes])))
            return false;
    return true;
}

tw_status tw_dataset_take_subset(tw_dataset **out, tw_dataset *whole, const int64_t *samples,
                                 int64_t n, tw_error *err)
{
    tw_dataset *dataset = tw_calloc(1, sizeof *dataset);
    subset *own = tw_calloc(1, sizeof *own);

    *out = NULL;
    if (!dataset || !own || !(own->samples = tw_malloc((size_t)n * sizeof *own->samples))) {
        tw_free(own);
        tw_free(dataset);
        tw_dataset_free(whole);
        return tw_fail(err, TW_ENOMEM, "no memory for %lld samples", (long long)n);
    }
    memcpy(own->samples, samples, (size_t)n * sizeof *samples);
    own->whole = whole; /* ownership moved */
    dataset->kind = tw_data__has_files(whole) ? &subset_of_files : &subset_kind;
    dataset->own = own;
    dataset->count = n;
    dataset->colour = whole->colour;
    if (!copy_rest(dataset, whole, samples)) {
        tw_dataset_free(dataset);
        return tw_fail(err, TW_ENOMEM, "no memory for %lld samples", (long long)n);
    }
    *out = dataset;
    return TW_OK;
}
