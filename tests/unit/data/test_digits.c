/* The built-in digits: the same bytes everywhere, counts, balance, names; what is wrong is named.
 */
#include "base/hash.h"
#include "base/parallel.h"
#include "data/dataset.h"

#include "check.h"

#include <stdbool.h>
#include <sys/stat.h>

enum { SIDE = 28, PIXELS = SIDE * SIDE };

static tw_dataset *open_data(const char *path, tw_part part, int64_t limit)
{
    tw_dataset *data;
    assert_ok(tw_dataset_open(&data, path, part, limit, e));
    return data;
}

static void read_pixels(uint8_t *out, const tw_dataset *data, int64_t i)
{
    tw_picture picture;
    assert_ok(tw_dataset_read(&picture, data, i, e));
    assert_int_equal(picture.height, SIDE);
    assert_int_equal(picture.width, SIDE);
    assert_int_equal(picture.channels, 1);
    memcpy(out, picture.pixels, PIXELS);
    tw_picture_free(&picture);
}

/* SHA-256 of the first n records: label, then pixels. */
static void hash_of(char hex[65], const char *path, tw_part part, int64_t n)
{
    tw_dataset *data = open_data(path, part, n);
    tw_sha256 *hash;
    assert_ok(tw_sha256_create(&hash, e));
    for (int64_t i = 0; i < n; i++) {
        uint8_t record[1 + PIXELS];
        record[0] = (uint8_t)tw_dataset_label(data, i);
        read_pixels(record + 1, data, i);
        tw_sha256_add(hash, record, sizeof record);
    }
    tw_sha256_finish(hash, hex);
    tw_sha256_free(hash);
    tw_dataset_free(data);
}

/* Pinned: a change of these bytes changes what everybody's results were made from. */
static void the_bytes_are_these(void **state)
{
    char hex[65];
    (void)state;
    hash_of(hex, "digits", TW_PART_TRAIN, 1000);
    assert_string_equal(hex, "e8c6faa1f4b621162a17d27e409e0b6d37ce675f3564a48373f796c3a108ad69");
    hash_of(hex, "digits", TW_PART_TEST, 500);
    assert_string_equal(hex, "33f65ab6344b93382ed25c8636f8ca479db31ec30f5aec7484d89b1e715d8483");
}

static void counts_follow_the_name(void **state)
{
    static const struct {
        const char *path;
        int64_t n[3]; /* train, test, all */
    } cases[] = {{"digits", {2000, 500, 2500}},
                 {"digits:10", {10, 500, 510}},
                 {"digits:2004", {2004, 501, 2505}},
                 {"digits:60000", {60000, 15000, 75000}}};
    static const tw_part parts[] = {TW_PART_TRAIN, TW_PART_TEST, TW_PART_ALL};
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        for (int p = 0; p < 3; p++) {
            tw_dataset *data = open_data(cases[k].path, parts[p], 0);
            assert_int_equal(tw_dataset_count(data), cases[k].n[p]);
            assert_int_equal(tw_dataset_class_count(data), 10);
            assert_int_equal(tw_dataset_colour(data), TW_COLOUR_GREY);
            tw_dataset_free(data);
        }
}

static void it_describes_itself(void **state)
{
    static const struct {
        const char *path;
        tw_part part;
        int64_t limit;
        const char *about;
    } cases[] = {
        {"digits", TW_PART_TRAIN, 0, "built-in digits, 2,000 pictures 28x28 grey, 10 classes"},
        {"digits", TW_PART_TEST, 0, "built-in digits, 500 pictures 28x28 grey, 10 classes"},
        {"digits:60000", TW_PART_TRAIN, 100,
         "built-in digits, first 100 of 60,000 pictures 28x28 grey, 10 classes"},
        {"digits", TW_PART_TRAIN, 9,
         "built-in digits, first 9 of 2,000 pictures 28x28 grey, 10 classes; no picture of "},
    };
    (void)state;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        tw_dataset *data = open_data(cases[k].path, cases[k].part, cases[k].limit);
        const char *about = tw_dataset_describe(data);
        if (cases[k].limit == 9) /* which one is missing depends on the pictures */
            assert_int_equal(strlen(about), strlen(cases[k].about) + 1);
        assert_memory_equal(about, cases[k].about, strlen(cases[k].about));
        tw_dataset_free(data);
    }
}

