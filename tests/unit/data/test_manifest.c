/* Manifests: parts, classes, quoting, paths; what is wrong is named with its line. */
#include "data/dataset.h"

#include "check.h"
#include "make_files.h"

#include <sys/stat.h>

static char *write_manifest(void **state, const char *name, const char *text)
{
    char *path = path_in(*state, name);
    write_bytes(path, text, strlen(text));
    return path;
}

static void put_picture(void **state, const char *name)
{
    char command[1024];
    snprintf(command, sizeof command, "cp %s/image/rgb.png '%s/%s'", TW_TEST_DATA, (char *)*state,
             name);
    assert_int_equal(system(command), 0);
}

static void parts_and_classes_are_read(void **state)
{
    char *path = write_manifest(state, "m.csv",
                                "\xef\xbb\xbf"
                                "Path,Label,note,split\r\n"
                                "b.png,bees,x,train\r\n"
                                "\"a,1.png\",ants,\"two\nlines\",val\n"
                                "\n"
                                "\"c \"\"2\"\".png\",bees,,train");
    tw_dataset *data;
    tw_picture picture;
    int has;
    put_picture(state, "b.png");
    put_picture(state, "a,1.png");
    assert_ok(tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    assert_int_equal(tw_dataset_count(data), 2);
    assert_int_equal(tw_dataset_class_count(data), 2);
    assert_string_equal(tw_dataset_class_name(data, 0), "ants");
    assert_string_equal(tw_dataset_name(data, 1, NULL, 0), "c \"2\".png");
    assert_int_equal(tw_dataset_label(data, 0), 1);
    assert_string_equal(tw_dataset_describe(data),
                        "manifest, 2 pictures, 2 classes (ants, bees); no picture of ants");
    assert_ok(tw_dataset_read(&picture, data, 0, e));
    tw_picture_free(&picture);
    tw_dataset_free(data);
    assert_ok(tw_dataset_open(&data, path, TW_PART_ALL, 0, e));
    assert_int_equal(tw_dataset_count(data), 3);
    assert_string_equal(tw_dataset_name(data, 2, NULL, 0), "a,1.png");
    assert_ok(tw_dataset_read(&picture, data, 2, e));
    tw_picture_free(&picture);
    tw_dataset_free(data);
    assert_ok(tw_dataset_has_part(&has, path, TW_PART_VAL, e));
    assert_int_equal(has, 1);
    assert_ok(tw_dataset_has_part(&has, path, TW_PART_TEST, e));
    assert_int_equal(has, 0);
    free(path);
}

static void tabs_and_absolute_paths_are_read(void **state)
{
    char text[1024];
    char *path;
    tw_dataset *data;
    tw_picture picture;
    snprintf(text, sizeof text, "label\tpath\nx, y\t%s/image/rgb.png\nz\tb.png\n", TW_TEST_DATA);
    path = write_manifest(state, "m.TSV", text);
    put_picture(state, "b.png");
    assert_ok(tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    assert_string_equal(tw_dataset_class_name(data, 0), "x, y");
    for (int i = 0; i < 2; i++) {
        assert_ok(tw_dataset_read(&picture, data, i, e));
        tw_picture_free(&picture);
    }
    tw_dataset_free(data);
    free(path);
}

static void records_of_it_can_be_named(void **state)
{
    char *path = write_manifest(state, "r.csv", "path,label\na.png,x\nb.png,y\n");
    char argument[512], sentence[600];
    tw_dataset *data;
    put_picture(state, "b.png");
    snprintf(argument, sizeof argument, "%s:1", path);
    assert_ok(tw_pictures_open(&data, argument, TW_PART_TRAIN, e));
    snprintf(sentence, sizeof sentence, "%s/b.png", (char *)*state);
    assert_string_equal(tw_dataset_name(data, 0, NULL, 0), sentence);
    tw_dataset_free(data);
    snprintf(sentence, sizeof sentence, "%s: say which pictures of it, as in %s:0 or %s:0-9", path,
             path, path);
    assert_fails(TW_EUSAGE, sentence, tw_pictures_open(&data, path, TW_PART_TRAIN, e));
    free(path);
}

static const struct {
    const char *text, *sentence;
} refused[] = {
    {"path,name\n", "%s: no column \"label\" in its first line"},
    {"", "%s: no column \"path\" in its first line"},
    {"path,label\n", "%s: no pictures below its first line"},
    {"path,label\na,b\nc\n", "%s: line 3: 1 fields, the first line has 2"},
    {"path,label\na,b,c\n", "%s: line 2: 3 fields, the first line has 2"},
    {"path,label\n\"a\nb,c\n", "%s: line 2: a quote is not closed"},
    {"path,label\n\"a\nb\",c\nd\n", "%s: line 4: 1 fields, the first line has 2"},
    {"path,label\n,b\n", "%s: line 2: no path"},
    {"path,label\na,\n", "%s: line 2: no label"},
    {"path,label,split\na,b,dev\n", "%s: line 2: split \"dev\", there are train, val, test"},
    {"path,label\n,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n",
     "%s: line 2: more than 64 fields"},
};

static void what_is_wrong_is_named(void **state)
{
    tw_dataset *data;
    char sentence[600], *path;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        path = write_manifest(state, "bad.csv", refused[i].text);
        snprintf(sentence, sizeof sentence, refused[i].sentence, path);
        assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
        assert_null(data);
        free(path);
    }
    path = path_in(*state, "bad.csv");
    write_bytes(path, "path,label\na\0,b\n", 16);
    snprintf(sentence, sizeof sentence, "%s: a zero byte at 12, this is no text", path);
    assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    free(path);
}

/* Any cut of a manifest is read or refused with a sentence that names it. */
static void any_cut_is_survived(void **state)
{
    static const char whole[] = "path,label,split\n\"a,\"\"1\"\"\",x,train\nb,y,val\n";
    for (size_t n = 0; n < sizeof whole; n++) {
        char *path = path_in(*state, "cut.csv");
        tw_error err = {TW_OK, ""};
        tw_dataset *data;
        write_bytes(path, whole, n);
        if (tw_dataset_open(&data, path, TW_PART_ALL, 0, &err))
            assert_true(err.code == TW_EFILE && strncmp(err.text, path, strlen(path)) == 0);
        tw_dataset_free(data);
        free(path);
    }
}

static void other_files_are_no_data(void **state)
{
    char *path = write_manifest(state, "m.txt", "path,label\n"), sentence[600];
    tw_dataset *data;
    snprintf(sentence, sizeof sentence, "%s: neither a folder nor an .npz, .csv or .tsv", path);
    assert_fails(TW_EFILE, sentence, tw_dataset_open(&data, path, TW_PART_TRAIN, 0, e));
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_and_classes_are_read),
        cmocka_unit_test(tabs_and_absolute_paths_are_read),
        cmocka_unit_test(records_of_it_can_be_named),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(any_cut_is_survived),
        cmocka_unit_test(other_files_are_no_data),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
