/* JPEG. */
#include "picture_bytes.h"

/* The largest frame that any start-of-frame marker in the bytes says. A progressive file has to be
 * collected whole, 2 bytes a coefficient, which is its decoded size too. */
static size_t declared(const uint8_t *jpeg, size_t n)
{
    size_t most = 0;

    for (size_t i = 0; n >= 9 && i < n - 9; i++) {
        const uint8_t *p = jpeg + i;
        size_t bytes;

        if (p[0] != 0xff || p[1] < 0xc0 || p[1] > 0xcf)
            continue;
        bytes = fuzz_picture_bytes((size_t)(p[5] << 8 | p[6]), (size_t)(p[7] << 8 | p[8]));
        if (bytes > most)
            most = bytes;
    }
    return 3 * most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(data, n, declared(data, n));
    return 0;
}
