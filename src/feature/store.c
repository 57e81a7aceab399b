/*
 * The append-only store of rows. Two files and a lock; the layout is in store.h.
 *
 *   record  magic 8 | checksum 16 | picture key 16 | packed bytes 8 | numbers 8 | packed row
 *   entry   picture key 16 | offset 8 | record bytes 8 | sum 8 | sum of squares 8 | checksum 16
 *
 * Invariants: (1) a row is written before its entry, so an entry that checks out and lies inside
 * `rows` has a whole row, or one whose checksum tells; (2) only the process that holds the lock
 * writes or truncates; (3) nothing is synced: what a power failure takes is made again.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "feature/feature_int.h"

#include <string.h>

static const uint64_t magic = 0x31574f52574b5054; /* "TPKWROW1" */
static const uint64_t checksum_seed = 0;

enum { SCAN_ENTRIES = 1024, CHECKSUM_AT = 8, KEY_AT = 24 };

typedef struct row_place {
    tw_hash128 key;
    int64_t offset, n_bytes; /* of the record in `rows` */
    double sum, sum_squares;
} row_place;

struct tw_store {
    char *folder, *rows_path, *index_path, *lock_path, *job_path;
    char *job; /* text of job.json; NULL: none is written */
    int64_t row_size;
    tw_cache_dtype dtype;
    tw_file rows, index;
    tw_lock lock;
    bool is_locked;
    int64_t rows_end, index_end; /* behind the last good entry and its row */
    row_place *places;
    int64_t n_places, capacity;
    uint32_t *slots; /* open addressing: place + 1, 0 is free */
    size_t n_slots;  /* power of two, more than twice as many as keys */
    int64_t n_keys;
    uint8_t *record; /* of the row being added */
};

/* ---- the table of keys */

static size_t find_slot(const tw_store *store, tw_hash128 key)
{
    const size_t mask = store->n_slots - 1;
    size_t i = (size_t)key.low & mask;

    while (store->slots[i]) {
        const row_place *place = &store->places[store->slots[i] - 1];

        if (place->key.low == key.low && place->key.high == key.high)
            break;
        i = (i + 1) & mask;
    }
    return i;
}

static tw_status grow_slots(tw_store *store, tw_error *err)
{
    const size_t n_old = store->n_slots;
    uint32_t *old = store->slots;

    store->n_slots = n_old ? 2 * n_old : 256;
    if (!(store->slots = tw_calloc(store->n_slots, sizeof *store->slots))) {
        store->slots = old;
        store->n_slots = n_old;
        return tw_fail(err, TW_ENOMEM, "no memory for the table of %lld cached rows",
                       (long long)store->n_keys);
    }
    for (size_t i = 0; i < n_old; i++)
        if (old[i])
            store->slots[find_slot(store, store->places[old[i] - 1].key)] = old[i];
    tw_free(old);
    return TW_OK;
}

static tw_status grow_places(tw_store *store, tw_error *err)
{
    const int64_t capacity = store->capacity ? store->capacity + store->capacity / 2 : 256;
    row_place *places = NULL;

    if (capacity < UINT32_MAX)
        places = tw_realloc(store->places, (size_t)capacity * sizeof *places);
    if (!places)
        return tw_fail(err, TW_ENOMEM, "no memory for the places of %lld cached rows",
                       (long long)capacity);
    store->places = places;
    store->capacity = capacity;
    return TW_OK;
}

/* The later of two rows of one picture wins. */
static tw_status insert_place(tw_store *store, const row_place *place, tw_error *err)
{
    tw_status rc;
    size_t slot;

    if (store->n_places == store->capacity && (rc = grow_places(store, err)))
        return rc;
    if ((size_t)store->n_keys * 2 >= store->n_slots && (rc = grow_slots(store, err)))
        return rc;
    slot = find_slot(store, place->key);
    store->n_keys += store->slots[slot] == 0;
    store->places[store->n_places] = *place;
    store->slots[slot] = (uint32_t)++store->n_places;
    return TW_OK;
}

/* ---- entries of the offset table */

