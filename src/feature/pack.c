/*
 * Packing of a row: most activations after a ReLU are zero, so a row is kept as a bitmap (one bit a
 * number, 64 to a little-endian word, unused bits 0) followed by the numbers whose bit is set.
 *
 * A number is zero when all its bits are: -0.0, NaN and denormal numbers are kept. So what is
 * unpacked is what was packed, bit for bit.
 */
#include "feature/feature_int.h"

#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "cache files are little-endian");

int64_t tw_feature__bitmap_bytes(int64_t n)
{
    return (n + 63) / 64 * 8;
}

int64_t tw_feature__pack_bound(int64_t n)
{
    return tw_feature__bitmap_bytes(n) + n * (int64_t)sizeof(float);
}

/* Copies the non-zero ones of n <= 64 numbers to out; returns their bitmap. */
static uint64_t pack_word(uint32_t *out, const uint32_t *row, int n)
{
    uint64_t bits = 0;
    int k = 0;

    for (int i = 0; i < n; i++) {
        const uint64_t set = row[i] != 0;

        out[k] = row[i];
        bits |= set << i;
        k += (int)set;
    }
    return bits;
}

int64_t tw_feature__pack(uint8_t *out, const float *row, int64_t n)
{
    uint8_t *numbers = out + tw_feature__bitmap_bytes(n);

    for (int64_t first = 0; first < n; first += 64) {
        const int m = (int)(n - first < 64 ? n - first : 64);
        uint32_t in[64], kept[65];
        uint64_t bits;

        memcpy(in, row + first, (size_t)m * sizeof *in);
        bits = pack_word(kept, in, m);
        memcpy(out + first / 8, &bits, sizeof bits);
        memcpy(numbers, kept, (size_t)__builtin_popcountll(bits) * sizeof *kept);
        numbers += (size_t)__builtin_popcountll(bits) * sizeof *kept;
    }
    return numbers - out;
}

/* Puts numbers where the bits say. Returns how many. */
static int unpack_word(float *out, const uint8_t *numbers, uint64_t bits)
{
    int k = 0;

    for (; bits; bits &= bits - 1, k++)
        memcpy(out + __builtin_ctzll(bits), numbers + (size_t)k * sizeof *out, sizeof *out);
    return k;
}

bool tw_feature__unpack(float *out, int64_t n, const uint8_t *packed, int64_t n_packed)
{
    int64_t at = tw_feature__bitmap_bytes(n);

    if (n_packed < at)
        return false;
    memset(out, 0, (size_t)n * sizeof *out);
    for (int64_t first = 0; first < n; first += 64) {
        const int64_t m = n - first < 64 ? n - first : 64;
        uint64_t bits;
        int64_t n_bytes;

        memcpy(&bits, packed + first / 8, sizeof bits);
        if (m < 64 && bits >> m)
            return false;
        n_bytes = __builtin_popcountll(bits) * (int64_t)sizeof *out;
        if (n_bytes > n_packed - at)
            return false;
        unpack_word(out + first, packed + at, bits);
        at += n_bytes;
    }
    return at == n_packed;
}

void tw_feature__moments(double *sum, double *sum_squares, const float *row, int64_t n)
{
    double a = 0, b = 0;

    for (int64_t i = 0; i < n; i++) {
        a += (double)row[i];
        b += (double)row[i] * (double)row[i];
    }
    *sum = a;
    *sum_squares = b;
}
