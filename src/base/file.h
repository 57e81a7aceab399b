/*
 * Files: mapping, positional reads, writing beside and renaming, folders, locks, free space.
 * Only base opens files. Sentences name the path.
 */
#ifndef TW_BASE_FILE_H
#define TW_BASE_FILE_H

#include <tw/error.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading */

/* A read-only mapping of a whole file, or bytes of the program that stand for one. */
typedef struct tw_map {
    const uint8_t *data;
    size_t size;
    char *path;
    bool borrowed; /* data is not ours to unmap */
    /* which file it was when it was opened; 0 where it is borrowed */
    uint64_t device, inode;
    int64_t mtime_ns;
} tw_map;

TW_MUST_CHECK tw_status tw_map_open(tw_map *out, const char *path, tw_error *err);
/* n bytes that outlive the map; `name` is what sentences call them. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_map_borrow(tw_map *out, const void *data, size_t n, const char *name,
                                      tw_error *err);
void tw_map_close(tw_map *map);
/* Gives the pages of [begin, begin+n) back to the system; they are read again on next use. The
 * pointer may lie anywhere; whole pages inside are given back. */
void tw_map_release(const void *begin, size_t n);

/* Reads a whole file of at most `limit` bytes; one zero byte is added after the end. Caller frees
 * *out with tw_free. Expected: TW_EFILE (missing, larger than limit), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_file_read(char **out, size_t *n_out, const char *path, size_t limit,
                                     tw_error *err);
/* The same of what an open descriptor still gives, a pipe's too; name is what it is called.
 * Expected: TW_EFILE (more than limit, not readable), TW_EINTERRUPTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_file_read_rest(char **out, size_t *n_out, int fd, const char *name,
                                          size_t limit, tw_error *err);

/* An open file for positional reads; thread-safe. */
typedef struct tw_file {
    int fd;
    int64_t size;
    char *path;
    const uint8_t *bytes; /* of a map that stands for the file; NULL where fd is read */
} tw_file;

TW_MUST_CHECK tw_status tw_file_open(tw_file *out, const char *path, tw_error *err);
/* Opens for reading and appending, creating an empty file where there is none. */
TW_MUST_CHECK tw_status tw_file_open_append(tw_file *out, const char *path, tw_error *err);
/* The same, and never through a symbolic link: for a file that only this program may have made. */
TW_MUST_CHECK tw_status tw_file_open_append_own(tw_file *out, const char *path, tw_error *err);
/* An unlinked temporary file in $TMPDIR or /tmp, for spooling; `path` names what it stands for. */
TW_MUST_CHECK tw_status tw_file_open_spool(tw_file *out, const char *path, tw_error *err);
/* A map, which must outlive it, to be read by position like a file. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_file_borrow(tw_file *out, const tw_map *map, tw_error *err);
void tw_file_close(tw_file *file);
/* Which file it is and when it was last changed. Stamps of a file whose bytes have changed in
 * between differ, unless both changes fell into one tick of the disk's clock. */
typedef struct tw_file_stamp {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
} tw_file_stamp;
/* Of an open file that is not borrowed. */
TW_MUST_CHECK tw_status tw_file_get_stamp(tw_file_stamp *out, const tw_file *file, tw_error *err);
bool tw_file_stamp_equal(const tw_file_stamp *a, const tw_file_stamp *b);
/* Exactly n bytes at offset, else TW_EFILE naming path, offset and what was there. */
TW_MUST_CHECK tw_status tw_file_pread(const tw_file *file, void *out, size_t n, int64_t offset,
                                      tw_error *err);
/* Appends at file->size and moves it. A failed write leaves size as it was. */
TW_MUST_CHECK tw_status tw_file_append(tw_file *file, const void *data, size_t n, tw_error *err);
TW_MUST_CHECK tw_status tw_file_truncate(tw_file *file, int64_t size, tw_error *err);
TW_MUST_CHECK tw_status tw_file_sync(tw_file *file, tw_error *err);

