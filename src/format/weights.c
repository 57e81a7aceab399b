/*
 * A weight file of any format, told by its first bytes.
 */
#include "format/weights.h"

#include "base/fail.h"
#include "base/memory.h"

#include <string.h>

tw_status tw_weight_file_open(tw_weight_file *out, const char *path, tw_error *err)
{
    static const uint8_t hdf5[4] = {0x89, 'H', 'D', 'F'};
    tw_status rc;

    memset(out, 0, sizeof *out);
    if ((rc = tw_map_open(&out->map, path, err)))
        return rc;
    if (out->map.size >= 8 && memcmp(out->map.data, hdf5, sizeof hdf5) == 0)
        rc = tw_h5_read(out, err);
    else if (out->map.size > 8 && out->map.data[8] == '{')
        rc = tw_safetensors_read(out, err);
    else
        rc = tw_fail(err, TW_EFILE, "%s: neither Keras .h5 nor safetensors", path);
    if (rc)
        tw_weight_file_close(out);
    return rc;
}

void tw_weight_file_close(tw_weight_file *file)
{
    for (int i = 0; i < file->n_tensors; i++) {
        tw_free(file->tensors[i].layer);
        tw_free(file->tensors[i].name);
    }
    for (int i = 0; i < file->n_layers; i++)
        tw_free(file->layers[i]);
    tw_free(file->tensors);
    tw_free(file->layers);
    tw_free(file->metadata);
    tw_map_close(&file->map);
    memset(file, 0, sizeof *file);
}