static void each_ten_have_every_digit(void **state)
{
    static const tw_part parts[] = {TW_PART_TRAIN, TW_PART_TEST};
    (void)state;
    for (int p = 0; p < 2; p++) {
        tw_dataset *data = open_data("digits:8000", parts[p], 0);
        int n_in_order = 0;
        for (int64_t i = 0; i + 10 <= tw_dataset_count(data); i += 10) {
            bool seen[10] = {false}, in_order = true;
            for (int k = 0; k < 10; k++) {
                int label = tw_dataset_label(data, i + k);
                assert_in_range(label, 0, 9);
                assert_false(seen[label]);
                seen[label] = true;
                in_order = in_order && label == k;
            }
            n_in_order += in_order;
        }
        assert_true(n_in_order < 3);
        tw_dataset_free(data);
    }
}

static void names_are_those_of_records(void **state)
{
    tw_dataset *data = open_data("digits:10", TW_PART_ALL, 0);
    char buf[32];
    (void)state;
    assert_string_equal(tw_dataset_name(data, 9, buf, sizeof buf), "train:9");
    assert_string_equal(tw_dataset_name(data, 10, buf, sizeof buf), "test:0");
    assert_string_equal(tw_dataset_name(data, 509, buf, sizeof buf), "test:499");
    for (int k = 0; k < 10; k++) {
        char digit[2] = {(char)('0' + k), 0};
        assert_string_equal(tw_dataset_class_name(data, k), digit);
    }
    tw_dataset_free(data);
}

static void assert_same(const tw_dataset *a, int64_t i, const tw_dataset *b, int64_t k)
{
    uint8_t of_a[PIXELS], of_b[PIXELS];
    tw_hash128 key_a, key_b;
    assert_int_equal(tw_dataset_label(a, i), tw_dataset_label(b, k));
    read_pixels(of_a, a, i);
    read_pixels(of_b, b, k);
    assert_memory_equal(of_a, of_b, PIXELS);
    assert_ok(tw_dataset_key(&key_a, a, i, e));
    assert_ok(tw_dataset_key(&key_b, b, k, e));
    assert_memory_equal(&key_a, &key_b, sizeof key_a);
}

static void a_picture_is_the_same_whatever_n_is(void **state)
{
    tw_dataset *few = open_data("digits:30", TW_PART_TRAIN, 0);
    tw_dataset *many = open_data("digits:10000000", TW_PART_TRAIN, 50);
    tw_dataset *all = open_data("digits:30", TW_PART_ALL, 0);
    tw_dataset *test = open_data("digits", TW_PART_TEST, 0);
    (void)state;
    for (int64_t i = 0; i < 30; i++) {
        assert_same(few, i, many, i);
        assert_same(few, i, all, i);
        assert_same(test, i, all, 30 + i);
    }
    tw_dataset_free(few);
    tw_dataset_free(many);
    tw_dataset_free(all);
    tw_dataset_free(test);
}

/* The key is that of the same picture as an IDX record. */
static void the_key_is_the_hash_of_the_record(void **state)
{
    tw_dataset *data = open_data("digits", TW_PART_TRAIN, 0);
    uint8_t record[12 + PIXELS] = {28, 0, 0, 0, 28, 0, 0, 0, 1};
    tw_hash128 key, wanted;
    (void)state;
    read_pixels(record + 12, data, 7);
    wanted = tw_hash128_of(record, sizeof record, 0);
    assert_ok(tw_dataset_key(&key, data, 7, e));
    assert_memory_equal(&key, &wanted, sizeof key);
    tw_dataset_free(data);
}

static int compare_keys(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(tw_hash128));
}

static void no_two_pictures_are_the_same(void **state)
{
    enum { N = 4000 };
    tw_dataset *data = open_data("digits:3200", TW_PART_ALL, 0);
    static tw_hash128 keys[N];
    (void)state;
    assert_int_equal(tw_dataset_count(data), N);
    for (int64_t i = 0; i < N; i++)
        assert_ok(tw_dataset_key(&keys[i], data, i, e));
    qsort(keys, N, sizeof keys[0], compare_keys);
    for (int i = 1; i < N; i++)
        assert_memory_not_equal(&keys[i - 1], &keys[i], sizeof keys[0]);
    tw_dataset_free(data);
}

