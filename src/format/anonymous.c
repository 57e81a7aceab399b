/*
 * Layers that a file knows by class and number only. Their tensors are called
 *
 *     layers/functional/layers/conv2d_2/vars/0
 *     \-------- group --------/\class/ number
 *
 * and follow each other in the file, so a layer is a run of tensors. Sorted by group, class and
 * number, the n-th of a class is the n-th that the model has: numbers rise, but not always by one.
 */
#include "format/anonymous.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_DIGITS = 9 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Splits path[0..n_path) into group, class and number: "conv2d_12" is the 12th of conv2d. */
static tw_anonymous parse_path(const char *path, size_t n_path)
{
    tw_anonymous layer = {.path = path, .n_path = n_path};
    size_t begin = n_path, end = n_path;

    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    layer.n_group = begin;
    while (end > begin && is_digit(path[end - 1]))
        end--;
    if (end == n_path || n_path - end > MAX_DIGITS || end < begin + 2 || path[end - 1] != '_') {
        layer.n_class = n_path - begin;
        return layer;
    }
    layer.n_class = end - 1 - begin;
    for (size_t i = end; i < n_path; i++)
        layer.number = 10 * layer.number + (path[i] - '0');
    return layer;
}

/* Letters before "/vars/<i>", which ends the name of every tensor; 0 for the root's "vars/<i>". */
static size_t path_length(const char *name)
{
    size_t n = (size_t)(strrchr(name, '/') - name);

    n -= strlen("vars");
    return n > 0 ? n - 1 : 0;
}

static int compare_text(const char *a, size_t n_a, const char *b, size_t n_b)
{
    const int order = memcmp(a, b, n_a < n_b ? n_a : n_b);

    return order ? order : (n_a > n_b) - (n_a < n_b);
}

static int compare_classes(const tw_anonymous *x, const tw_anonymous *y)
{
    const int order = compare_text(x->path, x->n_group, y->path, y->n_group);

    return order ? order
                 : compare_text(x->path + x->n_group, x->n_class, y->path + y->n_group, y->n_class);
}

static int compare_layers(const void *a, const void *b)
{
    const tw_anonymous *x = a, *y = b;
    int order = compare_classes(x, y);

    if (!order)
        order = (x->number > y->number) - (x->number < y->number);
    return order ? order : compare_text(x->path, x->n_path, y->path, y->n_path);
}

tw_status tw_anonymous_list(tw_anonymous **out, int *n, const tw_weight_file *file, tw_error *err)
{
    tw_anonymous *layers = tw_calloc((size_t)file->n_tensors + 1, sizeof *layers);

    *out = NULL;
    *n = 0;
    if (!layers)
        return tw_fail(err, TW_ENOMEM, "no memory for the layers of %s", file->map.path);
    for (int i = 0; i < file->n_tensors; i++) {
        const char *name = file->tensors[i].name;
        const size_t n_path = path_length(name);
        tw_anonymous *last = *n ? &layers[*n - 1] : NULL;

        if (last && compare_text(last->path, last->n_path, name, n_path) == 0) {
            last->n++;
            continue;
        }
        layers[*n] = parse_path(name, n_path);
        layers[*n].first = i;
        layers[(*n)++].n = 1;
    }
    if (*n > 0)
        qsort(layers, (size_t)*n, sizeof *layers, compare_layers);
    *out = layers;
    return TW_OK;
}

bool tw_anonymous_is(const tw_anonymous *layer, const char *class_name)
{
    return compare_text(layer->path + layer->n_group, layer->n_class, class_name,
                        strlen(class_name)) == 0;
}

bool tw_anonymous_is_in(const tw_anonymous *layer, const char *group, size_t n_group)
{
    return compare_text(layer->path, layer->n_group, group, n_group) == 0;
}

bool tw_anonymous_same(const tw_anonymous *a, const tw_anonymous *b)
{
    return compare_classes(a, b) == 0;
}

int tw_anonymous_find(const tw_anonymous *layers, int n, const char *group, const char *class_name)
{
    int low = 0, high = n;

    while (low < high) {
        const int middle = low + (high - low) / 2;
        const tw_anonymous *layer = &layers[middle];
        int order = compare_text(layer->path, layer->n_group, group, strlen(group));

        if (!order)
            order = compare_text(layer->path + layer->n_group, layer->n_class, class_name,
                                 strlen(class_name));
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

tw_status tw_anonymous_name(tw_weight_file *file, const tw_anonymous *layer, const char *name,
                            tw_error *err)
{
    for (int i = layer->first; i < layer->first + layer->n; i++) {
        char *copy = tw_strdup(name);

        if (!copy)
            return tw_fail(err, TW_ENOMEM, "no memory for the layers of %s", file->map.path);
        tw_free(file->tensors[i].layer);
        file->tensors[i].layer = copy;
    }
    return TW_OK;
}

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

char *tw_anonymous_class(char *buf, size_t buf_size, const char *class_name)
{
    size_t n = 0;

    for (size_t i = 0; class_name[i] && n + 2 < buf_size; i++) {
        const char c = class_name[i];

        if (i > 0 && is_upper(c) && (is_lower(class_name[i + 1]) || is_lower(class_name[i - 1])))
            buf[n++] = '_';
        buf[n++] = is_upper(c) ? (char)(c - 'A' + 'a') : c;
    }
    buf[n] = '\0';
    return buf;
}
