/*
 * Soft targets: mixup (Zhang et al. 2018), cutmix (Yun et al. 2019) and label smoothing, on the
 * rows of a batch as they stand at the freeze boundary. Each row gets a partner of its batch:
 *
 *     mixup     row = share * row + (1 - share) * partner
 *     cutmix    a rectangle of the partner's places (H,W) takes the row's; share is what is left
 *     target    share * own class + (1 - share) * partner's, then t (1 - s) + s / L
 *
 * share is the larger of lambda and 1 - lambda, lambda from Beta(a, a), one for all rows of a step,
 * so a row's own class has the larger part; with both, a step takes either by an even chance. All
 * is drawn from (seed, epoch, step).
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "base/rng.h"

#include <math.h>
#include <string.h>

/* Where in the numbers of a step what begins; the partners have the first ones. */
enum { NUMBER_LAMBDA = 1, NUMBER_CHOICE = 2 << 20, NUMBER_Y, NUMBER_X };

static double option_or_0(const tw_config *config, tw_option option)
{
    return tw_train__text(config, option) ? tw_train__f64(config, option) : 0.0;
}

void tw_train__mixer_init(tw_mixer *out, const tw_training *training)
{
    const tw_shape *shape = &training->suffix->nodes[0].out;

    *out = (tw_mixer){.mixup = option_or_0(training->config, TW_OPTION_MIXUP),
                      .cutmix = option_or_0(training->config, TW_OPTION_CUTMIX),
                      .smoothing = option_or_0(training->config, TW_OPTION_LABEL_SMOOTHING),
                      .n_classes = tw_dataset_class_count(training->data),
                      .height = shape->dims[0],
                      .width = 1,
                      .channels = 1};
    if (shape->rank == 3) {
        out->width = shape->dims[1];
        out->channels = shape->dims[2];
    }
}

static bool mixes(const tw_mixer *mixer)
{
    return mixer->mixup > 0.0 || mixer->cutmix > 0.0;
}

bool tw_train__mixer_is_off(const tw_mixer *mixer)
{
    return !mixes(mixer) && !(mixer->smoothing > 0.0);
}

tw_status tw_train__mixer_check(const tw_training *training, tw_error *err)
{
    const tw_node *input = &training->suffix->nodes[0];
    tw_mixer mixer;

    tw_train__mixer_init(&mixer, training);
    if (mixer.cutmix > 0.0 && input->out.rank != 3)
        return tw_fail(err, TW_EUSAGE,
                       "option cutmix: what comes out of %s has no height and width to cut from; "
                       "mixup takes it",
                       training->graph->nodes[training->boundary].name);
    return TW_OK;
}

int64_t tw_train__mixer_bytes(const tw_mixer *mixer, int64_t batch)
{
    const int64_t row = mixer->height * mixer->width * mixer->channels;
    int64_t n =
        mixes(mixer) ? batch * (row * (int64_t)sizeof(float) + (int64_t)sizeof(int64_t)) : 0;

    if (!tw_train__mixer_is_off(mixer))
        n += batch * mixer->n_classes * (int64_t)sizeof(float);
    return n;
}

tw_status tw_train__mixer_create(tw_mixer *out, const tw_training *training, int64_t batch,
                                 tw_error *err)
{
    bool ok = true;

    tw_train__mixer_init(out, training);
    if (!tw_train__mixer_is_off(out))
        ok &= (out->targets = tw_alloc_f32(batch * out->n_classes)) != NULL;
    if (mixes(out)) {
        ok &= (out->rows = tw_alloc_f32(batch * out->height * out->width * out->channels)) != NULL;
        ok &= (out->partners = tw_calloc((size_t)batch, sizeof *out->partners)) != NULL;
    }
    return ok ? TW_OK
              : tw_fail(err, TW_ENOMEM, "no memory to mix a batch of %lld rows", (long long)batch);
}

void tw_train__mixer_free(tw_mixer *mixer)
{
    tw_free(mixer->rows);
    tw_free(mixer->targets);
    tw_free(mixer->partners);
    *mixer = (tw_mixer){0};
}

