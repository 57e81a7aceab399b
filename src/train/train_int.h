/*
 * What the files of this room share: options by number, the optimizer, the run folder, and the
 * training behind its handle.
 */
#ifndef TW_TRAIN_TRAIN_INT_H
#define TW_TRAIN_TRAIN_INT_H

#include "base/file.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/rng.h"
#include "base/text.h"
#include "base/watch.h"
#include "eval/predictions.h"
#include "eval/score.h"
#include "feature/source.h"
#include "train/checkpoint.h"
#include "train/lbfgs.h"

#include <tw/train.h>

#include <stdbool.h>

/* ---- config.c: options by number */

#define TW_OPTION(id, ...) TW_OPTION_##id,
typedef enum tw_option {
#include "train/options.def"
    TW_N_OPTION
} tw_option;
#undef TW_OPTION

/* Another default, NULL: none; whoever set it, its rank is that of a default now. */
TW_MUST_CHECK tw_status tw_train__settle(tw_config *config, tw_option option, const char *text,
                                         tw_error *err);

TW_MUST_CHECK tw_status tw_train__config_copy(tw_config **out, const tw_config *config,
                                              tw_error *err);
/* Values of options that are set; text is NULL when not. Borrowed until the next set. */
const char *tw_train__text(const tw_config *config, tw_option option);
int64_t tw_train__i64(const tw_config *config, tw_option option); /* counts, seeds and sizes */
double tw_train__f64(const tw_config *config, tw_option option);
bool tw_train__bool(const tw_config *config, tw_option option);
/* TW_EUSAGE with the nearest name. */
tw_status tw_train__fail_unknown_option(const char *name, tw_error *err);
/* Option fold: false where it is unset. */
bool tw_train__fold(const tw_config *config, int *fold, int *n_folds);
bool tw_train__is(const tw_config *config, tw_option option, const char *value);
tw_source_rank tw_train__rank(const tw_config *config, tw_option option);

/* The value as a number, a truth value or a text. NULL when memory ran out. */
tw_json *tw_train__value_json(tw_option option, const char *text);

/* ---- recipe.c: what a recipe changes, and what has an effect */

/* The recipe, and what it changes of the defaults; a network's own (cut, weights) stay unset. */
TW_MUST_CHECK tw_status tw_train__config_settle(tw_config *config, tw_error *err);
/* Why an option changes nothing beside the others, NULL when it does. Static. */
const char *tw_train__no_effect(const tw_config *config, tw_option option, bool own_val);
/* An option given by flag that changes nothing beside the others is TW_EUSAGE naming it, and so is
 * a warm-up longer than the training. own_val: the data's own validation pictures are used. */
TW_MUST_CHECK tw_status tw_train__config_check(const tw_config *config, bool own_val,
                                               tw_error *err);
/* The effective configuration, enough to repeat the run: every option that has an effect, but not
 * where the run is written. NULL when memory ran out. */
tw_json *tw_train__config_json(const tw_config *config, bool own_val);

/* ---- optimizer.c */

/* The parameters of a suffix of the network: per node of its graph, kernel and bias; data NULL
 * where the node has none, or is frozen. */
typedef struct tw_trained {
    int n_nodes;
    tw_node_weights *weights; /* the same, as a training plan reads them */
    float *(*data)[2];
    int64_t (*size)[2];
    int64_t n;       /* trained numbers in all */
    int64_t *inputs; /* of Dense nodes, per node, 0 of others; NULL: not known */
} tw_trained;

/* Of nodes boundary+1.. of the model, whose parameters lie in its own block: node boundary+i is
 * node i of the suffix. frozen: per node of the model. */
TW_MUST_CHECK tw_status tw_train__trained_create(tw_trained *out, const tw_model *model,
                                                 int boundary, const bool *frozen, tw_error *err);
void tw_train__trained_free(tw_trained *trained);

typedef enum tw_optimizer_kind { TW_SGD, TW_ADAM, TW_ADAMW, TW_LBFGS } tw_optimizer_kind;

