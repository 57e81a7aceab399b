/* A training as its verbs take and show it: options, the plan, the run, what came out of it. */
#include "cli/cli.h"

#include <math.h>
#include <string.h>

static const cli_option options[] = {
    {"config", 0, "FILE.json", NULL, "options from a file; flags and TOPWORK_<OPTION> win over it"},
    {"dry-run", 0, NULL, NULL, "print everything that comes before the first step, and stop"},
};

void cli_add_training_options(cli_args *args)
{
    cli_add_options(args, options, sizeof options / sizeof options[0]);
    for (int i = 0; tw_config_option(i); i++) {
        const tw_option_info *info = tw_config_option(i);
        char letter = (char)(strcmp(info->name, "output") == 0 ? 'o' : 0);
        cli_add_options(
            args, &(cli_option){info->name, letter, info->argument, info->value, info->help}, 1);
    }
    cli_add_watch_options(args);
}

/* One label a line of the plan. */
enum { PLAN_COLUMN = 11 };

/* DATA stands alone or behind --data. */
static tw_status take_data(tw_config *config, const cli_args *args, tw_error *err)
{
    if (args->n_words == 0)
        return TW_OK;
    for (int i = 0; i < args->n_options; i++)
        if (args->from_flag[i] && strcmp(args->options[i].name, "data") == 0) {
            snprintf(err->text, sizeof err->text,
                     "one DATA is wanted, got \"%s\" and --data \"%s\"", args->words[0],
                     args->values[i]);
            return err->code = TW_EUSAGE;
        }
    return tw_config_set(config, "data", args->words[0], TW_FROM_FLAG, err);
}

/* Flags of the option table go to the configuration; the others are the program's. */
static tw_status fill_config(tw_config *config, const cli_args *args, tw_error *err)
{
    tw_status rc;

    if (cli_has(args, "config") && (rc = tw_config_read(config, cli_get(args, "config"), err)))
        return rc;
    if ((rc = tw_config_read_environment(config, err)))
        return rc;
    for (int i = 0; i < args->n_options; i++) {
        const char *name = args->options[i].name;
        if (!args->from_flag[i] || !tw_config_canonical(name))
            continue;
        if ((rc = tw_config_set(config, name, args->values[i], TW_FROM_FLAG, err)))
            return rc;
    }
    return take_data(config, args, err);
}

static tw_status take_stdin(tw_spool **spool, tw_config *config, tw_error *err)
{
    const char *data = tw_config_get(config, "data");
    char *path = (char *)(uintptr_t)data;
    tw_status rc = data ? cli_take_data(spool, &path, err) : TW_OK;

    return rc || !*spool ? rc : tw_config_set(config, "data", path, TW_FROM_FLAG, err);
}

static void print_word(const char *word)
{
    char quoted[4 * 4096 + 3]; /* a path of quotes */

    tw_shell_word(quoted, sizeof quoted, word);
    fputs(quoted, stdout);
}

/* A file or folder in a command to be pasted; "-" is standard input. */
static void print_operand(const char *word)
{
    const char *shown = tw_spool_shown(word);

    printf(" %s", shown == word && word[0] == '-' ? "./" : "");
    print_word(shown);
}

/* The command that says all of it. */
static void print_command(const tw_config *config, const char *verb)
{
    printf("same as    topwork %s", verb);
    print_operand(tw_config_get(config, "data"));
    for (int i = 0; tw_config_option(i); i++) {
        const char *value = tw_config_changed(config, i);

        if (!value)
            continue;
        printf(" --%s", tw_config_option(i)->name);
        if (tw_config_option(i)->argument) {
            putchar(' ');
            print_word(value);
        }
    }
    printf(" -o");
    print_operand(tw_config_get(config, "output"));
    printf("\n\n");
}

/* What nobody has said, said. */
static tw_status pick(tw_config *config, const cli_args *args, const char *verb, tw_error *err)
{
    char said[1024];
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_status rc = tw_config_pick(said, sizeof said, config, &watch, err);

    cli_progress_end(&progress);
    if (rc || !said[0])
        return rc;
    if (cli_has(args, "json")) {
        printf("{\"event\":\"picked\",\"text\":");
        cli_print_json_string(said);
        printf("}\n");
    } else if (!cli_has(args, "quiet") || cli_has(args, "dry-run")) {
        cli_print_lines(stdout, "picked", PLAN_COLUMN, said);
        print_command(config, verb);
    }
    fflush(stdout);
    return TW_OK;
}

tw_status cli_with_config(const cli_args *args, const char *verb,
                          tw_status (*run)(const tw_config *, const cli_args *, tw_error *),
                          tw_error *err)
{
    tw_config *config = NULL;
    tw_spool *spool = NULL;
    tw_status rc = tw_config_create(&config, err);

    if (rc == TW_OK)
        rc = fill_config(config, args, err);
    if (rc == TW_OK)
        rc = take_stdin(&spool, config, err);
    if (rc == TW_OK)
        rc = pick(config, args, verb, err);
    if (rc == TW_OK)
        rc = run(config, args, err);
    tw_spool_free(spool);
    tw_config_free(config);
    return rc;
}

