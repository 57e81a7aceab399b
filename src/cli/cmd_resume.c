/* topwork resume RUN: a run that was stopped goes on; a finished one gets more epochs. */
#include "cli/cli.h"

static const cli_option options[] = {
    {"epochs", 0, "N", NULL, "how many epochs it is to have in all, more than it had"},
    {"dry-run", 0, NULL, NULL, "print everything that comes before the first step, and stop"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_watch_options(args);
}

static void tell_finished(const char *run, bool json)
{
    if (json)
        printf("{\"event\":\"finished\"}\n");
    else
        printf("%s: finished, left as it is (--epochs N makes it longer)\n", run);
}

static tw_status run(cli_args *args, tw_error *err)
{
    const char *run_folder = args->words[0];
    tw_training *training = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    int64_t epochs;
    tw_status rc;

    if ((rc = cli_get_number(&epochs, args, "epochs", 1, 0, err)))
        return rc;
    rc = tw_training_resume(&training, run_folder, epochs, &watch, err);
    cli_progress_end(&progress);
    if (!rc && !training)
        tell_finished(run_folder, cli_has(args, "json"));
    else if (!rc)
        rc = cli_run_training(training, run_folder, tw_training_get_option(training, "data"), args,
                              &progress, &watch, err);
    tw_training_free(training);
    return rc;
}

const cli_verb cli_resume = {
    .name = "resume",
    .words = "RUN",
    .summary = "go on with a stopped run, or give a finished one more epochs",
    .details = "RUN goes on from its last checkpoint, in the middle of an epoch, and ends with\n"
               "the bytes of a run that was never stopped. Without a checkpoint it begins anew.\n"
               "A finished run is left as it is, unless --epochs asks for more.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
