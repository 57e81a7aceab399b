/* What the verbs that take a RUN share. */
#include "cli/cli.h"

tw_status cli_open_run(tw_model **out, const char *run, tw_error *err)
{
    char path[4096];
    tw_status rc;

    *out = NULL;
    if ((rc = tw_run_model_path(path, sizeof path, run, err)))
        return rc;
    return tw_model_open(out, path, NULL, NULL, 0, err);
}
