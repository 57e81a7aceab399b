/*
 * A run into its checkpoint and out of it again: when one is due, what is in it, and the files of
 * best parameters that it refers to.
 *
 * In the checkpoint: the position (epoch, step, sums so far), history, best epoch so far, scale,
 * phase and the run's identity as JSON; parameters and the optimizer's state as parts. Figures are
 * written in hexadecimal, so that they come back to the bit. Shuffling and dropout are keyed by
 * seed, epoch and step, so nothing of them has to be kept.
 *
 * The best parameters lie in a file of their own, best-<epoch>.params. It is synced before a
 * checkpoint refers to it, and stays as long as one of the two generations does.
 */
#include "train/checkpoint.h"
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- state as JSON */

static bool set_exact(tw_json *json, const char *key, double value)
{
    char text[40];

    snprintf(text, sizeof text, "%a", value);
    return tw_json_set(json, key, tw_json_new_string(text));
}

static bool set_word(tw_json *json, const char *key, uint64_t value)
{
    char text[20];

    snprintf(text, sizeof text, "%016" PRIx64, value);
    return tw_json_set(json, key, tw_json_new_string(text));
}

static tw_json *epoch_json(const tw_epoch *epoch)
{
    tw_json *json = tw_json_new_object();
    bool ok = tw_json_set(json, "epoch", tw_json_new_i64(epoch->epoch));

    ok &= set_exact(json, "loss", epoch->loss);
    ok &= set_exact(json, "accuracy", epoch->accuracy);
    ok &= set_exact(json, "val_loss", epoch->val_loss);
    ok &= set_exact(json, "val_accuracy", epoch->val_accuracy);
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}

static tw_json *best_json(const tw_best *best)
{
    tw_json *json = epoch_json(&best->epoch);
    bool ok = tw_json_set(json, "on_disk", tw_json_new_bool(best->on_disk));

    ok &= set_word(json, "hash_low", best->hash.low);
    ok &= set_word(json, "hash_high", best->hash.high);
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}

static tw_json *plateau_json(const tw_plateau *plateau)
{
    tw_json *json = tw_json_new_object();
    bool ok = set_exact(json, "best", plateau->best);

    ok &= set_exact(json, "factor", plateau->factor);
    ok &= tw_json_set(json, "n_bad", tw_json_new_i64(plateau->n_bad));
    if (ok)
        return json;
    tw_json_free(json);
    return NULL;
}

static tw_status state_json(tw_json **out, const tw_run *run, tw_error *err)
{
    const tw_position *at = &run->at;
    const char *history = run->folder.history.text;
    tw_json *json = tw_json_new_object();
    bool ok = tw_json_set(json, "identity", tw_json_copy(run->identity));

    ok &= tw_json_set(json, "under_way", epoch_json(&at->epoch));
    ok &= tw_json_set(json, "step", tw_json_new_i64(at->step));
    ok &= tw_json_set(json, "seen", tw_json_new_i64(at->seen));
    ok &= tw_json_set(json, "phase", tw_json_new_i64(run->trainer.phase));
    ok &= tw_json_set(json, "iterations", tw_json_new_i64(run->trainer.optimizer.iterations));
    ok &= tw_json_set(json, "best", best_json(&run->best));
    ok &= tw_json_set(json, "peak", epoch_json(&run->peak));
    ok &= tw_json_set(json, "plateau", plateau_json(&run->trainer.schedule.plateau));
    ok &= tw_json_set(json, "history", tw_json_new_string(history ? history : ""));
    ok &= set_exact(json, "scale", run->scale);
    *out = ok ? json : NULL;
    if (ok)
        return TW_OK;
    tw_json_free(json);
    return tw_fail(err, TW_ENOMEM, "no memory for a checkpoint");
}

/* ---- and back */

/* What is missing or of another kind makes `ok` false: the checkpoint is another program's. */
static double exact_of(const tw_json *json, const char *key, bool *ok)
{
    const char *text;
    char *end;
    double value;

    if (!tw_json_string(&text, tw_json_get(json, key)))
        return *ok = false, 0.0;
    value = strtod(text, &end);
    *ok &= end != text && !*end;
    return value;
}

