/* A file's unpacked bytes as a stream, plain or in gzip, up to a limit. */
#include "fuzz.h"

#include "format/gzip.h"

#include <stdlib.h>

/* Adds the bytes to *ctx. */
static tw_status visit(void *ctx, const void *bytes, size_t n, tw_error *err)
{
    (void)err;
    fuzz_touch(bytes, n);
    *(size_t *)ctx += n;
    return TW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    enum { LIMIT = 1 << 20 };
    const char *path = fuzz_file(data, n);
    size_t n_seen = 0;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_gzip_scan(path, LIMIT, visit, &n_seen, &err);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, path);
    if (n_seen > LIMIT)
        abort();
    return 0;
}
