/*
 * The memory plan: where in one block each node's output lies.
 *
 * A block lives from its node until its last reader; two blocks whose lives meet never overlap.
 * Greedy by size: the largest block is placed first, each next one at the lowest place that is
 * free during its life (Pisarchyk and Lee 2020, Efficient memory management for deep neural net
 * inference). For a chain that gives the two largest neighbours, the least possible.
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/memory.h"
#include "tensor/tensor.h"

#include <stdlib.h>

enum { ALIGNMENT = 64 };

typedef struct block {
    int node, last_reader;
    int64_t n_bytes, offset;
} block;

static int larger_first(const void *a, const void *b)
{
    const block *x = a, *y = b;

    if (x->n_bytes != y->n_bytes)
        return x->n_bytes < y->n_bytes ? 1 : -1;
    return x->node - y->node;
}

/* Output of node i for `batch` samples, rounded up to whole lines. */
static tw_status measure(block *blocks, const tw_graph *graph, int64_t batch, tw_error *err)
{
    for (int i = 0; i < graph->n; i++) {
        int64_t n = tw_shape_size(&graph->nodes[i].out);

        if (!tw_mul_i64(&n, n, (int64_t)sizeof(float)) || !tw_mul_i64(&n, n, batch) ||
            !tw_add_i64(&n, n, ALIGNMENT - 1))
            return tw_fail(err, TW_ESHAPE, "%s: a batch of %lld is too large", graph->nodes[i].name,
                           (long long)batch);
        blocks[i] = (block){.node = i, .last_reader = i, .n_bytes = n / ALIGNMENT * ALIGNMENT};
        for (int k = 0; k < graph->nodes[i].n_inputs; k++)
            blocks[graph->nodes[i].inputs[k]].last_reader = i;
    }
    return TW_OK;
}

static bool live_together(const block *a, const block *b)
{
    return a->node <= b->last_reader && b->node <= a->last_reader;
}

/* Lowest offset for `it` beside placed[0..n), which are in order of offset. */
static int64_t lowest_place(const block *it, const block *placed, int n)
{
    int64_t offset = 0;

    for (int i = 0; i < n; i++) {
        if (!live_together(it, &placed[i]))
            continue;
        if (placed[i].offset - offset >= it->n_bytes)
            break;
        if (placed[i].offset + placed[i].n_bytes > offset)
            offset = placed[i].offset + placed[i].n_bytes;
    }
    return offset;
}

/* Keeps placed[0..n] in order of offset. */
static void insert(block *placed, int n, const block *it)
{
    int i = n;

    for (; i > 0 && placed[i - 1].offset > it->offset; i--)
        placed[i] = placed[i - 1];
    placed[i] = *it;
}

tw_status tw_graph_plan_memory(int64_t *offsets, int64_t *n_bytes, const tw_graph *graph,
                               int64_t batch, tw_error *err)
{
    tw_status rc;
    block *blocks = NULL, *placed = NULL;
    int64_t end, total = 0;

    *n_bytes = 0;
    if (batch < 1)
        return tw_fail(err, TW_ESHAPE, "a batch needs at least 1 sample, got %lld",
                       (long long)batch);
    if (!(blocks = tw_calloc((size_t)graph->n, sizeof *blocks)) ||
        !(placed = tw_calloc((size_t)graph->n, sizeof *placed))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to plan %d layers", graph->n);
        goto done;
    }
    if ((rc = measure(blocks, graph, batch, err)) != TW_OK)
        goto done;
    for (int i = 0; i < graph->n; i++) /* the sum bounds every offset */
        if (!tw_add_i64(&total, total, blocks[i].n_bytes)) {
            rc = tw_fail(err, TW_ESHAPE, "a batch of %lld is too large", (long long)batch);
            goto done;
        }

    blocks[graph->n - 1].last_reader = graph->n;
    qsort(blocks, (size_t)graph->n, sizeof *blocks, larger_first);
    for (int i = 0; i < graph->n; i++) {
        blocks[i].offset = lowest_place(&blocks[i], placed, i);
        insert(placed, i, &blocks[i]);
        offsets[blocks[i].node] = blocks[i].offset;
        end = blocks[i].offset + blocks[i].n_bytes;
        *n_bytes = end > *n_bytes ? end : *n_bytes;
    }
    rc = TW_OK;
done:
    tw_free(placed);
    tw_free(blocks);
    return rc;
}
