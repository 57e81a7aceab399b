/* IDX files, plain or in gzip: opened, every record read. */
#include "array_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    tw_array_file array;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    if (!(rc = tw_idx_open(&array, path, &err)))
        rc = fuzz_array_records(&array, &err);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, path);
    return 0;
}