typedef struct tw_optimizer {
    const tw_backend_table *table;
    const tw_trained *trained;
    const double *multipliers; /* of the learning rate, per node; NULL: all 1 */
    int n_workers;
    tw_optimizer_kind kind;
    float lr, decay, momentum, weight_decay, clip_norm; /* clip_norm 0: gradients as they are */
    bool nesterov;
    float *block;          /* all state: velocity, or m then v */
    int64_t n_state;       /* numbers of it that a checkpoint keeps */
    float *(*state[2])[2]; /* state[0]: velocity or m, state[1]: v; per node and slot */
    float *gradients;      /* of a step, where they are clipped: laid out as one state is */
    float *(*gradient)[2]; /* per node and slot, of a step or of all pictures */
    double *squares;       /* sums over fixed pieces of the gradients */
    uint8_t **touched;     /* of Dense nodes: per input, its row of the state is not all zero */
    int64_t iterations;    /* steps done */
    tw_adam_step adam;     /* of this step, for a multiplier of 1 */
    tw_sgd_step sgd;
    tw_lbfgs lbfgs; /* in the block; x and the trained parameters are copied to and fro */
    float share;    /* of a batch in the gradient of all pictures */
} tw_optimizer;

/* Numbers of state for n trained parameters, and of gradients where they are clipped. */
int64_t tw_train__optimizer_size(const tw_config *config, int64_t n);
/* trained and multipliers must outlive it. */
TW_MUST_CHECK tw_status tw_train__optimizer_create(tw_optimizer *out, const tw_config *config,
                                                   const tw_backend_table *table,
                                                   const tw_trained *trained,
                                                   const double *multipliers, int n_workers,
                                                   tw_error *err);
void tw_train__optimizer_free(tw_optimizer *optimizer);
/* Fixes the constants of the next step: the learning rate times `factor`. After it the sink applies
 * gradients there and then, or keeps them where they are clipped. */
void tw_train__optimizer_begin(tw_optimizer *optimizer, double factor);
tw_sink tw_train__optimizer_sink(tw_optimizer *optimizer);
/* The state was read from elsewhere. */
void tw_train__optimizer_changed(tw_optimizer *optimizer);
/* Of the first trained layer, if it is Dense: inputs that were zero in all batches so far, whose
 * weights are what they were. */
int64_t tw_train__optimizer_untouched(const tw_optimizer *optimizer);
/* L-BFGS: the next steps' gradients, times `share`, are summed in gradient, from 0. */
void tw_train__optimizer_sum_into(tw_optimizer *optimizer, float *gradient);
/* Copies the trained parameters out, or in. */
void tw_train__trained_read(float *out, const tw_trained *trained);
void tw_train__trained_write(const tw_trained *trained, const float *in);
/* Applies the gradients that were kept, clipped by their global norm. A norm that is not finite is
 * TW_EFAIL, and nothing is applied. */
TW_MUST_CHECK tw_status tw_train__optimizer_end(tw_optimizer *optimizer, tw_error *err);

/* ---- schedule.c: the learning rate over the steps */

typedef enum tw_schedule_kind {
    TW_CONSTANT,
    TW_STEP,
    TW_COSINE,
    TW_ONE_CYCLE,
    TW_PLATEAU
} tw_schedule_kind;

/* What plateau has seen; part of a checkpoint. */
typedef struct tw_plateau {
    double best; /* lowest loss; infinite before the first epoch */
    double factor;
    int64_t n_bad; /* epochs since then, or since the last reduction */
} tw_plateau;

typedef struct tw_schedule {
    tw_schedule_kind kind;
    int64_t epoch_steps, n_steps, n_warm; /* steps of an epoch, of all, of the warm-up */
    int64_t period, patience;             /* epochs: of step, of plateau */
    double factor;                        /* what both multiply by */
    tw_plateau plateau;
} tw_schedule;

void tw_train__schedule_create(tw_schedule *out, const tw_config *config, int64_t epoch_steps);
/* Multiplier of the learning rate for step i, from 0. */
double tw_train__schedule_factor(const tw_schedule *schedule, int64_t i);
/* After an epoch, with its validation loss, else its training loss. */
void tw_train__schedule_see(tw_schedule *schedule, double loss);

/* ---- select.c */

