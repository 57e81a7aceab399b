/*
 * What the files of the cpu backend share: an inference plan as a list of steps over values.
 *
 * A value is what one step writes and later steps read: the caller's input, the caller's output, or
 * a place in a worker's block that other values use before and after. Its layout is whatever the
 * primitive that makes it likes best; `plain` values are float32, (N,H,W,C) or (N,C) row-major.
 *
 * A worker's block:  | values, overlapping where their lives do not | scratch of one step |
 *
 * A section is a run of steps that take one sample at a time, all of them before the next sample:
 * what is made and used up inside it is a `single` value, of one sample, and stays in the caches.
 *
 * Invariants: (1) a step reads and writes values only, never another step's scratch; (2) everything
 * that decides how a step computes (layouts, algorithm, tiles) is fixed in plan_create by shape and
 * path; (3) oneDNN is called with one OpenMP thread, always.
 */
#ifndef TW_BACKEND_CPU_CPU_INT_H
#define TW_BACKEND_CPU_CPU_INT_H

#include "backend/backend_int.h"
#include "backend/cpu/bf16x3.h"
#include "backend/cpu/dense_train.h"
#include "backend/cpu/dnnl_shim.h"
#include "backend/cpu/winograd.h"
#include "backend/cpu/winograd_train.h"
#include "base/text.h"

typedef struct tw_cpu_backend {
    tw_backend base;
    dnnl_engine_t engine;
    bool group_rows; /* see dense.c: this path's sgemm treats a last few rows in another way */
    /* of 3x3 convolutions of stride 1; NULL: by oneDNN */
    const tw_winograd_kernels *winograd, *winograd_bf16;
    const tw_winograd_train_kernels *winograd_train;
    const tw_bf16x3_kernels *bf16x3; /* NULL: not on this path */
    bool no_background;              /* background.c is left out */
    /* of training; NULL: in bfloat16 no faster */
    const tw_dense_arithmetic *dense, *dense_bf16;
} tw_cpu_backend;

typedef enum tw_cpu_place { TW_CPU_IN, TW_CPU_OUT, TW_CPU_BLOCK } tw_cpu_place;

typedef struct tw_cpu_value {
    tw_cpu_place place;
    dnnl_data_type_t type;
    bool plain, is_single;
    tw_dnnl_desc *desc; /* NULL for a plain (N,C) */
    int64_t n_bytes;
    int64_t offset;  /* in a worker's block */
    int first, last; /* the steps between which it lives */
} tw_cpu_value;

/* Sizes of an own step: `rows` rows of c numbers in, of k numbers out; n is a third one. */
typedef struct tw_cpu_sizes {
    int64_t rows, c, k, n;
} tw_cpu_sizes;

/* Of a step in int8: types and what 1 stands for (conv2d_int8.c). */
typedef struct tw_cpu_int8 {
    dnnl_data_type_t src, dst;
    float src_step, dst_step;
    int64_t scales_offset; /* one float32 a filter, in the packed block */
    dnnl_memory_t scales;
} tw_cpu_int8;

struct tw_cpu_plan;
typedef struct tw_cpu_step {
    int node;
    int src, dst; /* values */
    bool is_single;
    /* a oneDNN primitive ... */
    dnnl_primitive_t primitive;
    tw_dnnl_desc *weights_desc, *bias_desc; /* NULL where it has none */
    tw_dnnl_desc *scratch_desc;
    int64_t weights_offset, bias_offset; /* in the packed block */
    dnnl_memory_t weights, bias;
    tw_cpu_int8 int8; /* src_step 0: not in int8 */
    /* ... or an own function */
    void (*run)(const struct tw_cpu_plan *plan, const struct tw_cpu_step *step, const float *in,
                float *out, float *scratch);
    /* ... or one of two sources */
    void (*run_two)(const struct tw_cpu_step *step, const float *a, const float *b, float *out);
    int other; /* the second source, of run_two */
    tw_cpu_sizes sizes;
    /* of an own convolution, one of the two; kernel and bias in one at weights_offset */
    tw_winograd *winograd;
    tw_bf16x3 *bf16x3;
    int64_t n_scratch_bytes;
} tw_cpu_step;

/* One primitive's arguments for one worker. */
typedef struct tw_cpu_call {
    dnnl_memory_t src, dst, scratch;
} tw_cpu_call;

typedef struct tw_cpu_worker {
    uint8_t *block;
    dnnl_stream_t stream;
    tw_cpu_call *calls; /* one a step */
} tw_cpu_worker;

