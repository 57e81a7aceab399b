/* Keras's .h5 weights: the whole reader, and every number it hands out. */
#include "weight_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_weight_bytes(data, n);
}
