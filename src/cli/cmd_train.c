/* topwork train DATA --model M -o RUN: a new top for a pretrained network. */
#include "cli/cli.h"

static tw_status train(const tw_config *config, const cli_args *args, tw_error *err)
{
    tw_training *training = NULL;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_status rc = tw_training_open(&training, config, &watch, err);

    cli_progress_end(&progress);
    if (!rc)
        rc = cli_run_training(training, tw_config_get(config, "output"), args, &progress, &watch,
                              err);
    tw_training_free(training);
    return rc;
}

static const cli_option options[] = {
    {"kfold", 0, "K", NULL,
     "train K times, each time validating on another K-th: accuracy, spread, labels to doubt"},
    {"sweep", 0, "AXES", NULL,
     "train once for each combination of values: 'lr=0.001|0.01, top=gap|256 relu'"},
};

static void add_options(cli_args *args)
{
    cli_add_training_options(args);
    cli_add_options(args, options, sizeof options / sizeof options[0]);
}

static tw_status run(cli_args *args, tw_error *err)
{
    const bool several = cli_has(args, "kfold") || cli_has(args, "sweep");
    int64_t n_folds;
    tw_status rc;

    if (several && (rc = cli_check_trials(args, &n_folds, err)))
        return rc;
    return cli_with_config(args, "train", several ? cli_run_trials : train, err);
}

const cli_verb cli_train = {
    .name = "train",
    .words = "DATA",
    .summary = "train a new top on a pretrained network; writes a run folder",
    .details = "DATA is a folder with IDX files (MNIST's family), an .npz, a folder of class\n"
               "folders of JPEG and PNG (train/ and val/ above them are respected), a manifest\n"
               "(.csv, .tsv, or - on standard input: path, label, split, group), or the\n"
               "built-in digits: digits, or digits:N for N training pictures. Without a model,\n"
               "or a folder, what suits DATA is picked, and the command printed that says so.",
    .min_words = 0,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
