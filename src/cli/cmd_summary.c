/* topwork summary MODEL: the plan table of a network or a model file. */
#include "cli/cli.h"

#include <stdlib.h>

static const cli_option options[] = {
    {"weights", 0, "FILE", NULL,
     "weights of a named network: file of Keras, PyTorch, safetensors or npz, or fetched name"},
    {"cut", 0, "LAYER", NULL, "the network ends after this layer (name or index)"},
    {"check-weights", 0, NULL, NULL,
     "read and check every value: no NaN, infinity or empty kernel"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_json_option(args);
}

static void print_json(const tw_layer_info *layers, int n)
{
    for (int i = 0; i < n; i++) {
        const tw_layer_info *layer = &layers[i];
        printf("{\"index\":%d,\"layer\":", layer->index);
        cli_print_json_string(layer->name);
        printf(",\"type\":\"%s\",\"shape\":[", layer->op);
        for (int k = 0; k < layer->shape.rank; k++)
            printf("%s%lld", k ? "," : "", (long long)layer->shape.dims[k]);
        printf("],\"parameters\":%lld,\"frozen\":%s,\"activation_bytes\":%lld,\"multiply_adds\":%"
               "lld}\n",
               (long long)layer->n_params, layer->frozen ? "true" : "false",
               (long long)layer->activation_bytes, (long long)layer->macs);
    }
}

/* What a picture goes through before the network, and what comes out. */
static void print_contract(const tw_model *model)
{
    const tw_contract *contract = tw_model_contract(model);
    int n = tw_model_class_count(model);
    char text[1024], policy[32];

    snprintf(text, sizeof text, "%s%s to %dx%d, %s, preprocessing %s",
             tw_interpolation_name(contract->interpolation),
             tw_contract_resize_text(policy, sizeof policy, contract), contract->height,
             contract->width, contract->colour == TW_COLOUR_GREY ? "grey repeated to rgb" : "rgb",
             tw_preprocess_name(contract->preprocess));
    cli_print_lines(stdout, "pictures:", 10, text);
    if (n == 0)
        return;
    snprintf(text, sizeof text, "%d, %s ... %s", n, tw_model_class_name(model, 0),
             tw_model_class_name(model, n - 1));
    cli_print_lines(stdout, "classes:", 9, text);
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_status rc;
    tw_model *model = NULL;
    tw_layer_info *layers = NULL;
    int n;

    if ((rc = tw_model_open(&model, args->words[0], cli_get(args, "weights"), cli_get(args, "cut"),
                            0, err)))
        return rc;
    n = tw_model_layer_count(model);
    if (!(layers = calloc((size_t)n, sizeof *layers))) {
        snprintf(err->text, sizeof err->text, "no memory for a table of %d layers", n);
        rc = TW_ENOMEM;
        goto done;
    }
    for (int i = 0; i < n; i++)
        layers[i] = tw_model_layer(model, i);
    if (cli_has(args, "check-weights") && (rc = tw_model_check_weights(model, err)))
        goto done;
    if (cli_has(args, "json")) {
        print_json(layers, n);
        goto done;
    }
    if ((rc = cli_print_layers(layers, n, err)))
        goto done;
    print_contract(model);
    if (cli_has(args, "check-weights"))
        printf("weights: every value read and finite, no empty kernel\n");
done:
    free(layers);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_summary = {
    .name = "summary",
    .words = "MODEL",
    .summary = "the plan table: index, layer, shape, parameters, frozen or trained",
    .details = "MODEL is vgg16, vgg19, vgg16-mini, efficientnet-lite0, resnet18, resnet50\nor a "
               "model file, or a run that has one.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
