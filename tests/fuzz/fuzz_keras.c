/* Keras 3: .keras, a zip, and the .weights.h5 that is in it, alone. */
#include "zip_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_zip_weights(data, n);
}
