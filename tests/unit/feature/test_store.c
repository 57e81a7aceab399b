/* The store gives back what was added, in any order, whatever was cut off or flipped in between. */
#include "base/file.h"
#include "base/memory.h"
#include "check.h"
#include "feature/feature_int.h"

#include <math.h>

enum { N = 70, ROWS = 3 };

static char folder[64];
static uint8_t record[1024];
static const char *const key = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/tw-store-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    int64_t n_bytes;

    (void)state;
    return tw_cache_clear(&n_bytes, folder, NULL, NULL) || rmdir(folder) != 0;
}

static tw_hash128 key_of(int i)
{
    return tw_hash128_of(&i, sizeof i, 7);
}

/* Row i: every third number zero, some awkward ones. */
static void make_row(float *row, int i)
{
    for (int k = 0; k < N; k++)
        row[k] = k % 3 == 0 ? 0.0f : (float)(i * 100 + k);
    row[1] = -0.0f;
    row[2] = NAN;
    row[4] = 1e-42f;
}

static tw_store *open_store(void)
{
    tw_store *store;
    tw_error err;

    assert_int_equal(tw_store_open(&store, folder, key, N, TW_CACHE_FP32, NULL, &err), TW_OK);
    return store;
}

static tw_store *open_locked(void)
{
    tw_store *store = open_store();
    bool got;

    assert_int_equal(tw_store_lock(store, &got, NULL), TW_OK);
    assert_true(got);
    return store;
}

static void add_row(tw_store *store, int i)
{
    float row[N];

    make_row(row, i);
    assert_int_equal(tw_store_add(store, key_of(i), row, NULL), TW_OK);
}

static void add_rows(int first, int last)
{
    tw_store *store = open_locked();

    for (int i = first; i < last; i++)
        add_row(store, i);
    tw_store_close(store);
}

/* Row i is there and right. */
static bool has_row(const tw_store *store, int i)
{
    const int64_t place = tw_store_find(store, key_of(i));
    float row[N], out[N];
    bool damaged;

    if (place < 0)
        return false;
    make_row(row, i);
    assert_int_equal(tw_store_read(store, place, out, record, &damaged, NULL), TW_OK);
    if (damaged)
        return false;
    assert_memory_equal(out, row, sizeof row);
    return true;
}

static char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s/%s", folder, key, name);
    return path;
}

static char *read_all(size_t *n, const char *name)
{
    char *data;

    assert_int_equal(tw_file_read(&data, n, path_of(name), 1 << 20, NULL), TW_OK);
    return data;
}

static void write_all(const char *name, const char *data, size_t n)
{
    FILE *file = fopen(path_of(name), "wb");

    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, n, file), n);
    assert_int_equal(fclose(file), 0);
}

/* ---- */

static void test_gives_back_rows_in_any_order(void **state)
{
    tw_store *store = open_locked();

    (void)state;
    for (int i = 0; i < 600; i++)
        add_row(store, i);
    assert_int_equal(tw_store_count(store), 600);
    for (int i = 599; i >= 0; i -= 7)
        assert_true(has_row(store, i));
    assert_int_equal(tw_store_find(store, key_of(600)), -1);
    tw_store_close(store);

    store = open_store();
    assert_int_equal(tw_store_count(store), 600);
    for (int i = 0; i < 600; i++)
        assert_true(has_row(store, (i * 371) % 600));
    tw_store_close(store);
}

static void test_bytes_are_within_the_bound(void **state)
{
    tw_store *store;

    (void)state;
    add_rows(0, ROWS);
    store = open_store();
    assert_true(tw_store_bytes(store) <= ROWS * tw_store_row_bound(N, TW_CACHE_FP32));
    assert_int_equal(tw_store_bytes(store),
                     tw_path_size(path_of("rows")) + tw_path_size(path_of("index")));
    tw_store_close(store);
}

static void test_bf16_halves_the_numbers(void **state)
{
    tw_store *store;
    float row[N], out[N];
    bool got, damaged;

    (void)state;
    make_row(row, 3);
    tw_feature__round(row, N, TW_CACHE_BF16);
    assert_int_equal(tw_store_open(&store, folder, key, N, TW_CACHE_BF16, NULL, NULL), TW_OK);
    assert_int_equal(tw_store_record_bytes(store), TW_FEATURE__HEADER_BYTES + 16 + 2 * N);
    assert_int_equal(tw_store_row_bound(N, TW_CACHE_BF16),
                     tw_store_row_bound(N, TW_CACHE_FP32) - 2 * N);
    assert_int_equal(tw_store_lock(store, &got, NULL), TW_OK);
    assert_int_equal(tw_store_add(store, key_of(3), row, NULL), TW_OK);
    tw_store_close(store);

    assert_int_equal(tw_store_open(&store, folder, key, N, TW_CACHE_BF16, NULL, NULL), TW_OK);
    assert_true(tw_store_bytes(store) <= tw_store_row_bound(N, TW_CACHE_BF16));
    assert_int_equal(
        tw_store_read(store, tw_store_find(store, key_of(3)), out, record, &damaged, NULL), TW_OK);
    assert_false(damaged);
    assert_memory_equal(out, row, sizeof row);
    tw_store_close(store);
}

