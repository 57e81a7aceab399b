/*
 * What the files of this room share: the catalogue's rows, the record beside a file, and one
 * transfer into a partial file.
 *
 * In the folder of a name lie, for each file F: F itself (F without .gz where a mirror had it so),
 * F.json (the record: what was checked), F.part and F.part.json (a download that is not whole yet),
 * F.bad (a wrong checksum; nothing uses it), and one `lock` for all.
 */
#ifndef TW_FETCH_FETCH_INT_H
#define TW_FETCH_FETCH_INT_H

#include "base/file.h"
#include "base/watch.h"

#include <tw/fetch.h>

#include <stdbool.h>

enum { TW_FETCH__NAME_SIZE = 128, TW_FETCH__URL_SIZE = 2048, TW_FETCH__VALIDATOR_SIZE = 256 };

/* ---- catalogue.c */

/* One file of a name. */
typedef struct tw_fetch__file {
    const char *name;   /* as published; ends in .gz where unpacked */
    int64_t n_bytes;    /* as published, about */
    const char *md5;    /* as published, or NULL */
    const char *sha256; /* or NULL */
    int64_t n_unpacked; /* > 0: checksums are of so many unpacked bytes, how they are packed is
                         * free; 0: checksums are of the file as it is */
} tw_fetch__file;

typedef struct tw_fetch__entry {
    tw_fetch_info info;
    const char *const *urls; /* folders, each ends in '/'; NULL after the last */
    const tw_fetch__file *files;
} tw_fetch__entry;

/* NULL when there is none. */
const tw_fetch__entry *tw_fetch__find(const char *name);
/* TW_EUSAGE with the nearest name, or that it is built in. */
TW_MUST_CHECK tw_status tw_fetch__fail_unknown(const char *name, tw_error *err);

/* The name that the file has unpacked; false where only the file as published will do. */
bool tw_fetch__plain_name(char *buf, size_t buf_size, const tw_fetch__file *file);

/* Most bytes that the file may have as it is transferred. */
int64_t tw_fetch__limit(const tw_fetch__file *file);

/* ---- record.c */

/* Checksums of a file: of its unpacked bytes where the row says so. */
typedef struct tw_fetch__sums {
    char md5[33], sha256[65];
} tw_fetch__sums;

/* What was checked and when. `file` is "" where nothing was. */
typedef struct tw_fetch__record {
    char file[TW_FETCH__NAME_SIZE]; /* name in the folder */
    int64_t n_bytes, t_changed_s;
    tw_fetch__sums sums;
    char source[TW_FETCH__URL_SIZE], date[32];
} tw_fetch__record;

/* Reads every byte of path. Expected: TW_EFILE, TW_EINTERRUPTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_fetch__sum(tw_fetch__sums *out, const char *path,
                                      const tw_fetch__file *file, const tw_watch *watch,
                                      tw_error *err);
/* Whether the sums are those of the row and of the record. If not, what is wrong goes into buf:
 * "MD5 is A, expected B". */
bool tw_fetch__is_right(char *buf, size_t buf_size, const tw_fetch__sums *sums,
                        const tw_fetch__file *file, const tw_fetch__record *record);

/* *out is empty where there is no record, which is fine, and where it fails. Expected: TW_EFILE
 * (damaged), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_fetch__record_read(tw_fetch__record *out, const char *folder,
                                              const tw_fetch__file *file, tw_error *err);
TW_MUST_CHECK tw_status tw_fetch__record_write(const tw_fetch__record *record, const char *folder,
                                               const tw_fetch__file *file, tw_error *err);

/* ---- place.c */

/* Folder of a name. Caller frees. */
TW_MUST_CHECK tw_status tw_fetch__folder(char **out, const char *name, tw_error *err);
/* "FOLDER/FILE<ending>", allocated. */
TW_MUST_CHECK tw_status tw_fetch__path(char **out, const char *folder, const char *file,
                                       const char *ending, tw_error *err);
/* Whether the file of the record lies there, unchanged by size and time. */
TW_MUST_CHECK tw_status tw_fetch__is_unchanged(bool *out, const char *folder,
                                               const tw_fetch__record *record, tw_error *err);

/* ---- transfer.c: what both kinds of source do with the partial file */

