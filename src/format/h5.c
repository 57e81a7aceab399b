/*
 * Keras's .h5 weights: layers from the attribute layer_names, each layer's tensors from its
 * weight_names, in the root or (full-model files) below the group model_weights. Names are never
 * guessed. A model used as a layer is one group with the weights of all its layers, whose names
 * then say "block1_conv1/kernel:0". What has no layer_names but a group "layers" is Keras 3's
 * .weights.h5 (h5_walk.c). Tensors point into the file's bytes.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/h5_int.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NAMES = 65536, MAX_PARTS = 64, MAX_PATH_DEPTH = 16 };

/* A thousand layers of a thousand weights look at some ten million entries. */
enum { MAX_WORK = 50000000 };

/* What names and tensors may take: as much as the file and a little, since a tensor's header and
 * its entry alone are 300 bytes of it. The end is for files that were deflated. */
enum { FREE_ROOM = 64 << 10, MAX_ROOM = 16 << 20 };

/* A growing list of names. */
typedef struct names {
    char **items;
    size_t n;
} names;

static void free_names(names *list)
{
    for (size_t i = 0; i < list->n; i++)
        tw_free(list->items[i]);
    tw_free(list->items);
    *list = (names){0};
}

static tw_status add_items(names *list, const tw_h5_file *file, const tw_h5_attribute *attribute,
                           const char *object, tw_error *err)
{
    tw_status rc;
    char **grown;

    if (attribute->n_items > MAX_NAMES - list->n)
        return tw_fail(err, TW_EFILE, "%s: %s: %llu names, at most %d are read", file->path, object,
                       (unsigned long long)attribute->n_items, MAX_NAMES);
    if (attribute->n_items == 0)
        return TW_OK; /* numpy's empty array, whatever its type */
    grown = tw_realloc(list->items, (list->n + attribute->n_items) * sizeof *grown);
    if (!grown)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->path);
    list->items = grown;
    for (uint64_t i = 0; i < attribute->n_items; i++) {
        if ((rc = tw_format__h5_string(&list->items[list->n], file, attribute, i, object, err)))
            return rc;
        list->n++;
    }
    return TW_OK;
}

/* The attribute `name`, or its numbered parts name0, name1, ... *found tells. */
static tw_status read_names(names *list, bool *found, const tw_h5_file *file, uint64_t header,
                            const char *object, const char *name, tw_error *err)
{
    tw_status rc;
    tw_h5_attribute attribute;
    char numbered[64];

    *list = (names){0};
    *found = false;
    if ((rc = tw_format__h5_attribute(&attribute, file, header, object, name, err)))
        return rc;
    if (attribute.found) {
        *found = true;
        return add_items(list, file, &attribute, object, err);
    }
    for (int part = 0; part < MAX_PARTS; part++) {
        snprintf(numbered, sizeof numbered, "%s%d", name, part);
        if ((rc = tw_format__h5_attribute(&attribute, file, header, object, numbered, err)))
            return rc;
        if (!attribute.found)
            break;
        *found = true;
        if ((rc = add_items(list, file, &attribute, object, err)))
            return rc;
    }
    return TW_OK;
}

/* Follows "a/b/c" from a group. */
static tw_status find_path(tw_h5_object *out, const tw_h5_file *file, uint64_t header,
                           const char *object, const char *path, tw_error *err)
{
    tw_status rc;
    bool found;

    if ((rc = tw_format__h5_object(out, file, header, object, err)))
        return rc;
    for (int depth = 0; *path; depth++) {
        size_t n = strcspn(path, "/");
        if (depth == MAX_PATH_DEPTH)
            return tw_fail(err, TW_EFILE, "%s: %s: a path of more than %d parts", file->path,
                           object, MAX_PATH_DEPTH);
        if (n > 0) {
            if ((rc = tw_format__h5_member(&header, &found, file, out, object, path, n, err)))
                return rc;
            if (!found)
                return tw_fail(err, TW_EFILE, "%s: %s: \"%.*s\" is named but not there", file->path,
                               object, (int)n, path);
            if ((rc = tw_format__h5_object(out, file, header, object, err)))
                return rc;
        }
        path += n + (path[n] == '/');
    }
    return TW_OK;
}

/* The last part but one of "vgg16/block1_conv1/kernel:0", of length *n; NULL where there is none.
 */
static const char *owner_of(const char *name, size_t *n)
{
    const char *end = strrchr(name, '/'), *begin = end;

    while (begin && begin > name && begin[-1] != '/')
        begin--;
    *n = (size_t)(end - begin);
    return begin;
}

/* Whether the group is a model of several layers: its weights have several owners, or one that is
 * not called like the group (Keras 2 also called "conv1"'s owner "conv1_2"). */
