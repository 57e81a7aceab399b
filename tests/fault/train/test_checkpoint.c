/*
 * The n-th call to the system fails while a checkpoint is written, opened or read: the right code
 * and a sentence, and what was whole before is whole afterwards. Two calls that base makes past its
 * gate, ftruncate and unlink, are made to fail here.
 */
#include "check.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"
#include "train/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

enum { MAX_FILE = 1 << 11, MANY = 100, PART_BYTES = 333, OLD = 2, NEW = 3 };

/* ---- calls that fail */

enum { TRUNCATE = TW_N_SYS, UNLINK };
static struct {
    long n_calls, nth;
    int error;
} past[2];

static bool fails(int kind)
{
    if (++past[kind - TRUNCATE].n_calls != past[kind - TRUNCATE].nth)
        return false;
    errno = past[kind - TRUNCATE].error;
    return true;
}

int ftruncate(int fd, off_t size)
{
    return fails(TRUNCATE) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}

int unlink(const char *path)
{
    return fails(UNLINK) ? -1 : unlinkat(AT_FDCWD, path, 0);
}

/* As tw_sys_fail_nth does it. */
static long fail_nth(int kind, long nth, int error)
{
    long n_calls;

    if (kind < TW_N_SYS)
        return tw_sys_fail_nth((tw_sys_kind)kind, nth, 0, error);
    n_calls = past[kind - TRUNCATE].n_calls;
    past[kind - TRUNCATE].n_calls = 0;
    past[kind - TRUNCATE].nth = nth;
    past[kind - TRUNCATE].error = error;
    return n_calls;
}

typedef struct fault {
    int kind, error;
    tw_status status;
} fault;

/* ---- folders */

static const char *const names[] = {"last.ckpt", "last.ckpt.1", "last.ckpt.new"};
enum { NEWEST, OLDER, COMING, N_NAMES };

/* What the three files hold; n is -1 where there is none. */
typedef struct files {
    long n[N_NAMES];
    unsigned char bytes[N_NAMES][MAX_FILE];
} files;

