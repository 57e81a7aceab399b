/*
 * What k-fold and sweep have in common: a training after the other, each a whole run in a folder
 * below RUN, on features that are computed once. RUN itself holds their table and no model.
 */
#include "train/trials.h"

#include "base/fail.h"
#include "base/memory.h"
#include "eval/predictions.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void tw_trials_free(tw_trials *trials)
{
    for (int i = 0; i < trials->n; i++) {
        tw_free(trials->trials[i].name);
        tw_free(trials->trials[i].settings);
    }
    for (int64_t i = 0; i < trials->n_suspects; i++) {
        tw_free(trials->suspects[i].picture);
        tw_free(trials->suspects[i].label);
        tw_free(trials->suspects[i].predicted);
    }
    tw_free(trials->trials);
    tw_free(trials->suspects);
    memset(trials, 0, sizeof *trials);
}

tw_status tw_train__trials_begin(tw_trial_set *set, tw_trials *out, const tw_config *config, int n,
                                 const tw_watch *watch, tw_error *err)
{
    const char *path = tw_train__text(config, TW_OPTION_OUTPUT);

    *set = (tw_trial_set){.config = config, .watch = watch, .out = out};
    set->folder.log.fd = -1;
    memset(out, 0, sizeof *out);
    if (!path)
        return tw_fail(err, TW_EUSAGE, "option output is missing: a folder for the runs");
    if (!(out->trials = tw_calloc((size_t)n, sizeof *out->trials)))
        return tw_fail(err, TW_ENOMEM, "no memory for %d trainings", n);
    return tw_train__folder_create(&set->folder, path, tw_train__bool(config, TW_OPTION_OVERWRITE),
                                   err);
}

void tw_train__trials_end(tw_trial_set *set)
{
    tw_train__folder_free(&set->folder);
}

bool tw_train__trial_is_better(const tw_trial *a, const tw_trial *b)
{
    const tw_epoch x = {.epoch = 1,
                        .val_accuracy = a->result.val_accuracy,
                        .val_loss = a->result.val_loss},
                   y = {.epoch = 1,
                        .val_accuracy = b->result.val_accuracy,
                        .val_loss = b->result.val_loss};

    return tw_train__is_better(&x, &y);
}

/* The trial's configuration: the shared one with its own settings and folder. */
static tw_status make_config(tw_config **out, const tw_trial_set *set, const char *path,
                             const tw_trial_setting *settings, int n, tw_error *err)
{
    tw_status rc = tw_train__config_copy(out, set->config, err);

    for (int i = 0; i < n && !rc; i++)
        rc = tw_config_set(*out, settings[i].name, settings[i].value, TW_FROM_FLAG, err);
    if (!rc)
        rc = tw_config_set(*out, "output", path, TW_FROM_FLAG, err);
    return rc;
}

static char *settings_text(const tw_trial_setting *settings, int n)
{
    tw_text text = {0};

    tw_text_add(&text, "%s", "");
    for (int i = 0; i < n; i++)
        tw_text_add(&text, "%s%s=%s", i ? ", " : "", settings[i].name, settings[i].value);
    if (text.failed)
        tw_text_free(&text);
    return text.text;
}

/* A note for the person who waits and a line for the log. */
static tw_status tell(tw_trial_set *set, const tw_trial *trial, tw_error *err)
{
    tw_json *line = tw_json_new_object();

    tw_watch_note(set->watch, "%s (%s): %.2f %% of the validation pictures, loss %.4g, epoch %d",
                  trial->name, trial->settings, 100.0 * trial->result.val_accuracy,
                  trial->result.val_loss, trial->result.epoch);
    tw_json_set(line, "trial", tw_json_new_string(trial->name));
    tw_json_set(line, "settings", tw_json_new_string(trial->settings));
    tw_json_set(line, "val_accuracy", tw_json_new_f64(trial->result.val_accuracy));
    return tw_train__folder_log(&set->folder, "trial", line, err);
}

static tw_status train(tw_trial *trial, tw_trial_set *set, const tw_config *config, tw_error *err)
{
    tw_training *training;
    tw_status rc = tw_training_open(&training, config, set->watch, err);

    if (rc)
        return rc;
    if (training->n_val == 0) {
        rc = tw_fail(err, TW_EUSAGE, "%s: no validation pictures to compare trainings by",
                     tw_train__text(config, TW_OPTION_DATA));
    } else {
        training->on_answer = set->on_answer;
        training->answer_ctx = set->ctx;
        rc = tw_training_run(training, &trial->result, set->watch, err);
    }
    tw_training_free(training);
    return rc;
}

tw_status tw_train__trial_run(tw_trial_set *set, const char *name, const tw_trial_setting *settings,
                              int n, tw_error *err)
{
    tw_status rc;
    tw_config *config = NULL;
    char *path = tw_train__folder_file(&set->folder, name);
    tw_trial *trial = &set->out->trials[set->out->n++];

    trial->name = tw_strdup(name);
    trial->settings = settings_text(settings, n);
    if (!path || !trial->name || !trial->settings)
        rc = tw_fail(err, TW_ENOMEM, "no memory for training %s", name);
    else if (!(rc = make_config(&config, set, path, settings, n, err)) &&
             !(rc = train(trial, set, config, err)))
        rc = tell(set, trial, err);
    tw_config_free(config);
    tw_free(path);
    return rc;
}

/* The model itself, and parameters that only a model is made of. */
static bool is_of_model(const char *name)
{
    return !strcmp(name, "model.safetensors") || !strcmp(name, "last.ckpt") ||
           tw_train__best_epoch_of(name) >= 0;
}

static tw_status drop_files(const char *folder, tw_error *err)
{
    char **names;
    size_t n;
    tw_status rc = tw_folder_list(&names, &n, folder, err);

    if (rc)
        return rc;
    for (size_t i = 0; i < n && !rc; i++) {
        char *path;

        if (!is_of_model(names[i]))
            continue;
        path = tw_path_join(folder, names[i]);
        rc = path ? tw_file_remove(path, err)
                  : tw_fail(err, TW_ENOMEM, "no memory to remove %s/%s", folder, names[i]);
        tw_free(path);
    }
    tw_folder_list_free(names, n);
    return rc;
}

tw_status tw_train__trial_drop_model(const tw_trial_set *set, const tw_trial *trial, tw_error *err)
{
    char *folder = tw_train__folder_file(&set->folder, trial->name);
    tw_status rc = folder ? drop_files(folder, err)
                          : tw_fail(err, TW_ENOMEM, "no memory to tidy up %s", trial->name);

    tw_free(folder);
    return rc;
}

tw_status tw_train__trials_write(const tw_trial_set *set, const char *name, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};

    tw_text_add(&text, "trial,settings,epoch,loss,accuracy,val_loss,val_accuracy\n");
    for (int i = 0; i < set->out->n; i++) {
        const tw_trial *trial = &set->out->trials[i];
        const tw_training_result *result = &trial->result;

        tw_text_add(&text, "%s,", trial->name);
        tw_csv_add(&text, trial->settings);
        tw_text_add(&text, ",%d,%.9g,%.9g,%.9g,%.9g\n", result->epoch, result->loss,
                    result->accuracy, result->val_loss, result->val_accuracy);
    }
    rc = tw_train__folder_write(&set->folder, name, &text, err);
    tw_text_free(&text);
    return rc;
}
