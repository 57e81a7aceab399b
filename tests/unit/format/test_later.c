/* later.c: records that are inflated when they are asked for, with every check of those that are
 * inflated at once. */
#include "base/parallel.h"
#include "format/arrays.h"

#include "make_files.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <sys/stat.h>

enum { N = 300, SIDE = 7 };

static const uint32_t dims[3] = {N, SIDE, SIDE};
static uint8_t pixels[N * SIDE * SIDE];
static char path[300], sentence[400];

/* A gzip file whose last n_cut bytes are missing. */
static void write_gzip(size_t n_cut)
{
    blob plain = {0}, packed = {0};

    blob_idx(&plain, 8, 3, dims, pixels, sizeof pixels);
    blob_gzip(&packed, &plain);
    write_bytes(path, packed.bytes, packed.n - n_cut);
    snprintf(sentence, sizeof sentence, "%s: truncated: its %zu compressed bytes end too early",
             path, packed.n - n_cut);
    blob_free(&plain);
    blob_free(&packed);
}

static void a_record_is_inflated_when_it_is_asked_for(void **state)
{
    tw_array_file a;
    uint8_t got[2 * SIDE * SIDE];

    (void)state;
    write_gzip(0);
    setenv("TMPDIR", "/nowhere", 1);
    assert_ok(tw_idx_open_later(&a, path, e)); /* no temporary file is needed yet */
    assert_int_equal(a.shape.dims[0], N);
    assert_int_equal(a.record_bytes, SIDE * SIDE);
    assert_string_equal(a.format, "IDX, gzip");
    snprintf(sentence, sizeof sentence,
             "%s: no temporary file in /nowhere: No such file or directory", path);
    assert_fails(TW_EFILE, sentence, tw_array_read(&a, got, 0, 1, e));
    unsetenv("TMPDIR");
    assert_ok(tw_array_read(&a, got, N - 2, 2, e)); /* what failed is tried again */
    assert_memory_equal(got, pixels + (N - 2) * SIDE * SIDE, sizeof got);
    assert_ok(tw_array_load(&a, e));
    tw_array_file_close(&a);
}

static void damage_is_told_when_a_record_is_asked_for(void **state)
{
    tw_array_file a;
    uint8_t got[SIDE * SIDE];

    (void)state;
    write_gzip(1);
    assert_fails(TW_EFILE, sentence, tw_idx_open(&a, path, e));
    assert_ok(tw_idx_open_later(&a, path, e));
    assert_fails(TW_EFILE, sentence, tw_array_load(&a, e));
    assert_fails(TW_EFILE, sentence, tw_array_read(&a, got, 0, 1, e));
    tw_array_file_close(&a);
}

static void a_file_that_has_changed_since_is_refused(void **state)
{
    struct stat before;
    struct timespec times[2];
    tw_array_file a;
    uint8_t got[SIDE * SIDE];

    (void)state;
    write_gzip(0);
    assert_int_equal(stat(path, &before), 0);
    assert_ok(tw_idx_open_later(&a, path, e));
    usleep(20000); /* a tick of the disk's clock */
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    write_gzip(0); /* the same bytes, size and time of change: it is not the same file for that */
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    snprintf(sentence, sizeof sentence, "%s: has changed since it was opened", path);
    assert_fails(TW_EFILE, sentence, tw_array_read(&a, got, 0, 1, e));
    tw_array_file_close(&a);
}

static void a_plain_file_has_nothing_to_wait_for(void **state)
{
    tw_array_file a;
    uint8_t got[SIDE * SIDE];
    blob plain = {0};

    (void)state;
    blob_idx(&plain, 8, 3, dims, pixels, sizeof pixels);
    write_bytes(path, plain.bytes, plain.n);
    blob_free(&plain);
    assert_ok(tw_idx_open_later(&a, path, e));
    assert_null(a.later);
    assert_ok(tw_array_load(&a, e));
    assert_ok(tw_array_read(&a, got, 1, 1, e));
    assert_memory_equal(got, pixels + SIDE * SIDE, sizeof got);
    tw_array_file_close(&a);
}

typedef struct reading {
    tw_array_file array;
    atomic_int n_right;
} reading;

static void read_one(void *ctx, int64_t item, int worker)
{
    reading *now = ctx;
    uint8_t got[SIDE * SIDE];

    (void)worker;
    if (!tw_array_read(&now->array, got, item, 1, NULL) &&
        !memcmp(got, pixels + item * SIDE * SIDE, sizeof got))
        atomic_fetch_add(&now->n_right, 1);
}

static void threads_may_ask_at_once(void **state)
{
    reading now = {.n_right = 0};

    (void)state;
    write_gzip(0);
    assert_ok(tw_idx_open_later(&now.array, path, e));
    tw_parallel(4, N, read_one, &now);
    assert_int_equal(now.n_right, N);
    tw_array_file_close(&now.array);
}

static int set_up(void **state)
{
    const int rc = check_make_folder(state);
    uint32_t word = 1;

    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)((word = word * 1664525u + 1013904223u) >> 24);
    snprintf(path, sizeof path, "%s/x.gz", (char *)*state);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_is_inflated_when_it_is_asked_for),
        cmocka_unit_test(damage_is_told_when_a_record_is_asked_for),
        cmocka_unit_test(a_file_that_has_changed_since_is_refused),
        cmocka_unit_test(a_plain_file_has_nothing_to_wait_for),
        cmocka_unit_test(threads_may_ask_at_once),
    };

    return cmocka_run_group_tests_name("later", tests, set_up, check_remove_folder);
}
