/*
 * Threads over OpenMP; see parallel.h. The only file with OpenMP pragmas.
 */
#include "base/parallel.h"

#include <omp.h>
#include <sched.h>

int tw_core_count(void)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) != 0)
        return 1;
    return CPU_COUNT(&set) > 0 ? CPU_COUNT(&set) : 1;
}

void tw_parallel(int n_workers, int64_t n_items, void (*work)(void *ctx, int64_t item, int worker),
                 void *ctx)
{
    if (n_workers > n_items)
        n_workers = (int)n_items;
    if (n_workers <= 1) {
        int before = omp_get_max_threads();
        omp_set_num_threads(1);
        for (int64_t item = 0; item < n_items; item++)
            work(ctx, item, 0);
        omp_set_num_threads(before);
        return;
    }
#pragma omp parallel num_threads(n_workers)
    {
        omp_set_num_threads(1);
#pragma omp for schedule(dynamic, 1)
        for (int64_t item = 0; item < n_items; item++)
            work(ctx, item, omp_get_thread_num());
    }
}
