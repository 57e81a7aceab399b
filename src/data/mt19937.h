/*
 * MT19937 as numpy.random.RandomState draws from it, for reproducing its permutations bit for bit.
 * For anything else there is base/rng.h.
 */
#ifndef TW_DATA_MT19937_H
#define TW_DATA_MT19937_H

#include <stdint.h>

enum { TW_DATA__MT_WORDS = 624 };

typedef struct tw_data__mt {
    uint32_t key[TW_DATA__MT_WORDS];
    int next;
} tw_data__mt;

/* RandomState(seed) of an integer seed. */
void tw_data__mt_seed(tw_data__mt *mt, uint32_t seed);
uint32_t tw_data__mt_word(tw_data__mt *mt);
/* A number of 0..max, each equally likely; max 0 draws nothing. */
uint64_t tw_data__mt_interval(tw_data__mt *mt, uint64_t max);
/* RandomState.shuffle of n numbers in place. */
void tw_data__mt_shuffle(tw_data__mt *mt, int64_t *numbers, int64_t n);
/* RandomState.permutation(n) into out. */
void tw_data__mt_permutation(tw_data__mt *mt, int64_t *out, int64_t n);

#endif
