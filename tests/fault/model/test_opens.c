/*
 * Loading opens the file that was named, at most a temporary one to unpack into, and nothing else:
 * told by the table of base/sys.c, and by the kernel, which stops a child at every system call.
 */
#include "base/sys.h"
#include "format/arrays.h"
#include "image/image.h"

#include "make_files.h"
#include "tiny_model.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* What is loaded, and how it is loaded. */
typedef struct load {
    const char *name;
    tw_status (*run)(const char *path, tw_error *err);
    long n_opens;
} load;

static tw_status run_weights(const char *path, tw_error *err)
{
    tw_weight_file file;
    const tw_status rc = tw_weight_file_open(&file, path, err);

    tw_weight_file_close(&file);
    return rc;
}

static tw_status run_model(const char *path, tw_error *err)
{
    tw_model *model;
    tw_status rc = tw_model_open(&model, path, NULL, NULL, 0, err);

    if (!rc)
        rc = tw_model_check_weights(model, err);
    tw_model_free(model);
    return rc;
}

static tw_status run_idx(const char *path, tw_error *err)
{
    tw_array_file array;
    const tw_status rc = tw_idx_open(&array, path, err);

    tw_array_file_close(&array);
    return rc;
}

static tw_status run_npz(const char *path, tw_error *err)
{
    tw_array_file array;
    const tw_status rc = tw_npz_open(&array, path, "x", err);

    tw_array_file_close(&array);
    return rc;
}

static tw_status run_picture(const char *path, tw_error *err)
{
    tw_picture picture;
    const tw_status rc = tw_picture_read(&picture, path, err);

    tw_picture_free(&picture);
    return rc;
}

/* Names without a '/' are of the test's folder, the others golden files. */
static const load loads[] = {
    {"h5/keras2.h5", run_weights, 1},
    {"tiny.safetensors", run_weights, 1},
    {"tiny.safetensors", run_model, 1},
    {"idx", run_idx, 1},
    {"idx.gz", run_idx, 2},
    {"stored.npz", run_npz, 1},
    {"deflated.npz", run_npz, 2},
    {"image/rgb.png", run_picture, 1},
    {"image/interlaced.png", run_picture, 1},
    {"image/progressive.jpg", run_picture, 1},
};
enum { N_LOADS = sizeof loads / sizeof loads[0] };

static char *path_of(const load *it, const char *folder)
{
    return path_in(strchr(it->name, '/') ? TW_TEST_DATA : folder, it->name);
}

static void write_npz(const char *folder, const char *name, unsigned method)
{
    char *path = path_in(folder, name);
    zip_maker zip = {.method = method};

    zip_add_npy(&zip, "x.npy", "{'descr': '|u1', 'fortran_order': False, 'shape': (4,)}", "abcd",
                4);
    zip_end(&zip);
    write_bytes(path, zip.file.bytes, zip.file.n);
    blob_free(&zip.file);
    free(path);
}

static int set_up(void **state)
{
    blob idx = {0}, gzip = {0};
    char *path;

    if (check_make_folder(state))
        return -1;
    free(tiny_write_model(*state));
    blob_idx(&idx, 8, 1, (uint32_t[]){4}, "abcd", 4);
    blob_gzip(&gzip, &idx);
    write_bytes(path = path_in(*state, "idx"), idx.bytes, idx.n);
    free(path);
    write_bytes(path = path_in(*state, "idx.gz"), gzip.bytes, gzip.n);
    free(path);
    blob_free(&idx);
    blob_free(&gzip);
    write_npz(*state, "stored.npz", 0);
    write_npz(*state, "deflated.npz", 8);
    return 0;
}

static void the_table_sees_one_file_opened(void **state)
{
    for (int i = 0; i < N_LOADS; i++) {
        char *path = path_of(&loads[i], *state);

        tw_sys_fail_nth(TW_SYS_OPEN, 0, 0, 0);
        assert_ok(loads[i].run(path, e));
        if (tw_sys_fail_nth(TW_SYS_OPEN, 0, 0, 0) != loads[i].n_opens)
            fail_msg("%s: opens more than %ld files", loads[i].name, loads[i].n_opens);
        free(path);
    }
}

/* ---- the kernel's word */

/* Whether a system call reaches for a file, a program or the network. */
static bool reaches_out(uint64_t call)
{
    static const long calls[] = {
#ifdef SYS_open
        SYS_open,   SYS_creat,   SYS_fork,   SYS_vfork,
#endif
        SYS_openat, SYS_openat2, SYS_execve, SYS_execveat, SYS_socket, SYS_connect};

    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        if (call == (uint64_t)calls[i])
            return true;
    return false;
}

/* The child stops itself, loads, and ends with 0. */
static pid_t start_child(const load *it, const char *path)
{
    const pid_t child = fork();

    assert_true(child >= 0);
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
            _exit(99);
        raise(SIGSTOP);
        _exit(it->run(path, NULL) == TW_OK ? 0 : 1);
    }
    return child;
}

/* Counts the calls of a child that reach out; -1 where nobody may be traced. */
static long count_calls(pid_t child)
{
    struct __ptrace_syscall_info info;
    long n = 0;
    int status;

    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status))
        return -1;
    assert_int_equal(ptrace(PTRACE_SETOPTIONS, child, NULL, PTRACE_O_TRACESYSGOOD), 0);
    for (;;) {
        assert_int_equal(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSTOPPED(status))
            break;
        assert_int_equal(WSTOPSIG(status), SIGTRAP | 0x80);
        assert_true(ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof info, &info) > 0);
        n += info.op == PTRACE_SYSCALL_INFO_ENTRY && reaches_out(info.entry.nr);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    return n;
}

static void the_kernel_sees_one_file_opened(void **state)
{
    for (int i = 0; i < N_LOADS; i++) {
        char *path = path_of(&loads[i], *state);
        const long n = count_calls(start_child(&loads[i], path));

        free(path);
        if (n < 0) {
            print_message("skipped: no process may be traced here\n");
            skip();
        }
        if (n != loads[i].n_opens)
            fail_msg("%s: %ld calls reach out, expected %ld", loads[i].name, n, loads[i].n_opens);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_sees_one_file_opened),
        cmocka_unit_test(the_kernel_sees_one_file_opened),
    };

    return cmocka_run_group_tests(tests, set_up, check_remove_folder);
}