typedef struct tw_fetch__transfer {
    const tw_fetch__file *file;
    const char *url; /* where from: an address, or a path */
    tw_file part;    /* FOLDER/NAME.part, open for appending */
    char *note_path; /* FOLDER/NAME.part.json */
    int timeout_s;
    const tw_watch *watch;
    tw_progress progress;
    /* what the source said the bytes of the part are of; "": begin anew */
    char validator[TW_FETCH__VALIDATOR_SIZE];
    /* set when it fails: the source has no such file; does not give it; another try may help; the
     * bytes so far are worth nothing */
    bool is_missing, is_refused, may_pass, is_worthless;
} tw_fetch__transfer;

/* Opens the part and reads the note beside it. Close also on failure. */
TW_MUST_CHECK tw_status tw_fetch__transfer_open(tw_fetch__transfer *out, const char *folder,
                                                const char *name, const char *url, tw_error *err);
void tw_fetch__transfer_close(tw_fetch__transfer *transfer);
/* Before the first byte: bytes from `offset` of `total` (-1: not said) follow. Refuses what is too
 * large for the row or the disk; beginning anew empties the part and notes the validator. */
TW_MUST_CHECK tw_status tw_fetch__transfer_begin(tw_fetch__transfer *transfer, int64_t offset,
                                                 int64_t total, const char *validator,
                                                 tw_error *err);
TW_MUST_CHECK tw_status tw_fetch__transfer_take(tw_fetch__transfer *transfer, const void *bytes,
                                                size_t n, tw_error *err);
TW_MUST_CHECK tw_status tw_fetch__transfer_interrupt(tw_fetch__transfer *transfer, tw_error *err);
/* Throws the bytes so far away. */
TW_MUST_CHECK tw_status tw_fetch__transfer_empty(tw_fetch__transfer *transfer, tw_error *err);

/* The two kinds of source: the rest of the file into the part, all of it or a failure. */
TW_MUST_CHECK tw_status tw_fetch__copy(tw_fetch__transfer *transfer, tw_error *err); /* copy.c */
TW_MUST_CHECK tw_status tw_fetch__http(tw_fetch__transfer *transfer, tw_error *err); /* http.c */

/* ---- source.c */

enum { TW_FETCH__MAX_CANDIDATES = 8 };

/* One place where a file may lie, and the name that it gets here. */
typedef struct tw_fetch__candidate {
    char url[TW_FETCH__URL_SIZE];
    char name[TW_FETCH__NAME_SIZE];
    bool is_local;
} tw_fetch__candidate;

typedef struct tw_fetch__source {
    char from[TW_FETCH__URL_SIZE]; /* the mirror, "" none */
    bool is_local;
    int n;
    tw_fetch__candidate candidates[TW_FETCH__MAX_CANDIDATES];
} tw_fetch__source;

/* Understands options->from. Expected: TW_EUSAGE, TW_EFILE (no such folder). */
TW_MUST_CHECK tw_status tw_fetch__source_open(tw_fetch__source *out, const char *from,
                                              tw_error *err);
/* Fills the candidates for one file, in the order in which they are tried. */
TW_MUST_CHECK tw_status tw_fetch__source_list(tw_fetch__source *source,
                                              const tw_fetch__entry *entry,
                                              const tw_fetch__file *file, tw_error *err);
/* None of the candidates has it. */
TW_MUST_CHECK tw_status tw_fetch__source_fail_missing(const tw_fetch__source *source,
                                                      const tw_fetch__entry *entry,
                                                      const tw_fetch__file *file, tw_error *err);

/* ---- download.c */

/* One call of tw_fetch. */
typedef struct tw_fetch__job {
    const tw_fetch__entry *entry;
    char *folder;
    tw_fetch__source source;
    tw_fetch_options options; /* no zeros */
    const tw_watch *watch;
} tw_fetch__job;

/* Makes one file be there; *n_bytes is its size on disk. */
TW_MUST_CHECK tw_status tw_fetch__provide(bool *fetched, int64_t *n_bytes, tw_fetch__job *job,
                                          const tw_fetch__file *file, tw_error *err);

/* ---- fetch.c: as the public functions, for a row that need not be in the catalogue */

TW_MUST_CHECK tw_status tw_fetch__run(tw_fetch_result *out, const tw_fetch__entry *entry,
                                      const tw_fetch_options *options, const tw_watch *watch,
                                      tw_error *err);
TW_MUST_CHECK tw_status tw_fetch__where(char *buf, size_t buf_size, const tw_fetch__entry *entry,
                                        tw_error *err);
TW_MUST_CHECK tw_status tw_fetch__state(tw_fetch_state *out, const tw_fetch__entry *entry,
                                        tw_error *err);

#endif
