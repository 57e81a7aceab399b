/* Datasets of every kind: parts, limits, names, keys; what is wrong is named. */
#include "data/dataset.h"

#include "check.h"
#include "make_files.h"

#include <stdbool.h>
#include <sys/stat.h>

static const uint32_t dims3[] = {5, 4, 3}, dims1[] = {5}, short1[] = {4};
static const uint8_t labels5[] = {0, 2, 1, 2, 0};

static char *make_dir(const char *parent, const char *name)
{
    char *path = path_in(parent, name);
    assert_int_equal(mkdir(path, 0777), 0);
    return path;
}

static void write_idx(const char *folder, const char *name, int rank, const uint32_t *dims,
                      const void *data, size_t n, bool gzip)
{
    blob plain = {0}, packed = {0};
    char *path = path_in(folder, name);
    blob_idx(&plain, 8, rank, dims, data, n);
    if (gzip)
        blob_gzip(&packed, &plain);
    write_bytes(path, gzip ? packed.bytes : plain.bytes, gzip ? packed.n : plain.n);
    free(path);
    blob_free(&plain);
    blob_free(&packed);
}

/* train: 5 pictures, gzip; test: the same, plain. */
static char *idx_folder(void **state, const char *name)
{
    char *folder = make_dir(*state, name);
    uint8_t pixels[60];
    for (int i = 0; i < 60; i++)
        pixels[i] = (uint8_t)(i * 4);
    write_idx(folder, "train-images-idx3-ubyte.gz", 3, dims3, pixels, 60, true);
    write_idx(folder, "train-labels-idx1-ubyte.gz", 1, dims1, labels5, 5, true);
    write_idx(folder, "t10k-images-idx3-ubyte", 3, dims3, pixels, 60, false);
    write_idx(folder, "t10k-labels-idx1-ubyte", 1, dims1, labels5, 5, false);
    return folder;
}

static void check_records(tw_dataset *data, const char *part)
{
    char buf[32], wanted[32];
    for (int i = 0; i < 5; i++) {
        tw_picture picture;
        assert_int_equal(tw_dataset_label(data, i), labels5[i]);
        snprintf(wanted, sizeof wanted, "%s:%d", part, i);
        assert_string_equal(tw_dataset_name(data, i, buf, sizeof buf), wanted);
        assert_ok(tw_dataset_read(&picture, data, i, e));
        assert_int_equal(picture.height, 4);
        assert_int_equal(picture.width, 3);
        assert_int_equal(picture.channels, 1);
        for (int k = 0; k < 12; k++)
            assert_int_equal(picture.pixels[k], (uint8_t)((i * 12 + k) * 4));
        tw_picture_free(&picture);
    }
}

