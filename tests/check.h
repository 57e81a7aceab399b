/* What every test program uses: cmocka, the sentence check, a temporary folder of its own. */
#ifndef TW_TESTS_CHECK_H
#define TW_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <tw/error.h>

/* The call must succeed; its sentence is shown when it does not. */
#define assert_ok(call)                                                  \
    do {                                                                 \
        tw_error check_err = {TW_OK, ""};                                \
        tw_error *const e = &check_err;                                  \
        tw_status rc_ = (call);                                          \
        if (rc_)                                                         \
            fail_msg("%s: %s: %s", #call, tw_status_name(rc_), e->text); \
    } while (0)

/* The call must fail with this status and exactly this sentence. Pass `e` as its error. */
#define assert_fails(status, sentence, call)                              \
    do {                                                                  \
        tw_error check_err = {TW_OK, ""};                                 \
        tw_error *const e = &check_err;                                   \
        tw_status rc_ = (call);                                           \
        assert_string_equal(tw_status_name(rc_), tw_status_name(status)); \
        assert_string_equal(e->text, sentence);                           \
    } while (0)

/* A folder that lives for one test program; path is relative to nothing. */
static inline int check_make_folder(void **state)
{
    /* in memory where that can be had: damaged files are written by the ten thousand */
    char *folder =
        strdup(access("/dev/shm", W_OK) == 0 ? "/dev/shm/tw-test-XXXXXX" : "/tmp/tw-test-XXXXXX");

    if (!mkdtemp(folder))
        return -1;
    *state = folder;
    return 0;
}

static inline int check_remove_folder(void **state)
{
    char command[256];
    int rc;

    snprintf(command, sizeof command, "rm -rf '%s'", (char *)*state);
    rc = system(command);
    free(*state);
    return rc;
}

#endif
