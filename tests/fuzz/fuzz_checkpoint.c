/*
 * A run's checkpoint as last.ckpt: the bytes as they are, and with all checksums made right, which
 * mutations break.
 */
#include "fuzz.h"

#include "base/hash.h"
#include "train/checkpoint.h"

#include <stdlib.h>
#include <string.h>

/* checkpoint.h has the layout. */
enum {
    HEADER = 64,
    CHECKED = 32,
    ENTRY = 80,
    N_STATE_AT = 16,
    N_PARTS_AT = 24,
    N_BYTES_AT = 40,
    CHECKSUM_AT = 64,
    PART_BYTES = 64
};

static tw_hash128 chain(tw_hash128 hash, const void *bytes, size_t n)
{
    return tw_hash128_of(bytes, n, hash.low ^ (hash.high << 1));
}

/* The checksums of parts that lie in the file. */
static void repair_parts(uint8_t *table, int64_t n_parts, const uint8_t *part, const uint8_t *end)
{
    for (int64_t i = 0; i < n_parts; i++, table += ENTRY) {
        tw_hash128 hash = {0, 0};
        int64_t n_bytes;

        memcpy(&n_bytes, table + N_BYTES_AT, sizeof n_bytes);
        if (n_bytes < 0 || n_bytes > end - part)
            return;
        if (n_bytes > 0)
            hash = chain(hash, part, (size_t)n_bytes);
        memcpy(table + CHECKSUM_AT, &hash, sizeof hash);
        part += n_bytes;
    }
}

static void repair(uint8_t *file, size_t n)
{
    tw_hash128 hash = {0, 0};
    uint8_t *table;
    int64_t n_state, n_parts;

    if (n < HEADER)
        return;
    memcpy(&n_state, file + N_STATE_AT, sizeof n_state);
    memcpy(&n_parts, file + N_PARTS_AT, sizeof n_parts);
    if (n_state < 0 || n_state > (int64_t)n - HEADER || n_parts < 0 ||
        n_parts > ((int64_t)n - HEADER - n_state) / ENTRY)
        return;
    table = file + HEADER + n_state;
    repair_parts(table, n_parts, table + n_parts * ENTRY, file + n);
    hash = chain(hash, file, CHECKED);
    hash = chain(hash, file + HEADER, (size_t)n_state);
    hash = chain(hash, table, (size_t)n_parts * ENTRY);
    memcpy(file + CHECKED, &hash, sizeof hash);
}

static void open_bytes(const uint8_t *data, size_t n)
{
    const char *folder = fuzz_folder("last.ckpt", data, n);
    uint8_t part[PART_BYTES];
    tw_checkpoint_part parts = {"parameters", part, sizeof part};
    tw_checkpoint *checkpoint;
    tw_text why = {0};
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_begin();
    rc = tw_train__checkpoint_open(&checkpoint, folder, &why, &err);
    if (!rc && checkpoint)
        rc = tw_train__checkpoint_read(checkpoint, &parts, 1, &err);
    tw_train__checkpoint_close(checkpoint);
    tw_text_free(&why);
    fuzz_end(n, 0);
    fuzz_clean(rc, &err, folder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    uint8_t *repaired = malloc(n + 1);

    memcpy(repaired, data, n);
    repair(repaired, n);
    open_bytes(data, n);
    open_bytes(repaired, n);
    free(repaired);
    return 0;
}
