/*
 * A manifest that comes on standard input, kept in a file for as long as somebody needs it: a
 * folder of its own in $TMPDIR, written as every manifest is, with absolute paths, since it lies
 * elsewhere than where it was meant. What is wrong with it is said when it is taken, by the name
 * "standard input"; later it is a manifest like any other.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/data_int.h"

#include <string.h>

enum { MAX_BYTES = 1 << 30 };
static const char name[] = "standard input", file_name[] = "/stdin.csv";

struct tw_spool {
    char *folder, *path;
};

const char *tw_spool_shown(const char *path)
{
    const char *folder = strstr(path, "/" TW_FOLDER_OWN), *slash = strrchr(path, '/');

    return folder && slash && strcmp(slash, file_name) == 0 && strchr(folder + 1, '/') == slash
               ? "-"
               : path;
}

/* Columns that the manifest has. */
static void add_head(tw_text *text, const tw_data__manifest *manifest, bool has_groups)
{
    tw_text_add(text, "path,label%s%s\n", manifest->has_parts ? ",split" : "",
                has_groups ? ",group" : "");
}

static tw_status add_row(tw_text *text, const tw_data__manifest *manifest, const tw_data__row *row,
                         bool has_groups, tw_error *err)
{
    char *path = tw_path_absolute(row->path);

    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name %s", row->path);
    tw_data__add_field(text, path, ",");
    tw_free(path);
    tw_data__add_field(text, row->label_name, manifest->has_parts || has_groups ? "," : "\n");
    if (manifest->has_parts)
        tw_text_add(text, "%s%s", tw_part_name((tw_part)row->part), has_groups ? "," : "\n");
    if (has_groups)
        tw_data__add_field(text, row->group ? row->group : "", "\n");
    return TW_OK;
}

static tw_status write_file(const tw_data__manifest *manifest, const char *path, tw_error *err)
{
    bool has_groups = false;
    tw_text text = {0};
    tw_status rc = TW_OK;

    for (int64_t i = 0; i < manifest->n; i++)
        has_groups = has_groups || manifest->rows[i].group;
    add_head(&text, manifest, has_groups);
    for (int64_t i = 0; i < manifest->n && !rc; i++)
        rc = add_row(&text, manifest, &manifest->rows[i], has_groups, err);
    if (!rc)
        rc = text.failed ? tw_fail(err, TW_ENOMEM, "no memory to keep %s", name)
                         : tw_file_write(path, text.text, text.n, err);
    tw_text_free(&text);
    return rc;
}

static tw_status fill(tw_spool *spool, int fd, tw_error *err)
{
    tw_data__manifest manifest = {0};
    tw_status rc;
    char *text;
    size_t n;

    if ((rc = tw_file_read_rest(&text, &n, fd, name, MAX_BYTES, err)) ||
        (rc = tw_data__parse_manifest(&manifest, text, n, name, err)) ||
        (rc = tw_folder_create_own(&spool->folder, err)))
        goto done;
    if (!(spool->path = tw_path_join(spool->folder, file_name + 1)))
        rc = tw_fail(err, TW_ENOMEM, "no memory to keep %s", name);
    else
        rc = write_file(&manifest, spool->path, err);
done:
    tw_data__free_manifest(&manifest);
    return rc;
}

tw_status tw_spool_create(tw_spool **out, int fd, tw_error *err)
{
    tw_spool *spool = tw_calloc(1, sizeof *spool);
    tw_status rc;

    *out = NULL;
    if (!spool)
        return tw_fail(err, TW_ENOMEM, "no memory to keep %s", name);
    if ((rc = fill(spool, fd, err)))
        tw_spool_free(spool);
    else
        *out = spool;
    return rc;
}

const char *tw_spool_path(const tw_spool *spool)
{
    return spool->path;
}

void tw_spool_free(tw_spool *spool)
{
    tw_error ignored; /* nobody is left to tell, and $TMPDIR is emptied by others */

    if (!spool)
        return;
    if (!spool->path || !tw_file_remove(spool->path, &ignored))
        if (spool->folder && tw_folder_remove(spool->folder, &ignored))
            tw_error_clear(&ignored);
    tw_free(spool->path);
    tw_free(spool->folder);
    tw_free(spool);
}
