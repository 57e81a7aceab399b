/*
 * Labelled pictures: a folder of IDX files (MNIST's family), an .npz as Keras ships it, a folder of
 * class folders of picture files, a manifest (.csv or .tsv with the columns path, label, and where
 * wanted split and group), or the built-in digits.
 *
 * A dataset holds labels and names in memory and reads pictures one by one; it never holds them
 * all. All functions that take a const dataset may be called from several threads at once.
 */
#ifndef TW_DATA_H
#define TW_DATA_H

#include <tw/error.h>
#include <tw/image.h>
#include <tw/watch.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_dataset tw_dataset;

/* Which of the data's own parts. VAL exists in folders with val/ only. ALL is train, then val, then
 * test. */
#define TW_PART_LIST(X)       \
    X(TW_PART_TRAIN, "train") \
    X(TW_PART_VAL, "val")     \
    X(TW_PART_TEST, "test")   \
    X(TW_PART_ALL, "all")
#define TW_PART_ENUM(name, text) name,
typedef enum tw_part { TW_PART_LIST(TW_PART_ENUM) TW_N_PART } tw_part;
#undef TW_PART_ENUM

const char *tw_part_name(tw_part part);
TW_MUST_CHECK tw_status tw_part_parse(tw_part *out, const char *name, tw_error *err);

/* Opens one part of the data at path. Where there is no such path it is the data that has been
 * fetched by that name ("mnist", see tw/fetch.h; its classes have their real names), or built in:
 * "digits" (2,000 training pictures), "digits:N" (N of them, 10 to 10,000,000), with a quarter as
 * many test pictures, at least 500. limit > 0 keeps its first `limit` pictures. Files are checked:
 * magic, sizes, counts against each other, trailing bytes, bombs. A part that the data lacks is
 * TW_EUSAGE naming the parts there are. A folder of class folders without train/ above them has one
 * part only, which is both train and all. Caller frees with tw_dataset_free. Expected: TW_EFILE,
 * TW_EUSAGE, TW_ENOMEM, TW_EBUDGET. */
TW_MUST_CHECK tw_status tw_dataset_open(tw_dataset **out, const char *path, tw_part part,
                                        int64_t limit, tw_error *err);
void tw_dataset_free(tw_dataset *dataset);

/* 1 when the data at path has that part, 0 when not. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_dataset_has_part(int *out, const char *path, tw_part part,
                                            tw_error *err);

int64_t tw_dataset_count(const tw_dataset *dataset);
int tw_dataset_class_count(const tw_dataset *dataset);

/* Borrowed from the dataset. Classes of IDX and npz data are "0".."9" (as many as labels say). */
const char *tw_dataset_class_name(const tw_dataset *dataset, int class_index);

/* One sentence for people: "MNIST family (IDX, gzip), 60,000 pictures 28x28 grey, 10 classes". */
const char *tw_dataset_describe(const tw_dataset *dataset);

/* Label of sample i, 0..classes-1. */
int tw_dataset_label(const tw_dataset *dataset, int64_t i);

/* Name of sample i relative to DATA: "train:17" for IDX and npz, "train/ants/x.jpg" for folders.
 * Borrowed where the data has files; for records the caller's buffer is filled. Returns buf or a
 * borrowed pointer. buf_size >= 32. */
const char *tw_dataset_name(const tw_dataset *dataset, int64_t i, char *buf, size_t buf_size);

/* Colour rule that fits the data: TW_COLOUR_GREY when every picture is known to be grey (IDX, npz
 * of rank 3), else TW_COLOUR_RGB. */
tw_colour tw_dataset_colour(const tw_dataset *dataset);

/* Reads picture i. Caller frees with tw_picture_free. Thread-safe. Expected: TW_EFILE, TW_ENOMEM.
 */
TW_MUST_CHECK tw_status tw_dataset_read(tw_picture *out, const tw_dataset *dataset, int64_t i,
                                        tw_error *err);

/* The same as the contract (NULL: none) asks for it, as tw_picture_read_for: what is shown to a
 * network is read so. Also expected: TW_EFILE (too narrow to be cropped). */
