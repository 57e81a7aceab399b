/*
 * Which epoch becomes the model. The best parameters so far are kept in a file beside the run, not
 * in a second block of memory; they are written when an epoch is better and read back at the end,
 * checked against a hash taken while writing.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/hash.h"
#include "base/memory.h"

bool tw_train__is_better(const tw_epoch *epoch, const tw_epoch *best)
{
    if (best->epoch == 0)
        return true;
    if (epoch->val_accuracy != best->val_accuracy)
        return epoch->val_accuracy > best->val_accuracy;
    return epoch->val_loss < best->val_loss;
}

/* Chains the hash of one parameter to that of those before it. */
static tw_hash128 add_hash(tw_hash128 hash, const float *data, int64_t n)
{
    tw_hash128 own = tw_hash128_of(data, (size_t)n * sizeof *data, hash.low);

    own.high ^= hash.high * 0x9E3779B97F4A7C15u;
    return own;
}

static tw_status write_params(tw_best *best, tw_file *file, const tw_trained *trained,
                              tw_error *err)
{
    tw_status rc;

    best->hash = (tw_hash128){0, 0};
    for (int node = 0; node < trained->n_nodes; node++) {
        for (int slot = 0; slot < 2; slot++) {
            const float *data = trained->data[node][slot];
            int64_t n = trained->size[node][slot];

            if (!data)
                continue;
            if ((rc = tw_file_append(file, data, (size_t)n * sizeof *data, err)))
                return rc;
            best->hash = add_hash(best->hash, data, n);
        }
    }
    return TW_OK;
}

tw_status tw_train__best_write(tw_best *best, const tw_trained *trained, tw_error *err)
{
    tw_status rc;
    tw_file file;

    best->on_disk = false;
    if ((rc = tw_file_open_append(&file, best->path, err)))
        return rc;
    if ((rc = tw_file_truncate(&file, 0, err)) || (rc = write_params(best, &file, trained, err)))
        goto done;
    best->on_disk = true;
done:
    tw_file_close(&file);
    return rc;
}

static tw_status read_params(const tw_best *best, const tw_file *file, const tw_trained *trained,
                             tw_error *err)
{
    tw_status rc;
    tw_hash128 hash = {0, 0};
    int64_t offset = 0;

    for (int node = 0; node < trained->n_nodes; node++) {
        for (int slot = 0; slot < 2; slot++) {
            float *data = trained->data[node][slot];
            int64_t n = trained->size[node][slot];
            size_t n_bytes = (size_t)n * sizeof *data;

            if (!data)
                continue;
            if ((rc = tw_file_pread(file, data, n_bytes, offset, err)))
                return rc;
            hash = add_hash(hash, data, n);
            offset += (int64_t)n_bytes;
        }
    }
    if (hash.low != best->hash.low || hash.high != best->hash.high)
        return tw_fail(err, TW_EFILE, "%s: not what was written there after epoch %d", best->path,
                       best->epoch.epoch);
    return TW_OK;
}

tw_status tw_train__best_read(tw_best *best, const tw_trained *trained, tw_error *err)
{
    tw_status rc;
    tw_file file;

    if ((rc = tw_file_open(&file, best->path, err)))
        return rc;
    rc = read_params(best, &file, trained, err);
    tw_file_close(&file);
    return rc;
}

void tw_train__best_remove(tw_best *best)
{
    if (best->path && tw_file_remove(best->path, NULL))
        best->on_disk = false; /* left behind: the next run removes it */
    tw_free(best->path);
    best->path = NULL;
    best->on_disk = false;
}