/* Figures of one epoch; the val_ ones are NAN without validation. */
typedef struct tw_epoch {
    int epoch; /* 1-based */
    double loss, accuracy, val_loss, val_accuracy, t_s;
} tw_epoch;

/* Higher validation accuracy, then lower validation loss; a tie stays with `best`, the earlier. */
bool tw_train__is_better(const tw_epoch *epoch, const tw_epoch *best);

/* The best parameters so far, kept in a file and not in memory. */
typedef struct tw_best {
    tw_epoch epoch; /* epoch 0: none yet */
    bool on_disk;
    tw_hash128 hash;
} tw_best;

/* Streams the parameters to folder/best-<epoch>.params, atomically. Expected: TW_EFILE, TW_EBUDGET
 * (disk full). */
TW_MUST_CHECK tw_status tw_train__best_write(tw_best *best, const tw_trained *trained,
                                             const char *folder, tw_error *err);
/* Reads them back and checks them. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_train__best_read(const tw_best *best, const tw_trained *trained,
                                            const char *folder, tw_error *err);
/* That they are still there. Expected: TW_EFILE. */
TW_MUST_CHECK tw_status tw_train__best_check(const tw_best *best, const char *folder,
                                             tw_error *err);
/* The epoch in the name of such a file, -1 where the name is no such one. */
int tw_train__best_epoch_of(const char *name);

/* ---- scale.c */

/* 2^round(log2(s)); 1 where s is 0 or not finite. */
double tw_train__scale(double deviation);
/* Divides the kernel of the first Dense of the top by scale (a power of two: exact). */
void tw_train__fold_scale(const tw_trained *trained, double scale);

/* ---- run_folder.c */

typedef struct tw_run_folder {
    char *path;
    tw_lock lock; /* no other process works on it */
    bool is_locked;
    tw_file log;
    tw_text history; /* history.csv so far */
} tw_run_folder;

/* TW_EUSAGE when path may not become a run: it exists and is not to be overwritten, or what is
 * there is no run. Writes nothing. */
TW_MUST_CHECK tw_status tw_train__folder_check(const char *path, bool overwrite, tw_error *err);
/* Makes the folder, without any file of an older run. TW_EUSAGE when another process works on it,
 * here and in tw_train__folder_reopen. */
TW_MUST_CHECK tw_status tw_train__folder_create(tw_run_folder *out, const char *path,
                                                bool overwrite, tw_error *err);
/* Opens the folder of a run that goes on: nothing is removed, the log grows. */
TW_MUST_CHECK tw_status tw_train__folder_reopen(tw_run_folder *out, const char *path,
                                                tw_error *err);
void tw_train__folder_free(tw_run_folder *folder);
/* RUN/name, allocated; NULL when memory ran out. */
char *tw_train__folder_file(const tw_run_folder *folder, const char *name);
/* Writes a whole text file of the run atomically; text that ran out of memory is TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train__folder_write(const tw_run_folder *folder, const char *name,
                                               const tw_text *text, tw_error *err);
/* config.json; takes the tree. */
TW_MUST_CHECK tw_status tw_train__folder_config(const tw_run_folder *folder, tw_json *config,
                                                tw_error *err);
/* Writes history.csv as it is in memory, unless it is empty. */
TW_MUST_CHECK tw_status tw_train__folder_history(const tw_run_folder *folder, tw_error *err);
/* Adds a row and writes history.csv again. */
TW_MUST_CHECK tw_status tw_train__folder_epoch(tw_run_folder *folder, const tw_epoch *epoch,
                                               tw_error *err);
/* Adds a line to log.jsonl with "time" put first; takes the tree. */
TW_MUST_CHECK tw_status tw_train__folder_log(tw_run_folder *folder, const char *event,
                                             tw_json *fields, tw_error *err);

/* ---- ranges.c: ranges of the frozen layers where they compute in int8, else none */

TW_MUST_CHECK tw_status tw_train__find_ranges(tw_training *training, tw_error *err);

/* ---- freeze.c: which layers are trained, and how fast */

/* Marks the frozen layers of the joined graph, finds the boundary and the multipliers of the
 * learning rate. Expected: TW_EUSAGE (no such layer, nothing of that name). */
