/* Puts a file where `topwork fetch` would have put it, with the record that says it was checked. */
#ifndef TW_TESTS_FETCHED_H
#define TW_TESTS_FETCHED_H

#include "fetch/fetch_int.h"

#include "check.h"

/* From now on fetched files lie in ROOT/topwork/files. */
static inline void fetched_root(const char *root)
{
    setenv("XDG_CACHE_HOME", root, 1);
}

/* File i of a name of the catalogue; `from` is moved there. */
static inline void fetched_put(const char *name, int i, const char *from)
{
    const tw_fetch__entry *entry = tw_fetch__find(name);
    const tw_fetch__file *file = &entry->files[i];
    tw_fetch__record record = {.source = "a test", .date = "today"};
    char *folder, path[512];

    assert_ok(tw_fetch__folder(&folder, name, e));
    assert_ok(tw_folder_create(folder, e));
    snprintf(path, sizeof path, "%s/%s", folder, file->name);
    assert_ok(tw_file_move(from, path, e));
    snprintf(record.file, sizeof record.file, "%s", file->name);
    record.n_bytes = tw_path_size(path);
    record.t_changed_s = tw_path_mtime(path);
    assert_ok(tw_fetch__record_write(&record, folder, file, e));
    free(folder);
}

/* As if it had never been fetched. */
static inline void fetched_forget(const char *name)
{
    char *folder, command[512];

    assert_ok(tw_fetch__folder(&folder, name, e));
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    assert_int_equal(system(command), 0);
    free(folder);
}

#endif
