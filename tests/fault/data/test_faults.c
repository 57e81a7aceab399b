/* The n-th allocation fails: no crash, no leak, TW_ENOMEM with a sentence, nothing handed out. */
#include "base/sys.h"

#include <tw/data.h>

#include "check.h"
#include "make_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <unistd.h>

enum { MANY = 500, SETTLING_S = 5 };

static char *gzip_folder; /* an IDX file in gzip, old enough to be remembered */

typedef tw_status (*attempt)(tw_dataset **out, tw_error *err);

static tw_status try_digits(tw_dataset **out, tw_error *err)
{
    return tw_dataset_open(out, "digits:40", TW_PART_ALL, 9, err);
}

static tw_status try_records(tw_dataset **out, tw_error *err)
{
    return tw_pictures_open(out, "digits:40:3-7", TW_PART_TEST, err);
}

static tw_status try_read(tw_dataset **out, tw_error *err)
{
    tw_picture picture;
    tw_status rc = tw_dataset_open(out, "digits", TW_PART_TRAIN, 1, err);

    if (rc)
        return rc;
    if ((rc = tw_dataset_read(&picture, *out, 0, err))) {
        assert_null(picture.pixels);
        tw_dataset_free(*out);
        *out = NULL;
        return rc;
    }
    tw_picture_free(&picture);
    return TW_OK;
}

/* The first time what it holds is remembered, then it is known. */
static tw_status try_gzip(tw_dataset **out, tw_error *err)
{
    return tw_dataset_open(out, gzip_folder, TW_PART_TRAIN, 0, err);
}

/* ---- picture files in $TW_FAULT_DATA, one of which cannot be read */

static const char data_name[] = "TW_FAULT_DATA";

static tw_status glance(tw_dataset **out, int skip_bad, tw_error *err)
{
    const tw_glance_options how = {.skip_bad = skip_bad, .is_training = 1, .n_threads = 1};
    const char *path = getenv(data_name);
    tw_status rc = tw_dataset_open(out, path, TW_PART_TRAIN, skip_bad ? 0 : 2, err);

    if (!rc && (rc = tw_dataset_glance(*out, path, &how, NULL, err))) {
        tw_dataset_free(*out);
        *out = NULL;
    }
    return rc;
}

static tw_status try_glance(tw_dataset **out, tw_error *err)
{
    return glance(out, 0, err);
}

static tw_status try_leave_out(tw_dataset **out, tw_error *err)
{
    return glance(out, 1, err);
}

static tw_status try_check(tw_dataset **out, tw_error *err)
{
    tw_check *check;
    const tw_status rc = tw_check_run(&check, getenv(data_name), 1, 1, NULL, err);

    assert_true(rc == TW_OK || !check);
    tw_check_free(check);
    *out = NULL;
    return rc;
}

static tw_status try_spool(tw_dataset **out, tw_error *err)
{
    char *path = path_in(getenv(data_name), "list.csv");
    const int fd = open(path, O_RDONLY);
    tw_spool *spool;
    tw_status rc = tw_spool_create(&spool, fd, err);

    *out = NULL;
    if (!rc)
        rc = tw_dataset_open(out, tw_spool_path(spool), TW_PART_TRAIN, 0, err);
    tw_spool_free(spool);
    close(fd);
    free(path);
    return rc;
}

static void make_data(const char *top)
{
    static const char list[] = "a/1.png,x,train,g\nb/2.png,y,train,h\n";
    char command[2000], *path = path_in(top, "list.csv"), *cache = path_in(top, ".cache");

    snprintf(command, sizeof command,
             "mkdir '%s' && cd '%s' && mkdir a b && cp %s/image/rgb.png a/1.png && "
             "cp a/1.png a/2.png && cp a/1.png b/2.png && : >b/3.png && "
             "touch -t 200101010000 a/* b/*",
             top, top, TW_TEST_DATA);
    assert_int_equal(system(command), 0);
    write_bytes(path, list, sizeof list - 1);
    setenv(data_name, top, 1);
    setenv("XDG_CACHE_HOME", cache, 1);
    setenv("TMPDIR", top, 1);
    free(path);
    free(cache);
}

/* Until no allocation is left to fail. The list of parts may be cut short without harm: it is for a
 * sentence that is not written. */
static void each_allocation_may_fail(void **state)
{
    const attempt attempts[] = {try_digits, try_records, try_read,      try_gzip, try_gzip,
                                try_glance, try_check,   try_leave_out, try_spool};
    char *pictures = path_in(*state, "pictures");

    make_data(pictures);
    free(pictures);
    for (size_t i = 0; i < sizeof attempts / sizeof attempts[0]; i++) {
        int n_refused = 0;
        bool failed = true;

        for (long nth = 1; failed; nth++) {
            tw_error err = {TW_OK, ""};
            tw_dataset *out;
            tw_status rc;

            assert_true(nth < MANY);
            tw_sys_fail_nth(TW_SYS_MEMORY, nth, 0, ENOMEM);
            rc = attempts[i](&out, &err);
            failed = tw_sys_fail_nth(TW_SYS_MEMORY, 0, 0, 0) >= nth;
            assert_true(rc == TW_OK || (failed && rc == TW_ENOMEM && err.text[0] && !out));
            n_refused += rc != TW_OK;
            tw_dataset_free(out);
        }
        assert_true(n_refused > 5);
    }
}

static void add_idx(const char *name, int rank, const uint32_t *dims, const uint8_t *data, size_t n)
{
    blob plain = {0}, packed = {0};
    char *path = path_in(gzip_folder, name);

    blob_idx(&plain, 8, rank, dims, data, n);
    blob_gzip(&packed, &plain);
    write_bytes(path, packed.bytes, packed.n);
    blob_free(&plain);
    blob_free(&packed);
    free(path);
}

static int set_up(void **state)
{
    static const uint32_t dims3[] = {2, 1, 2}, dims1[] = {2};
    static const uint8_t pixels[] = {1, 2, 3, 4}, labels[] = {0, 1};
    const int rc = check_make_folder(state);

    gzip_folder = *state;
    setenv("XDG_CACHE_HOME", gzip_folder, 1);
    add_idx("train-images-idx3-ubyte.gz", 3, dims3, pixels, sizeof pixels);
    add_idx("train-labels-idx1-ubyte.gz", 1, dims1, labels, sizeof labels);
    sleep(SETTLING_S);
    return rc;
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_allocation_may_fail)};

    return cmocka_run_group_tests(tests, set_up, check_remove_folder);
}
