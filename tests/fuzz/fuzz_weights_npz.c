/* Weights in an .npz: every member an array, all of them read. */
#include "zip_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_zip_weights(data, n);
}
