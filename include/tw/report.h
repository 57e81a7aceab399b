/*
 * The report of a run: one page for people and the same figures for programs.
 */
#ifndef TW_REPORT_H
#define TW_REPORT_H

#include <tw/error.h>

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

#ifdef __cplusplus
}
#endif

#endif