static bool is_model(const char *group, const names *weights)
{
    size_t n_first, n;
    const char *first = weights->n ? owner_of(weights->items[0], &n_first) : NULL;

    for (size_t i = 0; i < weights->n; i++)
        if (!owner_of(weights->items[i], &n))
            return false;
    for (size_t i = 1; i < weights->n; i++) {
        const char *owner = owner_of(weights->items[i], &n);
        if (n != n_first || memcmp(owner, first, n) != 0)
            return true;
    }
    return first && (n_first < strlen(group) || memcmp(first, group, strlen(group)) != 0);
}

/* How many tensors from `first` on belong to this layer already. */
static tw_status count_slots(int *out, const tw_weight_file *file, const tw_h5_file *h5, int first,
                             const char *layer, size_t n_layer, tw_error *err)
{
    tw_status rc =
        tw_format__h5_take_work(h5, "weight_names", (uint64_t)(file->n_tensors - first), err);

    *out = 0;
    if (rc)
        return rc;
    for (int i = first; i < file->n_tensors; i++) {
        const char *other = file->tensors[i].layer;
        *out += strlen(other) == n_layer && memcmp(other, layer, n_layer) == 0;
    }
    return TW_OK;
}

/* The dataset `name` below a group's header, appended as a tensor of `layer`. */
static tw_status add_tensor(tw_weight_file *out, const tw_h5_file *file, uint64_t header,
                            const char *group, const char *name, const tw_h5_place *whose,
                            tw_error *err)
{
    tw_status rc;
    tw_h5_object dataset;
    char object[256];

    snprintf(object, sizeof object, "%s/%s", group, name);
    if ((rc = find_path(&dataset, file, header, object, name, err)))
        return rc;
    if (!dataset.is_dataset)
        return tw_fail(err, TW_EFILE, "%s: %s: not a dataset", file->path, object);
    return tw_format__h5_add(out, file, &dataset, whose, name, err);
}

static tw_status add_weights(tw_weight_file *out, const tw_h5_file *file, uint64_t header,
                             const char *group, const names *weights, tw_error *err)
{
    const bool several = is_model(group, weights);
    const int first = out->n_tensors;
    tw_status rc = TW_OK;

    for (size_t i = 0; i < weights->n && rc == TW_OK; i++) {
        tw_h5_place whose = {group, strlen(group), (int)i};
        if (several) {
            whose.layer = owner_of(weights->items[i], &whose.n_layer);
            rc = count_slots(&whose.slot, out, file, first, whose.layer, whose.n_layer, err);
        }
        if (rc == TW_OK)
            rc = add_tensor(out, file, header, group, weights->items[i], &whose, err);
    }
    return rc;
}

static tw_status read_layer(tw_weight_file *out, const tw_h5_file *file, const tw_h5_object *parent,
                            const char *layer, tw_error *err)
{
    tw_status rc;
    uint64_t header;
    bool found;
    names weights = {0};

    if ((rc =
             tw_format__h5_member(&header, &found, file, parent, layer, layer, strlen(layer), err)))
        return rc;
    if (!found)
        return tw_fail(err, TW_EFILE, "%s: layer %s is named but has no group", file->path, layer);
    if ((rc = read_names(&weights, &found, file, header, layer, "weight_names", err)))
        goto done;
    rc = found ? add_weights(out, file, header, layer, &weights, err)
               : tw_fail(err, TW_EFILE, "%s: %s: no weight_names", file->path, layer);
done:
    free_names(&weights);
    return rc;
}

/* Weights of the model itself, which no layer names: Keras 3 adds their group to any file. */
static tw_status read_top_level(tw_weight_file *out, const tw_h5_file *file,
                                const tw_h5_object *parent, tw_error *err)
{
    static const char group[] = "top_level_model_weights";
    uint64_t header;
    bool found;
    tw_status rc =
        tw_format__h5_member(&header, &found, file, parent, group, group, sizeof group - 1, err);

    return rc || !found ? rc : read_layer(out, file, parent, group, err);
}

/* Whether the root group has what Keras 3 writes instead of layer_names. */
static tw_status has_walk(bool *out, const tw_h5_file *file, const tw_h5_object *root,
                          tw_error *err)
{
    static const char *const members[] = {"layers", "_layer_checkpoint_dependencies", "vars"};
    uint64_t header;
    tw_status rc = TW_OK;

    *out = false;
    for (size_t i = 0; i < sizeof members / sizeof members[0] && !*out && rc == TW_OK; i++)
        rc = tw_format__h5_member(&header, out, file, root, "root group", members[i],
                                  strlen(members[i]), err);
    return rc;
}

