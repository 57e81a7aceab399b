/*
 * A weight file of any format, told by its first bytes.
 */
#include "format/weights.h"

#include "base/fail.h"
#include "base/memory.h"
#include "format/layout.h"
#include "format/onnx.h"

#include <string.h>

#define NAME(name, text) text,
static const char *const kinds[] = {TW_WEIGHT_KIND_LIST(NAME)};
#undef NAME

const char *tw_weight_kind_name(tw_weight_kind kind)
{
    return kinds[kind];
}

bool tw_weight_kind_has_slots(tw_weight_kind kind)
{
    return kind == TW_WEIGHTS_KERAS_H5 || kind == TW_WEIGHTS_KERAS_3 ||
           kind == TW_WEIGHTS_KERAS_ZIP;
}

/* A tar: its mark lies where the first header has it. */
static bool is_old_torch(const tw_map *map)
{
    static const char ustar[] = "ustar";
    enum { MARK_AT = 257 };

    return map->size >= MARK_AT + strlen(ustar) &&
           memcmp(map->data + MARK_AT, ustar, strlen(ustar)) == 0;
}

static tw_status read_map(tw_weight_file *file, tw_error *err)
{
    static const uint8_t hdf5[4] = {0x89, 'H', 'D', 'F'};
    static const uint8_t zip[4] = {'P', 'K', 3, 4};
    const tw_map *map = &file->map;

    if (map->size >= 8 && memcmp(map->data, hdf5, sizeof hdf5) == 0)
        return tw_h5_read(file, err);
    if (map->size >= sizeof zip && memcmp(map->data, zip, sizeof zip) == 0)
        return tw_zip_read(file, err);
    if (tw_torch_is_legacy(map))
        return tw_torch_read_legacy(file, err);
    if (is_old_torch(map))
        return tw_fail(err, TW_EFILE,
                       "%s: a tar, as torch.save wrote before 2017: not read; save it anew with a "
                       "later torch",
                       map->path);
    if (map->size > 8 && map->data[8] == '{')
        return tw_safetensors_read(file, err);
    if (tw_onnx_detect(map->data, map->size))
        return tw_onnx_read(file, err);
    return tw_fail(err, TW_EFILE,
                   "%s: neither Keras .h5, .keras, npz, safetensors, PyTorch nor ONNX", map->path);
}

tw_status tw_weight_file_open(tw_weight_file *out, const char *path, tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    if (!tw_path_exists(path))
        rc = tw_fail_missing(path, "No such file or directory", err);
    else if (!(rc = tw_map_open(&out->map, path, err)) && !(rc = read_map(out, err)))
        rc = tw_layout_undo(out, err);
    if (rc)
        tw_weight_file_close(out);
    return rc;
}

tw_status tw_weight_file_borrow(tw_weight_file *out, const void *data, size_t n, const char *name,
                                tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    if (!(rc = tw_map_borrow(&out->map, data, n, name, err)) && !(rc = read_map(out, err)))
        rc = tw_layout_undo(out, err);
    if (rc)
        tw_weight_file_close(out);
    return rc;
}

tw_status tw_weight_file_add_block(void **out, tw_weight_file *file, size_t n, tw_error *err)
{
    void **grown = tw_realloc(file->blocks, ((size_t)file->n_blocks + 1) * sizeof *grown);

    *out = NULL;
    if (grown)
        file->blocks = grown;
    if (!grown || !(*out = tw_malloc(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for %llu bytes of %s", (unsigned long long)n,
                       file->map.path);
    file->blocks[file->n_blocks++] = *out;
    return TW_OK;
}

tw_named_tensor *tw_format__new_tensor(tw_weight_file *file)
{
    const size_t n = (size_t)file->n_tensors;
    tw_named_tensor *grown;

    if ((n & (n - 1)) == 0) { /* full: it grows at each power of two */
        if (!(grown = tw_realloc(file->tensors, (2 * n + 1) * sizeof *grown)))
            return NULL;
        file->tensors = grown;
    }
    grown = &file->tensors[file->n_tensors++];
    *grown = (tw_named_tensor){0};
    return grown;
}

tw_status tw_weight_file_add_tensor(tw_weight_file *file, const char *layer, size_t n_layer,
                                    const char *name, int slot, const tw_tensor *tensor,
                                    tw_error *err)
{
    tw_named_tensor *entry = tw_format__new_tensor(file);

    if (!entry)
        return tw_fail(err, TW_ENOMEM, "no memory for the tensors of %s", file->map.path);
    *entry = (tw_named_tensor){tw_malloc(n_layer + 1), tw_strdup(name), slot, *tensor};
    if (!entry->layer || !entry->name)
        return tw_fail(err, TW_ENOMEM, "no memory for the names in %s", file->map.path);
    memcpy(entry->layer, layer, n_layer);
    entry->layer[n_layer] = '\0';
    return TW_OK;
}

void tw_weight_file_drop_tensor(tw_weight_file *file, int i)
{
    tw_free(file->tensors[i].layer);
    tw_free(file->tensors[i].name);
    file->n_tensors--;
    memmove(&file->tensors[i], &file->tensors[i + 1],
            (size_t)(file->n_tensors - i) * sizeof *file->tensors);
}

bool tw_weight_file_maps(const tw_weight_file *file, const void *data)
{
    const uintptr_t at = (uintptr_t)data, begin = (uintptr_t)file->map.data;

    return at >= begin && at - begin < file->map.size;
}

void tw_weight_file_close(tw_weight_file *file)
{
    for (int i = 0; i < file->n_tensors; i++) {
        tw_free(file->tensors[i].layer);
        tw_free(file->tensors[i].name);
    }
    for (int i = 0; i < file->n_layers; i++)
        tw_free(file->layers[i]);
    for (int i = 0; i < file->n_blocks; i++)
        tw_free(file->blocks[i]);
    tw_free(file->blocks);
    tw_free(file->tensors);
    tw_free(file->layers);
    tw_free(file->metadata);
    tw_map_close(&file->map);
    memset(file, 0, sizeof *file);
}