/* ---- rows */

/* A row and its partner by their shares. */
static void mix_rows(tw_mixer *mixer, const float *rows, int64_t n)
{
    const int64_t size = mixer->height * mixer->width * mixer->channels;
    const float share = (float)mixer->share, rest = (float)(1.0 - mixer->share);

    for (int64_t i = 0; i < n; i++) {
        const float *own = rows + i * size, *other = rows + mixer->partners[i] * size;
        float *out = mixer->rows + i * size;

        for (int64_t k = 0; k < size; k++)
            out[k] = share * own[k] + rest * other[k];
    }
}

typedef struct box {
    int64_t y, x, height, width;
} box;

/* A rectangle of the row's shape that lies inside and is as near to 1 - share of it as its places
 * allow; share becomes what it leaves. */
static box draw_box(tw_mixer *mixer, const tw_rng_key *key)
{
    const double side = sqrt(1.0 - mixer->share);
    box b = {.height = llrint((double)mixer->height * side),
             .width = llrint((double)mixer->width * side)};

    b.y = (int64_t)((double)tw_rng_uniform(key, NUMBER_Y) * (double)(mixer->height - b.height + 1));
    b.x = (int64_t)((double)tw_rng_uniform(key, NUMBER_X) * (double)(mixer->width - b.width + 1));
    mixer->share =
        1.0 - (double)(b.height * b.width) / ((double)mixer->height * (double)mixer->width);
    return b;
}

static void cut_rows(tw_mixer *mixer, const float *rows, int64_t n, const box *b)
{
    const int64_t line = mixer->width * mixer->channels, size = mixer->height * line;

    memcpy(mixer->rows, rows, (size_t)(n * size) * sizeof *rows);
    for (int64_t i = 0; i < n; i++)
        for (int64_t y = b->y; y < b->y + b->height; y++) {
            const int64_t at = y * line + b->x * mixer->channels;

            memcpy(mixer->rows + i * size + at, rows + mixer->partners[i] * size + at,
                   (size_t)(b->width * mixer->channels) * sizeof *rows);
        }
}

/* ---- targets */

static void make_targets(tw_mixer *mixer, const int *labels, int64_t n)
{
    const int l = mixer->n_classes;
    const double even = mixer->smoothing / l, rest = 1.0 - mixer->smoothing;

    for (int64_t i = 0; i < n; i++) {
        const int other = labels[mixer->partners ? mixer->partners[i] : i];

        for (int k = 0; k < l; k++) {
            const double t = (k == labels[i]) * mixer->share + (k == other) * (1.0 - mixer->share);
            mixer->targets[i * l + k] = (float)(t * rest + even);
        }
    }
}

const float *tw_train__mix(tw_mixer *mixer, const float *rows, const int *labels, int64_t n,
                           const tw_rng_key *key)
{
    mixer->share = 1.0;
    if (tw_train__mixer_is_off(mixer))
        return rows;
    if (mixes(mixer)) {
        const bool cuts = mixer->cutmix > 0.0 &&
                          (mixer->mixup <= 0.0 || tw_rng_uniform(key, NUMBER_CHOICE) < 0.5f);
        const double lambda = tw_rng_beta(key, NUMBER_LAMBDA, cuts ? mixer->cutmix : mixer->mixup);

        mixer->share = fmax(lambda, 1.0 - lambda);
        tw_rng_permutation(mixer->partners, n, key);
        if (cuts) {
            const box b = draw_box(mixer, key);
            cut_rows(mixer, rows, n, &b);
        } else {
            mix_rows(mixer, rows, n);
        }
        rows = mixer->rows;
    }
    make_targets(mixer, labels, n);
    return rows;
}

float tw_train__mix_weight(const tw_mixer *mixer, const float *class_weights, const int *labels,
                           int64_t i)
{
    const int other = labels[mixer->partners ? mixer->partners[i] : i];

    return (float)(mixer->share * (double)class_weights[labels[i]] +
                   (1.0 - mixer->share) * (double)class_weights[other]);
}
