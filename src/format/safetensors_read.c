/*
 * Reading safetensors: u64 header length, JSON header, data. Accepted iff the offsets, sorted, are
 * contiguous from 0, every range is as long as its shape says, and the last one ends the file.
 * A header is at most 4 MiB, not 100 MB: no network that is read here comes near.
 * Source: the format's README (huggingface/safetensors).
 */
#include "base/fail.h"
#include "base/json.h"
#include "base/memory.h"
#include "format/weights.h"
#include "tensor/tensor.h"

#include <stdlib.h>
#include <string.h>

/* Of the text, and of the tree that it is parsed into: together they bound memory. */
enum { MAX_HEADER = 4 << 20, MAX_TREE = 12 << 20 };

static tw_status read_dims(tw_shape *out, const tw_json *json, const char *path, const char *name,
                           tw_error *err)
{
    size_t rank = tw_json_count(json);

    *out = (tw_shape){.rank = (int)rank};
    if (!tw_json_is_array(json) || rank > TW_MAX_RANK)
        return tw_fail(err, TW_EFILE, "%s: %s: shape must be a list of at most %d sizes", path,
                       name, TW_MAX_RANK);
    for (size_t i = 0; i < rank; i++)
        if (!tw_json_i64(&out->dims[i], tw_json_at(json, i)) || out->dims[i] < 0)
            return tw_fail(err, TW_EFILE, "%s: %s: a size in its shape is no whole number >= 0",
                           path, name);
    return TW_OK;
}

/* Begin and end of a tensor, relative to the data; checked against shape and data size. */
static tw_status read_range(int64_t range[2], const tw_json *json, const tw_tensor *tensor,
                            int64_t n_data, const char *path, const char *name, tw_error *err)
{
    int64_t n, n_bytes;

    if (tw_json_count(json) != 2 || !tw_json_i64(&range[0], tw_json_at(json, 0)) ||
        !tw_json_i64(&range[1], tw_json_at(json, 1)))
        return tw_fail(err, TW_EFILE, "%s: %s: data_offsets must be two whole numbers", path, name);
    if (range[0] < 0 || range[1] < range[0] || range[1] > n_data)
        return tw_fail(err, TW_EFILE,
                       "%s: %s: data_offsets %lld to %lld, the file holds %lld bytes", path, name,
                       (long long)range[0], (long long)range[1], (long long)n_data);
    if (!tw_shape_count(&n, &tensor->shape) ||
        !tw_mul_i64(&n_bytes, n, (int64_t)tw_dtype_size(tensor->dtype)))
        return tw_fail(err, TW_EFILE, "%s: %s: the shape overflows", path, name);
    if (n_bytes != range[1] - range[0])
        return tw_fail(err, TW_EFILE, "%s: %s: its shape needs %lld bytes, data_offsets give %lld",
                       path, name, (long long)n_bytes, (long long)(range[1] - range[0]));
    return TW_OK;
}

static tw_status read_entry(tw_named_tensor *out, const tw_json *json, const uint8_t *data,
                            int64_t n_data, const char *path, tw_error *err)
{
    tw_status rc;
    const char *name = out->name, *dtype;
    int64_t range[2];

    if (!tw_json_is_object(json) || tw_json_count(json) != 3)
        return tw_fail(err, TW_EFILE, "%s: %s: must have dtype, shape and data_offsets", path,
                       name);
    if (!tw_json_string(&dtype, tw_json_get(json, "dtype")) ||
        !tw_dtype_parse(&out->tensor.dtype, dtype))
        return tw_fail(err, TW_EFILE, "%s: %s: dtype %s is not supported", path, name,
                       tw_json_string(&dtype, tw_json_get(json, "dtype")) ? dtype : "(none)");
    if ((rc = read_dims(&out->tensor.shape, tw_json_get(json, "shape"), path, name, err)) ||
        (rc = read_range(range, tw_json_get(json, "data_offsets"), &out->tensor, n_data, path, name,
                         err)))
        return rc;
    out->tensor.data = data + range[0];
    return TW_OK;
}

/* "block1_conv1/kernel" belongs to layer "block1_conv1". */
static tw_status set_names(tw_named_tensor *out, const char *name, const char *path, tw_error *err)
{
    const char *slash = strrchr(name, '/');

    out->name = tw_strdup(name);
    out->layer = tw_strdup(slash ? name : "");
    if (!out->name || !out->layer)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", path);
    if (slash)
        out->layer[slash - name] = '\0';
    return TW_OK;
}

static int64_t bytes_of(const tw_named_tensor *entry)
{
    return tw_shape_size(&entry->tensor.shape) * (int64_t)tw_dtype_size(entry->tensor.dtype);
}

