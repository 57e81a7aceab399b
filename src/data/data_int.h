/*
 * What the kinds of data share: the dataset behind its handle and one table of functions a kind.
 *
 * dataset.c owns the handle, picks the kind and keeps labels, class names and the sentence about
 * the data; records.c, folder.c and digits.c fill it and read single pictures.
 */
#ifndef TW_DATA_DATA_INT_H
#define TW_DATA_DATA_INT_H

#include "base/text.h"
#include "data/dataset.h"
#include "format/arrays.h"

#include <stdbool.h>

/* How to open: labels are not needed when only pictures are asked for. */
typedef struct tw_data__wish {
    const char *path; /* DATA */
    tw_part part;     /* one that has_part said yes to */
    int64_t limit;    /* 0 none */
    bool labels;
    bool is_lenient; /* class folders may be empty, and parts lack some: they are looked for */
    const char *const *classes; /* names of the classes, NULL after the last; or NULL: numbers */
} tw_data__wish;

/* Where data lies that was asked for by path or by name. */
typedef struct tw_data__place {
    const char *path;           /* as asked for, or buf */
    const char *const *classes; /* of fetched data that names them; else NULL */
    char buf[4096];
} tw_data__place;

typedef struct tw_data__kind {
    /* Whether the data at path (which exists) is of this kind. */
    tw_status (*recognise)(bool *out, const char *path, tw_error *err);
    /* Whether it has the part; never asked for TW_PART_ALL. */
    tw_status (*has_part)(bool *out, const char *path, tw_part part, tw_error *err);
    /* Fills the zeroed dataset; what it set is freed by the caller also when it fails. */
    tw_status (*open)(tw_dataset *dataset, const tw_data__wish *wish, tw_error *err);
    /* contract NULL: read for none */
    tw_status (*read)(tw_picture *out, const tw_dataset *dataset, int64_t i,
                      const tw_contract *contract, tw_error *err);
    tw_status (*key)(tw_hash128 *out, const tw_dataset *dataset, int64_t i, tw_error *err);
    const char *(*name)(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size);
    void (*close)(tw_dataset *dataset);
    /* Of pictures that are files, else NULL: the path of one, which the caller frees; and leaving
     * out those of `goes` (count). */
    tw_status (*file_path)(char **out, const tw_dataset *dataset, int64_t i, tw_error *err);
    tw_status (*leave_out)(tw_dataset *dataset, const bool *goes, tw_error *err);
} tw_data__kind;

extern const tw_data__kind tw_data__idx;
extern const tw_data__kind tw_data__npz;
extern const tw_data__kind tw_data__folder;
extern const tw_data__kind tw_data__digits;
extern const tw_data__kind tw_data__manifest_kind;

struct tw_dataset {
    const tw_data__kind *kind;
    void *own; /* the kind's */
    int64_t count;
    int *labels; /* (count) */
    int n_classes;
    char **classes; /* (n_classes) */
    tw_colour colour;
    char *about;     /* the sentence */
    char **left_out; /* (n_left_out) a sentence each */
    int64_t n_left_out;
};

/* ---- dataset.c */

/* A path that exists is that path; else what has been fetched by that name. Expected: TW_EFILE (not
 * fetched, or changed since), TW_ENOMEM. A name that nobody knows comes back as it is. */
TW_MUST_CHECK tw_status tw_data__locate(tw_data__place *out, const char *path, tw_error *err);
/* TW_EFILE: nothing lies at path; with the nearest name of data where it may have been meant. */
TW_MUST_CHECK tw_status tw_data__fail_missing(const char *path, tw_error *err);
/* The kind of the data at path. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_data__find_kind(const tw_data__kind **out, const char *path,
                                           tw_error *err);
/* As tw_dataset_open, with or without labels. */
TW_MUST_CHECK tw_status tw_data__open(tw_dataset **out, const tw_data__wish *wish, tw_error *err);
/* Adds "; no picture of 3, 7" to the sentence where classes have none. */
void tw_data__name_empty_classes(tw_text *about, const tw_dataset *dataset);
/* Names joined with ", ", at most ten of them, into buf; returns buf. */
char *tw_data__join_names(char *buf, size_t buf_size, char *const *names, size_t n);
/* Fills buf with ", 60,000 pictures" or ", first 100 of 60,000 pictures". */
char *tw_data__count_text(char *buf, size_t buf_size, int64_t n, int64_t n_all);

