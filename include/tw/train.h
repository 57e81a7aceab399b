/*
 * Training a new top: configuration, everything before the first step, and the run.
 *
 * A configuration is a set of named options, the long option names of the program. Later settings
 * win over earlier ones only where their source is stronger: default < recipe < file < environment
 * < flag.
 */
#ifndef TW_TRAIN_H
#define TW_TRAIN_H

#include <tw/data.h>
#include <tw/error.h>
#include <tw/eval.h>
#include <tw/feature.h>
#include <tw/infer.h>
#include <tw/model.h>

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct tw_config tw_config;

typedef enum tw_source_rank {
    TW_FROM_DEFAULT,
    TW_FROM_FILE,
    TW_FROM_ENVIRONMENT,
    TW_FROM_FLAG
} tw_source_rank;

/* One option, for --help and for readers of config.json. Static strings. */
typedef struct tw_option_info {
    const char *name;     /* "val-split" */
    const char *argument; /* "F", "N", "NAME", or NULL for a switch */
    const char *value;    /* default, NULL: none */
    const char *help;     /* one line */
    const char *choices;  /* "adam,sgd,": the values there are, a comma after each; NULL: any */
} tw_option_info;

/* Row i of the option table; NULL after the last. */
const tw_option_info *tw_config_option(int i);

/* Default of row i under a recipe ("features", "finetune", "scratch"), NULL: none. Static. */
const char *tw_config_default(const char *recipe, int option);

/* Name of an option or alias as the table has it, NULL when there is none. Static. */
const char *tw_config_canonical(const char *name);

/* Alias i and, in *option, the name that it stands for; NULL after the last. Static. */
const char *tw_config_alias(int i, const char **option);

/* A configuration with every default. Caller frees. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_config_create(tw_config **out, tw_error *err);
void tw_config_free(tw_config *config);

/* Sets one option from text; aliases are taken ("lr" for "learning-rate" and the like). An unknown
 * name is TW_EUSAGE with the nearest one; so is a value that does not fit. */
TW_MUST_CHECK tw_status tw_config_set(tw_config *config, const char *name, const char *value,
                                      tw_source_rank source, tw_error *err);

/* Text of an option now, NULL when unset. Borrowed until the next set. */
const char *tw_config_get(const tw_config *config, const char *name);

/* 1 for options that a run may get anew when it goes on: they change how fast, or how long, not
 * what.
 */
int tw_config_may_change(const char *name);

/* 1 when a file, the environment or a flag has set the option. */
int tw_config_is_given(const tw_config *config, const char *name);

/* Text of row i where it is given and not what it is where nothing but the recipe is said: what a
 * command that repeats the configuration has to say. NULL for the others and for data, output and
 * overwrite. Borrowed until the next set. */
const char *tw_config_changed(const tw_config *config, int option);

/* Settles what nobody has said: without a model the network, split, batches, epochs and patience
 * that suit the data, without a folder a new one, runs/<data>-<number>. said: what was picked, one
 * sentence, "" for nothing. With bad-images skip all pictures are read for it, which the watch
 * sees. Expected: TW_EFILE (the data), TW_EINTERRUPTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_config_pick(char *said, size_t said_size, tw_config *config,
                                       const tw_watch *watch, tw_error *err);

/* Reads a JSON object whose keys are option names (and may hold "data", "model"), values strings,
 * numbers or booleans. Expected: TW_EFILE, TW_EUSAGE. */
TW_MUST_CHECK tw_status tw_config_read(tw_config *config, const char *path, tw_error *err);

/* Reads TOPWORK_<OPTION> variables (TOPWORK_BATCH_SIZE, ...). Expected: TW_EUSAGE. */
TW_MUST_CHECK tw_status tw_config_read_environment(tw_config *config, tw_error *err);

/* Folds and trials of one command, at most. */
enum { TW_MOST_FOLDS = 100, TW_MOST_TRIALS = 1000 };

typedef struct tw_training tw_training;