static void test_moments_come_from_the_table(void **state)
{
    tw_store *store = open_locked();
    float row[N] = {1, 2, 0, -3};
    double sum, sum_squares;

    (void)state;
    assert_int_equal(tw_store_add(store, key_of(0), row, NULL), TW_OK);
    tw_store_close(store);
    store = open_store();
    tw_store_moments(store, tw_store_find(store, key_of(0)), &sum, &sum_squares);
    assert_true(sum == 0.0);
    assert_true(sum_squares == 14.0);
    tw_store_close(store);
}

static void test_later_row_wins(void **state)
{
    tw_store *store;
    float row[N], out[N];
    bool damaged;

    (void)state;
    add_rows(0, ROWS);
    store = open_locked();
    make_row(row, 77);
    assert_int_equal(tw_store_add(store, key_of(2), row, NULL), TW_OK);
    for (int turn = 0; turn < 2; turn++) {
        assert_int_equal(tw_store_count(store), ROWS);
        assert_int_equal(
            tw_store_read(store, tw_store_find(store, key_of(2)), out, record, &damaged, NULL),
            TW_OK);
        assert_false(damaged);
        assert_memory_equal(out, row, sizeof row);
        assert_true(has_row(store, 1));
        tw_store_close(store);
        store = open_store();
    }
    tw_store_close(store);
}

static void test_adding_needs_the_lock(void **state)
{
    tw_store *store = open_store();
    float row[N] = {0};
    tw_error err;
    char wanted[256];

    (void)state;
    assert_int_equal(tw_store_add(store, key_of(0), row, &err), TW_EFAIL);
    snprintf(wanted, sizeof wanted, "%s/%s: rows are added with the lock held only", folder, key);
    assert_string_equal(err.text, wanted);
    tw_store_close(store);
}

static void test_lock_is_held_by_one(void **state)
{
    tw_store *first = open_locked(), *second = open_store();
    bool got = true;

    (void)state;
    assert_int_equal(tw_store_lock(second, &got, NULL), TW_OK);
    assert_false(got);
    add_row(first, 1);
    tw_store_unlock(first);
    assert_int_equal(tw_store_find(second, key_of(1)), -1);
    assert_int_equal(tw_store_lock(second, &got, NULL), TW_OK);
    assert_true(got);
    assert_true(has_row(second, 1)); /* the lock brings what the other added */
    add_row(second, 2);
    tw_store_close(second);
    tw_store_close(first);
    second = open_store();
    assert_true(has_row(second, 1) && has_row(second, 2));
    tw_store_close(second);
}

static void test_cleared_entry_is_made_again(void **state)
{
    tw_json *job = tw_json_new_object();
    tw_store *store;
    int64_t n_bytes;
    bool got;

    (void)state;
    assert_int_equal(tw_store_open(&store, folder, key, N, TW_CACHE_FP32, job, NULL), TW_OK);
    assert_int_equal(tw_cache_clear(&n_bytes, folder, key, NULL), TW_OK);
    assert_false(tw_path_exists(path_of("job.json")));
    assert_int_equal(tw_store_lock(store, &got, NULL), TW_OK);
    assert_true(got);
    assert_true(tw_path_exists(path_of("job.json")));
    add_row(store, 1);
    tw_store_close(store);
    store = open_store();
    assert_true(has_row(store, 1));
    tw_store_close(store);
    tw_json_free(job);
}

/* After a cut, what is there is right, and what is missing can be added. */
static void check_and_complete(void)
{
    tw_store *store = open_locked();
    int n_missing = 0;

    for (int i = 0; i < ROWS; i++) {
        if (tw_store_find(store, key_of(i)) >= 0) {
            assert_true(has_row(store, i));
            continue;
        }
        add_row(store, i);
        n_missing++;
    }
    assert_true(n_missing <= ROWS);
    tw_store_close(store);
    store = open_store();
    assert_int_equal(tw_store_count(store), ROWS);
    for (int i = 0; i < ROWS; i++)
        assert_true(has_row(store, i));
    tw_store_close(store);
}

static void cut_everywhere(const char *name)
{
    size_t n_rows, n_index;
    char *rows, *index;

    add_rows(0, ROWS);
    rows = read_all(&n_rows, "rows");
    index = read_all(&n_index, "index");
    for (size_t n = 0; n <= (strcmp(name, "rows") == 0 ? n_rows : n_index); n++) {
        write_all("rows", rows, n_rows);
        write_all("index", index, n_index);
        assert_int_equal(truncate(path_of(name), (off_t)n), 0);
        check_and_complete();
    }
    tw_free(rows);
    tw_free(index);
}

