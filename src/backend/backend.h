/*
 * Backends: who does the arithmetic. ref is plain C and the truth; cpu is oneDNN and own kernels.
 * A backend is one table of functions (tw_backend_table); everything above sees only this header.
 *
 * Two kinds of plans:
 *   inference plan: a graph compiled for a fixed piece of `piece` samples. Its primitives are made
 *     for and run on one thread; workers take whole pieces; each worker has its own activation
 *     block. Short pieces are padded by the caller. So a sample's bits depend on nothing but
 *     itself.
 *   training plan: a chain of any layers, from the features (N,H,W,C) or (N,C) of a cut to the
 *     classes, compiled for batches of up to `batch` samples; uses all threads with fixed chunks.
 *     Gradients go to a sink.
 */
#ifndef TW_BACKEND_BACKEND_H
#define TW_BACKEND_BACKEND_H

#include "base/rng.h"
#include "graph/graph.h"

#include <tw/error.h>
#include <tw/tensor.h>

#include <stdbool.h>
#include <stdint.h>

typedef struct tw_backend tw_backend;
typedef struct tw_plan tw_plan;
typedef struct tw_train_plan tw_train_plan;

/* Kernel and bias of one node, float32, (R,S,C,K) or (in,out); NULL where the node has none. The
 * memory may lie unaligned in a mapped file. */
typedef struct tw_node_weights {
    const float *kernel;
    const float *bias;
} tw_node_weights;

/* Who is shown what a convolution reads: n numbers of one or more samples, in any order, maybe with
 * zeros among them. */
typedef struct tw_see {
    void (*show)(void *ctx, int node, const float *x, int64_t n);
    void *ctx;
} tw_see;

/* The arithmetic of optimizers, elementwise on n numbers (FORMATS: Keras semantics). */
typedef struct tw_adam_step {
    float alpha; /* lr * sqrt(1 - b2^t) / (1 - b1^t), powers in float32 */
    float one_minus_beta1, one_minus_beta2, epsilon;
    float lr, weight_decay; /* before the step w -= w * weight_decay * lr; 0: left alone */
} tw_adam_step;
typedef struct tw_sgd_step {
    float lr, momentum; /* lr after decay */
    bool nesterov;
    float weight_decay; /* as above */
} tw_sgd_step;

/* One parameter of a node and what a step does with it. A kernel that knows it applies each
 * finished part of the gradient on the spot, elementwise and as adam and sgd below do. */
typedef struct tw_update {
    float *w, *state[2]; /* all of the parameter; velocity, or m and v */
    bool is_adam;        /* else sgd */
    tw_adam_step adam;
    tw_sgd_step sgd;
    /* Per row of a kernel (C,K): its state is not all zero. A row whose inputs are zero in the
     * whole batch has no gradient, and with no state either it stays as it is, bit for bit. The
     * kernel passes over such rows and marks the others. NULL: every row is updated. */
    uint8_t *touched;
} tw_update;

/* Where finished gradients go. `take` gets numbers [first, first+n) of one parameter of one node
 * (slot 0 kernel, 1 bias), whole and final, and may overwrite them; it is called once for every
 * number, from any worker thread, with disjoint ranges. Where `get_update` is there and says true,
 * a backend may carry the update out itself, for all of the parameter, and take is not called. */
typedef struct tw_sink {
    void (*take)(void *ctx, int node, int slot, int64_t first, int64_t n, float *gradient);
    void *ctx;
    bool (*get_update)(void *ctx, int node, int slot, tw_update *out); /* may be NULL */
} tw_sink;

/* The most that loops get out of a machine which do nothing but multiply and add, or read. */
typedef struct tw_peak {
    double fp32_flops; /* a second; a fused multiply-add is two */
    double bf16_flops; /* products of bf16 added up in fp32; 0: the path has none */
    double read_bytes; /* of memory, a second */
} tw_peak;

