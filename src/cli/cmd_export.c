/* topwork export RUN [DATA] --format F -o FILE: the model for another framework, checked. */
#include "cli/cli.h"

#include <string.h>

enum { N_COMPARED = 100 };

static const cli_option options[] = {
    {"format", 0, "FORMAT", "by the ending of FILE", "of the file"},
    {"output", 'o', "FILE", NULL, "where to; the file appears after the check"},
    {"with-preprocessing", 0, NULL, NULL,
     "onnx: the file takes pictures (N,H,W,3) of bytes, RGB, of the network's size"},
    {"pictures", 0, "N", "100", "how many pictures are compared"},
    {"split", 0, "PART", CLI_PART_RULE, "which part of DATA"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_compute_options(args);
    cli_add_watch_options(args);
}

/* What the pictures of the check are, in *what. */
static tw_status open_data(tw_dataset **out, const char **what, const cli_args *args, tw_error *err)
{
    tw_error why = {TW_OK, ""};
    char note[sizeof why.text + 80];
    tw_part part;
    tw_status rc;

    *what = "pictures of the data";
    if (args->n_words > 1) {
        if ((rc = cli_get_part(&part, args, args->words[1], err)))
            return rc;
        return tw_dataset_open(out, args->words[1], part, 0, err);
    }
    *what = "validation pictures of the run";
    if (cli_is_folder(args->words[0])) {
        if (cli_open_own_data(out, args->words[0], &why) == TW_OK)
            return TW_OK;
        snprintf(note, sizeof note, "compared on built-in digits, since the run has no others: %s",
                 why.text);
        cli_print_note(note);
    } else {
        cli_print_note("compared on built-in digits, since no DATA was given");
    }
    *what = "built-in digits";
    return tw_dataset_open(out, "digits", TW_PART_TEST, 0, err);
}

static tw_status get_format(tw_export_format *out, const cli_args *args, tw_error *err)
{
    const char *file = cli_get(args, "output");

    if (!file) {
        snprintf(err->text, sizeof err->text, "export needs --output");
        return err->code = TW_EUSAGE;
    }
    if (cli_has(args, "format"))
        return tw_export_parse(out, cli_get(args, "format"), err);
    return tw_export_guess(out, file, err);
}

static void print_result(const cli_args *args, const tw_parity *parity, tw_export_format format,
                         const char *what, const tw_model *model)
{
    const char *file = cli_get(args, "output");
    char bytes[32];

    if (cli_has(args, "json")) {
        printf("{\"event\":\"done\",\"file\":");
        cli_print_json_string(file);
        printf(",\"format\":\"%s\",\"bytes\":%lld,\"pictures\":%lld,\"same\":%lld,\"largest\":",
               tw_export_name(format), (long long)parity->n_bytes, (long long)parity->n,
               (long long)parity->n_same);
        cli_print_json_number(parity->largest, 9);
        printf("}\n");
        return;
    }
    printf("wrote ");
    cli_print_clean(file);
    printf(", %s, %s\n", tw_export_name(format),
           tw_bytes_text(bytes, sizeof bytes, parity->n_bytes));
    printf("read back and compared on %lld %s: top-1 the same for %lld, largest difference of a "
           "probability %.2g\n",
           (long long)parity->n, what, (long long)parity->n_same, parity->largest);
    if (tw_model_temperature(model) != 1.0)
        cli_print_lines(stdout, "", 0,
                        "the temperature of the calibration is in topwork's own metadata alone: "
                        "other programs that run the file give probabilities as before it");
    if (tw_model_knows_pictures(model))
        cli_print_lines(stdout, "", 0,
                        "what known pictures look like is not in the file: predict --reject takes "
                        "the model itself");
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_dataset *data = NULL;
    tw_export_options how = {.with_preprocessing = cli_has(args, "with-preprocessing")};
    tw_parity parity = {0};
    tw_compute compute;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    const char *what = NULL;

    if ((rc = get_format(&how.format, args, err)) || (rc = cli_get_compute(&compute, args, err)) ||
        (rc = cli_get_number(&how.n_pictures, args, "pictures", 1, N_COMPARED, err)) ||
        (rc = cli_open_run(&model, args->words[0], err)) ||
        (rc = open_data(&data, &what, args, err)))
        goto done;
    rc = tw_export(&parity, model, data, cli_get(args, "output"), &how, &compute, &watch, err);
    cli_progress_end(&progress);
    if (rc == TW_OK)
        print_result(args, &parity, how.format, what, model);
done:
    cli_progress_end(&progress);
    tw_dataset_free(data);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_export = {
    .name = "export",
    .words = "RUN [DATA]",
    .summary = "the model as a file of another framework, checked on pictures",
    .details = "RUN is a run folder or a model file. What was written is read back and\n"
               "compared with the model on pictures of DATA, else on those that the run\n"
               "was validated on, else on built-in digits; where another class comes\n"
               "out there is no file and exit code 1.",
    .min_words = 1,
    .max_words = 2,
    .add_options = add_options,
    .run = run};