static uint64_t word_of(const tw_json *json, const char *key, bool *ok)
{
    const char *text;
    char *end;
    uint64_t value;

    if (!tw_json_string(&text, tw_json_get(json, key)))
        return *ok = false, 0;
    value = strtoull(text, &end, 16);
    *ok &= end != text && !*end;
    return value;
}

static int64_t whole_of(const tw_json *json, const char *key, int64_t most, bool *ok)
{
    int64_t value = 0;

    *ok &= tw_json_i64(&value, tw_json_get(json, key)) && value >= 0 && value <= most;
    return value;
}

static void take_epoch(tw_epoch *out, const tw_json *json, bool *ok)
{
    out->epoch = (int)whole_of(json, "epoch", INT32_MAX, ok);
    out->loss = exact_of(json, "loss", ok);
    out->accuracy = exact_of(json, "accuracy", ok);
    out->val_loss = exact_of(json, "val_loss", ok);
    out->val_accuracy = exact_of(json, "val_accuracy", ok);
}

static void take_best(tw_best *best, const tw_json *json, bool *ok)
{
    take_epoch(&best->epoch, json, ok);
    *ok &= tw_json_bool(&best->on_disk, tw_json_get(json, "on_disk"));
    best->hash.low = word_of(json, "hash_low", ok);
    best->hash.high = word_of(json, "hash_high", ok);
}

static void take_plateau(tw_plateau *plateau, const tw_json *json, bool *ok)
{
    plateau->best = exact_of(json, "best", ok);
    plateau->factor = exact_of(json, "factor", ok);
    plateau->n_bad = whole_of(json, "n_bad", INT32_MAX, ok);
}

tw_status tw_train__take_state(tw_run *run, const tw_json *json, tw_error *err)
{
    const tw_training *training = run->training;
    const char *history = NULL;
    bool ok = true;

    take_epoch(&run->at.epoch, tw_json_get(json, "under_way"), &ok);
    run->at.step = whole_of(json, "step", INT64_MAX, &ok);
    run->at.seen = whole_of(json, "seen", training->n_train, &ok);
    run->saved_phase = whole_of(json, "phase", TW_PHASE_ALL, &ok) ? TW_PHASE_ALL : TW_PHASE_TOP;
    run->saved_iterations = whole_of(json, "iterations", INT64_MAX, &ok);
    run->scale = exact_of(json, "scale", &ok);
    take_best(&run->best, tw_json_get(json, "best"), &ok);
    take_epoch(&run->peak, tw_json_get(json, "peak"), &ok);
    take_plateau(&run->saved_plateau, tw_json_get(json, "plateau"), &ok);
    ok &= tw_json_string(&history, tw_json_get(json, "history"));
    if (!ok)
        return tw_fail(err, TW_EFILE, "%s: the checkpoint is not one of this topwork",
                       run->folder.path);
    run->folder.history.n = 0;
    tw_text_add(&run->folder.history, "%s", history);
    return run->folder.history.failed ? tw_fail(err, TW_ENOMEM, "no memory to read a checkpoint")
                                      : TW_OK;
}

/* ---- the parts */

enum { N_PARTS = 2 };

static void list_parts(tw_checkpoint_part parts[N_PARTS], const tw_trainer *trainer)
{
    const tw_model *model = trainer->model;
    const tw_optimizer *optimizer = &trainer->optimizer;

    parts[0] = (tw_checkpoint_part){"parameters", model->block, model->block_bytes};
    parts[1] = (tw_checkpoint_part){"optimizer", optimizer->block,
                                    optimizer->n_state * (int64_t)sizeof(float)};
}

int64_t tw_train__save_bytes(const tw_train_memory *memory)
{
    const int64_t state = 1 << 20;

    return memory->parameters + memory->state + state;
}

