/*
 * Dense in plain C, forward and backward, sums in double. The backward order of sums is fixed:
 * samples in turn.
 */
#include "backend/ref/ref_int.h"

#include "base/parallel.h"

#include <string.h>

enum { TILE_ROWS = 16 }; /* rows of the weight gradient that are handed over at once */

void tw_backend__ref_dense(float *y, const float *x, int64_t n, int64_t c, int64_t k,
                           const tw_node_weights *weights, double *sums, float *row)
{
    for (int64_t i = 0; i < n; i++) {
        const char *kernel = (const char *)weights->kernel;
        memset(row, 0, (size_t)k * sizeof *row);
        if (weights->bias)
            memcpy(row, weights->bias, (size_t)k * sizeof *row);
        for (int64_t j = 0; j < k; j++)
            sums[j] = (double)row[j];
        for (int64_t in = 0; in < c; in++, kernel += k * (int64_t)sizeof(float)) {
            double value = (double)x[i * c + in];
            memcpy(row, kernel, (size_t)k * sizeof *row);
            for (int64_t j = 0; j < k; j++)
                sums[j] += value * (double)row[j];
        }
        for (int64_t j = 0; j < k; j++)
            y[i * k + j] = (float)sums[j];
    }
}

typedef struct job {
    const float *x, *w, *b, *dy;
    float *y, *scratch;
    int64_t n, c, k;
    const tw_sink *sink;
    int node;
} job;

static void forward_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;

    (void)worker;
    for (int64_t k = 0; k < j->k; k++) {
        double sum = j->b ? (double)j->b[k] : 0;
        for (int64_t c = 0; c < j->c; c++)
            sum += (double)j->x[i * j->c + c] * (double)j->w[c * j->k + k];
        j->y[i * j->k + k] = (float)sum;
    }
}

static void forward(float *y, const float *x, const float *w, const float *b, int64_t n, int64_t c,
                    int64_t k, int n_workers)
{
    job j = {.x = x, .w = w, .b = b, .y = y, .n = n, .c = c, .k = k};

    tw_parallel(n_workers, n, forward_sample, &j);
}

static void backward_data_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;

    (void)worker;
    for (int64_t c = 0; c < j->c; c++) {
        double sum = 0;
        for (int64_t k = 0; k < j->k; k++)
            sum += (double)j->dy[i * j->k + k] * (double)j->w[c * j->k + k];
        j->y[i * j->c + c] = (float)sum;
    }
}

static void backward_data(float *dx, const float *dy, const float *w, int64_t n, int64_t c,
                          int64_t k, int n_workers)
{
    job j = {.dy = dy, .w = w, .y = dx, .n = n, .c = c, .k = k};

    tw_parallel(n_workers, n, backward_data_sample, &j);
}

static void backward_weights_tile(void *ctx, int64_t tile, int worker)
{
    const job *j = ctx;
    int64_t first = tile * TILE_ROWS;
    int64_t rows = j->c - first < TILE_ROWS ? j->c - first : TILE_ROWS;
    float *gradient = j->scratch + (int64_t)worker * TILE_ROWS * j->k;

    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < j->k; k++) {
            double sum = 0;
            for (int64_t i = 0; i < j->n; i++)
                sum += (double)j->x[i * j->c + first + r] * (double)j->dy[i * j->k + k];
            gradient[r * j->k + k] = (float)sum;
        }
    j->sink->take(j->sink->ctx, j->node, 0, first * j->k, rows * j->k, gradient);
}

static void backward_weights(const tw_sink *sink, int node, const float *x, const float *dy,
                             int64_t n, int64_t c, int64_t k, int n_workers, float *scratch)
{
    job j = {.x = x, .dy = dy, .scratch = scratch, .n = n, .c = c, .k = k, .sink = sink};

    j.node = node;
    tw_parallel(n_workers, (c + TILE_ROWS - 1) / TILE_ROWS, backward_weights_tile, &j);
}

static int64_t scratch_size(int64_t c, int64_t k, int n_workers)
{
    (void)c;
    return (int64_t)n_workers * TILE_ROWS * k;
}

const tw_dense_kernels tw_backend__ref_dense_kernels = {forward, backward_data, backward_weights,
                                                        scratch_size};