/* What is known before the first step. Strings and rows are borrowed from the training. */
typedef struct tw_training_plan {
    const char *data;    /* sentence */
    const char *split;   /* sentence: "2,100 training and 900 validation pictures (0.3, seed 42)" */
    const char *model;   /* sentence: architecture, weights, cut, preprocessing */
    const char *compute; /* sentence: backend, CPU, precision, numerics id */
    const char *optimizer; /* sentence */
    const char *cache;     /* sentence: where, how much, what is there already */
    const char *views;     /* sentence: the augmentation; NULL: pictures are as they are */
    int n_layers;
    const tw_layer_info *layers;                        /* trunk and top as one table */
    int64_t n_trained;                                  /* trained parameters */
    int64_t memory_extract, memory_train, memory_limit; /* bytes */
    int64_t memory_peak;           /* bytes: the larger of the two, with program and libraries */
    int64_t disk_cache, disk_run;  /* bytes, upper bounds */
    double t_extract_s, t_train_s; /* estimates; measured on a few pieces */
    int may_end_early; /* t_train_s is the most: patience, or an optimizer with an end */
} tw_training_plan;

/* Does everything that comes before the first step: opens data and model, joins the top, splits,
 * checks memory and disk. Writes nothing. The config is copied. Caller frees.
 * Expected: TW_EUSAGE, TW_EFILE, TW_EBUDGET, TW_EUNSUPPORTED, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_training_open(tw_training **out, const tw_config *config,
                                         const tw_watch *watch, tw_error *err);
/* The same for a run that is to go on: RUN/config.json says what it is, tw_training_run then starts
 * from its checkpoint, from the beginning where it has none yet. changes (NULL: none): options that
 * it gets anew, of those that tw_config_may_change names; epochs can only get more. *out stays
 * NULL, with TW_OK, for a finished run that is not to have more epochs. That data, weights and
 * config.json are still the same is checked by tw_training_run (TW_EFILE names what changed).
 * Caller frees. Expected: TW_EFILE (no run, nothing to extend), TW_EUSAGE (fewer epochs), and what
 * tw_training_open says. */
TW_MUST_CHECK tw_status tw_training_resume(tw_training **out, const char *run,
                                           const tw_config *changes, const tw_watch *watch,
                                           tw_error *err);
void tw_training_free(tw_training *training);
const tw_training_plan *tw_training_get_plan(const tw_training *training);
/* Text of an option as the training has settled it, NULL where unset. Borrowed. */
const char *tw_training_get_option(const tw_training *training, const char *name);

/* How long a step takes, least and median of n_rounds. */
typedef struct tw_step_time {
    int64_t batch, n_trained; /* rows of the step, parameters that it updates */
    int n_rounds;
    double t_least_s, t_median_s;
} tw_step_time;

/* Times steps of the training as opened, all its layers, on made-up rows: forward, backward,
 * update. Writes nothing. n_rounds 0: 5. Expected: TW_ENOMEM, TW_EINTERRUPTED, TW_EFAIL. */
TW_MUST_CHECK tw_status tw_training_time_step(tw_step_time *out, const tw_training *training,
                                              int n_rounds, const tw_watch *watch, tw_error *err);

/* How a run ended. */
typedef struct tw_training_result {
    int epoch;                     /* the epoch that became the model, 1-based */
    double loss, accuracy;         /* of that epoch, as fit reports them */
    double val_loss, val_accuracy; /* NAN without validation data */
    int has_trunk;                 /* 0: trained from the first layers on, nothing ran once */
    int64_t n_trunk;               /* pictures that went through the trunk */
    int n_unchanged;               /* frozen layers whose parameters are proven unchanged */
} tw_training_result;

/* Trains and writes the run folder (option "output"): config.json, split.csv, history.csv,
 * log.jsonl, model.safetensors, predictions.csv of the validation pictures, and last.ckpt, which a
 * resume starts from. On TW_EINTERRUPTED the extraction so far is kept in the cache, the steps so
 * far in last.ckpt. Expected: what tw_training_open says, and TW_EFAIL (loss is NaN or infinite,
 * with epoch and step). */
TW_MUST_CHECK tw_status tw_training_run(tw_training *training, tw_training_result *result,
                                        const tw_watch *watch, tw_error *err);

/* One training of several, a whole run in a folder below RUN. */
typedef struct tw_trial {
    char *name;     /* of the folder: "fold-2", "trial-03" */
    char *settings; /* "fold=2/5", "lr=0.001, top=gap" */
    tw_training_result result;
} tw_trial;

