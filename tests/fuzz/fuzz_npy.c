/* The header of .npy, a Python literal. */
#include "fuzz.h"

#include "format/arrays_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    tw_format__npy npy;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_format__npy_parse(&npy, data, n, "input", &err);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, "input");
    return 0;
}
