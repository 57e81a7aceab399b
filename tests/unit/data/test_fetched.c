/* Data by the name under which it was fetched. */
#include "data/dataset.h"

#include "fetched.h"
#include "make_files.h"

enum { SIDE = 2, N = 10 };

/* The four files of a name: N pictures of SIDE x SIDE, picture i is of class i. */
static void put_data(void **state, const char *name)
{
    const uint32_t dims[] = {N, SIDE, SIDE};
    uint8_t pixels[N * SIDE * SIDE], labels[N];
    char *path = path_in(*state, "file");

    fetched_root(*state);
    for (int i = 0; i < N * SIDE * SIDE; i++)
        pixels[i] = (uint8_t)i;
    for (int i = 0; i < N; i++)
        labels[i] = (uint8_t)i;
    for (int i = 0; i < 4; i++) {
        blob plain = {0}, packed = {0};

        blob_idx(&plain, 8, i % 2 ? 1 : 3, dims, i % 2 ? labels : pixels,
                 i % 2 ? sizeof labels : sizeof pixels);
        blob_gzip(&packed, &plain);
        write_bytes(path, packed.bytes, packed.n);
        fetched_put(name, i, path);
        blob_free(&plain);
        blob_free(&packed);
    }
    free(path);
}

static void a_name_opens_what_was_fetched(void **state)
{
    tw_dataset *data;
    int has;

    put_data(state, "mnist");
    assert_ok(tw_dataset_open(&data, "mnist", TW_PART_TEST, 0, e));
    assert_string_equal(tw_dataset_describe(data),
                        "MNIST family (IDX, gzip), 10 pictures 2x2 grey, 10 classes");
    assert_string_equal(tw_dataset_class_name(data, 9), "9");
    tw_dataset_free(data);
    assert_ok(tw_dataset_has_part(&has, "mnist", TW_PART_TRAIN, e));
    assert_true(has);
    assert_ok(tw_dataset_has_part(&has, "mnist", TW_PART_VAL, e));
    assert_false(has);
}

static void classes_have_their_real_names(void **state)
{
    tw_dataset *data;

    put_data(state, "fashion-mnist");
    assert_ok(tw_dataset_open(&data, "fashion-mnist", TW_PART_TRAIN, 0, e));
    assert_string_equal(tw_dataset_class_name(data, 0), "T-shirt/top");
    assert_string_equal(tw_dataset_class_name(data, 9), "Ankle boot");
    tw_dataset_free(data);
}

static void records_go_by_the_name(void **state)
{
    tw_dataset *data;
    char buf[32];

    put_data(state, "mnist");
    assert_ok(tw_pictures_open(&data, "mnist:8-9", TW_PART_TEST, e));
    assert_int_equal(tw_dataset_count(data), 2);
    assert_string_equal(tw_dataset_name(data, 1, buf, sizeof buf), "mnist:9");
    tw_dataset_free(data);
    assert_fails(TW_EUSAGE, "mnist: say which pictures of it, as in mnist:0 or mnist:0-9",
                 tw_pictures_open(&data, "mnist", TW_PART_TEST, e));
    assert_fails(TW_EUSAGE, "mnist:10: there are records 0 to 9",
                 tw_pictures_open(&data, "mnist:10", TW_PART_TEST, e));
}

static void what_was_not_fetched_says_how(void **state)
{
    static const char sentence[] =
        "kmnist: no such file or folder; \"topwork fetch kmnist\" gets it";
    tw_dataset *data;
    int has;

    fetched_root(*state);
    assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, "kmnist", TW_PART_TRAIN, 0, e));
    assert_null(data);
    assert_fails(TW_EFILE, sentence, tw_dataset_has_part(&has, "kmnist", TW_PART_TRAIN, e));
    assert_fails(TW_EFILE, sentence, tw_pictures_open(&data, "kmnist:0", TW_PART_TEST, e));
    assert_fails(TW_EFILE, "vgg16: no such file or folder",
                 tw_dataset_open(&data, "vgg16", TW_PART_TRAIN, 0, e));
    assert_fails(TW_EFILE, "minst: no such file or folder, did you mean \"mnist\"",
                 tw_pictures_open(&data, "minst:0", TW_PART_TEST, e));
}

/* A word with a slash is meant as a path. */
static void a_word_that_is_nearly_a_name_is_told_it(void **state)
{
    static const char *const rows[][2] = {
        {"mnsit", "mnsit: no such file or folder, did you mean \"mnist\""},
        {"fashion_mnist", "fashion_mnist: no such file or folder, did you mean \"fashion-mnist\""},
        {"digit", "digit: no such file or folder, did you mean \"digits\""},
        {"Digits", "Digits: no such file or folder, did you mean \"digits\""},
        {"./mnsit", "./mnsit: no such file or folder"},
        {"nowhere", "nowhere: no such file or folder"}};
    tw_dataset *data;
    int has;

    fetched_root(*state);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_fails(TW_EFILE, rows[i][1], tw_dataset_open(&data, rows[i][0], TW_PART_TRAIN, 0, e));
        assert_fails(TW_EFILE, rows[i][1], tw_dataset_has_part(&has, rows[i][0], TW_PART_TRAIN, e));
    }
}

static void a_folder_of_that_name_comes_first(void **state)
{
    char here[4096];
    tw_dataset *data;

    put_data(state, "mnist");
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(*state), 0);
    assert_ok(tw_folder_create("mnist", e));
    assert_fails(TW_EFILE,
                 "mnist: no class folders and no IDX files (train-images-idx3-ubyte, ...); "
                 "pictures lie in mnist/CLASS/, or in mnist/train/CLASS/ and mnist/val/CLASS/",
                 tw_dataset_open(&data, "mnist", TW_PART_TRAIN, 0, e));
    assert_int_equal(chdir(here), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_opens_what_was_fetched),
        cmocka_unit_test(classes_have_their_real_names),
        cmocka_unit_test(records_go_by_the_name),
        cmocka_unit_test(what_was_not_fetched_says_how),
        cmocka_unit_test(a_word_that_is_nearly_a_name_is_told_it),
        cmocka_unit_test(a_folder_of_that_name_comes_first),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