/* ---- records.c: single files of records, for pictures.c */

/* Opens the pictures of one IDX file. */
TW_MUST_CHECK tw_status tw_data__open_idx_file(tw_dataset *dataset, const char *path,
                                               tw_error *err);

/* ---- records_keys.c: the keys of records, remembered */

/* Pictures of one size, records of a file. */
typedef struct tw_data__pictures {
    tw_array_file file;
    int height, width, channels;
    tw_hash128 *keys; /* of all records of the file; NULL: each is hashed when it is asked for */
} tw_data__pictures;

/* Of compressed pictures, whose sizes are set: takes their keys from memory where the file is the
 * one that is remembered, and leaves it compressed; else inflates and checks it now, and remembers
 * the keys. Expected: TW_EFILE, TW_EBUDGET, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__take_keys(tw_data__pictures *pictures, tw_error *err);
TW_MUST_CHECK tw_status tw_data__record_key(tw_hash128 *out, const tw_data__pictures *pictures,
                                            int64_t record, tw_error *err);
void tw_data__close_pictures(tw_data__pictures *pictures);

/* ---- digits.c */

/* Whether path is a name of the built-in data, "digits" or "digits:...". What lies in the file
 * system under such a name comes first. */
bool tw_data__is_built_in(const char *path);

/* ---- manifest.c */

/* One line; strings are borrowed from the manifest. */
typedef struct tw_data__row {
    const char *path, *group; /* group NULL: none */
    char *label_name;
    int label, part;
} tw_data__row;

typedef struct tw_data__manifest {
    char *text; /* what the rows point into */
    tw_data__row *rows;
    int64_t n, capacity;
    char **classes; /* borrowed names, in byte order */
    int n_classes;
    bool has_parts;
} tw_data__manifest;

/* Caller frees with tw_data__free_manifest. Expected: TW_EFILE with the line, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__read_manifest(tw_data__manifest *out, const char *path,
                                               tw_error *err);
/* Of text, n bytes, which it takes over in any case: one that came without a name that says what is
 * between the fields, a TAB where its first line has one. Its first line may be a picture already:
 * path, label, split and group, as far as they are there. */
TW_MUST_CHECK tw_status tw_data__parse_manifest(tw_data__manifest *out, char *text, size_t n,
                                                const char *name, tw_error *err);
/* A field, in quotes where it has letters that mean something, and what follows it. */
void tw_data__add_field(tw_text *text, const char *field, const char *behind);
void tw_data__free_manifest(tw_data__manifest *manifest);

/* ---- folder.c: picture files, for pictures.c, manifest.c and check.c */

/* Makes the zeroed dataset one of files below root (NULL: names are paths), none yet; `what` is
 * what it is called, static. */
TW_MUST_CHECK tw_status tw_data__begin_files(tw_dataset *dataset, const char *root,
                                             const char *what, tw_error *err);
/* Adds one by its name; an absolute one stays so. Labels and count are the caller's to set. */
TW_MUST_CHECK tw_status tw_data__add_file(tw_dataset *dataset, const char *name, tw_error *err);
/* Writes the sentence about them, once labels and classes are set. */
TW_MUST_CHECK tw_status tw_data__describe_files(tw_dataset *dataset, tw_error *err);
/* Whether the part that was opened leniently has no folder of the class, which others have. */
bool tw_data__lacks_class(const tw_dataset *dataset, int class_index);
/* Whether its pictures are files. */
bool tw_data__has_files(const tw_dataset *dataset);
/* The path of the file of sample i. Caller frees with tw_free. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_data__file_path(char **out, const tw_dataset *dataset, int64_t i,
                                           tw_error *err);

/* One picture file; `name` is what it is called. */
TW_MUST_CHECK tw_status tw_data__open_files(tw_dataset *dataset, const char *path, bool is_folder,
                                            tw_error *err);

#endif
