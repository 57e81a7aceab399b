/* The glance before a long job: what it finds without decoding, what is left out when all is read,
 * what is remembered, each refusal. */
#include "base/text.h"
#include "data/dataset.h"

#include "check.h"
#include "image/image.h"
#include "make_files.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <utime.h>

enum { OLD_S = 1000000000, N_PICTURES = 12 };

static const tw_glance_options fail = {.n_threads = 2}, skip = {.skip_bad = 1, .n_threads = 2};

/* Written long ago, so that it is remembered. */
static void age(const char *path)
{
    const struct utimbuf times = {OLD_S, OLD_S};
    assert_int_equal(utime(path, &times), 0);
}

static void put(const char *top, const char *name, int seed)
{
    char *path = path_in(top, name);
    tw_picture p;
    assert_ok(tw_picture_create(&p, 40, 50, 3, e));
    for (int i = 0; i < 40 * 50 * 3; i++)
        p.pixels[i] = (uint8_t)(i * (seed + 3) % 251);
    assert_ok(tw_picture_write_png(&p, path, e));
    age(path);
    tw_picture_free(&p);
    free(path);
}

static void put_bytes(const char *top, const char *name, const char *text)
{
    char *path = path_in(top, name);
    write_bytes(path, text, strlen(text));
    age(path);
    free(path);
}

/* As long and as old as it was, and no longer whole. */
static void damage(const char *top, const char *name)
{
    char command[1024];
    snprintf(command, sizeof command,
             "printf XXXXXXXXXXXXXXXX | dd of='%s/%s' bs=1 seek=60 conv=notrunc 2>/dev/null", top,
             name);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/%s", top, name);
    age(command);
}

/* a and b of so many pictures, and a cache of its own. */
static char *make_world(void **state, const char *name)
{
    char *top = path_in(*state, name), *cache = path_in(top, ".cache"), file[32];
    assert_int_equal(mkdir(top, 0777), 0);
    for (int k = 0; k < 2; k++) {
        char *folder = path_in(top, k ? "b" : "a");
        assert_int_equal(mkdir(folder, 0777), 0);
        free(folder);
        for (int i = 0; i < N_PICTURES; i++) {
            snprintf(file, sizeof file, "%s/%02d.png", k ? "b" : "a", i);
            put(top, file, k * N_PICTURES + i);
        }
    }
    setenv("XDG_CACHE_HOME", cache, 1);
    free(cache);
    return top;
}

/* ---- who watches */

typedef struct told {
    char notes[20][600];
    int n, n_progress;
} told;

static void hear(void *ctx, const tw_event *event)
{
    told *t = ctx;
    if (event->kind == TW_EVENT_PROGRESS) {
        t->n_progress++;
        return;
    }
    assert_in_range(t->n, 0, 19);
    snprintf(t->notes[t->n++], sizeof t->notes[0], "%s", event->text);
}

static tw_status look_at(const char *top, tw_part part, const tw_glance_options *how, told *t,
                         int64_t *n_left, tw_error *err)
{
    const tw_watch watch = {.on_event = hear, .ctx = t};
    tw_dataset *data;
    tw_status rc;
    *t = (told){0};
    assert_ok(tw_dataset_open(&data, top, part, 0, e));
    rc = tw_dataset_glance(data, top, how, &watch, err);
    *n_left = tw_dataset_count(data);
    tw_dataset_free(data);
    return rc;
}

static tw_status look(const char *top, const tw_glance_options *how, tw_error *err)
{
    told t;
    int64_t n;
    return look_at(top, TW_PART_TRAIN, how, &t, &n, err);
}

/* ---- fail */

static void bad_files_are_named_together(void **state)
{
    char *top = make_world(state, "named"), sentence[1200];
    assert_ok(look(top, &fail, e));
    put_bytes(top, "b/00.png", "GIF89a");
    snprintf(sentence, sizeof sentence,
             "b/00.png: GIF is not supported (topwork check %.80s "
             "finds all, --bad-images skip goes without)",
             top);
    assert_fails(TW_EFILE, sentence, look(top, &fail, e));
    put_bytes(top, "a/07.png", "");
    put_bytes(top, "b/11.png", "<html>");
    snprintf(sentence, sizeof sentence,
             "3 pictures cannot be read: a/07.png: the file is empty; b/00.png: GIF is not "
             "supported; b/11.png: not a JPEG, PNG, WebP, BMP or PNM "
             "file (topwork check %.80s finds all, --bad-images skip goes without)",
             top);
    assert_fails(TW_EFILE, sentence, look(top, &fail, e));
    free(top);
}

