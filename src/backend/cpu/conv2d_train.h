/*
 * What the two files of a convolution in training share: conv2d_plan.c chooses its primitives and
 * their places in the scratch, conv2d_train.c runs them. Where there are own kernels for it
 * (winograd_train.h), both hand over to them; the rest of this file is oneDNN's.
 *
 * Three passes (forward, data gradient, weight gradient), each a primitive made for a piece of
 * pictures and for one thread, run on whole pieces by any worker. How many pictures a piece has,
 * and whether a pass is Winograd or direct, is fixed by the layer's shape; which worker takes a
 * piece does not matter. A last, short piece is filled up with zeros.
 *
 * Pictures and kernel are plain, (N,H,W,C) and (R,S,C,K); where a primitive wants another layout
 * they are reordered on the way, pictures by the worker of their piece, the kernel once a call.
 *
 * Scratch of a pass, passes in the same place:
 *
 *   | kernel, or the groups' sums | bias | a worker: oneDNN's, x, y, kernel's gradient | ... |
 */
#ifndef TW_BACKEND_CPU_CONV2D_TRAIN_H
#define TW_BACKEND_CPU_CONV2D_TRAIN_H

#include "backend/cpu/cpu_int.h"

/* x and y are pictures, w is the kernel; in backward passes some of them are gradients. */
enum { TW_CONV_X, TW_CONV_Y, TW_CONV_W, TW_N_CONV_PORTS };
enum { TW_CONV_FORWARD, TW_CONV_DATA, TW_CONV_WEIGHTS, TW_N_CONV_PASSES };
enum { TW_CONV_GROUPS = 4 }; /* of pieces, at most, each with a weight gradient of its own */

/* One row a pass: the port that it writes, and what oneDNN calls its ports. */
typedef struct tw_conv_kind {
    const char *name;
    int out;
    int args[TW_N_CONV_PORTS];
    dnnl_query_t queries[TW_N_CONV_PORTS];
    dnnl_status_t (*create)(dnnl_primitive_desc_t *out, dnnl_engine_t engine,
                            const tw_dnnl_conv *conv);
} tw_conv_kind;
extern const tw_conv_kind tw_backend__cpu_conv_kinds[TW_N_CONV_PASSES];

/* Where a tensor enters or leaves a primitive. */
typedef struct tw_conv_port {
    tw_dnnl_desc *plain, *inner; /* inner is what the primitive wants */
    dnnl_primitive_t reorder;    /* NULL: it wants plain */
    tw_dnnl_desc *scratch;       /* of the reorder */
} tw_conv_port;

typedef struct tw_conv_pass {
    dnnl_primitive_t primitive; /* NULL: will not be asked for */
    tw_dnnl_desc *scratch;
    tw_conv_port ports[TW_N_CONV_PORTS];
} tw_conv_pass;

typedef struct tw_conv_memory {
    dnnl_memory_t plain, inner, scratch;
} tw_conv_memory;

/* What one worker runs a pass with. */
typedef struct tw_conv_call {
    tw_conv_memory ports[TW_N_CONV_PORTS];
    dnnl_memory_t scratch;
    float *filled[TW_N_CONV_PORTS]; /* a short piece of x or y, filled up */
    float *gradient;                /* the memory of ports[TW_CONV_W].inner in the weight pass */
} tw_conv_call;

typedef struct tw_conv_worker {
    dnnl_stream_t stream;
    dnnl_status_t status; /* of the call that runs */
    tw_conv_call calls[TW_N_CONV_PASSES];
} tw_conv_worker;

typedef struct tw_cpu_conv {
    tw_conv base;
    tw_winograd_train *own; /* NULL: oneDNN's primitives */
    dnnl_engine_t engine;
    int64_t piece;
    int64_t n_numbers[TW_N_CONV_PORTS]; /* of a picture or of the kernel */
    tw_conv_pass passes[TW_N_CONV_PASSES];
    tw_conv_worker *workers;
    /* what they share */
    dnnl_stream_t stream;
    tw_conv_memory kernels[TW_N_CONV_PASSES]; /* in the weight pass the sum of all groups */
    tw_dnnl_desc *bias_desc;
    dnnl_memory_t bias;
    float *bias_numbers;
    dnnl_memory_t group_memory[TW_CONV_GROUPS];
    float *groups[TW_CONV_GROUPS]; /* in the layout of the weight pass */
    float *gradient;               /* plain */
} tw_cpu_conv;

tw_status tw_backend__cpu_conv_create(tw_conv **out, tw_backend *backend, const tw_conv *wanted,
                                      tw_error *err);
tw_status tw_backend__cpu_conv_lay_out(tw_conv *conv, tw_layout *layout, tw_error *err);
void tw_backend__cpu_conv_free(tw_conv *conv);

/* Of a batch of n pictures. */
int64_t tw_backend__cpu_conv_pieces(const tw_cpu_conv *conv, int64_t n);
int64_t tw_backend__cpu_conv_groups(const tw_cpu_conv *conv, int64_t n);
/* Numbers of a port's inner layout, padding included. */
int64_t tw_backend__cpu_conv_inner(const tw_conv_port *port);

#endif
