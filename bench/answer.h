/* A measuring program that others are held against: it answers for one work, run by run. */
#ifndef TW_BENCH_ANSWER_H
#define TW_BENCH_ANSWER_H

#include <tw/error.h>

typedef struct bench_peer {
    const char *version; /* one line */
    tw_status (*run)(void *ctx, tw_error *err);
    void *ctx;
} bench_peer;

/* Prints "ready VERSION"; then for each line "run" on standard input the seconds that one run took,
 * and those that all processors spent on it, until the input ends. */
tw_status bench_answer(const bench_peer *peer, tw_error *err);
/* "missing: SENTENCE": why there is nothing to answer for. */
int bench_missing(const tw_error *err);

#endif
