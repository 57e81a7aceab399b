/* topwork explain RUN IMAGE -o F.png: where in a picture the class was found. */
#include "cli/cli.h"

#include <string.h>

static const cli_option options[] = {
    {"output", 'o', "F.png", NULL, "the picture as the network sees it, the map over it"},
    {"layer", 0, "NAME", "the last convolution", "whose activations are looked at"},
    {"class", 0, "NAME", "the most probable one", "the class that is asked about"},
    {"model", 0, "NAME", NULL, "a whole network with its own top (vgg16, vgg19) in place of RUN"},
    {"weights", 0, "FILE", NULL,
     "its weights: file or fetched name; what has been fetched for it unless given"},
    {"class-index", 0, "FILE", NULL,
     "names of its classes, imagenet_class_index.json; what has been fetched unless given"},
    {"split", 0, "PART", CLI_PART_RULE, "which part DIR:5, FILE.npz:5 and digits:5 mean"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_compute_options(args);
    cli_add_json_option(args);
}

static tw_status find_class(int *out, const tw_model *model, const char *name, tw_error *err)
{
    *out = -1;
    if (!name)
        return TW_OK;
    for (int i = 0; i < tw_model_class_count(model); i++)
        if (strcmp(tw_model_class_name(model, i), name) == 0) {
            *out = i;
            return TW_OK;
        }
    snprintf(err->text, sizeof err->text, "the model has no class \"%s\"", name);
    return err->code = TW_EUSAGE;
}

/* The one picture that the word names, as the model asks for it. */
static tw_status read_picture(tw_picture *out, const cli_args *args, const char *word,
                              const tw_model *model, tw_error *err)
{
    const char *colon = strrchr(word, ':');
    tw_part part = TW_PART_TEST;
    tw_dataset *dataset;
    tw_status rc;

    if (colon && cli_has(args, "split") && (rc = tw_part_parse(&part, cli_get(args, "split"), err)))
        return rc;
    if ((rc = tw_pictures_open(&dataset, word, part, err)))
        return rc;
    if (tw_dataset_count(dataset) == 1) {
        rc = tw_dataset_read_for(out, dataset, 0, tw_model_contract(model), err);
    } else {
        snprintf(err->text, sizeof err->text, "%.300s: %lld pictures, one can be explained", word,
                 (long long)tw_dataset_count(dataset));
        rc = err->code = TW_EUSAGE;
    }
    tw_dataset_free(dataset);
    return rc;
}

static void print_json(const tw_explanation *found, const tw_model *model)
{
    printf("{\"class\":");
    cli_print_json_string(tw_model_class_name(model, found->class_index));
    printf(",\"probability\":%.9g,\"predicted\":", found->probability);
    cli_print_json_string(tw_model_class_name(model, found->predicted));
    printf(",\"layer\":");
    cli_print_json_string(found->layer);
    printf(",\"height\":%d,\"width\":%d,\"strongest\":%.9g,\"map\":[", found->height, found->width,
           found->strongest);
    for (int i = 0; i < found->height * found->width; i++)
        printf(i ? ",%.9g" : "%.9g", (double)found->map[i]);
    printf("]}\n");
}

static void print_text(const tw_explanation *found, const tw_model *model, const char *path)
{
    cli_print_clean(tw_model_class_name(model, found->class_index));
    printf(" %.9g, seen by ", found->probability);
    cli_print_clean(found->layer);
    printf(" (%dx%d)\n", found->height, found->width);
    if (found->class_index != found->predicted) {
        printf("the most probable class is ");
        cli_print_clean(tw_model_class_name(model, found->predicted));
        putchar('\n');
    }
    if (found->strongest <= 0.0)
        printf("nothing in this layer speaks for the class: the map is empty\n");
    printf("wrote ");
    cli_print_clean(path);
    putchar('\n');
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_picture picture = {0};
    tw_explanation found = {0};
    tw_compute compute;
    int class_index;
    const char *path = cli_get(args, "output");
    const int n_words = cli_has(args, "model") ? 1 : 2;

    if (!path || args->n_words != n_words) {
        snprintf(err->text, sizeof err->text,
                 "usage: topwork explain RUN IMAGE -o F.png, or explain --model NAME IMAGE -o "
                 "F.png");
        return err->code = TW_EUSAGE;
    }
    if ((rc = cli_get_compute(&compute, args, err)) || (rc = cli_open_model(&model, args, err)) ||
        (rc = find_class(&class_index, model, cli_get(args, "class"), err)) ||
        (rc = read_picture(&picture, args, args->words[n_words - 1], model, err)) ||
        (rc = tw_explain(&found, model, &picture, cli_get(args, "layer"), class_index, &compute,
                         err)) ||
        (rc = tw_picture_write_png(&found.shown, path, err)))
        goto done;
    if (cli_has(args, "json"))
        print_json(&found, model);
    else
        print_text(&found, model, path);
done:
    tw_explanation_free(&found);
    tw_picture_free(&picture);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_explain = {
    .name = "explain",
    .words = "[RUN] IMAGE",
    .summary = "where in a picture the class was found: a heat map (Grad-CAM)",
    .details = "IMAGE is one picture, as predict takes it. Red is where most speaks for\n"
               "the class, blue where nothing does.",
    .min_words = 1,
    .max_words = 2,
    .add_options = add_options,
    .run = run};
