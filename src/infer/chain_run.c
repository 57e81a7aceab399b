/*
 * Running a chain: rows are divided into pieces of a fixed size, workers take whole pieces, a short
 * piece is filled up with zero rows. So no row's bits depend on its neighbours, on their number or
 * on the number of workers.
 */
#include "base/clock.h"
#include "base/fail.h"
#include "base/parallel.h"
#include "infer/infer_int.h"

#include <stdatomic.h>
#include <string.h>

/* One pass of pieces through one stage. */
typedef struct pass {
    tw_chain *chain;
    const tw_infer_stage *stage;
    const float *in; /* NULL: `fill` makes the rows */
    float *out;
    int64_t n;         /* rows */
    bool is_padded_in; /* `in` goes on to the end of the last piece; likewise `out` */
    bool is_padded_out;
    int64_t first; /* number of row 0, for `fill` */
    tw_fill_row fill;
    void *ctx;
    atomic_int state; /* of `rc` and `err`: 0 fine, 1 taken by the first that failed */
    tw_status rc;
    tw_error err;
} pass;

static tw_status gather_rows(float *to, const pass *now, int64_t first, int64_t n, tw_error *err)
{
    const int64_t size = now->stage->in_size;
    tw_status rc = TW_OK;

    if (now->in)
        memcpy(to, now->in + first * size, (size_t)(n * size) * sizeof *to);
    for (int64_t i = 0; !now->in && i < n && !rc; i++)
        rc = now->fill(now->ctx, now->first + first + i, to + i * size, err);
    memset(to + n * size, 0, (size_t)((now->stage->piece - n) * size) * sizeof *to);
    return rc;
}

/* n samples of a piece; by the clock the whole piece. */
static tw_status run_plan(const tw_infer_stage *stage, int worker, int64_t n, const float *in,
                          float *out, tw_error *err)
{
    if (!stage->seconds)
        return stage->plan->table->plan_run(stage->plan, worker, n, in, out, err);
    return stage->plan->table->plan_time(stage->plan, worker, in, out,
                                         stage->seconds + worker * stage->plan->graph->n, err);
}

static tw_status run_piece(const pass *now, int64_t item, int worker, tw_error *err)
{
    const tw_infer_stage *stage = now->stage;
    const int64_t first = item * stage->piece;
    const int64_t n = now->n - first < stage->piece ? now->n - first : stage->piece;
    const bool is_short = n < stage->piece;
    float *own_in = now->chain->in + worker * tw_infer__in_numbers(now->chain);
    float *own_out = now->chain->out + worker * tw_infer__out_numbers(now->chain);
    const float *in = now->in ? now->in + first * stage->in_size : NULL;
    float *out = now->out + first * stage->out_size;
    tw_status rc;

    if (!in || (is_short && !now->is_padded_in)) {
        if ((rc = gather_rows(own_in, now, first, n, err)))
            return rc;
        in = own_in;
    }
    if (is_short && !now->is_padded_out) {
        rc = run_plan(stage, worker, n, in, own_out, err);
        if (!rc)
            memcpy(out, own_out, (size_t)(n * stage->out_size) * sizeof *out);
        return rc;
    }
    return run_plan(stage, worker, n, in, out, err);
}

static void work(void *ctx, int64_t item, int worker)
{
    pass *now = ctx;
    tw_error err;
    tw_status rc;

    if (atomic_load(&now->state) || !(rc = run_piece(now, item, worker, &err)))
        return;
    if (atomic_exchange(&now->state, 1) == 0) {
        now->rc = rc;
        now->err = err;
    }
}

static tw_status run_pass(pass *now, tw_error *err)
{
    const int64_t n_pieces = (now->n + now->stage->piece - 1) / now->stage->piece;

    tw_parallel(now->chain->n_workers, n_pieces, work, now);
    if (now->rc && err)
        *err = now->err;
    return now->rc;
}

/* Both stages, a middle block of rows at a time. */
static tw_status run_blocks(tw_chain *chain, pass *pictures, int64_t n, float *out, tw_error *err)
{
    const tw_infer_stage *rows = &chain->stages[1];
    const int64_t block = chain->n_workers * rows->piece, all = n;
    const float *in = pictures->in;
    tw_status rc;

    for (int64_t first = 0; first < all; first += block) {
        pass second = {.chain = chain, .stage = rows, .in = chain->middle, .is_padded_in = true};

        n = all - first < block ? all - first : block;
        pictures->first = first;
        pictures->in = in ? in + first * chain->in_size : NULL;
        pictures->n = n;
        pictures->out = chain->middle;
        pictures->is_padded_out = true;
        if ((rc = run_pass(pictures, err)))
            return rc;
        memset(chain->middle + n * rows->in_size, 0,
               (size_t)((block - n) * rows->in_size) * sizeof *chain->middle);
        second.n = n;
        second.out = out + first * chain->out_size;
        if ((rc = run_pass(&second, err)))
            return rc;
    }
    return TW_OK;
}

