/* topwork benchmark MODEL: how fast a network is here, beside what the machine can do at most. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const cli_option options[] = {
    {"weights", 0, "FILE", NULL,
     "weights of a named network: file, fetched name, or random, which is what it takes unless "
     "given"},
    {"with-top", 0, NULL, NULL, "all layers, not only those up to the last convolution or pooling"},
    {"layers", 0, NULL, NULL, "also each layer's time"},
    {"train", 0, NULL, NULL, "also a training step of each recipe, its top and its last block"},
    {"pictures", 0, "N", "16", "handed in at once"},
    {"rounds", 0, "N", "5", "that count; one before them does not; also steps"},
    {"backend", 0, "NAME", "cpu", "who computes; ref is plain C, slow, the truth"},
    {"isa", 0, "PATH", "auto", "CPU path of backend cpu"},
    {"precision", 0, "NAME", "auto", "of the trunk; auto is the model's own"},
    {"threads", 0, "N", "all cores", "threads"},
    {"seed", 0, "N", "42", "of random weights"},
};

static void add_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    cli_add_json_option(args);
}

/* ---- the network */

/* The last layer that works on places of a picture; the last of all where none does. */
static const char *find_end(const tw_model *model)
{
    const char *const ops[] = {"Conv2D", "MaxPooling2D", "GlobalAveragePooling2D"};

    for (int i = tw_model_layer_count(model) - 1; i > 0; i--)
        for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++)
            if (strcmp(tw_model_layer(model, i).op, ops[k]) == 0)
                return tw_model_layer(model, i).name;
    return NULL;
}

static bool is_builtin(const char *name)
{
    for (int i = 0; tw_model_builtin_name(i); i++)
        if (strcmp(tw_model_builtin_name(i), name) == 0)
            return true;
    return false;
}

/* The weights as given; else those inside the program or the file, else random ones. */
static const char *choose_weights(const cli_args *args)
{
    const char *name = args->words[0], *weights = cli_get(args, "weights");

    if (weights || !is_builtin(name) || tw_model_has_weights(name))
        return weights;
    return "random";
}

/* Where the trunk ends is known before any weight is there; end has room for a layer's name. */
static tw_status find_network(cli_network *out, char *end, size_t end_size, const cli_args *args,
                              tw_error *err)
{
    tw_model *bare = NULL;
    tw_status rc = tw_model_open(&bare, args->words[0], NULL, NULL, 0, err);

    *out = (cli_network){args->words[0], choose_weights(args), NULL};
    if (rc)
        return rc;
    if (find_end(bare)) {
        snprintf(end, end_size, "%s", find_end(bare));
        out->end = end;
    }
    tw_model_free(bare);
    return TW_OK;
}

/* ---- what comes out */

/* What was measured; steps NULL: no training. */
typedef struct results {
    tw_benchmark benchmark;
    const cli_step *steps;
} results;

/* NAN where nothing was multiplied, or no step was timed. */
static double gflops(const tw_pace *pace)
{
    const bool counts = pace->macs > 0 && pace->t_least_s > 0.0;

    return counts ? 2e-9 * (double)pace->macs / pace->t_least_s : NAN;
}

/* Of the machine's peak at that precision. */
static double share(const tw_benchmark *benchmark, const tw_pace *pace)
{
    return gflops(pace) * 1e9 / benchmark->peak;
}

/* Two cells, empty where nothing is multiplied. */
static void add_rates(cli_table *table, const tw_benchmark *benchmark, const tw_pace *pace)
{
    if (isfinite(gflops(pace))) {
        cli_table_add(table, "%.1f", gflops(pace));
        cli_table_add(table, "%.0f %%", 100.0 * share(benchmark, pace));
    } else {
        cli_table_add(table, "%s", "");
        cli_table_add(table, "%s", "");
    }
}

static tw_status print_layers(const tw_benchmark *benchmark, tw_error *err)
{
    static const cli_column columns[] = {
        {"layer", false, true, false},  {"ms", true, false, false},
        {"median", true, false, true},  {"GFLOP/s", true, false, false},
        {"of peak", true, false, true}, {"algorithm", false, true, false}};
    const int n_columns = sizeof columns / sizeof columns[0];
    cli_table *table = cli_table_create(columns, n_columns);
    tw_status rc;

    for (int i = 0; i < benchmark->n_layers; i++) {
        const tw_pace *pace = &benchmark->layers[i];

        cli_table_add(table, "%s", pace->name);
        cli_table_add(table, "%.3f", 1e3 * pace->t_least_s);
        cli_table_add(table, "%.3f", 1e3 * pace->t_median_s);
        add_rates(table, benchmark, pace);
        cli_table_add(table, "%s", pace->algorithm);
    }
    rc = cli_table_print(table, err);
    cli_table_free(table);
    return rc;
}

static tw_status print_text(const results *all, const cli_args *args, tw_error *err)
{
    const tw_benchmark *benchmark = &all->benchmark;
    const tw_pace *whole = &benchmark->whole;
    const char *weights = choose_weights(args);
    char text[512], bytes[32];
    tw_status rc;

    cli_print_lines(stdout, "", 0, benchmark->describe);
    snprintf(text, sizeof text,
             "%s up to %s, %s weights, %.3f billion multiply-adds a picture; %lld pictures at "
             "once, %d rounds; %s of memory",
             args->words[0], whole->name, weights ? weights : "own", 1e-9 * (double)whole->macs,
             (long long)benchmark->n_pictures, benchmark->n_rounds,
             tw_bytes_text(bytes, sizeof bytes, benchmark->n_bytes));
    cli_print_lines(stdout, "", 0, text);
    printf("peak: fp32 %.1f GFLOP/s", 1e-9 * benchmark->fp32_peak);
    if (benchmark->bf16_peak > 0.0)
        printf(", bf16 %.1f GFLOP/s", 1e-9 * benchmark->bf16_peak);
    printf(", reading memory %.1f GB/s\n\n", 1e-9 * benchmark->read_peak);
    if (benchmark->n_layers > 0) {
        if ((rc = print_layers(benchmark, err)))
            return rc;
        putchar('\n');
    }
    printf("%.3f ms a picture (median %.3f), %.1f GFLOP/s, %.0f %% of the peak\n",
           1e3 * whole->t_least_s, 1e3 * whole->t_median_s, gflops(whole),
           100.0 * share(benchmark, whole));
    if (all->steps)
        cli_print_steps(all->steps);
    return TW_OK;
}

