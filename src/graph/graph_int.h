/* What the files of the graph room share: the ops table, limits, free names. */
#ifndef TW_GRAPH_GRAPH_INT_H
#define TW_GRAPH_GRAPH_INT_H

#include "graph/graph.h"

/* Limits that keep every later sum inside int64: 4,096 layers of at most 2^40 numbers (outputs and
 * parameters each) and 2^50 multiply-adds. */
enum { TW_GRAPH__MAX_NODES = 4096 };
#define TW_GRAPH__MAX_NUMBERS (INT64_C(1) << 40)
#define TW_GRAPH__MAX_MACS (INT64_C(1) << 50)

/* Which members of tw_node an op uses; the same bits say what its JSON object holds. */
enum {
    TW_GRAPH__UNITS = 1 << 0,
    TW_GRAPH__WINDOW = 1 << 1, /* window, stride and padding */
    TW_GRAPH__ACTIVATION = 1 << 2,
    TW_GRAPH__INITIALIZER = 1 << 3,
    TW_GRAPH__RATE = 1 << 4,
    TW_GRAPH__SHAPE = 1 << 5 /* out is given, not inferred */
};

typedef struct tw_graph__rule {
    unsigned members;
    /* in: the shapes of the inputs, without N */
    tw_status (*shape)(tw_shape *out, const tw_node *node, const tw_shape *in, tw_error *err);
    /* kernel and bias for sane inputs; NULL where the op has no parameters */
    void (*params)(tw_shape shapes[2], const tw_node *node, const tw_shape *in);
} tw_graph__rule;

typedef struct tw_graph__op {
    const char *name; /* Keras's class */
    int arity;
    const tw_graph__rule *rule;
} tw_graph__op;

const tw_graph__op *tw_graph__op_row(tw_op op);

extern const char *const tw_graph__paddings[TW_N_PADDING];

bool tw_graph__has_name(const tw_graph *graph, const char *name);
/* `name`, or `name`_1, _2, ...: the first that neither graph has (b may be NULL); cut to fit. */
void tw_graph__free_name(char out[TW_NAME_SIZE], const char *name, const tw_graph *a,
                         const tw_graph *b);

#endif
