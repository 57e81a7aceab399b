/* topwork resume RUN: a run that was stopped goes on; a finished one gets more epochs. */
#include "cli/cli.h"

static const cli_option options[] = {
    {"dry-run", 0, NULL, NULL, "print everything that comes before the first step, and stop"},
};

static void add_options(cli_args *args)
{
    for (int i = 0; tw_config_option(i); i++) {
        const tw_option_info *info = tw_config_option(i);

        if (tw_config_may_change(info->name))
            cli_add_options(args, &(cli_option){info->name, 0, info->argument, NULL, info->help},
                            1);
    }
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

/* What flags ask for; the environment is for new runs. */
static tw_status take_changes(tw_config *changes, const cli_args *args, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; i < args->n_options && !rc; i++)
        if (args->from_flag[i] && tw_config_may_change(args->options[i].name))
            rc = tw_config_set(changes, args->options[i].name, args->values[i], TW_FROM_FLAG, err);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    const char *run_folder = args->words[0];
    tw_config *changes = NULL;
    tw_training *training = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_status rc = tw_config_create(&changes, err);

    if (!rc && !(rc = take_changes(changes, args, err)))
        rc = tw_training_resume(&training, run_folder, changes, &watch, err);
    tw_config_free(changes);
    cli_progress_end(&progress);
    if (!rc && !training)
        tell_finished(run_folder, cli_has(args, "json"));
    else if (!rc)
        rc = cli_run_training(training, run_folder, args, &progress, &watch, err);
    tw_training_free(training);
    return rc;
}

const cli_verb cli_resume = {
    .name = "resume",
    .words = "RUN",
    .summary = "go on with a stopped run, or give a finished one more epochs",
    .details = "RUN goes on from its last checkpoint, in the middle of an epoch, and ends with\n"
               "the bytes of a run that was never stopped. Without a checkpoint it begins anew.\n"
               "A finished run is left as it is, unless --epochs asks for more. The options\n"
               "change how fast, or how long, a run goes on; without them it goes on as it was\n"
               "begun.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
