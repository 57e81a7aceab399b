/* records_keys.c: keys of compressed pictures are remembered of a file as it is, and of no other.
 * Whether a file was inflated shows by its spool: where no temporary file can be had it was not. */
#include "data/dataset.h"

#include "make_files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { N = 4, SIDE = 3, SETTLING_S = 5 };

static const uint32_t dims3[] = {N, SIDE, SIDE}, dims1[] = {N};
static const uint8_t labels[N] = {0, 1, 1, 0};
static char cache[300]; /* where memories lie */

static char *images_of(const char *folder)
{
    return path_in(folder, "train-images-idx3-ubyte.gz");
}

/* Pictures of `grey` and the picture's number; n_cut bytes are missing at the end. */
static void write_pictures(const char *folder, int grey, size_t n_cut)
{
    uint8_t pixels[N * SIDE * SIDE];
    blob plain = {0}, packed = {0};
    char *path = images_of(folder);

    for (int i = 0; i < N; i++)
        memset(pixels + i * SIDE * SIDE, grey + i, SIDE * SIDE);
    blob_idx(&plain, 8, 3, dims3, pixels, sizeof pixels);
    blob_gzip(&packed, &plain);
    write_bytes(path, packed.bytes, packed.n - n_cut);
    blob_free(&plain);
    blob_free(&packed);
    free(path);
}

static char *make_data(const char *root, const char *name, int grey, size_t n_cut)
{
    char *folder = path_in(root, name), *path = path_in(folder, "train-labels-idx1-ubyte");
    blob plain = {0};

    assert_int_equal(mkdir(folder, 0777), 0);
    write_pictures(folder, grey, n_cut);
    blob_idx(&plain, 8, 1, dims1, labels, N);
    write_bytes(path, plain.bytes, plain.n);
    blob_free(&plain);
    free(path);
    return folder;
}

/* What the key of picture i must be: sizes, little-endian, and pixels. */
static tw_hash128 key_of(int grey, int i)
{
    uint8_t bytes[12 + SIDE * SIDE] = {SIDE, 0, 0, 0, SIDE, 0, 0, 0, 1};

    memset(bytes + 12, grey + i, SIDE * SIDE);
    return tw_hash128_of(bytes, sizeof bytes, 0);
}

static tw_dataset *open_data(const char *folder)
{
    tw_dataset *data;

    assert_ok(tw_dataset_open(&data, folder, TW_PART_TRAIN, 0, e));
    return data;
}

static void expect_keys(const tw_dataset *data, int grey)
{
    for (int i = 0; i < N; i++) {
        const tw_hash128 wanted = key_of(grey, i);
        tw_hash128 got;

        assert_ok(tw_dataset_key(&got, data, i, e));
        assert_true(got.low == wanted.low && got.high == wanted.high);
    }
}

static void expect_pixels(const tw_dataset *data, int grey)
{
    for (int i = 0; i < N; i++) {
        tw_picture picture;

        assert_ok(tw_dataset_read(&picture, data, i, e));
        assert_int_equal(picture.pixels[SIDE * SIDE - 1], grey + i);
        tw_picture_free(&picture);
    }
}

/* Path of the only memory. Caller frees; NULL when there is none. */
static char *find_memory(void)
{
    char *folder = path_in(cache, "topwork/records"), *found = NULL;
    DIR *dir = opendir(folder);

    for (struct dirent *entry; dir && (entry = readdir(dir));)
        if (entry->d_name[0] != '.') {
            assert_null(found);
            found = path_in(folder, entry->d_name);
        }
    if (dir)
        closedir(dir);
    free(folder);
    return found;
}

static void forget(void)
{
    char *memory = find_memory();

    if (memory)
        unlink(memory);
    free(memory);
}

/* Keys without a temporary file: they come from memory. */
static void expect_remembered(const char *folder, int grey)
{
    char sentence[500];
    tw_dataset *data;
    tw_picture picture;

    setenv("TMPDIR", "/nowhere", 1);
    data = open_data(folder);
    expect_keys(data, grey);
    snprintf(sentence, sizeof sentence,
             "%s/train-images-idx3-ubyte.gz: no temporary file in /nowhere: No such file or "
             "directory",
             folder);
    assert_fails(TW_EFILE, sentence, tw_dataset_read(&picture, data, 0, e));
    unsetenv("TMPDIR");
    expect_pixels(data, grey);
    tw_dataset_free(data);
}

static void expect_inflated(const char *folder, int grey)
{
    char sentence[500];
    tw_dataset *data;

    setenv("TMPDIR", "/nowhere", 1);
    snprintf(sentence, sizeof sentence,
             "%s/train-images-idx3-ubyte.gz: no temporary file in /nowhere: No such file or "
             "directory",
             folder);
    assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, folder, TW_PART_TRAIN, 0, e));
    unsetenv("TMPDIR");
    data = open_data(folder);
    expect_keys(data, grey);
    expect_pixels(data, grey);
    tw_dataset_free(data);
}

/* All files that a test wants settled are written before it waits, once. */
static char *whole, *changing, *cut, *other;

