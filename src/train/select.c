/*
 * Which epoch becomes the model. The best parameters so far are kept in a file of the run, not in a
 * second block of memory: best-<epoch>.params, written when an epoch is better and read back at the
 * end, checked against a hash taken while writing. The epoch in its name keeps that of one
 * checkpoint apart from that of another.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/hash.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

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

static const char best_prefix[] = "best-", best_suffix[] = ".params";

int tw_train__best_epoch_of(const char *name)
{
    const size_t n = strlen(best_prefix);
    char digits[16];
    int64_t epoch;
    size_t n_digits;

    if (strncmp(name, best_prefix, n) != 0)
        return -1;
    n_digits = strcspn(name + n, ".");
    if (n_digits == 0 || n_digits >= sizeof digits || strcmp(name + n + n_digits, best_suffix) != 0)
        return -1;
    memcpy(digits, name + n, n_digits);
    digits[n_digits] = '\0';
    return tw_parse_i64(&epoch, digits) && epoch >= 0 && epoch <= INT32_MAX ? (int)epoch : -1;
}

/* Caller frees. */
static tw_status make_path(char **out, const tw_best *best, const char *folder, tw_error *err)
{
    char name[48];

    snprintf(name, sizeof name, "%s%d%s", best_prefix, best->epoch.epoch, best_suffix);
    *out = tw_path_join(folder, name);
    return *out ? TW_OK : tw_fail(err, TW_ENOMEM, "no memory for the name of %s", name);
}

static tw_status write_params(tw_best *best, tw_writer *writer, const tw_trained *trained,
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
            if ((rc = tw_writer_write(writer, data, (size_t)n * sizeof *data, err)))
                return rc;
            best->hash = add_hash(best->hash, data, n);
        }
    }
    return TW_OK;
}

tw_status tw_train__best_write(tw_best *best, const tw_trained *trained, const char *folder,
                               tw_error *err)
{
    tw_status rc;
    tw_writer *writer = NULL;
    char *path;

    best->on_disk = false;
    if ((rc = make_path(&path, best, folder, err)))
        return rc;
    if (!(rc = tw_writer_create(&writer, path, err)) &&
        !(rc = write_params(best, writer, trained, err)))
        rc = tw_writer_commit(writer, err);
    best->on_disk = !rc;
    tw_writer_free(writer);
    tw_free(path);
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
        return tw_fail(err, TW_EFILE, "%s: not what was written there after epoch %d", file->path,
                       best->epoch.epoch);
    return TW_OK;
}

tw_status tw_train__best_check(const tw_best *best, const char *folder, tw_error *err)
{
    tw_status rc;
    char *path;

    if (!best->on_disk)
        return TW_OK;
    if ((rc = make_path(&path, best, folder, err)))
        return rc;
    if (!tw_path_exists(path))
        rc = tw_fail(err, TW_EFILE,
                     "%s: is gone, the best parameters so far; without last.ckpt and last.ckpt.1 "
                     "the run begins anew",
                     path);
    tw_free(path);
    return rc;
}

tw_status tw_train__best_read(const tw_best *best, const tw_trained *trained, const char *folder,
                              tw_error *err)
{
    tw_status rc;
    tw_file file;
    char *path;

    if ((rc = make_path(&path, best, folder, err)))
        return rc;
    if (!(rc = tw_file_open(&file, path, err))) {
        rc = read_params(best, &file, trained, err);
        tw_file_close(&file);
    }
    tw_free(path);
    return rc;
}