TW_MUST_CHECK tw_status tw_train__freeze(tw_training *training, tw_error *err);
/* First only the new top, then all that is to be trained. */
typedef enum tw_train_phase { TW_PHASE_TOP, TW_PHASE_ALL } tw_train_phase;

/* Epochs of the whole run, those of the top alone first. */
int tw_train__epoch_count(const tw_training *training);
tw_train_phase tw_train__phase_of(const tw_training *training, int epoch);
/* Whether frozen layers run again in each epoch, for want of a cache. */
bool tw_train__recomputes(const tw_training *training);
/* Remembers the hash of each frozen layer's parameters as they come from the weights. */
TW_MUST_CHECK tw_status tw_train__hash_frozen(tw_training *training, tw_error *err);
/* Reads the model file at path and compares: how many layers are as they were. A layer that is not
 * is TW_EFAIL naming it. */
TW_MUST_CHECK tw_status tw_train__prove_frozen(int *n_proven, const tw_training *training,
                                               const char *path, tw_error *err);

/* ---- mix.c: soft targets */

typedef struct tw_mixer {
    double mixup, cutmix, smoothing; /* 0: none */
    int64_t height, width, channels; /* of a row; height x 1 x 1 where it is flat */
    int n_classes;
    double share;      /* of a row's own in the step */
    float *rows;       /* (batch, row), NULL where none are mixed */
    float *targets;    /* (batch, L), NULL: the labels alone */
    int64_t *partners; /* (batch), NULL where none are mixed */
} tw_mixer;

/* What the options say; no buffers. */
void tw_train__mixer_init(tw_mixer *out, const tw_training *training);
bool tw_train__mixer_is_off(const tw_mixer *mixer);
/* Expected: TW_EUSAGE (cutmix of flat rows). */
TW_MUST_CHECK tw_status tw_train__mixer_check(const tw_training *training, tw_error *err);
int64_t tw_train__mixer_bytes(const tw_mixer *mixer, int64_t batch);
TW_MUST_CHECK tw_status tw_train__mixer_create(tw_mixer *out, const tw_training *training,
                                               int64_t batch, tw_error *err);
void tw_train__mixer_free(tw_mixer *mixer);
/* Rows to train on and, in the mixer, their targets, by the numbers of the step's key. The result
 * is rows itself, or borrowed from the mixer until the next step. */
const float *tw_train__mix(tw_mixer *mixer, const float *rows, const int *labels, int64_t n,
                           const tw_rng_key *key);
/* Weight of row i as it was mixed. */
float tw_train__mix_weight(const tw_mixer *mixer, const float *class_weights, const int *labels,
                           int64_t i);

/* ---- trainer.c: everything that one pass of training holds in memory */

typedef struct tw_trainer {
    tw_model *model;    /* joined; what comes after the boundary is in its own block */
    tw_trained trained; /* all that the run trains, in whatever phase */
    tw_trained active;  /* what is trained now */
    tw_train_phase phase;
    tw_train_plan *plan;
    tw_optimizer optimizer;
    float *scaled;         /* (batch, row), NULL where features are not scaled */
    float *logits;         /* (batch, L) */
    double *loss;          /* (batch) */
    int *labels;           /* (batch) */
    float *class_weights;  /* (L), NULL: all 1 */
    float *sample_weights; /* (batch), with them */
    tw_mixer mixer;
    tw_schedule schedule;
    int64_t batch, row_size;
    int n_classes;
    float multiplier;
} tw_trainer;

/* Bytes that training holds, by what they are for. */
typedef struct tw_train_memory {
    int64_t parameters, state, plan, buffers;
    int64_t chain, score; /* of validation: the chain, and the rows that go through it */
    int64_t chunk;        /* rows read at once for it */
    int64_t total;
} tw_train_memory;