static char *path_in(const char *folder, const char *name)
{
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void read_files(files *out, const char *folder)
{
    for (int i = 0; i < N_NAMES; i++) {
        FILE *file = fopen(path_in(folder, names[i]), "rb");

        out->n[i] = file ? (long)fread(out->bytes[i], 1, MAX_FILE, file) : -1;
        if (file)
            fclose(file);
    }
}

static void write_files(const files *in, const char *folder)
{
    for (int i = 0; i < N_NAMES; i++) {
        FILE *file;

        unlinkat(AT_FDCWD, path_in(folder, names[i]), 0);
        if (in->n[i] < 0)
            continue;
        assert_non_null(file = fopen(path_in(folder, names[i]), "wb"));
        assert_int_equal(fwrite(in->bytes[i], 1, (size_t)in->n[i], file), in->n[i]);
        fclose(file);
    }
}

static void move_file(files *in, int to, int from)
{
    in->n[to] = in->n[from];
    memcpy(in->bytes[to], in->bytes[from], MAX_FILE);
    in->n[from] = -1;
}

static void assert_same_files(const files *in, const char *folder)
{
    files now;

    read_files(&now, folder);
    for (int i = 0; i < N_NAMES; i++) {
        assert_int_equal(now.n[i], in->n[i]);
        if (in->n[i] > 0)
            assert_memory_equal(now.bytes[i], in->bytes[i], in->n[i]);
    }
}

/* ---- generations: each byte of a part is the generation's number */

static tw_status write_generation(const char *folder, int64_t generation, tw_error *err)
{
    unsigned char bytes[PART_BYTES];
    const tw_checkpoint_part parts[] = {{"first", bytes, PART_BYTES}, {"second", bytes, 1}};
    tw_json *state = tw_json_new_object();
    tw_status rc;

    memset(bytes, (int)generation, sizeof bytes);
    rc = tw_train__checkpoint_write(folder, generation, state, parts, 2, err);
    tw_json_free(state);
    return rc;
}

static int64_t assert_whole(const tw_checkpoint *in)
{
    unsigned char bytes[PART_BYTES];
    const tw_checkpoint_part part = {"first", bytes, PART_BYTES};
    int64_t generation = tw_train__checkpoint_sequence(in);

    assert_ok(tw_train__checkpoint_read(in, &part, 1, e));
    for (int i = 0; i < PART_BYTES; i++)
        assert_int_equal(bytes[i], generation);
    return generation;
}

static int64_t open_generation(const char *folder)
{
    tw_text why = {0};
    tw_checkpoint *in;
    int64_t generation;

    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_non_null(in);
    generation = assert_whole(in);
    tw_train__checkpoint_close(in);
    tw_text_free(&why);
    return generation;
}

static int set_up(void **state)
{
    check_make_folder(state);
    for (int64_t g = 1; g <= OLD; g++)
        assert_ok(write_generation(*state, g, e));
    return 0;
}

/* ---- writing */

/* Returns whether there was an n-th call. */
static bool check_write(const char *folder, const files *start, const fault *what, long nth)
{
    tw_error err = {TW_OK, ""};
    tw_status rc;
    bool was_hit;
    int64_t got;

    write_files(start, folder);
    tw_sys_fail_nth(TW_SYS_RENAME, 0, 0, 0);
    fail_nth(what->kind, nth, what->error);
    rc = write_generation(folder, NEW, &err);
    was_hit = fail_nth(what->kind, 0, 0) >= nth;
    if (rc != (was_hit ? what->status : TW_OK))
        fail_msg("kind %d, call %ld: %s: %s", what->kind, nth, tw_status_name(rc), err.text);
    assert_true(!was_hit || strstr(err.text, path_in(folder, "last.ckpt")));
    if (what->kind != TW_SYS_RENAME && tw_sys_fail_nth(TW_SYS_RENAME, 0, 0, 0) == 0)
        assert_same_files(start, folder);
    got = open_generation(folder);
    assert_true(got == NEW || (was_hit && got == OLD));
    assert_ok(write_generation(folder, NEW, e));
    assert_int_equal(open_generation(folder), NEW);
    return was_hit;
}

static void test_a_failed_write_leaves_the_older_ones(void **state)
{
    static const fault faults[] = {
        {TW_SYS_MEMORY, ENOMEM, TW_ENOMEM}, {TW_SYS_OPEN, EACCES, TW_EFILE},
        {TW_SYS_OPEN, ENOSPC, TW_EBUDGET},  {TW_SYS_WRITE, EIO, TW_EFILE},
        {TW_SYS_WRITE, ENOSPC, TW_EBUDGET}, {TW_SYS_WRITE, EDQUOT, TW_EBUDGET},
        {TW_SYS_SYNC, EIO, TW_EFILE},       {TW_SYS_SYNC, ENOSPC, TW_EBUDGET},
        {TW_SYS_RENAME, EACCES, TW_EFILE},  {TW_SYS_RENAME, ENOSPC, TW_EBUDGET},
        {TRUNCATE, EIO, TW_EFILE},
    };
    files start;

    read_files(&start, *state);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        long nth = 1;

        while (check_write(*state, &start, &faults[i], nth))
            assert_true(++nth < MANY);
        assert_true(nth > 1);
    }
    write_files(&start, *state);
}

static void test_a_full_disk_is_named(void **state)
{
    char sentence[300];
    files start;

    read_files(&start, *state);
    snprintf(sentence, sizeof sentence,
             "%s/last.ckpt.new: cannot write 64 bytes at 0: No space left on device",
             (char *)*state);
    fail_nth(TW_SYS_WRITE, 1, ENOSPC);
    assert_fails(TW_EBUDGET, sentence, write_generation(*state, NEW, e));
    fail_nth(TW_SYS_WRITE, 0, 0);
    assert_same_files(&start, *state);
}

