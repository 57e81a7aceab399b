/*
 * The --top language: "1000 relu uniform, dropout 0.3, 500 sigmoid" becomes a graph.
 *
 *     spec  = [ item { "," item } ]          the empty spec is a linear top
 *     item  = "gap" (first only) | "dropout" RATE | UNITS { ACTIVATION | INITIALIZER }
 *
 * The class layer, a softmax named "predictions", is added after the last item. Refusals quote the
 * item.
 */
#include "graph/graph_int.h"

#include "base/fail.h"
#include "base/text.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { MAX_WORDS = 4, WORD_SIZE = 48, ITEM_SIZE = 160 };

/* One item of the spec, cut into words. `text` is what refusals quote. */
typedef struct item {
    char text[ITEM_SIZE];
    int n_words;
    char words[MAX_WORDS][WORD_SIZE];
} item;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Cuts [begin, end) into words. */
static tw_status split_item(item *out, const char *begin, const char *end, tw_error *err)
{
    memset(out, 0, sizeof *out);
    while (begin < end && is_space(*begin))
        begin++;
    while (end > begin && is_space(end[-1]))
        end--;
    snprintf(out->text, sizeof out->text, "%.*s",
             (int)(end - begin < ITEM_SIZE ? end - begin : ITEM_SIZE - 1), begin);
    if (begin == end)
        return tw_fail(err, TW_EUSAGE, "top: an item is empty");
    while (begin < end) {
        const char *stop = begin;

        while (stop < end && !is_space(*stop))
            stop++;
        if (out->n_words == MAX_WORDS || stop - begin >= WORD_SIZE)
            return tw_fail(err, TW_EUSAGE, "top: item \"%s\" is too long", out->text);
        memcpy(out->words[out->n_words++], begin, (size_t)(stop - begin));
        begin = stop;
        while (begin < end && is_space(*begin))
            begin++;
    }
    return TW_OK;
}

/* Appends a layer behind the last one, named as Keras does: "dense", then "dense_1", ... */
static tw_status append(tw_graph *graph, tw_node *node, const char *name, tw_error *err)
{
    node->n_inputs = 1;
    node->inputs[0] = graph->n - 1;
    tw_graph__free_name(node->name, name, graph, NULL);
    return tw_graph_add(graph, node, err);
}

static tw_status add_gap(tw_graph *graph, const item *it, tw_error *err)
{
    tw_node node = {.op = TW_OP_GLOBAL_AVERAGE_POOL};

    if (it->n_words > 1)
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": gap takes no words", it->text);
    if (graph->n > 1)
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": gap must be the first", it->text);
    if (tw_graph_output_shape(graph)->rank != 3)
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": the features are flat already", it->text);
    return append(graph, &node, "global_average_pooling2d", err);
}

static tw_status add_dropout(tw_graph *graph, const item *it, tw_error *err)
{
    tw_node node = {.op = TW_OP_DROPOUT};

    if (it->n_words != 2 || !tw_parse_f64(&node.rate, it->words[1]) ||
        !(node.rate >= 0 && node.rate < 1))
        return tw_fail(err, TW_EUSAGE,
                       "top: item \"%s\": dropout takes a rate, at least 0 and below 1", it->text);
    return append(graph, &node, "dropout", err);
}

/* Hidden layers take these; softmax is the class layer's. */
static bool parse_activation(tw_activation *out, const char *word)
{
    for (int i = 0; i < TW_N_ACTIVATION; i++) {
        if (i != TW_SOFTMAX && !strcmp(tw_activation_name((tw_activation)i), word)) {
            *out = (tw_activation)i;
            return true;
        }
    }
    return false;
}

static tw_status fail_word(const item *it, const char *word, tw_error *err)
{
    const char *names[TW_N_ACTIVATION + TW_N_INITIALIZER];
    const char *near;
    size_t n = 0;

    if (!strcmp(word, tw_activation_name(TW_SOFTMAX)))
        return tw_fail(err, TW_EUSAGE,
                       "top: item \"%s\": softmax is the class layer's, which is added after the "
                       "last item",
                       it->text);
    for (int i = 0; i < TW_N_ACTIVATION; i++)
        if (i != TW_SOFTMAX)
            names[n++] = tw_activation_name((tw_activation)i);
    for (int i = 0; i < TW_N_INITIALIZER; i++)
        names[n++] = tw_initializer_name((tw_initializer)i);
    if ((near = tw_nearest_name(word, names, n)))
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": unknown word \"%s\", did you mean \"%s\"",
                       it->text, word, near);
    return tw_fail(err, TW_EUSAGE,
                   "top: item \"%s\": \"%s\" is neither an activation nor an initializer", it->text,
                   word);
}

