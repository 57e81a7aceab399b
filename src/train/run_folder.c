/*
 * The run folder: RUN/{config.json,split.csv,history.csv,log.jsonl,model.safetensors,
 * predictions.csv}, and what src/report makes of them, report.html and report.json. It owns the
 * names, the refusal to overwrite, and the rule that whole files appear atomically while the log
 * grows by lines. Times are in log.jsonl and nowhere else.
 */
#include "train/train_int.h"

#include "base/clock.h"
#include "base/fail.h"
#include "base/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Beside these: best-<epoch>.params, the parameters of the best epoch so far. */
static const char *const run_files[] = {
    "config.json",     "split.csv",         "history.csv",           "log.jsonl",     "last.ckpt",
    "last.ckpt.1",     "last.ckpt.new",     "lr-find.csv",           "report.html",   "report.json",
    "predictions.csv", "model.safetensors", "model.safetensors.new", "kfold.csv",     "sweep.csv",
    "out-of-fold.csv", "suspects.csv",      "manifest.csv",          "evaluated.csv", NULL};

/* Held by the process that works on the run; stays behind, empty. */
static const char lock_name[] = ".lock";
static const char log_name[] = "log.jsonl";

static bool is_run_file(const char *name)
{
    for (int i = 0; run_files[i]; i++)
        if (!strcmp(run_files[i], name))
            return true;
    return tw_train__best_epoch_of(name) >= 0;
}

tw_status tw_train__folder_check(const char *path, bool overwrite, tw_error *err)
{
    tw_status rc;
    char **names;
    size_t n, n_other = 0;
    bool is_run = false, is_whole = false;

    if (!tw_path_exists(path))
        return TW_OK;
    if (!tw_path_is_folder(path))
        return tw_fail(err, TW_EUSAGE, "%s: is a file, not a folder for a run", path);
    if ((rc = tw_folder_list(&names, &n, path, err)))
        return rc;
    for (size_t i = 0; i < n; i++) {
        n_other += strcmp(names[i], lock_name) != 0;
        is_run |= is_run_file(names[i]);
        is_whole |= !strcmp(names[i], "model.safetensors") || !strcmp(names[i], "kfold.csv") ||
                    !strcmp(names[i], "sweep.csv");
    }
    tw_folder_list_free(names, n);

    if (n_other > 0 && !is_run)
        return tw_fail(err, TW_EUSAGE, "%s: a folder with other things in it, not a run", path);
    if (n_other > 0 && !overwrite)
        return tw_fail(err, TW_EUSAGE, "%s: %s; overwrite replaces it", path,
                       is_whole ? "a run is there already" : "an unfinished run is there");
    return TW_OK;
}

char *tw_train__folder_file(const tw_run_folder *folder, const char *name)
{
    return tw_path_join(folder->path, name);
}

static tw_status fail_memory(const char *name, tw_error *err)
{
    return tw_fail(err, TW_ENOMEM, "no memory to write %s", name);
}

/* All files of an older run. What else lies there stays, and so does what a run's folder is known
 * by at any moment: the log, emptied before, and config.json until the new one takes its place. The
 * manifest may be what the new one is of. */
static tw_status remove_files(const tw_run_folder *folder, tw_error *err)
{
    tw_status rc;
    char **names;
    size_t n;

    if ((rc = tw_folder_list(&names, &n, folder->path, err)))
        return rc;
    for (size_t i = 0; i < n && !rc; i++) {
        char *path;

        if (!is_run_file(names[i]) || !strcmp(names[i], "config.json") ||
            !strcmp(names[i], log_name) || !strcmp(names[i], "manifest.csv"))
            continue;
        path = tw_train__folder_file(folder, names[i]);
        rc = path ? tw_file_remove(path, err) : fail_memory(names[i], err);
        tw_free(path);
    }
    tw_folder_list_free(names, n);
    return rc;
}

/* One process a run: two would write the same files. */
static tw_status lock(tw_run_folder *folder, tw_error *err)
{
    tw_status rc;
    char *path = tw_train__folder_file(folder, lock_name);

    rc = path ? tw_lock_try(&folder->lock, &folder->is_locked, path, err)
              : fail_memory(folder->path, err);
    tw_free(path);
    if (!rc && !folder->is_locked)
        rc = tw_fail(err, TW_EUSAGE, "%s: another topwork works on this run", folder->path);
    return rc;
}

static tw_status open_log(tw_run_folder *folder, tw_error *err)
{
    tw_status rc;
    char *log = tw_train__folder_file(folder, log_name);

    rc = log ? tw_file_open_append(&folder->log, log, err) : fail_memory(log_name, err);
    tw_free(log);
    return rc;
}

tw_status tw_train__folder_create(tw_run_folder *out, const char *path, bool overwrite,
                                  tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    out->log.fd = -1;
    if ((rc = tw_train__folder_check(path, overwrite, err)))
        return rc;
    if (!(out->path = tw_strdup(path)))
        rc = fail_memory(path, err);
    else if (!(rc = tw_folder_create(path, err)) && !(rc = lock(out, err)) &&
             !(rc = open_log(out, err)) && !(rc = tw_file_truncate(&out->log, 0, err)))
        rc = remove_files(out, err);
    if (rc)
        tw_train__folder_free(out);
    return rc;
}

