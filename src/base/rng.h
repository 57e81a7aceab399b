/*
 * Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, Parallel random numbers: as easy
 * as 1, 2, 3), keyed by (seed, purpose, epoch, sample). The n-th number of a key is a function of
 * key and n alone, so order and thread count cannot matter.
 */
#ifndef TW_BASE_RNG_H
#define TW_BASE_RNG_H

#include <stdint.h>

typedef enum tw_rng_purpose {
    TW_RNG_INIT = 1,     /* epoch = 0, sample = parameter number */
    TW_RNG_SHUFFLE = 2,  /* sample = 0 */
    TW_RNG_DROPOUT = 3,  /* epoch, sample = (step << 16) + layer number */
    TW_RNG_AUGMENT = 4,  /* epoch = number of the view, sample = low half of the picture's hash */
    TW_RNG_VIEW = 5,     /* epoch = turn through the views, sample = low half of the hash */
    TW_RNG_MIX = 6,      /* epoch, sample = step */
    TW_RNG_SAMPLER = 7,  /* epoch, sample = 0 */
    TW_RNG_DIGITS = 8,   /* epoch = part, sample = picture; or 16 + part and ten pictures */
    TW_RNG_BOOTSTRAP = 9 /* sample = resample */
} tw_rng_purpose;

typedef struct tw_rng_key {
    uint32_t key[2];     /* seed */
    uint32_t counter[3]; /* purpose and epoch mixed, sample low, sample high */
} tw_rng_key;

tw_rng_key tw_rng_make_key(uint64_t seed, tw_rng_purpose purpose, uint32_t epoch, uint64_t sample);
/* Block `index` of a key: four random words. */
void tw_rng_block(uint32_t out[4], const tw_rng_key *key, uint32_t index);
/* The i-th word of a key. */
uint32_t tw_rng_word(const tw_rng_key *key, uint64_t i);
/* The i-th number of a key in [0,1), steps of 2^-24. */
float tw_rng_uniform(const tw_rng_key *key, uint64_t i);
/* The i-th standard normal number of a key (Box-Muller on words 2i, 2i+1). */
float tw_rng_normal(const tw_rng_key *key, uint64_t i);
/* The i-th number of Beta(alpha, alpha), alpha > 0: of the key's words those from 2^20 i on. */
double tw_rng_beta(const tw_rng_key *key, uint64_t i, double alpha);
/* A whole number in [0, n) without bias from the key's words from *position on, which moves. */
uint64_t tw_rng_below(const tw_rng_key *key, uint64_t *position, uint64_t n);
/* Fisher-Yates of 0..n-1 into out, unbiased. */
void tw_rng_permutation(int64_t *out, int64_t n, const tw_rng_key *key);

#endif
