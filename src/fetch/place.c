/*
 * Where fetched files lie, and whether they are still what was checked, by size and time of change
 * alone.
 */
#include "base/fail.h"
#include "base/memory.h"
#include "fetch/fetch_int.h"

#include <stdio.h>
#include <string.h>

tw_status tw_fetch__folder(char **out, const char *name, tw_error *err)
{
    char *files;
    tw_status rc = tw_folder_cache(&files, "files", "", err);

    *out = NULL;
    if (!rc && !(*out = tw_path_join(files, name)))
        rc = tw_fail(err, TW_ENOMEM, "no memory for the folder of %s", name);
    tw_free(files);
    return rc;
}

tw_status tw_fetch__path(char **out, const char *folder, const char *file, const char *ending,
                         tw_error *err)
{
    const size_t n = strlen(folder) + strlen(file) + strlen(ending) + 2;

    if (!(*out = tw_malloc(n)))
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s/%s%s", folder, file, ending);
    snprintf(*out, n, "%s/%s%s", folder, file, ending);
    return TW_OK;
}

tw_status tw_fetch__is_unchanged(bool *out, const char *folder, const tw_fetch__record *record,
                                 tw_error *err)
{
    char *path;
    tw_status rc = tw_fetch__path(&path, folder, record->file, "", err);

    *out = !rc && *record->file && tw_path_size(path) == record->n_bytes &&
           tw_path_mtime(path) == record->t_changed_s;
    tw_free(path);
    return rc;
}
