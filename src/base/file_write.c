/*
 * Writing whole files atomically; see file.h. The bytes go through a small buffer into
 * "<path>.tmp-<pid>"; commit is write, fsync, rename, fsync of the folder, in this order, so after
 * any crash path holds the old or the new bytes, whole.
 */
#include "base/fail.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BUFFER_BYTES = 64 * 1024 };

struct tw_writer {
    tw_file file;    /* the temporary file; file.path is the final path, for sentences */
    char *temporary; /* NULL once it is renamed */
    size_t n_buffered;
    unsigned char buffer[BUFFER_BYTES];
};

tw_status tw_writer_create(tw_writer **out, const char *path, tw_error *err)
{
    tw_status rc = TW_ENOMEM;
    tw_writer *writer = tw_calloc(1, sizeof *writer);
    size_t n = strlen(path) + 32;

    *out = NULL;
    if (!writer)
        return tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
    writer->file.fd = -1;
    if (!(writer->file.path = tw_strdup(path)) || !(writer->temporary = tw_malloc(n))) {
        rc = tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
        goto done;
    }
    snprintf(writer->temporary, n, "%s.tmp-%ld", path, (long)getpid());
    writer->file.fd = tw_sys_open(writer->temporary, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (writer->file.fd < 0) {
        rc = tw_fail_errno(err, TW_EFILE, "%s: cannot create", path);
        tw_free(writer->temporary);
        writer->temporary = NULL;
        goto done;
    }
    *out = writer;
    writer = NULL;
    rc = TW_OK;
done:
    tw_writer_free(writer);
    return rc;
}

static tw_status flush(tw_writer *writer, tw_error *err)
{
    tw_status rc = tw_file_append(&writer->file, writer->buffer, writer->n_buffered, err);

    writer->n_buffered = 0;
    return rc;
}

tw_status tw_writer_write(tw_writer *writer, const void *data, size_t n, tw_error *err)
{
    tw_status rc;

    if (n < BUFFER_BYTES - writer->n_buffered) {
        memcpy(writer->buffer + writer->n_buffered, data, n);
        writer->n_buffered += n;
        return TW_OK;
    }
    if ((rc = flush(writer, err)))
        return rc;
    return tw_file_append(&writer->file, data, n, err);
}

/* Makes the rename itself survive a power cut. */
static tw_status sync_folder_of(const char *path, tw_error *err)
{
    tw_status rc = TW_OK;
    const char *slash = strrchr(path, '/');
    char *folder = tw_strdup(slash ? path : ".");
    int fd;

    if (!folder)
        return tw_fail(err, TW_ENOMEM, "no memory to write %s", path);
    if (slash)
        folder[slash == path ? 1 : slash - path] = '\0';
    fd = tw_sys_open(folder, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 || tw_sys_fsync(fd) != 0)
        rc = tw_fail_errno(err, TW_EFILE, "%s: cannot sync the folder", path);
    if (fd >= 0)
        close(fd);
    tw_free(folder);
    return rc;
}

tw_status tw_file_move(const char *from, const char *to, tw_error *err)
{
    if (tw_sys_rename(from, to) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot rename into place", to);
    return sync_folder_of(to, err);
}

tw_status tw_writer_commit(tw_writer *writer, tw_error *err)
{
    tw_status rc;
    const char *path = writer->file.path;

    if ((rc = flush(writer, err)) || (rc = tw_file_sync(&writer->file, err)))
        return rc;
    if (tw_sys_rename(writer->temporary, path) != 0)
        return tw_fail_errno(err, TW_EFILE, "%s: cannot rename into place", path);
    tw_free(writer->temporary);
    writer->temporary = NULL;
    return sync_folder_of(path, err);
}

void tw_writer_free(tw_writer *writer)
{
    if (!writer)
        return;
    if (writer->temporary)
        unlink(writer->temporary);
    tw_file_close(&writer->file);
    tw_free(writer->temporary);
    tw_free(writer);
}

tw_status tw_file_write(const char *path, const void *data, size_t n, tw_error *err)
{
    tw_status rc;
    tw_writer *writer;

    if ((rc = tw_writer_create(&writer, path, err)))
        return rc;
    if (!(rc = tw_writer_write(writer, data, n, err)))
        rc = tw_writer_commit(writer, err);
    tw_writer_free(writer);
    return rc;
}
