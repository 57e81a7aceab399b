/* What the verbs that take a RUN share. */
#include "cli/cli.h"

#include <stdio.h>

tw_status cli_open_run(tw_model **out, const char *run, tw_error *err)
{
    char path[4096];
    tw_status rc;

    *out = NULL;
    if ((rc = tw_run_model_path(path, sizeof path, run, err)))
        return rc;
    return tw_model_open(out, path, NULL, NULL, 0, err);
}

void cli_print_no_report(const tw_error *why)
{
    char text[sizeof why->text + 16];

    snprintf(text, sizeof text, "no report: %s", why->text);
    cli_print_note(text);
}

void cli_write_report(const char *run, const char *data, bool json)
{
    tw_error err = {TW_OK, ""};

    if (tw_report_write(run, data, &err))
        cli_print_no_report(&err);
    else if (!json)
        printf("report: %s/report.html\n", run);
}
