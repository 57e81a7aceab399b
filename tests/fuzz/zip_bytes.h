/* The checksums of a zip made right, which mutations break; for targets of formats in a zip. */
#ifndef TW_TESTS_FUZZ_ZIP_BYTES_H
#define TW_TESTS_FUZZ_ZIP_BYTES_H

#include "weight_bytes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <zlib.h>

static inline size_t fuzz_le(const uint8_t *p, int n)
{
    size_t value = 0;

    while (n-- > 0)
        value = value << 8 | p[n];
    return value;
}

static inline void fuzz_put32(uint8_t *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> 8 * i);
}

/* Sums a stored member anew, in its local header and in its entry of the directory. */
static inline void fuzz_repair_member(uint8_t *zip, size_t n, uint8_t *entry)
{
    enum { LOCAL = 30 };
    const size_t at = fuzz_le(entry + 42, 4), n_packed = fuzz_le(entry + 20, 4);
    size_t data, crc;

    if (fuzz_le(entry + 10, 2) != 0 || n < LOCAL || at > n - LOCAL)
        return;
    data = at + LOCAL + fuzz_le(zip + at + 26, 2) + fuzz_le(zip + at + 28, 2);
    if (data > n || n_packed > n - data)
        return;
    crc = crc32(0, zip + data, (unsigned)n_packed);
    fuzz_put32(entry + 16, crc);
    if (!(zip[at + 6] & 8)) /* else it follows the data */
        fuzz_put32(zip + at + 14, crc);
}

/* Of every stored member that the directory has; the end record has no comment. */
static inline void fuzz_repair_zip(uint8_t *zip, size_t n)
{
    enum { END = 22, ENTRY = 46, MOST = 64 };
    size_t at, stop;

    if (n < END)
        return;
    stop = n - END;
    at = fuzz_le(zip + stop + 16, 4);
    for (int i = 0; i < MOST && at < stop && stop - at >= ENTRY; i++) {
        fuzz_repair_member(zip, n, zip + at);
        at += ENTRY + fuzz_le(zip + at + 28, 2) + fuzz_le(zip + at + 30, 2) +
              fuzz_le(zip + at + 32, 2);
    }
}

static inline bool fuzz_is_zip(const uint8_t *data, size_t n)
{
    return n >= 4 && memcmp(data, "PK\3\4", 4) == 0;
}

/* Weights as they are, and of a zip once more with its checksums made right. */
static inline int fuzz_zip_weights(const uint8_t *data, size_t n)
{
    uint8_t *repaired;

    fuzz_weight_bytes(data, n);
    if (!fuzz_is_zip(data, n))
        return 0;
    repaired = malloc(n);
    memcpy(repaired, data, n);
    fuzz_repair_zip(repaired, n);
    fuzz_weight_bytes(repaired, n);
    free(repaired);
    return 0;
}

#endif