/* A picture that models which have not seen it call something else, and are sure of it. */
typedef struct tw_suspect {
    char *picture, *label, *predicted;
    double p_label, p_predicted; /* their probabilities */
} tw_suspect;

/* What came out. Free with tw_trials_free. */
typedef struct tw_trials {
    tw_trial *trials;
    int n, best; /* best: of a sweep, by validation accuracy, then loss, then order */
    /* of k-fold: */
    int64_t n_pictures, n_correct;   /* out of fold, over all of them */
    double mean_accuracy, deviation; /* of the folds; with n - 1 */
    tw_suspect *suspects;            /* the most doubtful first */
    int64_t n_suspects;
} tw_trials;

/* Trains n_folds times, each time validating on another fold (option fold), on features that are
 * computed once where there is a cache. RUN (option output) becomes a folder of the runs fold-1...,
 * without their models, and of kfold.csv, out-of-fold.csv (every picture's answer by the model that
 * has not seen it) and suspects.csv (labels to doubt). Free out with tw_trials_free, also after an
 * error. Expected: TW_EUSAGE (no RUN, folds), what tw_training_open and tw_training_run say. */
TW_MUST_CHECK tw_status tw_training_kfold(tw_trials *out, const tw_config *config, int n_folds,
                                          const tw_watch *watch, tw_error *err);

/* Trains once for each combination of values: axes is "lr=0.001|0.01, top=gap|256 relu, dropout
 * 0.5", options separated by commas, values by |. RUN becomes a folder of the runs trial-1... and
 * of sweep.csv; the best one keeps its model. Free out with tw_trials_free, also after an error.
 * Expected: TW_EUSAGE (axes, no RUN, no validation pictures), what tw_training_open and
 * tw_training_run say. */
TW_MUST_CHECK tw_status tw_training_sweep(tw_trials *out, const tw_config *config, const char *axes,
                                          const tw_watch *watch, tw_error *err);
void tw_trials_free(tw_trials *trials);

/* A step of the range test. */
typedef struct tw_lr_point {
    double lr, loss, smoothed; /* smoothed: exponential mean of the losses so far */
} tw_lr_point;

/* What the loss does as the learning rate grows. Free with tw_lr_curve_free. */
typedef struct tw_lr_curve {
    tw_lr_point *points;
    int n;
    double suggestion; /* where the loss falls most steeply; 0: it never fell */
    double lowest;     /* where it was lowest */
} tw_lr_curve;

/* The range test for a learning rate, up to 100 steps from 1e-7 to 10. Writes the run folder with
 * lr-find.csv in it, and no model. Expected: what tw_training_run says. */
TW_MUST_CHECK tw_status tw_training_find_lr(tw_lr_curve *out, tw_training *training,
                                            const tw_watch *watch, tw_error *err);
void tw_lr_curve_free(tw_lr_curve *curve);

/* *out is 1 when RUN came to its end. Expected: TW_EFILE (an unreadable log). */
TW_MUST_CHECK tw_status tw_run_is_finished(int *out, const char *run, tw_error *err);

/* Path of the model file of RUN (a run folder or a model file), into buf. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_run_model_path(char *buf, size_t buf_size, const char *run,
                                          tw_error *err);

/* Opens what RUN/split.csv marks as train or val (part TW_PART_TRAIN or TW_PART_VAL) of the data at
 * path: the pictures that RUN was trained or validated on. Caller frees with tw_dataset_free.
 * Expected: TW_EFILE (no split.csv, other data), TW_EUSAGE (another part). */
TW_MUST_CHECK tw_status tw_run_open_part(tw_dataset **out, const char *run, const char *path,
                                         tw_part part, tw_error *err);

/* Says in RUN/log.jsonl that RUN/predictions.csv is now that of an evaluation of these pictures:
 * the part of the data at that path, its first `limit` pictures (0: all of them).
 * Expected: TW_EFILE (RUN has no log.jsonl), TW_EBUDGET (disk full), TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_run_add_evaluation(const char *run, const char *data, tw_part part,
                                              int64_t limit, const tw_evaluation *evaluation,
                                              tw_error *err);

/* Library version "0.1.0" and one sentence of what it was built with (oneDNN 2.6.3, ...). */
const char *tw_version(void);
const char *tw_build_info(void);

#ifdef __cplusplus
}
#endif

#endif
