/*
 * Keras's initializers on counter-based random numbers: number i of a parameter is a function of
 * (seed, sample, i) alone, whichever thread makes it.
 *
 * Glorot, He and LeCun scale by the fans: U(-l, l) with l = sqrt(3 s / fan), or a normal cut off at
 * two standard deviations, whose sqrt(s / fan) is divided by .8796... so that what is left has that
 * deviation (keras/src/initializers/random_initializers.py, VarianceScaling).
 */
#include "base/parallel.h"
#include "base/rng.h"
#include "model/model.h"
#include "tensor/tensor.h"

#include <math.h>
#include <string.h>

/* Standard deviation of a standard normal cut off at +-2. */
#define CUT_DEVIATION 0.87962566103423978
#define CUT_AT 2.0f
/* Of Keras's RandomUniform and RandomNormal. */
#define PLAIN_SCALE 0.05

/* A value beyond the cut has a chance of 4.6 % each time: 64 in a row do not happen. */
enum { MAX_DRAWS = 64, PIECE = 1 << 16 /* numbers, a multiple of a block's four */ };

/* (R,S,C,K): R S C and R S K; (in,out): in and out; a vector: its length twice. */
static void find_fans(double *in, double *out, const tw_shape *shape)
{
    double field = 1;

    if (shape->rank < 2) {
        *in = *out = shape->rank ? (double)shape->dims[0] : 1;
        return;
    }
    for (int i = 0; i < shape->rank - 2; i++)
        field *= (double)shape->dims[i];
    *in = field * (double)shape->dims[shape->rank - 2];
    *out = field * (double)shape->dims[shape->rank - 1];
}

/* s / fan of the scaled initializers. */
static double variance_of(tw_initializer how, const tw_shape *shape)
{
    double in, out;

    find_fans(&in, &out, shape);
    switch (how) {
    case TW_GLOROT_UNIFORM:
    case TW_GLOROT_NORMAL:
        return 2 / (in + out);
    case TW_HE_UNIFORM:
    case TW_HE_NORMAL:
        return 2 / in;
    default:
        return 1 / in;
    }
}

/* One parameter to fill, in pieces that any thread may take. */
typedef struct filling {
    float *out;
    int64_t n;
    tw_initializer how;
    double scale; /* the limit of a uniform one, the deviation of a normal one */
    tw_rng_key key;
} filling;

static void fill_uniform(const filling *f, int64_t first, int64_t last)
{
    uint32_t words[4];

    for (int64_t i = first; i < last; i++) {
        if (i % 4 == 0)
            tw_rng_block(words, &f->key, (uint32_t)(i / 4));
        f->out[i] = (float)(f->scale * ((double)(words[i % 4] >> 8) * 0x1p-23 - 1));
    }
}

static void fill_normal(const filling *f, int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++)
        f->out[i] = (float)(f->scale * (double)tw_rng_normal(&f->key, (uint64_t)i));
}

/* Draw k of number i is normal number i + k n of the key: no other number's draw. */
static void fill_cut_normal(const filling *f, int64_t first, int64_t last)
{
    for (int64_t i = first; i < last; i++) {
        float z = 0;

        for (int64_t k = 0; k < MAX_DRAWS; k++) {
            z = tw_rng_normal(&f->key, (uint64_t)(i + k * f->n));
            if (fabsf(z) <= CUT_AT)
                break;
        }
        f->out[i] = (float)(f->scale * (double)z);
    }
}

static void fill_piece(void *ctx, int64_t item, int worker)
{
    const filling *f = ctx;
    const int64_t first = item * PIECE, last = f->n - first < PIECE ? f->n : first + PIECE;

    (void)worker;
    switch (f->how) {
    case TW_GLOROT_UNIFORM:
    case TW_HE_UNIFORM:
    case TW_LECUN_UNIFORM:
    case TW_UNIFORM:
        fill_uniform(f, first, last);
        break;
    case TW_GLOROT_NORMAL:
    case TW_HE_NORMAL:
    case TW_LECUN_NORMAL:
        fill_cut_normal(f, first, last);
        break;
    case TW_NORMAL:
        fill_normal(f, first, last);
        break;
    default:
        memset(f->out + first, 0, (size_t)(last - first) * sizeof *f->out);
        break;
    }
}

static double find_scale(tw_initializer how, const tw_shape *shape)
{
    switch (how) {
    case TW_GLOROT_UNIFORM:
    case TW_HE_UNIFORM:
    case TW_LECUN_UNIFORM:
        return sqrt(3 * variance_of(how, shape));
    case TW_GLOROT_NORMAL:
    case TW_HE_NORMAL:
    case TW_LECUN_NORMAL:
        return sqrt(variance_of(how, shape)) / CUT_DEVIATION;
    default:
        return PLAIN_SCALE;
    }
}

void tw_init_fill(float *out, const tw_shape *shape, tw_initializer how, uint64_t seed,
                  uint64_t sample, int n_threads)
{
    filling f = {.out = out,
                 .n = tw_shape_size(shape),
                 .how = how,
                 .scale = find_scale(how, shape),
                 .key = tw_rng_make_key(seed, TW_RNG_INIT, 0, sample)};

    tw_parallel(n_threads, (f.n + PIECE - 1) / PIECE, fill_piece, &f);
}
