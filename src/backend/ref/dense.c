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
    const tw_dense *d;
    const float *x, *w, *b;
    float *y;
    const tw_dense_gradients *wanted;
} job;

static void forward_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;
    const int64_t c_n = j->d->c, k_n = j->d->k;

    (void)worker;
    for (int64_t k = 0; k < k_n; k++) {
        double sum = j->b ? (double)j->b[k] : 0;
        for (int64_t c = 0; c < c_n; c++)
            sum += (double)j->x[i * c_n + c] * (double)j->w[c * k_n + k];
        j->y[i * k_n + k] = (float)sum;
    }
}

static void forward(const tw_dense *dense, float *y, const float *x, const float *w, const float *b)
{
    job j = {.d = dense, .x = x, .w = w, .b = b, .y = y};

    tw_parallel(dense->n_workers, dense->n, forward_sample, &j);
}

static void backward_data_sample(void *ctx, int64_t i, int worker)
{
    const job *j = ctx;
    const tw_dense_gradients *g = j->wanted;
    const int64_t c_n = j->d->c, k_n = j->d->k;

    (void)worker;
    for (int64_t c = 0; c < c_n; c++) {
        double sum = 0;
        for (int64_t k = 0; k < k_n; k++)
            sum += (double)g->dy[i * k_n + k] * (double)g->w[c * k_n + k];
        g->dx[i * c_n + c] = (float)sum;
    }
}

static void backward_weights_tile(void *ctx, int64_t tile, int worker)
{
    const job *j = ctx;
    const tw_dense_gradients *g = j->wanted;
    const int64_t c_n = j->d->c, k_n = j->d->k, first = tile * TILE_ROWS;
    const int64_t rows = c_n - first < TILE_ROWS ? c_n - first : TILE_ROWS;
    float *gradient = j->d->scratch + (int64_t)worker * TILE_ROWS * k_n;

    for (int64_t r = 0; r < rows; r++)
        for (int64_t k = 0; k < k_n; k++) {
            double sum = 0;
            for (int64_t i = 0; i < j->d->n; i++)
                sum += (double)g->x[i * c_n + first + r] * (double)g->dy[i * k_n + k];
            gradient[r * k_n + k] = (float)sum;
        }
    g->sink->take(g->sink->ctx, g->node, 0, first * k_n, rows * k_n, gradient);
}

static void backward(const tw_dense *dense, const tw_dense_gradients *wanted)
{
    job j = {.d = dense, .wanted = wanted};

    if (wanted->dx)
        tw_parallel(dense->n_workers, dense->n, backward_data_sample, &j);
    if (wanted->sink)
        tw_parallel(dense->n_workers, (dense->c + TILE_ROWS - 1) / TILE_ROWS, backward_weights_tile,
                    &j);
}

static int64_t scratch_size(const tw_dense *dense)
{
    return (int64_t)dense->n_workers * TILE_ROWS * dense->k;
}

const tw_dense_kernels tw_backend__ref_dense_kernels = {forward, backward, scratch_size};