/* As MNIST: ink in a box of 20x20 and a rim of blur, its centre of mass in the middle. */
static void ink_lies_in_the_middle(void **state)
{
    tw_dataset *data = open_data("digits:3000", TW_PART_TRAIN, 0);
    int n_off = 0;
    (void)state;
    for (int64_t i = 0; i < 3000; i++) {
        uint8_t pixels[PIXELS];
        double sum = 0, x = 0, y = 0;
        int brightest = 0, n_bright = 0;
        read_pixels(pixels, data, i);
        for (int k = 0; k < PIXELS; k++) {
            sum += pixels[k];
            x += pixels[k] * (k % SIDE + 0.5);
            y += pixels[k] * (k / SIDE + 0.5);
            brightest = pixels[k] > brightest ? pixels[k] : brightest;
            n_bright += pixels[k] > 128;
        }
        x = x / sum - 14;
        y = y / sum - 14;
        assert_in_range(n_bright, 15, 300);
        assert_in_range(brightest, 160, 255);
        n_off += x > 0.51 || x < -0.51 || y > 0.51 || y < -0.51;
        assert_true(x > -3 && x < 3 && y > -3 && y < 3);
    }
    assert_in_range(n_off, 0, 60); /* the box must stay inside the picture */
    tw_dataset_free(data);
}

/* ---- threads */

typedef struct shared_read {
    const tw_dataset *data;
    uint8_t (*pixels)[PIXELS];
    int n_failed[8];
} shared_read;

static void read_one(void *ctx, int64_t item, int worker)
{
    shared_read *job = ctx;
    tw_picture picture;
    if (tw_dataset_read(&picture, job->data, item, NULL)) {
        job->n_failed[worker]++;
        return;
    }
    memcpy(job->pixels[item], picture.pixels, PIXELS);
    tw_picture_free(&picture);
}

static void threads_read_the_same(void **state)
{
    enum { N = 400 };
    tw_dataset *data = open_data("digits", TW_PART_TRAIN, N);
    static uint8_t pixels[N][PIXELS];
    shared_read job = {data, pixels, {0}};
    (void)state;
    tw_parallel(8, N, read_one, &job);
    for (int worker = 0; worker < 8; worker++)
        assert_int_equal(job.n_failed[worker], 0);
    for (int64_t i = 0; i < N; i++) {
        uint8_t wanted[PIXELS];
        read_pixels(wanted, data, i);
        assert_memory_equal(pixels[i], wanted, PIXELS);
    }
    tw_dataset_free(data);
}

/* ---- names that are wrong, names that are files */