static tw_status add_dense(tw_graph *graph, const item *it, int units, tw_error *err)
{
    tw_node node = {.op = TW_OP_DENSE, .units = units};
    bool has_activation = false, has_initializer = false;

    for (int i = 1; i < it->n_words; i++) {
        bool *has;

        if (parse_activation(&node.activation, it->words[i]))
            has = &has_activation;
        else if (tw_initializer_parse(&node.initializer, it->words[i], NULL) == TW_OK)
            has = &has_initializer;
        else
            return fail_word(it, it->words[i], err);
        if (*has)
            return tw_fail(err, TW_EUSAGE, "top: item \"%s\": \"%s\" is one %s too many", it->text,
                           it->words[i], has == &has_activation ? "activation" : "initializer");
        *has = true;
    }
    return append(graph, &node, "dense", err);
}

static tw_status fail_item(const item *it, tw_error *err)
{
    static const char *const names[] = {"gap", "dropout"};
    const char *near = tw_nearest_name(it->words[0], names, 2);

    if (near)
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": unknown word \"%s\", did you mean \"%s\"",
                       it->text, it->words[0], near);
    return tw_fail(err, TW_EUSAGE,
                   "top: item \"%s\" is none of gap, dropout RATE, UNITS [ACTIVATION] "
                   "[INITIALIZER]",
                   it->text);
}

/* Whatever is not gap wants flat features. */
static tw_status flatten(tw_graph *graph, tw_error *err)
{
    tw_node node = {.op = TW_OP_FLATTEN};

    if (tw_graph_output_shape(graph)->rank == 1)
        return TW_OK;
    return append(graph, &node, "flatten", err);
}

static tw_status add_item(tw_graph *graph, const item *it, tw_error *err)
{
    tw_status rc;
    int64_t units;

    if (!strcmp(it->words[0], "gap"))
        return add_gap(graph, it, err);
    if ((rc = flatten(graph, err)) != TW_OK)
        return rc;
    if (!strcmp(it->words[0], "dropout"))
        return add_dropout(graph, it, err);
    if (!tw_parse_i64(&units, it->words[0]))
        return fail_item(it, err);
    if (units < 1 || units > INT_MAX)
        return tw_fail(err, TW_EUSAGE, "top: item \"%s\": units must be from 1 to %d", it->text,
                       INT_MAX);
    return add_dense(graph, it, (int)units, err);
}

static tw_status add_items(tw_graph *graph, const char *spec, tw_error *err)
{
    tw_status rc = TW_OK;
    item it;

    if (!spec[strspn(spec, " \t\r\n")])
        return TW_OK;
    for (;;) {
        const char *end = spec + strcspn(spec, ",");

        if ((rc = split_item(&it, spec, end, err)) != TW_OK ||
            (rc = add_item(graph, &it, err)) != TW_OK || !*end)
            return rc;
        spec = end + 1;
    }
}

static tw_status add_classes(tw_graph *graph, int n_classes, tw_error *err)
{
    tw_node node = {.op = TW_OP_DENSE, .units = n_classes, .activation = TW_SOFTMAX};
    tw_status rc = flatten(graph, err);

    return rc == TW_OK ? append(graph, &node, "predictions", err) : rc;
}

tw_status tw_graph_parse_top(tw_graph **out, const tw_shape *input, const char *spec, int n_classes,
                             tw_error *err)
{
    tw_status rc;
    tw_graph *graph = NULL;

    *out = NULL;
    if (n_classes < 2)
        return tw_fail(err, TW_EUSAGE, "top: needs at least 2 classes, got %d", n_classes);
    if ((rc = tw_graph_create(&graph, "features", input, err)) == TW_OK &&
        (rc = add_items(graph, spec, err)) == TW_OK &&
        (rc = add_classes(graph, n_classes, err)) == TW_OK) {
        *out = graph;
        graph = NULL; /* ownership moved to *out */
    }
    tw_graph_free(graph);
    return rc;
}
