/*
 * What the files of the check share: check.c looks at every picture, check_memory.c remembers what
 * was seen, check_findings.c says what is wrong.
 */
#ifndef TW_DATA_CHECK_INT_H
#define TW_DATA_CHECK_INT_H

#include "data/data_int.h"

/* What is seen of one picture. */
typedef struct tw_data__seen {
    tw_hash128 key; /* of the file's bytes */
    uint64_t look;  /* see tw_picture_look */
    int64_t size, t_modified_s;
    int height, width;
    const char *format; /* static */
    bool is_sound, is_remembered, tells, cmyk, alpha, deep;
    char *trouble; /* the sentence where it is not sound; owned */
} tw_data__seen;

/* Picture i of the check. */
typedef struct tw_data__spot {
    const tw_dataset *data;
    tw_part part;
    int64_t sample;
    char name[32]; /* of a record */
} tw_data__spot;

struct tw_check {
    tw_dataset *parts[TW_PART_ALL]; /* NULL: not there */
    int64_t n;
    tw_data__spot *spots; /* (n), part after part */
    tw_data__seen *seen;  /* (n) */
    int64_t *same;        /* (n) the first picture of the same bytes, itself where there is none */
    int64_t *near;        /* (n) the first that looks like it, of the same[i] == i; else itself */
    int64_t n_remembered, n_errors;
    tw_finding *findings;
    int64_t n_findings, capacity;
};

const char *tw_data__spot_name(const tw_check *check, int64_t i);
int tw_data__spot_label(const tw_check *check, int64_t i);

/* check_memory.c: fills seen[i] of files that are as they were; writes what is known now. A memory
 * that cannot be read is none. */
TW_MUST_CHECK tw_status tw_data__remember(tw_check *check, const char *path, tw_error *err);
TW_MUST_CHECK tw_status tw_data__memorise(const tw_check *check, const char *path, tw_error *err);

/* A picture by what it looks like. */
typedef struct tw_data__look {
    uint64_t look;
    int64_t index;
} tw_data__look;

/* check_near.c: near[index] of each of the n, whose order changes: the least index of those whose
 * look differs in at most three bits, its own where all of them come later. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__find_near(int64_t *near, tw_data__look *looks, int64_t n,
                                           tw_error *err);

/* check_findings.c: all findings, errors first. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__find(tw_check *check, tw_error *err);

#endif
