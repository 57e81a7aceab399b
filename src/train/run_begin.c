/*
 * The beginning of a run, up to the first step: its folder, made or taken up again where a
 * checkpoint left it, and the features of all pictures.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"
#include "eval/predictions.h"

/* ---- watching */

/* Notes go to the log too. One that cannot be written is remembered: this is no place to fail. */
static void pass_event(void *ctx, const tw_event *event)
{
    tw_run *run = ctx;

    if (event->kind == TW_EVENT_NOTE) {
        tw_json *line = tw_json_new_object();
        tw_error err = {TW_OK, ""};
        tw_json_set(line, "text", tw_json_new_string(event->text));
        if (tw_train__folder_log(&run->folder, "note", line, &err) && !run->unlogged.code)
            run->unlogged = err;
    }
    tw_watch_send(run->outer, event);
}

static int pass_stop(void *ctx)
{
    const tw_run *run = ctx;

    return tw_watch_should_stop(run->outer);
}

/* ---- the small files */

static void add_pictures(tw_text *text, const tw_dataset *data, const char *split,
                         const int64_t *val, int64_t n_val)
{
    char buf[32];
    int64_t next = 0;

    for (int64_t i = 0; i < tw_dataset_count(data); i++) {
        bool is_val = next < n_val && val[next] == i;

        next += is_val;
        tw_csv_add(text, tw_dataset_name(data, i, buf, sizeof buf));
        tw_text_add(text, ",");
        tw_csv_add(text, tw_dataset_class_name(data, tw_dataset_label(data, i)));
        tw_text_add(text, ",%s\n", is_val ? "val" : split);
    }
}

static tw_status write_split(const tw_run *run, tw_error *err)
{
    tw_status rc;
    const tw_training *training = run->training;
    tw_text text = {0};

    tw_text_add(&text, "name,label,split\n");
    if (training->val_data) {
        add_pictures(&text, training->data, "train", NULL, 0);
        add_pictures(&text, training->val_data, "val", NULL, 0);
    } else {
        add_pictures(&text, training->data, "train", training->val, training->n_val);
    }
    rc = tw_train__folder_write(&run->folder, "split.csv", &text, err);
    tw_text_free(&text);
    return rc;
}

static tw_status log_start(tw_run *run, tw_error *err)
{
    const tw_training_plan *plan = &run->training->plan;
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "version", tw_json_new_string(tw_version()));
    tw_json_set(line, "data", tw_json_new_string(plan->data));
    tw_json_set(line, "split", tw_json_new_string(plan->split));
    tw_json_set(line, "model", tw_json_new_string(plan->model));
    tw_json_set(line, "compute", tw_json_new_string(plan->compute));
    tw_json_set(line, "optimizer", tw_json_new_string(plan->optimizer));
    tw_json_set(line, "cache", tw_json_new_string(plan->cache));
    return tw_train__folder_log(&run->folder, "start", line, err);
}

static void add_left_out(tw_json *pictures, const tw_dataset *data)
{
    for (int64_t i = 0; data && i < tw_dataset_left_out_count(data); i++)
        tw_json_append(pictures, tw_json_new_string(tw_dataset_left_out(data, i)));
}

/* All of them: whoever watches is told of the first. */
static tw_status log_left_out(tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;
    tw_json *line, *pictures;

    if (tw_dataset_left_out_count(training->data) == 0 &&
        (!training->val_data || tw_dataset_left_out_count(training->val_data) == 0))
        return TW_OK;
    line = tw_json_new_object();
    pictures = tw_json_new_array();
    add_left_out(pictures, training->data);
    add_left_out(pictures, training->val_data);
    tw_json_set(line, "pictures", pictures);
    return tw_train__folder_log(&run->folder, "left_out", line, err);
}

static tw_status write_config(const tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;

    return tw_train__folder_config(
        &run->folder, tw_train__config_json(training->config, training->val_data != NULL), err);
}

/* A folder of its own, with the files that say what the run is. */
static tw_status begin_folder(tw_run *run, const char *output, tw_error *err)
{
    tw_status rc;
    const tw_training *training = run->training;
    bool overwrite = training->resumes || tw_train__bool(training->config, TW_OPTION_OVERWRITE);

    if ((rc = tw_train__folder_create(&run->folder, output, overwrite, err)) ||
        (rc = tw_train__write_manifest(run, err)) || (rc = write_config(run, err)) ||
        (rc = write_split(run, err)) || (rc = log_start(run, err)) || (rc = log_left_out(run, err)))
        return rc;
    return tw_train__log_plan(run, err);
}

/* In which epoch, and how much of it is done. */
static void tell_where(const tw_run *run)
{
    const tw_training *training = run->training;
    const int n_epochs = tw_train__epoch_count(training);
    char seen[32], all[32];

    if (run->at.epoch.epoch > n_epochs)
        tw_watch_note(run->outer, "all %d epochs are trained, the end is made again", n_epochs);
    else
        tw_watch_note(run->outer, "goes on in epoch %d of %d, after %s of %s pictures",
                      run->at.epoch.epoch, n_epochs, tw_count_text(seen, sizeof seen, run->at.seen),
                      tw_count_text(all, sizeof all, training->n_train));
}

static tw_status log_resume(tw_run *run, tw_error *err)
{
    tw_json *line = tw_json_new_object();

    tw_json_set(line, "version", tw_json_new_string(tw_version()));
    tw_json_set(line, "epoch", tw_json_new_i64(run->at.epoch.epoch));
    tw_json_set(line, "step", tw_json_new_i64(run->at.step));
    tw_json_set(line, "compute", tw_json_new_string(run->training->plan.compute));
    return tw_train__folder_log(&run->folder, "resume", line, err);
}

