/* The check of data: each kind of finding with its sentence, memory, threads. */
#include "data/dataset.h"

#include "check.h"
#include "image/image.h"
#include "make_files.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <utime.h>

enum { OLD_S = 1000000000 };

/* A world of its own below the test's folder: data and the cache beside it. */
static char *make_world(void **state, const char *name, const char *const *folders)
{
    char *top = path_in(*state, name), *cache = path_in(*state, "cache");
    assert_int_equal(mkdir(top, 0777), 0);
    for (; *folders; folders++) {
        char *folder = path_in(top, *folders);
        assert_int_equal(mkdir(folder, 0777), 0);
        free(folder);
    }
    setenv("XDG_CACHE_HOME", cache, 1);
    free(cache);
    return top;
}

/* A smooth picture of its own a seed, with an edge somewhere. */
static tw_picture draw(int h, int w, int seed)
{
    tw_picture p;
    assert_ok(tw_picture_create(&p, h, w, 3, e));
    for (int i = 0; i < h; i++)
        for (int j = 0; j < w; j++)
            for (int c = 0; c < 3; c++) {
                const int x = j * 90 / w, y = i * 80 / h;
                p.pixels[(i * w + j) * 3 + c] =
                    (uint8_t)((x * (seed * 7 % 11 + 3) + y * (seed * 5 % 13 + 1) +
                               (x / 10 * 37 + y / 10 * 91) * seed) %
                              251);
            }
    return p;
}

/* Written long ago, so that it is remembered. */
static void age(const char *path, int t_s)
{
    const struct utimbuf times = {t_s, t_s};
    assert_int_equal(utime(path, &times), 0);
}

static void put_lighter(const char *top, const char *name, int h, int w, int seed, int lighter)
{
    char *path = path_in(top, name);
    tw_picture p = draw(h, w, seed);
    for (int i = 0; i < h * w * 3; i++)
        p.pixels[i] = (uint8_t)(p.pixels[i] + lighter);
    assert_ok(tw_picture_write_png(&p, path, e));
    age(path, OLD_S);
    tw_picture_free(&p);
    free(path);
}

static void put(const char *top, const char *name, int h, int w, int seed)
{
    put_lighter(top, name, h, w, seed, 0);
}

static void put_bytes(const char *top, const char *name, const char *text)
{
    char *path = path_in(top, name);
    write_bytes(path, text, strlen(text));
    age(path, OLD_S);
    free(path);
}

static void put_golden(const char *top, const char *name, const char *golden)
{
    char command[1024];
    snprintf(command, sizeof command, "cp %s/%s '%s/%s'", TW_TEST_DATA, golden, top, name);
    assert_int_equal(system(command), 0);
}

static bool has(const tw_check *check, const char *kind, const char *text)
{
    for (int64_t i = 0; i < tw_check_count(check); i++) {
        const tw_finding *f = tw_check_get(check, i);
        if (strcmp(tw_finding_kind_name(f->kind), kind) == 0 && strcmp(f->text, text) == 0)
            return true;
    }
    return false;
}

static void want(const tw_check *check, const char *kind, const char *text)
{
    if (has(check, kind, text))
        return;
    for (int64_t i = 0; i < tw_check_count(check); i++)
        print_message("found: %s\n", tw_check_get(check, i)->text);
    fail_msg("not found: %s: %s", kind, text);
}

static const char *const four[] = {"train", "val", "train/a", "train/b", "val/a", "val/b", NULL};

static char *make_bad_world(void **state, const char *name)
{
    char *top = make_world(state, name, four);
    char scratch[64];
    for (int i = 0; i < 12; i++) {
        snprintf(scratch, sizeof scratch, "train/a/%02d.png", i);
        put(top, scratch, 40, 50, i + 1);
    }
    put(top, "train/b/1.png", 40, 50, 40);
    put(top, "val/a/1.png", 40, 50, 50);
    put(top, "val/b/1.png", 40, 50, 60);
    put(top, "train/a/tiny.png", 31, 50, 70);
    put(top, "train/a/twin.png", 40, 50, 1);
    put_lighter(top, "train/a/near.png", 40, 50, 2, 2);
    put(top, "train/b/same.png", 40, 50, 3);
    put(top, "val/a/leak.png", 40, 50, 4);
    put_bytes(top, "train/a/page.jpg", "<html>");
    put_bytes(top, "train/a/zero.png", "");
    put_golden(top, "train/a/x.png", "image/rgb.jpg");
    put_golden(top, "train/a/cmyk.jpg", "pictures/cmyk.jpg");
    put_golden(top, "train/a/alpha.png", "image/alpha.png");
    put_golden(top, "train/a/deep.pgm", "pictures/deep.pgm");
    return top;
}

