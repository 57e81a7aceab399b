/*
 * Status codes and the error sentence.
 *
 * Every function that can fail returns tw_status and writes one sentence into the tw_error that the
 * caller passes last (NULL is allowed). The sentence names the file and the thing, lower case, no
 * full stop. The struct is plain memory: nothing to free, no thread-local, no global.
 */
#ifndef TW_ERROR_H
#define TW_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/* One row a status: name, exit code of the program, meaning. */
#define TW_STATUS_LIST(X)                                       \
    X(TW_OK, 0, "ok")                                           \
    X(TW_EFAIL, 1, "failed")                                    \
    X(TW_EUNSUPPORTED, 1, "not supported by this build or CPU") \
    X(TW_EUSAGE, 2, "wrong use of an option or argument")       \
    X(TW_EFILE, 3, "bad data or file")                          \
    X(TW_ESHAPE, 3, "shapes do not fit")                        \
    X(TW_EGATE, 4, "quality gate missed")                       \
    X(TW_ENOMEM, 5, "out of memory")                            \
    X(TW_EBUDGET, 5, "over a memory or disk limit")             \
    X(TW_EINTERRUPTED, 130, "interrupted")

#define TW_STATUS_ENUM(name, code, text) name,
typedef enum tw_status { TW_STATUS_LIST(TW_STATUS_ENUM) TW_N_STATUS } tw_status;
#undef TW_STATUS_ENUM

#if defined(__GNUC__)
#define TW_MUST_CHECK __attribute__((warn_unused_result))
#else
#define TW_MUST_CHECK
#endif

/* The last sentence written by a call that failed. `text` is always terminated. */
typedef struct tw_error {
    tw_status code;
    char text[1024];
} tw_error;

/* Exit code of the program for a status: 0, 1, 2, 3, 4, 5 or 130. */
int tw_status_exit_code(tw_status status);

/* Name of a status ("TW_EFILE"); static. */
const char *tw_status_name(tw_status status);

#ifdef __cplusplus
}
#endif

#endif