tw_status tw_train__restore(tw_run *run, tw_error *err)
{
    tw_checkpoint_part parts[N_PARTS];
    tw_status rc;

    list_parts(parts, &run->trainer);
    if ((rc = tw_train__checkpoint_read(run->checkpoint, parts, N_PARTS, err)))
        return rc;
    tw_train__optimizer_changed(&run->trainer.optimizer);
    run->trainer.optimizer.iterations = run->saved_iterations;
    run->trainer.schedule.plateau = run->saved_plateau;
    tw_train__checkpoint_close(run->checkpoint);
    run->checkpoint = NULL;
    return TW_OK;
}

/* ---- writing */

/* Files of best parameters other than those of the best epoch and of epoch `also`. */
static tw_status remove_old_best(const tw_run *run, int also, tw_error *err)
{
    tw_status rc;
    char **names;
    size_t n;

    if ((rc = tw_folder_list(&names, &n, run->folder.path, err)))
        return rc;
    for (size_t i = 0; i < n && !rc; i++) {
        int epoch = tw_train__best_epoch_of(names[i]);
        char *path;

        if (epoch < 0 || epoch == run->best.epoch.epoch || epoch == also)
            continue;
        path = tw_path_join(run->folder.path, names[i]);
        rc = path ? tw_file_remove(path, err) : tw_fail(err, TW_ENOMEM, "no memory for a path");
        tw_free(path);
    }
    tw_folder_list_free(names, n);
    return rc;
}

tw_status tw_train__save(tw_run *run, tw_error *err)
{
    tw_checkpoint_part parts[N_PARTS];
    tw_json *state;
    tw_status rc;

    if (run->has_damaged_newest && (rc = tw_train__checkpoint_remove_newest(run->folder.path, err)))
        return rc;
    run->has_damaged_newest = false;
    if ((rc = state_json(&state, run, err)))
        return rc;
    list_parts(parts, &run->trainer);
    rc =
        tw_train__checkpoint_write(run->folder.path, run->sequence + 1, state, parts, N_PARTS, err);
    tw_json_free(state);
    run->t_saved_s = tw_clock_s();
    run->steps_since_saved = 0;
    if (rc)
        return rc;
    run->sequence++;
    run->n_saved++;
    if (run->n_saved > 1) /* what an earlier process's checkpoints refer to is not known */
        rc = remove_old_best(run, run->saved_best, err);
    run->saved_best = run->best.epoch.epoch;
    return rc;
}

void tw_train__save_end(tw_run *run)
{
    tw_error own;

    if (tw_train__save(run, &own) || tw_train__checkpoint_remove_older(run->folder.path, &own) ||
        remove_old_best(run, run->saved_best, &own))
        tw_watch_note(&run->watch, "no checkpoint: %s; the run cannot be extended", own.text);
}

/* "100" steps, or "30s". */
static bool is_due(const tw_run *run)
{
    const char *every = tw_train__text(run->training->config, TW_OPTION_CHECKPOINT_EVERY);
    char *end;
    double n = strtod(every, &end);

    if (*end == 's')
        return tw_clock_s() - run->t_saved_s >= n;
    return (double)run->steps_since_saved >= n;
}

void tw_train__save_if_due(tw_run *run)
{
    tw_error own;

    run->steps_since_saved++;
    if (is_due(run) && tw_train__save(run, &own))
        tw_watch_note(&run->watch, "no checkpoint: %s; training goes on, the last one stays",
                      own.text);
}

tw_status tw_train__save_interrupted(tw_run *run, const char *where, tw_error *err)
{
    const char *path = run->folder.path;
    tw_error own;

    if (tw_train__save(run, &own))
        return tw_fail(err, TW_EINTERRUPTED,
                       "interrupted in epoch %d, %s, without a checkpoint: %s", run->at.epoch.epoch,
                       where, own.text);
    return tw_fail(err, TW_EINTERRUPTED,
                   "interrupted in epoch %d, %s: \"topwork resume %s\" goes on from there",
                   run->at.epoch.epoch, where, path);
}