typedef struct tw_cpu_background tw_cpu_background; /* background.c */

typedef struct tw_cpu_plan {
    tw_plan base;
    const tw_cpu_backend *backend;
    bool bf16, bf16x3, int8;
    int n_steps, n_values;
    tw_cpu_step *steps;
    tw_cpu_value *values;
    int *outputs; /* each node's value */
    tw_text choices;
    int64_t scratch_offset; /* in a worker's block */
    uint8_t *packed;
    tw_node_weights *weights; /* of nodes used in place */
    int n_workers;
    tw_cpu_worker *workers;
    tw_cpu_background *background; /* NULL where it can be of no use */
    int64_t states_offset;         /* in a worker's block, its own part of it */
} tw_cpu_plan;

/* ---- plan.c: what the ops' compile functions are written with */

/* A new value of a node's output, plain float32. */
tw_status tw_backend__cpu_add_plain(int *out, tw_cpu_plan *plan, int node, tw_error *err);
/* A new value of a node's output, in the layout that a primitive descriptor answers for its dst. */
tw_status tw_backend__cpu_add_dst(int *out, tw_cpu_plan *plan, int node,
                                  const_dnnl_primitive_desc_t desc, dnnl_data_type_t type,
                                  tw_error *err);
/* The same for a layout that moves in. */
tw_status tw_backend__cpu_take_desc(int *out, tw_cpu_plan *plan, int node, tw_dnnl_desc *desc,
                                    dnnl_data_type_t type, tw_error *err);
/* A new value of a node's output, in the layout of another value. */
tw_status tw_backend__cpu_add_like(int *out, tw_cpu_plan *plan, int node, int value, tw_error *err);
/* The value of a node in plain float32: itself, or a new one behind a reorder. */
tw_status tw_backend__cpu_as_plain(int *out, tw_cpu_plan *plan, int node, tw_error *err);
/* The value of a node in the layout of `desc`, which is of that type: bfloat16 or float32. */
tw_status tw_backend__cpu_as_desc(int *out, tw_cpu_plan *plan, int node, const tw_dnnl_desc *desc,
                                  dnnl_data_type_t type, tw_error *err);
/* Appends a step that reads src and writes dst; `set` makes its primitive. */
tw_cpu_step *tw_backend__cpu_add_step(tw_cpu_plan *plan, int node, int src, int dst);
tw_status tw_backend__cpu_set_primitive(tw_cpu_plan *plan, tw_cpu_step *step,
                                        const_dnnl_primitive_desc_t desc, tw_error *err);
/* Shape of a picture value: (N,C,H,W) into dims. */
void tw_backend__cpu_dims(int64_t dims[4], const tw_shape *shape, int64_t piece);
/* oneDNN's window of a node over an input shape. */
tw_dnnl_window tw_backend__cpu_window(const tw_node *node, const tw_shape *in);
/* The one node that reads `node`, -1 where there are more or none. */
int tw_backend__cpu_only_reader(const tw_graph *graph, int node);
/* Adds "layer=implementation" to the plan's choices: of a primitive, or by name. */
void tw_backend__cpu_note(tw_cpu_plan *plan, int node, const_dnnl_primitive_desc_t desc);
void tw_backend__cpu_note_own(tw_cpu_plan *plan, int node, const char *implementation);
tw_status tw_backend__cpu_fail(const char *layer, const char *what, dnnl_status_t status,
                               tw_error *err);

/* ---- one compile function an op, in the file of its name */

/* Conv2D and DepthwiseConv2D */
tw_status tw_backend__cpu_conv2d(tw_cpu_plan *plan, int node, tw_error *err);
/* The same by own kernels (conv2d_own.c), for layers that they are for. */
bool tw_backend__cpu_conv2d_is_own(const tw_cpu_plan *plan, int node);
tw_status tw_backend__cpu_conv2d_own(tw_cpu_plan *plan, int node, tw_error *err);
/* The same in int8 (conv2d_int8.c), for layers whose input's range is known, in a plan of that
 * precision. Packing turns a step's n numbers of kernel, (R,S,C,K), into as many s8 at the same
 * place, and its biases into what oneDNN takes. */
bool tw_backend__cpu_conv2d_is_int8(const tw_cpu_plan *plan, int node);
tw_status tw_backend__cpu_conv2d_int8(tw_cpu_plan *plan, int node, tw_error *err);
tw_status tw_backend__cpu_int8_pack(tw_cpu_plan *plan, tw_cpu_step *step, float *kernel, int64_t n,
                                    tw_error *err);