/* What cannot be taken away is emptied by the next one. */
static void test_what_is_left_behind_does_no_harm(void **state)
{
    char sentence[300];
    files start;

    read_files(&start, *state);
    snprintf(sentence, sizeof sentence,
             "%s/last.ckpt.new: cannot write 333 bytes at 226: No space left on device",
             (char *)*state);
    fail_nth(TW_SYS_WRITE, 4, ENOSPC);
    fail_nth(UNLINK, 1, EACCES);
    assert_fails(TW_EBUDGET, sentence, write_generation(*state, NEW, e));
    fail_nth(TW_SYS_WRITE, 0, 0);
    assert_int_equal(fail_nth(UNLINK, 0, 0), 1);
    assert_true(tw_path_exists(path_in(*state, names[COMING])));
    assert_ok(write_generation(*state, NEW, e));
    assert_int_equal(open_generation(*state), NEW);
    write_files(&start, *state);
}

/* ---- opening */

/* Where `out` came, it is whole, and the older one came only with a reason. */
static bool check_open(const char *folder, const files *start, const fault *what, long nth)
{
    tw_error err = {TW_OK, ""};
    tw_text why = {0};
    tw_checkpoint *in;
    tw_status rc;
    bool was_hit;

    write_files(start, folder);
    fail_nth(what->kind, nth, what->error);
    rc = tw_train__checkpoint_open(&in, folder, &why, &err);
    was_hit = fail_nth(what->kind, 0, 0) >= nth;
    if (rc && rc != what->status)
        fail_msg("kind %d, call %ld: %s: %s", what->kind, nth, tw_status_name(rc), err.text);
    assert_int_equal(rc == TW_OK, in != NULL);
    assert_true(rc == TW_OK || (was_hit && strlen(err.text) > 0));
    if (in && assert_whole(in) < OLD)
        assert_non_null(strstr(why.text, "going on from the checkpoint before it"));
    tw_train__checkpoint_close(in);
    tw_text_free(&why);
    assert_true(open_generation(folder) >= OLD);
    return was_hit;
}

static void check_all_opens(const char *folder, const files *start, bool has_coming)
{
    static const fault faults[] = {
        {TW_SYS_MEMORY, ENOMEM, TW_ENOMEM}, {TW_SYS_OPEN, EMFILE, TW_EFILE},
        {TW_SYS_READ, EIO, TW_EFILE},       {TW_SYS_SYNC, EIO, TW_EFILE},
        {TW_SYS_RENAME, EACCES, TW_EFILE},
    };

    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        long nth = 1;

        while (check_open(folder, start, &faults[i], nth))
            assert_true(++nth < MANY);
        assert_true(nth > 1 || (!has_coming && faults[i].kind >= TW_SYS_SYNC));
    }
}

static void test_a_failed_open_loses_nothing(void **state)
{
    files start;

    read_files(&start, *state);
    check_all_opens(*state, &start, false);
    write_files(&start, *state);
}

static void test_a_failed_open_before_the_renames(void **state)
{
    files start, before;

    read_files(&start, *state);
    assert_ok(write_generation(*state, NEW, e));
    read_files(&before, *state);
    move_file(&before, COMING, NEWEST);
    move_file(&before, NEWEST, OLDER);
    before.n[OLDER] = start.n[OLDER];
    memcpy(before.bytes[OLDER], start.bytes[OLDER], MAX_FILE);
    check_all_opens(*state, &before, true);
    write_files(&start, *state);
}

static void test_a_failed_open_between_the_renames(void **state)
{
    files start, between;

    read_files(&start, *state);
    assert_ok(write_generation(*state, NEW, e));
    read_files(&between, *state);
    move_file(&between, COMING, NEWEST);
    check_all_opens(*state, &between, true);
    write_files(&start, *state);
}