/* ---- writing whole files */

/* A writer: bytes go to a temporary file beside `path`; commit syncs, renames over path and syncs
 * the folder; free without commit removes the temporary file and leaves path as it was. */
typedef struct tw_writer tw_writer;

TW_MUST_CHECK tw_status tw_writer_create(tw_writer **out, const char *path, tw_error *err);
TW_MUST_CHECK tw_status tw_writer_write(tw_writer *writer, const void *data, size_t n,
                                        tw_error *err);
TW_MUST_CHECK tw_status tw_writer_commit(tw_writer *writer, tw_error *err);
void tw_writer_free(tw_writer *writer);

/* The whole text at once, atomically. */
TW_MUST_CHECK tw_status tw_file_write(const char *path, const void *data, size_t n, tw_error *err);

/* Renames over `to`, which is on the same disk, and syncs the folder. */
TW_MUST_CHECK tw_status tw_file_move(const char *from, const char *to, tw_error *err);

/* ---- folders */

bool tw_path_exists(const char *path);
bool tw_path_is_folder(const char *path);
/* -1 when there is none. */
int64_t tw_path_size(const char *path);
int64_t tw_path_mtime(const char *path);
TW_MUST_CHECK tw_status tw_folder_create(const char *path, tw_error *err); /* with parents */
/* Names in byte order, without "." and "..". Free with tw_folder_list_free. */
TW_MUST_CHECK tw_status tw_folder_list(char ***names, size_t *n, const char *path, tw_error *err);
void tw_folder_list_free(char **names, size_t n);
/* For a path that is not there: the first of its names that is missing replaced by the most similar
 * one beside it, the rest of the path too where that is there. False where none is similar. */
bool tw_path_nearest(char *buf, size_t buf_size, const char *path);
/* TW_EFILE: "PATH: WHAT", with the nearest path. */
tw_status tw_fail_missing(const char *path, const char *what, tw_error *err);
/* A new folder for the caller alone in $TMPDIR or /tmp, its name begins with TW_FOLDER_OWN. Caller
 * frees the name with tw_free, and removes the folder. */
#define TW_FOLDER_OWN "topwork-"
TW_MUST_CHECK tw_status tw_folder_create_own(char **out, tw_error *err);
/* The path seen from the root, allocated; NULL when memory ran out. Free with tw_free. */
char *tw_path_absolute(const char *path) __attribute__((malloc, warn_unused_result));
TW_MUST_CHECK tw_status tw_file_remove(const char *path, tw_error *err);   /* missing is fine */
TW_MUST_CHECK tw_status tw_folder_remove(const char *path, tw_error *err); /* empty folder */
/* Sets the times of a file to now. */
TW_MUST_CHECK tw_status tw_file_touch(const char *path, tw_error *err);
/* "a/b" joined with '/', allocated; NULL when memory ran out. Free with tw_free. */
char *tw_path_join(const char *folder, const char *name)
    __attribute__((malloc, warn_unused_result));
/* Where files of the kind `below` are kept: $XDG_CACHE_HOME/topwork/<below>, else
 * ~/.cache/topwork/<below>. Caller frees. Where neither is set: TW_EUSAGE, with `hint` at the end
 * of the sentence. */
TW_MUST_CHECK tw_status tw_folder_cache(char **out, const char *below, const char *hint,
                                        tw_error *err);
/* Free bytes of the disk that holds path (or its nearest existing parent). */
TW_MUST_CHECK tw_status tw_disk_free(int64_t *out, const char *path, tw_error *err);

/* ---- locks: an exclusive flock on path, created where missing; dies with the process. */
typedef struct tw_lock {
    int fd;
} tw_lock;
/* *got is false when another process holds it. A symbolic link is refused. */
TW_MUST_CHECK tw_status tw_lock_try(tw_lock *out, bool *got, const char *path, tw_error *err);
void tw_lock_release(tw_lock *lock);

#endif
