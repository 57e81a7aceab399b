/* Which topwork this is, and what it was built with. */
#include <tw/train.h>

#include "image/image.h"

#define BUILT_WITH \
    "built with compiler " __VERSION__ ", OpenMP, oneDNN (its version is in the numerics id)"

const char *tw_version(void)
{
    return TW_VERSION;
}

const char *tw_build_info(void)
{
    return tw_picture_find_format("WebP") ? BUILT_WITH : BUILT_WITH ", without libwebp";
}
