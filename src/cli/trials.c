/* Several trainings of one command: --kfold and --sweep, and their tables. */
#include "cli/cli.h"

#include <math.h>

enum { MOST_SUSPECTS = 10 };

static tw_status print_table(const tw_trials *trials, tw_error *err)
{
    static const cli_column columns[] = {{"run", false, false, false},
                                         {"settings", false, true, false},
                                         {"epoch", true, false, true},
                                         {"loss", true, false, false},
                                         {"accuracy", true, false, false}};
    cli_table *table = cli_table_create(columns, sizeof columns / sizeof columns[0]);
    char loss[CLI_LOSS_SIZE], share[16];
    tw_status rc;

    for (int i = 0; i < trials->n; i++) {
        const tw_trial *trial = &trials->trials[i];
        cli_table_add(table, "%s", trial->name);
        cli_table_add(table, "%s", trial->settings);
        cli_table_add(table, "%d", trial->result.epoch);
        cli_table_add(table, "%s", cli_loss_text(loss, trial->result.val_loss));
        cli_table_add(table, "%s", cli_percent_text(share, trial->result.val_accuracy));
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    return rc;
}

static tw_status print_suspects(const tw_trials *trials, const char *output, tw_error *err)
{
    static const cli_column columns[] = {{"picture", false, true, false},
                                         {"label", false, true, false},
                                         {"by the folds", false, true, false},
                                         {"probability", true, false, false}};
    const int64_t n = trials->n_suspects < MOST_SUSPECTS ? trials->n_suspects : MOST_SUSPECTS;
    cli_table *table;
    char share[16];
    tw_status rc;

    if (n == 0) {
        puts("no label to doubt: nothing is another class to models that have not seen it, and "
             "surely");
        return TW_OK;
    }
    printf("labels to doubt, the first %lld of %lld (all in %s/suspects.csv):\n", (long long)n,
           (long long)trials->n_suspects, output);
    table = cli_table_create(columns, sizeof columns / sizeof columns[0]);
    for (int64_t i = 0; i < n; i++) {
        cli_table_add(table, "%s", trials->suspects[i].picture);
        cli_table_add(table, "%s", trials->suspects[i].label);
        cli_table_add(table, "%s", trials->suspects[i].predicted);
        cli_table_add(table, "%s", cli_percent_text(share, trials->suspects[i].p_predicted));
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    return rc;
}

static void print_json(const tw_trials *trials)
{
    for (int i = 0; i < trials->n; i++) {
        const tw_trial *trial = &trials->trials[i];
        printf("{\"event\":\"trial\",\"run\":");
        cli_print_json_string(trial->name);
        printf(",\"settings\":");
        cli_print_json_string(trial->settings);
        printf(",\"epoch\":%d,\"val_loss\":", trial->result.epoch);
        cli_print_json_number(trial->result.val_loss, 9);
        printf(",\"val_accuracy\":");
        cli_print_json_number(trial->result.val_accuracy, 9);
        printf("}\n");
    }
}

static tw_status show_folds(const tw_trials *trials, const char *output, bool json, tw_error *err)
{
    const double accuracy = (double)trials->n_correct / (double)trials->n_pictures;
    tw_status rc;

    if (json) {
        print_json(trials);
        printf("{\"event\":\"done\",\"pictures\":%lld,\"correct\":%lld,\"accuracy\":%.9g,"
               "\"fold_mean\":%.9g,\"fold_deviation\":%.9g,\"suspects\":%lld}\n",
               (long long)trials->n_pictures, (long long)trials->n_correct, accuracy,
               trials->mean_accuracy, trials->deviation, (long long)trials->n_suspects);
        return TW_OK;
    }
    if ((rc = print_table(trials, err)))
        return rc;
    printf("\nout of fold: %lld of %lld pictures right, %.2f %%; folds %.2f %% +- %.2f\n",
           (long long)trials->n_correct, (long long)trials->n_pictures, 100.0 * accuracy,
           100.0 * trials->mean_accuracy, 100.0 * trials->deviation);
    if ((rc = print_suspects(trials, output, err)))
        return rc;
    printf("folder: %s (the folds keep no model; train without --kfold for one)\n", output);
    return TW_OK;
}

static tw_status show_sweep(const tw_trials *trials, const char *output, bool json, tw_error *err)
{
    const tw_trial *best = &trials->trials[trials->best];
    tw_status rc;

    if (json) {
        print_json(trials);
        printf("{\"event\":\"done\",\"best\":");
        cli_print_json_string(best->name);
        printf(",\"settings\":");
        cli_print_json_string(best->settings);
        printf(",\"val_accuracy\":%.9g}\n", best->result.val_accuracy);
        return TW_OK;
    }
    if ((rc = print_table(trials, err)))
        return rc;
    printf("\nbest: %s (%s), %.2f %% of the validation pictures; a choice among %d by these same "
           "pictures, so new ones will do a little worse\nmodel: %s/%s/model.safetensors\n",
           best->name, best->settings, 100.0 * best->result.val_accuracy, trials->n, output,
           best->name);
    return TW_OK;
}

tw_status cli_check_trials(const cli_args *args, int64_t *n_folds, tw_error *err)
{
    tw_status rc = cli_get_number(n_folds, args, "kfold", 2, 0, err);

    if (!rc && *n_folds > TW_MOST_FOLDS) {
        snprintf(err->text, sizeof err->text, "--kfold %s: at most %d", cli_get(args, "kfold"),
                 TW_MOST_FOLDS);
        return err->code = TW_EUSAGE;
    }
    if (!rc && *n_folds && cli_has(args, "sweep")) {
        snprintf(err->text, sizeof err->text, "--kfold and --sweep are two commands");
        return err->code = TW_EUSAGE;
    }
    if (!rc && cli_has(args, "dry-run")) {
        snprintf(err->text, sizeof err->text,
                 "--dry-run shows one training: leave --kfold and --sweep away");
        return err->code = TW_EUSAGE;
    }
    return rc;
}

tw_status cli_run_trials(const tw_config *config, const cli_args *args, tw_error *err)
{
    const char *output = tw_config_get(config, "output");
    tw_trials trials = {0};
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    int64_t n_folds;
    tw_status rc = cli_check_trials(args, &n_folds, err);

    if (rc)
        return rc;
    progress.json = false; /* a line a training, none an epoch */
    rc = n_folds ? tw_training_kfold(&trials, config, (int)n_folds, &watch, err)
                 : tw_training_sweep(&trials, config, cli_get(args, "sweep"), &watch, err);
    cli_progress_end(&progress);
    if (!rc)
        rc = n_folds ? show_folds(&trials, output, cli_has(args, "json"), err)
                     : show_sweep(&trials, output, cli_has(args, "json"), err);
    tw_trials_free(&trials);
    return rc;
}
