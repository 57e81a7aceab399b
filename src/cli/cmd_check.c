/* topwork check DATA: every picture is read; what is wrong is named. */
#include "cli/cli.h"

static const cli_option options[] = {
    {"threads", 0, "N", "all cores", "threads; findings do not depend on it"},
    {"anew", 0, NULL, NULL, "read also what is remembered as sound"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_watch_options(args);
}

static void print_json(const tw_finding *finding)
{
    printf("{\"kind\":\"%s\",\"error\":%s,\"file\":", tw_finding_kind_name(finding->kind),
           finding->is_error ? "true" : "false");
    if (finding->file)
        cli_print_json_string(finding->file);
    else
        printf("null");
    printf(",\"text\":");
    cli_print_json_string(finding->text);
    printf("}\n");
}

static void print_finding(const tw_finding *finding)
{
    printf("%-8s", finding->is_error ? "error" : "warning");
    cli_print_clean(finding->text);
    putchar('\n');
}

static tw_status print_findings(const tw_check *check, const cli_args *args, tw_error *err)
{
    const int64_t n_errors = tw_check_error_count(check);
    const int64_t n_warnings = tw_check_count(check) - n_errors;
    char pictures[32], errors[32], warnings[32], remembered[32];

    for (int64_t i = 0; i < tw_check_count(check); i++)
        (cli_has(args, "json") ? print_json : print_finding)(tw_check_get(check, i));
    tw_count_text(pictures, sizeof pictures, tw_check_picture_count(check));
    tw_count_text(errors, sizeof errors, n_errors);
    tw_count_text(warnings, sizeof warnings, n_warnings);
    if (!cli_has(args, "json"))
        printf("%s pictures, %s of them remembered: %s error%s, %s warning%s\n", pictures,
               tw_count_text(remembered, sizeof remembered, tw_check_remembered_count(check)),
               errors, n_errors == 1 ? "" : "s", warnings, n_warnings == 1 ? "" : "s");
    if (n_errors == 0)
        return TW_OK;
    snprintf(err->text, sizeof err->text, "%s: %s error%s in %s pictures",
             tw_spool_shown(args->words[0]), errors, n_errors == 1 ? "" : "s", pictures);
    return err->code = TW_EFILE;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_check *check = NULL;
    tw_spool *spool = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    int64_t n_threads;
    tw_status rc = cli_get_number(&n_threads, args, "threads", 1, 0, err);

    if (rc || (rc = cli_take_data(&spool, &args->words[0], err)))
        return rc;
    rc = tw_check_run(&check, args->words[0], n_threads > 1024 ? 1024 : (int)n_threads,
                      cli_has(args, "anew"), &watch, err);
    cli_progress_end(&progress);
    if (!rc)
        rc = print_findings(check, args, err);
    tw_check_free(check);
    tw_spool_free(spool);
    return rc;
}

const cli_verb cli_check = {
    .name = "check",
    .words = "DATA",
    .summary = "look for bad pictures, duplicates and wrong labels",
    .details = "Reads every picture of all parts of DATA. Errors are pictures that\n"
               "cannot be read or are cut, the same picture under two labels or in two\n"
               "parts, and classes without pictures or a folder in each part; then the\n"
               "exit code is 3. Warnings are duplicates, pictures that look alike, wrong\n"
               "names, odd sizes and colours, small classes. Sound pictures are\n"
               "remembered, so that the next check reads only what has changed. DATA - is\n"
               "a manifest on standard input.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
