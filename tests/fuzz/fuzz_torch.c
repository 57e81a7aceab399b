/* PyTorch's state dicts, told by the first bytes: a zip of a pickle and numbers, or the old form.
 */
#include "zip_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    return fuzz_zip_weights(data, n);
}