static void everything_wrong_is_named(void **state)
{
    char *top = make_bad_world(state, "bad");
    tw_check *check;
    assert_ok(tw_check_run(&check, top, 1, 1, NULL, e));
    want(check, "unreadable", "train/a/page.jpg: not a JPEG, PNG, WebP, BMP or PNM file");
    want(check, "unreadable", "train/a/zero.png: the file is empty");
    want(check, "wrong-name", "train/a/x.png: a PNG file by its name, JPEG by its bytes");
    want(check, "tiny", "train/a/tiny.png: 31x50 pixels only");
    want(check, "duplicate", "train/a/twin.png: the same picture as train/a/00.png");
    want(check, "near-duplicate", "train/a/near.png: looks like train/a/01.png");
    want(check, "two-labels",
         "train/b/same.png: the same picture as train/a/02.png, which has the label a");
    want(check, "two-parts",
         "val/a/leak.png: the same picture as train/a/03.png, which is in part train");
    want(check, "colour", "train/a/cmyk.jpg: CMYK, made RGB");
    want(check, "colour", "train/a/alpha.png: has transparency, put on black");
    want(check, "colour", "train/a/deep.pgm: 16 bits a value, scaled to 8");
    want(check, "small-class", "class b: 2 pictures in part train");
    want(check, "small-class", "class b: 1 picture in part val");
    assert_int_equal(tw_check_error_count(check), 4);
    for (int64_t i = 0; i < tw_check_count(check); i++)
        assert_int_equal(tw_check_get(check, i)->is_error, i < 4);
    tw_check_free(check);
    free(top);
}

static void threads_and_memory_change_nothing(void **state)
{
    char *top = make_bad_world(state, "again");
    tw_check *first, *other;
    assert_ok(tw_check_run(&first, top, 1, 1, NULL, e));
    for (int round = 0; round < 3; round++) {
        assert_ok(tw_check_run(&other, top, 1 << round, round < 2, NULL, e));
        assert_int_equal(tw_check_remembered_count(other), round < 2 ? 0 : 20);
        assert_int_equal(tw_check_count(other), tw_check_count(first));
        for (int64_t i = 0; i < tw_check_count(first); i++)
            assert_string_equal(tw_check_get(other, i)->text, tw_check_get(first, i)->text);
        tw_check_free(other);
    }
    tw_check_free(first);
    free(top);
}

static void what_has_changed_is_read_again(void **state)
{
    static const char *const two[] = {"a", "b", NULL};
    char *top = make_world(state, "changing", two), *path = path_in(top, "a/1.png"), command[300];
    tw_check *check;
    put(top, "a/1.png", 40, 50, 1);
    put(top, "b/1.png", 40, 50, 2);
    assert_ok(tw_check_run(&check, top, 1, 0, NULL, e));
    tw_check_free(check);
    assert_ok(tw_check_run(&check, top, 1, 0, NULL, e));
    assert_int_equal(tw_check_remembered_count(check), 2);
    tw_check_free(check);
    age(path, OLD_S + 1);
    assert_ok(tw_check_run(&check, top, 1, 0, NULL, e));
    assert_int_equal(tw_check_remembered_count(check), 1);
    tw_check_free(check);
    /* a memory that was cut is none */
    snprintf(command, sizeof command,
             "cd '%s'/cache/topwork/checks && for f in *; do truncate -s -3 $f; done",
             (char *)*state);
    assert_int_equal(system(command), 0);
    assert_ok(tw_check_run(&check, top, 1, 0, NULL, e));
    assert_int_equal(tw_check_remembered_count(check), 0);
    tw_check_free(check);
    free(path);
    free(top);
}

static void huge_and_unequal_are_named(void **state)
{
    static const char *const two[] = {"a", "b", NULL};
    char *top = make_world(state, "huge", two), name[32];
    tw_check *check;
    for (int i = 0; i < 11; i++) {
        snprintf(name, sizeof name, "a/%02d.png", i);
        put(top, name, 40, 50, i + 1);
    }
    put(top, "b/1.png", 4097, 4097, 20);
    assert_ok(tw_check_run(&check, top, 2, 1, NULL, e));
    want(check, "huge", "b/1.png: 4097x4097 pixels");
    want(check, "imbalance", "part train: class a has 11 pictures, class b 1");
    assert_int_equal(tw_check_error_count(check), 0);
    tw_check_free(check);
    free(top);
}

