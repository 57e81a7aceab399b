/* Zip files as .npz: the member "x" opened and read, another asked for, the names listed. */
#include "array_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    tw_array_file array;
    tw_error err = {TW_OK, ""};
    tw_status rc;
    int has;

    fuzz_begin();
    rc = tw_npz_has(&has, path, "y", &err);
    fuzz_clean(rc, &err, path);
    if (!(rc = tw_npz_open(&array, path, "x", &err)))
        rc = fuzz_array_records(&array, &err);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, path);
    return 0;
}
