/* PNM. */
#include "picture_bytes.h"

/* The largest picture that any two neighbouring numbers in the bytes say. */
static size_t declared(const uint8_t *pnm, size_t n)
{
    size_t most = 0, before = 0;

    for (size_t i = 0; i < n; i++) {
        size_t number = 0, bytes;

        if (pnm[i] < '0' || pnm[i] > '9')
            continue;
        for (; i < n && pnm[i] >= '0' && pnm[i] <= '9'; i++)
            if (number < (size_t)1 << 30)
                number = 10 * number + pnm[i] - '0';
        bytes = fuzz_picture_bytes(before, number);
        if (bytes > most)
            most = bytes;
        before = number;
    }
    return most;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    fuzz_picture(data, n, declared(data, n));
    return 0;
}
