/* Which topwork this is, and what it was built with. */
#include <tw/train.h>

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)

#if defined(__clang__)
#define COMPILER "clang " TEXT(__clang_major__) "." TEXT(__clang_minor__)
#else
#define COMPILER "gcc " TEXT(__GNUC__) "." TEXT(__GNUC_MINOR__)
#endif

#ifndef TW_BUILT_WITH
#define TW_BUILT_WITH "oneDNN, OpenMP"
#endif

const char *tw_version(void)
{
    return TW_VERSION;
}

const char *tw_build_info(void)
{
    return "built by " COMPILER " with " TW_BUILT_WITH "; backends cpu, ref";
}
