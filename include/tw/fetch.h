/*
 * Weights and data by name: files with pinned checksums, kept in $XDG_CACHE_HOME/topwork/files
 * (else ~/.cache/topwork/files), one folder a name. What is there goes by its name everywhere:
 * tw_dataset_open("mnist", ...), weights "vgg16-notop" of tw_model_open.
 *
 * Most publishers state an MD5 only. It is checked, and the SHA-256 of the first file that had it
 * is written beside the file and checked from then on. tw_fetch reads every byte for that. Use by
 * name (tw_fetch_path, tw_fetch_look) only compares size and time of change with what tw_fetch
 * wrote down, which costs nothing and notices whatever replaced or touched the file; a file that
 * was put into the folder by hand is not used before tw_fetch has checked it.
 */
#ifndef TW_FETCH_H
#define TW_FETCH_H

#include <tw/error.h>
#include <tw/watch.h>

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum tw_fetch_kind { TW_FETCH_WEIGHTS, TW_FETCH_DATA, TW_FETCH_OTHER } tw_fetch_kind;

/* One name of the catalogue. Static strings. */
typedef struct tw_fetch_info {
    const char *name; /* "vgg16" */
    tw_fetch_kind kind;
    const char *licence;
    const char *source; /* the address that its files lie under */
    int n_files;
    int64_t n_bytes;            /* of all files as published; about, where nobody states it */
    const char *const *classes; /* real names of the data's classes, NULL after the last; or NULL */
} tw_fetch_info;

/* Row i of the catalogue; NULL after the last. */
const tw_fetch_info *tw_fetch_row(int i);
/* NULL when the catalogue has no such name. */
const tw_fetch_info *tw_fetch_find(const char *name);

/* Where to take files from, and how patiently. Zero-filled: the publisher, the defaults. */
typedef struct tw_fetch_options {
    /* A mirror: a folder, or a file://, http:// or https:// address of one. Files lie in it, or in
     * its folder <name>. */
    const char *from;
    int timeout_s;    /* seconds of silence before a try is given up; 0: 30 */
    int n_tries;      /* for what may pass (cut, silence, HTTP 5xx); 0: 4 */
    double t_retry_s; /* pause before the second try, doubled each time; 0: 1 s */
} tw_fetch_options;

typedef struct tw_fetch_result {
    int n_files, n_fetched; /* all of the name; those that were not there yet */
    int64_t n_bytes;        /* of all, on disk */
    char path[4096];        /* what tw_fetch_path gives */
} tw_fetch_result;

/* Makes what `name` stands for be there, whole and checked. Files that are there are checked and
 * kept. A download that was cut goes on where it ended, now or at the next call (FILE.part stays);
 * a file with a wrong checksum is moved to FILE.bad, which nothing uses. Two calls at once, also of
 * two programs: the second waits for the first. Notes and progress (phase "fetch", in bytes) go to
 * watch. Expected: TW_EUSAGE (unknown name or kind of address), TW_EFILE (wrong checksum, with
 * both; not at the address), TW_EFAIL (network), TW_EBUDGET (disk full), TW_EINTERRUPTED,
 * TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_fetch(tw_fetch_result *out, const char *name,
                                 const tw_fetch_options *options, const tw_watch *watch,
                                 tw_error *err);

/* Where it lies: the folder of data, the file of anything else, into buf. Expected: TW_EUSAGE
 * (unknown name), TW_EFILE (not fetched, or changed since; the sentence says what to do),
 * TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_fetch_path(char *buf, size_t buf_size, const char *name, tw_error *err);

#define TW_FETCH_STATE_LIST(X)   \
    X(TW_FETCH_ABSENT, "not")    \
    X(TW_FETCH_PARTLY, "partly") \
    X(TW_FETCH_THERE, "there")   \
    X(TW_FETCH_DAMAGED, "damaged")
#define TW_FETCH_ENUM(name, text) name,
typedef enum tw_fetch_state { TW_FETCH_STATE_LIST(TW_FETCH_ENUM) TW_N_FETCH_STATE } tw_fetch_state;
#undef TW_FETCH_ENUM

const char *tw_fetch_state_name(tw_fetch_state state);

/* State of a name of the catalogue: DAMAGED when a file is not the one that was checked, PARTLY
 * when some are missing. Expected: TW_EUSAGE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_fetch_look(tw_fetch_state *out, const char *name, tw_error *err);

#ifdef __cplusplus
}
#endif

#endif
