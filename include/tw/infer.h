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
    const char *precision; /* of the frozen trunk: TW_PRECISION_LIST; NULL or "auto": the model's */
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

/* An engine for tw_engine_judge, of a model that knows what its pictures look like (TW_EFILE else).
 * Expected: as tw_engine_create. */
TW_MUST_CHECK tw_status tw_engine_create_judge(tw_engine **out, const tw_model *model,
                                               const tw_compute *compute, tw_error *err);
/* tw_engine_predict, and how far each picture is from those that the model knows, 0 to 2: distances
 * is (n). Beyond tw_model_reject_threshold a picture is of none of the classes. */
TW_MUST_CHECK tw_status tw_engine_judge(tw_engine *engine, const tw_picture *pictures, int64_t n,
                                        float *out, double *distances, tw_error *err);

/* Borrowed sentences: the numerics id, and what the run's header says of backend, CPU and choice.
 */
const char *tw_engine_numerics(const tw_engine *engine);
const char *tw_engine_describe(const tw_engine *engine);

/* Bytes that the engine allocates: packed weights, activations and scratch of all workers. */
int64_t tw_engine_memory(const tw_engine *engine);

/* Pictures that tw_engine_run likes to get at once (a multiple gives every worker whole pieces). */
int64_t tw_engine_batch(const tw_engine *engine);

/* What a benchmark does. Zero-filled means: 16 pictures, 5 rounds, no layers. */
typedef struct tw_benchmark_options {
    int64_t n_pictures; /* of a round, handed in at once */
    int n_rounds;       /* that count; one before them does not */
    int by_layer;       /* 1: each layer's time, too */
} tw_benchmark_options;

/* How fast a layer is, or all of them: seconds a picture, least and median over the rounds. Of a
 * layer: what all threads together took, divided by their number, so that layers add up to less
 * than the whole. macs are those of a direct computation, whatever is done instead: effective
 * flop/s are 2 * macs / t_s. */
typedef struct tw_pace {
    const char *name, *op; /* borrowed from the model */
    char algorithm[64];    /* "" where a layer has no step of its own */
    int64_t macs;
    double t_least_s, t_median_s;
} tw_pace;

typedef struct tw_benchmark {
    char describe[512]; /* backend, CPU, threads, precision */
    int n_threads;      /* that the memory limit had room for */
    int64_t n_pictures, n_bytes;
    int n_rounds;
    /* measured by loops of nothing else: flop and bytes a second; bf16 0 where the path has none */
    double fp32_peak, bf16_peak, read_peak;
    double peak; /* of these the one of the precision */
    tw_pace whole;
    int n_layers; /* 0 unless by_layer */
    tw_pace *layers;
} tw_benchmark;

/* Times the model on random pictures, dense ones with as many channels as it takes. Free with
 * tw_benchmark_free. compute->memory_limit 0 is no limit here. Expected: what tw_engine_create
 * says, and TW_EINTERRUPTED. */
TW_MUST_CHECK tw_status tw_benchmark_run(tw_benchmark *out, const tw_model *model,
                                         const tw_benchmark_options *options,
                                         const tw_compute *compute, const tw_watch *watch,
                                         tw_error *err);
void tw_benchmark_free(tw_benchmark *benchmark);

#ifdef __cplusplus
}
#endif

#endif
