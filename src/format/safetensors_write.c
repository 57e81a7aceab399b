/*
 * Writing safetensors: the header is built from names and shapes, then each tensor is streamed in
 * its order. Nothing is collected; mapped tensors are given back behind the writing.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "format/safetensors.h"
#include "format/stream.h"
#include "tensor/tensor.h"

#include <string.h>

static int64_t bytes_of(const tw_safetensors_entry *entry)
{
    return tw_shape_size(&entry->tensor.shape) * (int64_t)tw_dtype_size(entry->tensor.dtype);
}

static tw_json *entry_json(const tw_safetensors_entry *entry, int64_t begin)
{
    tw_json *json = tw_json_new_object(), *dims = tw_json_new_array();
    tw_json *range = tw_json_new_array();
    bool ok = tw_json_set(json, "dtype", tw_json_new_string(tw_dtype_name(entry->tensor.dtype)));

    for (int i = 0; i < entry->tensor.shape.rank; i++)
        ok = tw_json_append(dims, tw_json_new_i64(entry->tensor.shape.dims[i])) && ok;
    ok = tw_json_append(range, tw_json_new_i64(begin)) && ok;
    ok = tw_json_append(range, tw_json_new_i64(begin + bytes_of(entry))) && ok;
    ok = tw_json_set(json, "shape", dims) && ok;
    ok = tw_json_set(json, "data_offsets", range) && ok;
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}

/* The metadata as a tree of its own. */
static tw_json *copy_metadata(const tw_json *metadata)
{
    tw_json *copy = tw_json_new_object();
    void *iterator = NULL;
    const char *key, *text;
    const tw_json *value;
    bool ok = true;

    while ((iterator = tw_json_next(metadata, iterator, &key, &value)))
        ok = tw_json_string(&text, value) && tw_json_set(copy, key, tw_json_new_string(text)) && ok;
    if (ok)
        return copy;
    tw_json_free(copy);
    return NULL;
}

static char *header_text(const tw_safetensors_entry *entries, int n, const tw_json *metadata)
{
    tw_json *header = tw_json_new_object();
    int64_t at = 0;
    bool ok = !metadata || tw_json_set(header, "__metadata__", copy_metadata(metadata));
    char *text = NULL;

    for (int i = 0; i < n; i++) {
        ok = tw_json_set(header, entries[i].name, entry_json(&entries[i], at)) && ok;
        at += bytes_of(&entries[i]);
    }
    if (ok)
        text = tw_json_dump(header, 0);
    tw_json_free(header);
    return text;
}

static tw_status write_header(tw_writer *writer, const char *text, tw_error *err)
{
    tw_status rc;
    size_t n = strlen(text), padded = (n + 7) & ~(size_t)7;
    uint8_t length[8];

    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(padded >> (8 * i));
    if ((rc = tw_writer_write(writer, length, sizeof length, err)) ||
        (rc = tw_writer_write(writer, text, n, err)))
        return rc;
    return tw_writer_write(writer, "       ", padded - n, err);
}

static tw_status write_tensor(tw_writer *writer, const tw_safetensors_entry *entry,
                              const tw_axes *axes, tw_error *err)
{
    if (entry->tensor.dtype == TW_F32)
        return tw_stream_f32(writer, entry->tensor.data, tw_shape_size(&entry->tensor.shape), axes,
                             entry->mapped, err);
    return tw_writer_write(writer, entry->tensor.data, (size_t)bytes_of(entry), err);
}

tw_status tw_safetensors_write_permuted(const char *path, const tw_safetensors_entry *entries,
                                        const tw_axes *const *axes, int n, const tw_json *metadata,
                                        tw_error *err)
{
    tw_status rc;
    tw_writer *writer = NULL;
    char *text = header_text(entries, n, metadata);

    if (!text)
        return tw_fail(err, TW_ENOMEM, "no memory for the header of %s", path);
    if ((rc = tw_writer_create(&writer, path, err)) || (rc = write_header(writer, text, err)))
        goto done;
    for (int i = 0; i < n && rc == TW_OK; i++)
        rc = write_tensor(writer, &entries[i], axes ? axes[i] : NULL, err);
    if (rc == TW_OK)
        rc = tw_writer_commit(writer, err);
done:
    tw_writer_free(writer);
    tw_free(text);
    return rc;
}

tw_status tw_safetensors_write(const char *path, const tw_safetensors_entry *entries, int n,
                               const tw_json *metadata, tw_error *err)
{
    return tw_safetensors_write_permuted(path, entries, NULL, n, metadata, err);
}