static void encode_entry(uint8_t entry[TW_FEATURE__ENTRY_BYTES], const row_place *place)
{
    tw_hash128 checksum;

    memcpy(entry, &place->key.low, 8);
    memcpy(entry + 8, &place->key.high, 8);
    memcpy(entry + 16, &place->offset, 8);
    memcpy(entry + 24, &place->n_bytes, 8);
    memcpy(entry + 32, &place->sum, 8);
    memcpy(entry + 40, &place->sum_squares, 8);
    checksum = tw_hash128_of(entry, 48, checksum_seed);
    memcpy(entry + 48, &checksum.low, 8);
    memcpy(entry + 56, &checksum.high, 8);
}

/* false when the checksum is wrong or the row does not lie inside `rows`. */
static bool decode_entry(row_place *place, const uint8_t entry[TW_FEATURE__ENTRY_BYTES],
                         const tw_store *store)
{
    const tw_hash128 checksum = tw_hash128_of(entry, 48, checksum_seed);
    int64_t end;

    memcpy(&place->key.low, entry, 8);
    memcpy(&place->key.high, entry + 8, 8);
    memcpy(&place->offset, entry + 16, 8);
    memcpy(&place->n_bytes, entry + 24, 8);
    memcpy(&place->sum, entry + 32, 8);
    memcpy(&place->sum_squares, entry + 40, 8);
    return memcmp(entry + 48, &checksum.low, 8) == 0 &&
           memcmp(entry + 56, &checksum.high, 8) == 0 && place->offset >= 0 &&
           place->n_bytes >= TW_FEATURE__HEADER_BYTES &&
           place->n_bytes <= tw_store_record_bytes(store) &&
           tw_add_i64(&end, place->offset, place->n_bytes) && end <= store->rows.size;
}

static tw_status scan_index(tw_store *store, tw_error *err)
{
    const int64_t n = store->index.size / TW_FEATURE__ENTRY_BYTES;
    tw_status rc = TW_OK;
    uint8_t *buf = tw_malloc((size_t)SCAN_ENTRIES * TW_FEATURE__ENTRY_BYTES);

    store->n_places = store->n_keys = store->rows_end = store->index_end = 0;
    if (store->slots)
        memset(store->slots, 0, store->n_slots * sizeof *store->slots);
    if (!buf)
        return tw_fail(err, TW_ENOMEM, "no memory to read %s", store->index_path);

    for (int64_t i = 0; i < n && !rc; i++) {
        const int64_t at = i % SCAN_ENTRIES, left = n - i;
        row_place place;

        if (at == 0)
            rc = tw_file_pread(&store->index, buf,
                               (size_t)(left < SCAN_ENTRIES ? left : SCAN_ENTRIES) *
                                   TW_FEATURE__ENTRY_BYTES,
                               i * TW_FEATURE__ENTRY_BYTES, err);
        if (rc || !decode_entry(&place, buf + at * TW_FEATURE__ENTRY_BYTES, store))
            continue;
        rc = insert_place(store, &place, err);
        store->index_end = (i + 1) * TW_FEATURE__ENTRY_BYTES;
        if (place.offset + place.n_bytes > store->rows_end)
            store->rows_end = place.offset + place.n_bytes;
    }
    tw_free(buf);
    return rc;
}

/* ---- opening, closing, locking */

/* The index first: each of its entries has its row written already. */
static tw_status open_files(tw_store *store, tw_error *err)
{
    tw_status rc;

    tw_file_close(&store->index);
    tw_file_close(&store->rows);
    memset(&store->index, 0, sizeof store->index);
    memset(&store->rows, 0, sizeof store->rows);
    store->index.fd = store->rows.fd = -1;
    if ((rc = tw_folder_create(store->folder, err)) ||
        (rc = tw_file_open_append(&store->index, store->index_path, err)) ||
        (rc = tw_file_open_append(&store->rows, store->rows_path, err)))
        return rc;
    return scan_index(store, err);
}

