/* BMP. */
#include "picture_bytes.h"

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* What the header says: a height below zero counts rows from the top. A fourth channel is dropped
 * once the picture is read. */
static size_t declared(const uint8_t *bmp, size_t n)
{
    uint32_t height;

    if (n < 26)
        return 0;
    height = get32(bmp + 22);
    if (height > INT32_MAX)
        height = 0 - height;
    return 2 * fuzz_picture_bytes(height, get32(bmp + 18));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(data, n, declared(data, n));
    return 0;
}
