/*
 * Going on with a run: its config.json says what it is, its checkpoint how far it came. Where there
 * is no checkpoint yet it starts anew; where it is finished it is left alone, unless it is to have
 * more epochs than it had.
 */
#include "train/train_int.h"

#include "base/fail.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

enum { MAX_LOG_BYTES = 1 << 28 };

/* The event of a line of log.jsonl, "" where it is none. */
static void find_event(char *out, size_t out_size, const char *line, size_t n)
{
    tw_json *json;
    const char *event;

    out[0] = '\0';
    if (tw_json_parse(&json, line, n, "log.jsonl", NULL))
        return;
    if (tw_json_string(&event, tw_json_get(json, "event")))
        snprintf(out, out_size, "%s", event);
    tw_json_free(json);
}

/* Its last beginning was followed by an end. */
static bool ends_finished(const char *log)
{
    bool finished = false;
    char event[32];

    for (const char *line = log; *line;) {
        size_t n = strcspn(line, "\n");

        find_event(event, sizeof event, line, n);
        if (!strcmp(event, "end"))
            finished = true;
        else if (!strcmp(event, "start") || !strcmp(event, "resume"))
            finished = false;
        line += n + (line[n] == '\n');
    }
    return finished;
}

tw_status tw_run_is_finished(int *out, const char *run, tw_error *err)
{
    tw_status rc = TW_OK;
    char *path = tw_path_join(run, "log.jsonl"), *text = NULL;
    size_t n;

    *out = 0;
    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s/log.jsonl", run);
    if (tw_path_exists(path) && !(rc = tw_file_read(&text, &n, path, MAX_LOG_BYTES, err)))
        *out = ends_finished(text);
    tw_free(text);
    tw_free(path);
    return rc;
}

static bool is_range_test(const char *run)
{
    char *path = tw_path_join(run, "lr-find.csv");
    bool there = path && tw_path_exists(path);

    tw_free(path);
    return there;
}

static tw_status read_config(tw_config **out, const char *run, tw_error *err)
{
    tw_status rc;
    char *path = tw_path_join(run, "config.json");

    *out = NULL;
    if (!path)
        return tw_fail(err, TW_ENOMEM, "no memory for the name of %s/config.json", run);
    if (is_range_test(run))
        rc = tw_fail(err, TW_EUSAGE, "%s: a range test, there is nothing to go on with", run);
    else if (!tw_path_is_folder(run))
        rc = tw_fail_missing(run, "no such run folder", err);
    else if (!tw_path_exists(path))
        rc = tw_fail(err, TW_EFILE, "%s: no config.json there, nothing to go on with", run);
    else if (!(rc = tw_config_create(out, err)) && !(rc = tw_config_read(*out, path, err)))
        rc = tw_config_set(*out, "output", run, TW_FROM_FLAG, err);
    tw_free(path);
    if (rc) {
        tw_config_free(*out);
        *out = NULL;
    }
    return rc;
}

/* What the run is given anew; of epochs it can only get more. */
static tw_status change(tw_config *config, const char *run, const tw_config *changes, bool *extends,
                        tw_error *err)
{
    const int64_t then = tw_train__i64(config, TW_OPTION_EPOCHS);
    tw_status rc = TW_OK;
    int64_t now;

    for (int i = 0; tw_config_option(i) && !rc; i++) {
        const char *name = tw_config_option(i)->name;

        if (!tw_config_is_given(changes, name))
            continue;
        rc = tw_config_may_change(name)
                 ? tw_config_set(config, name, tw_config_get(changes, name), TW_FROM_FILE, err)
                 : tw_fail(err, TW_EUSAGE, "option %s cannot change in a run that goes on", name);
    }
    now = tw_train__i64(config, TW_OPTION_EPOCHS);
    *extends = now > then;
    if (!rc && now < then)
        rc = tw_fail(err, TW_EUSAGE, "epochs %lld: %s is one of %lld, it can only get more",
                     (long long)now, run, (long long)then);
    return rc;
}

/* The model is there and no checkpoint: it was trained, whatever became of the log. */
static tw_status check_trained(const char *run, tw_error *err)
{
    tw_status rc;
    char model[4096];
    bool there;

    if (tw_run_model_path(model, sizeof model, run, NULL))
        return TW_OK;
    if ((rc = tw_train__checkpoint_exists(&there, run, err)) || there)
        return rc;
    return tw_fail(err, TW_EFILE,
                   "%s: has a model and no checkpoint to go on from: left as it is; train with "
                   "config %s/config.json and overwrite begins anew",
                   run, run);
}

/* A finished run without its last checkpoint has nothing to go on from. */
static tw_status check_extension(const char *run, tw_error *err)
{
    tw_status rc;
    tw_checkpoint *checkpoint;
    tw_text why = {0};

    if (!(rc = tw_train__checkpoint_open(&checkpoint, run, &why, err)) && !checkpoint)
        rc = tw_fail(err, TW_EFILE, "%s: its last checkpoint is gone, it cannot be extended", run);
    if (!rc)
        tw_train__checkpoint_close(checkpoint);
    tw_text_free(&why);
    return rc;
}

tw_status tw_training_resume(tw_training **out, const char *run, const tw_config *changes,
                             const tw_watch *watch, tw_error *err)
{
    tw_status rc;
    tw_config *config;
    bool extends = false;
    int finished = 0;

    *out = NULL;
    if ((rc = read_config(&config, run, err)))
        return rc;
    if ((rc = tw_run_is_finished(&finished, run, err)) ||
        (changes && (rc = change(config, run, changes, &extends, err))))
        goto done;
    if (finished && !extends)
        goto done;
    if ((rc = finished ? check_extension(run, err) : check_trained(run, err)))
        goto done;
    rc = tw_train__open(out, config, true, watch, err);
done:
    tw_config_free(config);
    return rc;
}