static void the_second_opening_inflates_nothing(void **state)
{
    char *memory;

    (void)state;
    forget();
    expect_inflated(whole, 10);
    memory = find_memory();
    assert_non_null(memory);
    expect_remembered(whole, 10);
    free(memory);
}

/* Size and time of change are those of the old file: the pixels are not, and count. */
static void a_changed_file_is_not_the_remembered_one(void **state)
{
    char *path = images_of(changing);
    struct stat before, after;
    struct timespec times[2];

    (void)state;
    forget();
    expect_inflated(changing, 20);
    expect_remembered(changing, 20);
    assert_int_equal(stat(path, &before), 0);
    write_pictures(changing, 60, 0);
    times[0] = before.st_atim;
    times[1] = before.st_mtim;
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    assert_int_equal(stat(path, &after), 0);
    assert_true(after.st_size == before.st_size && after.st_mtim.tv_sec == before.st_mtim.tv_sec &&
                after.st_mtim.tv_nsec == before.st_mtim.tv_nsec && after.st_ino == before.st_ino);
    expect_inflated(changing, 60);
    free(path);
}

static void a_file_that_is_just_written_is_not_remembered(void **state)
{
    char *folder = make_data(*state, "new", 30, 0), *memory;

    forget();
    expect_inflated(folder, 30);
    memory = find_memory();
    assert_null(memory);
    expect_inflated(folder, 30);
    free(folder);
}

static void a_damaged_file_is_told_and_not_remembered(void **state)
{
    char *path = images_of(cut), sentence[500];
    struct stat info;
    tw_dataset *data;

    (void)state;
    forget();
    assert_int_equal(stat(path, &info), 0);
    snprintf(sentence, sizeof sentence, "%s: truncated: its %lld compressed bytes end too early",
             path, (long long)info.st_size);
    for (int i = 0; i < 2; i++)
        assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, cut, TW_PART_TRAIN, 0, e));
    assert_null(find_memory());
    free(path);
}

static size_t read_all(uint8_t *out, size_t size, const char *path)
{
    FILE *file = fopen(path, "rb");
    const size_t n = fread(out, 1, size, file);

    fclose(file);
    return n;
}

/* Every bit of it, every length of it, one byte too many, and that of another file. */
static void a_damaged_memory_is_none(void **state)
{
    uint8_t good[400], bad[401];
    char *memory;
    size_t n;

    (void)state;
    forget();
    expect_inflated(whole, 10);
    memory = find_memory();
    n = read_all(good, sizeof good, memory);
    assert_int_equal(n, 88 + 16 * N);
    for (size_t bit = 0; bit < 8 * n; bit++) {
        memcpy(bad, good, n);
        bad[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_bytes(memory, bad, n);
        expect_inflated(whole, 10);
    }
    for (size_t m = 0; m <= n + 1; m++) {
        memcpy(bad, good, n);
        bad[n] = 0;
        write_bytes(memory, bad, m);
        if (m != n)
            expect_inflated(whole, 10);
    }
    expect_remembered(whole, 10); /* it was made anew */
    free(memory);
}

static void the_memory_of_another_file_is_none(void **state)
{
    uint8_t theirs[400];
    char *memory;
    size_t n;

    (void)state;
    forget();
    expect_inflated(other, 50);
    memory = find_memory();
    n = read_all(theirs, sizeof theirs, memory);
    unlink(memory);
    free(memory);
    expect_inflated(whole, 10);
    memory = find_memory();
    write_bytes(memory, theirs, n);
    expect_inflated(whole, 10);
    free(memory);
}

static void without_a_cache_folder_nothing_is_remembered(void **state)
{
    (void)state;
    forget();
    setenv("XDG_CACHE_HOME", "/proc/none", 1); /* a place where none can be made */
    expect_inflated(whole, 10);
    expect_inflated(whole, 10);
    setenv("XDG_CACHE_HOME", cache, 1);
    assert_null(find_memory());
}

static int set_up(void **state)
{
    const int rc = check_make_folder(state);

    snprintf(cache, sizeof cache, "%s/cache", (char *)*state);
    setenv("XDG_CACHE_HOME", cache, 1);
    unsetenv("TMPDIR");
    whole = make_data(*state, "whole", 10, 0);
    changing = make_data(*state, "changing", 20, 0);
    cut = make_data(*state, "cut", 40, 1);
    other = make_data(*state, "other", 50, 0);
    sleep(SETTLING_S);
    return rc;
}

static int tear_down(void **state)
{
    free(whole);
    free(changing);
    free(cut);
    free(other);
    return check_remove_folder(state);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_second_opening_inflates_nothing),
        cmocka_unit_test(a_changed_file_is_not_the_remembered_one),
        cmocka_unit_test(a_file_that_is_just_written_is_not_remembered),
        cmocka_unit_test(a_damaged_file_is_told_and_not_remembered),
        cmocka_unit_test(a_damaged_memory_is_none),
        cmocka_unit_test(the_memory_of_another_file_is_none),
        cmocka_unit_test(without_a_cache_folder_nothing_is_remembered),
    };

    return cmocka_run_group_tests_name("records_keys", tests, set_up, tear_down);
}