static void ten_are_named_and_the_rest_is_counted(void **state)
{
    char *top = make_world(state, "many"), name[32];
    tw_error err = {TW_OK, ""};
    for (int i = 0; i < N_PICTURES; i++) {
        snprintf(name, sizeof name, "a/%02d.png", i);
        put_bytes(top, name, "");
    }
    assert_int_equal(look(top, &fail, &err), TW_EFILE);
    assert_non_null(strstr(err.text, "12 pictures cannot be read: a/00.png: the file is empty; "));
    assert_non_null(strstr(err.text, "; a/09.png: the file is empty; and 2 more (topwork check "));
    free(top);
}

/* What only decoding can tell is not looked for, unless it is known. */
static void what_the_check_found_is_used(void **state)
{
    char *top = make_world(state, "known"), sentence[1200];
    tw_check *check;
    damage(top, "a/03.png");
    assert_ok(look(top, &fail, e));
    assert_ok(tw_check_run(&check, top, 2, 0, NULL, e));
    assert_int_equal(tw_check_error_count(check), 1);
    assert_int_equal(tw_check_remembered_count(check), 0);
    snprintf(sentence, sizeof sentence,
             "%s (topwork check %.80s finds all, --bad-images skip goes without)",
             tw_check_get(check, 0)->text, top);
    tw_check_free(check);
    assert_fails(TW_EFILE, sentence, look(top, &fail, e));
    /* and what the glance has seen does not count as checked */
    assert_ok(tw_check_run(&check, top, 2, 0, NULL, e));
    assert_int_equal(tw_check_remembered_count(check), 2 * N_PICTURES - 1);
    tw_check_free(check);
    /* a whole file in its place is fine, whatever its time */
    put(top, "a/03.png", 3);
    assert_ok(look(top, &fail, e));
    free(top);
}

/* The second glance opens no file that is as it was. */
static void the_second_glance_opens_nothing(void **state)
{
    char *top = make_world(state, "second"), command[600], sentence[1200];
    assert_ok(look(top, &fail, e));
    snprintf(command, sizeof command,
             "n=$(stat -c %%s %s/a/00.png); head -c $n /dev/zero >%s/a/00.png", top, top);
    assert_int_equal(system(command), 0);
    snprintf(command, sizeof command, "%s/a/00.png", top);
    age(command);
    assert_ok(look(top, &fail, e));
    age(command);
    snprintf(command, sizeof command, "rm -r %s/.cache", top);
    assert_int_equal(system(command), 0);
    snprintf(sentence, sizeof sentence,
             "a/00.png: not a JPEG, PNG, WebP, BMP or PNM file (topwork check %.80s finds all, "
             "--bad-images skip goes without)",
             top);
    assert_fails(TW_EFILE, sentence, look(top, &fail, e));
    free(top);
}

static void a_missing_file_of_a_manifest_is_named(void **state)
{
    char *top = make_world(state, "listed"), *path = path_in(top, "m.csv"), sentence[1200];
    put_bytes(top, "m.csv", "path,label\na/00.png,x\nb/00.png,y\ngone.png,x\n");
    snprintf(sentence, sizeof sentence,
             "%s/gone.png: No such file or directory (topwork check %.80s finds all, --bad-images "
             "skip goes without)",
             top, path);
    assert_fails(TW_EFILE, sentence, look(path, &fail, e));
    free(path);
    free(top);
}

/* ---- skip */

