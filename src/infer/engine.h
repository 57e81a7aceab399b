/*
 * The engine behind its handle. A graph part is run as up to two stages, told by its structure: the
 * convolutional part in pieces of 4 pictures, the rest (from the first node after the last
 * convolution or pooling) in pieces of 128 rows. The split depends on the graph alone, so a picture
 * has the same bits whether its features came from the cache or from the trunk a moment ago.
 */
#ifndef TW_INFER_ENGINE_H
#define TW_INFER_ENGINE_H

#include "backend/backend.h"
#include "model/model.h"

#include <tw/infer.h>

enum { TW_PIECE_PICTURES = 4, TW_PIECE_ROWS = 128 };

/* Rows in, rows out: a graph part compiled on a backend, without pictures. */
typedef struct tw_chain tw_chain;

/* Compiles nodes (first, last] of the model: first = 0 takes the model's own input, else the rows
 * are outputs of node `first`. A final softmax is left out, so a classifier gives logits. Checks
 * the weights it packs (NaN, infinity, zero kernels: TW_EFILE). `limit` bounds what is allocated
 * (TW_EBUDGET says what is needed); fewer workers are used where that is enough. The model's
 * mapped pages are given back after packing. */
TW_MUST_CHECK tw_status tw_chain_create(tw_chain **out, const tw_model *model, int first, int last,
                                        tw_backend *backend, tw_precision precision, int n_workers,
                                        int64_t limit, tw_error *err);
void tw_chain_free(tw_chain *chain);
/* The two halves of tw_chain_create: choosing implementations (then memory of a worker, sizes and
 * numerics are known, and nothing is packed), and packing. */
TW_MUST_CHECK tw_status tw_chain_plan(tw_chain **out, const tw_model *model, int first, int last,
                                      tw_backend *backend, tw_precision precision, tw_error *err);
TW_MUST_CHECK tw_status tw_chain_load(tw_chain *chain, int n_workers, int64_t limit, tw_error *err);
/* What tw_chain_create would allocate, without packing anything. */
TW_MUST_CHECK tw_status tw_chain_estimate(int64_t *packed, int64_t *per_worker,
                                          const tw_model *model, int first, int last,
                                          tw_backend *backend, tw_precision precision,
                                          tw_error *err);
/* What constant backgrounds take on top, where the limit has room for it beside all workers. */
TW_MUST_CHECK tw_status tw_chain_estimate_background(int64_t *out, const tw_model *model, int first,
                                                     int last, tw_backend *backend,
                                                     tw_precision precision, tw_error *err);
int64_t tw_chain_memory(const tw_chain *chain);
/* Share of the multiplications of the layers that can copy tiles of a constant background which
 * were spared so, over all runs; while nobody runs it. The memory that it takes is part of
 * tw_chain_memory; where the limit has no room for it, it is done without: the bits are the same.
 */
double tw_chain_spared(const tw_chain *chain);
int tw_chain_workers(const tw_chain *chain);
int64_t tw_chain_in_size(const tw_chain *chain); /* numbers a row */
int64_t tw_chain_out_size(const tw_chain *chain);
tw_shape tw_chain_out_shape(const tw_chain *chain);
const char *tw_chain_numerics(const tw_chain *chain); /* whole numerics id: backend + choices */

/* n rows (n, in_size) -> (n, out_size); any n, short pieces padded; all workers. `fill`, unless
 * NULL, makes input row i on the worker that needs it (then `in` is NULL). */
typedef tw_status (*tw_fill_row)(void *ctx, int64_t row, float *out, tw_error *err);
TW_MUST_CHECK tw_status tw_chain_run(tw_chain *chain, const float *in, int64_t n, float *out,
                                     tw_fill_row fill, void *ctx, tw_error *err);

/* The same by the clock: adds to seconds[i] what layer i of the model took on all workers together.
 * A layer that another one's step computes, or that is left out, has none. */
TW_MUST_CHECK tw_status tw_chain_run_timed(tw_chain *chain, const float *in, int64_t n, float *out,
                                           double *seconds, tw_error *err);
/* How a layer of the model is computed ("jit_wino_4x3:avx512_core"), "" where it has no step of its
 * own; into buf, returns it. */
const char *tw_chain_algorithm(char *buf, size_t buf_size, const tw_chain *chain, int layer);

/* The same for rows that come in batches: `pull` gives the next ones, whole pieces of the first
 * stage but for the last batch, until there are n. */
typedef tw_status (*tw_pull_rows)(void *ctx, const float **rows, int64_t *n, tw_error *err);
TW_MUST_CHECK tw_status tw_chain_run_pulled(tw_chain *chain, int64_t n, float *out,
                                            tw_pull_rows pull, void *ctx, tw_error *err);
/* Rows in a piece of the first stage, told by the graph alone. */
int64_t tw_chain_piece(const tw_model *model, int first, int last);

/* Times every stage once on all workers, with made-up rows: seconds a row. */
TW_MUST_CHECK tw_status tw_chain_measure(double *t_row_s, tw_chain *chain, tw_error *err);
/* Rows that tw_chain_run likes to get at once: whole pieces of its widest stage for all workers. */
int64_t tw_chain_batch(const tw_chain *chain);

/* How a row of the frozen part's last layer looks: its (C) channels' means as a unit vector, zeros
 * for a row of zeros. C is tw_known_channels. */
void tw_look_row(float *look, const float *row, int64_t n_row, int64_t n_channels);
/* Cosine of two unit vectors. */
double tw_look_likeness(const float *look, const float *mean, int64_t n_channels);
/* From the nearest class of a model that knows its pictures, 0 to 2. */
double tw_look_distance(const tw_model *model, const float *look);

/* tw_compute with defaults filled in, its backend opened. The precision that it leaves open (NULL
 * or auto) is `own`, the model's. */
typedef struct tw_computer {
    tw_backend *backend;
    tw_precision precision; /* never auto */
    int n_threads;
    int64_t memory_limit;
    char describe[512]; /* the run's header line: backend, CPU, features, threads, precision */
} tw_computer;
TW_MUST_CHECK tw_status tw_computer_open(tw_computer *out, const tw_compute *compute,
                                         tw_precision own, tw_error *err);
/* Another precision, if the backend has it: TW_EUNSUPPORTED. */
TW_MUST_CHECK tw_status tw_computer_set_precision(tw_computer *computer, tw_precision precision,
                                                  tw_error *err);
void tw_computer_close(tw_computer *computer);

/* Gives layers 0..last of the model the ranges that int8 needs, from n pictures in fp32 (n a
 * multiple of TW_PIECE_PICTURES; `fill` makes each), and takes them from all others. Layers beyond
 * have none and so compute in fp32. Expected: what tw_chain_create says, TW_EUNSUPPORTED (outputs
 * that are too large). */
TW_MUST_CHECK tw_status tw_find_ranges(tw_model *model, int last, const tw_computer *computer,
                                       int64_t n, tw_fill_row fill, void *ctx, tw_error *err);
void tw_calibration_forget(tw_graph *graph);

#endif