static int compare_places(const void *a, const void *b)
{
    const tw_named_tensor *x = a, *y = b;
    const uint8_t *p = x->tensor.data, *q = y->tensor.data;

    if (p != q)
        return p < q ? -1 : 1;
    return bytes_of(x) < bytes_of(y) ? -1 : bytes_of(x) > bytes_of(y);
}

/* No hole, no overlap, nothing after the end. Leaves the tensors sorted by place. */
static tw_status check_contiguous(const tw_weight_file *file, const uint8_t *data, int64_t n_data,
                                  tw_error *err)
{
    int64_t at = 0;

    if (file->n_tensors > 0)
        qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, compare_places);
    for (int i = 0; i < file->n_tensors; i++) {
        const tw_named_tensor *entry = &file->tensors[i];
        int64_t begin = (const uint8_t *)entry->tensor.data - data;
        if (begin != at)
            return tw_fail(err, TW_EFILE, "%s: %s: begins at %lld, the one before ends at %lld",
                           file->map.path, entry->name, (long long)begin, (long long)at);
        at += bytes_of(entry);
    }
    if (at != n_data)
        return tw_fail(err, TW_EFILE, "%s: the tensors end at %lld, the data at %lld",
                       file->map.path, (long long)at, (long long)n_data);
    return TW_OK;
}

static tw_status take_metadata(tw_weight_file *file, const tw_json *json, tw_error *err)
{
    void *iterator = NULL;
    const char *key, *text;
    const tw_json *value;

    if (!tw_json_is_object(json))
        return tw_fail(err, TW_EFILE, "%s: __metadata__ must be an object", file->map.path);
    while ((iterator = tw_json_next(json, iterator, &key, &value)))
        if (!tw_json_string(&text, value))
            return tw_fail(err, TW_EFILE, "%s: __metadata__ %s must be a string", file->map.path,
                           key);
    if (!(file->metadata = tw_json_dump(json, 0)))
        return tw_fail(err, TW_ENOMEM, "no memory for the metadata of %s", file->map.path);
    return TW_OK;
}

static tw_status read_header(tw_weight_file *file, const tw_json *header, const uint8_t *data,
                             int64_t n_data, tw_error *err)
{
    tw_status rc = TW_OK;
    void *iterator = NULL;
    const char *key;
    const tw_json *value;

    file->tensors = tw_calloc(tw_json_count(header) + 1, sizeof *file->tensors);
    if (!file->tensors)
        return tw_fail(err, TW_ENOMEM, "no memory for the tensors of %s", file->map.path);
    while (rc == TW_OK && (iterator = tw_json_next(header, iterator, &key, &value))) {
        tw_named_tensor *entry = &file->tensors[file->n_tensors];
        if (strcmp(key, "__metadata__") == 0) {
            rc = take_metadata(file, value, err);
            continue;
        }
        file->n_tensors++;
        if (!(rc = set_names(entry, key, file->map.path, err)))
            rc = read_entry(entry, value, data, n_data, file->map.path, err);
    }
    return rc ? rc : check_contiguous(file, data, n_data, err);
}

tw_status tw_safetensors_read(tw_weight_file *file, tw_error *err)
{
    tw_status rc;
    const uint8_t *bytes = file->map.data;
    const char *path = file->map.path;
    uint64_t n_header = 0;
    size_t n_tree;
    tw_json *header = NULL;

    file->kind = TW_WEIGHTS_SAFETENSORS;
    if (file->map.size < 8)
        return tw_fail(err, TW_EFILE, "%s: %zu bytes, too short for safetensors", path,
                       file->map.size);
    for (int i = 7; i >= 0; i--)
        n_header = n_header << 8 | bytes[i];
    if (n_header > file->map.size - 8)
        return tw_fail(err, TW_EFILE, "%s: a header of %llu bytes in a file of %zu", path,
                       (unsigned long long)n_header, file->map.size);
    if (n_header > MAX_HEADER)
        return tw_fail(err, TW_EFILE, "%s: a header of %llu bytes, at most %d are read", path,
                       (unsigned long long)n_header, MAX_HEADER);
    if (n_header < 2 || bytes[8] != '{')
        return tw_fail(err, TW_EFILE, "%s: the header does not begin with {", path);
    if ((n_tree = tw_json_tree_bytes((const char *)bytes + 8, n_header)) > MAX_TREE)
        return tw_fail(err, TW_EFILE,
                       "%s: reading its header may take %zu bytes, at most %d are used", path,
                       n_tree, MAX_TREE);
    if ((rc = tw_json_parse(&header, (const char *)bytes + 8, n_header, path, err)))
        return rc;
    rc = read_header(file, header, bytes + 8 + n_header, (int64_t)(file->map.size - 8 - n_header),
                     err);
    tw_json_free(header);
    return rc;
}
