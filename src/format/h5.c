/*
 * Keras's .h5 weights: layers from the attribute layer_names, each layer's tensors from its
 * weight_names, in the root or (full-model files) below the group model_weights. Names are never
 * guessed. Tensors point into the mapping.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/h5_int.h"
#include "format/weights.h"

#include <stdio.h>
#include <string.h>

enum { MAX_NAMES = 65536, MAX_PARTS = 64, MAX_PATH_DEPTH = 16 };

/* A thousand layers of a thousand weights look at some ten million entries. */
enum { MAX_WORK = 50000000 };

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

/* One tensor of a layer, appended to the file's list (there is room). */
static tw_status add_tensor(tw_weight_file *out, const tw_h5_file *file, uint64_t layer_header,
                            const char *layer, const char *name, int slot, tw_error *err)
{
    tw_status rc;
    tw_h5_object dataset;
    char object[256];
    tw_named_tensor *entry = &out->tensors[out->n_tensors];

    snprintf(object, sizeof object, "%s/%s", layer, name);
    if ((rc = find_path(&dataset, file, layer_header, object, name, err)))
        return rc;
    if (!dataset.is_dataset)
        return tw_fail(err, TW_EFILE, "%s: %s: not a dataset", file->path, object);
    entry->slot = slot;
    entry->tensor = (tw_tensor){file->data + dataset.data_at, dataset.dtype, dataset.shape};
    entry->layer = tw_strdup(layer);
    entry->name = tw_strdup(name);
    out->n_tensors++;
    if (!entry->layer || !entry->name)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->path);
    return TW_OK;
}

static tw_status read_layer(tw_weight_file *out, const tw_h5_file *file, const tw_h5_object *parent,
                            const char *layer, tw_error *err)
{
    tw_status rc;
    uint64_t header;
    bool found;
    names weights = {0};
    tw_named_tensor *grown;

    if ((rc =
             tw_format__h5_member(&header, &found, file, parent, layer, layer, strlen(layer), err)))
        return rc;
    if (!found)
        return tw_fail(err, TW_EFILE, "%s: layer %s is named but has no group", file->path, layer);
    if ((rc = read_names(&weights, &found, file, header, layer, "weight_names", err)))
        goto done;
    if (!found) {
        rc = tw_fail(err, TW_EFILE, "%s: %s: no weight_names", file->path, layer);
        goto done;
    }
    if (weights.n == 0)
        goto done;
    grown = tw_realloc(out->tensors, ((size_t)out->n_tensors + weights.n) * sizeof *grown);
    if (!grown) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the tensors of %s", file->path);
        goto done;
    }
    out->tensors = grown;
    for (size_t i = 0; i < weights.n && rc == TW_OK; i++)
        rc = add_tensor(out, file, header, layer, weights.items[i], (int)i, err);
done:
    free_names(&weights);
    return rc;
}

/* The group with layer_names: the root, or model_weights below it. */
static tw_status find_layers(names *layers, tw_h5_object *parent, const tw_h5_file *file,
                             tw_error *err)
{
    tw_status rc;
    uint64_t root, header;
    bool found;

    if ((rc = tw_format__h5_open_root(&root, file, err)) ||
        (rc = tw_format__h5_object(parent, file, root, "root group", err)) ||
        (rc = read_names(layers, &found, file, root, "root group", "layer_names", err)) || found)
        return rc;
    if ((rc = tw_format__h5_member(&header, &found, file, parent, "root group", "model_weights", 13,
                                   err)))
        return rc;
    if (found) {
        if ((rc = tw_format__h5_object(parent, file, header, "model_weights", err)) ||
            (rc = read_names(layers, &found, file, header, "model_weights", "layer_names", err)))
            return rc;
    }
    if (!found)
        return tw_fail(err, TW_EFILE, "%s: no layer_names: not a Keras weight file", file->path);
    return TW_OK;
}

tw_status tw_h5_read(tw_weight_file *out, tw_error *err)
{
    uint64_t work = MAX_WORK;
    tw_h5_file file = {out->map.data, out->map.size, out->map.path, &work};
    tw_h5_object parent;
    names layers = {0};
    tw_status rc = find_layers(&layers, &parent, &file, err);

    out->kind = TW_WEIGHTS_KERAS_H5;
    for (size_t i = 0; i < layers.n && rc == TW_OK; i++)
        rc = read_layer(out, &file, &parent, layers.items[i], err);
    out->layers = layers.items; /* ownership moves, also on failure */
    out->n_layers = (int)layers.n;
    return rc;
}
