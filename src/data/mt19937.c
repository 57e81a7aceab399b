/*
 * The Mersenne Twister MT19937 (Matsumoto and Nishimura 1998) with NumPy's legacy seeding and its
 * way to a bounded number: the smallest mask that covers max, drawn until it fits. NumPy has frozen
 * this stream, and scikit-learn's splits rest on it.
 */
#include "data/mt19937.h"

enum { N = TW_DATA__MT_WORDS, M = 397 };

void tw_data__mt_seed(tw_data__mt *mt, uint32_t seed)
{
    mt->key[0] = seed;
    for (uint32_t i = 1; i < N; i++)
        mt->key[i] = 1812433253u * (mt->key[i - 1] ^ (mt->key[i - 1] >> 30)) + i;
    mt->next = N;
}

static uint32_t twist(uint32_t upper, uint32_t lower)
{
    const uint32_t y = (upper & 0x80000000u) | (lower & 0x7fffffffu);

    return (y >> 1) ^ ((y & 1) ? 0x9908b0dfu : 0);
}

static void generate(tw_data__mt *mt)
{
    uint32_t *key = mt->key;

    for (int i = 0; i < N; i++)
        key[i] = key[(i + M) % N] ^ twist(key[i], key[(i + 1) % N]);
    mt->next = 0;
}

uint32_t tw_data__mt_word(tw_data__mt *mt)
{
    uint32_t y;

    if (mt->next == N)
        generate(mt);
    y = mt->key[mt->next++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint64_t tw_data__mt_interval(tw_data__mt *mt, uint64_t max)
{
    uint64_t mask = max, value;

    if (max == 0)
        return 0;
    for (int shift = 1; shift < 64; shift *= 2)
        mask |= mask >> shift;
    do {
        value = tw_data__mt_word(mt);
        if (max > UINT32_MAX)
            value = value << 32 | tw_data__mt_word(mt);
        value &= mask;
    } while (value > max);
    return value;
}

void tw_data__mt_shuffle(tw_data__mt *mt, int64_t *numbers, int64_t n)
{
    for (int64_t i = n - 1; i > 0; i--) {
        const int64_t j = (int64_t)tw_data__mt_interval(mt, (uint64_t)i);
        const int64_t kept = numbers[i];

        numbers[i] = numbers[j];
        numbers[j] = kept;
    }
}

void tw_data__mt_permutation(tw_data__mt *mt, int64_t *out, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        out[i] = i;
    tw_data__mt_shuffle(mt, out, n);
}
