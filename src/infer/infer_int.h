/*
 * The chain's state: chain.c plans and loads it, chain_run.c runs it.
 *
 *   rows in -> [stage 0: pieces of 4 pictures] -> middle -> [stage 1: pieces of 128 rows] -> rows
 * out
 *
 * Either stage may be missing; with neither the rows are copied. `middle` holds whole pieces of
 * stage 1 for every worker. Each worker has room for one piece in and one piece out, for what is
 * short or made by `fill`.
 */
#ifndef TW_INFER_INFER_INT_H
#define TW_INFER_INFER_INT_H

#include "infer/engine.h"

#include "base/text.h"

typedef struct tw_infer_stage {
    tw_plan *plan;
    int64_t piece, in_size, out_size; /* numbers a row */
    int *model_nodes;                 /* of each node of plan->graph, -1 for its input */
    double *seconds;                  /* (workers, nodes) while it runs by the clock, else NULL */
} tw_infer_stage;

struct tw_chain {
    const tw_model *model;
    int first, last;
    int64_t in_size, out_size;
    tw_shape out_shape;
    int n_stages;
    tw_infer_stage stages[2];
    tw_text numerics;

    int n_workers; /* 0 until loaded */
    float *in;     /* (workers, piece of the first stage, in_size) */
    float *out;    /* (workers, piece of the last stage, out_size) */
    float *middle; /* (workers * piece of stage 1, in_size of stage 1), with two stages */
};

/* Numbers of the three blocks above, of one worker. */
int64_t tw_infer__in_numbers(const tw_chain *chain);
int64_t tw_infer__out_numbers(const tw_chain *chain);
int64_t tw_infer__middle_numbers(const tw_chain *chain);

/* Whether an op belongs to the stage of pictures. */
bool tw_infer__is_picture_op(tw_op op);

#endif
