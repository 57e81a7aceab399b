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
    const char *format; /* static; NULL: not known */
    bool is_sound, is_remembered, tells, cmyk, alpha, deep;
    bool is_begun; /* sound as far as its first bytes tell; no more of it was read */
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

/* check.c: reads and decodes file i of the dataset; that it cannot is no failure, but seen.
 * Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__see_file(tw_data__seen *seen, const tw_dataset *dataset, int64_t i,
                                          tw_error *err);

/* ---- check_memory.c */

typedef struct tw_data__line tw_data__line;

/* What earlier looks at the data have left, and what this one leaves. */
typedef struct tw_data__memory {
    char *file; /* NULL: nowhere */
    char *text; /* what the lines point into */
    tw_data__line *lines;
    size_t n;
    bool is_shared; /* by all manifests on standard input */
    tw_text fresh;
    size_t n_fresh;
} tw_data__memory;

/* Of the data at path, which is forgotten if `anew`; none where it cannot be read. Free with
 * tw_data__memory_free. */
void tw_data__memory_open(tw_data__memory *out, const char *path, bool anew);
void tw_data__memory_free(tw_data__memory *memory);
/* Takes what is known of the file at path, by the name it has in the data, where its size and time
 * are what they were; else *out stays. Its line will not be kept as it is. */
bool tw_data__memory_take(tw_data__seen *out, tw_data__memory *memory, const char *name,
                          const char *path);
/* What is to be remembered of it. A file that has just been changed is left out. */
void tw_data__memory_note(tw_data__memory *memory, const tw_data__seen *seen, const char *name);
/* Replaces the file by what was noted, and with keeps_others the lines of names that were not asked
 * for. A file that cannot be written is none. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__memory_write(tw_data__memory *memory, bool keeps_others,
                                              tw_error *err);

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