/* Says what the entry holds, once, and that it was used now. */
static tw_status write_job(const tw_store *store, tw_error *err)
{
    if (!store->job)
        return TW_OK;
    if (tw_path_exists(store->job_path))
        return tw_file_touch(store->job_path, err);
    return tw_file_write(store->job_path, store->job, strlen(store->job), err);
}

tw_status tw_store_open(tw_store **out, const char *dir, const char *key, int64_t row_size,
                        tw_cache_dtype dtype, const tw_json *job, tw_error *err)
{
    tw_status rc;
    tw_store *store = NULL;

    *out = NULL;
    if (row_size < 1 || row_size > INT32_MAX)
        return tw_fail(err, TW_ESHAPE, "%s: rows of %lld numbers cannot be cached", dir,
                       (long long)row_size);
    if (!(store = tw_calloc(1, sizeof *store))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the cache in %s", dir);
        goto done;
    }
    store->row_size = row_size;
    store->dtype = dtype;
    store->index.fd = store->rows.fd = store->lock.fd = -1;
    if (!(store->folder = tw_path_join(dir, key)) ||
        !(store->rows_path = tw_path_join(store->folder, "rows")) ||
        !(store->index_path = tw_path_join(store->folder, "index")) ||
        !(store->lock_path = tw_path_join(store->folder, "lock")) ||
        !(store->job_path = tw_path_join(store->folder, "job.json")) ||
        (job && !(store->job = tw_json_dump(job, 1))) ||
        !(store->record = tw_malloc((size_t)tw_store_record_bytes(store)))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory for the cache in %s", dir);
        goto done;
    }
    if ((rc = grow_slots(store, err)) || (rc = open_files(store, err)) ||
        (rc = write_job(store, err)))
        goto done;
    *out = store;
    store = NULL;
done:
    tw_store_close(store);
    return rc;
}

void tw_store_close(tw_store *store)
{
    if (!store)
        return;
    tw_store_unlock(store);
    tw_file_close(&store->index);
    tw_file_close(&store->rows);
    tw_free(store->folder);
    tw_free(store->rows_path);
    tw_free(store->index_path);
    tw_free(store->lock_path);
    tw_free(store->job_path);
    tw_free(store->job);
    tw_free(store->places);
    tw_free(store->slots);
    tw_free(store->record);
    tw_free(store);
}

/* With the lock held: reads what others added, and cuts off what an interrupted one left. */
static tw_status refresh(tw_store *store, tw_error *err)
{
    tw_status rc = open_files(store, err);

    if (!rc && store->index.size != store->index_end)
        rc = tw_file_truncate(&store->index, store->index_end, err);
    if (!rc && store->rows.size != store->rows_end)
        rc = tw_file_truncate(&store->rows, store->rows_end, err);
    return rc ? rc : write_job(store, err); /* the entry may have been cleared since */
}

tw_status tw_store_lock(tw_store *store, bool *got, tw_error *err)
{
    tw_status rc;

    *got = store->is_locked;
    if (store->is_locked)
        return TW_OK;
    if ((rc = tw_folder_create(store->folder, err)) ||
        (rc = tw_lock_try(&store->lock, got, store->lock_path, err)) || !*got)
        return rc;
    store->is_locked = true;
    if (!tw_path_exists(store->lock_path)) { /* the entry was cleared in between: try again */
        tw_store_unlock(store);
        *got = false;
        return TW_OK;
    }
    if ((rc = refresh(store, err))) {
        tw_store_unlock(store);
        *got = false;
    }
    return rc;
}

void tw_store_unlock(tw_store *store)
{
    if (store->is_locked)
        tw_lock_release(&store->lock);
    store->is_locked = false;
}

/* ---- rows */

int64_t tw_store_find(const tw_store *store, tw_hash128 picture)
{
    return (int64_t)store->slots[find_slot(store, picture)] - 1;
}

int64_t tw_store_count(const tw_store *store)
{
    return store->n_keys;
}

int64_t tw_store_bytes(const tw_store *store)
{
    return store->rows.size + store->index.size;
}

const char *tw_store_path(const tw_store *store)
{
    return store->folder;
}

