/* topwork lr-find DATA --model M -o RUN: what the loss does as the learning rate grows. */
#include "cli/cli.h"

/* Every so many steps a line. */
enum { STEPS_A_LINE = 5 };

static void print_point(const tw_lr_curve *curve, int i, double least, double most)
{
    const tw_lr_point *point = &curve->points[i];
    char head[64], text[256];
    static const char *const tails[] = {""};
    cli_bar bar = {.head = head, .tails = tails, .n_tails = 1};

    snprintf(head, sizeof head, "%9.2g  %9.4f", point->lr, point->smoothed);
    if (most > least)
        bar.share = (point->smoothed - least) / (most - least);
    bar.share = bar.share > 1.0 ? 1.0 : bar.share;
    cli_bar_text(text, sizeof text, &bar, cli_line_width(stdout));
    puts(text);
}

/* The bars go from the lowest loss to the first. */
static void print_curve(const tw_lr_curve *curve)
{
    double least = curve->points[0].smoothed, most = least;

    for (int i = 0; i < curve->n; i++)
        least = curve->points[i].smoothed < least ? curve->points[i].smoothed : least;
    printf("learning rate and loss, smoothed:\n");
    for (int i = 0; i < curve->n; i += STEPS_A_LINE)
        print_point(curve, i, least, most);
}

static void print_suggestion(const tw_lr_curve *curve)
{
    if (curve->suggestion > 0.0)
        printf("suggestion: --lr %.2g, where the loss falls most steeply (it is lowest at %.2g)\n",
               curve->suggestion, curve->lowest);
    else
        printf("no suggestion: the loss never fell\n");
}

static void print_json(const tw_lr_curve *curve)
{
    for (int i = 0; i < curve->n; i++) {
        printf("{\"event\":\"step\",\"step\":%d,\"lr\":", i + 1);
        cli_print_json_number(curve->points[i].lr, 9);
        printf(",\"loss\":");
        cli_print_json_number(curve->points[i].loss, 9);
        printf(",\"smoothed\":");
        cli_print_json_number(curve->points[i].smoothed, 9);
        printf("}\n");
    }
    printf("{\"event\":\"done\",\"suggestion\":");
    cli_print_json_number(curve->suggestion, 9);
    printf(",\"lowest\":");
    cli_print_json_number(curve->lowest, 9);
    printf("}\n");
}

static tw_status find(const tw_config *config, const cli_args *args, tw_error *err)
{
    tw_training *training = NULL;
    tw_lr_curve curve = {0};
    cli_progress progress;
    tw_watch watch = cli_watch(&progress, args);
    tw_status rc = tw_training_open(&training, config, &watch, err);

    cli_progress_end(&progress);
    if (rc || (rc = cli_show_plan(training, args, &progress, err)) || cli_has(args, "dry-run"))
        goto done;
    rc = tw_training_find_lr(&curve, training, &watch, err);
    cli_progress_end(&progress);
    if (rc)
        goto done;
    if (cli_has(args, "json")) {
        print_json(&curve);
    } else {
        print_curve(&curve);
        print_suggestion(&curve);
    }
    cli_write_report(tw_config_get(config, "output"), NULL, NULL, cli_has(args, "json"));
done:
    tw_lr_curve_free(&curve);
    tw_training_free(training);
    return rc;
}

static tw_status run(cli_args *args, tw_error *err)
{
    return cli_with_config(args, "lr-find", find, err);
}

const cli_verb cli_lr_find = {
    .name = "lr-find",
    .words = "DATA",
    .summary = "range test: which learning rate to train with",
    .details = "Takes the options of train. A hundred steps with a learning rate that grows from\n"
               "1e-7 to 10, or until the loss explodes; prints the loss and a suggestion, and\n"
               "puts the curve into RUN/lr-find.csv and RUN/report.html. No model is written.",
    .min_words = 0,
    .max_words = 1,
    .add_options = cli_add_training_options,
    .run = run};