static tw_status print_plan(const tw_training_plan *plan, tw_error *err)
{
    char head[128], a[32], b[32], c[32], d[32];
    tw_status rc;

    snprintf(head, sizeof head, "topwork %s,", tw_version());
    cli_print_lines(stdout, head, (int)strlen(head) + 1, plan->compute);
    cli_print_lines(stdout, "data", PLAN_COLUMN, plan->data);
    cli_print_lines(stdout, "split", PLAN_COLUMN, plan->split);
    cli_print_lines(stdout, "model", PLAN_COLUMN, plan->model);
    cli_print_lines(stdout, "optimizer", PLAN_COLUMN, plan->optimizer);
    if (plan->views)
        cli_print_lines(stdout, "aug", PLAN_COLUMN, plan->views);
    cli_print_lines(stdout, "cache", PLAN_COLUMN, plan->cache);
    putchar('\n');
    if ((rc = cli_print_layers(plan->layers, plan->n_layers, err)))
        return rc;
    printf("\nmemory     %s to extract, %s to train, limit %s\n"
           "           at most %s with program and libraries\n",
           tw_bytes_text(a, sizeof a, plan->memory_extract),
           tw_bytes_text(b, sizeof b, plan->memory_train),
           tw_bytes_text(c, sizeof c, plan->memory_limit),
           tw_bytes_text(d, sizeof d, plan->memory_peak));
    printf("disk       at most %s for the cache, %s for the run\n",
           tw_bytes_text(a, sizeof a, plan->disk_cache),
           tw_bytes_text(b, sizeof b, plan->disk_run));
    printf("time       about %s to extract, %s%s to train\n\n",
           tw_seconds_text(a, sizeof a, plan->t_extract_s), plan->may_end_early ? "at most " : "",
           tw_seconds_text(b, sizeof b, plan->t_train_s));
    fflush(stdout);
    return TW_OK;
}

static void print_plan_json(const tw_training_plan *plan)
{
    const struct {
        const char *key, *text;
    } sentences[] = {{"data", plan->data},           {"split", plan->split},
                     {"model", plan->model},         {"cache", plan->cache},
                     {"optimizer", plan->optimizer}, {"compute", plan->compute}};

    printf("{\"event\":\"plan\"");
    for (size_t i = 0; i < sizeof sentences / sizeof sentences[0]; i++) {
        printf(",\"%s\":", sentences[i].key);
        cli_print_json_string(sentences[i].text);
    }
    if (plan->views) {
        printf(",\"views\":");
        cli_print_json_string(plan->views);
    }
    printf(
        ",\"layers\":%d,\"trained_parameters\":%lld,\"memory_extract\":%lld,\"memory_train\":%lld,"
        "\"memory_limit\":%lld,\"memory_peak\":%lld,\"disk_cache\":%lld,\"disk_run\":%lld,"
        "\"seconds_extract\":%.1f,"
        "\"seconds_train\":%.1f}\n",
        plan->n_layers, (long long)plan->n_trained, (long long)plan->memory_extract,
        (long long)plan->memory_train, (long long)plan->memory_limit, (long long)plan->memory_peak,
        (long long)plan->disk_cache, (long long)plan->disk_run, plan->t_extract_s, plan->t_train_s);
    fflush(stdout);
}

/* DATA is asked for now: what came on standard input lies in the run. */
static void print_result(const tw_training_result *result, const char *output,
                         const tw_training *training)
{
    const char *bold = cli_style(stdout, CLI_BOLD), *plain = cli_style(stdout, CLI_PLAIN);
    char loss[CLI_LOSS_SIZE];

    printf("the model is that of epoch %d: loss %s, accuracy %s%.2f %%%s\n", result->epoch,
           cli_loss_text(loss, result->loss), bold, 100 * result->accuracy, plain);
    if (!isnan(result->val_accuracy))
        printf("on the validation pictures: loss %s, accuracy %s%.2f %%%s\n",
               cli_loss_text(loss, result->val_loss), bold, 100 * result->val_accuracy, plain);
    if (result->has_trunk)
        cli_print_trunk(result->n_trunk, 0);
    if (result->n_unchanged > 0)
        printf("frozen: %d layer%s in the model with the SHA-256 they came with\n",
               result->n_unchanged, result->n_unchanged == 1 ? "" : "s");
    printf("run folder: %s\nnext: topwork evaluate", output);
    print_operand(output);
    print_operand(tw_training_get_option(training, "data"));
    putchar('\n');
}

static void print_result_json(const tw_training_result *result)
{
    printf("{\"event\":\"done\",\"epoch\":%d,\"loss\":", result->epoch);
    cli_print_json_number(result->loss, 9);
    printf(",\"accuracy\":");
    cli_print_json_number(result->accuracy, 9);
    printf(",\"val_loss\":");
    cli_print_json_number(result->val_loss, 9);
    printf(",\"val_accuracy\":");
    cli_print_json_number(result->val_accuracy, 9);
    printf(",\"trunk\":%lld,\"unchanged\":%d}\n", (long long)result->n_trunk, result->n_unchanged);
}

tw_status cli_show_plan(const tw_training *training, const cli_args *args,
                        const cli_progress *progress, tw_error *err)
{
    if (cli_has(args, "json"))
        print_plan_json(tw_training_get_plan(training));
    else if (!progress->quiet || cli_has(args, "dry-run"))
        return print_plan(tw_training_get_plan(training), err);
    return TW_OK;
}

tw_status cli_run_training(tw_training *training, const char *output, const cli_args *args,
                           cli_progress *progress, const tw_watch *watch, tw_error *err)
{
    bool json = cli_has(args, "json");
    tw_training_result result;
    tw_status rc = cli_show_plan(training, args, progress, err);

    if (rc || cli_has(args, "dry-run"))
        return rc;
    rc = tw_training_run(training, &result, watch, err);
    cli_progress_end(progress);
    if (rc)
        return rc;
    if (json) {
        print_result_json(&result);
    } else {
        if (!progress->quiet)
            putchar('\n');
        print_result(&result, output, training);
    }
    cli_write_report(output, NULL, NULL, json);
    return TW_OK;
}
