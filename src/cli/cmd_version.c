/* topwork version */
#include "cli/cli.h"

static void add_options(cli_args *args)
{
    cli_add_json_option(args);
}

static tw_status run(cli_args *args, tw_error *err)
{
    (void)err;
    if (!cli_has(args, "json")) {
        printf("topwork %s\n", tw_version());
        cli_print_lines(stdout, "", 0, tw_build_info());
        return TW_OK;
    }
    printf("{\"version\":");
    cli_print_json_string(tw_version());
    printf(",\"build\":");
    cli_print_json_string(tw_build_info());
    printf("}\n");
    return TW_OK;
}

const cli_verb cli_version = {.name = "version",
                              .words = "",
                              .summary = "version, and what it was built with",
                              .add_options = add_options,
                              .run = run};