static void idx_parts_are_read(void **state)
{
    char *folder = idx_folder(state, "idx");
    tw_dataset *train, *test, *first;
    tw_hash128 a, b, c;
    int has;
    assert_ok(tw_dataset_open(&train, folder, TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_open(&test, folder, TW_PART_TEST, 0, e));
    assert_ok(tw_dataset_open(&first, folder, TW_PART_ALL, 7, e));
    assert_int_equal(tw_dataset_count(train), 5);
    assert_int_equal(tw_dataset_count(first), 7);
    assert_int_equal(tw_dataset_class_count(train), 3);
    assert_string_equal(tw_dataset_class_name(train, 2), "2");
    assert_int_equal(tw_dataset_colour(train), TW_COLOUR_GREY);
    check_records(train, "train");
    check_records(test, "test");
    assert_ok(tw_dataset_key(&a, train, 1, e));
    assert_ok(tw_dataset_key(&b, test, 1, e));
    assert_ok(tw_dataset_key(&c, test, 2, e));
    assert_true(a.low == b.low && a.high == b.high && a.low != c.low);
    assert_ok(tw_dataset_has_part(&has, folder, TW_PART_TEST, e));
    assert_int_equal(has, 1);
    assert_ok(tw_dataset_has_part(&has, folder, TW_PART_VAL, e));
    assert_int_equal(has, 0);
    tw_dataset_free(train);
    tw_dataset_free(test);
    tw_dataset_free(first);
    free(folder);
}

static void a_subset_passes_on(void **state)
{
    char *folder = idx_folder(state, "subset");
    static const int64_t samples[] = {3, 1};
    tw_dataset *data, *some;
    tw_picture picture;
    char buf[32];
    assert_ok(tw_dataset_open(&data, folder, TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_take_subset(&some, data, samples, 2, e));
    assert_int_equal(tw_dataset_count(some), 2);
    assert_int_equal(tw_dataset_class_count(some), 3);
    assert_int_equal(tw_dataset_label(some, 0), 2);
    assert_string_equal(tw_dataset_name(some, 1, buf, sizeof buf), "train:1");
    assert_ok(tw_dataset_read(&picture, some, 0, e));
    assert_int_equal(picture.pixels[0], 3 * 12 * 4);
    tw_picture_free(&picture);
    tw_dataset_free(some);
    free(folder);
}

static void open_fails(const char *folder, tw_status status, const char *format)
{
    char sentence[1024];
    tw_dataset *data;
    snprintf(sentence, sizeof sentence, format, folder, folder);
    assert_fails(status, sentence, tw_dataset_open(&data, folder, TW_PART_TRAIN, 0, e));
    assert_null(data);
}

static void broken_idx_is_named(void **state)
{
    char *folder = idx_folder(state, "broken");
    char *labels = path_in(folder, "train-labels-idx1-ubyte.gz");
    write_idx(folder, "train-labels-idx1-ubyte.gz", 1, short1, labels5, 4, true);
    open_fails(
        folder, TW_EFILE,
        "%s/train-images-idx3-ubyte.gz has 5 pictures, %s/train-labels-idx1-ubyte.gz has 4 labels");
    write_idx(folder, "train-labels-idx1-ubyte.gz", 3, dims3, (uint8_t[60]){0}, 60, true);
    open_fails(folder, TW_EFILE,
               "%s/train-labels-idx1-ubyte.gz: magic 2051, expected 2049 (labels)");
    unlink(labels);
    open_fails(folder, TW_EFILE,
               "%s: train-images-idx3-ubyte is there, train-labels-idx1-ubyte is missing");
    free(labels);
    free(folder);
}

static void a_missing_part_is_named(void **state)
{
    char *folder = idx_folder(state, "parts");
    char sentence[512];
    tw_dataset *data;
    snprintf(sentence, sizeof sentence, "%s: no part val, it has train, test", folder);
    assert_fails(TW_EUSAGE, sentence, tw_dataset_open(&data, folder, TW_PART_VAL, 0, e));
    assert_fails(TW_EFILE, "/nowhere: no such file or folder",
                 tw_dataset_open(&data, "/nowhere", TW_PART_TRAIN, 0, e));
    free(folder);
}

static void npz_is_read(void **state)
{
    char *path = path_in(*state, "m.npz");
    uint8_t pixels[60];
    zip_maker z = {0};
    tw_dataset *data;
    for (int i = 0; i < 60; i++)
        pixels[i] = (uint8_t)(i * 4);
    zip_add_npy(&z, "x_test.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 4, 3), }",
                pixels, 60);
    zip_add_npy(&z, "y_test.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }",
                labels5, 5);
    zip_add_npy(&z, "x_train.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (5, 4, 3), }",
                pixels, 60);
    zip_add_npy(&z, "y_train.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (5,), }",
                labels5, 5);
    zip_end(&z);
    write_bytes(path, z.file.bytes, z.file.n);
    assert_ok(tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    check_records(data, "train");
    tw_dataset_free(data);
    assert_ok(tw_dataset_open(&data, path, TW_PART_TEST, 0, e));
    check_records(data, "test");
    tw_dataset_free(data);
    blob_free(&z.file);
    free(path);
}

/* A record and a file that are too narrow are named, also in a subset; read for no crop they are
 * pictures like any other. */
static void what_cannot_be_cropped_is_named(void **state)
{
    static const uint32_t dims[] = {2, 1, 3000}, n_labels[] = {2};
    static const uint8_t pixels[6000], labels[] = {0, 1};
    static const int64_t last[] = {1};
    tw_contract contract = {.height = 224, .width = 224, .resize = TW_RESIZE_CROP, .crop_pct = 1.0};
    char *folder = make_dir(*state, "narrow"), sentence[512];
    tw_dataset *data;
    tw_picture picture;
    write_idx(folder, "train-images-idx3-ubyte", 3, dims, pixels, sizeof pixels, false);
    write_idx(folder, "train-labels-idx1-ubyte", 1, n_labels, labels, sizeof labels, false);
    assert_ok(tw_dataset_open(&data, folder, TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_take_subset(&data, data, last, 1, e));
    snprintf(sentence, sizeof sentence,
             "%s/train-images-idx3-ubyte:1: 1x3000 pixels are too narrow to be cropped", folder);
    assert_fails(TW_EFILE, sentence, tw_dataset_read_for(&picture, data, 0, &contract, e));
    assert_null(picture.pixels);
    contract.resize = TW_RESIZE_SQUASH;
    assert_ok(tw_dataset_read_for(&picture, data, 0, &contract, e));
    tw_picture_free(&picture);
    tw_dataset_free(data);
    free(folder);
}

/* ---- folders of pictures */

static void put_picture(const char *folder, const char *name)
{
    char command[1024];
    snprintf(command, sizeof command, "cp %s/image/rgb.png '%s/%s'", TW_TEST_DATA, folder, name);
    assert_int_equal(system(command), 0);
}

static void class_folders_are_read_in_byte_order(void **state)
{
    char *top = make_dir(*state, "classes"), *b = make_dir(top, "b"), *upper = make_dir(top, "C");
    char *hidden = make_dir(top, ".hidden");
    tw_dataset *data;
    tw_picture picture;
    char buf[32];
    put_picture(b, "2.PNG");
    put_picture(b, "1.png");
    put_picture(upper, "x.png");
    put_picture(hidden, "y.png");
    assert_ok(tw_dataset_open(&data, top, TW_PART_TRAIN, 0, e));
    assert_int_equal(tw_dataset_count(data), 3);
    assert_int_equal(tw_dataset_class_count(data), 2);
    assert_string_equal(tw_dataset_class_name(data, 0), "C");
    assert_string_equal(tw_dataset_name(data, 0, buf, sizeof buf), "C/x.png");
    assert_string_equal(tw_dataset_name(data, 1, buf, sizeof buf), "b/1.png");
    assert_int_equal(tw_dataset_label(data, 1), 1);
    assert_int_equal(tw_dataset_colour(data), TW_COLOUR_RGB);
    assert_ok(tw_dataset_read(&picture, data, 2, e));
    assert_int_equal(picture.channels, 3);
    tw_picture_free(&picture);
    tw_dataset_free(data);
    free(top);
    free(b);
    free(upper);
    free(hidden);
}

static void an_empty_class_is_named(void **state)
{
    char *top = make_dir(*state, "empty"), *a = make_dir(top, "a"), *b = make_dir(top, "b");
    put_picture(a, "1.png");
    open_fails(top, TW_EFILE, "%s/b: no .jpg, .png, .webp, .bmp or .ppm file in this folder");
    free(top);
    free(a);
    free(b);
}

static void real_photographs_are_read(void **state)
{
    const char *path = TW_SHARED "/data/ants-bees";
    tw_dataset *data;
    tw_picture picture;
    int has;
    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    assert_ok(tw_dataset_has_part(&has, path, TW_PART_VAL, e));
    assert_int_equal(has, 1);
    assert_ok(tw_dataset_open(&data, path, TW_PART_ALL, 0, e));
    assert_int_equal(tw_dataset_count(data), 60);
    assert_string_equal(tw_dataset_class_name(data, 0), "ants");
    assert_string_equal(tw_dataset_class_name(data, 1), "bees");
    for (int i = 0; i < 60; i++) {
        assert_ok(tw_dataset_read(&picture, data, i, e));
        assert_int_equal(picture.channels, 3);
        assert_int_equal(picture.height < picture.width ? picture.height : picture.width, 256);
        tw_picture_free(&picture);
    }
    tw_dataset_free(data);
}

static void real_mnist_has_its_md5(void **state)
{
    static const char *const md5[2] = {"6bbc9ace898e44ae57da46a324031adb",
                                       "2646ac647ad5339dbf082846283269ea"};
    const char *path = TW_SHARED "/data/mnist";
    (void)state;
    if (access(path, R_OK) != 0) {
        print_message("skipped: no %s\n", path);
        skip();
    }
    for (int p = 0; p < 2; p++) {
        int n = p ? 10000 : 60000;
        uint8_t *raw = malloc(16 + (size_t)n * 784);
        const uint8_t head[16] = {0, 0,  8, 3, 0, 0, (uint8_t)(n >> 8), (uint8_t)n, 0, 0,
                                  0, 28, 0, 0, 0, 28};
        char hex[33];
        tw_dataset *data;
        memcpy(raw, head, 16);
        assert_ok(tw_dataset_open(&data, path, p ? TW_PART_TEST : TW_PART_TRAIN, 0, e));
        assert_int_equal(tw_dataset_count(data), n);
        assert_int_equal(tw_dataset_class_count(data), 10);
        for (int i = 0; i < n; i++) {
            tw_picture picture;
            assert_ok(tw_dataset_read(&picture, data, i, e));
            memcpy(raw + 16 + (size_t)i * 784, picture.pixels, 784);
            tw_picture_free(&picture);
        }
        assert_ok(tw_md5_hex(hex, raw, 16 + (size_t)n * 784, e));
        assert_string_equal(hex, md5[p]);
        tw_dataset_free(data);
        free(raw);
    }
}

/* ---- what an argument of predict names */

static void arguments_name_pictures(void **state)
{
    char *folder = idx_folder(state, "arguments");
    char argument[512], sentence[600];
    tw_dataset *data;
    tw_picture picture;
    snprintf(argument, sizeof argument, "%s/t10k-images-idx3-ubyte:1-3", folder);
    assert_ok(tw_pictures_open(&data, argument, TW_PART_TEST, e));
    assert_int_equal(tw_dataset_count(data), 3);
    assert_int_equal(tw_dataset_label(data, 0), -1);
    assert_ok(tw_dataset_read(&picture, data, 2, e));
    assert_int_equal(picture.pixels[0], 3 * 12 * 4);
    tw_picture_free(&picture);
    tw_dataset_free(data);
    snprintf(argument, sizeof argument, "%s:4", folder);
    assert_ok(tw_pictures_open(&data, argument, TW_PART_TRAIN, e));
    assert_int_equal(tw_dataset_count(data), 1);
    tw_dataset_free(data);
    snprintf(argument, sizeof argument, "%s:5", folder);
    snprintf(sentence, sizeof sentence, "%s:5: there are records 0 to 4", folder);
    assert_fails(TW_EUSAGE, sentence, tw_pictures_open(&data, argument, TW_PART_TRAIN, e));
    snprintf(argument, sizeof argument, "%s:3-1", folder);
    snprintf(sentence, sizeof sentence, "%s:3-1: the range runs backwards", folder);
    assert_fails(TW_EUSAGE, sentence, tw_pictures_open(&data, argument, TW_PART_TRAIN, e));
    assert_ok(tw_pictures_open(&data, TW_TEST_DATA "/image/rgb.jpg", TW_PART_TEST, e));
    assert_int_equal(tw_dataset_count(data), 1);
    tw_dataset_free(data);
    assert_fails(TW_EFILE, "/nowhere.png: no such file or folder",
                 tw_pictures_open(&data, "/nowhere.png", TW_PART_TEST, e));
    free(folder);
}

static void parts_have_names(void **state)
{
    tw_part part;
    (void)state;
    for (int i = 0; i < TW_N_PART; i++) {
        assert_ok(tw_part_parse(&part, tw_part_name((tw_part)i), e));
        assert_int_equal(part, i);
    }
    assert_fails(TW_EUSAGE, "unknown part 'tset', did you mean 'test'?",
                 tw_part_parse(&part, "tset", e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_parts_are_read),
        cmocka_unit_test(a_subset_passes_on),
        cmocka_unit_test(broken_idx_is_named),
        cmocka_unit_test(a_missing_part_is_named),
        cmocka_unit_test(npz_is_read),
        cmocka_unit_test(what_cannot_be_cropped_is_named),
        cmocka_unit_test(class_folders_are_read_in_byte_order),
        cmocka_unit_test(an_empty_class_is_named),
        cmocka_unit_test(real_photographs_are_read),
        cmocka_unit_test(real_mnist_has_its_md5),
        cmocka_unit_test(arguments_name_pictures),
        cmocka_unit_test(parts_have_names),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
