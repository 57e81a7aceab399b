/* WebP: the bytes as they are, and with the container's sizes made right, which mutations break. */
#include "picture_bytes.h"

enum { HEAD = 12, CHUNK_HEAD = 8, SIZES = 10 };

static size_t get(const uint8_t *p, size_t n_bytes)
{
    size_t value = 0;

    for (size_t i = n_bytes; i > 0; i--)
        value = value << 8 | p[i - 1];
    return value;
}

static void put32(uint8_t *p, size_t value)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(value >> (8 * i));
}

/* The file is as long as it says, and no chunk runs past its end. */
static void repair(uint8_t *webp, size_t n)
{
    if (n < HEAD)
        return;
    put32(webp + 4, n - CHUNK_HEAD);
    for (size_t at = HEAD; at < n && n - at >= CHUNK_HEAD;) {
        const size_t left = n - at - CHUNK_HEAD, size = get(webp + at + 4, 4);

        if (size > left) {
            put32(webp + at + 4, left);
            return;
        }
        at += CHUNK_HEAD + size + size % 2;
    }
}

/* Bytes of the picture that the chunk body p is of, by the sizes in it. */
static size_t chunk_declares(const uint8_t *p, char kind)
{
    const size_t both = get(p + 1, 4);

    if (kind == 'X')
        return fuzz_picture_bytes(get(p + 7, 3) + 1, get(p + 4, 3) + 1);
    if (kind == 'L')
        return fuzz_picture_bytes((both >> 14 & 0x3fff) + 1, (both & 0x3fff) + 1);
    return fuzz_picture_bytes(get(p + 8, 2) & 0x3fff, get(p + 6, 2) & 0x3fff);
}

/* The largest picture that any chunk says. Lossless ones take 4 bytes a pixel beside the 4 that
 * they are decoded to before alpha is dropped; a lossy one's alpha takes one. */
static size_t declared(const uint8_t *webp, size_t n)
{
    size_t most = 0;

    for (size_t i = 0; n >= CHUNK_HEAD + SIZES && i <= n - CHUNK_HEAD - SIZES; i++) {
        size_t bytes;

        if (memcmp(webp + i, "VP8", 3) != 0)
            continue;
        bytes = chunk_declares(webp + i + CHUNK_HEAD, (char)webp[i + 3]);
        if (bytes > most)
            most = bytes;
    }
    return 3 * most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *repaired = malloc(n);

    memcpy(repaired, data, n);
    repair(repaired, n);
    fuzz_picture(data, n, declared(data, n));
    fuzz_picture(repaired, n, declared(repaired, n));
    free(repaired);
    return 0;
}
