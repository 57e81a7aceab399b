/* safetensors: the header and every number that it points to. */
#include "weight_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_weight_bytes(data, n);
}