TW_MUST_CHECK tw_status tw_dataset_read_for(tw_picture *out, const tw_dataset *dataset, int64_t i,
                                            const tw_contract *contract, tw_error *err);

/* View `number` (from 1) of picture i, as training with that augmentation and seed makes it and the
 * contract shows it, (height,width,3) u8. Caller frees. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_dataset_view(tw_picture *out, const tw_dataset *dataset, int64_t i,
                                        const tw_contract *contract, const tw_augment *augment,
                                        uint64_t seed, uint32_t number, tw_error *err);

/* Opens the picture(s) that a command-line argument names: a PNG or JPEG file, a folder of them, or
 * records "FILE:0", "FILE:0-9" (inclusive) of an IDX or npz file, "DIR:5", "mnist:5" (fetched by
 * that name) or "digits:5" (built in) with the part `part`.
 * The result has no labels (tw_dataset_label gives -1) and no classes. Caller frees. */
TW_MUST_CHECK tw_status tw_pictures_open(tw_dataset **out, const char *argument, tw_part part,
                                         tw_error *err);

/* ---- a manifest on standard input */

typedef struct tw_spool tw_spool;

/* Reads a manifest from an open descriptor to its end and keeps it as a file, to be opened by its
 * path until the spool is freed. Its fields stand between TABs where the first line has one, else
 * between commas; the first line may be missing, then they are path, label, split and group, as far
 * as they are there. Paths are made absolute. Caller frees with tw_spool_free. Expected: TW_EFILE
 * ("standard input: line 3: no label"), TW_EINTERRUPTED, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_spool_create(tw_spool **out, int fd, tw_error *err);
void tw_spool_free(tw_spool *spool);
/* Borrowed from the spool. */
const char *tw_spool_path(const tw_spool *spool);
/* "-" where path is a spool's, else path. */
const char *tw_spool_shown(const char *path);

/* ---- a glance before a long job */

typedef struct tw_glance_options {
    int skip_bad;    /* unreadable pictures are left out, else they are TW_EFILE */
    int is_training; /* classes of few pictures are noted, and none may lose all it has */
    int n_threads;   /* 0: all cores */
} tw_glance_options;

/* Whether every picture file is there, not empty, and begins like a picture that is read; TW_EFILE
 * names ten of those that are not. With skip_bad all files are read, and those that cannot be are
 * no samples any more; the watch is told of ten of them and how many there are. What the check or
 * an earlier glance found sound is remembered in the cache folder by name, size and time, and not
 * looked at. path is what the dataset was opened from. Data that are no files have been looked at
 * when they were opened. Expected: TW_EFILE (also when none can be read), TW_EINTERRUPTED,
 * TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_dataset_glance(tw_dataset *dataset, const char *path,
                                          const tw_glance_options *options, const tw_watch *watch,
                                          tw_error *err);
/* How many were left out, and what is wrong with each: a sentence that begins with its name.
 * Borrowed from the dataset. */
int64_t tw_dataset_left_out_count(const tw_dataset *dataset);
const char *tw_dataset_left_out(const tw_dataset *dataset, int64_t i);

/* ---- what is wrong with the data */

/* One row a kind of finding: enum, name, 1 for an error. */
#define TW_FINDING_LIST(X)                            \
    X(TW_FINDING_UNREADABLE, "unreadable", 1)         \
    X(TW_FINDING_TWO_LABELS, "two-labels", 1)         \
    X(TW_FINDING_TWO_PARTS, "two-parts", 1)           \
    X(TW_FINDING_EMPTY_CLASS, "empty-class", 1)       \
    X(TW_FINDING_MISSING_CLASS, "missing-class", 1)   \
    X(TW_FINDING_DUPLICATE, "duplicate", 0)           \
    X(TW_FINDING_NEAR_DUPLICATE, "near-duplicate", 0) \
    X(TW_FINDING_WRONG_NAME, "wrong-name", 0)         \
    X(TW_FINDING_TINY, "tiny", 0)                     \
    X(TW_FINDING_HUGE, "huge", 0)                     \
    X(TW_FINDING_COLOUR, "colour", 0)                 \
    X(TW_FINDING_SMALL_CLASS, "small-class", 0)       \
    X(TW_FINDING_IMBALANCE, "imbalance", 0)
