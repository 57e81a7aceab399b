/* The n-th allocation, open, read, write, sync or rename fails while a manifest is opened, data is
 * checked or split: no crash, no leak, the right status with a sentence, and no half a manifest. */
#include "base/file.h"
#include "base/sys.h"
#include "image/image.h"

#include <tw/data.h>

#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

enum { MANY = 3000, MOST_SENTENCES = 10, N_PICTURES = 8 };

static char data_folder[300], manifest_path[300], output_path[300];

/* ---- a world */

/* A picture of noise, unlike any other, of a side and a seed; old enough to be remembered. */
static void put(const char *name, int side, uint32_t seed)
{
    static const struct timespec old[2] = {{1000000000, 0}, {1000000000, 0}};
    char path[512];
    tw_picture p;

    assert_ok(tw_picture_create(&p, side, side, 1, e));
    for (int i = 0; i < side * side; i++) {
        seed = seed * 1664525u + 1013904223u;
        p.pixels[i] = (uint8_t)(seed >> 24);
    }
    assert_true(snprintf(path, sizeof path, "%s/%s", data_folder, name) < (int)sizeof path);
    assert_ok(tw_picture_write_png(&p, path, e));
    assert_int_equal(utimensat(AT_FDCWD, path, old, 0), 0);
    tw_picture_free(&p);
}

/* Two classes of four: of the first two are the same, of the second one is tiny; and a manifest of
 * them with groups. */
static int make_world(void **state)
{
    char path[512], text[1024] = "path,label,split,group\n";

    if (check_make_folder(state))
        return -1;
    snprintf(data_folder, sizeof data_folder, "%s/data", (char *)*state);
    snprintf(manifest_path, sizeof manifest_path, "%s/m.csv", (char *)*state);
    snprintf(output_path, sizeof output_path, "%s/out.csv", (char *)*state);
    setenv("XDG_CACHE_HOME", *state, 1);
    assert_int_equal(mkdir(data_folder, 0777), 0);
    for (int k = 0; k < 2; k++) {
        snprintf(path, sizeof path, "%s/%c", data_folder, "ab"[k]);
        assert_int_equal(mkdir(path, 0777), 0);
    }
    for (int i = 0; i < N_PICTURES; i++) {
        snprintf(path, sizeof path, "%c/day%d_%d.png", "ab"[i / 4], i / 2, i);
        put(path, i == 7 ? 20 : 40, i == 1 ? 0 : (uint32_t)i);
        snprintf(text + strlen(text), sizeof text - strlen(text), "data/%s,%c,train,%d\n", path,
                 "ab"[i / 4], i / 2);
    }
    assert_ok(tw_file_write(manifest_path, text, strlen(text), e));
    return 0;
}

/* ---- what is tried */

static tw_status open_manifest(tw_error *err)
{
    tw_dataset *data;
    const tw_status rc = tw_dataset_open(&data, manifest_path, TW_PART_TRAIN, 0, err);

    assert_true((rc == TW_OK) == (data != NULL));
    tw_dataset_free(data);
    return rc;
}

static int n_unreadable;

/* A picture that cannot be opened or read is a finding, not a failure of the check. */
static tw_status check_data(int anew, tw_error *err)
{
    tw_check *check;
    const tw_status rc = tw_check_run(&check, data_folder, 1, anew, NULL, err);

    assert_true((rc == TW_OK) == (check != NULL));
    for (int64_t i = 0; check && i < tw_check_count(check); i++)
        n_unreadable += tw_check_get(check, i)->kind == TW_FINDING_UNREADABLE;
    tw_check_free(check);
    return rc;
}

static tw_status check_anew(tw_error *err)
{
    return check_data(1, err);
}

static tw_status check_again(tw_error *err)
{
    return check_data(0, err);
}

static tw_check *checked;

/* Where there is an output it is whole, also where its folder could not be synced. */
static void assert_whole(const char *path)
{
    FILE *file = fopen(path, "r");
    char line[400];
    int n = 0;

    if (!file)
        return;
    for (; fgets(line, sizeof line, file); n++)
        assert_true(line[strlen(line) - 1] == '\n');
    fclose(file);
    assert_int_equal(n, N_PICTURES + 1);
}

static tw_status split(const char *data, const tw_split_options *how, tw_error *err)
{
    tw_split_result result;
    tw_status rc;

    unlink(output_path);
    rc = tw_split_write(&result, checked, data, output_path, how, err);
    assert_whole(output_path);
    assert_true(rc || access(output_path, R_OK) == 0);
    return rc;
}

