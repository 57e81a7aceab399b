/*
 * Rows of the activation cache. The first three bytes say type and count of the numbers, the rest
 * is the packed row; what can be unpacked must come out the same when it is packed and unpacked
 * again.
 */
#include "fuzz.h"

#include "feature/feature_int.h"

#include <stdlib.h>
#include <string.h>

enum { HEAD = 3 };

static void pack_again(const float *row, int64_t n, tw_cache_dtype dtype)
{
    uint8_t *packed = malloc((size_t)tw_feature__pack_bound(n, dtype) + sizeof *row);
    float *back = malloc((size_t)n * sizeof *back + 1);
    const int64_t n_packed = tw_feature__pack(packed, row, n, dtype);

    if (!tw_feature__unpack(back, n, packed, n_packed, dtype) ||
        memcmp(back, row, (size_t)n * sizeof *row) != 0)
        abort();
    free(back);
    free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const tw_cache_dtype dtype = n > 0 && data[0] & 1 ? TW_CACHE_BF16 : TW_CACHE_FP32;
    const int64_t count = n < HEAD ? 0 : data[1] | data[2] << 8;
    float *row = malloc((size_t)count * sizeof *row + 1);

    fuzz_begin();
    if (n >= HEAD && tw_feature__unpack(row, count, data + HEAD, (int64_t)n - HEAD, dtype))
        pack_again(row, count, dtype);
    fuzz_end(n, (size_t)count * sizeof *row);
    free(row);
    return 0;
}