tw_status tw_chain_run(tw_chain *chain, const float *in, int64_t n, float *out, tw_fill_row fill,
                       void *ctx, tw_error *err)
{
    pass now = {.chain = chain,
                .stage = &chain->stages[0],
                .in = in,
                .out = out,
                .n = n,
                .fill = fill,
                .ctx = ctx};
    tw_status rc = TW_OK;

    if (chain->n_workers < 1)
        return tw_fail(err, TW_EFAIL, "a chain must be loaded before it runs");
    if (chain->n_stages == 2)
        return run_blocks(chain, &now, n, out, err);
    if (chain->n_stages == 1)
        return run_pass(&now, err);
    if (in)
        memcpy(out, in, (size_t)(n * chain->in_size) * sizeof *out);
    for (int64_t i = 0; !in && i < n && !rc; i++)
        rc = fill(ctx, i, out + i * chain->out_size, err);
    return rc;
}

/* One stage over everything that is pulled until there are n rows. */
static tw_status pull_pass(tw_chain *chain, int64_t n, float *out, bool is_padded_out,
                           tw_pull_rows pull, void *ctx, tw_error *err)
{
    int64_t done = 0, got;
    tw_status rc = TW_OK;

    while (done < n && !rc) {
        pass now = {.chain = chain, .stage = &chain->stages[0], .is_padded_out = is_padded_out};

        if ((rc = pull(ctx, &now.in, &got, err)))
            return rc;
        if (got < 1 || got > n - done)
            return tw_fail(err, TW_EFAIL, "%lld rows came, %lld were wanted", (long long)got,
                           (long long)(n - done));
        now.n = got;
        now.out = out + done * now.stage->out_size;
        rc = run_pass(&now, err);
        done += got;
    }
    return rc;
}

static tw_status pull_blocks(tw_chain *chain, int64_t n, float *out, tw_pull_rows pull, void *ctx,
                             tw_error *err)
{
    const tw_infer_stage *rows = &chain->stages[1];
    const int64_t block = chain->n_workers * rows->piece;
    tw_status rc = TW_OK;

    for (int64_t first = 0; first < n && !rc; first += block) {
        pass second = {.chain = chain, .stage = rows, .in = chain->middle, .is_padded_in = true};

        second.n = n - first < block ? n - first : block;
        second.out = out + first * chain->out_size;
        if ((rc = pull_pass(chain, second.n, chain->middle, true, pull, ctx, err)))
            return rc;
        memset(chain->middle + second.n * rows->in_size, 0,
               (size_t)((block - second.n) * rows->in_size) * sizeof *chain->middle);
        rc = run_pass(&second, err);
    }
    return rc;
}

tw_status tw_chain_run_pulled(tw_chain *chain, int64_t n, float *out, tw_pull_rows pull, void *ctx,
                              tw_error *err)
{
    tw_status rc = TW_OK;
    const float *rows;
    int64_t got;

    if (chain->n_workers < 1)
        return tw_fail(err, TW_EFAIL, "a chain must be loaded before it runs");
    if (chain->n_stages == 2)
        return pull_blocks(chain, n, out, pull, ctx, err);
    if (chain->n_stages == 1)
        return pull_pass(chain, n, out, false, pull, ctx, err);
    for (int64_t done = 0; done < n && !rc; done += got) {
        if ((rc = pull(ctx, &rows, &got, err)))
            return rc;
        memcpy(out + done * chain->out_size, rows, (size_t)(got * chain->in_size) * sizeof *out);
    }
    return rc;
}

int64_t tw_chain_piece(const tw_model *model, int first, int last)
{
    for (int i = first + 1; i <= last; i++)
        if (tw_infer__is_picture_op(model->graph->nodes[i].op))
            return TW_PIECE_PICTURES;
    return TW_PIECE_ROWS;
}

int64_t tw_chain_batch(const tw_chain *chain)
{
    const int64_t n_workers = chain->n_workers ? chain->n_workers : 1;

    return chain->n_stages == 0 ? 1 : chain->stages[chain->n_stages - 1].piece * n_workers;
}

static tw_status make_up_row(void *ctx, int64_t row, float *out, tw_error *err)
{
    const tw_chain *chain = ctx;

    (void)err;
    for (int64_t i = 0; i < chain->in_size; i++)
        out[i] = (float)((i * 7 + row * 13) % 251);
    return TW_OK;
}

/* The second of two turns counts: the first touches the memory. */
tw_status tw_chain_measure(double *t_row_s, tw_chain *chain, tw_error *err)
{
    tw_status rc = TW_OK;

    *t_row_s = 0;
    for (int i = 0; i < chain->n_stages && !rc; i++) {
        const tw_infer_stage *stage = &chain->stages[i];
        const bool is_last = i == chain->n_stages - 1;
        double t_s = 0;

        for (int turn = 0; turn < 2 && !rc; turn++) {
            pass now = {.chain = chain,
                        .stage = stage,
                        .in = i == 0 ? NULL : chain->middle,
                        .out = is_last ? chain->out : chain->middle,
                        .n = chain->n_workers * stage->piece,
                        .is_padded_in = i > 0,
                        .is_padded_out = true,
                        .fill = make_up_row,
                        .ctx = chain};

            t_s = tw_clock_s();
            rc = run_pass(&now, err);
            t_s = tw_clock_s() - t_s;
        }
        *t_row_s += t_s / (double)(chain->n_workers * stage->piece);
    }
    return rc;
}