static void a_missing_file_and_an_empty_class_are_named(void **state)
{
    static const char *const none[] = {NULL};
    char *top = make_world(state, "listed", none), *path = path_in(top, "m.csv"), text[600];
    tw_check *check;
    put(top, "1.png", 40, 50, 1);
    put(top, "2.png", 40, 50, 2);
    put_bytes(top, "m.csv", "path,label,split\n1.png,x,train\n2.png,y,val\ngone.png,x,train\n");
    assert_ok(tw_check_run(&check, path, 1, 1, NULL, e));
    snprintf(text, sizeof text, "%s/gone.png: No such file or directory", top);
    want(check, "unreadable", text);
    want(check, "empty-class", "class y: no picture in part train");
    want(check, "empty-class", "class x: no picture in part val");
    assert_int_equal(tw_check_error_count(check), 3);
    tw_check_free(check);
    assert_fails(TW_EFILE, "/nowhere: no such file or folder",
                 tw_check_run(&check, "/nowhere", 1, 1, NULL, e));
    assert_null(check);
    free(path);
    free(top);
}

/* Nothing that is missing keeps the check from finding the rest. */
static void missing_classes_do_not_end_the_check(void **state)
{
    static const char *const folders[] = {"train",   "val",   "train/a", "train/b",
                                          "train/c", "val/a", "val/d",   NULL};
    char *top = make_world(state, "missing", folders);
    tw_check *check;
    put(top, "train/a/1.png", 40, 50, 1);
    put(top, "train/c/1.png", 40, 50, 2);
    put(top, "val/d/1.png", 40, 50, 3);
    put_bytes(top, "train/c/page.png", "<html>");
    assert_ok(tw_check_run(&check, top, 2, 1, NULL, e));
    want(check, "unreadable", "train/c/page.png: not a JPEG, PNG, WebP, BMP or PNM file");
    want(check, "empty-class", "class b: no picture in part train");
    want(check, "missing-class", "class d: no folder in part train, there is one in part val");
    want(check, "empty-class", "class a: no picture in part val");
    want(check, "missing-class", "class b: no folder in part val, there is one in part train");
    want(check, "missing-class", "class c: no folder in part val, there is one in part train");
    assert_int_equal(tw_check_error_count(check), 6);
    assert_int_equal(tw_check_picture_count(check), 4);
    tw_check_free(check);
    free(top);
}

static void a_folder_without_pictures_is_checked(void **state)
{
    static const char *const folders[] = {"a", "b", NULL}, *const none[] = {NULL};
    char *top = make_world(state, "empty", folders), *bare = make_world(state, "bare", none);
    char sentence[1200];
    tw_check *check;
    assert_ok(tw_check_run(&check, top, 1, 1, NULL, e));
    want(check, "empty-class", "class a: no picture in part train");
    want(check, "empty-class", "class b: no picture in part train");
    assert_int_equal(tw_check_error_count(check), 2);
    tw_check_free(check);
    snprintf(
        sentence, sizeof sentence,
        "%s: no class folders and no IDX files (train-images-idx3-ubyte, ...); pictures lie in "
        "%s/CLASS/, or in %s/train/CLASS/ and %s/val/CLASS/",
        bare, bare, bare, bare);
    assert_fails(TW_EFILE, sentence, tw_check_run(&check, bare, 1, 1, NULL, e));
    free(bare);
    free(top);
}

static void records_are_compared(void **state)
{
    tw_check *check;
    (void)state;
    assert_ok(tw_check_run(&check, "digits:20", 2, 1, NULL, e));
    assert_int_equal(tw_check_error_count(check), 0);
    assert_int_equal(tw_check_picture_count(check), 520);
    tw_check_free(check);
}

static int stop(void *ctx)
{
    (void)ctx;
    return 1;
}

static void it_can_be_stopped(void **state)
{
    const tw_watch watch = {.should_stop = stop};
    tw_check *check;
    (void)state;
    assert_fails(TW_EINTERRUPTED, "interrupted after 0 pictures",
                 tw_check_run(&check, "digits:20", 1, 1, &watch, e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_wrong_is_named),
        cmocka_unit_test(threads_and_memory_change_nothing),
        cmocka_unit_test(what_has_changed_is_read_again),
        cmocka_unit_test(huge_and_unequal_are_named),
        cmocka_unit_test(a_missing_file_and_an_empty_class_are_named),
        cmocka_unit_test(missing_classes_do_not_end_the_check),
        cmocka_unit_test(a_folder_without_pictures_is_checked),
        cmocka_unit_test(records_are_compared),
        cmocka_unit_test(it_can_be_stopped),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
