/*
 * Pictures that look alike: their looks (64 comparisons, image/look.c) differ in at most three. Of
 * each the first of those is wanted. Of two such looks one half differs in at most one bit. So the
 * looks, each once, are the leaves of a binary tree that branches where they first differ; a search
 * goes down every branch as long as what it has passed differs in no more than three bits, of them
 * one in the upper half, and leaves out those whose pictures all come after the first one found.
 * Then the same with the halves exchanged. No picture is compared with all others, however many
 * have the same background.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "data/check_int.h"

#include <stdlib.h>

enum { NEAR = 3, NEAR_HALF = 1, HALF = 32, TOP_BIT = 63 };
static const uint64_t upper_half = ~UINT64_C(0) << HALF;

typedef struct node {
    uint64_t look;       /* of one of its leaves */
    uint64_t shared;     /* the bits that all of them have in common; of a leaf all */
    int64_t least;       /* index of their first picture */
    int64_t left, right; /* of a leaf -1 */
} node;

typedef struct tree {
    const tw_data__look *leaves; /* sorted, each look once, with its first picture */
    node *nodes;                 /* the root first; 2 a leaf are room enough */
    int64_t n_nodes;
} tree;

/* Makes the node of n leaves, at most 64 deep, and returns where it lies. */
static int64_t build(tree *t, int64_t first, int64_t n)
{
    const tw_data__look *leaves = t->leaves + first;
    const uint64_t differs = leaves[0].look ^ leaves[n - 1].look;
    const int64_t at = t->n_nodes++;
    node *made = &t->nodes[at];
    int64_t n_left = 1;
    int bit;

    *made = (node){leaves[0].look, ~UINT64_C(0), leaves[0].index, -1, -1};
    if (n == 1)
        return at;
    bit = TOP_BIT - __builtin_clzll(differs);
    while (!(leaves[n_left].look >> bit & 1))
        n_left++;
    made->shared = bit == TOP_BIT ? 0 : ~UINT64_C(0) << (bit + 1);
    made->left = build(t, first, n_left);
    made->right = build(t, first + n_left, n - n_left);
    made->least = t->nodes[made->left].least < t->nodes[made->right].least
                      ? t->nodes[made->left].least
                      : t->nodes[made->right].least;
    return at;
}

/* The first picture below the node that looks like it and nearly has its upper half, `best` where
 * none comes before that. */
static int64_t search(const node *nodes, int64_t at, uint64_t look, int64_t best)
{
    const node *here = &nodes[at];
    const uint64_t differs = (here->look ^ look) & here->shared;
    bool is_left_first;

    if (here->least >= best || __builtin_popcountll(differs) > NEAR ||
        __builtin_popcountll(differs & upper_half) > NEAR_HALF)
        return best;
    if (here->left < 0)
        return here->least;
    is_left_first = nodes[here->left].least < nodes[here->right].least;
    best = search(nodes, is_left_first ? here->left : here->right, look, best);
    return search(nodes, is_left_first ? here->right : here->left, look, best);
}

static int by_look(const void *a, const void *b)
{
    const tw_data__look *x = a, *y = b;

    if (x->look != y->look)
        return x->look < y->look ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

static void exchange_halves(tw_data__look *looks, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        looks[i].look = looks[i].look << HALF | looks[i].look >> HALF;
}

/* Sorts the looks and makes the tree of them, its leaves at `leaves`. */
static void build_tree(tree *t, tw_data__look *leaves, tw_data__look *looks, int64_t n)
{
    int64_t n_leaves = 0;

    qsort(looks, (size_t)n, sizeof *looks, by_look);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || looks[i].look != looks[i - 1].look)
            leaves[n_leaves++] = looks[i];
    t->leaves = leaves;
    t->n_nodes = 0;
    if (n_leaves > 0)
        build(t, 0, n_leaves);
}

tw_status tw_data__find_near(int64_t *near, tw_data__look *looks, int64_t n, tw_error *err)
{
    const size_t room = (size_t)n + 1;
    tw_data__look *leaves = tw_malloc(room * sizeof *leaves);
    tree t = {leaves, tw_malloc(room * 2 * sizeof *t.nodes), 0};
    tw_status rc = TW_OK;

    if (!leaves || !t.nodes) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to compare %lld pictures", (long long)n);
        goto done;
    }
    for (int64_t i = 0; i < n; i++)
        near[looks[i].index] = looks[i].index;
    for (int half = 0; half < 2; half++) {
        exchange_halves(looks, n);
        build_tree(&t, leaves, looks, n);
        for (int64_t i = 0; i < n; i++)
            near[looks[i].index] = search(t.nodes, 0, looks[i].look, near[looks[i].index]);
    }
done:
    tw_free(leaves);
    tw_free(t.nodes);
    return rc;
}