#define TW_FINDING_ENUM(name, text, is_error) name,
typedef enum tw_finding_kind { TW_FINDING_LIST(TW_FINDING_ENUM) TW_N_FINDING } tw_finding_kind;
#undef TW_FINDING_ENUM

/* One thing that was found. `text` names the file and says it; file is NULL for classes. */
typedef struct tw_finding {
    tw_finding_kind kind;
    int is_error;
    const char *file, *text;
} tw_finding;

typedef struct tw_check tw_check;

/* Reads every picture of all parts of the data at path: undecodable and cut files, odd ones,
 * duplicates (the same bytes) and near duplicates, pictures under two labels or in two parts,
 * classes that are small, empty or not in all parts. What files were found sound is remembered in
 * the cache folder by name, size, time and hash, unless `anew`; remembered ones are not read again.
 * Findings do not depend on n_threads (0: all cores). Caller frees with tw_check_free. Expected:
 * TW_EFILE (the data as a whole cannot be opened), TW_EINTERRUPTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_check_run(tw_check **out, const char *path, int n_threads, int anew,
                                     const tw_watch *watch, tw_error *err);
void tw_check_free(tw_check *check);

const char *tw_finding_kind_name(tw_finding_kind kind);
/* Findings: errors first, each in the order of the pictures. Borrowed from the check. */
int64_t tw_check_count(const tw_check *check);
const tw_finding *tw_check_get(const tw_check *check, int64_t i);
int64_t tw_check_error_count(const tw_check *check);
/* Pictures that the data has, and how many of them were remembered. */
int64_t tw_check_picture_count(const tw_check *check);
int64_t tw_check_remembered_count(const tw_check *check);

/* ---- a split that stays */

typedef struct tw_split_options {
    double val, test; /* shares, 0: none */
    uint64_t seed;
    const char *group_by; /* extended regular expression on names, whose first parenthesis (or all
                             of it) is the group; NULL: the manifest's own groups, if any */
    const char *keep;     /* a manifest: its pictures stay in their parts; NULL: none */
    int skip_bad;         /* unreadable pictures are left out, else they are TW_EFILE */
} tw_split_options;

typedef struct tw_split_result {
    int64_t n[3];    /* pictures in train, val, test */
    int64_t n_bad;   /* left out */
    int64_t n_units; /* groups and duplicates taken as one */
} tw_split_result;

/* Deals the training part of checked data and writes the manifest of all its parts to `output`
 * (.csv), which is not there yet. In each class as near to the shares as whole groups allow, one
 * unit at least. Duplicates and near duplicates are one unit, as is a group. The order in which
 * units are dealt is by a hash of names and seed, so new files move few, and none with `keep`.
 * path is what the check was run on. Expected: TW_EUSAGE (shares, regular expression, output is
 * there, the data has the part already), TW_EFILE, TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_split_write(tw_split_result *out, const tw_check *check,
                                       const char *path, const char *output,
                                       const tw_split_options *options, tw_error *err);

/* scikit-learn's train_test_split(test_size, random_state=seed, stratify=labels or NULL), to the
 * bit: fills train[0..*n_train) and test[0..*n_test) with sample indices in scikit-learn's order.
 * Both arrays have room for n. Expected: TW_EUSAGE (empty side, class with < 2 members, fewer
 * places than classes), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train_test_split(int64_t *train, int64_t *n_train, int64_t *test,
                                            int64_t *n_test, int64_t n, double test_size,
                                            uint32_t seed, const int *labels, tw_error *err);

/* Fold `fold` (from 1) of scikit-learn's KFold(n_folds, shuffle=True, random_state=seed), of
 * StratifiedKFold where there are labels (0 and up), to the bit: val[0..*n_val) are the pictures of
 * the fold, train[0..*n_train) all others, both ascending. Both arrays have room for n.
 * Expected: TW_EUSAGE (no such fold, fewer pictures than folds), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_kfold_split(int64_t *train, int64_t *n_train, int64_t *val,
                                       int64_t *n_val, int64_t n, int fold, int n_folds,
                                       uint32_t seed, const int *labels, tw_error *err);

#ifdef __cplusplus
}
#endif

#endif