static void wrong_names_are_refused(void **state)
{
    tw_dataset *data;
    int has;
    (void)state;
    assert_fails(TW_EUSAGE, "digits:9: 9 pictures asked for, 10 to 10,000,000 can be made",
                 tw_dataset_open(&data, "digits:9", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EUSAGE,
                 "digits:10000001: 10000001 pictures asked for, 10 to 10,000,000 can be made",
                 tw_dataset_has_part(&has, "digits:10000001", TW_PART_TEST, e));
    assert_fails(TW_EUSAGE, "digits:-20: -20 pictures asked for, 10 to 10,000,000 can be made",
                 tw_dataset_open(&data, "digits:-20", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EUSAGE, "digits:: expected digits or digits:N with a number of pictures",
                 tw_dataset_open(&data, "digits:", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EUSAGE, "digits:1e4: expected digits or digits:N with a number of pictures",
                 tw_dataset_open(&data, "digits:1e4", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EUSAGE, "digits: no part val, it has train, test",
                 tw_dataset_open(&data, "digits", TW_PART_VAL, 0, e));
    assert_fails(TW_EFILE, "digit: no such file or folder, did you mean \"digits\"",
                 tw_dataset_open(&data, "digit", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EFILE, "./digits: no such file or folder",
                 tw_dataset_open(&data, "./digits", TW_PART_TRAIN, 0, e));
    assert_null(data);
}

static void parts_are_told(void **state)
{
    static const int wanted[] = {1, 0, 1, 1};
    (void)state;
    for (int part = 0; part < TW_N_PART; part++) {
        int has;
        assert_ok(tw_dataset_has_part(&has, "digits:50", (tw_part)part, e));
        assert_int_equal(has, wanted[part]);
    }
}

static void a_folder_of_that_name_comes_first(void **state)
{
    tw_dataset *data;
    char *here = realpath(".", NULL);
    assert_int_equal(chdir(*state), 0);
    assert_int_equal(mkdir("digits", 0777), 0);
    assert_fails(TW_EFILE,
                 "digits: no class folders and no IDX files (train-images-idx3-ubyte, ...); "
                 "pictures lie in digits/CLASS/, or in digits/train/CLASS/ and digits/val/CLASS/",
                 tw_dataset_open(&data, "digits", TW_PART_TRAIN, 0, e));
    data = open_data("digits:20", TW_PART_TRAIN, 0);
    tw_dataset_free(data);
    assert_int_equal(rmdir("digits"), 0);
    assert_int_equal(chdir(here), 0);
    free(here);
}

/* ---- arguments of predict */

static void check_pictures(const char *argument, const char *path, int64_t first, int64_t n,
                           const char *first_name)
{
    tw_dataset *pictures, *data = open_data(path, TW_PART_TEST, 0);
    assert_ok(tw_pictures_open(&pictures, argument, TW_PART_TEST, e));
    assert_int_equal(tw_dataset_count(pictures), n);
    assert_string_equal(tw_dataset_name(pictures, 0, NULL, 0), first_name);
    for (int64_t i = 0; i < n; i++) {
        uint8_t got[PIXELS], wanted[PIXELS];
        read_pixels(got, pictures, i);
        read_pixels(wanted, data, first + i);
        assert_memory_equal(got, wanted, PIXELS);
        assert_int_equal(tw_dataset_label(pictures, i), -1);
    }
    tw_dataset_free(pictures);
    tw_dataset_free(data);
}

static void records_can_be_named(void **state)
{
    tw_dataset *pictures;
    (void)state;
    check_pictures("digits:5", "digits", 5, 1, "digits:5");
    check_pictures("digits:0-9", "digits", 0, 10, "digits:0");
    check_pictures("digits:8000:1999", "digits:8000", 1999, 1, "digits:8000:1999");
    assert_fails(TW_EUSAGE, "digits: say which pictures of it, as in digits:0 or digits:0-9",
                 tw_pictures_open(&pictures, "digits", TW_PART_TEST, e));
    assert_fails(TW_EUSAGE, "digits:500: there are records 0 to 499",
                 tw_pictures_open(&pictures, "digits:500", TW_PART_TEST, e));
    assert_fails(TW_EUSAGE, "digits:x: expected records as in digits:0 or digits:0-9",
                 tw_pictures_open(&pictures, "digits:x", TW_PART_TEST, e));
    assert_fails(TW_EUSAGE, "digits:3: 3 pictures asked for, 10 to 10,000,000 can be made",
                 tw_pictures_open(&pictures, "digits:3:0", TW_PART_TEST, e));
    assert_fails(TW_EFILE, "./digits: no such file or folder",
                 tw_pictures_open(&pictures, "./digits:0", TW_PART_TEST, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bytes_are_these),
        cmocka_unit_test(counts_follow_the_name),
        cmocka_unit_test(it_describes_itself),
        cmocka_unit_test(each_ten_have_every_digit),
        cmocka_unit_test(names_are_those_of_records),
        cmocka_unit_test(a_picture_is_the_same_whatever_n_is),
        cmocka_unit_test(the_key_is_the_hash_of_the_record),
        cmocka_unit_test(no_two_pictures_are_the_same),
        cmocka_unit_test(ink_lies_in_the_middle),
        cmocka_unit_test(threads_read_the_same),
        cmocka_unit_test(wrong_names_are_refused),
        cmocka_unit_test(parts_are_told),
        cmocka_unit_test(a_folder_of_that_name_comes_first),
        cmocka_unit_test(records_can_be_named),
    };
    return cmocka_run_group_tests_name("data_digits", tests, check_make_folder,
                                       check_remove_folder);
}