/* The group with layer_names: the root, or model_weights below it; *found tells. */
static tw_status find_layers(names *layers, bool *found, tw_h5_object *parent,
                             const tw_h5_file *file, uint64_t root, tw_error *err)
{
    tw_status rc;
    uint64_t header;

    if ((rc = tw_format__h5_object(parent, file, root, "root group", err)) ||
        (rc = read_names(layers, found, file, root, "root group", "layer_names", err)) || *found)
        return rc;
    if ((rc = tw_format__h5_member(&header, found, file, parent, "root group", "model_weights", 13,
                                   err)) ||
        !*found)
        return rc;
    if ((rc = tw_format__h5_object(parent, file, header, "model_weights", err)))
        return rc;
    return read_names(layers, found, file, header, "model_weights", "layer_names", err);
}

static tw_status read_named(tw_weight_file *out, const tw_h5_file *file, uint64_t root,
                            tw_error *err)
{
    tw_h5_object parent;
    names layers = {0};
    bool found, walk = false;
    tw_status rc = find_layers(&layers, &found, &parent, file, root, err);

    for (size_t i = 0; i < layers.n && rc == TW_OK; i++)
        rc = read_layer(out, file, &parent, layers.items[i], err);
    out->layers = layers.items; /* ownership moves, also on failure */
    out->n_layers = (int)layers.n;
    if (rc == TW_OK && found)
        return read_top_level(out, file, &parent, err);
    if (rc == TW_OK && parent.is_group)
        rc = has_walk(&walk, file, &parent, err);
    if (rc == TW_OK && !walk)
        return tw_fail(err, TW_EFILE, "%s: no layer_names: not a Keras weight file", file->path);
    return rc ? rc : tw_format__h5_walk(out, file, root, err);
}

tw_status tw_format__h5_add(tw_weight_file *out, const tw_h5_file *file,
                            const tw_h5_object *dataset, const tw_h5_place *whose, const char *name,
                            tw_error *err)
{
    /* without numbers there need be no place for them */
    const bool is_empty = tw_shape_size(&dataset->shape) == 0;
    const tw_tensor tensor = {file->data + (is_empty ? 0 : dataset->data_at), dataset->dtype,
                              dataset->shape};
    tw_status rc = tw_format__h5_take_room(file, name,
                                           sizeof(tw_named_tensor) + sizeof(void *) + strlen(name) +
                                               whose->n_layer + 2 + 2 * TW_FORMAT__H5_BLOCK,
                                           err);

    return rc ? rc
              : tw_weight_file_add_tensor(out, whose->layer, whose->n_layer, name, whose->slot,
                                          &tensor, err);
}

static int compare_places(const void *a, const void *b)
{
    const tw_named_tensor *x = *(const tw_named_tensor *const *)a,
                          *y = *(const tw_named_tensor *const *)b;
    const uint8_t *p = x->tensor.data, *q = y->tensor.data;

    return (p > q) - (p < q);
}

/* No two tensors may lie on the same bytes: no version of Keras shares them. */
static tw_status check_apart(const tw_weight_file *file, const char *path, tw_error *err)
{
    const tw_named_tensor **sorted = tw_calloc((size_t)file->n_tensors + 1, sizeof *sorted);
    const uint8_t *end = NULL;
    tw_status rc = TW_OK;
    int n = 0;

    if (!sorted)
        return tw_fail(err, TW_ENOMEM, "no memory for the tensors of %s", path);
    for (int i = 0; i < file->n_tensors; i++)
        if (tw_shape_size(&file->tensors[i].tensor.shape) > 0)
            sorted[n++] = &file->tensors[i];
    qsort(sorted, (size_t)n, sizeof *sorted, compare_places);
    for (int i = 0; i < n && rc == TW_OK; i++) {
        const tw_tensor *tensor = &sorted[i]->tensor;
        const uint8_t *begin = tensor->data;

        if (i > 0 && begin < end)
            rc = tw_fail(err, TW_EFILE, "%s: %s and %s overlap", path, sorted[i - 1]->name,
                         sorted[i]->name);
        end = begin + (size_t)tw_shape_size(&tensor->shape) * tw_dtype_size(tensor->dtype);
    }
    tw_free(sorted);
    return rc;
}

tw_status tw_format__h5_read(tw_weight_file *out, const uint8_t *data, uint64_t size,
                             const char *path, tw_error *err)
{
    uint64_t work = MAX_WORK, root;
    uint64_t room = size < MAX_ROOM - FREE_ROOM ? size + FREE_ROOM : MAX_ROOM;
    const tw_h5_file file = {data, size, path, &work, &room};
    tw_status rc = tw_format__h5_open_root(&root, &file, err);

    out->kind = TW_WEIGHTS_KERAS_H5;
    if (rc || (rc = read_named(out, &file, root, err)))
        return rc;
    return check_apart(out, path, err);
}

tw_status tw_h5_read(tw_weight_file *out, tw_error *err)
{
    return tw_format__h5_read(out, out->map.data, out->map.size, out->map.path, err);
}
