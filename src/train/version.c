/* Which topwork this is, and what it was built with. */
#include <tw/train.h>

const char *tw_version(void)
{
    return TW_VERSION;
}

const char *tw_build_info(void)
{
    return "built with compiler " __VERSION__
           ", OpenMP, oneDNN (its version is in the numerics id)";
}