typedef struct tw_backend_table {
    const char *name;
    /* isa NULL or "auto", ... TW_EUNSUPPORTED names the path that this CPU lacks. */
    tw_status (*open)(tw_backend **out, const char *isa, tw_error *err);
    void (*close)(tw_backend *backend);

    /* Can it compute in that precision? TW_EUNSUPPORTED says what it lacks. */
    tw_status (*check_precision)(const tw_backend *backend, tw_precision precision, tw_error *err);

    /* The one that CPUs of this kind compute fastest in, told by what they are; it can. */
    tw_precision (*fastest)(const tw_backend *backend);

    /* Step 1 of an inference plan: chooses implementations and knows sizes; packs nothing.
     * Expected: what check_precision says. */
    tw_status (*plan_create)(tw_plan **out, tw_backend *backend, const tw_graph *graph,
                             int64_t piece, tw_precision precision, tw_error *err);
    /* Step 2: packs weights[graph->n] (or keeps the pointers, where used in place: they must stay)
     * and makes the blocks of n_workers. `release(ctx, node)`, may be NULL, is called when a node's
     * weights are packed and no longer needed. */
    tw_status (*plan_load)(tw_plan *plan, const tw_node_weights *weights, int n_workers,
                           void (*release)(void *ctx, int node), void *ctx, tw_error *err);
    /* in (piece, input shape) f32 NHWC -> out (piece, output shape) f32 NHWC; one thread. Of the
     * piece n samples are asked for: what out holds behind them is not said. */
    tw_status (*plan_run)(tw_plan *plan, int worker, int64_t n, const float *in, float *out,
                          tw_error *err);
    /* A whole piece by the clock: adds the seconds of each node's steps to seconds[graph->n]. A
     * node that another one's step computes has none of its own. */
    tw_status (*plan_time)(tw_plan *plan, int worker, const float *in, float *out, double *seconds,
                           tw_error *err);
    /* A whole piece, each convolution's input shown; of plans in fp32. NULL: has no int8. */
    tw_status (*plan_see)(tw_plan *plan, int worker, const float *in, float *out, const tw_see *see,
                          tw_error *err);
    void (*plan_free)(tw_plan *plan);

    /* Training plan. weights stay the caller's and are used in place, so they lie at addresses of
     * floats; they may change between calls (the sink changes them). frozen[node] != 0: the node
     * passes the gradient on and gets none; below the first node that is trained none is made. */
    tw_status (*train_create)(tw_train_plan **out, tw_backend *backend, const tw_graph *graph,
                              int64_t batch, int n_workers, const bool *frozen, tw_error *err);
    /* Forward with dropout (key for node i: tw_rng_make_key(seed, TW_RNG_DROPOUT, epoch,
     * step << 16 | i)), softmax cross-entropy on the logits, backward. n <= batch samples; labels
     * (n), or the plan's targets. loss (n): each sample's loss; logits (n, classes). sample_weights
     * (n), NULL: all 1, multiply loss and gradient. Gradients of the mean loss over n go to the
     * sink; sink NULL: forward only. A node's weights are read (data gradient) before its own
     * gradient is handed to the sink. The last node is Softmax, or Dense with that activation.
     */
    tw_status (*train_step)(tw_train_plan *plan, const tw_node_weights *weights, const float *in,
                            const int *labels, const float *sample_weights, int64_t n,
                            uint64_t seed, uint32_t epoch, uint64_t step, double *loss,
                            float *logits, const tw_sink *sink, tw_error *err);
    void (*train_free)(tw_train_plan *plan);

    /* A plan of the same kind that trains nothing and has no dropout: it tells what the plan's
     * input does to a class. Free with train_free. */
    tw_status (*gradient_create)(tw_train_plan **out, tw_backend *backend, const tw_graph *graph,
                                 int64_t batch, int n_workers, tw_error *err);
    /* gradient (n, input): of logits[i][classes[i]] with respect to in[i]; logits (n, classes). */
    tw_status (*gradient_run)(tw_train_plan *plan, const tw_node_weights *weights, const float *in,
                              const int *classes, int64_t n, float *logits, float *gradient,
                              tw_error *err);

    void (*adam)(float *w, float *m, float *v, const float *g, int64_t n, const tw_adam_step *step);
    void (*sgd)(float *w, float *velocity, const float *g, int64_t n, const tw_sgd_step *step);

    /* Measures what the machine gives n_workers threads on this backend's path; takes a second or
     * two. Expected: TW_ENOMEM. */
    tw_status (*peak)(tw_peak *out, const tw_backend *backend, int n_workers, tw_error *err);
} tw_backend_table;

/* First members of every tw_backend, tw_plan and tw_train_plan, so that callers can ask. */
struct tw_backend {
    const tw_backend_table *table;
    char describe[256]; /* "oneDNN 2.6.3 on AMD EPYC, path avx512_core_bf16" */
    char numerics[256]; /* backend, library and version, path: without the layers' choices */
    /* Training plans multiply bfloat16, where asked to, faster than float32. */
    bool trains_bf16;
};
struct tw_plan {
    const tw_backend_table *table;
    tw_graph *graph; /* own copy */
    int64_t piece;
    int64_t packed_bytes; /* known after plan_create */
    int64_t worker_bytes; /* of one worker: activations and scratch */
    /* What a picture of one colour leaves behind, kept once a plan as soon as pictures have a
     * background of that colour; set to 0 before plan_load: do without. The bits are the same. */
    int64_t background_bytes;
    /* Multiplications of the layers that could use it, in all runs, and those of them that it
     * spared; to be read while nobody runs. */
    int64_t n_products, n_spared;
    char *choices; /* "block1_conv1=jit:avx512_core,..." part of the numerics id */
};
struct tw_train_plan {
    const tw_backend_table *table;
    tw_graph *graph;
    int64_t batch;
    int64_t n_bytes; /* activations, gradients, scratch */
    /* Dense layers that read the plan's input multiply what is rounded to bfloat16 (inputs,
     * weights, gradients of their outputs) and add up in float32; weights and updates are float32.
     * false unless set before the first step, with a backend that trains_bf16. */
    bool is_bf16;
    /* What the next steps are to learn, (n, classes), each row a distribution over the classes;
     * borrowed from the caller, who may change it at any time. NULL: the labels. */
    const float *targets;
};

/* The backend of that name: "cpu" or "ref". Expected: TW_EUSAGE with the nearest name. */
TW_MUST_CHECK tw_status tw_backend_find(const tw_backend_table **out, const char *name,
                                        tw_error *err);

/* The end of every classifier, the same bits everywhere: probabilities and loss from one row of
 * logits, in double, and argmax (first maximum wins). */
void tw_softmax_row(float *probabilities, const float *logits, int n_classes);
double tw_cross_entropy_row(const float *logits, int n_classes, int label);
/* Of a target that is a distribution over the classes. */
double tw_soft_cross_entropy_row(const float *logits, int n_classes, const float *target);
int tw_argmax_row(const float *row, int n);
/* The same of logits / temperature. The most probable class is that of the greatest logit at any
 * temperature, also where rounding would make two probabilities equal. */
void tw_softmax_tempered_row(float *probabilities, const float *logits, int n_classes,
                             double temperature);
double tw_cross_entropy_tempered_row(const float *logits, int n_classes, int label,
                                     double temperature);

#endif
