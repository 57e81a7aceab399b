/*
 * The machine stops between any two calls to the system. This file is the gate to the system (it
 * stands in for src/base/sys.c): the calls that change the disk are noted down while a checkpoint
 * is written or opened. Then, for every prefix of them, each disk that a power cut may leave is
 * made in a folder of its own:
 *
 *     names      those of the last sync of the folder, and any first few changes since then
 *     contents   those of the file's last sync, and of the writes since then all, none, all but
 *                one, those before one that is torn, or all with the front of one missing
 *
 * Each must open as one whole generation, the old or the new one, and take a further write.
 */
#include "check.h"

#include "base/file.h"
#include "base/json.h"
#include "base/memory.h"
#include "base/sys.h"
#include "base/text.h"
#include "train/checkpoint.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { MAX_FILE = 1 << 11, MAX_FILES = 6, MAX_CALLS = 64, MAX_OPEN = 64, NONE = -1 };

static const char *const names[] = {"last.ckpt", "last.ckpt.1", "last.ckpt.new"};
enum { N_NAMES = sizeof names / sizeof *names };

/* ---- the disk, and the calls that change it */

typedef struct content {
    size_t n;
    unsigned char bytes[MAX_FILE];
} content;

typedef struct disk {
    int file_of[N_NAMES]; /* or NONE */
    content files[MAX_FILES];
} disk;

typedef enum kind { CREATE, CUT, WRITE, SYNC, SYNC_FOLDER, RENAME, UNLINK } kind;

typedef struct call {
    kind kind;
    int file, name, to;
    size_t at, n;
    unsigned char bytes[MAX_FILE];
} call;

/* What is noted down; the folder's descriptor has the file NONE. */
static struct {
    bool on;
    disk start;
    int file_of[N_NAMES], n_files;
    int open_file[MAX_OPEN];
    call calls[MAX_CALLS];
    int n_calls;
} notes;

static int name_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    for (int i = 0; i < N_NAMES; i++)
        if (slash && !strcmp(slash + 1, names[i]))
            return i;
    return NONE;
}

static call *note(kind what, int file)
{
    call *next = &notes.calls[notes.n_calls++];

    assert_true(notes.n_calls < MAX_CALLS);
    *next = (call){.kind = what, .file = file};
    return next;
}

/* ---- the gate */

void *tw_sys_malloc(size_t n_bytes)
{
    return malloc(n_bytes);
}

void *tw_sys_calloc(size_t n, size_t n_bytes)
{
    return calloc(n, n_bytes);
}

void *tw_sys_realloc(void *old, size_t n_bytes)
{
    return realloc(old, n_bytes);
}

void *tw_sys_aligned_alloc(size_t alignment, size_t n_bytes)
{
    return aligned_alloc(alignment, n_bytes);
}

static void note_open(int fd, const char *path)
{
    int name = name_of(path);

    assert_true(fd < MAX_OPEN);
    notes.open_file[fd] = name == NONE ? NONE : notes.file_of[name];
    if (name == NONE || notes.file_of[name] != NONE)
        return;
    assert_true(notes.n_files < MAX_FILES);
    notes.open_file[fd] = notes.file_of[name] = notes.n_files++;
    note(CREATE, notes.file_of[name])->name = name;
}

int tw_sys_open(const char *path, int flags, mode_t mode)
{
    int fd = open(path, flags | O_CLOEXEC, mode);

    if (notes.on && fd >= 0)
        note_open(fd, path);
    return fd;
}

ssize_t tw_sys_pread(int fd, void *out, size_t n, off_t offset)
{
    return pread(fd, out, n, offset);
}

ssize_t tw_sys_pwrite(int fd, const void *data, size_t n, off_t offset)
{
    if (notes.on) {
        call *now = note(WRITE, notes.open_file[fd]);

        now->at = (size_t)offset;
        now->n = n;
        assert_true(now->at + n <= MAX_FILE);
        memcpy(now->bytes, data, n);
    }
    return pwrite(fd, data, n, offset);
}

int tw_sys_fsync(int fd)
{
    if (notes.on)
        note(notes.open_file[fd] == NONE ? SYNC_FOLDER : SYNC, notes.open_file[fd]);
    return 0;
}

int tw_sys_rename(const char *from, const char *to)
{
    if (notes.on) {
        call *now = note(RENAME, NONE);

        now->name = name_of(from);
        now->to = name_of(to);
        notes.file_of[now->to] = notes.file_of[now->name];
        notes.file_of[now->name] = NONE;
    }
    return rename(from, to);
}

void *tw_sys_mmap(int fd, size_t n_bytes)
{
    return mmap(NULL, n_bytes, PROT_READ, MAP_PRIVATE, fd, 0);
}

