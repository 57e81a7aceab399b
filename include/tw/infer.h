/*
 * A model made ready: pictures in, probabilities or activations out. Also: how to compute (backend,
 * threads, precision, memory limit), for every room that computes.
 *
 * A picture's bits depend on picture, weights, precision and numerics id, and on nothing else.
 */
#ifndef TW_INFER_H
#define TW_INFER_H

#include <tw/error.h>
#include <tw/image.h>
#include <tw/model.h>
#include <tw/watch.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How to compute. Zero-filled means: cpu, auto, fp32, all cores, the default memory limit. */
typedef struct tw_compute {
    const char *backend;   /* "cpu" (default) or "ref" */
    const char *isa;       /* "auto" (default), "amx", "avx512", "avx2"; cpu only */
    const char *precision; /* "fp32" (default) or "bf16" (frozen trunk, cpu only) */
    int n_threads;         /* 0: all cores */
    int64_t memory_limit;  /* bytes that topwork may allocate; 0: 512 MiB */
} tw_compute;

typedef struct tw_engine tw_engine;

/* Compiles the model's layers up to and including `layer` (NULL: all of them, which for a
 * classifier means logits inside and probabilities from tw_engine_predict). The model must outlive
 * the engine. Weights are packed here. Expected: TW_EBUDGET (names the bytes it needs),
 * TW_EUNSUPPORTED, TW_EUSAGE, TW_EFILE (unusable weights), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_engine_create(tw_engine **out, const tw_model *model, const char *layer,
                                         const tw_compute *compute, tw_error *err);
void tw_engine_free(tw_engine *engine);

/* Numbers of one output row, and its shape without N. */
int64_t tw_engine_row_size(const tw_engine *engine);
tw_shape tw_engine_row_shape(const tw_engine *engine);

/* Runs n pictures through contract and network: out is (n, row_size) float32. Any n; uses all
 * threads. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_engine_run(tw_engine *engine, const tw_picture *pictures, int64_t n,
                                      float *out, tw_error *err);

/* The same for a classifier: out is (n, classes) probabilities. */
TW_MUST_CHECK tw_status tw_engine_predict(tw_engine *engine, const tw_picture *pictures, int64_t n,
                                          float *out, tw_error *err);

/* Borrowed sentences: the numerics id, and what the run's header says of backend, CPU and choice.
 */
const char *tw_engine_numerics(const tw_engine *engine);
const char *tw_engine_describe(const tw_engine *engine);

/* Bytes that the engine allocates: packed weights, activations and scratch of all workers. */
int64_t tw_engine_memory(const tw_engine *engine);

/* Pictures that tw_engine_run likes to get at once (a multiple gives every worker whole pieces). */
int64_t tw_engine_batch(const tw_engine *engine);

#ifdef __cplusplus
}
#endif

#endif
