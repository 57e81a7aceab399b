/*
 * The activation cache's files. The first byte says how many entries the offset table has, the
 * second how many bytes of one that is cut off follow; the rest is the file of rows. Read as they
 * are, and with all checksums made right, which mutations break.
 */
#include "fuzz.h"

#include "base/hash.h"
#include "feature/feature_int.h"

#include <stdlib.h>
#include <string.h>

/* store.c has the layout. */
enum { HEAD = 2, N_NUMBERS = 8, ENTRY_SUM_AT = 48, SUM_AT = 8, SUMMED_AT = 24 };

typedef struct files {
    uint8_t *index, *rows;
    size_t n_index, n_rows;
} files;

static void sum_record(const files *f, const uint8_t *entry)
{
    int64_t offset, n_bytes;
    tw_hash128 sum;

    memcpy(&offset, entry + 16, sizeof offset);
    memcpy(&n_bytes, entry + 24, sizeof n_bytes);
    if (offset < 0 || n_bytes < TW_FEATURE__HEADER_BYTES || n_bytes > (int64_t)f->n_rows ||
        offset > (int64_t)f->n_rows - n_bytes)
        return;
    sum = tw_hash128_of(f->rows + offset + SUMMED_AT, (size_t)n_bytes - SUMMED_AT, 0);
    memcpy(f->rows + offset + SUM_AT, &sum.low, 8);
    memcpy(f->rows + offset + SUM_AT + 8, &sum.high, 8);
}

static void repair(const files *f)
{
    for (size_t at = 0; at + TW_FEATURE__ENTRY_BYTES <= f->n_index; at += TW_FEATURE__ENTRY_BYTES) {
        uint8_t *entry = f->index + at;
        const tw_hash128 sum = tw_hash128_of(entry, ENTRY_SUM_AT, 0);

        memcpy(entry + ENTRY_SUM_AT, &sum.low, 8);
        memcpy(entry + ENTRY_SUM_AT + 8, &sum.high, 8);
        sum_record(f, entry);
    }
}

/* Every row that the table finds; a wrong one is damaged, never an error. */
static tw_status read_rows(tw_store *store, const files *f, tw_error *err)
{
    uint8_t *record = malloc((size_t)tw_store_record_bytes(store));
    float row[N_NUMBERS];
    tw_status rc = TW_OK;

    for (size_t at = 0; at + TW_FEATURE__ENTRY_BYTES <= f->n_index && !rc;
         at += TW_FEATURE__ENTRY_BYTES) {
        tw_hash128 key;
        int64_t place;
        bool damaged;

        memcpy(&key.low, f->index + at, 8);
        memcpy(&key.high, f->index + at + 8, 8);
        if ((place = tw_store_find(store, key)) < 0)
            continue;
        if (!(rc = tw_store_read(store, place, row, record, &damaged, err)) && !damaged)
            fuzz_touch(row, sizeof row);
    }
    free(record);
    return rc;
}

/* Adds a row behind what is there, and finds it again. */
static tw_status add_row(tw_store *store, tw_error *err)
{
    const float row[N_NUMBERS] = {1, 0, -2};
    const tw_hash128 key = {1, 2};
    float back[N_NUMBERS];
    uint8_t *record = malloc((size_t)tw_store_record_bytes(store));
    bool got, damaged = true;
    tw_status rc = tw_store_lock(store, &got, err);

    if (!rc && !(rc = tw_store_add(store, key, row, err)) &&
        !(rc = tw_store_read(store, tw_store_find(store, key), back, record, &damaged, err)) &&
        (damaged || memcmp(back, row, sizeof row) != 0))
        abort();
    free(record);
    return rc;
}

static void open_files(const files *f)
{
    const char *folder = fuzz_folder("index", f->index, f->n_index);
    tw_store *store;
    tw_error err = {TW_OK, ""};
    tw_status rc;

    fuzz_folder("rows", f->rows, f->n_rows);
    fuzz_begin();
    if (!(rc = tw_store_open(&store, folder, ".", N_NUMBERS, TW_CACHE_FP32, NULL, &err)) &&
        !(rc = read_rows(store, f, &err)))
        rc = add_row(store, &err);
    tw_store_close(store);
    fuzz_end(f->n_index + f->n_rows, 0);
    fuzz_clean(rc, &err, folder);
    if (rc)
        abort(); /* no content of the two files is an error */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    files f = {0};

    if (n < HEAD)
        return 0;
    f.n_index = (size_t)data[0] * TW_FEATURE__ENTRY_BYTES + data[1] % TW_FEATURE__ENTRY_BYTES;
    f.n_index = f.n_index < n - HEAD ? f.n_index : n - HEAD;
    f.n_rows = n - HEAD - f.n_index;
    f.index = malloc(n);
    f.rows = malloc(n);
    memcpy(f.index, data + HEAD, f.n_index);
    memcpy(f.rows, data + HEAD + f.n_index, f.n_rows);
    open_files(&f);
    repair(&f);
    open_files(&f);
    free(f.index);
    free(f.rows);
    return 0;
}