/* A line that a killed process left unfinished is cut off. */
static tw_status mend_log(tw_run_folder *folder, tw_error *err)
{
    enum { WINDOW = 4096 };
    char tail[WINDOW];
    int64_t end = folder->log.size;
    tw_status rc;

    while (end > 0) {
        int64_t first = end > WINDOW ? end - WINDOW : 0;
        if ((rc = tw_file_pread(&folder->log, tail, (size_t)(end - first), first, err)))
            return rc;
        while (end > first && tail[end - first - 1] != '\n')
            end--;
        if (end > first)
            break;
    }
    return end < folder->log.size ? tw_file_truncate(&folder->log, end, err) : TW_OK;
}

tw_status tw_train__folder_reopen(tw_run_folder *out, const char *path, tw_error *err)
{
    tw_status rc;

    memset(out, 0, sizeof *out);
    out->log.fd = -1;
    if (!(out->path = tw_strdup(path)))
        rc = fail_memory(path, err);
    else if (!(rc = lock(out, err)) && !(rc = open_log(out, err)))
        rc = mend_log(out, err);
    if (rc)
        tw_train__folder_free(out);
    return rc;
}

void tw_train__folder_free(tw_run_folder *folder)
{
    if (folder->log.path)
        tw_file_close(&folder->log);
    if (folder->is_locked)
        tw_lock_release(&folder->lock);
    tw_free(folder->path);
    tw_text_free(&folder->history);
    memset(folder, 0, sizeof *folder);
}

static tw_status write_bytes(const tw_run_folder *folder, const char *name, const char *text,
                             size_t n, tw_error *err)
{
    tw_status rc;
    char *path = tw_train__folder_file(folder, name);

    rc = path ? tw_file_write(path, text, n, err) : fail_memory(name, err);
    tw_free(path);
    return rc;
}

tw_status tw_train__folder_write(const tw_run_folder *folder, const char *name, const tw_text *text,
                                 tw_error *err)
{
    if (text->failed)
        return fail_memory(name, err);
    return write_bytes(folder, name, text->text, text->n, err);
}

tw_status tw_train__folder_config(const tw_run_folder *folder, tw_json *config, tw_error *err)
{
    tw_status rc;
    tw_text text = {0};
    char *dump = config ? tw_json_dump(config, 2) : NULL;

    if (dump)
        tw_text_add(&text, "%s\n", dump);
    else
        text.failed = true;
    rc = tw_train__folder_write(folder, "config.json", &text, err);
    tw_text_free(&text);
    tw_free(dump);
    tw_json_free(config);
    return rc;
}

/* ",0.25", or "," where there is no figure. */
static void add_figure(tw_text *line, double figure)
{
    if (isnan(figure))
        tw_text_add(line, ",");
    else
        tw_text_add(line, ",%.9g", figure);
}

tw_status tw_train__folder_history(const tw_run_folder *folder, tw_error *err)
{
    return folder->history.n ? tw_train__folder_write(folder, "history.csv", &folder->history, err)
                             : TW_OK;
}

tw_status tw_train__folder_epoch(tw_run_folder *folder, const tw_epoch *epoch, tw_error *err)
{
    tw_text *history = &folder->history;

    if (history->n == 0)
        tw_text_add(history, "epoch,loss,accuracy,val_loss,val_accuracy\n");
    tw_text_add(history, "%d", epoch->epoch);
    add_figure(history, epoch->loss);
    add_figure(history, epoch->accuracy);
    add_figure(history, epoch->val_loss);
    add_figure(history, epoch->val_accuracy);
    tw_text_add(history, "\n");
    return tw_train__folder_history(folder, err);
}

/* The object {"time":...,"event":...} followed by the fields, on one line. */
tw_status tw_train__folder_log(tw_run_folder *folder, const char *event, tw_json *fields,
                               tw_error *err)
{
    tw_status rc;
    char when[32];
    tw_text line = {0};
    char *dump = fields ? tw_json_dump(fields, 0) : NULL;

    tw_clock_text(when, sizeof when);
    tw_text_add(&line, "{\"time\":\"%s\",\"event\":\"%s\"", when, event);
    if (!dump)
        line.failed = true;
    else if (strcmp(dump, "{}") != 0)
        tw_text_add(&line, ",%s\n", dump + 1);
    else
        tw_text_add(&line, "}\n");
    rc = line.failed ? fail_memory("log.jsonl", err)
                     : tw_file_append(&folder->log, line.text, line.n, err);
    tw_text_free(&line);
    tw_free(dump);
    tw_json_free(fields);
    return rc;
}

tw_status tw_run_model_path(char *buf, size_t buf_size, const char *run, tw_error *err)
{
    bool is_folder = tw_path_is_folder(run);
    int n = snprintf(buf, buf_size, is_folder ? "%s/model.safetensors" : "%s", run);

    if (n < 0 || (size_t)n >= buf_size)
        return tw_fail(err, TW_EFILE, "%s: path of %d letters is too long", run, n);
    if (tw_path_exists(buf))
        return TW_OK;
    if (is_folder)
        return tw_fail(err, TW_EFILE,
                       "%s: no model.safetensors there, the training did not come to its end", run);
    return tw_fail_missing(run, "no such run or model file", err);
}
