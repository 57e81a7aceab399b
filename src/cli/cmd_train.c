/* topwork train DATA --model M -o RUN: a new top for a pretrained network. */
#include "cli/cli.h"

#include <string.h>

static const cli_option options[] = {
    {"config", 0, "FILE.json", NULL, "options from a file; flags and TOPWORK_<OPTION> win over it"},
    {"dry-run", 0, NULL, NULL, "print everything that comes before the first step, and stop"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    for (int i = 0; tw_config_option(i); i++) {
        const tw_option_info *info = tw_config_option(i);
        char letter = (char)(strcmp(info->name, "output") == 0 ? 'o' : 0);
        cli_add_options(
            args, &(cli_option){info->name, letter, info->argument, info->value, info->help}, 1);
    }
    cli_add_watch_options(args);
}

/* DATA stands alone or behind --data. */
static tw_status take_data(tw_config *config, const cli_args *args, tw_error *err)
{
    if (args->n_words == 0)
        return TW_OK;
    for (int i = 0; i < args->n_options; i++)
        if (args->from_flag[i] && strcmp(args->options[i].name, "data") == 0) {
            snprintf(err->text, sizeof err->text,
                     "train wants one DATA, got \"%s\" and --data \"%s\"", args->words[0],
                     args->values[i]);
            return err->code = TW_EUSAGE;
        }
    return tw_config_set(config, "data", args->words[0], TW_FROM_FLAG, err);
}

/* Flags of the option table go to the configuration; the others are the program's. */
static tw_status fill_config(tw_config *config, const cli_args *args, tw_error *err)
{
    tw_status rc;

    if (cli_has(args, "config") && (rc = tw_config_read(config, cli_get(args, "config"), err)))
        return rc;
    if ((rc = tw_config_read_environment(config, err)))
        return rc;
    for (int i = 0; i < args->n_options; i++) {
        const char *name = args->options[i].name;
        if (!args->from_flag[i] || !tw_config_canonical(name))
            continue;
        if ((rc = tw_config_set(config, name, args->values[i], TW_FROM_FLAG, err)))
            return rc;
    }
    if ((rc = take_data(config, args, err)))
        return rc;
    if (!cli_has(args, "dry-run") && !tw_config_get(config, "output")) {
        snprintf(err->text, sizeof err->text, "train needs -o RUN, the folder for the run");
        return err->code = TW_EUSAGE;
    }
    return TW_OK;
}

static tw_status train(const tw_config *config, const cli_args *args, tw_error *err)
{
    tw_training *training = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_status rc = tw_training_open(&training, config, &watch, err);

    cli_progress_end(&progress);
    if (!rc)
        rc = cli_run_training(training, tw_config_get(config, "output"),
                              tw_config_get(config, "data"), args, &progress, &watch, err);
    tw_training_free(training);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_config *config = NULL;
    tw_status rc = tw_config_create(&config, err);

    if (rc == TW_OK)
        rc = fill_config(config, args, err);
    if (rc == TW_OK)
        rc = train(config, args, err);
    tw_config_free(config);
    return rc;
}

const cli_verb cli_train = {
    .name = "train",
    .words = "DATA",
    .summary = "train a new top on a pretrained network; writes a run folder",
    .details = "DATA is a folder with IDX files (MNIST's family), an .npz, a folder of class\n"
               "folders of JPEG and PNG (train/ and val/ above them are respected), or the\n"
               "built-in digits: digits, or digits:N for N training pictures.",
    .min_words = 0,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
