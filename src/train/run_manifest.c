/*
 * RUN/manifest.csv: a manifest that came on standard input is kept in the run, which is then of
 * that file, also when it goes on. A run of its own manifest leaves it alone, any other has none.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 1 << 30 };
static const char file_name[] = "manifest.csv";

tw_status tw_train__name_manifest(tw_training *training, tw_error *err)
{
    const char *data = tw_train__text(training->config, TW_OPTION_DATA);
    const char *output = tw_train__text(training->config, TW_OPTION_OUTPUT);
    char *path;
    tw_status rc;

    if (!output || tw_spool_shown(data) == data)
        return TW_OK;
    path = tw_path_join(output, file_name);
    training->spooled = tw_strdup(data);
    rc = path && training->spooled
             ? tw_config_set(training->config, "data", path, TW_FROM_FLAG, err)
             : tw_fail(err, TW_ENOMEM, "no memory for the name of %s/%s", output, file_name);
    tw_free(path);
    return rc;
}

static bool is_same(const char *a, const char *b)
{
    char x[PATH_MAX], y[PATH_MAX];

    return realpath(a, x) && realpath(b, y) && strcmp(x, y) == 0;
}

tw_status tw_train__copy_file(const char *from, const char *to, tw_error *err)
{
    char *text;
    size_t n;
    tw_status rc = tw_file_read(&text, &n, from, MAX_BYTES, err);

    if (rc)
        return rc;
    rc = tw_file_write(to, text, n, err);
    tw_free(text);
    return rc;
}

tw_status tw_train__write_manifest(const tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;
    char *path = tw_train__folder_file(&run->folder, file_name);
    tw_status rc = TW_OK;

    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s", file_name);
    if (training->spooled)
        rc = tw_train__copy_file(training->spooled, path, err);
    else if (!is_same(path, tw_train__text(training->config, TW_OPTION_DATA)))
        rc = tw_file_remove(path, err);
    tw_free(path);
    return rc;
}