struct tw_training {
    tw_config *config;
    char *spooled;        /* where data lies that came on standard input, until the run has it */
    bool resumes;         /* goes on with a run */
    tw_computer computer; /* as asked for */
    int n_workers;        /* of the training plan: as many as the memory limit leaves room for */
    tw_computer trunk;    /* the same backend with what the memory limit leaves for the trunk */
    tw_dataset *data;     /* training pictures, validation ones too when they are drawn from them */
    tw_dataset *val_data; /* the data's own validation pictures, NULL when drawn */
    int64_t *train, *val; /* samples of data, and of val_data or data; ascending */
    int64_t n_train, n_val;
    int *val_labels;     /* classes of val_data's pictures, NULL when drawn */
    tw_model *base;      /* the trunk: ends at the cut */
    tw_graph *top;       /* graph of the new top, its input first */
    tw_graph *graph;     /* trunk and top */
    bool *frozen;        /* per node of graph */
    double *multipliers; /* of the learning rate, per node of graph */
    int boundary;        /* last node of graph that runs once a picture */
    tw_graph *suffix;    /* the nodes after it */
    char (*hashes)[65];  /* of the frozen layers' parameters, per node of base */
    tw_text chosen;      /* why the precision is what auto became; empty without auto */
    bool is_bf16;        /* the layer that learns from the features multiplies bf16 */
    tw_source *source;   /* of data */
    tw_source *own_val;  /* of the validation pictures, NULL where source has them */
    tw_augment augment;  /* of the training pictures */
    bool is_augmented;
    int64_t n_views; /* of each; 0: a new one in each epoch */
    double t_open_s; /* seconds that opening took */
    /* Called for each validation picture of the finished model; NULL: nobody asks. */
    tw_status (*on_answer)(void *ctx, const tw_dataset *data, const tw_answer *answer,
                           tw_error *err);
    void *answer_ctx;
    tw_cache_options cache;
    tw_train_memory memory;
    tw_layer_info *layers;
    tw_text text[7]; /* sentences of the plan */
    tw_training_plan plan;
};

/* ---- training.c */

/* tw_training_open, also for a run that goes on. */
TW_MUST_CHECK tw_status tw_train__open(tw_training **out, const tw_config *config, bool resumes,
                                       const tw_watch *watch, tw_error *err);

/* Precision auto becomes one of the others, in the configuration too: what is written tells what
 * was chosen, and a run that goes on does not choose again. */
TW_MUST_CHECK tw_status tw_train__settle_precision(tw_training *training, tw_error *err);
/* Whether the layer that learns from the features multiplies bf16, and they are kept so. */
TW_MUST_CHECK tw_status tw_train__settle_rows(tw_training *training, tw_error *err);

/* Joins the top, makes optimizer and plan of a phase. multiplier 1: features as they are. */
TW_MUST_CHECK tw_status tw_train__trainer_create(tw_trainer *out, const tw_training *training,
                                                 tw_train_phase phase, float multiplier,
                                                 tw_error *err);
/* Gives the training plan's memory back, and makes it again; parameters and state stay. */
void tw_train__trainer_rest(tw_trainer *trainer);
TW_MUST_CHECK tw_status tw_train__trainer_wake(tw_trainer *trainer, const tw_training *training,
                                               tw_error *err);
/* Goes over to another phase: its own plan, an optimizer that has not seen a step. */
TW_MUST_CHECK tw_status tw_train__trainer_enter(tw_trainer *trainer, const tw_training *training,
                                                tw_train_phase phase, tw_error *err);
void tw_train__trainer_free(tw_trainer *trainer);
/* One step on n <= batch rows; labels in trainer->labels, losses and logits left in it. */
TW_MUST_CHECK tw_status tw_train__trainer_step(tw_trainer *trainer, const float *rows, int64_t n,
                                               uint64_t seed, uint32_t epoch, uint64_t step,
                                               tw_error *err);
/* Fills what training holds, from the sizes of a trainer made for the purpose, settles how many
 * workers it has (bits do not depend on it), and times a step. */
TW_MUST_CHECK tw_status tw_train__trainer_measure(tw_train_memory *out, double *t_step_s,
                                                  tw_training *training, tw_error *err);
bool tw_train__is_scaled(const tw_config *config);

/* ---- split.c: which pictures train, which validate */

/* Opens the datasets and fills samples and labels of the training. */
TW_MUST_CHECK tw_status tw_train__split(tw_training *training, const tw_watch *watch,
                                        tw_error *err);

/* ---- views.c: what the pictures are shown as, and when */

