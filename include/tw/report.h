/*
 * The report of a run: one page for people and the same figures for programs.
 */
#ifndef TW_REPORT_H
#define TW_REPORT_H

#include <tw/error.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Writes RUN/report.html (one file that needs no other and no network) and RUN/report.json (every
 * figure of the page) from what is in the folder RUN: config.json, log.jsonl, history.csv,
 * split.csv and, where there is one, predictions.csv. `data` (NULL: what log.jsonl says) is where
 * the pictures are; without them the page says so and shows none. No time is taken while it is
 * written: the same folder gives the same bytes. Both files are written whole or not at all.
 * Expected: TW_EFILE (a file of the run is missing or damaged), TW_EBUDGET (disk full),
 * TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_report_write(const char *run, const char *data, tw_error *err);

/* The same with what changed against the run `with`, or that predictions.csv (NULL: nothing). */
TW_MUST_CHECK tw_status tw_report_write_compared(const char *run, const char *data,
                                                 const char *with, tw_error *err);

/* A picture that one of two runs has right and the other wrong. */
typedef struct tw_change {
    char *name, *label, *before, *after; /* predicted class of either */
    int is_right;                        /* now */
} tw_change;

typedef struct tw_class_change {
    char *name;
    int64_t n, right_before, right;
} tw_class_change;

/* Two predictions of the pictures that both have. Free with tw_comparison_free. */
typedef struct tw_comparison {
    int64_t n, only_before, only_after; /* pictures in both, in one alone */
    int64_t right_before, right, newly_right, newly_wrong;
    double p;           /* tw_mcnemar */
    tw_change *changes; /* in the order of the later predictions */
    int64_t n_changes;
    tw_class_change *classes; /* as they come */
    int n_classes;
} tw_comparison;

/* Compares predictions.csv files, or those of run folders. Expected: TW_EFILE (a file that is none,
 * a picture with two labels, no picture in both), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_compare(tw_comparison *out, const char *before, const char *after,
                                   tw_error *err);
void tw_comparison_free(tw_comparison *comparison);

/* Two-sided exact p of McNemar's test for b pictures that only one has right and c that only the
 * other has (McNemar 1947): how often chance alone would be as lopsided. 1 for none. */
double tw_mcnemar(int64_t b, int64_t c);

#ifdef __cplusplus
}
#endif

#endif