static void bad_files_are_left_out_and_told(void **state)
{
    char *top = make_world(state, "skipped"), buf[32];
    const tw_watch watch = {.on_event = hear};
    tw_watch hearing = watch;
    told t = {0};
    tw_dataset *data;
    hearing.ctx = &t;
    damage(top, "a/03.png");
    put_bytes(top, "b/00.png", "");
    assert_ok(tw_dataset_open(&data, top, TW_PART_TRAIN, 0, e));
    assert_int_equal(tw_dataset_left_out_count(data), 0);
    assert_ok(tw_dataset_glance(data, top, &skip, &hearing, e));
    assert_int_equal(tw_dataset_count(data), 2 * N_PICTURES - 2);
    assert_string_equal(tw_dataset_describe(data),
                        "class folders, 22 pictures, 2 classes (a, b); 2 "
                        "unreadable pictures left out");
    assert_string_equal(tw_dataset_name(data, 3, buf, sizeof buf), "a/04.png");
    assert_string_equal(tw_dataset_name(data, 11, buf, sizeof buf), "b/01.png");
    assert_int_equal(tw_dataset_label(data, 10), 0);
    assert_int_equal(tw_dataset_label(data, 11), 1);
    assert_int_equal(tw_dataset_left_out_count(data), 2);
    assert_memory_equal(tw_dataset_left_out(data, 0), "a/03.png: ", 10);
    assert_string_equal(tw_dataset_left_out(data, 1), "b/00.png: the file is empty");
    assert_int_equal(t.n, 3);
    assert_string_equal(t.notes[0], "2 of 24 pictures cannot be read and are left out");
    assert_memory_equal(t.notes[1], "left out: a/03.png: ", 20);
    assert_string_equal(t.notes[2], "left out: b/00.png: the file is empty");
    assert_true(t.n_progress > 0);
    /* twice is once */
    t = (told){0};
    assert_ok(tw_dataset_glance(data, top, &skip, &hearing, e));
    assert_int_equal(tw_dataset_count(data), 22);
    assert_int_equal(t.n, 0);
    assert_int_equal(t.n_progress, 0);
    tw_dataset_free(data);
    free(top);
}

static void of_many_left_out_ten_are_told(void **state)
{
    char *top = make_world(state, "told"), name[32];
    told t;
    int64_t n;
    for (int i = 0; i < 11; i++) {
        snprintf(name, sizeof name, "a/%02d.png", i);
        put_bytes(top, name, "");
    }
    assert_ok(look_at(top, TW_PART_TRAIN, &skip, &t, &n, e));
    assert_int_equal(n, 2 * N_PICTURES - 11);
    assert_int_equal(t.n, 12);
    assert_string_equal(t.notes[0], "11 of 24 pictures cannot be read and are left out");
    assert_string_equal(t.notes[10], "left out: a/09.png: the file is empty");
    assert_string_equal(t.notes[11], "left out: 1 more");
    free(top);
}

/* The first so many are counted before anything is left out. */
static void of_the_first_some_are_left_out(void **state)
{
    char *top = make_world(state, "limit"), buf[32];
    tw_dataset *data;
    put_bytes(top, "a/01.png", "");
    put_bytes(top, "a/05.png", "");
    assert_ok(tw_dataset_open(&data, top, TW_PART_TRAIN, 4, e));
    assert_ok(tw_dataset_glance(data, top, &skip, NULL, e));
    assert_int_equal(tw_dataset_count(data), 3);
    assert_string_equal(tw_dataset_name(data, 2, buf, sizeof buf), "a/03.png");
    tw_dataset_free(data);
    free(top);
}

