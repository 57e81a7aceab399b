/*
 * Philox4x32-10; see rng.h. Constants and rounds are those of Salmon, Moraes, Dror, Shaw: Parallel
 * random numbers: as easy as 1, 2, 3 (SC 2011), checked against the known answers of Random123.
 */
#include "base/rng.h"

#include <math.h>

static void philox_round(uint32_t c[4], const uint32_t k[2])
{
    uint64_t a = (uint64_t)0xD2511F53u * c[0];
    uint64_t b = (uint64_t)0xCD9E8D57u * c[2];
    uint32_t c1 = c[1], c3 = c[3];

    c[0] = (uint32_t)(b >> 32) ^ c1 ^ k[0];
    c[1] = (uint32_t)b;
    c[2] = (uint32_t)(a >> 32) ^ c3 ^ k[1];
    c[3] = (uint32_t)a;
}

tw_rng_key tw_rng_make_key(uint64_t seed, tw_rng_purpose purpose, uint32_t epoch, uint64_t sample)
{
    tw_rng_key key = {
        {(uint32_t)seed, (uint32_t)(seed >> 32)},
        {((uint32_t)purpose << 24) ^ epoch, (uint32_t)sample, (uint32_t)(sample >> 32)}};

    return key;
}

void tw_rng_block(uint32_t out[4], const tw_rng_key *key, uint32_t index)
{
    uint32_t k[2] = {key->key[0], key->key[1]};

    out[0] = index;
    out[1] = key->counter[0];
    out[2] = key->counter[1];
    out[3] = key->counter[2];
    for (int round = 0; round < 10; round++) {
        philox_round(out, k);
        k[0] += 0x9E3779B9u;
        k[1] += 0xBB67AE85u;
    }
}

uint32_t tw_rng_word(const tw_rng_key *key, uint64_t i)
{
    uint32_t block[4];

    tw_rng_block(block, key, (uint32_t)(i >> 2));
    return block[i & 3];
}

float tw_rng_uniform(const tw_rng_key *key, uint64_t i)
{
    return (float)(tw_rng_word(key, i) >> 8) * 0x1p-24f;
}

float tw_rng_normal(const tw_rng_key *key, uint64_t i)
{
    double u = ((double)tw_rng_word(key, 2 * i) + 1.0) * 0x1p-32; /* (0,1] */
    double v = (double)tw_rng_word(key, 2 * i + 1) * 0x1p-32;

    return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

/* Uniform in (0,1), all 32 bits of a word. */
static double open_uniform(const tw_rng_key *key, uint64_t i)
{
    return ((double)tw_rng_word(key, i) + 0.5) * 0x1p-32;
}

/* Logarithm of a number of Gamma(alpha, 1): Marsaglia and Tsang, A simple method for generating
 * gamma variables (2000), for alpha + 1, brought down by a power of a uniform one. */
static double log_gamma_number(const tw_rng_key *key, uint64_t *position, double alpha)
{
    const double d = alpha + 1.0 - 1.0 / 3.0, c = 1.0 / sqrt(9.0 * d);
    double lift = log(open_uniform(key, (*position)++)) / alpha;

    for (;;) {
        const double u = open_uniform(key, *position), v = open_uniform(key, *position + 1);
        const double x = sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v);
        const double t = 1.0 + c * x, cube = t * t * t;

        *position += 3;
        if (t > 0.0 &&
            log(open_uniform(key, *position - 1)) < 0.5 * x * x + d - d * cube + d * log(cube))
            return log(d * cube) + lift;
    }
}

double tw_rng_beta(const tw_rng_key *key, uint64_t i, double alpha)
{
    uint64_t position = i << 20;
    const double a = log_gamma_number(key, &position, alpha);
    const double b = log_gamma_number(key, &position, alpha);

    return 1.0 / (1.0 + exp(b - a));
}

/* Words that fall into the incomplete last part are skipped. */
uint64_t tw_rng_below(const tw_rng_key *key, uint64_t *position, uint64_t n)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % n;

    for (;;) {
        uint64_t high = tw_rng_word(key, (*position)++);
        uint64_t word = high << 32 | tw_rng_word(key, (*position)++);
        if (word < limit)
            return word % n;
    }
}

void tw_rng_permutation(int64_t *out, int64_t n, const tw_rng_key *key)
{
    uint64_t position = 0;

    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    for (int64_t i = n - 1; i > 0; i--) {
        int64_t j = (int64_t)tw_rng_below(key, &position, (uint64_t)i + 1);
        int64_t kept = out[i];
        out[i] = out[j];
        out[j] = kept;
    }
}