static void test_what_cannot_be_removed_is_named(void **state)
{
    char sentence[300];
    tw_text why = {0};
    tw_checkpoint *in;
    files start, half;

    read_files(&start, *state);
    half = start;
    half.n[COMING] = 9;
    memcpy(half.bytes[COMING], half.bytes[NEWEST], 9);
    write_files(&half, *state);
    snprintf(sentence, sizeof sentence, "%s/last.ckpt.new: cannot remove: Permission denied",
             (char *)*state);
    fail_nth(UNLINK, 1, EACCES);
    assert_fails(TW_EFILE, sentence, tw_train__checkpoint_open(&in, *state, &why, e));
    assert_null(in);
    snprintf(sentence, sizeof sentence, "%s/last.ckpt.1: cannot remove: Permission denied",
             (char *)*state);
    fail_nth(UNLINK, 1, EACCES);
    assert_fails(TW_EFILE, sentence, tw_train__checkpoint_remove_older(*state, e));
    fail_nth(UNLINK, 0, 0);
    assert_int_equal(open_generation(*state), OLD);
    assert_same_files(&start, *state);
}

static void test_without_memory_for_the_reasons(void **state)
{
    char both[300], none[300];
    bool was_said = false;
    files start, damaged;

    read_files(&start, *state);
    damaged = start;
    damaged.bytes[NEWEST][0] ^= 1;
    damaged.bytes[OLDER][0] ^= 1;
    snprintf(both, sizeof both, "%s/last.ckpt: not a checkpoint; %s/last.ckpt.1: not a checkpoint",
             (char *)*state, (char *)*state);
    snprintf(none, sizeof none, "%s: no checkpoint is whole", (char *)*state);
    write_files(&damaged, *state);
    for (long nth = 1, was_hit = 1; was_hit; nth++) {
        tw_error err = {TW_OK, ""};
        tw_text why = {0};
        tw_checkpoint *in;
        tw_status rc;

        fail_nth(TW_SYS_MEMORY, nth, ENOMEM);
        rc = tw_train__checkpoint_open(&in, *state, &why, &err);
        was_hit = fail_nth(TW_SYS_MEMORY, 0, 0) >= nth;
        assert_true(rc == TW_EFILE || (rc == TW_ENOMEM && was_hit));
        assert_true(rc == TW_ENOMEM || !strcmp(err.text, both) || !strcmp(err.text, none));
        was_said = was_said || !strcmp(err.text, none);
        assert_null(in);
        tw_text_free(&why);
    }
    assert_true(was_said);
    write_files(&start, *state);
}

static void test_reads_that_fail_later(void **state)
{
    unsigned char bytes[PART_BYTES];
    const tw_checkpoint_part part = {"first", bytes, PART_BYTES};
    char sentence[300];
    tw_text why = {0};
    tw_checkpoint *in;

    snprintf(sentence, sizeof sentence,
             "%s/last.ckpt: cannot read 333 bytes at 226: Input/output error", (char *)*state);
    assert_ok(tw_train__checkpoint_open(&in, *state, &why, e));
    fail_nth(TW_SYS_READ, 1, EIO);
    assert_fails(TW_EFILE, sentence, tw_train__checkpoint_read(in, &part, 1, e));
    fail_nth(TW_SYS_READ, 0, 0);
    assert_int_equal(assert_whole(in), OLD);
    tw_train__checkpoint_close(in);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_failed_write_leaves_the_older_ones),
        cmocka_unit_test(test_a_full_disk_is_named),
        cmocka_unit_test(test_what_is_left_behind_does_no_harm),
        cmocka_unit_test(test_a_failed_open_loses_nothing),
        cmocka_unit_test(test_a_failed_open_before_the_renames),
        cmocka_unit_test(test_a_failed_open_between_the_renames),
        cmocka_unit_test(test_what_cannot_be_removed_is_named),
        cmocka_unit_test(test_without_memory_for_the_reasons),
        cmocka_unit_test(test_reads_that_fail_later),
    };

    return cmocka_run_group_tests_name("fault/train/checkpoint", tests, set_up,
                                       check_remove_folder);
}