/* The numbers that a layer and the whole have in common. */
static void print_pace_json(const tw_benchmark *benchmark, const tw_pace *pace, const char *ms)
{
    const struct {
        const char *key;
        double value;
    } numbers[] = {{ms, 1e3 * pace->t_least_s},
                   {"median_ms", 1e3 * pace->t_median_s},
                   {"gflops", gflops(pace)},
                   {"share_of_peak", share(benchmark, pace)}};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        printf(",\"%s\":", numbers[i].key);
        cli_print_json_number(numbers[i].value, 6);
    }
    printf(",\"multiply_adds\":%lld", (long long)pace->macs);
}

static void print_json(const results *all, const cli_args *args)
{
    const tw_benchmark *benchmark = &all->benchmark;
    const struct {
        const char *key;
        double value;
    } peaks[] = {{"peak_fp32_gflops", 1e-9 * benchmark->fp32_peak},
                 {"peak_bf16_gflops", 1e-9 * benchmark->bf16_peak},
                 {"peak_read_gbytes", 1e-9 * benchmark->read_peak}};

    for (int i = 0; i < benchmark->n_layers; i++) {
        const tw_pace *pace = &benchmark->layers[i];

        printf("{\"layer\":");
        cli_print_json_string(pace->name);
        printf(",\"type\":\"%s\"", pace->op);
        print_pace_json(benchmark, pace, "ms");
        printf(",\"algorithm\":");
        cli_print_json_string(pace->algorithm);
        printf("}\n");
    }
    if (all->steps)
        cli_print_steps_json(all->steps);
    printf("{\"model\":");
    cli_print_json_string(args->words[0]);
    printf(",\"last\":");
    cli_print_json_string(benchmark->whole.name);
    printf(",\"compute\":");
    cli_print_json_string(benchmark->describe);
    printf(",\"threads\":%d,\"pictures\":%lld,\"rounds\":%d,\"memory_bytes\":%lld",
           benchmark->n_threads, (long long)benchmark->n_pictures, benchmark->n_rounds,
           (long long)benchmark->n_bytes);
    for (size_t i = 0; i < sizeof peaks / sizeof peaks[0]; i++) {
        printf(",\"%s\":", peaks[i].key);
        cli_print_json_number(peaks[i].value, 6);
    }
    print_pace_json(benchmark, &benchmark->whole, "ms_per_image");
    printf("}\n");
}

/* ---- the verb */

/* A whole number from 1 on that an int can hold. */
static tw_status get_count(int64_t *out, const cli_args *args, const char *name, tw_error *err)
{
    enum { MOST = 1 << 20 };
    tw_status rc = cli_get_number(out, args, name, 1, 0, err);

    if (rc || *out <= MOST)
        return rc;
    snprintf(err->text, sizeof err->text, "--%s must be at most %d, got %lld", name, MOST,
             (long long)*out);
    return err->code = TW_EUSAGE;
}

static tw_status run(cli_args *args, tw_error *err)
{
    tw_benchmark_options how = {.by_layer = cli_has(args, "layers")};
    results all = {.steps = NULL};
    tw_model *model = NULL;
    cli_network network;
    cli_step steps[CLI_N_STEPS];
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_compute compute;
    int64_t seed, rounds;
    char end[128];
    tw_status rc;

    if ((rc = cli_get_compute(&compute, args, err)) ||
        (rc = get_count(&how.n_pictures, args, "pictures", err)) ||
        (rc = get_count(&rounds, args, "rounds", err)) ||
        (rc = cli_get_number(&seed, args, "seed", 0, 42, err)) ||
        (rc = find_network(&network, end, sizeof end, args, err)) ||
        (rc = tw_model_open(&model, network.name, network.weights,
                            cli_has(args, "with-top") ? NULL : network.end, (uint64_t)seed, err)))
        return rc;
    how.n_rounds = (int)rounds;
    rc = tw_benchmark_run(&all.benchmark, model, &how, &compute, &watch, err);
    if (!rc && cli_has(args, "train")) {
        rc = cli_time_steps(steps, &network, how.n_rounds, args, &watch, err);
        all.steps = steps;
    }
    if (!rc && cli_has(args, "json"))
        print_json(&all, args);
    else if (!rc)
        rc = print_text(&all, args, err);
    tw_benchmark_free(&all.benchmark);
    tw_model_free(model);
    return rc;
}

const cli_verb cli_benchmark = {
    .name = "benchmark",
    .words = "MODEL",
    .summary = "how fast a network is here, beside what the machine can do at most",
    .details = "MODEL is vgg16, vgg19, vgg16-mini, a model file or a run that has one. Times\n"
               "its trunk on dense random pictures, the least and the median of the rounds.\n"
               "GFLOP/s count the multiply-adds of a direct convolution, whatever is done in its\n"
               "place, so a share of the peak can be more than 100 %. The peak is what loops of\n"
               "nothing but multiply-adds reach on as many threads at that moment.",
    .min_words = 1,
    .max_words = 1,
    .add_options = add_options,
    .run = run};
