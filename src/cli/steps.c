/*
 * Training steps by the clock, for `topwork benchmark --train`: the jobs of the two recipes on
 * built-in data, opened as `train` opens them, but without a cache and a memory limit.
 */
#include "cli/cli.h"

#include <string.h>

typedef struct setting {
    const char *name, *value; /* value NULL: left alone */
} setting;

/* The tutorial's two: its top on the trunk's features, and its last block with what comes behind.
 */
static const struct {
    const char *recipe;
    setting settings[4];
} jobs[CLI_N_STEPS] = {
    {"features",
     {{"top", "1000 relu uniform, dropout 0.3, 500 sigmoid, dropout 0.4, 150 sigmoid, dropout 0.2"},
      {"scale-features", "none"}}},
    {"finetune", {{"freeze-epochs", "0"}, {"backbone-lr-mult", "1"}}},
};

static tw_status set_all(tw_config *config, const setting *settings, size_t n, tw_error *err)
{
    tw_status rc = TW_OK;

    for (size_t i = 0; i < n && !rc; i++)
        if (settings[i].name && settings[i].value)
            rc = tw_config_set(config, settings[i].name, settings[i].value, TW_FROM_FILE, err);
    return rc;
}

static tw_status make_config(tw_config **out, int job, const cli_network *network,
                             const cli_args *args, tw_error *err)
{
    /* 128 of 160 pictures are for training: the larger of the two batches */
    const setting common[] = {{"recipe", jobs[job].recipe},
                              {"data", "digits:160"},
                              {"val-split", "0.2"},
                              {"model", network->name},
                              {"weights", network->weights},
                              {"cache", "off"},
                              {"memory-limit", "1024G"},
                              {"backend", cli_get(args, "backend")},
                              {"isa", cli_get(args, "isa")},
                              {"precision", cli_get(args, "precision")},
                              {"threads", cli_get(args, "threads")},
                              {"seed", cli_get(args, "seed")}};
    const setting cut = {"cut", strcmp(jobs[job].recipe, "features") == 0 ? network->end : NULL};
    tw_status rc = tw_config_create(out, err);

    if (rc)
        return rc;
    if ((rc = set_all(*out, common, sizeof common / sizeof common[0], err)) ||
        (rc = set_all(*out, jobs[job].settings,
                      sizeof jobs[job].settings / sizeof jobs[job].settings[0], err)) ||
        (rc = set_all(*out, &cut, 1, err))) {
        tw_config_free(*out);
        *out = NULL;
    }
    return rc;
}

/* The first layer that the training updates. */
static void find_first(char *out, size_t out_size, const tw_training *training)
{
    const tw_training_plan *plan = tw_training_get_plan(training);

    out[0] = '\0';
    for (int i = 0; i < plan->n_layers && !out[0]; i++)
        if (plan->layers[i].n_params > 0 && !plan->layers[i].frozen)
            snprintf(out, out_size, "%s", plan->layers[i].name);
}

tw_status cli_time_steps(cli_step steps[CLI_N_STEPS], const cli_network *network, int n_rounds,
                         const cli_args *args, const tw_watch *watch, tw_error *err)
{
    tw_status rc = TW_OK;

    for (int i = 0; i < CLI_N_STEPS && !rc; i++) {
        tw_config *config;
        tw_training *training = NULL;

        if ((rc = make_config(&config, i, network, args, err)))
            return rc;
        steps[i].recipe = jobs[i].recipe;
        if (!(rc = tw_training_open(&training, config, watch, err))) {
            find_first(steps[i].first, sizeof steps[i].first, training);
            rc = tw_training_time_step(&steps[i].time, training, n_rounds, watch, err);
        }
        tw_training_free(training);
        tw_config_free(config);
    }
    return rc;
}

void cli_print_steps(const cli_step steps[CLI_N_STEPS])
{
    char text[256], count[32];

    for (int i = 0; i < CLI_N_STEPS; i++) {
        const tw_step_time *time = &steps[i].time;

        snprintf(text, sizeof text,
                 "%s, %s on: %.3f ms a step (median %.3f), batches of %lld, %s trained parameters",
                 steps[i].recipe, steps[i].first, 1e3 * time->t_least_s, 1e3 * time->t_median_s,
                 (long long)time->batch, tw_count_text(count, sizeof count, time->n_trained));
        cli_print_lines(stdout, "", 0, text);
    }
}

void cli_print_steps_json(const cli_step steps[CLI_N_STEPS])
{
    for (int i = 0; i < CLI_N_STEPS; i++) {
        const tw_step_time *time = &steps[i].time;

        printf("{\"recipe\":\"%s\",\"first\":", steps[i].recipe);
        cli_print_json_string(steps[i].first);
        printf(",\"batch\":%lld,\"trained\":%lld,\"ms_per_step\":", (long long)time->batch,
               (long long)time->n_trained);
        cli_print_json_number(1e3 * time->t_least_s, 6);
        printf(",\"median_ms\":");
        cli_print_json_number(1e3 * time->t_median_s, 6);
        printf("}\n");
    }
}
