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

static tw_status read_map(tw_weight_file *file, tw_error *err)
{
    static const uint8_t hdf5[4] = {0x89, 'H', 'D', 'F'};
    const tw_map *map = &file->map;

    if (map->size >= 8 && memcmp(map->data, hdf5, sizeof hdf5) == 0)
        return tw_h5_read(file, err);
    if (map->size > 8 && map->data[8] == '{')
        return tw_safetensors_read(file, err);
    if (tw_onnx_detect(map->data, map->size))
        return tw_onnx_read(file, err);
    return tw_fail(err, TW_EFILE, "%s: neither Keras .h5 nor safetensors", map->path);
}

tw_status tw_weight_file_open(tw_weight_file *out, const char *path, tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    if (!(rc = tw_map_open(&out->map, path, err)) && !(rc = read_map(out, err)))
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