int64_t tw_store_record_bytes(const tw_store *store)
{
    return TW_FEATURE__HEADER_BYTES + tw_feature__pack_bound(store->row_size, store->dtype);
}

int64_t tw_store_row_bound(int64_t row_size, tw_cache_dtype dtype)
{
    return TW_FEATURE__HEADER_BYTES + tw_feature__pack_bound(row_size, dtype) +
           TW_FEATURE__ENTRY_BYTES;
}

void tw_store_moments(const tw_store *store, int64_t place, double *sum, double *sum_squares)
{
    *sum = store->places[place].sum;
    *sum_squares = store->places[place].sum_squares;
}

/* The checksum of a record covers all that follows it. */
static tw_hash128 record_checksum(const uint8_t *record, int64_t n_bytes)
{
    return tw_hash128_of(record + KEY_AT, (size_t)(n_bytes - KEY_AT), checksum_seed);
}

static void encode_header(uint8_t *record, tw_hash128 key, int64_t n_packed, int64_t n_numbers)
{
    tw_hash128 checksum;

    memcpy(record, &magic, 8);
    memcpy(record + KEY_AT, &key.low, 8);
    memcpy(record + KEY_AT + 8, &key.high, 8);
    memcpy(record + 40, &n_packed, 8);
    memcpy(record + 48, &n_numbers, 8);
    checksum = record_checksum(record, TW_FEATURE__HEADER_BYTES + n_packed);
    memcpy(record + CHECKSUM_AT, &checksum.low, 8);
    memcpy(record + CHECKSUM_AT + 8, &checksum.high, 8);
}

static bool is_record_whole(const uint8_t *record, const row_place *place, int64_t row_size)
{
    const tw_hash128 checksum = record_checksum(record, place->n_bytes);
    const int64_t n_packed = place->n_bytes - TW_FEATURE__HEADER_BYTES;

    return memcmp(record, &magic, 8) == 0 && memcmp(record + CHECKSUM_AT, &checksum.low, 8) == 0 &&
           memcmp(record + CHECKSUM_AT + 8, &checksum.high, 8) == 0 &&
           memcmp(record + KEY_AT, &place->key.low, 8) == 0 &&
           memcmp(record + KEY_AT + 8, &place->key.high, 8) == 0 &&
           memcmp(record + 40, &n_packed, 8) == 0 && memcmp(record + 48, &row_size, 8) == 0;
}

tw_status tw_store_read(const tw_store *store, int64_t place, float *out, uint8_t *record,
                        bool *damaged, tw_error *err)
{
    const row_place *where = &store->places[place];
    tw_status rc = tw_file_pread(&store->rows, record, (size_t)where->n_bytes, where->offset, err);

    *damaged = false;
    if (rc)
        return rc;
    *damaged = !is_record_whole(record, where, store->row_size) ||
               !tw_feature__unpack(out, store->row_size, record + TW_FEATURE__HEADER_BYTES,
                                   where->n_bytes - TW_FEATURE__HEADER_BYTES, store->dtype);
    return TW_OK;
}

tw_status tw_store_add(tw_store *store, tw_hash128 picture, const float *row, tw_error *err)
{
    tw_status rc;
    row_place place = {.key = picture, .offset = store->rows.size};
    uint8_t entry[TW_FEATURE__ENTRY_BYTES];
    int64_t n_packed;

    if (!store->is_locked)
        return tw_fail(err, TW_EFAIL, "%s: rows are added with the lock held only", store->folder);
    n_packed = tw_feature__pack(store->record + TW_FEATURE__HEADER_BYTES, row, store->row_size,
                                store->dtype);
    encode_header(store->record, picture, n_packed, store->row_size);
    place.n_bytes = TW_FEATURE__HEADER_BYTES + n_packed;
    tw_feature__moments(&place.sum, &place.sum_squares, row, store->row_size);
    encode_entry(entry, &place);
    if ((rc = tw_file_append(&store->rows, store->record, (size_t)place.n_bytes, err)) ||
        (rc = tw_file_append(&store->index, entry, sizeof entry, err)))
        return rc;
    return insert_place(store, &place, err);
}
