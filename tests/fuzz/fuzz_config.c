/* A configuration file: JSON, each option's value. */
#include "fuzz.h"

#include <tw/train.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const char *path = fuzz_file(data, n);
    tw_config *config;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    if (!(rc = tw_config_create(&config, &err)))
        rc = tw_config_read(config, path, &err);
    tw_config_free(config);
    fuzz_end(n, 0);
    fuzz_clean_usage(rc, &err, path);
    return 0;
}