/* Does the node multiply bfloat16? */
bool tw_backend__cpu_is_bf16(const tw_cpu_plan *plan, int node);
/* Did an own convolution pool already what max-pooling `node` reads? */
bool tw_backend__cpu_is_pooled(const tw_cpu_plan *plan, int node);
tw_status tw_backend__cpu_max_pool(tw_cpu_plan *plan, int node, tw_error *err);
tw_status tw_backend__cpu_add(tw_cpu_plan *plan, int node, tw_error *err);
/* Did an Add do already what ReLU `node` does? */
bool tw_backend__cpu_is_added(const tw_cpu_plan *plan, int node);
tw_status tw_backend__cpu_global_average_pool(tw_cpu_plan *plan, int node, tw_error *err);
tw_status tw_backend__cpu_dense(tw_cpu_plan *plan, int node, tw_error *err);
/* ReLU, ReLU6, Sigmoid, Softmax behind the value of node `from` (an input of `node`, or itself);
 * the result becomes the value of `node`. */
tw_status tw_backend__cpu_activation(tw_cpu_plan *plan, int node, int from,
                                     tw_activation activation, tw_error *err);

extern const tw_dense_kernels tw_backend__cpu_dense_kernels;
extern const tw_conv_kernels tw_backend__cpu_conv_kernels;         /* conv2d_train.c */
extern const tw_max_pool_kernels tw_backend__cpu_max_pool_kernels; /* max_pool.c */

/* ---- the plan's life: plan.c, load.c, run.c */

tw_status tw_backend__cpu_plan_create(tw_plan **out, tw_backend *backend, const tw_graph *graph,
                                      int64_t piece, tw_precision precision, tw_error *err);
tw_status tw_backend__cpu_plan_load(tw_plan *plan, const tw_node_weights *weights, int n_workers,
                                    void (*release)(void *ctx, int node), void *ctx, tw_error *err);
tw_status tw_backend__cpu_plan_run(tw_plan *plan, int worker, int64_t n, const float *in,
                                   float *out, tw_error *err);
/* What plan_run is made of, on a thread whose OpenMP width is 1: the steps [i, section_end(i)) for
 * each sample in turn, or once with sample 0 where step i is not single. */
typedef struct tw_cpu_run {
    int worker;
    int64_t n; /* samples */
    const float *in;
    float *out;
    int n_looked; /* first steps that background_look knows the tiles of; 0: all are computed */
} tw_cpu_run;
/* Where a value lies for this run; of a sample, where it is not single. */
void *tw_backend__cpu_address(const tw_cpu_plan *plan, const tw_cpu_run *run,
                              const tw_cpu_value *value, int64_t sample);
int tw_backend__cpu_section_end(const tw_cpu_plan *plan, int step);
tw_status tw_backend__cpu_step_run(const tw_cpu_plan *plan, int step, int64_t sample,
                                   const tw_cpu_run *run, tw_error *err);
void tw_backend__cpu_plan_free(tw_plan *plan);

/* ---- constant backgrounds: background.c */

/* Plans it, behind all that a worker's block has; base.background_bytes is 0 without. */
tw_status tw_backend__cpu_background_plan(tw_cpu_plan *plan, tw_error *err);
void tw_backend__cpu_background_free(tw_cpu_background *background);
/* Looks at the run's pictures and decides of each tile of the first steps what becomes of it. */
tw_status tw_backend__cpu_background_look(tw_cpu_plan *plan, tw_cpu_run *run, tw_error *err);
/* One of those steps, on one sample or on all: computes its tiles, and copies the others. */
void tw_backend__cpu_background_run(const tw_cpu_plan *plan, int step, int64_t sample,
                                    const tw_cpu_run *run, float *y, const float *x);

void tw_backend__cpu_worker_free(tw_cpu_worker *worker, int n_steps);

/* ---- what is measured: see.c, time.c, peak.c */

tw_status tw_backend__cpu_plan_see(tw_plan *plan, int worker, const float *in, float *out,
                                   const tw_see *see, tw_error *err);

tw_status tw_backend__cpu_plan_time(tw_plan *plan, int worker, const float *in, float *out,
                                    double *seconds, tw_error *err);
tw_status tw_backend__cpu_peak(tw_peak *out, const tw_backend *backend, int n_workers,
                               tw_error *err);

/* Sets this thread's OpenMP width to 1 and returns what it was; give that to ..._restore. */
int tw_backend__cpu_one_thread(void);
void tw_backend__cpu_restore_threads(int before);

#endif
