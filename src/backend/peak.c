/*
 * The machine's own limits, as far as plain C can measure them: multiply and add, and reading
 * memory. A rate counts work that is done by all threads at once; the best of a few rounds stands,
 * since whatever else runs on the machine only makes a round slower.
 */
#include "backend/backend_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "base/parallel.h"

#include <string.h>

enum { ROUNDS = 8, LANES = 32, STEPS = 100000, ITEMS = 16 };
/* Far more than any cache of a few cores; in chunks that workers take one by one. */
enum { CHUNK = 1 << 22, N_CHUNKS = 64 };

double tw_backend__best_rate(void (*work)(void *ctx, int64_t item, int worker), void *ctx,
                             int64_t n_items, double units, int n_workers)
{
    double best = 0.0;

    for (int round = 0; round < ROUNDS; round++) {
        double t_s = tw_clock_s();
        tw_parallel(n_workers, n_items, work, ctx);
        t_s = tw_clock_s() - t_s;
        if (t_s > 0.0 && (double)n_items * units / t_s > best)
            best = (double)n_items * units / t_s;
    }
    return best;
}

/* Lanes that do not wait for each other. x * f + a tends to a fixed number: never a denormal. */
static void multiply_and_add(void *ctx, int64_t item, int worker)
{
    float x[LANES], *results = ctx, sum = 0.0f;

    (void)worker;
    for (int k = 0; k < LANES; k++)
        x[k] = (float)k;
    for (int i = 0; i < STEPS; i++)
        for (int k = 0; k < LANES; k++)
            x[k] = x[k] * 0.5f + 1.0f;
    for (int k = 0; k < LANES; k++)
        sum += x[k];
    results[item] = sum;
}

double tw_backend__plain_flops(int n_workers)
{
    enum { MOST = 1024 };
    float results[MOST];
    const int64_t n = n_workers * ITEMS < MOST ? n_workers * ITEMS : MOST;

    return tw_backend__best_rate(multiply_and_add, results, n, 2.0 * LANES * STEPS, n_workers);
}

typedef struct reading {
    const uint64_t *block;
    uint64_t sums[N_CHUNKS]; /* so that the compiler may not leave the reading out */
} reading;

static void read_chunk(void *ctx, int64_t item, int worker)
{
    enum { WORDS = CHUNK / sizeof(uint64_t), STREAMS = 16 };
    reading *now = ctx;
    const uint64_t *words = now->block + item * WORDS;
    uint64_t sums[STREAMS] = {0}, sum = 0;

    (void)worker;
    for (int i = 0; i < WORDS; i += STREAMS)
        for (int k = 0; k < STREAMS; k++)
            sums[k] += words[i + k];
    for (int k = 0; k < STREAMS; k++)
        sum += sums[k];
    now->sums[item] = sum;
}

tw_status tw_backend__read_bytes(double *out, int n_workers, tw_error *err)
{
    const size_t n_bytes = (size_t)CHUNK * N_CHUNKS;
    uint8_t *block = tw_alloc_aligned(n_bytes);
    reading now = {.block = (const uint64_t *)(const void *)block};

    *out = 0.0;
    if (!block)
        return tw_fail(err, TW_ENOMEM, "no memory for %zu bytes, to time reading them", n_bytes);
    memset(block, 1, n_bytes); /* pages of zeros would all be one page */
    *out = tw_backend__best_rate(read_chunk, &now, N_CHUNKS, CHUNK, n_workers);
    tw_free(block);
    return TW_OK;
}
