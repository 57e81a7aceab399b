/* topwork convert IN OUT: weights from one format to another, no number changed. */
#include "cli/cli.h"

static const cli_option options[] = {
    {"format", 0, "KIND", "by the ending of OUT", "of OUT"},
    {"model", 0, "MODEL", "found out by names and shapes",
     "whose weights they are: vgg16, resnet50, ..."},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_json_option(args);
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    const char *out = args->words[1];
    tw_convert_options how = {.model = cli_get(args, "model")};
    char bytes[32];
    int64_t n_bytes;

    rc = cli_has(args, "format") ? tw_export_parse(&how.format, cli_get(args, "format"), err)
                                 : tw_export_guess(&how.format, out, err);
    if (rc || (rc = tw_convert(&n_bytes, args->words[0], out, &how, err)))
        return rc;
    if (cli_has(args, "json")) {
        printf("{\"event\":\"done\",\"file\":");
        cli_print_json_string(out);
        printf(",\"format\":\"%s\",\"bytes\":%lld}\n", tw_export_name(how.format),
               (long long)n_bytes);
        return TW_OK;
    }
    printf("wrote ");
    cli_print_clean(out);
    printf(", %s, %s\n", tw_export_name(how.format), tw_bytes_text(bytes, sizeof bytes, n_bytes));
    return TW_OK;
}

const cli_verb cli_convert = {
    .name = "convert",
    .words = "IN OUT",
    .summary = "weights from one format to another, no number changed",
    .details = "IN is a model file, weights of a built-in network in any format that\n"
               "topwork reads, or a network with its weights inside (vgg16-mini). OUT is\n"
               "read back and compared before it gets its name. onnx needs a classifier.",
    .min_words = 2,
    .max_words = 2,
    .add_options = add_options,
    .run = run};
