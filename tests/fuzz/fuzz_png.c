/* PNG: the bytes as they are, and with every chunk's checksum made right, which mutations break. */
#include "picture_bytes.h"

#include <zlib.h>

enum { SIGNATURE = 8, OVERHEAD = 12 };

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static void repair(uint8_t *png, size_t n)
{
    for (size_t at = SIGNATURE; at < n && n - at >= OVERHEAD;) {
        const size_t length = get32(png + at);
        uint32_t crc;

        if (length > n - at - OVERHEAD)
            return;
        crc = (uint32_t)crc32(0, png + at + 4, (unsigned)length + 4);
        for (int i = 0; i < 4; i++)
            png[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
        at += OVERHEAD + length;
    }
}

/* What the header says: 16 bits and four channels at most. */
static size_t declared(const uint8_t *png, size_t n)
{
    return n < 24 ? 0 : fuzz_picture_bytes(get32(png + 16), get32(png + 20));
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
