/* Several trainings of one command, one after the other, in folders of their own below one. */
#ifndef TW_TRAIN_TRIALS_H
#define TW_TRAIN_TRIALS_H

#include "train/train_int.h"

/* What the trials of one command share. */
typedef struct tw_trial_set {
    const tw_config *config; /* every trial's, but for its own settings */
    tw_run_folder folder;
    const tw_watch *watch;
    tw_trials *out;
    /* Called for each validation picture of the trial under way; may be NULL. */
    tw_status (*on_answer)(void *ctx, const tw_dataset *data, const tw_answer *answer,
                           tw_error *err);
    void *ctx;
} tw_trial_set;

/* One setting of a trial. */
typedef struct tw_trial_setting {
    const char *name, *value;
} tw_trial_setting;

/* Makes room for n trials and the folder they go below. config and watch must outlive it. */
TW_MUST_CHECK tw_status tw_train__trials_begin(tw_trial_set *set, tw_trials *out,
                                               const tw_config *config, int n,
                                               const tw_watch *watch, tw_error *err);
/* Trains with these settings in the folder of that name, and adds it to the trials. */
TW_MUST_CHECK tw_status tw_train__trial_run(tw_trial_set *set, const char *name,
                                            const tw_trial_setting *settings, int n, tw_error *err);
/* Takes a trial's model and checkpoint away; how it was made and what it answered stay. */
TW_MUST_CHECK tw_status tw_train__trial_drop_model(const tw_trial_set *set, const tw_trial *trial,
                                                   tw_error *err);
/* Writes "trial,settings,epoch,...", a line a trial. */
TW_MUST_CHECK tw_status tw_train__trials_write(const tw_trial_set *set, const char *name,
                                               tw_error *err);
void tw_train__trials_end(tw_trial_set *set);
/* Does trial a beat trial b, by validation as epochs do? */
bool tw_train__trial_is_better(const tw_trial *a, const tw_trial *b);

#endif
