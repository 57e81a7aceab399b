/*
 * The hash of weights, remembered: hashing half a gigabyte takes longer than all else before the
 * first batch. What was hashed lies beside the cache's entries, a small file for each prefix of
 * each weight file:
 *
 *   DIR/weights-<identity>     hash of the weights, checksum over identity and hash
 *
 * The identity is of the file as it was when it was mapped (device, inode, size, time of its last
 * change to the nanosecond) and of what is read from it: every parameter's name, shape and place.
 * Only weights that lie in the file as they are can be remembered, and only of a file that has been
 * left alone for a while: one that changes twice within a tick of the clock has one time for both.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "feature/feature_int.h"
#include "tensor/tensor.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { HEX = 64, RECORD = 2 * HEX + 2 /* a space, a line's end */, QUIET_S = 2 };

/* Adds where the node's parameters lie; false where one is not in the file as it is. */
static bool add_node(tw_text *text, const tw_model *model, int node)
{
    const tw_map *map = &model->file.map;
    tw_shape shapes[2];
    const int n = tw_node_params(model->graph, node, shapes);
    char shape[96];

    for (int slot = 0; slot < n; slot++) {
        const tw_param *param = &model->params[node][slot];
        const uint8_t *at = (const uint8_t *)param->view;

        if (!param->mapped || at < map->data || at >= map->data + map->size)
            return false;
        tw_text_add(text, "%s/%d %s at %td\n", model->graph->nodes[node].name, slot,
                    tw_shape_text(shape, sizeof shape, &shapes[slot]), at - map->data);
    }
    return true;
}

/* The identity as SHA-256 (hex), "" where the weights cannot be remembered. */
static tw_status identify(char hex[HEX + 1], const tw_model *model, int last, tw_error *err)
{
    const tw_map *map = &model->file.map;
    const int64_t age_s = (int64_t)time(NULL) - map->mtime_ns / 1000000000;
    tw_text text = {0};
    tw_status rc = TW_OK;
    bool ok = map->data && !map->borrowed && age_s > QUIET_S;

    hex[0] = '\0';
    tw_text_add(&text, "device %llu inode %llu size %zu time %lld\n",
                (unsigned long long)map->device, (unsigned long long)map->inode, map->size,
                (long long)map->mtime_ns);
    for (int i = 0; i <= last && ok; i++)
        ok = add_node(&text, model, i);
    if (text.failed)
        rc = tw_fail(err, TW_ENOMEM, "no memory to look for remembered weights");
    else if (ok)
        rc = tw_sha256_hex(hex, text.text, text.n, err);
    tw_text_free(&text);
    return rc;
}

static tw_status make_checksum(char sum[HEX + 1], const char *identity, const char *hex,
                               tw_error *err)
{
    char both[2 * HEX + 1];

    snprintf(both, sizeof both, "%s%s", identity, hex);
    return tw_sha256_hex(sum, both, 2 * HEX, err);
}

/* What the file at `path` says; *found is false where it is missing or damaged. */
static tw_status read_record(bool *found, char hex[HEX + 1], const char *path, const char *identity,
                             tw_error *err)
{
    char *record = NULL, sum[HEX + 1];
    size_t n;
    tw_status rc = TW_OK;

    *found = false;
    if (tw_file_read(&record, &n, path, RECORD, NULL) || n != RECORD || record[HEX] != ' ')
        goto done;
    memcpy(hex, record, HEX);
    hex[HEX] = '\0';
    rc = make_checksum(sum, identity, hex, err);
    *found = !rc && memcmp(sum, record + HEX + 1, HEX) == 0;
done:
    tw_free(record);
    return rc;
}

/* A record that cannot be written is done without. */
static tw_status write_record(const char *folder, const char *path, const char *identity,
                              const char *hex, tw_error *err)
{
    char sum[HEX + 1], record[RECORD + 1];
    tw_status rc = make_checksum(sum, identity, hex, err);

    if (rc)
        return rc;
    snprintf(record, sizeof record, "%s %s\n", hex, sum);
    if (!tw_folder_create(folder, NULL))
        (void)(tw_file_write(path, record, RECORD, NULL) != TW_OK); /* else hashed anew next time */
    return TW_OK;
}

tw_status tw_feature__weights_hash(char hex[65], const tw_model *model, int last,
                                   const char *folder, tw_error *err)
{
    char identity[HEX + 1], name[HEX + 16];
    char *path = NULL;
    bool found;
    tw_status rc = tw_model_require(model, last, err);

    if (rc || (rc = identify(identity, model, last, err)))
        return rc;
    if (!folder || !identity[0])
        return tw_model_hash(hex, model, last, err);
    snprintf(name, sizeof name, "weights-%s", identity);
    if (!(path = tw_path_join(folder, name)))
        return tw_fail(err, TW_ENOMEM, "no memory to look for remembered weights");
    if ((rc = read_record(&found, hex, path, identity, err)) || found)
        goto done;
    if (!(rc = tw_model_hash(hex, model, last, err)))
        rc = write_record(folder, path, identity, hex, err);
done:
    tw_free(path);
    return rc;
}