/* The options name an augmentation that does something. */
bool tw_train__has_views(const tw_config *config);
/* Makes the sources ready. Expected: what tw_source_create says, TW_EUSAGE (aug). */
TW_MUST_CHECK tw_status tw_train__open_sources(tw_training *training, const tw_watch *watch,
                                               tw_error *err);
/* That of the validation pictures, again where it is open. */
TW_MUST_CHECK tw_status tw_train__open_own_val(tw_training *training, const tw_watch *watch,
                                               tw_error *err);
/* The plan's sentence, nothing where pictures are as they are. */
void tw_train__describe_views(tw_text *text, const tw_training *training);

/* ---- plan.c: what is known before the first step */

TW_MUST_CHECK tw_status tw_train__plan(tw_training *training, tw_error *err);
/* Settles what the memory limit leaves for the trunk while the top is trained: all of it where
 * features are cached, else what training does not need. Expected: TW_EBUDGET. */
TW_MUST_CHECK tw_status tw_train__share_memory(tw_training *training, tw_error *err);

/* ---- identity.c: what a run is of */

/* Configuration, pictures, weights, numerics. Caller frees. */
TW_MUST_CHECK tw_status tw_train__identity(tw_json **out, const tw_training *training,
                                           tw_error *err);
/* Refuses what would change the result, naming it (TW_EFILE); other numerics are a note. */
TW_MUST_CHECK tw_status tw_train__identity_compare(const tw_json *then, const tw_json *now,
                                                   const tw_training *training,
                                                   const tw_watch *watch, tw_error *err);

/* ---- loop.c */

/* Where a phase of the log began. */
typedef struct tw_run_mark {
    double t_s;
    int64_t n_trunk;
} tw_run_mark;

/* Where a run is: the epoch under way, its loss and accuracy still sums over the pictures seen. */
typedef struct tw_position {
    tw_epoch epoch;
    int64_t step, seen; /* steps and pictures of it that are done */
} tw_position;

/* What L-BFGS knows beside the optimizer's state: sums over all training pictures. */
typedef struct tw_full_batch {
    bool is_begun;
    double loss, hits;         /* at x */
    double loss_now, hits_now; /* of the last evaluation */
} tw_full_batch;

/* One run: what the epochs need beside the training. */
typedef struct tw_run {
    tw_training *training;
    tw_trainer trainer;
    tw_run_folder folder;
    tw_best best;
    tw_epoch peak; /* the best epoch so far, selected or not: for early stopping */
    tw_position at;
    tw_predictions *predictions; /* while they are written */
    double scale;
    bool is_range_test; /* trains nothing: it looks for a learning rate */
    int n_proven;       /* frozen layers that are as they were */
    int64_t *order;     /* (n_train) samples of the epoch */
    const tw_watch *outer;
    tw_watch watch;      /* logs notes, then passes everything on */
    tw_error unlogged;   /* the first note that did not get into the log */
    double t_epoch_s;    /* clock when the epoch began */
    double t_validate_s; /* what the last validation took; 0 before the first */
    double t_wait_s;     /* for rows, in the steps of the epoch under way */
    double t_pass_s;     /* clock when the pass over the pictures under way began */
    int64_t seen_before; /* pictures of it that an earlier process has seen */
    tw_full_batch full;
    tw_run_mark mark; /* end of the last phase */

    tw_json *identity;
    tw_checkpoint *checkpoint; /* that the run goes on from, until it is read */
    tw_train_phase saved_phase;
    int64_t saved_iterations;
    tw_plateau saved_plateau;
    bool has_damaged_newest; /* goes on from last.ckpt.1: last.ckpt must not take its place */
    int64_t sequence,
        n_saved;    /* of checkpoints: the newest one's number; written by this process */
    int saved_best; /* epoch whose best parameters the newest one refers to */
    double t_saved_s;
    int64_t steps_since_saved;
} tw_run;

