/* topwork extract DATA --model M --layer L -o F.npy: activations for NumPy. */
#include "cli/cli.h"

#include <string.h>

static const cli_option options[] = {
    {"model", 0, "MODEL", NULL, "vgg16, resnet50, efficientnet-lite0, ... or a model file"},
    {"weights", 0, "FILE", NULL,
     "weights of a named network: file, fetched name, or random; what has been fetched for it "
     "unless given"},
    {"layer", 0, "LAYER", NULL, "whose output, by name or index (default: the last)"},
    {"output", 'o', "F.npy", NULL, "where to; labels go beside it, F.labels.npy"},
    {"split", 0, "PART", "train", "which part of DATA"},
    {"limit", 0, "N", NULL, "the first N pictures only"},
    {"preprocess", 0, "NAME", "the model's own", "pixel values"},
    {"interpolation", 0, "NAME", "the model's own", "how pictures are resized"},
    {"seed", 0, "N", "42", "of --weights random"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_bad_images_option(args);
    cli_add_compute_options(args);
    cli_add_cache_options(args);
    cli_add_watch_options(args);
}

static tw_status require(const cli_args *args, const char *name, tw_error *err)
{
    if (cli_has(args, name))
        return TW_OK;
    snprintf(err->text, sizeof err->text, "extract needs --%s", name);
    return err->code = TW_EUSAGE;
}

/* The model's contract with what the command line and the data say. */
static tw_status set_contract(tw_model *model, const tw_dataset *dataset, const cli_args *args,
                              tw_error *err)
{
    tw_status rc;
    tw_contract contract = *tw_model_contract(model);

    contract.colour = tw_dataset_colour(dataset);
    if (cli_has(args, "preprocess") &&
        (rc = tw_preprocess_parse(&contract.preprocess, cli_get(args, "preprocess"), err)))
        return rc;
    if (cli_has(args, "interpolation") &&
        (rc = tw_interpolation_parse(&contract.interpolation, cli_get(args, "interpolation"), err)))
        return rc;
    return tw_model_set_contract(model, &contract, err);
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_dataset *dataset = NULL;
    tw_spool *spool = NULL;
    tw_part part = TW_PART_TRAIN;
    tw_compute compute;
    tw_cache_options cache;
    tw_glance_options glance;
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    const char *weights = cli_get(args, "weights");
    int64_t limit, seed;
    char doubt[256];

    if ((rc = require(args, "model", err)) || (rc = require(args, "output", err)) ||
        (rc = cli_get_compute(&compute, args, err)) || (rc = cli_get_cache(&cache, args, err)) ||
        (rc = cli_get_number(&limit, args, "limit", 1, 0, err)) ||
        (rc = cli_get_number(&seed, args, "seed", 0, 42, err)) ||
        (rc = cli_get_glance(&glance, args, err)))
        return rc;
    if (cli_has(args, "split") && (rc = tw_part_parse(&part, cli_get(args, "split"), err)))
        return rc;
    if (!weights &&
        (rc = tw_model_find_weights(&weights, cli_get(args, "model"), cli_get(args, "layer"), err)))
        return rc;
    if ((rc = cli_take_data(&spool, &args->words[0], err)) ||
        (rc = tw_dataset_open(&dataset, args->words[0], part, limit, err)) ||
        (rc = tw_dataset_glance(dataset, args->words[0], &glance, &watch, err)) ||
        (rc = tw_model_open(&model, cli_get(args, "model"), weights, cli_get(args, "layer"),
                            (uint64_t)seed, err)) ||
        (rc = set_contract(model, dataset, args, err)))
        goto done;
    if (tw_model_doubt(doubt, sizeof doubt, model))
        cli_print_note(doubt);
    if (weights && strcmp(weights, "random") == 0)
        cli_print_note("the network's weights are random: its features mean nothing");
    rc = tw_extract(model, NULL, dataset, cli_get(args, "output"), &compute, &cache, &watch, err);
    cli_progress_end(&progress);
    if (rc)
        goto done;
    if (cli_has(args, "json"))
        printf("{\"event\":\"done\",\"rows\":%lld}\n", (long long)tw_dataset_count(dataset));
    else
        printf("wrote %lld rows to %s, labels beside it\n", (long long)tw_dataset_count(dataset),
               cli_get(args, "output"));
done:
    cli_progress_end(&progress);
    tw_dataset_free(dataset);
    tw_model_free(model);
    tw_spool_free(spool);
    return rc;
}

const cli_verb cli_extract = {.name = "extract",
                              .words = "DATA",
                              .summary = "write a layer's activations of every picture as .npy",
                              .details = "DATA - is a manifest on standard input.",
                              .min_words = 1,
                              .max_words = 1,
                              .add_options = add_options,
                              .run = run};