/* The folder as the checkpoint left it; predictions and the like are made again at the end. */
static tw_status continue_folder(tw_run *run, const char *output, tw_error *err)
{
    tw_status rc;
    const tw_json *state = tw_train__checkpoint_state(run->checkpoint);

    run->sequence = tw_train__checkpoint_sequence(run->checkpoint);
    run->has_damaged_newest = tw_train__checkpoint_is_older(run->checkpoint);
    if ((rc = tw_train__identity_compare(tw_json_get(state, "identity"), run->identity,
                                         run->training, run->outer, err)) ||
        (rc = tw_train__folder_reopen(&run->folder, output, err)) ||
        (rc = tw_train__take_state(run, state, err)) ||
        (rc = tw_train__best_check(&run->best, output, err)) || (rc = log_resume(run, err)) ||
        (rc = write_config(run, err)) || (rc = write_split(run, err)) ||
        (rc = tw_train__folder_history(&run->folder, err)))
        return rc;
    run->saved_best = run->best.epoch.epoch;
    tell_where(run);
    return TW_OK;
}

static tw_status open_folder(tw_run *run, tw_error *err)
{
    tw_status rc;
    const char *output = tw_train__text(run->training->config, TW_OPTION_OUTPUT);
    tw_text why = {0};

    if (!output)
        return tw_fail(err, TW_EUSAGE, "option output is missing: the folder for the run");
    if (run->training->resumes &&
        (rc = tw_train__checkpoint_open(&run->checkpoint, output, &why, err))) {
        if (rc == TW_EFILE)
            tw_watch_note(run->outer, "without its checkpoints %s would begin anew", output);
        goto done;
    }
    if (why.n || why.failed)
        tw_watch_note(run->outer, "%s", why.failed ? "a checkpoint is damaged" : why.text);
    if ((rc = run->checkpoint ? continue_folder(run, output, err) : begin_folder(run, output, err)))
        goto done;
    rc = tw_train__log_prepared(run, err);
done:
    tw_text_free(&why);
    return rc;
}

void tw_train__run_init(tw_run *run, tw_training *training, const tw_watch *watch)
{
    *run = (tw_run){.training = training, .outer = watch, .scale = 1.0, .folder.log.fd = -1};
    run->watch = (tw_watch){pass_event, pass_stop, run};
    run->mark.t_s = tw_clock_s();
}

void tw_train__run_free(tw_run *run)
{
    tw_train__trainer_free(&run->trainer);
    tw_train__checkpoint_close(run->checkpoint);
    tw_json_free(run->identity);
    tw_train__folder_free(&run->folder);
    tw_free(run->order);
}

tw_status tw_train__run_begin(tw_run *run, tw_error *err)
{
    tw_status rc;

    if ((rc = tw_train__hash_frozen(run->training, err)) ||
        (rc = tw_train__name_manifest(run->training, err)) ||
        (rc = tw_train__identity(&run->identity, run->training, err)))
        return rc;
    return open_folder(run, err);
}

/* ---- features */

static tw_status fill_sources(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;

    if ((rc = tw_source_fill(training->source, &run->watch, err)))
        return rc;
    /* the validation pictures' source is made anew once the training part is filled: both may add
     * to the same entry of the cache, and it must see what the other wrote */
    if (training->own_val && ((rc = tw_train__open_own_val(training, &run->watch, err)) ||
                              (rc = tw_source_fill(training->own_val, &run->watch, err))))
        return rc;
    return tw_train__share_memory(training, err);
}

static int64_t count_rows(const tw_source *source)
{
    return tw_source_wanted(source) - tw_source_missing(source);
}

static tw_status fail_interrupted(const tw_run *run, tw_error *err)
{
    const tw_training *training = run->training;
    int64_t n_rows = count_rows(training->source);
    char rows[32];

    if (training->own_val)
        n_rows += count_rows(training->own_val);
    tw_count_text(rows, sizeof rows, n_rows);
    if (run->is_range_test)
        return tw_fail(err, TW_EINTERRUPTED,
                       "interrupted: the features of %s pictures are kept in the cache", rows);
    return tw_fail(
        err, TW_EINTERRUPTED,
        "interrupted: the features of %s pictures are kept in the cache, \"topwork resume %s\" "
        "goes on",
        rows, tw_train__text(training->config, TW_OPTION_OUTPUT));
}

tw_status tw_train__run_features(tw_run *run, tw_error *err)
{
    tw_status rc;
    tw_training *training = run->training;
    double t_begin_s = tw_clock_s(), deviation = 1.0;
    tw_json *line;

    if ((rc = fill_sources(run, err)))
        return rc == TW_EINTERRUPTED ? fail_interrupted(run, err) : rc;
    if (!run->checkpoint && tw_train__is_scaled(training->config)) {
        if ((rc = tw_source_deviation(&deviation, training->source, training->train,
                                      training->n_train, err)))
            return rc;
        run->scale = tw_train__scale(deviation);
    }
    line = tw_json_new_object();
    tw_json_set(line, "through_trunk", tw_json_new_i64(tw_train__trunk_count(training)));
    tw_json_set(line, "scale", tw_json_new_f64(run->scale));
    tw_json_set(line, "t_s", tw_json_new_f64(tw_clock_s() - t_begin_s));
    return tw_train__folder_log(&run->folder, "features", line, err);
}