static void test_goes_on_after_index_is_cut_at_any_byte(void **state)
{
    (void)state;
    cut_everywhere("index");
}

static void test_goes_on_after_rows_are_cut_at_any_byte(void **state)
{
    (void)state;
    cut_everywhere("rows");
}

static void test_cut_rows_lose_only_rows_behind_the_cut(void **state)
{
    tw_store *store;

    (void)state;
    add_rows(0, ROWS);
    assert_int_equal(truncate(path_of("rows"), tw_path_size(path_of("rows")) - 1), 0);
    store = open_store();
    assert_int_equal(tw_store_count(store), ROWS - 1);
    assert_int_equal(tw_store_find(store, key_of(ROWS - 1)), -1);
    tw_store_close(store);
}

static void test_rows_without_an_entry_are_cut_off(void **state)
{
    int64_t n_bytes;
    tw_store *store;

    (void)state;
    add_rows(0, ROWS);
    n_bytes = tw_path_size(path_of("rows"));
    assert_int_equal(truncate(path_of("index"), (ROWS - 2) * TW_FEATURE__ENTRY_BYTES), 0);
    store = open_locked();
    add_row(store, ROWS - 2);
    add_row(store, ROWS - 1);
    tw_store_close(store);
    assert_int_equal(tw_path_size(path_of("rows")), n_bytes);
}

/* A flipped bit: the row is reported damaged or missing, all others are right. */
static void flip_everywhere(const char *name)
{
    size_t n;
    char *data;

    add_rows(0, ROWS);
    data = read_all(&n, name);
    for (size_t i = 0; i < n; i++) {
        tw_store *store;
        int n_good = 0;

        data[i] ^= (char)(1 << i % 8);
        write_all(name, data, n);
        data[i] ^= (char)(1 << i % 8);
        store = open_store();
        for (int k = 0; k < ROWS; k++)
            n_good += has_row(store, k);
        assert_int_equal(n_good, ROWS - 1);
        tw_store_close(store);
    }
    tw_free(data);
}

static void test_flipped_bits_of_rows_are_found(void **state)
{
    (void)state;
    flip_everywhere("rows");
}

static void test_flipped_bits_of_the_index_are_found(void **state)
{
    (void)state;
    flip_everywhere("index");
}

static void test_rows_of_another_size_are_damaged(void **state)
{
    tw_store *store;
    float out[N + 1];
    bool damaged = false;

    (void)state;
    add_rows(0, 1);
    assert_int_equal(tw_store_open(&store, folder, key, N + 1, TW_CACHE_FP32, NULL, NULL), TW_OK);
    assert_int_equal(
        tw_store_read(store, tw_store_find(store, key_of(0)), out, record, &damaged, NULL), TW_OK);
    assert_true(damaged);
    tw_store_close(store);
}

static void test_refuses_empty_rows(void **state)
{
    tw_store *store;
    tw_error err;

    (void)state;
    assert_int_equal(tw_store_open(&store, "cache", key, 0, TW_CACHE_FP32, NULL, &err), TW_ESHAPE);
    assert_null(store);
    assert_string_equal(err.text, "cache: rows of 0 numbers cannot be cached");
}

static void test_folder_that_is_a_file_is_an_error(void **state)
{
    tw_store *store;
    tw_error err;
    char path[128];

    (void)state;
    snprintf(path, sizeof path, "%s/file", folder);
    assert_int_equal(tw_file_write(path, "x", 1, NULL), TW_OK);
    assert_int_equal(tw_store_open(&store, path, key, N, TW_CACHE_FP32, NULL, &err), TW_EFILE);
    assert_null(store);
    assert_int_equal(remove(path), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gives_back_rows_in_any_order),
        TEST(test_bytes_are_within_the_bound),
        TEST(test_bf16_halves_the_numbers),
        TEST(test_moments_come_from_the_table),
        TEST(test_later_row_wins),
        TEST(test_adding_needs_the_lock),
        TEST(test_lock_is_held_by_one),
        TEST(test_cleared_entry_is_made_again),
        TEST(test_goes_on_after_index_is_cut_at_any_byte),
        TEST(test_goes_on_after_rows_are_cut_at_any_byte),
        TEST(test_cut_rows_lose_only_rows_behind_the_cut),
        TEST(test_rows_without_an_entry_are_cut_off),
        TEST(test_flipped_bits_of_rows_are_found),
        TEST(test_flipped_bits_of_the_index_are_found),
        TEST(test_rows_of_another_size_are_damaged),
        TEST(test_refuses_empty_rows),
        TEST(test_folder_that_is_a_file_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