static tw_status split_by_name(tw_error *err)
{
    const tw_split_options how = {.val = 0.3, .seed = 1, .group_by = "(day[0-9]+)_"};

    return split(data_folder, &how, err);
}

static tw_status split_by_column(tw_error *err)
{
    const tw_split_options how = {.val = 0.3, .seed = 1, .keep = manifest_path};

    return split(manifest_path, &how, err);
}

/* ---- faults */

typedef struct job {
    tw_status (*run)(tw_error *err);
    const char *checked, *path;            /* the data of a split, else NULL; what %s is below */
    const char *sentences[MOST_SENTENCES]; /* that are met where memory fails */
} job;

static const job jobs[] = {
    {open_manifest,
     NULL,
     manifest_path,
     {"no memory for 256 rows of %s", "no memory for the classes of %s", "no memory for 8 labels",
      "no memory to describe the data", "no memory to open %s", "no memory for 2 classes"}},
    {check_anew,
     NULL,
     data_folder,
     {"no memory to check %s", "no memory to check 8 pictures", "no memory to check the pictures",
      "no memory to remember the pictures", "no memory for 64 findings", "no memory for a finding",
      "no memory to compare 8 pictures", "no memory for 2 classes", "no memory for the findings"}},
    {check_again, NULL, data_folder, {"no memory to check 8 pictures"}},
    {split_by_name,
     data_folder,
     output_path,
     {"no memory to split 8 pictures", "no memory for a group", "no memory for %s"}},
    {split_by_column,
     manifest_path,
     manifest_path,
     {"no memory to split 8 pictures", "no memory for a group", "no memory to keep %s"}},
};
enum { N_JOBS = sizeof jobs / sizeof jobs[0] };

static void note_sentence(bool met[MOST_SENTENCES], const job *j, const char *text)
{
    char wanted[400];

    for (int i = 0; i < MOST_SENTENCES && j->sentences[i]; i++) {
        snprintf(wanted, sizeof wanted, j->sentences[i], j->path);
        met[i] |= strcmp(wanted, text) == 0;
    }
}

static bool is_expected(tw_sys_kind kind, tw_status rc)
{
    if (kind == TW_SYS_MEMORY)
        return rc == TW_ENOMEM;
    return rc == TW_EFILE || (kind == TW_SYS_WRITE && rc == TW_EBUDGET);
}

/* Runs the job with each call of the kind failing once; notes which sentences are met. */
static void fail_each(bool met[MOST_SENTENCES], const job *j, tw_sys_kind kind, int error)
{
    bool failed = true;

    for (long nth = 1; failed; nth++) {
        tw_error err = {TW_OK, ""};
        tw_status rc;

        assert_true(nth < MANY);
        tw_sys_fail_nth(kind, nth, 0, error);
        rc = j->run(&err);
        failed = tw_sys_fail_nth(kind, 0, 0, 0) >= nth;
        if (rc && !(failed && is_expected(kind, rc) && err.text[0]))
            fail_msg("call %ld of kind %d: %s: \"%s\"", nth, kind, tw_status_name(rc), err.text);
        note_sentence(met, j, err.text);
    }
}

static void each_call_may_fail(void **state)
{
    static const struct {
        tw_sys_kind kind;
        int error;
    } kinds[] = {{TW_SYS_MEMORY, ENOMEM}, {TW_SYS_OPEN, EACCES}, {TW_SYS_READ, EIO},
                 {TW_SYS_WRITE, ENOSPC},  {TW_SYS_SYNC, EIO},    {TW_SYS_RENAME, EACCES}};
    (void)state;
    for (int i = 0; i < N_JOBS; i++) {
        bool met[MOST_SENTENCES] = {false};

        if (jobs[i].checked)
            assert_ok(tw_check_run(&checked, jobs[i].checked, 1, 1, NULL, e));
        n_unreadable = 0;
        for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++)
            fail_each(met, &jobs[i], kinds[k].kind, kinds[k].error);
        assert_int_equal(n_unreadable, jobs[i].run == check_anew ? 2 * N_PICTURES : 0);
        for (int n = 0; n < MOST_SENTENCES && jobs[i].sentences[n]; n++)
            if (!met[n])
                fail_msg("not met: %s", jobs[i].sentences[n]);
        tw_check_free(checked);
        checked = NULL;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_call_may_fail)};

    return cmocka_run_group_tests(tests, make_world, check_remove_folder);
}
