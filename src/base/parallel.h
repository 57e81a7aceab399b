/*
 * Threads, over OpenMP: items are handed out one by one to workers. What an item computes must not
 * depend on which worker takes it; then results do not depend on the number of threads.
 */
#ifndef TW_BASE_PARALLEL_H
#define TW_BASE_PARALLEL_H

#include <stdint.h>

/* Runs work(ctx, item, worker) for item 0..n_items-1 on up to n_workers threads (worker
 * 0..n_workers-1; the caller is one of them). Inside, nested parallel regions and libraries run on
 * one thread. n_workers = 1 runs in order on the caller. */
void tw_parallel(int n_workers, int64_t n_items, void (*work)(void *ctx, int64_t item, int worker),
                 void *ctx);

/* Cores that this process may use. */
int tw_core_count(void);

#endif