static void some_of_the_pictures_are_looked_at_too(void **state)
{
    char *top = make_world(state, "subset"), buf[32];
    const int64_t samples[] = {1, 2, 13};
    tw_dataset *data, *some;
    assert_ok(tw_dataset_open(&data, top, TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_take_subset(&some, data, samples, 3, e));
    put_bytes(top, "a/02.png", "");
    put_bytes(top, "a/00.png", "");
    assert_ok(tw_dataset_glance(some, top, &skip, NULL, e));
    assert_int_equal(tw_dataset_count(some), 2);
    assert_string_equal(tw_dataset_name(some, 1, buf, sizeof buf), "b/01.png");
    assert_int_equal(tw_dataset_label(some, 1), 1);
    tw_dataset_free(some);
    free(top);
}

static void nothing_left_is_refused(void **state)
{
    const tw_glance_options train = {.skip_bad = 1, .is_training = 1};
    char *top = make_world(state, "nothing"), name[32], sentence[600];
    for (int i = 0; i < N_PICTURES; i++) {
        snprintf(name, sizeof name, "a/%02d.png", i);
        put_bytes(top, name, "");
    }
    assert_ok(look(top, &skip, e));
    snprintf(sentence, sizeof sentence, "%s: no picture of class a can be read", top);
    assert_fails(TW_EFILE, sentence, look(top, &train, e));
    for (int i = 0; i < N_PICTURES; i++) {
        snprintf(name, sizeof name, "b/%02d.png", i);
        put_bytes(top, name, "");
    }
    snprintf(sentence, sizeof sentence, "%s: none of the pictures can be read", top);
    assert_fails(TW_EFILE, sentence, look(top, &skip, e));
    free(top);
}

/* ---- the rest */

static void small_classes_are_noted_for_training(void **state)
{
    const tw_glance_options train = {.is_training = 1};
    char *top = make_world(state, "small"), *path = path_in(top, "m.csv");
    tw_text text = {0};
    told t;
    int64_t n;
    assert_ok(look_at(top, TW_PART_TRAIN, &train, &t, &n, e));
    assert_int_equal(t.n, 0);
    put_bytes(top, "m.csv",
              "path,label,split\na/00.png,x,train\na/01.png,x,train\nb/00.png,y,train\n"
              "b/01.png,z,val\n");
    assert_ok(look_at(path, TW_PART_TRAIN, &train, &t, &n, e));
    assert_int_equal(t.n, 1);
    assert_string_equal(t.notes[0], "fewer than 10 training pictures of x (2), y (1)");
    assert_ok(look_at(path, TW_PART_TRAIN, &fail, &t, &n, e));
    assert_int_equal(t.n, 0);
    tw_text_add(&text, "path,label\n");
    for (int i = 0; i < 11; i++)
        tw_text_add(&text, "a/00.png,c%02d\n", i);
    put_bytes(top, "m.csv", text.text);
    assert_ok(look_at(path, TW_PART_TRAIN, &train, &t, &n, e));
    assert_string_equal(t.notes[0],
                        "fewer than 10 training pictures of c00 (1), c01 (1), c02 (1), c03 (1), "
                        "c04 (1), c05 (1), c06 (1), c07 (1), c08 (1), c09 (1) and 1 more");
    tw_text_free(&text);
    free(path);
    free(top);
}

static int stop(void *ctx)
{
    (void)ctx;
    return 1;
}

static void it_can_be_stopped(void **state)
{
    char *top = make_world(state, "stopped");
    const tw_watch watch = {.should_stop = stop};
    tw_dataset *data;
    assert_ok(tw_dataset_open(&data, top, TW_PART_TRAIN, 0, e));
    assert_fails(TW_EINTERRUPTED, "interrupted while the pictures were looked at",
                 tw_dataset_glance(data, top, &skip, &watch, e));
    tw_dataset_free(data);
    free(top);
}

static void records_need_no_glance(void **state)
{
    tw_dataset *data;
    (void)state;
    assert_ok(tw_dataset_open(&data, "digits:20", TW_PART_TRAIN, 0, e));
    assert_ok(tw_dataset_glance(data, "digits:20", &skip, NULL, e));
    assert_int_equal(tw_dataset_count(data), 20);
    tw_dataset_free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_named_together),
        cmocka_unit_test(ten_are_named_and_the_rest_is_counted),
        cmocka_unit_test(what_the_check_found_is_used),
        cmocka_unit_test(the_second_glance_opens_nothing),
        cmocka_unit_test(a_missing_file_of_a_manifest_is_named),
        cmocka_unit_test(bad_files_are_left_out_and_told),
        cmocka_unit_test(of_many_left_out_ten_are_told),
        cmocka_unit_test(of_the_first_some_are_left_out),
        cmocka_unit_test(some_of_the_pictures_are_looked_at_too),
        cmocka_unit_test(nothing_left_is_refused),
        cmocka_unit_test(small_classes_are_noted_for_training),
        cmocka_unit_test(it_can_be_stopped),
        cmocka_unit_test(records_need_no_glance),
    };
    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
