/* topwork evaluate RUN DATA: accuracy with its interval, per-class table, confusion. */
#include "cli/cli.h"

#include <string.h>

static const cli_option options[] = {
    {"split", 0, "PART", CLI_PART_RULE, "which part of DATA"},
    {"limit", 0, "N", NULL, "the first N pictures only"},
    {"output", 'o', "F.csv", "RUN/predictions.csv", "where the prediction of every picture goes"},
    {"compare", 0, "RUN", NULL, "what changed against this run's predictions.csv, or such a file"},
    {"min-accuracy", 0, "F", NULL, "exit 4 when the accuracy is below this share"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_bad_images_option(args);
    cli_add_compute_options(args);
    cli_add_cache_options(args);
    cli_add_watch_options(args);
}

/* The part asked for, with what cannot be read or without. */
static tw_status open_data(tw_dataset **out, tw_part *part, const cli_args *args, int64_t limit,
                           const tw_watch *watch, tw_error *err)
{
    tw_glance_options glance;
    tw_status rc;

    *out = NULL;
    if ((rc = cli_get_glance(&glance, args, err)) ||
        (rc = cli_get_part(part, args, args->words[1], err)) ||
        (rc = cli_open_part(out, args->words[0], args->words[1], *part, limit, err)))
        return rc;
    return tw_dataset_glance(*out, args->words[1], &glance, watch, err);
}

static tw_status print_classes(const tw_evaluation *evaluation, tw_error *err)
{
    static const cli_column columns[] = {{"class", false, true, false},
                                         {"pictures", true, false, true},
                                         {"precision", true, false, false},
                                         {"recall", true, false, false},
                                         {"F1", true, false, false}};
    cli_table *table = cli_table_create(columns, sizeof columns / sizeof columns[0]);
    char buf[16];
    tw_status rc;

    for (int i = 0; i < evaluation->n_classes; i++) {
        const tw_class_score *score = &evaluation->classes[i];
        cli_table_add(table, "%s", score->name);
        cli_table_add(table, "%lld", (long long)score->support);
        cli_table_add(table, "%s", cli_percent_text(buf, score->precision));
        cli_table_add(table, "%s", cli_percent_text(buf, score->recall));
        cli_table_add(table, "%s", cli_percent_text(buf, score->f1));
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    return rc;
}

/* Bins without an answer are left out. */
static void print_bins_json(const tw_evaluation *evaluation)
{
    printf("{\"calibration\":[");
    for (int i = 0, n = 0; i < TW_CALIBRATION_BINS; i++) {
        const tw_calibration_bin *bin = &evaluation->bins[i];
        if (bin->n == 0)
            continue;
        printf("%s{\"above\":%.9g,\"to\":%.9g,\"n\":%lld,\"accuracy\":%.9g,\"confidence\":%.9g}",
               n++ ? "," : "", (double)i / TW_CALIBRATION_BINS, (i + 1.0) / TW_CALIBRATION_BINS,
               (long long)bin->n, (double)bin->correct / (double)bin->n,
               bin->confidence / (double)bin->n);
    }
    printf("]}\n");
}

static void print_json(const tw_evaluation *evaluation)
{
    for (int i = 0; i < evaluation->n_classes; i++) {
        const tw_class_score *score = &evaluation->classes[i];
        printf("{\"class\":");
        cli_print_json_string(score->name);
        printf(",\"support\":%lld,\"predicted\":%lld,\"correct\":%lld,\"precision\":",
               (long long)score->support, (long long)score->predicted, (long long)score->correct);
        cli_print_json_number(score->precision, 9);
        printf(",\"recall\":");
        cli_print_json_number(score->recall, 9);
        printf(",\"f1\":");
        cli_print_json_number(score->f1, 9);
        printf(",\"f1_low\":");
        cli_print_json_number(score->f1_low, 9);
        printf(",\"f1_high\":");
        cli_print_json_number(score->f1_high, 9);
        printf("}\n");
    }
    print_bins_json(evaluation);
    printf("{\"accuracy\":%.17g,\"low\":%.9g,\"high\":%.9g,\"loss\":", evaluation->accuracy,
           evaluation->low, evaluation->high);
    cli_print_json_number(evaluation->loss, 17);
    printf(",\"macro_f1\":");
    cli_print_json_number(evaluation->macro_f1, 9);
    printf(",\"f1_low\":");
    cli_print_json_number(evaluation->f1_low, 9);
    printf(",\"f1_high\":");
    cli_print_json_number(evaluation->f1_high, 9);
    if (evaluation->knows_pictures)
        printf(",\"rejected\":%lld", (long long)evaluation->n_rejected);
    printf(",\"ece\":%.9g,\"temperature\":%.17g,\"n\":%lld,\"trunk\":%lld}\n", evaluation->ece,
           evaluation->temperature, (long long)evaluation->n, (long long)evaluation->n_trunk);
}

static tw_status check_gate(const cli_args *args, const tw_evaluation *evaluation, tw_error *err)
{
    const char *text = cli_get(args, "min-accuracy");
    double least;

    if (!text || !tw_parse_f64(&least, text) || evaluation->accuracy >= least)
        return TW_OK;
    snprintf(err->text, sizeof err->text, "accuracy %.4f is below the gate of %s",
             evaluation->accuracy, text);
    return err->code = TW_EGATE;
}

static tw_status check_options(int64_t *limit, const cli_args *args, tw_error *err)
{
    const char *gate = cli_get(args, "min-accuracy");
    double share;

    if (gate && (!tw_parse_f64(&share, gate) || share < 0 || share > 1)) {
        snprintf(err->text, sizeof err->text,
                 "--min-accuracy must be a share from 0 to 1, got \"%s\"", gate);
        return err->code = TW_EUSAGE;
    }
    return cli_get_number(limit, args, "limit", 1, 0, err);
}

/* What follows the accuracy. */
static void print_more(const tw_evaluation *evaluation)
{
    char mean[16], low[16], high[16], text[256];
    int n = snprintf(text, sizeof text, "%s (95 %% interval %s to %s), calibration error %.2f %%",
                     cli_percent_text(mean, evaluation->macro_f1),
                     cli_percent_text(low, evaluation->f1_low),
                     cli_percent_text(high, evaluation->f1_high), 100 * evaluation->ece);

    if (evaluation->temperature != 1.0)
        snprintf(text + n, sizeof text - (size_t)n, " at temperature %.4f",
                 evaluation->temperature);
    cli_print_lines(stdout, "mean F1 ", 0, text);
    if (!evaluation->knows_pictures)
        return;
    snprintf(text, sizeof text, "%lld of %lld pictures (%s)", (long long)evaluation->n_rejected,
             (long long)evaluation->n,
             cli_percent_text(mean, (double)evaluation->n_rejected / (double)evaluation->n));
    cli_print_lines(stdout, "predict --reject would call unknown ", 0, text);
}

static tw_status print_result(const cli_args *args, const tw_evaluation *evaluation, tw_part part,
                              tw_error *err)
{
    char n[32], loss[CLI_LOSS_SIZE], text[512];
    tw_status rc;

    if (cli_has(args, "json")) {
        print_json(evaluation);
        return TW_OK;
    }
    if ((rc = print_classes(evaluation, err)))
        return rc;
    cli_print_confusion(evaluation);
    snprintf(text, sizeof text,
             "%.2f %%%s (95 %% interval %.2f to %.2f), loss %s, on %s pictures (%s)%s",
             100 * evaluation->accuracy, cli_style(stdout, CLI_PLAIN), 100 * evaluation->low,
             100 * evaluation->high, cli_loss_text(loss, evaluation->loss),
             tw_count_text(n, sizeof n, evaluation->n), tw_part_name(part),
             part == TW_PART_TEST ? "" : "; the model may have been trained or selected on them");
    printf("\n%s", cli_style(stdout, CLI_BOLD));
    cli_print_lines(stdout, "accuracy ", 0, text);
    print_more(evaluation);
    cli_print_trunk(evaluation->n_trunk, evaluation->n);
    return TW_OK;
}

/* Where the predictions are now RUN's own: its log says of which pictures, its report is made
 * again. */
static void renew_report(const cli_args *args, const tw_evaluation *evaluation, tw_part part,
                         int64_t limit)
{
    const char *run = args->words[0], *data = args->words[1];
    const char *shown = tw_spool_shown(data) == data ? data : NULL; /* kept in the run */
    tw_error err = {TW_OK, ""};

    if (cli_has(args, "output") || !cli_is_folder(run))
        return;
    if (tw_run_add_evaluation(run, data, part, limit, evaluation, &err))
        cli_print_no_report(&err);
    else
        cli_write_report(run, shown, cli_get(args, "compare"), cli_has(args, "json"));
}

/* Where the predictions go, "" for nowhere. */
static void choose_csv(char *buf, size_t buf_size, const cli_args *args)
{
    if (cli_has(args, "output"))
        snprintf(buf, buf_size, "%s", cli_get(args, "output"));
    else if (cli_is_folder(args->words[0]))
        snprintf(buf, buf_size, "%s/predictions.csv", args->words[0]);
    else
        buf[0] = '\0';
}

/* Before anything is computed: what is compared with is there, and is not what will be written. */
static tw_status check_compare(const cli_args *args, const char *csv, tw_error *err)
{
    const char *with = cli_get(args, "compare");
    char theirs[4200];
    tw_comparison comparison;
    tw_status rc;

    if (!with)
        return TW_OK;
    if (!*csv) {
        snprintf(err->text, sizeof err->text, "--compare of a model file needs --output F.csv");
        return err->code = TW_EUSAGE;
    }
    snprintf(theirs, sizeof theirs, "%s%s", with, cli_is_folder(with) ? "/predictions.csv" : "");
    if (cli_is_same_file(theirs, csv)) {
        snprintf(err->text, sizeof err->text,
                 "--compare %.500s: its predictions are about to be replaced; give --output F.csv",
                 with);
        return err->code = TW_EUSAGE;
    }
    rc = tw_compare(&comparison, with, with, err);
    tw_comparison_free(&comparison);
    return rc;
}

static tw_status print_all(const cli_args *args, const tw_evaluation *evaluation, tw_part part,
                           const char *csv, tw_error *err)
{
    const char *with = cli_get(args, "compare");
    const bool is_json = cli_has(args, "json");
    tw_comparison comparison = {0};
    tw_status rc = with ? tw_compare(&comparison, with, csv, err) : TW_OK;

    if (rc)
        return rc;
    if (with && is_json)
        cli_print_comparison_json(&comparison, with);
    rc = print_result(args, evaluation, part, err);
    if (rc == TW_OK && with && !is_json)
        rc = cli_print_comparison(&comparison, with, err);
    tw_comparison_free(&comparison);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_dataset *dataset = NULL;
    tw_spool *spool = NULL;
    tw_evaluation evaluation = {0};
    tw_part part;
    tw_compute compute;
    tw_cache_options cache;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    char path[4200];
    int64_t limit;

    choose_csv(path, sizeof path, args);
    if ((rc = check_options(&limit, args, err)) || (rc = cli_get_compute(&compute, args, err)) ||
        (rc = cli_get_cache(&cache, args, err)) || (rc = check_compare(args, path, err)) ||
        (rc = cli_open_run(&model, args->words[0], err)) ||
        (rc = cli_take_data(&spool, &args->words[1], err)) ||
        (rc = open_data(&dataset, &part, args, limit, &watch, err)))
        goto done;
    rc = tw_evaluate(&evaluation, model, dataset, *path ? path : NULL, &compute, &cache, &watch,
                     err);
    cli_progress_end(&progress);
    if (rc)
        goto done;
    if ((rc = print_all(args, &evaluation, part, path, err)))
        goto done;
    renew_report(args, &evaluation, part, limit);
    rc = check_gate(args, &evaluation, err);
done:
    cli_progress_end(&progress);
    tw_evaluation_free(&evaluation);
    tw_dataset_free(dataset);
    tw_model_free(model);
    tw_spool_free(spool);
    return rc;
}

const cli_verb cli_evaluate = {.name = "evaluate",
                               .words = "RUN DATA",
                               .summary = "accuracy with its interval, per-class table, confusion",
                               .details =
                                   "RUN is a run folder or a model file; DATA - is a manifest on\n"
                                   "standard input.",
                               .min_words = 2,
                               .max_words = 2,
                               .add_options = add_options,
                               .run = run};