/* The two that base calls past its gate. */
int ftruncate(int fd, off_t size)
{
    if (notes.on)
        note(CUT, notes.open_file[fd])->n = (size_t)size;
    return (int)syscall(SYS_ftruncate, fd, size);
}

int unlink(const char *path)
{
    int name = name_of(path);

    if (notes.on && name != NONE && notes.file_of[name] != NONE) {
        note(UNLINK, NONE)->name = name;
        notes.file_of[name] = NONE;
    }
    return unlinkat(AT_FDCWD, path, 0);
}

/* ---- folders as disks */

static char *path_in(const char *folder, const char *name)
{
    static char paths[4][200];
    static int next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static void read_disk(disk *out, const char *folder)
{
    int n_files = 0;

    memset(out, 0, sizeof *out);
    for (int i = 0; i < N_NAMES; i++) {
        FILE *file = fopen(path_in(folder, names[i]), "rb");

        out->file_of[i] = file ? n_files : NONE;
        if (!file)
            continue;
        out->files[n_files].n = fread(out->files[n_files].bytes, 1, MAX_FILE, file);
        assert_true(out->files[n_files++].n < MAX_FILE);
        fclose(file);
    }
}

static void write_disk(const disk *in, const char *folder)
{
    for (int i = 0; i < N_NAMES; i++) {
        const content *from = &in->files[in->file_of[i] == NONE ? 0 : in->file_of[i]];
        FILE *file;

        remove(path_in(folder, names[i]));
        if (in->file_of[i] == NONE)
            continue;
        assert_non_null(file = fopen(path_in(folder, names[i]), "wb"));
        assert_int_equal(fwrite(from->bytes, 1, from->n, file), from->n);
        fclose(file);
    }
}

static void begin_notes(const char *folder)
{
    notes.n_calls = 0;
    notes.n_files = 0;
    read_disk(&notes.start, folder);
    memcpy(notes.file_of, notes.start.file_of, sizeof notes.file_of);
    for (int i = 0; i < N_NAMES; i++)
        notes.n_files += notes.file_of[i] != NONE;
    notes.on = true;
}

/* ---- the disks that a crash may leave */

/* What became of the writes since the last sync of their file; `which` counts them. */
typedef enum loss { ALL_THERE, ALL_LOST, ONE_LOST, TORN, FRONT_LOST, N_LOSSES } loss;

static void put(content *file, size_t at, const unsigned char *bytes, size_t n)
{
    if (at + n > file->n) {
        memset(file->bytes + file->n, 0, at + n - file->n);
        file->n = at + n;
    }
    memcpy(file->bytes + at, bytes, n);
}

static void apply(content *file, const call *now)
{
    if (now->kind == WRITE) {
        put(file, now->at, now->bytes, now->n);
        return;
    }
    if (now->n > file->n)
        memset(file->bytes + file->n, 0, now->n - file->n);
    file->n = now->n;
}

static void apply_lossy(content *file, const call *now, loss how, int order, int which)
{
    static const unsigned char zeros[MAX_FILE];

    if (how == ALL_LOST || (how == ONE_LOST && order == which) || (how == TORN && order > which))
        return;
    if ((how != TORN && how != FRONT_LOST) || order != which || now->kind != WRITE) {
        apply(file, now);
        return;
    }
    put(file, now->at, how == TORN ? now->bytes : zeros, now->n / 2);
    if (how == FRONT_LOST)
        put(file, now->at + now->n / 2, now->bytes + now->n / 2, now->n - now->n / 2);
}

static void rename_on(disk *out, const call *now)
{
    if (now->kind == RENAME)
        out->file_of[now->to] = out->file_of[now->name];
    out->file_of[now->name] = now->kind == CREATE ? now->file : NONE;
}

static bool changes_names(const call *now)
{
    return now->kind == CREATE || now->kind == RENAME || now->kind == UNLINK;
}

/* How many calls at the front are surely on the disk: up to the last sync of the file, or of the
 * folder. */
static int synced(int n_calls, kind sync, int file)
{
    int n = 0;

    for (int i = 0; i < n_calls; i++)
        if (notes.calls[i].kind == sync && notes.calls[i].file == file)
            n = i + 1;
    return n;
}

/* The first `n_calls` are made; `n_kept` changes of names since the last sync are on the disk.
 * Returns how many writes were not synced, and in *n_names how many changes of names. */
static int make_disk(disk *out, int n_calls, int n_kept, loss how, int which, int *n_names)
{
    int n_writes = 0;

    *out = notes.start;
    *n_names = 0;
    for (int i = 0; i < n_calls; i++) {
        const call *now = &notes.calls[i];

        if (changes_names(now)) {
            if (i < synced(n_calls, SYNC_FOLDER, NONE) || (*n_names)++ < n_kept)
                rename_on(out, now);
        } else if (now->kind == WRITE || now->kind == CUT) {
            if (i < synced(n_calls, SYNC, now->file))
                apply(&out->files[now->file], now);
            else
                apply_lossy(&out->files[now->file], now, how, n_writes++, which);
        }
    }
    return n_writes;
}

/* ---- generations */

enum { N_PARTS = 3 };
static const char *const part_names[] = {"parameters", "nothing", "optimizer"};
static const int64_t part_sizes[] = {301, 0, 97};

static void fill(tw_checkpoint_part parts[N_PARTS], unsigned char *bytes, int64_t generation)
{
    for (int i = 0; i < N_PARTS; i++) {
        parts[i] = (tw_checkpoint_part){part_names[i], bytes, part_sizes[i]};
        for (int64_t at = 0; at < part_sizes[i]; at++)
            *bytes++ = (unsigned char)(generation * 41 + i * 17 + at * at + 1);
    }
}

static void write_generation(const char *folder, int64_t generation)
{
    tw_checkpoint_part parts[N_PARTS];
    unsigned char bytes[400];
    tw_json *state = tw_json_new_object();

    tw_json_set(state, "epoch", tw_json_new_i64(generation));
    fill(parts, bytes, generation);
    assert_ok(tw_train__checkpoint_write(folder, generation, state, parts, N_PARTS, e));
    tw_json_free(state);
}

/* The generation that opens, whole in state and parts; 0 where there is none. */
static int64_t open_generation(const char *folder, bool may_complain)
{
    tw_checkpoint_part wanted[N_PARTS], got[N_PARTS];
    unsigned char bytes[400], read[400];
    tw_text why = {0};
    tw_checkpoint *in;
    int64_t generation = 0, epoch = 0;

    assert_ok(tw_train__checkpoint_open(&in, folder, &why, e));
    assert_true(may_complain || why.n == 0);
    if (in) {
        generation = tw_train__checkpoint_sequence(in);
        assert_true(tw_json_i64(&epoch, tw_json_get(tw_train__checkpoint_state(in), "epoch")));
        assert_int_equal(epoch, generation);
        fill(wanted, bytes, generation);
        fill(got, read, 0);
        assert_ok(tw_train__checkpoint_read(in, got, N_PARTS, e));
        assert_memory_equal(read, bytes, part_sizes[0] + part_sizes[1] + part_sizes[2]);
    }
    tw_train__checkpoint_close(in);
    tw_text_free(&why);
    return generation;
}

/* ---- every prefix */

/* The generations that a disk may open as, and whether a damaged file is among its own. */
typedef struct expected {
    int64_t old, new;
    bool is_damaged;
} expected;

static int check_disk(const disk *left, const char *folder, const expected *want, bool is_complete)
{
    int64_t got;

    write_disk(left, folder);
    got = open_generation(folder, want->is_damaged);
    if (got != want->new && (is_complete || got != want->old))
        fail_msg("generation %lld where %lld or %lld is expected", (long long)got,
                 (long long)want->old, (long long)want->new);
    assert_true(access(path_in(folder, names[2]), F_OK) != 0 || got == 0);
    assert_int_equal(open_generation(folder, want->is_damaged), got);
    write_generation(folder, got + 1);
    assert_int_equal(open_generation(folder, want->is_damaged), got + 1);
    return 1;
}

/* All that a crash after `n_calls` may leave. */
static int check_prefix(int n_calls, const char *folder, const expected *want)
{
    const bool is_complete = n_calls == notes.n_calls;
    int n_disks = 0, n_names, n_ignored;
    disk left;

    make_disk(&left, n_calls, 0, ALL_THERE, 0, &n_names);
    for (int kept = 0; kept <= n_names; kept++)
        for (loss how = ALL_THERE; how < N_LOSSES; how++) {
            int n_writes = make_disk(&left, n_calls, kept, how, 0, &n_ignored);

            n_disks += check_disk(&left, folder, want, is_complete);
            for (int which = 1; which < n_writes && how >= ONE_LOST; which++) {
                make_disk(&left, n_calls, kept, how, which, &n_ignored);
                n_disks += check_disk(&left, folder, want, is_complete);
            }
        }
    return n_disks;
}

static void check_prefixes(const char *base, const expected *want)
{
    char *folder = strdup(path_in(base, "left"));
    int n_disks = 0;

    notes.on = false;
    assert_ok(tw_folder_create(folder, e));
    for (int n_calls = 0; n_calls <= notes.n_calls; n_calls++)
        n_disks += check_prefix(n_calls, folder, want);
    assert_true(n_disks > notes.n_calls);
    free(folder);
}

static char *make_folder(void **state, const char *name)
{
    char *folder = strdup(path_in(*state, name));

    assert_ok(tw_folder_create(folder, e));
    return folder;
}

static void check_write(const char *folder, const expected *want)
{
    begin_notes(folder);
    write_generation(folder, want->new);
    check_prefixes(folder, want);
}

static void check_open(const char *folder, const expected *want)
{
    begin_notes(folder);
    assert_int_equal(open_generation(folder, want->is_damaged), want->new);
    check_prefixes(folder, want);
}

static void damage(const char *path)
{
    assert_int_equal(truncate(path, 200), 0);
}

static void test_the_first_one(void **state)
{
    char *folder = make_folder(state, "first");

    check_write(folder, &(expected){0, 1, false});
    free(folder);
}

static void test_the_second_one(void **state)
{
    char *folder = make_folder(state, "second");

    write_generation(folder, 1);
    check_write(folder, &(expected){1, 2, false});
    free(folder);
}

static void test_any_later_one(void **state)
{
    char *folder = make_folder(state, "later");

    write_generation(folder, 1);
    write_generation(folder, 2);
    check_write(folder, &(expected){2, 3, false});
    assert_int_equal(notes.n_calls, 12);
    free(folder);
}

static void test_over_a_half_written_one(void **state)
{
    char *folder = make_folder(state, "half");

    write_generation(folder, 1);
    write_generation(folder, 2);
    write_generation(folder, 3);
    assert_int_equal(rename(path_in(folder, names[0]), path_in(folder, names[2])), 0);
    assert_int_equal(rename(path_in(folder, names[1]), path_in(folder, names[0])), 0);
    damage(path_in(folder, names[2]));
    check_write(folder, &(expected){2, 3, false});
    free(folder);
}

/* A rename failed, the run went on: what it wrote last has no name yet, the one before has. */
static void test_where_the_newest_has_no_name(void **state)
{
    char *folder = make_folder(state, "nameless");

    write_generation(folder, 1);
    assert_int_equal(rename(path_in(folder, names[0]), path_in(folder, names[1])), 0);
    check_write(folder, &(expected){1, 2, false});
    free(folder);
}

static void test_where_the_newest_is_damaged(void **state)
{
    char *folder = make_folder(state, "damaged");

    write_generation(folder, 1);
    write_generation(folder, 2);
    damage(path_in(folder, names[0]));
    check_write(folder, &(expected){1, 2, true});
    free(folder);
}

/* A crash while what a crash left is put in order. */
static void test_opening_before_the_first_rename(void **state)
{
    char *folder = make_folder(state, "before"), *other = make_folder(state, "other");

    write_generation(folder, 1);
    write_generation(folder, 3);
    assert_int_equal(rename(path_in(folder, names[0]), path_in(folder, names[2])), 0);
    assert_int_equal(rename(path_in(folder, names[1]), path_in(folder, names[0])), 0);
    write_generation(other, 1);
    assert_int_equal(rename(path_in(other, "last.ckpt"), path_in(folder, "last.ckpt.1")), 0);
    check_open(folder, &(expected){3, 3, false});
    free(other);
    free(folder);
}

static void test_opening_between_the_renames(void **state)
{
    char *folder = make_folder(state, "between");

    write_generation(folder, 1);
    write_generation(folder, 2);
    assert_int_equal(rename(path_in(folder, names[0]), path_in(folder, names[2])), 0);
    check_open(folder, &(expected){2, 2, false});
    free(folder);
}

static void test_opening_with_a_half_written_one(void **state)
{
    char *folder = make_folder(state, "removing");

    write_generation(folder, 1);
    write_generation(folder, 2);
    assert_int_equal(rename(path_in(folder, names[0]), path_in(folder, names[2])), 0);
    assert_int_equal(rename(path_in(folder, names[1]), path_in(folder, names[0])), 0);
    damage(path_in(folder, names[2]));
    check_open(folder, &(expected){1, 1, false});
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_first_one),
        cmocka_unit_test(test_the_second_one),
        cmocka_unit_test(test_any_later_one),
        cmocka_unit_test(test_over_a_half_written_one),
        cmocka_unit_test(test_where_the_newest_has_no_name),
        cmocka_unit_test(test_where_the_newest_is_damaged),
        cmocka_unit_test(test_opening_before_the_first_rename),
        cmocka_unit_test(test_opening_between_the_renames),
        cmocka_unit_test(test_opening_with_a_half_written_one),
    };

    return cmocka_run_group_tests_name("unit/train/checkpoint_crash", tests, check_make_folder,
                                       check_remove_folder);
}