/* views.c: samples of the source in the order of an epoch, from 1. Expected: TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train__shuffle(tw_run *run, int epoch, tw_error *err);
/* Class of the i-th of them. */
int tw_train__label(const tw_run *run, int64_t i);
/* Sends loss and accuracy so far, sums in epoch over the pictures seen, and what is left. */
void tw_train__tell_progress(const tw_run *run, const tw_epoch *epoch, int64_t seen);
/* Saves the run at its position; TW_EINTERRUPTED with how to go on. */
TW_MUST_CHECK tw_status tw_train__fail_interrupted(tw_run *run, tw_error *err);
/* All epochs; the parameters of the chosen one are in the trainer afterwards. */
TW_MUST_CHECK tw_status tw_train__loop(tw_run *run, tw_error *err);
/* Score of the validation pictures by the trainer's parameters as they are; on_answer may be
 * NULL. */
TW_MUST_CHECK tw_status tw_train__validate(tw_score *out, tw_run *run, float multiplier,
                                           tw_status (*on_answer)(void *, const tw_answer *,
                                                                  tw_error *),
                                           tw_error *err);

/* ---- full_batch.c: L-BFGS, an iteration an epoch */

bool tw_train__is_full_batch(const tw_config *config);
/* Whether no iteration is left to do before the limit of epochs: the gradient is small, or the last
 * one found no lower loss. Evaluates where that has not been done. */
TW_MUST_CHECK tw_status tw_train__full_is_done(bool *out, tw_run *run, tw_error *err);
/* The iteration of the epoch under way; its sums are in the position then. */
TW_MUST_CHECK tw_status tw_train__full_iterate(tw_run *run, tw_error *err);
/* A note why it was done. */
void tw_train__full_tell_done(const tw_run *run);

/* ---- save.c: a run into its checkpoint and out of it */

/* Bytes of a checkpoint, at most. */
int64_t tw_train__save_bytes(const tw_train_memory *memory);
TW_MUST_CHECK tw_status tw_train__save(tw_run *run, tw_error *err);
/* After a step. A disk that is full, say, is a note: training goes on. */
void tw_train__save_if_due(tw_run *run);
/* The one that a finished run keeps, from which it can be extended, and nothing older. A disk that
 * is full, say, costs only that. */
void tw_train__save_end(tw_run *run);
/* TW_EINTERRUPTED, with what was done about it; where: "step 3 of 10". */
TW_MUST_CHECK tw_status tw_train__save_interrupted(tw_run *run, const char *where, tw_error *err);
/* Position, history and best from the checkpoint's state. Expected: TW_EFILE, TW_ENOMEM. */
TW_MUST_CHECK tw_status tw_train__take_state(tw_run *run, const tw_json *state, tw_error *err);
/* Parameters and optimizer, into a trainer made for the saved phase; closes the checkpoint. */
TW_MUST_CHECK tw_status tw_train__restore(tw_run *run, tw_error *err);

/* ---- run_log.c: what log.jsonl says for the report */

/* Pictures that went through the trunk so far. */
int64_t tw_train__trunk_count(const tw_training *training);
TW_MUST_CHECK tw_status tw_train__log_plan(tw_run *run, tw_error *err);
/* The phase that was over before there was a log: opening the training. */
TW_MUST_CHECK tw_status tw_train__log_prepared(tw_run *run, tw_error *err);
/* Ends a phase that began where the last one ended. */
TW_MUST_CHECK tw_status tw_train__log_phase(tw_run *run, const char *phase, int64_t n_pictures,
                                            tw_error *err);
TW_MUST_CHECK tw_status tw_train__log_predictions(tw_run *run, const tw_score *score,
                                                  tw_error *err);

/* ---- run_begin.c */

void tw_train__run_init(tw_run *run, tw_training *training, const tw_watch *watch);
void tw_train__run_free(tw_run *run);
/* run_manifest.c: data that came on standard input will be RUN/manifest.csv; that file, or none. */
TW_MUST_CHECK tw_status tw_train__name_manifest(tw_training *training, tw_error *err);
TW_MUST_CHECK tw_status tw_train__write_manifest(const tw_run *run, tw_error *err);
TW_MUST_CHECK tw_status tw_train__copy_file(const char *from, const char *to, tw_error *err);
/* Makes the folder with what says what the run is, or takes it up where its checkpoint left it. */
TW_MUST_CHECK tw_status tw_train__run_begin(tw_run *run, tw_error *err);
/* Fills the cache and finds the scale. */
TW_MUST_CHECK tw_status tw_train__run_features(tw_run *run, tw_error *err);

#endif
