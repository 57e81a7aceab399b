/*
 * Hashes of weights remembered beside the cache (feature/remember.c): the one that hashing gives,
 * taken from its file only while file and prefix are the same, and made anew where that is damaged.
 */
#include "feature/feature_int.h"

#include "check.h"
#include "tiny_model.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A model file of which each test has its own, an hour old. */
typedef struct world {
    char *file, *folder;
    tw_model *model;
} world;

static void set_age(const char *path, time_t t_s)
{
    const struct timespec times[2] = {{.tv_sec = t_s}, {.tv_sec = t_s, .tv_nsec = 5}};

    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void open_world(world *w, void **state, const char *name)
{
    tw_model *model = tiny_model(1);
    char cache[64];

    snprintf(cache, sizeof cache, "%s-cache", name);
    w->file = path_in(*state, name);
    w->folder = path_in(*state, cache);
    assert_ok(tw_model_write(model, w->file, e));
    tw_model_free(model);
    set_age(w->file, time(NULL) - 3600);
    assert_ok(tw_model_open(&w->model, w->file, NULL, NULL, 0, e));
}

static int last_of(const tw_model *model)
{
    return model->graph->n - 1;
}

static void reopen(world *w)
{
    tw_model_free(w->model);
    assert_ok(tw_model_open(&w->model, w->file, NULL, NULL, 0, e));
}

static void close_world(world *w)
{
    tw_model_free(w->model);
    tw_free(w->file);
    tw_free(w->folder);
}

/* Files of the folder, the last one's path in `path`. */
static int count_records(const world *w, char path[512])
{
    DIR *folder = opendir(w->folder);
    int n = 0;

    for (const struct dirent *entry; folder && (entry = readdir(folder));)
        if (entry->d_name[0] != '.') {
            assert_memory_equal(entry->d_name, "weights-", 8);
            snprintf(path, 512, "%s/%s", w->folder, entry->d_name);
            n++;
        }
    if (folder)
        closedir(folder);
    return n;
}

/* Turns over the last bit of the file's last byte, a weight's. */
static void change_weights(const char *path)
{
    const int fd = open(path, O_RDWR);
    const off_t at = lseek(fd, -4, SEEK_END);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void a_hash_is_remembered_as_long_as_the_file_is_the_same(void **state)
{
    char hex[65], first[65], changed[65], path[512];
    struct stat info;
    world w;

    open_world(&w, state, "same");
    assert_ok(tw_model_hash(first, w.model, last_of(w.model), e));
    for (int i = 0; i < 2; i++) {
        assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
        assert_string_equal(hex, first);
        assert_int_equal(count_records(&w, path), 1);
    }
    /* other weights under the same size, inode and time: only the record can say the old hash */
    assert_int_equal(stat(w.file, &info), 0);
    change_weights(w.file);
    assert_int_equal(
        utimensat(AT_FDCWD, w.file, (struct timespec[2]){info.st_atim, info.st_mtim}, 0), 0);
    reopen(&w);
    assert_ok(tw_model_hash(changed, w.model, last_of(w.model), e));
    assert_string_not_equal(changed, first);
    assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
    assert_string_equal(hex, first);
    /* a time of its own, though of the same second */
    info.st_mtim.tv_nsec++;
    assert_int_equal(
        utimensat(AT_FDCWD, w.file, (struct timespec[2]){info.st_atim, info.st_mtim}, 0), 0);
    reopen(&w);
    assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
    assert_string_equal(hex, changed);
    close_world(&w);
}

static void each_prefix_has_a_record_of_its_own(void **state)
{
    char hex[65], expected[65], path[512];
    world w;

    open_world(&w, state, "prefix");
    for (int i = 0; i < 2; i++)
        for (int last = last_of(w.model) - 1; last <= last_of(w.model); last++) {
            assert_ok(tw_model_hash(expected, w.model, last, e));
            assert_ok(tw_feature__weights_hash(hex, w.model, last, w.folder, e));
            assert_string_equal(hex, expected);
        }
    assert_int_equal(count_records(&w, path), 2);
    close_world(&w);
}

static void a_damaged_record_is_made_anew(void **state)
{
    char hex[65], expected[65], path[512];
    world w;

    open_world(&w, state, "damaged");
    assert_ok(tw_model_hash(expected, w.model, last_of(w.model), e));
    for (int i = 0; i < 131; i += 5) {
        char letter = '?';
        int fd;

        assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
        assert_string_equal(hex, expected);
        assert_int_equal(count_records(&w, path), 1);
        assert_true((fd = open(path, O_RDWR)) >= 0);
        if (i < 130)
            assert_int_equal(pwrite(fd, &letter, 1, i == 125 ? 64 : i), 1);
        else
            assert_int_equal(ftruncate(fd, 100), 0);
        close(fd);
    }
    assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
    assert_string_equal(hex, expected);
    close_world(&w);
}

static void what_may_still_change_is_not_remembered(void **state)
{
    char hex[65], expected[65], path[512];
    tw_model *random = tiny_model(2);
    world w;

    open_world(&w, state, "young");
    set_age(w.file, time(NULL));
    reopen(&w);
    assert_ok(tw_model_hash(expected, w.model, last_of(w.model), e));
    assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), w.folder, e));
    assert_string_equal(hex, expected);
    assert_ok(tw_model_hash(expected, random, last_of(random), e));
    assert_ok(tw_feature__weights_hash(hex, random, last_of(random), w.folder, e));
    assert_string_equal(hex, expected);
    set_age(w.file, time(NULL) - 3600);
    reopen(&w);
    assert_ok(tw_feature__weights_hash(hex, w.model, last_of(w.model), NULL, e));
    assert_int_equal(count_records(&w, path), 0);
    tw_model_free(random);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hash_is_remembered_as_long_as_the_file_is_the_same),
        cmocka_unit_test(each_prefix_has_a_record_of_its_own),
        cmocka_unit_test(a_damaged_record_is_made_anew),
        cmocka_unit_test(what_may_still_change_is_not_remembered),
    };

    return cmocka_run_group_tests(tests, check_make_folder, check_remove_folder);
}
