/* topwork calibrate RUN [DATA]: probabilities that mean what they say. */
#include "cli/cli.h"

#include <string.h>

static const cli_option options[] = {
    {"split", 0, "PART", "val, of a model file's data without one all", "which part of DATA"},
    {"reject-quantile", 0, "F", "0.99",
     "share of known pictures that predict is not to call unknown"},
    {"keep-temperature", 0, NULL, NULL, "learn only what known pictures look like"},
    {"dry-run", 0, NULL, NULL, "tell the temperature, write nothing"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_compute_options(args);
    cli_add_cache_options(args);
    cli_add_watch_options(args);
}

/* Of a run, pictures that it was not trained on. */
static tw_status open_data(tw_dataset **out, const cli_args *args, tw_error *err)
{
    const char *run = args->words[0], *data = args->n_words > 1 ? args->words[1] : NULL;
    tw_part part = TW_PART_VAL;
    int has;
    tw_status rc;

    *out = NULL;
    if (!data && !cli_is_folder(run)) {
        snprintf(err->text, sizeof err->text,
                 "a model file alone has no pictures: calibrate %s DATA", run);
        return err->code = TW_EUSAGE;
    }
    if (!data && cli_has(args, "split")) {
        snprintf(err->text, sizeof err->text, "--split is of DATA, which is not given");
        return err->code = TW_EUSAGE;
    }
    if (!data)
        return cli_open_own_data(out, run, err);
    if (cli_has(args, "split")) {
        if ((rc = tw_part_parse(&part, cli_get(args, "split"), err)))
            return rc;
    } else if (!cli_is_folder(run)) {
        if ((rc = tw_dataset_has_part(&has, data, part, err)))
            return rc;
        part = has ? TW_PART_VAL : TW_PART_ALL;
    }
    return cli_open_part(out, run, data, part, 0, err);
}

static void print_result(const tw_calibration *found, const char *path, bool written, bool json)
{
    char n[32], text[256];

    if (json) {
        printf("{\"temperature\":%.17g,\"temperature_before\":%.17g,\"ece\":%.9g,"
               "\"ece_before\":%.9g,\"loss\":%.17g,\"loss_before\":%.17g,\"n\":%lld,"
               "\"threshold\":%.9g,\"rejected\":%lld,\"trunk\":%lld,\"written\":%s}\n",
               found->temperature, found->temperature_before, found->ece, found->ece_before,
               found->loss, found->loss_before, (long long)found->n, found->threshold,
               (long long)found->n_rejected, (long long)found->n_trunk, written ? "true" : "false");
        return;
    }
    printf("temperature %.4f, from %s pictures (before: %.4f)\n", found->temperature,
           tw_count_text(n, sizeof n, found->n), found->temperature_before);
    snprintf(text, sizeof text, "%.2f %% -> %.2f %%, loss %.4f -> %.4f, on these pictures",
             100 * found->ece_before, 100 * found->ece, found->loss_before, found->loss);
    cli_print_lines(stdout, "calibration error ", 0, text);
    printf("unknown to predict --reject: beyond a distance of %.4f, %lld of these\n",
           found->threshold, (long long)found->n_rejected);
    if (written) {
        printf("written to ");
        cli_print_clean(path);
        printf("%s\n", found->temperature == found->temperature_before
                           ? ": the predicted classes and the probabilities stay"
                           : ": the predicted classes stay, predict and evaluate give the new "
                             "probabilities");
    }
}

static tw_status get_quantile(double *out, const cli_args *args, tw_error *err)
{
    const char *text = cli_get(args, "reject-quantile");

    *out = 0.0;
    if (!text || (tw_parse_f64(out, text) && *out > 0.0 && *out <= 1.0))
        return TW_OK;
    snprintf(err->text, sizeof err->text,
             "--reject-quantile must be a share above 0, at most 1, got \"%s\"", text);
    return err->code = TW_EUSAGE;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_dataset *dataset = NULL;
    tw_calibration found;
    tw_compute compute;
    tw_cache_options cache;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_calibrate_options how = {.keep_temperature = cli_has(args, "keep-temperature")};
    char path[4096];
    const bool writes = !cli_has(args, "dry-run");

    if ((rc = get_quantile(&how.reject_quantile, args, err)) ||
        (rc = cli_get_compute(&compute, args, err)) || (rc = cli_get_cache(&cache, args, err)) ||
        (rc = tw_run_model_path(path, sizeof path, args->words[0], err)) ||
        (rc = tw_model_open(&model, path, NULL, NULL, 0, err)) ||
        (rc = open_data(&dataset, args, err)))
        goto done;
    how.path = writes ? path : NULL;
    rc = tw_calibrate(&found, model, dataset, &how, &compute, &cache, &watch, err);
    cli_progress_end(&progress);
    if (rc == TW_OK)
        print_result(&found, path, writes, cli_has(args, "json"));
done:
    cli_progress_end(&progress);
    tw_dataset_free(dataset);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_calibrate = {
    .name = "calibrate",
    .words = "RUN [DATA]",
    .summary = "make probabilities mean what they say: a temperature",
    .details = "RUN is a run folder or a model file, which gets the temperature that fits\n"
               "labelled pictures best: those that RUN was validated on, or DATA's.\n"
               "What is predicted stays the same, how sure it is changes. It also learns\n"
               "what these pictures look like, so that predict can reject others.",
    .min_words = 1,
    .max_words = 2,
    .add_options = add_options,
    .run = run};
